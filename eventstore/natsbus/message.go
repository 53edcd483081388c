package natsbus

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Metadata that a [Subscriber] adds to every message, about this delivery of it. A [Publisher] leaves these names out:
// they would be untrue of the message's next delivery.
const (
	MetadataStream     = "sf-stream"     // the JetStream stream it was read from
	MetadataSequence   = "sf-sequence"   // its sequence in that stream
	MetadataSubject    = "sf-subject"    // the subject it was published on
	MetadataDeliveries = "sf-deliveries" // how often it has been delivered, this time included
)

// brokerPrefix begins the headers that instruct the server. They belong to one publish: carried over into another one, an
// expected sequence for example, they would make the server refuse it.
const brokerPrefix = "Nats-"

// controlHeader makes the client library take a message without a payload for a word from the server.
const controlHeader = "Status"

// encode turns metadata into headers. Values lose line breaks and outer spaces, as header values do; the client library
// refuses a name that cannot be a header.
func encode(subject string, msg *message.Message) (*nats.Msg, error) {
	encoded := &nats.Msg{Subject: subject, Data: msg.Payload, Header: nats.Header{}}
	for name, value := range msg.Metadata {
		switch {
		case strings.HasPrefix(name, brokerPrefix), name == MetadataStream, name == MetadataSequence,
			name == MetadataSubject, name == MetadataDeliveries:
		case name == controlHeader && len(msg.Payload) == 0:
			return nil, fmt.Errorf("metadata name %q needs a payload: no subscriber would see the message", name)
		default:
			encoded.Header[name] = []string{value}
		}
	}
	if msg.UUID != "" {
		encoded.Header.Set(jetstream.MsgIDHeader, msg.UUID)
	}
	return encoded, nil
}

// decode turns headers into metadata; several values of one header are joined by ", ", as HTTP does.
// A message that was published without an id is known by its place in the stream.
func decode(raw jetstream.Msg) (*message.Message, uint64, error) {
	delivery, err := raw.Metadata()
	if err != nil {
		return nil, 0, fmt.Errorf("read delivery of a message on %s: %w", raw.Subject(), err)
	}
	id := raw.Headers().Get(jetstream.MsgIDHeader)
	if id == "" {
		id = fmt.Sprintf("%s-%d", delivery.Stream, delivery.Sequence.Stream)
	}
	msg := message.NewMessage(id, raw.Data())
	for name, values := range raw.Headers() {
		if !strings.HasPrefix(name, brokerPrefix) {
			msg.Metadata.Set(name, strings.Join(values, ", "))
		}
	}
	msg.Metadata.Set(MetadataStream, delivery.Stream)
	msg.Metadata.Set(MetadataSequence, strconv.FormatUint(delivery.Sequence.Stream, 10))
	msg.Metadata.Set(MetadataSubject, raw.Subject())
	msg.Metadata.Set(MetadataDeliveries, strconv.FormatUint(delivery.NumDelivered, 10))
	return msg, delivery.NumDelivered, nil
}
