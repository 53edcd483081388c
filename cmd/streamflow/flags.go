package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// helpError asks for the help of a verb instead of its work.
type helpError struct{ flags *flag.FlagSet }

func (helpError) Error() string { return "help was asked for" }

// newFlags is the flag set of a verb. Every flag is declared with what it means: that is its line in --help.
func newFlags(verb string) *flag.FlagSet {
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // what is wrong is told once, by run
	return flags
}

// parse reads flags and positional arguments in any order and returns the latter. At "--" the flags end.
func (c call) parse(flags *flag.FlagSet) ([]string, error) {
	var positional []string
	for args := c.args; ; {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			return nil, helpError{flags}
		}
		if err != nil {
			return nil, usageError{strings.ReplaceAll(err.Error(), "defined: -", "defined: --")}
		}
		rest := flags.Args()
		if len(rest) == 0 {
			return positional, nil
		}
		if end := len(args) - len(rest); end > 0 && args[end-1] == "--" {
			return append(positional, rest...), nil
		}
		positional, args = append(positional, rest[0]), rest[1:]
	}
}

// parseOnly is parse for a verb that takes flags alone.
func (c call) parseOnly(flags *flag.FlagSet) error {
	positional, err := c.parse(flags)
	if err == nil && len(positional) > 0 {
		err = usageError{fmt.Sprintf("it takes flags only, and %q is none", positional[0])}
	}
	return err
}

// repeated is a flag that may be given any number of times.
type repeated []string

func (r *repeated) String() string { return "" }

// Set adds a value.
func (r *repeated) Set(text string) error {
	*r = append(*r, text)
	return nil
}

// printHelp shows a verb with its flags; a word in back quotes in a flag's meaning stands for its value.
func printHelp(out io.Writer, v verb, flags *flag.FlagSet) {
	fmt.Fprintf(out, "streamflow %s %s\n\n%s\n", v.name, v.use, v.summary)
	first := true
	flags.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprintln(out)
			first = false
		}
		value, meaning := flag.UnquoteUsage(f)
		name := strings.TrimSpace("--" + f.Name + " " + value)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			meaning += " (" + f.DefValue + ")"
		}
		fmt.Fprintf(out, "  %-24s %s\n", name, meaning)
	})
}
