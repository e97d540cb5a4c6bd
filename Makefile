# `make test` is exactly what CI runs. It needs Go and make, nothing else: the
# tools are pinned in tools/ and built by the go command itself, and tools/race
# sees to the race detector.

GO      ?= go
TIMEOUT ?= 4m
BENCH   ?= .
PKG     ?= ./...

GOFMT       := $(shell $(GO) env GOROOT)/bin/gofmt
STATICCHECK := $(GO) tool -modfile=tools/go.mod staticcheck
GOLANGCI    := $(GO) tool -modfile=tools/lint/go.mod golangci-lint

.DEFAULT_GOAL := help
.PHONY: help test check format-check vet staticcheck race cross generated \
        lint fmt bench cover generate

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# One after the other, so that the first failure is the last thing printed.
test: ## everything that CI runs: format, vet, staticcheck, race detector, other platforms, generated files
	@$(MAKE) --no-print-directory format-check
	@$(MAKE) --no-print-directory vet
	@$(MAKE) --no-print-directory staticcheck
	@$(MAKE) --no-print-directory race
	@$(MAKE) --no-print-directory cross
	@$(MAKE) --no-print-directory generated
	@echo "make test: all good"

check: test ## the same as test

format-check:
	@unformatted=$$($(GOFMT) -l .); \
	if [ -n "$$unformatted" ]; then \
		echo "not formatted (make fmt does it):"; echo "$$unformatted"; exit 1; \
	fi

vet:
	$(GO) vet ./...

staticcheck:
	$(STATICCHECK) ./...

race:
	@race=$$(GO=$(GO) tools/race) && set -x && \
	DAEMONTEST_CHECK=3 $(GO) test $$race -timeout $(TIMEOUT) ./...

# What a platform lacks says so when it is asked for; it must not keep the
# program from being built.
cross:
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) build ./...
	CGO_ENABLED=0 GOOS=freebsd GOARCH=amd64 $(GO) build ./...

# Compares with what was there before, so that it also works outside a git
# checkout, and leaves a change in the making alone.
generated:
	@before=$$(mktemp -d) && trap 'rm -rf "$$before"' EXIT && cp -R docs/. "$$before" && \
	$(MAKE) --no-print-directory generate && \
	{ diff -r "$$before" docs || { echo "docs/ was stale; make generate has drawn it again: commit it"; exit 1; }; }

generate: ## draw the pictures in docs/ again
	$(GO) generate ./...

lint: ## golangci-lint, pinned; its first build takes minutes
	$(GOLANGCI) run $(PKG)

fmt: ## format the code
	$(GOFMT) -w .

bench: ## measure: make bench BENCH=Timer PKG=./clockwork
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(PKG)

cover: ## what the tests reach, as cover.html
	$(GO) test -coverprofile=cover.out -coverpkg=./... ./...
	$(GO) tool cover -html=cover.out -o cover.html
	$(GO) tool cover -func=cover.out | tail -1
