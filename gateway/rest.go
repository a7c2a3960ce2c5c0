package gateway

import "context"

type restKey struct{}

// WithRest returns a context for work that has one of the few places at which
// work is done at a time. rest gives the place up, and the function that it
// returns waits to have one again.
func WithRest(ctx context.Context, rest func() (resume func())) context.Context {
	return context.WithValue(ctx, restKey{}, rest)
}

// Rest is for who is about to wait for something else than the processor: for a
// commit, for a message to come. It gives up the place that the work of ctx has,
// if any, so that others may work meanwhile; the caller must call resume when the
// wait is over.
func Rest(ctx context.Context) (resume func()) {
	if rest, ok := ctx.Value(restKey{}).(func() func()); ok {
		return rest()
	}
	return func() {}
}
