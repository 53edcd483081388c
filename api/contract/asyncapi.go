package contract

import (
	"fmt"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/streamflow/streamflow/eventstore"
)

// asyncDocument is AsyncAPI 3.0, as much of it as one direction needs.
type asyncDocument struct {
	AsyncAPI           string                    `json:"asyncapi"`
	Info               map[string]string         `json:"info"`
	DefaultContentType string                    `json:"defaultContentType"`
	Channels           map[string]asyncChannel   `json:"channels"`
	Operations         map[string]asyncOperation `json:"operations"`
	Components         struct {
		Schemas  *Schemas                `json:"schemas"`
		Messages map[string]asyncMessage `json:"messages"`
	} `json:"components"`
}

type asyncChannel struct {
	Address    string                       `json:"address"`
	Parameters map[string]map[string]string `json:"parameters"`
	Messages   map[string]reference         `json:"messages"`
}

type asyncOperation struct {
	Action  string    `json:"action"`
	Channel reference `json:"channel"`
	Summary string    `json:"summary"`
}

type asyncMessage struct {
	Name          string       `json:"name"`
	ContentType   string       `json:"contentType"`
	SchemaVersion int          `json:"x-schema-version"`
	Headers       *huma.Schema `json:"headers"`
	Payload       *huma.Schema `json:"payload"`
}

type reference struct {
	Ref string `json:"$ref"`
}

// Headers are what a message on the bus carries beside its event: CloudEvents 1.0 in binary mode, and what else an event of the
// log is. Free text is percent-encoded.
type Headers struct {
	ID          string `json:"ce-id" format:"uuid" doc:"The event's id"`
	Type        string `json:"ce-type"`
	Source      string `json:"ce-source" doc:"The installation"`
	Subject     string `json:"ce-subject" doc:"The stream: category, a hyphen, the record's id"`
	Time        string `json:"ce-time" format:"date-time" doc:"When it was recorded"`
	SpecVersion string `json:"ce-specversion" enum:"1.0"`
	Tenant      string `json:"sf-tenant" format:"uuid"`
	Position    string `json:"sf-position" pattern:"^[1-9][0-9]*$" doc:"Dense in its lane, and the message's sequence in the JetStream stream"`
	Version     string `json:"sf-version" pattern:"^[1-9][0-9]*$" doc:"Dense in its stream"`
	ContentType string `json:"ce-datacontenttype"`
	Epoch       string `json:"sf-epoch" doc:"That of the lane; it rises when the log itself went back to an older copy"`
	Schema      string `json:"sf-schema" doc:"Version of the event type"`
	Command     string `json:"sf-command" format:"uuid"`
	Correlation string `json:"sf-correlation"`
	Causation   string `json:"sf-causation,omitempty" format:"uuid" doc:"The event that led to the command, where there is one"`
	ActorKind   string `json:"sf-actor-kind"`
	ActorID     string `json:"sf-actor-id"`
	ActorVia    string `json:"sf-actor-via" doc:"The portal or key"`
	Effective   string `json:"sf-effective,omitempty" format:"date-time" doc:"When it happened, where the event tells"`
	MessageID   string `json:"Nats-Msg-Id" format:"uuid" doc:"The event's id, by which the broker drops repetitions"`
}

// AsyncAPI describes every event type of a registry as messages on the bus, each with the schema of its present version. An
// event is never changed, but a later version of its type may have more members.
func AsyncAPI(registry *eventstore.Registry, version string) ([]byte, error) {
	schemas := NewSchemas("#/components/schemas/")
	d := asyncDocument{
		AsyncAPI: "3.0.0", DefaultContentType: "application/json",
		Channels: map[string]asyncChannel{}, Operations: map[string]asyncOperation{},
		Info: map[string]string{"title": "StreamFlow events", "version": version, "description": "The log as it is on JetStream: one stream, " +
			"STREAMFLOW_L<lane>, for each lane, in the order of positions. A member marked x-personal is encrypted, for the data subject that " +
			"the member named there holds; whoever may read it gets its text from the API."},
	}
	d.Components.Schemas, d.Components.Messages = schemas, map[string]asyncMessage{}
	headers := schemas.Of(Headers{})
	for _, typ := range registry.Types() {
		form, schema, ok := registry.Form(typ)
		if !ok {
			return nil, fmt.Errorf("event type %s has no form", typ)
		}
		d.Components.Messages[typ] = asyncMessage{Name: typ, ContentType: "application/json", SchemaVersion: schema, Headers: headers,
			Payload: schemas.Schema(reflect.PointerTo(form), true, "")}
		d.Channels[typ] = asyncChannel{Address: "streamflow.log.{lane}." + typ,
			Parameters: map[string]map[string]string{"lane": {"description": "Number of the lane, from 1"}},
			Messages:   map[string]reference{typ: {"#/components/messages/" + typ}}}
		d.Operations["send."+typ] = asyncOperation{Action: "send", Channel: reference{"#/channels/" + typ}, Summary: "Tells that " + typ + " was recorded"}
	}
	schemas.Open(nil)
	return Write(d)
}
