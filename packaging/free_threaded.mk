# Tests with a Python without the global interpreter lock: one built here from a source
# package of Debian, or yours: make test-free-threaded FREE_THREADED=/path/to/python3.13t
FREE_THREADED_SUITE ?= trixie
FREE_THREADED_BUILT := $(abspath build/free-threaded/python)
FREE_THREADED ?= $(FREE_THREADED_BUILT)/bin/python3.13t
FREE_THREADED_VENV := build/free-threaded/venv
FREE_THREADED_SECONDS ?= 5

.PHONY: python-free-threaded test-free-threaded

python-free-threaded: $(FREE_THREADED) ## Build a Python without the global interpreter lock

test-free-threaded: $(FREE_THREADED_VENV)/installed ## Run the fast tests without the lock, and stress tests of shared objects
	cd tests && PYTHON_GIL=0 ../$(FREE_THREADED_VENV)/bin/pytest $(PYTEST_ARGUMENTS)
	cd tests && PYTHON_GIL=0 PYBACKPROP_HAMMER_SECONDS=$(FREE_THREADED_SECONDS) \
	    ../$(FREE_THREADED_VENV)/bin/pytest \
	    robustness/test_free_threading.py robustness/test_thread_safety.py

$(FREE_THREADED_BUILT)/bin/python3.13t:
	packaging/free_threaded.sh $(FREE_THREADED_BUILT) $(FREE_THREADED_SUITE)

# Packages without wheels for it are left out; the tests that need them are skipped.
FREE_THREADED_PIP := $(FREE_THREADED_VENV)/bin/pip install --disable-pip-version-check --quiet \
    --only-binary :all:
$(FREE_THREADED_VENV)/installed: $(SOURCES) packaging/free_threaded.mk | $(FREE_THREADED)
	$(FREE_THREADED) -m venv $(FREE_THREADED_VENV)
	@$(FREE_THREADED) -c 'import tomllib; \
	    extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
	    print(*extras["test"], *extras["plots"], sep="\n")' | while read -r package; do \
	    $(FREE_THREADED_PIP) "$$package" 2>/dev/null || echo "no wheel, left out: $$package"; \
	done
	rm -rf build/lib*
	$(FREE_THREADED_PIP) .
	@touch $@
