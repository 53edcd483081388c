package eventstore_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/streamflow/streamflow/eventstore"
)

func TestCommandID(t *testing.T) {
	t.Parallel()
	tenant := uuid.MustParse("0197a1b2-0000-7000-8000-000000000001")
	id := eventstore.CommandID(tenant, "user-1", "key-1")
	// A changed value here would make every repeat of an earlier request a new command.
	if id.String() != "94a68b7c-6282-8a54-9f4b-a5142637b4b5" {
		t.Errorf("id %s", id)
	}
	if id.Version() != 8 || id.Variant() != uuid.RFC4122 {
		t.Errorf("%s is not a UUIDv8", id)
	}
	for name, other := range map[string]uuid.UUID{
		"tenant": eventstore.CommandID(uuid.Nil, "user-1", "key-1"),
		"caller": eventstore.CommandID(tenant, "user-2", "key-1"),
		"key":    eventstore.CommandID(tenant, "user-1", "key-2"),
		"border": eventstore.CommandID(tenant, "user-1k", "ey-1"),
	} {
		if other == id {
			t.Errorf("another %s gives the same id", name)
		}
	}
}
