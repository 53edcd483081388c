package relay

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/natsserver/natstest"
)

func sampleEvent() eventstore.Event {
	return eventstore.Event{
		Lane: 3, Position: 41, Tenant: uuid.MustParse("018f0000-0000-7000-8000-00000000000a"), Stream: "lead-018f0000-0000-7000-8000-00000000000b",
		Version: 2, ID: uuid.MustParse("018f0000-0000-7000-8000-00000000000c"), Type: "lead.created", SchemaVersion: 4, Data: []byte(`{"a": "é"}`),
		CommandID: uuid.MustParse("018f0000-0000-7000-8000-00000000000d"), CorrelationID: "corr 1",
		Actor:      eventstore.Actor{Kind: "user", ID: "u-1", Via: "client"},
		RecordedAt: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC),
	}
}

func TestMessageHeaders(t *testing.T) {
	e := sampleEvent()
	m := Message(e, "https://here.example/", 7)
	if m.Subject != "streamflow.log.3.lead.created" || string(m.Data) != `{"a": "é"}` {
		t.Errorf("subject %q, data %s", m.Subject, m.Data)
	}
	want := map[string]string{
		"ce-id": e.ID.String(), "Nats-Msg-Id": e.ID.String(), "ce-type": "lead.created", "ce-source": "https://here.example/",
		"ce-subject": string(e.Stream), "ce-time": "2026-01-02T03:04:05.678901Z", "ce-specversion": "1.0", "ce-datacontenttype": "application/json",
		"sf-tenant": e.Tenant.String(), "sf-position": "41", "sf-version": "2", "sf-epoch": "7", "sf-schema": "4", "sf-command": e.CommandID.String(),
		"sf-correlation": "corr%201", "sf-actor-kind": "user", "sf-actor-id": "u-1", "sf-actor-via": "client",
	}
	for name, value := range want {
		if got := m.Header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if len(m.Header) != len(want) {
		t.Errorf("headers %v", m.Header)
	}
	if source, epoch := Origin(m.Header); source != "https://here.example/" || epoch != 7 {
		t.Errorf("origin %q %d", source, epoch)
	}
}

// TestMessageAndEventAreInverse sends arbitrary events through a server, so that the wire's own rules for headers count too.
func TestMessageAndEventAreInverse(t *testing.T) {
	conn := natstest.Connect(t, natstest.Start(t))
	sub, err := conn.SubscribeSync("streamflow.log.>")
	if err != nil {
		t.Fatal(err)
	}
	// What headers and percent-encoding trip over, in any combination.
	part := rapid.SampledFrom([]string{"a", "Z", " ", "\t", "\r\n", "\n", "%", "%41", "%zz", "\"", ":", ",", ";", "é", "😀", "\x00", "\x7f", "\xff", "+"})
	text := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(part, 0, 8).Draw(t, "parts"), "") })
	id := rapid.Custom(func(t *rapid.T) uuid.UUID { return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes")) })
	at := rapid.Custom(func(t *rapid.T) time.Time { return time.UnixMicro(rapid.Int64Range(-4e15, 4e15).Draw(t, "µs")).UTC() })
	name := rapid.StringMatching(`[a-z_]{1,9}\.[a-z_]{1,9}`)
	rapid.Check(t, func(t *rapid.T) {
		want := eventstore.Event{
			Lane: rapid.IntRange(1, 1024).Draw(t, "lane"), Position: rapid.Int64Min(1).Draw(t, "position"), Tenant: id.Draw(t, "tenant"),
			Stream: eventstore.Stream(text.Draw(t, "stream")), Version: rapid.IntMin(1).Draw(t, "version"), ID: id.Draw(t, "id"), Type: name.Draw(t, "type"),
			SchemaVersion: rapid.IntMin(1).Draw(t, "schema"), Data: []byte(`{"x":"` + text.Draw(t, "data") + `"}`), CommandID: id.Draw(t, "command"),
			CorrelationID: text.Draw(t, "correlation"), RecordedAt: at.Draw(t, "recorded"),
			Actor: eventstore.Actor{Kind: text.Draw(t, "kind"), ID: text.Draw(t, "actor"), Via: text.Draw(t, "via")},
		}
		if rapid.Bool().Draw(t, "caused") {
			want.CausationID, want.EffectiveAt = id.Draw(t, "cause"), at.Draw(t, "effective")
		}
		source, epoch := text.Draw(t, "source"), rapid.IntRange(1, 99).Draw(t, "epoch")
		if err := conn.PublishMsg(Message(want, source, epoch)); err != nil {
			t.Fatal(err)
		}
		m, err := sub.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Event(m)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v\n got %+v\nwant %+v\nheaders %v", err, got, want, m.Header)
		}
		if s, e := Origin(m.Header); s != source || e != epoch {
			t.Fatalf("origin %q %d, want %q %d", s, e, source, epoch)
		}
	})
}

func TestEventRefusesWhatIsNone(t *testing.T) {
	for name, spoil := range map[string]func(*nats.Msg){
		"no headers":       func(m *nats.Msg) { m.Header = nil },
		"other subject":    func(m *nats.Msg) { m.Subject = "orders.1.a.b" },
		"no lane":          func(m *nats.Msg) { m.Subject = "streamflow.log.x.a.b" },
		"no id":            func(m *nats.Msg) { m.Header.Del("ce-id") },
		"two ids":          func(m *nats.Msg) { m.Header.Add("ce-id", m.Header.Get("ce-id")) },
		"bad position":     func(m *nats.Msg) { m.Header.Set("sf-position", "x") },
		"bad time":         func(m *nats.Msg) { m.Header.Set("ce-time", "yesterday") },
		"bad escape":       func(m *nats.Msg) { m.Header.Set("sf-correlation", "%zz") },
		"bad causation":    func(m *nats.Msg) { m.Header.Set("sf-causation", "") },
		"bad effect time":  func(m *nats.Msg) { m.Header.Set("sf-effective", "") },
		"no actor":         func(m *nats.Msg) { m.Header.Del("sf-actor-kind") },
		"no schema number": func(m *nats.Msg) { m.Header.Del("sf-schema") },
	} {
		m := Message(sampleEvent(), "here", 1)
		spoil(m)
		if e, err := Event(m); err == nil {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if _, epoch := Origin(nats.Header{}); epoch != 0 {
		t.Errorf("epoch %d of no headers", epoch)
	}
}
