"""Losses: one number that says how wrong a batch of predictions is, and falls as they get better.

The file has three parts. First the forward rules, functions on NumPy arrays that stay finite wherever the mathematics
does; then the functions of tensors, which check what they are given and run the rules as ops; then the same as objects
that remember their settings. Gradients are not here: assignment 5 gives each op its vector-Jacobian product.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from tinytorch.core.activations import log_softmax as log_softmax
from tinytorch.dispatch import Op, TensorBase, apply

Array = np.ndarray

# ==== Part one: rules on arrays =======================================================================================
# A rule computes a new array and leaves those it was given alone. float32 in, float32 out, and float64 stays float64.

# ---- Task 1: from many losses to one ---------------------------------------------------------------------------------


def _divisor(reduction: str, count: Any) -> float:
    """What the sum of the losses is divided by: `count` for "mean", 1 for "sum" and "none".

    The mean of nothing is not a number: for "mean" and a count of 0 the divisor is NaN.

    Raises:
        ValueError: another reduction; names it.
    """
    # Return a Python float: a NumPy float64 would turn float32 losses into float64.
    # BEGIN SOLUTION
    if reduction == "mean":
        return float(count) if count else math.nan
    if reduction in ("sum", "none"):
        return 1.0
    raise ValueError(f"reduction is 'mean', 'sum' or 'none', got {reduction!r}")
    # END SOLUTION


def _reduce(losses: Array, reduction: str) -> Any:
    """The losses as they are ("none"), or their "sum", or their "mean" over all elements: any shape -> ()."""
    # BEGIN SOLUTION
    divisor = _divisor(reduction, losses.size)
    return losses if reduction == "none" else losses.sum() / divisor
    # END SOLUTION


# ---- Task 2: how far off ---------------------------------------------------------------------------------------------
# Prediction x and target y have one shape; the losses have it too, before they are reduced.


def _mse(x: Array, y: Array, reduction: str) -> Any:
    """Squared error (x - y)²."""
    # BEGIN SOLUTION
    d = x - y
    return _reduce(d * d, reduction)
    # END SOLUTION


def _l1(x: Array, y: Array, reduction: str) -> Any:
    """Absolute error |x - y|."""
    # BEGIN SOLUTION
    return _reduce(np.abs(x - y), reduction)
    # END SOLUTION


def _huber(x: Array, y: Array, delta: float, reduction: str) -> Any:
    """d²/2 where d = |x - y| is at most delta, and delta (d - delta/2) beyond (Huber, 1964).

    The two branches meet at d = delta with the same value and the same slope.
    """
    # With c = min(d, delta) both branches are one product of c and something. Find it, and no mask is needed.
    # BEGIN SOLUTION
    d = np.abs(x - y)
    c = np.minimum(d, delta)
    return _reduce(c * (d - 0.5 * c), reduction)
    # END SOLUTION


# ---- Task 3: yes or no -----------------------------------------------------------------------------------------------
# The target y is 1 for yes, 0 for no, or anything between.

_LOWEST_LOG = -100.0  # log(0) counts as this, as in PyTorch: a loss of 100 hurts, an infinite one ends the training


def _bce(p: Array, y: Array, reduction: str) -> Any:
    """-(y log p + (1 - y) log(1 - p)) of probabilities p, where no logarithm counts as less than _LOWEST_LOG."""
    # np.log(0) is -inf, with a warning that np.errstate(divide="ignore") silences: raise the logarithm, not p. A p
    # kept 1e-7 away from 0 and 1 gives wrong losses long before 0. np.log1p(-p) is log(1 - p) without rounding 1 - p.
    # BEGIN SOLUTION
    with np.errstate(divide="ignore"):
        yes = np.maximum(np.log(p), _LOWEST_LOG)
        no = np.maximum(np.log1p(-p), _LOWEST_LOG)
    return _reduce(-(y * yes + (1 - y) * no), reduction)
    # END SOLUTION


def _bce_with_logits(z: Array, y: Array, reduction: str) -> Any:
    """The same for p = sigmoid(z), computed from the logits z without passing through p: finite for every finite z."""
    # Put sigmoid into the formula: -log sigmoid(z) is log(1 + exp(-z)), and -log(1 - sigmoid(z)) is that plus z. So the
    # loss is log(1 + exp(-z)) + (1 - y) z. For z < 0 the exponential may overflow: write log(1 + exp(-z)) as
    # max(-z, 0) + log(1 + exp(-|z|)), and use np.log1p.
    # BEGIN SOLUTION
    return _reduce(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))), reduction)
    # END SOLUTION


# ---- Task 4: one class of several ------------------------------------------------------------------------------------
# Here predictions are rows of C numbers, (N, C), and targets are (N,) class numbers from 0 to C - 1.


def _counted(targets: Array, weight: Array | None, ignore_index: int | None, dtype: Any) -> tuple[Array, Array | None]:
    """Class numbers fit to be used as an index, and how much each row counts.

    Args:
        targets: (N,) class numbers; those equal to `ignore_index` mark rows that do not count.
        weight: (C,) how much a row of each class counts, or None for 1 each.

    Returns:
        (N,) the targets with 0 in place of `ignore_index`, and (N,) the counts in `dtype`, 0 for ignored rows. None in
        place of the counts says that every row counts 1: the usual case, which should cost nothing.
    """
    # BEGIN SOLUTION
    if ignore_index is None:
        return targets, None if weight is None else weight[targets]
    kept = targets != ignore_index
    targets = np.where(kept, targets, 0)
    return targets, kept.astype(dtype) if weight is None else weight[targets] * kept
    # END SOLUTION


def _reduce_rows(losses: Array, counts: Array | None, reduction: str) -> tuple[Any, Any]:
    """The loss of each row times its count, reduced; "mean" divides by the sum of the counts, not by the rows.

    Returns:
        The reduced loss, and the share of each row in it: count / divisor, a Python float or (N,).
    """
    # A row with count 0 has loss 0 even where its loss was infinite: np.where before the product.
    # BEGIN SOLUTION
    if counts is None:
        return _reduce(losses, reduction), 1 / _divisor(reduction, losses.size)
    losses = np.where(counts, losses, 0) * counts
    divisor = _divisor(reduction, counts.sum())
    return losses if reduction == "none" else losses.sum() / divisor, counts / divisor
    # END SOLUTION


def _nll(
    x: Array, targets: Array, weight: Array | None, ignore_index: int | None, reduction: str
) -> tuple[Any, tuple[Array, Any]]:
    """Negative log-likelihood: minus the log-probability of the right class, of x (N, C).

    Returns:
        The loss, and for the way back (targets, share): the gradient is -share at [row, target] and 0 elsewhere.
    """
    # One fancy index takes one element out of each row.
    # BEGIN SOLUTION
    targets, counts = _counted(targets, weight, ignore_index, x.dtype)
    loss, share = _reduce_rows(-x[np.arange(len(targets)), targets], counts, reduction)
    return loss, (targets, share)
    # END SOLUTION


# ---- Task 5: cross entropy -------------------------------------------------------------------------------------------


def _smoothed(targets: Array, classes: int, label_smoothing: float, dtype: Any) -> Array:
    """The distribution that a row is asked for, (N, C): a share `label_smoothing` of each target's mass, spread evenly.

    Args:
        targets: (N,) class numbers, each standing for probability 1 of that class, or (N, C) distributions.
    """
    # Evenly over *all* C classes, the right one included: rows keep the sum 1 (Szegedy et al., 2015, arXiv:1512.00567).
    # BEGIN SOLUTION
    even = label_smoothing / classes
    if targets.ndim == 2:
        return targets * (1 - label_smoothing) + even
    q = np.full((len(targets), classes), even, dtype)
    q[np.arange(len(targets)), targets] += 1 - label_smoothing
    return q
    # END SOLUTION


def _distributions(
    targets: Array, classes: int, weight: Array | None, ignore_index: int | None, label_smoothing: float, dtype: Any
) -> tuple[Array, Any]:
    """Smoothed targets times the weight of each class, (N, C), with rows of zeros where ignored; and their count."""
    if targets.ndim == 2:
        q, count = _smoothed(targets, classes, label_smoothing, dtype), len(targets)
    else:
        numbers, counts = _counted(targets, weight, ignore_index, dtype)
        q, count = _smoothed(numbers, classes, label_smoothing, dtype), len(targets) if counts is None else counts.sum()
    if weight is not None:
        q *= weight
    if ignore_index is not None:
        q[targets == ignore_index] = 0
    return q, count


def _row_sums(x: Array) -> Array:
    """The sum of each row, (N, C) -> (N,): a product with ones, several times quicker than x.sum(axis=1)."""
    return x @ np.ones(x.shape[1], x.dtype)


def _cross_entropy(
    logits: Array,
    targets: Array,
    weight: Array | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[Any, tuple[Array, Array, Array, Any]]:
    """Minus the log-probability of the right class, where the probabilities are softmax(logits): (N, C) -> () or (N,).

    Args:
        targets: (N,) class numbers, or (N, C) distributions: then each class's -log p counts with its probability.

    Returns:
        The loss, and for the way back (exps, totals, goal, share). softmax(logits) is exps / totals[:, None], with exps
        (N, C) and totals (N,). `goal` is (N,) class numbers, or (N, C) distributions times class weights. `share` is
        what a row's loss counts in the result, a Python float or (N,).
    """
    # With s = logits - max of the row, -log p[class] = log(sum of exp(s)) - s[class]. Nothing there overflows, nothing
    # is the logarithm of 0, and no probability has to be computed. The steps: s; what is to be subtracted, from s;
    # exp(s), which may take the place of s (out=); its _row_sums; the losses.
    # Class numbers without smoothing: goal and counts from _counted, a fancy index, _reduce_rows.
    # Otherwise: goal and count from _distributions, and a row's loss is sum over classes of goal * (-log p).
    # BEGIN SOLUTION
    s = logits - logits.max(axis=1, keepdims=True)
    if targets.ndim == 1 and not label_smoothing:
        goal, counts = _counted(targets, weight, ignore_index, s.dtype)
        picked = s[np.arange(len(goal)), goal]
        exps = np.exp(s, out=s)
        totals = _row_sums(exps)
        loss, share = _reduce_rows(np.log(totals) - picked, counts, reduction)
        return loss, (exps, totals, goal, share)
    goal, count = _distributions(targets, s.shape[1], weight, ignore_index, label_smoothing, s.dtype)
    picked = _row_sums(goal * s)
    exps = np.exp(s, out=s)
    totals = _row_sums(exps)
    losses = _row_sums(goal) * np.log(totals) - picked
    divisor = _divisor(reduction, count)
    return losses if reduction == "none" else losses.sum() / divisor, (exps, totals, goal, 1 / divisor)
    # END SOLUTION


MSE = Op("mse", _mse)
L1 = Op("l1", _l1)
HUBER = Op("huber", _huber)
BCE = Op("bce", _bce)
BCE_WITH_LOGITS = Op("bce_with_logits", _bce_with_logits)
NLL = Op("nll", _nll, saves=True)
CROSS_ENTROPY = Op("cross_entropy", _cross_entropy, saves=True)

# ==== Part two: functions of tensors ==================================================================================

# ---- given: what a loss may be asked ---------------------------------------------------------------------------------


def _floats(name: str, x: Any) -> Any:
    """A tensor of floating-point numbers. TypeError for anything that is not a tensor; integers become float32."""
    if not isinstance(x, TensorBase):
        raise TypeError(f"{name} needs predictions as a Tensor, got {type(x).__name__}; wrap them: Tensor(...)")
    return x if x.data.dtype.kind == "f" else x.astype(np.float32)


def _array(targets: Any) -> Array:
    """The array behind targets that are a tensor, an ndarray or a list."""
    return targets.data if isinstance(targets, TensorBase) else np.asarray(targets)


# ---- Task 6: predictions beside targets ------------------------------------------------------------------------------


def _pair(name: str, x: Any, y: Any) -> tuple[Any, Any]:
    """Prediction and target as an op takes them: tensors or arrays of one shape, the target in the prediction's dtype.

    Raises:
        ValueError: the shapes differ; names both. (N, 1) and (N,) would broadcast to (N, N), and the loss of every
            prediction against every target still falls while a model learns nothing but the mean.
    """
    # The target may be a tensor, which may require a gradient: y.astype(dtype) keeps that. Lists have no shape yet.
    # BEGIN SOLUTION
    x = _floats(name, x)
    dtype = x.data.dtype
    y = y.astype(dtype) if isinstance(y, TensorBase) else np.asarray(y, dtype)
    if x.data.shape != y.shape:
        raise ValueError(
            f"{name}: predictions of shape {x.data.shape} and targets of shape {y.shape} differ; reshape one of them"
        )
    return x, y
    # END SOLUTION


def mse_loss(x: Any, y: Any, reduction: str = "mean") -> Any:
    """Squared error of predictions `x` and targets `y` of one shape."""
    return apply(MSE, *_pair("mse_loss", x, y), reduction=reduction)


def l1_loss(x: Any, y: Any, reduction: str = "mean") -> Any:
    """Absolute error of predictions `x` and targets `y` of one shape."""
    return apply(L1, *_pair("l1_loss", x, y), reduction=reduction)


def huber_loss(x: Any, y: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Half the squared error up to `delta`, a straight line beyond.

    Raises:
        ValueError: delta is not above 0.
    """
    # BEGIN SOLUTION
    if not delta > 0:
        raise ValueError(f"huber_loss: delta must be above 0, got {delta}")
    return apply(HUBER, *_pair("huber_loss", x, y), delta=float(delta), reduction=reduction)
    # END SOLUTION


def binary_cross_entropy(p: Any, y: Any, reduction: str = "mean") -> Any:
    """Cross entropy of probabilities `p` of a yes and targets `y` in [0, 1].

    Raises:
        ValueError: a p outside [0, 1], or NaN; says so and names binary_cross_entropy_with_logits.
    """
    # Every comparison with NaN is false: ask whether all is well, not whether something is wrong.
    # BEGIN SOLUTION
    p, y = _pair("binary_cross_entropy", p, y)
    fine = (p.data >= 0) & (p.data <= 1)
    if not fine.all():
        raise ValueError(
            f"binary_cross_entropy: {p.data[~fine][0]} is not a probability;"
            " logits belong into binary_cross_entropy_with_logits"
        )
    return apply(BCE, p, y, reduction=reduction)
    # END SOLUTION


def binary_cross_entropy_with_logits(z: Any, y: Any, reduction: str = "mean") -> Any:
    """Cross entropy of the probabilities sigmoid(z) of a yes and targets `y` in [0, 1], from the logits `z`."""
    return apply(BCE_WITH_LOGITS, *_pair("binary_cross_entropy_with_logits", z, y), reduction=reduction)


# ---- Task 7: predictions beside classes ------------------------------------------------------------------------------


def _class_numbers(name: str, targets: Array, shape: tuple[int, ...], ignore_index: int | None) -> Array:
    """Targets as int64 class numbers: (N, ...) for predictions of shape (N, C, ...).

    Raises:
        ValueError: another shape (names both), or numbers that are not whole.
        IndexError: a number that is neither a class nor `ignore_index`; names it and the shape of the predictions.
    """
    # A negative index counts from the end in NumPy, so -1 would pass for the last class if you let it. Floats are
    # welcome if they are whole: Tensor([0, 2, 1]) is float32.
    # BEGIN SOLUTION
    expected, classes = shape[:1] + shape[2:], shape[1]
    if targets.shape != expected:
        raise ValueError(
            f"{name}: predictions of shape {shape} need class numbers of shape {expected}, got shape {targets.shape}"
        )
    if targets.dtype.kind == "f" and (np.floor(targets) != targets).any():
        raise ValueError(f"{name}: class numbers are whole, got {targets[np.floor(targets) != targets][0]}")
    numbers = targets.astype(np.int64, copy=False)
    wrong = (numbers < 0) | (numbers >= classes)
    if ignore_index is not None:
        wrong &= numbers != ignore_index
    if np.count_nonzero(wrong):  # many times quicker than wrong.any() on a small array
        raise IndexError(f"{name}: {numbers[wrong][0]} is not a class; shape {shape} has classes 0 to {classes - 1}")
    return numbers
    # END SOLUTION


def _rows(x: Any) -> Any:
    """Predictions (N, C, d1, ...) as rows of classes, (N*d1*..., C). For tensors and for arrays."""
    # permute and reshape are ops of assignment 1 and will have gradients; ndarrays have transpose and reshape.
    # BEGIN SOLUTION
    order = (0, *range(2, x.ndim), 1)
    moved = x.permute(order) if isinstance(x, TensorBase) else x.transpose(order)
    return moved.reshape(-1, x.shape[1])
    # END SOLUTION


# ---- given: the rest of the two functions ----------------------------------------------------------------------------


def _run_rows(op: Op, x: Any, targets: Array, weight: Any, ignore_index: int | None, **settings: Any) -> Any:
    """Run a rule of Task 4 or 5 on predictions (N, C, ...), any number of dims behind C; checks what it is given."""
    shape, name = x.data.shape, op.name
    if len(shape) < 2:
        raise ValueError(f"{name}: predictions have shape (N, C) or (N, C, ...), got {shape}; reshape to (1, C)")
    if weight is not None:
        weight = np.asarray(_array(weight), dtype=x.data.dtype)
        if weight.shape != shape[1:2]:
            raise ValueError(f"{name}: {shape[1]} classes need weights of shape {shape[1:2]}, got {weight.shape}")
    if len(shape) == 2:
        return apply(op, x, targets=targets, weight=weight, ignore_index=ignore_index, **settings)
    rows = _rows(targets) if targets.ndim == len(shape) else targets.reshape(-1)
    result = apply(op, _rows(x), targets=rows, weight=weight, ignore_index=ignore_index, **settings)
    return result.reshape(shape[:1] + shape[2:]) if settings["reduction"] == "none" else result


def nll_loss(
    x: Any, targets: Any, *, weight: Any = None, ignore_index: int | None = None, reduction: str = "mean"
) -> Any:
    """Minus the log-probability of the right class: log-probabilities (N, C, ...), class numbers (N, ...).

    Args and errors as for `cross_entropy`, without distributions.
    """
    x = _floats("nll_loss", x)
    if x.data.ndim > 1:
        targets = _class_numbers("nll_loss", _array(targets), x.data.shape, ignore_index)
    return _run_rows(NLL, x, targets, weight, ignore_index, reduction=reduction)


def cross_entropy(
    logits: Any,
    targets: Any,
    *,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Any:
    """Minus the log-probability of the right class, of logits: softmax is part of this function.

    Args:
        logits: (N, C) or (N, C, d1, ...), any numbers: not probabilities.
        targets: (N,) or (N, d1, ...) class numbers, or distributions of the logits' shape.
        weight: (C,) how much each class counts.
        ignore_index: class number that marks rows which do not count. If all are marked the mean is NaN, as in PyTorch.
        label_smoothing: the share of each target's mass that is spread evenly over all classes.

    Raises:
        ValueError: shapes that do not fit, a smoothing outside [0, 1]. IndexError: a target that is not a class.
    """
    logits, goal = _floats("cross_entropy", logits), _array(targets)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"cross_entropy: label_smoothing lies between 0 and 1, got {label_smoothing}")
    if goal.shape != logits.data.shape:
        if logits.data.ndim > 1:
            goal = _class_numbers("cross_entropy", goal, logits.data.shape, ignore_index)
    elif ignore_index is not None or getattr(targets, "requires_grad", False):
        raise ValueError("cross_entropy: distributions as targets allow no ignore_index and no gradient; detach() them")
    else:
        goal = goal.astype(logits.data.dtype, copy=False)
    return _run_rows(
        CROSS_ENTROPY, logits, goal, weight, ignore_index, label_smoothing=float(label_smoothing), reduction=reduction
    )


# ==== Part three: the same as objects =================================================================================

# ---- Task 8: objects that remember their settings --------------------------------------------------------------------


class Loss:
    """A loss as an object: called with predictions and targets, without parameters.

    Args:
        reduction: "mean" and "sum" give one number, "none" the loss of each element (or of each row).

    Raises:
        ValueError: another reduction.
    """

    def __init__(self, reduction: str = "mean"):
        _divisor(reduction, 1)  # raises here rather than in the first step of a training
        self.reduction = reduction

    def forward(self, prediction: Any, target: Any) -> Any:
        """What a subclass computes."""
        raise TypeError(f"{type(self).__name__} does not define forward(prediction, target); subclasses of Loss do")

    def __call__(self, prediction: Any, target: Any) -> Any:
        """`loss(x, y)` is `loss.forward(x, y)`."""
        # BEGIN SOLUTION
        return self.forward(prediction, target)
        # END SOLUTION

    def parameters(self) -> list[Any]:
        """The tensors to be trained: none."""
        return []

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if value is not None)
        return f"{type(self).__name__}({settings})"


class MSELoss(Loss):
    """`mse_loss` as an object."""

    def forward(self, prediction: Any, target: Any) -> Any:
        return mse_loss(prediction, target, self.reduction)


class L1Loss(Loss):
    """`l1_loss` as an object."""

    def forward(self, prediction: Any, target: Any) -> Any:
        return l1_loss(prediction, target, self.reduction)


class HuberLoss(Loss):
    """`huber_loss` with its delta as an object."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        super().__init__(reduction)
        self.delta = delta

    def forward(self, prediction: Any, target: Any) -> Any:
        # BEGIN SOLUTION
        return huber_loss(prediction, target, self.reduction, self.delta)
        # END SOLUTION


class BCELoss(Loss):
    """`binary_cross_entropy` of probabilities as an object."""

    def forward(self, prediction: Any, target: Any) -> Any:
        return binary_cross_entropy(prediction, target, self.reduction)


class BCEWithLogitsLoss(Loss):
    """`binary_cross_entropy_with_logits` as an object."""

    def forward(self, prediction: Any, target: Any) -> Any:
        return binary_cross_entropy_with_logits(prediction, target, self.reduction)


class NLLLoss(Loss):
    """`nll_loss` of log-probabilities as an object."""

    def __init__(self, weight: Any = None, ignore_index: int | None = None, reduction: str = "mean"):
        super().__init__(reduction)
        self.weight, self.ignore_index = weight, ignore_index

    def forward(self, prediction: Any, target: Any) -> Any:
        # BEGIN SOLUTION
        return nll_loss(
            prediction, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )
        # END SOLUTION


class CrossEntropyLoss(Loss):
    """`cross_entropy` of logits as an object."""

    def __init__(
        self,
        label_smoothing: float = 0.0,
        ignore_index: int | None = None,
        weight: Any = None,
        reduction: str = "mean",
    ):
        super().__init__(reduction)
        self.label_smoothing, self.ignore_index, self.weight = label_smoothing, ignore_index, weight

    def forward(self, prediction: Any, target: Any) -> Any:
        # BEGIN SOLUTION
        return cross_entropy(
            prediction,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
        )
        # END SOLUTION


BinaryCrossEntropyLoss = BCELoss
