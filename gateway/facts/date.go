package facts

import (
	"fmt"
	"time"
	_ "time/tzdata" // ages do not depend on what the machine has installed
)

// Date is a day of the calendar, as 20260601 for the first of June 2026, so
// that dates compare as numbers. The zero Date is no date.
type Date int32

// ParseDate reads a date of the form 2006-01-02 that exists.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 {
		return 0, fmt.Errorf("%w: not a date", ErrStatement)
	}
	return dateOf(t), nil
}

// stockholm is where days begin: ages, first and last days are those of the
// local calendar (domain, Section 5).
var stockholm = func() *time.Location {
	l, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		panic("facts: the embedded time zones lack Europe/Stockholm: " + err.Error())
	}
	return l
}()

// Today returns the date in Europe/Stockholm at a moment.
func Today(now time.Time) Date { return dateOf(now.In(stockholm)) }

func dateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date(y*10000 + int(m)*100 + d)
}

// AddMonths returns the same day n months later, or the last day of that month
// if it is shorter. So someone born on 29 February reaches an age on
// 28 February in other than leap years.
func (d Date) AddMonths(n int) Date {
	months := int(d/10000)*12 + int(d/100%100) - 1 + n
	y, m := months/12, months%12+1
	last := time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return Date(y*10000 + m*100 + min(int(d%100), last))
}

// reached reports whether someone born on birth has reached an age on d. Of an
// unknown birth it is false.
func (d Date) reached(birth Date, years int) bool {
	return birth != 0 && birth.AddMonths(12*years) <= d
}
