# make demo   the main job: a whole story over real sockets      (README, first command)
# make test   everything that must hold                          (README, second command)
# make run    the demo's gateway, kept running, with what to try
# make crash | fuzz | interop | bench   see README

SHELL := /bin/bash
GO    ?= go
COUNT ?= 200
SEED  ?= 1
FUZZ  ?= 30s
RACED := ./gateway/store/... ./gateway/disclosure/... ./gateway/relay/... ./gateway/exchange/...

.PHONY: all demo run test lint unit race rego law crash fuzz interop bench clean

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

unit:
	$(GO) test ./...

race:
	$(GO) test -race $(RACED)
	$(GO) test -race -run AtOnce ./gateway/policy

rego:
	$(GO) tool opa test policies/data policies/provisions policies/never

law: all
	bin/gatewayctl policy lint policies
	bin/gatewayctl policy test policies
	bin/gatewayctl policy never policies

crash: all
	bin/gatewayctl crash --count $(COUNT) --seed $(SEED)

fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	  echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzzminimizetime 10x -fuzztime $(FUZZ) $$pkg; done; done

interop: all
	cd deploy/interop && npm ci --no-audit --no-fund && npm test

bench: all
	$(GO) test -run '^$$' -bench BenchmarkExchange -benchtime 1x -timeout 20m ./gateway/gatewaytest
	$(GO) test -run '^$$' -bench . -benchtime 0.5s -count 3 ./gateway/policy ./gateway/facts ./gateway/envelope ./gateway/catalogue ./gateway/disclosure

clean:
	rm -rf bin run
