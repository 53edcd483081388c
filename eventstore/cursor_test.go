package eventstore_test

import (
	"encoding/base64"
	"errors"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/streamflow/streamflow/eventstore"
)

func TestCursorTokens(t *testing.T) {
	key := eventstore.NewMasterKey()
	l, other := eventstore.Bare(key), eventstore.Bare(eventstore.NewMasterKey())
	rng := rand.New(rand.NewPCG(seed(t), 2))
	for range 500 {
		c := eventstore.Cursor{}
		for range rng.IntN(20) {
			c[1+rng.IntN(1024)] = eventstore.Mark{Epoch: 1 + rng.IntN(1000), Position: rng.Int64N(1 << 62)}
		}
		token := l.Token(c)
		if back, err := l.ParseToken(token); err != nil || !maps.Equal(back, c) {
			t.Fatalf("%v came back as %v, %v", c, back, err)
		}
		if again := eventstore.Bare(key).Token(c); again != token {
			t.Fatalf("another node writes %s, not %s", again, token)
		}
		if _, err := other.ParseToken(token); !errors.Is(err, eventstore.ErrCursor) {
			t.Fatalf("another installation takes the token: %v", err)
		}
		for n := range len(token) {
			if _, err := l.ParseToken(token[:n]); !errors.Is(err, eventstore.ErrCursor) {
				t.Fatalf("%d of %d characters are taken: %v", n, len(token), err)
			}
		}
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		raw[rng.IntN(len(raw))] ^= 1 << rng.IntN(8)
		if _, err := l.ParseToken(base64.RawURLEncoding.EncodeToString(raw)); !errors.Is(err, eventstore.ErrCursor) {
			t.Fatalf("a changed token is taken: %v", err)
		}
	}
}

// FuzzParseToken: whatever a client sends is refused, unless this installation made exactly that token.
func FuzzParseToken(f *testing.F) {
	l := eventstore.Bare(eventstore.MasterKey{1})
	for _, c := range []eventstore.Cursor{{}, {1: {1, 0}}, {1: {1, 1}, 2: {3, 1 << 40}, 1024: {9, 7}}} {
		f.Add(l.Token(c))
		f.Add(l.Token(c) + "=")
		f.Add("A" + l.Token(c))
	}
	f.Add("")
	f.Add("AQAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, token string) {
		c, err := l.ParseToken(token)
		switch {
		case err != nil && (!errors.Is(err, eventstore.ErrCursor) || c != nil):
			t.Fatalf("%q: %v, %v", token, c, err)
		case err == nil && l.Token(c) != token:
			t.Fatalf("%q is read as %v, whose token is %q", token, c, l.Token(c))
		}
	})
}
