package signature

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/dunglas/httpsfv"
)

// ContentDigest gives the value of Content-Digest for body, with sha-256 (RFC 9530).
func ContentDigest(body []byte) string {
	sum := sha256.Sum256(body)
	text, err := httpsfv.Marshal(httpsfv.NewItem(sum[:]))
	if err != nil {
		panic(fmt.Sprintf("write a byte sequence: %v", err)) // bytes always can be written
	}
	return "sha-256=" + text
}

// checkDigest holds body to the Content-Digest of h. Every algorithm that is known here must match, and one at
// least must be known; others are ignored, as RFC 9530 asks.
func checkDigest(h http.Header, body []byte) error {
	lines := h.Values("Content-Digest")
	if len(lines) == 0 && len(body) == 0 {
		return nil
	}
	digests, err := httpsfv.UnmarshalDictionary(lines)
	if err != nil {
		return errors.New("content-digest is not a dictionary")
	}
	// Byte sequences hold no comma: a member too few was named twice, of which a parser keeps only one.
	if len(digests.Names()) != strings.Count(strings.Join(lines, ","), ",")+1 {
		return errors.New("content-digest names an algorithm twice")
	}
	known := 0
	for _, algorithm := range digests.Names() {
		var want []byte
		switch algorithm {
		case "sha-256":
			sum := sha256.Sum256(body)
			want = sum[:]
		case "sha-512":
			sum := sha512.Sum512(body)
			want = sum[:]
		default:
			continue
		}
		known++
		member, _ := digests.Get(algorithm)
		item, ok := member.(httpsfv.Item)
		if !ok {
			return fmt.Errorf("%s is not a byte sequence", algorithm)
		}
		got, ok := item.Value.([]byte)
		if !ok || subtle.ConstantTimeCompare(got, want) != 1 {
			return fmt.Errorf("%s does not match the body", algorithm)
		}
	}
	if known == 0 {
		return errors.New("content-digest has neither sha-256 nor sha-512")
	}
	return nil
}

func splitHostPort(listen string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(listen)
	if err != nil {
		return "", "", fmt.Errorf("listen address %q is not host:port", listen)
	}
	return host, port, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
