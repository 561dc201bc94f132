# The one door: everything that can be done with this tree is a target here.
# `make` or `make help` lists them.  On a fresh machine `make demo` and
# `make test` need Python 3.10 or newer, a C compiler and make; the rest is
# installed into .venv.

PYTHON ?= python3
VENV ?= .venv
CCS ?= gcc clang

BIN := $(VENV)/bin
# Directories are listed too: their time changes when a file goes away.
SOURCES := setup.py pyproject.toml \
    $(shell find csrc pybackprop -not -path '*/__pycache__*')
C_FILES := $(sort $(shell find csrc -name '*.c'))
C_HEADERS := $(shell find csrc tests/c tests/fuzz -name '*.h' -o -name '*.def')
C_TESTS := $(sort $(wildcard tests/c/test_*.c))
GOLDEN_BITS := tests/golden_bits.txt

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-fast test-blas-kernels check-c check-bits-ofast golden-bits \
    sanitize sanitize-threads sanitize-python valgrind coverage mutants lint format features promises docs \
    sdist wheel check-all clean \
    benchmark benchmark-full benchmark-sweep benchmark-report

help: ## Print this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
	    while IFS='|' read -r target what; do printf '  make %-16s %s\n' "$$target" "$$what"; done

demo: $(VENV)/installed ## Run the main job on real data; the picture goes to build/
	$(BIN)/python examples/01_main_job.py build/main_job.png

# Tests run from tests/, where no pybackprop/ hides the installed package, in this process or
# in one that a test starts. No test depends on another, so that files of tests may be shared
# out between processes: make test PROCESSES=0 runs them all in one.
PROCESSES ?= 2
PYTEST = cd tests && $(abspath $(BIN))/pytest
PYTEST_SHARED = $(PYTEST) -n $(PROCESSES) --dist loadfile

test: $(VENV)/installed ## Run the suite, with a sample of each product of parameters: four minutes
	$(PYTEST_SHARED)

test-all: $(VENV)/installed ## Run the suite with every case: seven minutes
	$(PYTEST_SHARED) --full

# SciPy's L-BFGS computes with a BLAS, whose rounding errors depend on the kernel that it
# chooses for the processor. OpenBLAS takes the kernel that this variable names.
BLAS_KERNELS ?= Haswell Prescott
BLAS_TESTS := estimators/test_sklearn_checks.py training/test_lbfgs.py

test-blas-kernels: $(VENV)/installed ## Run the tests that depend on the BLAS with each kernel of BLAS_KERNELS
	@cd tests && failed=0; for kernel in $(BLAS_KERNELS); do \
	    echo "OPENBLAS_CORETYPE=$$kernel"; \
	    OPENBLAS_CORETYPE=$$kernel $(abspath $(BIN))/pytest --full -k lbfgs $(BLAS_TESTS) || failed=1; \
	done; exit $$failed

test-fast: $(VENV)/installed ## Run the fast part of the suite
	$(PYTEST_SHARED) -m "not slow"

check-c: ## Build csrc/ without Python and run its tests, with each compiler of CCS
	@rm -rf $(C_RESULTS); mkdir -p build/c; found=; \
	for cc in $(CCS); do \
	    if ! command -v $$cc >/dev/null; then echo "$$cc: not installed, skipped"; continue; fi; \
	    found=1; echo "$$cc: $$($$cc --version | head -n 1)"; \
	    $(MAKE) --no-print-directory c-headers c-tests c-golden CC=$$cc \
	        C_OUT=build/c/$$cc || exit 1; \
	done; \
	if [ -z "$$found" ]; then echo "none of these compilers is installed: $(CCS)"; exit 1; fi; \
	$(C_SUMMARY)

SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g

sanitize: ## Run the C tests under the address and undefined-behaviour sanitizers
	@rm -rf $(C_RESULTS); mkdir -p build/c; found=; \
	for cc in $(CCS); do \
	    if ! echo 'int main(void) { return 0; }' | \
	        $$cc $(SANITIZERS) -x c - -o build/c/probe 2>/dev/null || ! build/c/probe; then \
	        echo "$$cc: no sanitizers here, skipped"; continue; fi; \
	    found=1; echo "$$cc: $$($$cc --version | head -n 1)"; \
	    $(MAKE) --no-print-directory c-tests c-golden CC=$$cc C_OUT=build/c/sanitize-$$cc \
	        C_EXTRA="$(SANITIZERS)" GOLDEN_THREADS=3 || exit 1; \
	done; \
	if [ -z "$$found" ]; then echo "none of these compilers has sanitizers: $(CCS)"; exit 1; fi; \
	$(C_SUMMARY)

# What setup.py does with a user's flags, and a test of it, is in tests/core/test_golden_bits.py.
check-bits-ofast: ## Check the golden bits of a core that was built with -Ofast -march=native
	@rm -rf $(C_RESULTS); mkdir -p build/c
	@for cc in $(CCS); do \
	    if ! command -v $$cc >/dev/null; then echo "$$cc: not installed, skipped"; continue; fi; \
	    $(MAKE) --no-print-directory c-golden CC=$$cc C_OUT=build/c/ofast-$$cc \
	        C_OPTIMIZE="-Ofast -march=native" GOLDEN_THREADS=2 || exit 1; \
	done
	@$(C_SUMMARY)

golden-bits: $(VENV)/installed ## Record the bits in tests/golden_bits.txt, when a change is meant
	@$(MAKE) --no-print-directory $(C_GOLDEN)
	cd tests && $(abspath $(BIN))/python golden_bits.py --write $(notdir $(GOLDEN_BITS)) \
	    $(abspath $(C_GOLDEN))

# A child forked from several threads may start its own (gcc and clang stop it otherwise), and
# does not wait for races before it ends. Every test runs: which of them use threads is not
# written in a list that could be forgotten.
THREAD_SANITIZER := -fsanitize=thread -fno-omit-frame-pointer -g

sanitize-threads: export TSAN_OPTIONS := die_after_fork=0 atexit_sleep_ms=0 allocator_may_return_null=1
sanitize-threads: ## Run the C tests, and the golden bits, under the thread sanitizer
	@rm -rf $(C_RESULTS); mkdir -p build/c; found=; \
	for cc in $(CCS); do \
	    if ! echo 'int main(void) { return 0; }' | \
	        $$cc $(THREAD_SANITIZER) -x c - -o build/c/probe 2>/dev/null || ! build/c/probe; then \
	        echo "$$cc: no thread sanitizer here, skipped"; continue; fi; \
	    found=1; echo "$$cc: $$($$cc --version | head -n 1)"; \
	    $(MAKE) --no-print-directory c-tests c-golden CC=$$cc C_OUT=build/c/threads-$$cc \
	        C_EXTRA="$(THREAD_SANITIZER)" GOLDEN_THREADS=3 || exit 1; \
	done; \
	if [ -z "$$found" ]; then echo "none of these compilers has this sanitizer: $(CCS)"; exit 1; fi; \
	$(C_SUMMARY)

mutants: $(VENV)/installed ## Plant each bug of tests/mutants/ in turn: the tests must catch it
	$(BIN)/pip install --disable-pip-version-check --quiet cython
	nice $(BIN)/python tests/mutants/run.py $(MUTANTS)

# An instrumented extension in an interpreter that is not: the sanitizer has to be there first,
# and with it the C++ library that other extensions throw through. Blocks come from malloc, so
# that it sees each of them. The interpreter and NumPy leave blocks behind at their end; a leak
# is ours if its report names our source. A sanitizer's shadow of the memory does not fit into
# an address space with a limit, so tests that set one are left out.
PRELOADED = $(foreach lib,asan stdc++,$(shell gcc -print-file-name=lib$(lib).so))
REPORTS := $(abspath build/c/sanitize-gcc/report)
PYTEST_ARGUMENTS ?= --full -m "not slow"

sanitize-python: export ASAN_OPTIONS := detect_leaks=1,log_path=$(REPORTS)
sanitize-python: export LSAN_OPTIONS := exitcode=0
sanitize-python: export PYTHONMALLOC := malloc
sanitize-python: $(VENV)/tools ## Run the fast part of the suite on an extension with the sanitizers
	@ASAN_OPTIONS= $(MAKE) --no-print-directory c-extension CC=gcc C_OUT=build/c/sanitize-gcc \
	    C_EXTRA="$(SANITIZERS)"
	@rm -f $(REPORTS).*
	cd tests && PYTHONPATH=../build/c/sanitize-gcc/python LD_PRELOAD="$(PRELOADED)" \
	    $(abspath $(BIN))/pytest $(PYTEST_ARGUMENTS) --deselect \
	    tests/data/test_bad_input.py::test_absurd_sizes_are_refused_and_never_crash
	@! grep -s -H -E 'csrc/|_core\.c:|ERROR: AddressSanitizer|runtime error' $(REPORTS).*

# Valgrind runs a processor of its own, without AVX-512, whose long double has 53 bits and whose
# fused operation loses signs of zero. So checks of numbers fail there (status 1), and only what
# memcheck says counts (99), or a crash. What is still reachable at the end is the pool of
# threads, which nobody waits for.
MEMCHECK = sh -c 'valgrind --quiet --error-exitcode=99 --leak-check=full \
    --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
    "$$0" >$(C_OUT)/report 2>&1; status=$$?; grep "^==" $(C_OUT)/report; [ $$status -le 1 ]'

valgrind: ## Run the C tests under valgrind's memcheck
	@command -v valgrind >/dev/null || { echo "valgrind is not installed"; exit 1; }
	@rm -rf $(C_RESULTS); mkdir -p build/c
	@$(MAKE) --no-print-directory c-tests CC=gcc C_OUT=build/c/valgrind C_EXTRA=-g \
	    RUN='$$(MEMCHECK)'
	@$(C_SUMMARY)

# Functions are compiled as they are written, none inside another, so that each condition is
# counted once. Threads count together. A child that a test forks leaves by the exit that writes
# its counts.
COVERAGE := --coverage -fprofile-update=atomic -Dalways_inline=unused -D_exit=exit

coverage: $(VENV)/tools ## Count which lines and branches of the core the tests run
	@rm -rf $(C_RESULTS); mkdir -p build/c/coverage; find build/c/coverage -name '*.gcda' -delete
	@$(MAKE) --no-print-directory c-tests c-golden c-extension CC=gcc C_OUT=build/c/coverage \
	    C_OPTIMIZE=-O0 C_EXTRA="$(COVERAGE)" GOLDEN_THREADS=2
	@$(C_SUMMARY)
	cd tests && PYTHONPATH=../build/c/coverage/python $(abspath $(BIN))/pytest $(PYTEST_ARGUMENTS)
	$(BIN)/python tests/support/coverage_table.py build/c/coverage --lines 98 --branches 95

# What each form measures is said in benchmarks/run.py.  Name some peers and nothing is
# installed for them: make benchmark PEERS="scikit-learn jax".
BENCHMARK_NEEDS = $(if $(PEERS),$(VENV)/installed,$(VENV)/benchmarks)
BENCHMARK = $(BIN)/python benchmarks/run.py

benchmark: $(BENCHMARK_NEEDS) ## Time epochs, fits and predictions against other libraries, in ten minutes
	$(BENCHMARK) short --peers "$(PEERS)"

benchmark-full: $(BENCHMARK_NEEDS) ## The same with all rows, every peer and more turns
	$(BENCHMARK) full --peers "$(PEERS)"

benchmark-sweep: $(VENV)/installed ## Shapes, activations, solvers, growth and memory against scikit-learn
	$(BENCHMARK) sweep --peers "$(PEERS)"

benchmark-report: $(VENV)/installed ## Put what was measured into README.md and benchmarks/results/
	$(BIN)/python benchmarks/report.py

# cython-lint looks for its helper on PATH.
lint: export PATH := $(abspath $(BIN)):$(PATH)
lint: $(VENV)/tools ## Check style and spelling, changing nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/cython-lint pybackprop
	$(BIN)/codespell
	$(BIN)/clang-format --dry-run -Werror $(C_FILES) $(C_HEADERS) tests/c/*.c tests/fuzz/*.c benchmarks/peak.c docs/c_example/*.c

format: $(VENV)/tools ## Rewrite Python and C files in the project's layout
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(C_FILES) $(C_HEADERS) tests/c/*.c tests/fuzz/*.c benchmarks/peak.c docs/c_example/*.c

features: ## Put the features that tests show into README.md
	PYTHONPATH=tests $(PYTHON) -m support.feature_table README.md

promises: ## Put the promises that tests show into docs/what_you_can_rely_on.md
	PYTHONPATH=tests $(PYTHON) -m support.promises docs/what_you_can_rely_on.md

docs: $(VENV)/docs build/docs/package ## Build the documentation into build/docs/html, every script of it run
	$(BIN)/sphinx-build --quiet --nitpicky --fail-on-warning --keep-going \
	    -d build/docs/doctrees docs build/docs/html
	cd tests && $(abspath $(BIN))/pytest repository/test_docs.py

sdist: $(VENV)/tools ## Make the source distribution in dist/
	$(BIN)/pyproject-build --sdist

wheel: $(VENV)/tools ## Make the source distribution and, from it, a wheel in dist/
	$(BIN)/pyproject-build

check-all: check-c sanitize sanitize-threads sanitize-python test-all lint ## Everything that must be green before a change goes in

clean: ## Remove whatever the other targets made, .venv included
	rm -rf build dist $(DOCS_MADE) *.egg-info $(VENV) .pytest_cache .ruff_cache tests/.hypothesis
	find pybackprop tests examples benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# --- the environment ---------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo "$(PYTHON) is older than Python 3.10; choose another: make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

# An old build/lib would put files into the package that are gone from the tree.
$(VENV)/installed: $(SOURCES) | $(BIN)/python
	rm -rf build/lib*
	$(BIN)/pip install --disable-pip-version-check --quiet '.[test,plots]'
	@touch $@

$(VENV)/tools: pyproject.toml | $(VENV)/installed
	$(BIN)/pip install --disable-pip-version-check --quiet '.[dev]'
	@touch $@

$(VENV)/docs: pyproject.toml | $(VENV)/installed
	$(BIN)/pip install --disable-pip-version-check --quiet '.[docs]'
	@touch $@

# A gallery runs what has changed of its scripts; after a change of the package, all of them.
DOCS_MADE := docs/generated docs/auto_examples docs/auto_tutorial docs/auto_guide
build/docs/package: $(VENV)/installed
	rm -rf build/docs $(DOCS_MADE)
	@mkdir -p $(@D); touch $@

# PyTorch's own choice for Linux comes with gigabytes for GPUs; a build for CPUs that is
# in .venv already is left as it is.
$(VENV)/benchmarks: pyproject.toml | $(VENV)/installed
	$(BIN)/pip install --disable-pip-version-check --quiet '.[benchmarks]'
	@touch $@

# --- csrc/ alone: called by check-c and sanitize, once a compiler ------------

C_OUT ?= build/c/$(CC)
# Where doors that run side by side count what passed, each for itself.
C_RESULTS ?= build/c/results
C_OPTIMIZE ?= -O2
# A record whose last fields are left out has zeros there, which is meant.
C_FLAGS := -std=c11 $(C_OPTIMIZE) -Wall -Wextra -Wshadow -Wconversion -Werror \
    -Wno-missing-field-initializers \
    -ffp-contract=off -fno-fast-math -fvisibility=hidden -fPIC -pthread -Icsrc $(C_EXTRA)
# Without -Ofast, or the linker adds code that flushes subnormals to zero (see setup.py).
C_LINK := -O2 -fno-fast-math
C_LIBRARY := $(C_OUT)/libpybackprop.a
C_OBJECTS := $(C_FILES:%.c=$(C_OUT)/%.o)
C_PROGRAMS := $(C_TESTS:%.c=$(C_OUT)/%$(EXE))
C_GOLDEN := $(C_OUT)/tests/c/golden_bits$(EXE)
CXX_OF_CC := $(subst clang,clang++,$(subst gcc,g++,$(CC)))

# No test at all is no success.
C_SUMMARY = touch $(C_RESULTS); \
    passed=$$(grep -c ^PASS $(C_RESULTS)); failed=$$(grep -c ^FAIL $(C_RESULTS)); \
    echo "$$passed passed, $$failed failed"; [ "$$passed" -gt 0 ] && [ "$$failed" -eq 0 ]; exit

.PHONY: c-headers c-tests c-golden c-extension

c-headers:
	@$(CC) $(C_FLAGS) -fsyntax-only -x c csrc/pybackprop.h
	@if command -v $(CXX_OF_CC) >/dev/null; then set -x; \
	    $(CXX_OF_CC) -std=c++11 -Wall -Wextra -Werror -fsyntax-only -x c++ csrc/pybackprop.h; \
	else echo "$(CXX_OF_CC): not installed, the header is not tried as C++"; fi

# A program that fails does not hide the others; C_SUMMARY gives the verdict.
c-tests: $(C_LIBRARY) $(C_PROGRAMS)
	@for program in $(C_PROGRAMS); do \
	    if $(RUN) $$program; then verdict=PASS; else verdict=FAIL; fi; \
	    echo "$$verdict $$program" | tee -a $(C_RESULTS); \
	done

# Every instruction set in processes of its own, since a process chooses once. RUN is what an
# emulator needs in front of a program.
GOLDEN_THREADS ?= 1 2 3 7
GOLDEN_JOBS ?= 2
c-golden: $(C_GOLDEN)
	@for isa in $$($(RUN) $(C_GOLDEN) --instruction-sets | tr -d '\r'); do \
	    for threads in $(GOLDEN_THREADS); do echo $$isa $$threads; done; \
	done | xargs -P $(GOLDEN_JOBS) -n 2 sh -c ' \
	    if PYBACKPROP_ISA=$$0 $(RUN) $(C_GOLDEN) $$1 --check $(GOLDEN_BITS); then verdict=PASS; \
	    else verdict=FAIL; fi; \
	    echo "$$verdict $(C_GOLDEN) $$0, threads: $$1" | tee -a $(C_RESULTS)'

# The package around an extension that is made of the objects above, for tools that look into
# it. What the generator wrote is not held to our warnings.
c-extension: $(C_OUT)/python/pybackprop/_core.so
	@cd pybackprop && for file in $$(find . -name '*.py'); do \
	    mkdir -p $(abspath $(C_OUT))/python/pybackprop/$$(dirname $$file) && \
	    cp -p $$file $(abspath $(C_OUT))/python/pybackprop/$$file || exit 1; done

$(C_OUT)/_core.c: pybackprop/_core.pyx pybackprop/_core.pxd
	@mkdir -p $(@D)
	@$(BIN)/cython -3 $< -o $@

$(C_OUT)/python/pybackprop/_core.so: $(C_OUT)/_core.c $(C_LIBRARY)
	@mkdir -p $(@D)
	@$(CC) $(C_FLAGS) -w -shared -DNPY_NO_DEPRECATED_API=NPY_1_7_API_VERSION \
	    $$($(BIN)/python -c 'import numpy, sysconfig; \
	        print(*("-I" + path for path in (numpy.get_include(), sysconfig.get_path("include"))))') \
	    $^ -o $@ -lm -lpthread $(C_LINK)

$(C_LIBRARY): $(C_OBJECTS)
	rm -f $@
	$(AR) rcs $@ $^

$(C_OUT)/%.o: %.c Makefile
	@mkdir -p $(@D)
	@$(CC) $(C_FLAGS) -MMD -MP -c $< -o $@

$(C_PROGRAMS) $(C_GOLDEN): $(C_OUT)/%$(EXE): $(C_OUT)/%.o $(C_LIBRARY)
	@$(CC) $(C_FLAGS) $^ -o $@ -lm -lpthread $(C_LINK)

-include $(patsubst %$(EXE),%.d,$(C_PROGRAMS) $(C_GOLDEN)) $(C_OBJECTS:.o=.d)

# --- fuzzing -------------------------------------------------------------------

# Inputs that reach more of the core gather in build/fuzz/; tests/fuzz/corpus_core/ has the
# few of them that make check-c replays with any compiler (tests/c/test_fuzz_corpus.c).
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
FUZZ_CORPUS := tests/fuzz/corpus_core
FUZZ_SANITIZERS := -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all
FUZZ_CORE := build/fuzz/core/tests/fuzz/fuzz_core
FUZZ_HERE = build/fuzz/corpus_core

.PHONY: fuzz fuzz-corpus fuzz-core

fuzz: fuzz-core ## Look for inputs that break the core, FUZZ_SECONDS=60 long
	@mkdir -p $(FUZZ_HERE)
	$(FUZZ_CORE) -max_total_time=$(FUZZ_SECONDS) -max_len=160 -timeout=60 -rss_limit_mb=2048 \
	    -artifact_prefix=build/fuzz/ -print_final_stats=1 $(FUZZ_HERE) $(FUZZ_CORPUS)

fuzz-core:
	@echo 'int LLVMFuzzerTestOneInput(const char *d, long n); \
	    int LLVMFuzzerTestOneInput(const char *d, long n) { return d == 0 && n; }' | \
	    $(FUZZ_CC) -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null || \
	    { echo "make fuzz needs a clang with libFuzzer; choose one: FUZZ_CC=clang-14"; exit 1; }
	@$(MAKE) --no-print-directory c-fuzz CC=$(FUZZ_CC) C_OUT=build/fuzz/core C_OPTIMIZE=-O1 \
	    C_EXTRA="-g -fsanitize=fuzzer-no-link $(FUZZ_SANITIZERS)"

.PHONY: c-fuzz
c-fuzz: $(C_OUT)/tests/fuzz/fuzz_core

$(C_OUT)/tests/fuzz/fuzz_core: %: %.o $(C_LIBRARY)
	@$(CC) $(C_FLAGS) -fsanitize=fuzzer $^ -o $@ -lm -lpthread

-include $(C_OUT)/tests/fuzz/fuzz_core.d

.PHONY: fuzz-python
fuzz-python: $(VENV)/installed ## The same for the estimators; needs pip install atheris
	@mkdir -p build/fuzz/corpus_estimators
	cd tests && PYTHONPATH=. $(abspath $(BIN))/python fuzz/fuzz_estimators.py \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=200 -len_control=0 \
	    -artifact_prefix=../build/fuzz/ ../build/fuzz/corpus_estimators

# --- what leaves the house ----------------------------------------------------------

include $(sort $(wildcard packaging/*.mk))
