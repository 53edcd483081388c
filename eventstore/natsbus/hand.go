package natsbus

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Answer says how handing out a message ended.
type Answer int

// The ways in which [Hand] ends.
const (
	Acked      Answer = iota // done
	Nacked                   // refused: hand it out again
	Untaken                  // ctx ended before anyone took it
	Unanswered               // ctx ended, and the grace, while a handler had it
)

// Hand gives a message to out and waits for its answer. When ctx ends, whoever has the message may go on for as long as
// grace before the message's context ends too: a deployment need not cut a running handler short.
func Hand(ctx context.Context, out chan<- *message.Message, msg *message.Message, grace time.Duration) Answer {
	handling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	msg.SetContext(handling)
	select {
	case <-ctx.Done(): // first of all: select alone would pick at random
		return Untaken
	default:
	}
	select {
	case out <- msg:
	case <-ctx.Done():
		return Untaken
	}
	select {
	case <-msg.Acked():
		return Acked
	case <-msg.Nacked():
		return Nacked
	case <-ctx.Done():
	}
	patience := time.NewTimer(grace)
	defer patience.Stop()
	select {
	case <-msg.Acked():
		return Acked
	case <-msg.Nacked():
		return Nacked
	case <-patience.C:
		return Unanswered
	}
}
