package contract_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/streamflow/streamflow/api/contract"
	"github.com/streamflow/streamflow/commands"
	"github.com/streamflow/streamflow/domain"
	"github.com/streamflow/streamflow/domain/lead"
	"github.com/streamflow/streamflow/domain/money"
	"github.com/streamflow/streamflow/eventstore"
	"github.com/streamflow/streamflow/eventstore/relay"
)

type hidden struct {
	Secret *string `json:"secret"`
	Name   string  `json:"name"` // the outer one wins
}

type embedding struct {
	Named struct {
		Level int `json:"level"`
	} `json:",embed"`
	hidden
	Name    string         `json:"name"`
	On      domain.Date    `json:"on,omitempty"`
	Share   money.Decimal  `json:"share"`
	Owner   uuid.UUID      `json:"owner"`
	Parent  *money.Amount  `json:"parent"`
	List    []money.Amount `json:"list"`
	Unseen  string         `json:"-"`
	private string
}

func TestSchemaIsWhatTheJSONLibraryWrites(t *testing.T) {
	t.Parallel()
	schemas := contract.NewSchemas("#/s/")
	schemas.Of(embedding{private: ""})
	text, err := json.Marshal(schemas.Map()["Embedding"])
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"type":"object","additionalProperties":false,"properties":{` +
		`"level":{"type":"integer","format":"int64"},` +
		`"list":{"type":"array","items":{"$ref":"#/s/Money"}},` +
		`"name":{"type":"string"},` +
		`"on":{"type":"string","format":"date"},` +
		`"owner":{"type":"string","format":"uuid"},` +
		`"parent":{"anyOf":[{"$ref":"#/s/Money"},{"type":"null"}]},` +
		`"secret":{"type":["string","null"]},` +
		`"share":{"type":"number","description":"Exact, of at most six decimals"}},` +
		`"required":["name","share","owner","parent","list","level","secret"]}`
	if got := string(text); !sameJSON(t, got, want) {
		t.Errorf("schema\n%s\nwant\n%s", got, want)
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		t.Fatalf("no JSON: %s, %s", a, b)
	}
	return reflect.DeepEqual(x, y)
}

func TestNames(t *testing.T) {
	t.Parallel()
	for want, typ := range map[string]reflect.Type{
		"Lead":      reflect.TypeFor[commands.Record[lead.State]](),
		"LeadState": reflect.TypeFor[lead.State](), "LeadDetails": reflect.TypeFor[lead.Details](), "LeadPatch": reflect.TypeFor[domain.Patch[lead.Details]](),
		"Money": reflect.TypeFor[money.Amount](), "Actor": reflect.TypeFor[eventstore.Actor](), "": reflect.TypeFor[struct{ A int }](),
	} {
		if got := contract.NameOf(typ); got != want {
			t.Errorf("%v is called %q, want %q", typ, got, want)
		}
	}
}

func TestTwoTypesOfOneNamePanic(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("one of the two was dropped silently")
		}
	}()
	schemas := contract.NewSchemas("#/")
	schemas.Of(eventstore.Actor{})
	type Actor struct{ Other bool }
	schemas.Of(Actor{})
}

func TestOnlyWhatIsReadIsClosed(t *testing.T) {
	t.Parallel()
	type inner struct{ A int }
	type asked struct{ Inner inner }
	type answered struct{ Inner inner }
	schemas := contract.NewSchemas("#/")
	taken := schemas.Of(asked{})
	schemas.Of(answered{})
	schemas.Open([]*huma.Schema{taken})
	for name, closed := range map[string]bool{"Asked": true, "Inner": true, "Answered": false} {
		if got := schemas.Map()[name].AdditionalProperties == false; got != closed {
			t.Errorf("%s closed: %v, want %v", name, got, closed)
		}
	}
}

// bus is the document of the events, as a subscriber's validator reads it, without leave for members that it does not name.
func bus(t *testing.T) (document map[string]any, compiler *jsonschema.Compiler) {
	t.Helper()
	registry, err := commands.Registry()
	if err != nil {
		t.Fatal(err)
	}
	text, err := contract.AsyncAPI(registry, "1")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	document = value.(map[string]any)
	for _, schema := range document["components"].(map[string]any)["schemas"].(map[string]any) {
		schema.(map[string]any)["additionalProperties"] = false
	}
	compiler = jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("bus.json", document); err != nil {
		t.Fatal(err)
	}
	return document, compiler
}

// TestEveryEventIsDescribed: every golden sample is as the schema of its type says, and every type has a channel and a sample.
func TestEveryEventIsDescribed(t *testing.T) {
	t.Parallel()
	document, compiler := bus(t)
	samples, err := filepath.Glob("../../domain/*/testdata/events/*.json")
	if err != nil || len(samples) == 0 {
		t.Fatalf("%d samples, %v", len(samples), err)
	}
	left := map[string]bool{}
	for typ, channel := range document["channels"].(map[string]any) {
		left[typ] = true
		if address := channel.(map[string]any)["address"]; address != "streamflow.log.{lane}."+typ {
			t.Errorf("%s is on %v", typ, address)
		}
	}
	for _, path := range samples {
		typ := filepath.Base(path)
		typ = typ[:strings.LastIndex(typ, ".v")]
		delete(left, typ)
		schema, err := compiler.Compile("bus.json#/components/messages/" + typ + "/payload")
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for typ := range left {
		t.Errorf("%s has no sample", typ)
	}
}

func TestPersonalFieldsAreMarked(t *testing.T) {
	t.Parallel()
	document, _ := bus(t)
	created := document["components"].(map[string]any)["schemas"].(map[string]any)["LeadCreated"].(map[string]any)["properties"].(map[string]any)
	for name, want := range map[string]any{"email": "subject", "company": nil} {
		if got := created[name].(map[string]any)["x-personal"]; got != want {
			t.Errorf("%s is marked %v, want %v", name, got, want)
		}
	}
}

// TestHeadersAreThoseOfTheRelay: what the relay sends with an event is what the document says.
func TestHeadersAreThoseOfTheRelay(t *testing.T) {
	t.Parallel()
	_, compiler := bus(t)
	schema, err := compiler.Compile("bus.json#/components/schemas/Headers")
	if err != nil {
		t.Fatal(err)
	}
	for _, optional := range []bool{true, false} {
		event := eventstore.Event{ID: uuid.New(), Lane: 1, Position: 7, Tenant: uuid.New(), Stream: "lead-1", Version: 2, Type: "lead.created", SchemaVersion: 1,
			RecordedAt: time.Now(), CommandID: uuid.New(), CorrelationID: "c", Actor: eventstore.Actor{Kind: "user", ID: "u", Via: "client"}}
		if optional {
			event.CausationID, event.EffectiveAt = uuid.New(), time.Now()
		}
		headers := map[string]any{}
		for name, values := range relay.Message(event, "here", 1).Header {
			headers[name] = values[0]
		}
		if err := schema.Validate(headers); err != nil {
			t.Error(err)
		}
	}
}
