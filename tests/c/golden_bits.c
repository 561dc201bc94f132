/* Prints or checks the bits of every function of the public header, one line per function and data
 * type.
 *
 *     golden_bits THREADS                  prints the lines
 *     golden_bits THREADS --check FILE     compares them with a file's, and says what differs
 *     golden_bits --instruction-sets       prints those that this machine can run
 *
 * The promise is that the same bits come out on every machine: of any instruction set
 * (PYBACKPROP_ISA), with any number of threads, from input laid out in any way. Layouts are
 * compared by this program, before it writes a line; the caller runs it for the others. It
 * includes only pybackprop.h, so it does not change when the core is rewritten. */
#include "golden/functions.h"
#include "golden/networks.h"
#include "golden/training.h"

#define EVERY_LAYOUT ((1u << N_LAYOUTS) - 1)

/* What has gone wrong in such programs, or may: one row, one column, one unit; widths about the
 * vector and tile widths of each instruction set (24 and 48 columns of AVX) and the panels of 256;
 * batches about the blocks of 256 rows; canonical pairs and others. */
static const network_case networks[] = {
    {1, "identity", "identity", "squared_error", 0, EQUAL, 1, {1, 1}},
    {1, "tanh", "softmax", "log_loss", 0.5, EQUAL, 2, {7, 5, 3}},
    {2, "relu", "identity", "squared_error", 0, EQUAL, 2, {1, 1, 1}},
    {2, "logistic", "logistic", "binary_log_loss", 300.1, EQUAL, 2, {300, 2, 5}},
    {7, "tanh", "exp", "poisson", 0, WEIGHTED, 2, {3, 600, 2}},
    {7, "relu", "logistic", "squared_error", 0, EQUAL, 2, {8, 6, 3}},
    {32, "relu", "softmax", "log_loss", 0, EQUAL, 1, {600, 3}},
    {32, "tanh", "softmax", "log_loss", 0.125, EQUAL, 2, {20, 30, 300}},
    {32, "logistic", "identity", "squared_error", 0, WEIGHTED, 2, {20, 513, 5}},
    {200, "tanh", "logistic", "binary_log_loss", 0, EQUAL, 2, {13, 8, 1}},
    {200, "relu", "tanh", "squared_error", 0.5, WEIGHTED, 3, {25, 24, 48, 2}},
    {256, "relu", "softmax", "log_loss", 0, EQUAL, 2, {10, 97, 24}},
    {256, "tanh", "identity", "squared_error", 0, WEIGHTED, 2, {4, 16, 49}},
    {257, "tanh", "softmax", "squared_error", 0.25, EQUAL, 2, {12, 10, 4}},
    {257, "relu", "softmax", "log_loss", 0.125, WEIGHTED, 3, {9, 21, 5, 3}},
    {257, "identity", "exp", "squared_error", 0, EQUAL, 2, {33, 15, 7}},
    {700, "logistic", "exp", "poisson", 0.5, EQUAL, 2, {31, 25, 7}},
    {700, "relu", "identity", "squared_error", 0, WEIGHTED, 2, {17, 49, 10}},
    {700, "tanh", "logistic", "binary_log_loss", 0.125, HOLLOW, 2, {6, 33, 6}},
    {700, "relu", "identity", "squared_error", 0, HOLLOW, 5, {6, 5, 4, 3, 2, 1}},
    {700, "tanh", "softmax", "binary_log_loss", 0, WEIGHTED, 1, {5, 8}},
    {1797, "tanh", "softmax", "log_loss", 0, WEIGHTED, 2, {5, 4, 3}},
};

/* Enough work for threads to share: rows of a narrow network, tiles of a wide one, wide outputs. */
static const network_case large[] = {
    {700, "relu", "softmax", "log_loss", 0.5, EQUAL, 2, {65, 150, 10}},
    {257, "tanh", "identity", "squared_error", 0, EQUAL, 2, {400, 49, 1}},
    {100, "relu", "identity", "squared_error", 0.125, WEIGHTED, 3, {60, 145, 257, 3}},
    {4000, "logistic", "logistic", "binary_log_loss", 0, WEIGHTED, 3, {8, 12, 6, 1}},
    {16, "tanh", "softmax", "log_loss", 0, EQUAL, 2, {270, 511, 26}},
};

/* Every hidden width of the list, with inputs, outputs, rows and functions in turn. */
static void sweep(pb_dtype dtype, size_t n_threads) {
    static const size_t widths[] = {1,  2,   3,   4,   5,   6,   7,   8,   9,   10,  11,  12,  13,
                                    14, 15,  16,  17,  18,  20,  23,  24,  25,  31,  32,  33,  36,
                                    40, 41,  47,  48,  49,  56,  63,  64,  65,  72,  80,  95,  96,
                                    97, 127, 128, 129, 143, 144, 145, 192, 255, 256, 257, 384, 600};
    static const size_t rows[] = {257, 1, 32, 7, 200, 2, 256};
    static const char *const hidden[] = {"relu", "tanh", "logistic", "identity"};
    static const struct {
        const char *output, *loss;
    } ends[] = {{"identity", "squared_error"},
                {"softmax", "log_loss"},
                {"logistic", "binary_log_loss"},
                {"exp", "poisson"},
                {"tanh", "squared_error"}};
    const size_t n = COUNT(widths);
    for (size_t i = 0; i < n; i++) {
        network_case c = {rows[i % COUNT(rows)],
                          hidden[i % COUNT(hidden)],
                          ends[i % COUNT(ends)].output,
                          ends[i % COUNT(ends)].loss,
                          i % 2 == 0 ? 0 : 12.7,
                          (weighting)(i % 3 == 2),
                          2,
                          {widths[(i * 19 + 11) % n], widths[i], 1 + i % 10}};
        /* At most as much work as the machine that emulates another has patience for. */
        while (c.n_rows * c.sizes[0] * c.sizes[1] > 200000) {
            c.n_rows /= 2;
        }
        network_lines(&c, dtype, n_threads, 1u << (1 + i % (N_LAYOUTS - 1)));
    }
}

static int print_instruction_sets(void) {
    const char *name;
    int runnable;
    for (size_t i = 0; pb_isa_at(i, &name, &runnable) == PB_OK; i++) {
        if (runnable) {
            puts(name);
        }
    }
    return EXIT_SUCCESS;
}

static void compute_lines(size_t n_threads) {
    for (pb_dtype dtype = PB_FLOAT32; dtype <= PB_FLOAT64; dtype++) {
        activations(dtype);
        losses(dtype, n_threads);
        for (size_t i = 0; i < COUNT(networks); i++) {
            network_lines(&networks[i], dtype, n_threads, EVERY_LAYOUT);
        }
        for (size_t i = 0; i < COUNT(large); i++) {
            network_lines(&large[i], dtype, n_threads, 1u << (PADDED + i % 3));
        }
        sweep(dtype, n_threads);
        training(dtype, n_threads);
    }
    schedules();
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--instruction-sets") == 0) {
        return print_instruction_sets();
    }
    const int checks = argc == 4 && strcmp(argv[2], "--check") == 0;
    const long n_threads = argc >= 2 ? strtol(argv[1], NULL, 10) : 0;
    const char *isa = NULL;
    if ((argc != 2 && !checks) || n_threads < 1 || n_threads > PB_MAX_THREADS) {
        fprintf(stderr, "usage: golden_bits THREADS [--check FILE] | --instruction-sets\n");
        return EXIT_FAILURE;
    }
    if (checks) {
        read_records(argv[3]);
    }
    require(pb_isa_chosen(&isa), "PYBACKPROP_ISA");
    compute_lines((size_t)n_threads);
    if (checks) {
        require_all_records();
        printf("golden_bits, %s, threads: %ld: %zu lines, %ld failures\n", isa, n_threads,
               n_records, n_failures);
    }
    free(records);
    return n_failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
