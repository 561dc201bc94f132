# Benchmarks against other libraries: docs/benchmarks.md has results and method.
#
#     make benchmark PEERS="scikit-learn jax"
#
# With PEERS only these libraries are timed, and none is installed.

.PHONY: benchmark benchmark-full benchmark-sweep benchmark-summary benchmark-report

BENCHMARK_NEEDS = $(if $(PEERS),$(VENV)/installed,$(VENV)/benchmarks)
# Raw runs and their report; Git tracks neither.
BENCHMARK_RUNS := build/benchmarks

# $(call run_benchmark,FORM)
define run_benchmark
$(BIN)/python benchmarks/run.py $(1) --peers "$(PEERS)" --results $(BENCHMARK_RUNS)
$(BIN)/python benchmarks/report.py $(BENCHMARK_RUNS)
@echo "see $(BENCHMARK_RUNS)/report.md"
endef

benchmark: $(BENCHMARK_NEEDS) ## Time training and prediction against other libraries, 10 minutes
	$(call run_benchmark,short)

benchmark-full: $(BENCHMARK_NEEDS) ## The same with all rows, all libraries and more repetitions
	$(call run_benchmark,full)

benchmark-sweep: $(VENV)/installed ## 154 shapes, activations and solvers, growth and memory
	$(call run_benchmark,sweep)

benchmark-summary: $(VENV)/installed ## Write results/summary-VERSION.json from the full and sweep runs
	$(BIN)/python benchmarks/summary.py $(BENCHMARK_RUNS)

benchmark-report: $(VENV)/installed ## Rebuild tables and picture from the newest summary
	$(BIN)/python benchmarks/report.py

# PyTorch's default for Linux downloads gigabytes for GPUs. An installed PyTorch, such as a
# build for CPUs, is kept.
$(VENV)/benchmarks: pyproject.toml | $(VENV)/installed
	$(PIP_INSTALL) '.[benchmarks]'
	@touch $@
