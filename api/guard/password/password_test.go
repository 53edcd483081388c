package password

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
)

func TestHashAndVerify(t *testing.T) {
	t.Parallel()
	h := New()
	stored, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %s", stored)
	}
	again, err := h.Hash(t.Context(), "correct horse")
	if err != nil || again == stored {
		t.Errorf("the same password twice gives %s, %v", again, err)
	}
	for _, c := range []struct {
		stored, password string
		ok               bool
	}{
		{stored, "correct horse", true},
		{again, "correct horse", true},
		{stored, "correct horsf", false},
		{stored, "Correct horse", false},
		{stored, "", false},
		{stored, "correct horse\x00", false},
		{"", "correct horse", false},
		{"", "", false},
		{h.nobody, "correct horse", false},
	} {
		ok, stale, err := h.Verify(t.Context(), c.stored, c.password)
		if ok != c.ok || stale || err != nil {
			t.Errorf("%q: %v %v %v", c.password, ok, stale, err)
		}
	}
}

// TestReferenceVector is the first one of the reference implementation's test.c for version 0x13 of argon2id.
func TestReferenceVector(t *testing.T) {
	t.Parallel()
	p := params{memoryKiB: 65536, passes: 2, lanes: 1, salt: []byte("somesalt")}
	if got := hex.EncodeToString(p.derive("password", 32)); got != "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7" {
		t.Errorf("key %s", got)
	}
	const encoded = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, stale, err := New().Verify(t.Context(), encoded, "password"); !ok || stale || err != nil {
		t.Errorf("the reference's own string: %v %v %v", ok, stale, err)
	}
}

func TestStale(t *testing.T) {
	t.Parallel()
	cheap := params{memoryKiB: 1024, passes: 1, lanes: 1, salt: []byte("12345678")}
	cheap.key = argon2.IDKey([]byte("password"), cheap.salt, 1, 1024, 1, 32)
	if ok, stale, err := New().Verify(t.Context(), format(cheap), "password"); !ok || !stale || err != nil {
		t.Errorf("a cheap hash: %v %v %v", ok, stale, err)
	}
	if ok, stale, err := New().Verify(t.Context(), format(cheap), "passwort"); ok || stale || err != nil {
		t.Errorf("a cheap hash and a wrong password: %v %v %v", ok, stale, err)
	}
}

func TestLength(t *testing.T) {
	t.Parallel()
	h := New()
	for n, want := range map[int]error{0: ErrLength, 7: ErrLength, 8: nil, 1024: nil, 1025: ErrLength} {
		stored, err := h.Hash(t.Context(), strings.Repeat("x", n))
		if !errors.Is(err, want) || (want == nil) != (stored != "") {
			t.Errorf("%d bytes: %q, %v", n, stored, err)
		}
	}
	if _, err := h.Hash(t.Context(), "éééé"); !errors.Is(err, ErrLength) {
		t.Errorf("four characters of two bytes: %v", err)
	}
	stored, err := h.Hash(t.Context(), strings.Repeat("x", 1024))
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, err := h.Verify(t.Context(), stored, strings.Repeat("x", 1025)); ok || err != nil {
		t.Errorf("a longer password: %v %v", ok, err)
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	const good = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if _, err := parse(good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"plain", "$2b$10$abcdefghijklmnopqrstuv",
		strings.Replace(good, "argon2id", "argon2i", 1),
		strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=19456", "m=4294967295", 1), // 4 TiB
		strings.Replace(good, "m=19456", "m=-1", 1),
		strings.Replace(good, "m=19456", "m=019456", 1),
		strings.Replace(good, "t=2", "t=99", 1),
		strings.Replace(good, "t=2", "t=0", 1),
		strings.Replace(good, "p=1", "p=0", 1),
		strings.Replace(good, "p=1", "p=1,x=2", 1),
		strings.Replace(good, "c29tZXNhbHQ", "", 1),
		strings.Replace(good, "c29tZXNhbHQ", "!!", 1),
		good[:strings.LastIndex(good, "$")+1] + "AAAAAAAAAAAAAAAA", // 12 bytes
		good[:len(good)-30], good + "$", " " + good, good + "\n",
	} {
		if _, err := parse(bad); !errors.Is(err, ErrHash) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestBusy(t *testing.T) {
	t.Parallel()
	h := New()
	for range cap(h.slots) {
		h.slots <- struct{}{} // every core is at work
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "correct horse"); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has gone: %v", err)
	}
	if h.waiting.Load() != 0 {
		t.Errorf("%d still wait", h.waiting.Load())
	}
	h.waiting.Store(int64(cap(h.slots) * (waitersPerCore + 1)))
	if _, _, err := h.Verify(t.Context(), "", "correct horse"); !errors.Is(err, ErrBusy) {
		t.Errorf("a full queue: %v", err)
	}
	h.waiting.Store(0)
	for range cap(h.slots) {
		<-h.slots
	}
	if _, err := h.Hash(t.Context(), "correct horse"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if h.waiting.Load() != 0 || len(h.slots) != 0 {
		t.Errorf("%d wait, %d slots are taken", h.waiting.Load(), len(h.slots))
	}
}

// TestSameWorkForNobody compares medians; the bound is wide because the machine has other work.
func TestSameWorkForNobody(t *testing.T) {
	h := New()
	stored, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	var times [2][]time.Duration
	for range 9 {
		for i, s := range []string{stored, ""} {
			start := time.Now()
			if _, _, err := h.Verify(t.Context(), s, "wrong horse"); err != nil {
				t.Fatal(err)
			}
			times[i] = append(times[i], time.Since(start))
		}
	}
	for i := range times {
		slices.Sort(times[i])
	}
	known, nobody := times[0][4], times[1][4]
	t.Logf("median %v for an account, %v for none", known, nobody)
	if nobody < known/2 || known < nobody/2 {
		t.Errorf("the answer tells whether the account exists: %v against %v", known, nobody)
	}
}
