/* Turns bytes into networks, tables, targets, weights and orders, some of them invalid.
 *
 * The first bytes choose the kind of problem and seed a generator for its numbers, so that a change
 * of one byte is a small change of the problem. Every array ends with its last element, where a
 * sanitizer looks. The expected status is derived here independently, from the documentation of
 * pybackprop.h. */
#ifndef PB_FUZZ_PROBLEM_H
#define PB_FUZZ_PROBLEM_H

#include <limits.h>

#include "../c/check.h"

/* A broken promise ends the program, which is how a fuzzer hears of it. */
#define REQUIRE(condition, ...)                                    \
    do {                                                           \
        if (!(condition)) {                                        \
            printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
            printf(__VA_ARGS__);                                   \
            printf("\n");                                          \
            (void)fflush(stdout);                                  \
            abort();                                               \
        }                                                          \
    } while (0)

/* ---- Bytes --------------------------------------------------------------------------------- */

typedef struct bytes {
    const uint8_t *at, *end;
} bytes;

/* Past the end are zeros, which stand for the plainest choice. */
static inline size_t next_byte(bytes *b) { return b->at < b->end ? *b->at++ : 0; }

static inline size_t below(bytes *b, size_t n) { return next_byte(b) % n; }

/* Once in 16 times, for what would hide all else if it were frequent. */
static inline int seldom(bytes *b) { return next_byte(b) % 16 == 15; }

/* ---- Numbers ------------------------------------------------------------------------------- */

/* What is odd: each kind of number, and the ends of each. */
static const double odd_numbers[] = {
    0.0,       -0.0,   1.0,      -1.0,    NAN,      INFINITY, -INFINITY, 0x1p-1074, -0x1p-149,
    0x1p-1022, 0x1p52, 0x1p-126, DBL_MAX, -DBL_MAX, FLT_MAX,  1e30,      -1e30,     1e-30,
    709.9,     -745.2, 88.8,     -103.9,  800.0,    -800.0,   0.5,       3.0,       0x1p63};

enum { N_ODD = sizeof odd_numbers / sizeof *odd_numbers };

/* A hyperparameter: the usual one, or an odd number. */
static inline double usual_or_odd(bytes *b, double usual) {
    const size_t choice = next_byte(b);
    return choice < 192 ? usual : odd_numbers[choice % N_ODD];
}

/* Elements from the generator: from `low` to `low + span`, or here and there odd if `is_wild`. */
static inline double draw_element(double low, double span, int is_wild) {
    const double tame = low + span * (draw() + 2) / 4;
    return is_wild && draw_below(8) == 0 ? odd_numbers[draw_below(N_ODD)] : tame;
}

/* ---- Networks ------------------------------------------------------------------------------ */

enum { MAX_LAYERS = 4 };

/* A loss of the caller's own, honest or not. */
enum { HONEST, NONSENSE, STOPS, N_KINDS };

typedef struct own_loss {
    pb_dtype dtype;
    size_t n_outputs;
    size_t kind;
    size_t calls_left; /* of one that stops */
} own_loss;

typedef struct problem {
    pb_network_spec spec;
    size_t sizes[MAX_LAYERS + 1];
    const char *activations[MAX_LAYERS];
    double alphas[MAX_LAYERS];
    own_loss own;
    int is_wild;      /* odd numbers in parameters, tables and targets */
    int is_huge;      /* a size that no machine has memory for */
    pb_status status; /* PB_OK, or any other for a network that cannot be */
} problem;

static inline int half_squares(void *context, size_t n_rows, const void *y, const void *y_pred,
                               double *values, void *dloss_dy_pred) {
    own_loss *own = context;
    if (own->kind == STOPS && own->calls_left-- == 0) {
        return 1;
    }
    for (size_t i = 0; i < n_rows; i++) {
        values[i] = 0;
        for (size_t j = i * own->n_outputs; j < (i + 1) * own->n_outputs; j++) {
            const double r = get(own->dtype, y_pred, j) - get(own->dtype, y, j);
            const double odd = odd_numbers[(i + 5 * j) % N_ODD];
            values[i] += own->kind == NONSENSE ? odd : 0.5 * r * r;
            put(own->dtype, dloss_dy_pred, j, own->kind == NONSENSE ? -odd : r);
        }
    }
    return 0;
}

static const char *const odd_names[] = {"nonsense", "", "ReLU", "squared_error ", "softmax"};

static inline const char *odd_name(bytes *b) {
    return odd_names[below(b, sizeof odd_names / sizeof *odd_names)];
}

static inline const char *choose_activation(bytes *b, int at_output, problem *p) {
    pb_activation_info info = {0};
    size_t n = 0;
    while (pb_activation_at(n, &info) == PB_OK) {
        n++;
    }
    const size_t choice = below(b, n);
    const char *name = seldom(b) ? odd_name(b) : NULL;
    for (size_t i = 0; i < n; i++) {
        (void)pb_activation_at(i, &info);
        if (name == NULL ? i == choice : strcmp(name, info.name) == 0) {
            p->status = (at_output ? info.output : info.hidden) ? p->status : PB_BAD_PLACE;
            return info.name;
        }
    }
    p->status = PB_UNKNOWN_NAME;
    return name;
}

static inline void choose_loss(bytes *b, problem *p) {
    pb_loss_info info = {0};
    size_t n = 0;
    while (pb_loss_at(n, &info) == PB_OK) {
        n++;
    }
    const size_t choice = below(b, n + 1);
    if (choice == n) {
        p->own.kind = below(b, N_KINDS);
        p->own.calls_left = below(b, 8);
        p->spec.loss_function = half_squares;
        p->spec.loss_context = &p->own;
        return;
    }
    (void)pb_loss_at(choice, &info);
    p->spec.loss = info.name;
    const double given = usual_or_odd(b, usual_parameter(info.name));
    p->spec.loss_parameter = given;
    const double x = rounded(p->spec.dtype, given);
    const int is_within = info.parameter_ends_belong
                              ? x >= info.parameter_low && x <= info.parameter_high
                              : x > info.parameter_low && x < info.parameter_high;
    if (info.parameter != NULL && !is_within) {
        p->status = PB_BAD_ARGUMENT;
    }
    if (seldom(b)) {
        p->spec.loss = odd_name(b);
        p->status = PB_UNKNOWN_NAME;
    }
}

/* Small layers as a rule; wide ones, so that work is shared; or those that cannot be. */
static inline void choose_sizes(bytes *b, problem *p) {
    static const size_t absurd[] = {0, SIZE_MAX, SIZE_MAX / 8, (size_t)1 << (sizeof(size_t) * 7)};
    const int is_wide = seldom(b);
    p->spec.n_layers = below(b, MAX_LAYERS) + 1;
    for (size_t l = 0; l <= p->spec.n_layers; l++) {
        p->sizes[l] = below(b, is_wide ? 80 : 9) + 1;
    }
    if (seldom(b)) {
        const size_t size = absurd[below(b, 4)];
        p->sizes[below(b, p->spec.n_layers + 1)] = size;
        p->is_huge = size > 0;
        p->status = size == 0 ? PB_BAD_ARGUMENT : p->status;
    }
    long double n = 0;
    for (size_t l = 0; l < p->spec.n_layers; l++) {
        n += ((long double)p->sizes[l] + 1) * (long double)p->sizes[l + 1];
    }
    if (n > (long double)(PTRDIFF_MAX / sizeof(double))) {
        p->status = PB_TOO_LARGE;
    }
}

static inline void choose_problem(bytes *b, problem *p) {
    *p = (problem){.status = PB_OK};
    draw_state = next_byte(b) | next_byte(b) << 8;
    p->spec.dtype = below(b, 2) == 0 ? PB_FLOAT64 : PB_FLOAT32;
    p->is_wild = below(b, 4) == 3;
    choose_sizes(b, p);
    for (size_t l = 0; l + 1 < p->spec.n_layers; l++) {
        p->activations[l] = choose_activation(b, 0, p);
    }
    p->spec.output_activation = choose_activation(b, 1, p);
    choose_loss(b, p);
    p->own.dtype = p->spec.dtype;
    p->own.n_outputs = p->sizes[p->spec.n_layers];
    const int has_alphas = below(b, 2) == 1;
    for (size_t l = 0; has_alphas && l < p->spec.n_layers; l++) {
        const double alpha = p->alphas[l] = usual_or_odd(b, (double)below(b, 3) / 4);
        p->status = alpha >= 0 && isfinite(alpha) ? p->status : PB_BAD_ARGUMENT;
    }
    const double l1_ratio = usual_or_odd(b, (double)below(b, 3) / 2);
    p->status = l1_ratio >= 0 && l1_ratio <= 1 ? p->status : PB_BAD_ARGUMENT;
    p->spec.l1_ratio = l1_ratio;
    p->spec.layer_sizes = p->sizes;
    p->spec.activations = p->activations;
    p->spec.alphas = has_alphas ? p->alphas : NULL;
    if (seldom(b)) {
        p->spec.dtype = (pb_dtype)(below(b, 4) + 2);
        p->status = PB_BAD_ARGUMENT;
    }
}

#endif
