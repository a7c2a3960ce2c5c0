package facts

import (
	"slices"
	"time"

	"sluss/gateway"
)

// Derive answers what the policy may look at: what w says, at a moment, about
// a question. It is a pure function, and total: what is not stated has the
// protective value.
func Derive(w World, q Question, t *Tables, now time.Time) Input {
	today := Today(now)
	asks := request{q: q, tables: t, today: today, now: now}
	p := w.Person
	in := Input{
		Actor:      Party{Kind: q.Actor.Agency.Kind(), Role: q.Actor.Role},
		Discloser:  Party{Kind: q.Discloser.Agency.Kind(), Role: q.Discloser.Role},
		SameAgency: q.Actor.Agency == q.Discloser.Agency,
		Purpose:    q.Purpose,
		Type:       q.Type,
		Initiative: q.Initiative,
		Claimed:    sorted(q.Claimed),
		Default:    slices.Contains(q.Fields, DefaultSet),
		Named:      slices.DeleteFunc(sorted(q.Fields), func(f gateway.Field) bool { return f == DefaultSet }),
		Reason:     t.Reasons[q.Reason],
		Bulk:       q.Bulk,
		Acute:      q.Urgency == "acute",
		Values:     q.Values,
		Maturity:   "not_asked",
		Consent:    asks.consents(p),
		Table:      q.Table.listed(),
	}
	in.Decision, in.FieldRelease = asks.decisions(p)
	requestFacts(&in.Facts, q, w)
	providerFacts(&in.Facts, q, w.Provider, today)
	asks.personFacts(&in.Facts, p)
	in.About = asks.about(in.Facts.Protected, w.Others)
	relationFacts(&in.Facts, q, p)
	asks.emergencyFacts(&in.Facts)
	in.Facts.SipConsent = asks.sip(p)
	in.Facts.ConsentWithdrawn = asks.withdrawnSinceQueued(p)
	in.Facts.AssessmentValid = q.Type != threatAssessment || q.ValidUntil >= today
	if q.Actor.Role == roleGuardian {
		guardianFacts(&in, p.Guardians[q.Actor.User], q, p)
	}
	in.Facts.MayKnow = mayKnow(q, p, in.Facts)
	return in
}

// listed writes a list that is not given as empty, as the closed input has it.
func (t Table) listed() Table {
	if t.Blanked == nil {
		t.Blanked = []string{}
	}
	return t
}

// request is a question at a moment, with the tables it is judged by.
type request struct {
	q      Question
	tables *Tables
	today  Date
	now    time.Time
}

func sorted[S ~[]E, E interface{ ~string }](s S) S {
	out := make(S, len(s))
	copy(out, s)
	slices.Sort(out)
	return slices.Compact(out)
}

func requestFacts(f *Facts, q Question, w World) {
	f.LogAvailable = q.LogAvailable
	f.AgenciesKnown = q.AgenciesKnown && q.Actor.Agency.Kind() != "" && q.Discloser.Agency.Kind() != ""
	f.SubjectNamed = q.Subject != ""
	f.Asked = q.Initiative == gateway.ByActor
	f.OnScene = q.OnScene
	portal := q.Actor.Role == roleSelf || q.Actor.Role == roleGuardian
	f.Assigned = w.User.Assigned || q.Actor.Function || portal
	f.ConflictOfInterest = w.User.Conflict || w.User.ReadElsewhere || q.ReadElsewhere
}

// providerFacts holds of the actor's provider at the moment of reading, not of
// sending (domain, Section 16.2, stage 8).
func providerFacts(f *Facts, q Question, p Provider, today Date) {
	if q.Actor.Agency.Kind() != gateway.Provider {
		return
	}
	approved := p.Status == "approved"
	f.ProviderApproved = approved && today <= p.ValidTo
	f.ProviderContract = slices.Contains(p.Contracts, q.Discloser.Agency)
	f.ProviderRevoked = !approved && p.Status != "pending" && p.Status != "rejected" || approved && today > p.ValidTo
}

func (r request) personFacts(f *Facts, p Person) {
	q, age := r.q, r.tables.Limits.Age
	f.OnRecord = p.Case.onRecord()
	f.PersonalSecurity = p.PersonalSecurity != No
	f.CaseOpen = p.Case.onRecord() && p.Case.State == "open"
	f.PlaceHidden = p.PlaceHidden != No
	f.Protected = p.protected() || q.Marking != "" && q.Marking != Unmarked
	f.ElevatedThreat = p.ElevatedThreat != No
	f.Under18 = p.under(age.ChildUnder, r.today)
	f.Under21 = p.under(age.YoungUnder, r.today)
	f.InSisCare = p.InSisCare == Yes
	f.Moved = len(p.Case.Previous) > 0 || !f.OnRecord
	if q.Subject == "" { // nobody to protect: only what the message itself says counts
		f.PersonalSecurity, f.PlaceHidden, f.ElevatedThreat, f.Moved = false, false, false, false
		f.Protected = q.Marking != "" && q.Marking != Unmarked
	}
}

// protected reports whether the person is marked or hidden, or not known not
// to be (domain, Section 4).
func (p Person) protected() bool { return p.Marking != Unmarked || p.PlaceHidden != No }

// under reports whether the person is known to be younger.
func (p Person) under(years int, today Date) bool {
	return p.Birth != 0 && !p.Adult && !today.reached(p.Birth, years)
}

// adult reports whether the person is known to have reached the age.
func (p Person) adult(years int, today Date) bool { return p.Adult || today.reached(p.Birth, years) }

func relationFacts(f *Facts, q Question, p Person) {
	actor, c := q.Actor.Agency, p.Case
	municipal := actor.Kind() == gateway.Municipality && actor != c.Waits
	f.Contested = contested(c)
	f.ClaimsByRegister = c.Responsible != actor && slices.ContainsFunc(c.Claims, func(cl Claim) bool {
		return cl.Municipality == actor && cl.Source == "population_register"
	})
	f.ActorResponsible = municipal && c.Responsible == actor
	f.ActorReceiving = municipal && c.Receiving == actor
	f.ActorPrevious = municipal && slices.Contains(c.Previous, actor)
	f.ActorInvestigates = municipal && p.investigated(actor, q.Discloser.Agency)
	f.HousingAssignment = slices.ContainsFunc(p.Assignments, func(a Assignment) bool {
		return a.Housing && a.Provider == actor && a.Municipality == q.Discloser.Agency
	})
}

// investigated reports whether a municipality's child investigation opens the
// data of a discloser.
func (p Person) investigated(by, discloser gateway.AgencyID) bool {
	return slices.ContainsFunc(p.Investigations, func(i Investigation) bool {
		return i.Municipality == by && (!i.Waits || slices.Contains(i.ConfirmedBy, discloser))
	})
}

// contested reports whether several municipalities say that the case is
// theirs. A claim whose source is unknown counts as one by case.
func contested(c Case) bool {
	var first gateway.AgencyID
	for _, cl := range c.Claims {
		if cl.Source == "population_register" || cl.Municipality == first {
			continue
		}
		if first != "" {
			return true
		}
		first = cl.Municipality
	}
	return false
}

// guardianFacts is about a guardian who asks (domain, Section 5).
func guardianFacts(in *Input, g Guardian, q Question, p Person) {
	_, listed := p.Guardians[q.Actor.User]
	in.Facts.GuardianListed = listed && in.Facts.Under18
	in.Facts.GuardianBlocked = g.Blocked || !listed
	switch g.Maturity {
	case "":
		in.Maturity = "none"
	case "child_alone", "joint", "guardian_alone":
		in.Maturity = g.Maturity
	default:
		in.Maturity = "child_alone"
	}
}

// mayKnow is stage 10 d: whether the actor may learn that there is a person
// (domain, Section 16.2).
func mayKnow(q Question, p Person, f Facts) bool {
	switch q.Actor.Role {
	case roleSelf:
		return q.Subject != "" && q.Actor.User == q.Subject
	case roleGuardian:
		return f.GuardianListed
	}
	actor := q.Actor.Agency
	if actor == p.Case.Waits && actor != q.Discloser.Agency && q.Initiative != gateway.ByDiscloser {
		return false
	}
	return q.Initiative == gateway.ByDiscloser || actor == q.Discloser.Agency ||
		slices.Contains(p.Case.Parties, actor) ||
		f.ActorResponsible || f.ActorReceiving || f.ActorPrevious || f.ActorInvestigates ||
		actor.Kind() == gateway.Municipality && (p.Case.AcuteStay == actor || p.Case.claims(actor))
}

// claims reports whether a municipality claims responsibility and others know.
func (c Case) claims(a gateway.AgencyID) bool {
	return slices.ContainsFunc(c.Claims, func(cl Claim) bool { return cl.Municipality == a && !cl.Pending })
}

// emergencyFacts are the preconditions and the time of break-glass (domain,
// Section 18).
func (r request) emergencyFacts(f *Facts) {
	q, e, limits := r.q, r.q.Emergency, r.tables.Limits.BreakGlass
	if e == nil {
		return
	}
	f.ThreatToLife = e.ThreatToLife
	f.ReasonLong = q.ReasonLen >= limits.MinReasonLength
	f.DiaryNumber = e.DiaryNo != ""
	f.Reauthenticated = e.Reauthenticated
	f.Confirmed = e.ConfirmedBy != "" && e.ConfirmedBy != q.Actor.User
	f.OperationNamed = e.Operation != ""
	minutes := limits.UnconfirmedMinutes
	if f.Confirmed {
		minutes = limits.Minutes
	}
	if e.Chained && e.Request != "" && !f.Confirmed { // it may be asked, and confirmed, but not yet read
		return
	}
	since := r.now.Sub(e.RequestedAt)
	f.WindowOpen = !e.RequestedAt.IsZero() && since >= 0 && since < time.Duration(minutes)*time.Minute
}

// about says for each declared field whether each other person in it has a
// consent that covers it (domain, Section 10). Contact details count as
// protected address if the person asked about or the other one is protected.
func (r request) about(protected bool, others map[gateway.Ref]Person) map[gateway.Field]bool {
	out := make(map[gateway.Field]bool, len(r.q.About))
	for field, refs := range r.q.About {
		named := r.tables.Fields[r.q.Type][field]
		out[field] = named != ""
		for _, ref := range refs {
			if ref == r.q.Subject { // is nobody else
				continue
			}
			class, other := named, others[ref]
			if class == "CON" && (protected || other.protected()) {
				class = "PAD"
			}
			if r.consents(other)[class] != InForce {
				out[field] = false
			}
		}
	}
	return out
}
