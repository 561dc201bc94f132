# Checks of a release, and tests with the oldest and newest supported packages.

.PHONY: release-check test-oldest test-newest

release-check: $(VENV)/tools ## Check that this commit can be released
	$(BIN)/python packaging/check_release.py

# The lowest Python on PATH; versions of pyenv must be named:
# make test-oldest OLDEST_PYTHON="$$(pyenv prefix 3.10)/bin/python"
OLDEST_PYTHON ?= $(shell for minor in 10 11 12 13; do \
    if python3.$$minor -c 'import ensurepip' 2>/dev/null; then echo python3.$$minor; exit; fi; \
    done; echo $(PYTHON))
# Packages to install. .ci/run installs fewer and runs fewer tests.
OLDEST_NEEDS ?= .[test]
NEWEST_NEEDS ?= .[test]
ENDS_PIP = bin/pip install --disable-pip-version-check --quiet

test-oldest: build/oldest/installed ## Run the fast tests with the oldest supported NumPy, SciPy and scikit-learn
	cd tests && ../build/oldest/bin/python -m pytest $(PYTEST_ARGUMENTS)

test-newest: build/newest/bin/python ## Run the fast tests with the newest NumPy, SciPy and scikit-learn
	build/newest/$(ENDS_PIP) --upgrade --upgrade-strategy eager $(foreach need,$(NEWEST_NEEDS),'$(need)')
	cd tests && ../build/newest/bin/python -m pytest $(PYTEST_ARGUMENTS)

# The extension is built with the newest NumPy, as pyproject.toml says: one wheel works with
# old and new versions.
build/oldest/installed: packaging/oldest.txt $(SOURCES)
	$(OLDEST_PYTHON) -m venv build/oldest
	build/oldest/$(ENDS_PIP) -c packaging/oldest.txt $(foreach need,$(OLDEST_NEEDS),'$(need)')
	@build/oldest/bin/python -m pybackprop; touch $@

build/newest/bin/python:
	$(PYTHON) -m venv build/newest
