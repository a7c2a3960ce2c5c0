package directory_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"math/big"
	"testing"
	"time"

	"sluss/gateway"
	"sluss/gateway/directory"
	"sluss/gateway/envelope"
)

// now is when the directory of these tests is read.
var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

const (
	police    = "urn:sluss:agency:police"
	stockholm = "urn:sluss:agency:municipality:0180"
	alias     = "urn:sluss:agency:municipality:A7"
	gatewayID = "urn:sluss:gateway:test"
	policeURI = "spiffe://sluss.test/agency/police/system/exit"
)

// signer returns the key with a given name: the same name gives the same key,
// so that a test can name a key twice. The keys are worthless outside tests.
func signer(t testing.TB, name string) *envelope.Signer {
	t.Helper()
	seed := gateway.DigestOf([]byte("sluss directory test " + name))
	scalar := new(big.Int).Mod(new(big.Int).SetBytes(seed[:]), elliptic.P256().Params().N)
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar.FillBytes(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := envelope.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func kid(t testing.TB, name string) string { return signer(t, name).Public().Thumbprint() }

func registrars(t testing.TB) []envelope.PublicKey {
	return []envelope.PublicKey{signer(t, "registrar 1").Public(), signer(t, "registrar 2").Public(), signer(t, "registrar 3").Public()}
}

// line is a statement yet to be made: what it says and who signs.
type line struct {
	envelope.Statement
	control    string
	registrars []string
	at         time.Time // of the countersignatures; zero: as the statement
	damage     func(directory.Entry) directory.Entry
}

// base returns a statement that an issuer could make at now.
func base(iss, control string) line {
	return line{
		Statement: envelope.Statement{
			Issuer: iss, Seq: 1, IssuedAt: now.Add(-time.Hour), NotBefore: now.Add(-24 * time.Hour),
			Expires: now.AddDate(0, 0, 30), Status: envelope.Active, Since: now.Add(-24 * time.Hour),
		},
		control:    control,
		registrars: []string{"registrar 1", "registrar 2"},
	}
}

func keyLine(t testing.TB, iss, control, name string, use envelope.Use, roles ...gateway.Role) line {
	l := base(iss, control)
	l.Key = &envelope.KeyItem{Use: use, Key: signer(t, name).Public(), Roles: roles}
	return l
}

func systemLine(iss, control, uri string, roles ...gateway.Role) line {
	l := base(iss, control)
	l.System = &envelope.SystemItem{URI: uri, Roles: roles}
	return l
}

// The places of statements in world.
const (
	policeControl = iota
	policeMessage
	policeAccess
	policeSeal
	policeSystem
	securitySeal
	cityControl
	citySeal
	cityAlias
	aliasControl
	aliasMessage
	gatewayControl
	gatewayRelease
)

// world is a good directory.
func world(t testing.TB) []line {
	l := []line{
		policeControl:  keyLine(t, police, "police control", "police control", envelope.UseControl),
		policeMessage:  keyLine(t, police, "police control", "police message", envelope.UseMessage, "police.exit_coordinator_local"),
		policeAccess:   keyLine(t, police, "police control", "police access", envelope.UseAccess, "police.exit_coordinator_local"),
		policeSeal:     keyLine(t, police, "police control", "police seal", envelope.UseSeal, "police.exit_coordinator_local", "police.exit_coordinator_regional"),
		policeSystem:   systemLine(police, "police control", policeURI, "police.exit_coordinator_local"),
		securitySeal:   keyLine(t, police, "police control", "security seal", envelope.UseSeal, "police.personal_security_officer"),
		cityControl:    keyLine(t, stockholm, "city control", "city control", envelope.UseControl),
		citySeal:       keyLine(t, stockholm, "city control", "city seal", envelope.UseSeal, "municipality.social_worker"),
		cityAlias:      base(stockholm, "city control"),
		aliasControl:   keyLine(t, alias, "alias control", "alias control", envelope.UseControl),
		aliasMessage:   keyLine(t, alias, "alias control", "alias message", envelope.UseMessage, "municipality.social_worker"),
		gatewayControl: keyLine(t, gatewayID, "gateway control", "gateway control", envelope.UseControl),
		gatewayRelease: keyLine(t, gatewayID, "gateway control", "gateway release", envelope.UseRelease),
	}
	l[cityAlias].Statement.Alias = "municipality:A7"
	return l
}

// file makes the directory file.
func file(t testing.TB, lines []line) []byte {
	t.Helper()
	entries := make([]directory.Entry, len(lines))
	for i, l := range lines {
		e, err := directory.State(l.Statement, signer(t, l.control))
		if err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		at := l.at
		if at.IsZero() {
			at = l.IssuedAt
		}
		for _, name := range l.registrars {
			c, err := directory.Countersign(e.Statement, at, signer(t, name))
			if err != nil {
				t.Fatal(err)
			}
			e.Countersignatures = append(e.Countersignatures, c)
		}
		if l.damage != nil {
			e = l.damage(e)
		}
		entries[i] = e
	}
	return directory.Encode(entries)
}

func parse(t testing.TB, lines []line, previous *directory.Directory) (*directory.Directory, []directory.Change) {
	t.Helper()
	d, changes, err := directory.Parse(file(t, lines), registrars(t), previous, now)
	if err != nil {
		t.Fatal(err)
	}
	return d, changes
}
