/* The objective of a batch and its gradient, inside the library. */
#ifndef PB_OBJECTIVE_H
#define PB_OBJECTIVE_H

#include "network/batch.h"

/* Receives the gradient of a batch. `on_gradient`, if given, is called first, with the whole
 * gradient, and may change it. `on_slice`, if given, is called for each slice of parameters, in any
 * order and from any thread, and may not keep the pointer. */
typedef struct pb_gradient_sink {
    void (*on_slice)(void *context, const pb_param_slice *slice, const void *gradient);
    void (*on_gradient)(void *context, void *gradient);
    void *context;
} pb_gradient_sink;

typedef struct pb_value {
    double objective;
    double penalty; /* its term P / S */
} pb_value;

/* The objective and its gradient as pb_objective defines them. The gradient goes to `gradient` or
 * to `sink`; both may be NULL, and one of them must be. */
pb_status pb_batch_objective(const pb_pass *pass, pb_interrupt *interrupt, pb_value *value,
                             void *gradient, const pb_gradient_sink *sink);

#endif
