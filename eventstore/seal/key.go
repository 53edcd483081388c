package seal

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/streamflow/streamflow/eventstore"
)

// Key signs an installation's seals.
type Key struct {
	installation string
	private      ed25519.PrivateKey
}

// NewKey derives the key from the master key. installation names the installation for ever, in every seal; it has no space and no +.
func NewKey(master eventstore.MasterKey, installation string) (Key, error) {
	seed := master.Derive("seals")
	k := Key{installation, ed25519.NewKeyFromSeed(seed[:])}
	_, err := k.verifier(1, 1)
	return k, err
}

// Origin names a lane's log in one epoch: <installation>/lane/<n>, and from the second epoch on /epoch/<e> behind it. What is
// signed under one origin is one history.
func (k Key) Origin(lane, epoch int) string {
	origin := k.installation + "/lane/" + strconv.Itoa(lane)
	if epoch > 1 {
		origin += "/epoch/" + strconv.Itoa(epoch)
	}
	return origin
}

// VerifierKey is what outsiders check a lane's seals with, in the form that note verifiers take: <name>+<hash>+<key>.
func (k Key) VerifierKey(lane, epoch int) (string, error) {
	return note.NewEd25519VerifierKey(k.Origin(lane, epoch), k.private.Public().(ed25519.PublicKey))
}

func (k Key) verifier(lane, epoch int) (note.Verifier, error) {
	text, err := k.VerifierKey(lane, epoch)
	if err != nil {
		return nil, fmt.Errorf("key of seals: %w", err)
	}
	v, err := note.NewVerifier(text)
	if err != nil {
		return nil, fmt.Errorf("key of seals: %w", err)
	}
	return v, nil
}

// signer is the key under one origin; the verifier knows its name and hash.
type signer struct {
	note.Verifier
	private ed25519.PrivateKey
}

func (s signer) Sign(text []byte) ([]byte, error) { return ed25519.Sign(s.private, text), nil }

// sign makes the signed note of a tree head.
func (k Key) sign(lane, epoch int, size int64, root []byte) (string, error) {
	v, err := k.verifier(lane, epoch)
	if err != nil {
		return "", err
	}
	signed, err := note.Sign(&note.Note{Text: checkpoint(k.Origin(lane, epoch), size, root)}, signer{v, k.private})
	if err != nil {
		return "", fmt.Errorf("sign seal: %w", err)
	}
	return string(signed), nil
}

// open checks a note's signature and that it says exactly this head.
func (k Key) open(signed string, lane, epoch int, size int64, root []byte) error {
	v, err := k.verifier(lane, epoch)
	if err != nil {
		return err
	}
	n, err := note.Open([]byte(signed), note.VerifierList(v))
	if err != nil {
		return fmt.Errorf("its note is not signed by this installation: %w", err)
	}
	if want := checkpoint(k.Origin(lane, epoch), size, root); n.Text != want {
		return fmt.Errorf("its note says %q, not %q", lines(n.Text), lines(want))
	}
	return nil
}

// checkpoint is the text of a tree head (C2SP tlog-checkpoint).
func checkpoint(origin string, size int64, root []byte) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root))
}

func lines(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", " ") }
