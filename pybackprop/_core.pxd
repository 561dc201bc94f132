# cython: language_level=3
"""The C header as Cython sees it: csrc/pybackprop.h, in its order."""

from libc.stdint cimport int32_t, int64_t, uint64_t


cdef extern from "pybackprop.h" nogil:
    ctypedef enum pb_status:
        PB_OK
        PB_NO_MEMORY
        PB_TOO_LARGE
        PB_INTERRUPTED
    const char *pb_status_message(pb_status status)

    ctypedef enum pb_dtype:
        PB_FLOAT32
        PB_FLOAT64

    # A flag is a bint, which becomes a bool in the record.
    ctypedef struct pb_activation_info:
        const char *name
        bint hidden
        bint output
        bint rowwise
        bint has_log
        double range_low
        bint low_attained
        double range_high
        bint high_attained
        double init_factor
        bint init_by_fan_in

    ctypedef struct pb_loss_info:
        const char *name
        bint regression
        bint classification
        const char *elementwise_form
        const char *default_output
        const char *canonical_output
        const char *target_domain
        double target_low
        double target_high
        bint target_low_belongs
        bint rows_sum_to_one
        const char *parameter
        double parameter_low
        double parameter_high
        bint parameter_ends_belong
        const char *loss_at_low
        const char *loss_at_high
        double prediction_low
        double prediction_high
        bint prediction_ends_belong

    ctypedef struct pb_optimizer_info:
        const char *name
        int n_states
        bint scale_invariant

    ctypedef struct pb_schedule_info:
        const char *name
        bint only_sgd

    pb_status pb_activation_at(size_t index, pb_activation_info *info)
    pb_status pb_loss_at(size_t index, pb_loss_info *info)
    pb_status pb_optimizer_at(size_t index, pb_optimizer_info *info)
    pb_status pb_schedule_at(size_t index, pb_schedule_info *info)
    pb_status pb_isa_at(size_t index, const char **name, int *runnable)
    pb_status pb_isa_chosen(const char **name)
    const char *pb_compiler()

    ctypedef struct pb_network:
        pass

    ctypedef int pb_loss_function(void *context, size_t n_rows, const void *y,
                                  const void *y_pred, double *values, void *dloss_dy_pred) noexcept

    ctypedef struct pb_network_spec:
        pb_dtype dtype
        size_t n_layers
        const size_t *layer_sizes
        const char *const *activations
        const char *output_activation
        const char *loss
        const double *alphas
        double l1_ratio
        double loss_parameter
        pb_loss_function *loss_function
        void *loss_context

    pb_status pb_network_new(const pb_network_spec *spec, pb_network **network)
    void pb_network_free(pb_network *network)
    size_t pb_network_n_parameters(const pb_network *network)
    pb_status pb_network_layer(const pb_network *network, size_t layer, size_t *coefs_offset,
                               size_t *intercepts_offset)

    ctypedef struct pb_samples:
        const void *values
        ptrdiff_t row_stride
        ptrdiff_t column_stride
        const int64_t *indptr
        const int32_t *indices

    ctypedef enum pb_target_kind:
        PB_TARGET_REAL
        PB_TARGET_INDICATOR
        PB_TARGET_CLASS

    ctypedef struct pb_targets:
        const void *values
        pb_target_kind kind
        ptrdiff_t row_stride
        ptrdiff_t column_stride
        double smoothing

    ctypedef struct pb_batch:
        pb_samples X
        pb_targets y
        const double *weights
        const int64_t *order
        size_t n_rows

    ctypedef struct pb_interrupt:
        int (*poll)(void *context) noexcept
        void *context
        double interval
        double last

    enum:
        PB_MAX_THREADS
    int pb_thread_limit()
    void pb_set_thread_limit(int limit)

    ctypedef struct pb_workspace:
        pass

    ctypedef enum pb_workspace_kind:
        PB_WORKSPACE_PREDICTION
        PB_WORKSPACE_GRADIENT
        PB_WORKSPACE_TRAINING
        PB_WORKSPACE_DROPOUT

    pb_status pb_workspace_new(const pb_network *network, size_t max_rows, pb_workspace_kind kind,
                               size_t n_threads, pb_workspace **workspace)
    void pb_workspace_free(pb_workspace *workspace)

    ctypedef enum pb_prediction:
        PB_PREDICT_OUTPUT
        PB_PREDICT_LOGITS

    pb_status pb_predict(const pb_network *network, const void *parameters, const pb_samples *X,
                         size_t n_rows, pb_prediction what, pb_workspace *workspace,
                         pb_interrupt *interrupt, void *out)

    ctypedef struct pb_trace:
        void **z
        void **a
        void **delta
        void **dloss_da

    pb_status pb_trace_forward(const pb_network *network, const void *parameters,
                               const pb_samples *X, size_t n_rows, pb_workspace *workspace,
                               pb_interrupt *interrupt, const pb_trace *trace)

    pb_status pb_objective(const pb_network *network, const void *parameters,
                           const pb_batch *batch, pb_workspace *workspace, pb_interrupt *interrupt,
                           double *objective, void *gradient, const pb_trace *trace)

    ctypedef struct pb_hyperparameters:
        double momentum
        int nesterov
        double beta_1
        double beta_2
        double epsilon
        double weight_decay

    ctypedef struct pb_schedule:
        const char *name
        double learning_rate_init
        double power_t
        double horizon
        double decay_rate
        double decay_steps
        double warmup_epochs

    ctypedef struct pb_dropout:
        const double *rates
        uint64_t seed

    ctypedef struct pb_optimizer:
        const char *name
        pb_hyperparameters hyperparameters
        double learning_rate
        int64_t n_steps
        void *states
        pb_dropout dropout
        const pb_schedule *schedule
        int64_t n_epochs
        const double *layer_rates
        double global_clipnorm
        double max_norm

    ctypedef struct pb_epoch:
        double loss
        double penalty
        double gradient_norm
        size_t n_rows

    pb_status pb_train_epoch(const pb_network *network, void *parameters,
                             pb_optimizer *optimizer, const pb_batch *rows, size_t batch_size,
                             pb_workspace *workspace, pb_interrupt *interrupt, pb_epoch *epoch)
    pb_status pb_schedule_rate(const pb_schedule *schedule, double epoch, double length,
                               double *learning_rate)
    pb_status pb_schedule_after_epoch(const pb_schedule *schedule, int64_t n_samples,
                                      double *learning_rate)
    pb_status pb_schedule_on_plateau(const pb_schedule *schedule, double *learning_rate)

    pb_status pb_activate(pb_dtype dtype, const char *activation, size_t n_rows,
                          size_t n_columns, const void *z, void *a, pb_interrupt *interrupt)
    pb_status pb_log_activate(pb_dtype dtype, const char *activation, size_t n_rows,
                              size_t n_columns, const void *z, void *log_a,
                              pb_interrupt *interrupt)
    pb_status pb_activation_vjp(pb_dtype dtype, const char *activation, size_t n_rows,
                                size_t n_columns, const void *z, const void *a, void *vector,
                                pb_interrupt *interrupt)
    pb_status pb_all_finite(pb_dtype dtype, size_t n, const void *values, int *finite)

    ctypedef struct pb_masks:
        pb_dropout dropout
        uint64_t epoch
        size_t first_row

    ctypedef struct pb_sums:
        double loss
        double weight

    ctypedef struct pb_epoch_part:
        size_t first_batch
        size_t n_batches
        size_t first_row
        int is_last

    size_t PB_BLOCK_ROWS
    double pb_weight_scale(double largest)
    pb_status pb_block_sums(const pb_network *network, const void *parameters,
                            const pb_batch *node, double weight_scale, const pb_masks *masks,
                            pb_workspace *workspace, pb_interrupt *interrupt, pb_sums *sums,
                            void *gradient)
    pb_status pb_finish_sums(const pb_network *network, const void *parameters,
                             const pb_sums *sums, double weight_scale, double *objective,
                             double *penalty, void *gradient)

    pb_status pb_train_batches(const pb_network *network, void *parameters,
                               pb_optimizer *optimizer, const pb_batch *rows,
                               size_t batch_size, const pb_epoch_part *part,
                               pb_workspace *workspace, pb_interrupt *interrupt, pb_epoch *epoch)
    pb_status pb_take_step(const pb_network *network, void *parameters,
                           pb_optimizer *optimizer, const pb_epoch_part *part, void *gradient,
                           double *gradient_norm)


cdef extern from "<time.h>" nogil:
    struct timespec:
        long long tv_sec
        long tv_nsec
    enum:
        TIME_UTC
    int timespec_get(timespec *now, int base)
