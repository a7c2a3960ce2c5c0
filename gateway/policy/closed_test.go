package policy_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// good is a question that releases: the responsible municipality asks the
// police for a threat assessment that the person has consented to.
func good() facts.Input {
	return facts.Input{
		Actor:     facts.Party{Kind: gateway.Municipality, Role: "municipality.social_worker"},
		Discloser: facts.Party{Kind: gateway.Police, Role: "police.exit_coordinator_regional"},
		Purpose:   "PROTECTION", Type: "exit.threat_assessment", Initiative: gateway.ByActor,
		Claimed: []gateway.Basis{"OSL-12-2"}, Default: true, Maturity: "not_asked",
		Consent: map[gateway.Class]facts.Standing{"CAS": facts.InForce, "RSK": facts.InForce},
		Facts: facts.Facts{LogAvailable: true, AgenciesKnown: true, SubjectNamed: true, Asked: true, Assigned: true,
			OnRecord: true, MayKnow: true, CaseOpen: true, ActorResponsible: true, AssessmentValid: true},
	}
}

func guardian(in *facts.Input) {
	in.Actor = facts.Party{Kind: gateway.Guardian, Role: "subject.guardian"}
	in.Discloser = facts.Party{Kind: gateway.Municipality, Role: "municipality.social_worker"}
	in.Type, in.Purpose, in.Maturity = "exit.joint_plan", "SUBJECT_ACCESS", "joint"
	in.Facts.GuardianListed, in.Facts.Under18 = true, true
}

func provider(in *facts.Input) {
	in.Actor = facts.Party{Kind: gateway.Provider, Role: "provider.case_worker"}
	in.Discloser = facts.Party{Kind: gateway.Municipality, Role: "municipality.social_worker"}
	in.Type, in.Purpose = "exit.provider_assignment", "EXIT_SUPPORT"
	in.Facts.ProviderApproved, in.Facts.ProviderContract, in.Facts.ActorResponsible = true, true, false
}

func glass(in *facts.Input) {
	in.Actor = facts.Party{Kind: gateway.Police, Role: "police.exit_coordinator_regional"}
	in.Discloser = facts.Party{Kind: gateway.Municipality, Role: "municipality.social_worker"}
	in.Type, in.Purpose, in.Default = "exit.emergency_access", "EMERGENCY", false
	in.Named = []gateway.Field{"housing_address", "phone"}
	f := &in.Facts
	f.ThreatToLife, f.ReasonLong, f.DiaryNumber, f.Reauthenticated, f.WindowOpen = true, true, true, true, true
}

// TestClosed spoils one thing of a question that releases. Nothing is released,
// and the reason is the one of the stage.
func TestClosed(t *testing.T) {
	p := read(t)
	tests := []struct {
		name    string
		spoil   func(*facts.Input)
		outcome gateway.Outcome
		reason  gateway.Reason
	}{
		{"log", func(in *facts.Input) { in.Facts.LogAvailable = false }, gateway.Deny, "LOG"},
		{"no fact", func(in *facts.Input) { in.Facts = facts.Facts{Asked: true} }, gateway.Deny, "LOG"},
		{"agency", func(in *facts.Input) { in.Facts.AgenciesKnown = false }, gateway.Deny, "UNKNOWN"},
		{"kind", func(in *facts.Input) { in.Actor.Kind = "XYZ" }, gateway.Deny, "UNKNOWN"},
		{"role", func(in *facts.Input) { in.Actor.Role = "municipality.mayor" }, gateway.Deny, "UNKNOWN"},
		{"discloser's role", func(in *facts.Input) { in.Discloser.Role = "" }, gateway.Deny, "UNKNOWN"},
		{"type", func(in *facts.Input) { in.Type = "exit.gossip" }, gateway.Deny, "UNKNOWN"},
		{"purpose", func(in *facts.Input) { in.Purpose = "" }, gateway.Deny, "UNKNOWN"},
		{"field", func(in *facts.Input) { in.Named = []gateway.Field{"shoe_size"} }, gateway.Deny, "UNKNOWN"},
		{"nothing asked for", func(in *facts.Input) { in.Default = false }, gateway.Deny, "UNKNOWN"},
		{"nobody named", func(in *facts.Input) { in.Facts.SubjectNamed = false }, gateway.Deny, "UNKNOWN"},
		{"session", func(in *facts.Input) { in.Actor.Kind = gateway.Police }, gateway.Deny, "SESSION"},
		{"role of no agency", func(in *facts.Input) { in.Actor = facts.Party{Role: "gateway.register"} }, gateway.Deny, "UNKNOWN"},
		{"bulk", func(in *facts.Input) { in.Bulk = true }, gateway.Deny, "BLK-BULK"},
		{"route", func(in *facts.Input) { in.Actor.Role = "municipality.income_support_officer" }, gateway.Deny, "ROUTE"},
		{"purpose of another role", func(in *facts.Input) { in.Purpose = "CRIME_INVESTIGATION" }, gateway.Deny, "PURPOSE"},
		{"emergency without its message", func(in *facts.Input) { in.Purpose = "EMERGENCY" }, gateway.Deny, "PURPOSE"},
		{"break-glass too late", func(in *facts.Input) { glass(in); in.Facts.WindowOpen = false }, gateway.Deny, "EMERGENCY"},
		{"place in an emergency", func(in *facts.Input) { glass(in); in.Named = in.Named[:1] }, gateway.Deny, "EMERGENCY"},
		{"provider not approved", func(in *facts.Input) { provider(in); in.Facts.ProviderApproved = false }, gateway.Deny, "BLK-VET"},
		{"provider without contract", func(in *facts.Input) { provider(in); in.Facts.ProviderContract = false }, gateway.Deny, "BLK-VET"},
		{"conflict of interest", func(in *facts.Input) { in.Facts.ConflictOfInterest = true }, gateway.Deny, "BLK-COI"},
		{"not on record", func(in *facts.Input) { in.Facts.OnRecord = false }, gateway.NoRecord, "NOT-PARTY"},
		{"witness protection", func(in *facts.Input) { in.Facts.PersonalSecurity = true }, gateway.NoRecord, "BLK-PSW"},
		{"witness protection, not assigned", func(in *facts.Input) { in.Facts.PersonalSecurity, in.Facts.Assigned = true, false }, gateway.NoRecord, "BLK-PSW"},
		{"not assigned", func(in *facts.Input) { in.Facts.Assigned = false }, gateway.NoRecord, "NOT-ASSIGNED"},
		{"not a party", func(in *facts.Input) { in.Facts.MayKnow = false }, gateway.NoRecord, "NOT-PARTY"},
		{"no guardian", func(in *facts.Input) { guardian(in); in.Facts.GuardianListed = false }, gateway.NoRecord, "NOT-PARTY"},
		{"guardian of an adult", func(in *facts.Input) { guardian(in); in.Facts.Under18 = false }, gateway.NoRecord, "NOT-PARTY"},
		{"closed", func(in *facts.Input) { in.Facts.CaseOpen = false }, gateway.Deny, "BLK-CLOSED"},
		{"contested", func(in *facts.Input) { in.Facts.Contested = true }, gateway.Review, "BLK-RESP"},
		{"by register", func(in *facts.Input) { in.Facts.ClaimsByRegister = true }, gateway.Review, "BLK-RESP"},
		{"guardian blocked", func(in *facts.Input) { guardian(in); in.Facts.GuardianBlocked = true }, gateway.Deny, "BLK-GRD"},
		{"hidden from the guardian", func(in *facts.Input) { guardian(in); in.Facts.PlaceHidden = true }, gateway.Deny, "BLK-GRD"},
		{"child decides alone", func(in *facts.Input) { guardian(in); in.Maturity = "child_alone" }, gateway.Deny, "BLK-GRD"},
		{"maturity not judged", func(in *facts.Input) { guardian(in); in.Maturity = "none" }, gateway.Review, "BLK-GRD"},
		{"maturity unheard of", func(in *facts.Input) { guardian(in); in.Maturity = "wise" }, gateway.Review, "BLK-GRD"},
		{"forbidden field by name", func(in *facts.Input) {
			in.Type, in.Purpose, in.Actor.Role = "exit.referral", "EXIT_SUPPORT", "municipality.exit_team_lead"
			in.Named = []gateway.Field{"evidence_person_flag"}
		}, gateway.Deny, "FORBIDDEN"},
		{"identity link by name", func(in *facts.Input) {
			in.Type, in.Purpose, in.Discloser.Role = "exit.relocation", "RELOCATION", "police.personal_security_officer"
			in.Named = []gateway.Field{"fictitious_identity_ref"}
		}, gateway.Deny, "BLK-PIL"},
		{"plan without consent to it", func(in *facts.Input) {
			in.Type, in.Purpose, in.Values.RequestKind = "exit.health_coordination", "CARE", "sip"
			in.Discloser = facts.Party{Kind: gateway.Region, Role: "region.psychiatry_clinician"}
		}, gateway.Deny, "BLK-SIP"},
		{"report that no guard has seen", report, gateway.Deny, "NO-BASIS"},
		{"report that the guard refuses", func(in *facts.Input) {
			report(in)
			in.Table = facts.Table{Checked: true, Refused: true}
		}, gateway.Deny, "BLK-CELL"},
		{"no consent", func(in *facts.Input) { in.Consent = nil }, gateway.Deny, "NO-BASIS"},
		{"consent out of date", func(in *facts.Input) { in.Consent["CAS"], in.Consent["RSK"] = facts.OutOfDate, facts.OutOfDate }, gateway.Review, "BLK-STALE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := good()
			tt.spoil(&in)
			d, err := p.DecideInput(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if d.Outcome() != tt.outcome || d.Reason() != tt.reason || len(d.Allowed()) > 0 {
				t.Errorf("got %s %s with %v, want %s %s and nothing", d.Outcome(), d.Reason(), d.Allowed(), tt.outcome, tt.reason)
			}
			if !slices.Contains(d.Obligations(), "log") {
				t.Errorf("obligations %v lack the log", d.Obligations())
			}
		})
	}
	if d, err := p.DecideInput(t.Context(), good()); err != nil || d.Outcome() != gateway.Partial {
		t.Errorf("unspoilt: %s, %v; want PARTIAL", d.Outcome(), err)
	}
}

func report(in *facts.Input) {
	in.Actor = facts.Party{Kind: gateway.Government, Role: "government.report_reader"}
	in.Discloser.Role, in.Type, in.Purpose = "police.exit_coordinator_national", "exit.followup_report", "STATISTICS"
	in.Claimed, in.Consent = nil, nil
}

// TestMalformedInput is not decided at all.
func TestMalformedInput(t *testing.T) {
	p := read(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name  string
		ctx   context.Context
		spoil func(*facts.Input)
		want  error
	}{
		{"zero", t.Context(), func(in *facts.Input) { *in = facts.Input{} }, policy.ErrInput},
		{"initiative", t.Context(), func(in *facts.Input) { in.Initiative = "anybody" }, policy.ErrInput},
		{"initiative said twice", t.Context(), func(in *facts.Input) { in.Facts.Asked = false }, policy.ErrInput},
		{"standing of a consent", t.Context(), func(in *facts.Input) { in.Consent["CAS"] = "covers" }, policy.ErrInput},
		{"standing of a decision", t.Context(), func(in *facts.Input) {
			in.Decision = map[gateway.Basis]map[gateway.Field]facts.Standing{"OSL-10-27": {"risk_level": "yes"}}
		}, policy.ErrInput},
		{"standing of a release", t.Context(), func(in *facts.Input) {
			in.FieldRelease = map[gateway.Basis]map[gateway.Field]facts.Standing{"OSL-12-2": {"risk_level": ""}}
		}, policy.ErrInput},
		{"claims not sorted", t.Context(), func(in *facts.Input) { in.Claimed = []gateway.Basis{"PL-6", "OSL-12-2"} }, policy.ErrInput},
		{"field named twice", t.Context(), func(in *facts.Input) { in.Named = []gateway.Field{"method", "method"} }, policy.ErrInput},
		{"out of time", cancelled, func(*facts.Input) {}, policy.ErrEvaluation},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := good()
			tt.spoil(&in)
			d, err := p.DecideInput(tt.ctx, in)
			if !errors.Is(err, tt.want) || !d.IsZero() {
				t.Errorf("got %s, %v; want no decision and %v", d.Outcome(), err, tt.want)
			}
		})
	}
	if d, err := p.Decide(t.Context(), facts.Known{}); !errors.Is(err, policy.ErrInput) || !d.IsZero() {
		t.Errorf("nothing known: got %s, %v", d.Outcome(), err)
	}
}

// TestDecisionKeepsItsInput changes what was asked after it was decided.
func TestDecisionKeepsItsInput(t *testing.T) {
	p := read(t)
	in := good()
	d, err := p.DecideInput(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	in.Consent["CAS"], in.Claimed[0] = facts.None, "OSL-10-27"
	d.Input().Consent["RSK"] = facts.None
	if got := d.Input(); got.Consent["CAS"] != facts.InForce || got.Consent["RSK"] != facts.InForce || got.Claimed[0] != "OSL-12-2" {
		t.Errorf("the decision now says it was taken on %+v", got)
	}
	if d.Snapshot() != digest || d.Type() != in.Type {
		t.Errorf("snapshot %s, type %s", d.Snapshot(), d.Type())
	}
	again, err := p.DecideInput(t.Context(), d.Input())
	if err != nil || again.Outcome() != d.Outcome() || !slices.Equal(again.Allowed(), d.Allowed()) {
		t.Errorf("taken again: %s %v, %v; want %s %v", again.Outcome(), again.Allowed(), err, d.Outcome(), d.Allowed())
	}
}

// TestShownReasons hides what a reason would tell.
func TestShownReasons(t *testing.T) {
	p := read(t)
	in := good()
	in.Type, in.Purpose, in.Facts.ActorResponsible = "exit.relocation", "RELOCATION", false
	in.Discloser = facts.Party{Kind: gateway.Municipality, Role: "municipality.social_worker"}
	in.About = map[gateway.Field]bool{"reason_code": false}
	d, err := p.DecideInput(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[gateway.Field]policy.Withheld{}
	for _, w := range d.Withheld() {
		reasons[w.Field] = w
	}
	for field, want := range map[gateway.Field]gateway.Reason{"to_municipality": "BLK-LOC", "from_municipality": "BLK-LOC", "reason_code": "BLK-3P"} {
		if got := reasons[field]; got.Reason != want || got.Shown != "NO-BASIS" {
			t.Errorf("%s: %s, shown %s; want %s, shown NO-BASIS", field, got.Reason, got.Shown, want)
		}
	}
}
