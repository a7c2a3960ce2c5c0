package disclosure_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	lib "github.com/transparency-dev/formats/witness"

	"sluss/gateway/disclosure"
	"sluss/gateway/witness"
)

// trustPolicy is a policy with every kind of line.
func trustPolicy(t testing.TB) (text string, vkeys []string) {
	t.Helper()
	vkey, err := disclosure.VerifierKey(origin, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	text = "# who is believed\n\n\tlog " + vkey + " https://gateway.example/log\n"
	for _, name := range []string{"w1", "w2", "w3"} {
		k, err := witness.NewKeys(name + ".example")
		if err != nil {
			t.Fatal(err)
		}
		ed, ml := k.Verifiers()
		vkeys = append(vkeys, ed, ml)
		text += "witness " + name + " " + ed + " https://" + name + ".example/path\nwitness " + name + "m " + ml + " https://" + name + ".example/path\n" +
			"group " + name + "s all " + name + " " + name + "m\n"
	}
	return text + "group two 2 w1s w2s w3s\nquorum two\n", vkeys
}

// TestParseWitnesses holds that a policy is read as c2sp.org/tlog-policy says,
// and that one which would let something pass that nobody has cosigned is not
// read at all.
func TestParseWitnesses(t *testing.T) {
	good, vkeys := trustPolicy(t)
	w, err := disclosure.ParseWitnesses([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if !w.Required() || w.Quorum.N != 2 || len(w.Quorum.Components) != 3 || len(w.Logs) != 1 {
		t.Errorf("quorum %+v", w.Quorum)
	}
	if _, err := w.Policy("other.sluss/log"); !errors.Is(err, disclosure.ErrWitnesses) {
		t.Errorf("policy of a log without a line: %v", err)
	}
	// The first witness's key, written as one of plain notes (type 1).
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(vkeys[0], "+", 3)[2])
	if err != nil {
		t.Fatal(err)
	}
	plain, err := disclosure.VerifierKey("w1.example", ed25519.PublicKey(raw[1:]))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, from, to string }{
		{"good", "", ""},
		{"without URLs", " https://w1.example/path", ""},
		{"no quorum", "quorum two\n", ""},
		{"two quorums", "quorum two\n", "quorum none\nquorum two\n"},
		{"quorum of nothing", "quorum two", "quorum three"},
		{"none needed", "two 2 ", "two 0 "},
		{"more than there are", "two 2 ", "two 4 "},
		{"threshold with a sign", "two 2 ", "two +2 "},
		{"no members", "group two 2 w1s w2s w3s", "group two all"},
		{"a member twice", "w1s w2s w3s", "w1s w1s w3s"},
		{"a member of two groups", "quorum two", "group again any w1s\nquorum again"},
		{"a member that comes later", "# who is believed", "group early any w1"},
		{"a witness twice", "quorum two", "witness w4 " + vkeys[0] + "\nquorum two"},
		{"a witness twice, as another type", "quorum two", "witness w4 " + plain + "\nquorum two"},
		{"a name twice", "witness w2 ", "witness w1 "},
		{"the name none", "witness w2 ", "witness none "},
		{"a group named none", "group two 2", "group none 2"},
		{"not a key", vkeys[1], vkeys[1][:40]},
		{"other keyword", "quorum two", "mirror x\nquorum two"},
		{"carriage return", "quorum two\n", "quorum two\r\n"},
		{"URL of another kind", "https://w1.example/path", "file:///w1"},
		{"URL with a password", "https://w1.example/path", "https://u:p@w1.example/path"},
		{"not a log's key", "log ", "log x"},
	} {
		text := strings.Replace(good, row.from, row.to, 1)
		if text == good && row.name != "good" {
			t.Errorf("%s: nothing was replaced", row.name)
		}
		_, err := disclosure.ParseWitnesses([]byte(text))
		if ok := row.name == "good" || row.name == "without URLs"; ok && err != nil || !ok && !errors.Is(err, disclosure.ErrWitnesses) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

// FuzzParseWitnesses holds that a policy that is read either says "quorum none"
// or wants cosignatures, and that the library on whose types it rests reads it
// in the same way.
func FuzzParseWitnesses(f *testing.F) {
	good, _ := trustPolicy(f)
	for _, s := range []string{good, "quorum none\n", strings.Replace(good, "two 2", "two any", 1), "group a 0 b\nquorum a"} {
		f.Add([]byte(s))
	}
	cp := []byte("test.sluss/log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— x AAAAAAAA\n")
	f.Fuzz(func(t *testing.T, policy []byte) {
		w, err := disclosure.ParseWitnesses(policy)
		if err != nil {
			return
		}
		if w.Required() && w.Quorum.Satisfied(cp) {
			t.Error("a required quorum is satisfied by nothing")
		}
		if g, err := lib.ParsePolicy(policy); err == nil && g.N != w.Quorum.N {
			t.Errorf("threshold %d, the library reads %d", w.Quorum.N, g.N)
		}
	})
}
