package projections

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/domain"
)

// Form is how a parameter's value is written.
type Form struct {
	Kind   FormKind
	Values []string // the only ones that there are
}

// FormKind is what a parameter's value is.
type FormKind int

// The kinds of a value.
const (
	Text   FormKind = iota
	ID              // UUID
	IDs             // UUIDs with commas between
	Flag            // true or false
	Number          // a whole one
	Day             // like 2026-03-31
	Time            // RFC 3339, or a day, which begins at midnight UTC
)

// read gives the value as a statement takes it, or says what it should be.
func (f Form) read(text string) (any, error) {
	switch f.Kind {
	case ID:
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, errors.New("is not an id")
		}
		return id.String(), nil
	case IDs:
		return readIDs(text)
	case Flag:
		if text != "true" && text != "false" {
			return nil, errors.New("is true or false")
		}
		return text == "true", nil
	case Number:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, errors.New("is not a whole number")
		}
		return n, nil
	case Day, Time:
		return f.readTime(text)
	}
	if len(f.Values) > 0 {
		if !slices.Contains(f.Values, text) {
			return nil, errors.New("is one of " + strings.Join(f.Values, ", "))
		}
		return text, nil
	}
	text = strings.ToLower(strings.TrimSpace(text))
	var check domain.Check
	check.Line("", text, domain.MaxName)
	if text == "" || check.Err() != nil {
		return nil, fmt.Errorf("is 1 to %d characters of text", domain.MaxName)
	}
	return text, nil
}

// maxIDs is how many records a list can be asked for by their ids: those of a page.
const maxIDs = 100

func readIDs(text string) (any, error) {
	ids := strings.Split(text, ",")
	for i := range ids {
		id, err := uuid.Parse(ids[i])
		if err != nil || len(ids) > maxIDs {
			return nil, fmt.Errorf("is up to %d ids with commas between", maxIDs)
		}
		ids[i] = id.String()
	}
	return ids, nil
}

func (f Form) readTime(text string) (any, error) {
	day, err := domain.ParseDate(text)
	switch {
	case f.Kind == Day && err != nil:
		return nil, errors.New("is not a date like 2026-03-31")
	case f.Kind == Day:
		return string(day), nil
	case err == nil:
		return day.Time(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, errors.New("is not a time like 2026-03-31T12:00:00Z")
	}
	return at, nil
}
