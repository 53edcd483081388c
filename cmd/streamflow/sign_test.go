package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/streamflow/streamflow/api/guard/signature"
)

// TestSign: what the verb prints and what it sends is a request that the verifier takes.
func TestSign(t *testing.T) {
	t.Parallel()
	secret := signature.NewSecret()
	folder := t.TempDir()
	file, data := filepath.Join(folder, "secret"), filepath.Join(folder, "body")
	for name, content := range map[string]string{file: signature.EncodeSecret(secret) + "\n", data: "{\"a\": \"it's\"}\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origins, err := signature.Origins(server.URL, "")
		if err != nil {
			t.Error(err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		v := signature.Verifier{Now: time.Now, Origins: origins,
			Key: func(_ context.Context, id string) (signature.Key, error) {
				if id != "k" {
					return signature.Key{}, signature.ErrKeyUnknown
				}
				return signature.Key{ID: id, Secret: secret}, nil
			},
			SpendNonce: func(context.Context, string, [32]byte, time.Time) (bool, error) { return true, nil }}
		if _, err := v.Verify(r.Context(), r, body); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"), body)
	}))
	defer server.Close()
	key := "--key-id k --secret-file " + file
	for _, c := range []struct {
		args, out string
		code      int
	}{
		{key + " --send GET " + server.URL + "/x?a=1", "GET /x?a=1  ", 0},
		{"--send get " + server.URL + "/x " + key, "GET /x  ", 0},
		{key + " --send POST " + server.URL + "/x --data @" + data, "POST /x application/json {\"a\": \"it's\"}\n", 0},
		{key + " --send --content-type application/x-ndjson POST " + server.URL + "/x --data {}", "POST /x application/x-ndjson {}", 0},
		{"--key-id other --secret-file " + data + " --send GET " + server.URL, "", 1},
		{"--key-id k --secret-file " + folder + "/none GET " + server.URL, "", 1},
		{key + " GET", "", 2},
		{"--key-id k GET " + server.URL, "", 2},
		{key + " GET " + server.URL + " --fast", "", 2},
	} {
		var out, told bytes.Buffer
		if code := run(append([]string{"sign"}, strings.Fields(c.args)...), nil, &out, &told); code != c.code || out.String() != c.out {
			t.Errorf("sign %s: exit %d %q, want %d %q\n%s", c.args, code, &out, c.code, c.out, &told)
		}
		if strings.Contains(told.String(), signature.EncodeSecret(secret)) {
			t.Error("the secret was told")
		}
	}
	var out, told bytes.Buffer
	if code := run(strings.Fields("sign "+key+" --idempotency-key one POST "+server.URL+"/x --data @"+data), nil, &out, &told); code != 0 ||
		!strings.HasPrefix(out.String(), "curl ") || !strings.Contains(out.String(), "Idempotency-Key: one") {
		t.Errorf("printed: %d %s %s", code, &out, &told)
	}
}

// TestTheGuideSaysEveryKind: the table of docs/guides/helpdesk.md is what the test of the real log goes by.
func TestTheGuideSaysEveryKind(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/guides/helpdesk.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| ([^|]+) \\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		for activity := range strings.SplitSeq(row[1], ", ") {
			said[activity] = row[2]
		}
	}
	if fmt.Sprint(said) != fmt.Sprint(kindOfActivity) {
		t.Errorf("the page says %v\nthe test goes by %v", said, kindOfActivity)
	}
}
