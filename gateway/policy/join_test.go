package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"sluss/gateway"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
)

// TestJoin asks for one field and looks at what becomes of it.
func TestJoin(t *testing.T) {
	p := read(t)
	inForce := func(basis gateway.Basis, fields ...gateway.Field) map[gateway.Basis]map[gateway.Field]facts.Standing {
		m := map[gateway.Field]facts.Standing{}
		for _, f := range fields {
			m[f] = facts.InForce
		}
		return map[gateway.Basis]map[gateway.Field]facts.Standing{basis: m}
	}
	child := func(in *facts.Input) {
		guardian(in)
		in.Claimed, in.Reason, in.Default = []gateway.Basis{"OSL-12-3"}, true, false
		in.Named = []gateway.Field{"crisis_contacts", "goals"}
		in.Decision = inForce("OSL-12-3", "goals")
	}
	tests := []struct {
		name   string
		change func(*facts.Input)
		field  gateway.Field
		basis  gateway.Basis
		reason gateway.Reason
	}{
		{"on consent", func(*facts.Input) {}, "risk_level", "OSL-12-2", ""},
		{"consent never opens chapter 18", func(in *facts.Input) { in.Consent["RDT"] = facts.InForce }, "no_go_areas", "", "BLK-PUB"},
		{"a decision opens chapter 18 for a field named with a reason", func(in *facts.Input) {
			in.Claimed, in.Named, in.Reason = []gateway.Basis{"OSL-10-27"}, []gateway.Field{"no_go_areas"}, true
			in.Decision = inForce("OSL-10-27", "no_go_areas")
		}, "no_go_areas", "OSL-10-27", ""},
		{"but not without a reason", func(in *facts.Input) {
			in.Claimed, in.Named = []gateway.Basis{"OSL-10-27"}, []gateway.Field{"no_go_areas"}
			in.Decision = inForce("OSL-10-27", "no_go_areas")
		}, "no_go_areas", "", "NOT-NAMED"},
		{"nor unclaimed", func(in *facts.Input) {
			in.Named, in.Reason, in.Decision = []gateway.Field{"no_go_areas"}, true, inForce("OSL-10-27", "no_go_areas")
		}, "no_go_areas", "", "BLK-PUB"},
		{"a decision under another basis opens nothing", func(in *facts.Input) {
			in.Claimed, in.Named, in.Reason = []gateway.Basis{"OSL-10-27"}, []gateway.Field{"no_go_areas"}, true
			in.Decision = inForce("OSL-10-15A", "no_go_areas")
		}, "no_go_areas", "", "BLK-PUB"},
		{"another person in the field", func(in *facts.Input) { in.About = map[gateway.Field]bool{"risk_level": false} }, "risk_level", "", "BLK-3P"},
		{"another person who has consented too", func(in *facts.Input) { in.About = map[gateway.Field]bool{"risk_level": true} }, "risk_level", "OSL-12-2", ""},
		{"what carries goes along", func(in *facts.Input) { delete(in.Consent, "CAS") }, "contact_officer", "OSL-12-2", ""},
		{"what carries does not go alone", func(in *facts.Input) { in.Consent = map[gateway.Class]facts.Standing{"DEM": facts.InForce} },
			"contact_officer", "", "NO-BASIS"},
		{"nor with another person in it", func(in *facts.Input) {
			delete(in.Consent, "CAS")
			in.About = map[gateway.Field]bool{"contact_officer": false}
		}, "contact_officer", "", "NO-BASIS"},
		{"a guardian reads what a decision names", child, "goals", "OSL-12-3", ""},
		{"and nothing is carried along where each field needs a decision", child, "crisis_contacts", "", "NO-DECISION"},
		{"contact details of a protected person locate", func(in *facts.Input) {
			in.Type, in.Purpose, in.Consent["CON"] = "exit.referral", "EXIT_SUPPORT", facts.InForce
			in.Facts.Protected = true
		}, "phone", "", "NO-BASIS"},
		{"of another they do not", func(in *facts.Input) {
			in.Type, in.Purpose, in.Consent["CON"] = "exit.referral", "EXIT_SUPPORT", facts.InForce
		}, "phone", "OSL-12-2", ""},
		{"a leg leaves classes out", func(in *facts.Input) {
			in.Type, in.Purpose, in.Consent["SOC"], in.SameAgency = "exit.referral", "EXIT_SUPPORT", facts.InForce, true
			in.Actor = facts.Party{Kind: gateway.Police, Role: "police.exit_coordinator_local"}
		}, "motivation_level", "", "CEILING"},
		{"a claimed basis that is for authorities", func(in *facts.Input) {
			provider(in)
			in.Claimed, in.Consent = []gateway.Basis{"OSL-10-27"}, nil
		}, "subject_alias", "", "BLK-PRIV"},
		{"a provider and a protected person's place", func(in *facts.Input) {
			provider(in)
			in.Consent, in.Facts.Protected = nil, true
		}, "subject_phone", "", "BLK-LOC"},
		{"an excluded basis", func(in *facts.Input) {
			in.Discloser = facts.Party{Kind: gateway.Region, Role: "region.psychiatry_clinician"}
			in.Type, in.Purpose, in.Values.RequestKind = "exit.health_coordination", "CARE", "feedback"
			in.Claimed, in.Consent = []gateway.Basis{"OSL-10-27"}, nil
		}, "attendance_status", "", "BLK-EXCL"},
		{"a contact alone tells of a patient", func(in *facts.Input) {
			in.Discloser = facts.Party{Kind: gateway.Region, Role: "region.psychiatry_clinician"}
			in.Type, in.Purpose, in.Values.RequestKind = "exit.health_coordination", "CARE", "feedback"
		}, "clinician_contact", "", "NO-BASIS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := good()
			tt.change(&in)
			d, err := p.DecideInput(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			basis, _ := d.Allows(tt.field)
			var reason gateway.Reason
			for _, w := range d.Withheld() {
				if w.Field == tt.field {
					reason = w.Reason
				}
			}
			if basis != tt.basis || reason != tt.reason {
				t.Errorf("%s: basis %q, reason %q (%s %s); want %q, %q", tt.field, basis, reason, d.Outcome(), d.Stage(), tt.basis, tt.reason)
			}
		})
	}
}

// TestAuthoritiesOnly puts a basis that reaches authorities only into a flow to
// providers: the METADATA of the provision holds, whatever the flow says.
func TestAuthoritiesOnly(t *testing.T) {
	files := tree(t)
	const before, after = `"decision": ["OSL-10-2", "OSL-10-14"]`, `"decision": ["OSL-10-2", "OSL-26-9"]`
	flows := string(files["data/flows.json"].Data)
	if strings.Count(flows, before) != 1 {
		t.Fatalf("flows.json does not hold %s once", before)
	}
	files["data/flows.json"] = &fstest.MapFile{Data: []byte(strings.Replace(flows, before, after, 1))}
	p, err := policy.Read(t.Context(), files, digest)
	if err != nil {
		t.Fatal(err)
	}
	in := good()
	provider(&in)
	in.Consent, in.Claimed, in.Facts.HousingAssignment = nil, []gateway.Basis{"OSL-26-9"}, true
	in.Decision = map[gateway.Basis]map[gateway.Field]facts.Standing{"OSL-26-9": {"subject_alias": facts.InForce}}
	d, err := p.DecideInput(t.Context(), in)
	if err != nil || d.Outcome() != gateway.Deny || d.Reason() != "BLK-PRIV" {
		t.Errorf("got %s %s with %v, %v; want DENY BLK-PRIV", d.Outcome(), d.Reason(), d.Allowed(), err)
	}
}
