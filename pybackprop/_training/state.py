"""Holds what a training works on, and the state it has reached."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Problem:
    """What a solver minimizes, and the parameters that say how.

    Attributes
    ----------
    params : object
        Has the parameters of an estimator as attributes.
    network : Network
        Its parameters are changed in place.
    data : TrainingData
        The samples to train on: ArrayData, BatchData or another class with the same
        methods.
    validation_set : Dataset or None
    scorer : callable or None
        ``scorer(X, y, sample_weight)``: a score of the estimator that the user chose.
    """

    params: Any
    network: Any
    data: Any
    validation_set: Any = None
    scorer: Any = None

    @property
    def targets(self):
        """The Targets of the task."""
        return self.data.targets


# The fitted attribute that shows each field of a TrainingState, also in files.
ATTRIBUTES = {
    "n_iter": "n_iter_",
    "t": "t_",
    "loss": "loss_",
    "loss_curve": "loss_curve_",
    "best_loss": "best_loss_",
    "validation_loss_curve": "validation_loss_curve_",
    "validation_scores": "validation_scores_",
    "best_validation_score": "best_validation_score_",
    "best_parameters": "_best_parameters",
    "no_improvement_count": "_no_improvement_count",
    "history": "_history",
    "stopping_reason": "stopping_reason_",
    "stopped": "stopped_",
    "partial_fit_is_over": "_partial_fit_is_over",
    "optimizer": "_optimizer",
    "resume_state": "_pause",
}

HISTORY_COLUMNS = (
    "loss",
    "penalty",
    "validation_loss",
    "validation_score",
    "learning_rate",
    "gradient_norm",
    "seconds",
)


class TrainingState:
    """Learning curves, counters and best weights of a training.

    A field exists once a training has set it: L-BFGS, for example, counts no epochs
    without improvement.

    Attributes
    ----------
    n_iter, t : int
        Epochs or iterations of this training, and samples seen in all.
    loss : float
        The objective in the last epoch.
    loss_curve, validation_loss_curve, validation_scores : list of float or None
    history : list of tuple
        A row per epoch, with the values of ``HISTORY_COLUMNS``.
    no_improvement_count : int
        Consecutive epochs without progress.
    best_loss, best_validation_score : float or None
        Best training loss or validation score so far; the one that does not decide when
        to stop is None.
    best_parameters : ndarray of shape (n_parameters,) or None
        Those with the best validation score.
    stopping_reason : str
    stopped : bool
        Whether more epochs would change nothing.
    partial_fit_is_over : bool
        Whether further calls to ``partial_fit`` change nothing.
    optimizer : Optimizer
        As the last epoch has left it.
    resume_state : ResumeState or None
    """

    def __init__(self, attributes=()):
        """Continue from the fitted attributes of an estimator, a mapping."""
        fields = vars(self)
        for field, name in ATTRIBUTES.items():
            if name in attributes:
                fields[field] = attributes[name]

    def attributes(self):
        """Return the fitted attributes that show this state, by name."""
        return {ATTRIBUTES[field]: value for field, value in vars(self).items()}

    @classmethod
    def from_elsewhere(cls, reason, attributes=()):
        """Return the state of a network that was not trained by this package.

        Parameters
        ----------
        reason : str
            The ``stopping_reason``.
        attributes : dict
            Fitted attributes that are known; all others say that nothing is known.
        """
        unknown = float("nan")
        fields = {
            "n_iter": 0,
            "t": 0,
            "loss": unknown,
            "loss_curve": [],
            "best_loss": None,
            "best_validation_score": None,
            "validation_scores": None,
            "stopping_reason": reason,
            "stopped": False,
            "resume_state": None,
            "partial_fit_is_over": False,
        }
        state = cls()
        vars(state).update(fields | vars(cls(attributes)))
        scores = state.validation_scores or [unknown] * len(state.loss_curve)
        state.history = [
            (loss, unknown, unknown, score, unknown, unknown, unknown)
            for loss, score in zip(state.loss_curve, scores, strict=True)
        ]
        state.validation_loss_curve = state.validation_scores and [unknown] * len(
            scores
        )
        return state

    # --------------------------------------------------------------------------- curves
    def start_curves(self, has_validation, *, anew=False, keeps_validation=False):
        """Continue copies of the curves so far.

        Parameters
        ----------
        has_validation : bool
            Whether the validation curves grow; else they become None.
        anew : bool
            Whether all curves start empty.
        keeps_validation : bool
            Whether the validation curves stay where they do not grow.
        """
        kept = not anew and vars(self).get("history")
        # Rows and not columns, since partial_fit copies them in each call.
        self.history = list(kept or ())
        self.loss_curve = list(self.loss_curve if kept else ())
        for name in ("validation_scores", "validation_loss_curve"):
            earlier = None if anew else vars(self).get(name)
            if has_validation:
                earlier = list(earlier or ())
            elif not keeps_validation:
                earlier = None
            setattr(self, name, earlier)

    def add_epoch(self, penalty, measured, learning_rate, gradient_norm, seconds):
        """Add a row for the epoch to the history.

        ``measured`` is (validation_loss, validation_score).
        """
        self.loss_curve.append(self.loss)
        self.history.append(
            (self.loss, penalty, *measured, learning_rate, gradient_norm, seconds)
        )

    # ------------------------------------------------------------------------- progress
    def start_progress(self, network, early_stopping, is_one_epoch):
        """Select what counts as progress: the training loss or the validation score.

        A warm start and partial_fit continue the count.
        """
        # A fit may have ended for lack of progress; this is another training.
        is_after_fit = is_one_epoch and vars(self).get("resume_state") is not None
        if "no_improvement_count" not in vars(self) or (
            is_after_fit and early_stopping
        ):
            self.no_improvement_count = 0
        if not early_stopping:
            if vars(self).get("best_loss") is None:
                self.best_loss = np.inf
            self.best_validation_score = self.best_parameters = None
            return
        self.best_loss = None
        if vars(self).get("best_validation_score") is None:
            self.best_validation_score = -np.inf
            self.best_parameters = network.parameters
        # A copy: the best of an earlier fit stays, should this one fail.
        self.best_parameters = self.best_parameters_for(network)

    def best_parameters_for(self, network):
        """Return a copy of the best parameters; ValueError if they fit no network."""
        best = self.best_parameters
        if np.shape(best) != network.parameters.shape:
            raise ValueError(
                "_best_parameters must be a vector of length "
                f"{len(network.parameters)}. Got {best!r}."
            )
        return np.array(best, dtype=network.dtype)

    def count_loss(self, tol):
        """Count the epoch as one without progress, unless its loss fell by tol."""
        if self.loss > self.best_loss - tol:
            self.no_improvement_count += 1
        else:
            self.no_improvement_count = 0
        if self.loss < self.best_loss:
            self.best_loss = self.loss

    def count_score(self, score, tol, parameters):
        """Count the same by the validation score, and keep the best parameters."""
        if score < self.best_validation_score + tol:
            self.no_improvement_count += 1
        else:
            self.no_improvement_count = 0
        if score > self.best_validation_score:
            self.best_validation_score = score
            self.best_parameters[:] = parameters


def history_columns(rows):
    """Return a dict of lists, one per column, of the rows of a history."""
    if not isinstance(rows, list):
        raise ValueError(f"_history must be the list that a fit leaves. Got {rows!r}.")
    columns = zip(*rows, strict=True) if rows else [()] * len(HISTORY_COLUMNS)
    history = {"epoch": list(range(1, len(rows) + 1))}
    for name, column in zip(HISTORY_COLUMNS, columns, strict=True):
        history[name] = list(column)
    return history
