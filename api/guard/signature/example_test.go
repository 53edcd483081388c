package signature_test

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/streamflow/streamflow/api/guard/signature"
)

// The worked example of docs/guides/partners.md. Everything in it is fixed, so that anyone can rebuild it to the byte.
func Example() {
	secret, err := signature.DecodeSecret("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==")
	if err != nil {
		panic(err)
	}
	key := signature.Key{ID: "fk_example.1", Secret: secret}
	now := time.Date(2026, 11, 23, 10, 17, 2, 0, time.UTC)
	nonce := "bm9uY2UtZm9yLWRvY3M"
	body := []byte(`{"tenantId":"0197a1b2-0000-7000-8000-000000000001","name":"Ada Lovelace","email":"ada@example.com"}`)

	req, err := http.NewRequest("POST", "https://flow.example.com/api/federation/leads", bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", "0197a1b2-0000-7000-8000-00000000000a")

	base, err := signature.Base(req, key, body, now, nonce)
	if err != nil {
		panic(err)
	}
	fmt.Printf("Signature base:\n%s\n\n", base)

	if err := signature.Sign(req, key, body, now, nonce); err != nil {
		panic(err)
	}
	fmt.Println("Headers:")
	for _, name := range []string{"Content-Type", "Idempotency-Key", "Content-Digest", "Signature-Input", "Signature"} {
		fmt.Printf("%s: %s\n", name, req.Header.Get(name))
	}
	fmt.Printf("\nAs curl:\n%s\n", signature.Curl(req, body))

	// Output:
	// Signature base:
	// "@method": POST
	// "@authority": flow.example.com
	// "@path": /api/federation/leads
	// "@query": ?
	// "content-type": application/json
	// "content-digest": sha-256=:P4PKyulKkIseZSSHMYcAjESZ7594STgu3l972h/TGGc=:
	// "idempotency-key": 0197a1b2-0000-7000-8000-00000000000a
	// "@signature-params": ("@method" "@authority" "@path" "@query" "content-type" "content-digest" "idempotency-key");created=1795429022;expires=1795429322;nonce="bm9uY2UtZm9yLWRvY3M";keyid="fk_example.1";alg="hmac-sha256";tag="streamflow"
	//
	// Headers:
	// Content-Type: application/json
	// Idempotency-Key: 0197a1b2-0000-7000-8000-00000000000a
	// Content-Digest: sha-256=:P4PKyulKkIseZSSHMYcAjESZ7594STgu3l972h/TGGc=:
	// Signature-Input: sig1=("@method" "@authority" "@path" "@query" "content-type" "content-digest" "idempotency-key");created=1795429022;expires=1795429322;nonce="bm9uY2UtZm9yLWRvY3M";keyid="fk_example.1";alg="hmac-sha256";tag="streamflow"
	// Signature: sig1=:LQNkwue6rxiIEHwlswWW+XZWPnuTcSECph0KX71gn+k=:
	//
	// As curl:
	// curl --path-as-is --globoff --request POST https://flow.example.com/api/federation/leads \
	//   --header 'Content-Digest: sha-256=:P4PKyulKkIseZSSHMYcAjESZ7594STgu3l972h/TGGc=:' \
	//   --header 'Content-Type: application/json' \
	//   --header 'Idempotency-Key: 0197a1b2-0000-7000-8000-00000000000a' \
	//   --header 'Signature: sig1=:LQNkwue6rxiIEHwlswWW+XZWPnuTcSECph0KX71gn+k=:' \
	//   --header 'Signature-Input: sig1=("@method" "@authority" "@path" "@query" "content-type" "content-digest" "idempotency-key");created=1795429022;expires=1795429322;nonce="bm9uY2UtZm9yLWRvY3M";keyid="fk_example.1";alg="hmac-sha256";tag="streamflow"' \
	//   --data-raw '{"tenantId":"0197a1b2-0000-7000-8000-000000000001","name":"Ada Lovelace","email":"ada@example.com"}'
}
