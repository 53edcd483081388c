package rate

import (
	"hash/maphash"
	"sync"
)

const (
	shards = 64
	// perShard bounds what strangers can make a node remember: 64 × 2,048 keys are some 20 MB.
	perShard = 2048
	// sampled is how many buckets are looked at to find one to drop; the stalest of a few is stale enough.
	sampled = 8
)

var seed = maphash.MakeSeed()

// table holds the buckets of a node, bounded. A bucket that is dropped takes its unused tokens with it, so dropping
// can only admit less. The zero table is ready.
type table struct {
	shards [shards]struct {
		mu      sync.Mutex
		buckets map[string]*bucket
	}
}

func (t *table) get(policy, key string, now int64) *bucket {
	name := policy + "\x00" + key
	s := &t.shards[maphash.String(seed, name)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.buckets[name]
	if !ok {
		if s.buckets == nil {
			s.buckets = map[string]*bucket{}
		}
		if len(s.buckets) >= perShard {
			delete(s.buckets, stalest(s.buckets))
		}
		b = &bucket{}
		s.buckets[name] = b
	}
	b.used.Store(now)
	return b
}

// stalest names the bucket of a few random ones that was asked for least recently.
func stalest(buckets map[string]*bucket) string {
	name, oldest, seen := "", int64(0), 0
	for candidate, b := range buckets {
		if used := b.used.Load(); seen == 0 || used < oldest {
			name, oldest = candidate, used
		}
		if seen++; seen == sampled {
			break
		}
	}
	return name
}
