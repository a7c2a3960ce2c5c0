package disclosure

import "time"

// years is how long the content of entries is kept after the event (domain,
// Section 21).
var years = map[Retention]int{Short: 2, Ordinary: 5, Long: 10, Child: 30}

// Kept reports until when the content of an entry of this class is kept that was
// made before a moment; ok is false for what is no class.
func (r Retention) Kept(before time.Time) (until time.Time, ok bool) {
	n, ok := years[r]
	return before.AddDate(n, 0, 0), ok
}
