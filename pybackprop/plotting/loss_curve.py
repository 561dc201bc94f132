"""LossCurveDisplay plots the loss of a training over its epochs."""

from numbers import Real

import numpy as np

from pybackprop._solvers import SOLVERS
from pybackprop.plotting._axes import axes_to_draw_on, check_matplotlib_support
from pybackprop.plotting._colours import CATEGORIES, MARKERS
from pybackprop.plotting._resolve import fitted_last_step

# Height of each panel relative to that of the loss.
PANELS = {"loss": 1.0, "score": 0.5, "learning_rate": 0.35}

# A penalty below this share of the objective is not visible, and is not drawn.
_VISIBLE = 0.05

_COLUMNS = (
    "loss",
    "epoch",
    "penalty",
    "validation_loss",
    "validation_score",
    "learning_rate",
)


class LossCurveDisplay:
    """Loss of a training over its epochs, with validation loss and score if any.

    It differs from scikit-learn's ``LearningCurveDisplay``, which shows the score as a
    function of the number of samples, over many trainings.

    It is recommended to use ``from_estimator`` or ``from_history`` to create one.

    Parameters
    ----------
    history : dict of array-like of shape (n_epochs,)
        As an estimator's ``history_``. The column ``loss`` is required: the objective
        F, which is loss plus penalty. The columns ``epoch``, ``penalty``,
        ``validation_loss``, ``validation_score`` and ``learning_rate`` are drawn if
        given; a column of NaN counts as absent.
    best_epoch : int, default=None
        Value of ``epoch`` at which a line marks the best validation score.
    unit : str, default='epoch'
        Meaning of a row: an 'epoch', or an 'iteration' of L-BFGS.
    score_name : str, default='score'
        Name of the validation score.
    name : str, default=None
        Name of the training, for the legend.

    Attributes
    ----------
    lines_ : dict of matplotlib Line2D
        Lines by name: 'loss', and, if drawn, 'loss_without_penalty',
        'validation_loss', 'validation_score' and 'learning_rate'.
    line_ : matplotlib Line2D
        The first of them, the objective.
    best_lines_ : list of matplotlib Line2D
        One vertical line per panel; empty without ``best_epoch``.
    axes_ : ndarray of matplotlib Axes, of shape (n_panels,)
    ax_ : matplotlib Axes
        The first, with the loss.
    figure_ : matplotlib Figure

    See Also
    --------
    pybackprop.MLPClassifier : Its ``history_`` has the numbers.
    pybackprop.MLPRegressor : The same for regression.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from pybackprop import MLPClassifier
    >>> from pybackprop.plotting import LossCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(max_iter=1000, random_state=0).fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> display.ax_.get_yscale()
    'log'
    """

    def __init__(
        self,
        history,
        *,
        best_epoch=None,
        unit="epoch",
        score_name="score",
        name=None,
    ):
        self.history = history
        self.best_epoch = best_epoch
        self.unit = unit
        self.score_name = score_name
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator, *, ax=None, name=None, panels=None, scale="auto"
    ):
        """Draw the loss curve of a fitted estimator.

        To compare several, pass the axes of the first to the others::

            first = LossCurveDisplay.from_estimator(slow, name="sgd")
            LossCurveDisplay.from_estimator(fast, name="adam", ax=first.ax_)

        With early stopping by a validation score, a line marks the epoch with the best
        score, whose weights the estimator has after ``fit``.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Pipeline
            Fitted; a pipeline ends in one of these. scikit-learn's estimators of the
            same names are accepted too, for comparison.
        ax, name, panels, scale
            As in ``plot``.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        NotFittedError
        TypeError
            If the estimator has no ``loss_curve_``.
        ValueError
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        model = fitted_last_step(estimator, "loss_curve_")
        history = _history_of(model)
        display = cls(
            history,
            best_epoch=_best_epoch(model, history),
            unit=SOLVERS[model.solver].unit,
            score_name=_score_name(model),
            name=name,
        )
        return display.plot(ax, panels=panels, scale=scale)

    @classmethod
    def from_history(
        cls,
        history,
        *,
        best_epoch=None,
        unit="epoch",
        score_name="score",
        ax=None,
        name=None,
        panels=None,
        scale="auto",
    ):
        """Draw a loss curve that was recorded by the user, such as of ``Network.step``.

        Parameters
        ----------
        history : dict of array-like, or DataFrame
        best_epoch, unit, score_name
            As in ``LossCurveDisplay``.
        ax, name, panels, scale
            As in ``plot``.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        ValueError
            If the history has no ``loss``, or columns of different lengths.
        """
        check_matplotlib_support(f"{cls.__name__}.from_history")
        display = cls(
            history,
            best_epoch=best_epoch,
            unit=unit,
            score_name=score_name,
            name=name,
        )
        return display.plot(ax, panels=panels, scale=scale)

    def plot(self, ax=None, *, name=None, panels=None, scale="auto"):
        """Draw the loss curve.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            One for each panel; None makes a new figure.
        name : str, default=None
            Name of the training, for the legend; None takes that of the display.
        panels : sequence of {'loss', 'score', 'learning_rate'}, default=None
            Panels to draw, from top to bottom. None is the loss alone if a single ax is
            given, and otherwise the loss, the validation score if there is one, and the
            learning rate if it changes.
        scale : {'auto', 'log', 'linear'}, default='auto'
            Scale of the loss. 'auto' is logarithmic if the losses are positive and
            differ by a factor of ten or more, and otherwise keeps the scale of the ax.

        Returns
        -------
        LossCurveDisplay
            The display itself.
        """
        columns = _checked_columns(self.history)
        panels = _checked_panels(panels, columns, ax)
        if scale not in ("auto", "log", "linear"):
            raise ValueError(f"scale must be 'auto', 'log' or 'linear'. Got {scale!r}.")
        best = self.best_epoch
        if best is not None and (not isinstance(best, Real) or not np.isfinite(best)):
            raise ValueError(
                f"best_epoch must be a finite number, or None. Got {best!r}."
            )
        axes = axes_to_draw_on(
            ax,
            len(panels),
            f"{type(self).__name__}.plot",
            what=f"of the panels {', '.join(panels)}",
            n_columns=1,
            sharex=True,
            gridspec_kw={"height_ratios": [PANELS[panel] for panel in panels]},
        )
        self.lines_, self.best_lines_ = {}, []
        self.axes_, self.ax_, self.figure_ = axes, axes[0], axes[0].figure
        name = self.name if name is None else name
        style = None
        for panel, one in zip(panels, axes, strict=True):
            style = self._draw_panel(panel, one, columns, name, style)
        self._mark_best(panels, axes, name, style)
        self.line_ = next(iter(self.lines_.values()))
        if "loss" in panels:
            _set_scale(axes[panels.index("loss")], scale, self._losses_drawn())
        self._label_epochs(axes)
        return self

    def _draw_panel(self, panel, ax, columns, name, style):
        """Draw the lines of one panel, and return their colour and marker."""
        if not ax.has_data():
            # Each training on these axes gets another colour and marker.
            n = len(CATEGORIES)
            ax.set_prop_cycle(color=CATEGORIES, marker=MARKERS[:n])
        epochs = columns["epoch"]
        # About eight markers leave the line visible; a single point has one.
        common = {"markevery": max(1, len(epochs) // 8), "markersize": 4.5}
        common |= style or {}

        def draw(key, values, label, **own):
            (line,) = ax.plot(epochs, values, label=label, **common | own)
            self.lines_[key] = line
            return {"color": line.get_color(), "marker": line.get_marker()}

        if panel == "score":
            ax.set_ylabel(f"validation\n{self.score_name}")
            return draw("validation_score", columns["validation_score"], name)
        if panel == "learning_rate":
            ax.set_ylabel("learning\nrate")
            return draw("learning_rate", columns["learning_rate"], name)
        ax.set_ylabel("loss")
        before, objective = "", "objective F (loss + penalty)"
        if name is not None:
            before, objective = f"{name}: ", f"{name}: loss + penalty"
        style = draw("loss", columns["loss"], objective)
        if _is_visible(columns):
            without, label = columns["loss"] - columns["penalty"], f"{before}loss"
            own = style | {"ls": ":", "markersize": 2.5}
            draw("loss_without_penalty", without, label, **own)
        if "validation_loss" in columns:
            values, label = columns["validation_loss"], f"{before}validation loss"
            own = style | {"ls": "--", "markerfacecolor": "white"}
            draw("validation_loss", values, label, **own)
        return style

    def _mark_best(self, panels, axes, name, style):
        if self.best_epoch is None:
            return
        label = f"best {self.score_name}, {self.unit} {self.best_epoch}"
        label = label if name is None else f"{name}: {label}"
        in_legend = panels.index("score") if "score" in panels else 0
        for index, ax in enumerate(axes):
            self.best_lines_.append(
                ax.axvline(
                    self.best_epoch,
                    color=style["color"],
                    ls="-.",
                    lw=1,
                    label=label if index == in_legend else None,
                )
            )

    def _losses_drawn(self):
        keys = ("loss", "loss_without_penalty", "validation_loss")
        lines = (self.lines_[key] for key in keys if key in self.lines_)
        return np.concatenate([line.get_ydata() for line in lines])

    def _label_epochs(self, axes):
        from matplotlib.ticker import MaxNLocator

        whole = MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
        axes[-1].xaxis.set_major_locator(whole)  # shared by the panels of one figure
        axes[-1].set_xlabel(self.unit)
        for ax in axes:
            if ax.get_legend_handles_labels()[1]:
                # The legend is transparent, since it may cover curves.
                ax.legend(fontsize="small", framealpha=0.5)


def _history_of(model):
    """Return ``history_``, or collect it from an estimator of scikit-learn."""
    history = getattr(model, "history_", None)
    if history is not None:
        return history
    history = {"loss": list(model.loss_curve_)}
    scores = getattr(model, "validation_scores_", None)
    return history | ({"validation_score": list(scores)} if scores else {})


def _best_epoch(model, history):
    """Return the first epoch with the best validation score of early stopping."""
    best = getattr(model, "best_validation_score_", None)
    scores = history.get("validation_score", [])
    return scores.index(best) + 1 if best is not None and best in scores else None


def _score_name(model):
    scoring = getattr(model, "scoring", None)
    if scoring is None:
        return "accuracy" if hasattr(model, "classes_") else "$R^2$"
    if scoring == "loss":
        return "score (-loss)"
    return scoring if isinstance(scoring, str) else "score"


def _checked_columns(history):
    """Return the known columns as arrays of numbers, or raise ValueError."""
    try:
        given = {name: history[name] for name in _COLUMNS if name in history}
    except TypeError:
        given = {}
    if "loss" not in given:
        raise ValueError(
            "history must be a dict with a list 'loss', one number per epoch. "
            f"Got {history!r}."
        )
    columns = {}
    for name, values in given.items():
        try:
            columns[name] = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            columns[name] = np.empty((0, 0))
        if columns[name].ndim != 1 or columns[name].shape != columns["loss"].shape:
            raise ValueError(
                f"history[{name!r}] must have one number per epoch, as 'loss' has. "
                f"Got {values!r}."
            )
    if len(columns["loss"]) == 0:
        raise ValueError("history must have at least one epoch. Got none.")
    columns.setdefault("epoch", np.arange(1.0, len(columns["loss"]) + 1))
    known = {n: c for n, c in columns.items() if not np.all(np.isnan(c))}
    return {"loss": columns["loss"]} | known


def _checked_panels(panels, columns, ax):
    """Return the panels to draw, or raise ValueError."""
    if panels is None:
        if ax is not None and np.ndim(ax) == 0:
            return ["loss"]
        rate = columns.get("learning_rate", np.zeros(1))
        changes = np.nanmin(rate) != np.nanmax(rate)
        has_score = "validation_score" in columns
        return ["loss", *["score"] * has_score, *["learning_rate"] * bool(changes)]
    panels = [panels] if isinstance(panels, str) else list(panels)
    if not panels or not all(panels.count(p) == 1 and p in PANELS for p in panels):
        raise ValueError(
            f"panels must be some of {', '.join(map(repr, PANELS))}, each once. "
            f"Got {panels!r}."
        )
    for panel, column in (("score", "validation_score"), ("learning_rate",) * 2):
        if panel in panels and column not in columns:
            raise ValueError(f"panels has {panel!r}, but history has no {column!r}.")
    return panels


def _is_visible(columns):
    penalty = columns.get("penalty")
    return penalty is not None and np.any(penalty > _VISIBLE * abs(columns["loss"]))


def _set_scale(ax, scale, losses):
    if scale == "auto":
        losses = losses[np.isfinite(losses)]
        falls = losses.size and losses.min() > 0 and losses.max() >= 10 * losses.min()
        scale = "log" if falls else ax.get_yscale()
    ax.set_yscale(scale)
    if scale == "log":
        _write_plain_numbers(ax.yaxis)


def _write_plain_numbers(axis):
    """Write tick labels as 0.05 instead of powers of ten, at 1, 2 and 5 if they fit."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    subs = (1.0, 2.0, 5.0) if high < 1e3 * low else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
