// Package client is the SDK with which an agency's system takes part in
// exchanges: it seals and sends messages, collects and reads those of others,
// and states facts to the gateway's register.
//
// It trusts the gateway to apply the policy, to log and to deliver, and with
// nothing else. What is sealed, for whom and with which keys comes from two
// documents that the gateway hands out but cannot write: the directory, each
// statement of which two registrars have countersigned, and the policy snapshot,
// which two legal officers have approved. Their keys are pinned in [Config];
// neither document may go back to an older state, and what was sealed once
// stays sealed for as long as the version of a message type lives.
//
// # What is checked
//
// [Client.Send] returns when the gateway has proved that exactly these bytes
// stand in its log: the receipt's entry names the digest of the message and a
// C2SP tlog-proof leads from the entry to a signed checkpoint. [Client.Poll] and
// [Client.Read] give a message out only if the sender's signature, the gateway's
// key binding (RFC 9901, Section 4.3), the disclosure entry and the log's proof
// say the same thing, namely what was asked; if nothing that was allowed is
// missing; and if the delivery is new. An answer that fails one of these is
// reported as [ErrRefused] with a reason; nothing of it is shown. A field whose
// content is not what its schema says is named as unusable and not shown.
//
// # Delivery
//
// Delivery is at least once (RFC 8936). A message comes again until it is
// acknowledged, under the same delivery id and with the same bytes; under an id
// that was acknowledged it is a replay. What the client remembers for that
// lives in [Config.State], which several processes may share. Requests are
// repeated after network errors and when the gateway asks for it (429, 503), with
// the same bytes, except where a repetition could do something twice.
//
// Values are [gateway.Payload]: they print and log as their length. The package
// does not decide what an official may see at the agency, and it keeps nothing
// of a message.
package client

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/google/uuid"

	"sluss/gateway"
	"sluss/gateway/envelope"
)

// Errors of this package; test with errors.Is. A gateway that answers with a
// problem document is a [*Problem] instead.
var (
	ErrConfig = errors.New("client: configuration")
	ErrState  = errors.New("client: state directory is damaged")
	ErrNotYet = errors.New("client: no verified directory and snapshot yet; call Refresh")
	ErrDraft  = errors.New("client: message cannot be sealed as it is")
	ErrKey    = errors.New("client: no own key for this use and role")
	ErrAnswer = errors.New("client: answer is not of the form of the API")
	// ErrNoAnswer is every failure of the network that lasted.
	ErrNoAnswer = errors.New("client: no answer")
	ErrRequest  = errors.New("client: request got no answer; the gateway may have carried it out")
)

// ErrRefused is the kind of every error about a gateway, or somebody in its
// place, that says what is not so. The reasons below wrap it.
var ErrRefused = errors.New("client: refused")

// Why an answer of the gateway was refused; test with errors.Is.
var (
	ErrDirectory = refusal("directory is not what the registrars signed, or older than the one known")
	ErrSnapshot  = refusal("policy snapshot is not what the officers approved, or older than the one known")
	ErrUnsealing = refusal("policy snapshot unseals a field within a version of its type")
	ErrRelease   = refusal("release does not verify")
	ErrView      = refusal("release is not what was asked for")
	ErrEntry     = refusal("disclosure entry, key binding and leaf disagree")
	ErrProof     = refusal("log proof does not verify")
	ErrReplay    = refusal("delivery was acknowledged before, or came with other bytes")
	ErrNotice    = refusal("notice does not verify")
	ErrReceipt   = refusal("receipt is for another message")
)

// reason is one of the reasons to refuse.
type reason string

func refusal(text string) error { return reason(text) }

// Error implements error.
func (r reason) Error() string { return ErrRefused.Error() + ": " + string(r) }

// Unwrap makes every reason an [ErrRefused].
func (r reason) Unwrap() error { return ErrRefused }

// Client takes part in exchanges for one system of an agency. Its methods may be
// called at once.
type Client struct {
	cfg   Config
	own   ring
	state *state
	http  http.RoundTripper
	world atomic.Pointer[world]
}

// New returns a Client for cfg. It connects to nothing; it goes by the
// directory and the snapshot that it has kept, and without them wants
// [Client.Refresh] first. A configuration that lacks something is [ErrConfig].
func New(cfg Config) (*Client, error) {
	cfg, err := cfg.check()
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, http: cfg.Transport}
	if c.own, err = newRing(cfg); err != nil {
		return nil, err
	}
	if c.http == nil {
		c.http = newTripper(cfg)
	}
	if c.state, err = openState(cfg.State); err != nil {
		return nil, err
	}
	return c, c.recall()
}

// signer returns the own key that iss has registered for the use and the role
// now. role is "" for a use that is bound to none.
func (c *Client) signer(w *world, use envelope.Use, iss gateway.AgencyID, role gateway.Role) (*envelope.Signer, error) {
	for _, s := range c.own.signers {
		kid := s.Public().Thumbprint()
		if s.use != use || s.iss != iss || role != "" && !w.directory.MayAct(kid, role) {
			continue
		}
		if _, err := w.directory.Key(iss.URN(), kid, use, c.cfg.Now()); err == nil {
			return s.Signer, nil
		}
	}
	return nil, fmt.Errorf("%w: use %s, %s, role %q: it must be in the configuration and, for this role, in the directory",
		ErrKey, use, iss, role)
}

// decrypters returns the own keys with which an official in the role may open
// what was sealed for it.
func (c *Client) decrypters(w *world, role gateway.Role) []*envelope.Decrypter {
	var with []*envelope.Decrypter
	for _, d := range c.own.decrypters {
		if w.directory.MayAct(d.Public().Thumbprint(), role) {
			with = append(with, d)
		}
	}
	return with
}

// aliases returns the names besides the agency's own that the client has keys
// of.
func (c *Client) aliases() []gateway.AgencyID {
	var names []gateway.AgencyID
	for _, k := range c.cfg.Keys {
		if k.Alias != "" && !slices.Contains(names, k.Alias) {
			names = append(names, k.Alias)
		}
	}
	return names
}

// newID returns a fresh message identifier.
func newID() (gateway.MessageID, error) {
	u, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("making an identifier: %w", err)
	}
	return gateway.MessageID(u.URN()), nil
}
