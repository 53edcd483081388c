// Package e2e opens every screen of the program in a real Chromium, and works with it as people do.
package e2e
