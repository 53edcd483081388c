package guard

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/streamflow/streamflow/api/problem"
)

// Recover turns a panic of a handler into the problem internal, without a word of detail, and logs it with its stack.
// Where a part of the answer is out already it cuts the connection instead: a client must not take half an answer
// for a whole one.
func Recover(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// chi's wrapper keeps what the writer beneath can do (flush, for event streams) and tells whether
			// anything has been written.
			wrapped := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			defer func() {
				cause := recover()
				if cause == nil {
					return
				}
				if err, ok := cause.(error); ok && err == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
					panic(cause)
				}
				log.ErrorContext(r.Context(), "handler panicked", "panic", fmt.Sprint(cause), "method", r.Method, "path", r.URL.Path,
					"correlation", CorrelationID(r.Context()), "stack", string(debug.Stack()))
				if wrapped.Status() != 0 {
					panic(http.ErrAbortHandler)
				}
				problem.Write(w, r, problem.New(problem.Internal, ""))
			}()
			next.ServeHTTP(wrapped, r)
		})
	}
}
