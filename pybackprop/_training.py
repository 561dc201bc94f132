"""The loop over epochs of the stochastic solvers: order, epoch, score, stop.

An epoch itself (gather, forward, backward, step, batch after batch) is C.
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from pybackprop import _core
from pybackprop._dropout import dropout_rates
from pybackprop._optimizer import Optimizer
from pybackprop._sample_weight import require_total_weight


def fit_stochastic(
    model, network, X, y, sample_weight, random_state, incremental, n_threads
):
    """Train a network by mini-batches and write the fitted attributes of the model.

    Parameters
    ----------
    model : estimator
        A draft whose attributes may be changed: parameters in, attributes out.
    network : pybackprop.Network
        Its parameters are changed in place.
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    y : ndarray
        As ``_core.Targets`` reads it.
    sample_weight : ndarray of shape (n_samples,) or None
    random_state : RandomState
        Shuffles and splits, draw for draw as scikit-learn.
    incremental : bool
        One epoch only, with the optimizer as the last call left it.
    n_threads : int
    """
    optimizer = _optimizer(model, network, random_state, incremental)
    rows, validation = None, None
    if model.early_stopping:
        if incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        rows, held_out = _split(model, X, y, sample_weight, random_state)
        validation = _Validation(model, network, *held_out, n_threads)
    n_samples = X.shape[0] if rows is None else len(rows)
    batch_size = _batch_size(model.batch_size, n_samples)
    _start_history(model, network)

    training = _core.Training(
        network.core,
        network.parameters,
        optimizer,
        _core.Samples(X, network.dtype),
        _core.Targets(model._core_targets(y, network.dtype), network.dtype),
        sample_weight,
        batch_size,
        n_threads,
    )
    epochs = range(1, 2 if incremental else model.max_iter + 1)
    orders = _orders(n_samples, rows, model.shuffle, random_state)
    for epoch, order in zip(epochs, orders, strict=False):
        optimizer.epoch_begins()
        model.loss_, finite, *_ = training.epoch(order)
        model.n_iter_ = epoch
        model.t_ += n_samples
        diverged = _judge_epoch(model, network, finite, validation)
        optimizer.epoch_ends(model.t_)
        if diverged:
            _warn_of_divergence(model)
            break
        if model._no_improvement_count > model.n_iter_no_change:
            if _stops_on_plateau(model, optimizer):
                break
            model._no_improvement_count = 0
    else:
        model.stopping_reason_ = "the number of epochs asked for was reached"
        if not incremental:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({model.max_iter}) "
                "reached and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )
    if model.early_stopping:
        network.parameters[:] = model._best_parameters
    model._optimizer = optimizer


def _orders(n_samples, rows, shuffle, random_state):
    """The rows of each epoch in turn; None stands for all, in the table's order."""
    in_turn = np.arange(n_samples, dtype=np.int64)
    positions = in_turn
    while True:
        if shuffle:
            # One permutation an epoch, applied to the order of the last one.
            permutation = in_turn.copy()
            random_state.shuffle(permutation)
            positions = positions.take(permutation)
        if rows is not None:
            yield rows[positions]
        else:
            yield positions if shuffle else None


def _optimizer(model, network, random_state, incremental):
    if incremental and hasattr(model, "_optimizer"):
        return model._optimizer.copy()
    dropout = dropout_rates(model, len(network.coefs))
    # Without dropout nothing is drawn: scikit-learn's draws are the only ones then.
    seed = 0 if dropout is None else random_state.randint(2**63 - 1, dtype=np.int64)
    return Optimizer(
        model.solver,
        len(network.parameters),
        network.dtype,
        schedule=_schedule(model),
        learning_rate_init=model.learning_rate_init,
        power_t=model.power_t,
        dropout=dropout,
        dropout_seed=int(seed),
        horizon=model.max_iter,
        decay_rate=model.decay_rate,
        decay_steps=model.decay_steps,
        warmup_epochs=model.warmup_epochs,
        global_clipnorm=model.global_clipnorm,
        max_norm=model.max_norm,
        momentum=model.momentum,
        nesterov=bool(model.nesterovs_momentum),
        beta_1=model.beta_1,
        beta_2=model.beta_2,
        epsilon=model.epsilon,
        weight_decay=model.weight_decay,
    )


def _schedule(model):
    """scikit-learn's schedules act on sgd alone."""
    schedule = model.learning_rate
    if callable(schedule) or model.solver == "sgd":
        return schedule
    return "constant" if _core.schedules()[schedule]["only_sgd"] else schedule


def _batch_size(batch_size, n_samples):
    if isinstance(batch_size, str):
        return min(200, n_samples)
    if batch_size > n_samples:
        warnings.warn(
            f"batch_size={batch_size} is larger than the {n_samples} training samples. "
            "It is going to be clipped.",
            stacklevel=2,
        )
    return min(int(batch_size), n_samples)


def _split(model, X, y, sample_weight, random_state):
    """Rows to train on, and (X, y, sample_weight) of the rows to validate on."""
    train_rows, validation_rows = train_test_split(
        np.arange(X.shape[0], dtype=np.int64),
        random_state=random_state,
        test_size=model.validation_fraction,
        stratify=model._stratify_by(y),
    )
    if len(validation_rows) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' "
            f"(now {model.validation_fraction}) or the size of your dataset "
            f"(now {X.shape[0]} samples)."
        )
    weights = None
    if sample_weight is not None:
        weights = sample_weight[validation_rows]
        require_total_weight(
            sample_weight[train_rows], "sample_weight of training rows"
        )
        require_total_weight(weights, "sample_weight of validation rows")
    return train_rows, (X[validation_rows], y[validation_rows], weights)


class _Validation:
    """Samples set aside for early stopping, ready to be scored after each epoch."""

    def __init__(self, model, network, X, y, sample_weight, n_threads):
        self.model = model
        self.network = network
        self.y = y
        self.sample_weight = sample_weight
        self.samples = _core.Samples(X, network.dtype)
        self.workspace = _core.prediction_workspace(network.core, X.shape[0], n_threads)

    def score(self):
        """The score of the network as it now is; NaN if an output is not finite."""
        y_pred = self.network.core.predict(
            self.network.parameters, self.samples, workspace=self.workspace
        )
        if not _core.all_finite(y_pred):
            return np.nan
        return self.model._score_outputs(self.y, y_pred, self.sample_weight)


def _start_history(model, network):
    """Attributes of the first call; a warm start and partial_fit go on with theirs."""
    if getattr(model, "loss_curve_", None) is None:
        model.loss_curve_ = []
    model.loss_curve_ = list(model.loss_curve_)
    if not hasattr(model, "_no_improvement_count"):
        model._no_improvement_count = 0
    if model.early_stopping:
        model.best_loss_ = None
        scores = getattr(model, "validation_scores_", None)
        model.validation_scores_ = list(scores or [])
        if getattr(model, "best_validation_score_", None) is None:
            model.best_validation_score_ = -np.inf
            model._best_parameters = network.parameters
        # Of this fit's own: the best of an earlier one stays, should this one fail.
        model._best_parameters = model._best_parameters.copy()
    else:
        if getattr(model, "best_loss_", None) is None:
            model.best_loss_ = np.inf
        model.validation_scores_ = None
        model.best_validation_score_ = None
        model._best_parameters = None


def _judge_epoch(model, network, finite, validation):
    """Record an epoch and count those without progress; whether training diverged.

    Raises ValueError for a divergence that leaves no weights to go back to.
    """
    model.loss_curve_.append(model.loss_)
    if model.verbose:
        print(f"Iteration {model.n_iter_}, loss = {model.loss_:.8f}")
    if validation is not None:
        score = validation.score() if finite else np.nan
        _count_scores(model, network, score)
        return np.isnan(score)
    if not finite:
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may "
            "contain large values and need to be preprocessed. This happened in "
            f"epoch {model.n_iter_}; a smaller learning_rate_init (now "
            f"{model.learning_rate_init}) may help too."
        )
    _count_losses(model)
    return False


def _count_losses(model):
    """Count epochs in which the loss made no progress."""
    if model.loss_ > model.best_loss_ - model.tol:
        model._no_improvement_count += 1
    else:
        model._no_improvement_count = 0
    if model.loss_ < model.best_loss_:
        model.best_loss_ = model.loss_


def _count_scores(model, network, score):
    """Count epochs in which the validation score made no progress; keep the best."""
    model.validation_scores_.append(score)
    if model.verbose:
        print(f"Validation score: {score:f}")
    if score < model.best_validation_score_ + model.tol:
        model._no_improvement_count += 1
    else:
        model._no_improvement_count = 0
    if score > model.best_validation_score_:
        model.best_validation_score_ = score
        model._best_parameters[:] = network.parameters


def _stops_on_plateau(model, optimizer):
    measure = "Validation score" if model.early_stopping else "Training loss"
    message = (
        f"{measure} did not improve more than tol={model.tol:f} for "
        f"{model.n_iter_no_change} consecutive epochs."
    )
    goes_on = optimizer.progress_stalled()
    if goes_on:
        outcome = f"Setting learning rate to {optimizer.learning_rate:f}"
    elif optimizer.schedule == "adaptive":
        outcome = "Learning rate too small. Stopping."
    else:
        outcome = "Stopping."
    if model.verbose:
        print(message, outcome)
    if not goes_on:
        model.stopping_reason_ = message
    return not goes_on


def _warn_of_divergence(model):
    model.stopping_reason_ = f"training diverged in epoch {model.n_iter_}"
    warnings.warn(
        f"Training diverged in epoch {model.n_iter_}: weights became non-finite. The "
        "best weights before it were restored. Scale the inputs and targets, or lower "
        f"learning_rate_init (now {model.learning_rate_init}).",
        ConvergenceWarning,
        stacklevel=2,
    )
