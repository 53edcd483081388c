package eventstore

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// Mark is a position in one lane, in one epoch of it.
type Mark struct {
	Epoch    int
	Position int64
}

// Cursor names a position in each lane it knows of: a prefix of the log. A lane that is absent is at 0.
type Cursor map[int]Mark

// ErrCursor: a token was not made by this installation, or was changed.
var ErrCursor = errors.New("invalid cursor")

// cursorMAC is how many bytes of the HMAC a token carries: enough that guessing is hopeless, short enough for a header.
const cursorMAC = 12

// Token is the cursor's opaque form for clients.
func (l *Log) Token(c Cursor) string {
	b := []byte{1}
	for _, lane := range slices.Sorted(maps.Keys(c)) {
		b = binary.AppendUvarint(b, uint64(lane))
		b = binary.AppendUvarint(b, uint64(c[lane].Epoch))
		b = binary.AppendUvarint(b, uint64(c[lane].Position))
	}
	return base64.RawURLEncoding.EncodeToString(append(b, l.cursorSum(b)...))
}

// ParseToken reads a token, or says [ErrCursor].
func (l *Log) ParseToken(token string) (Cursor, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 1+cursorMAC {
		return nil, ErrCursor
	}
	b, sum := b[:len(b)-cursorMAC], b[len(b)-cursorMAC:]
	if !hmac.Equal(sum, l.cursorSum(b)) || b[0] != 1 {
		return nil, ErrCursor
	}
	c := Cursor{}
	for b = b[1:]; len(b) > 0; {
		var v [3]uint64
		for i := range v {
			value, n := binary.Uvarint(b)
			if n <= 0 {
				return nil, ErrCursor
			}
			v[i], b = value, b[n:]
		}
		c[int(v[0])] = Mark{Epoch: int(v[1]), Position: int64(v[2])}
	}
	return c, nil
}

func (l *Log) cursorSum(b []byte) []byte {
	mac := hmac.New(sha256.New, l.cursorKey[:])
	mac.Write(b)
	return mac.Sum(nil)[:cursorMAC]
}

// CursorOf is where a command's outcome is visible. The epoch is the one this node knows; a lane that went back since makes it
// compare as not reached, never as reached by mistake.
func (l *Log) CursorOf(o Outcome) Cursor {
	return Cursor{o.Lane: Mark{Epoch: l.Epoch(o.Lane), Position: o.Last()}}
}

// Columns is the cursor as arrays for a statement: lanes and positions.
func (c Cursor) Columns() (lanes []int16, positions []int64) {
	for lane, mark := range c {
		lanes, positions = append(lanes, int16(lane)), append(positions, mark.Position)
	}
	return lanes, positions
}
