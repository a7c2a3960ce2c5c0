package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sluss/gateway/disclosure"
	"sluss/gateway/exchange"
	"sluss/gateway/store/database"
	"sluss/gateway/store/sqlite"
)

// watchLog ends the gateway when its log has stopped: without a log nothing may
// leave, and why it stopped is for an operator to see.
func watchLog(ctx context.Context, done chan error) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err := <-done:
		done <- err // for whoever waits for the end
		return fmt.Errorf("disclosure log stopped: %w", err)
	}
}

// watchSpace tells of a disk that is full, in the process log and, where space is
// reserved for that and while it lasts, in the disclosure log, and takes the
// reserve again when there is space.
func watchSpace(ctx context.Context, db database.Database, x *exchange.Exchange, logger *slog.Logger) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	reserving, _ := db.(interface{ Recover() (bool, error) })
	for said, entered := false, false; ; {
		full := db.Room() != nil
		if full {
			if !said {
				logger.ErrorContext(ctx, "disk is full: nothing is taken in and nothing leaves until there is space")
			}
			said, entered = true, entered || x.Incident(ctx, "disk-full")
		}
		again := said && !full
		if reserving != nil {
			var err error
			if again, err = reserving.Recover(); err != nil {
				logger.ErrorContext(ctx, "reserved disk space not taken again", "err", err)
			}
		}
		if again {
			logger.WarnContext(ctx, "disk has space again")
			x.Incident(ctx, "disk-space-again")
			said, entered = false, false
		}
		select {
		case <-ctx.Done():
			if db.Room() != nil && !entered { // since the last look
				x.Incident(context.WithoutCancel(ctx), "disk-full")
			}
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// watchStore ends the gateway when its store takes no more writes after a commit
// of which nobody knows the result: opened again it knows.
func watchStore(ctx context.Context, log *disclosure.Log) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		if err := log.Healthy(); errors.Is(err, sqlite.ErrStopped) {
			return fmt.Errorf("store has to be opened again: %w", err)
		}
	}
}
