"""Configures the suite: the short and the full run, and the time per folder."""

import random
import signal

import pytest

pytest.register_assert_rewrite("support")

from support import sampling  # noqa: E402
from support.durations import Durations  # noqa: E402


def pytest_addoption(parser):
    parser.addoption(
        "--full",
        action="store_true",
        help="run every case of each product of parameters, not a sample",
    )
    parser.addoption(
        "--seed", type=int, help="what the sample is drawn by; without it, a new one"
    )


def pytest_configure(config):
    # A shell ignores interrupts in what it starts in the background, and Python then
    # has no handler, so that tests of Ctrl-C would wait for ever.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        config.option.seed = config.workerinput["seed"]
    elif config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(2**32)
    config.pluginmanager.register(Durations())


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Give the seed to a process of pytest-xdist."""
    node.workerinput["seed"] = node.config.option.seed


def pytest_report_header(config):
    if config.option.full:
        return "the full run"
    return f"the short run, its sample drawn by --seed={config.option.seed}"


@pytest.fixture
def drawn(request):
    """Return a function that draws n values, or returns all of them in the full run."""

    def draw(values, n):
        values, option = list(values), request.config.option
        if option.full or n >= len(values):
            return values
        draws = random.Random(f"{option.seed} {request.node.nodeid}")
        return [values[i] for i in sorted(draws.sample(range(len(values)), n))]

    return draw


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    if not config.option.full:
        items[:], left_out = sampling.choose(items, config.option.seed)
        config.hook.pytest_deselected(items=left_out)
    # Files with long tests run first, so that parallel processes finish together.
    if hasattr(config, "workerinput"):
        has_slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in has_slow)
