package exchange

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"sluss/gateway"
	"sluss/gateway/authn"
	"sluss/gateway/catalogue"
	"sluss/gateway/disclosure"
	"sluss/gateway/envelope"
	"sluss/gateway/facts"
	"sluss/gateway/relay"
	"sluss/gateway/store"
)

// aliasAgencies is the obligation of a release about a person who is protected or
// has moved, to a recipient outside the circle that may know where (domain,
// Section 16.7): to that recipient agencies stand behind their aliases.
const aliasAgencies gateway.Obligation = "alias_agencies"

// local are the kinds of agency whose name tells of a place.
var local = []gateway.Kind{gateway.Municipality, gateway.Region, gateway.Provider}

// aliasStated is the first of the two places where an alias is asked for
// (BLK-META). Nothing about a person is looked at here, so it goes by what the
// sender itself says: a message that is marked, under the real name of an agency
// with a place, to a recipient that is never within the circle that may know. To
// another municipality it is left to the release, which knows whether that one
// is responsible or receiving.
func (r *Regime) aliasStated(p authn.Peer, m catalogue.Conforming) error {
	claims := m.Message().Claims()
	to := claims.Recipient()
	switch {
	case to == "" || claims.Issuer != p.Agency() || !slices.Contains(local, claims.Issuer.Kind()),
		m.Message().Gate().Marking == "none",
		r.Directory.Principal(to) == p.Agency(),
		slices.Contains([]gateway.Kind{gateway.Police, gateway.Municipality, gateway.Self}, to.Kind()):
		return nil
	}
	return gateway.Refuse(gateway.CodeAliasRequired, "a message that is marked goes to this recipient under a registered alias of the sender", nil)
}

// telling reports that the message may leave, but not under the name that its
// sender has signed it with: that name would tell the recipient where the person
// is. It is the second place, and knows the registered facts.
func (r ruling) telling(h handout) bool {
	claims := h.msg.Claims()
	return r.decision.Outcome().Releases() && slices.Contains(r.decision.Obligations(), aliasAgencies) &&
		r.regime.Directory.Principal(claims.Issuer) == claims.Issuer && r.known.Locates()
}

// heldForName marks an item that is held until its sender's name may be told, in
// the place of a fingerprint: it opens no task.
var heldForName = append([]byte{noTask}, "alias-required"...)

// holdName holds a message back that its sender has to send anew under an alias,
// once with an entry and a word to the sender. The recipient is told nothing: for
// it the message has not come. The sender learns no more than that its name would
// tell this recipient the place of a person about whom it holds data. When what is
// known of the person changes the message may leave after all.
func (x *Exchange) holdName(ctx context.Context, h handout, r ruling) error {
	claims := h.msg.Claims()
	if h.item != nil && h.item.State == store.Held && bytes.Equal(h.item.Hold, heldForName) {
		return nil
	}
	e1, e2 := x.entry(h, r, disclosure.Withheld)
	e1.Outcome, e1.Code, e1.Obligations = gateway.Deny, gateway.CodeAliasRequired, nil
	e2.Denied, e2.Withheld = "", nil
	entry, err := disclosure.NewEntry(e1, e2, x.cfg.AtRest)
	if err != nil {
		return err
	}
	w := store.Write{Expect: r.expect(), Entries: []store.Entry{entry}}
	if h.item != nil {
		item := *h.item
		item.State, item.Hold, item.Lease = store.Held, heldForName, r.now
		w.Change = []store.MailChange{{Mail: item}}
		notice, err := x.cfg.Mail.Notice(relay.Box{Agency: claims.Issuer, Role: claims.FromRole}, envelope.DeliveryFailed, claims.ID,
			map[string]string{"code": string(gateway.CodeAliasRequired)})
		if err != nil {
			return err
		}
		if w.Mail, err = x.ended(h, r, noTask); err != nil {
			return err
		}
		w.Mail = append(w.Mail, notice)
	}
	x.once(&w, h, r.now)
	_, err = x.append(ctx, w)
	switch {
	case errors.Is(err, store.ErrMoved):
		return err
	case err != nil:
		return appended(err)
	}
	x.cfg.Mail.Arrived(w.Mail)
	if h.item != nil {
		return nil
	}
	return gateway.Refuse(gateway.CodeNoRecord, "there is nothing to release", nil)
}

// Aliases returns the directory in force as what says who acts under which name,
// nil before there is one.
func (x *Exchange) Aliases() facts.Aliases {
	if r := x.regime.Load(); r != nil && r.Directory != nil {
		return r.Directory
	}
	return nil
}
