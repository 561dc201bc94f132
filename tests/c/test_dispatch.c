/* Tests the choice of the instruction set: the best that this machine runs, or what PYBACKPROP_ISA
 * names. A process chooses once, so every case runs in its own process. */
#define _POSIX_C_SOURCE 200809L /* setenv, fork */

#include "check.h"

#if !defined(_WIN32)

#    include <sys/wait.h>
#    include <unistd.h>

/* Runs `body` in a child whose environment has PYBACKPROP_ISA = `value`, or has it not (NULL).
 * A check that fails there fails here. */
static void with_variable(const char *value, void (*body)(const char *value)) {
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        if (value == NULL) {
            unsetenv("PYBACKPROP_ISA");
        } else {
            setenv("PYBACKPROP_ISA", value, 1);
        }
        body(value);
        fflush(stdout);
        _exit(checks_failed == 0 && checks_made > 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    int status = -1;
    const pid_t ended = waitpid(child, &status, 0);
    CHECK(child > 0 && ended == child && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS,
          "PYBACKPROP_ISA %s", value == NULL ? "unset" : value);
}

/* All that computes must agree on the same answer. */
static void expect(pb_status expected, const char *expected_name) {
    static const size_t sizes[] = {2, 1};
    const pb_network_spec spec = {
        PB_FLOAT32, 1, sizes, EVERY_LAYER("tanh"), "identity", "squared_error", .alphas = NULL};
    for (int again = 0; again < 2; again++) {
        const char *name = NULL;
        pb_network *network = NULL;
        const pb_kernels *kernels = NULL;
        double z = 0;
        float values[2] = {0, 0};
        int finite = 0;
        CHECK_SAME(pb_isa_chosen(&name), expected, "call %d", again);
        CHECK_SAME(pb_kernels_chosen(PB_FLOAT32, &kernels), expected, "call %d", again);
        CHECK_SAME(pb_network_new(&spec, &network), expected, "call %d", again);
        CHECK_SAME(pb_activate(PB_FLOAT64, "exp", 1, 1, &z, &z, NULL), expected, "call %d", again);
        CHECK_SAME(pb_all_finite(PB_FLOAT32, 2, values, &finite), expected, "call %d", again);
        pb_network_free(network);
        if (expected != PB_OK) {
            continue;
        }
        CHECK(strcmp(name, expected_name) == 0, "%s, not %s", name, expected_name);
        CHECK(z == 1 && finite, "exp(0) = %g", z);
        for (pb_isa isa = PB_BASELINE; isa < PB_ISA_COUNT; isa++) {
            if (strcmp(pb_isa_name(isa), expected_name) == 0) {
                CHECK(kernels == pb_kernels_of(isa, PB_FLOAT32), "not the kernels of %s", name);
            }
        }
        CHECK(kernels->item_size == sizeof(float), "not the kernels of float32");
    }
}

static const char *best_runnable(void) {
    const char *name = NULL, *best = NULL;
    int runnable = 0;
    for (size_t i = 0; pb_isa_at(i, &name, &runnable) == PB_OK; i++) {
        best = runnable ? name : best;
    }
    return best;
}

static void expect_best(const char *value) {
    (void)value;
    expect(PB_OK, best_runnable());
}
static void expect_itself(const char *value) { expect(PB_OK, value); }
static void expect_unknown(const char *value) {
    (void)value;
    expect(PB_UNKNOWN_ISA, NULL);
}
static void expect_not_runnable(const char *value) {
    (void)value;
    expect(PB_ISA_NOT_RUNNABLE, NULL);
}

/* A later change of the environment changes nothing. */
static void expect_one_choice(const char *value) {
    expect(PB_OK, value);
    setenv("PYBACKPROP_ISA", "nonsense", 1);
    expect(PB_OK, value);
}

static void test_environment(void) {
    with_variable(NULL, expect_best);
    with_variable("", expect_best);
    with_variable("baseline", expect_one_choice);

    static const char *const nonsense[] = {"nonsense", "AVX2", "avx", "avx2 ", "unknown", "-1"};
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        with_variable(nonsense[i], expect_unknown);
    }
    /* Nothing runs both NEON and AVX2, so there is always one that does not run. */
    int n_not_runnable = 0;
    const char *name = NULL;
    int runnable = 0;
    for (size_t i = 0; pb_isa_at(i, &name, &runnable) == PB_OK; i++) {
        with_variable(name, runnable ? expect_itself : expect_not_runnable);
        n_not_runnable += !runnable;
    }
    CHECK(n_not_runnable > 0, "every instruction set claims to run here");
}

#else
static void test_environment(void) {}
#endif

static void test_instruction_sets(void) {
    const char *names[PB_ISA_COUNT + 1] = {NULL};
    int runnable = 0;
    size_t n = 0;
    while (n <= PB_ISA_COUNT && pb_isa_at(n, &names[n], &runnable) == PB_OK) {
        for (size_t j = 0; j < n; j++) {
            CHECK(strcmp(names[n], names[j]) != 0, "%s twice", names[n]);
        }
        FOR_DTYPES(dtype) {
            const pb_kernels *kernels = pb_kernels_of((pb_isa)n, dtype);
            CHECK((kernels != NULL) == runnable, "%s", names[n]);
            CHECK(kernels == NULL || kernels->item_size == item_size(dtype), "%s", names[n]);
            /* A place that nobody filled would be a crash later. */
            for (int a = 0; kernels != NULL && a < PB_ACTIVATION_COUNT; a++) {
                CHECK(kernels->activate[a] != NULL && kernels->vjp[a] != NULL, "row %d", a);
            }
        }
        n++;
    }
    CHECK_SAME(n, PB_ISA_COUNT, "number of instruction sets");
    CHECK(strcmp(names[0], "baseline") == 0, "%s comes first", names[0]);
    CHECK_SAME(pb_isa_at(SIZE_MAX, &names[0], &runnable), PB_BAD_ARGUMENT, "far past the end");
}

int main(void) {
    test_instruction_sets();
    test_environment();
    return check_summary();
}
