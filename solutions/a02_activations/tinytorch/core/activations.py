"""Activations: the functions between the linear layers, without which a stack of layers is one straight line.

The file has three parts. First the forward rules, functions on NumPy arrays that stay finite wherever the mathematics
does; then the functions of tensors, which run the rules as ops; then the same as objects that remember their settings
and can stand in a list of layers. Slopes are not here: assignment 5 gives each op its vector-Jacobian product.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from tinytorch.dispatch import Op, TensorBase, apply

Array = np.ndarray

# Here every activation has reached its limit to the last digit, in float64 too: sigmoid(-1000) is 0, tanh(1000) is 1.
_FAR = 1000.0

# ==== Part one: rules on arrays =======================================================================================
# A rule computes a new array and leaves the one it was given alone. float32 in, float32 out, and float64 stays float64.

# ---- Task 1: hinges --------------------------------------------------------------------------------------------------


def _floating(x: Array) -> Array:
    """`x` itself if it holds floating-point numbers, else its numbers as float32."""
    # NumPy computes exp and tanh of integers in float64. x.dtype.kind is "f" for every floating-point dtype.
    # BEGIN SOLUTION
    return x if x.dtype.kind == "f" else x.astype(np.float32)
    # END SOLUTION


def _relu(x: Array) -> Array:
    """max(x, 0), elementwise: any shape -> the same shape. NaN stays NaN."""
    # One NumPy function does it in one pass. Make sure that it is the elementwise one: x.max() is something else.
    # BEGIN SOLUTION
    return np.maximum(x, 0)
    # END SOLUTION


def _leaky_relu(x: Array, negative_slope: float) -> Array:
    """x where x is positive, negative_slope * x where it is not; the slope may be any number."""
    # max(x, slope * x) is this only for slopes up to 1, and np.where costs more than it seems to: the processor cannot
    # guess a random mask. Write x as its positive part plus its negative part, and scale the latter.
    # BEGIN SOLUTION
    x = _floating(x)
    return np.maximum(x, 0) + negative_slope * np.minimum(x, 0)
    # END SOLUTION


# ---- Task 2: sigmoid and what is made of it --------------------------------------------------------------------------


def _sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), elementwise, to full relative accuracy on both sides."""
    # exp(-x) overflows on the left, exp(x) / (1 + exp(x)) on the right. Neither does if no exponent is ever positive:
    # multiply numerator and denominator of 1 / (1 + exp(-x)) by exp(min(x, 0)) and simplify what comes out.
    # BEGIN SOLUTION
    x = _floating(x)
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))
    # END SOLUTION


def _tanh(x: Array) -> Array:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x)), elementwise."""
    # The definition overflows on both sides and loses digits around 0. NumPy has a function that does neither.
    # BEGIN SOLUTION
    return np.tanh(_floating(x))
    # END SOLUTION


def _silu(x: Array) -> Array:
    """x * sigmoid(x), elementwise; also called swish (Ramachandran et al., 2017, arXiv:1710.05941)."""
    # At -infinity the limit is 0, but -inf * 0 is NaN. The factor x may stop at -_FAR: sigmoid is 0 from there on.
    # BEGIN SOLUTION
    x = _floating(x)
    return np.maximum(x, -_FAR) * _sigmoid(x)
    # END SOLUTION


# ---- given: the error function, which NumPy lacks --------------------------------------------------------------------
# erf(x) = 1 - exp(-x²) R(t) for x >= 0 with t = 1 / (1 + x/2), where R is so smooth that a short polynomial in t gives
# all digits (the form is that of Hastings, 1955; Abramowitz & Stegun, Handbook of Mathematical Functions, 7.1.26). Our
# coefficients come from interpolating the standard library's math.erfc, which takes one number at a time, at Chebyshev
# points. Error: about 4e-7 with float32 (rounding; the polynomial itself is off by 2e-9), 1e-14 with float64.


@cache  # found when first needed: importing the framework does not wait for it
def _erf_polynomial(degree: int, reach: float) -> list[float]:
    """Coefficients of R(t), highest power first, interpolated for x in [0, reach]."""

    def scaled_erfc(t: Array) -> list[float]:
        return [math.exp(x * x) * math.erfc(x) for x in 2 / t - 2]

    interpolant = Chebyshev.interpolate(scaled_erfc, degree, domain=[1 / (1 + reach / 2), 1])
    return interpolant.convert(kind=Polynomial).coef[::-1].tolist()


def erf(x: Array) -> Array:
    """The error function of a floating-point array, elementwise: -1 far to the left, 0 at 0, 1 far to the right."""
    a = np.minimum(np.abs(x), _FAR)  # a * a stays finite
    t = 1 / (1 + 0.5 * a)
    first, *others = _erf_polynomial(16, reach=6.0) if x.dtype == np.float64 else _erf_polynomial(8, reach=4.0)
    r = np.full_like(t, first)
    for coefficient in others:  # Horner's rule, in place: two passes a coefficient, no temporaries
        r *= t
        r += coefficient
    return np.copysign(1 - np.exp(-a * a) * r, x)


# ---- Task 3: GELU ----------------------------------------------------------------------------------------------------


def _gelu(x: Array, approximate: str) -> Array:
    """x times the probability that a standard normal draw is below x (Hendrycks & Gimpel, 2016, arXiv:1606.08415).

    Args:
        approximate: "none" for the probability (1 + erf(x / √2)) / 2, "tanh" for its approximation
            (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, which is off by up to 5e-4 after multiplying by x.

    Raises:
        ValueError: `approximate` is neither; names it.
    """
    # np.sqrt(2.0) is a NumPy float64, and float32 array * NumPy float64 is a float64 array: take constants from `math`.
    # The factor x may stop at -_FAR, as in _silu. x³ can overflow: inside tanh x may stop at both -_FAR and _FAR.
    # BEGIN SOLUTION
    x = _floating(x)
    if approximate == "none":
        doubled = 1 + erf(x * math.sqrt(0.5))
    elif approximate == "tanh":
        c = np.clip(x, -_FAR, _FAR)
        doubled = 1 + np.tanh(math.sqrt(2 / math.pi) * c * (1 + 0.044715 * c * c))
    else:
        raise ValueError(f"gelu: approximate is 'none' or 'tanh', got {approximate!r}")
    return 0.5 * np.maximum(x, -_FAR) * doubled
    # END SOLUTION


# ---- Task 4: softmax and its logarithm -------------------------------------------------------------------------------


def _shifted(x: Array, axis: int, name: str) -> Array:
    """x minus its largest element along `axis`, which both rules below begin with: same shape, nothing above 0.

    Raises:
        IndexError: `axis` is not a dimension of x; names the op, the shape and the axis.
    """
    # keepdims=True keeps the reduced dimension with size 1, so that it broadcasts whichever one it is. An empty array
    # has no largest element unless `initial` gives one. For a wrong axis NumPy raises np.exceptions.AxisError, which
    # does not know the shape: raise an IndexError that says f"{name}: shape {x.shape} has no dim {axis}" instead.
    # BEGIN SOLUTION
    x = _floating(x)
    try:
        return x - x.max(axis=axis, keepdims=True, initial=-np.inf)
    except np.exceptions.AxisError:
        raise IndexError(f"{name}: shape {x.shape} has no dim {axis}; count from 0, or from -1 backwards") from None
    # END SOLUTION


def _softmax(x: Array, axis: int) -> Array:
    """exp(x) divided by its sum along `axis`: (N, C) along 1 -> (N, C), each row positive with sum 1.

    -inf gets probability 0. A row of nothing but -inf, or with inf in it, has no answer: NaN, with NumPy's warning.
    """
    # Why may any number be subtracted from a whole row, and why the largest?
    # BEGIN SOLUTION
    e = np.exp(_shifted(x, axis, "softmax"))
    e /= e.sum(axis=axis, keepdims=True)
    return e
    # END SOLUTION


def _log_softmax(x: Array, axis: int) -> Array:
    """The logarithm of softmax along `axis`, finite for finite x even where softmax itself is rounded to 0."""
    # log(exp(s) / sum(exp(s))) simplifies: exp(s) needs no logarithm, and the sum is at least 1.
    # BEGIN SOLUTION
    s = _shifted(x, axis, "log_softmax")
    if s.size:  # an empty row sums to 0, which has no logarithm
        s -= np.log(np.exp(s).sum(axis=axis, keepdims=True))
    return s
    # END SOLUTION


# The classes below have these names already, so the ops carry a suffix.
RELU_OP = Op("relu", _relu)
LEAKY_RELU_OP = Op("leaky_relu", _leaky_relu)
SIGMOID_OP = Op("sigmoid", _sigmoid)
TANH_OP = Op("tanh", _tanh)
SILU_OP = Op("silu", _silu)
GELU_OP = Op("gelu", _gelu)
SOFTMAX_OP = Op("softmax", _softmax)
LOG_SOFTMAX_OP = Op("log_softmax", _log_softmax)

# ==== Part two: functions of tensors ==================================================================================


def _run(op: Op, x: Any, **attributes: Any) -> Any:
    """Run an op on one tensor. TypeError for anything else: without a dtype of its own it would become float64."""
    if not isinstance(x, TensorBase):
        raise TypeError(f"{op.name} needs a Tensor, got {type(x).__name__}; wrap it: Tensor(...)")
    return apply(op, x, **attributes)


def _one_dim(dim: Any, axis: Any) -> int:
    """The dim under whichever name it came; `axis` wins. TypeError if it is not one integer."""
    chosen = dim if axis is None else axis
    if not isinstance(chosen, (int, np.integer)):
        raise TypeError(f"dim is one integer, got {chosen!r}; count from 0, or from -1 backwards")
    return int(chosen)


def relu(x: Any) -> Any:
    """max(x, 0) of each element."""
    return _run(RELU_OP, x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) of each element: between 0 and 1."""
    return _run(SIGMOID_OP, x)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent of each element: between -1 and 1."""
    return _run(TANH_OP, x)


def silu(x: Any) -> Any:
    """x * sigmoid(x) of each element."""
    return _run(SILU_OP, x)


# ---- Task 5: functions with settings ---------------------------------------------------------------------------------
# A rule receives its settings as keyword attributes of the op: _run(op, x, setting=value). Assignment 5 finds them
# there.


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """Each element where it is positive, negative_slope times it where it is not."""
    # A NumPy float64 as slope would make the result float64: hand it over as a Python float.
    # BEGIN SOLUTION
    return _run(LEAKY_RELU_OP, x, negative_slope=float(negative_slope))
    # END SOLUTION


def gelu(x: Any, approximate: str = "none") -> Any:
    """x times the normal distribution function at x; with approximate="tanh" GPT-2's approximation of it.

    Raises:
        ValueError: another `approximate`.
    """
    # BEGIN SOLUTION
    return _run(GELU_OP, x, approximate=approximate)
    # END SOLUTION


def softmax(x: Any, dim: int = -1, *, axis: int | None = None) -> Any:
    """Positive numbers with sum 1 along `dim` (or `axis`, the same under NumPy's name), in the proportions of exp(x).

    Raises:
        IndexError: no such dim; names the shape and the dim.
    """
    # The rule's attribute is called axis, and _one_dim makes one integer of the two names.
    # BEGIN SOLUTION
    return _run(SOFTMAX_OP, x, axis=_one_dim(dim, axis))
    # END SOLUTION


def log_softmax(x: Any, dim: int = -1, *, axis: int | None = None) -> Any:
    """The logarithm of softmax along `dim` (or `axis`), computed without passing through softmax.

    Raises:
        IndexError: no such dim; names the shape and the dim.
    """
    # BEGIN SOLUTION
    return _run(LOG_SOFTMAX_OP, x, axis=_one_dim(dim, axis))
    # END SOLUTION


# ==== Part three: the same as objects =================================================================================

# ---- Task 6: objects that remember their settings --------------------------------------------------------------------


class Activation:
    """An activation as an object: called like a function, without parameters, at home in a list of layers."""

    def forward(self, x: Any) -> Any:
        """What a subclass computes: a tensor of any shape -> a tensor of the same shape."""
        raise TypeError(f"{type(self).__name__} does not define forward(x); subclasses of Activation do")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`layer(x)` is `layer.forward(x)`."""
        # BEGIN SOLUTION
        return self.forward(*args, **kwargs)
        # END SOLUTION

    def parameters(self) -> list[Any]:
        """The tensors to be trained: none, as an empty list."""
        # BEGIN SOLUTION
        return []
        # END SOLUTION

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


class ReLU(Activation):
    """`relu` as an object."""

    def forward(self, x: Any) -> Any:
        return relu(x)


class Sigmoid(Activation):
    """`sigmoid` as an object."""

    def forward(self, x: Any) -> Any:
        return sigmoid(x)


class Tanh(Activation):
    """`tanh` as an object."""

    def forward(self, x: Any) -> Any:
        return tanh(x)


class SiLU(Activation):
    """`silu` as an object."""

    def forward(self, x: Any) -> Any:
        return silu(x)


class LeakyReLU(Activation):
    """`leaky_relu` with its slope as an object."""

    def __init__(self, negative_slope: float = 0.01):
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        # BEGIN SOLUTION
        return leaky_relu(x, self.negative_slope)
        # END SOLUTION


class GELU(Activation):
    """`gelu` in one of its forms, "none" or "tanh", as an object."""

    def __init__(self, approximate: str = "none"):
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        # BEGIN SOLUTION
        return gelu(x, self.approximate)
        # END SOLUTION


class Softmax(Activation):
    """`softmax` along a dim (or `axis`) as an object."""

    def __init__(self, dim: int = -1, *, axis: int | None = None):
        self.dim = _one_dim(dim, axis)

    def forward(self, x: Any, dim: int | None = None) -> Any:
        """Softmax along the object's dim, or along another one for this call."""
        # 0 is a dim too.
        # BEGIN SOLUTION
        return softmax(x, self.dim if dim is None else dim)
        # END SOLUTION


class LogSoftmax(Activation):
    """`log_softmax` along a dim (or `axis`) as an object."""

    def __init__(self, dim: int = -1, *, axis: int | None = None):
        self.dim = _one_dim(dim, axis)

    def forward(self, x: Any, dim: int | None = None) -> Any:
        """Log-softmax along the object's dim, or along another one for this call."""
        # BEGIN SOLUTION
        return log_softmax(x, self.dim if dim is None else dim)
        # END SOLUTION
