# The C tests and the golden bits on other machines, emulated: AArch64, s390x, which has the most
# significant byte first, and Windows. What a program prints is what it prints there.

.PHONY: check-bits-arm check-bits-s390x check-bits-windows check-bits-no-fma

# $(call need,TOOLS,PACKAGES OF DEBIAN)
need = @for tool in $(1); do \
    command -v $$tool >/dev/null || { echo "$$tool is not installed. On Debian and Ubuntu" \
        "this needs: $(2)"; exit 1; }; done

# The emulator cannot fork a program that has threads, which test_forks.c does.
WITHOUT_FORKS := $(filter-out tests/c/test_forks.c,$(C_TESTS))
EMULATED := --no-print-directory c-tests c-golden GOLDEN_THREADS=2

ARM := aarch64-linux-gnu
check-bits-arm: ## Run the C tests and the golden bits on an emulated ARM (AArch64)
	$(call need,$(ARM)-gcc qemu-aarch64,gcc-$(ARM) libc6-dev-arm64-cross qemu-user)
	@rm -rf $(C_RESULTS); mkdir -p build/c
	@$(MAKE) $(EMULATED) CC=$(ARM)-gcc AR=$(ARM)-ar C_OUT=build/c/$(ARM) C_EXTRA=-static \
	    RUN=qemu-aarch64 C_TESTS="$(WITHOUT_FORKS)"
	@$(C_SUMMARY)

# In ISO C this compiler keeps floats in double unless it is told not to, which the core refuses.
# Left out are tests that take the emulator five seconds to a minute each, and look at numbers that
# the golden bits hash; to run them too: make check-bits-s390x S390X_SLOW=
S390X_SLOW := gradient stripes bits caller_environment steps parts product faults predict crew \
    exp_log_tanh
S390X := s390x-linux-gnu
check-bits-s390x: ## The same on an emulated s390x, whose numbers begin with their highest byte
	$(call need,$(S390X)-gcc qemu-s390x,gcc-$(S390X) libc6-dev-s390x-cross qemu-user)
	@rm -rf $(C_RESULTS); mkdir -p build/c
	@$(MAKE) $(EMULATED) CC=$(S390X)-gcc AR=$(S390X)-ar C_OUT=build/c/$(S390X) \
	    C_EXTRA="-static -fexcess-precision=fast" RUN=qemu-s390x \
	    C_TESTS="$(filter-out $(S390X_SLOW:%=tests/c/test_%.c),$(WITHOUT_FORKS))"
	@$(C_SUMMARY)

# Neither fork nor an environment for each child: test_forks.c is left out, and in test_dispatch.c
# the half that starts processes. Its <math.h> makes floats of doubles.
MINGW := x86_64-w64-mingw32
WINE := $(firstword $(shell command -v wine64 wine) $(wildcard /usr/lib/wine/wine64) wine64)
check-bits-windows: ## The same for Windows, by mingw-w64 and Wine
	$(call need,$(MINGW)-gcc $(WINE),gcc-mingw-w64-x86-64 wine64)
	@rm -rf $(C_RESULTS); mkdir -p build/c
	@$(MAKE) $(EMULATED) CC=$(MINGW)-gcc AR=$(MINGW)-ar C_OUT=build/c/$(MINGW) \
	    C_EXTRA="-static -Wno-float-conversion" C_TESTS="$(WITHOUT_FORKS)" EXE=.exe \
	    RUN="env WINEDEBUG=-all WINEPREFIX=$(abspath build/c/wine) $(WINE)"
	@$(C_SUMMARY)

# With vectors the instruction is there, so plain C is all there is to look at.
check-bits-no-fma: ## The golden bits of plain C on a processor without fused multiply-add
	@rm -rf $(C_RESULTS); mkdir -p build/c
	@PYBACKPROP_ISA=baseline $(MAKE) $(EMULATED) CC=gcc C_OUT=build/c/no-fma \
	    C_EXTRA=-DPB_NO_FMA_INSTRUCTION C_TESTS=tests/c/test_fma.c
	@$(C_SUMMARY)
