package catalogue_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sluss/gateway"
	"sluss/gateway/catalogue"
	"sluss/gateway/envelope"
)

var update = flag.Bool("update", false, "rewrite policies/data/catalogue.json from the message types")

// TestDocument holds the generated table to the message types.
func TestDocument(t *testing.T) {
	d, err := catalogue.DocumentOf(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	want, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(root, "data", "catalogue.json")
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("data/catalogue.json is not what the message types say; run go test -run Document -update")
	}
}

// TestRegisterField: agencies that get a consent record see the fields of the
// domain's table (Section 15.2), and not the number by which the register tells
// an old statement from a new one.
func TestRegisterField(t *testing.T) {
	c := good(t)
	mt, _ := c.Newest("exit.consent")
	seq, ok := mt.Field(catalogue.SeqField)
	if !ok || !seq.Register || !slices.Equal(mt.Names()[:2], []gateway.Field{"consent_id", "given_by"}) || len(mt.Names()) != 18 {
		t.Errorf("decisions on a consent record are about %v", mt.Names())
	}
	if f := c.Document().Types["exit.consent"].Fields; f["seq"].Class != "" || f["consent_id"].Class != "CAS" {
		t.Errorf("provisions see %+v", f["seq"])
	}
	if !slices.ContainsFunc(mt.EncodeSpec(gateway.Municipality, nil), func(s envelope.FieldSpec) bool { return s.Name == "seq" }) {
		t.Error("a sender has no place for the number")
	}
}

// agencies has one agency of each kind.
var agencies = map[gateway.Kind]gateway.AgencyID{
	gateway.Police: "police", gateway.Prison: "kriminalvarden", gateway.Institution: "sis", gateway.Municipality: "municipality:0180",
	gateway.Region: "region:01", gateway.Provider: "provider:165560004615", gateway.ContactPoint: "national_contact_point",
	gateway.WelfareBoard: "socialstyrelsen", gateway.Government: "government", gateway.Self: "self", gateway.Guardian: "guardian",
}

// TestEveryRoute sends each type along each leg between each two roles: the
// routes, the holders of the fields and the sizes fit together, and the
// largest message stays within what goes on the wire.
func TestEveryRoute(t *testing.T) {
	c := good(t)
	sent, largest := make(map[gateway.MessageType]int), 0
	for _, mt := range c.Types() {
		for _, leg := range c.Legs(mt.Name) {
			for _, trip := range trips(mt, leg) {
				from, to := ends(c, trip)
				if from == "" {
					continue
				}
				l := write(t, c, mt.Name, trip, from, to)
				m := l.send(t)
				if _, err := c.Conform(m); err != nil {
					t.Errorf("%s from %s to %s: %v", mt.Name, trip.Sender, trip.Recipient, err)
				}
				sent[mt.Name]++
				largest = max(largest, len(m.Raw()))
				if len(m.Raw()) > wireMax-16<<10 { // room for four more key bundles and long clear values
					t.Errorf("%s from %s has %d bytes", mt.Name, trip.Sender, len(m.Raw()))
				}
			}
		}
	}
	for _, mt := range c.Types() {
		if sent[mt.Name] == 0 && mt.Name != "exit.log_extract" { // read from the log, never sent
			t.Errorf("nobody can send %s", mt.Name)
		}
	}
	t.Logf("%d types, largest message %d bytes", len(sent), largest)
}

func trips(mt *catalogue.Type, leg *catalogue.Leg) []catalogue.Trip {
	var list []catalogue.Trip
	for _, s := range leg.Senders {
		for _, r := range leg.Recipients {
			list = append(list, catalogue.Trip{
				Type: mt.Name, Sender: s, Recipient: r, SameAgency: leg.SameAgency, Acute: leg.Urgency == catalogue.Acute,
			})
		}
	}
	return list
}

// ends returns agencies that have the two roles; none if no person has them.
func ends(c *catalogue.Catalogue, trip catalogue.Trip) (from, to gateway.AgencyID) {
	s, r := c.Tables().Roles[trip.Sender], c.Tables().Roles[trip.Recipient]
	from, to = agencies[s.Kind], agencies[r.Kind]
	if s.System {
		return "", ""
	}
	if s.Kind == catalogue.AnyKind {
		from = "police"
	}
	if trip.SameAgency || r.Kind == catalogue.AnyKind {
		to = from
	}
	return from, to
}
