package archtest

import "strings"

// broken are small trees, and the fault their rule has to find: none where fault is empty.
var broken = []struct {
	rule, name string
	files      map[string]string
	fault      string
}{
	{"imports", "domain reads a file", gofile("domain/a.go", "os"), "domain is pure"},
	{"imports", "domain takes a context", gofile("domain/lead/a.go", "context"), "domain is pure"},
	{"imports", "domain draws lots", gofile("domain/a.go", "math/rand/v2"), "domain is pure"},
	{"imports", "domain calls out", gofile("domain/a.go", "net/http"), "domain is pure"},
	{"imports", "domain parses an address", gofile("domain/a.go", "net/mail"), ""},
	{"imports", "domain takes a library", gofile("domain/a.go", "github.com/google/uuid"), "not one of its named libraries"},
	{"imports", "domain takes its library", gofile("domain/a.go", "github.com/govalues/decimal"), ""},
	{"imports", "domain test reads a golden file", gofile("domain/a_test.go", "os"), ""},
	{"imports", "domain test knows the log", gofile("domain/a_test.go", module+"/eventstore"), "domain may import nothing else"},
	{"imports", "eventstore knows the domain", gofile("eventstore/a.go", module+"/domain/lead"), "eventstore may import only internal"},
	{"imports", "a subpackage of eventstore knows the domain", gofile("eventstore/relay/a.go", module+"/domain"), "eventstore may import only"},
	{"imports", "eventstore test migrates", gofile("eventstore/a_test.go", module+"/migrations"), ""},
	{"imports", "internal knows commands", gofile("internal/x/a.go", module+"/commands"), "internal may import only"},
	{"imports", "projections decide", gofile("projections/a.go", module+"/commands"), "projections may import only"},
	{"imports", "a projection's test makes events", gofile("projections/a_test.go", module+"/commands"), ""},
	{"imports", "commands trust a stale read", gofile("commands/a.go", module+"/projections"), "commands may import only"},
	{"imports", "command test trusts a stale read", gofile("commands/a_test.go", module+"/projections"), "commands may import only"},
	{"imports", "web uses api", gofile("web/a.go", module+"/api/guard"), "web may import only"},
	{"imports", "api uses web", gofile("api/a.go", module+"/web"), "api may import only"},
	{"imports", "somebody uses cmd", gofile("api/a.go", module+"/cmd/streamflow"), "api may import only"},
	{"imports", "cmd uses all", gofile("cmd/streamflow/a.go", module+"/api", module+"/web", module+"/migrations"), ""},
	{"imports", "a folder without a layer", gofile("util/a.go", "fmt"), "folder util has no layer"},
	{"imports", "a module of its own", with(gofile("bench/a.go", module+"/api"), "bench/go.mod", "module bench\n"), ""},

	{"portals", "a portal uses another", gofile("web/client/a.go", module+"/web/provider"), "imports the provider portal"},
	{"portals", "what is shared uses a portal", gofile("web/ui/a.go", module+"/web/client"), "imports the client portal"},
	{"portals", "a portal uses what is shared", gofile("web/client/a.go", module+"/web/ui", module+"/web/client/part"), ""},
	{"portals", "web gathers them", gofile("web/a.go", module+"/web/client", module+"/web/provider"), ""},

	{"test parts", "containers outside pgtest", gofile("eventstore/a_test.go", "github.com/testcontainers/testcontainers-go"), "only internal/pgtest may"},
	{"test parts", "containers in pgtest", gofile("internal/pgtest/a.go", "github.com/testcontainers/testcontainers-go"), ""},
	{"test parts", "the program links a test database", gofile("cmd/streamflow/a.go", module+"/internal/pgtest"), "which is for tests"},
	{"test parts", "a test uses a test database", gofile("commands/a_test.go", module+"/internal/pgtest"), ""},

	{"clock", "domain asks the time", source1("domain/a.go", "import \"time\"\nvar x = time.Now()"), "time.Now"},
	{"clock", "domain asks under another name", source1("domain/a.go", "import clock \"time\"\nvar x = clock.Since(y)"), "clock.Since"},
	{"clock", "a read model makes an id", source1("projections/a.go", "import \"github.com/google/uuid\"\nvar x = uuid.New()"), "uuid.New"},
	{"clock", "a read model draws lots", source1("projections/a.go", "import \"math/rand/v2\"\nvar x = rand.IntN(6)"), "rand.IntN"},
	{"clock", "domain compares times", source1("domain/a.go", "import \"time\"\nfunc f(a, b time.Time) bool { return a.After(b) }"), ""},
	{"clock", "commands ask the time", source1("commands/a.go", "import \"time\"\nvar x = time.Now()"), ""},

	{"engine words", "in a comment", source1("eventstore/a.go", "// f knows leads.\nfunc f() {}"), `"leads"`},
	{"engine words", "in an identifier", source1("internal/x/a.go", "func newInvoiceNumber() {}"), `"Invoice"`},
	{"engine words", "in SQL", map[string]string{"migrations/1.sql": "create table crm_note ();\n"}, `"crm"`},
	{"engine words", "plain English", source1("eventstore/a.go", "// f leads to g.\nfunc f() {}"), ""},
	{"engine words", "as part of another word", source1("eventstore/a.go", "// The leader pleads.\nfunc f() {}"), ""},
	{"engine words", "outside the engine", source1("domain/lead/a.go", "// f knows leads.\nfunc f() {}"), ""},

	{"unfinished", "work left", source1("api/a.go", "// TO"+"DO: the rest."), "finish it"},
	{"unfinished", "work left in SQL", map[string]string{"migrations/1.sql": "-- FIX" + "ME\n"}, "finish it"},
	{"unfinished", "a done thing", source1("api/a.go", "// todos is the client's list."), ""},

	{"skips", "a test", source1("api/a_test.go", "func TestA(t *testing.T) { if short { t.Skip() } }"), "never skips"},
	{"skips", "a helper", source1("api/a_test.go", "func need(tb testing.TB) { tb.Skipf(why) }"), "never skips"},
	{"skips", "a subtest", source1("api/a_test.go", "func TestA(t *testing.T) { t.Run(n, func(t *testing.T) { t.SkipNow() }) }"), "never skips"},
	{"skips", "a generated case", source1("api/a_test.go", "func TestA(t *testing.T) { rapid.Check(t, func(t *rapid.T) { t.Skip() }) }"), ""},
	{"skips", "something else", source1("api/a.go", "func f(d decoder) { d.Skip() }"), ""},

	{"function size", "too long", source1("api/a.go", "func f() {"+strings.Repeat("\n", 70)+"}"), "f has 71 lines"},
	{"function size", "as long as may be", source1("api/a.go", "func f() {"+strings.Repeat("\n", 69)+"}"), ""},
	{"function size", "a long test", source1("api/a_test.go", "func f() {"+strings.Repeat("\n", 200)+"}"), ""},
	{"file size", "too long", source1("api/a_test.go", strings.Repeat("// x\n", 600)), "601 lines"},
	{"file size", "generated", source1("api/a.go", "// Code generated by x. DO NOT EDIT.\n"+strings.Repeat("// x\n", 600)), ""},
	{"package doc", "none", map[string]string{"api/a.go": "package api\n", "api/b.go": "package api\n"}, "package api has no comment"},
	{"package doc", "in one of its files", map[string]string{"api/a.go": "package api\n", "api/b.go": "// Package api is it.\npackage api\n"}, ""},

	{"readme present", "none", gofile("api/a.go"), "api has no README.md"},
	{"readme content", "good", readme(goodReadme), ""},
	{"readme content", "more than a page", readme(goodReadme + strings.Repeat("\n", 60)), "a page is 60"},
	{"readme content", "nothing to open", readme(strings.Replace(goodReadme, "Open first", "Look at", 1)), `"Open first"`},
	{"readme content", "opens what is not there", readme(strings.ReplaceAll(goodReadme, "all.go", "gone.go")), "open projections/gone.go first"},
	{"readme content", "imports not said", readme(strings.Replace(goodReadme, "May import", "Uses", 1)), `"May import"`},
	{"readme content", "imports not as they are", readme(strings.Replace(goodReadme, "`domain`", "", 1)), "may import `domain` too"},
	{"readme content", "nothing to add", readme(strings.Replace(goodReadme, "To add", "Adding", 1)), `"To add"`},

	{"links", "to nothing", map[string]string{"docs/a.md": "See [b](b.md#there).\n"}, "docs/a.md:1 links to b.md"},
	{"links", "up, to a folder, outside, within", map[string]string{"docs/a.md": "[a](../api) [b](https://b.org) [c](#c)\n", "api/a.md": ""}, ""},

	{"named tests", "gone", map[string]string{"docs/a.md": "`TestMain` and `TestA` see to it.\n", "api/a_test.go": "package p\nfunc TestMain() {}\n"}, "relies on TestA"},
	{"named tests", "there", map[string]string{"docs/a.md": "`TestA` sees to it.\n", "api/a_test.go": "package p\nfunc TestA() {}\n"}, ""},

	{"dependencies", "no reason", dependency("", "m.org/a v1.2.0"), "m.org/a is imported (api/a.go)"},
	{"dependencies", "reason of another", dependency("m.org", "m.org v1.0.0\n\tm.org/a v1.2.0"), "m.org/a is imported"},
	{"dependencies", "reason for what is gone", dependency("m.org/z", "m.org/b v1.0.0"), "which go.mod does not require"},
	{"dependencies", "with a reason", dependency("m.org/a", "m.org/a v1.2.0 // indirect"), ""},
}

const goodReadme = "# projections\n\nRead models.\n\n**May import:** `domain` and\n`eventstore`.\n\n**Open first:** [all.go](all.go).\n\n**To add one:** do.\n"

func gofile(name string, imports ...string) map[string]string {
	var body strings.Builder
	for _, imported := range imports {
		body.WriteString("import _ \"" + imported + "\"\n")
	}
	return source1(name, body.String())
}

func source1(name, body string) map[string]string {
	return map[string]string{name: "package p\n" + body}
}

func with(files map[string]string, name, body string) map[string]string {
	files[name] = body
	return files
}

func readme(body string) map[string]string {
	return map[string]string{"projections/README.md": body, "projections/all.go": "package projections\n"}
}

func dependency(reasonFor, require string) map[string]string {
	files := gofile("api/a.go", "m.org/a/sub")
	files["go.mod"] = "module x\n\nrequire (\n\t" + require + "\n)\n"
	files[dependencyRecord] = "| module | reason |\n|---|---|\n| `" + reasonFor + "` | needed |\n"
	return files
}
