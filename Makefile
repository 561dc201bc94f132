# Every task of the project is a target here; `make help` lists the main ones.
# A fresh machine needs Python 3.10 or newer, a C compiler and make. All Python
# packages are installed into .venv.
#
# Targets for C code are in tests/c/c.mk, for benchmarks in benchmarks/benchmarks.mk, for
# wheels, releases and other machines in packaging/*.mk.

PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/pip install --disable-pip-version-check --quiet
# Directories are listed too: their modification time changes when a file is removed.
SOURCES := setup.py pyproject.toml \
    $(shell find csrc pybackprop -not -path '*/__pycache__*')

.DEFAULT_GOAL := help
.PHONY: help help-all demo test test-all test-fast test-blas-kernels mutants lint format features \
    promises docs sdist wheel check-all clean

MAIN_TARGETS := demo test test-fast test-all check-c sanitize lint format docs benchmark \
    check-all help-all

help: ## List the main targets
	@awk -F ':.*## ' -v targets="$(MAIN_TARGETS)" \
	    '/^[a-z0-9-]+:.*## / { what[$$1] = $$2 } \
	    END { n = split(targets, names, " "); \
	          for (i = 1; i <= n; i++) if (names[i] in what) \
	              printf "  make %-11s %s\n", names[i], what[names[i]] }' $(MAKEFILE_LIST)

help-all: ## List every target, by the file that has it
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { \
	        if (FILENAME != file) { file = FILENAME; print file } \
	        printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/installed ## Train on real data and save a plot as build/main_job.png
	$(BIN)/python examples/01_main_job.py build/main_job.png

# Tests run from tests/, where no pybackprop/ hides the installed package, in this process or
# in one that a test starts. No test depends on another, so that files of tests may be shared
# out between processes: make test PROCESSES=0 runs them all in one.
PROCESSES ?= 2
PYTEST = cd tests && $(abspath $(BIN))/pytest
PYTEST_SHARED = $(PYTEST) -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

test: $(VENV)/installed ## Run the tests, with a sample of each product of parameters
	$(PYTEST_SHARED)

test-all: $(VENV)/installed ## Run the tests with every case
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

test-fast: $(VENV)/installed ## Run the fast tests, with a sample of each product
	$(PYTEST_SHARED) -m "not slow"

mutants: $(VENV)/installed ## Plant each bug of tests/mutants/ and check that a test fails
	$(PIP_INSTALL) cython
	nice $(BIN)/python tests/mutants/run.py $(MUTANTS)

# cython-lint looks for its helper on PATH.
lint: export PATH := $(abspath $(BIN)):$(PATH)
lint: $(VENV)/tools ## Check style and spelling without changing a file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/cython-lint pybackprop
	$(BIN)/codespell
	$(BIN)/clang-format --dry-run -Werror $(C_FORMATTED)

format: $(VENV)/tools ## Format Python and C files
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(C_FORMATTED)

features: ## Rebuild docs/features.md from the marks of the tests
	PYTHONPATH=tests $(PYTHON) -m support.feature_table docs/features.md

promises: ## Rebuild docs/what_you_can_rely_on.md from the marks of the tests
	PYTHONPATH=tests $(PYTHON) -m support.promises docs/what_you_can_rely_on.md

docs: $(VENV)/docs build/docs/package ## Build the documentation into build/docs/html and run its scripts
	$(BIN)/sphinx-build --quiet --nitpicky --fail-on-warning --keep-going \
	    -d build/docs/doctrees docs build/docs/html
	cd tests && $(abspath $(BIN))/pytest repository/test_docs.py

sdist: $(VENV)/tools ## Build the source distribution in dist/
	$(BIN)/pyproject-build --sdist

wheel: $(VENV)/tools ## Build the source distribution in dist/ and a wheel from it
	$(BIN)/pyproject-build

check-all: check-c sanitize sanitize-threads sanitize-python test-all lint ## Run all checks that a change must pass

clean: ## Remove everything that other targets made, .venv included
	rm -rf build dist $(DOCS_MADE) *.egg-info $(VENV) .pytest_cache .ruff_cache tests/.hypothesis
	find pybackprop tests examples benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# --- the environment ---------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo "$(PYTHON) is older than Python 3.10; choose another: make PYTHON=..."; exit 1; }
	@echo "Setting up $(VENV) in one to two minutes: pybackprop, compiled here, scikit-learn," \
	    "matplotlib and the packages of the tests (downloaded if pip has not cached them)"
	@$(PYTHON) -m venv $(VENV)

# An old build/lib would put files into the package that were removed from the tree.
# pip compiles bytecode on one processor, that of packages' tests too; compileall uses all.
$(VENV)/installed: $(SOURCES) | $(BIN)/python
	@echo "Installing pybackprop into $(VENV): compiles C code for about half a minute"
	@rm -rf build/lib*
	@$(PIP_INSTALL) --no-compile '.[test,plots]'
	@$(BIN)/python -m compileall -q -j 0 -x '/tests?/' $(VENV)/lib || true
	@touch $@

$(VENV)/tools: pyproject.toml | $(VENV)/installed
	$(PIP_INSTALL) '.[dev]'
	@touch $@

$(VENV)/docs: pyproject.toml | $(VENV)/installed
	$(PIP_INSTALL) '.[docs]'
	@touch $@

# A gallery runs only scripts that changed; after a change of the package it must run all.
DOCS_MADE := docs/generated docs/auto_examples docs/auto_tutorial docs/auto_guide
build/docs/package: $(VENV)/installed
	rm -rf build/docs $(DOCS_MADE)
	@mkdir -p $(@D); touch $@

include tests/c/c.mk benchmarks/benchmarks.mk $(sort $(wildcard packaging/*.mk))
