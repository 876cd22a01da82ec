"""The kernel behind the op gelu, forward and backward, in stretches that stay in the cache.

Both forms of GELU are x s with s = (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u)): GPT-2's approximation says which cubic u
is, and the normal distribution function itself is such an s with a longer polynomial, to all digits of float32. So
there is no error function to compute. The way back needs s again and finds it without keeping an array for it: the
output is x s, and both are kept anyway.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial

from tinytorch.dispatch import Node

from .aligned import empty
from .workspace import FLOAT32, Array, Groups, scratch, spread

STRETCH = 65_536  # elements
LEAST = STRETCH  # below it the clear form is as fast
FAR = 1000.0  # x stops here: -inf times 0 is not 0
REACH = 6.0  # from here on the distribution function is 0 or 1 to all digits
DEGREE = 6
CUBIC_REACH = 20.0  # from here on the approximation's slope is 0 or 1
TINY = 1e-30  # of squares: there the output may have lost its digits, and s is a half

_CUBIC = (math.sqrt(2 / math.pi), math.sqrt(2 / math.pi) * 0.044715)


def applies(x: Any, *, approximate: str) -> bool:
    """Whether the kernel takes this array: float32, not too small, and a form that exists."""
    return x.dtype == FLOAT32 and x.size >= LEAST and approximate in ("none", "tanh")


@cache
def exact_coefficients() -> tuple[float, ...]:
    """Polynomial c with (1 + tanh(x c(x²))) / 2 = the normal distribution function, for |x| up to REACH.

    Fitted in float64 at Chebyshev points; an error of u counts with the slope of tanh there, times x, for that is how
    much of it GELU shows.
    """
    points = REACH * np.cos(np.linspace(0, math.pi / 2, 2002)[:-1])
    # atanh(2 F - 1) is half the logarithm of F / (1 - F).
    above, below = ([math.erfc(s * x / math.sqrt(2)) / 2 for x in points] for s in (-1, 1))
    u = np.log(np.array(above) / np.array(below)) / 2
    weight = points * (1 + points) / np.cosh(u) ** 2
    fitted = Polynomial.fit(points**2, u / points, DEGREE, w=weight)
    return tuple(fitted.convert().coef.tolist())


def _flat(x: Array) -> Array:
    return np.ascontiguousarray(x).reshape(-1)


def _exponent(x: Array, exact: bool, into: Array) -> Array:
    """-2 u of a stretch x (within REACH if it is to be exact) into `into`."""
    squares = np.multiply(x, x, out=into)
    if not exact:
        squares *= -2 * _CUBIC[1]
        squares -= 2 * _CUBIC[0]
        squares *= x
        return squares
    first, *others = exact_coefficients()
    total = np.multiply(squares, others[-1], out=scratch.take("polynomial", STRETCH)[: len(x)])
    for c in reversed(others[:-1]):
        total += c
        total *= squares
    total += first
    total *= -2
    return np.multiply(total, x, out=into)


def forward(x: Array, *, approximate: str) -> Array:
    """x times the normal distribution function at x, or its approximation; any shape -> the same."""
    source, exact = _flat(x), approximate == "none"
    result, reach = empty(source.size), REACH if exact else FAR

    def worker(groups: Groups) -> None:
        buffer = scratch.take("within", STRETCH)
        with np.errstate(over="ignore"):  # exp may be infinite: s is 0 then
            for start, stop in groups:
                block, into, within = source[start:stop], result[start:stop], buffer[: stop - start]
                np.clip(block, -reach, reach, out=within)
                np.exp(_exponent(within, exact, into), out=into)
                into += 1
                np.divide(np.maximum(within, block, out=within), into, out=into)

    spread(worker, source.size, STRETCH)
    return result.reshape(x.shape)


def vjp(g: Array, node: Node) -> tuple[Array]:
    """The slope s + x s (1 - s) 2 u', or s + x times the normal density where it is to be exact, times g."""
    x = node.inputs[0].data
    source, output, slopes, exact = _flat(x), _flat(node.output), _flat(g), node.attributes["approximate"] == "none"
    result, limit = empty(source.size), REACH if exact else CUBIC_REACH

    def worker(groups: Groups) -> None:
        buffers = [scratch.take(name, STRETCH) for name in ("squares", "shares")]
        for start, stop in groups:
            squares, s = (buffer[: stop - start] for buffer in buffers)
            into = np.clip(source[start:stop], -limit, limit, out=result[start:stop])
            _shares(into, output[start:stop], squares, s)
            (_exact_slope if exact else _cubic_slope)(into, squares, s)
            into *= slopes[start:stop]

    spread(worker, source.size, STRETCH)
    return (result.reshape(x.shape),)


def _shares(x: Array, output: Array, squares: Array, s: Array) -> None:
    """s = output / x into `s` and x² into `squares`; x is clipped, the output belongs to what x was before."""
    np.multiply(x, x, out=squares)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(output, x, out=s)
    np.minimum(s, 1, out=s)  # where x was clipped on the right
    np.copyto(s, 0.5, where=squares < TINY)


def _cubic_slope(x: Array, squares: Array, s: Array) -> None:
    """s (1 + x (1 - s) 2 u') in place of x, with u' a polynomial of x²; spoils `squares` and `s`."""
    squares *= 6 * _CUBIC[1]
    squares += 2 * _CUBIC[0]
    squares *= x
    np.subtract(1, s, out=x)
    x *= squares
    x += 1
    x *= s


def _exact_slope(x: Array, squares: Array, s: Array) -> None:
    """s + x times the density, the slope of the distribution function, in place of x; spoils `squares`."""
    squares *= -0.5
    np.exp(squares, out=squares)
    squares *= 1 / math.sqrt(2 * math.pi)
    x *= squares
    x += s
