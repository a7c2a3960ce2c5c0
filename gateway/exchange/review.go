package exchange

import (
	"context"
	"slices"

	"sluss/gateway"
	"sluss/gateway/envelope"
	"sluss/gateway/facts"
	"sluss/gateway/policy"
	"sluss/gateway/relay"
	"sluss/gateway/store"
)

// review is the task of a person at the discloser: what is to be decided, and
// nothing about the person but the reference that the discloser knows.
//
// A task is opened once for a question. It ends when the question has another
// answer (review-ended), and with the message (Expires).
type review struct {
	Type      gateway.MessageType `json:"type"`
	Subject   gateway.Ref         `json:"subject,omitempty"`
	Fields    []gateway.Field     `json:"fields"`            // that a decision could open
	Reason    gateway.Reason      `json:"reason"`            // why nobody could decide by rule
	Claimed   []gateway.Basis     `json:"claimed,omitempty"` // a decision has to rest on one of these
	Claim     []gateway.Basis     `json:"claim,omitempty"`   // a decision on one of these is recorded, and was not claimed
	Recipient string              `json:"recipient"`         // who would get it, in which role
	Role      gateway.Role        `json:"role"`
	Request   gateway.MessageID   `json:"request,omitempty"` // the request that the message answers
	// Obligations say whose task it is, and who is to be consulted.
	Obligations []gateway.Obligation `json:"obligations"`
	Due         int64                `json:"due,omitempty"`
	Expires     int64                `json:"expires,omitempty"`
}

// The obligations that make a task (domain, Section 16.7).
const (
	byLegalOfficer  gateway.Obligation = "review_by_legal_officer"
	byDecider       gateway.Obligation = "review_task"
	ofWhatIsLeft    gateway.Obligation = "review_item"
	consultSecurity gateway.Obligation = "consult_personal_security"
)

// curable are the reasons of fields that a decision could open (domain, Section
// 16.5).
var curable = []gateway.Reason{"BLK-STALE", "MANUAL", "NO-DECISION", "BLK-PUB"}

// Whose task a ruling opens; the values lie in mailboxes.
const (
	noTask byte = iota
	decidersTask
	officersTask
)

// tasked says whether the ruling leaves something for a person at the discloser
// to do, and for whom: the legal officer when the basis is decided by hand.
func (r ruling) tasked() byte {
	whose := noTask
	if len(r.claim) > 0 && r.question.Initiative == gateway.ByDiscloser {
		whose = decidersTask // to send it anew
	}
	for _, o := range r.decision.Obligations() {
		switch o {
		case byLegalOfficer:
			return officersTask
		case byDecider, ofWhatIsLeft:
			whose = decidersTask
		}
	}
	return whose
}

// desk returns the mailbox of a task about a message.
func (r ruling) desk(c envelope.Claims, whose byte) relay.Box {
	if whose == officersTask {
		return relay.Box{Agency: c.Issuer, Role: legalOfficer}
	}
	return relay.Box{Agency: c.Issuer, Role: r.decider(c.Issuer, c.FromRole)}
}

// task returns the notice of a review task, in the mailbox of whose it is.
func (x *Exchange) task(h handout, r ruling) (store.Mail, error) {
	claims, t := h.msg.Claims(), r.left()
	t.Type, t.Subject, t.Recipient, t.Role, t.Expires = claims.Type, claims.Subject, claims.Audience, h.role, claims.Expires.Unix()
	if h.answers != nil {
		t.Request = claims.ReplyTo
	}
	return x.cfg.Mail.Notice(r.desk(claims, r.tasked()), envelope.ReviewRequested, claims.ID, t)
}

// left is what the ruling leaves for a person to decide: of a task, all but what
// the message says.
func (r ruling) left() review {
	t := review{Fields: []gateway.Field{}, Reason: r.decision.Reason(), Claimed: r.question.Claimed, Claim: r.claim}
	for _, w := range r.decision.Withheld() {
		if !slices.Contains(curable, w.Reason) && len(t.Claim) == 0 || !r.asksFor(w.Field) {
			continue
		}
		t.Fields = append(t.Fields, w.Field)
		if t.Reason == "" {
			t.Reason = w.Reason
		}
	}
	t.Obligations = []gateway.Obligation{}
	for _, o := range r.decision.Obligations() {
		if slices.Contains([]gateway.Obligation{byLegalOfficer, byDecider, ofWhatIsLeft, consultSecurity}, o) {
			t.Obligations = append(t.Obligations, o)
		}
	}
	return t
}

// asksFor reports whether a field is among those asked for or put forward.
func (r ruling) asksFor(f gateway.Field) bool {
	return slices.Contains(r.question.Fields, f) || slices.Contains(r.question.Fields, facts.DefaultSet)
}

// decider returns the role that decides for a discloser: the sender's if it may,
// else the first in the list of roles that may, has the purpose and is somebody's
// there; the legal officer's if there is none.
func (r ruling) decider(discloser gateway.AgencyID, sender gateway.Role) gateway.Role {
	roles := r.regime.Catalogue.Tables().Roles
	if roles[sender].Decides {
		return sender
	}
	var staffed []gateway.Role
	for _, k := range r.regime.Directory.SealKeys(discloser, r.now) {
		staffed = append(staffed, k.Roles...)
	}
	slices.Sort(staffed)
	for _, name := range staffed {
		role := roles[name]
		if role.Decides && role.Kind == discloser.Kind() && slices.Contains(role.Purposes, r.question.Purpose) {
			return name
		}
	}
	return legalOfficer
}

// toldBefore reports whether the task that the ruling leaves was opened before:
// with an earlier hand-out of the item, or with the same answer to the function
// for which the message lies in a mailbox, or to another official. If not, it
// notes in w that it is, where the function's own next ruling does not say so.
func (x *Exchange) toldBefore(ctx context.Context, w *store.Write, h handout, r ruling) (bool, error) {
	if r.tasked() == noTask {
		return false, nil
	}
	if h.item != nil {
		return sameTask(h.item.Hold, r.fingerprint()), nil
	}
	releases := r.decision.Outcome().Releases()
	rows, err := x.cfg.Store.MailOf(ctx, h.msg.Claims().Issuer, h.msg.Claims().ID)
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		switch {
		case row.Role != h.role:
		case sameTask(row.Hold, r.fingerprint()):
			return true, nil
		case row.State == store.Handed, releases && row.State == store.Held:
		default:
			row.Hold = r.fingerprint()
			if row.State == store.Waiting && !releases {
				row.State, row.Lease = store.Held, r.now
			}
			w.Change = append(w.Change, store.MailChange{Mail: row})
		}
	}
	return false, nil
}

// claimable finds out, for an outcome without data, what would be released if
// the question claimed a basis on which a decision is recorded. The decision is
// taken as if it did.
func (x *Exchange) claimable(ctx context.Context, r *ruling) error {
	d := r.decision
	if d.Outcome() != gateway.Review && d.Outcome() != gateway.Deny || d.Stage() != "" {
		return nil
	}
	for _, b := range r.known.Unclaimed() {
		q := r.question
		q.Claimed = append(slices.Clone(q.Claimed), b)
		known, err := x.cfg.Facts.Of(ctx, q, r.now)
		if err != nil {
			return err
		}
		if d, err = r.regime.Policy.Decide(ctx, known); err != nil {
			return err
		}
		if d.Outcome().Releases() {
			r.claim = append(r.claim, b)
		}
	}
	return nil
}

// tell returns the notices of a ruling: a task for the discloser and the end of
// one, a word for the recipient that something is withheld, alerts, and break-glass
// to all who must hear of it. A task or a word that they were told is not told again.
// Nobody hears of a person who is not on record.
func (x *Exchange) tell(h handout, r ruling, told bool) ([]store.Mail, error) {
	claims, outcome := h.msg.Claims(), r.decision.Outcome()
	out, err := x.ended(h, r, r.tasked())
	if err != nil || outcome == gateway.NoRecord {
		return out, err
	}
	add := func(m store.Mail, err error) error {
		out = append(out, m)
		return err
	}
	if h.item != nil && !outcome.Releases() && !neutral(r.decision) && !(h.item.State == store.Held && sameWord(h.item.Hold, r.fingerprint())) {
		if err := add(x.cfg.Mail.Notice(relay.Box{Agency: h.item.Agency, Role: h.role}, envelope.ReleaseRefused, claims.ID, refused(r))); err != nil {
			return nil, err
		}
	}
	if r.tasked() != noTask && !told {
		if err := add(x.task(h, r)); err != nil {
			return nil, err
		}
	}
	alerts, err := x.alerts(h, r, told)
	if err != nil {
		return nil, err
	}
	out = append(out, alerts...)
	if outcome == gateway.BreakGlass {
		told, err := x.glassRelease(h, r)
		if err != nil {
			return nil, err
		}
		out = append(out, told...)
	}
	return out, nil
}

// ended returns the notice that the task which was opened for an item is not
// waited for any more, if there was one and now is another's, or nobody's.
func (x *Exchange) ended(h handout, r ruling, now byte) ([]store.Mail, error) {
	if h.item == nil || len(h.item.Hold) == 0 || h.item.Hold[0] == noTask || h.item.Hold[0] == now {
		return nil, nil
	}
	claims, how := h.msg.Claims(), "withdrawn"
	if r.decision.Outcome().Releases() {
		how = "decided"
	}
	notice, err := x.cfg.Mail.Notice(r.desk(claims, h.item.Hold[0]), envelope.ReviewEnded, claims.ID,
		map[string]string{"ended": how, "recipient": claims.Audience, "role": string(h.role)})
	return []store.Mail{notice}, err
}

// withheld is what a recipient's function is told of an outcome without data.
type withheld struct {
	Outcome gateway.Outcome `json:"outcome"`
	Reason  gateway.Reason  `json:"reason,omitempty"`
	Claim   []gateway.Basis `json:"claim,omitempty"` // claimed in a new request, one of these would release something
}

func refused(r ruling) withheld {
	return withheld{r.decision.Outcome(), shownReason(r.decision), r.mayClaim()}
}

// mayClaim returns the bases to claim if it is the recipient who claims them.
func (r ruling) mayClaim() []gateway.Basis {
	if r.question.Initiative != gateway.ByActor {
		return nil
	}
	return r.claim
}

// shownReason is the reason of a DENY on fields as the recipient may know it;
// "" for any other outcome.
func shownReason(d policy.Decision) gateway.Reason {
	if d.Outcome() != gateway.Deny || d.Stage() != "" {
		return ""
	}
	for _, w := range d.Withheld() {
		if w.Reason == d.Reason() {
			return w.Shown
		}
	}
	return ""
}

// neutral reports whether who asks is answered as about a person who is not on
// record: also a guardian who is barred, who must not learn that (domain,
// Section 16.7).
func neutral(d policy.Decision) bool {
	return d.Outcome() == gateway.NoRecord || slices.Contains(d.Obligations(), "neutral_answer")
}

// refusal words an outcome without data for an official.
func (r ruling) refusal() error {
	d, claim := r.decision, ""
	if neutral(d) {
		return gateway.Refuse(gateway.CodeNoRecord, "there is nothing to release", nil)
	}
	for _, b := range r.mayClaim() {
		claim += "; a decision is recorded on " + string(b) + ", which the request would have to claim"
	}
	if d.Outcome() == gateway.Review {
		return gateway.Refuse(gateway.CodeReview, "a person at the disclosing agency has to decide; a task was sent there"+claim, nil)
	}
	detail := "nothing is released"
	if reason := shownReason(d); reason != "" {
		detail += "; reason " + string(reason) + "; a refusal between authorities can be appealed (OSL 6 kap. 7-8 §§)"
	}
	return gateway.Refuse(gateway.CodeDenied, detail+claim, nil)
}
