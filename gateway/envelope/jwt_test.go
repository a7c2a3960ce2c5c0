package envelope_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

func access() envelope.Access {
	return envelope.Access{
		Gateway: gatewayID, Certificate: gateway.DigestOf([]byte("certificate")), ID: messageID, IssuedAt: now, Agency: social,
		Role: "municipality.social_worker", User: gateway.NewRef(), Unit: "unit-3", Purpose: "PROTECTION", Type: "exit.info_request",
		Subject: gateway.NewRef(), Discloser: police, Fields: []string{"risk_level"}, BasisClaimed: []gateway.Basis{"OSL-12-2"},
		Reason: &envelope.Reason{Code: "safety_planning", Length: 31}, OnScene: true,
		Emergency: &envelope.Emergency{
			ThreatToLife: true, DiaryNo: "5000-K12/26", Reauthenticated: true, RequestedAt: now.Add(-time.Minute), Operation: "op-1", Confirms: messageID,
		},
	}
}

func TestAccess(t *testing.T) {
	w := newWorld(t)
	least := access()
	least.Unit, least.Subject, least.Discloser, least.Message = "", "", "", messageID
	least.Reason, least.Emergency, least.OnScene, least.Fields, least.BasisClaimed = nil, nil, false, []string{}, []gateway.Basis{}
	for _, a := range []envelope.Access{access(), least} {
		raw, err := envelope.SignAccess(a, w.access.Signer)
		if err != nil {
			t.Fatal(err)
		}
		got, err := envelope.OpenAccess(raw, w.keys, now)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, got); diff != "" {
			t.Errorf("access (-signed +opened):\n%s", diff)
		}
	}
}

// TestAccessLists: a request without fields and bases has empty lists.
func TestAccessLists(t *testing.T) {
	w := newWorld(t)
	a := access()
	a.Fields, a.BasisClaimed = nil, nil
	raw, err := envelope.SignAccess(a, w.access.Signer)
	if err != nil {
		t.Fatal(err)
	}
	got, err := envelope.OpenAccess(raw, w.keys, now)
	if err != nil || len(got.Fields)+len(got.BasisClaimed) != 0 {
		t.Errorf("got %v and %v, %v", got.Fields, got.BasisClaimed, err)
	}
}

func TestReopenAccess(t *testing.T) {
	w := newWorld(t)
	a := access()
	raw, err := envelope.SignAccess(a, w.access.Signer)
	if err != nil {
		t.Fatal(err)
	}
	got, err := envelope.ReopenAccess(raw, gateway.DigestOf([]byte(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("access (-signed +reopened):\n%s", diff)
	}
	if _, err := envelope.ReopenAccess(raw, gateway.DigestOf([]byte("another"))); !errors.Is(err, envelope.ErrSignature) {
		t.Errorf("another text: %v", err)
	}
}

func TestOpenAccessRefuses(t *testing.T) {
	w := newWorld(t)
	good, err := envelope.SignAccess(access(), w.access.Signer)
	if err != nil {
		t.Fatal(err)
	}
	w.keys.add(social.URN(), envelope.UseMessage, w.other.Public())
	tests := []struct {
		name  string
		spoil func(*forgery)
		want  gateway.Code
	}{
		{"typ of a message", func(f *forgery) { f.header = strings.Replace(f.header, envelope.TypAccess, envelope.TypMessage, 1) }, gateway.CodeType},
		{"kid of a message key", func(f *forgery) {
			f.header = strings.Replace(f.header, w.access.Public().Thumbprint(), w.other.Public().Thumbprint(), 1)
		}, gateway.CodeUnknownKey},
		{"jku", func(f *forgery) { f.header = strings.Replace(f.header, "{", `{"jku":"x",`, 1) }, gateway.CodeHeader},
		{"alg none", func(f *forgery) { f.header = strings.Replace(f.header, "ES256", "none", 1) }, gateway.CodeSignature},
		{"other agency", func(f *forgery) { f.replace("municipality:0180", "municipality:1480") }, gateway.CodeUnknownKey},
		{"aud no gateway", func(f *forgery) { f.replace("gateway:test", "agency:police") }, gateway.CodeMalformed},
		{"61 seconds old", func(f *forgery) { f.replace("1780300800", "1780300739") }, gateway.CodeStale},
		{"61 seconds ahead", func(f *forgery) { f.replace("1780300800", "1780300861") }, gateway.CodeFuture},
		{"iat a string", func(f *forgery) { f.replace("1780300800", `"1780300800"`) }, gateway.CodeMalformed},
		{"unknown claim", func(f *forgery) { f.replace(`{"iss"`, `{"exp":1,"iss"`) }, gateway.CodeMalformed},
		{"user a name", func(f *forgery) { f.replace(`"user":"`, `"user":"Name `) }, gateway.CodeMalformed},
		{"no certificate", func(f *forgery) { f.replace(`x5t#S256`, `x5t`) }, gateway.CodeMalformed},
		{"unit a name", func(f *forgery) { f.replace(`"unit-3"`, `"Unit three"`) }, gateway.CodeMalformed},
		{"subject missing", func(f *forgery) { f.replace(`"subject"`, `"Subject"`) }, gateway.CodeMalformed},
		{"role missing", func(f *forgery) { f.replace(`"role":"municipality.social_worker",`, ``) }, gateway.CodeMalformed},
		{"fields null", func(f *forgery) { f.replace(`["risk_level"]`, `null`) }, gateway.CodeMalformed},
		{"on_scene 1", func(f *forgery) { f.replace(`"on_scene":true`, `"on_scene":1`) }, gateway.CodeMalformed},
		{"emergency with more", func(f *forgery) { f.replace(`"threat_to_life"`, `"x":1,"threat_to_life"`) }, gateway.CodeMalformed},
		{"diary number a line", func(f *forgery) { f.replace(`5000-K12/26`, `5000\n`) }, gateway.CodeMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := takeJWT(t, good)
			tt.spoil(f)
			_, err := envelope.OpenAccess(signES256(t, w.access.key, f.header, f.payload), w.keys, now)
			if refusal(err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := envelope.OpenAccess(good[:len(good)-4], w.keys, now); refusal(err) != gateway.CodeSignature {
		t.Errorf("cut: %v", err)
	}
	bad := access()
	bad.Agency = ""
	if _, err := envelope.SignAccess(bad, w.access.Signer); !errors.Is(err, envelope.ErrMalformed) {
		t.Errorf("signing for nobody: %v", err)
	}
}

func TestEvent(t *testing.T) {
	w := newWorld(t)
	w.keys.add(social.URN(), envelope.UseMessage, w.other.Public())
	byAgency := envelope.Event{
		Issuer: social.URN(), Audience: police.URN(), ID: messageID, IssuedAt: now, Message: messageID,
		Type: envelope.MessageReceived, Claims: json.RawMessage(`{"delivery":"d"}`),
	}
	byGateway := byAgency
	byGateway.Issuer, byGateway.Type, byGateway.Message = string(gatewayID), envelope.ReviewRequested, ""
	byGateway.Claims = json.RawMessage(`{}`)
	for _, tt := range []struct {
		event envelope.Event
		key   partyKey
	}{{byAgency, w.other}, {byGateway, w.release}} {
		raw, err := envelope.SignEvent(tt.event, tt.key.Signer)
		if err != nil {
			t.Fatal(err)
		}
		got, err := envelope.OpenEvent(raw, w.keys, police.URN(), now)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.event, got); diff != "" {
			t.Errorf("event (-signed +opened):\n%s", diff)
		}
		if _, err := envelope.OpenEvent(raw, w.keys, social.URN(), now); !errors.Is(err, envelope.ErrAudience) {
			t.Errorf("other audience: %v", err)
		}
		if _, err := envelope.OpenEvent(raw, w.keys, "", now); !errors.Is(err, envelope.ErrAudience) {
			t.Errorf("no audience: %v", err)
		}
		if _, err := envelope.OpenEvent(raw, w.keys, police.URN(), now.Add(-61*time.Second)); !errors.Is(err, envelope.ErrFuture) {
			t.Errorf("from the future: %v", err)
		}
	}
	toItself := byGateway
	toItself.Audience = string(gatewayID)
	raw, err := envelope.SignEvent(toItself, w.release.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := envelope.OpenEvent(raw, w.keys, string(gatewayID), now); !errors.Is(err, envelope.ErrAudience) {
		t.Errorf("a token that the table does not have: %v", err)
	}
	swapped := byAgency
	swapped.Type = envelope.MessageAccepted
	if _, err := envelope.SignEvent(swapped, w.other.Signer); !errors.Is(err, envelope.ErrMalformed) {
		t.Errorf("an agency signs a gateway's event: %v", err)
	}
	if raw, err = envelope.SignEvent(byGateway, w.release.Signer); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*forgery){
		"unknown event":         func(f *forgery) { f.replace("review-requested", "all-released") },
		"an agency's event":     func(f *forgery) { f.replace("review-requested", "message-received") },
		"two events":            func(f *forgery) { f.replace(`"events":{`, `"events":{"urn:sluss:event:message-accepted":{},`) },
		"no event":              func(f *forgery) { f.replace(`"urn:sluss:event:review-requested":{}`, ``) },
		"event a list":          func(f *forgery) { f.replace(`review-requested":{}`, `review-requested":[]`) },
		"exp":                   func(f *forgery) { f.replace(`{"iss"`, `{"exp":1,"iss"`) },
		"sub":                   func(f *forgery) { f.replace(`{"iss"`, `{"sub":"x","iss"`) },
		"event of another name": func(f *forgery) { f.replace("urn:sluss:event:", "urn:other:event:") },
	} {
		f := takeJWT(t, raw)
		spoil(f)
		if _, err := envelope.OpenEvent(signES256(t, w.release.key, f.header, f.payload), w.keys, police.URN(), now); !errors.Is(err, envelope.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f := takeJWT(t, raw)
	if _, err := envelope.OpenEvent(signES256(t, w.other.key, f.header, f.payload), w.keys, police.URN(), now); !errors.Is(err, envelope.ErrSignature) {
		t.Errorf("signed by another: %v", err)
	}
}

func statement(k envelope.PublicKey) envelope.Statement {
	return envelope.Statement{
		Issuer: police.URN(), Seq: 7, IssuedAt: now, NotBefore: now, Expires: now.Add(time.Hour), Status: envelope.Active, Since: now,
		Key: &envelope.KeyItem{Use: envelope.UseSeal, Key: k, Roles: []gateway.Role{"police.exit_coordinator_regional"}},
	}
}

func TestStatement(t *testing.T) {
	control := newKey(t)
	key := statement(control.Public())
	system, alias := key, key
	system.Key, system.System = nil, &envelope.SystemItem{URI: "spiffe://sluss.test/agency/police/system/a", Roles: []gateway.Role{"r"}}
	alias.Key, alias.Alias, alias.Status = nil, "municipality:x1", envelope.Retired
	for _, st := range []envelope.Statement{key, system, alias} {
		raw, err := envelope.SignStatement(st, control.Signer)
		if err != nil {
			t.Fatal(err)
		}
		got, err := envelope.VerifyStatement(raw, control.Public())
		if err != nil {
			t.Fatal(err)
		}
		same := cmp.Comparer(func(a, b envelope.PublicKey) bool { return a.Equal(b) })
		if diff := cmp.Diff(st, got, same); diff != "" {
			t.Errorf("statement (-signed +verified):\n%s", diff)
		}
		peeked, header, err := envelope.PeekStatement(raw)
		if err != nil || header.KeyID != control.Public().Thumbprint() || cmp.Diff(st, peeked, same) != "" {
			t.Errorf("PeekStatement: %v", err)
		}
		if _, err := envelope.VerifyStatement(raw, newKey(t).Public()); !errors.Is(err, envelope.ErrKey) {
			t.Errorf("with another key: %v", err)
		}
	}
	for name, spoil := range map[string]func(*envelope.Statement){
		"about nothing":    func(s *envelope.Statement) { s.Key = nil },
		"about two things": func(s *envelope.Statement) { s.Alias = "police" },
		"no status":        func(s *envelope.Statement) { s.Status = "" },
		"other status":     func(s *envelope.Statement) { s.Status = "asleep" },
		"no issuer":        func(s *envelope.Statement) { s.Issuer = "" },
		"never valid":      func(s *envelope.Statement) { s.Expires = s.NotBefore },
		"no key":           func(s *envelope.Statement) { s.Key.Key = envelope.PublicKey{} },
		"officer's key":    func(s *envelope.Statement) { s.Key.Use = envelope.UseOfficer },
		"negative seq":     func(s *envelope.Statement) { s.Seq = -1 },
	} {
		st := statement(control.Public())
		spoil(&st)
		if _, err := envelope.SignStatement(st, control.Signer); !errors.Is(err, envelope.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPeekStatementRefuses(t *testing.T) {
	k := newKey(t)
	good, err := envelope.SignStatement(statement(k.Public()), k.Signer)
	if err != nil {
		t.Fatal(err)
	}
	f := takeJWT(t, good)
	if _, _, err := envelope.PeekStatement(signES256(t, k.key, strings.Replace(f.header, "directory-", "", 1), f.payload)); !errors.Is(err, envelope.ErrType) {
		t.Errorf("other typ: %v", err)
	}
	f.replace(`{"iss"`, `{"sub":"x","iss"`)
	other := signES256(t, k.key, f.header, f.payload)
	if _, _, err := envelope.PeekStatement(other); !errors.Is(err, envelope.ErrMalformed) {
		t.Errorf("unknown claim: %v", err)
	}
	if _, err := envelope.VerifyStatement(other, k.Public()); !errors.Is(err, envelope.ErrMalformed) {
		t.Errorf("unknown claim, verified: %v", err)
	}
}

func TestCountersignatureAndApproval(t *testing.T) {
	k := newKey(t)
	c := envelope.Countersignature{Digest: gateway.DigestOf([]byte("statement")), IssuedAt: now}
	counter, err := envelope.SignCountersignature(c, k.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := envelope.VerifyCountersignature(counter, k.Public()); err != nil || got != c {
		t.Errorf("countersignature %+v, %v", got, err)
	}
	a := envelope.Approval{
		Gateway: gatewayID, Snapshot: gateway.DigestOf([]byte("new")), Previous: gateway.DigestOf([]byte("old")), Seq: 3,
		NotBefore: now, Expires: now.Add(time.Hour),
	}
	stop := envelope.Approval{Gateway: gatewayID, Seq: 4, NotBefore: now, Expires: now.Add(time.Hour), WithholdAll: true}
	for _, a := range []envelope.Approval{a, stop} {
		raw, err := envelope.SignApproval(a, k.Signer)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := envelope.VerifyApproval(raw, k.Public()); err != nil || got != a {
			t.Errorf("approval %+v, %v; want %+v", got, err, a)
		}
		if _, err := envelope.VerifyCountersignature(raw, k.Public()); !errors.Is(err, envelope.ErrType) {
			t.Errorf("an approval as countersignature: %v", err)
		}
	}
	for name, spoil := range map[string]func(*envelope.Approval){
		"of nothing":         func(a *envelope.Approval) { a.Snapshot = gateway.Digest{} },
		"of a stop and more": func(a *envelope.Approval) { a.WithholdAll = true },
		"no gateway":         func(a *envelope.Approval) { a.Gateway = "" },
		"never valid":        func(a *envelope.Approval) { a.Expires = a.NotBefore },
	} {
		bad := a
		spoil(&bad)
		if _, err := envelope.SignApproval(bad, k.Signer); !errors.Is(err, envelope.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTable: one kind of party signs one typ with one use of key, and a token
// of one typ passes for no other.
func TestTable(t *testing.T) {
	uses := map[string]envelope.Use{}
	for _, p := range envelope.Table() {
		if p.Type == "" || p.Use == "" || p.Issuer == "" || p.Audience == "" || p.Endpoint == "" {
			t.Errorf("row with a gap: %+v", p)
		}
		key := p.Type + " by " + string(p.Issuer)
		if use, ok := uses[key]; ok && use != p.Use {
			t.Errorf("%s is signed with %s and with %s", key, use, p.Use)
		}
		uses[key] = p.Use
	}
	w := newWorld(t)
	raw, err := envelope.SignAccess(access(), w.access.Signer)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range envelope.Table() {
		_, err := envelope.VerifyJWT(raw, p.Type, w.access.Public())
		if (err == nil) != (p.Type == envelope.TypAccess) {
			t.Errorf("an access request as %s: %v", p.Type, err)
		}
	}
}
