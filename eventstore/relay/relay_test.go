package relay

import (
	"strings"
	"testing"
	"time"

	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/internal/natsserver/natstest"
)

func TestPublishesUnderLoad(t *testing.T) {
	l := openLog(t)
	conn := natstest.Connect(t, natstest.Start(t))
	l.append(50)
	r := relayOf(l, Config{Conn: conn})
	stop := run(t, r.Run)
	unload := l.load(4)
	time.Sleep(500 * time.Millisecond)
	unload()
	js := jetStream(t, conn)
	l.caughtUp(js)
	l.verifyAll(js, 1)
	waitFor(t, "the last acknowledgement", func() bool { return r.Head() == l.head().Position })
	if s := r.Status(); !s.Leading || s.Term != 1 || s.Err != nil || s.Epoch != 1 || s.Remade != 1 {
		t.Errorf("status %+v", s)
	}
	stop()
	if s := r.Status(); s.Leading || s.Term != 0 {
		t.Errorf("status after the end %+v", s)
	}
}

// The largest events fill the pipeline by their bytes, long before they do by their number.
func TestLargeEvents(t *testing.T) {
	l := openLog(t)
	text := strings.Repeat("0123456789", eventstore.MaxEventBytes/10-10)
	for range 30 {
		appendFacts(t, l.Log, []eventstore.Fact{noted{text}, noted{text}, noted{text}})
	}
	conn := natstest.Connect(t, natstest.Start(t))
	r := relayOf(l, Config{Conn: conn})
	run(t, r.serve)
	js := jetStream(t, conn)
	l.caughtUp(js)
	l.verifyAll(js, 1)
	undisturbed(t, r)
	if limit := nextLimit(pageEvents, []eventstore.Event{{Data: []byte(text)}}); limit > 40 {
		t.Errorf("pages of %d", limit)
	}
}

func TestNoSuchLane(t *testing.T) {
	l := openLog(t)
	r := New(Config{Log: l.Log, Lane: 2, Source: "here"})
	if err := r.Run(t.Context()); err == nil {
		t.Error("a relay of no lane runs")
	}
}
