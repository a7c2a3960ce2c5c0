package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sluss/gateway"
	"sluss/gateway/disclosure"
)

// An Order is what the operator has the running gateway do, or must have in the
// log because it was done beside it. It lies as a file in the state directory:
// who may write there holds the keys, so that nobody else need be asked who they
// are. Exactly one member is set.
type Order struct {
	Destroy string  `json:"destroy,omitempty"` // the name of an at-rest key
	Backup  *Backup `json:"backup,omitempty"`  // was taken
}

// Backup says what a backup holds.
type Backup struct {
	Entries uint64         `json:"entries"`
	Root    gateway.Digest `json:"root"`
}

// ErrOrder is an order that cannot be carried out, now or later.
var ErrOrder = errors.New("exchange: order is refused")

const (
	orderSuffix   = ".json"
	refusedSuffix = ".refused"
	ordersEvery   = time.Second
	ordersLease   = time.Minute
)

// LeaveOrder leaves an order in dir for the gateway and returns its file, which
// is gone when it was carried out. A file of that name with ".refused" behind it
// says why it was not.
func LeaveOrder(dir string, o Order) (string, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("leaving an order: %w", err)
	}
	name := filepath.Join(dir, string(gateway.NewRef())+orderSuffix)
	f, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return "", fmt.Errorf("leaving an order: %w", err)
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return "", fmt.Errorf("leaving an order: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return name, nil
}

// OrderRefused returns why an order was refused, "" if it was not.
func OrderRefused(file string) string {
	raw, err := os.ReadFile(file + refusedSuffix)
	if err != nil {
		return ""
	}
	return string(raw)
}

// Orders looks for orders in dir every second until ctx is done.
func (x *Exchange) Orders(dir string) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		tick := time.NewTicker(ordersEvery)
		defer tick.Stop()
		for {
			if err := x.CarryOut(ctx, dir); err != nil && ctx.Err() == nil {
				x.cfg.Logger.WarnContext(ctx, "an operator's order was not carried out yet", "err", err)
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-tick.C:
			}
		}
	}
}

// CarryOut carries out the orders that are left in dir, of several gateways on a
// database one at a time.
func (x *Exchange) CarryOut(ctx context.Context, dir string) error {
	found, err := filepath.Glob(filepath.Join(dir, "*"+orderSuffix))
	if err != nil || len(found) == 0 {
		return err
	}
	if mine, err := x.alone(ctx, "orders"); err != nil || !mine {
		return err
	}
	var errs []error
	for _, file := range found {
		err := x.order(ctx, file)
		if errors.Is(err, ErrOrder) {
			err = os.WriteFile(file+refusedSuffix, []byte(strings.TrimPrefix(err.Error(), ErrOrder.Error()+": ")), 0o600)
			if err == nil {
				err = os.Remove(file)
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// order carries out one order. It is removed when all is done, and done again if
// the gateway ends in between: a second entry, no second deed.
func (x *Exchange) order(ctx context.Context, file string) error {
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another gateway was quicker
	}
	if err != nil {
		return err
	}
	var o Order
	if json.Unmarshal(raw, &o) != nil || (o.Destroy == "") == (o.Backup == nil) {
		return fmt.Errorf("%w: it says nothing that a gateway can do", ErrOrder)
	}
	if o.Destroy != "" {
		err = x.destroyOrdered(ctx, o.Destroy)
	} else if !x.record(ctx, disclosure.E1{Kind: disclosure.Incident, Time: disclosure.At(x.cfg.Now()), Code: "backup-taken",
		Count: int64(o.Backup.Entries), Digest: &o.Backup.Root}, disclosure.E2{Retention: disclosure.Long}) {
		err = unavailable(errors.New("backup not recorded"))
	}
	if err != nil {
		return err
	}
	return os.Remove(file)
}

// destroyOrdered destroys a key before its time, which is the operator's to answer
// for, but not in its month, in which it is written under, and not while messages
// under it are still to be read.
func (x *Exchange) destroyOrdered(ctx context.Context, name string) error {
	names, err := x.cfg.AtRest.Keys()
	if err != nil {
		return err
	}
	if !slices.Contains(names, name) {
		return fmt.Errorf("%w: there is no such key", ErrOrder)
	}
	agency, class, month := keyParts(name)
	if begin, err := time.Parse("2006-01", month); err != nil || x.cfg.Now().Before(begin.AddDate(0, 1, 0).Add(slack)) {
		return fmt.Errorf("%w: its month is not over", ErrOrder)
	}
	if class == messageClass {
		n, err := x.cfg.Store.Bodies(ctx, agency, name)
		if err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%w: %d messages under the key are neither acknowledged nor expired", ErrOrder, n)
		}
	}
	return x.destroy(ctx, name, ", by order of the operator")
}

// alone reports whether this gateway is the one on the database that does what
// name says, for a while.
func (x *Exchange) alone(ctx context.Context, name string) (bool, error) {
	now := x.cfg.Now()
	return x.cfg.Store.Lease(ctx, name, x.holder, now, now.Add(ordersLease))
}
