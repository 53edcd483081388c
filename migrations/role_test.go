package migrations_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/streamflow/streamflow/migrations"
)

// A plan that has to read a whole table costs what is switched off, a fortune; a server with settings of its own would compile it.
func TestRolesPlansAreNotCompiled(t *testing.T) {
	pool, err := migrations.Role(t.Context(), "postgres://nobody@127.0.0.1:1/none", "app", func(c *pgxpool.Config) {
		if c.ConnConfig.RuntimeParams["enable_seqscan"] != "off" || c.ConnConfig.RuntimeParams["jit"] != "off" {
			t.Errorf("connects with %v", c.ConnConfig.RuntimeParams)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
}
