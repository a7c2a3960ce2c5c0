package catalogue_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/catalogue"
)

func TestMayOpen(t *testing.T) {
	c := good(t)
	tests := []struct {
		name      string
		of        gateway.MessageType
		trip      catalogue.Trip
		sender    gateway.Kind
		protected bool
		want      []gateway.Field // all of them
	}{
		{
			name: "intelligence and investigations stay with the police", of: "exit.threat_assessment",
			trip:   catalogue.Trip{Sender: "police.exit_coordinator_regional", Recipient: "municipality.exit_team_lead"},
			sender: gateway.Police,
			want: []gateway.Field{
				"method", "risk_level", "protection_recommendation", "safety_instructions", "no_go_areas",
				"threat_source_summary", "family_at_risk", "honour_indicators", "contact_officer",
			},
		},
		{
			name: "flag of an investigation", of: "exit.threat_assessment",
			trip:   catalogue.Trip{Sender: "police.exit_coordinator_regional", Recipient: "municipality.social_worker"},
			sender: gateway.Police,
			want: []gateway.Field{
				"method", "risk_level", "protection_recommendation", "safety_instructions", "no_go_areas",
				"threat_source_summary", "ongoing_investigation_flag", "family_at_risk", "honour_indicators", "contact_officer",
			},
		},
		{
			name: "within the police", of: "exit.threat_assessment",
			trip: catalogue.Trip{
				Sender: "police.exit_coordinator_regional", Recipient: "police.personal_security_officer", SameAgency: true,
			},
			sender: gateway.Police,
			want: []gateway.Field{
				"method", "risk_level", "protection_recommendation", "safety_instructions", "no_go_areas",
				"threat_source_summary", "threat_actors", "intel_reliability", "ongoing_investigation_flag", "family_at_risk",
				"honour_indicators", "contact_officer",
			},
		},
		{
			name: "link between identities", of: "exit.relocation",
			trip: catalogue.Trip{
				Sender: "police.personal_security_officer", Recipient: "police.personal_security_officer", SameAgency: true,
			},
			sender: gateway.Police,
			want: []gateway.Field{
				"reason_code", "to_municipality", "move_date", "new_address", "new_phone", "fictitious_identity_ref",
				"no_trace_instructions",
			},
		},
		{
			name: "link between identities to no one else", of: "exit.relocation",
			trip: catalogue.Trip{
				Sender: "police.personal_security_officer", Recipient: "police.exit_coordinator_regional", SameAgency: true,
			},
			sender: gateway.Police,
			want: []gateway.Field{
				"reason_code", "to_municipality", "move_date", "new_address", "new_phone", "no_trace_instructions",
			},
		},
		{
			name: "leg without health and social data, forbidden flag", of: "exit.referral",
			trip:   catalogue.Trip{Sender: "region.psychiatry_clinician", Recipient: "police.exit_coordinator_local"},
			sender: gateway.Region,
			want: []gateway.Field{
				"subject_name", "subject_pnr", "phone", "email", "current_address", "environment_type", "support_needs",
				"acute_protection_need", "offence_summary", "sanction_status", "children_in_household", "referrer_contact",
			},
		},
		{
			name: "leg with classes", of: "exit.joint_plan",
			trip:   catalogue.Trip{Sender: "municipality.social_worker", Recipient: "municipality.income_support_officer"},
			sender: gateway.Municipality,
			want:   []gateway.Field{"income_support_measure", "debt_plan", "next_review_date"},
		},
		{
			name: "social notes to a local coordinator in the plan", of: "exit.joint_plan",
			trip:   catalogue.Trip{Sender: "municipality.social_worker", Recipient: "police.exit_coordinator_local"},
			sender: gateway.Municipality,
			want: []gateway.Field{
				"goals", "measures", "crisis_contacts", "housing_measure", "housing_address", "employment_measure",
				"police_measures", "sentence_conditions", "child_measures", "rule_breaches", "subject_view", "next_review_date",
			},
		},
		{
			name: "leg with fields", of: "exit.provider_assignment",
			trip:   catalogue.Trip{Sender: "provider.manager", Recipient: "municipality.income_support_officer"},
			sender: gateway.Provider,
			want:   []gateway.Field{"subject_alias", "invoice_amount"},
		},
		{
			name: "pseudonyms", of: "exit.grant_application",
			trip:   catalogue.Trip{Sender: "municipality.exit_team_lead", Recipient: "police.grants_officer"},
			sender: gateway.Municipality,
			want:   []gateway.Field{"case_pseudonym", "age_band", "sex", "environment_type", "protection_need"},
		},
		{
			name: "fields that the sender does not hold", of: "exit.health_coordination",
			trip:   catalogue.Trip{Sender: "municipality.social_worker", Recipient: "region.psychiatry_clinician"},
			sender: gateway.Municipality,
			want:   []gateway.Field{"social_situation_summary", "safety_note"},
		},
		{
			name: "phone of an ordinary person", of: "exit.contact",
			trip:   catalogue.Trip{Sender: "national.contact_point_operator", Recipient: "municipality.exit_team_lead"},
			sender: gateway.ContactPoint,
			want: []gateway.Field{
				"contact_channel", "callback_phone", "subject_name", "subject_pnr", "age_band", "home_municipality",
				"environment_type", "acute_danger", "safe_contact_instructions", "free_text",
			},
		},
		{
			name: "no route", of: "exit.threat_assessment",
			trip:   catalogue.Trip{Sender: "police.exit_coordinator_regional", Recipient: "provider.case_worker"},
			sender: gateway.Police,
		},
		{
			name: "acute leg without danger", of: "exit.contact",
			trip:   catalogue.Trip{Sender: "national.contact_point_operator", Recipient: "police.exit_coordinator_regional"},
			sender: gateway.ContactPoint,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mt, _ := c.Newest(tt.of)
			got := c.MayOpen(mt, tt.trip, tt.sender, tt.protected)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMayOpenProtected: where a role may have a contact detail but no
// protected address, the keys of a protected person's contact details do not
// leave the sender.
func TestMayOpenProtected(t *testing.T) {
	c := good(t)
	mt, _ := c.Newest("exit.info_request")
	trip := catalogue.Trip{Sender: "region.psychiatry_clinician", Recipient: "kriminalvarden.prison_officer"}
	for protected, want := range map[bool]bool{false: true, true: false} {
		got := c.MayOpen(mt, trip, gateway.Region, protected)
		for _, f := range []gateway.Field{"phone", "email", "current_address"} {
			if slices.Contains(got, f) != want {
				t.Errorf("protected %v: %s is among the keys: %v, want %v", protected, f, !want, want)
			}
		}
	}
}

// TestMayOpenOwn: what stays within one agency leaves no other one.
func TestMayOpenOwn(t *testing.T) {
	c := good(t)
	mt, _ := c.Newest("exit.info_request")
	for sender, own := range map[gateway.Role]bool{"police.exit_coordinator_local": true, "municipality.social_worker": false} {
		trip := catalogue.Trip{Sender: sender, Recipient: "police.exit_coordinator_regional", SameAgency: own}
		got := c.MayOpen(mt, trip, c.Tables().Roles[sender].Kind, false)
		if slices.Contains(got, "offence_suspicions") != own {
			t.Errorf("from %s: suspicions among the keys: %v, want %v", sender, !own, own)
		}
	}
}

// TestNever: no trip of any type opens to a role a field of a class that its
// ceiling never admits.
func TestNever(t *testing.T) {
	c := good(t)
	n := 0
	for _, mt := range c.Types() {
		for _, leg := range c.Legs(mt.Name) {
			for _, trip := range trips(mt, leg) {
				for k := range c.Tables().Kinds {
					for _, name := range c.MayOpen(mt, trip, k, false) {
						f, _ := mt.Field(name)
						n++
						cell := c.Tables().Ceilings.Of(trip.Recipient, f.Class, mt.Name)
						if cell == catalogue.Never || !f.Sealed || f.Forbidden || !f.HeldBy(k) {
							t.Fatalf("%s to %s in %s: cell %s", name, trip.Recipient, mt.Name, cell)
						}
					}
				}
			}
		}
	}
	if n == 0 {
		t.Error("nothing was opened at all")
	}
}

func TestCeiling(t *testing.T) {
	ceilings := &good(t).Tables().Ceilings
	tests := []struct {
		role  gateway.Role
		class gateway.Class
		in    gateway.MessageType
		want  catalogue.Cell
	}{
		{"police.exit_coordinator_local", "SOC", "exit.joint_plan", "A"},
		{"police.exit_coordinator_local", "SOC", "exit.referral", "C"}, // the exception
		{"police.exit_coordinator_local", "HLT", "exit.joint_plan", "D"},
		{"police.nobody", "SOC", "exit.joint_plan", catalogue.Never},
		{"police.exit_coordinator_local", "XXX", "exit.joint_plan", catalogue.Never},
	}
	for _, tt := range tests {
		if got := ceilings.Of(tt.role, tt.class, tt.in); got != tt.want {
			t.Errorf("%s, %s, %s: %s, want %s", tt.role, tt.class, tt.in, got, tt.want)
		}
	}
}
