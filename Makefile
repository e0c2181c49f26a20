# Watch Party. `make serve` runs it and `make test` tests it; each first installs the tools that are missing.

WASM_BINDGEN_VERSION := 0.2.130
CARGO_LEPTOS_VERSION := 0.3.10
# The oldest version that the tests' own imports run on. Puppeteer 25 and Selenium 4.47 need Node.js 22, so
# end2end/package.json stays below them.
NODE_MAJOR := 20

CARGO_BIN := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin
TARGET := $(or $(CARGO_TARGET_DIR),target)
VENV := $(TARGET)/schemathesis
BUILT := target/.built
CHAT_FILES := target/chat-files
BUILD_INPUTS := $(shell find src style public .cargo Cargo.toml Cargo.lock)
# Fails if cargo-binstall is missing, or if the tool's project publishes no binary for this machine.
# cargo-leptos downloads nothing later: it looks for wasm-bindgen and wasm-opt on the PATH first.
BINSTALL := command -v cargo-binstall >/dev/null && cargo binstall --no-confirm --strategies crate-meta-data
export PATH := $(CURDIR)/end2end/node_modules/.bin:$(CARGO_BIN):$(PATH)

# Installing Debian packages needs root; anyone else uses sudo.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.DEFAULT_GOAL := help
.PHONY: help serve test bench watch lint e2e build format tools rust-tools page-tools browser clean unit conformance always

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-11s %s\n", $$1, $$2 }'

serve: build ## Install missing tools, build, and run on http://127.0.0.1:3000
	@echo "==> Watch Party: open http://$${LEPTOS_SITE_ADDR:-127.0.0.1:3000}"
	@$(TARGET)/release/watch-party

test: unit conformance e2e ## Install missing tools and run all tests, in three browsers too

unit: rust-tools
	@echo "==> Tests of the rules, the stores and the API"
	cargo test --locked --features ssr

conformance: export SCHEMATHESIS := $(abspath $(VENV))/bin/schemathesis
conformance: rust-tools $(VENV)/.installed ## Send requests made from the API document, and check the answers
	@echo "==> Requests made from the API document"
	cargo test --locked --features ssr --test integration -- --ignored conformance::

e2e: build browser ## Run the tests in Chromium, Firefox and WebKit
	@echo "==> Tests in the browsers; pictures and report go to end2end/output"
	cd end2end && npx playwright test

bench: build browser ## Run the benchmarks (takes minutes, and some GB of disk)
	cargo bench --locked --features ssr
	cd end2end && npx playwright test --config first-load.config.ts

watch: tools ## Develop: rebuild and reload on every change
	@rm -f $(BUILT)
	cargo leptos watch

lint: rust-tools page-tools ## Check formatting and lints, for server and browser
	@echo "==> Formatting and lints"
	cargo fmt --check
	cargo clippy --locked --features ssr --all-targets -- -D warnings
	cargo clippy --locked --lib --features hydrate,start-pages,chat-pages --target wasm32-unknown-unknown --target-dir $(TARGET)/front -- -D warnings
	cd end2end && npx tsc --noEmit

format: rust-tools ## Format the source
	cargo fmt

build: tools $(BUILT) ## Build the program and its page

# cargo-leptos packages the page again on every call, so it is called only if an input is newer. It builds the page
# twice: once with the pages of a chat, once with those on which people arrive.
$(BUILT): $(BUILD_INPUTS) $(if $(wildcard $(TARGET)/release/watch-party),,always) | tools
	@echo "==> Building the program and its page (takes minutes the first time)"
	cargo leptos build --release --precompress --frontend-only --lib-features hydrate,chat-pages
	@mkdir -p $(CHAT_FILES) && for file in target/site/pkg/watch-party.js* target/site/pkg/watch-party.wasm*; do \
		cp $$file $(CHAT_FILES)/watch-party-chat.$${file#*watch-party.}; done
	cargo leptos build --release --precompress --lib-features hydrate,start-pages
	@cp $(CHAT_FILES)/* target/site/pkg/
	@mkdir -p $(@D) && touch $@

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
		CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=64 \
		cargo install cargo-leptos --version $(CARGO_LEPTOS_VERSION) --locked --features no_downloads; }

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

browser: page-tools
	@missing=""; \
	[ -n "$$CHROMIUM" ] || [ -x /usr/bin/chromium ] || missing="$$missing chromium"; \
	[ -n "$$FIREFOX" ] || [ -x /usr/bin/firefox-esr ] || missing="$$missing firefox-esr"; \
	command -v WebKitWebDriver >/dev/null || missing="$$missing webkit2gtk-driver"; \
	command -v Xvfb >/dev/null || missing="$$missing xvfb"; \
	command -v faketime >/dev/null || missing="$$missing faketime"; \
	[ -z "$$missing" ] || { \
		echo "==> Installing$$missing"; $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy $$missing; }
	@[ -n "$$NGINX" ] || [ -x /usr/sbin/nginx ] || { \
		echo "==> Installing nginx for the tests, without its service"; \
		$(SUDO) apt-get update -q && $(SUDO) apt-get install -qy nginx && \
		{ [ ! -d /run/systemd/system ] || $(SUDO) systemctl disable --now nginx; }; }

clean: ## Remove the build output
	cargo clean
	rm -rf end2end/output
