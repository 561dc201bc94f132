"""MLPClassifier: scikit-learn's classifier of that name, on the C core."""

from contextlib import closing

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import is_multilabel
from sklearn.utils.validation import check_is_fitted

from pybackprop import _core
from pybackprop._data.labels import ClassLabels, require_labels
from pybackprop._data.numeric import numbers_only
from pybackprop._data.sparse import valid_table
from pybackprop._data.weights import require_total_weight
from pybackprop._estimator.base import MultilayerPerceptron, is_stochastic
from pybackprop._estimator.fitted import of_one_fit
from pybackprop._estimator.from_network import estimator_of, require_network
from pybackprop._model.losses import Loss, gives_probabilities
from pybackprop._parameters import CLASSIFICATION_LOSS
from pybackprop._training.batches import Batches
from pybackprop._training.callbacks import CallbackSupportMixin


def _has_probabilities(model):
    """Whether the outputs are probabilities, as fitted or else as asked for."""
    output = vars(model).get("out_activation_") or model.output_activation
    if output == "auto":
        return model.loss != "squared_error"
    return (
        isinstance(output, str)
        and output in _core.activations()
        and gives_probabilities(output)
    )


def _log_shares(activation, z):
    """Logits of a softmax that gives each output's share of a row's sum."""
    logits = _core.log_activate(activation, z)
    # Where all are 0, all are alike.
    logits[np.isneginf(logits).all(axis=1)] = 0
    return logits


class MLPClassifier(CallbackSupportMixin, ClassifierMixin, MultilayerPerceptron):
    """Multi-layer perceptron classifier.

    Takes the place of scikit-learn's class of the same name. The output is logistic
    for two classes or several labels, softmax for more classes: the canonical
    partners of the log-losses. With these, and with 'squared_error' and an identity
    output, the gradient at the output's pre-activation is ``y_pred - y``. For any
    other pair it is what the Jacobian makes of the loss's slope.

    Parameters
    ----------
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
        'softmax', 'exp' or any of the activations of hidden layers; with 'log_loss'
        only one whose values are probabilities. A softmax has an output a class, also
        of two, and is refused for several labels; with any other, two classes are one
        output, decided at 0.5, and more are one output each, of which the largest
        decides. 'auto' is 'identity' for 'squared_error'; otherwise 'logistic' for two
        classes or several labels and 'softmax' for more.
    loss : {'log_loss', 'squared_error'} or callable, default='log_loss'
        'log_loss' is that of the classes with a softmax, else the sum of each output's
        own. 'squared_error' is half the square, summed over outputs, of targets 0 and
        1. A callable is as in ``MLPRegressor``, of the same targets.
    label_smoothing : float, default=0.0
        Share e in [0, 1): the targets become y (1 - e) + e / K, of K classes, or K = 2
        for two classes or a label with an output of its own (Szegedy et al. 2016).
        They are then numbers, which take memory for n_samples times n_outputs.
    class_weight : 'balanced', dict or list of dict, default=None
        Weights of the classes, which are multiplied into ``sample_weight``: a dict
        from labels to weights, or 'balanced' for weights inversely proportional to how
        often, by weight, a class occurs in y. For a multilabel y, a list of dicts from
        0 and 1 to weights, one a label. The validation set is weighted alike.
    coefs_init : list or tuple of array-like of shape (d_(l-1), d_l), default=None
        Coefficients to start from, one array a layer, instead of random ones. They
        are copied. Not used where training goes on, as with warm_start. The generator
        still makes all its draws, so the order of samples does not change.
    intercepts_init : list or tuple of array-like of shape (d_l,), default=None
        Intercepts to start from, likewise; those that are not given are drawn.
    scoring : str or callable, default=None
        The score on the validation set: None is the accuracy; 'loss' is the negative
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
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of ``predict_proba``.
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
        The score of each epoch on the validation set, by default the accuracy, and
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
        other way round. Arrays of the user's own in their place are copied. Class
        weights are no part of it: pass them to ``backprop`` as sample weights.

    See Also
    --------
    MLPRegressor : The same for numbers.
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
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from pybackprop import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(), MLPClassifier(max_iter=500, random_state=0)
    ... )
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    """

    _validation_options = {}
    _loss_rule = CLASSIFICATION_LOSS

    def __init__(
        self,
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
        loss="log_loss",
        label_smoothing=0.0,
        class_weight=None,
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
        self.loss = loss
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
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
    def from_network(cls, network, *, classes=None, **params):
        """A fitted classifier that predicts by a network.

        It gets a copy of the parameters: training leaves the network as it is.
        ``partial_fit``, and ``fit`` with ``warm_start=True``, go on from them, with a
        new optimizer; any other ``fit`` starts anew.

        Parameters
        ----------
        network : Network
            Its loss is 'log_loss' with a softmax, 'binary_log_loss' with another output
            of probabilities, 'squared_error' or a callable.
        classes : array-like of shape (n_classes,), default=None
            Labels in the order of the outputs, sorted; one output has two, or one. None
            stands for 0, 1, ... of a softmax, for 0 and 1 of a single output, and for a
            multilabel problem where there are several outputs without a softmax; with
            ``classes`` these are three classes or more, of which the largest output
            decides.
        **params
            Parameters of the classifier, for more training. Layer sizes, activations,
            loss and penalty are the network's; they need not be given, and must not
            contradict it.

        Returns
        -------
        MLPClassifier
            ``loss_`` is NaN and ``n_iter_`` 0: nothing is known of a training.

        Raises
        ------
        TypeError
            For what is no Network.
        ValueError
            For a network that no fit of a classifier makes, classes that are not those
            of its outputs, or a parameter that contradicts it.

        Examples
        --------
        >>> from pybackprop import MLPClassifier, Network
        >>> network = Network(
        ...     [2, 3, 1], output_activation="logistic", loss="binary_log_loss"
        ... )
        >>> model = MLPClassifier.from_network(network, classes=["no", "yes"])
        >>> print(model.predict_proba([[0.5, 1.0]]).shape)
        (1, 2)
        """
        require_network(network)
        labels = ClassLabels.of_outputs(
            network.layer_sizes[-1], network.output_activation, classes
        )
        loss = {"loss": labels.loss_of_core(network.loss)}
        return estimator_of(cls, network, loss, params, labels)

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
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels of any type, or a multilabel indicator matrix.
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
        MLPClassifier
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
        classes=None,
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
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever occur; needed in the first call, unless y is a
            multilabel indicator matrix, whose columns they are.

        Returns
        -------
        MLPClassifier
            The estimator itself.
        """
        return self._fit(
            X,
            y,
            sample_weight,
            held_out=(X_val, y_val, sample_weight_val),
            incremental=True,
            classes=classes,
        )

    @available_if(is_stochastic)
    def fit_batches(
        self,
        batches,
        *,
        classes=None,
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
        classes : array-like of shape (n_classes,), default=None
            All classes that will occur. Without, a first pass over all batches looks
            for them, unless y is a multilabel indicator matrix, whose columns they are,
            or the training goes on with the classes of the last.
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
        MLPClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            As ``fit``; and for a batch that does not go with the first, an epoch
            without any, or a ``learning_rate`` that moves from step to step where
            nobody knows how many there are: ``batches`` then need a ``__len__``.
            And for ``class_weight='balanced'``, which needs all rows at once.

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
        >>> from pybackprop import MLPClassifier
        >>> def batches():
        ...     for seed in range(10):
        ...         X = np.random.RandomState(seed).uniform(-1, 1, (100, 2))
        ...         yield X, X[:, 0] > X[:, 1]
        >>> model = MLPClassifier(max_iter=5, tol=0, n_iter_no_change=5)
        >>> model = model.set_params(random_state=0)
        >>> print(model.fit_batches(batches, classes=[False, True]).n_iter_)
        5
        """
        with closing(Batches(batches, read_ahead)) as given:
            return self._fit(
                given,
                None,
                None,
                held_out=(X_val, y_val, sample_weight_val),
                classes=classes,
                resume=resume,
            )

    @of_one_fit
    def predict(self, X):
        """Predicted labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)

        Raises
        ------
        ValueError
            Where outputs of the network have overflowed to infinity or NaN.
        """
        return self._outputs(X, decide=self._decode)

    def _decode(self, y_pred, is_finite):
        return self._labels_as_fitted().decode(y_pred, is_finite)

    def score(self, X, y, sample_weight=None):
        """Accuracy: the share of the samples, by weight, that are predicted as y says.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Of several labels all have to be right.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        weights = self._check_scored(y, sample_weight)
        with numbers_only("X or y"):
            return super().score(X, valid_table(y, "y"), weights)

    @of_one_fit
    def decision_function(self, X):
        """Logits, pre-activations of the output layer, which decide by their sign.

        With two classes, the log-odds of ``classes_[1]``; with one class there is
        nothing to decide, and all are 0. An output activation that is neither logistic
        nor softmax has no logits: then the outputs less 1/2.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) for one class or two, else (n_samples, n_classes)
            With more classes the largest decides; of several labels, each sign.
        """
        check_is_fitted(self)
        has_logits = self.out_activation_ in ("logistic", "softmax")
        z = self._outputs(X, logits=True) if has_logits else self._outputs(X) - 0.5
        labels = self._labels_as_fitted()
        if labels.kind != "binary":
            return z
        if len(labels.classes) == 1:
            return np.zeros(len(z), dtype=z.dtype)
        return z[:, 0] if z.shape[1] == 1 else z[:, 1] - z[:, 0]

    @available_if(_has_probabilities)
    @of_one_fit
    def predict_proba(self, X):
        """Probabilities of the classes.

        With two classes the first column is the logistic of -z and not a difference
        from one, so that a small probability keeps its digits. With an output for
        each of more classes that is not a softmax, they are its shares of their sum.

        Only for an output activation whose values are probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``, in the data type of the weights.
        """
        return _core.activate(*self._class_logits(X), overwrite=True)

    @available_if(_has_probabilities)
    @of_one_fit
    def predict_log_proba(self, X):
        """Logarithms of ``predict_proba``, finite where that has underflowed.

        Up to a probability of 1/2 they are computed from the logits. Above, they are
        the logarithms of the rounded probabilities: both have the same ties.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        activation, z = self._class_logits(X)
        proba = _core.activate(activation, z)
        log_of_rounded = _core.log_activate("identity", proba)
        return np.where(proba > 0.5, log_of_rounded, _core.log_activate(activation, z))

    def _labels_as_fitted(self):
        """The class labels; ValueError where ``classes_`` is not theirs any more."""
        labels, classes = self._labels, self.classes_
        is_same = classes is labels.classes or np.array_equal(classes, labels.classes)
        if not is_same:
            raise ValueError(
                f"classes_ must be those of the fit, {labels.classes}. Got {classes!r}."
            )
        return labels

    def _n_outputs_fitted(self):
        return self._labels.n_outputs(self.out_activation_)

    def __setstate__(self, state):
        super().__setstate__(state)
        # One array in the two places, as fit leaves it; a file may have held it twice.
        labels, classes = getattr(self, "_labels", None), vars(self).get("classes_")
        if isinstance(labels, ClassLabels) and np.array_equal(classes, labels.classes):
            labels.classes = classes

    def _class_logits(self, X):
        """What makes probabilities of logits, and the logits, a column a class."""
        check_is_fitted(self)
        if not _has_probabilities(self):  # since the method was looked up
            raise AttributeError(
                f"out_activation_={self.out_activation_!r} has no probabilities."
            )
        output = self.out_activation_
        if output in ("logistic", "softmax"):
            z = self._outputs(X, logits=True)
        else:
            # The values of any other output are the probabilities themselves.
            output, z = "identity", self._outputs(X)
        labels = self._labels_as_fitted()
        if len(labels.classes) == 1 and labels.kind == "binary":
            # The only class is certain, whatever the network says.
            return "softmax", np.zeros_like(z[:, :1])
        if labels.kind == "multilabel" or output == "softmax":
            return output, z
        if z.shape[1] > 1:
            return "softmax", _log_shares(output, z)
        others = -z if output == "logistic" else 1 - z
        return output, np.concatenate((others, z), axis=1)

    def _require_targets(self, y):
        require_labels(y)

    def _check_targets(self, y, dtype, incremental, classes):
        """The labels as numbers, and the loss to fit them by."""
        if incremental:
            self._start_partial_fit(y, classes)
        if not hasattr(self, "classes_"):
            self._labels = ClassLabels.of(y)
            self.classes_ = self._labels.classes
        else:
            self._labels_as_fitted().require(y, all_of_them=self.warm_start)
        loss = self._choose_output(dtype)
        return self._labels.encode(y), loss

    def _choose_output(self, dtype):
        loss = super()._choose_output(dtype)
        self.n_outputs_ = self._labels.n_outputs(self.out_activation_)
        return loss

    def _lacks_classes(self, classes):
        return classes is None and getattr(self, "classes_", None) is None

    def _start_batches(self, y, classes, dtype):
        """Name the classes for the first of many batches; the loss to fit them by."""
        self._start_partial_fit(y, classes)
        loss = self._choose_output(dtype)
        self._start_class_weights(None, None, incremental=True)
        return loss

    def _output_asked_for(self, dtype):
        return self._labels.output_activation(self.output_activation, self.loss)

    def _loss_with(self, output, dtype):
        row = self._labels.core_loss(self.loss, output)
        return Loss(row, None, repr(self.loss))

    def _core_targets(self, y, dtype):
        return _core.Targets(y, dtype, self.label_smoothing)

    def _numbers(self, targets, dtype):
        return self._labels.numbers(
            targets, self.out_activation_, dtype, self.label_smoothing
        )

    def _start_partial_fit(self, y, classes):
        first_call = getattr(self, "classes_", None) is None
        if classes is not None:
            require_labels(classes, "classes")
            named = ClassLabels.of(None, classes).classes
            if not first_call and not np.array_equal(self.classes_, named):
                raise ValueError(
                    f"classes={classes!r} is not the same as on the last call to "
                    f"partial_fit, which was {self.classes_!r}."
                )
        elif first_call and not is_multilabel(y):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if first_call:
            self._labels = ClassLabels.of(y, classes)
            self.classes_ = self._labels.classes

    def _check_validation_targets(self, y, dtype):
        self._labels_as_fitted().require(y, all_of_them=False)
        return self._labels.encode(y)

    def _start_class_weights(self, targets, sample_weight, incremental):
        self._class_weights = None
        if self.class_weight is None:
            return
        if incremental and isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' does not go with partial_fit and fit_batches, "
                "which see some of the samples at a time. Compute the weights from all "
                "of them, or from enough, by sklearn.utils.class_weight."
                "compute_class_weight('balanced', classes=classes, y=y), and pass them "
                "as a dict from classes to weights."
            )
        self._class_weights = self._labels.class_weights(
            self.class_weight, targets, sample_weight
        )

    def _weigh_classes(self, targets, sample_weight, name, may_be_zero=False):
        if self._class_weights is None:
            return sample_weight
        weights = self._labels.weigh(self._class_weights, targets)
        if sample_weight is not None:
            weights = weights * sample_weight
        require_total_weight(weights, f"class_weight times {name}", may_be_zero)
        return weights

    def _stratify_by(self, y):
        # As scikit-learn: two classes are stratified, more are not.
        return (y == 1).reshape(-1, 1) if self._labels.kind == "binary" else None

    def _score_outputs(self, y, y_pred, sample_weight):
        return self._labels.accuracy(y, y_pred, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
