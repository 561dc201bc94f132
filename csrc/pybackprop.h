/* pybackprop.h: multi-layer perceptrons and their backpropagation, in C11.
 *
 * The only public header. To use it:
 *
 *     1. describe a network            pb_network_new
 *     2. initialize its parameters     one vector, with the layout of pb_network_layer
 *     3. allocate scratch memory       pb_workspace_new
 *     4. compute                       pb_predict, pb_objective, pb_train_epoch
 *
 * Parameters. One vector holds all coefficients, then all intercepts: W1, W2, ..., b1, b2, ...
 * Each W is row-major with shape (fan in, fan out). Gradients and optimizer states have the same
 * layout. The caller owns the vector; a network holds no parameters.
 *
 * Data types. A network computes in one data type, float or double. A `void *` below points to an
 * array of that type. Losses, sample weights and learning rates are double in both.
 *
 * Ownership. The library owns what a `_new` function creates until the matching `_free`, which
 * accepts NULL. The caller owns all arguments; no function keeps a pointer to them after it
 * returns, except that a workspace refers to its network.
 *
 * Errors. Functions that can fail return a pb_status, and write results through pointers at the end
 * of the argument list. After a failure outputs are unspecified and const arguments unchanged; some
 * functions document more.
 *
 * Threads. A pb_network is read-only after its creation, and threads may share it. A workspace and
 * an optimizer may be used by one call at a time. */
#ifndef PYBACKPROP_H
#define PYBACKPROP_H

#include <stddef.h>
#include <stdint.h>

/* The version of this header; pb_version returns the version of the library. */
#define PB_VERSION       "0.1.0"
#define PB_VERSION_MAJOR 0
#define PB_VERSION_MINOR 1
#define PB_VERSION_PATCH 0

/* A shared library exports the declarations below, and hides all other symbols. */
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
    PB_UNKNOWN_NAME,     /* no activation, loss, optimizer or schedule has that name      */
    PB_BAD_PLACE,        /* the layer cannot have that activation (softmax, if hidden)    */
    PB_UNKNOWN_ISA,      /* PYBACKPROP_ISA is not the name of an instruction set          */
    PB_ISA_NOT_RUNNABLE, /* PYBACKPROP_ISA names one that this processor cannot run       */
    PB_INTERRUPTED       /* `poll` of a pb_interrupt or a loss_function returned a value  */
                         /* other than 0, or the call is in a child forked during it      */
} pb_status;

/* Description of a status: never NULL, static storage. */
const char *pb_status_message(pb_status status);

typedef enum pb_dtype { PB_FLOAT32 = 0, PB_FLOAT64 = 1 } pb_dtype;

/* ---- What this build can do: the rows of the lists ------------------------------------------ */

typedef struct pb_activation_info {
    const char *name;
    int hidden;       /* hidden layers may use it                               */
    int output;       /* the output layer may use it                            */
    int rowwise;      /* couples the units of a row, so has no elementwise derivative */
    int has_log;      /* pb_log_activate accepts it                             */
    double range_low; /* bounds of its values, and whether it attains them      */
    int low_attained;
    double range_high;
    int high_attained;
    double init_factor; /* initial weights are uniform in +-sqrt(factor / (fan in + fan out)) */
    int init_by_fan_in; /* or, if set, in +-sqrt(factor / fan in)                             */
} pb_activation_info;

typedef struct pb_loss_info {
    const char *name;
    int regression;               /* regressors accept it                                */
    int classification;           /* classifiers accept it                               */
    const char *elementwise_form; /* replaces it if each output is a probability of its own;
                                     NULL: none                                           */
    const char *default_output;   /* output activation of estimators with this loss      */
    const char *canonical_output; /* output activation with dl/dz = y_pred - y, or NULL   */
    const char *target_domain;    /* description of the targets, for messages             */
    double target_low;            /* bounds of the targets                                */
    double target_high;
    int target_low_belongs; /* target_low itself is allowed                         */
    int rows_sum_to_one;    /* the targets of a row must sum to one                 */
    const char *parameter;  /* name of its parameter; NULL: the loss has none       */
    double parameter_low;   /* bounds of the parameter                              */
    double parameter_high;
    int parameter_ends_belong;
    const char *loss_at_low;  /* replace it at the bounds of that range;            */
    const char *loss_at_high; /* NULL: none                                        */
    double prediction_low;    /* bounds of y_pred                                     */
    double prediction_high;
    int prediction_ends_belong;
} pb_loss_info;

typedef struct pb_optimizer_info {
    const char *name;
    int n_states;        /* number of state arrays, each as long as the parameters         */
    int scale_invariant; /* the step keeps its length if all gradients grow by one factor  */
} pb_optimizer_info;

typedef struct pb_schedule_info {
    const char *name;
    int only_sgd; /* only the optimizer sgd uses it, as in scikit-learn */
} pb_schedule_info;

/* Properties of row `index` of a list; PB_BAD_ARGUMENT past the end of the list. */
pb_status pb_activation_at(size_t index, pb_activation_info *info);
pb_status pb_loss_at(size_t index, pb_loss_info *info);
pb_status pb_optimizer_at(size_t index, pb_optimizer_info *info);
pb_status pb_schedule_at(size_t index, pb_schedule_info *info);

/* Name of instruction set `index` and whether this machine can run it; the last one that it can run
 * is the default. */
pb_status pb_isa_at(size_t index, const char **name, int *runnable);

/* Name of the instruction set in use: the best that this machine can run, or the one that the
 * environment variable PYBACKPROP_ISA names. Chosen by the first call that computes. */
pb_status pb_isa_chosen(const char **name);

/* Name and version of the compiler that built the library. */
const char *pb_compiler(void);

/* The library's version: PB_VERSION of the header that it was built with. */
const char *pb_version(void);

/* ---- Networks ------------------------------------------------------------------------------ */

typedef struct pb_network pb_network;

/* A custom loss: computes l (n_rows) and dl/dy_pred (n_rows, n_outputs) from y and y_pred (n_rows,
 * n_outputs). Arrays are row-major and, except for l, of the network's data type. The loss of a
 * sample may depend on its own row only. It is called in the calling thread, for some rows at a
 * time. A return value other than 0 stops the call with PB_INTERRUPTED. */
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

/* Samples. Dense if `indptr` is NULL: element (i, j) is
 * values[i * row_stride + j * column_stride], strides counted in elements, of either sign.
 * Otherwise CSR with sorted, unique column indices, which are not checked:
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
    PB_TARGET_CLASS      /* one int32 class code per row, trusted to be one of the outputs: */
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
 * `weights` is indexed by row of the table; NULL: all are 1. Weights are finite and >= 0. Rows of
 * weight zero are ignored, whatever their values. */
typedef struct pb_batch {
    pb_samples X;
    pb_targets y;
    const double *weights;
    const int64_t *order;
    size_t n_rows;
} pb_batch;

/* Interruption: long calls poll `poll` at most once per `interval` seconds, in the calling thread;
 * a return value other than 0 stops the call with PB_INTERRUPTED. A NULL pb_interrupt or a NULL
 * `poll` never stops a call. */
typedef struct pb_interrupt {
    int (*poll)(void *context);
    void *context;
    double interval;
    double last; /* time of the last poll on a clock of the library; 0: poll at once */
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

/* Process-wide thread limit, for callers to read when they choose n_threads; 0 if it is not set.
 * The core itself uses n_threads only. Other libraries find both symbols by name. */
PB_EXPORT int pb_thread_limit(void);
PB_EXPORT void pb_set_thread_limit(int limit);

/* ---- Scratch ------------------------------------------------------------------------------- */

typedef struct pb_workspace pb_workspace;

/* The functions that a workspace is large enough for; each kind includes those before it. */
typedef enum pb_workspace_kind {
    PB_WORKSPACE_PREDICTION, /* pb_predict, for any number of rows: max_rows limits memory only */
    PB_WORKSPACE_GRADIENT,   /* pb_objective                                                    */
    PB_WORKSPACE_TRAINING,   /* pb_train_epoch                                                  */
    PB_WORKSPACE_DROPOUT     /* pb_train_epoch with dropout                                     */
} pb_workspace_kind;

/* Scratch memory for batches of up to `max_rows` rows, at least 1. Calls with this workspace use up
 * to `n_threads` threads (1 to PB_MAX_THREADS, the calling one included): fewer if more would not
 * be faster, and one for an objective with a loss_function. The number changes no bit of any
 * result. */
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

/* The intermediate values of a backpropagation. Each member is NULL or an array of n_layers
 * pointers, each NULL or an (n_rows, d_l) array of the caller's, filled with unweighted values per
 * sample. Rows of weight zero are not written. */
typedef struct pb_trace {
    void *const *z;     /* pre-activations                                                */
    void *const *a;     /* activations                                                    */
    void *const *delta; /* dl/dz; needs a gradient                                        */
    /* dl/da, whose product with the Jacobian of the activation is delta; needs a gradient. At the
     * output it may overflow where delta does not. */
    void *const *dloss_da;
} pb_trace;

/* z and a of n_rows samples: the members of a trace that need no targets. */
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

/* The learning rate of a step that begins after `epoch` epochs (with a fraction for the batches of
 * the current one) and takes `length` epochs. *learning_rate is the base rate: the initial one,
 * except for schedules that change it between epochs. A warm-up ends with the last step of its
 * epochs. */
pb_status pb_schedule_rate(const pb_schedule *schedule, double epoch, double length,
                           double *learning_rate);

/* The base rate after `n_samples` samples. */
pb_status pb_schedule_after_epoch(const pb_schedule *schedule, int64_t n_samples,
                                  double *learning_rate);

/* The base rate after progress has stalled; 0: the training should end. */
pb_status pb_schedule_on_plateau(const pb_schedule *schedule, double *learning_rate);

/* Hyperparameters of the update rules; each rule reads those named after it. */
typedef struct pb_hyperparameters {
    double momentum;     /* sgd                                      */
    int nesterov;        /* sgd                                      */
    double beta_1;       /* adam, adamw, nadam                       */
    double beta_2;       /* all but sgd                              */
    double epsilon;      /* all but sgd                              */
    double weight_decay; /* adamw: of coefficients, never intercepts */
} pb_hyperparameters;

/* Dropout: in training, each activation of layer l = 0 ... n_layers - 1 (0: the features) is
 * replaced by 0 with probability rates[l], in [0, 1), and multiplied by 1 / (1 - rates[l])
 * otherwise. The mask is a function of the seed, the number of epochs completed, the layer, the row
 * of the table and the unit only. */
typedef struct pb_dropout {
    const double *rates; /* n_layers of them; NULL: no dropout */
    uint64_t seed;
} pb_dropout;

/* An update rule and its state. The caller owns `states`: n_states arrays in one block, each as
 * long as the parameters and of their data type, zero at the start. All members after it may be
 * zero. */
typedef struct pb_optimizer {
    const char *name;
    pb_hyperparameters hyperparameters;
    double learning_rate;
    int64_t n_steps; /* steps taken; pb_train_epoch increments it */
    void *states;
    pb_dropout dropout;
    const pb_schedule *schedule; /* NULL: every step uses learning_rate                      */
    int64_t n_epochs;            /* epochs completed; pb_train_epoch increments it            */
    const double *layer_rates;   /* factors of the rate, one per layer; NULL: all are 1       */
    double global_clipnorm;      /* maximum norm of the gradient; 0: no clipping              */
    double max_norm;             /* maximum norm of the incoming weights of a unit; 0: none   */
} pb_optimizer;

/* Statistics of the batches of an epoch, weighted by their numbers of rows: means in
 * pb_train_epoch, sums in pb_train_batches. */
typedef struct pb_epoch {
    double loss;          /* objectives, penalty included                                      */
    double penalty;       /* their terms P / S                                                 */
    double gradient_norm; /* norm of the last batch's gradient before clipping; not weighted   */
    size_t n_rows;        /* rows of the batches                                               */
} pb_epoch;

/* Trains one epoch: for each batch of `batch_size` rows (the last may be smaller) forward, backward
 * and one step of the optimizer. A batch whose weights are all zero is skipped: it has no objective
 * and no step, but keeps its place in the schedule. A learning rate of 0 means no step: parameters,
 * states and n_steps do not change. After PB_INTERRUPTED parameters and optimizer are those of the
 * last complete step, after PB_NO_MEMORY those before the call. */
pb_status pb_train_epoch(const pb_network *network, void *parameters, pb_optimizer *optimizer,
                         const pb_batch *rows, size_t batch_size, pb_workspace *workspace,
                         pb_interrupt *interrupt, pb_epoch *epoch);

/* ---- Single functions ---------------------------------------------------------------------- */

/* a = f(z) for (n_rows, n_columns) row-major arrays; z and a may be the same array. After
 * PB_INTERRUPTED a holds the results of some rows. */
pb_status pb_activate(pb_dtype dtype, const char *activation, size_t n_rows, size_t n_columns,
                      const void *z, void *a, pb_interrupt *interrupt);

/* log f(z), exact where f(z) underflows, for the activations with has_log. */
pb_status pb_log_activate(pb_dtype dtype, const char *activation, size_t n_rows, size_t n_columns,
                          const void *z, void *log_a, pb_interrupt *interrupt);

/* vector <- J(z)^T vector, row by row, with the Jacobian J of a = f(z): f'(z) times the vector,
 * except for an activation that couples a row. It turns dl/da into dl/dz = delta. The three arrays
 * are as above and must not overlap. */
pb_status pb_activation_vjp(pb_dtype dtype, const char *activation, size_t n_rows, size_t n_columns,
                            const void *z, const void *a, void *vector, pb_interrupt *interrupt);

/* Whether all n values are finite. */
pb_status pb_all_finite(pb_dtype dtype, size_t n, const void *values, int *finite);

/* ---- Distributed -----------------------------------------------------------------------------
 *
 * The objective of one batch, computed on several machines with the bits of pb_objective. Sums over
 * rows run in row order inside blocks of PB_BLOCK_ROWS rows; the sums of the blocks are added by a
 * binary tree over the index of the block: neighbours first, an odd last sum unchanged. A machine
 * that has the rows of a whole node of that tree (2^k blocks, the first a multiple of 2^k, or the
 * last blocks of the batch) computes the sums of the node alone. The sums of two neighbours are
 * added element by element, the left one first. pb_finish_sums turns the sums of the root into the
 * objective and its gradient. */

/* Rows that are summed as one chain: part of the definition of every gradient's bits. */
#define PB_BLOCK_ROWS ((size_t)256)

typedef struct pb_sums {
    double loss;   /* sum_n s_n l_n, the weights multiplied by the scale */
    double weight; /* sum_n s_n, likewise                                */
} pb_sums;

/* The dropout masks of one epoch, for a table whose row 0 is row `first_row` of the whole table. */
typedef struct pb_masks {
    pb_dropout dropout;
    uint64_t epoch;
    size_t first_row;
} pb_masks;

/* The power of two by which all weights of a batch are multiplied, given the largest of them: 1,
 * unless sums might leave the range of the data type. It changes no bit of the result. */
double pb_weight_scale(double largest);

/* The sums of a node: of its losses and weights, and of the gradients of its rows,
 * sum_n s_n dl_n/dtheta, without penalty and 1/S. All weights may be zero, and the sums then are.
 * `masks` selects a training pass with dropout; NULL: none. */
pb_status pb_block_sums(const pb_network *network, const void *parameters, const pb_batch *node,
                        double weight_scale, const pb_masks *masks, pb_workspace *workspace,
                        pb_interrupt *interrupt, pb_sums *sums, void *gradient);

/* The objective, its penalty term P / S and, in place, its gradient, from the sums of a batch. */
pb_status pb_finish_sums(const pb_network *network, const void *parameters, const pb_sums *sums,
                         double weight_scale, double *objective, double *penalty, void *gradient);

/* Some batches of an epoch. */
typedef struct pb_epoch_part {
    size_t first_batch; /* number of batches of the epoch before these                    */
    size_t n_batches;   /* of the whole epoch, for the schedule                           */
    size_t first_row;   /* row of the whole table that is row 0 of the table of this part */
    int is_last;        /* the epoch ends with this part: report the norm of its gradient */
} pb_epoch_part;

/* Trains some of the batches of an epoch, with the same bits as pb_train_epoch, and adds their
 * statistics to *epoch, which is all zeros before the first call. All weights may be zero. The
 * caller increments optimizer->n_epochs after the last call. */
pb_status pb_train_batches(const pb_network *network, void *parameters, pb_optimizer *optimizer,
                           const pb_batch *rows, size_t batch_size, const pb_epoch_part *part,
                           pb_workspace *workspace, pb_interrupt *interrupt, pb_epoch *epoch);

/* The step that pb_train_batches takes for batch `part->first_batch`, given its gradient, which is
 * clipped in place. *gradient_norm is the norm before clipping if `part->is_last` or if the
 * optimizer clips. */
pb_status pb_take_step(const pb_network *network, void *parameters, pb_optimizer *optimizer,
                       const pb_epoch_part *part, void *gradient, double *gradient_norm);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__)
#    pragma GCC visibility pop
#endif

#endif
