package guard

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/streamflow/streamflow/api/problem"
)

// maxFieldErrors bounds how many findings one answer lists; a hostile body could make millions.
const maxFieldErrors = 20

// CheckJSON holds data to what every JSON body must be, whatever it is decoded into. Not one well-formed value in
// valid UTF-8 with each member once: 400 malformed_json. A control character other than tab and line ends in a
// string, or any in a member's name, and a number that an IEEE double does not tell from its neighbours (RFC 7493):
// 422 with the field. Nil means that data passed.
func CheckJSON(data []byte) *problem.Problem {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	var found []problem.FieldError
	for values := 0; ; {
		token, err := dec.ReadToken()
		switch {
		case errors.Is(err, io.EOF) && values == 1:
			if len(found) > 0 {
				return problem.Invalid(found...)
			}
			return nil
		case errors.Is(err, io.EOF):
			return problem.New(problem.MalformedJSON, "The body is empty.")
		case err != nil:
			return malformed(err)
		case values == 1:
			return problem.New(problem.MalformedJSON, "There is data after the value.")
		}
		if e, bad := checkToken(dec, token); bad && len(found) < maxFieldErrors {
			found = append(found, e)
		}
		if dec.StackDepth() == 0 {
			values++
		}
	}
}

// checkToken judges the token that dec has just read.
func checkToken(dec *jsontext.Decoder, token jsontext.Token) (problem.FieldError, bool) {
	switch token.Kind() {
	case '"':
		container, length := dec.StackIndex(dec.StackDepth())
		isName := container == '{' && length%2 == 1
		if hasControl(token.String(), isName) {
			return problem.FieldError{Field: fieldOf(dec.StackPointer()), Code: problem.FieldControlCharacter,
				Message: "must not hold control characters"}, true
		}
	case '0':
		if !exactNumber(token.String()) {
			return problem.FieldError{Field: fieldOf(dec.StackPointer()), Code: problem.FieldOutOfRange,
				Message: "must be an integer within ±(2^53-1), or a decimal of at most 15 digits"}, true
		}
	}
	return problem.FieldError{}, false
}

// hasControl looks for the characters of Unicode's category Cc. Text may have lines and tabs; a name may not.
func hasControl(s string, isName bool) bool {
	for _, r := range s {
		if r == '\t' || r == '\n' || r == '\r' {
			if isName {
				return true
			}
			continue
		}
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return true
		}
	}
	return false
}

// maxSafeInteger is 2^53-1, the last integer that a double tells from both its neighbours.
const maxSafeInteger = "9007199254740991"

// exactNumber reports whether the JSON number survives a double: an integer up to maxSafeInteger, or anything of at
// most 15 significant digits and a moderate exponent. It works on the text, because a parsed number has lost what
// is asked about.
func exactNumber(text string) bool {
	text = strings.TrimPrefix(text, "-")
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(text), "e")
	if hasExponent && len(strings.TrimLeft(strings.TrimLeft(exponent, "+-"), "0")) > 2 {
		return strings.Trim(mantissa, "0.") == "" // a zero is one with any exponent
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	fraction = strings.TrimRight(fraction, "0")
	if fraction == "" && !hasExponent {
		return len(whole) < len(maxSafeInteger) || len(whole) == len(maxSafeInteger) && whole <= maxSafeInteger
	}
	return len(strings.Trim(whole+fraction, "0")) <= 15 && len(whole) <= 200 && len(fraction) <= 200
}

// DecodeJSON decodes data into v (a pointer), as strictly as the contract asks: what CheckJSON refuses, and unknown
// or wrongly cased members, and values of the wrong type or range, are problems; nothing is guessed.
func DecodeJSON(data []byte, v any) *problem.Problem {
	if p := CheckJSON(data); p != nil {
		return p
	}
	err := json.Unmarshal(data, v, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		return malformed(err)
	}
	found := problem.FieldError{Field: fieldOf(semantic.JSONPointer), Code: problem.FieldWrongType,
		Message: "has the wrong type or is out of range"}
	if errors.Is(err, json.ErrUnknownName) {
		found.Code, found.Message = problem.FieldUnknown, "is not a field here; names are case-sensitive"
	}
	return problem.Invalid(found)
}

// UnmarshalJSON is DecodeJSON in the form that an API framework's format table takes.
func UnmarshalJSON(data []byte, v any) error {
	if p := DecodeJSON(data, v); p != nil {
		return p
	}
	return nil
}

// MarshalJSON writes v. Members of maps are sorted, so that the same answer is the same bytes.
func MarshalJSON(w io.Writer, v any) error {
	return json.MarshalWrite(w, v, json.Deterministic(true))
}

// malformed tells what is wrong with the syntax and never quotes it; the library's own message does.
func malformed(err error) *problem.Problem {
	detail := "The body is not one well-formed JSON value."
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		detail = "An object names a member twice."
	case errors.Is(err, io.ErrUnexpectedEOF):
		detail = "The body ends early."
	case errors.As(err, &syntactic) && strings.Contains(syntactic.Err.Error(), "UTF-8"):
		detail = "A string is not valid UTF-8."
	}
	return problem.New(problem.MalformedJSON, detail)
}

// maxFieldLength bounds a place in an answer, in bytes: names in a body are the caller's to choose.
const maxFieldLength = 200

// fieldOf writes a JSON pointer (RFC 6901) the way people write it: lines[0].unitAmount.
func fieldOf(pointer jsontext.Pointer) string {
	var field strings.Builder
	for name := range pointer.Tokens() {
		switch {
		case name != "" && strings.Trim(name, "0123456789") == "":
			field.WriteString("[" + name + "]")
		case field.Len() > 0:
			field.WriteString("." + name)
		default:
			field.WriteString(name)
		}
		if field.Len() > maxFieldLength {
			break
		}
	}
	text := field.String()
	if len(text) > maxFieldLength {
		text = text[:maxFieldLength]
		for !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return utf8.RuneError
		}
		return r
	}, text)
}
