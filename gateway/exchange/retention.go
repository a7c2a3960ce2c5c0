package exchange

import (
	"context"
	"errors"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
)

// retainEvery is how often it is looked for keys whose time has come.
const retainEvery = time.Hour

// slack is how long after its month a key may still be written under: clocks
// differ, and a request takes its time.
const slack = 24 * time.Hour

// Retain destroys the at-rest keys of months of which nothing may be read any
// more (domain, Section 21), so that no copy of the database, however old, gives
// it back: of messages when the last body of the month is purged, which is once
// all are acknowledged or have expired; of entries when the time of their class of
// retention has passed, together with what of them is in the database. Leaf and
// tree stay. Statements are kept: entries refer to them.
//
// Each key has an entry, made before it is destroyed: after a fault in between it
// is made again, and never is a key gone without one. Errors concern one key each; the others
// are looked at all the same.
func (x *Exchange) Retain(ctx context.Context) error {
	if mine, err := x.alone(ctx, "retention"); err != nil || !mine {
		return err
	}
	names, err := x.cfg.AtRest.Keys()
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if ctx.Err() != nil {
			return errors.Join(append(errs, ctx.Err())...)
		}
		due, err := x.due(ctx, name)
		if err == nil && due {
			err = x.destroy(ctx, name, "")
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// due reports whether nothing under a key may be read any more.
func (x *Exchange) due(ctx context.Context, name string) (bool, error) {
	agency, class, month := keyParts(name)
	begin, err := time.Parse("2006-01", month)
	if err != nil {
		return false, err
	}
	over, now := begin.AddDate(0, 1, 0).Add(slack), x.cfg.Now()
	if until, ok := disclosure.Retention(class).Kept(over); ok {
		return !now.Before(until), nil
	}
	if class != messageClass || now.Before(over) {
		return false, nil
	}
	n, err := x.cfg.Store.Bodies(ctx, agency, name)
	return n == 0, err
}

// destroy destroys a key after what lies under it and the entry of it.
func (x *Exchange) destroy(ctx context.Context, name, how string) error {
	agency, class, month := keyParts(name)
	if agency == "gateway" {
		agency = ""
	}
	// First what a full disk does not let be done, so that nothing is recorded of
	// what then did not happen. Of messages nothing is left to be done.
	n := 0
	if class != messageClass {
		var err error
		if n, err = x.cfg.Store.Forget(ctx, name); err != nil {
			return err
		}
	}
	if !x.record(ctx, disclosure.E1{Kind: disclosure.Purged, Time: disclosure.At(x.cfg.Now()), Discloser: agency,
		Code: "key-destroyed", Count: int64(max(n, 1))}, disclosure.E2{Retention: disclosure.Long, Detail: class + " of " + month + how}) {
		return unavailable(errors.New("purging not recorded"))
	}
	if err := x.cfg.AtRest.Destroy(name); err != nil {
		return err
	}
	x.cfg.Logger.InfoContext(ctx, "at-rest key destroyed", "class", class, "month", month, "rows", n)
	return nil
}

// keyParts takes the name of an at-rest key apart: "municipality:0180/message/2026-11".
func keyParts(name string) (agency gateway.AgencyID, class, month string) {
	owner, rest, _ := strings.Cut(name, "/")
	class, month, _ = strings.Cut(rest, "/")
	return gateway.AgencyID(owner), class, month
}
