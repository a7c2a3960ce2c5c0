package facts_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/facts"
)

// TestConsent spoils one thing per row in a consent that covers class RSK.
func TestConsent(t *testing.T) {
	type c = *facts.Consent
	type q = *facts.Question
	tests := []struct {
		name  string
		spoil func(c, q)
		now   string
		want  facts.Standing
	}{
		{"covers", func(c, q) {}, "", facts.InForce},
		{"first day, at midnight", func(c c, _ q) { c.From = day("2026-06-01") }, "2026-06-01T00:00:00+02:00", facts.InForce},
		{"the day before", func(c c, _ q) { c.From = day("2026-06-01") }, "2026-05-31T23:59:59+02:00", facts.None},
		{"last day, before midnight", func(c, q) {}, "2026-06-30T23:59:59+02:00", facts.InForce},
		{"the day after", func(c, q) {}, "2026-07-01T00:00:00+02:00", facts.OutOfDate},
		{"no last day", func(c c, _ q) { c.To = 0 }, "", facts.None},
		{"no first day", func(c c, _ q) { c.From = 0 }, "", facts.None},
		{"discloser not named", func(_ c, q q) { q.Discloser.Agency = region }, "", facts.None},
		{"discloser in a role not named", func(c c, _ q) { c.Disclosers[0].Roles = []gateway.Role{local} }, "", facts.None},
		{"discloser in no role at all", func(c c, _ q) { c.Disclosers[0].Roles = []gateway.Role{} }, "", facts.None},
		{"discloser in a role named", func(c c, _ q) { c.Disclosers[0].Roles = []gateway.Role{coord} }, "", facts.InForce},
		{"actor not named", func(_ c, q q) { q.Actor.Agency = townB }, "", facts.None},
		{"actor in a role not named", func(_ c, q q) { q.Actor.Role = "municipality.exit_team_lead" }, "", facts.None},
		{"actor's agency excluded", func(c c, _ q) { c.Excluded = []gateway.AgencyID{townA} }, "", facts.None},
		{"discloser excluded", func(c c, _ q) { c.Excluded = []gateway.AgencyID{police} }, "", facts.None},
		{"somebody else excluded", func(c c, _ q) { c.Excluded = []gateway.AgencyID{townB} }, "", facts.InForce},
		{"class not named", func(c c, _ q) { c.Classes = []gateway.Class{"ID"} }, "", facts.None},
		{"another purpose", func(_ c, q q) { q.Purpose = "RELOCATION" }, "", facts.None},
		{"a purpose that no consent may name", func(c c, q q) {
			q.Purpose, c.Purposes = "CRIME_PREVENTION", []gateway.Purpose{"CRIME_PREVENTION"}
		}, "", facts.None},
		{"withdrawn", func(c c, _ q) { c.WithdrawnAt = noon.Add(-time.Second) }, "", facts.None},
		{"withdrawn this moment", func(c c, _ q) { c.WithdrawnAt = noon }, "", facts.None},
		{"to be withdrawn later", func(c c, _ q) { c.WithdrawnAt = noon.Add(time.Second) }, "", facts.InForce},
		{"withdrawn and out of date", func(c c, _ q) { c.WithdrawnAt, c.To = noon, day("2026-05-01") }, "", facts.None},
		{"excluded and out of date", func(c c, _ q) { c.Excluded, c.To = []gateway.AgencyID{townA}, day("2026-05-01") }, "", facts.None},
		{"recorded by the recipient", func(c c, _ q) { c.Waits = townA }, "", facts.None},
		{"recorded by the recipient, discloser confirmed", func(c c, _ q) {
			c.Waits, c.ConfirmedBy = townA, []gateway.AgencyID{police}
		}, "", facts.InForce},
		{"recorded by the recipient, another discloser confirmed", func(c c, _ q) {
			c.Waits, c.ConfirmedBy = townA, []gateway.AgencyID{region}
		}, "", facts.None},
		{"recorded by the discloser", func(c c, _ q) { c.Waits = police }, "", facts.InForce},
	}
	for _, tt := range tests {
		in := ask(t, func(w *facts.World, q *facts.Question, now *time.Time) {
			tt.spoil(&w.Person.Consents[0], q)
			if tt.now != "" {
				*now = at(tt.now)
			}
		})
		if got := in.Consent["RSK"]; got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestCapacity is who can give a consent at which age (domain, Section 10,
// point 6). The person is born on 10 May; the moment is 1 June 2026 unless
// the row has its own.
func TestCapacity(t *testing.T) {
	both := map[gateway.Ref]facts.Guardian{guard: {}, guardTwo: {}}
	oneBlocked := map[gateway.Ref]facts.Guardian{guard: {}, guardTwo: {Blocked: true}}
	allBlocked := map[gateway.Ref]facts.Guardian{guard: {Blocked: true}, guardTwo: {Blocked: true}}
	tests := []struct {
		name      string
		birth     string // "" for an adult of 21 or more
		givenBy   string
		maturity  bool
		guardians map[gateway.Ref]facts.Guardian
		signed    []gateway.Ref
		want      facts.Standing
	}{
		{"adult", "", "subject", false, nil, nil, facts.InForce},
		{"adult and guardian", "", "subject_and_guardian", false, nil, nil, facts.InForce},
		{"adult's representative", "", "representative", false, nil, nil, facts.InForce},
		{"adult, guardian alone", "", "guardian", true, both, []gateway.Ref{guard, guardTwo}, facts.None},
		{"adult, somebody", "", "somebody", true, nil, nil, facts.None},
		{"18 today, guardian alone", "2008-06-01", "guardian", true, both, []gateway.Ref{guard, guardTwo}, facts.None},
		{"18 tomorrow, guardian alone", "2008-06-02", "guardian", true, both, []gateway.Ref{guard, guardTwo}, facts.InForce},
		{"18 today", "2008-06-01", "subject", false, nil, nil, facts.InForce},
		{"18 tomorrow", "2008-06-02", "subject", false, nil, nil, facts.None},
		{"child with a maturity decision", "2010-05-10", "subject", true, both, nil, facts.InForce},
		{"12 today with a maturity decision", "2014-06-01", "subject", true, both, nil, facts.InForce},
		{"12 tomorrow with a maturity decision", "2014-06-02", "subject", true, both, nil, facts.None},
		{"child's representative", "2010-05-10", "representative", true, both, []gateway.Ref{guard, guardTwo}, facts.None},
		{"guardians without a maturity decision", "2010-05-10", "guardian", false, both, []gateway.Ref{guard, guardTwo}, facts.None},
		{"child and both guardians", "2010-05-10", "subject_and_guardian", false, both, []gateway.Ref{guard, guardTwo}, facts.InForce},
		{"small child and both guardians", "2020-05-10", "subject_and_guardian", false, both, []gateway.Ref{guard, guardTwo}, facts.InForce},
		{"child and one of two guardians", "2010-05-10", "subject_and_guardian", false, both, []gateway.Ref{guard}, facts.None},
		{"child and the guardian who is not blocked", "2010-05-10", "subject_and_guardian", false, oneBlocked, []gateway.Ref{guard}, facts.InForce},
		{"child and a blocked guardian too", "2010-05-10", "subject_and_guardian", false, oneBlocked, []gateway.Ref{guard, guardTwo}, facts.None},
		{"every guardian blocked", "2010-05-10", "subject_and_guardian", false, allBlocked, nil, facts.None},
		{"no guardian known", "2010-05-10", "subject_and_guardian", false, nil, []gateway.Ref{guard}, facts.None},
		{"unknown age", "unknown", "subject", true, nil, nil, facts.None},
		{"unknown age, both guardians", "unknown", "subject_and_guardian", true, both, []gateway.Ref{guard, guardTwo}, facts.None},
	}
	for _, tt := range tests {
		in := ask(t, func(w *facts.World, _ *facts.Question, _ *time.Time) {
			p := &w.Person
			if tt.birth != "" {
				p.Adult = false
			}
			if tt.birth != "" && tt.birth != "unknown" {
				p.Birth = day(tt.birth)
			}
			c := &p.Consents[0]
			p.Guardians, c.GivenBy, c.Maturity, c.Guardians = tt.guardians, tt.givenBy, tt.maturity, tt.signed
		})
		if got := in.Consent["RSK"]; got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestHealthFunctional(t *testing.T) {
	for _, tt := range []struct {
		named gateway.Class
		want  map[gateway.Class]facts.Standing
	}{
		{"HLT", map[gateway.Class]facts.Standing{"HLT": facts.InForce, "HLT.functional": facts.InForce}},
		{"HLT.functional", map[gateway.Class]facts.Standing{"HLT": facts.None, "HLT.functional": facts.InForce}},
		{"INV", map[gateway.Class]facts.Standing{"HLT": facts.None, "INV": ""}},
	} {
		in := ask(t, func(w *facts.World, _ *facts.Question, _ *time.Time) {
			w.Person.Consents[0].Classes = []gateway.Class{tt.named}
		})
		for class, want := range tt.want {
			if in.Consent[class] != want {
				t.Errorf("consent that names %s: %s is %q, want %q", tt.named, class, in.Consent[class], want)
			}
		}
	}
}

// TestBestConsent: one consent in force is enough, and none hides it.
func TestBestConsent(t *testing.T) {
	good := goodWorld().Person.Consents[0]
	old, gone := good, good
	old.To, gone.WithdrawnAt = day("2026-05-31"), noon
	for _, list := range [][]facts.Consent{{old, good, gone}, {gone, good, old}} {
		in := ask(t, func(w *facts.World, _ *facts.Question, _ *time.Time) { w.Person.Consents = list })
		if in.Consent["RSK"] != facts.InForce {
			t.Errorf("got %s, want in_force", in.Consent["RSK"])
		}
	}
	in := ask(t, func(w *facts.World, _ *facts.Question, _ *time.Time) { w.Person.Consents = []facts.Consent{gone, old} })
	if in.Consent["RSK"] != facts.OutOfDate {
		t.Errorf("got %s, want out_of_date", in.Consent["RSK"])
	}
}

func TestSip(t *testing.T) {
	type c = *facts.Consent
	for name, tt := range map[string]struct {
		spoil func(c, *facts.Question)
		want  bool
	}{
		"names CARE":                       {func(c, *facts.Question) {}, true},
		"whatever the purpose asked for":   {func(_ c, q *facts.Question) { q.Purpose = "EXIT_SUPPORT" }, true},
		"does not name CARE":               {func(c c, _ *facts.Question) { c.Purposes = []gateway.Purpose{"PROTECTION"} }, false},
		"out of date":                      {func(c c, _ *facts.Question) { c.To = day("2026-05-31") }, false},
		"names another recipient":          {func(_ c, q *facts.Question) { q.Actor.Agency = townB }, false},
		"names CARE but is withdrawn":      {func(c c, _ *facts.Question) { c.WithdrawnAt = noon }, false},
		"names CARE but excludes an actor": {func(c c, _ *facts.Question) { c.Excluded = []gateway.AgencyID{townA} }, false},
	} {
		in := ask(t, func(w *facts.World, q *facts.Question, _ *time.Time) { tt.spoil(&w.Person.Consents[0], q) })
		if in.Facts.SipConsent != tt.want {
			t.Errorf("%s: got %v", name, in.Facts.SipConsent)
		}
	}
}

func TestWithdrawnSinceQueued(t *testing.T) {
	queued := noon.Add(-time.Hour)
	for name, tt := range map[string]struct {
		withdrawn time.Time
		spoil     func(*facts.Question)
		want      bool
	}{
		"while it waited":          {noon.Add(-time.Minute), func(*facts.Question) {}, true},
		"as it was queued":         {queued, func(*facts.Question) {}, true},
		"before it was queued":     {queued.Add(-time.Second), func(*facts.Question) {}, false},
		"this moment":              {noon, func(*facts.Question) {}, true},
		"only later":               {noon.Add(time.Second), func(*facts.Question) {}, false},
		"never":                    {time.Time{}, func(*facts.Question) {}, false},
		"of another actor":         {noon.Add(-time.Minute), func(q *facts.Question) { q.Actor.Agency = townB }, true},
		"nothing was queued":       {noon.Add(-time.Minute), func(q *facts.Question) { q.QueuedAt = time.Time{} }, false},
		"discloser it never named": {noon.Add(-time.Minute), func(q *facts.Question) { q.Discloser.Agency = region }, true},
	} {
		in := ask(t, func(w *facts.World, q *facts.Question, _ *time.Time) {
			w.Person.Consents[0].WithdrawnAt, q.QueuedAt = tt.withdrawn, queued
			tt.spoil(q)
		})
		if in.Facts.ConsentWithdrawn != tt.want {
			t.Errorf("%s: got %v", name, in.Facts.ConsentWithdrawn)
		}
	}
}

// TestDecision spoils one thing per row in a decision that is in force.
func TestDecision(t *testing.T) {
	type d = *facts.Decision
	type q = *facts.Question
	type p = *facts.Person
	tests := []struct {
		name  string
		spoil func(d, q, p)
		now   string
		want  facts.Standing // "" for none
	}{
		{"in force", func(d, q, p) {}, "", facts.InForce},
		{"first day", func(d d, _ q, _ p) { d.From = day("2026-06-01") }, "2026-06-01T00:00:00+02:00", facts.InForce},
		{"the day before", func(d d, _ q, _ p) { d.From = day("2026-06-02") }, "2026-06-01T23:59:59+02:00", ""},
		{"last day", func(d, q, p) {}, "2026-06-30T23:59:59+02:00", facts.InForce},
		{"the day after", func(d, q, p) {}, "2026-07-01T00:00:00+02:00", facts.OutOfDate},
		{"refuses", func(d d, _ q, _ p) { d.Release = false }, "", ""},
		{"another kind", func(d d, _ q, _ p) { d.Kind = "balancing" }, "", ""},
		{"another basis", func(d d, _ q, _ p) { d.Basis = "OSL-12-3" }, "", ""},
		{"basis that nothing is known of", func(d d, q q, _ p) { d.Basis = "OSL-99"; q.Claimed = append(q.Claimed, "OSL-99") }, "", ""},
		{"basis not claimed", func(_ d, q q, _ p) { q.Claimed = nil }, "", ""},
		{"another discloser", func(d d, _ q, _ p) { d.Discloser, d.By.Agency = region, region }, "", ""},
		{"another purpose", func(_ d, q q, _ p) { q.Purpose = "CARE" }, "", ""},
		{"another recipient", func(_ d, q q, _ p) { q.Actor.Agency = townB }, "", ""},
		{"recipient's role not named", func(d d, _ q, _ p) { d.Recipient.Roles = []gateway.Role{child} }, "", ""},
		{"recipient in no role at all", func(d d, _ q, _ p) { d.Recipient.Roles = []gateway.Role{} }, "", ""},
		{"recipient's role named", func(d d, _ q, _ p) { d.Recipient.Roles = []gateway.Role{child, worker} }, "", facts.InForce},
		{"another user named", func(d d, _ q, _ p) { d.Recipient.User = userTwo }, "", ""},
		{"the user named", func(d d, _ q, _ p) { d.Recipient.User = user }, "", facts.InForce},
		{"field not named", func(d d, _ q, _ p) { d.Fields = []gateway.Field{"method"} }, "", ""},
		{"decided at another agency", func(d d, _ q, _ p) { d.By.Agency = townA }, "", ""},
		{"decided in a role that does not decide", func(d d, _ q, _ p) { d.By.Role = local }, "", ""},
		{"decided in a role of another kind of agency", func(d d, _ q, _ p) { d.By.Role = worker }, "", ""},
		{"decided by the agency's lawyer", func(d d, _ q, _ p) { d.By.Role = "agency.legal_officer" }, "", facts.InForce},
		{"decided by nobody", func(d d, _ q, _ p) { d.By.User = "" }, "", ""},
		{"decided by the reader", func(d d, _ q, _ p) { d.By.User = user }, "", ""},
		{"waits for a countersignature", func(d d, _ q, _ p) { d.Waits = true }, "", ""},
	}
	for _, tt := range tests {
		in := ask(t, func(w *facts.World, q *facts.Question, now *time.Time) {
			tt.spoil(&w.Person.Decisions[0], q, &w.Person)
			if tt.now != "" {
				*now = at(tt.now)
			}
		})
		if got := in.Decision["OSL-10-27"]["no_go_areas"]; got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if len(in.FieldRelease) != 0 {
			t.Errorf("%s: got a field release", tt.name)
		}
	}
}

func TestGround(t *testing.T) {
	tests := []struct {
		name   string
		basis  gateway.Basis
		ground int
		dated  string
		now    string
		want   facts.Standing
	}{
		{"no ground", "OSL-25-12", 0, "2026-05-01", "", ""},
		{"ground 5", "OSL-25-12", 5, "2026-05-01", "", ""},
		{"ground 1 of a child", "OSL-25-12", 1, "", "", facts.InForce},
		{"ground 1 on the 18th birthday", "OSL-25-12", 1, "", "2026-06-10T00:00:00+02:00", ""},
		{"ground 2 undated", "OSL-25-12", 2, "", "", ""},
		{"ground 2 dated tomorrow", "OSL-25-12", 2, "2026-06-02", "", ""},
		{"ground 4 dated today", "OSL-25-12", 4, "2026-06-01", "", facts.InForce},
		{"six months old to the day", "OSL-25-12", 2, "2025-12-01", "", facts.InForce},
		{"a day older", "OSL-25-12", 2, "2025-11-30", "", facts.OutOfDate},
		{"of 31 August, last day of a shorter month", "OSL-25-12", 3, "2025-08-31", "2026-02-28T12:00:00+01:00", facts.InForce},
		{"of 31 August, the day after", "OSL-25-12", 3, "2025-08-31", "2026-03-01T12:00:00+01:00", facts.OutOfDate},
		{"fresh", "OSL-25-13", 0, "2026-05-01", "", facts.InForce},
		{"no longer fresh", "OSL-25-13", 0, "2025-11-30", "", facts.OutOfDate},
		{"fresh but undated", "OSL-25-13", 0, "", "", ""},
	}
	kinds := map[gateway.Basis]string{"OSL-25-12": "need", "OSL-25-13": "incapacity"}
	for _, tt := range tests {
		in := ask(t, func(w *facts.World, q *facts.Question, now *time.Time) {
			w.Person.Adult, w.Person.Birth = false, day("2008-06-10")
			d := &w.Person.Decisions[0]
			d.Basis, d.Kind, d.Ground, q.Claimed = tt.basis, kinds[tt.basis], tt.ground, []gateway.Basis{tt.basis}
			d.From, d.To = day("2025-09-01"), day("2026-12-31")
			if tt.dated != "" {
				d.GroundDated = day(tt.dated)
			}
			if tt.now != "" {
				*now = at(tt.now)
			}
		})
		if got := in.Decision[tt.basis]["no_go_areas"]; got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestDecisionFacts(t *testing.T) {
	good := map[string]any{"close_person": true, "min_penalty_years": int64(1), "crime_class": "terror"}
	tests := []struct {
		name, fact string
		value      any
		want       facts.Standing
	}{
		{"all hold", "close_person", true, facts.InForce},
		{"false", "close_person", false, ""},
		{"missing", "close_person", nil, ""},
		{"of another type", "close_person", "true", ""},
		{"too few years", "min_penalty_years", int64(0), ""},
		{"more years", "min_penalty_years", int64(4), facts.InForce},
		{"a class not listed", "crime_class", "other", ""},
		{"another class listed", "crime_class", "security", facts.InForce},
	}
	for _, tt := range tests {
		in := ask(t, func(w *facts.World, q *facts.Question, _ *time.Time) {
			d := &w.Person.Decisions[0]
			d.Basis, d.Kind, d.Facts, q.Claimed = "OSL-10-18C", "suitability", map[string]any{}, []gateway.Basis{"OSL-10-18C"}
			for name, v := range good {
				d.Facts[name] = v
			}
			d.Facts[tt.fact] = tt.value
		})
		if got := in.Decision["OSL-10-18C"]["no_go_areas"]; got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestFieldRelease: a decision that ceiling R asks for stands beside the basis's
// own, and like that only where the basis is claimed, even if it is tried
// without.
func TestFieldRelease(t *testing.T) {
	for _, claimed := range [][]gateway.Basis{{"OSL-12-2"}, nil} {
		in := ask(t, func(w *facts.World, q *facts.Question, _ *time.Time) {
			w.Person.Decisions[0].Basis, w.Person.Decisions[0].Kind, q.Claimed = "OSL-12-2", "field_release", claimed
		})
		want := map[gateway.Basis]map[gateway.Field]facts.Standing{}
		if claimed != nil {
			want["OSL-12-2"] = map[gateway.Field]facts.Standing{"no_go_areas": facts.InForce}
		}
		if diff := cmp.Diff(want, in.FieldRelease); diff != "" || len(in.Decision) != 0 {
			t.Errorf("field release, claimed %v (-want +got):\n%s", claimed, diff)
		}
	}
}

// TestGuardianIsNamed: a guardian needs a decision that names the guardian.
func TestGuardianIsNamed(t *testing.T) {
	for _, tt := range []struct {
		named gateway.Ref
		want  facts.Standing
	}{{guard, facts.InForce}, {"", ""}, {guardTwo, ""}} {
		in := ask(t, func(w *facts.World, q *facts.Question, _ *time.Time) {
			q.Actor = facts.Actor{Agency: "guardian", Role: "subject.guardian", User: guard}
			q.Claimed = []gateway.Basis{"OSL-12-3"}
			d := &w.Person.Decisions[0]
			d.Basis, d.Kind, d.Recipient = "OSL-12-3", "guardian", facts.Side{Agency: "guardian", User: tt.named}
		})
		if got := in.Decision["OSL-12-3"]["no_go_areas"]; got != tt.want {
			t.Errorf("decision that names %q: got %q", tt.named, got)
		}
	}
}
