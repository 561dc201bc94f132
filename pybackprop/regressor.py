"""MLPRegressor: scikit-learn's regressor of that name, on the C core."""

from contextlib import closing

import numpy as np
import scipy.sparse
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from pybackprop import _core
from pybackprop._data.labels import check_output_columns, check_target_domain
from pybackprop._data.numeric import numbers_only, require_numbers
from pybackprop._estimator.base import MultilayerPerceptron, is_stochastic
from pybackprop._estimator.fitted import of_one_fit
from pybackprop._estimator.from_network import estimator_of, require_network
from pybackprop._model.losses import Loss, parameters_for
from pybackprop._parameters import REGRESSION_LOSS
from pybackprop._training.batches import Batches
from pybackprop._training.callbacks import CallbackSupportMixin


class MLPRegressor(CallbackSupportMixin, RegressorMixin, MultilayerPerceptron):
    """Multi-layer perceptron regressor.

    Takes the place of scikit-learn's class of the same name. The gradient at the
    output's pre-activation is ``y_pred - y`` for two pairs of loss and output
    activation, the canonical ones: 'squared_error' with 'identity', and 'poisson' with
    'exp'. For any other it is what the Jacobian makes of the loss's slope.

    Parameters
    ----------
    loss : str or callable, default='squared_error'
        Of one output, with e = y_pred - y; several outputs are summed:

        - 'squared_error': e ** 2 / 2.
        - 'absolute_error': abs(e), of which a median is the minimum.
        - 'huber': e ** 2 / 2 up to ``huber_delta``, linear beyond (Huber 1964).
        - 'quantile': (1 - q) e above the target and -q e below it, with q =
          ``quantile`` (Koenker & Bassett 1978).
        - 'poisson', 'gamma', 'tweedie': half the deviance, with an exp output unless
          another is asked for; for y >= 0, > 0 for 'gamma'. 'tweedie' has ``power``.

        Where its slope jumps, at e = 0 of 'absolute_error' and 'quantile', it is taken
        as 0.

        A callable ``loss(y, y_pred) -> (values, dloss_dy_pred)`` gets arrays of
        shape (n, n_outputs) in the data type of X, and returns arrays of shapes (n,)
        and (n, n_outputs): the loss of each sample, before weights, and its
        derivative. It must look at each row alone, since it is called with any
        number of rows of a batch; always from one thread, and slower than the names.
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Units of each hidden layer; () is a linear model.
    activation : str, or list or tuple of str, default='relu'
        Activation f of every hidden layer, or one for each. scikit-learn's are
        'identity', z; 'logistic', 1 / (1 + exp(-z)); 'tanh'; 'relu', max(z, 0).
        Besides: 'leaky_relu' (0.01 z below 0; Maas et al. 2013), 'elu' (exp(z) - 1
        below 0; Clevert et al. 2016), 'selu' (Klambauer et al. 2017), 'gelu' (z times
        the normal distribution function; Hendrycks & Gimpel 2016) and its
        approximation 'gelu_tanh', 'silu' (z times the logistic), 'mish'
        (z tanh(log(1 + exp(z))); Misra 2019), 'softplus' (log(1 + exp(z))),
        'hard_sigmoid' (z / 6 + 1 / 2 within 0 and 1), 'hard_tanh' (z within -1 and 1)
        and 'hard_silu' (z times the hard sigmoid; Howard et al. 2019). Each has the
        initial weights of its publication.
    solver : {'lbfgs', 'sgd', 'adam', 'adamw', 'rmsprop', 'nadam'}, default='adam'
        All but 'lbfgs' go by mini-batches: 'sgd'; 'adam' (Kingma & Ba 2015); 'adamw'
        (Loshchilov & Hutter 2019), Adam with weight_decay; 'rmsprop' (Tieleman &
        Hinton 2012), by beta_2; 'nadam' (Dozat 2016), Adam with Nesterov's momentum.
        'lbfgs' is SciPy's L-BFGS-B on all samples at once.
    alpha : float or sequence of float, default=0.0001
        Penalty, of all weight layers or of each: the objective has the term
        sum alpha (l1_ratio ||W||_1 + (1 - l1_ratio) / 2 ||W||^2) / S, where S is the
        batch's sum of weights. Intercepts are not penalized. The same for every
        solver, 'adamw' too, whose weight_decay comes on top.
    batch_size : int or 'auto', default='auto'
        Samples a mini-batch; 'auto' is min(200, n_samples). Not used by 'lbfgs'.
    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine', 'linear', \
            'one_cycle', 'step', 'exponential'} or callable, default='constant'
        'constant' stays at learning_rate_init. Two more act on 'sgd' alone, as in
        scikit-learn: 'invscaling' is learning_rate_init / (t + 1) ** power_t after t
        samples, set at the end of each epoch; 'adaptive' divides the rate by 5
        whenever progress has stalled.

        The others act on all solvers that go by mini-batches, and change the rate at
        each step, by the epochs done, a fraction for the batches of the present one:
        'cosine' (Loshchilov & Hutter 2017) and 'linear' fall from learning_rate_init
        to 0 in max_iter epochs, in which 'one_cycle' (Smith & Topin 2019) rises from
        1/25 of learning_rate_init to it during 30 %, then falls to 1/10000 of where
        it began. 'step' is
        learning_rate_init * decay_rate ** floor(epochs / decay_steps), 'exponential'
        the same without floor. Each ``partial_fit`` is an epoch; after max_iter the
        rate stays at its end, and at a rate of 0 nothing moves. A fit with
        ``warm_start`` begins anew.

        A callable gets the epoch, from 0, and returns its rate, a number > 0; it must
        be importable for the estimator to be pickled.
    learning_rate_init : float or sequence of float, default=0.001
        Learning rate of the first step, of all weight layers, each with its
        intercepts, or of each. Schedules multiply all alike; 'adaptive' and a callable
        set the largest. Not used by 'lbfgs'.
    power_t : float, default=0.5
        Exponent of 'invscaling'.
    max_iter : int, default=200
        Most epochs, or iterations of 'lbfgs'.
    shuffle : bool or 'blocks', default=True
        Whether to draw a new order of the samples each epoch. With 'blocks' rows stay
        near one another: blocks of 256 rows, counted from the table's start, are drawn
        in random order, and rows within each. That needs no memory per sample, reads a
        memory-mapped table a stretch at a time, and lets machines that hold parts of a
        table share a batch of whole blocks. A last block of fewer rows stays the last.
    random_state : int, RandomState instance or None, default=None
        Draws initial weights, the validation split and the order of samples. The
        same value gives the same weights and order as scikit-learn.
    tol : float, default=1e-4
        Progress smaller than this counts as none; for 'lbfgs', the largest
        component of the gradient at which it stops.
    verbose : bool or int, default=False
        Whether to print a line an epoch.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the present weights, by the parameters as they are
        then: layer sizes and classes must be the same, activation and loss need not.
    momentum : float, default=0.9
        Between 0 and 1, for 'sgd'.
    nesterovs_momentum : bool, default=True
        Nesterov's form of the momentum (Sutskever et al. 2013), for 'sgd'.
    early_stopping : bool, default=False
        Whether to set samples aside, stop once their score no longer improves, and
        restore the weights that scored best. Otherwise the training loss decides.
        The score is R2, unless ``scoring`` is set: for 'quantile' set it to 'loss'.
        Not used by 'lbfgs'.
    validation_fraction : float, splitter or list of pairs, default=0.1
        Fraction of the samples set aside, in [0, 1). Or a splitter of scikit-learn,
        such as ``GroupShuffleSplit()`` or ``TimeSeriesSplit()``, or a list of pairs of
        row indices (train, test): the last split is taken, which for time series
        validates on the newest samples.
    beta_1, beta_2 : float, default=0.9 and 0.999
        Decay rates of the two moments of Adam and its kin, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root of the second moment: as it is in 'adam' and 'rmsprop',
        corrected for its bias in 'adamw' and 'nadam'.
    n_iter_no_change : int or inf, default=10
        Epochs without progress that are let pass.
    max_fun : int, default=15000
        Most evaluations of the objective, for 'lbfgs'.
    n_jobs : int or None, default=None
        Most threads that a fit or a prediction may use; the result has the same bits
        whatever it is. None and -1 take what the environment grants, -2 one less.
    output_activation : str, default='auto'
        'exp', 'softmax' or any of the activations of hidden layers, if all its values
        are predictions that the loss takes: > 0 for a deviance. 'auto' is 'exp' for a
        deviance and 'identity' otherwise.
    huber_delta : float, default=1.0
        Size of y_pred - y from which on 'huber' is linear, > 0, in units of y.
    quantile : float or None, default=None
        The quantile of 'quantile', in [0, 1], which needs it.
    power : float, default=1.5
        Variance of 'tweedie' goes with this power of the mean, in [1, 2]; 1 is
        'poisson', 2 is 'gamma'.
    coefs_init : list or tuple of array-like of shape (d_(l-1), d_l), default=None
        Coefficients to start from, one array a layer, instead of random ones. They
        are copied. Not used where training goes on, as with warm_start. The generator
        still makes all its draws, so the order of samples does not change.
    intercepts_init : list or tuple of array-like of shape (d_l,), default=None
        Intercepts to start from, likewise; those that are not given are drawn.
    scoring : str or callable, default=None
        The score on the validation set: None is the R^2; 'loss' is the negative
        loss there; else the name of a scorer of scikit-learn, or a callable
        (estimator, X, y), called after each epoch with rows of X as they were passed.
    weight_decay : float, default=0.01
        For 'adamw': each step first takes the share rate * weight_decay off the
        coefficients, never off the intercepts.
    decay_rate : float, default=0.1
        Factor of the learning rates 'step' and 'exponential', in (0, 1].
    decay_steps : float, default=10
        Epochs in which it acts once.
    warmup_epochs : float, default=0
        First epochs, in which the learning rate of any schedule is multiplied by a
        line that rises to 1, reached in their last step. Not used by 'lbfgs'.
    global_clipnorm : float or None, default=None
        A gradient of all parameters that is longer is scaled down to this norm
        (Pascanu et al. 2013). Not used by 'lbfgs'.
    l1_ratio : float, default=0.0
        Share of the penalty that is the L1 norm, in [0, 1], as in scikit-learn's
        SGDClassifier; the subgradient of abs(w) at 0 is 0. Not with 'lbfgs'.
    max_norm : float or None, default=None
        After each step, weights into a unit that are longer are scaled down to this
        norm (Srivastava et al. 2014). Not with 'lbfgs'.
    dropout : float or sequence of float, default=0.0
        Probability, in [0, 1), with which a training step leaves out each unit of the
        hidden layers, the others being scaled up by 1 / (1 - dropout) (Srivastava et
        al. 2014); a sequence has one a layer. What is left out is a function of the
        seed, the step, the row and the unit (Philox, Salmon et al. 2011), so not of
        the number of threads. Predictions leave out nothing. Not for 'lbfgs', whose
        steps need one and the same objective. ``loss_`` is with dropout.
    input_dropout : float, default=0.0
        The same for the features.
    max_time : float, default=None
        Seconds after which a fit ends with the epoch or iteration in hand. How far
        that is depends on the machine and its load, so that the same fit need not give
        the same weights again; one that ends before the limit does.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (d_(l-1), d_l)
        Weights of each layer; views of one vector after a fit. Predictions use them
        as they are.
    intercepts_ : list of ndarray of shape (d_l,)
        Intercepts of each layer.
    loss_ : float
        The objective in the last epoch, or at the end for 'lbfgs'.
    loss_curve_ : list of float
        The objective of each epoch: the mean of its batches, by their numbers of
        rows; for 'lbfgs', of each iteration.
    best_loss_ : float or None
        Smallest loss of an epoch; None with early stopping. Not for 'lbfgs'.
    validation_scores_, best_validation_score_ : list of float, float; or None
        The score of each epoch on the validation set, by default the R^2, and
        the best, which decides only with early stopping and is None without.
    validation_loss_curve_ : list of float or None
        The loss on the validation set after each epoch, without the penalty; None
        without such a set.
    history_ : dict of list
        A row an epoch (an iteration, for 'lbfgs'), ready for a data frame: ``epoch``,
        ``loss`` (as in loss_curve_), ``penalty`` (its L2 term), ``validation_loss``,
        ``validation_score``, ``learning_rate``, ``gradient_norm`` and ``seconds``. NaN
        stands for what is not known.
    n_iter_ : int
        Epochs or iterations done.
    stopping_reason_ : str
        Why the last training ended.
    stopped_ : bool
        Whether it ended by itself, with no more progress to be had or in divergence;
        False where more epochs might have followed.
    t_ : int
        Samples seen in training.
    n_layers_ : int
        Layers, input and output included.
    n_outputs_ : int
        Units of the output layer.
    out_activation_ : str
        Output activation g that was used.
    n_features_in_ : int
        Features of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Only if X had names for its features.
    network_ : Network
        The network of the last fit, with its loss and penalty, whatever ``set_params``
        has set since; ``encode_targets`` has its y. Made when asked for, on the memory
        of ``coefs_`` and ``intercepts_``: an edit in place there is one here, and the
        other way round. Arrays of the user's own in their place are copied.

    See Also
    --------
    MLPClassifier : The same for classes.
    Network : The network itself, with every number of backpropagation.

    Notes
    -----
    With scikit-learn 1.9 or later, ``set_callbacks`` takes callbacks as its own
    estimators do. The root task is the call to ``fit`` or ``partial_fit``, its
    subtasks are the epochs, or the iterations of 'lbfgs'. A true value that a hook
    returns at the end of one of these ends the training.

    * X and y are those given by the caller, all rows of them; the metadata are the
      sample weights, checked.
    * The fitted estimator predicts as if the training had ended there: with
      early_stopping by the weights that have scored best. The estimator that a hook
      is called for is a draft of this one, which predicts by the present weights.
    * A hook that raises ends the fit, and the estimator stays as it was.
    * Callbacks go along with clones, to workers and, as scikit-learn has it, into
      files. ``set_callbacks()`` takes them off.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from pybackprop import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = MLPRegressor(max_iter=500, random_state=0).fit(scale(X), scale(y))
    >>> model.score(scale(X), scale(y)) > 0.5
    True
    """

    _validation_options = {"y_numeric": True}
    _loss_rule = REGRESSION_LOSS

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        n_jobs=None,
        output_activation="auto",
        huber_delta=1.0,
        quantile=None,
        power=1.5,
        coefs_init=None,
        intercepts_init=None,
        scoring=None,
        weight_decay=0.01,
        decay_rate=0.1,
        decay_steps=10,
        warmup_epochs=0,
        global_clipnorm=None,
        l1_ratio=0.0,
        max_norm=None,
        dropout=0.0,
        input_dropout=0.0,
        max_time=None,
    ):
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.n_jobs = n_jobs
        self.output_activation = output_activation
        self.huber_delta = huber_delta
        self.quantile = quantile
        self.power = power
        self.coefs_init = coefs_init
        self.intercepts_init = intercepts_init
        self.scoring = scoring
        self.weight_decay = weight_decay
        self.decay_rate = decay_rate
        self.decay_steps = decay_steps
        self.warmup_epochs = warmup_epochs
        self.global_clipnorm = global_clipnorm
        self.l1_ratio = l1_ratio
        self.max_norm = max_norm
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.max_time = max_time

    @classmethod
    def from_network(cls, network, **params):
        """A fitted regressor that predicts by a network.

        It gets a copy of the parameters: training leaves the network as it is.
        ``partial_fit``, and ``fit`` with ``warm_start=True``, go on from them, with a
        new optimizer; any other ``fit`` starts anew.

        Parameters
        ----------
        network : Network
            With any loss but 'log_loss' and 'binary_log_loss', and an output activation
            that gives what the loss takes.
        **params
            Parameters of the regressor, for more training. Layer sizes, activations,
            loss and penalty are the network's; they need not be given, and must not
            contradict it.

        Returns
        -------
        MLPRegressor
            ``loss_`` is NaN and ``n_iter_`` 0: nothing is known of a training.

        Raises
        ------
        TypeError
            For what is no Network.
        ValueError
            For a network that no fit of a regressor makes, or a parameter that
            contradicts it.

        Examples
        --------
        >>> from pybackprop import MLPRegressor, Network
        >>> network = Network([2, 3, 1], loss="huber", loss_parameter=2.0)
        >>> model = MLPRegressor.from_network(network, solver="sgd")
        >>> print(model.huber_delta)
        2.0
        """
        require_network(network)
        loss = parameters_for(network.loss, network.loss_parameter)
        return estimator_of(cls, network, loss, params)

    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        groups=None,
        resume=False,
    ):
        """Train the network.

        A fit that raises, or is interrupted, leaves the estimator as it was.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 stays float32; anything else becomes float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers in the loss's domain.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0. A row of weight 0 takes no part.
        X_val, y_val : as X and y, default=None
            A validation set, whose loss and score are recorded each epoch. With
            ``early_stopping=True`` it decides, and none is split off. In a pipeline,
            ``Pipeline(transform_input=["X_val"])`` transforms it.
        sample_weight_val : array-like of shape (n_samples_val,), default=None
            Weights of the validation set.
        groups : array-like of shape (n_samples,), default=None
            For a splitter in ``validation_fraction``.
        resume : bool, default=False
            Whether to go on with the last fit, which ``max_iter`` or ``max_time`` has
            ended, up to the present ``max_iter``, also after pickling: with the bits of
            a fit that had not stopped. The data must be the same, the parameters too,
            but for those of when to end; a generator passed as ``random_state`` is not
            drawn from. A fit that has stopped by itself stays as it is. Not for
            'lbfgs'.

        Returns
        -------
        MLPRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            For an argument or parameter outside its range, for two that clash, or if
            training diverges.
        """
        return self._fit(
            X,
            y,
            sample_weight,
            held_out=(X_val, y_val, sample_weight_val),
            groups=groups,
            resume=resume,
        )

    @available_if(is_stochastic)
    def partial_fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Train for one epoch on the given samples.

        The optimizer goes on as it was made by the first call, or by the last fit:
        what was set since of its own parameters, such as ``learning_rate_init``, holds
        from the next fit on.

        With a validation set and ``early_stopping=True``, each call counts as an epoch
        of ``fit``: once the score has not improved for more than ``n_iter_no_change``
        calls, the best weights are restored, ``stopped_`` is True, and further calls
        change nothing until the next ``fit``::

            for X, y in batches:
                model.partial_fit(X, y, X_val=X_val, y_val=y_val)
                if model.stopped_:
                    break

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val, sample_weight_val
            As in ``fit``.

        Returns
        -------
        MLPRegressor
            The estimator itself.
        """
        return self._fit(
            X,
            y,
            sample_weight,
            held_out=(X_val, y_val, sample_weight_val),
            incremental=True,
        )

    @available_if(is_stochastic)
    def fit_batches(
        self,
        batches,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        resume=False,
        read_ahead=1,
    ):
        """Train on batches that are read anew for every epoch, one step a batch.

        As ``fit``, with the same ends, ``history_``, callbacks and bits as for a table
        of all rows with ``shuffle=False`` and a ``batch_size`` that cuts it into these
        batches, but that only few of them are in memory at a time. ``batch_size``,
        ``shuffle`` and ``validation_fraction`` are not looked at: which rows a batch
        has, and their order, is for ``batches`` to say.

        Parameters
        ----------
        batches : iterable, or callable that returns one
            Of tuples (X, y) or (X, y, sample_weight), each as in ``fit``; weights may
            all be 0 in some batches. Each epoch iterates anew, so that an iterator,
            which can be read only once, is refused: pass the function that makes it.
            The first batch says features, their names and the data type, and every
            other one has to have the same. Epochs may be of different lengths.
        X_val, y_val, sample_weight_val
            As in ``fit``. ``early_stopping=True`` needs them.
        resume : bool, default=False
            As in ``fit``. The bits are those of a fit that had not stopped if
            ``batches`` gives the same in every epoch.
        read_ahead : int, default=1
            Most batches that wait, read, for their step: a thread reads, checks and
            converts them meanwhile. 0 reads in the caller's thread. In memory at a time
            are at most this many batches and five more: the first, the one that is
            being read, and those that are handed over.

        Returns
        -------
        MLPRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            As ``fit``; and for a batch that does not go with the first, an epoch
            without any, or a ``learning_rate`` that moves from step to step where
            nobody knows how many there are: ``batches`` then need a ``__len__``.

        Notes
        -----
        What ``batches`` raises comes out as it is and, as every failure, leaves the
        estimator as it was. An iterator that has a ``close`` is closed after each
        epoch, or when training ends before it does. The reading thread then ends too;
        a read that is under way is not waited for longer than 0.1 s, and the thread
        ends with that.

        Where more batches come than ``len(batches)``, the last of them are trained on
        at the rate of an epoch's end. Callbacks see the first batch as X and y.

        Examples
        --------
        >>> import numpy as np
        >>> from pybackprop import MLPRegressor
        >>> def batches():
        ...     for seed in range(10):
        ...         X = np.random.RandomState(seed).uniform(-1, 1, (100, 2))
        ...         yield X, X[:, 0] * X[:, 1]
        >>> model = MLPRegressor(max_iter=5, tol=0, n_iter_no_change=5)
        >>> model = model.set_params(random_state=0)
        >>> print(model.fit_batches(batches).n_iter_)
        5
        """
        with closing(Batches(batches, read_ahead)) as given:
            return self._fit(
                given,
                None,
                None,
                held_out=(X_val, y_val, sample_weight_val),
                resume=resume,
            )

    @of_one_fit
    def predict(self, X):
        """Predicted numbers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the data type of the weights.
        """
        return self._drop_single_column(self._outputs(X))

    def _n_outputs_fitted(self):
        return vars(self).get("n_outputs_")

    def score(self, X, y, sample_weight=None):
        """R2, the share of the variance of y that is explained.

        Of several outputs the mean.

        Parameters
        ----------
        X, y, sample_weight
            As in ``fit``.

        Returns
        -------
        float
            At most 1; 0 is had by predicting the mean.
        """
        weights = self._check_scored(y, sample_weight)
        with numbers_only("X or y"):
            return super().score(X, y, weights)

    def _require_targets(self, y):
        require_numbers(y, "y")
        if scipy.sparse.issparse(y):
            raise TypeError(
                "y must be dense in a regression. Got a sparse matrix: pass "
                "y.toarray()."
            )

    @staticmethod
    def _drop_single_column(y_pred):
        return y_pred.ravel() if y_pred.shape[1] == 1 else y_pred

    def _check_targets(self, y, dtype, incremental, classes):
        """The targets as the core reads them, and the loss to fit them by."""
        loss = self._start_batches(y, classes, dtype)
        return self._check_validation_targets(y, dtype), loss

    def _lacks_classes(self, classes):
        return False

    def _start_batches(self, y, classes, dtype):
        """Count the outputs in the first of many batches; the loss to fit them by."""
        loss = self._choose_output(dtype)
        if hasattr(self, "coefs_"):
            check_output_columns(y, self.n_outputs_)
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        return loss

    def _output_asked_for(self, dtype):
        if self.output_activation != "auto":
            return self.output_activation
        return Loss.of(self, dtype).default_output

    def _loss_with(self, output, dtype):
        return Loss.of(self, dtype)

    def _check_validation_targets(self, y, dtype):
        """Targets, of the training or a validation set, as the core reads them."""
        check_output_columns(y, self.n_outputs_)
        with np.errstate(over="ignore"):
            y = y.reshape(-1, self.n_outputs_).astype(dtype, copy=False)
        loss = Loss.of(self, dtype)
        check_target_domain(loss.row, y, loss.words)
        return y

    def _stratify_by(self, y):
        return None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        record = None if callable(self.loss) else _core.losses().get(self.loss)
        tags.target_tags.positive_only = (
            record is not None and record["target_low"] >= 0
        )
        return tags

    def _score_outputs(self, y, y_pred, sample_weight):
        return r2_score(y, y_pred, sample_weight=sample_weight)
