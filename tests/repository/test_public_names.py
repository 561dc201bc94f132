"""Tests the public names of the package and of its catalogue."""

import re
import subprocess
import sys
from types import MappingProxyType

import pytest

import pybackprop
from pybackprop import MLPClassifier, MLPRegressor, Network, catalogue
from support.checkout import ROOT

CATALOGUE = catalogue()
MODULES = ["by_hand", "exceptions", "export", "inspection", "plotting"]


def run(program):
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_dir_of_the_package_has_public_names_only():
    names = set(dir(pybackprop)) - {"dask"}
    assert names == {*pybackprop.__all__, "__version__"}
    assert set(MODULES) <= names
    for name in names:
        getattr(pybackprop, name)
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        pybackprop.no_such_name  # noqa: B018


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_imported_when_it_is_first_used(name):
    program = (
        "import sys, pybackprop\n"
        f"loaded = 'pybackprop.{name}' in sys.modules\n"
        f"print(loaded, pybackprop.{name}.__name__)"
    )
    needed = name == "exceptions"  # by the estimators, which warn
    assert run(program).split() == [str(needed), f"pybackprop.{name}"]


def test_dask_is_imported_by_nothing_else():
    program = (
        "import sys\n"
        "from pybackprop import *\n"
        "print(export.__name__, 'dask' in sys.modules, 'matplotlib' in sys.modules)"
    )
    assert run(program).split() == ["pybackprop.export", "False", "False"]


@pytest.mark.full
def test_dask_is_listed_if_it_is_installed():
    pytest.importorskip("distributed")
    assert "dask" in dir(pybackprop)
    program = "import pybackprop; print(pybackprop.dask.MLPClassifier.__module__)"
    assert run(program).startswith("pybackprop.dask")


# --- The catalogue --------------------------------------------------------------------


def names(kind, flag=None):
    return [k for k, v in CATALOGUE[kind].items() if flag is None or v[flag]]


def network(**parameter):
    Network([2, 3, 1], **parameter)


def classifier(**parameter):
    MLPClassifier(**parameter).fit([[0.0], [1.0]], [0, 1])


def regressor(**parameter):
    MLPRegressor(**parameter).fit([[0.0], [1.0]], [0.0, 1.0])


@pytest.mark.parametrize(
    "make, parameter, expected",
    [
        (network, "activation", names("activations", "hidden")),
        (network, "output_activation", names("outputs")),
        (network, "loss", names("losses")),
        (Network([2, 1]).optimizer, "solver", names("optimizers")),
        (classifier, "activation", names("activations", "hidden")),
        (classifier, "output_activation", names("outputs")),
        (classifier, "solver", names("solvers")),
        (regressor, "learning_rate", names("schedules")),
    ],
)
def test_messages_offer_the_names_of_the_catalogue(make, parameter, expected):
    with pytest.raises(ValueError) as refused:
        make(**{parameter: "no such name"})
    assert ", ".join(map(repr, expected)) in str(refused.value)


def test_the_catalogue_is_read_only():
    for value in (CATALOGUE, CATALOGUE["losses"], CATALOGUE["losses"]["huber"]):
        assert isinstance(value, MappingProxyType)
        with pytest.raises(TypeError):
            value["huber"] = None
    assert catalogue() == CATALOGUE


def test_outputs_are_activations_and_optimizers_are_solvers():
    activations = CATALOGUE["activations"]
    assert set(activations) == {*names("activations", "hidden"), *names("outputs")}
    for name, record in CATALOGUE["outputs"].items():
        assert record == activations[name]
    assert names("solvers") == ["lbfgs", *names("optimizers")]
    for loss in CATALOGUE["losses"].values():
        assert loss["default_output"] in CATALOGUE["outputs"]


@pytest.mark.parametrize(
    "kind, record",
    [
        ("activations", "ActivationRecord"),
        ("losses", "LossRecord"),
        ("optimizers", "OptimizerRecord"),
        ("schedules", "ScheduleRecord"),
    ],
)
def test_types_and_documentation_name_every_property(kind, record):
    properties = set(next(iter(CATALOGUE[kind].values())))
    # The paragraph of the list ends where the next one begins.
    paragraph = re.split(r"\n {8}(?! )", catalogue.__doc__.split(f"{kind}\n", 1)[1])[0]
    assert set(re.findall(r"``(\w+)``", paragraph)) >= properties
    stub = ROOT / "pybackprop" / "_core.pyi"
    if not stub.exists():
        pytest.skip("needs the source tree")
    fields = stub.read_text("utf-8").split(f"class {record}(TypedDict):\n")[1]
    fields = fields.split("\n\n")[0]
    assert set(re.findall(r"^    (\w+):", fields, re.MULTILINE)) == properties
