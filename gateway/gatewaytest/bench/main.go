// Command bench measures the gateway and what it can be compared with, and makes
// the report in deploy/benchmarks: tables and plots from one file of results.
//
// Usage:
//
//	bench exchange   whole exchanges on every store, the floor and the baseline, in turn
//	bench growth     exchanges and audit searches by the size of the log
//	bench soak       a steady load over a long time
//	bench report     the report again, from what was measured
//
// Each has flags for what it measures and how long (-h). The systems are real
// processes on loopback sockets: the gateway is the program that operators run, in
// worlds of package gatewaytest; the floor is package floor, the baseline package
// peer, both run by this program in processes of their own (serve-floor,
// serve-peer). The program gateway is taken from -bin, opa is the tool in go.mod.
//
// Nothing is judged by a time: the command fails only when something does not
// work, such as an exchange that is refused or a log that does not verify.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sluss/gateway/gatewaytest/bench/floor"
	"sluss/gateway/gatewaytest/bench/peer"
	"sluss/gateway/gatewaytest/bench/report"
)

func main() {
	debug.SetGCPercent(600) // as the systems have it: the clients take their processors
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("what? exchange, growth, soak or report")
	}
	switch args[0] {
	case "exchange":
		return measured(ctx, args, measureExchange)
	case "growth":
		return measured(ctx, args, measureGrowth)
	case "soak":
		return measured(ctx, args, measureSoak)
	case "report":
		return measured(ctx, args, func(context.Context, options, *report.Results) error { return nil })
	case "serve-floor":
		var cfg floor.Config
		return errors.Join(json.Unmarshal([]byte(args[1]), &cfg), floor.Serve(ctx, cfg))
	case "serve-peer":
		var cfg peer.Config
		if err := json.Unmarshal([]byte(args[1]), &cfg); err != nil {
			return err
		}
		return peer.Serve(ctx, cfg)
	}
	return fmt.Errorf("%q: exchange, growth, soak or report", args[0])
}

// options are the flags of all commands.
type options struct {
	bin, out, dir string
	stores        list[string]
	clients       list[int]
	rounds        int
	round         time.Duration
	towns         int

	sizes    list[uint64]
	open     int
	searches int
	check    uint64
	detail   int
	keep     bool

	duration, interval time.Duration
	share, rate        float64
}

// measured parses the flags, lets f measure, and saves the report.
func measured(ctx context.Context, args []string, f func(context.Context, options, *report.Results) error) error {
	o := options{stores: list[string]{onSQLite, onPostgres, onStandby}, clients: list[int]{1, 16, 32, 64, 256}, sizes: list[uint64]{1e4, 1e6, 1e7}}
	fs := flag.NewFlagSet("bench "+args[0], flag.ContinueOnError)
	fs.StringVar(&o.bin, "bin", "bin", "`directory` of the program gateway")
	fs.StringVar(&o.out, "out", "deploy/benchmarks", "`directory` of results and report")
	fs.StringVar(&o.dir, "dir", os.TempDir(), "`directory` for databases, on the disk to be measured")
	fs.Var(&o.stores, "stores", "on which stores (sqlite, postgres, postgres+standby)")
	fs.Var(&o.clients, "clients", "numbers of clients")
	fs.IntVar(&o.rounds, "rounds", 5, "rounds at each number of clients")
	fs.DurationVar(&o.round, "round", 2*time.Second, "length of a round")
	fs.IntVar(&o.towns, "towns", 32, "municipalities; more clients than these share mailboxes")
	switch args[0] {
	case "growth":
		o.clients = list[int]{1, 32}
		fs.Var(&o.sizes, "sizes", "entries in the log")
		fs.IntVar(&o.open, "open", 100_000, "messages that wait in mailboxes")
		fs.IntVar(&o.searches, "searches", 300, "queries of each kind of audit search")
		fs.Uint64Var(&o.check, "check", 1_000_000, "check the whole database up to this many entries")
		fs.IntVar(&o.detail, "detail", 300, "size of what an entry's second part holds beside what it must, in bytes")
		fs.BoolVar(&o.keep, "keep", false, "leave the databases on the disk")
	case "soak":
		// Each with a mailbox of its own: to look again and again for what another
		// one was given would be most of the load.
		o.stores, o.clients, o.towns = list[string]{onPostgres}, list[int]{64}, 64
		fs.DurationVar(&o.duration, "duration", 30*time.Minute, "how long")
		fs.DurationVar(&o.interval, "interval", time.Minute, "length of a sample")
		fs.Float64Var(&o.share, "share", 0.7, "of the most that it does")
		fs.Float64Var(&o.rate, "maximum", 0, "the most that it does, exchanges/s (default: measured first)")
	}
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	results, err := report.Load(o.out)
	if err != nil {
		return err
	}
	if err := f(ctx, o, &results); err != nil {
		return err
	}
	return results.Save(o.out)
}

// list is a flag of several values, separated by commas.
type list[T any] []T

// String implements flag.Value.
func (l *list[T]) String() string {
	var words []string
	for _, v := range *l {
		words = append(words, fmt.Sprint(v))
	}
	return strings.Join(words, ",")
}

// Set implements flag.Value.
func (l *list[T]) Set(s string) error {
	*l = nil
	for word := range strings.SplitSeq(s, ",") {
		var v T
		switch p := any(&v).(type) {
		case *string:
			*p = word
		case *int:
			n, err := strconv.Atoi(word)
			if err != nil {
				return err
			}
			*p = n
		case *uint64:
			f, err := strconv.ParseFloat(word, 64) // 1e7 is easier to read
			if err != nil {
				return err
			}
			*p = uint64(f)
		}
		*l = append(*l, v)
	}
	return nil
}
