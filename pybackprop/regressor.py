"""MLPRegressor: scikit-learn's regressor of that name, on the C core."""

from sklearn.base import RegressorMixin

from pybackprop import _core
from pybackprop._estimator.base import BaseMLP
from pybackprop._estimator.fitted import on_snapshot
from pybackprop._estimator.from_network import estimator_of, require_network
from pybackprop._model.decoding import numbers_from_outputs
from pybackprop._model.losses import loss_params
from pybackprop._model.targets import NumberTargets


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor.

    A drop-in replacement for scikit-learn's class of the same name. The gradient at the
    output's pre-activation is ``y_pred - y`` for two pairs of loss and output
    activation, the canonical ones: 'squared_error' with 'identity', and 'poisson' with
    'exp'. For any other it is the loss's derivative times the Jacobian of
    the activation.

    The parameters are grouped: loss and network, objective (from ``huber_delta``),
    optimizer (from ``solver``), stopping (from ``max_iter``), data (from
    ``batch_size``), threads (``n_jobs``) and output (``verbose``).

    Parameters
    ----------
    loss : str or callable, default='squared_error'
        The loss of one output, with e = y_pred - y; several outputs are summed:

        - 'squared_error': e ** 2 / 2.
        - 'absolute_error': abs(e), whose minimum is a median.
        - 'huber': e ** 2 / 2 up to ``huber_delta``, linear beyond (Huber 1964).
        - 'quantile': (1 - q) e above the target and -q e below it, with q =
          ``quantile`` (Koenker & Bassett 1978).
        - 'poisson', 'gamma', 'tweedie': half the deviance, with an exp output unless
          another is asked for; for y >= 0, > 0 for 'gamma'. 'tweedie' has ``power``.

        Where the derivative jumps, at e = 0 of 'absolute_error' and 'quantile', it is
        taken as 0.

        A callable ``loss(y, y_pred) -> (values, dloss_dy_pred)`` receives arrays of
        shape (n, n_outputs) in the data type of X, and returns arrays of shapes (n,)
        and (n, n_outputs): the loss of each sample, before weights, and its derivative.
        It must treat each sample by itself, since it is called with any number of
        samples of a batch; always from one thread, and slower than the names.
    hidden_layer_sizes : int or sequence of int, default=(100,)
        The i-th element is the number of units in the i-th hidden layer. Without hidden
        layers, (), the model is linear.
    activation : str, or list or tuple of str, default='relu'
        Activation function of the hidden layers, or one for each. scikit-learn's are
        'identity', z; 'logistic', 1 / (1 + exp(-z)); 'tanh'; 'relu', max(z, 0).
        Besides: 'leaky_relu' (0.01 z below 0; Maas et al. 2013), 'elu' (exp(z) - 1
        below 0; Clevert et al. 2016), 'selu' (Klambauer et al. 2017), 'gelu' (z times
        the normal distribution function; Hendrycks & Gimpel 2016) and its approximation
        'gelu_tanh', 'silu' (z times the logistic), 'mish' (z tanh(log(1 + exp(z)));
        Misra 2019), 'softplus' (log(1 + exp(z))), 'hard_sigmoid' (z / 6 + 1 / 2 within
        0 and 1), 'hard_tanh' (z within -1 and 1) and 'hard_silu' (z times the hard
        sigmoid; Howard et al. 2019). Each has the initial weights of its publication.
    output_activation : str, default='auto'
        Activation function of the output layer: 'exp', 'softmax' or any of those of
        hidden layers, provided that all its values are predictions for which the loss
        is defined: > 0 for a deviance. 'auto' is 'exp' for a deviance and 'identity'
        otherwise.
    coefs_init : list or tuple of array-like of shape (d_(l-1), d_l), default=None
        Initial coefficients, one array per layer, instead of random ones. They are
        copied. Not used where training continues, as with warm_start. The generator
        still makes all its draws, so the order of samples does not change.
    intercepts_init : list or tuple of array-like of shape (d_l,), default=None
        Initial intercepts, likewise.
    huber_delta : float, default=1.0
        Size of y_pred - y above which 'huber' is linear, > 0, in units of y.
    quantile : float or None, default=None
        The quantile that 'quantile' predicts, in [0, 1]; required by that loss.
    power : float, default=1.5
        Power of the mean to which the variance of 'tweedie' is proportional, in [1, 2];
        1 is 'poisson', 2 is 'gamma'.
    alpha : float or sequence of float, default=0.0001
        Strength of the regularization term, of all weight layers or of each: the
        objective has the term sum alpha (l1_ratio ||W||_1 + (1 - l1_ratio) / 2 ||W||^2)
        / S, where S is the batch's sum of weights. Intercepts are not penalized. The
        same for every solver, also for 'adamw', which has its weight_decay in addition.
    l1_ratio : float, default=0.0
        Share of the L1 norm in the penalty, in [0, 1], as in scikit-learn's
        SGDClassifier; the subgradient of abs(w) at 0 is 0. Not with 'lbfgs'.
    solver : {'lbfgs', 'sgd', 'adam', 'adamw', 'rmsprop', 'nadam'}, default='adam'
        The solver for weight optimization. All but 'lbfgs' are stochastic, trained by
        mini-batches: 'sgd'; 'adam' (Kingma & Ba 2015); 'adamw' (Loshchilov & Hutter
        2019), Adam with weight_decay; 'rmsprop' (Tieleman & Hinton 2012), by beta_2;
        'nadam' (Dozat 2016), Adam with Nesterov's momentum. 'lbfgs' is SciPy's L-BFGS-B
        on all samples at once.
    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine', 'linear', \
            'one_cycle', 'step', 'exponential'} or callable, default='constant'
        Learning rate schedule for weight updates. 'constant' stays at
        learning_rate_init. Two more apply to 'sgd' only, as in scikit-learn:
        'invscaling' is learning_rate_init / (t + 1) ** power_t after t samples, set at
        the end of each epoch; 'adaptive' divides the rate by 5 each time there was no
        progress for n_iter_no_change epochs.

        The others apply to all stochastic solvers and change the rate at each step, by
        the number of epochs done, counting the batches of the present epoch as a
        fraction: 'cosine' (Loshchilov & Hutter 2017) and 'linear' decrease from
        learning_rate_init to 0 in max_iter epochs, in which 'one_cycle' (Smith & Topin
        2019) increases from 1/25 of learning_rate_init to it in the first 30 %, then
        decreases to 1/10000 of that start. 'step' is learning_rate_init *
        decay_rate ** floor(epochs / decay_steps), 'exponential' the same without floor.
        Each ``partial_fit`` is an epoch; after max_iter the rate stays at its last
        value, and at a rate of 0 nothing changes. A fit with ``warm_start`` starts its
        schedule anew.

        A callable receives the epoch, from 0, and returns its rate, a number > 0; it
        must be importable for the estimator to be pickled.
    learning_rate_init : float or sequence of float, default=0.001
        The initial learning rate, of all weight layers, each with its intercepts, or of
        each. Schedules multiply all alike; 'adaptive' and a callable set the largest.
        Not used by 'lbfgs'.
    power_t : float, default=0.5
        The exponent of the learning rate 'invscaling'.
    decay_rate : float, default=0.1
        Factor of the learning rates 'step' and 'exponential', in (0, 1].
    decay_steps : float, default=10
        Number of epochs in which the factor is applied once.
    warmup_epochs : float, default=0
        Number of epochs at the start in which the learning rate of any schedule is
        multiplied by a factor that increases linearly to 1, reached in their last step.
        Not used by 'lbfgs'.
    momentum : float, default=0.9
        Momentum for the gradient descent update, between 0 and 1. Only used by 'sgd'.
    nesterovs_momentum : bool, default=True
        Whether to use Nesterov's momentum (Sutskever et al. 2013). Only used by 'sgd'
        with momentum > 0.
    beta_1, beta_2 : float, default=0.9 and 0.999
        Exponential decay rates of the estimates of the first and the second moment, in
        [0, 1). Used by 'adam' and its relatives.
    epsilon : float, default=1e-8
        Value for numerical stability, added to the root of the second moment: as it is
        in 'adam' and 'rmsprop', corrected for bias in 'adamw' and 'nadam'.
    weight_decay : float, default=0.01
        Decoupled weight decay of 'adamw': each step first subtracts the share rate *
        weight_decay of the coefficients, never of the intercepts.
    global_clipnorm : float or None, default=None
        Maximum norm of the gradient of all parameters; a longer gradient is scaled down
        to it (Pascanu et al. 2013). Not used by 'lbfgs'.
    max_norm : float or None, default=None
        Maximum norm of the weights into a unit; longer ones are scaled down to it after
        each step (Srivastava et al. 2014). Not with 'lbfgs'.
    dropout : float or sequence of float, default=0.0
        Probability, in [0, 1), with which a training step drops each unit of the hidden
        layers, the others being scaled up by 1 / (1 - dropout) (Srivastava et al.
        2014); a sequence has one per layer. Which units are dropped is a function of
        the seed, the step, the sample and the unit (Philox, Salmon et al. 2011), so not
        of the number of threads. Predictions drop nothing. Not for 'lbfgs', which needs
        the same objective in each step. ``loss_`` is with dropout.
    input_dropout : float, default=0.0
        The same for the features.
    max_iter : int, default=200
        Maximum number of epochs, or of iterations of 'lbfgs'.
    max_fun : int, default=15000
        Maximum number of loss function calls. Only used by 'lbfgs'.
    max_time : float, default=None
        Number of seconds after which a fit ends, at the end of the present epoch or
        iteration. The number of epochs completed depends on the machine and its load,
        so a fit that reaches the limit is not reproducible; one that ends before it is.
    tol : float, default=1e-4
        Tolerance for the optimization. When the loss or score does not improve by at
        least tol for n_iter_no_change consecutive epochs, training stops, unless
        learning_rate is 'adaptive'. For 'lbfgs', the largest component of the gradient
        at which it stops.
    n_iter_no_change : int or inf, default=10
        Maximum number of epochs without an improvement of at least tol. Not used by
        'lbfgs'.
    early_stopping : bool, default=False
        Whether to stop when the validation score is not improving, and to restore the
        weights with the best score. The validation set is split off the samples unless
        one is passed to ``fit``. Without early stopping the training loss decides. Not
        used by 'lbfgs'. The score is R^2, unless ``scoring`` is set: for 'quantile' set
        it to 'loss'.
    validation_fraction : float, splitter or list of pairs, default=0.1
        The proportion of the samples to set aside as validation set for early stopping,
        in [0, 1). Or a splitter of scikit-learn, such as ``GroupShuffleSplit()`` or
        ``TimeSeriesSplit()``, or a list of pairs of row indices (train, test): the last
        split is used, which for time series validates on the newest samples.
    scoring : str or callable, default=None
        The score on the validation set: None is the R^2; 'loss' is the negative loss
        there; else the name of a scorer of scikit-learn, or a callable (estimator, X,
        y), called after each epoch with rows of X as they were passed.
    batch_size : int or 'auto', default='auto'
        Number of samples per mini-batch; 'auto' is min(200, n_samples). Not used by
        'lbfgs'.
    shuffle : bool or 'blocks', default=True
        Whether to shuffle the samples in each epoch. With 'blocks' rows stay near one
        another: blocks of 256 rows, counted from the table's start, are drawn in random
        order, and the rows within each. That needs no memory per sample, reads a
        memory-mapped table piece by piece, and lets machines that hold parts of a table
        share a batch of whole blocks. A last block of fewer rows stays the last.
    warm_start : bool, default=False
        Whether ``fit`` continues from the present weights instead of new ones, with the
        present parameters: layer sizes and classes must be the same, activation and
        loss need not.
    random_state : int, RandomState instance or None, default=None
        Determines the random numbers for initial weights, the validation split and the
        order of samples. The same value gives the same weights and order as
        scikit-learn.
    n_jobs : int or None, default=None
        Maximum number of threads of a fit or a prediction; the result has the same bits
        with any number. None and -1 are as many as the environment permits, -2 one
        less.
    verbose : bool or int, default=False
        Whether to print a line per epoch.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (d_(l-1), d_l)
        Weights of each layer; views of one vector after a fit. Predictions use them as
        they are.
    intercepts_ : list of ndarray of shape (d_l,)
        Intercepts of each layer.
    loss_ : float
        The objective in the last epoch, or at the end for 'lbfgs'.
    loss_curve_ : list of float
        The objective of each epoch: the mean of its batches, by their numbers of rows;
        for 'lbfgs', of each iteration.
    best_loss_ : float or None
        Smallest loss of an epoch; None with early stopping. Not for 'lbfgs'.
    validation_scores_, best_validation_score_ : list of float, float; or None
        The score of each epoch on the validation set, by default the R^2, and the best,
        which decides only with early stopping and is None without.
    validation_loss_curve_ : list of float or None
        The loss on the validation set after each epoch, without the penalty; None
        without such a set.
    history_ : dict of list
        A row per epoch (iteration, for 'lbfgs'), ready for a data frame: ``epoch``,
        ``loss`` (as in loss_curve_), ``penalty`` (the penalty's part of it),
        ``validation_loss``, ``validation_score``, ``learning_rate``, ``gradient_norm``
        and ``seconds``. Unknown values are NaN.
    n_iter_ : int
        Number of epochs or iterations done.
    stopping_reason_ : str
        Why the last training ended.
    stopped_ : bool
        Whether it ended by itself, for lack of progress or in divergence; False where
        more epochs might have followed.
    t_ : int
        Number of samples seen in training.
    n_layers_ : int
        Number of layers, input and output included.
    n_outputs_ : int
        Number of outputs: units of the output layer.
    out_activation_ : str
        Output activation g that was used.
    n_features_in_ : int
        Number of features of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Only if X had names for its features.
    network_ : Network
        The network of the last fit, with the loss and the penalty of that fit, whatever
        ``set_params`` has set since. ``encode_targets`` returns its targets. It shares
        the memory of ``coefs_`` and ``intercepts_``, so in-place edits of one change
        the other; arrays that you assigned there are copied.

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
      receives is a working copy of this one, which predicts by the present weights.
    * A hook that raises ends the fit, and the estimator stays as it was.
    * Callbacks are cloned and pickled with the estimator; ``set_callbacks()`` without
      arguments removes them.

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

    _targets_class = NumberTargets

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
        """Return a fitted regressor that predicts by a network.

        It has a copy of the parameters: training leaves the network as it is.
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
            If ``network`` is not a Network.
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
        loss = loss_params(network.loss, network.loss_parameter)
        return estimator_of(cls, network, loss, params)

    @on_snapshot
    def predict(self, X):
        """Return the predicted numbers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the data type of the weights.
        """
        return numbers_from_outputs(self._outputs(X))

    def score(self, X, y, sample_weight=None):
        """Return R2, the share of the variance of y that is explained.

        For several outputs, the mean of their scores.

        Parameters
        ----------
        X, y, sample_weight
            As in ``fit``.

        Returns
        -------
        float
            At most 1; predicting the mean gives 0.
        """
        return self._score(y, sample_weight, lambda: self.predict(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        record = None if callable(self.loss) else _core.losses().get(self.loss)
        tags.target_tags.positive_only = (
            record is not None and record["target_low"] >= 0
        )
        return tags
