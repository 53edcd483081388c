package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// duplicates is the shortest window a server takes. The expected sequence keeps repetitions out; a window as usual, two
	// minutes, would only hold millions of ids in memory.
	duplicates = 100 * time.Millisecond
	// replicas are what a new stream has in a cluster of as many brokers. With two, the loss of either would stop it.
	replicas = 3
)

// Why a broker refuses a stream; the client has no names for these.
const (
	noPeers      jetstream.ErrorCode = 10005 // a cluster has fewer brokers than replicas are asked for
	noRoom       jetstream.ErrorCode = 10047
	notClustered jetstream.ErrorCode = 10074 // more than one replica
)

func refusedFor(err error, codes ...jetstream.ErrorCode) bool {
	refusal, ok := errors.AsType[*jetstream.APIError](err)
	return ok && slices.Contains(codes, refusal.ErrorCode)
}

// Retention is how much each of the lanes may keep on a bus that has room bytes of the disk on which the log grows as well: together half.
func Retention(room int64, lanes int) int64 {
	return min(max(room/2/int64(lanes), leastMaxBytes), defaultMaxBytes)
}

// create makes the stream, with replicas where the brokers are enough for them.
func (r *Relay) create(ctx context.Context, js jetstream.JetStream, first uint64) error {
	c := r.config(jetstream.StreamConfig{FirstSeq: first, Replicas: replicas})
	err := r.fit(ctx, c, 0, js.CreateStream)
	if refusedFor(err, noPeers, notClustered) {
		c.Replicas = 1
		err = r.fit(ctx, c, 0, js.CreateStream)
	}
	return err
}

// fit asks for a stream, as long as the broker has no room for it with half as much, but not with less than it has already. A bus
// that keeps less loses nothing: whoever needs more reads the log.
func (r *Relay) fit(ctx context.Context, c jetstream.StreamConfig, has int64,
	ask func(context.Context, jetstream.StreamConfig) (jetstream.Stream, error),
) error {
	for {
		_, err := ask(ctx, c)
		less := max(c.MaxBytes/2, has, leastMaxBytes)
		if !refusedFor(err, noRoom) || less >= c.MaxBytes {
			if err == nil && c.MaxBytes < r.MaxBytes {
				r.Logger.WarnContext(ctx, "the broker has no room for more", "stream", c.Name, "bytes", c.MaxBytes, "wanted", r.MaxBytes)
			}
			return err
		}
		c.MaxBytes = less
	}
}

// config is what the stream should be; what it does not care about stays as an operator set it.
func (r *Relay) config(c jetstream.StreamConfig) jetstream.StreamConfig {
	c.Name = StreamName(r.Lane)
	c.Description = "The log of lane " + fmt.Sprint(r.Lane) + ": sequence = position. A copy; the log refills it."
	c.Subjects = []string{Subjects(r.Lane)}
	c.Discard = jetstream.DiscardOld
	c.MaxAge, c.MaxBytes = r.MaxAge, r.MaxBytes
	c.Duplicates = duplicates
	c.AllowDirect = false // a direct answer may come from a follower that is behind
	return c
}

// configure brings an existing stream to what is asked for now.
func (r *Relay) configure(ctx context.Context, js jetstream.JetStream) error {
	stream, err := js.Stream(ctx, StreamName(r.Lane))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read stream: %w", err)
	}
	have := stream.CachedInfo().Config
	want := r.config(have)
	same := slices.Equal(have.Subjects, want.Subjects) && have.Discard == want.Discard && have.MaxAge == want.MaxAge &&
		have.MaxBytes == want.MaxBytes && have.Duplicates == want.Duplicates && have.AllowDirect == want.AllowDirect
	if same || unfit(have) {
		return nil
	}
	if err := r.fit(ctx, want, have.MaxBytes, js.UpdateStream); err != nil && !refusedFor(err, noRoom) { // then it goes on as it is
		return fmt.Errorf("configure stream: %w", err)
	}
	return nil
}

// unfit tells a stream that cannot become one of ours: whoever made it meant something else.
func unfit(c jetstream.StreamConfig) bool {
	return c.Retention != jetstream.LimitsPolicy || c.Storage != jetstream.FileStorage || c.Sealed || c.Mirror != nil || len(c.Sources) > 0
}
