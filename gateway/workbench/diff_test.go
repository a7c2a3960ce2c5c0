package workbench_test

import (
	"slices"
	"testing"

	"sluss/gateway"
	"sluss/gateway/policy"
	"sluss/gateway/workbench"
)

// TestDiff changes one thing of the law and wants to be told just that.
func TestDiff(t *testing.T) {
	s, err := space()
	if err != nil {
		t.Fatal(err)
	}
	ceiling := func(role, class, cell string) []edit {
		return []edit{{"data/ceilings.json", `"exceptions": [`, `"exceptions": [{"role": "` + role + `", "class": "` + class + `", "cell": "` + cell + `"},`}}
	}
	tests := []struct {
		name   string
		edits  []edit
		id     string
		change func(*policy.Provision)
		opens  bool
		kinds  []workbench.ChangeKind
		role   gateway.Role
		field  gateway.Field
	}{
		{"wider ceiling", ceiling("kriminalvarden.prison_officer", "PAD", "C"), "", nil, true, []workbench.ChangeKind{workbench.Opened},
			"kriminalvarden.prison_officer", "current_address"},
		{"a name is no longer asked for", ceiling("sis.treatment_staff", "HON", "A"), "", nil, true, []workbench.ChangeKind{workbench.Opened},
			"sis.treatment_staff", "honour_indicators"},
		{"a name is asked for", ceiling("sis.treatment_staff", "RSK", "C"), "", nil, false, []workbench.ChangeKind{workbench.Closed},
			"sis.treatment_staff", "risk_level"},
		{"a decision is no longer needed", nil, "OSL-35-10B", func(p *policy.Provision) { p.Way = policy.Automatic }, true,
			[]workbench.ChangeKind{workbench.Opened}, "kriminalvarden.prison_officer", "risk_level"},
		{"another order of bases", []edit{{"data/flows.json", `"decision": ["OSL-10-27", "OSL-10-15A", "OSL-35-10B"]`, `"decision": ["OSL-35-10B", "OSL-10-27", "OSL-10-15A"]`}},
			"", nil, false, []workbench.ChangeKind{workbench.BasisChanged}, "kriminalvarden.prison_officer", "risk_level"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := s.Diff(t.Context(), variant(t, s, tt.edits, tt.id, tt.change))
			if err != nil {
				t.Fatal(err)
			}
			var kinds []workbench.ChangeKind
			found := false
			for _, c := range d.Changes {
				kinds = append(kinds, c.Kind)
				found = found || c.To == tt.role && slices.Contains(c.Fields, tt.field)
				if c.To != tt.role && tt.id == "" && tt.name != "another order of bases" {
					t.Errorf("unasked: %s %s", c.Kind, c.EN)
				}
			}
			slices.Sort(kinds)
			if kinds = slices.Compact(kinds); !slices.Equal(kinds, tt.kinds) || d.Opens() != tt.opens || !found {
				t.Errorf("kinds %v, opens %t, found %t", kinds, d.Opens(), found)
				for _, c := range d.Changes[:min(len(d.Changes), 6)] {
					t.Log(c.Kind, c.EN)
				}
			}
		})
	}
}

// TestDiffAsks wants to be told of what changes no release that is compared, and
// opens all the same.
func TestDiffAsks(t *testing.T) {
	s, err := space()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		id, what string
		change   func(*policy.Provision)
		opens    bool
	}{
		{"OSL-12-2", "third_party", func(p *policy.Provision) { p.ThirdParty = "" }, true},
		{"SoL-15-9", "claim_needed", func(p *policy.Provision) { p.ClaimNeeded = false }, true},
		{"OSL-12-2", "claim_needed", func(p *policy.Provision) { p.ClaimNeeded = true }, false},
		{"OSL-10-18C", "decision", func(p *policy.Provision) { p.Decision.Facts = nil }, true},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.what, func(t *testing.T) {
			d, err := s.Diff(t.Context(), variant(t, s, nil, tt.id, tt.change))
			if err != nil {
				t.Fatal(err)
			}
			if len(d.Asks) != 1 || d.Asks[0].Provision != tt.id || d.Asks[0].What != tt.what || d.Opens() != tt.opens {
				t.Errorf("asks %+v, opens %t", d.Asks, d.Opens())
			}
		})
	}
}

// TestDiffByDefault opens something only where the default set is asked for,
// which a comparison must not lose among the requests that name fields; and
// changes a table that says what facts are made of.
func TestDiffByDefault(t *testing.T) {
	s, err := space()
	if err != nil {
		t.Fatal(err)
	}
	const consentable = "\tdata.catalogue.purposes[input.purpose].consentable\n}\n"
	p, err := workbench.Read(t.Context(), changed(t,
		edit{"provisions/consent_and_self.rego", consentable,
			"\tby_default\n}\n\nby_default if data.catalogue.purposes[input.purpose].consentable\n\nby_default if input.default\n"},
		edit{"data/limits.json", `"max_months": 12`, `"max_months": 24`}))
	if err != nil {
		t.Fatal(err)
	}
	other, err := workbench.NewSpace(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Diff(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(d.Changes, func(c workbench.AccessChange) bool { return c.Kind == workbench.Opened && c.Basis == "OSL-12-2" }) {
		t.Errorf("%d changes, none of which opens anything on consent", len(d.Changes))
	}
	if len(d.Asks) != 1 || d.Asks[0].File != "data/limits.json" {
		t.Errorf("asks %+v, want the limits", d.Asks)
	}
}
