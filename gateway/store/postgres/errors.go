package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sluss/gateway/store"
)

// The SQLSTATE codes that are told apart (PostgreSQL, "Error Codes").
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	readOnly             = "25006"
	idleInTransaction    = "25P03" // the session was ended for it
	diskFull             = "53100"
	changedPlan          = "0A000" // of a statement prepared before a migration
	operatorIntervention = "57"    // class; not 57014, query_canceled
	queryCanceled        = "57014"
)

// failure is an error of the driver in words that hold no value, address or
// name of a user.
type failure struct {
	words string
	cause error
}

func (f *failure) Error() string { return f.words }
func (f *failure) Unwrap() error { return f.cause }

// plain words an error of the driver: what we were doing, and of the cause only
// what holds nothing that must not be logged. Errors of ours stay as they are.
func plain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return store.ErrNotFound
	}
	if ours, ok := errors.AsType[*failure](err); ok {
		return ours
	}
	for _, e := range []error{ErrUnsafe, ErrSchema, ErrConfig} {
		if errors.Is(err, e) {
			return fmt.Errorf("%s: %w", doing, innermost(err, e))
		}
	}
	words := doing + ": " + cause(err)
	if code(err) == diskFull {
		return &failure{store.ErrFull.Error() + ": " + words, errors.Join(store.ErrFull, err)}
	}
	return &failure{words, err}
}

// innermost is the error in the chain of err that wraps ours itself, without
// what the driver has put around it.
func innermost(err, ours error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || inner == ours || !errors.Is(inner, ours) {
			return err
		}
		err = inner
	}
}

func cause(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.TrimSpace("SQLSTATE " + pg.Code + " " + pg.TableName + " " + pg.ConstraintName)
	}
	for _, known := range []error{
		context.DeadlineExceeded, context.Canceled, os.ErrDeadlineExceeded, io.ErrUnexpectedEOF, io.EOF, net.ErrClosed,
		pgconn.ErrConnClosed,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		if inner, ok := errors.AsType[*os.SyscallError](op.Err); ok {
			return op.Op + ": " + inner.Error()
		}
		return op.Op
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return "no server answers that takes writes"
	}
	return fmt.Sprintf("%T", err)
}

// code is the SQLSTATE of err, or "".
func code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// lost reports whether after err the connections that are open are of no use:
// their server ends, takes no writes any more or is not heard.
func lost(err error) bool {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return false
	}
	c := code(f)
	return c == "" && unheard(f.cause) || c == readOnly || c == idleInTransaction || strings.HasPrefix(c, operatorIntervention) && c != queryCanceled
}

// unheard reports whether err is of the connection.
func unheard(err error) bool {
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return connecting || network || pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
