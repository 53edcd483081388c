package signature_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/streamflow/streamflow/api/guard/signature"
)

// TestTheGuide rebuilds the request that docs/guides/partners.md opens with: once as a reader would, from the page's text and the
// standard library alone, and once by this package.
func TestTheGuide(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/guides/partners.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?s)```[a-z]+\n(.*?)\n```").FindAllStringSubmatch(string(page), -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) < 5 {
		t.Fatalf("the page has %d blocks", len(blocks))
	}
	keyed, body, base, curl := strings.Split(blocks[0], "\n"), blocks[1], blocks[2], blocks[4]
	secret, err := base64.StdEncoding.DecodeString(keyed[0])
	if err != nil {
		t.Fatal(err)
	}

	digest := sha256.Sum256([]byte(body))
	if line := `"content-digest": sha-256=:` + base64.StdEncoding.EncodeToString(digest[:]) + ":\n"; !strings.Contains(base, line) {
		t.Errorf("the base lacks %s", line)
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(base))
	if header := "Signature: sig1=:" + base64.StdEncoding.EncodeToString(mac.Sum(nil)) + ":"; !strings.Contains(curl, header) {
		t.Errorf("the request lacks %s", header)
	}

	req, err := http.NewRequest("POST", "https://flow.example.com/api/federation/leads", bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", "0197a1b2-0000-7000-8000-00000000000a")
	key, at := signature.Key{ID: keyed[1], Secret: secret}, time.Date(2026, 11, 23, 10, 17, 2, 0, time.UTC)
	if got, err := signature.Base(req, key, []byte(body), at, "bm9uY2UtZm9yLWRvY3M"); err != nil || got != base {
		t.Errorf("base %v\n%s\nthe page says\n%s", err, got, base)
	}
	if err := signature.Sign(req, key, []byte(body), at, "bm9uY2UtZm9yLWRvY3M"); err != nil {
		t.Fatal(err)
	}
	if got := signature.Curl(req, []byte(body)); got != curl {
		t.Errorf("request\n%s\nthe page says\n%s", got, curl)
	}
}
