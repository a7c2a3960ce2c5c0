package filler

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
	"sluss/gateway/exchange"
	"sluss/gateway/store"
)

// The same for all entries: what a threat assessment of the demo comes to.
var (
	withheld = map[gateway.Field]gateway.Reason{"risk_level": "NO-BASIS", "risk_factors": "NO-BASIS", "threat_source": "NO-BASIS", "recommended_measures": "NO-BASIS", "valid_until": "NO-BASIS", "assessed_on": "NO-BASIS", "contact": "NO-BASIS",
		"informants": "NO_BASIS", "methods": "NO_BASIS", "location": "CEILING", "relatives": "CEILING"}
	snapshot = gateway.DigestOf([]byte("the law of a filled log"))
)

const (
	typ     gateway.MessageType = "exit.threat_assessment"
	role    gateway.Role        = "municipality.social_worker"
	purpose gateway.Purpose     = "PROTECTION"
	life                        = 30 * 24 * time.Hour
	gone                        = 31 * 24 * time.Hour
)

// entry makes one of the three entries of an exchange from which nothing came.
func (f *fill) entry(x drawn, step int, at uint64) (store.Entry, error) {
	now := f.at(at)
	m := f.made
	e1 := disclosure.E1{Time: disclosure.At(now), Message: x.message, Discloser: m.Discloser(x.discloser), Recipient: m.Recipient(x.recipient), Type: typ}
	e2 := disclosure.E2{Retention: disclosure.Ordinary, Subject: m.Subject(x.subject), Case: m.Case(x.subject)}
	switch step {
	case 0:
		e1.Kind, e1.Digest, e1.Purpose = disclosure.MessageAccepted, &x.digest, purpose
		// Expired so long ago that its row need not be there any more.
		e1.Issued, e1.Expires = now.Add(-life-gone).Unix(), now.Add(-gone).Unix()
	case 1:
		// As long as a release, which would have to name a policy that was in force.
		e1.Kind, e1.Request, e1.Role, e1.Purpose = disclosure.Withheld, &x.digest, role, purpose
		e1.Outcome, e1.Withheld, e1.Snapshot = gateway.Deny, withheld, &snapshot
		e2.Withheld, e2.Input = withheld, x.detail
		e2.Actor = &disclosure.Actor{Agency: e1.Recipient, System: "exit", Role: role}
		e2.States = map[string]int64{"directory": 1, "policy": 1, "person:" + string(e2.Subject): 7}
	default:
		e1.Kind, e1.Delivery, e1.Role, e1.Event, e1.Follows = disclosure.Acknowledged, string(x.delivery), role, x.message, []uint64{at - 1}
	}
	return disclosure.NewEntry(e1, e2, f.cfg.Sealer)
}

// open makes the beginning of the log: a word that it was filled, and the messages
// that wait. They are the oldest entries of the log, but were sent a day ago, so
// that their time is not past.
func (f *fill) open(ctx context.Context) error {
	first, err := disclosure.NewEntry(disclosure.E1{Kind: disclosure.Incident, Time: disclosure.At(f.made.Begin), Code: "filled"},
		disclosure.E2{Retention: disclosure.Long}, f.cfg.Sealer)
	if err != nil {
		return err
	}
	if err := f.append(ctx, []store.Write{{Entries: []store.Entry{first}}}); err != nil {
		return err
	}
	const atOnce = 64
	for at := 0; at < f.cfg.Open; at += atOnce {
		var writes []store.Write
		for i := at; i < min(at+atOnce, f.cfg.Open); i++ {
			w, err := f.waiting(i)
			if err != nil {
				return err
			}
			writes = append(writes, w)
		}
		if err := f.append(ctx, writes); err != nil {
			return err
		}
		if f.cfg.Progress != nil {
			f.cfg.Progress(uint64(at), f.cfg.Entries)
		}
	}
	return nil
}

// waiting makes a message that waits in a mailbox, of random bytes.
func (f *fill) waiting(i int) (store.Write, error) {
	token := make([]byte, f.cfg.Message)
	rand.Read(token)
	m := f.made
	id := gateway.MessageID(fmt.Sprintf("urn:uuid:00000000-0000-7000-8000-%012x", i))
	issued := m.End.Add(-24 * time.Hour).Truncate(time.Second)
	row := &store.Message{Issuer: m.Discloser(i), ID: id, Digest: gateway.DigestOf(token), To: m.Recipient(i), Sender: "municipality.social_worker", Type: typ,
		Subject: m.Subject(i % m.Subjects), Issued: issued, Expires: issued.Add(life)}
	var err error
	row.Body, row.Key, err = f.cfg.Sealer.Encrypt(row.Issuer, "message", m.End, token, exchange.StoredAAD(*row))
	if err != nil {
		return store.Write{}, err
	}
	entry, err := disclosure.NewEntry(disclosure.E1{Kind: disclosure.MessageAccepted, Time: disclosure.At(f.at(uint64(1 + i))), Message: id, Discloser: row.Issuer, Recipient: row.To,
		Type: typ, Digest: &row.Digest, Issued: issued.Unix(), Expires: row.Expires.Unix(), Purpose: purpose},
		disclosure.E2{Retention: disclosure.Ordinary, Subject: row.Subject, Case: m.Case(i % m.Subjects)}, f.cfg.Sealer)
	return store.Write{Message: row, Entries: []store.Entry{entry},
		Mail: []store.Mail{{Agency: row.To, Role: role, Issuer: row.Issuer, Message: id, Expires: row.Expires, State: store.Waiting}}}, err
}
