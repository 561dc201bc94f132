"""In random sequences of calls, storing, copying and failing change no bit.

Two estimators get the same calls. One of them is also pickled, copied, cloned, called
with refused arguments and made to fail. After each step the attributes, predictions
and exceptions of both must be the same.
"""

import copy
import pickle
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sklearn.base import clone

from pybackprop import MLPClassifier, MLPRegressor
from support.reference import assert_state, timeless

RNG = np.random.RandomState(0)
TABLES = [
    (RNG.standard_normal((n, 3)), RNG.permutation(np.arange(n) % 3), n)
    for n in (20, 31, 20)
]
HELD_OUT = {"X_val": TABLES[2][0], "y_val": TABLES[2][1]}
PARAMETERS = {
    "max_iter": [1, 2, 4],
    "alpha": [0.0, 0.3],
    "learning_rate_init": [0.01, 0.1],
    "n_iter_no_change": [1, 5],
    "hidden_layer_sizes": [(4,), (2, 3)],
    "warm_start": [False, True],
    "early_stopping": [False, True],
    "batch_size": ["auto", 7],
    "n_jobs": [1, 2],
    # Values that the next fit refuses.
    "momentum": [0.9, 1.5],
}
REFUSED = [
    lambda model: model.fit(TABLES[0][0], TABLES[0][1][1:]),
    lambda model: model.fit(np.full((20, 3), np.nan), TABLES[0][1]),
    lambda model: model.fit(*TABLES[0][:2], sample_weight=[-1.0] * 20),
    lambda model: model.fit(*TABLES[0][:2], X_val=TABLES[2][0]),
    lambda model: model.predict(np.zeros((2, 4))),
    lambda model: model.predict([["text"] * 3]),
    lambda model: model.set_params(nonsense=1),
]


class AnyOrder(RuleBasedStateMachine):
    @initialize(
        kind=st.sampled_from([MLPClassifier, MLPRegressor]),
        solver=st.sampled_from(["sgd", "adam", "nadam", "lbfgs"]),
        dropout=st.sampled_from([0.0, 0.4]),
        is_int=st.booleans(),
    )
    def start(self, kind, solver, dropout, is_int):
        self.model, self.twin = (
            kind(
                hidden_layer_sizes=(4,),
                solver=solver,
                max_iter=3,
                dropout=0.0 if solver == "lbfgs" else dropout,
                random_state=0 if is_int else np.random.RandomState(0),
            )
            for _ in range(2)
        )

    def both(self, call):
        """Call both estimators, which may raise, but then the same message."""
        outcomes = []
        for model in (self.model, self.twin):
            try:
                outcomes.append(call(model))
            except (ValueError, TypeError, AttributeError) as refusal:
                outcomes.append((type(refusal), str(refusal)))
        kinds = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
        assert len(kinds) in (0, 2) and kinds[:1] == kinds[1:]

    # -------------------------------------------------------- calls of both estimators
    @rule(i=st.integers(0, 1), validates=st.booleans(), weighted=st.booleans())
    def fit(self, i, validates, weighted):
        X, y, n = TABLES[i]
        held_out = HELD_OUT if validates else {}
        self.fitted_to = (X, y, np.arange(n) % 4 / 2 if weighted else None), held_out
        self.both(lambda m: m.fit(*self.fitted_to[0], **held_out))

    @precondition(lambda self: hasattr(self, "fitted_to"))
    @rule(epochs=st.integers(1, 3))
    def continue_training(self, epochs):
        max_iter = getattr(self.twin, "n_iter_", 0) + epochs
        table, held_out = self.fitted_to
        self.both(lambda m: m.set_params(max_iter=max_iter))
        self.both(lambda m: m.fit(*table, resume=True, **held_out))

    @rule(i=st.integers(0, 1), validates=st.booleans())
    def partial_fit(self, i, validates):
        X, y, _ = TABLES[i]
        more = dict(HELD_OUT) if validates else {}
        if isinstance(self.twin, MLPClassifier):
            more["classes"] = [0, 1, 2]
        self.both(lambda m: m.partial_fit(X, y, **more))

    @rule(name=st.sampled_from(list(PARAMETERS)), choice=st.integers(0, 2))
    def set_params(self, name, choice):
        values = PARAMETERS[name]
        value = values[choice % len(values)]
        self.both(lambda m: m.set_params(**{name: value}))

    @precondition(lambda self: hasattr(self.twin, "coefs_"))
    @rule(factor=st.sampled_from([0.0, -1.5]), replaces=st.booleans())
    def edit(self, factor, replaces):
        for model in (self.model, self.twin):
            if replaces:
                model.coefs_ = [factor * W for W in model.coefs_]
            else:
                model.intercepts_[0][...] *= factor

    # ---------------------------------------------------------- calls of one estimator
    @rule(protocol=st.integers(2, pickle.HIGHEST_PROTOCOL))
    def pickle(self, protocol):
        self.model = pickle.loads(pickle.dumps(self.model, protocol))

    @rule(deep=st.booleans())
    def copy(self, deep):
        self.model = (copy.deepcopy if deep else copy.copy)(self.model)

    @rule()
    def clone(self):
        with suppress(ValueError):  # for a parameter that every fit refuses
            clone(self.model).fit(*TABLES[1][:2])

    @rule(call=st.sampled_from(REFUSED))
    def fail(self, call):
        with pytest.raises((ValueError, TypeError, AttributeError)):
            call(self.model)

    @precondition(lambda self: hasattr(self.twin, "coefs_"))
    @rule(n=st.sampled_from([1, 3, 31]))
    def predict(self, n):
        self.model.predict(TABLES[1][0][:n])
        self.model.predict(TABLES[1][0][:n].tolist())

    # ----------------------------------------------------------------------------
    @invariant()
    def attributes_are_the_same(self):
        if not hasattr(self, "twin"):
            return
        states = [
            timeless(m) if hasattr(m, "_history") else dict(vars(m))
            for m in (self.model, self.twin)
        ]
        assert states[0].keys() == states[1].keys()
        for name in states[1]:
            assert_state(states[0][name], states[1][name], name)

    @invariant()
    def predictions_are_the_same(self):
        if hasattr(getattr(self, "twin", None), "coefs_"):
            for n in (1, 31):
                X = TABLES[1][0][:n]
                assert self.model.predict(X).tobytes() == self.twin.predict(X).tobytes()


@pytest.mark.promise(
    "A call that raises changes nothing",
    "Fits, warm starts, resumed fits, predictions, pickling, copies and failing calls"
    " may run in any order: saving, copying and failing calls change no bit of later "
    "results.",
)
@pytest.mark.parametrize(
    "n_examples",
    [15, pytest.param(80, marks=[pytest.mark.slow, pytest.mark.full])],
)
def test_calls_in_any_order(n_examples):
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(
            max_examples=n_examples,
            stateful_step_count=20,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
