"""Exports estimators to ONNX, alone or in pipelines that skl2onnx converts."""

from contextlib import contextmanager
from itertools import count

import numpy as np
from sklearn.base import is_classifier

from pybackprop.classifier import MLPClassifier
from pybackprop.export._dense_layers import check_estimator, layers_of, writer_of
from pybackprop.export._onnx_nodes import ACTIVATIONS, Nodes
from pybackprop.regressor import MLPRegressor

OPSET = 13


@contextmanager
def _extra(function):
    """Name the extra to install if the import of an optional package fails."""
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f"{function} needs {error.name}. Install it with: "
            "pip install 'pybackprop[export]'"
        ) from error


def to_onnx(estimator, X):
    """Export a fitted estimator as an ONNX model.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted. Edits of ``coefs_`` and ``intercepts_`` are included.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples of the shape and data type of the model's input; the values are not
        used. With float32 the model computes in float32, otherwise in float64.

    Returns
    -------
    onnx.ModelProto
        Its input is ``X`` of shape (None, n_features). A classifier has the output
        ``label`` of int64 or strings and of shape (None,), or (None, n_labels) for
        several labels, and, if it has ``predict_proba``, ``probabilities`` of shape
        (None, n_classes). A regressor has ``variable`` of shape (None, n_outputs).
        The operators are of set 13, and onnxruntime implements them on CPUs in both
        data types.

    Raises
    ------
    TypeError
        If the estimator is not one of pybackprop.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ValueError
        If X has another number of features, or ``classes_`` has values that are neither
        strings nor whole numbers, which ONNX does not allow as labels.
    ImportError
        If onnx is not installed: ``pip install 'pybackprop[export]'``.

    Notes
    -----
    A runtime uses another order of summation and other implementations of exp and tanh,
    so its results agree up to rounding errors, and not in every bit.
    """
    estimator = check_estimator(estimator)
    with _extra("to_onnx"):
        from onnx import checker, helper, numpy_helper
    from pybackprop import __version__

    dtype = _dtype_for(X, estimator)
    element = helper.np_dtype_to_tensor_dtype(dtype)
    outputs = _outputs(estimator, element)
    numbers = count()
    nodes = Nodes(dtype, lambda hint: f"{hint}_{next(numbers)}")
    _append_estimator(nodes, estimator, "X", list(outputs))
    make_info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node(op_type, names, [output], name=output, **attributes)
            for op_type, names, output, attributes in nodes.nodes
        ],
        type(estimator).__name__,
        [make_info("X", element, [None, estimator.n_features_in_])],
        [
            helper.make_tensor_value_info(name, *type_)
            for name, type_ in outputs.items()
        ],
        [numpy_helper.from_array(a, name) for name, a in nodes.constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(
        graph,
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="pybackprop",
        producer_version=__version__,
    )
    checker.check_model(model)
    return model


def register_skl2onnx():
    """Let skl2onnx convert pipelines and searches that hold our estimators.

    Call it once, before ``skl2onnx.to_onnx`` or ``convert_sklearn``; further calls have
    no effect. skl2onnx's options ``zipmap`` and ``output_class_labels`` apply as they
    do to scikit-learn's classifiers.

    Raises
    ------
    ImportError
        If skl2onnx is not installed: ``pip install 'pybackprop[export]'``.
    """
    with _extra("register_skl2onnx"):
        from skl2onnx import update_registered_converter
    update_registered_converter(
        MLPClassifier,
        "PybackpropMLPClassifier",
        _infer_types,
        _convert,
        parser=_parse_classifier,
        options={
            "zipmap": [True, False, "columns"],
            "output_class_labels": [False, True],
            "nocl": [True, False],
        },
    )
    update_registered_converter(
        MLPRegressor, "PybackpropMLPRegressor", _infer_types, _convert
    )


# ---- The nodes of an estimator -------------------------------------------------------


def _append_estimator(nodes, estimator, X, outputs):
    """Append all nodes of an estimator, given the names of X and of the outputs."""
    a = nodes("Cast", X, to=_element_type(nodes.dtype))
    for layer in layers_of(estimator):
        product = nodes("MatMul", a, layer.coef.astype(nodes.dtype))
        z = nodes("Add", product, layer.intercept.astype(nodes.dtype))
        a = _activate(nodes, layer.activation, z)
    results = [a]
    if is_classifier(estimator):
        results = [_label(nodes, estimator, a)]
        if len(outputs) > 1:
            results.append(_probabilities(nodes, estimator, z, a))
    for result, output in zip(results, outputs, strict=True):
        nodes("Identity", result, output=output)


def _activate(nodes, activation, z):
    return writer_of(activation, ACTIVATIONS, "ONNX")(nodes, z)


def _label(nodes, estimator, y_pred):
    """Append the nodes of the predicted labels, and return their name."""
    if estimator._labels.kind == "multilabel":
        return _above_half(nodes, y_pred)
    if len(estimator.classes_) == 1:
        # The only class is predicted, whatever the output is.
        y_pred = nodes("Gather", y_pred, _integers(0), axis=1)
    elif estimator.n_outputs_ == 1:
        index = nodes("Reshape", _above_half(nodes, y_pred), _integers(-1))
        return nodes("Gather", _classes_of(estimator), index, axis=0)
    index = nodes("ArgMax", y_pred, axis=1, keepdims=0)
    return nodes("Gather", _classes_of(estimator), index, axis=0)


def _probabilities(nodes, estimator, z, y_pred):
    """Append the nodes of the probabilities, one column per class."""
    output = estimator.out_activation_
    if estimator._labels.kind == "multilabel":
        return y_pred
    if len(estimator.classes_) == 1:
        return _activate(nodes, "softmax", nodes("Gather", z, _integers(0), axis=1))
    if estimator.n_outputs_ > 1:
        return y_pred if output == "softmax" else _shares(nodes, estimator, z, y_pred)
    if output == "logistic":
        # logistic(-z) keeps small probabilities accurate; 1 - y_pred does not.
        other = _activate(nodes, "logistic", nodes("Neg", z))
    else:
        other = nodes("Sub", 1.0, y_pred)
    return nodes("Concat", other, y_pred, axis=1)


def _shares(nodes, estimator, z, y_pred):
    """Divide each output by the sum of its row; make all equal if all are 0."""
    if estimator.out_activation_ == "logistic":
        # The logarithms are finite where all outputs underflow.
        log_y_pred = nodes("Neg", _activate(nodes, "softplus", nodes("Neg", z)))
        return _activate(nodes, "softmax", log_y_pred)
    total = nodes("ReduceSum", y_pred, _integers(1), keepdims=1)
    shares = nodes("Div", y_pred, total)
    return nodes("Where", nodes("Equal", total, 0.0), 1 / estimator.n_outputs_, shares)


def _integers(*values):
    return np.array(values, dtype=np.int64)


def _above_half(nodes, y_pred):
    return nodes("Cast", nodes("Greater", y_pred, 0.5), to=_element_type(np.int64))


def _classes_of(estimator):
    """Convert labels to types of ONNX: int64, or strings in an array of objects."""
    classes = estimator.classes_
    kind = classes.dtype.kind
    if kind in "biu" or kind == "f" and (classes == np.floor(classes)).all():
        return classes.astype(np.int64)
    if all(isinstance(label, str) and _is_utf8(label) for label in classes):
        return classes.astype(object)
    raise ValueError(
        "classes_ must be strings, integers or bools, and strings must be UTF-8, to be "
        f"labels of an ONNX model. Got {classes!r}."
    )


def _is_utf8(text):
    """Tell whether a string can be encoded: it has no unpaired surrogate."""
    return text.encode(errors="ignore").decode() == text


# ---- Types ---------------------------------------------------------------------------


def _element_type(dtype):
    from onnx import helper

    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def _dtype_for(X, estimator):
    """Choose float32 or float64 by the data type of X."""
    if not hasattr(X, "dtype"):
        X = np.asarray(X)
    if len(X.shape) != 2 or X.shape[1] != estimator.n_features_in_:
        raise ValueError(
            f"X must have the shape (n_samples, {estimator.n_features_in_}), as when "
            f"the estimator was fitted. Got {tuple(X.shape)}."
        )
    return np.dtype(np.float32 if X.dtype == np.float32 else np.float64)


def _outputs(estimator, element):
    """Return the element type and shape of each output, in skl2onnx's order."""
    n_outputs = estimator.n_outputs_
    if not is_classifier(estimator):
        return {"variable": (element, [None, n_outputs])}
    if estimator._labels.kind == "multilabel":
        label = _element_type(np.int64), [None, n_outputs]
    else:
        label = _element_type(_classes_of(estimator).dtype), [None]
    outputs = {"label": label}
    if hasattr(estimator, "predict_proba"):
        outputs["probabilities"] = element, [None, len(estimator.classes_)]
    return outputs


# ---- skl2onnx ------------------------------------------------------------------------


def _parse_classifier(scope, model, inputs, custom_parsers=None):
    """Declare the outputs of a classifier: labels, and probabilities if any."""
    from skl2onnx._parse import _parse_sklearn_classifier
    from skl2onnx.common.data_types import Int64TensorType

    if hasattr(model, "predict_proba"):
        return _parse_sklearn_classifier(scope, model, inputs, custom_parsers)
    operator = scope.declare_local_operator("PybackpropMLPClassifier", model)
    operator.inputs = inputs
    label = scope.declare_local_variable("label", Int64TensorType())
    operator.outputs.append(label)
    return operator.outputs


def _dtype_of_input(operator):
    from skl2onnx.common.data_types import DoubleTensorType

    is_double = isinstance(operator.inputs[0].type, DoubleTensorType)
    return np.dtype(np.float64 if is_double else np.float32)


def _infer_types(operator):
    """Set the types of an operator's outputs."""
    from onnx import TensorProto
    from skl2onnx.common import data_types

    type_of = {
        TensorProto.FLOAT: data_types.FloatTensorType,
        TensorProto.DOUBLE: data_types.DoubleTensorType,
        TensorProto.INT64: data_types.Int64TensorType,
        TensorProto.STRING: data_types.StringTensorType,
    }
    element = _element_type(_dtype_of_input(operator))
    n_samples = operator.inputs[0].get_first_dimension()
    types = _outputs(operator.raw_operator, element).values()
    for output, (element, shape) in zip(operator.outputs, types, strict=True):
        output.set_type(type_of[element](shape=[n_samples, *shape[1:]]))


def _convert(scope, operator, container):
    """Append the nodes of an operator to a graph of skl2onnx."""
    if container.target_opset_any_domain("") < OPSET:
        raise RuntimeError(
            f"target_opset must be at least {OPSET} for the estimators of pybackprop. "
            f"Got {container.target_opset_any_domain('')}."
        )
    nodes = Nodes(_dtype_of_input(operator), scope.get_unique_variable_name)
    outputs = [output.full_name for output in operator.outputs]
    X = operator.inputs[0].full_name
    _append_estimator(nodes, check_estimator(operator.raw_operator), X, outputs)
    for name, array in nodes.constants.items():
        element = _element_type(array.dtype)
        values = [v.encode() if isinstance(v, str) else v for v in array.ravel()]
        container.add_initializer(name, element, array.shape, values)
    for op_type, names, output, attributes in nodes.nodes:
        name = scope.get_unique_operator_name(op_type)
        container.add_node(op_type, names, [output], name=name, **attributes)
