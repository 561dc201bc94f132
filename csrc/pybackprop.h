/* pybackprop.h: multi-layer perceptrons and their one backpropagation, in C11.
 *
 * The only public header. In reading order:
 *
 *     1. describe a network            pb_network_new
 *     2. set up its parameters         one flat vector, laid out by pb_network_layer
 *     3. make scratch for it           pb_workspace_new
 *     4. compute                       pb_predict, pb_objective, pb_train_epoch
 *
 * Parameters. One vector holds all coefficients, then all intercepts: W1, W2, ..., b1, b2, ...
 * Each W is row-major with shape (fan in, fan out). Gradients and optimizer states are laid out
 * alike. The caller owns the vector; a network is only the description of what it means.
 *
 * Data types. A network computes in one data type, float or double. A `void *` below is an array
 * of that type. Losses, sample weights and learning rates are double in both.
 *
 * Ownership. What a `_new` function made belongs to the library until the matching `_free`, which
 * takes NULL too. What a caller passes stays the caller's, and is never kept after the call,
 * except that a workspace refers to the network it was made for.
 *
 * Errors. A function that can fail returns a pb_status; results come through pointers at the
 * end of the argument list. After a failure, outputs are unspecified and everything that is
 * const is unchanged; a function says so where it promises more.
 *
 * Threads. A pb_network is read-only once made and may serve many threads. A workspace and an
 * optimizer serve one call at a time. */
#ifndef PYBACKPROP_H
#define PYBACKPROP_H

#include <stddef.h>
#include <stdint.h>

/* The version of this header; pb_version says which library is in use. */
#define PB_VERSION       "0.1.0"
#define PB_VERSION_MAJOR 0
#define PB_VERSION_MINOR 1
#define PB_VERSION_PATCH 0

/* A shared library shows what is declared from here on, and hides everything else. */
#if defined(__GNUC__)
#    pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status ------------------------------------------------------------------------------ */

typedef enum pb_status {
    PB_OK = 0,
    PB_NO_MEMORY,        /* an allocation failed                                          */
    PB_TOO_LARGE,        /* a size does not fit in size_t                                 */
    PB_BAD_ARGUMENT,     /* an argument is outside what its function documents            */
    PB_UNKNOWN_NAME,     /* no row of that name in the list                               */
    PB_BAD_PLACE,        /* an activation where it cannot stand (softmax in a hidden layer) */
    PB_UNKNOWN_ISA,      /* PYBACKPROP_ISA names no instruction set                       */
    PB_ISA_NOT_RUNNABLE, /* PYBACKPROP_ISA names one that this processor cannot run       */
    PB_INTERRUPTED       /* the caller's pb_interrupt asked to stop                            */
} pb_status;

/* What a status means, in words. Never NULL; static storage. */
const char *pb_status_message(pb_status status);

typedef enum pb_dtype { PB_FLOAT32 = 0, PB_FLOAT64 = 1 } pb_dtype;

/* ---- What this build can do: the rows of the lists ------------------------------------------ */

typedef struct pb_activation_info {
    const char *name;
    int hidden;       /* may stand in a hidden layer                                    */
    int output;       /* may stand at the output                                        */
    int rowwise;      /* one value depends on its whole row: no elementwise derivative  */
    int has_log;      /* pb_log_activate knows it                                       */
    double range_low; /* the values that it takes lie between these two                 */
    int low_attained; /* and whether that end is one of them                            */
    double range_high;
    int high_attained;
    double init_factor; /* initial weights are uniform in +-sqrt(factor / (fan in + fan out)) */
    int init_by_fan_in; /* in +-sqrt(factor / fan in) instead                             */
} pb_activation_info;

typedef struct pb_loss_info {
    const char *name;
    int regression;               /* whether a regressor offers it                        */
    int classification;           /* whether a classifier does                            */
    const char *elementwise_form; /* what stands for it where outputs form no distribution;
                                     NULL: nothing                                        */
    const char *default_output;   /* the output activation that its users expect          */
    const char *canonical_output; /* where dl/dz = y_pred - y; NULL: nowhere              */
    const char *target_domain;    /* in words, for messages                               */
    double target_low;            /* smallest target allowed                              */
    double target_high;           /* largest                                              */
    int target_low_belongs;       /* whether target_low itself is allowed                 */
    int rows_sum_to_one;          /* the targets of a row must sum to one                 */
    const char *parameter;        /* what users call it; NULL: the loss has none          */
    double parameter_low;         /* its range                                            */
    double parameter_high;
    int parameter_ends_belong;
    const char *loss_at_low;  /* what stands for the loss at the ends of that range;  */
    const char *loss_at_high; /* NULL: nothing                                        */
    double prediction_low;    /* where y_pred must stay                               */
    double prediction_high;
    int prediction_ends_belong;
} pb_loss_info;

typedef struct pb_optimizer_info {
    const char *name;
    int n_states;        /* state arrays, each as long as the parameters                   */
    int scale_invariant; /* the step keeps its length if all gradients grow by one factor  */
} pb_optimizer_info;

typedef struct pb_schedule_info {
    const char *name;
    int only_sgd; /* acts on sgd alone, as scikit-learn's schedules do */
} pb_schedule_info;

/* Row `index` of a list; PB_BAD_ARGUMENT past its end, which is how a caller finds the end. */
pb_status pb_activation_at(size_t index, pb_activation_info *info);
pb_status pb_loss_at(size_t index, pb_loss_info *info);
pb_status pb_optimizer_at(size_t index, pb_optimizer_info *info);
pb_status pb_schedule_at(size_t index, pb_schedule_info *info);

/* Name of instruction set `index`, best last, and whether this machine can run it. */
pb_status pb_isa_at(size_t index, const char **name, int *runnable);

/* The instruction set in use: the best runnable one, or what the environment variable
 * PYBACKPROP_ISA names. Decided at the first call of any function that computes. */
pb_status pb_isa_chosen(const char **name);

/* The compiler that built this library, in words. */
const char *pb_compiler(void);

/* The library's version: PB_VERSION of the header that it was built with. */
const char *pb_version(void);

/* ---- Networks ------------------------------------------------------------------------------ */

typedef struct pb_network pb_network;

/* A loss of the caller's own: for n_rows samples, l (n_rows) and dl/dy_pred (n_rows, n_outputs)
 * from y and y_pred (n_rows, n_outputs), row-major and, but for l, of the network's data type. A
 * sample's loss may depend on its own row alone. It is called from the thread that asked for the
 * objective, for some rows at a time. Another return value than 0 stops the work with
 * PB_INTERRUPTED. */
typedef int pb_loss_function(void *context, size_t n_rows, const void *y, const void *y_pred,
                             double *values, void *dloss_dy_pred);

typedef struct pb_network_spec {
    pb_dtype dtype;
    size_t n_layers;                /* weight layers, at least 1                               */
    const size_t *layer_sizes;      /* n_layers + 1 of them, features first, each at least 1   */
    const char *const *activations; /* of the n_layers - 1 hidden layers                  */
    const char *output_activation;
    const char *loss;
    const double *alphas;  /* penalty on each layer's coefficients, n_layers of them, finite and
                              >= 0; NULL: none                                             */
    double l1_ratio;       /* in [0, 1]: the share of the penalty that is ||W||_1          */
    double loss_parameter; /* in its range, rounded to dtype; unread without   */
    pb_loss_function *loss_function; /* or NULL. Takes the place of `loss`, then unread  */
    void *loss_context;              /* for loss_function                                */
} pb_network_spec;

pb_status pb_network_new(const pb_network_spec *spec, pb_network **network);
void pb_network_free(pb_network *network);

/* Length of the parameter vector. */
size_t pb_network_n_parameters(const pb_network *network);

/* Where layer `layer` (from 0) has its coefficients and intercepts, counted in elements. */
pb_status pb_network_layer(const pb_network *network, size_t layer, size_t *coefs_offset,
                           size_t *intercepts_offset);

/* ---- Data ---------------------------------------------------------------------------------- */

/* A table of samples. Dense when `indptr` is NULL: element (i, j) lies at
 * values[i * row_stride + j * column_stride], strides counted in elements, of either sign.
 * Otherwise CSR with sorted, unique column indices, trusted to be valid:
 * row i has the values and column indices from indptr[i] to indptr[i + 1]. */
typedef struct pb_samples {
    const void *values;
    ptrdiff_t row_stride;
    ptrdiff_t column_stride;
    const int64_t *indptr;
    const int32_t *indices;
} pb_samples;

typedef enum pb_target_kind {
    PB_TARGET_REAL,      /* values of the network's data type, strided as samples are       */
    PB_TARGET_INDICATOR, /* uint8, strided likewise: 0 is zero, anything else one          */
    PB_TARGET_CLASS      /* one int32 class code a row, trusted to be one of the outputs:   */
                         /* one-hot, or the 0/1 of one output                               */
} pb_target_kind;

/* `smoothing` s in [0, 1) makes a zero s / K and a one 1 - s + s / K, of K classes: as many as
 * outputs for class codes, and 2 for the codes of one output and for indicators. */
typedef struct pb_targets {
    const void *values;
    pb_target_kind kind;
    ptrdiff_t row_stride;
    ptrdiff_t column_stride;
    double smoothing;
} pb_targets;

/* Rows to compute with: rows order[0], order[1], ... of the table, or 0, 1, ... if order is NULL.
 * `weights` is indexed by row of the table; NULL: all are 1. A weight is finite and >= 0. A row
 * whose weight is zero takes no part, whatever its values. */
typedef struct pb_batch {
    pb_samples X;
    pb_targets y;
    const double *weights;
    const int64_t *order;
    size_t n_rows;
} pb_batch;

/* Asked about every `interval` seconds during long work; a return value other than 0 stops it
 * with PB_INTERRUPTED. A NULL pointer to one, or a NULL `ask`, never stops. */
typedef struct pb_interrupt {
    int (*poll)(void *context);
    void *context;
    double interval;
    double last; /* when it last asked, in seconds of UTC; 0 at first makes it ask at once */
} pb_interrupt;

/* ---- Threads ------------------------------------------------------------------------------- */

#if defined(_WIN32)
#    define PB_EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#    define PB_EXPORT __attribute__((visibility("default")))
#else
#    define PB_EXPORT
#endif

#define PB_MAX_THREADS 256

/* A number for whoever chooses n_threads: how many threads this process should use, 0 while nobody
 * has said. Kept here so that other libraries find it; the core itself goes by n_threads. Both are
 * exported by name. */
PB_EXPORT int pb_thread_limit(void);
PB_EXPORT void pb_set_thread_limit(int limit);

/* ---- Scratch ------------------------------------------------------------------------------- */

typedef struct pb_workspace pb_workspace;

/* What the scratch is for; each kind includes those before it. */
typedef enum pb_workspace_kind {
    PB_WORKSPACE_PREDICTION, /* pb_predict, for any number of rows: max_rows only bounds the scratch
                              */
    PB_WORKSPACE_GRADIENT,   /* pb_objective */
    PB_WORKSPACE_TRAINING,   /* pb_train_epoch */
    PB_WORKSPACE_DROPOUT /* pb_train_epoch with dropout                                          */
} pb_workspace_kind;

/* Scratch for batches of up to `max_rows` rows, at least 1. Calls with this workspace use up to
 * `n_threads` threads, 1 to PB_MAX_THREADS, the caller's among them: fewer where more would not
 * pay, and one for an objective with a loss_function. The number changes no bit of any result. */
pb_status pb_workspace_new(const pb_network *network, size_t max_rows, pb_workspace_kind kind,
                           size_t n_threads, pb_workspace **workspace);
void pb_workspace_free(pb_workspace *workspace);

/* ---- Forward and backward ------------------------------------------------------------------ */

typedef enum pb_prediction { PB_PREDICT_OUTPUT, PB_PREDICT_LOGITS } pb_prediction;

/* The output activations (or the pre-activations, "logits", of the output layer) of n_rows
 * samples: out has shape (n_rows, n_outputs), row-major. */
pb_status pb_predict(const pb_network *network, const void *parameters, const pb_samples *X,
                     size_t n_rows, pb_prediction what, pb_workspace *workspace,
                     pb_interrupt *interrupt, void *out);

/* Every number of one backpropagation. Each member is NULL or an array of n_layers pointers, each
 * NULL or an (n_rows, d_l) array of the caller's, filled with values per sample, unweighted.
 * Rows of zero weight are left untouched. */
typedef struct pb_trace {
    void *const *z;     /* pre-activations                                                */
    void *const *a;     /* activations                                                    */
    void *const *delta; /* gradients of the sample's loss at z; not without a gradient    */
    /* Gradients of the sample's loss at a, from which the activation's Jacobian makes delta; not
     * without a gradient. At the output it may overflow where delta does not. */
    void *const *dloss_da;
} pb_trace;

/* The forward half of a trace: z and a of n_rows samples. */
pb_status pb_trace_forward(const pb_network *network, const void *parameters, const pb_samples *X,
                           size_t n_rows, pb_workspace *workspace, pb_interrupt *interrupt,
                           const pb_trace *trace);

/* The objective and its gradient:
 *
 *     F = (1/S) sum_n s_n l_n + P / S,   S = sum_n s_n,
 *     P = sum_l alpha_l (l1_ratio ||W_l||_1 + (1 - l1_ratio) / 2 ||W_l||^2).
 *
 * The subgradient of |w| at 0 is 0.
 *
 * `gradient` (as long as the parameters) and `trace` may be NULL. S = 0 is PB_BAD_ARGUMENT. */
pb_status pb_objective(const pb_network *network, const void *parameters, const pb_batch *batch,
                       pb_workspace *workspace, pb_interrupt *interrupt, double *objective,
                       void *gradient, const pb_trace *trace);

/* ---- The objective in parts ------------------------------------------------------------------
 *
 * A sum over rows runs in row order inside blocks of PB_BLOCK_ROWS rows, and the blocks' sums are
 * added by a binary tree over the block's index: neighbours first, an odd last one passes up
 * unchanged. So whoever has the rows of a whole node of that tree (2^k blocks from a multiple of
 * 2^k on, or the last ones of the batch) can compute its sums alone. Two neighbours are added
 * element by element, the left one first; pb_finish_sums makes of the root what pb_objective
 * gives, to the bit. */

/* Rows that are summed as one chain: part of the definition of every gradient's bits. */
#define PB_BLOCK_ROWS ((size_t)256)

typedef struct pb_sums {
    double loss;   /* sum_n s_n l_n, with weights times the scale */
    double weight; /* sum_n s_n, likewise                         */
} pb_sums;

/* A power of two by which weights are multiplied, given the batch's largest: 1, unless they are so
 * large or small that sums might leave the data type's range. Not a bit of the result shows it. */
double pb_weight_scale(double largest);

/* The sums of a node, and of its rows' gradients: sum_n s_n dl_n/dtheta, without penalty and 1/S.
 * A node whose weights are all zero has sums of zero. With `masks` the pass is a training one. */
typedef struct pb_masks pb_masks;
pb_status pb_block_sums(const pb_network *network, const void *parameters, const pb_batch *node,
                        double weight_scale, const pb_masks *masks, pb_workspace *workspace,
                        pb_interrupt *interrupt, pb_sums *sums, void *gradient);

/* The objective, its penalty and, in place, its gradient, from the sums of a whole batch. */
pb_status pb_finish_sums(const pb_network *network, const void *parameters, const pb_sums *sums,
                         double weight_scale, double *objective, double *penalty, void *gradient);

/* ---- Training ------------------------------------------------------------------------------ */

/* The learning rate over time. */
typedef struct pb_schedule {
    const char *name;
    double learning_rate_init;
    double power_t;       /* invscaling                                               */
    double horizon;       /* epochs to the end of cosine, linear and one_cycle        */
    double decay_rate;    /* step, exponential                                        */
    double decay_steps;   /* epochs; step, exponential                                */
    double warmup_epochs; /* the first epochs, in which any rate rises linearly; or 0 */
} pb_schedule;

/* The rate of a step that begins after `epoch` epochs (its fraction counts the batches of the
 * present one) and takes `length` of an epoch. *learning_rate is the present rate, which the
 * schedule modulates: its initial value, but for those that change it between epochs. A warm-up
 * ends with the last step of its epochs. */
pb_status pb_schedule_rate(const pb_schedule *schedule, double epoch, double length,
                           double *learning_rate);

/* The present rate after `n_samples` samples. */
pb_status pb_schedule_after_epoch(const pb_schedule *schedule, int64_t n_samples,
                                  double *learning_rate);

/* The present rate to go on with once progress has stalled; 0: the schedule says stop. */
pb_status pb_schedule_on_plateau(const pb_schedule *schedule, double *learning_rate);

/* Hyperparameters of the update rules; each rule reads those that concern it. */
typedef struct pb_hyperparameters {
    double momentum;     /* sgd                                      */
    int nesterov;        /* sgd                                      */
    double beta_1;       /* adam, adamw, nadam                       */
    double beta_2;       /* all but sgd                              */
    double epsilon;      /* all but sgd                              */
    double weight_decay; /* adamw: of coefficients, never intercepts */
} pb_hyperparameters;

/* Dropout: in training each input of layer l = 0 ... n_layers - 1 (the features first) is left out
 * with probability rates[l], in [0, 1), and the others are multiplied by 1 / (1 - rates[l]). What
 * is left out depends on the seed, the number of epochs done, the layer, the row
 * of the table and the unit, and on nothing else. */
typedef struct pb_dropout {
    const double *rates; /* n_layers of them; NULL: nothing is left out */
    uint64_t seed;
} pb_dropout;

/* The masks of dropout in one epoch, for rows of a table that begin in its row `first_row`. */
struct pb_masks {
    pb_dropout dropout;
    uint64_t epoch;
    size_t first_row;
};

/* An update rule and its state; the caller owns `states`: n_states arrays in one block, each as
 * long as the parameters and in their data type, zero at the start. What comes after them may be
 * left zero. */
typedef struct pb_optimizer {
    const char *name;
    pb_hyperparameters hyperparameters;
    double learning_rate;
    int64_t n_steps; /* steps taken so far; pb_train_epoch counts on */
    void *states;
    pb_dropout dropout;
    const pb_schedule *schedule; /* NULL: the learning rate of every step is as above       */
    int64_t n_epochs;            /* complete epochs so far; pb_train_epoch counts on         */
    const double *layer_rates;   /* factors of the rate, one a weight layer; NULL: all are 1 */
    double global_clipnorm;      /* a longer gradient is scaled down to this norm; 0: none   */
    double max_norm;             /* so are each unit's incoming weights after a step; 0: none */
} pb_optimizer;

/* Statistics of the batches of an epoch, weighted by their numbers of rows: means in
 * pb_train_epoch, sums in pb_train_batches. */
typedef struct pb_epoch {
    double loss;          /* objectives, penalty included                                      */
    double penalty;       /* their terms P / S                                                 */
    double gradient_norm; /* norm of the last batch's gradient before clipping; not weighted   */
    size_t n_rows;        /* rows of the batches                                               */
} pb_epoch;

/* One pass over the rows in batches of `batch_size` (the last may be smaller): for each batch
 * forward, backward, one step of the optimizer. A batch whose weights are all zero has no
 * objective: it is passed over and does not count, though it takes its time in a schedule. At a
 * learning rate of 0 there is no step: parameters, states and count stay as they are. After
 * PB_INTERRUPTED the parameters and the optimizer are those of the last complete step, and after
 * PB_NO_MEMORY as they were before the call. */
pb_status pb_train_epoch(const pb_network *network, void *parameters, pb_optimizer *optimizer,
                         const pb_batch *rows, size_t batch_size, pb_workspace *workspace,
                         pb_interrupt *interrupt, pb_epoch *epoch);

/* Some batches of an epoch. */
typedef struct pb_epoch_part {
    size_t first_batch; /* how many of the epoch's batches came before            */
    size_t n_batches;   /* of the whole epoch: a schedule's place is between them */
    size_t first_row;   /* row of the whole table at which the part's own begins  */
    int is_last;        /* the epoch ends with it: the norm of its last gradient is wanted */
} pb_epoch_part;

/* Trains some of the batches of an epoch, with the same bits as pb_train_epoch, and adds their
 * statistics to *epoch, which is all zeros before the first call. All their weights may be zero.
 * The caller increments optimizer->n_epochs after the last call. */
pb_status pb_train_batches(const pb_network *network, void *parameters, pb_optimizer *optimizer,
                           const pb_batch *rows, size_t batch_size, const pb_epoch_part *part,
                           pb_workspace *workspace, pb_interrupt *interrupt, pb_epoch *epoch);

/* The step that pb_train_batches takes after batch `part->first_batch`, whose gradient is given:
 * clipped in place if it is longer than that. *gradient_norm is its norm before, if it is wanted
 * (is_last) or was needed. */
pb_status pb_take_step(const pb_network *network, void *parameters, pb_optimizer *optimizer,
                       const pb_epoch_part *part, void *gradient, double *gradient_norm);

/* ---- Single functions ---------------------------------------------------------------------- */

/* a = f(z) for (n_rows, n_columns) row-major arrays; z and a may be the same array. Stopped by
 * `interrupt`, a holds the results of some rows. */
pb_status pb_activate(pb_dtype dtype, const char *activation, size_t n_rows, size_t n_columns,
                      const void *z, void *a, pb_interrupt *interrupt);

/* log f(z), exact where f(z) underflows, for the activations that have it. */
pb_status pb_log_activate(pb_dtype dtype, const char *activation, size_t n_rows, size_t n_columns,
                          const void *z, void *log_a, pb_interrupt *interrupt);

/* vector <- J(z)^T vector, row by row, with the Jacobian J of a = f(z): f'(z) times the vector,
 * except where an activation couples a row. This is the way from dl/da to dl/dz = delta. The three
 * arrays are as above; they do not overlap. */
pb_status pb_activation_vjp(pb_dtype dtype, const char *activation, size_t n_rows, size_t n_columns,
                            const void *z, const void *a, void *vector, pb_interrupt *interrupt);

/* Whether all n values are finite. */
pb_status pb_all_finite(pb_dtype dtype, size_t n, const void *values, int *finite);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__)
#    pragma GCC visibility pop
#endif

#endif
