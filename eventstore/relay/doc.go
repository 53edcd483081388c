// Package relay publishes the log to JetStream: one stream per lane, in which a message's sequence is its event's position.
//
// # What it promises
//
// Every message in the stream has sequence = position and the log's event id, in order, and none is there twice, whatever
// happens to the relay, its node, the broker or the stream. Each publish states the sequence it expects to follow, so the broker
// itself refuses a second writer, a hole and a repetition; a relay that still believes that it holds the lease can do no harm.
//
// The relay keeps no checkpoint. It resumes from what the stream's leader says, after checking that the last event there is the
// log's. What the stream lost at its end is published again. A stream that is gone, emptied, or not of this log is made afresh
// from the oldest position within retention. Only when the stream holds events of this installation that the log has no longer
// did the database itself go back; then the lane's epoch rises too.
//
// # What it does not promise
//
// What retention, an operator or a lost disk took out of the middle of a stream stays out: sequences cannot be given again. Who
// finds a hole reads it from the log. And when a database goes back while its stream is lost as well, nothing is left that knows.
//
// Start reading at [Relay.Run].
package relay
