# Watch Party. `make serve` runs it and `make test` tests it; each first installs the tools that are missing.

WASM_BINDGEN_VERSION := 0.2.130
CARGO_LEPTOS_VERSION := 0.3.10
CARGO_DEB_VERSION := 3.8.0
HACKCHAT_VERSION := 2.3.2
CARGO_DENY_VERSION := 0.20.2
# The oldest version that the tests' own imports run on. Puppeteer 25 and Selenium 4.47 need Node.js 22, so
# end2end/package.json stays below them.
NODE_MAJOR := 20

CARGO_BIN := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin
TARGET := $(or $(CARGO_TARGET_DIR),target)
VENV := $(TARGET)/schemathesis
SITE := target/.site-built
VERSION_FILE := target/.version
CHAT_FILES := target/chat-files
# What `make release` makes, and the parts that it generates for it.
DIST := target/dist
PARTS := target/packaging
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
TARBALL := watch-party-$(VERSION)-$(shell uname -m)-linux
# The program contains the page.
BUILD_PROGRAM = WATCH_PARTY_VERSION="$$(cat $(VERSION_FILE))" cargo build --locked --features embedded-site
BUILD_INPUTS := $(shell find src style public .cargo Cargo.toml Cargo.lock)
# Fails if cargo-binstall is missing, or if the tool's project publishes no binary for this machine.
# cargo-leptos downloads nothing later: it looks for wasm-bindgen and wasm-opt on the PATH first.
BINSTALL := command -v cargo-binstall >/dev/null && cargo binstall --no-confirm --strategies crate-meta-data
export PATH := $(CURDIR)/end2end/node_modules/.bin:$(CARGO_BIN):$(PATH)
# Builds a tool sooner, at the cost of its speed.
FAST_BUILD := CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=64

# Installing Debian packages needs root; anyone else uses sudo.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.DEFAULT_GOAL := help
.PHONY: help serve test bench bench-peers watch lint audit fuzz e2e build packaged release format tools rust-tools page-tools \
	deny-tool release-tools browser nginx redis cluster chaos peers clean unit conformance always

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-11s %s\n", $$1, $$2 }'

serve: build ## Install missing tools, build, and run on http://127.0.0.1:3000
	@echo "==> Watch Party: open http://$${LEPTOS_SITE_ADDR:-127.0.0.1:3000}"
	@$(TARGET)/release/watch-party

test: unit conformance e2e ## Install missing tools and run all tests, in three browsers too

unit: rust-tools nginx redis
	@echo "==> Tests of the rules, the stores and the API"
	cargo test --locked --features ssr

conformance: export SCHEMATHESIS := $(abspath $(VENV))/bin/schemathesis
conformance: rust-tools $(VENV)/.installed ## Send requests made from the API document, and check the answers
	@echo "==> Requests made from the API document"
	cargo test --locked --features ssr --test integration -- --ignored conformance::

fuzz: MINUTES ?= 1
fuzz: rust-tools ## Check parsers with random input: MINUTES for each target, or only for those named ONLY
	@echo "==> Random input, $(MINUTES) minutes for each target"
	FUZZ_SECONDS=$$(( $(MINUTES) * 60 )) cargo test --release --locked --features ssr --test fuzz -- --nocapture $(ONLY)

chaos: MINUTES ?= 10
chaos: rust-tools redis ## Cut connections, kill nodes and stores for MINUTES, and print what was lost (nothing)
	@echo "==> Chaos on every store, $(MINUTES) minutes"
	CHAOS_SECONDS=$$(( $(MINUTES) * 60 )) cargo test --release --locked --features ssr --test integration -- \
		--ignored --nocapture chaos::

cluster: build nginx redis ## Try out three nodes on one Redis behind nginx (CLUSTER=yes: on a Redis Cluster)
	@WATCH_PARTY_PROGRAM=$(TARGET)/release/watch-party packaging/cluster/run.sh

e2e: build browser ## Run the tests in Chromium, Firefox and WebKit
	@echo "==> Tests in the browsers; pictures and report go to end2end/output"
	cd end2end && npx playwright test

bench: export WATCH_PARTY_PROGRAM = $(abspath $(TARGET)/packaged/watch-party)
bench: build packaged browser redis peers ## Run the benchmarks (takes half an hour, and some GB of disk)
	cargo bench --locked --features embedded-site
	cd end2end && npx playwright test --config first-load.config.ts
	cd end2end && npx playwright test --config peers.config.ts

bench-peers: export WATCH_PARTY_PROGRAM = $(abspath $(TARGET)/packaged/watch-party)
bench-peers: packaged peers ## Compare with nginx, nchan and two chat servers (takes ten minutes)
	cd end2end && npx playwright test --config peers.config.ts

watch: tools ## Develop: rebuild and reload on every change
	@rm -f $(SITE)
	cargo leptos watch

lint: rust-tools page-tools deny-tool ## Check formatting, lints for server and browser, and dependencies
	@echo "==> Formatting and lints"
	cargo fmt --check
	cargo clippy --locked --features ssr --all-targets -- -D warnings
	cargo clippy --locked --lib --features hydrate,start-pages,chat-pages --target wasm32-unknown-unknown --target-dir $(TARGET)/front -- -D warnings
	cd end2end && npx tsc --noEmit
	@echo "==> Licences, versions and sources of the dependencies"
	cargo deny --locked check --deny unmatched-skip --deny license-not-encountered bans licenses sources

# Not part of `lint`, because it fetches the RustSec database from GitHub.
audit: rust-tools deny-tool ## Look for known vulnerabilities of the dependencies (needs git, and GitHub)
	cargo deny --locked check advisories

format: rust-tools ## Format the source
	cargo fmt

build: tools $(SITE) $(VERSION_FILE) ## Build the program and its page
	@echo "==> Building the program (takes minutes the first time)"
	$(BUILD_PROGRAM) --release

packaged: tools $(SITE) $(VERSION_FILE) ## Build the program as it is packaged: faster, after a long build
	@echo "==> Building the program for its packages (takes ten minutes)"
	$(BUILD_PROGRAM) --profile packaged

# cargo-leptos packages the page again on every call, so it is called only if an input is newer. It builds the page
# twice: once with the pages of a chat, once with those on which people arrive. Its own gzip files are a sixth larger.
$(SITE): $(BUILD_INPUTS) | tools
	@echo "==> Building the page (takes minutes the first time)"
	cargo leptos build --release --precompress --frontend-only --lib-features hydrate,chat-pages
	@mkdir -p $(CHAT_FILES) && for file in target/site/pkg/watch-party.js* target/site/pkg/watch-party.wasm*; do \
		cp $$file $(CHAT_FILES)/watch-party-chat.$${file#*watch-party.}; done
	cargo leptos build --release --precompress --frontend-only --lib-features hydrate,start-pages
	@cp $(CHAT_FILES)/* target/site/pkg/
	@find target/site -name '*.d.ts*' -delete
	@find target/site -name '*.gz' | sed 's/\.gz$$//' | xargs gzip --best --no-name --keep --force
	@mkdir -p $(@D) && touch $@

# What `watch-party --version` shows; rewritten only when it changes.
$(VERSION_FILE): always
	@mkdir -p $(@D) && version=$$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1) && \
		commit=$$(git log -1 --format='%h, %cs' 2>/dev/null || true) && \
		if [ -n "$$commit" ]; then version="$$version ($$commit)"; fi && \
		{ [ "$$(cat $@ 2>/dev/null)" = "$$version" ] || echo "$$version" >$@; }

# All files have the time of the commit and are sorted, so that the same program gives the same packages.
release: export SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct 2>/dev/null || date +%s)
release: packaged release-tools $(PARTS)/THIRD-PARTY-LICENSES.txt ## Package the program: tarball, Debian package, checksums
	@echo "==> Packaging into $(DIST)"
	@rm -rf $(DIST) && mkdir -p $(DIST) $(PARTS)
	help2man --no-info --section=1 --name="private group chat that leaves nothing behind" \
		--output=$(PARTS)/watch-party.1 $(TARGET)/packaged/watch-party
	@maintainer=$$(sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml) && \
		printf 'watch-party (%s-1) unstable; urgency=medium\n\n  * CHANGELOG.md says what is new.\n\n -- %s  %s\n' \
		"$(VERSION)" "$$maintainer" "$$(date -u -R -d @$$SOURCE_DATE_EPOCH)" >$(PARTS)/changelog.Debian
	@stage=$(PARTS)/$(TARBALL) && rm -rf $$stage && mkdir -p $$stage/docs $$stage/packaging && \
		cp $(TARGET)/packaged/watch-party $(PARTS)/watch-party.1 $(PARTS)/THIRD-PARTY-LICENSES.txt $$stage/ && \
		cp README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE-MIT LICENSE-APACHE $$stage/ && \
		cp docs/* $$stage/docs/ && cp packaging/watch-party.service packaging/watch-party.default $$stage/packaging/ && \
		cp packaging/nginx.conf packaging/Caddyfile $$stage/packaging/ && \
		cp packaging/cluster/nginx.conf $$stage/packaging/nginx-nodes.conf
	tar --sort=name --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX --mtime=@$$SOURCE_DATE_EPOCH \
		--use-compress-program='gzip --best --no-name' -C $(PARTS) -cf $(DIST)/$(TARBALL).tar.gz $(TARBALL)
	cargo deb --locked --profile packaged --no-build --no-strip --output $(DIST)/
	@cd $(DIST) && sha256sum -- *.tar.gz *.deb >SHA256SUMS && cat SHA256SUMS

$(PARTS)/THIRD-PARTY-LICENSES.txt: Cargo.lock Cargo.toml packaging/licences.py | release-tools
	@echo "==> Collecting the licences of the dependencies"
	@mkdir -p $(@D)
	python3 packaging/licences.py >$@.new && mv $@.new $@

always:

tools: rust-tools page-tools

# Each step installs only what is missing.
rust-tools:
	@command -v cargo >/dev/null || { echo "Rust is missing: see https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || { \
		echo "==> Installing a C compiler"; $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy build-essential; }
	@command -v curl >/dev/null || { echo "==> Installing curl"; $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy curl; }
	@command -v cargo-clippy >/dev/null && command -v cargo-fmt >/dev/null || { \
		echo "==> Installing clippy and rustfmt"; rustup component add clippy rustfmt; }
	@[ -d "$$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ] || { \
		echo "==> Installing Rust's wasm target"; rustup target add wasm32-unknown-unknown; }

page-tools: end2end/node_modules/.package-lock.json
	@[ "$$(wasm-bindgen --version 2>/dev/null)" = "wasm-bindgen $(WASM_BINDGEN_VERSION)" ] || { \
		echo "==> Installing wasm-bindgen $(WASM_BINDGEN_VERSION) (about 4 minutes from source)"; \
		{ $(BINSTALL) wasm-bindgen-cli@$(WASM_BINDGEN_VERSION); } || \
		cargo install wasm-bindgen-cli --version $(WASM_BINDGEN_VERSION); }
	@[ "$$(cargo leptos --version 2>/dev/null)" = "cargo-leptos $(CARGO_LEPTOS_VERSION)" ] || { \
		echo "==> Installing cargo-leptos $(CARGO_LEPTOS_VERSION) (about 6 minutes from source)"; \
		{ $(BINSTALL) cargo-leptos@$(CARGO_LEPTOS_VERSION); } || \
		$(FAST_BUILD) cargo install cargo-leptos --version $(CARGO_LEPTOS_VERSION) --locked --features no_downloads; }

deny-tool: rust-tools
	@[ "$$(cargo deny --version 2>/dev/null)" = "cargo-deny $(CARGO_DENY_VERSION)" ] || { \
		echo "==> Installing cargo-deny $(CARGO_DENY_VERSION) (about 2 minutes from source)"; \
		{ $(BINSTALL) cargo-deny@$(CARGO_DENY_VERSION); } || \
		$(FAST_BUILD) cargo install cargo-deny --version $(CARGO_DENY_VERSION) --locked; }

release-tools: rust-tools
	@missing=""; \
	command -v help2man >/dev/null || missing="$$missing help2man"; \
	command -v dpkg-shlibdeps >/dev/null || missing="$$missing dpkg-dev"; \
	command -v xz >/dev/null || missing="$$missing xz-utils"; \
	command -v python3 >/dev/null || missing="$$missing python3"; \
	[ -z "$$missing" ] || { \
		echo "==> Installing$$missing"; $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy $$missing; }
	@[ "$$(cargo deb --version 2>/dev/null)" = "$(CARGO_DEB_VERSION)" ] || { \
		echo "==> Installing cargo-deb $(CARGO_DEB_VERSION) (about 1 minute from source)"; \
		{ $(BINSTALL) cargo-deb@$(CARGO_DEB_VERSION); } || \
		$(FAST_BUILD) cargo install cargo-deb --version $(CARGO_DEB_VERSION) --locked --no-default-features; }

end2end/node_modules/.package-lock.json: end2end/package.json end2end/package-lock.json
	@command -v npm >/dev/null || { echo "==> Installing Node.js"; $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy nodejs npm; }
	@echo "==> Installing wasm-opt and the browser drivers"
	npm --prefix end2end ci --ignore-scripts --no-fund --no-audit
	@node -e 'process.exit(parseInt(process.versions.node) >= $(NODE_MAJOR) ? 0 : 1)' || { \
		echo "==> Installing Node.js $(NODE_MAJOR) for the tests: $$(node --version) is too old"; \
		arch=$$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/'); \
		npm --prefix end2end install --no-save --no-package-lock --ignore-scripts --no-fund --no-audit node-linux-$$arch@$(NODE_MAJOR) && \
		ln -sf ../node-linux-$$arch/bin/node end2end/node_modules/.bin/node; }
	@touch $@

$(VENV)/.installed: tests/requirements.txt
	@python3 -c 'import ensurepip' 2>/dev/null || { \
		echo "==> Installing Python"; $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy python3-venv; }
	@echo "==> Installing Schemathesis"
	python3 -m venv $(@D)
	$(@D)/bin/pip install -q -r $<
	@touch $@

browser: page-tools nginx
	@missing=""; \
	[ -n "$$CHROMIUM" ] || [ -x /usr/bin/chromium ] || missing="$$missing chromium"; \
	[ -n "$$FIREFOX" ] || [ -x /usr/bin/firefox-esr ] || missing="$$missing firefox-esr"; \
	command -v WebKitWebDriver >/dev/null || missing="$$missing webkit2gtk-driver"; \
	command -v Xvfb >/dev/null || missing="$$missing xvfb"; \
	command -v faketime >/dev/null || missing="$$missing faketime"; \
	[ -z "$$missing" ] || { \
		echo "==> Installing$$missing"; $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy $$missing; }

nginx:
	@[ -n "$$NGINX" ] || [ -x /usr/sbin/nginx ] || { \
		echo "==> Installing nginx for the tests, without its service"; \
		$(SUDO) apt-get update -q && $(SUDO) apt-get install -qy nginx && \
		{ [ ! -d /run/systemd/system ] || $(SUDO) systemctl disable --now nginx; }; }

redis:
	@command -v redis-server >/dev/null || { \
		echo "==> Installing Redis for the tests, without its service"; \
		$(SUDO) apt-get update -q && $(SUDO) env RUNLEVEL=1 apt-get install -qy redis-server && \
		{ [ ! -d /run/systemd/system ] || $(SUDO) systemctl disable --now redis-server; }; }

# Only the comparison needs these. It leaves out a peer that cannot be installed.
peers: page-tools
	@for package in wrk apache2-utils nginx libnginx-mod-nchan libnginx-mod-http-brotli-static inspircd; do \
		[ "$$(dpkg-query -Wf '$${db:Status-Status}' $$package 2>/dev/null)" = installed ] || { \
			echo "==> Installing $$package for the comparison, without its service"; \
			$(SUDO) apt-get update -q && $(SUDO) env RUNLEVEL=1 apt-get install -qy $$package && \
			{ [ ! -d /run/systemd/system ] || $(SUDO) systemctl disable --now $$package 2>/dev/null || true; } || \
			echo "==> $$package cannot be installed"; }; done
	@[ -d $(TARGET)/peers/node_modules/hackchat-server ] || { \
		echo "==> Installing hackchat-server $(HACKCHAT_VERSION) for the comparison"; mkdir -p $(TARGET)/peers; \
		npm --prefix $(TARGET)/peers install --ignore-scripts --no-fund --no-audit hackchat-server@$(HACKCHAT_VERSION) || \
		echo "==> hackchat-server cannot be installed"; }

clean: ## Remove the build output
	cargo clean
	rm -rf end2end/output
