package guard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/streamflow/streamflow/api/problem"
)

// MaxBody is the limit of a request's body, in bytes. Imports are read elsewhere, as a stream, with a limit of their own.
const MaxBody = 1 << 20

type bodyKey struct{}

// ReadBody reads the whole body, up to MaxBody, before anything else looks at it: the signature, the fingerprint and
// the decoder must see the same bytes. They are on the context for Body, and r.Body gives them once more. A longer
// body is the problem payload_too_large, a compressed one unsupported_media_type: what was signed and what was meant
// must not differ by a decompressor.
func ReadBody(next http.Handler) http.Handler {
	return ReadBodyBut(func(*http.Request) bool { return false })(next)
}

// ReadBodyBut is [ReadBody] for all requests but those whose body the route reads itself, as a stream.
func ReadBodyBut(streams func(*http.Request) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler { return readBody(streams, next) }
}

func readBody(streams func(*http.Request) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
			problem.Write(w, r, problem.New(problem.UnsupportedMediaType, "A request body may not be compressed."))
			return
		}
		if streams(r) {
			next.ServeHTTP(w, r)
			return
		}
		if r.ContentLength > MaxBody {
			tooLarge(w, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
		var tooLong *http.MaxBytesError
		switch {
		case errors.As(err, &tooLong):
			tooLarge(w, r)
			return
		case err != nil:
			problem.Write(w, r, problem.New(problem.MalformedRequest, "The body could not be read to its end."))
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), bodyKey{}, body))
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

func tooLarge(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close") // reading the rest only to throw it away would serve nobody
	problem.Write(w, r, problem.New(problem.PayloadTooLarge, ""))
}

// Body returns the bytes that ReadBody read. They must not be changed.
func Body(ctx context.Context) []byte {
	body, _ := ctx.Value(bodyKey{}).([]byte)
	return body
}

// CheckMediaType holds a request with a body to JSON: application/json or any +json type, in UTF-8. Nil means that
// it is, or that there is no body.
func CheckMediaType(h http.Header, body []byte) *problem.Problem {
	if len(body) == 0 {
		return nil
	}
	mediaType, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || len(h.Values("Content-Type")) > 1 || mediaType != "application/json" && !strings.HasSuffix(mediaType, "+json") {
		return problem.New(problem.UnsupportedMediaType, "The body must be application/json.")
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return problem.New(problem.UnsupportedMediaType, "JSON is UTF-8.")
	}
	return nil
}
