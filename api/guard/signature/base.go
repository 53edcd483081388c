package signature

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/dunglas/httpsfv"
)

// message is the part of a request that components are taken from; a client's and a server's request become the
// same message.
type message struct {
	method    string
	scheme    string
	authority string // lower case, without the scheme's default port
	path      string // as it is on the wire, never empty
	query     string // with its question mark; "?" when there is none
	bare      bool   // the target has no question mark at all
	header    http.Header
}

func newMessage(r *http.Request, scheme, authority string) message {
	// EscapedPath is the path of the request line, byte for byte: the parser keeps RawPath wherever escaping the
	// decoded path again would give anything else.
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	return message{
		method: r.Method, scheme: scheme, authority: authority, path: path,
		query: "?" + r.URL.RawQuery, bare: r.URL.RawQuery == "" && !r.URL.ForceQuery, header: r.Header,
	}
}

// component gives the value of one covered component (RFC 9421 section 2).
func (m message) component(name string) (string, error) {
	switch name {
	case "@method":
		return m.method, nil
	case "@authority":
		return m.authority, nil
	case "@path":
		return m.path, nil
	case "@query":
		return m.query, nil
	case "@scheme":
		return m.scheme, nil
	case "@request-target":
		return m.target(), nil
	case "@target-uri":
		return m.scheme + "://" + m.authority + m.target(), nil
	case "host":
		return m.authority, nil // net/http has taken it out of the header
	}
	if strings.HasPrefix(name, "@") {
		return "", fmt.Errorf("component %q is not known", name)
	}
	return m.field(name)
}

func (m message) target() string {
	if m.bare {
		return m.path
	}
	return m.path + m.query
}

// field gives the combined value of a header field (RFC 9421 section 2.1).
func (m message) field(name string) (string, error) {
	lines := m.header.Values(name)
	if len(lines) == 0 {
		return "", fmt.Errorf("field %q is covered but not sent", name)
	}
	trimmed := make([]string, len(lines))
	for i, line := range lines {
		trimmed[i] = strings.Trim(line, " \t")
		for j := range len(line) {
			if c := line[j]; c != '\t' && (c < 0x20 || c > 0x7e) {
				return "", fmt.Errorf("field %q holds a byte that is not ASCII text", name)
			}
		}
	}
	return strings.Join(trimmed, ", "), nil
}

// base builds the signature base (RFC 9421 section 2.5): a line a component, and the parameters last. The line feed
// that ends a line cannot be in a value, so no two messages have the same base.
func (m message) base(components []string, params string) (string, error) {
	var base strings.Builder
	for _, name := range components {
		value, err := m.component(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&base, "%q: %s\n", name, value)
	}
	base.WriteString(`"@signature-params": `)
	base.WriteString(params)
	return base.String(), nil
}

// input is what Signature-Input says of our signature.
type input struct {
	components []string
	created    int64 // Unix seconds
	expires    int64
	nonce      string
	keyID      string
	alg        string
	tag        string
}

// params writes the value of @signature-params, in the one order that Sign uses.
func (in input) params() (string, error) {
	list := httpsfv.InnerList{Params: httpsfv.NewParams()}
	for _, name := range in.components {
		list.Items = append(list.Items, httpsfv.NewItem(name))
	}
	list.Params.Add("created", in.created)
	list.Params.Add("expires", in.expires)
	list.Params.Add("nonce", in.nonce)
	list.Params.Add("keyid", in.keyID)
	list.Params.Add("alg", in.alg)
	list.Params.Add("tag", in.tag)
	return marshalInnerList(list)
}

// marshalInnerList writes a list of one inner list, which has the same text.
func marshalInnerList(list httpsfv.InnerList) (string, error) {
	text, err := httpsfv.Marshal(httpsfv.List{list})
	if err != nil {
		return "", fmt.Errorf("write signature parameters: %w", err)
	}
	return text, nil
}

// Origins lists the origins that a server answers to: that of its public URL and, where it listens on a loopback
// address or on all addresses without a public URL, the loopback names with its port. Both may be empty.
//
// listen is host:port. The error names what cannot be read.
func Origins(publicURL, listen string) ([]string, error) {
	var origins []string
	if publicURL != "" {
		u, err := url.Parse(publicURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("public URL %q is not http(s)://host", publicURL)
		}
		origins = append(origins, u.Scheme+"://"+canonicalAuthority(u.Scheme, u.Host))
	}
	if listen == "" {
		return origins, nil
	}
	host, port, err := splitHostPort(listen)
	if err != nil {
		return nil, err
	}
	if isLoopback(host) || publicURL == "" {
		for _, name := range []string{"127.0.0.1", "[::1]", "localhost"} {
			origins = append(origins, "http://"+canonicalAuthority("http", name+":"+port))
		}
	}
	return origins, nil
}

// canonicalAuthority writes host and port as RFC 9421 section 2.2.3 asks.
func canonicalAuthority(scheme, host string) string {
	host = strings.ToLower(host)
	port := ":80"
	if scheme == "https" {
		port = ":443"
	}
	return strings.TrimSuffix(host, port)
}

// resolve finds the origin that the host of a request names. A server behind a proxy does not see the scheme; the
// origin that it was configured with knows it.
func resolve(origins []string, host string) (scheme, authority string, err error) {
	for _, origin := range origins {
		scheme, authority, _ := strings.Cut(origin, "://")
		if canonicalAuthority(scheme, host) == authority {
			return scheme, authority, nil
		}
	}
	return "", "", errors.New("host is not one of this server's")
}
