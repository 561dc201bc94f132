"""Types of the compiled core; see _core.pyx for what each function promises."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypedDict

import numpy as np
from numpy.typing import DTypeLike, NDArray

class ActivationRecord(TypedDict):
    hidden: bool
    output: bool
    rowwise: bool
    has_log: bool
    init_factor: float

class LossRecord(TypedDict):
    default_output: str
    canonical_output: str | None
    target_domain: str
    target_low: float
    target_high: float
    rows_sum_to_one: bool

class OptimizerRecord(TypedDict):
    n_states: int

class OptimizerState(Protocol):
    name: str
    hyperparameters: dict[str, float]
    learning_rate: float
    n_steps: int
    states: NDArray[Any]

MAX_THREADS: int

def activations() -> dict[str, ActivationRecord]: ...
def losses() -> dict[str, LossRecord]: ...
def optimizers() -> dict[str, OptimizerRecord]: ...
def schedules() -> list[str]: ...
def instruction_sets() -> dict[str, bool]: ...
def chosen_instruction_set() -> str: ...
def compiler() -> str: ...

class Samples:
    n_rows: int
    n_features: int
    def __init__(self, X: Any, dtype: DTypeLike) -> None: ...

class Targets:
    n_rows: int
    n_outputs: int | None
    def __init__(self, y: NDArray[Any], dtype: DTypeLike) -> None: ...

def thread_limit() -> int: ...
def set_thread_limit(limit: int) -> None: ...

class Workspace: ...

class Network:
    layer_sizes: tuple[int, ...]
    dtype: np.dtype[Any]
    n_parameters: int
    def __init__(
        self,
        layer_sizes: Sequence[int],
        activation: str,
        output_activation: str,
        loss: str,
        alpha: float,
        dtype: DTypeLike,
    ) -> None: ...
    def views(
        self, parameters: NDArray[Any]
    ) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]: ...
    def are_views(
        self,
        parameters: NDArray[Any],
        coefs: list[NDArray[Any]],
        intercepts: list[NDArray[Any]],
    ) -> bool: ...
    def predict(
        self,
        parameters: NDArray[Any],
        X: Samples,
        logits: bool = False,
        n_threads: int = 1,
        workspace: Workspace | None = None,
    ) -> NDArray[Any]: ...
    def forward(
        self,
        parameters: NDArray[Any],
        X: Samples,
        trace: dict[Literal["z", "a"], list[NDArray[Any]]],
        n_threads: int = 1,
    ) -> None: ...
    def objective(
        self,
        parameters: NDArray[Any],
        X: Samples,
        y: Targets,
        weights: NDArray[np.float64] | None = None,
        gradient: NDArray[Any] | None = None,
        trace: dict[Literal["z", "a", "delta"], list[NDArray[Any]]] | None = None,
        n_threads: int = 1,
        workspace: Workspace | None = None,
    ) -> float: ...

def prediction_workspace(
    network: Network, max_rows: int, n_threads: int
) -> Workspace: ...
def objective_workspace(
    network: Network, max_rows: int, n_threads: int
) -> Workspace: ...

class Training:
    def __init__(
        self,
        network: Network,
        parameters: NDArray[Any],
        optimizer: OptimizerState,
        X: Samples,
        y: Targets,
        weights: NDArray[np.float64] | None,
        batch_size: int,
        n_threads: int,
    ) -> None: ...
    def epoch(self, order: NDArray[np.int64] | None) -> tuple[float, bool]: ...

class FewRows:
    def __init__(self, network: Network, parameters: NDArray[Any]) -> None: ...
    def predict(
        self, X: Any, coefs: Any, intercepts: Any, logits: bool
    ) -> NDArray[Any] | None: ...

def schedule_after_epoch(
    name: str,
    learning_rate_init: float,
    power_t: float,
    n_samples: int,
    learning_rate: float,
) -> float: ...
def schedule_on_plateau(name: str, learning_rate: float) -> float: ...
def activate(name: str, z: NDArray[Any], overwrite: bool = False) -> NDArray[Any]: ...
def log_activate(name: str, z: NDArray[Any]) -> NDArray[Any]: ...
def all_finite(values: NDArray[Any]) -> bool: ...
