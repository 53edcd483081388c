package relay

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/streamflow/streamflow/eventstore"
)

// Headers of a message: CloudEvents 1.0 in binary mode, and what else an event of the log is. Times are RFC 3339 in UTC, and every
// free text is percent-encoded as CloudEvents asks for, so that a header can carry it.
const (
	headerID          = "ce-id"
	headerType        = "ce-type"
	headerSource      = "ce-source"  // the installation
	headerSubject     = "ce-subject" // the stream of the log, <category>-<id>
	headerTime        = "ce-time"    // when it was recorded
	headerSpecVersion = "ce-specversion"
	headerContentType = "ce-datacontenttype"

	headerTenant      = "sf-tenant"
	headerPosition    = "sf-position"
	headerVersion     = "sf-version"
	headerEpoch       = "sf-epoch"
	headerSchema      = "sf-schema"
	headerCommand     = "sf-command"
	headerCorrelation = "sf-correlation"
	headerCausation   = "sf-causation" // absent where no event led to the command
	headerActorKind   = "sf-actor-kind"
	headerActorID     = "sf-actor-id"
	headerActorVia    = "sf-actor-via"
	headerEffective   = "sf-effective" // absent where the domain has no such time
)

// headerCount is room for all of them and the broker's.
const headerCount = 21

const subjectPrefix = "streamflow.log."

// StreamName is the JetStream stream of a lane.
func StreamName(lane int) string { return "STREAMFLOW_L" + strconv.Itoa(lane) }

// Subjects is the pattern that all of a lane's messages match: streamflow.log.<lane>.<category>.<fact>.
func Subjects(lane int) string { return subjectPrefix + strconv.Itoa(lane) + ".>" }

// Message is an event as it travels. Source names the installation; epoch is the lane's when it is published.
// The data is not copied.
func Message(e eventstore.Event, source string, epoch int) *nats.Msg {
	h := make(nats.Header, headerCount)
	values := make([]string, 0, headerCount) // one allocation for all values
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	id := e.ID.String()
	set(jetstream.MsgIDHeader, id)
	set(headerID, id)
	set(headerType, escape(e.Type))
	set(headerSource, escape(source))
	set(headerSubject, escape(string(e.Stream)))
	set(headerTime, e.RecordedAt.UTC().Format(time.RFC3339Nano))
	set(headerSpecVersion, "1.0")
	set(headerContentType, "application/json")
	set(headerTenant, e.Tenant.String())
	set(headerPosition, strconv.FormatInt(e.Position, 10))
	set(headerVersion, strconv.Itoa(e.Version))
	set(headerEpoch, strconv.Itoa(epoch))
	set(headerSchema, strconv.Itoa(e.SchemaVersion))
	set(headerCommand, e.CommandID.String())
	set(headerCorrelation, escape(e.CorrelationID))
	set(headerActorKind, escape(e.Actor.Kind))
	set(headerActorID, escape(e.Actor.ID))
	set(headerActorVia, escape(e.Actor.Via))
	if e.CausationID != uuid.Nil {
		set(headerCausation, e.CausationID.String())
	}
	if !e.EffectiveAt.IsZero() {
		set(headerEffective, e.EffectiveAt.UTC().Format(time.RFC3339Nano))
	}
	return &nats.Msg{Subject: subjectPrefix + strconv.Itoa(e.Lane) + "." + e.Type, Header: h, Data: e.Data}
}

// Event is the inverse of [Message]: the event exactly as the log holds it, without asking the log. The data is not copied.
func Event(m *nats.Msg) (eventstore.Event, error) { return parse(m.Subject, m.Header, m.Data) }

// Delivered is [Event] for what a consumer hands out.
func Delivered(m jetstream.Msg) (eventstore.Event, error) {
	return parse(m.Subject(), m.Headers(), m.Data())
}

// Origin says which installation published a message, and in which epoch of the lane. The epoch is 0 where there is none.
func Origin(h nats.Header) (source string, epoch int) {
	r := reader{header: h}
	source, epoch = r.text(headerSource), int(r.number(headerEpoch))
	if r.err != nil {
		return source, 0
	}
	return source, epoch
}

func parse(subject string, header nats.Header, data []byte) (eventstore.Event, error) {
	r := reader{header: header}
	rest, ok := strings.CutPrefix(subject, subjectPrefix)
	number, _, _ := strings.Cut(rest, ".")
	lane, err := strconv.Atoi(number)
	if !ok || err != nil {
		r.err = errors.New("its subject is not of a lane")
	}
	e := eventstore.Event{
		Lane: lane, Position: r.number(headerPosition), Tenant: r.id(headerTenant), Stream: eventstore.Stream(r.text(headerSubject)),
		Version: int(r.number(headerVersion)), ID: r.id(headerID), Type: r.text(headerType), SchemaVersion: int(r.number(headerSchema)),
		Data: data, CommandID: r.id(headerCommand), CorrelationID: r.text(headerCorrelation),
		Actor:      eventstore.Actor{Kind: r.text(headerActorKind), ID: r.text(headerActorID), Via: r.text(headerActorVia)},
		RecordedAt: r.time(headerTime),
	}
	if _, ok := header[headerCausation]; ok {
		e.CausationID = r.id(headerCausation)
	}
	if _, ok := header[headerEffective]; ok {
		e.EffectiveAt = r.time(headerEffective)
	}
	if r.err != nil {
		return eventstore.Event{}, fmt.Errorf("message on %s is no event of a log: %w", subject, r.err)
	}
	return e, nil
}

// reader takes values out of headers and keeps the first error.
type reader struct {
	header nats.Header
	err    error
}

func (r *reader) value(name string) string {
	values := r.header[name]
	if len(values) != 1 {
		r.fail(name, errors.New("want one value"))
		return ""
	}
	return values[0]
}

func (r *reader) text(name string) string {
	v, err := unescape(r.value(name))
	r.fail(name, err)
	return v
}

func (r *reader) number(name string) int64 {
	v, err := strconv.ParseInt(r.value(name), 10, 64)
	r.fail(name, err)
	return v
}

func (r *reader) id(name string) uuid.UUID {
	v, err := uuid.Parse(r.value(name))
	r.fail(name, err)
	return v
}

func (r *reader) time(name string) time.Time {
	v, err := time.Parse(time.RFC3339Nano, r.value(name))
	r.fail(name, err)
	return v.UTC()
}

func (r *reader) fail(name string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("header %s: %w", name, err)
	}
}

// escape percent-encodes what CloudEvents wants encoded in a header: all but visible ASCII, and in it the quote and the percent
// sign (HTTP protocol binding 3.1.3.2, which other bindings follow).
func escape(s string) string {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		if !plain(s[i]) {
			b := append(make([]byte, 0, len(s)+16), s[:i]...)
			for ; i < len(s); i++ {
				if c := s[i]; plain(c) {
					b = append(b, c)
				} else {
					b = append(b, '%', digits[c>>4], digits[c&15])
				}
			}
			return string(b)
		}
	}
	return s
}

func plain(c byte) bool { return c > ' ' && c <= '~' && c != '"' && c != '%' }

func unescape(s string) (string, error) {
	if !strings.Contains(s, "%") {
		return s, nil
	}
	return url.PathUnescape(s)
}
