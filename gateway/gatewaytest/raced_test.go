//go:build race

package gatewaytest_test

import "os"

// With the race detector the programs are built with it too, and one that finds
// something ends at once.
func init() {
	flags = append(flags, "-race")
	os.Setenv("GORACE", "halt_on_error=1")
}
