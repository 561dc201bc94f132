"""Types of the compiled core; see _core.pyx for what each function promises."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeAlias, TypedDict

import numpy as np
from numpy.typing import DTypeLike, NDArray

class ActivationRecord(TypedDict):
    hidden: bool
    output: bool
    rowwise: bool
    has_log: bool
    range_low: float
    low_attained: bool
    range_high: float
    high_attained: bool
    init_factor: float
    init_by_fan_in: bool

class LossRecord(TypedDict):
    regression: bool
    classification: bool
    elementwise_form: str | None
    default_output: str
    canonical_output: str | None
    target_domain: str
    target_low: float
    target_high: float
    target_low_belongs: bool
    rows_sum_to_one: bool
    parameter: str | None
    parameter_low: float
    parameter_high: float
    parameter_ends_belong: bool
    loss_at_low: str | None
    loss_at_high: str | None
    prediction_low: float
    prediction_high: float
    prediction_ends_belong: bool

LossCallable: TypeAlias = Callable[
    [NDArray[Any], NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]
]

class OptimizerRecord(TypedDict):
    n_states: int
    scale_invariant: bool

class ScheduleRecord(TypedDict):
    only_sgd: bool

class OptimizerState(Protocol):
    name: str
    hyperparameters: dict[str, float]
    schedule: str
    learning_rate_init: float
    power_t: float
    horizon: float
    decay_rate: float
    decay_steps: float
    warmup_epochs: float
    learning_rate: float
    layer_rates: NDArray[np.float64] | None
    global_clipnorm: float
    max_norm: float
    n_steps: int
    n_epochs: int
    states: NDArray[Any]

MAX_THREADS: int

def activations() -> dict[str, ActivationRecord]: ...
def losses() -> dict[str, LossRecord]: ...
def optimizers() -> dict[str, OptimizerRecord]: ...
def schedules() -> dict[str, ScheduleRecord]: ...
def instruction_sets() -> dict[str, bool]: ...
def chosen_instruction_set() -> str: ...
def compiler() -> str: ...
def hold_buffer(array: NDArray[Any]) -> object: ...

class Samples:
    n_rows: int
    n_features: int
    def __init__(self, X: Any, dtype: DTypeLike) -> None: ...

class Targets:
    n_rows: int
    n_outputs: int | None
    def __init__(
        self, y: NDArray[Any], dtype: DTypeLike, smoothing: float = 0
    ) -> None: ...

def thread_limit() -> int: ...
def set_thread_limit(limit: int) -> None: ...

class Workspace: ...

class Trace:
    def __init__(
        self,
        network: Network,
        n_rows: int,
        arrays: dict[Literal["z", "a", "delta", "dloss_da"], list[NDArray[Any] | None]],
    ) -> None: ...

class Network:
    layer_sizes: tuple[int, ...]
    dtype: np.dtype[Any]
    n_parameters: int
    def __init__(
        self,
        layer_sizes: Sequence[int],
        activations: Sequence[str],
        output_activation: str,
        loss: str | LossCallable,
        alpha: Sequence[float],
        dtype: DTypeLike,
        *,
        l1_ratio: float = 0,
        loss_parameter: float = 0.0,
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
        trace: dict[Literal["z", "a"], list[NDArray[Any] | None]],
        n_threads: int = 1,
    ) -> None: ...
    def objective(
        self,
        parameters: NDArray[Any],
        X: Samples,
        y: Targets,
        weights: NDArray[np.float64] | None = None,
        gradient: NDArray[Any] | None = None,
        trace: Trace
        | dict[Literal["z", "a", "delta", "dloss_da"], list[NDArray[Any] | None]]
        | None = None,
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
    def read_rows(
        self,
        X: Samples,
        y: Targets,
        weights: NDArray[np.float64] | None,
        batch_size: int,
    ) -> None: ...
    def epoch(
        self, order: NDArray[np.int64] | None
    ) -> tuple[float, bool, float, float]: ...
    def begin_epoch(self) -> None: ...
    def part(
        self,
        order: NDArray[np.int64] | None,
        first_batch: int,
        n_batches: int,
        first_row: int,
        is_last: bool,
    ) -> None: ...
    def end_epoch(self) -> tuple[float, bool, float, float]: ...

class Solver:
    def __init__(
        self, network: Network, parameters: NDArray[Any], optimizer: OptimizerState
    ) -> None: ...
    def take_step(
        self, gradient: NDArray[Any], index: int, n_batches: int, is_last: bool
    ) -> float: ...

class BlockSums:
    def __init__(
        self,
        network: Network,
        X: Samples,
        y: Targets,
        weights: NDArray[np.float64] | None,
        max_rows: int,
        n_threads: int,
        dropout: NDArray[np.float64] | None = None,
    ) -> None: ...
    def add_up(
        self,
        parameters: NDArray[Any],
        order: NDArray[np.int64] | None,
        gradient: NDArray[Any],
        scale: float,
        *,
        dropout_seed: int = 0,
        epoch: int = 0,
        first_row: int = 0,
    ) -> tuple[float, float]: ...

BLOCK_ROWS: int

def weight_scale(largest: float) -> float: ...
def finish_sums(
    network: Network,
    parameters: NDArray[Any],
    loss: float,
    weight: float,
    scale: float,
    gradient: NDArray[Any],
) -> tuple[float, float]: ...

class SmallBatchPredictor:
    def __init__(self, network: Network, parameters: NDArray[Any]) -> None: ...
    def predict(
        self, X: Any, coefs: Any, intercepts: Any, logits: bool
    ) -> NDArray[Any] | None: ...

def schedule_rate(optimizer: OptimizerState, epoch: float, length: float) -> float: ...
def schedule_after_epoch(optimizer: OptimizerState, n_samples: int) -> float: ...
def schedule_on_plateau(optimizer: OptimizerState) -> float: ...
def activate(name: str, z: NDArray[Any], overwrite: bool = False) -> NDArray[Any]: ...
def log_activate(name: str, z: NDArray[Any]) -> NDArray[Any]: ...
def activation_vjp(
    name: str,
    z: NDArray[Any],
    a: NDArray[Any],
    vector: NDArray[Any],
    overwrite: bool = False,
) -> NDArray[Any]: ...
def all_finite(values: NDArray[Any]) -> bool: ...
