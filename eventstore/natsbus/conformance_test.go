package natsbus

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
)

// pubSubs makes Watermill's constructors: one group for all, or the group it asks for.
func pubSubs(b *testBus, inFlight int) (tests.PubSubConstructor, tests.ConsumerGroupPubSubConstructor) {
	group := func(t *testing.T, durable string) (message.Publisher, message.Subscriber) {
		return NewPublisher(b.js), b.subscriber(t, SubscriberConfig{
			Durable: durable, MaxInFlight: inFlight,
			AckWait: 5 * time.Second, Grace: 50 * time.Millisecond, Backoff: []time.Duration{time.Millisecond},
		})
	}
	return func(t *testing.T) (message.Publisher, message.Subscriber) { return group(t, "all") }, group
}

// TestConformance runs Watermill's suite with what holds at one message in flight: order across all subscribers of a group
// and through redeliveries. A crash between a handler's end and its acknowledgement repeats a message, so delivery is not
// called exactly once; that also makes the suite run its tests of closing under load. See [TestServerRestarts] for reconnecting.
func TestConformance(t *testing.T) {
	one, group := pubSubs(newBus(t), 1)
	tests.TestPubSub(t, tests.Features{
		ConsumerGroups:  true,
		GuaranteedOrder: true,
		Persistent:      true,
	}, one, group)
}

// TestConformancePrefetched runs it with many messages in flight, and counts every repetition as a failure: without a crash
// there is none. Order then holds for each subscriber.
func TestConformancePrefetched(t *testing.T) {
	one, group := pubSubs(newBus(t), 100)
	tests.TestPubSub(t, tests.Features{
		ConsumerGroups:                      true,
		ExactlyOnceDelivery:                 true,
		GuaranteedOrder:                     true,
		GuaranteedOrderWithSingleSubscriber: true,
		Persistent:                          true,
	}, one, group)
}

// TestConformanceNewGroup: a group that is new sees what others consumed long ago.
func TestConformanceNewGroup(t *testing.T) {
	_, group := pubSubs(newBus(t), 1)
	id := tests.NewTestID()
	tests.TestNewSubscriberReceivesOldMessages(t, tests.TestContext{
		TestID:   id,
		Features: tests.Features{NewSubscriberReceivesOldMessages: true, Persistent: true},
	}, func(t *testing.T) (message.Publisher, message.Subscriber) { return group(t, watermill.NewShortUUID()) })
}

// TestConformanceStress runs the suite against itself, in parallel.
func TestConformanceStress(t *testing.T) {
	t.Setenv("STRESS_TEST_COUNT", "2")
	one, group := pubSubs(newBus(t), 1)
	tests.TestPubSubStressTest(t, tests.Features{
		ConsumerGroups:  true,
		GuaranteedOrder: true,
		Persistent:      true,
		ForceShort:      true,
	}, one, group)
}
