package main

import (
	"context"

	"github.com/streamflow/streamflow/api"
)

// openapi prints the contract of the routes.
func openapi(_ context.Context, c call) error { return printDocument(c, api.OpenAPI) }

// asyncapi prints the contract of the events on the bus.
func asyncapi(_ context.Context, c call) error { return printDocument(c, api.AsyncAPI) }

func printDocument(c call, document func() ([]byte, error)) error {
	if err := c.parseOnly(newFlags("")); err != nil {
		return err
	}
	text, err := document()
	if err != nil {
		return err
	}
	_, err = c.out.Write(text)
	return err
}
