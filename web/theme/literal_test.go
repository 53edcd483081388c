package theme

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	hexColour   = regexp.MustCompile(`#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})\b`)
	madeColour  = regexp.MustCompile(`\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|light-dark)\(`)
	drawnColour = regexp.MustCompile(`\b(?:fill|stroke|color|stop-color|bgcolor)="([a-z]+)"`)
	declaration = regexp.MustCompile(`(?:^|[{;\s])([a-z-]+)\s*:\s*([^;{}]+)[;}]`)
	used        = regexp.MustCompile(`var\(--([a-z0-9-]+)`)
	comment     = regexp.MustCompile(`(?s)/\*.*?\*/`)
	word        = regexp.MustCompile(`[a-z]+`)
	aColour     = regexp.MustCompile(`^(?:.*-)?(?:color|background|border|border-(?:top|right|bottom|left|block|inline|block-start|block-end|inline-start|inline-end)|outline|fill|stroke|shadow|decoration)$`)
)

// named are the colours that CSS knows by a name, as far as anybody writes them.
var named = strings.Fields(`aliceblue antiquewhite aqua aquamarine azure beige bisque black blue blueviolet brown chartreuse chocolate
	coral cornflowerblue cornsilk crimson cyan darkblue darkcyan darkgray darkgreen darkgrey darkorange darkred dimgray dimgrey
	firebrick floralwhite fuchsia gainsboro ghostwhite gold goldenrod gray green greenyellow grey honeydew hotpink indianred indigo ivory khaki
	lavender lightblue lightgray lightgreen lightgrey lime limegreen linen magenta maroon midnightblue navy olive orange orchid pink plum purple
	rebeccapurple red royalblue salmon seagreen sienna silver skyblue slategray slategrey snow steelblue tan teal thistle tomato turquoise violet
	wheat white whitesmoke yellow yellowgreen`)

// literals are the places of a file that say themselves what the theme has to say.
func literals(name, text string) []string {
	var found []string
	text = comment.ReplaceAllString(text, "")
	found = append(found, hexColour.FindAllString(text, -1)...)
	found = append(found, madeColour.FindAllString(text, -1)...)
	for _, drawn := range drawnColour.FindAllStringSubmatch(text, -1) {
		if drawn[1] != "none" {
			found = append(found, drawn[0])
		}
	}
	if path.Ext(name) != ".css" {
		return found
	}
	for _, d := range declaration.FindAllStringSubmatch(text, -1) {
		property, value := d[1], strings.TrimSpace(d[2])
		themed := strings.Contains(value, "var(--") || slices.Contains([]string{"inherit", "none", "0"}, value)
		switch {
		case aColour.MatchString(property) && slices.ContainsFunc(word.FindAllString(used.ReplaceAllString(value, ""), -1), func(w string) bool { return slices.Contains(named, w) }),
			strings.HasSuffix(property, "shadow") && !themed,
			strings.HasSuffix(property, "radius") && !themed && value != "50%" && value != "99px",
			(property == "font" || property == "font-family") && !themed:
			found = append(found, property+": "+value)
		}
	}
	return found
}

func TestNothingOutsideTheThemesHasAColourOfItsOwn(t *testing.T) {
	styles := CSS()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(".."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(name, "theme/") || strings.HasSuffix(name, "_templ.go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		if !slices.Contains([]string{".css", ".templ", ".go", ".js", ".svg"}, path.Ext(name)) {
			return nil
		}
		text, err := fs.ReadFile(os.DirFS(".."), name)
		files[name] = string(text)
		if path.Ext(name) == ".css" {
			styles += string(text)
		}
		return err
	})
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for name, text := range files {
		for _, literal := range literals(name, text) {
			t.Errorf("web/%s: %q belongs into a theme, and here its custom property", name, literal)
		}
		for _, key := range used.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(styles, "--"+key[1]+":") {
				t.Errorf("web/%s uses --%s, which no theme has", name, key[1])
			}
		}
	}
}

func TestLiteralsAreFound(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"a.css", "a { color: #fff; }", 1}, {"a.css", "a { color: #A1B2C3D4; }", 1}, {"a.css", "a { background: rgb(0 0 0/5%); }", 1},
		{"a.css", "a { border: 1px solid red; }", 1}, {"a.css", "a { border-block-start: 1px solid teal }", 1}, {"a.css", "a { box-shadow: 0 1px 2px; }", 1},
		{"a.css", "a { border-radius: 8px; }", 1}, {"a.css", "a { font: 16px Arial; }", 1}, {"a.css", "a{color:light-dark(var(--text),var(--bg))}", 1},
		{"a.templ", `<path fill="gold"></path>`, 1}, {"a.js", `node.style.color = "#123456"`, 1}, {"a.svg", `<rect fill="#2457c5"/>`, 1},
		{"a.css", "/* #fff */ a { color: var(--text); white-space: nowrap; border-radius: 50%; transition: border-color 1s; }", 0},
		{"a.css", "#tiles > a:hover { border: 1px solid currentColor; background: transparent; font: inherit; box-shadow: 0 0 0 2px var(--primary); }", 0},
		{"a.templ", `<a href="#main" class="gold"><path fill="none"></path></a>`, 0},
	} {
		if got := literals(c.name, c.text); len(got) != c.want {
			t.Errorf("%s: found %q, want %d", c.text, got, c.want)
		}
	}
}
