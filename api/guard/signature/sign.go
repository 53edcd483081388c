package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/dunglas/httpsfv"
)

// Sign signs req, a client's request, by the profile: it sets Signature-Input, Signature and, with a body,
// Content-Digest. body is the exact bytes that req will send. The signature is created at now and valid for
// MaxLifetime; nonce must be new for the key, best from NewNonce.
//
// A body needs a Content-Type and a write an Idempotency-Key, both set before; without them Sign fails and leaves
// req as it was. A request that is sent again keeps its Idempotency-Key and is signed again.
func Sign(req *http.Request, key Key, body []byte, now time.Time, nonce string) error {
	_, err := sign(req, key, body, now, nonce)
	return err
}

// Base returns the text whose HMAC-SHA-256 Sign would put into Signature, for a guide or a debugger; req is left as
// it was.
func Base(req *http.Request, key Key, body []byte, now time.Time, nonce string) (string, error) {
	copied := *req
	copied.Header = req.Header.Clone()
	return sign(&copied, key, body, now, nonce)
}

func sign(req *http.Request, key Key, body []byte, now time.Time, nonce string) (base string, err error) {
	in := input{
		components: Required(req.Method, len(body) > 0),
		created:    now.Unix(), expires: now.Add(MaxLifetime).Unix(),
		nonce: nonce, keyID: key.ID, alg: Algorithm, tag: Tag,
	}
	if err := checkBeforeSign(req, key, in); err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	header := req.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Del("Content-Digest")
	if len(body) > 0 {
		header.Set("Content-Digest", ContentDigest(body))
	}
	params, err := in.params()
	if err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	msg := newMessage(req, req.URL.Scheme, canonicalAuthority(req.URL.Scheme, host))
	msg.header = header
	base, err = msg.base(in.components, params)
	if err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	mac, err := httpsfv.Marshal(httpsfv.NewItem(computeMAC(key.Secret, base)))
	if err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	header.Set("Signature-Input", Label+"="+params)
	header.Set("Signature", Label+"="+mac)
	req.Header = header
	return base, nil
}

// checkBeforeSign refuses what Verify would refuse for a reason that can be told here in plain words.
func checkBeforeSign(req *http.Request, key Key, in input) error {
	switch {
	case key.ID == "" || len(key.Secret) == 0:
		return errors.New("key without id or secret")
	case len(in.nonce) < minNonce || len(in.nonce) > maxNonce:
		return fmt.Errorf("nonce has %d characters, needs %d to %d", len(in.nonce), minNonce, maxNonce)
	case req.URL == nil || req.URL.Opaque != "":
		return errors.New("URL has no path to sign")
	}
	for _, name := range []string{"content-type", "idempotency-key"} {
		if slices.Contains(in.components, name) && len(req.Header.Values(name)) != 1 {
			return fmt.Errorf("needs %s, once", http.CanonicalHeaderKey(name))
		}
	}
	return nil
}

func computeMAC(secret []byte, base string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(base)) // a hash never fails to write
	return mac.Sum(nil)
}
