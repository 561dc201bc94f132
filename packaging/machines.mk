# Runs the C tests and the golden bits on emulated machines: AArch64, s390x (big-endian) and
# Windows.

.PHONY: check-bits-arm check-bits-s390x check-bits-windows check-bits-no-fma

# $(call need,TOOLS,PACKAGES OF DEBIAN): fails if a tool is not installed.
need = @for tool in $(1); do \
    command -v $$tool >/dev/null || { echo "$$tool is not installed. On Debian and Ubuntu" \
        "this needs: $(2)"; exit 1; }; done

# test_forks.c forks a process that has threads, which the emulator cannot do.
WITHOUT_FORKS := $(filter-out $(C_TEST_FOLDER)/test_forks.c,$(C_TESTS))
EMULATED := --no-print-directory c-tests c-golden GOLDEN_THREADS=2

# Tests that take 5 to 60 seconds each in an emulator are left out: the golden bits cover the
# same numbers. To run them too: make check-bits-arm EMULATED_SLOW=
EMULATED_SLOW := gradient sample_chunks bits caller_environment steps distributed product faults \
    predict thread_tuner elementary
$(foreach name,$(EMULATED_SLOW),$(if $(wildcard $(C_TEST_FOLDER)/test_$(name).c),,\
    $(error EMULATED_SLOW: there is no $(C_TEST_FOLDER)/test_$(name).c)))
EMULATED_TESTS = $(filter-out $(EMULATED_SLOW:%=$(C_TEST_FOLDER)/test_%.c),$(WITHOUT_FORKS))

ARM := aarch64-linux-gnu
check-bits-arm: ## Run the C tests and the golden bits on an emulated ARM (AArch64)
	$(call need,$(ARM)-gcc qemu-aarch64,gcc-$(ARM) libc6-dev-arm64-cross qemu-user)
	@rm -rf $(C_RESULTS); mkdir -p build/c
	@$(MAKE) $(EMULATED) CC=$(ARM)-gcc AR=$(ARM)-ar C_OUT=build/c/$(ARM) C_EXTRA=-static \
	    RUN=qemu-aarch64 C_TESTS="$(EMULATED_TESTS)"
	@$(C_SUMMARY)

# With -std=c11 this compiler keeps floats in double, which the core refuses; a flag changes
# that.
S390X := s390x-linux-gnu
check-bits-s390x: ## Run the same on an emulated s390x, which is big-endian
	$(call need,$(S390X)-gcc qemu-s390x,gcc-$(S390X) libc6-dev-s390x-cross qemu-user)
	@rm -rf $(C_RESULTS); mkdir -p build/c
	@$(MAKE) $(EMULATED) CC=$(S390X)-gcc AR=$(S390X)-ar C_OUT=build/c/$(S390X) \
	    C_EXTRA="-static -fexcess-precision=fast" RUN=qemu-s390x \
	    C_TESTS="$(EMULATED_TESTS)"
	@$(C_SUMMARY)

# Windows has no fork: test_forks.c is left out, and the part of test_dispatch.c that starts
# processes. Its <math.h> converts double to float, hence the flag.
MINGW := x86_64-w64-mingw32
WINE := $(firstword $(shell command -v wine64 wine) $(wildcard /usr/lib/wine/wine64) wine64)
check-bits-windows: ## Run the same for Windows, with mingw-w64 and Wine
	$(call need,$(MINGW)-gcc $(WINE),gcc-mingw-w64-x86-64 wine64)
	@rm -rf $(C_RESULTS); mkdir -p build/c
	@$(MAKE) $(EMULATED) CC=$(MINGW)-gcc AR=$(MINGW)-ar C_OUT=build/c/$(MINGW) \
	    C_EXTRA="-static -Wno-float-conversion" C_TESTS="$(WITHOUT_FORKS)" EXE=.exe \
	    RUN="env WINEDEBUG=-all WINEPREFIX=$(abspath build/c/wine) $(WINE)"
	@$(C_SUMMARY)

# All vector instruction sets have fused multiply-add, so only plain C is checked.
check-bits-no-fma: ## Check the golden bits of plain C without the fused multiply-add instruction
	@rm -rf $(C_RESULTS); mkdir -p build/c
	@PYBACKPROP_ISA=baseline $(MAKE) $(EMULATED) CC=gcc C_OUT=build/c/no-fma \
	    C_EXTRA=-DPB_NO_FMA_INSTRUCTION C_TESTS=$(C_TEST_FOLDER)/test_fma.c
	@$(C_SUMMARY)
