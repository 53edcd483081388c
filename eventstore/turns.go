package eventstore

import (
	"context"
	"sync"

	"github.com/google/uuid"
)

type stateRef struct {
	tenant uuid.UUID
	stream Stream
}

// turns queues callers of the same stream in order inside the process, so that a hot stream is served, not fought over.
type turns struct {
	mu   sync.Mutex
	tail map[stateRef]chan struct{} // closed when the last caller in line is done
}

// take waits until every earlier caller of the streams is done. A caller joins all its lines at once, so no two can wait
// for each other. Call the returned function when done; another call does nothing, and neither does one after an error.
func (t *turns) take(ctx context.Context, tenant uuid.UUID, streams []Stream) (func(), error) {
	if len(streams) == 0 {
		return func() {}, nil
	}
	mine := make(chan struct{})
	var before []chan struct{}
	t.mu.Lock()
	for _, s := range streams {
		ref := stateRef{tenant, s}
		if c := t.tail[ref]; c != nil && c != mine {
			before = append(before, c)
		}
		t.tail[ref] = mine
	}
	t.mu.Unlock()

	leave := sync.OnceFunc(func() {
		t.mu.Lock()
		for _, s := range streams {
			if ref := (stateRef{tenant, s}); t.tail[ref] == mine {
				delete(t.tail, ref)
			}
		}
		t.mu.Unlock()
		close(mine)
	})
	for i, c := range before {
		select {
		case <-c:
		case <-ctx.Done():
			go func() { // those behind us still wait for those before us
				for _, c := range before[i:] {
					<-c
				}
				leave()
			}()
			return func() {}, ctx.Err()
		}
	}
	return leave, nil
}

// place is where a caller is at the streams that it decides alone for: in the line of this node, and at the gate between the nodes.
type place struct {
	log     *Log
	tenant  uuid.UUID
	streams []Stream
	line    func() // leaves it; nil while not in it
	gate    func() // leaves it; nil while not inside
}

// take waits for the caller's turn. One that lost the streams to another node has it alone, until it leaves, unless somebody before it
// in line has won them back: then it decides upon that one, like everybody.
func (p *place) take(ctx context.Context, lost bool) (alone bool, err error) {
	if p.line == nil {
		if p.line, err = p.log.turns.take(ctx, p.tenant, p.streams); err != nil {
			return false, err
		}
	}
	if p.gate != nil {
		return true, nil
	}
	remembered := len(p.streams) > 0
	for _, s := range p.streams {
		c, ok := p.log.states.Peek(stateRef{p.tenant, s})
		if remembered = remembered && ok; ok && c.run.long() {
			p.log.passGate(ctx, stateRef{p.tenant, s})
		}
	}
	if !lost || remembered {
		return false, nil
	}
	p.gate = p.log.enterGate(ctx, p.tenant, p.streams)
	return true, nil
}

// next lets who is next in line decide upon this caller's decision at once, so that many share a commit.
func (p *place) next() { p.line(); p.line = nil }

func (p *place) leave() {
	for _, leave := range []func(){p.gate, p.line} {
		if leave != nil {
			leave()
		}
	}
}
