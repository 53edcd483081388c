// Package eventstore is the log: ordered, durable facts in Postgres, and the exact conditions under which they are added.
//
// # What it promises
//
//   - Order. Positions of a lane are 1, 2, 3 … without a gap, and commit order is position order: an append takes its
//     lane's head row's lock as its own first statement and holds it until the commit is visible. A reader therefore sees
//     a prefix, always, with nothing more than "position > $1 order by position".
//   - Atomicity. An append is one command, any number of streams, conditions on other streams, claims and subject keys:
//     all of it or none of it, decided exactly at its position, under any concurrency.
//   - One outcome. A command id ends in one permanent row, for acceptance, a rule's refusal and "already so" alike. A
//     repeat gets that outcome; a repeat with another payload is told so.
//   - Privacy. Personal fields are encrypted per data subject before they are stored; destroying the key erases them.
//
// # What it does not promise
//
// There is no order between lanes, and no append crosses one. An append whose answer was lost may have happened: repeat it
// with the same command id.
//
// Start reading at [Log.Update].
package eventstore
