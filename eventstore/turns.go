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
