// Package theme is what the portals look like: every colour, shadow, radius and font of them, as custom properties of
// CSS. Fifteen themes in three categories; a sixteenth is one more entry of the table below.
package theme

import (
	"slices"
	"strings"
)

// The categories of themes, in the order shown.
const (
	Professional = "professional" // light, for working days
	Night        = "night"        // dark, for operations
	Signature    = "signature"    // a character of their own, and the two of the highest contrast
)

// The densities: how much of a list is seen at once.
const (
	Compact = "compact"
	Cozy    = "cozy"
	Roomy   = "roomy"
)

// Theme is one look. What its author chooses stands in the table; the rest is solved from that for contrast.
type Theme struct {
	ID, Name, Category string
	Words              string // what it is like, for who chooses
	Pair               string // the theme shown in its stead where the system asks for the other of light and dark
	Dark               bool
	AAA                bool   // every text at least 7:1, instead of 4.5:1
	Density            string // where nobody chose another
	radii              string // of small, middle and large corners
	font               string // of all text; empty: the system's own
	colours            string // hexadecimal, as core names them
	tokens             []Token
}

// Token is one custom property: its name without the two dashes.
type Token struct{ Name, Value string }

// core names the colours of an entry, in their order.
var core = strings.Fields("bg surface surface-2 surface-3 border border-strong text text-muted primary on-primary primary-text focus")

const (
	round  = "5px 8px 12px"
	soft   = "3px 5px 8px"
	square = "0px 0px 0px"
)

// All are the themes, the default first.
var All = finish([]Theme{
	{ID: "ledger", Name: "Ledger", Category: Professional, Words: "Cool white and indigo", Pair: "midnight", Density: Cozy, radii: round,
		colours: "f4f7fb fefeff edf1f6 e2e6ee d4d8dd 7e838a 2b2e32 61666c 245fd4 ffffff 235ed3 245fd4"},
	{ID: "harbor", Name: "Harbor", Category: Professional, Words: "Blue-grey and teal", Pair: "tide", Density: Cozy, radii: soft,
		colours: "eff7fb fcfefe e7f1f6 d6e8ed cedae0 76848b 262f34 59676e 016f82 ffffff 016f82 097689"},
	{ID: "sandstone", Name: "Sandstone", Category: Professional, Words: "Warm paper and terracotta", Pair: "ember", Density: Cozy, radii: round,
		colours: "f9f3ec fefcfa f5ede3 ebe1d3 dfd6cb 897e71 332d24 6b6254 ad4216 ffffff ac4114 b13d02"},
	{ID: "meadow", Name: "Meadow", Category: Professional, Words: "Soft green and forest", Pair: "evergreen", Density: Cozy, radii: round,
		colours: "f2f7f0 fbfffa ebf1e9 dbe9df d2dad1 7b8579 2a3029 5f675d 02703f ffffff 02703f 027e47"},
	{ID: "orchid", Name: "Orchid", Category: Professional, Words: "A tint of rose, and plum", Pair: "aubergine", Density: Cozy, radii: round,
		colours: "faf3f9 fffdfe f5edf4 f0e0e8 ddd4dc 897d87 322b31 6b606a a8347f ffffff a8347f ae2881"},

	{ID: "midnight", Name: "Midnight", Category: Night, Words: "Blue-black and azure", Pair: "ledger", Dark: true, Density: Cozy, radii: round,
		colours: "0e131d 181c24 1f242f 272e3b 31394b 6b7893 dae5fb 8a97b3 6a9cfb 0b0d12 6a9cfb 9bbeff"},
	{ID: "tide", Name: "Tide", Category: Night, Words: "Deep teal", Pair: "harbor", Dark: true, Density: Cozy, radii: soft,
		colours: "09171c 152024 1b292f 22333a 284049 5e808e ceeaf5 7c9fad 31c7d5 0b0d12 31c7d5 07d6e7"},
	{ID: "ember", Name: "Ember", Category: Night, Words: "Brown-black and amber", Pair: "sandstone", Dark: true, Density: Cozy, radii: round,
		colours: "19120e 211c18 2b241f 362d27 433830 87756a f0e1d8 a79488 f8a052 0b0d12 f8a052 ffa659"},
	{ID: "evergreen", Name: "Evergreen", Category: Night, Words: "Pine and emerald", Pair: "meadow", Dark: true, Density: Cozy, radii: round,
		colours: "0d1611 18201b 1e2923 26332c 2f4036 678072 d6eade 86a091 58cf92 0b0d12 58cf92 0ae08e"},
	{ID: "aubergine", Name: "Aubergine", Category: Night, Words: "Violet-black and orchid", Pair: "orchid", Dark: true, Density: Cozy, radii: round,
		colours: "18101c 211a24 2b222f 362b3b 433549 867190 efddf7 a690b0 db90ec 0b0d12 db90ec ec98ff"},

	{ID: "graphite", Name: "Graphite", Category: Signature, Words: "True grey and gold, square and compact", Pair: "porcelain", Dark: true, Density: Compact, radii: square,
		colours: "171717 222222 2a2a2a 343434 404040 7e7e7e e4e4e4 9e9e9e e3ca69 0b0d12 e3ca69 dfbb02"},
	{ID: "porcelain", Name: "Porcelain", Category: Signature, Words: "Ink on white", Pair: "graphite", Density: Cozy, radii: soft,
		colours: "fafafa ffffff f4f4f4 e9e9e9 d7d7d7 848484 2e2e2e 666666 222222 ffffff 222222 b72164"},
	{ID: "terminal", Name: "Terminal", Category: Signature, Words: "Phosphor green, monospaced and compact", Pair: "sandstone", Dark: true, Density: Compact, radii: square, font: mono,
		colours: "060d06 0e150e 151d15 1d271d 263326 5f745f d9ead9 7c927c 68e371 0b0d12 68e371 61dc6b"},
	{ID: "beacon-light", Name: "Beacon Light", Category: Signature, Words: "Highest contrast on white, roomy", Pair: "beacon-dark", AAA: true, Density: Roomy, radii: round,
		colours: "ffffff ffffff f7f9fc eceef3 d5d8da 676a6d 2a2c2e 4c4e51 003fb4 ffffff 003fb4 245fd4"}, //nolint:dupword // colours
	{ID: "beacon-dark", Name: "Beacon Dark", Category: Signature, Words: "Highest contrast on black, roomy", Pair: "beacon-light", Dark: true, AAA: true, Density: Roomy, radii: round,
		colours: "030304 08090a 0f1112 181a1b 222426 818487 e2e5e7 a3a6a9 f6d653 0b0d12 f6d653 dfbb02"},
})

// Named is the theme of an id; nil where there is none.
func Named(id string) *Theme {
	i := slices.IndexFunc(All, func(t Theme) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	return &All[i]
}

// Tokens are all custom properties of the theme.
func (t Theme) Tokens() []Token { return t.tokens }

// Value is that of one token; empty where there is none of this name.
func (t Theme) Value(name string) string {
	for _, token := range t.tokens {
		if token.Name == name {
			return token.Value
		}
	}
	return ""
}
