package exchange

import "time"

// reviewDue returns when a review is due that has so much time: then, or at the
// same hour of the next working day (domain, Section 18). Days are those of
// Stockholm.
func reviewDue(from time.Time, within time.Duration) time.Time {
	due := from.Add(within).In(stockholm)
	for !workday(due) {
		due = due.AddDate(0, 0, 1)
	}
	return due
}

// stockholm is where the authorities' days begin; UTC where the system has no
// such zone.
var stockholm = func() *time.Location {
	loc, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		return time.UTC
	}
	return loc
}()

// workday reports whether authorities work on a day: not on Saturdays, Sundays
// and public holidays (lag 1989:253), nor on the eves of Midsummer, Christmas
// and the New Year, which count as Sundays (semesterlagen 1977:480, 3 a §).
func workday(t time.Time) bool {
	if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
		return false
	}
	switch t.Format("01-02") {
	case "01-01", "01-06", "05-01", "06-06", "12-24", "12-25", "12-26", "12-31":
		return false
	}
	if t.Month() == time.June && t.Weekday() == time.Friday && t.Day() >= 19 && t.Day() <= 25 { // Midsummer's Eve
		return false
	}
	easter := easterSunday(t.Year())
	since := t.YearDay() - easter.YearDay()
	return since != -2 && since != 1 && since != 39 // Good Friday, Easter Monday, Ascension Day
}

// easterSunday is the algorithm of Meeus, Jones and Butcher for the Gregorian
// calendar.
func easterSunday(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 19*l) / 433
	month := (h + l - 7*m + 90) / 25
	day := (h + l - 7*m + 33*month + 19) % 32
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}
