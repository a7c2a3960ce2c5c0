package gatewaytest

import (
	"testing"
	"time"
)

// TestHandedOutAnew: a message comes again under its delivery id until it is too
// old to be repeated, and only then under another.
func TestHandedOutAnew(t *testing.T) {
	for age, want := range map[time.Duration]int{0: 1, repeated: 1, repeated + time.Millisecond: 0} {
		b, at := newBooks(), time.Now()
		b.handOut("m", handout{"a", at})
		b.handOut("m", handout{"b", at.Add(age)})
		if len(b.findings) != want {
			t.Errorf("after %v: findings %q, want %d", age, b.findings, want)
		}
	}
}
