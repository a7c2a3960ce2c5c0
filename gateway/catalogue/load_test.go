package catalogue_test

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/snapshot"
)

const (
	m04     = "message_types/exit.threat_assessment.schema.json"
	m12     = "message_types/exit.followup_report.schema.json"
	state   = "message_types/exit.case_state.schema.json"
	roles   = "data/roles.json"
	routes  = "data/routes.json"
	ceiling = "data/ceilings.json"
)

func TestLoad(t *testing.T) {
	tests := []struct {
		name     string
		file     string
		old, new string // the first occurrence is replaced
		want     error
	}{
		{"nothing", m04, "{", "{", nil},
		{"description of a field", m04, "read by BLK-STALE", "last day", nil},

		{"unknown annotation of a type", m04, `"x-control"`, `"x-controls": true, "x-control"`, catalogue.ErrType},
		{"unknown annotation of a field", m04, `"x-class"`, `"x-klass": "CAS", "x-class"`, catalogue.ErrType},
		{"annotation in capitals", m04, `"x-sealed": true`, `"X-Sealed": true`, catalogue.ErrType},
		{"annotation twice", m04, `"x-sealed": true`, `"x-sealed": true, "x-sealed": true`, catalogue.ErrType},
		{"no class", m04, `"x-class": "RSK",`, ``, catalogue.ErrType},
		{"unknown class", m04, `"x-class": "RSK"`, `"x-class": "RISK"`, catalogue.ErrType},
		{"unknown sub-class", m04, `"x-subclass": "summary"`, `"x-subclass": "short"`, catalogue.ErrType},
		{"sub-class of another class", m04, `"x-subclass": "summary"`, `"x-subclass": "functional"`, catalogue.ErrType},
		{"not said whether sealed", m04, `"x-sealed": true,`, ``, catalogue.ErrType},
		{"sealed without a size", m04, `"x-sealed-size": 64,`, ``, catalogue.ErrType},
		{"sealed in an odd size", m04, `"x-sealed-size": 64`, `"x-sealed-size": 65`, catalogue.ErrType},
		{"clear with a size", m04, `"x-sealed": false`, `"x-sealed": false, "x-sealed-size": 64`, catalogue.ErrType},
		{"nobody holds it", m04, `"x-origin": {"POL": ["35:1"]}`, `"x-origin": {}`, catalogue.ErrType},
		{"unknown kind holds it", m04, `"x-origin": {"POL": ["35:1"]}`, `"x-origin": {"FBI": ["35:1"]}`, catalogue.ErrType},
		{"holder without its own rule", m04, `"x-origin": {"POL": ["35:1"]}`, `"x-origin": {"POL": ["18:1"]}`, catalogue.ErrType},
		{"unknown rule", m04, `"x-origin": {"POL": ["35:1"]}`, `"x-origin": {"POL": ["35:1", "99:9"]}`, catalogue.ErrType},
		{"required of who does not hold it", m04, `"x-sealed": true`, `"x-required-of": ["MUN"], "x-sealed": true`, catalogue.ErrType},
		{"register's field sealed", m04, `"x-sealed": true`, `"x-register": true, "x-sealed": true`, catalogue.ErrType},
		{"cells of a sealed field", m04, `"x-sealed": true`, `"x-cells": true, "x-sealed": true`, catalogue.ErrType},
		{"protected address does not locate", state, `"x-locating": true`, `"x-locating": false`, catalogue.ErrType},

		{"free text in the clear", m04, `"pattern": "^[A-Za-z0-9_-]{21}[AQgw]$"`, `"maxLength": 200`, catalogue.ErrType},
		{"pattern open at an end", m04, `[AQgw]$"`, `[AQgw]"`, catalogue.ErrType},
		{"pattern that is none", m04, `{21}[AQgw]$"`, `{21[AQgw$"`, catalogue.ErrType},
		{"format that is not checked", m04, `"format": "date"`, `"format": "email"`, catalogue.ErrType},
		{"text without end", m04, `"maxLength": 960,`, ``, catalogue.ErrType},
		{"number without end", m04, `"maximum": 5,`, ``, catalogue.ErrType},
		{"list without end", m04, `"maxItems": 64,`, ``, catalogue.ErrType},
		{"object left open", m04, `"additionalProperties": false,`, ``, catalogue.ErrType},
		{"keyword not in use", m04, `"type": "integer"`, `"type": "integer", "multipleOf": 2`, catalogue.ErrType},
		{"reference to another schema", m04, `"type": "integer"`, `"$ref": "https://example.org/x", "type": "integer"`, catalogue.ErrType},
		{"nested too deep", m04, `"type": "boolean"`,
			strings.Repeat(`"type": "array", "maxItems": 1, "items": {`, 7) + `"type": "boolean"` + strings.Repeat("}", 7), catalogue.ErrType},
		{"nested", m04, `"type": "boolean"`, `"type": "array", "maxItems": 1, "items": {"type": "boolean"}`, nil},
		{"no type", m04, `"type": "integer",`, ``, catalogue.ErrType},
		{"two types", m04, `"type": "integer"`, `"type": ["integer", "string"]`, catalogue.ErrType},
		{"forbidden field with a schema", "message_types/exit.referral.schema.json", `"not": {}`, `"type": "boolean"`, catalogue.ErrType},
		{"forbidden field required", "message_types/exit.referral.schema.json", `"subject_name", "subject_pnr", "environment_type"`, `"evidence_person_flag"`, catalogue.ErrType},
		{"required field that is none", m04, `"safety_instructions", "contact_officer"`, `"safety_instruction", "contact_officer"`, catalogue.ErrType},
		{"required twice", m04, `"safety_instructions", "contact_officer"`, `"contact_officer", "contact_officer"`, catalogue.ErrType},
		{"name of a field", m04, `"risk_level": {`, `"Risk": {`, catalogue.ErrType},
		{"field twice", m04, `"method": {`, `"valid_until": {`, catalogue.ErrType},

		{"another draft", m04, "2020-12", "2019-09", catalogue.ErrType},
		{"another id", m04, `"$id": "urn:sluss:schema:exit.threat_assessment:1"`, `"$id": "urn:sluss:schema:exit.contact:1"`, catalogue.ErrType},
		{"another type than the file's", m04, "exit.threat_assessment", "exit.threat_assessments", catalogue.ErrType},
		{"another version than the file's", m04, `"x-version": 1`, `"x-version": 2`, catalogue.ErrType},
		{"subject", m04, `"x-subject": "required"`, `"x-subject": "maybe"`, catalogue.ErrType},
		{"type left open", m04, "],\n  \"additionalProperties\": false\n}", "]\n}", catalogue.ErrType},
		{"text after the type", m04, "],\n  \"additionalProperties\": false\n}", "],\n  \"additionalProperties\": false\n}}", catalogue.ErrType},
		{"not UTF-8", m04, "Hotbed", "Hot\xff", catalogue.ErrType},
		{"another class, document and all", m04, `"x-class": "INT"`, `"x-class": "RDT"`, nil},
		{"a field means two things", "message_types/exit.emergency_access.schema.json", `"x-class": "ID"`, `"x-class": "CAS"`, catalogue.ErrType},

		{"statement whose number is a field of the case", state, `"x-register": true`, `"x-register": false`, catalogue.ErrTable},
		{"statement whose number may be left out", state, `"required": ["seq", `, `"required": [`, catalogue.ErrTable},
		{"table under two keys", roles, `{`, `{"x": 1,`, catalogue.ErrTable},
		{"table under another key", roles, `"roles"`, `"role"`, catalogue.ErrTable},
		{"unknown member of a role", roles, `"decides"`, `"decide"`, catalogue.ErrTable},
		{"role of no kind", roles, `"kind": "POL"`, `"kind": "CIA"`, catalogue.ErrTable},
		{"role for no purpose", roles, `"EXIT_SUPPORT"`, `"EXIT"`, catalogue.ErrTable},
		{"no cell", ceiling, `"PAD": "C",`, ``, catalogue.ErrTable},
		{"unknown cell", ceiling, `"PAD": "C"`, `"PAD": "X"`, catalogue.ErrTable},
		{"unknown class of a cell", ceiling, `"PAD": "C"`, `"PAX": "C"`, catalogue.ErrTable},
		{"exception of no role", ceiling, `"role": "police`, `"role": "polis`, catalogue.ErrTable},
		{"cell that never admits admits", ceiling, `"admits": "none"`, `"admits": "any"`, catalogue.ErrTable},
		{"cell that admits something else", ceiling, `"admits": "own"`, `"admits": "most"`, catalogue.ErrTable},
		{"cell without meaning", ceiling, `"means": "never"`, `"means": ""`, catalogue.ErrTable},
		{"cell of no sub-class", ceiling, `"functional"`, `"practical"`, catalogue.ErrTable},
		{"class that counts as none", "data/classes.json", `"protected_as": "PAD"`, `"protected_as": "PAX"`, catalogue.ErrTable},
		{"rule of a kind", "data/kinds.json", `"35:1"`, `"35:9"`, catalogue.ErrTable},
		{"sub-class of no class", "data/subclasses.json", `"HLT"`, `"HEALTH"`, catalogue.ErrTable},
		{"route of no type", routes, `"exit.contact"`, `"exit.contacts"`, catalogue.ErrTable},
		{"route of no role", routes, `"national.contact_point_operator"`, `"national.operator"`, catalogue.ErrTable},
		{"route of no class", routes, `"HLT", "SOC"`, `"HLT", "SOX"`, catalogue.ErrTable},
		{"route of no field", routes, `"invoice_amount"`, `"invoice"`, catalogue.ErrTable},
		{"unknown urgency", routes, `"urgency": "acute"`, `"urgency": "high"`, catalogue.ErrTable},
		{"unknown member of a leg", routes, `"without_classes"`, `"without_class"`, catalogue.ErrTable},
		{"register among others", routes, `"recipients": ["gateway.register"]`, `"recipients": ["gateway.register", "subject.self"]`, catalogue.ErrTable},
		{"document out of date", "data/catalogue.json", `"control": false`, `"control": true`, catalogue.ErrTable},
		{"document does not follow a change", m04, `"x-class": "INT"`, `"x-class": "RDT"`, catalogue.ErrTable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree := policy(t)
			old := tree[tt.file].Data
			tree[tt.file].Data = bytes.Replace(old, []byte(tt.old), []byte(tt.new), 1)
			if bytes.Equal(old, tree[tt.file].Data) && tt.old != tt.new {
				t.Fatalf("%s does not hold %q", tt.file, tt.old)
			}
			if tt.want == nil {
				document(t, tree)
			}
			if _, err := load(tree); !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
		})
	}
}

// document writes the generated table of a tree.
func document(t testing.TB, tree fstest.MapFS) {
	t.Helper()
	d, err := catalogue.DocumentOf(tree)
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	tree["data/catalogue.json"] = &fstest.MapFile{Data: b}
}

// TestLoadMissing: without one of its files there is no catalogue.
func TestLoadMissing(t *testing.T) {
	for _, name := range []string{
		roles, routes, ceiling, "data/kinds.json", "data/classes.json", "data/purposes.json", "data/reason_codes.json",
		"data/subclasses.json", "data/rules.json", "data/markings.json", "data/catalogue.json", m04,
	} {
		tree := policy(t)
		delete(tree, name)
		if _, err := load(tree); !errors.Is(err, catalogue.ErrTable) {
			t.Errorf("without %s: %v, want %v", name, err, catalogue.ErrTable)
		}
	}
}

// TestLoadMore: a type stands in the file of its name and has a route.
func TestLoadMore(t *testing.T) {
	rename := func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte("exit.threat_assessment"), []byte("exit.lonely"))
	}
	tests := []struct {
		name, file string
		change     func([]byte) []byte
		want       error
	}{
		{"in another file", "message_types/exit.lonely.schema.json", bytes.Clone, catalogue.ErrType},
		{"twice", "message_types/exit.threat_assessment.1.schema.json", bytes.Clone, catalogue.ErrType},
		{"without a route", "message_types/exit.lonely.schema.json", rename, catalogue.ErrTable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree := policy(t)
			tree[tt.file] = &fstest.MapFile{Data: tt.change(tree[m04].Data)}
			if _, err := load(tree); !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
		})
	}
}

// TestLoadPart: senders have no provisions; who hides a type from them is
// found out.
func TestLoadPart(t *testing.T) {
	s, err := snapshot.Read(policy(t), "v1.22.2")
	if err != nil {
		t.Fatal(err)
	}
	part, err := snapshot.Pack(s, nil, "data", "message_types").Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalogue.Load(part)
	if err != nil {
		t.Fatal(err)
	}
	if c.Snapshot() != s.Digest() {
		t.Errorf("catalogue of %s, want %s", c.Snapshot(), s.Digest())
	}
	b := snapshot.Pack(s, nil, "data", "message_types")
	delete(b.Files, m04)
	if part, err = b.Snapshot(); err != nil {
		t.Fatal(err)
	}
	if _, err := catalogue.Load(part); !errors.Is(err, snapshot.ErrMissing) {
		t.Errorf("got error %v, want %v", err, snapshot.ErrMissing)
	}
}

// TestVersions: a second version stands beside the first.
func TestVersions(t *testing.T) {
	tree := policy(t)
	second := bytes.ReplaceAll(tree[m04].Data, []byte("exit.threat_assessment:1"), []byte("exit.threat_assessment:2"))
	second = bytes.Replace(second, []byte(`"x-version": 1`), []byte(`"x-version": 2`), 1)
	tree["message_types/exit.threat_assessment.2.schema.json"] = &fstest.MapFile{Data: second}
	document(t, tree)
	c, err := load(tree)
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[int]bool{1: true, 2: true, 3: false} {
		if mt, ok := c.Type("exit.threat_assessment", version); ok != want || ok && mt.Version != version {
			t.Errorf("version %d: %v, want %v", version, ok, want)
		}
	}
	if mt, _ := c.Newest("exit.threat_assessment"); mt.Version != 2 {
		t.Errorf("newest version is %d", mt.Version)
	}
	l := assessment(t, c)
	l.draft.Version = 1
	expect(t, c, l.send(t), "")
}

// TestFollows: within a version nothing becomes less protected.
func TestFollows(t *testing.T) {
	was := good(t)
	tests := []struct {
		name           string
		file, old, new string
		want           error
	}{
		{"nothing", m04, "{", "{", nil},
		{"clear becomes sealed", m04, `"x-sealed": false`, `"x-sealed": true, "x-sealed-size": 64`, nil},
		{"sealed becomes clear", m04, "\"x-sealed\": true,\n      \"x-sealed-size\": 64", `"x-sealed": false`, catalogue.ErrUnsealed},
		{"forbidden is allowed", "message_types/exit.referral.schema.json", "\"not\": {}", `"type": "boolean"`, catalogue.ErrUnsealed},
		{"no longer locates", "message_types/exit.relocation.schema.json", "\"x-locating\": true,\n      \"x-required-of\"", `"x-required-of"`, catalogue.ErrUnsealed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree := policy(t)
			s := strings.Replace(string(tree[tt.file].Data), tt.old, tt.new, 1)
			if s == string(tree[tt.file].Data) && tt.old != tt.new {
				t.Fatalf("%s does not hold %q", tt.file, tt.old)
			}
			if tt.name == "forbidden is allowed" {
				s = strings.Replace(s, ",\n      \"x-forbidden\": true", "", 1)
			}
			tree[tt.file].Data = []byte(s)
			document(t, tree)
			c, err := load(tree)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Follows(was); !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
		})
	}
}

// FuzzParseType: whatever the input, a type that is accepted says of every
// field what it is, and gives no clear text a way through.
func FuzzParseType(f *testing.F) {
	c := good(f)
	tree := policy(f)
	for _, name := range []string{m04, m12, state, "message_types/exit.referral.schema.json"} {
		f.Add(tree[name].Data)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		mt, err := catalogue.ParseType(raw, c)
		if err != nil {
			return
		}
		for i := range mt.Fields {
			field := &mt.Fields[i]
			if _, ok := c.Tables().Classes[field.Class]; !ok || len(field.Origin) == 0 || field.Sealed != (field.Size > 0) {
				t.Errorf("%s: class %q, sealed %v, size %d", field.Name, field.Class, field.Sealed, field.Size)
			}
			if field.Forbidden && field.Validate([]byte(`null`)) == nil {
				t.Errorf("%s is forbidden and takes a value", field.Name)
			}
		}
	})
}

// FuzzValidate holds the clear values of a threat assessment to what they must
// be: references and dates, of one spelling, and nothing else.
func FuzzValidate(f *testing.F) {
	c := good(f)
	mt, _ := c.Newest("exit.threat_assessment")
	id, _ := mt.Field("assessment_id")
	day, _ := mt.Field("valid_until")
	mt, _ = c.Newest("exit.case_state")
	seq, _ := mt.Field("seq")
	for _, s := range []string{`"` + ref + `"`, `"2026-08-31"`, `"2026-02-30"`, `null`, `"AAAAAAAAAAAAAAAAAAAAAB"`, `["x"]`, `1e999`, `1e1000000`, `1.0`, `7`, "\"\xff\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		text, isText := text(raw)
		if err := id.Validate(raw); err == nil {
			if _, err := gateway.ParseRef(text); !isText || err != nil {
				t.Errorf("a reference that is none: %v", err)
			}
		}
		if err := day.Validate(raw); err == nil && (!isText || !isDate(text)) {
			t.Error("a date that is none")
		}
		if err := seq.Validate(raw); err == nil {
			n, err := strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 53)
			if err != nil || n == 0 {
				t.Errorf("a sequence number that is none: %v", err)
			}
		}
	})
}
