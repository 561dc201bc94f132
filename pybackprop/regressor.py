"""MLPRegressor: scikit-learn's regressor of that name, on the C core."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from pybackprop import _core
from pybackprop._perceptron import MultilayerPerceptron, is_stochastic
from pybackprop._targets import check_output_columns, check_target_domain


class MLPRegressor(RegressorMixin, MultilayerPerceptron):
    """Multi-layer perceptron regressor.

    Takes the place of scikit-learn's class of the same name. The output activation is
    the canonical partner of the loss, so that the gradient at the output's
    pre-activation is ``y_pred - y``; this holds for these pairs and not in general.

    Parameters
    ----------
    loss : {'squared_error', 'poisson'}, default='squared_error'
        Half the squared error, summed over outputs, with an identity output; or half
        the Poisson deviance with an exp output, for y >= 0.
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Units of each hidden layer; () is a linear model.
    activation : {'identity', 'logistic', 'tanh', 'relu'}, default='relu'
        Activation f of every hidden layer: z, 1 / (1 + exp(-z)), tanh(z) or
        max(z, 0).
    solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
        'sgd' and 'adam' (Kingma & Ba 2015) go by mini-batches; 'lbfgs' is SciPy's
        L-BFGS-B on all samples at once.
    alpha : float, default=0.0001
        L2 strength: the objective has the term alpha / (2 S) * sum ||W||^2, where S
        is the batch's sum of weights. Intercepts are not penalized.
    batch_size : int or 'auto', default='auto'
        Samples a mini-batch; 'auto' is min(200, n_samples). Not used by 'lbfgs'.
    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        Only for 'sgd'. 'constant' stays at learning_rate_init; 'invscaling' is
        learning_rate_init / (t + 1) ** power_t after t samples, set at the end of each
        epoch; 'adaptive' divides the rate by 5 whenever progress has stalled.
    learning_rate_init : float, default=0.001
        Learning rate of the first step. Not used by 'lbfgs'.
    power_t : float, default=0.5
        Exponent of 'invscaling'.
    max_iter : int, default=200
        Most epochs ('sgd', 'adam') or iterations ('lbfgs').
    shuffle : bool, default=True
        Whether to draw a new order of the samples each epoch.
    random_state : int, RandomState instance or None, default=None
        Draws initial weights, the validation split and the order of samples. The
        same value gives the same weights and order as scikit-learn.
    tol : float, default=1e-4
        Progress smaller than this counts as none; for 'lbfgs', the largest
        component of the gradient at which it stops.
    verbose : bool or int, default=False
        Whether to print a line an epoch.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the present weights.
    momentum : float, default=0.9
        Between 0 and 1, for 'sgd'.
    nesterovs_momentum : bool, default=True
        Nesterov's form of the momentum (Sutskever et al. 2013), for 'sgd'.
    early_stopping : bool, default=False
        Whether to set samples aside, stop once their score no longer improves, and
        restore the weights that scored best. Otherwise the training loss decides.
    validation_fraction : float, default=0.1
        Fraction of the samples set aside, in [0, 1).
    beta_1, beta_2 : float, default=0.9 and 0.999
        Decay rates of Adam's two moments, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root of Adam's second moment.
    n_iter_no_change : int or inf, default=10
        Epochs without progress that are let pass.
    max_fun : int, default=15000
        Most evaluations of the objective, for 'lbfgs'.
    n_jobs : int or None, default=None
        Most threads that a fit or a prediction may use; the result has the same bits
        whatever it is. None and -1 take what the environment grants, -2 one less.
    dropout : float or sequence of float, default=0.0
        Probability, in [0, 1), with which a training step leaves out each unit of the
        hidden layers, the others being scaled up by 1 / (1 - dropout) (Srivastava et
        al. 2014); a sequence has one a layer. What is left out is a function of the
        seed, the step, the row and the unit (Philox, Salmon et al. 2011), so not of
        the number of threads. Predictions leave out nothing. Not for 'lbfgs', whose
        steps need one and the same objective. ``loss_`` is with dropout.
    input_dropout : float, default=0.0
        The same for the features.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (d_(l-1), d_l)
        Weights of each layer; views of one vector after a fit. Predictions use them
        as they are.
    intercepts_ : list of ndarray of shape (d_l,)
    loss_ : float
        The objective in the last epoch, or at the end for 'lbfgs'.
    loss_curve_ : list of float
        The objective of each epoch: the mean of its batches, by their numbers of
        rows; for 'lbfgs', of each iteration.
    best_loss_ : float or None
        Smallest loss of an epoch; None with early stopping. Not for 'lbfgs'.
    validation_scores_, best_validation_score_ : list of float, float; or None
        R^2 of each epoch on the samples set aside, and the best.
        Not for 'lbfgs'.
    n_iter_ : int
        Epochs or iterations done.
    stopping_reason_ : str
        Why the last training ended.
    t_ : int
        Samples seen in training.
    n_layers_ : int
        Layers, input and output included.
    n_outputs_ : int
        Units of the output layer.
    out_activation_ : str
        Output activation g: 'identity' or 'exp'.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if X had names for its features.

    See Also
    --------
    MLPClassifier : The same for classes.
    Network : The network itself, with every number of backpropagation.

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
        dropout=0.0,
        input_dropout=0.0,
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
        self.dropout = dropout
        self.input_dropout = input_dropout

    def fit(self, X, y, sample_weight=None):
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

        Returns
        -------
        MLPRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            For an argument or parameter outside its range, or if training diverges.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    @available_if(is_stochastic)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on the given samples, which are as in ``fit``.

        Returns
        -------
        MLPRegressor
            The estimator itself.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X):
        """Predicted numbers, of shape (n_samples,) or (n_samples, n_outputs)."""
        return self._drop_single_column(self._outputs(X))

    @staticmethod
    def _drop_single_column(y_pred):
        return y_pred.ravel() if y_pred.shape[1] == 1 else y_pred

    def _check_targets(self, y, dtype, incremental, classes):
        """The targets as the core reads them, and the loss to fit them by."""
        if hasattr(self, "coefs_"):
            check_output_columns(y, self.n_outputs_)
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        with np.errstate(over="ignore"):
            y = y.reshape(-1, self.n_outputs_).astype(dtype, copy=False)
        check_target_domain(self.loss, y)
        self.out_activation_ = _core.losses()[self.loss]["default_output"]
        return y, self.loss

    def _stratify_by(self, y):
        return None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        record = _core.losses().get(self.loss)
        tags.target_tags.positive_only = (
            record is not None and record["target_low"] >= 0
        )
        return tags

    def _score_outputs(self, y, y_pred, sample_weight):
        return r2_score(y, y_pred, sample_weight=sample_weight)
