# Needs Go and make, nothing else: the linter and Graphviz are pinned in tools/
# and built by the go command itself, tools/race sees to the race detector, and
# tools/memcached to the server of the tests that need one.
#
# CI runs `make test`, `make nested`, `make fuzz`, `make long` and `make lint`
# (.ci/run).

GO      ?= go
TIMEOUT ?= 8m
BENCH   ?= .
PKG     ?= ./...
N       ?= 10
LOAD    ?= 0
MINUTES ?= 10
LIVES   ?= 200
SEED    ?= 1
CALLS   ?= 30000

FUZZTIME ?= 10s
FUZZ     ?=

# What was ignored when make was started (SIGINT by & in a script, SIGHUP by nohup)
# would be ignored by the daemons of the tests, too.
TEST := $(shell env --default-signal true 2>/dev/null && echo env --default-signal) $(GO) test

GOLANGCI := bin/golangci-lint

.DEFAULT_GOAL := help
.PHONY: help test race cross nested fuzz long generated generate lint fmt flaky explore chaos bench cover

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# One after the other, so that the first failure is the last thing printed.
test: ## the tests with the race detector, the other platforms, the generated files
	@$(MAKE) --no-print-directory race
	@$(MAKE) --no-print-directory cross
	@$(MAKE) --no-print-directory generated
	@echo "make test: all good"

# Four packages at a time, because most wait more than they work.
race:
	@memcached=$$(tools/memcached) && PATH="$$PATH:$${memcached%/*}" && export PATH && \
	race=$$(GO=$(GO) tools/race) && set -x && \
	DAEMONTEST_CHECK=3 $(TEST) $$race -p 4 -timeout $(TIMEOUT) ./...

# What a platform lacks says so when it is asked for; it must not keep the
# program from being built.
cross:
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 $(GO) build ./...
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) build ./...
	CGO_ENABLED=0 GOOS=freebsd GOARCH=amd64 $(GO) build ./...

# `go test ./...` stops where a module of its own begins: this goes on there.
# tools is left out: it has no tests.
nested: ## vet and test the modules below this one, with the race detector
	@race=$$(GO=$(GO) tools/race) && \
	for mod in $$(find . -mindepth 2 -name go.mod -not -path '*/testdata/*' -not -path './tools/*' | sort); do \
		( cd "$${mod%/go.mod}" && packages=$$($(GO) list ./...) && \
		{ [ -z "$$packages" ] || \
		{ echo "nested: $${mod%/go.mod}"; $(GO) vet ./... && DAEMONTEST_CHECK=3 $(TEST) $$race -timeout $(TIMEOUT) ./...; }; } ) || exit 1; \
	done
	@echo "make nested: all good"

fuzz: ## fuzz every target for 10 s: make fuzz FUZZTIME=5m FUZZ=LockFile
	@GO=$(GO) tools/fuzz $(FUZZTIME) $(FUZZ)

# They wait more than they work, and so go side by side.
long: ## the longer forms: locks among 200 faults each, 500 times 20 starters, 60 lives among faults, 50 deaths of watched daemons, 2000 forks, 2 × 30000 calls
	@memcached=$$(tools/memcached) && PATH="$$PATH:$${memcached%/*}" && export PATH && \
	race=$$(GO=$(GO) tools/race) && \
	$(MAKE) --no-print-directory -j4 RACE_FLAG=$$race long-memcached long-etcd long-starters long-lives long-watchers long-children
	@echo "make long: all good"

LONG = $(TEST) $(RACE_FLAG) -count=1 -v -timeout 15m -run
.PHONY: long-memcached long-etcd long-starters long-lives long-watchers long-children
long-memcached:
	$(LONG) '^TestChaos$$' ./lock/memcachedlock -chaos.rounds 200
	$(LONG) '^TestRestartsUnderLoad$$' ./memcache -memcache.restarts 100
long-etcd:
	cd lock/etcdlock && $(LONG) '^TestChaos$$' . -etcdlock.chaos 210
	cd lock/etcdlock && $(LONG) '^TestStorm$$' . -etcdlock.storm 300
long-starters:
	$(LONG) '^TestTwentyStartersOneWinner$$' ./lock -starters.rounds 500
	$(LONG) '^TestTwentyStartersOneWinner$$' ./lock/memcachedlock -starters.rounds 500
long-lives:
	$(LONG) '^TestErrorsNeverEndADaemon$$' ./examples/drill -failing 30s
	$(LONG) '^TestChaos$$' ./examples/drill -chaos.lives 60 -chaos.seed 7
long-watchers:
	$(LONG) '^Test(AKilledDaemonIsFollowedByItsWatcher|AKilledWatcherIsFollowedByAnother|ADaemonAndItsWatcherAreKilled)$$' ./examples/drill -watcher.kills 50
# Without the race detector, with which a start takes ten times as long.
long-children:
	$(TEST) -count=1 -v -timeout 15m -run '^(TestManyForksLeaveNothing|TestCallsUnderChaos)$$' ./forker -forker.inarow 2000 -forker.atonce 200 -forker.calls $(CALLS)

# Compares with what was there before, so that it also works outside a git
# checkout, and leaves alone what is not committed yet.
generated:
	@before=$$(mktemp -d) && trap 'rm -rf "$$before"' EXIT && cp -R docs/. "$$before" && \
	$(MAKE) --no-print-directory generate && \
	{ diff -r "$$before" docs || { echo "docs/ was stale; make generate has drawn it again: commit it"; exit 1; }; }

generate: ## draw the pictures in docs/ again
	$(GO) generate ./...

# The nested modules, too, where they have packages. The tests of the other
# platforms cannot be run here, but are to be built there.
lint: $(GOLANGCI) ## go vet for the other platforms; golangci-lint, pinned: building it takes minutes, once
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) vet ./...
	CGO_ENABLED=0 GOOS=freebsd GOARCH=amd64 $(GO) vet ./...
	@for mod in $$(find . -name go.mod -not -path '*/testdata/*'); do \
		( cd "$${mod%/go.mod}" && \
		[ -z "$$($(GO) list ./... 2>/dev/null)" ] || \
		{ echo "golangci-lint run $${mod%/go.mod}"; "$(CURDIR)/$(GOLANGCI)" run --config "$(CURDIR)/.golangci.yml" ./...; } ) || exit 1; \
	done

$(GOLANGCI): tools/go.mod tools/go.sum
	$(GO) build -modfile=tools/go.mod -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

fmt: $(GOLANGCI) ## format the code
	$(GOLANGCI) fmt

flaky: ## run all tests N times: make flaky N=20 LOAD=2 RACE=1 PKG=./core
	@GO=$(GO) tools/flaky $(N) $(LOAD) -timeout $(TIMEOUT) $(PKG)

explore: ## play random lives that nobody has played before: make explore MINUTES=60
	$(GO) test -run 'TestSearch$$' -v -timeout 0 ./core -explore $(MINUTES)m

chaos: ## real daemons among random faults: make chaos LIVES=1000 SEED=7
	$(GO) test -run 'TestChaos$$' -timeout 0 ./examples/drill -chaos.lives $(LIVES) -chaos.seed $(SEED)

bench: ## measure: make bench BENCH=Timer PKG=./clockwork
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(PKG)

cover: ## what the tests reach, as cover.html
	$(GO) test -coverprofile=cover.out -coverpkg=./... ./...
	$(GO) tool cover -html=cover.out -o cover.html
	$(GO) tool cover -func=cover.out | tail -1
