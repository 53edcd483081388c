package eventstore_test

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

// op is one append as the reference store sees it: plain values, so that it can also be written down and read by another
// process.
type op struct {
	Tenant      uuid.UUID
	Command     uuid.UUID
	Fingerprint string
	Verdict     eventstore.Verdict
	Code        string
	At          map[eventstore.Stream]int
	Writes      []opWrite
	Takes       []eventstore.Holding
	Drops       []eventstore.Holding
	Held        []eventstore.Holding
	Subjects    []uuid.UUID
	Destroy     []uuid.UUID
}

type opWrite struct {
	Stream eventstore.Stream
	Facts  []opFact
}

type opFact struct {
	Text    string
	Subject uuid.UUID // whose personal data the text is, or uuid.Nil
}

func (f opFact) fact() eventstore.Fact {
	if f.Subject != uuid.Nil {
		return named{Subject: f.Subject.String(), Name: f.Text}
	}
	return noted{Text: f.Text}
}

func (o op) append() eventstore.Append {
	a := eventstore.Append{
		Command: eventstore.Command{
			Tenant: o.Tenant, ID: o.Command, Fingerprint: []byte(o.Fingerprint), Correlation: "model",
			Actor: eventstore.Actor{Kind: "system", ID: "model", Via: "test"},
		},
		Verdict: o.Verdict, Code: o.Code, At: o.At, Takes: o.Takes, Drops: o.Drops, Held: o.Held, Subjects: o.Subjects, Destroy: o.Destroy,
		Params: o.params(),
	}
	for _, w := range o.Writes {
		facts := make([]eventstore.Fact, len(w.Facts))
		for i, f := range w.Facts {
			facts[i] = f.fact()
		}
		a.Writes = append(a.Writes, eventstore.Write{Stream: w.Stream, Facts: facts})
	}
	return a
}

// params tell the decisions of one command from each other: each was made at other versions.
func (o op) params() []byte {
	sum := 0
	for _, v := range o.At {
		sum += v
	}
	return fmt.Appendf(nil, `{"of":%q,"at":%d}`, o.Command, sum)
}

// world is what the callers believe the store to be like. It is only roughly right, which makes some appends fail.
type world struct {
	mu       sync.Mutex
	tenants  []uuid.UUID
	versions map[streamRef]int
	holders  map[claimRef]eventstore.Stream
	subjects map[uuid.UUID][]uuid.UUID // by tenant, erased ones too
	recent   []op                      // to repeat
	streams  int                       // how many each tenant has
	told     worldTold
}

// worldTold is a world as one process tells it to another.
type worldTold struct {
	Tenants  []uuid.UUID
	Streams  int
	Versions []versionTold
	Subjects map[uuid.UUID][]uuid.UUID
	Recent   []op
}

type versionTold struct {
	Tenant  uuid.UUID
	Stream  eventstore.Stream
	Version int
}

func (w *world) tell() worldTold {
	told := worldTold{Tenants: w.tenants, Streams: w.streams, Subjects: w.subjects, Recent: w.recent}
	for ref, v := range w.versions {
		told.Versions = append(told.Versions, versionTold{ref.tenant, ref.stream, v})
	}
	return told
}

// remember takes over what another process told.
func (w *world) remember() {
	w.tenants, w.streams, w.recent, w.subjects = w.told.Tenants, w.told.Streams, w.told.Recent, w.told.Subjects
	w.versions, w.holders = map[streamRef]int{}, map[claimRef]eventstore.Stream{}
	if w.subjects == nil {
		w.subjects = map[uuid.UUID][]uuid.UUID{}
	}
	for _, v := range w.told.Versions {
		w.versions[streamRef{v.Tenant, v.Stream}] = v.Version
	}
}

type streamRef struct {
	tenant uuid.UUID
	stream eventstore.Stream
}

type claimRef struct {
	tenant uuid.UUID
	scope  string
	key    string
}

func newWorld(rng *rand.Rand, tenants, streams int) *world {
	w := &world{
		versions: map[streamRef]int{}, holders: map[claimRef]eventstore.Stream{}, subjects: map[uuid.UUID][]uuid.UUID{}, streams: streams,
	}
	for range tenants {
		w.tenants = append(w.tenants, randomID(rng))
	}
	return w
}

func randomID(rng *rand.Rand) uuid.UUID {
	var id uuid.UUID
	for i := range id {
		id[i] = byte(rng.Uint32())
	}
	return id
}

// learn takes note of what an accepted op changed.
func (w *world) learn(o op) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range o.Writes {
		ref := streamRef{o.Tenant, x.Stream}
		w.versions[ref] = max(w.versions[ref], o.At[x.Stream]+len(x.Facts))
	}
	for _, h := range o.Drops {
		delete(w.holders, refOf(o.Tenant, h.Claim))
	}
	for _, h := range o.Takes {
		w.holders[refOf(o.Tenant, h.Claim)] = h.Stream
	}
	w.subjects[o.Tenant] = append(w.subjects[o.Tenant], o.Subjects...)
}

func refOf(tenant uuid.UUID, c eventstore.Claim) claimRef {
	return claimRef{tenant, c.Scope, string(c.Key)}
}

// next draws an op.
func (w *world) next(rng *rand.Rand) op {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.recent) > 0 && rng.IntN(10) == 0 {
		o := w.recent[rng.IntN(len(w.recent))]
		if rng.IntN(4) == 0 {
			o.Fingerprint = "another request"
		}
		return o
	}
	o := op{Tenant: w.tenants[rng.IntN(len(w.tenants))], Command: randomID(rng), Fingerprint: "request", At: map[eventstore.Stream]int{}}
	switch rng.IntN(10) {
	case 0:
		o.Verdict = eventstore.Unchanged
	case 1:
		o.Verdict, o.Code = eventstore.Refused, "no"
	}
	w.drawStreams(rng, &o)
	w.drawClaims(rng, &o)
	if o.Verdict == eventstore.Accepted {
		w.drawSubjects(rng, &o)
	}
	if len(w.recent) < 512 {
		w.recent = append(w.recent, o)
	} else {
		w.recent[rng.IntN(len(w.recent))] = o
	}
	return o
}

// drawStreams picks one to three streams, of which an accepted op writes at least the first and only looks at the others.
func (w *world) drawStreams(rng *rand.Rand, o *op) {
	for i := range 1 + rng.IntN(3) {
		s := eventstore.Stream(fmt.Sprintf("note-%d", rng.IntN(w.streams)))
		if rng.IntN(8) == 0 {
			s = eventstore.Stream("new-" + randomID(rng).String())
		}
		if _, taken := o.At[s]; taken {
			continue
		}
		o.At[s] = w.versions[streamRef{o.Tenant, s}]
		if rng.IntN(20) == 0 {
			o.At[s] += rng.IntN(3) - 1
		}
		if o.Verdict == eventstore.Accepted && (i == 0 || rng.IntN(2) == 0) {
			write := opWrite{Stream: s}
			for n := range 1 + rng.IntN(3) {
				write.Facts = append(write.Facts, opFact{Text: fmt.Sprintf("%x.%d", o.Command[:4], n)})
			}
			o.Writes = append(o.Writes, write)
		}
	}
}

func (w *world) drawClaims(rng *rand.Rand, o *op) {
	draw := func() (eventstore.Claim, eventstore.Stream) {
		c := eventstore.Claim{Scope: []string{"name", "mail"}[rng.IntN(2)], Key: []byte{byte(rng.IntN(2 * w.streams))}}
		return c, w.holders[refOf(o.Tenant, c)]
	}
	if c, holder := draw(); holder != "" && rng.IntN(6) == 0 {
		o.Held = append(o.Held, eventstore.Holding{Claim: c, Stream: holder})
	}
	if o.Verdict != eventstore.Accepted {
		return
	}
	mine := o.Writes[0].Stream
	for range rng.IntN(3) {
		c, holder := draw()
		taken := false
		for _, h := range o.Takes {
			taken = taken || refOf(o.Tenant, h.Claim) == refOf(o.Tenant, c)
		}
		if taken { // said twice by one stream
			o.Takes = append(o.Takes, eventstore.Holding{Claim: c, Stream: mine})
			continue
		}
		if holder != "" && rng.IntN(2) == 0 {
			o.Drops = append(o.Drops, eventstore.Holding{Claim: c, Stream: holder})
		}
		if len(o.Drops) == 0 || rng.IntN(3) > 0 {
			o.Takes = append(o.Takes, eventstore.Holding{Claim: c, Stream: mine})
		}
	}
}

// drawSubjects lets facts speak of new people, known people and people erased long ago, and erases some.
func (w *world) drawSubjects(rng *rand.Rand, o *op) {
	fact := &o.Writes[0].Facts[0]
	known := w.subjects[o.Tenant]
	switch n := rng.IntN(40); {
	case n < 3:
		fact.Subject = randomID(rng)
		o.Subjects = append(o.Subjects, fact.Subject)
	case n < 6 && len(known) > 0:
		fact.Subject = known[rng.IntN(len(known))]
	case n < 7 && len(known) > 0:
		o.Destroy = append(o.Destroy, known[rng.IntN(len(known))])
	}
}
