"""Imports and includes follow the dependency rules of ARCHITECTURE.md.

Each rule is a function from the root of a checkout to the list of its violations.  It
is applied to this checkout, and to a copy with a planted violation, which it must find.
Slow results are cached by the text of a file, since most files are equal in all copies.
"""

import ast
import re
import shutil
import sys
from functools import cache

import numpy as np
import pytest
import scipy.sparse

from support.checkout import ROOT

PARTS = ["csrc", "pybackprop", "examples", "benchmarks", "docs"]

pytestmark = pytest.mark.skipif(
    not (ROOT / "csrc").is_dir(),
    reason="the sources are not here: an installed test suite",
)


def files(root, *parts, suffixes):
    """Yield the paths in some folders, with their names relative to the root."""
    for part in parts:
        for path in sorted((root / part).rglob("*")):
            if path.suffix in suffixes and "__pycache__" not in path.parts:
                yield path, path.relative_to(root).as_posix()


def lines_with(pattern, root, *parts, suffixes, but=()):
    """Return matching lines in files whose name does not start with one of `but`."""
    found = []
    for path, name in files(root, *parts, suffixes=suffixes):
        if not name.startswith(tuple(but)):
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                if re.search(pattern, line):
                    found.append(f"{name}:{number}: {line.strip()}")
    return found


C = {".c", ".h", ".def"}
PYTHON = {".py", ".pyx", ".pxd", ".pyi"}


# --- C --------------------------------------------------------------------------------


def only_the_core_binds_the_header(root):
    return lines_with(
        r"pybackprop\.h\b",
        root,
        *PARTS[1:4],
        suffixes=C | PYTHON,
        but=["pybackprop/_core.pxd", "pybackprop/_core.pyx"],
    )


def the_core_knows_nothing_of_python(root):
    return lines_with(
        r"Python\.h|\bPy_?(?!Torch\b)[A-Z]\w+|numpy/", root, "csrc", suffixes=C
    )


def only_kernels_name_an_intrinsic(root):
    # base/cpu.c queries the processor if the compiler has no function for it.
    return lines_with(
        r"\b_mm\d*_\w+|\b__m(128|256|512)|\bv(ld|st|dup|add|sub|mul|fma)\w*q_\w+"
        r"|\b(float|u?int)\d\dx\d_t",
        root,
        "csrc",
        suffixes=C,
        but=["csrc/kernels/"],
    ) + lines_with(
        r"include\s*<(\w*intrin|arm_\w+)\.h>",
        root,
        "csrc",
        suffixes=C,
        but=["csrc/kernels/", "csrc/base/cpu.c"],
    )


def only_threads_name_a_thread(root):
    return lines_with(
        r"\b(pthread|thrd|mtx|cnd|omp)_\w+|<(pthread|threads|omp)\.h>|pragma\s+omp"
        r"|\bCreateThread\b|\b_beginthread|\bfutex\b|\bCRITICAL_SECTION\b",
        root,
        "csrc",
        suffixes=C,
        but=["csrc/base/thread_pool.", "csrc/base/thread_platform.h"],
    )


def only_dispatch_and_threads_hold_state(root):
    """Finds static objects that are not const, which keep state between calls."""
    return lines_with(
        r"^\s*static (?!inline|const\b|_)(?![^(=]*\()(?![^=;]*\bconst\b)[^;]*[;={]\s*$"
        r"|^\s*static (?!const\b)(?![^=;]*\bconst\b)[\w \*]+(\[\w*\])* = "
        r"|\b(_Atomic|atomic_\w+|_Thread_local)\b|<stdatomic\.h>",
        root,
        "csrc",
        suffixes=C,
        but=[
            "csrc/kernels/dispatch.c",
            "csrc/base/thread_pool.",
            "csrc/base/thread_platform.h",
        ],
    )


# Each folder and the folders it may include; all may include the public header.
ROOMS = {
    "base": {"base"},
    "registry": {"registry"},
    "kernels": {"base", "registry", "kernels"},
    "network": {"base", "registry", "kernels", "network"},
    "training": {"base", "registry", "kernels", "network", "training"},
}


def includes_go_downward(root):
    found = []
    for path, name in files(root, "csrc", suffixes=C):
        room = path.relative_to(root / "csrc").parts[0]
        allowed = set() if room == "pybackprop.h" else ROOMS.get(room)
        if allowed is None:
            found.append(f"{name}: no such room")
            continue
        for included in re.findall(r'#\s*include\s*"([^"]+)"', path.read_text("utf-8")):
            is_public = included == "pybackprop.h"
            if not (root / "csrc" / included).is_file():
                found.append(
                    f"{name} includes {included}, which is not a path from csrc/"
                )
            elif name.endswith(".def"):
                found.append(f"{name} is rows only, and includes {included}")
            elif not is_public and included.split("/")[0] not in allowed:
                found.append(f"{name} includes {included}")
    return found


# --- Python ---------------------------------------------------------------------------


def imports(path, *, module_level=False):
    """Return (line, module, imported name or None) for each import in a Python file."""
    return imports_of(path.read_text("utf-8"), module_level)


@cache
def imports_of(text, module_level):
    found = []
    tree = ast.parse(text)
    for node in tree.body if module_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found += [(node.lineno, module, alias.name) for alias in node.names]
    return found


def the_package_stands_alone(root):
    """Allows imports of the package, NumPy, SciPy, scikit-learn and its dependencies;
    matplotlib in plotting/, and Dask in dask/."""
    found = []
    for path, name in files(root, "pybackprop", suffixes={".py"}):
        allowed = {*sys.stdlib_module_names, "numpy", "scipy", "sklearn", "pybackprop"}
        allowed |= {"joblib", "threadpoolctl"}
        if name.startswith("pybackprop/plotting/"):
            allowed.add("matplotlib")
        if name.startswith("pybackprop/dask/"):
            allowed |= {"dask", "distributed"}
        for line, module, _ in imports(path, module_level=True):
            if module.split(".")[0] not in allowed:
                found.append(f"{name}:{line}: {module}")
        for line, module, _ in imports(path):
            if module.split(".")[0] in {"tests", "examples", "benchmarks", "docs"}:
                found.append(f"{name}:{line}: {module}")
    return found


def only_export_knows_other_formats(root):
    """Finds imports of export, onnx or sklearn.neural_network outside export/."""
    found = []
    for path, name in files(root, "pybackprop", suffixes={".py"}):
        if name.startswith("pybackprop/export/"):
            continue
        for line, module, imported in imports(path):
            full = f"{module}.{imported}"
            if module.split(".")[0] in {"onnx", "skl2onnx"} or full.startswith(
                ("pybackprop.export", "sklearn.neural_network")
            ):
                found.append(f"{name}:{line}: {full}")
    return found


def only_dask_knows_a_cluster(root):
    """Finds imports of pybackprop.dask in other parts of the package."""
    found = []
    for path, name in files(root, "pybackprop", suffixes={".py"}):
        if name.startswith("pybackprop/dask/"):
            continue
        for line, module, imported in imports(path, module_level=True):
            if f"{module}.{imported}.".startswith("pybackprop.dask."):
                found.append(f"{name}:{line}: {module}.{imported}")
    return found


def only_the_core_is_cython(root):
    return lines_with(
        r"^\s*(cimport|from\s+\S+\s+cimport|cdef|cpdef)\b",
        root,
        *PARTS[1:],
        suffixes=PYTHON,
        but=["pybackprop/_core.pxd", "pybackprop/_core.pyx"],
    ) + lines_with(
        r"^\s*(from|import)\s+(pybackprop|\.)",
        root,
        "pybackprop",
        suffixes={".pyx", ".pxd"},
    )


def modules_form_no_circle(root):
    """Finds circular imports."""
    arrows = {}
    for path, name in files(root, "pybackprop", suffixes={".py"}):
        module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        arrows[module] = {
            target
            for _, source, imported in imports(path)
            for target in (source, f"{source}.{imported}")
            if target.startswith("pybackprop.") and target != module
        }
    # Repeatedly remove modules that import none of the remaining ones.
    left = dict(arrows)
    while free := [module for module in left if not left[module] & left.keys()]:
        for module in free:
            del left[module]
    return [f"{module} imports {sorted(left[module] & left.keys())}" for module in left]


# The levels from the bottom: each part may import from the levels below.
LEVELS = (
    "_core _constraints _data _solvers _threads _warnings _reports by_hand exceptions",
    "_catalogue _parameters trace",
    "_model",
    "network _training",
    "_estimator",
    "classifier regressor inspection",
    "plotting export dask",
)
LEVEL_OF = {part: i for i, parts in enumerate(LEVELS) for part in parts.split()}


def parts_of_package(root):
    """Yield (path, name, part, level) for each Python file below pybackprop/."""
    for path, name in files(root, "pybackprop", suffixes={".py"}):
        part = path.relative_to(root / "pybackprop").parts[0].removesuffix(".py")
        if part not in ("__init__", "__main__"):
            yield path, name, part, LEVEL_OF.get(part)


def imports_go_to_lower_levels(root):
    """Finds imports from a higher level, or from another part of the same level."""
    found = []
    for path, name, part, level in parts_of_package(root):
        if level is None:
            found.append(f"{name}: {part} is on no level")
            continue
        for line, module, imported in imports(path):
            package, _, rest = module.partition(".")
            target = rest.split(".")[0] or imported
            if package != "pybackprop" or target not in LEVEL_OF or target == part:
                continue
            if LEVEL_OF[target] > level or LEVEL_OF[target] == level > 0:
                found.append(f"{name}:{line} imports {target}")
    return found


# Methods of objects that a higher level passes down to publish the training state and
# to call the user's callbacks.
OBSERVER = {"publish", "begin", "end"}


@cache
def syntax(text):
    return ast.parse(text)


@cache
def definitions(text):
    """Return the methods, and the attributes set or declared, of a file."""
    methods, attributes = set(), set()
    for node in ast.walk(syntax(text)):
        if isinstance(node, ast.ClassDef):
            methods |= {n.name for n in node.body if isinstance(n, ast.FunctionDef)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            attributes.add(node.target.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            attributes.add(node.attr)
    return methods, attributes


@cache
def names_of_libraries():
    """Return the methods of arrays, builtin types and scikit-learn's objects."""
    kinds = (np.ndarray, np.random.RandomState, scipy.sparse.csr_matrix, dict, list)
    names = {name for kind in kinds for name in dir(kind)}
    return names | {"fit", "predict", "score", "transform", "set_params", "seed"}


def calls_go_to_lower_levels(root):
    """Finds calls of methods that only classes of a higher level define."""
    lowest = dict.fromkeys(names_of_libraries() | OBSERVER, 0)
    texts = [
        (path.read_text("utf-8"), level) for path, *_, level in parts_of_package(root)
    ]
    texts.append(((root / "pybackprop/_core.pyi").read_text("utf-8"), 0))
    methods = set()
    for text, level in texts:
        of_file, attributes = definitions(text)
        methods |= of_file
        for name in of_file | attributes:
            lowest[name] = min(level or 0, lowest.get(name, len(LEVELS)))
    return [
        f"{name}:{call.lineno}: {ast.unparse(call.func)}"
        for path, name, _, level in parts_of_package(root)
        for call in ast.walk(syntax(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in methods
        and lowest[call.func.attr] > (level or 0)
    ]


ESTIMATORS = (
    "pybackprop/_estimator/",
    "pybackprop/classifier.py",
    "pybackprop/regressor.py",
    "pybackprop/dask/estimators.py",
)


def private_methods_of_estimators_are_their_own(root):
    """Finds calls of an estimator's private methods on other objects than self."""
    methods = {
        method
        for path, name in files(root, "pybackprop", suffixes={".py"})
        if name.startswith(ESTIMATORS)
        for method in definitions(path.read_text("utf-8"))[0]
        if re.match("_[a-z]", method)
    }
    elsewhere = {
        method
        for path, name in files(root, "pybackprop", suffixes={".py"})
        if not name.startswith(ESTIMATORS)
        for method in definitions(path.read_text("utf-8"))[0]
    }
    return [
        f"{name}:{node.lineno}: {ast.unparse(node)}"
        for path, name in files(root, "pybackprop", suffixes={".py"})
        if not name.startswith("pybackprop/_estimator/")
        for node in ast.walk(syntax(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in methods - elsewhere
        and not re.match(r"(self|super\(.*\))\.", ast.unparse(node))
    ]


# Fitted attributes: names that end with an underscore, and those that are private.
FITTED = (
    r"[a-z]\w*[^_]_|_labels|_class_weights|_optimizer|_pause|_history|_fitted_network"
    r"|_best_parameters|_no_improvement_count|_partial_fit_is_over"
    r"|_activation_of_fit|_objective_of_fit"
)


def only_estimators_are_assigned_fitted_attributes(root):
    """Finds assignments of fitted attributes outside _estimator/ and export/."""
    found = []
    for path, name in files(root, "pybackprop", suffixes={".py"}):
        if name.startswith("pybackprop/_estimator/"):
            continue
        to_sklearn = name == "pybackprop/export/sklearn.py"
        for node in ast.walk(syntax(path.read_text("utf-8"))):
            text = (
                ast.unparse(node) if isinstance(node, (ast.Attribute, ast.Call)) else ""
            )
            is_attribute = isinstance(node, ast.Attribute)
            if is_attribute and not isinstance(node.ctx, ast.Load):
                is_fitted = re.fullmatch(FITTED, node.attr)
                if text.startswith("self.") and not name.startswith(ESTIMATORS):
                    continue  # an object of another class
                if is_fitted and not (to_sklearn and text.startswith("other.")):
                    found.append(f"{name}:{node.lineno}: {text}")
            elif re.match(r"vars\((model|estimator|fitted)\)\.(update|pop)\(", text):
                found.append(f"{name}:{node.lineno}: {text}")
            elif re.match(r"setattr\((model|estimator|fitted|other),", text):
                found.append(f"{name}:{node.lineno}: {text}")
    return found


def outsiders_use_public_names(root):
    found = []
    for path, name in files(root, "examples", "benchmarks", "docs", suffixes={".py"}):
        for line, module, imported in imports(path):
            parts = [*module.split("."), *([imported] if imported else [])]
            if parts[0] == "pybackprop" and any(part.startswith("_") for part in parts):
                found.append(f"{name}:{line}: {'.'.join(parts)}")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if re.search(r"\bpybackprop(\.\w+)*\._(?!_\w+__)", line):
                found.append(f"{name}:{number}: {line.strip()}")
    return found


def only_targets_know_a_class_label(root):
    return lines_with(
        r"\b(LabelBinarizer|LabelEncoder|MultiLabelBinarizer|unique_labels|label_binarize"
        r"|type_of_target|check_classification_targets)\b"
        r"|\b(np|numpy)\.(unique|searchsorted)\b|\.searchsorted\(",
        root,
        "pybackprop",
        suffixes=PYTHON,
        but=["pybackprop/_data/labels.py", "pybackprop/_model/targets.py"],
    )


def solvers_are_told_apart_by_their_records(root):
    # Some schedules act on sgd only: their record names it.
    return lines_with(
        r"\bsolver *(==|!=|in|not in) *[\"'(\[{]",
        root,
        "pybackprop",
        suffixes=PYTHON,
        but=["pybackprop/_model/optimizer.py"],
    )


# --- Words ----------------------------------------------------------------------------

# Backpropagation propagates gradients.  They equal an error only at a canonical
# output.
WORDS = (
    r"\berror[ _-](signal|term)s?\b"
    r"|\b(deltas?|δ|Δ\w*) (is|are|means?|holds?) (an |the |its |their )?errors?\b"
    r"|\b(deltas?|δ|Δ\w*) ?(\(|, )(an |the )?errors?\b"
    r"|\berrors? ?(\(|, )(called )?(deltas?|δ|Δ)"
    r"|\b(error_deltas?|delta_errors?)\b"
    r"|\b(back-?)?(propagat|distribut)\w+ (back )?(of )?"
    r"(an |the |its |their )?errors?\b"
    r"|\berrors?,? ((is|are|being|gets?|was|were) )?"
    r"(back-?)?(propagat|distribut|(sent|passed|carried|flow\w*) back)\w*\b"
    r"|\berr\w*(\[[^]]*\])? [-+*]?= "  # an array, or a number computed from it
)

# Literal quotations are kept, and marked as a quotation on the same line or, in a
# comment, on the line before.
QUOTATION = re.compile(r".*\bquotation\b.*(\n.*)?", re.IGNORECASE)


def a_gradient_is_never_called_an_error(root):
    texts = [*files(root, *PARTS, suffixes=C | PYTHON | {".md", ".rst"})]
    texts += [(path, path.name) for path in root.glob("*.md")]
    return [
        f"{name}: ...{phrase}..."
        for path, name in texts
        for phrase in phrases_of_errors(path.read_text("utf-8"))
    ]


@cache
def phrases_of_errors(text):
    # A phrase may continue on the next line, also in a comment.
    text = QUOTATION.sub("", text)
    text = re.sub(r"\s*\n[\s*#/]*", " ", text)
    return [
        text[max(0, match.start() - 30) : match.end() + 30]
        for match in re.finditer(WORDS, text, flags=re.IGNORECASE)
    ]


# --- The rules, each with planted violations ------------------------------------------

RULES = {
    only_the_core_binds_the_header: [
        ("pybackprop/other.pyx", 'cdef extern from "pybackprop.h":\n    pass\n'),
        ("examples/99_c.c", "#include <pybackprop.h>\n"),
    ],
    the_core_knows_nothing_of_python: [
        ("csrc/base/memory.c", "#include <Python.h>\n"),
        ("csrc/network/layer.c", "void f(PyObject *x);\n"),
    ],
    only_kernels_name_an_intrinsic: [
        ("csrc/base/memory.c", "#include <immintrin.h>\n"),
        ("csrc/training/epoch.c", "#    include <arm_neon.h>\n"),
        ("csrc/network/layer.c", "    x = _mm256_add_pd(x, y);\n"),
        ("csrc/base/cpu.c", "__m512d x;\n"),
        ("csrc/network/layer.c", "    x = vfmaq_f64(x, y, z);\n"),
    ],
    only_threads_name_a_thread: [
        ("csrc/network/output.c", "#include <pthread.h>\n"),
        ("csrc/kernels/gemm.h", "#pragma omp parallel for\n"),
        ("csrc/training/epoch.c", "    mtx_lock(&lock);\n"),
    ],
    only_dispatch_and_threads_hold_state: [
        ("csrc/network/layer.c", "static int n_calls;\n"),
        ("csrc/network/layer.c", "static double cache[16];\n"),
        ("csrc/training/epoch.c", "    static size_t n = 0;\n"),
        ("csrc/base/memory.c", "_Thread_local int depth;\n"),
    ],
    includes_go_downward: [
        ("csrc/base/status.c", '#include "kernels/kernels.h"\n'),
        ("csrc/registry/registry.c", '#include "network/network.h"\n'),
        ("csrc/network/network.c", '#include "training/optimizer.h"\n'),
        ("csrc/base/cpu.c", '#include "registry/losses.def"\n'),
        ("csrc/registry/losses.def", '#include "pybackprop.h"\n'),
        ("csrc/pybackprop.h", '#include "base/cpu.h"\n'),
        ("csrc/registry/registry.c", '#include "lists.h"\n'),
        ("csrc/helpers/x.h", "\n"),
    ],
    the_package_stands_alone: [
        ("pybackprop/network.py", "import matplotlib.pyplot as plt\n"),
        ("pybackprop/network.py", "from pandas import DataFrame\n"),
        ("pybackprop/network.py", "def f():\n    from benchmarks import sweep\n"),
        ("pybackprop/network.py", "from .network import Network\n"),
        ("pybackprop/network.py", "import dask.array as da\n"),
        ("pybackprop/_training/in_memory.py", "from distributed import Client\n"),
    ],
    only_dask_knows_a_cluster: [
        ("pybackprop/__init__.py", "from pybackprop import dask\n"),
        ("pybackprop/__init__.py", "import pybackprop.dask\n"),
        ("pybackprop/classifier.py", "from pybackprop.dask import MLPClassifier\n"),
    ],
    only_export_knows_other_formats: [
        ("pybackprop/classifier.py", "def f():\n    import onnx\n"),
        ("pybackprop/regressor.py", "from pybackprop.export import to_onnx\n"),
        (
            "pybackprop/_data/labels.py",
            "from sklearn.neural_network import MLPRegressor\n",
        ),
        ("pybackprop/_data/labels.py", "from sklearn import neural_network\n"),
    ],
    only_the_core_is_cython: [
        ("pybackprop/other.pyx", "cimport numpy as np\n"),
        ("pybackprop/other.pyx", "from libc.stdint cimport int32_t\n"),
        ("pybackprop/_core.pyx", "from pybackprop.network import Network\n"),
    ],
    modules_form_no_circle: [
        (
            "pybackprop/_model/initialization.py",
            "from pybackprop.network import Network\n",
        ),
        ("pybackprop/network.py", "def f():\n    from pybackprop import regressor\n"),
    ],
    imports_go_to_lower_levels: [
        ("pybackprop/_data/weights.py", "from pybackprop._model import losses\n"),
        ("pybackprop/_training/lbfgs.py", "from pybackprop.network import Network\n"),
        ("pybackprop/_model/losses.py", "def f():\n    import pybackprop._training\n"),
        ("pybackprop/_estimator/data.py", "from pybackprop import classifier\n"),
        ("pybackprop/inspection/delta/x.py", "from pybackprop import export\n"),
        ("pybackprop/helpers.py", "\n"),
    ],
    calls_go_to_lower_levels: [
        (
            "pybackprop/_training/lbfgs.py",
            "def f(model):\n    model.encode_targets(y)\n",
        ),
        ("pybackprop/_model/losses.py", "def f(data):\n    data.split_off(1)\n"),
        ("pybackprop/_data/labels.py", "def f(network):\n    network.backprop()\n"),
    ],
    private_methods_of_estimators_are_their_own: [
        ("pybackprop/inspection/_resolve.py", "def f(model):\n    model._outputs(X)\n"),
        ("pybackprop/dask/_checks.py", "def f(model):\n    model._fit(request)\n"),
        ("pybackprop/_training/lbfgs.py", "def f(model):\n    model._train(1, 2)\n"),
    ],
    only_estimators_are_assigned_fitted_attributes: [
        ("pybackprop/_training/lbfgs.py", "def f(model):\n    model.loss_ = 1\n"),
        ("pybackprop/_training/lbfgs.py", "def f(model):\n    model._pause = 1\n"),
        ("pybackprop/export/sklearn.py", "def f(model):\n    model.coefs_ = 1\n"),
        ("pybackprop/classifier.py", "def f(self):\n    self.classes_ += 1\n"),
        ("pybackprop/inspection/x.py", "def f(model):\n    vars(model).update(a=1)\n"),
    ],
    outsiders_use_public_names: [
        ("examples/99.py", "from pybackprop import _core\n"),
        ("examples/99.py", "from pybackprop._core import losses\n"),
        ("examples/99.py", "import pybackprop\n\nprint(pybackprop._core.losses())\n"),
        ("benchmarks/x.py", "import pybackprop._training.lbfgs\n"),
        ("docs/conf.py", "from pybackprop.network import _x\n"),
    ],
    only_targets_know_a_class_label: [
        ("pybackprop/network.py", "classes = np.unique(y)\n"),
        (
            "pybackprop/classifier.py",
            "from sklearn.preprocessing import LabelBinarizer\n",
        ),
    ],
    solvers_are_told_apart_by_their_records: [
        ("pybackprop/_training/resume.py", 'if params.solver == "lbfgs":\n    pass\n'),
        ("pybackprop/network.py", 'if solver not in ("sgd", "lbfgs"):\n    pass\n'),
    ],
    a_gradient_is_never_called_an_error: [
        ("csrc/network/output.c", "/* The error\n * signal of a layer. */\n"),
        ("pybackprop/network.py", "# delta is the error of a hidden unit\n"),
        ("docs/theory.md", "Then the errors are propagated back.\n"),
        ("csrc/network/output.c", "double error_term;\n"),
        ("docs/theory.md", "It distributes the errors to the layer before.\n"),
        ("docs/theory.md", "An error that is not one: errors flow\nback.\n"),
        ("examples/99.py", "err = y_pred - y\n"),
        ("csrc/network/output.c", "    double error[3] = {0};\n"),
        ("pybackprop/network.py", "# as a quotation\n\n\n# the error signal\n"),
    ],
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule):
    violations = rule(ROOT)
    assert not violations, "\n".join(violations)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return a copy of the checkout to plant violations in."""
    root = tmp_path_factory.mktemp("checkout")
    for part in PARTS:
        if (ROOT / part).is_dir():
            ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
            shutil.copytree(ROOT / part, root / part, ignore=ignored)
    return root


@pytest.mark.parametrize(
    "rule, name, text",
    [(rule, name, text) for rule, plants in RULES.items() for name, text in plants],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_rule_can_fail(rule, name, text, copy):
    before = rule(copy)
    path = copy / name
    content = path.read_text("utf-8") if path.exists() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{content or ''}\n{text}", "utf-8")
    try:
        assert len(rule(copy)) > len(before)
    finally:
        if content is None:
            path.unlink()
        else:
            path.write_text(content, "utf-8")
