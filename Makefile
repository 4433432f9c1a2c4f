# The front door. Every command sets up what it needs first (scripts/setup.sh) and then does its work with that on the
# PATH, in the target of the same name with `do-`; those alone, without set-up, are for whoever has the tools already.
.NOTPARALLEL:
.PHONY: help rank train test demo bench build fuzz guard-update format lint clean do-rank do-train do-bench do-demo do-page do-build do-native do-wasm do-js do-fuzz do-guard-update do-format do-lint
SETUP = @scripts/setup.sh
RUN = -- $(MAKE) --no-print-directory
JOBS ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
FUZZ_SECONDS ?= 60
# CMake's configuring is long-winded, so it is shown when it fails. What is built goes to standard error; results do not.
configure = @mkdir -p build && { $(2) --preset $(1) > build/configure-$(1).log 2>&1 || { cat build/configure-$(1).log >&2; false; }; }

help:
	@echo 'make rank     rank the bundled feed with the bundled model, in SIMD WebAssembly under Node.js'
	@echo 'make test     build everything and run every test; the last line counts them'
	@echo 'make train    train the bundled model again, on the KuaiRand log in DATA=DIR, into build/train'
	@echo 'make bench    ours against peers, in one run, as ratios: ranking, and training where there is a KuaiRand log; the page'
	@echo '              in browsers, in milliseconds; BENCH=--quick for a rough look, other options in tests/bench/README.md'
	@echo 'make demo     the interactive page, built into build/demo and served on 127.0.0.1'
	@echo 'make build    build/siren-rope, the WebAssembly modules and the npm package in dist/'
	@echo 'make fuzz     every fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS) each, from the saved inputs on'
	@echo 'make guard-update  count the instructions of the workloads in tests/guard and store them, when a change is meant'
	@echo 'make format   clang-format on our C files;  make lint: the same as a check, and ESLint'
	@echo 'make clean    remove what was built; the tools in the cache folder stay'

rank: ; $(SETUP) wasm js $(RUN) do-rank
do-rank: do-wasm do-js
	@node examples/rank-feed/rank.mjs

test: ; $(SETUP) native wasm js demo bench test -- scripts/test.sh

DATA ?= ../shared/data/kuairand-pure-part
train: ; $(SETUP) native $(RUN) do-train
do-train: do-native
	@build/siren-rope train --data $(DATA) --recipe models/kuairand-excerpt.json --out build/train

bench: ; $(SETUP) native wasm js demo bench test $(RUN) do-bench
do-bench: do-native do-wasm do-js do-page
	@cmake --build --preset native --target bench_machine --parallel $(JOBS) >&2 && cmake --build --preset wasm --target bench_machine >&2
	@node tests/bench/bench.mjs $(BENCH)
	@KUAIRAND=$(DATA) node tests/bench/train.mjs
	@node tests/bench/page.mjs

demo: ; $(SETUP) wasm js demo $(RUN) do-demo
do-demo: do-page
	@echo 'The page is served from build/demo until you press Ctrl-C. Any host serves the same files.' >&2
	@cd demo && npm run --silent serve
do-page: do-wasm do-js
	@cd demo && npm run --silent build >&2

build: ; $(SETUP) native wasm js $(RUN) do-build
do-build: do-native do-wasm do-js
do-native:
	$(call configure,native,cmake) && cmake --build --preset native --parallel $(JOBS) >&2
do-wasm: # from the start where another Emscripten than the last time's comes first on the PATH
	@grep -qsF "$$(dirname "$$(command -v emcc)")/" build-wasm/CMakeCache.txt || rm -rf build-wasm
	$(call configure,wasm,emcmake cmake) && cmake --build --preset wasm --parallel $(JOBS) >&2
do-js: dist/index.js
dist/index.js: package.json package-lock.json $(shell find bindings/js -type f)
	@npm run --silent build >&2

fuzz: ; $(SETUP) native test $(RUN) do-fuzz
do-fuzz:
	$(call configure,fuzz,cmake) && cmake --build --preset fuzz --parallel $(JOBS) >&2
	@for program in build-fuzz/fuzz_*; do name=$${program#build-fuzz/fuzz_}; mkdir -p build-fuzz/found/$$name; \
	  echo "$$name: $(FUZZ_SECONDS) s" >&2; $$program build-fuzz/found/$$name tests/fuzz/corpus/$$name -artifact_prefix=build-fuzz/found/ \
	    -max_total_time=$(FUZZ_SECONDS) > build-fuzz/$$name.log 2>&1 || { tail -n 40 build-fuzz/$$name.log >&2; exit 1; }; done

guard-update: ; $(SETUP) native js test $(RUN) do-guard-update
do-guard-update:
	$(call configure,gcc,cmake) && cmake --build --preset gcc --target guard_workloads --parallel $(JOBS) >&2
	$(call configure,clang,cmake) && cmake --build --preset clang --target guard_workloads --parallel $(JOBS) >&2
	@for preset in gcc clang; do GUARD_STORE=1 ctest --test-dir build-$$preset -R '^guard_test$$' --output-on-failure >&2 || exit 1; done

C_FILES = $(shell git ls-files -co --exclude-standard 'src/*.[ch]' 'bindings/*.[ch]' 'tests/*.[ch]')
format: ; $(SETUP) format $(RUN) do-format
do-format: ; @clang-format -i $(C_FILES)

lint: ; $(SETUP) js format $(RUN) do-lint
do-lint:
	@clang-format --dry-run -Werror $(C_FILES)
	@npm run --silent lint

clean: ; @rm -rf build build-* dist
