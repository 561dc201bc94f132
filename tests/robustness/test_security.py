"""No call evaluates data as code, writes a file or opens a connection unasked."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pybackprop
from pybackprop import MLPClassifier, export

PACKAGE = Path(pybackprop.__file__).parent
CC = shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")
X = np.random.RandomState(0).random_sample((30, 3))

HOSTILE = [
    "*/ int main(void) { return 1; } /*",
    "// \\",
    "??/",
    "\"; ' \n \r \0 \x1b",
    "%s %n {0} {} @ %",
    "\u202e \u2028 é 💥",
    "\ud800",
]


# ------------------------------------------------------------------------- source
CALLS = {"eval", "exec", "compile", "__import__", "open", "input", "breakpoint"}
ATTRIBUTES = {"system", "popen", "loads", "urlopen", "tofile", "fromfile", "memmap"}
MODULES = {
    "asyncio", "builtins", "ctypes", "dill", "ftplib", "http", "marshal", "mmap",
    "pickle", "pty", "requests", "runpy", "shelve", "shutil",
    "socket", "ssl", "subprocess", "tempfile", "urllib", "webbrowser",
}  # fmt: skip


def dangers(source):
    """Return lines that execute data, or use files, processes or a network."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in CALLS:
                yield node.lineno, node.func.id
        elif isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            yield node.lineno, node.attr
        elif isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            for name in [module] if module else [alias.name for alias in node.names]:
                if name.split(".")[0] in MODULES:
                    yield node.lineno, name


@pytest.mark.promise(
    "Security",
    "Nothing in the package evaluates text, unpickles, opens files, starts processes "
    "or uses the network, except pybackprop.dask, and that only through the user's "
    "Dask client.",
)
def test_no_data_is_executed_as_code():
    # Dask tests whether exceptions can be pickled, and waits for calls.
    allowed = ["asyncio", "pickle", "loads"]
    paths = sorted(PACKAGE.rglob("*.py"))
    assert len(paths) > 20
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {name}"
        for path in paths
        for line, name in dangers(path.read_text(encoding="utf-8"))
        if (path.parent.name, name) not in {("dask", name) for name in allowed}
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    ["eval('1')", "pickle.loads(b'')", "import socket", "from urllib import request"],
)
def test_dangerous_lines_are_found(source):
    assert list(dangers(source))


# ----------------------------------------------------------------- effects of calls
WATCHED = """
import os
import sys

import joblib, numpy, scipy.optimize, scipy.sparse, sklearn.metrics  # not ours

seen = []
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
READS = {"os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.getxattr"}


def hook(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if (flags or 0) & WRITES or set(mode or "") & set("wax+"):
            seen.append((event, str(path)))
    elif event.startswith(("os.", "shutil.", "tempfile.")) and event not in READS:
        seen.append((event, repr(arguments)))
    elif event.startswith(("socket.", "subprocess.", "urllib.", "pty.", "ftplib.")):
        seen.append((event, repr(arguments)))


sys.addaudithook(hook)
import numpy as np

import pybackprop
from pybackprop import MLPClassifier, MLPRegressor, Network, export

at_import = list(seen)
X = np.random.RandomState(0).random_sample((40, 3))
for solver in ("sgd", "adam", "lbfgs"):
    for options in ({}, {"early_stopping": True}, {"n_jobs": 2, "verbose": True}):
        model = MLPClassifier((4,), solver=solver, max_iter=3, **options)
        model.fit(X, np.arange(40) % 3)
        model.predict(X), model.predict_proba(X[:1]), model.score(X, np.arange(40) % 3)
        model.transform(X), model.activations(X), repr(model)
MLPRegressor(max_iter=3, scoring="r2", early_stopping=True).fit(X, X[:, 0])
Network([3, 2, 1]).backprop(X, X[:, :1])
export.to_c(model), export.from_sklearn(export.to_sklearn(model))
print("\\nseen:", at_import, seen)
"""


@pytest.mark.promise(
    "Security",
    "import, fit, predict and export write no file, start no process and open no "
    "connection.",
)
def test_nothing_is_written_or_started(tmp_path):
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir(mode=0o555)
    here.mkdir()
    environment = dict(os.environ, HOME=str(home), TMPDIR=str(home))
    environment["PYTHONPATH"] = str(PACKAGE.parent)
    done = subprocess.run(
        [sys.executable, "-B", "-W", "ignore", "-c", WATCHED],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "seen: [] []"
    assert list(home.iterdir()) == list(here.iterdir()) == []


# --------------------------------------------------------------------- hostile exports
def with_labels(labels):
    y = np.array(labels, dtype=object)[np.arange(30) % len(labels)]
    return MLPClassifier((3,), max_iter=2, random_state=0).fit(X, y)


def names_in(body):
    """Return all names in the code, without weights, which depend on label order."""
    return re.findall(r"\w+", re.sub(r"-?0x[^,\s]*", "", body))


@pytest.mark.promise(
    "Security",
    "Class labels cannot end the comment of an exported C file that contains them.",
)
@pytest.mark.skipif(CC is None, reason="needs a C compiler")
@pytest.mark.parametrize("standard", ["c99", "c11"])
def test_hostile_labels_stay_in_the_comment(standard, tmp_path):
    source = export.to_c(with_labels(HOSTILE))
    plain = export.to_c(with_labels([f"label {i}" for i in range(len(HOSTILE))]))
    head, body = source.split("*/", 1)
    assert head.count("/*") == 1 and "??" not in head and "\\\n" not in head
    assert "".join(head.splitlines()).isprintable()
    assert names_in(body) == names_in(plain.split("*/", 1)[1])
    (tmp_path / "network.c").write_text(source, encoding="ascii")
    subprocess.run(
        [CC, f"-std={standard}", "-Wall", "-Wextra", "-Wcomment", "-Wtrigraphs",
         "-Werror", "-pedantic", "-c", "network.c"],
        cwd=tmp_path,
        check=True,
    )  # fmt: skip


@pytest.mark.skipif(CC is None, reason="needs a C compiler")
def test_a_hostile_class_name_stays_in_the_comment(tmp_path):
    kind = type(HOSTILE[0], (MLPClassifier,), {})
    # scikit-learn reads the parameters from the class's own signature.
    model = kind(hidden_layer_sizes=(3,), max_iter=2).fit(X, np.arange(30) % 3)
    (tmp_path / "network.c").write_text(export.to_c(model), encoding="ascii")
    command = [CC, "-std=c11", "-Wall", "-Werror", "-c", "network.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert "main" not in export.to_c(model).split("*/", 1)[1]


def test_hostile_labels_are_labels_in_onnx():
    onnx = pytest.importorskip("onnx")
    labels = HOSTILE[:-1]
    model = export.to_onnx(with_labels(labels), X)
    onnx.checker.check_model(model)
    again = onnx.load_model_from_string(model.SerializeToString())
    strings = {
        text.decode()
        for node in again.graph.node
        for attribute in node.attribute
        for text in attribute.strings
    } | {
        text.decode()
        for tensor in again.graph.initializer
        for text in tensor.string_data
    }
    assert strings >= set(labels)


def test_a_label_that_is_not_text_is_refused_by_onnx():
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match="classes_.*UTF-8"):
        export.to_onnx(with_labels(["a", "\ud800"]), X)


# ------------------------------------------------------------------ self-contained
# files
ALONE = """
import sys

sys.modules["pybackprop"] = None  # importing it raises
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("network.onnx")
X = np.load("X.npy")
labels, _ = session.run(None, {session.get_inputs()[0].name: X})
np.save("labels.npy", labels)
"""


@pytest.mark.promise(
    "Security",
    "An exported ONNX file runs without pybackprop.",
)
def test_an_onnx_file_needs_no_other_file(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = MLPClassifier((3,), max_iter=2, random_state=0).fit(X, np.arange(30) % 3)
    exported = export.to_onnx(model, X.astype(np.float32))
    (tmp_path / "network.onnx").write_bytes(exported.SerializeToString())
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    subprocess.run([sys.executable, "-c", ALONE], cwd=tmp_path, check=True)
    assert (np.load(tmp_path / "labels.npy") == model.predict(X)).all()
