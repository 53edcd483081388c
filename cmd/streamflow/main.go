// Command streamflow is the whole platform in one program; see `streamflow --help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// verb is a subcommand.
type verb struct {
	name, use, summary string
	run                func(ctx context.Context, c call) error
}

// call is what a verb is run with. Data goes to out, everything else to err.
type call struct {
	args     []string
	config   config
	out, err io.Writer
}

// usageError is wrong usage: exit code 2.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func verbs() []verb {
	return []verb{
		{"serve", "[--demo] [--migrate] [--roles R,…]", "serves the portals and the API, and keeps the read models up to date", serve},
		{"migrate", "status|plan|up [--until N]", "brings the database up to this version", migrate},
		{"projections", "[list [--json]|rebuild NAME [--force] [--quiet]|pause NAME|resume NAME|retry NAME|switch NAME]", "shows the read models' state and works on them", projectionsVerb},
		{"events", "[--after TIME|CURSOR] [--until TIME|CURSOR] [--type T …] [--tenant ID] [--stream S] [--follow] [--format F] [--out FILE]", "prints history, in the order of the log", events},
		{"verify", "[--lane N] [--json] [--quiet]", "checks the invariants on the data that is there; exit 1 names the first position of everything that is wrong", verifyVerb},
		{"import", "leads|invoices FILE --tenant T [--map COLUMN=field …] [--set field=value …] [--date-layout 1/2/2006] [--dry-run] [--quiet] [--json]", "brings a CSV file (.gz too) in by commands; running it again changes nothing", importFile},
		{"replay", "--as-of TIME|CURSOR [--on DATE] [--portal P] [--tenant ID] [--json]", "prints every dashboard figure as it stood then", replay},
		{"openapi", "", "prints the contract of the routes (OpenAPI 3.1)", openapi},
		{"asyncapi", "", "prints the contract of the events on the bus (AsyncAPI 3.0)", asyncapi},
		{"sign", "--key-id K --secret-file F [--send] METHOD URL [--data TEXT|@FILE] [--content-type T] [--idempotency-key K]", "signs a partner's request and prints it as curl, or sends it", sign},
		{"version", "[--json]", "prints version, commit and Go version", version},
	}
}

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }

// run is main with everything it touches as a parameter. It returns the exit code: 0 done, 1 failed, 2 wrong usage.
func run(args, environ []string, out, errOut io.Writer) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		usage(out)
		if len(args) == 0 {
			return 2
		}
		return 0
	}
	// The first signal asks for a clean end; a second one ends the program the hard way.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	// A closed pipe is an error of the write like any other: to die of it would leave the embedded servers behind.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	for _, v := range verbs() {
		if v.name != args[0] {
			continue
		}
		config, err := readConfig(environ, errOut)
		if err == nil || asksHelp(args[1:]) { // help is there whatever the settings
			err = v.run(ctx, call{args: args[1:], config: config, out: out, err: errOut})
		}
		var help helpError
		var wrong usageError
		switch {
		case err == nil, errors.Is(err, syscall.EPIPE): // who reads has enough
			return 0
		case errors.As(err, &help):
			printHelp(out, v, help.flags)
			return 0
		case errors.As(err, &wrong):
			fmt.Fprintf(errOut, "streamflow %s: %s\nusage: streamflow %s %s\n", v.name, wrong.text, v.name, v.use)
			return 2
		default:
			fmt.Fprintf(errOut, "streamflow %s: %v\n", v.name, err)
			return 1
		}
	}
	fmt.Fprintf(errOut, "streamflow: there is no verb %q\n", args[0])
	usage(errOut)
	return 2
}

// asksHelp tells whether help is among a verb's arguments.
func asksHelp(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return a == "--help" || a == "-help" || a == "-h" })
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "streamflow <verb> [flags]; every verb has --help")
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %-12s %s\n", v.name, v.summary)
	}
	fmt.Fprintln(w, "\nSettings come from the environment:")
	for _, s := range settings {
		fmt.Fprintf(w, "  %-30s %s\n", s.name, s.meaning)
	}
}
