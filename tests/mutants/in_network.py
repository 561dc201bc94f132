"""Bugs in csrc/network and csrc/training: passes, objective, epochs."""

from mutants.planted import Mutant

_FORWARD = "csrc/network/forward.c"
_BACKWARD = "csrc/network/backward.c"
_OBJECTIVE = "csrc/network/objective.c"
_PREDICT = "csrc/network/predict.c"
_NETWORK = "csrc/network/network.c"
_WORKSPACE = "csrc/network/workspace.c"
_FIT = "csrc/training/epoch.c"
_SCHEDULE = "csrc/training/schedule.c"

MUTANTS = (
    # ---- forward
    Mutant(
        "the first layer has no bias",
        _FORWARD,
        ".bias = pb_offset_const(network, pass->parameters, network->intercepts[l - 1]),",
        ".bias = l == 1 ? NULL : pb_offset_const(network, pass->parameters,\n"
        "                                        network->intercepts[l - 1]),",
        "predictions ignore intercepts_[0]",
        "tests/c/test_trace.c",
    ),
    Mutant(
        "a product that asks on its way takes the first biases again",
        _FORWARD,
        "? NULL : pb_offset_const(network, product->bias, i);",
        "? NULL : pb_offset_const(network, product->bias, 0);",
        "wide layers, whose products are cut, have wrong outputs",
        "tests/c/test_steps.c",
    ),
    Mutant(
        "a long product never asks",
        _FORWARD,
        "            network->kernels->product(&task);\n"
        "            const pb_status status = pb_stop_requested(stop_token);",
        "            network->kernels->product(&task);\n"
        "            const pb_status status = stop_token == NULL ? PB_INTERRUPTED : PB_OK;",
        "Ctrl-C waits for a whole layer",
        "tests/c/test_predict.c",
    ),
    Mutant(
        "the last rows of a block are in no chunk",
        _FORWARD,
        "units = (w->block_rows[b] + PB_CHUNK_UNIT - 1) / PB_CHUNK_UNIT;",
        "units = (w->block_rows[b] + PB_CHUNK_UNIT / 2) / PB_CHUNK_UNIT;",
        "up to seven rows of a batch are computed from old values",
        "tests/c/test_sample_chunks.c",
    ),
    Mutant(
        "a trace is in the order of the rows that count",
        _FORWARD,
        "w->positions[s] * width)",
        "(w->first + s) * width)",
        "behind a row of weight zero every row has another's trace",
        "tests/c/test_network.c",
    ),
    Mutant(
        "weights go by position, not by row",
        _FORWARD,
        "batch->weights == NULL ? 1 : batch->weights[row];",
        "batch->weights == NULL ? 1 : batch->weights[position];",
        "a shuffled batch has the weights of other rows",
        "tests/c/test_row_selection.c",
    ),
    Mutant(
        "rows of weight zero are not left out",
        _FORWARD,
        "            if (weight != 0) {",
        "            if (weight >= 0) {",
        "0 times infinity: one row that does not count makes all NaN",
        "tests/c/test_row_selection.c",
    ),
    Mutant(
        "threads share the scratch of sparse rows",
        _FORWARD,
        "pb_offset(network, w->thread_scratch, thread * w->thread_scratch_stride);",
        "pb_offset(network, w->thread_scratch, thread * 0);",
        "rows of one thread among those of another, now and then",
        "tests/c/test_sample_chunks.c",
    ),
    Mutant(
        "one row with strides is read as contiguous",
        _FORWARD,
        "if (pass->batch->X.column_stride != 1) {",
        "if (pass->batch->X.column_stride == 0) {",
        "a column of a transposed table predicts nonsense",
        "tests/c/test_predict.c",
    ),
    Mutant(
        "blocks of predictions land on the first one",
        _PREDICT,
        "(p->first + chunk.first) * n_outputs), n_outputs);",
        "chunk.first * n_outputs), n_outputs);",
        "tables of many rows have no predictions at their end",
        "tests/c/test_predict.c",
    ),
    Mutant(
        "one row gets probabilities for logits",
        _PREDICT,
        "transpose(1, n_outputs, p->layer[network->n_layers],",
        "transpose(1, n_outputs, p->pass.workspace->a[network->n_layers],",
        "decision_function of one row is that of no other",
        "tests/c/test_predict.c",
    ),
    # ---- backward
    Mutant(
        "delta times f'(a) instead of f'(z)",
        _BACKWARD,
        "            &before, pb_offset(network, w->z[l - 1], chunk.first),",
        "            &before, pb_offset(network, w->a[l - 1], chunk.first),",
        "elu, gelu and their like have a wrong gradient",
        "tests/c/test_gradient.c",
    ),
    Mutant(
        "dl/da of a hidden layer is recorded after f' was multiplied",
        _BACKWARD,
        "        if (pass->trace != NULL) {\n"
        "            pb_record(pass, chunk, l - 1, w->delta[(l - 1) % 2], "
        "pass->trace->dloss_da);\n"
        "        }\n"
        "        network->kernels->vjp[pb_activation_of_layer(network, l - 1)](\n"
        "            &before, pb_offset(network, w->z[l - 1], chunk.first),\n"
        "            pb_offset(network, w->a[l - 1], chunk.first), delta_before);\n",
        "        network->kernels->vjp[pb_activation_of_layer(network, l - 1)](\n"
        "            &before, pb_offset(network, w->z[l - 1], chunk.first),\n"
        "            pb_offset(network, w->a[l - 1], chunk.first), delta_before);\n"
        "        if (pass->trace != NULL) {\n"
        "            pb_record(pass, chunk, l - 1, w->delta[(l - 1) % 2], "
        "pass->trace->dloss_da);\n"
        "        }\n",
        "a trace shows delta twice",
        "tests/c/test_trace.c",
    ),
    Mutant(
        "at the default output a trace has delta in the place of dl/da",
        _BACKWARD,
        "(!network->has_fused_delta || traced != NULL)",
        "!network->has_fused_delta",
        "the gradient of a canonical loss is what lay in the scratch",
        "tests/c/test_trace.c",
    ),
    Mutant(
        "the shortcut for every pair of loss and output",
        _NETWORK,
        "network->has_fused_delta = strcmp(loss.default_output, output) == 0;",
        "network->has_fused_delta = 1;",
        "any output but the default learns another loss",
        "tests/c/test_gradient.c",
    ),
    Mutant(
        "the gradient of W reads what dropout took out",
        _BACKWARD,
        "pb_offset(network, pb_layer_input(pass, l - 1), slice->first_row * w->stride + "
        "place),",
        "pb_offset(network, w->a[l - 1], slice->first_row * w->stride + place),",
        "units that were left out learn",
        "tests/training/test_dropout.py",
    ),
    Mutant(
        "delta comes back through units that are left out",
        "csrc/network/dropout.c",
        "        network->kernels->apply_mask(&matrix, delta, dropout_mask, delta);",
        "        (void)matrix, (void)dropout_mask, (void)delta;",
        "layers below a dropout have a wrong gradient",
        "tests/training/test_dropout.py",
    ),
    Mutant(
        "all hidden layers have the activation of the first",
        _NETWORK,
        "network->output_activation : network->activations[l - 1];",
        "network->output_activation : network->activations[0];",
        "a list of activations is read half",
        "tests/network/test_activation_by_layer.py",
    ),
    Mutant(
        "the parameter of a loss is ignored",
        _NETWORK,
        "network->loss_parameter = spec->loss_parameter;",
        "network->loss_parameter = 1;",
        "huber_delta, quantile and power change nothing",
        "tests/c/test_gradient.c",
    ),
    Mutant(
        "the parameter of a loss is checked before it is rounded",
        _NETWORK,
        "spec->dtype == PB_FLOAT32 ? (double)(float)spec->loss_parameter : ",
        "",
        "a huber_delta of 1e-60 divides by 0 in float32",
        "tests/c/test_registry.c",
    ),
    # ---- objective
    Mutant(
        "alpha is not divided by S in the loss",
        _OBJECTIVE,
        "value.penalty = penalty * weight_scale / sums->weight;",
        "value.penalty = penalty;",
        "loss_ is not the objective that is minimized",
        "tests/c/test_gradient.c",
    ),
    Mutant(
        "weights are not normalised",
        _OBJECTIVE,
        "pb_value value = {sums->loss / sums->weight, 0};",
        "pb_value value = {sums->loss, 0};",
        "loss_ grows with the weights",
        "tests/c/test_gradient.c",
    ),
    Mutant(
        "intercepts are penalised",
        _OBJECTIVE,
        "slice->is_intercepts ? 0 : network->alphas[slice->layer - 1]",
        "network->alphas[slice->layer - 1]",
        "intercepts shrink, which the objective does not ask for",
        "tests/c/test_gradient.c",
    ),
    Mutant(
        "l1_ratio is swapped in the gradient",
        _OBJECTIVE,
        "coefs, alpha * (1 - network->l1_ratio), sums->weight, sum);",
        "coefs, alpha * network->l1_ratio, sums->weight, sum);",
        "the gradient is that of another penalty",
        "tests/c/test_gradient.c",
    ),
    Mutant(
        "half of the squares is missing beside L1",
        _NETWORK,
        "0.5 * (1 - l1_ratio) * squares",
        "(1 - l1_ratio) * squares",
        "the loss is that of another penalty",
        "tests/c/test_gradient.c",
    ),
    Mutant(
        "blocks of losses are added one after another",
        _OBJECTIVE,
        "    for (size_t n = ++sums->n_blocks; n % 2 == 0; n /= 2) {",
        "    for (++sums->n_blocks; sums->depth > 1;) {",
        "other bits than those that are promised",
        "tests/c/test_sample_chunks.c",
    ),
    Mutant(
        "each handful of blocks begins a tree of its own",
        _OBJECTIVE,
        "for (size_t n = s->first_block + b + 1; n % 2 == 0; n /= 2) {",
        "for (size_t n = b + 1; n % 2 == 0; n /= 2) {",
        "the gradient of a large batch is not the sum of its blocks",
        "tests/c/test_sample_chunks.c",
    ),
    Mutant(
        "threads share the scratch of the gradient",
        _OBJECTIVE,
        "pb_offset(s->pass.network, w->thread_scratch, thread * w->thread_scratch_stride);",
        "pb_offset(s->pass.network, w->thread_scratch, thread * 0);",
        "a slice takes another one's step, now and then",
        "tests/c/test_steps.c",
    ),
    # ---- workspace
    Mutant(
        "a workspace has place for whole chunks only",
        _WORKSPACE,
        "return (max_rows + PB_CHUNK_UNIT - 1) / PB_CHUNK_UNIT * PB_CHUNK_UNIT;",
        "return (max_rows + PB_CHUNK_UNIT - 2) / PB_CHUNK_UNIT * PB_CHUNK_UNIT;",
        "17 rows in the place of 16",
        "tests/c/test_sample_chunks.c",
    ),
    Mutant(
        "a partial sum too few",
        _WORKSPACE,
        "PB_BLOCK_ROWS + 1; blocks > 1; blocks /= 2) {",
        "PB_BLOCK_ROWS + 1; blocks > 2; blocks /= 2) {",
        "a batch of many blocks writes beyond its scratch",
        "tests/c/test_sample_chunks.c",
    ),
    Mutant(
        "an overflow of the scratch is not seen",
        _WORKSPACE,
        "from->status = pb_checked_mul(count, size, &bytes);",
        "bytes = count * size;",
        "absurd layers get a small block",
        "tests/c/test_network.c",
    ),
    Mutant(
        "parameters may fill more than the address space",
        _NETWORK,
        "offset > (size_t)PTRDIFF_MAX / sizeof(double)) {",
        "offset > (size_t)PTRDIFF_MAX) {",
        "offsets in bytes overflow",
        "tests/c/test_network.c",
    ),
    Mutant(
        "a tuner grows beyond its scratch",
        "csrc/network/thread_tuner.c",
        "tuner->n_best * 2 < tuner->max_threads ? tuner->n_best * 2 : tuner->max_threads;",
        "tuner->n_best * 2;",
        "more threads than the fit was given",
        "tests/c/test_thread_tuner.c",
    ),
    # ---- the epoch
    Mutant(
        "the ragged last batch is dropped",
        _FIT,
        "    return rows->n_rows == 0 ? 0 : (rows->n_rows - 1) / batch_size + 1;",
        "    return rows->n_rows < batch_size ? 1 : rows->n_rows / batch_size;",
        "some rows of each epoch are not trained on",
        "tests/c/test_training.c",
    ),
    Mutant(
        "a ragged batch counts as a whole one",
        _FIT,
        "loss += value.objective * (double)batch.n_rows;",
        "loss += value.objective * (double)batch_size;",
        "loss_ is too large",
        "tests/c/test_training.c",
    ),
    Mutant(
        "batches in table order have the weights of the first",
        _FIT,
        "rows->weights == NULL ? NULL : rows->weights + first;",
        "rows->weights;",
        "with shuffle=False most rows have another's weight",
        "tests/c/test_training.c",
    ),
    Mutant(
        "a batch without weight ends the training",
        _FIT,
        "        if (!has_weight(&batch)) {",
        "        if (batch.n_rows == 0) {",
        "an error for weights that are allowed",
        "tests/c/test_training.c",
    ),
    Mutant(
        "steps are not counted",
        _FIT,
        "        s->optimizer->n_steps++;\n",
        "",
        "Adam corrects for its first step for ever",
        "tests/c/test_training.c",
    ),
    Mutant(
        "weight decay takes intercepts along",
        _FIT,
        ".decay_factor = slice->is_intercepts ? 1 : 1 - rate",
        ".decay_factor = 1 - rate",
        "AdamW shrinks intercepts",
        "tests/training/test_update_rules.py",
    ),
    Mutant(
        "the rate of a layer is not that of its intercepts",
        _FIT,
        "    if (o->layer_rates != NULL) {",
        "    if (o->layer_rates != NULL && !slice->is_intercepts) {",
        "intercepts of a layer that is to stay still learn",
        "tests/c/test_training.c",
    ),
    Mutant(
        "the gradient's norm is that of the coefficients",
        _FIT,
        "s->gradient_norm = sqrt(k->sum_of_squares(n, gradient));",
        "s->gradient_norm = sqrt(k->sum_of_squares(s->network->n_coefs, gradient));",
        "clipped gradients are longer than asked for",
        "tests/c/test_training.c",
    ),
    Mutant(
        "max_norm limits rows instead of columns",
        _FIT,
        "limit_columns(network->layer_sizes[l], network->layer_sizes[l + 1],",
        "limit_columns(network->layer_sizes[l + 1], network->layer_sizes[l],",
        "what a unit takes in may be longer than max_norm",
        "tests/training/test_limits.py",
    ),
    Mutant(
        "the sums of a node are finished like those of a batch",
        _OBJECTIVE,
        """    if (s->wants_sums) {
        return PB_OK;
    }
""",
        "",
        "machines that share a batch divide by their own rows' weights",
        "tests/c/test_distributed.c",
    ),
    Mutant(
        "a part of an epoch has the schedule's first rates",
        _FIT,
        "set_rate(s, part->first_batch + i, part->n_batches);",
        "set_rate(s, i, part->n_batches);",
        "an epoch in parts warms up again in each",
        "tests/c/test_distributed.c",
    ),
    Mutant(
        "a step of a given gradient is not clipped",
        _FIT,
        "    if (part->is_last || optimizer->global_clipnorm > 0) {\n        clip",
        "    if (part->is_last) {\n        clip",
        "global_clipnorm does nothing where machines share a batch",
        "tests/c/test_distributed.c",
    ),
    Mutant(
        "masks of a node begin with row 0",
        "csrc/network/dropout.c",
        "masks->epoch, l, masks->first_row,",
        "masks->epoch, l, 0,",
        "dropout depends on which machine has a row",
        "tests/c/test_distributed.c",
    ),
    Mutant(
        "a rate of 0 takes a step",
        _FIT,
        "        .on_slice = s->rate > 0 ? on_slice : NULL,",
        "        .on_slice = on_slice,",
        "momentum goes on where a schedule has ended",
        "tests/c/test_training.c",
    ),
    Mutant(
        "every batch in table order has the first one's masks",
        _FIT,
        "part->first_row + (rows->order == NULL ? i * batch_size : 0);",
        "part->first_row;",
        "with shuffle=False dropout depends on the batches",
        "tests/training/test_dropout.py",
    ),
    Mutant(
        "warm-up is one step late",
        _SCHEDULE,
        "const double warm = epoch + length;",
        "const double warm = epoch;",
        "the first step has a rate of 0, which is none",
        "tests/c/test_schedules.c",
    ),
    Mutant(
        "a schedule ends an epoch late",
        _SCHEDULE,
        "epoch < s->horizon ? epoch / s->horizon : 1;",
        "epoch < s->horizon + 1 ? epoch / (s->horizon + 1) : 1;",
        "the rate has not come down to its end at max_iter",
        "tests/c/test_schedules.c",
    ),
    Mutant(
        "squares of a power lose what rounding took",
        "csrc/training/optimizer.c",
        "x_lost = lost - (x - square);",
        "x_lost = 0;",
        "Adam's correction drifts over millions of steps",
        "tests/c/test_training.c",
    ),
)
