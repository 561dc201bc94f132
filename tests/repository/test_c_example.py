"""Tests the C program of docs/c_interface.md: its build and its numbers."""

import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pybackprop import MLPClassifier, Network
from pybackprop.by_hand.backprop import objective
from support.c_program import NETWORK, PAGE, X, Y, numbers, start
from support.checkout import ROOT

STRICT = "-Wall -Wextra -Wconversion -Werror -Wno-missing-field-initializers"


pytestmark = [
    pytest.mark.full,
    pytest.mark.slow,
    pytest.mark.skipif(not PAGE.exists(), reason="needs the source tree"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler"),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """Build the program with the command of the page, with warnings as errors.

    Less optimization gives the same bits, and a faster build.
    """
    path = tmp_path_factory.mktemp("c") / "xor"
    (command,) = re.findall(r"^\$ (cc -std.*\\\n.*)", PAGE.read_text(), re.M)
    command = command.replace("-o xor", f"-o {path}").replace("\\\n", " ")
    subprocess.run(f"{command} -O1 {STRICT}", shell=True, cwd=ROOT, check=True)
    return path


def run(program, **environment):
    result = subprocess.run(
        [program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


@pytest.fixture(scope="module")
def output(program):
    return run(program)


def test_every_number_matches_plain_numpy(output):
    network = start()
    F, coef_grads, intercept_grads, _, a, delta = objective(
        X, Y, network.coefs, network.intercepts, **NETWORK
    )
    expected = np.hstack([a[-1], a[-1] - Y, delta[1], delta[0]])
    deltas, gradients, printed = numbers(output.split("epoch")[0])
    assert_allclose(deltas, expected, rtol=0, atol=0.5001e-4)
    expected = [
        of_layer[0] if of_layer.ndim == 1 else of_layer[0, 0]
        for pair in zip(coef_grads, intercept_grads, strict=True)
        for of_layer in pair
    ]
    assert_allclose(gradients, expected, rtol=0, atol=0.5001e-4)
    assert_allclose(printed, F, rtol=1e-14)


def test_the_objectives_have_the_bits_of_the_package(output):
    network = start()
    before, after = (numbers(part)[2] for part in output.split("epoch  50"))
    assert before == network.objective(X, Y)
    model = MLPClassifier(
        (3,),
        activation="tanh",
        learning_rate_init=0.05,
        alpha=0,
        batch_size=4,
        shuffle=False,
        max_iter=200,
        n_iter_no_change=200,
        coefs_init=network.coefs,
        intercepts_init=network.intercepts,
    )
    model.fit(X, Y.ravel())
    trained = Network([2, 3, 1], **NETWORK)
    for views, arrays in (
        (trained.coefs, model.coefs_),
        (trained.intercepts, model.intercepts_),
    ):
        for view, array in zip(views, arrays, strict=True):
            view[...] = array
    assert after == trained.objective(X, Y)
    assert after < 0.01


def test_the_instruction_set_does_not_change_the_output(program, output):
    assert run(program, PYBACKPROP_ISA="baseline") == output


def test_a_status_has_a_message(program):
    result = subprocess.run(
        [program],
        env={**os.environ, "PYBACKPROP_ISA": "pencil"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "PYBACKPROP_ISA" in result.stderr
