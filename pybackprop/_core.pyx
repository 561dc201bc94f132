# cython: language_level=3
# cython: freethreading_compatible=True
"""Binds the C core: passes buffers in and raises its errors as Python exceptions.

This module makes no decision that a user could observe.  Arrays must already have the network's
data type and consistent shapes; they are checked here, since C trusts them, and converted by the
callers.

Each attribute of an argument is read once, so that the value that was checked is the value that is
used.  Objects take their arguments in ``__cinit__``, which Python runs exactly once.
"""

import os
import threading
import weakref
from functools import cache

import numpy as np

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.pythread cimport PyThread_get_thread_ident
from cpython.unicode cimport PyUnicode_AsUTF8
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

cnp.import_array()

MAX_THREADS = PB_MAX_THREADS


cdef int check(pb_status status) except -1:
    if status == PB_OK:
        return 0
    message = pb_status_message(status).decode()
    if status == PB_NO_MEMORY:
        raise MemoryError(message)
    if status == PB_TOO_LARGE:
        raise OverflowError(message)
    raise ValueError(message)


# ---- Properties of this build: cached, read-only ----------------------------------------------

cdef object text(const char *name):
    """A name as a str, None for NULL."""
    return None if name == NULL else name.decode()


@cache
def activations():
    """Properties of the activations, by name, in the order of the core's list."""
    cdef pb_activation_info info
    records = {}
    while pb_activation_at(len(records), &info) == PB_OK:
        records[text(info.name)] = {
            "hidden": info.hidden,
            "output": info.output,
            "rowwise": info.rowwise,
            "has_log": info.has_log,
            "range_low": info.range_low,
            "low_attained": info.low_attained,
            "range_high": info.range_high,
            "high_attained": info.high_attained,
            "init_factor": info.init_factor,
            "init_by_fan_in": info.init_by_fan_in,
        }
    return records


@cache
def losses():
    """Properties of the losses, by name."""
    cdef pb_loss_info info
    records = {}
    while pb_loss_at(len(records), &info) == PB_OK:
        records[text(info.name)] = {
            "regression": info.regression,
            "classification": info.classification,
            "elementwise_form": text(info.elementwise_form),
            "default_output": text(info.default_output),
            "canonical_output": text(info.canonical_output),
            "target_domain": text(info.target_domain),
            "target_low": info.target_low,
            "target_high": info.target_high,
            "target_low_belongs": info.target_low_belongs,
            "rows_sum_to_one": info.rows_sum_to_one,
            "parameter": text(info.parameter),
            "parameter_low": info.parameter_low,
            "parameter_high": info.parameter_high,
            "parameter_ends_belong": info.parameter_ends_belong,
            "loss_at_low": text(info.loss_at_low),
            "loss_at_high": text(info.loss_at_high),
            "prediction_low": info.prediction_low,
            "prediction_high": info.prediction_high,
            "prediction_ends_belong": info.prediction_ends_belong,
        }
    return records


@cache
def optimizers():
    """Properties of the optimizers' update rules, by name."""
    cdef pb_optimizer_info info
    records = {}
    while pb_optimizer_at(len(records), &info) == PB_OK:
        records[text(info.name)] = {
            "n_states": info.n_states,
            "scale_invariant": info.scale_invariant,
        }
    return records


@cache
def schedules():
    """Properties of the learning rate schedules, by name."""
    cdef pb_schedule_info info
    records = {}
    while pb_schedule_at(len(records), &info) == PB_OK:
        records[text(info.name)] = {"only_sgd": info.only_sgd}
    return records


def instruction_sets():
    """Whether this machine can run each instruction set, by name; the last one is preferred."""
    cdef const char *name
    cdef int runnable
    sets = {}
    while pb_isa_at(len(sets), &name, &runnable) == PB_OK:
        sets[name.decode()] = bool(runnable)
    return sets


def chosen_instruction_set():
    """Name of the instruction set in use."""
    cdef const char *name
    check(pb_isa_chosen(&name))
    return name.decode()


def compiler():
    """Name and version of the compiler that built the core."""
    return pb_compiler().decode()


# ---- Buffers ---------------------------------------------------------------------------------

cdef pb_dtype dtype_of(object dtype) except *:
    if dtype == np.float64:
        return PB_FLOAT64
    if dtype == np.float32:
        return PB_FLOAT32
    raise TypeError(f"dtype must be float32 or float64, got {dtype}")


cdef int type_of(pb_dtype dtype) noexcept:
    """NumPy's type number for a data type of the core."""
    return cnp.NPY_FLOAT64 if dtype == PB_FLOAT64 else cnp.NPY_FLOAT32


cdef pb_dtype dtype_in(cnp.ndarray array) except *:
    if not cnp.PyArray_ISNOTSWAPPED(array):
        raise TypeError(f"expected an array in native byte order, got {array.dtype}")
    return dtype_of(array.dtype)


cdef cnp.ndarray strided(object array, int type_number, int ndim):
    """Return the array, or an aligned copy if its strides are not multiples of the item size."""
    cdef cnp.ndarray found
    cdef int i
    cdef bint reachable
    if (
        not isinstance(array, cnp.ndarray)
        or cnp.PyArray_TYPE(<cnp.ndarray>array) != type_number
        or not cnp.PyArray_ISNOTSWAPPED(<cnp.ndarray>array)
        or cnp.PyArray_NDIM(<cnp.ndarray>array) != ndim
    ):
        raise TypeError(f"expected a {ndim}-dimensional {cnp.PyArray_DescrFromType(type_number)} "
                        "array")
    found = array
    reachable = cnp.PyArray_ISALIGNED(found)
    for i in range(ndim):
        reachable = reachable and cnp.PyArray_STRIDE(found, i) % cnp.PyArray_ITEMSIZE(found) == 0
    return found if reachable else contiguous(found)


cdef cnp.ndarray contiguous(object array, object dtype=None):
    """Return a C-contiguous, aligned array; ``np.ascontiguousarray`` does not align."""
    if (
        dtype is None
        and isinstance(array, cnp.ndarray)
        and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>array)
    ):
        return array
    return np.require(np.asarray(array), dtype, ["C", "A"])


cdef cnp.ndarray vector(object array, int type_number, Py_ssize_t length):
    """Check for a contiguous vector of that length.  No copy is made: the core may write to it."""
    if (
        not isinstance(array, cnp.ndarray)
        or cnp.PyArray_TYPE(<cnp.ndarray>array) != type_number
        or cnp.PyArray_NDIM(<cnp.ndarray>array) != 1
        or cnp.PyArray_DIM(<cnp.ndarray>array, 0) != length
        or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>array)
    ):
        raise TypeError(f"expected a contiguous {cnp.PyArray_DescrFromType(type_number)} vector "
                        f"of length {length}")
    return array


cdef cnp.ndarray writable(cnp.ndarray array):
    """Check that the array is writable: writing to a read-only memory map ends the process."""
    if not cnp.PyArray_ISWRITEABLE(array):
        raise TypeError("expected an array that may be written to")
    return array


def hold_buffer(array):
    """Return a handle that keeps the memory of an array at its address while the handle exists.

    ``array.resize(refcheck=False)`` moves the memory of an array that has views, but refuses to if
    the array has a weak reference.
    """
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return array, weakref.ref(owner)


cdef class Names:
    """Owns an array of C strings."""

    cdef const char **c
    cdef list encoded

    def __cinit__(self, names):
        self.encoded = [name.encode() for name in names]
        self.c = <const char **>PyMem_Calloc(len(self.encoded) + 1, sizeof(char *))
        if self.c == NULL:
            raise MemoryError()
        for i, name in enumerate(self.encoded):
            self.c[i] = name

    def __dealloc__(self):
        PyMem_Free(self.c)


cdef class Samples:
    """Samples for the core: a dense array of any strides, or a CSR matrix.

    The data are not copied; the object keeps them alive.  A CSR matrix must come from
    pybackprop._data.sparse.canonical_rows, since the core trusts its indices.
    """

    cdef pb_samples c
    cdef readonly Py_ssize_t n_rows
    cdef readonly Py_ssize_t n_features
    cdef pb_dtype dtype
    cdef object buffers

    def __cinit__(self, X, dtype):
        cdef cnp.ndarray values
        self.dtype = dtype_of(dtype)
        if isinstance(X, np.ndarray):
            values = strided(X, type_of(self.dtype), 2)
            self.n_rows = cnp.PyArray_DIM(values, 0)
            self.n_features = cnp.PyArray_DIM(values, 1)
            self.c.values = cnp.PyArray_DATA(values)
            self.c.row_stride = cnp.PyArray_STRIDE(values, 0) // cnp.PyArray_ITEMSIZE(values)
            self.c.column_stride = cnp.PyArray_STRIDE(values, 1) // cnp.PyArray_ITEMSIZE(values)
            self.buffers = hold_buffer(values)
        else:
            self.read_rows(X)

    cdef int read_rows(self, X) except -1:
        cdef cnp.ndarray values = contiguous(X.data)
        cdef cnp.ndarray indptr = contiguous(X.indptr, np.int64)
        cdef cnp.ndarray indices = contiguous(X.indices, np.int32)
        self.n_rows, self.n_features = X.shape
        vector(values, type_of(self.dtype), cnp.PyArray_SIZE(values))
        vector(indptr, cnp.NPY_INT64, self.n_rows + 1)
        vector(indices, cnp.NPY_INT32, cnp.PyArray_SIZE(values))
        self.c.values = cnp.PyArray_DATA(values)
        self.c.indptr = <const int64_t *>cnp.PyArray_DATA(indptr)
        self.c.indices = <const int32_t *>cnp.PyArray_DATA(indices)
        if self.c.indptr[self.n_rows] > cnp.PyArray_SIZE(values):
            raise TypeError(f"expected a row to end within {cnp.PyArray_SIZE(values)} values")
        self.buffers = (hold_buffer(values), hold_buffer(indptr), hold_buffer(indices))
        return 0


cdef class Targets:
    """Targets for the core.

    The dtype of ``y`` decides: int32 class codes of shape (n,), uint8 indicators of shape
    (n, n_outputs), or reals of the network's dtype of shape (n, n_outputs).  ``smoothing`` is the
    label smoothing of codes and indicators.
    """

    cdef pb_targets c
    cdef readonly Py_ssize_t n_rows
    cdef readonly object n_outputs
    cdef Py_ssize_t n_codes
    cdef object buffers

    def __cinit__(self, y, dtype, double smoothing=0):
        cdef cnp.ndarray values
        given = y.dtype
        if given == np.int32:
            values = strided(y, cnp.NPY_INT32, 1)
            self.c.kind = PB_TARGET_CLASS
            self.n_codes = count_codes(values)
        else:
            indicator = given == np.uint8
            values = strided(y, cnp.NPY_UINT8 if indicator else type_of(dtype_of(dtype)), 2)
            self.c.kind = PB_TARGET_INDICATOR if indicator else PB_TARGET_REAL
            self.c.column_stride = cnp.PyArray_STRIDE(values, 1) // cnp.PyArray_ITEMSIZE(values)
            self.n_outputs = cnp.PyArray_DIM(values, 1)
        self.c.row_stride = cnp.PyArray_STRIDE(values, 0) // cnp.PyArray_ITEMSIZE(values)
        self.c.values = cnp.PyArray_DATA(values)
        self.c.smoothing = smoothing
        self.n_rows = cnp.PyArray_DIM(values, 0)
        self.buffers = hold_buffer(values)

    cdef int require(self, Py_ssize_t n_rows, Py_ssize_t n_outputs) except -1:
        if self.n_rows != n_rows or (
            self.c.kind != PB_TARGET_CLASS and self.n_outputs != n_outputs
        ):
            raise TypeError(f"expected targets of {n_rows} rows and {n_outputs} outputs, got "
                            f"{self.n_rows} and {self.n_outputs}")
        # A network with one output takes the codes 0 and 1.
        if self.n_codes > max(n_outputs, 2):
            raise TypeError(f"expected codes of {n_outputs} outputs, got {self.n_codes - 1}")
        return 0


cdef Py_ssize_t count_codes(object codes) except -1:
    """Return the largest code plus 1: the core uses codes as indices."""
    if codes.size == 0:
        return 0
    if codes.min() < 0:
        raise TypeError(f"expected codes >= 0, got {codes.min()}")
    return codes.max() + 1


# ---- Threads and interruption -----------------------------------------------------------------

def thread_limit():
    """Return the thread limit of the process, 0 if it is not set."""
    return pb_thread_limit()


def set_thread_limit(int limit):
    """Set the thread limit of the process; 0 removes it."""
    pb_set_thread_limit(limit)


# Cached: a call into the module threading takes as long as a small prediction.
cdef unsigned long main_thread = threading.main_thread().ident


def _after_fork():
    # In the child, the thread that called fork is the only one, and so the main thread.
    global main_thread
    main_thread = PyThread_get_thread_ident()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


cdef class Interrupt:
    """Polls for signals during a long call, about 20 times per second, in the main thread only.

    Python handles signals in no other thread.
    """

    cdef pb_interrupt c
    cdef object exception

    def __cinit__(self):
        cdef timespec now
        if <unsigned long>PyThread_get_thread_ident() == main_thread:
            self.c.poll = handle_signals
            self.c.context = <void *>self
            self.c.interval = 0.05
            # Python has just handled signals: the first poll is due one interval from now.
            timespec_get(&now, TIME_UTC)
            self.c.last = now.tv_sec + 1e-9 * now.tv_nsec

    cdef int finish(self, pb_status status) except -1:
        if status == PB_INTERRUPTED:
            exception, self.exception = self.exception, None
            if exception is None:  # not interrupted by a poll
                raise RuntimeError("Cannot continue in a forked child: worker threads do not "
                                   "survive fork().")
            raise exception
        return check(status)


cdef int handle_signals(void *context) noexcept with gil:
    try:
        PyErr_CheckSignals()
    except BaseException as exception:
        (<Interrupt>context).exception = exception
        return 1
    return 0


# ---- Custom losses -----------------------------------------------------------------------------

cdef class LossFunction:
    """A callable ``(y, y_pred) -> (values, dloss_dy_pred)``, called by the core.

    An exception of the callable is stored per thread and raised again when the core has returned.
    """

    cdef object function
    cdef object dtype
    cdef Py_ssize_t n_outputs
    cdef dict raised

    def __cinit__(self, function, dtype, n_outputs):
        self.function = function
        self.dtype = dtype
        self.n_outputs = n_outputs
        self.raised = {}

    cdef int call(self, size_t n_rows, const void *y, const void *y_pred, double *values,
                  void *dloss_dy_pred) except -1:
        shape = (n_rows, self.n_outputs)
        # Copies, since the callable may store them or write to them.
        cdef cnp.ndarray y_rows = np.empty(shape, dtype=self.dtype)
        cdef cnp.ndarray y_pred_rows = np.empty(shape, dtype=self.dtype)
        memcpy(cnp.PyArray_DATA(y_rows), y, cnp.PyArray_NBYTES(y_rows))
        memcpy(cnp.PyArray_DATA(y_pred_rows), y_pred, cnp.PyArray_NBYTES(y_pred_rows))
        result = self.function(y_rows, y_pred_rows)
        if not isinstance(result, tuple) or len(result) != 2:
            raise ValueError(f"loss must return two arrays, (values, dloss_dy_pred). "
                             f"Got {type(result).__name__} from {self.function!r}.")
        cdef cnp.ndarray of_rows = self.numbers(result[0], np.float64, shape[:1], "values")
        cdef cnp.ndarray of_outputs = self.numbers(result[1], self.dtype, shape, "dloss_dy_pred")
        memcpy(values, cnp.PyArray_DATA(of_rows), cnp.PyArray_NBYTES(of_rows))
        memcpy(dloss_dy_pred, cnp.PyArray_DATA(of_outputs), cnp.PyArray_NBYTES(of_outputs))
        return 0

    cdef numbers(self, array, dtype, shape, name):
        array = np.asarray(array)
        if array.dtype.kind not in "fiub" or array.shape != shape:
            raise ValueError(f"loss must return {name} as real numbers of shape {shape}. Got "
                             f"{array.dtype} of shape {array.shape} from {self.function!r}.")
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(array, dtype)

    cdef exception(self):
        """Remove and return the exception that the callable raised in this thread, or None."""
        return self.raised.pop(<unsigned long>PyThread_get_thread_ident(), None)


cdef int call_loss(void *context, size_t n_rows, const void *y, const void *y_pred,
                   double *values, void *dloss_dy_pred) noexcept with gil:
    loss = <LossFunction>context
    try:
        loss.call(n_rows, y, y_pred, values, dloss_dy_pred)
    except BaseException as exception:
        loss.raised[<unsigned long>PyThread_get_thread_ident()] = exception
        return 1
    return 0


# ---- Networks --------------------------------------------------------------------------------

cdef class Network:
    """Describes a network: layer sizes, activations, loss and penalty.

    ``alpha`` has one float per weight layer; ``loss`` is the name of a loss or a callable.  The
    object holds no parameters: each call takes them as one vector.
    """

    cdef pb_network *c
    cdef pb_dtype c_dtype
    cdef int type_number
    cdef cnp.ndarray sizes
    cdef readonly tuple layer_sizes
    cdef readonly object dtype
    cdef readonly Py_ssize_t n_parameters
    cdef LossFunction loss_function

    def __cinit__(self, layer_sizes, activations, output_activation, loss, alpha, dtype, *,
                  double l1_ratio=0, double loss_parameter=0):
        cdef pb_network_spec spec
        cdef Names names = Names(activations)
        cdef cnp.ndarray alphas
        layer_sizes = list(layer_sizes)
        largest = np.iinfo(np.intp).max
        if any(size > largest for size in layer_sizes):
            raise OverflowError(f"layer sizes must be at most {largest}, got {layer_sizes}")
        self.sizes = vector(np.array(layer_sizes, dtype=np.uintp), cnp.NPY_UINTP, len(layer_sizes))
        self.layer_sizes = tuple(self.sizes.tolist())
        self.dtype = np.dtype(dtype)
        self.c_dtype = dtype_of(self.dtype)
        self.type_number = type_of(self.c_dtype)
        if len(names.encoded) != len(self.layer_sizes) - 2:
            raise ValueError(f"expected {len(self.layer_sizes) - 2} activations, got {activations}")
        output_activation = output_activation.encode()
        spec.dtype = self.c_dtype
        spec.n_layers = len(self.layer_sizes) - 1
        spec.layer_sizes = <const size_t *>cnp.PyArray_DATA(self.sizes)
        spec.activations = names.c
        spec.output_activation = output_activation
        alphas = vector(np.array(alpha, dtype=np.float64), cnp.NPY_FLOAT64, spec.n_layers)
        spec.alphas = <const double *>cnp.PyArray_DATA(alphas)
        spec.l1_ratio = l1_ratio
        spec.loss = NULL
        spec.loss_parameter = loss_parameter
        spec.loss_function = NULL
        spec.loss_context = NULL
        if callable(loss):
            self.loss_function = LossFunction(loss, self.dtype, self.layer_sizes[-1])
            spec.loss_function = call_loss
            spec.loss_context = <void *>self.loss_function
        else:
            loss = loss.encode()
            spec.loss = loss
        check(pb_network_new(&spec, &self.c))
        self.n_parameters = pb_network_n_parameters(self.c)

    def __dealloc__(self):
        pb_network_free(self.c)

    cdef int finish(self, pb_status status, Interrupt interrupt) except -1:
        """Raise the exception for a status other than PB_OK."""
        if status == PB_INTERRUPTED and self.loss_function is not None:
            exception = self.loss_function.exception()
            if exception is not None:
                raise exception
        return interrupt.finish(status)

    def views(self, parameters):
        """Return the coefficients and intercepts of each layer as views of a parameter vector."""
        cdef size_t coefs_at
        cdef size_t intercepts_at
        coefs, intercepts = [], []
        for layer in range(len(self.layer_sizes) - 1):
            check(pb_network_layer(self.c, layer, &coefs_at, &intercepts_at))
            fan_in = self.layer_sizes[layer]
            fan_out = self.layer_sizes[layer + 1]
            coefs.append(parameters[coefs_at:coefs_at + fan_in * fan_out].reshape(fan_in, fan_out))
            intercepts.append(parameters[intercepts_at:intercepts_at + fan_out])
        return coefs, intercepts

    def are_views(self, parameters, coefs, intercepts):
        """Whether two lists of arrays are the ``views`` of a parameter vector."""
        return self.lie_in(vector(parameters, self.type_number, self.n_parameters), coefs,
                           intercepts)

    cdef bint lie_in(self, cnp.ndarray theta, object coefs, object intercepts) except -1:
        cdef const size_t *sizes = <const size_t *>cnp.PyArray_DATA(self.sizes)
        cdef Py_ssize_t n_layers = len(self.layer_sizes) - 1
        cdef Py_ssize_t layer
        cdef Py_ssize_t width
        cdef size_t coefs_at
        cdef size_t intercepts_at
        if type(coefs) is not list or type(intercepts) is not list:
            return False
        if len(<list>coefs) != n_layers or len(<list>intercepts) != n_layers:
            return False
        for layer in range(n_layers):
            check(pb_network_layer(self.c, layer, &coefs_at, &intercepts_at))
            width = sizes[layer + 1]
            if not (lies_at(theta, coefs_at, (<list>coefs)[layer], sizes[layer], width)
                    and lies_at(theta, intercepts_at, (<list>intercepts)[layer], 0, width)):
                return False
        return True

    def predict(self, parameters, Samples X not None, logits=False, n_threads=1,
                Workspace workspace=None):
        """Return the output activations, or pre-activations (logits), of shape (n, n_outputs)."""
        cdef cnp.ndarray theta = vector(parameters, self.type_number, self.n_parameters)
        cdef cnp.ndarray out = np.empty((X.n_rows, self.layer_sizes[-1]), dtype=self.dtype)
        cdef pb_prediction what = PB_PREDICT_LOGITS if logits else PB_PREDICT_OUTPUT
        cdef Interrupt interrupt = Interrupt()
        cdef const void *theta_data = cnp.PyArray_DATA(theta)
        cdef void *out_data = cnp.PyArray_DATA(out)
        cdef pb_status status
        self.check_samples(X)
        if workspace is None:
            workspace = Workspace(self, max(X.n_rows, 1), PB_WORKSPACE_PREDICTION, n_threads)
        with nogil:
            status = pb_predict(self.c, theta_data, &X.c, X.n_rows, what, workspace.c, &interrupt.c,
                                out_data)
        interrupt.finish(status)
        return out

    def forward(self, parameters, Samples X not None, trace, n_threads=1):
        """Fill ``z`` and ``a`` of a trace (see ``objective``), except for layers that are None."""
        cdef cnp.ndarray theta = vector(parameters, self.type_number, self.n_parameters)
        cdef Trace traced = Trace(self, X.n_rows, trace)
        cdef Workspace workspace = Workspace(self, max(X.n_rows, 1), PB_WORKSPACE_PREDICTION,
                                             n_threads)
        cdef Interrupt interrupt = Interrupt()
        cdef const void *theta_data = cnp.PyArray_DATA(theta)
        cdef pb_status status
        self.check_samples(X)
        with nogil:
            status = pb_trace_forward(self.c, theta_data, &X.c, X.n_rows, workspace.c, &interrupt.c,
                                      &traced.c)
        interrupt.finish(status)

    def objective(self, parameters, Samples X not None, Targets y not None, weights=None,
                  gradient=None, trace=None, n_threads=1, Workspace workspace=None):
        """Return the objective over all rows, and write its gradient into ``gradient`` if given.

        ``trace`` is a dict with any of the keys ``z``, ``a``, ``delta`` and ``dloss_da``, each a
        list of (n, d_l) arrays to be filled, with None for layers to skip; or a ``Trace`` made from
        such a dict.
        """
        cdef pb_batch batch = self.batch(X, y, weights)
        cdef cnp.ndarray theta = vector(parameters, self.type_number, self.n_parameters)
        cdef const void *theta_data = cnp.PyArray_DATA(theta)
        cdef void *gradient_data = NULL
        cdef Trace traced
        cdef Interrupt interrupt = Interrupt()
        cdef double value = 0
        cdef pb_status status
        if isinstance(trace, Trace):
            traced = trace
            traced.require(self, X.n_rows)
        else:
            traced = Trace(self, X.n_rows, trace or {})
        if gradient is not None:
            gradient_data = cnp.PyArray_DATA(
                writable(vector(gradient, self.type_number, self.n_parameters)))
        if workspace is None:
            workspace = Workspace(self, X.n_rows, PB_WORKSPACE_GRADIENT, n_threads)
        with nogil:
            status = pb_objective(self.c, theta_data, &batch, workspace.c, &interrupt.c, &value,
                                  gradient_data, &traced.c)
        self.finish(status, interrupt)
        return value

    cdef int check_samples(self, Samples X) except -1:
        if X.n_features != self.layer_sizes[0] or X.dtype != self.c_dtype:
            raise TypeError(f"expected {self.layer_sizes[0]} features of {self.dtype}, got "
                            f"{X.n_features} of "
                            f"{cnp.PyArray_DescrFromType(type_of(X.dtype))}")
        return 0

    cdef pb_batch batch(self, Samples X, Targets y, object weights) except *:
        """Return a batch of all rows that points into the arguments, which must stay alive."""
        cdef pb_batch batch
        self.check_samples(X)
        y.require(X.n_rows, self.layer_sizes[-1])
        batch.X = X.c
        batch.y = y.c
        batch.n_rows = X.n_rows
        batch.weights = NULL
        batch.order = NULL
        if weights is not None:
            batch.weights = <const double *>cnp.PyArray_DATA(
                vector(weights, cnp.NPY_FLOAT64, X.n_rows))
        return batch


cdef bint lies_at(cnp.ndarray theta, size_t offset, object view, Py_ssize_t rows,
                  Py_ssize_t columns) except -1:
    """Whether an array is a view of a vector at an offset: (rows, columns), or 1-d if rows is 0."""
    cdef Py_ssize_t item = cnp.PyArray_ITEMSIZE(theta)
    cdef cnp.ndarray array
    if not isinstance(view, cnp.ndarray):
        return False
    array = view
    if (
        cnp.PyArray_TYPE(array) != cnp.PyArray_TYPE(theta)
        or not cnp.PyArray_ISCARRAY_RO(array)
        or <char *>cnp.PyArray_DATA(array) != <char *>cnp.PyArray_DATA(theta) + offset * item
    ):
        return False
    if rows == 0:
        return cnp.PyArray_NDIM(array) == 1 and cnp.PyArray_DIM(array, 0) == columns
    return (cnp.PyArray_NDIM(array) == 2 and cnp.PyArray_DIM(array, 0) == rows
            and cnp.PyArray_DIM(array, 1) == columns)


cdef class Workspace:
    """Scratch memory of one network for batches of up to ``max_rows`` rows and ``n_threads``."""

    cdef pb_workspace *c
    cdef Network network
    cdef size_t max_rows
    cdef Workspace next

    def __cinit__(self, Network network not None, size_t max_rows, pb_workspace_kind kind,
                  size_t n_threads):
        self.network = network
        self.max_rows = max_rows
        check(pb_workspace_new(network.c, max_rows, kind, n_threads, &self.c))

    def __dealloc__(self):
        pb_workspace_free(self.c)


def prediction_workspace(Network network not None, max_rows, n_threads):
    """Return scratch memory for predictions of any number of rows, ``max_rows`` at a time."""
    return Workspace(network, max_rows, PB_WORKSPACE_PREDICTION, n_threads)


def objective_workspace(Network network not None, max_rows, n_threads):
    """Return scratch memory for the objective of up to ``max_rows`` rows."""
    return Workspace(network, max_rows, PB_WORKSPACE_GRADIENT, n_threads)


cdef class Solver:
    """Applies an optimizer to one parameter vector; its arrays are checked once.

    ``optimizer`` has the attributes of pybackprop._model.optimizer.Optimizer.  Calls change
    parameters and states in place, read ``learning_rate``, and update ``n_steps`` and ``n_epochs``.
    """

    cdef Network network
    cdef pb_optimizer c
    cdef pb_schedule schedule
    cdef void *theta
    cdef object optimizer
    cdef object buffers

    def __cinit__(self, Network network not None, parameters, optimizer):
        cdef Py_ssize_t n_layers = len(network.layer_sizes) - 1
        name, schedule = optimizer.name, optimizer.schedule
        states = optimizer.states.reshape(-1)
        rates, layer_rates = optimizer.dropout, optimizer.layer_rates
        n_states = optimizers()[name]["n_states"]
        name = name.encode()
        self.network = network
        self.theta = cnp.PyArray_DATA(writable(vector(parameters, network.type_number,
                                                      network.n_parameters)))
        self.c.name = name
        self.c.hyperparameters = optimizer.hyperparameters
        self.c.states = cnp.PyArray_DATA(writable(vector(states, network.type_number,
                                                         n_states * network.n_parameters)))
        if rates is not None:
            self.c.dropout = dropout_of(network, rates, optimizer.dropout_seed)
        self.schedule = schedule_of(optimizer, schedule)
        self.c.schedule = &self.schedule
        if layer_rates is not None:
            self.c.layer_rates = <const double *>cnp.PyArray_DATA(
                vector(layer_rates, cnp.NPY_FLOAT64, n_layers))
        self.c.global_clipnorm = optimizer.global_clipnorm
        self.c.max_norm = optimizer.max_norm
        self.optimizer = optimizer
        arrays = (parameters, states, rates, layer_rates)
        self.buffers = (name, schedule, [hold_buffer(a) for a in arrays if a is not None])

    cdef int read(self) except -1:
        self.c.learning_rate = self.optimizer.learning_rate
        self.c.n_steps = self.optimizer.n_steps
        self.c.n_epochs = self.optimizer.n_epochs
        return 0

    cdef int write(self) except -1:
        self.optimizer.n_steps = self.c.n_steps
        self.optimizer.n_epochs = self.c.n_epochs
        return 0

    def take_step(self, gradient, size_t index, size_t n_batches, bint is_last):
        """Take the step of batch ``index`` of an epoch, given its gradient, which may be clipped.

        Returns the norm of the gradient before clipping, if the step is the last of the epoch or
        the gradient is clipped.
        """
        cdef pb_epoch_part part = pb_epoch_part(index, n_batches, 0, is_last)
        cdef void *gradient_data = cnp.PyArray_DATA(
            writable(vector(gradient, self.network.type_number, self.network.n_parameters)))
        cdef double norm = 0
        cdef pb_status status
        self.read()
        with nogil:
            status = pb_take_step(self.network.c, self.theta, &self.c, &part, gradient_data, &norm)
        self.write()
        check(status)
        return norm


cdef pb_dropout dropout_of(Network network, object rates, object seed) except *:
    """Return the dropout of all layers; the caller keeps ``rates`` alive."""
    cdef pb_dropout dropout
    dropout.rates = <const double *>cnp.PyArray_DATA(
        vector(rates, cnp.NPY_FLOAT64, len(network.layer_sizes) - 1))
    dropout.seed = seed
    return dropout


cdef class Training:
    """Runs the epochs of one fit; the arrays that all epochs share are checked once.

    ``optimizer`` is as in ``Solver``.
    """

    cdef Network network
    cdef Workspace workspace
    cdef Interrupt interrupt
    cdef pb_batch batch
    cdef Solver solver
    cdef size_t batch_size
    cdef pb_workspace_kind kind
    cdef Py_ssize_t n_threads
    cdef object buffers
    cdef pb_epoch sums

    def __cinit__(self, Network network not None, parameters, optimizer, Samples X not None,
                  Targets y not None, weights, batch_size, n_threads):
        self.network = network
        self.solver = Solver(network, parameters, optimizer)
        self.kind = PB_WORKSPACE_TRAINING if optimizer.dropout is None else PB_WORKSPACE_DROPOUT
        self.n_threads = n_threads
        self.interrupt = Interrupt()
        self.read_rows(X, y, weights, batch_size)

    def read_rows(self, Samples X not None, Targets y not None, weights, batch_size):
        """Replace the data and the batch size."""
        if self.workspace is None or batch_size > self.batch_size:
            self.workspace = Workspace(self.network, batch_size, self.kind, self.n_threads)
        self.batch = self.network.batch(X, y, weights)
        self.batch_size = batch_size
        self.buffers = (X, y, None if weights is None else hold_buffer(weights))

    cdef pb_batch rows(self, order) except *:
        """Return the rows in ``order``, which the caller keeps alive, or all rows if it is None."""
        cdef pb_batch batch = self.batch
        if order is not None:
            batch.n_rows = len(order)
            batch.order = <const int64_t *>cnp.PyArray_DATA(
                vector(order, cnp.NPY_INT64, batch.n_rows))
        return batch

    def epoch(self, order):
        """Train one epoch over the rows in ``order``, or over all rows in order if it is None.

        Returns a tuple: the mean objective of the batches, whether all parameters are finite after
        the epoch, the mean penalty, and the norm of the last batch's gradient before clipping.
        """
        cdef pb_batch batch = self.rows(order)
        cdef pb_status status
        cdef pb_epoch epoch
        cdef int finite = 0
        self.solver.read()
        with nogil:
            status = pb_train_epoch(self.network.c, self.solver.theta, &self.solver.c, &batch,
                                    self.batch_size, self.workspace.c, &self.interrupt.c, &epoch)
            if status == PB_OK:
                status = pb_all_finite(self.network.c_dtype, self.network.n_parameters,
                                       self.solver.theta, &finite)
        self.solver.write()
        self.network.finish(status, self.interrupt)
        return epoch.loss, bool(finite), epoch.penalty, epoch.gradient_norm

    def begin_epoch(self):
        """Start an epoch that several calls of ``part`` train."""
        self.sums = pb_epoch(0, 0, 0, 0)

    def part(self, order, size_t first_batch, size_t n_batches, size_t first_row, bint is_last):
        """Train the batches of the rows in ``order``, or of all rows if it is None.

        The first batch is number ``first_batch`` of the epoch, row 0 is row ``first_row`` of the
        whole data set.
        """
        cdef pb_batch batch = self.rows(order)
        cdef pb_epoch_part part = pb_epoch_part(first_batch, n_batches, first_row, is_last)
        cdef pb_status status
        self.solver.read()
        with nogil:
            status = pb_train_batches(self.network.c, self.solver.theta, &self.solver.c, &batch,
                                      self.batch_size, &part, self.workspace.c, &self.interrupt.c,
                                      &self.sums)
        self.solver.write()
        self.network.finish(status, self.interrupt)

    def end_epoch(self):
        """Complete the epoch, and return the same tuple as ``epoch``."""
        cdef int finite = 0
        if self.sums.n_rows == 0:
            raise ValueError("no row of the epoch has a weight")
        self.solver.optimizer.n_epochs += 1
        check(pb_all_finite(self.network.c_dtype, self.network.n_parameters, self.solver.theta,
                            &finite))
        return (self.sums.loss / self.sums.n_rows, bool(finite),
                self.sums.penalty / self.sums.n_rows, self.sums.gradient_norm)


# ---- Distributed -------------------------------------------------------------------------------

BLOCK_ROWS = PB_BLOCK_ROWS


def weight_scale(double largest):
    """Return the power of two that scales all sample weights, given the largest weight."""
    return pb_weight_scale(largest)


cdef class BlockSums:
    """Sums losses and gradients over the rows of whole nodes of the summation tree.

    The leaves of the tree are blocks of ``BLOCK_ROWS`` rows; a node has up to ``max_rows`` rows.
    ``dropout`` holds the dropout rates of the layers, or is None.
    """

    cdef Network network
    cdef Workspace workspace
    cdef Interrupt interrupt
    cdef pb_batch batch
    cdef object dropout
    cdef object buffers

    def __cinit__(self, Network network not None, Samples X not None, Targets y not None, weights,
                  max_rows, n_threads, dropout=None):
        self.network = network
        self.batch = network.batch(X, y, weights)
        kind = PB_WORKSPACE_GRADIENT if dropout is None else PB_WORKSPACE_DROPOUT
        self.workspace = Workspace(network, max_rows, kind, n_threads)
        self.interrupt = Interrupt()
        self.dropout = dropout
        self.buffers = (X, y, None if weights is None else hold_buffer(weights))

    def add_up(self, parameters, order, gradient, double scale, *, dropout_seed=0, epoch=0,
               first_row=0):
        """Return the sums of s l and of s over the rows in ``order``, or over all if it is None.

        The sum of s dl/dtheta is written into ``gradient``.  All weights s are multiplied by
        ``scale``.  Row 0 is row ``first_row`` of the whole data set, on which dropout masks depend.
        """
        cdef pb_batch batch = self.batch
        cdef cnp.ndarray theta = vector(parameters, self.network.type_number,
                                        self.network.n_parameters)
        cdef const void *theta_data = cnp.PyArray_DATA(theta)
        cdef void *gradient_data = cnp.PyArray_DATA(
            writable(vector(gradient, self.network.type_number, self.network.n_parameters)))
        cdef pb_masks masks
        cdef const pb_masks *of_pass = NULL
        cdef pb_sums sums = pb_sums(0, 0)
        cdef pb_status status
        if order is not None:
            batch.n_rows = len(order)
            batch.order = <const int64_t *>cnp.PyArray_DATA(
                vector(order, cnp.NPY_INT64, batch.n_rows))
        if self.dropout is not None:
            masks.dropout = dropout_of(self.network, self.dropout, dropout_seed)
            masks.epoch = epoch
            masks.first_row = first_row
            of_pass = &masks
        with nogil:
            status = pb_block_sums(self.network.c, theta_data, &batch, scale, of_pass,
                                   self.workspace.c, &self.interrupt.c, &sums, gradient_data)
        self.network.finish(status, self.interrupt)
        return sums.loss, sums.weight


def finish_sums(Network network not None, parameters, double loss, double weight, double scale,
                gradient):
    """Return objective and penalty, given the sums of a whole batch; normalizes its gradient."""
    cdef cnp.ndarray theta = vector(parameters, network.type_number, network.n_parameters)
    cdef void *gradient_data = cnp.PyArray_DATA(
        writable(vector(gradient, network.type_number, network.n_parameters)))
    cdef pb_sums sums = pb_sums(loss, weight)
    cdef double objective = 0
    cdef double penalty = 0
    check(pb_finish_sums(network.c, cnp.PyArray_DATA(theta), &sums, scale, &objective, &penalty,
                         gradient_data))
    return objective, penalty


# A prediction of at most this size keeps the GIL and uses one thread: it takes at most 0.1 ms, 5 ms
# without vector instructions.  Python itself switches threads every 5 ms, and reacquiring the GIL
# beside a busy thread can take as long.
cdef Py_ssize_t FEW_PRODUCTS = 1 << 20
cdef Py_ssize_t FEW_ROWS = 1 << 10


@cython.final
cdef class SmallBatchPredictor:
    """Predicts a few rows of a plain array in microseconds, from one parameter vector.

    Returns None whenever a quick check fails; the caller then uses the general path, which
    validates, converts and raises.

    Thread-safe: each call takes an unused workspace from a stack and returns it.
    """

    cdef Network network
    cdef cnp.ndarray theta
    cdef object memory
    cdef Workspace unused

    def __cinit__(self, Network network not None, parameters):
        self.network = network
        self.theta = vector(parameters, network.type_number, network.n_parameters)
        self.memory = hold_buffer(self.theta)

    cdef Workspace take(self, size_t n_rows):
        cdef Workspace workspace
        with cython.critical_section(self):
            workspace = self.unused
            if workspace is not None:
                self.unused = workspace.next
        if workspace is None or workspace.max_rows < n_rows:
            workspace = Workspace(self.network, n_rows, PB_WORKSPACE_PREDICTION, 1)
        return workspace

    cdef put_back(self, Workspace workspace):
        with cython.critical_section(self):
            workspace.next = self.unused
            self.unused = workspace

    def predict(self, X, coefs, intercepts, bint logits):
        """Return the same as ``Network.predict``, or None.

        None unless X is exactly an ndarray of at least one and at most ``FEW_ROWS`` rows, of the
        network's data type and width, with finite values, ``coefs`` and ``intercepts`` are the
        views of the vector, and the predictions are finite.
        """
        cdef Network network = self.network
        cdef pb_prediction what = PB_PREDICT_LOGITS if logits else PB_PREDICT_OUTPUT
        cdef const size_t *sizes = <const size_t *>cnp.PyArray_DATA(network.sizes)
        cdef cnp.npy_intp shape[2]
        cdef cnp.ndarray rows
        cdef cnp.ndarray out
        cdef pb_samples samples
        cdef Workspace workspace
        cdef int finite = 0
        if not cnp.PyArray_CheckExact(X):
            return None
        rows = X
        if (
            cnp.PyArray_NDIM(rows) != 2
            or cnp.PyArray_TYPE(rows) != network.type_number
            or not cnp.PyArray_ISBEHAVED_RO(rows)
            or cnp.PyArray_DIM(rows, 1) != <Py_ssize_t>sizes[0]
            or cnp.PyArray_DIM(rows, 0) < 1
            or cnp.PyArray_DIM(rows, 0) > FEW_ROWS
            or cnp.PyArray_DIM(rows, 0) > FEW_PRODUCTS // network.n_parameters
            or not network.lie_in(self.theta, coefs, intercepts)
        ):
            return None
        shape[0] = cnp.PyArray_DIM(rows, 0)
        shape[1] = sizes[len(network.layer_sizes) - 1]
        rows = cnp.PyArray_GETCONTIGUOUS(rows)
        check(pb_all_finite(network.c_dtype, cnp.PyArray_SIZE(rows), cnp.PyArray_DATA(rows),
                            &finite))
        if not finite:
            return None
        out = cnp.PyArray_EMPTY(2, shape, network.type_number, 0)
        samples.values = cnp.PyArray_DATA(rows)
        samples.row_stride = sizes[0]
        samples.column_stride = 1
        samples.indptr = NULL
        samples.indices = NULL
        workspace = self.take(shape[0])
        check(pb_predict(network.c, cnp.PyArray_DATA(self.theta), &samples, shape[0], what,
                         workspace.c, NULL, cnp.PyArray_DATA(out)))
        self.put_back(workspace)
        check(pb_all_finite(network.c_dtype, cnp.PyArray_SIZE(out), cnp.PyArray_DATA(out), &finite))
        return out if finite else None


cdef class Trace:
    """Holds the pointers to the arrays of a trace."""

    cdef pb_trace c
    cdef object buffers
    cdef Network network
    cdef Py_ssize_t n_rows

    def __cinit__(self, Network network not None, Py_ssize_t n_rows, arrays):
        self.network = network
        self.n_rows = n_rows
        self.buffers = []
        self.c.z = self.pointers(network, arrays.get("z"))
        self.c.a = self.pointers(network, arrays.get("a"))
        self.c.delta = self.pointers(network, arrays.get("delta"))
        self.c.dloss_da = self.pointers(network, arrays.get("dloss_da"))

    cdef int require(self, Network network, Py_ssize_t n_rows) except -1:
        if self.network is not network or self.n_rows != n_rows:
            raise TypeError(f"expected a trace of {n_rows} rows of this network")
        return 0

    cdef void **pointers(self, Network network, layers) except? NULL:
        cdef cnp.ndarray addresses
        if layers is None:
            return NULL
        addresses = np.zeros(len(network.layer_sizes) - 1, dtype=np.uintp)
        self.buffers.append(addresses)
        pairs = zip(layers, network.layer_sizes[1:], strict=True)
        for layer, (array, width) in enumerate(pairs):
            if array is not None:
                addresses[layer] = <size_t>self.address(network, array, width)
                self.buffers.append(hold_buffer(array))
        return <void **>cnp.PyArray_DATA(addresses)

    cdef void *address(self, Network network, array, Py_ssize_t width) except? NULL:
        cdef cnp.ndarray matrix
        if not isinstance(array, cnp.ndarray):
            raise TypeError(f"expected an array, got {type(array).__name__}")
        matrix = array
        if (
            cnp.PyArray_TYPE(matrix) != network.type_number
            or cnp.PyArray_NDIM(matrix) != 2
            or cnp.PyArray_DIM(matrix, 0) != self.n_rows
            or cnp.PyArray_DIM(matrix, 1) != width
            or not cnp.PyArray_ISCARRAY_RO(matrix)
        ):
            raise TypeError(f"expected a contiguous array of shape {(self.n_rows, width)}")
        return cnp.PyArray_DATA(writable(matrix))


# ---- Single functions ------------------------------------------------------------------------

cdef pb_schedule schedule_of(object optimizer, object name) except *:
    """Convert the schedule of an optimizer; the caller keeps its name alive."""
    cdef pb_schedule schedule
    schedule.name = PyUnicode_AsUTF8(name)
    schedule.learning_rate_init = optimizer.learning_rate_init
    schedule.power_t = optimizer.power_t
    schedule.horizon = optimizer.horizon
    schedule.decay_rate = optimizer.decay_rate
    schedule.decay_steps = optimizer.decay_steps
    schedule.warmup_epochs = optimizer.warmup_epochs
    return schedule


def schedule_rate(optimizer, double epoch, double length):
    """Return the learning rate of a step from ``epoch`` to ``epoch + length``, in epochs."""
    name = optimizer.schedule
    cdef pb_schedule schedule = schedule_of(optimizer, name)
    cdef double learning_rate = optimizer.learning_rate
    check(pb_schedule_rate(&schedule, epoch, length, &learning_rate))
    return learning_rate


def schedule_after_epoch(optimizer, int64_t n_samples):
    """Return the base learning rate after ``n_samples`` samples."""
    name = optimizer.schedule
    cdef pb_schedule schedule = schedule_of(optimizer, name)
    cdef double learning_rate = optimizer.learning_rate
    check(pb_schedule_after_epoch(&schedule, n_samples, &learning_rate))
    return learning_rate


def schedule_on_plateau(optimizer):
    """Return the base learning rate after progress has stalled; 0 ends the training."""
    name = optimizer.schedule
    cdef pb_schedule schedule = schedule_of(optimizer, name)
    cdef double learning_rate = optimizer.learning_rate
    check(pb_schedule_on_plateau(&schedule, &learning_rate))
    return learning_rate


cdef cnp.ndarray table(object z):
    cdef cnp.ndarray source = contiguous(z)
    if cnp.PyArray_NDIM(source) != 2:
        raise TypeError(f"expected 2 dimensions, got {cnp.PyArray_NDIM(source)}")
    return source


# A function of at most this many values keeps the GIL: it takes about ten microseconds.
cdef Py_ssize_t FEW_VALUES = 1 << 13

ctypedef pb_status (*function_of_rows)(pb_dtype dtype, const char *activation, size_t n_rows,
                                       size_t n_columns, const void *z, void *a,
                                       pb_interrupt *interrupt) noexcept nogil


cdef cnp.ndarray apply(function_of_rows function, name, z, bint overwrite=False):
    cdef cnp.ndarray source = table(z)
    cdef pb_dtype dtype = dtype_in(source)
    cdef cnp.ndarray result = writable(source) if overwrite else np.empty_like(source)
    cdef const char *c_name = PyUnicode_AsUTF8(name)
    cdef size_t n_rows = cnp.PyArray_DIM(source, 0)
    cdef size_t n_columns = cnp.PyArray_DIM(source, 1)
    cdef const void *source_data = cnp.PyArray_DATA(source)
    cdef void *result_data = cnp.PyArray_DATA(result)
    cdef Interrupt interrupt
    cdef pb_status status
    if cnp.PyArray_SIZE(source) <= FEW_VALUES:
        check(function(dtype, c_name, n_rows, n_columns, source_data, result_data, NULL))
        return result
    interrupt = Interrupt()
    with nogil:
        status = function(dtype, c_name, n_rows, n_columns, source_data, result_data, &interrupt.c)
    interrupt.finish(status)
    return result


def activate(name, z, overwrite=False):
    """Return f(z) of an (n, m) array, row by row; ``overwrite`` allows the result to replace z."""
    return apply(pb_activate, name, z, overwrite)


def log_activate(name, z):
    """Return log f(z) of an (n, m) array, row by row, exact where f(z) underflows."""
    return apply(pb_log_activate, name, z)


def activation_vjp(name, z, a, vector, overwrite=False):
    """Return J(z)^T vector of (n, m) arrays, row by row, with the Jacobian J of a = f(z).

    ``overwrite`` allows the result to replace ``vector``.
    """
    cdef cnp.ndarray source = table(z)
    cdef cnp.ndarray activated = table(a)
    cdef cnp.ndarray given = table(vector)
    cdef cnp.ndarray result = writable(given) if overwrite else given.copy()
    cdef pb_dtype dtype = dtype_in(source)
    cdef const char *c_name = PyUnicode_AsUTF8(name)
    cdef size_t n_rows = cnp.PyArray_DIM(source, 0)
    cdef size_t n_columns = cnp.PyArray_DIM(source, 1)
    cdef const void *source_data = cnp.PyArray_DATA(source)
    cdef const void *activated_data = cnp.PyArray_DATA(activated)
    cdef void *result_data = cnp.PyArray_DATA(result)
    cdef Interrupt interrupt = Interrupt()
    cdef pb_status status
    for other in (activated, result):
        if other.dtype != source.dtype or not cnp.PyArray_SAMESHAPE(other, source):
            raise TypeError(f"expected arrays of the shape and type of z, {z.shape} of {z.dtype}")
    with nogil:
        status = pb_activation_vjp(dtype, c_name, n_rows, n_columns, source_data, activated_data,
                                   result_data, &interrupt.c)
    interrupt.finish(status)
    return result


def all_finite(values):
    """Whether all values of an array are finite."""
    cdef int finite = 0
    cdef cnp.ndarray source = contiguous(values)
    cdef pb_dtype dtype = dtype_in(source)
    cdef size_t n = cnp.PyArray_SIZE(source)
    cdef const void *data = cnp.PyArray_DATA(source)
    cdef pb_status status
    with nogil:
        status = pb_all_finite(dtype, n, data, &finite)
    check(status)
    return bool(finite)
