package schemadoc

import (
	"fmt"
	"strings"
)

const preface = `# Database schema

Generated from a migrated database by ` + "`go test ./internal/schemadoc -update`" + `; the purposes are the comments in the migrations. Do not edit.

` + "`log`" + ` is the log, the only truth; ` + "`app`" + ` is what stays outside it: live secrets and volatile state. Read models own their
schemas and are rebuilt from the log, so they are not listed here. The roles are explained in [0007](decisions/0007-roles-and-one-function.md).
`

func render(tables []*table) string {
	var b strings.Builder
	b.WriteString(preface)
	for _, t := range tables {
		fmt.Fprintf(&b, "\n## %s.%s\n\n%s %s\n\n", t.Schema, t.Name, cell(t.Purpose), security(t))
		b.WriteString("| column | type | null | purpose |\n|---|---|---|---|\n")
		for _, c := range t.columns {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Name, c.Type, yes(c.Nullable), cell(c.Purpose))
		}
		if len(t.indexes) > 0 {
			b.WriteString("\n| index | on | purpose |\n|---|---|---|\n")
			for _, i := range t.indexes {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", i.Name, cell(i.Definition), cell(strings.TrimSpace(kind(i)+i.Purpose)))
			}
		}
		if len(t.policies) > 0 {
			b.WriteString("\n| policy | for | to | purpose |\n|---|---|---|---|\n")
			for _, p := range t.policies {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", p.Name, p.Command, strings.Join(p.Roles, ", "), cell(p.Purpose))
			}
		}
	}
	return b.String()
}

func security(t *table) string {
	switch {
	case t.Forced:
		return "Row-level security is forced."
	case t.Secured:
		return "Row-level security is on, but not for the owner."
	}
	return "No row-level security."
}

func kind(i index) string {
	switch {
	case i.Primary:
		return "Primary key. "
	case i.Unique:
		return "Unique. "
	}
	return ""
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// cell makes a text fit into one cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
