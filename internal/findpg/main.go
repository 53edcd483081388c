// Command findpg says which Postgres the program would use here, and exits 1 where there is none. The Makefile and the
// continuous integration ask it before they fetch or install one, so that there is one notion of "found".
package main

import (
	"fmt"
	"os"

	"github.com/streamflow/streamflow/internal/pgserver"
)

func main() {
	found, err := pgserver.Find(os.Getenv("STREAMFLOW_POSTGRES_BIN"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("Postgres %d in %s\n", found.Major, found.Dir)
}
