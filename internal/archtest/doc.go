// Package archtest holds the rules that keep the code base in shape: which folder may import which, where the clock and
// the words of the business are forbidden, how long a function may be, and what every folder's README has to say.
//
// A rule is a function over a file tree, so each is shown to fail on a small broken tree beside it and then run on the
// real one. Start reading at rules in archtest_test.go.
package archtest
