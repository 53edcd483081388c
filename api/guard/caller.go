package guard

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Caller is where a request came from, as far as it can be believed.
type Caller struct {
	// Address is the client's, IPv4 in its own form; invalid where not even the connection has one.
	Address netip.Addr
	// HTTPS reports whether the client spoke TLS, to us or to a trusted proxy.
	HTTPS bool
}

// RateKey is what limits per address count by. An IPv6 client owns at least a /64 and could change its address with
// every request, so the network stands for it.
func (c Caller) RateKey() string {
	if c.Address.Is6() {
		network, err := c.Address.WithZone("").Prefix(64)
		if err == nil {
			return network.String()
		}
	}
	return c.Address.String()
}

type callerKey struct{}

// CallerOf returns the caller that WithCaller put on the request's context.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// ParseNetworks reads networks (10.0.0.0/8) and single addresses, separated by commas or spaces. Empty text is none.
func ParseNetworks(text string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		network, err := netip.ParsePrefix(word)
		if err != nil {
			address, addressErr := netip.ParseAddr(word)
			if addressErr != nil {
				return nil, fmt.Errorf("%q is neither a network nor an address", word)
			}
			network = netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen())
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// WithCaller finds out where each request came from and puts it on the context. X-Forwarded-For and
// X-Forwarded-Proto count only when the connection comes from one of the trusted networks; then the client is the
// rightmost hop that is not itself trusted, since everything left of it is whatever the client wrote.
func WithCaller(trusted []netip.Prefix) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			caller := findCaller(r, trusted)
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
		})
	}
}

func findCaller(r *http.Request, trusted []netip.Prefix) Caller {
	caller := Caller{Address: parseHop(r.RemoteAddr), HTTPS: r.TLS != nil}
	if !isTrusted(caller.Address, trusted) {
		return caller
	}
	if protos := hops(r.Header, "X-Forwarded-Proto"); len(protos) > 0 {
		caller.HTTPS = strings.EqualFold(protos[len(protos)-1], "https")
	}
	forwarded := hops(r.Header, "X-Forwarded-For")
	for i := len(forwarded) - 1; i >= 0 && isTrusted(caller.Address, trusted); i-- {
		hop := parseHop(forwarded[i])
		if !hop.IsValid() {
			break // "unknown" or nonsense: the last hop that can be believed answers for it
		}
		caller.Address = hop
	}
	return caller
}

// hops splits a forwarding header, whose lines count as one list.
func hops(h http.Header, name string) []string {
	var all []string
	for _, line := range h.Values(name) {
		for hop := range strings.SplitSeq(line, ",") {
			all = append(all, strings.TrimSpace(hop))
		}
	}
	return all
}

// parseHop reads an address with or without a port; the zero Addr stands for neither.
func parseHop(text string) netip.Addr {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap()
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap()
}

func isTrusted(address netip.Addr, trusted []netip.Prefix) bool {
	for _, network := range trusted {
		if network.Contains(address.WithZone("")) {
			return true
		}
	}
	return false
}
