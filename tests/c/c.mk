# Builds csrc/ without Python, runs its tests, and runs both under sanitizers, valgrind,
# gcov and libFuzzer.

C_TEST_FOLDER := tests/c
C_FUZZ_FOLDER := tests/fuzz
# Compilers of check-c, sanitize, sanitize-threads and check-bits-ofast.
CCS ?= gcc clang

C_FILES := $(sort $(shell find csrc -name '*.c'))
# A .def file holds the records of a list, one per row.
C_HEADERS := $(sort $(shell find csrc $(C_TEST_FOLDER) $(C_FUZZ_FOLDER) -name '*.h' -o -name '*.def'))
C_TESTS := $(sort $(wildcard $(C_TEST_FOLDER)/test_*.c))
C_FORMATTED := $(C_FILES) $(C_HEADERS) \
    $(wildcard $(C_TEST_FOLDER)/*.c $(C_FUZZ_FOLDER)/*.c benchmarks/*.c docs/c_example/*.c)
GOLDEN_BITS := tests/golden_bits.txt

# --- the tests with each compiler ------------------------------------------------

.PHONY: check-c sanitize sanitize-threads check-bits-ofast golden-bits

# $(call for_each_compiler,FLAGS,WORDS FOR THE FLAGS,ARGUMENTS OF MAKE)
# Calls make once per compiler of CCS that can build and run a program with FLAGS. Fails if
# no compiler can, or if one test failed.
define for_each_compiler
@+rm -rf $(C_RESULTS); mkdir -p build/c; found=; \
for cc in $(CCS); do \
    if ! echo 'int main(void) { return 0; }' | \
        $$cc $(1) -x c - -o build/c/probe-$@ 2>/dev/null || ! build/c/probe-$@; then \
        echo "$$cc: cannot build a program$(2), skipped"; continue; fi; \
    found=1; echo "$$cc: $$($$cc --version | head -n 1)"; \
    $(MAKE) --no-print-directory $(3) CC=$$cc || exit 1; \
done; \
if [ -z "$$found" ]; then echo "no compiler of CCS=\"$(CCS)\" can build a program$(2)"; exit 1; fi; \
$(C_SUMMARY)
endef

check-c: ## Build csrc/ without Python and run its tests with gcc and clang
	$(call for_each_compiler,,,c-headers c-tests c-golden C_OUT=build/c/$$cc)

SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g

sanitize: ## Run the C tests under the address and undefined-behaviour sanitizers
	$(call for_each_compiler,$(SANITIZERS), with the sanitizers,c-tests c-golden \
	    C_OUT=build/c/sanitize-$$cc C_EXTRA="$(SANITIZERS)" GOLDEN_THREADS=3)

# A forked child of a process with several threads may start threads itself (gcc and clang
# stop it otherwise), and does not wait for races before it ends. Every test runs: a list of
# the tests with threads would have to be kept up to date.
THREAD_SANITIZER := -fsanitize=thread -fno-omit-frame-pointer -g

sanitize-threads: export TSAN_OPTIONS := die_after_fork=0 atexit_sleep_ms=0 allocator_may_return_null=1
sanitize-threads: ## Run the C tests and the golden bits under the thread sanitizer
	$(call for_each_compiler,$(THREAD_SANITIZER), with the thread sanitizer,c-tests c-golden \
	    C_OUT=build/c/threads-$$cc C_EXTRA="$(THREAD_SANITIZER)" GOLDEN_THREADS=3)

# tests/core/test_golden_bits.py checks that setup.py overrides such flags of a user.
check-bits-ofast: ## Check the golden bits of a core built with -Ofast -march=native
	$(call for_each_compiler,,,c-golden C_OUT=build/c/ofast-$$cc \
	    C_OPTIMIZE="-Ofast -march=native" GOLDEN_THREADS=2)

golden-bits: $(VENV)/installed ## Record tests/golden_bits.txt anew, after an intended change of results
	@$(MAKE) --no-print-directory $(C_GOLDEN)
	cd tests && $(abspath $(BIN))/python golden_bits.py --write $(notdir $(GOLDEN_BITS)) \
	    $(abspath $(C_GOLDEN))

# --- the Python tests on an instrumented extension -------------------------------

.PHONY: sanitize-python valgrind coverage

# The interpreter is not instrumented, so the sanitizer must be loaded first, and with it the
# C++ library through which other extensions throw exceptions. PYTHONMALLOC=malloc shows
# every block to the sanitizer. The interpreter and NumPy do not free all memory at exit; a
# leak is ours if its report names our source. Tests that limit the address space are left
# out: the shadow memory of the sanitizer does not fit into it.
PRELOADED = $(foreach lib,asan stdc++,$(shell gcc -print-file-name=lib$(lib).so))
REPORTS := $(abspath build/c/sanitize-gcc/report)
PYTEST_ARGUMENTS ?= --full -m "not slow"

sanitize-python: export ASAN_OPTIONS := detect_leaks=1,log_path=$(REPORTS)
sanitize-python: export LSAN_OPTIONS := exitcode=0
sanitize-python: export PYTHONMALLOC := malloc
sanitize-python: $(VENV)/tools ## Run the fast tests on an extension with the sanitizers
	@ASAN_OPTIONS= $(MAKE) --no-print-directory c-extension CC=gcc C_OUT=build/c/sanitize-gcc \
	    C_EXTRA="$(SANITIZERS)"
	@rm -f $(REPORTS).*
	cd tests && PYTHONPATH=../build/c/sanitize-gcc/python LD_PRELOAD="$(PRELOADED)" \
	    $(abspath $(BIN))/pytest $(PYTEST_ARGUMENTS) --deselect \
	    tests/data/test_bad_input.py::test_absurd_sizes_are_refused_and_never_crash
	@! grep -s -H -E 'csrc/|_core\.c:|ERROR: AddressSanitizer|runtime error' $(REPORTS).*

# Valgrind emulates a processor without AVX-512, whose long double has 53 bits and whose
# fused multiply-add loses signs of zero. So comparisons of numbers fail (status 1), and only
# errors of memcheck (status 99) and crashes count. Memory that is still reachable at exit
# belongs to the thread pool, whose threads are not joined.
MEMCHECK = sh -c 'valgrind --quiet --error-exitcode=99 --leak-check=full \
    --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
    "$$0" >$(C_OUT)/report 2>&1; status=$$?; grep "^==" $(C_OUT)/report; [ $$status -le 1 ]'

valgrind: ## Run the C tests under valgrind's memcheck
	@command -v valgrind >/dev/null || { echo "valgrind is not installed"; exit 1; }
	@rm -rf $(C_RESULTS); mkdir -p build/c
	@$(MAKE) --no-print-directory c-tests CC=gcc C_OUT=build/c/valgrind C_EXTRA=-g \
	    RUN='$$(MEMCHECK)'
	@$(C_SUMMARY)

# Nothing is inlined, so that each condition is counted once. Threads share their counters. A
# forked child leaves through exit, which writes its counters.
COVERAGE := --coverage -fprofile-update=atomic -Dalways_inline=unused -D_exit=exit

coverage: $(VENV)/tools ## Measure line and branch coverage of the core
	@rm -rf $(C_RESULTS); mkdir -p build/c/coverage; find build/c/coverage -name '*.gcda' -delete
	@$(MAKE) --no-print-directory c-tests c-golden c-extension CC=gcc C_OUT=build/c/coverage \
	    C_OPTIMIZE=-O0 C_EXTRA="$(COVERAGE)" GOLDEN_THREADS=2
	@$(C_SUMMARY)
	cd tests && PYTHONPATH=../build/c/coverage/python $(abspath $(BIN))/pytest $(PYTEST_ARGUMENTS)
	$(BIN)/python tests/support/coverage_table.py build/c/coverage --lines 98 --branches 95

# --- steps of the targets above, for one compiler CC -----------------------------

C_OUT ?= build/c/$(CC)
# Verdicts, one per line. Targets that run at the same time need one file each.
C_RESULTS ?= build/c/results
C_OPTIMIZE ?= -O2
# Fields that a record leaves out are meant to be zero.
C_FLAGS := -std=c11 $(C_OPTIMIZE) -Wall -Wextra -Wshadow -Wconversion -Werror \
    -Wno-missing-field-initializers \
    -ffp-contract=off -fno-fast-math -fvisibility=hidden -fPIC -pthread -Icsrc $(C_EXTRA)
# Without these flags -Ofast makes the linker add code that flushes subnormals to zero
# (see setup.py).
C_LINK := -O2 -fno-fast-math
C_LIBRARY := $(C_OUT)/libpybackprop.a
C_OBJECTS := $(C_FILES:%.c=$(C_OUT)/%.o)
C_PROGRAMS := $(C_TESTS:%.c=$(C_OUT)/%$(EXE))
C_GOLDEN := $(C_OUT)/$(C_TEST_FOLDER)/golden_bits$(EXE)
CXX_OF_CC := $(subst clang,clang++,$(subst gcc,g++,$(CC)))

# Fails if no test ran.
C_SUMMARY = touch $(C_RESULTS); \
    passed=$$(grep -c ^PASS $(C_RESULTS)); failed=$$(grep -c ^FAIL $(C_RESULTS)); \
    echo "$$passed passed, $$failed failed"; [ "$$passed" -gt 0 ] && [ "$$failed" -eq 0 ]; exit

.PHONY: c-headers c-tests c-golden c-extension

c-headers:
	@$(CC) $(C_FLAGS) -fsyntax-only -x c csrc/pybackprop.h
	@if command -v $(CXX_OF_CC) >/dev/null; then set -x; \
	    $(CXX_OF_CC) -std=c++11 -Wall -Wextra -Werror -fsyntax-only -x c++ csrc/pybackprop.h; \
	else echo "$(CXX_OF_CC): not installed, the header is not compiled as C++"; fi

# All programs run, whichever fail; C_SUMMARY gives the exit status.
c-tests: $(C_LIBRARY) $(C_PROGRAMS)
	@for program in $(C_PROGRAMS); do \
	    if $(RUN) $$program; then verdict=PASS; else verdict=FAIL; fi; \
	    echo "$$verdict $$program" | tee -a $(C_RESULTS); \
	done

# A process chooses its instruction set once, so each set runs in processes of its own. RUN
# is the command of an emulator, which precedes the program.
GOLDEN_THREADS ?= 1 2 3 7
GOLDEN_JOBS ?= 2
c-golden: $(C_GOLDEN)
	@for isa in $$($(RUN) $(C_GOLDEN) --instruction-sets | tr -d '\r'); do \
	    for threads in $(GOLDEN_THREADS); do echo $$isa $$threads; done; \
	done | xargs -P $(GOLDEN_JOBS) -n 2 sh -c ' \
	    if PYBACKPROP_ISA=$$0 $(RUN) $(C_GOLDEN) $$1 --check $(GOLDEN_BITS); then verdict=PASS; \
	    else verdict=FAIL; fi; \
	    echo "$$verdict $(C_GOLDEN) $$0, threads: $$1" | tee -a $(C_RESULTS)'

# A copy of the package whose extension consists of the objects above. Our warnings do not
# apply to the C file that Cython generates.
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

# The compiler writes the headers and .def files of each object into a .d file.
$(C_OUT)/%.o: %.c $(C_TEST_FOLDER)/c.mk
	@mkdir -p $(@D)
	@$(CC) $(C_FLAGS) -MMD -MP -c $< -o $@

$(C_PROGRAMS) $(C_GOLDEN): $(C_OUT)/%$(EXE): $(C_OUT)/%.o $(C_LIBRARY)
	@$(CC) $(C_FLAGS) $^ -o $@ -lm -lpthread $(C_LINK)

-include $(patsubst %$(EXE),%.d,$(C_PROGRAMS) $(C_GOLDEN)) $(C_OBJECTS:.o=.d)

# --- fuzzing -------------------------------------------------------------------

# New inputs are collected in build/fuzz/. tests/fuzz/corpus_core/ holds a small selection,
# which check-c replays with any compiler (test_fuzz_corpus.c).
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
FUZZ_CORPUS := $(C_FUZZ_FOLDER)/corpus_core
FUZZ_SANITIZERS := -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all
FUZZ_CORE := build/fuzz/core/$(C_FUZZ_FOLDER)/fuzz_core
FUZZ_FOUND = build/fuzz/corpus_core

.PHONY: fuzz fuzz-core c-fuzz fuzz-python

fuzz: fuzz-core ## Fuzz the core for FUZZ_SECONDS=60
	@mkdir -p $(FUZZ_FOUND)
	$(FUZZ_CORE) -max_total_time=$(FUZZ_SECONDS) -max_len=160 -timeout=60 -rss_limit_mb=2048 \
	    -artifact_prefix=build/fuzz/ -print_final_stats=1 $(FUZZ_FOUND) $(FUZZ_CORPUS)

fuzz-core:
	@echo 'int LLVMFuzzerTestOneInput(const char *d, long n); \
	    int LLVMFuzzerTestOneInput(const char *d, long n) { return d == 0 && n; }' | \
	    $(FUZZ_CC) -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null || \
	    { echo "make fuzz needs a clang with libFuzzer; choose one: FUZZ_CC=clang-14"; exit 1; }
	@$(MAKE) --no-print-directory c-fuzz CC=$(FUZZ_CC) C_OUT=build/fuzz/core C_OPTIMIZE=-O1 \
	    C_EXTRA="-g -fsanitize=fuzzer-no-link $(FUZZ_SANITIZERS)"

c-fuzz: $(C_OUT)/$(C_FUZZ_FOLDER)/fuzz_core

$(C_OUT)/$(C_FUZZ_FOLDER)/fuzz_core: %: %.o $(C_LIBRARY)
	@$(CC) $(C_FLAGS) -fsanitize=fuzzer $^ -o $@ -lm -lpthread

-include $(C_OUT)/$(C_FUZZ_FOLDER)/fuzz_core.d

fuzz-python: $(VENV)/installed ## Fuzz the estimators for FUZZ_SECONDS=60; needs pip install atheris
	@mkdir -p build/fuzz/corpus_estimators
	cd tests && PYTHONPATH=. $(abspath $(BIN))/python fuzz/fuzz_estimators.py \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=200 -len_control=0 \
	    -artifact_prefix=../build/fuzz/ ../build/fuzz/corpus_estimators
