package signature_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/streamflow/streamflow/api/guard/signature"
)

// forge signs a GET with the right secret but parameters that Sign would not choose. It is written apart from the
// package, from the text of RFC 9421, so that a mistake made in both Sign and Verify shows.
func forge(t testing.TB, created, expires int64) *http.Request {
	t.Helper()
	return forgeWith(t, created, expires, `"@method" "@authority" "@path" "@query"`)
}

// forgeWith chooses the covered components.
func forgeWith(t testing.TB, created, expires int64, components string) *http.Request {
	t.Helper()
	return forgeRaw(t, fmt.Sprintf(`(%s);created=%d;expires=%d;nonce="%s";keyid="%s";alg="hmac-sha256";tag="streamflow"`,
		components, created, expires, nonce, partner.ID))
}

// forgeRaw chooses all of @signature-params.
func forgeRaw(t testing.TB, params string) *http.Request {
	t.Helper()
	r := httptest.NewRequest("GET", "/api/federation/status", nil)
	r.Host = "flow.example.com"
	r.Header.Set("X-Trace", "1")
	r.Header.Set("Signature", "x")
	values := map[string]string{
		"@method": "GET", "@authority": "flow.example.com", "@path": "/api/federation/status", "@query": "?", "x-trace": "1", "X-Trace": "1",
		"@scheme": "https", "@target-uri": "https://flow.example.com/api/federation/status", "@request-target": "/api/federation/status",
		"host": "flow.example.com",
	}
	var base strings.Builder
	components := params[1:strings.Index(params, ")")]
	for component := range strings.FieldsSeq(components) {
		name, _, _ := strings.Cut(strings.TrimPrefix(component, `"`), `"`)
		base.WriteString(component + ": " + values[name] + "\n")
		if strings.HasPrefix(name, "x-many") {
			r.Header.Set(name, "")
		}
	}
	base.WriteString(`"@signature-params": ` + params)
	mac := hmac.New(sha256.New, partner.Secret)
	mac.Write([]byte(base.String()))
	r.Header.Set("Signature-Input", "sig1="+params)
	r.Header.Set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(mac.Sum(nil))+":")
	return r
}

// TestRightKeyWrongForm: a partner who holds the secret and signs outside the profile is refused too.
func TestRightKeyWrongForm(t *testing.T) {
	t.Parallel()
	now := noon.Unix()
	four, tail := `"@method" "@authority" "@path" "@query"`, fmt.Sprintf(`;created=%d;expires=%d;nonce="%s";keyid="fk_1.1";alg="hmac-sha256";tag="streamflow"`, now, now+9, nonce)
	var twelve, thirteen string
	for i := range 12 {
		twelve += fmt.Sprintf(` "x-many-%d"`, i)
	}
	thirteen = twelve + ` "x-trace"`
	for name, c := range map[string]struct {
		params string
		reason signature.Reason
	}{
		"control":              {"(" + four + ")" + tail, ""},
		"other order":          {`("@query" "@path" "@authority" "@method")` + tail, ""},
		"16 components":        {"(" + four + twelve + ")" + tail, ""},
		"17 components":        {"(" + four + thirteen + ")" + tail, signature.ReasonMalformed},
		"covered twice":        {"(" + four + ` "@path")` + tail, signature.ReasonMalformed},
		"upper case":           {"(" + four + ` "X-Trace")` + tail, signature.ReasonMalformed},
		"component parameter":  {"(" + four + ` "x-trace";sf)` + tail, signature.ReasonMalformed},
		"covers itself":        {"(" + four + ` "signature")` + tail, signature.ReasonMalformed},
		"covers its input":     {"(" + four + ` "signature-input")` + tail, signature.ReasonMalformed},
		"token as component":   {"(" + four + ` x-trace)` + tail, signature.ReasonMalformed},
		"another parameter":    {"(" + four + ")" + tail + ";x=1", signature.ReasonMalformed},
		"parameter twice":      {"(" + four + ")" + tail + `;tag="streamflow"`, signature.ReasonMalformed},
		"no alg":               {"(" + four + ")" + strings.Replace(tail, `;alg="hmac-sha256"`, "", 1), signature.ReasonMalformed},
		"no expires":           {"(" + four + ")" + strings.Replace(tail, fmt.Sprintf(";expires=%d", now+9), "", 1), signature.ReasonMalformed},
		"other tag":            {"(" + four + ")" + strings.Replace(tail, "streamflow", "other", 1), signature.ReasonMalformed},
		"other alg":            {"(" + four + ")" + strings.Replace(tail, "hmac-sha256", "ed25519", 1), signature.ReasonMalformed},
		"short nonce":          {"(" + four + ")" + strings.Replace(tail, nonce, nonce[1:], 1), signature.ReasonMalformed},
		"longest nonce":        {"(" + four + ")" + strings.Replace(tail, nonce, strings.Repeat("n", 128), 1), ""},
		"long nonce":           {"(" + four + ")" + strings.Replace(tail, nonce, strings.Repeat("n", 129), 1), signature.ReasonMalformed},
		"two spaces":           {"(" + strings.Replace(four, " ", "  ", 1) + ")" + tail, signature.ReasonMalformed},
		"decimal created":      {"(" + four + ")" + strings.Replace(tail, ";expires", ".0;expires", 1), signature.ReasonMalformed},
		"too few components":   {`("@method" "@authority" "@path")` + tail, signature.ReasonComponents},
		"covered but not sent": {"(" + four + ` "x-missing")` + tail, signature.ReasonComponents},
	} {
		_, err := newServer(noon).Verify(t.Context(), forgeRaw(t, c.params), nil)
		expectFailure(t, name, err, c.reason)
	}
	beside := forge(t, now, now+9)
	beside.Header.Set("Signature", beside.Header.Get("Signature")+", sig2=:AAAA:")
	_, err := newServer(noon).Verify(t.Context(), beside, nil)
	expectFailure(t, "another signature beside", err, signature.ReasonMalformed)
	long := forge(t, now, now+9)
	long.Header.Set("Content-Digest", strings.Repeat("x", 8<<10))
	_, err = newServer(noon).Verify(t.Context(), long, nil)
	expectFailure(t, "8 KiB of headers", err, signature.ReasonMalformed)
}
