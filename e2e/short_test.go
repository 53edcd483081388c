//go:build !whole

package e2e

// whole says that everything is tested, and not only what is quick.
const whole = false
