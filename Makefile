# What a person does with this repository, and what continuous integration does: the same targets.
SHELL := /bin/bash

# Tools are pinned here and built into .bin/ on first use; they are no dependencies of the program.
LINT_VERSION := 2.15.0
TEMPL_VERSION = $(shell go list -m -f '{{.Version}}' github.com/a-h/templ)
OASDIFF_VERSION := 1.35.0

LINT := .bin/golangci-lint-$(LINT_VERSION)
OASDIFF := .bin/oasdiff-$(OASDIFF_VERSION)
COVER := bin/cover.out

# Says in one sentence that something is not there yet, and fails. $(1): what has to exist, $(2): the sentence.
planned = @test -e '$(1)' || { echo 'make $@: $(2)' >&2; exit 1; }

.PHONY: help
help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build postgres ## Builds and starts everything on embedded defaults, with demo data
	bin/streamflow serve --demo

.PHONY: build
build: ## Builds bin/streamflow
	$(call planned,cmd/streamflow,the command line is not written yet)
	go build -o bin/streamflow ./cmd/streamflow

.PHONY: postgres
postgres: # Fetches a Postgres only where one is needed and none is found.
	@test -n "$$STREAMFLOW_DATABASE_URL" || go run ./internal/findpg 2>/dev/null || deploy/postgres/fetch.sh

.PHONY: test
test: ## Runs all tests; says which Postgres they used; fails, never skips, where a part is missing
	@set -o pipefail; go test -json -timeout 12m $(TESTFLAGS) ./... | go run ./internal/testsum

# The order is from quick to slow, so that a slip is told early. The tests run once, with the race detector and coverage.
.PHONY: check
check: fmt vet lint drift e2e-short ## What continuous integration runs: format, vet, lint, generated code, screens, tests, coverage floors
	@mkdir -p bin
	@$(MAKE) --no-print-directory test TESTFLAGS="-race -coverprofile=$(COVER)"
	@go run ./internal/coverfloor $(COVER)

.PHONY: fmt
fmt: ## Fails where gofmt would change a file
	@unformatted=$$(gofmt -l $$(find . -name '*.go' -not -path '*/node_modules/*' -not -path './.bin/*')); \
	test -z "$$unformatted" || { echo "gofmt would change:" $$unformatted >&2; exit 1; }

.PHONY: vet
vet:
	go vet ./...
	cd bench && go vet ./... && go test ./... # a module of its own: the other targets do not see it
	cd e2e && go vet -tags whole,pictures ./... # and so is this

.PHONY: lint
lint: $(LINT) ## Runs golangci-lint, in the pinned version
	$(LINT) run ./...

$(LINT):
	@echo "building golangci-lint $(LINT_VERSION) into .bin/ (once; one to three minutes)"
	GOBIN=$(CURDIR)/.bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(LINT_VERSION)
	@mv .bin/golangci-lint $@

.PHONY: generate
generate: templates ## Writes everything that is generated: templates, contracts, the schema document
	@test ! -d contracts || $(MAKE) --no-print-directory contract
	go test ./internal/schemadoc -update

.PHONY: templates
templates:
	@test -z "$$(find web -name '*.templ' 2>/dev/null)" || { \
	tool=.bin/templ-$(TEMPL_VERSION); \
	test -x $$tool || { GOBIN=$(CURDIR)/.bin go install github.com/a-h/templ/cmd/templ@$(TEMPL_VERSION) && mv .bin/templ $$tool; }; \
	$$tool generate -log-level error; }

# Generates into the tree and compares what stands there before and after, so that uncommitted work is no drift. The schema
# document and the permissions are compared by tests.
.PHONY: drift
drift: ## Fails where generated code is not what its source makes
	@set -e; sums() { { find web -name '*_templ.go'; find contracts -name '*.json' -not -path '*/released/*'; } 2>/dev/null | sort | xargs -r cksum; }; \
	before=$$(sums); $(MAKE) --no-print-directory templates; test ! -d contracts || $(MAKE) --no-print-directory contract; \
	test "$$before" = "$$(sums)" || { echo "generated files differ from their sources; they are written now: look at git diff" >&2; exit 1; }
	@$(MAKE) --no-print-directory contract-diff

.PHONY: contract
contract: ## Writes contracts/openapi.json and contracts/asyncapi.json
	$(call planned,cmd/streamflow/openapi.go,the contracts are not generated yet)
	@mkdir -p contracts
	go run ./cmd/streamflow openapi > contracts/openapi.json
	go run ./cmd/streamflow asyncapi > contracts/asyncapi.json

.PHONY: contract-diff
contract-diff: # A caller of the last release must not break.
	@test ! -e contracts/released/openapi.json || { $(MAKE) --no-print-directory $(OASDIFF) && \
	$(OASDIFF) breaking --fail-on ERR contracts/released/openapi.json contracts/openapi.json; }

$(OASDIFF):
	GOBIN=$(CURDIR)/.bin go install github.com/oasdiff/oasdiff@v$(OASDIFF_VERSION)
	@mv .bin/oasdiff $@

.PHONY: cover-raise
cover-raise: ## Measures coverage and raises the floors in coverage.floor
	@mkdir -p bin
	@$(MAKE) --no-print-directory test TESTFLAGS="-race -coverprofile=$(COVER)"
	go run ./internal/coverfloor -raise $(COVER)

.PHONY: bench
bench: ## Runs the benchmarks, as ratios against the raw limit of the same run (ONLY=name,…)
	cd bench && go build -o ../bin/bench . && ../bin/bench -only '$(ONLY)' -out out.json

FUZZTIME := 1m
ROUNDS := 10
FAULTS := Model|Race|Kill|Crash|Cut|Fails|Silent|Lost|Loses|Restored|Purged|Stopped
.PHONY: soak
soak: e2e ## The long runs: every screen, fuzzing (FUZZTIME=1m each), the tests of faults and races (ROUNDS=10 times)
	@set -e; for file in $$(grep -rl --include='*_test.go' '^func Fuzz' . | sort); do for name in $$(sed -n 's/^func \(Fuzz[A-Za-z]*\).*/\1/p' $$file); do \
	go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$(dirname $$file)"; done; done
	go test -race -count=$(ROUNDS) -timeout 3h -run '$(FAULTS)' ./eventstore/... ./commands ./cmd/streamflow

# More tabs than cores: a tab waits for the program half of the time.
E2EFLAGS := -tags whole
.PHONY: e2e
e2e: e2e/node_modules/axe-core/axe.min.js ## The browser suite: every screen, theme, journey and budget, in a real Chromium; pictures in e2e/test-results
	@cd e2e && set -o pipefail && go test -json -count=1 -parallel 4 -timeout 30m $(E2EFLAGS) ./... | go run -C .. ./internal/testsum

.PHONY: e2e-short
e2e-short: ## The part of it that `make check` runs
	@$(MAKE) --no-print-directory e2e E2EFLAGS=

.PHONY: pictures
pictures: ## Takes the pictures of the README anew, of the demo data
	cd e2e && go test -count=1 -tags pictures -run '^TestPictures$$' .

e2e/node_modules/axe-core/axe.min.js: e2e/package-lock.json
	@command -v npm >/dev/null || { echo 'make e2e: npm is not installed: on Debian, apt-get install -y npm' >&2; exit 1; }
	cd e2e && npm ci --no-audit --no-fund
	@touch $@

.PHONY: smoke
smoke: ## The federation smoke against an installation (URL=… KEY_ID=… SECRET_FILE=…)
	$(call planned,cmd/streamflow/smoke.go,the federation smoke is not written yet)
	go run ./cmd/streamflow smoke --url '$(URL)' --key-id '$(KEY_ID)' --secret-file '$(SECRET_FILE)'

.PHONY: real
real: ## Imports the real files and compares every figure (DATA=folder)
	@test -n '$(DATA)' || { echo 'make real: say where the files are: make real DATA=<folder>' >&2; exit 1; }
	$(call planned,cmd/streamflow/real_test.go,the import of the real files is not written yet)
	STREAMFLOW_REAL_DATA='$(abspath $(DATA))' go test -count=1 -timeout 30m -v -run '^TestReal' ./cmd/streamflow
