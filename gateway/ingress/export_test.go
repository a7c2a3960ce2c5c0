package ingress

import (
	"context"
	"time"

	"sluss/gateway"
)

// Route is what the table says of an endpoint.
type Route struct {
	Name, Method, Path string
	Codes              []gateway.Code
	Fails              bool // something behind it can refuse
}

// Table returns the API as the router has it.
func Table() []Route {
	var out []Route
	for _, rt := range table {
		out = append(out, Route{rt.name, rt.method, rt.path, rt.codes, rt.name != "getOpenAPI" && rt.name != "getAsyncAPI"})
	}
	return out
}

// RouterOnly are the codes of requests that have no route.
func RouterOnly() []gateway.Code { return []gateway.Code{errNoRoute.Code, errNoVerb.Code} }

// DecodePoll is the strict reader of poll requests.
var DecodePoll = decodePoll

// PollLimits are the default limits.
func PollLimits() Limits { return Limits{}.withDefaults() }

// Callers keeps rates, for the tests of its bounds.
type Callers struct{ c *callers }

// NewCallers returns the callers that are systems, with the limits l.
func NewCallers(l Limits) Callers { return Callers{newLimits(l.withDefaults()).systems} }

// Kept returns how many callers are kept.
func (c Callers) Kept() int { return c.c.recent.Len() }

// Kinds returns what each code is answered with.
func Kinds() map[gateway.Code]kind { return kinds }

// Take counts one request of a caller.
func (c Callers) Take(key string, now time.Time) error { return c.c.take(key, now) }

// Poll takes one of a caller's places for polls.
func (c Callers) Poll(key string) (func(), error) { return c.c.enter(key, true) }

// Line is the fair queue of agencies.
type Line struct{ l *line }

// NewLine returns a Line for so many places.
func NewLine(places int) Line { return Line{newLine(places)} }

// Enter waits for a place.
func (l Line) Enter(ctx context.Context, a gateway.AgencyID) (func(), error) {
	return l.l.enter(ctx, a)
}

// Kept returns how many agencies are kept, and how many places are free.
func (l Line) Kept() (agencies, free int) {
	l.l.mu.Lock()
	defer l.l.mu.Unlock()
	return len(l.l.agencies), l.l.free
}

// Network is the key of a caller without identity.
var Network = network
