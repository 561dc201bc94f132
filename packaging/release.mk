# What stands before a release, and the two ends of what we stand on.

.PHONY: release-check test-oldest test-newest

release-check: $(VENV)/tools ## May this commit be released: texts, equal bytes, a wheel from a tarball
	$(BIN)/python packaging/check_release.py

# The lowest Python that is found; pyenv's are found by name:
# make test-oldest OLDEST_PYTHON="$$(pyenv prefix 3.10)/bin/python"
OLDEST_PYTHON ?= $(shell for minor in 10 11 12 13; do \
    if python3.$$minor -c 'import ensurepip' 2>/dev/null; then echo python3.$$minor; exit; fi; \
    done; echo $(PYTHON))
# What is tested, and what with. The gate takes less of both.
OLDEST_NEEDS ?= .[test]
NEWEST_NEEDS ?= .[test]
ENDS_PIP = bin/pip install --disable-pip-version-check --quiet

test-oldest: build/oldest/installed ## The fast tests with the oldest NumPy, SciPy and scikit-learn we support
	cd tests && ../build/oldest/bin/python -m pytest $(PYTEST_ARGUMENTS)

test-newest: build/newest/bin/python ## The fast tests with the newest of them, taken anew each time
	build/newest/$(ENDS_PIP) --upgrade --upgrade-strategy eager $(foreach need,$(NEWEST_NEEDS),'$(need)')
	cd tests && ../build/newest/bin/python -m pytest $(PYTEST_ARGUMENTS)

# The extension is built against the NumPy that pyproject.toml's build-system takes, the
# newest: one wheel serves both ends.
build/oldest/installed: packaging/oldest.txt $(SOURCES)
	$(OLDEST_PYTHON) -m venv build/oldest
	build/oldest/$(ENDS_PIP) -c packaging/oldest.txt $(foreach need,$(OLDEST_NEEDS),'$(need)')
	@build/oldest/bin/python -m pybackprop; touch $@

build/newest/bin/python:
	$(PYTHON) -m venv build/newest
