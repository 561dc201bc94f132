"""Writes the tables of docs/features.md from the marks on the tests.

    python -m support.feature_table         prints the tables
    python -m support.feature_table PAGE    puts them into the page, between its markers

A row is a test with the mark ``feature(name, use, requested=None)``: the name of the
feature, the code that uses it, and the scikit-learn issue that asked for it.  THEMES
groups and orders the rows.
"""

import sys
from pathlib import Path

from support.checkout import ROOT
from support.marks import link, marks

PAGE = ROOT / "docs" / "features.md"
START, END = "<!-- features -->\n", "<!-- end of features -->\n"
ISSUES = "https://github.com/scikit-learn/scikit-learn/issues/"

THEMES = {
    "Activations": [
        "Leaky ReLU, ELU, SELU, GELU, SiLU, Mish, softplus and their hard forms",
        "A separate activation for each hidden layer",
    ],
    "Losses and outputs": [
        "Absolute error and Huber loss",
        "Quantile regression",
        "Gamma and Tweedie deviance",
        "Squared error for classification",
        "Your own loss",
        "Any output activation whose values the loss accepts",
        "The output activation of the classifier",
        "Logits of a classifier",
    ],
    "Classes": [
        "Class weights",
        "Label smoothing",
        "partial_fit for multilabel targets",
    ],
    "Optimizers": [
        "AdamW: Adam with decoupled weight decay",
        "NAdam: Adam with Nesterov's momentum",
        "RMSprop",
    ],
    "Learning rates": [
        "Schedules that act at each step: cosine, linear, one_cycle, step, exponential",
        "Warm-up of the learning rate",
        "Your own learning rate schedule",
        "A separate learning rate for each layer",
    ],
    "Regularization": [
        "Dropout of features and hidden units, equal for any number of threads",
        "L1 and elastic net penalty",
        "A separate L2 penalty for each layer",
        "Max-norm constraint on the weights into each unit",
        "Gradient clipping by the global norm",
    ],
    "Validation and stopping": [
        "Your own validation set",
        "Validation split by groups, by time or by any splitter",
        "Early stopping by the loss or any scorer",
        "Early stopping in partial_fit",
        "A time limit",
    ],
    "Control": [
        "Callbacks: the score of each epoch by any metric",
        "Callbacks: progress bars",
        "Callbacks: your own object, which may stop the fit",
        "Losses, scores, learning rate and seconds of every epoch",
        "Resuming a fit in another process, with the same bits",
        "Your own initial weights",
    ],
    "Diagnosis": [
        "A warning about badly scaled inputs or targets",
        "Dead and saturated units in the ConvergenceWarning",
        "Callbacks: gradient norms, updates and dead units, layer by layer",
        "Sanity checks before a training",
        "Gradients checked against finite differences",
    ],
    "A look inside": [
        "Every value of a backpropagation, layer by layer",
        "The network of a fitted estimator, with every value of its backpropagation",
        "The activations of every layer of a fitted model",
        "An explanation of when delta at the output equals y_pred - y",
        "Two courses' formulations of backpropagation, side by side on your network",
    ],
    "Plots": [
        "Loss curve of a fit, with validation",
        "Decision surface of the network and of each hidden unit",
        "First-layer weights as images",
        "A drawing of a network with its activations and deltas",
        "Sizes of the gradients, layer by layer",
        "Both formulations of backpropagation, and the mistaken one, drawn",
    ],
    "Large data": [
        "Datasets larger than memory",
        "Fit from an iterable of batches",
        "Block shuffling, which keeps neighbouring samples together",
        "One large fit on a Dask cluster, with the bits of the local fit",
    ],
    "Conversion and export": [
        "Export to ONNX",
        "Export of pipelines to ONNX through skl2onnx",
        "Export to one C file",
        "Conversion of trained models to scikit-learn's objects and back",
        "An estimator from a Network",
        "The last hidden layer as features for another model",
    ],
}


def features():
    """Return pairs of a test file and the arguments of a feature mark, in order."""
    return marks("feature", ("name", "use", "requested"))


def _issues(requested):
    numbers = [number.strip() for number in (requested or "").split(",")]
    return ", ".join(f"[{n}]({ISSUES}{n.removeprefix('#')})" for n in numbers if n)


def tables():
    """Return a heading and a table for each theme, in Markdown."""
    rows = {row["name"]: (path, row) for path, row in features()}
    blocks = []
    for theme, names in THEMES.items():
        lines = [
            f"## {theme}\n",
            "| feature | code | requested in | test |",
            "| --- | --- | --- | --- |",
        ]
        for name in names:
            path, row = rows[name]
            code = row["use"].replace("|", "\\|")
            issues = _issues(row.get("requested"))
            lines.append(f"| {name} | `{code}` | {issues} | {link(path, PAGE)} |")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def replaced(text):
    """Return the text with the tables between its markers."""
    before, rest = text.split(START)
    return f"{before}{START}\n{tables()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(tables(), end="")
    else:
        page = Path(sys.argv[1])
        page.write_text(replaced(page.read_text("utf-8")), "utf-8")
