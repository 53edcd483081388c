package guard

import (
	"context"
	"net/http"

	"github.com/google/uuid"
)

// CorrelationHeader ties a request to everything that it causes, over processes.
const CorrelationHeader = "X-Correlation-Id"

// maxCorrelation bounds the id a caller may choose, in bytes: it is stored on every event.
const maxCorrelation = 128

type correlationKey struct{}

// WithCorrelation takes the caller's X-Correlation-Id, where it is one line of at most 128 visible ASCII characters,
// or makes a UUIDv7; it puts the id on the context and on the answer. A malformed id is replaced, not refused: it is
// there to help, and must never be what fails a request.
func WithCorrelation(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := ""
		if lines := r.Header.Values(CorrelationHeader); len(lines) == 1 {
			id = lines[0]
		}
		if id == "" || len(id) > maxCorrelation || !visibleASCII(id) {
			id = newCorrelationID()
		}
		w.Header().Set(CorrelationHeader, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), correlationKey{}, id)))
	})
}

func newCorrelationID() string {
	id, err := uuid.NewV7()
	if err != nil {
		panic(err) // only a broken source of randomness gets here, and crypto/rand aborts the program first
	}
	return id.String()
}

// CorrelationID returns the id of the request that ctx belongs to, or "" outside of one.
func CorrelationID(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}
