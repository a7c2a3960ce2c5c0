package catalogue_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/envelope"
)

// drop takes a field out of the spec that a sender seals by.
func (l *letter) drop(name gateway.Field) {
	l.spec = slices.DeleteFunc(l.spec, func(s envelope.FieldSpec) bool { return s.Name == name })
	delete(l.draft.Values, name)
}

// put adds a field to the spec, or replaces it.
func (l *letter) put(s envelope.FieldSpec, value string) {
	l.drop(s.Name)
	l.spec = append(l.spec, s)
	if value != "" {
		l.draft.Values[s.Name] = json.RawMessage(value)
	}
}

func TestConform(t *testing.T) {
	c := good(t)
	tests := []struct {
		name  string
		spoil func(*letter) // breaks one thing in a good threat assessment
		want  gateway.Code
	}{
		{"nothing", func(*letter) {}, ""},
		{"several roles", func(l *letter) {
			l.draft.ToRoles = append(l.draft.ToRoles, "municipality.exit_team_lead")
		}, ""},
		{"fields named", func(l *letter) { l.draft.Fields = []string{"default", "threat_actors"} }, ""},
		{"optional clear field", func(l *letter) { l.draft.ReplyTo = jti }, ""},

		{"type", func(l *letter) { l.draft.Type = "exit.nothing" }, gateway.CodeUnknownType},
		{"version", func(l *letter) { l.draft.Version = 2 }, gateway.CodeUnknownType},

		{"role of another kind", func(l *letter) { l.draft.FromRole = "municipality.social_worker" }, gateway.CodeRoute},
		{"role of another agency", func(l *letter) { l.draft.Issuer = "kriminalvarden" }, gateway.CodeRoute},
		{"role without a route", func(l *letter) { l.draft.FromRole = "police.investigator" }, gateway.CodeRoute},
		{"unknown sender role", func(l *letter) { l.draft.FromRole = "police.nobody" }, gateway.CodeRoute},
		{"sender role of a system", func(l *letter) { l.draft.FromRole = "gateway.log" }, gateway.CodeRoute},
		{"recipient role of another kind", func(l *letter) { l.draft.ToRoles[0] = "sis.institution_head" }, gateway.CodeRoute},
		{"recipient role without a route", func(l *letter) {
			l.draft.ToRoles[0] = "municipality.procurement_officer"
		}, gateway.CodeRoute},
		{"one of two roles without a route", func(l *letter) {
			l.draft.ToRoles = append(l.draft.ToRoles, "municipality.income_support_officer")
		}, gateway.CodeRoute},
		{"recipient agency of another kind", func(l *letter) { l.draft.Audience = "urn:sluss:agency:region:01" }, gateway.CodeRoute},
		{"register at an agency", func(l *letter) { l.draft.ToRoles[0] = catalogue.Register }, gateway.CodeRoute},
		{"no statement", func(l *letter) {
			l.draft.Audience, l.draft.ToRoles = string(self), []gateway.Role{catalogue.Register}
		}, gateway.CodeRoute},
		{"agency's role at the gateway", func(l *letter) { l.draft.Audience = string(self) }, gateway.CodeRoute},

		{"purpose", func(l *letter) { l.draft.Purpose = "CURIOSITY" }, gateway.CodeSchema},
		{"marking", func(l *letter) { l.draft.Marking = "secret" }, gateway.CodeSchema},
		{"reason code", func(l *letter) { l.draft.Reason = &envelope.Reason{Code: "because", Length: 3} }, gateway.CodeSchema},
		{"about nobody", func(l *letter) { l.draft.Subject = "" }, gateway.CodeMissingField},

		{"nothing put forward", func(l *letter) { l.draft.Fields = []string{} }, gateway.CodeMissingField},
		{"unknown name put forward", func(l *letter) { l.draft.Fields = []string{"shoe_size"} }, gateway.CodeUnknownField},
		{"about an unknown field", func(l *letter) {
			l.draft.About = map[gateway.Field][]gateway.Ref{"shoe_size": {ref}}
		}, gateway.CodeUnknownField},
		{"unknown field", func(l *letter) { l.put(envelope.FieldSpec{Name: "shoe_size"}, `42`) }, gateway.CodeUnknownField},
		{"unknown sealed field", func(l *letter) {
			l.put(envelope.FieldSpec{Name: "shoe_size", Sealed: true, Size: 64}, `42`)
		}, gateway.CodeUnknownField},

		{"clear instead of sealed", func(l *letter) { l.put(envelope.FieldSpec{Name: "risk_level"}, `4`) }, gateway.CodeNotSealed},
		{"sealed instead of clear", func(l *letter) {
			l.put(envelope.FieldSpec{Name: "valid_until", Sealed: true, Size: 64}, `"2026-08-31"`)
		}, gateway.CodeSealing},
		{"sealed too small", func(l *letter) {
			l.put(envelope.FieldSpec{Name: "safety_instructions", Sealed: true, Size: 256}, `"x"`)
		}, gateway.CodeSealing},
		{"sealed too large", func(l *letter) {
			l.put(envelope.FieldSpec{Name: "risk_level", Sealed: true, Size: 256}, `4`)
		}, gateway.CodeSealing},
		{"disclosures inside a field", func(l *letter) {
			l.put(envelope.FieldSpec{Name: "valid_until", Cells: true}, `[{"id":"c1","dims":{},"n":3}]`)
		}, gateway.CodeSealing},

		{"required clear field", func(l *letter) { delete(l.draft.Values, "valid_until") }, gateway.CodeMissingField},
		{"sealed field without a value is there", func(l *letter) { delete(l.draft.Values, "risk_level") }, ""},
		{"sealed field that is not required", func(l *letter) { l.drop("threat_actors") }, gateway.CodeMissingField},
		{"decoy too many", func(l *letter) { l.put(envelope.FieldSpec{Name: "shoe_size"}, "") }, gateway.CodeSealing},

		{"no keys", func(l *letter) {
			l.resign = func(payload map[string]any) { payload["keys"] = map[string]any{} }
		}, gateway.CodeSealing},
		{"too many keys", func(l *letter) {
			for range 16 {
				l.to = append(l.to, envelope.Recipient{Key: newParty(t).signer.Public()})
			}
		}, gateway.CodeSealing},
		{"short key bundle", func(l *letter) { l.resign = shortenBundle }, gateway.CodeSealing},

		{"date", func(l *letter) { l.draft.Values["valid_until"] = json.RawMessage(`"2026-02-30"`) }, gateway.CodeSchema},
		{"text instead of a reference", func(l *letter) {
			l.draft.Values["assessment_id"] = json.RawMessage(`"` + canary + `"`)
		}, gateway.CodeSchema},
		{"second spelling of a reference", func(l *letter) {
			l.draft.Values["assessment_id"] = json.RawMessage(`"AAAAAAAAAAAAAAAAAAAAAB"`)
		}, gateway.CodeSchema},
		{"number instead of a date", func(l *letter) { l.draft.Values["assessed_at"] = json.RawMessage(`20260601`) }, gateway.CodeSchema},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := assessment(t, c)
			tt.spoil(l)
			expect(t, c, l.send(t), tt.want)
		})
	}
}

// expect holds the answer of Conform to a code, "" for none.
func expect(t *testing.T, c *catalogue.Catalogue, m envelope.Message, want gateway.Code) {
	t.Helper()
	got, err := c.Conform(m)
	if want == "" {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		if got.IsZero() || got.Type().Name != m.Claims().Type || got.Message().Digest() != m.Digest() {
			t.Error("conforming message is not the one given")
		}
		return
	}
	r, ok := errors.AsType[*gateway.Refusal](err)
	if !ok || r.Code != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	if !got.IsZero() {
		t.Error("refused, and conforming")
	}
	for _, s := range []string{r.Detail, r.Error()} {
		if strings.Contains(s, canary) || strings.Contains(s, "shoe_size") || strings.Contains(s, "2026-02-30") {
			t.Errorf("%q holds what the sender wrote", s)
		}
	}
}

// shortenBundle takes a few bytes from the ciphertext of each key bundle.
func shortenBundle(payload map[string]any) {
	keys := payload["keys"].(map[string]any)
	for kid, jwe := range keys {
		parts := strings.Split(jwe.(string), ".")
		parts[3] = parts[3][:(len(parts[3])-1)/4*4] // whole groups: canonical base64url
		keys[kid] = strings.Join(parts, ".")
	}
}

// TestConformOtherTypes has the rules that a threat assessment does not meet.
func TestConformOtherTypes(t *testing.T) {
	c := good(t)
	from := func(sender gateway.Role, at gateway.AgencyID, recipient gateway.Role, to gateway.AgencyID, name gateway.MessageType) func(*testing.T) *letter {
		return func(t *testing.T) *letter {
			trip := catalogue.Trip{Sender: sender, Recipient: recipient}
			return write(t, c, name, trip, at, to)
		}
	}
	referral := from("police.exit_coordinator_local", "police", "municipality.exit_team_lead", "municipality:0180", "exit.referral")
	contact := from("national.contact_point_operator", "national_contact_point", "police.exit_coordinator_regional", "police", "exit.contact")
	answer := from("region.psychiatry_clinician", "region:01", "municipality.social_worker", "municipality:0180", "exit.info_request")
	own := from("sis.institution_head", "sis", "agency.legal_officer", "sis", "exit.info_request")
	grant := from("municipality.exit_team_lead", "municipality:0180", "police.grants_officer", "police", "exit.grant_application")
	report := from("police.grants_officer", "police", "government.report_reader", "government", "exit.followup_report")
	state := from("municipality.social_worker", "municipality:0180", catalogue.Register, "", "exit.case_state")
	vetting := from("municipality.procurement_officer", "municipality:0180", catalogue.Register, "", "exit.provider_vetting")
	plan := from("police.exit_coordinator_local", "police", "municipality.social_worker", "municipality:0180", "exit.joint_plan")
	extract := from("gateway.log", "police", "agency.legal_officer", "police", "exit.log_extract")
	cells := envelope.FieldSpec{Name: "cells", Cells: true}
	tests := []struct {
		name  string
		good  func(*testing.T) *letter
		spoil func(*letter)
		want  gateway.Code
	}{
		{"referral", referral, func(*letter) {}, ""},
		{"forbidden field", referral, func(l *letter) {
			l.put(envelope.FieldSpec{Name: "evidence_person_flag", Sealed: true, Size: 64}, `true`)
		}, gateway.CodeForbiddenField},
		{"forbidden field put forward", referral, func(l *letter) {
			l.draft.Fields = []string{"default", "evidence_person_flag"}
		}, gateway.CodeForbiddenField},
		{"forbidden narrative", grant, func(l *letter) {
			l.put(envelope.FieldSpec{Name: "narrative"}, `"`+canary+`"`)
		}, gateway.CodeForbiddenField},
		{"field of another kind of agency", plan, func(l *letter) {
			l.put(envelope.FieldSpec{Name: "housing_address", Sealed: true, Size: 256}, `"x"`)
		}, gateway.CodeForbiddenField},
		{"fields of others are not missed", plan, func(*letter) {}, ""},

		{"acute leg without danger", contact, func(*letter) {}, gateway.CodeRoute},
		{"acute leg", contact, func(l *letter) { l.draft.Urgency = "acute" }, ""},
		{"person may be unnamed", contact, func(l *letter) { l.draft.Urgency, l.draft.Subject = "acute", "" }, ""},

		{"own lawyer", own, func(*letter) {}, ""},
		{"another agency's lawyer", own, func(l *letter) { l.draft.Audience = "urn:sluss:agency:police" }, gateway.CodeRoute},

		{"extract of the log that is none", extract, func(*letter) {}, gateway.CodeRoute},

		{"answer", answer, func(*letter) {}, ""},
		{"answer of one field", answer, func(l *letter) {
			l.draft.Fields = []string{"risk_level", "safety_note"} // a region does not hold the first
			l.spec = slices.DeleteFunc(l.spec, func(s envelope.FieldSpec) bool { return s.Name != "safety_note" })
		}, ""},
		{"answer by default", answer, func(l *letter) { l.draft.Fields, l.spec = []string{"default"}, nil }, gateway.CodeUnknownField},
		{"answer with more than asked", answer, func(l *letter) { l.draft.Fields = []string{"safety_note"} }, gateway.CodeUnknownField},
		{"answer with less than asked", answer, func(l *letter) { l.drop("safety_note") }, gateway.CodeMissingField},

		{"report", report, func(*letter) {}, ""},
		{"report about a person", report, func(l *letter) { l.draft.Subject = ref }, gateway.CodeUnknownField},
		{"each number a disclosure", report, func(l *letter) {
			l.put(cells, `[{"id":"c1","dims":{"sex":"woman"},"n":12},{"id":"c2","dims":{"sex":"man"}}]`)
		}, ""},
		{"number inside a field", report, func(l *letter) {
			l.put(envelope.FieldSpec{Name: "cells"}, `[{"id":"c1","dims":{"sex":"woman"},"n":12}]`)
		}, gateway.CodeSealing},
		{"dimension that is not in the schema", report, func(l *letter) {
			l.put(cells, `[{"id":"c1","dims":{"name":"`+canary+`"},"n":12}]`)
		}, gateway.CodeSchema},

		{"statement", state, func(*letter) {}, ""},
		{"statement to an agency", state, func(l *letter) { l.draft.Audience = "urn:sluss:agency:police" }, gateway.CodeRoute},
		{"statement to the register and a role", state, func(l *letter) {
			l.draft.ToRoles = append(l.draft.ToRoles, "police.exit_coordinator_local")
		}, gateway.CodeRoute},
		{"statement to a role at the gateway", state, func(l *letter) {
			l.draft.ToRoles = []gateway.Role{"police.exit_coordinator_local"}
		}, gateway.CodeRoute},
		{"statement by a role without authority", state, func(l *letter) {
			l.draft.FromRole = "municipality.procurement_officer"
		}, gateway.CodeRoute},
		{"statement without a number", state, func(l *letter) { delete(l.draft.Values, "seq") }, gateway.CodeMissingField},
		{"statement number in another spelling", state, func(l *letter) { l.draft.Values["seq"] = json.RawMessage(`1e3`) }, gateway.CodeSchema},
		{"statement number zero", state, func(l *letter) { l.draft.Values["seq"] = json.RawMessage(`0`) }, gateway.CodeSchema},
		{"vetting", vetting, func(*letter) {}, ""},
		{"vetting of a person", vetting, func(l *letter) { l.draft.Subject = ref }, gateway.CodeUnknownField},
		{"vetting with police grounds", vetting, func(l *letter) {
			l.put(envelope.FieldSpec{Name: "grounds", Sealed: true, Size: 4096}, `"x"`)
			l.to = []envelope.Recipient{{Key: newParty(t).signer.Public()}}
		}, gateway.CodeForbiddenField},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := tt.good(t)
			tt.spoil(l)
			expect(t, c, l.send(t), tt.want)
		})
	}
}

// TestConformZero: a message that was not opened is not conforming.
func TestConformZero(t *testing.T) {
	if _, err := good(t).Conform(envelope.Message{}); !errors.Is(err, envelope.ErrZero) {
		t.Errorf("got error %v, want %v", err, envelope.ErrZero)
	}
}

func BenchmarkConform(b *testing.B) {
	c := good(b)
	m := assessment(b, c).send(b)
	b.SetBytes(int64(len(m.Raw())))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Conform(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	tree := policy(b)
	for b.Loop() {
		if _, err := load(tree); err != nil {
			b.Fatal(err)
		}
	}
}
