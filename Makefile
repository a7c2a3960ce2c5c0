# make demo   the main job: a whole story over real sockets      (README, first command)
# make test   everything that must hold                          (README, second command)
# make run    the demo's gateway, kept running, with what to try
# make faults | fuzz | interop   see README
# make bench | bench-growth | soak   measure, and write the report   (deploy/benchmarks)

SHELL := /bin/bash
GO    ?= go
COUNT ?= 0
SEED  ?= 1
FUZZ  ?= 30s
BENCH := $(GO) run ./gateway/gatewaytest/bench
ROUNDS        ?= 5
ROUND         ?= 2s
CLIENTS       ?= 1,16,32,64,256
STORES        ?= sqlite,postgres,postgres+standby
SIZES         ?= 1e4,1e6,1e7
STORES_GROWTH ?= sqlite,postgres
STORE         ?= postgres
DURATION      ?= 30m
SHARE         ?= 0.7
RACED := ./gateway/store/batch ./gateway/store/sqlite ./gateway/store/postgres ./gateway/disclosure/... ./gateway/relay/...
WHOLE := TestReplicas|TestRollingRestart|TestRenewal|TestWitnessed$$

.PHONY: interop-tlog all demo run test lint unit race rego law faults fuzz interop bench bench-growth bench-report bench-parts soak clean

all: bin/gateway

bin/gateway: $(shell find cmd gateway policies certs -name '*.go' -o -name '*.json' -o -name '*.rego' 2>/dev/null) go.mod
	$(GO) build -trimpath -o bin/ ./cmd/...

demo: all
	bin/gatewayctl demo

run: all
	bin/gatewayctl demo --keep

test: lint unit race rego law demo

lint:
	@test -z "$$(gofmt -l cmd gateway policies certs)" || { gofmt -l cmd gateway policies certs; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	.ci/vulncheck

unit: # the longest first, so that no processor waits at the end
	$(GO) test ./gateway/gatewaytest ./gateway/workbench ./cmd/gatewayctl ./...

race:
	$(GO) test -race -skip TestEveryCallFails $(RACED)
	$(GO) test -race -run AtOnce ./gateway/policy
	$(GO) test -race -run '$(WHOLE)' ./gateway/gatewaytest # whole gateways under load

rego:
	$(GO) tool opa test policies/data policies/provisions policies/never

law: all
	bin/gatewayctl policy lint policies
	bin/gatewayctl policy test policies
	bin/gatewayctl policy never policies

faults: all
	bin/gatewayctl faults --count $(COUNT) --seed $(SEED)

fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	  echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzzminimizetime 10x -fuzztime $(FUZZ) $$pkg; done; done

interop: all
	cd deploy/interop && npm ci --no-audit --no-fund && npm test

interop-tlog: all
	cd deploy/interop/tlog && $(GO) test -count=1 -timeout 10m .

# Exchanges on every store beside the floor and the baseline; report in deploy/benchmarks.
bench: all
	$(BENCH) exchange -rounds $(ROUNDS) -round $(ROUND) -clients $(CLIENTS) -stores $(STORES)

# The same, and audit searches, on logs of up to ten million entries; an hour and 40 GB of disk.
bench-growth: all
	$(BENCH) growth -sizes $(SIZES) -stores $(STORES_GROWTH)

# A steady load, and the log verified afterwards.
soak: all
	$(BENCH) soak -duration $(DURATION) -share $(SHARE) -stores $(STORE)

# The report again, from what was measured.
bench-report:
	$(BENCH) report

# The parts by themselves.
bench-parts:
	$(GO) test -run '^$$' -bench . -benchtime 0.5s -count 3 ./gateway/policy ./gateway/facts ./gateway/envelope ./gateway/catalogue ./gateway/disclosure ./gateway/store/postgres

clean:
	rm -rf bin run
