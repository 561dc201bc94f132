"""What each epoch leaves behind: rows, which ``history_`` shows as columns."""

from time import perf_counter

COLUMNS = (
    "loss",
    "penalty",
    "validation_loss",
    "validation_score",
    "learning_rate",
    "gradient_norm",
    "seconds",
)


class Record:
    """The history of a draft, to which a row an epoch is added.

    It goes on from a copy of the rows so far. Rows and not columns, since partial_fit
    copies them in each call, and an epoch on a small table takes no longer than some
    hundred appends.

    Parameters
    ----------
    model : estimator
        A draft; its ``_history`` and ``loss_curve_`` are set, and grow with each row.
    starts_anew : bool
        Whether what earlier calls left is dropped.
    """

    def __init__(self, model, starts_anew=False):
        kept = not starts_anew and getattr(model, "_history", None)
        model._history = self._rows = list(kept or ())
        model.loss_curve_ = self._losses = list(model.loss_curve_ if kept else ())
        self._last = perf_counter()

    def add(self, loss, penalty, measured, learning_rate, gradient_norm):
        """Add a row; ``measured`` is (validation_loss, validation_score)."""
        now = perf_counter()
        self._losses.append(loss)
        self._rows.append(
            (loss, penalty, *measured, learning_rate, gradient_norm, now - self._last)
        )
        self._last = now


def history_elsewhere(model):
    """Fill in what only this package keeps of a training that was another's."""
    losses, scores = model.loss_curve_, model.validation_scores_
    unknown = float("nan")
    model._history = [
        (loss, unknown, unknown, score, unknown, unknown, unknown)
        for loss, score in zip(losses, scores or [unknown] * len(losses), strict=True)
    ]
    model.validation_loss_curve_ = scores and [unknown] * len(scores)


def columns_of(rows):
    """A dict of lists, one a column, of the rows of a Record."""
    if not isinstance(rows, list):
        raise ValueError(f"_history must be the list that a fit leaves. Got {rows!r}.")
    columns = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
    history = {"epoch": list(range(1, len(rows) + 1))}
    for name, column in zip(COLUMNS, columns, strict=True):
        history[name] = list(column)
    return history


def start_validation_curves(model, has_validation, *, keep=False, starts_anew=False):
    """Copies of the two curves so far to go on with; None without a validation set.

    ``keep`` leaves them as they are where there is no such set this time.
    """
    for name in ("validation_scores_", "validation_loss_curve_"):
        earlier = None if starts_anew else getattr(model, name, None)
        if has_validation:
            earlier = list(earlier or ())
        elif not keep:
            earlier = None
        setattr(model, name, earlier)
