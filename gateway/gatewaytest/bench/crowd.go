package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"sluss/gateway"
	"sluss/gateway/client"
	"sluss/gateway/envelope"
	"sluss/gateway/gatewaytest"
	"sluss/gateway/keys"
)

// socialWorker is the function that collects what the police send.
const socialWorker gateway.Role = "municipality.social_worker"

// crowd are the clients of a world: municipalities with a case each, whose social
// workers collect what the police send them. When there are more clients than
// municipalities, several work at one mailbox.
type crowd struct {
	w     *gatewaytest.World
	towns []*town
	users []*user
}

// town is one municipality with the messages sealed for it.
type town struct {
	id     gateway.AgencyID
	matter *gatewaytest.Matter
	signer *envelope.Signer
	mu     sync.Mutex
	sealed [][]byte
}

// user is one client: connections of its own for what the police send to a
// municipality, and for what is collected there.
type user struct {
	*town
	url          string
	police, here *http.Client
}

// newCrowd opens a case at each municipality. The gateway of w must run.
func newCrowd(ctx context.Context, w *gatewaytest.World, towns, clients int) (*crowd, error) {
	c := &crowd{w: w, towns: make([]*town, min(towns, clients))}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i := range c.towns {
		g.Go(func() (err error) {
			c.towns[i], err = newTown(ctx, w, gateway.AgencyID(fmt.Sprintf("municipality:%d", 9001+i)))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i := range clients {
		t := c.towns[i%len(c.towns)]
		police, err := connection(w, "police")
		if err != nil {
			return nil, err
		}
		here, err := connection(w, t.id)
		if err != nil {
			return nil, err
		}
		c.users = append(c.users, &user{t, "https://" + w.Agencies, police, here})
	}
	return c, nil
}

func newTown(ctx context.Context, w *gatewaytest.World, id gateway.AgencyID) (*town, error) {
	key, err := keys.LoadEC("file:" + filepath.Join(w.Folder(id, "exit"), "message.key"))
	if err != nil {
		return nil, err
	}
	t := &town{id: id}
	if t.signer, err = envelope.NewSigner(key); err != nil {
		return nil, err
	}
	t.matter, err = gatewaytest.NewMatter(ctx, w, id)
	return t, err
}

// connection returns an HTTP client with connections of its own.
func connection(w *gatewaytest.World, agency gateway.AgencyID) (*http.Client, error) {
	cfg, err := client.Load(filepath.Join(w.Folder(agency, "exit"), "client.json"))
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: cfg.HTTPS()}, nil
}

// seal has each municipality that so many clients work at have as many sealed
// messages that there are so many in all, and a third more where several share.
func (c *crowd) seal(ctx context.Context, clients, messages int) error {
	towns := c.towns[:min(clients, len(c.towns))]
	each := messages/len(towns) + 1
	if len(towns) > 1 {
		each += each/3 + 4
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, t := range towns {
		g.Go(func() error { return t.fill(ctx, each) })
	}
	return g.Wait()
}

func (t *town) fill(ctx context.Context, to int) error {
	t.mu.Lock()
	have := len(t.sealed)
	t.mu.Unlock()
	for ; have < to; have++ {
		token, err := t.matter.Seal(ctx)
		if err != nil {
			return err
		}
		t.mu.Lock()
		t.sealed = append(t.sealed, token)
		t.mu.Unlock()
	}
	return nil
}

// token returns the message sealed first, io.EOF when there is none.
func (t *town) token() ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.sealed) == 0 {
		return nil, io.EOF
	}
	token := t.sealed[0]
	t.sealed = t.sealed[1:]
	return token, nil
}

// sample is one of the messages, for systems that verify nothing.
func (c *crowd) sample(ctx context.Context) ([]byte, error) { return c.towns[0].matter.Seal(ctx) }

type handed map[string]struct {
	Token string `json:"token"`
}

// exchange is one whole exchange: submit, poll, acknowledge. The message is
// sealed beforehand and acknowledged without being opened.
func (u *user) exchange(ctx context.Context) error {
	token, err := u.token()
	if err != nil {
		return err
	}
	if _, err := post(ctx, u.police, u.url+"/v1/messages", "application/sd-jwt", token); err != nil {
		return err
	}
	messages, err := u.collect(ctx)
	if err != nil {
		return err
	}
	ack, err := u.receipt(messages)
	if err != nil {
		return err
	}
	_, err = post(ctx, u.here, u.url+"/v1/poll", "application/json", ack)
	return err
}

// collect polls until there is a message. Where several work at one mailbox, what
// another one is just given may leave a poll with nothing.
func (u *user) collect(ctx context.Context) (handed, error) {
	for range 100 {
		body, err := post(ctx, u.here, u.url+"/v1/poll", "application/json", []byte(pollOne))
		if err != nil {
			return nil, err
		}
		var answer struct {
			Messages handed `json:"messages"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return nil, fmt.Errorf("reading what was collected: %w", err)
		}
		if len(answer.Messages) == 1 {
			return answer.Messages, nil
		}
	}
	return nil, errors.New("what was sent is not in the mailbox")
}

const pollOne = `{"role":"` + string(socialWorker) + `","maxEvents":1,"returnImmediately":true}`

// receipt is a poll that acknowledges, with the signed word that it is stored.
func (t *town) receipt(messages handed) ([]byte, error) {
	var acks []string
	received := map[string]string{}
	for id, m := range messages {
		jti, err := claimOf(m.Token, "jti")
		if err != nil {
			return nil, err
		}
		set, err := envelope.SignEvent(envelope.Event{Issuer: t.id.URN(), Audience: gateway.AgencyID("police").URN(),
			ID: gateway.MessageID(uuid.Must(uuid.NewV7()).URN()), IssuedAt: time.Now(), Message: gateway.MessageID(jti),
			Type: envelope.MessageReceived}, t.signer)
		if err != nil {
			return nil, err
		}
		acks, received[id] = append(acks, id), set
	}
	return json.Marshal(map[string]any{"role": socialWorker, "maxEvents": 0, "returnImmediately": true, "ack": acks, "received": received})
}

// claimOf reads a claim of an SD-JWT without verifying anything.
func claimOf(token, claim string) (string, error) {
	parts := strings.SplitN(token, ".", 3)
	if len(parts) < 3 {
		return "", errors.New("no token")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", err
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		return "", err
	}
	s, _ := claims[claim].(string)
	return s, nil
}

// post sends one request and reads the answer, which must be a success.
func post(ctx context.Context, c *http.Client, url, media string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", media)
	resp, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %d: %.200s", url, resp.StatusCode, answer)
	}
	return answer, err
}
