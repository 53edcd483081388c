// Package seal makes the log tamper-evident: a signed Merkle tree over the positions of each lane.
//
// # What it promises
//
// Once an event is sealed, nothing of it can change, vanish, move or be put before it without the stored seals, or any copy of a
// later one, telling. The tree is RFC 6962's, with position n as leaf n-1; its head is signed as a C2SP checkpoint. Within a second
// of a commit, or 4,096 events if that is sooner, a seal covers it. Writers never wait for one, and it locks nothing that they need.
//
// A lane's seals are a chain: each extends the one before it, and the table refuses two that extend the same. A sealer that finds
// the log other than it was sealed says so and goes no further; it never replaces a seal.
//
// # The leaf
//
// A leaf is the whole event as it is stored, ciphertext where fields are personal, so a seal outlives an erasure. Integers are
// big-endian; times are microseconds since 1970 in UTC; an id is its 16 bytes.
//
//	bytes  field
//	1      format, 1
//	2      lane
//	8      position
//	16     tenant
//	16     id of the event
//	4      version in its stream
//	2      schema version
//	8      recorded time
//	1      flags: bit 0 an effective time follows, bit 1 a causation id follows
//	8      effective time, where there is one
//	16     command id
//	16     causation id, where there is one
//
// and then seven texts, each as its length in 4 bytes and its bytes: stream, type, correlation id, actor kind, actor id, actor via,
// data. The leaf hash is SHA-256(0x00 ‖ leaf), a node's SHA-256(0x01 ‖ left ‖ right).
//
// # What it does not promise
//
// Before it is sealed an event is as safe as the database. Whoever has both the database and the master key can forge all of it;
// what they cannot change is the seals that others have seen, which is why every seal is published. A database restored from an
// older copy loses its newest seals with its newest events: the lane's epoch then rises, and later seals bear another origin, so
// that no origin ever stands for two histories. Until the relay has noticed, seconds at most, seals still bear the old one.
//
// Start reading at [Sealer.Run].
package seal
