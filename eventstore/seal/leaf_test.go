package seal

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/streamflow/streamflow/eventstore"
)

// fullEvent has every field, each with a value of its own.
func fullEvent() eventstore.Event {
	id := func(n byte) uuid.UUID { return uuid.UUID{0x01, 0x8f, 6: 0x70, 8: 0x80, 15: n} }
	return eventstore.Event{
		Lane: 3, Position: 4711, Tenant: id(1), Stream: "note-7", Version: 12, ID: id(2), Type: "note.taken", SchemaVersion: 2,
		Data: []byte(`{"text":"enc.v1.AAAA", "n":1}`), CommandID: id(3), CorrelationID: "a conversation", CausationID: id(4),
		Actor:      eventstore.Actor{Kind: "user", ID: "u-1", Via: "portal"},
		RecordedAt: time.UnixMicro(1764000000123456).UTC(), EffectiveAt: time.UnixMicro(-1).UTC(),
	}
}

// TestLeafGolden holds the layout still: a change of it would break every seal ever made.
func TestLeafGolden(t *testing.T) {
	raw, err := os.ReadFile("testdata/leaf.hex")
	if err != nil {
		t.Fatal(err)
	}
	bare := fullEvent()
	bare.EffectiveAt, bare.CausationID = time.Time{}, uuid.Nil
	want := strings.Fields(string(raw))
	for i, e := range []eventstore.Event{fullEvent(), bare} {
		leaf := AppendLeaf(nil, e)
		if got := hex.EncodeToString(leaf); i >= len(want) || got != want[i] {
			t.Errorf("line %d of testdata/leaf.hex should be\n%s", i+1, got)
		}
		var h Hasher
		h.Hash(fullEvent()) // leaves its buffer behind
		if hash := h.Hash(e); !bytes.Equal(hash[:], rfc6962.DefaultHasher.HashLeaf(leaf)) {
			t.Errorf("leaf hash %x is not RFC 6962's", hash)
		}
	}
}

// TestLeafHasEverything changes one field after another: each has to change the leaf, whatever fields an event will have.
func TestLeafHasEverything(t *testing.T) {
	e := fullEvent()
	before := AppendLeaf(nil, e)
	var change func(name string, v reflect.Value)
	change = func(name string, v reflect.Value) {
		old := reflect.ValueOf(v.Interface())
		switch x := v.Addr().Interface().(type) {
		case *time.Time:
			*x = x.Add(time.Microsecond)
		case *uuid.UUID:
			x[15]++
		case *eventstore.Actor:
			for i := range v.NumField() {
				change(name+"."+v.Type().Field(i).Name, v.Field(i))
			}
			return
		default:
			switch v.Kind() { //nolint:exhaustive // the default is a fault
			case reflect.Int, reflect.Int64:
				v.SetInt(v.Int() + 1)
			case reflect.String:
				v.SetString(v.String() + "x")
			case reflect.Slice:
				v.SetBytes(append(bytes.Clone(v.Bytes()), ' '))
			default:
				t.Fatalf("field %s: this test does not know a %s", name, v.Type())
			}
		}
		if bytes.Equal(AppendLeaf(nil, e), before) {
			t.Errorf("%s is not in the leaf", name)
		}
		v.Set(old)
	}
	v := reflect.ValueOf(&e).Elem()
	for i := range v.NumField() {
		change(v.Type().Field(i).Name, v.Field(i))
	}
	if !bytes.Equal(AppendLeaf(nil, e), before) {
		t.Error("the test did not put everything back")
	}
	e.Stream, e.Type = "note-7n", "ote.taken"
	if bytes.Equal(AppendLeaf(nil, e), before) {
		t.Error("the end of one text and the beginning of the next are not told apart")
	}
}
