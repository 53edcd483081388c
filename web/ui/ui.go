// Package ui is the parts that pages are made of: plain elements that read and post with scripts off, styled by the
// custom properties of package theme alone.
//
//nolint:godoclint // templ writes its version where a second package comment would stand
package ui

import _ "embed"

//go:embed ui.css
var css []byte

// CSS is the style sheet of all parts. It comes after that of the themes.
func CSS() []byte { return css }
