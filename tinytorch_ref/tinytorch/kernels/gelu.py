"""The kernel behind the op gelu, forward and backward, in stretches that stay in the cache.

Both forms of GELU are x (1 + tanh(u)) / 2 here: GPT-2's approximation says which cubic u is, and the normal
distribution function itself is such a tanh with a longer polynomial, to all digits of float32. So there is no error
function to compute, and NumPy's tanh is one pass. The way back computes tanh(u) once more rather than keep an array for
it.
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
FAR = 1000.0  # the factor x stops here on the left: -inf times 0 is not 0
REACH = 6.0  # from here on the distribution function is 0 or 1 to all digits
DEGREE = 6
CUBIC_REACH = 20.0  # from here on the approximation's slope is 0 or 1

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


def _tanh(x: Array, exact: bool, squares: Array, into: Array) -> Array:
    """tanh(u) of a stretch x (within REACH if it is to be exact) into `into`; `squares` holds x² then."""
    np.multiply(x, x, out=squares)
    if exact:
        last, *middle, first = reversed(exact_coefficients())
        u = np.multiply(squares, last, out=scratch.take("polynomial", STRETCH)[: len(x)])
        for c in middle:
            u += c
            u *= squares
        u += first
    else:
        u = np.multiply(squares, _CUBIC[1], out=scratch.take("polynomial", STRETCH)[: len(x)])
        u += _CUBIC[0]
    u *= x
    return np.tanh(u, out=into)


def forward(x: Array, *, approximate: str) -> Array:
    """x times the normal distribution function at x, or its approximation; any shape -> the same."""
    source, exact = _flat(x), approximate == "none"
    result = empty(source.size)

    def worker(groups: Groups) -> None:
        squares = scratch.take("squares", STRETCH)
        with np.errstate(over="ignore"):  # x² may be infinite: tanh of that is 1
            for start, stop in groups:
                block, into = source[start:stop], result[start:stop]
                within = np.clip(block, -REACH, REACH, out=into) if exact else block
                _tanh(within, exact, squares[: stop - start], into)
                into += 1
                half = np.maximum(block, -FAR, out=squares[: stop - start])
                half *= 0.5
                into *= half

    spread(worker, source.size, STRETCH)
    return result.reshape(x.shape)


def vjp(g: Array, node: Node) -> tuple[Array]:
    """With t = tanh(u): (1 + t) / 2 + x (1 - t²) u' / 2, times g."""
    x = node.inputs[0].data
    source, slopes, exact = _flat(x), _flat(g), node.attributes["approximate"] == "none"
    result, limit = empty(source.size), REACH if exact else CUBIC_REACH

    def worker(groups: Groups) -> None:
        buffers = [scratch.take(name, STRETCH) for name in ("squares", "tanh")]
        for start, stop in groups:
            squares, t = (buffer[: stop - start] for buffer in buffers)
            into = np.clip(source[start:stop], -limit, limit, out=result[start:stop])
            _tanh(into, exact, squares, t)
            (_exact_slope if exact else _cubic_slope)(into, squares, t)
            into *= slopes[start:stop]

    spread(worker, source.size, STRETCH)
    return (result.reshape(x.shape),)


def _cubic_slope(x: Array, squares: Array, t: Array) -> None:
    """(1 + t) (1 + x (1 - t) u') / 2 in place of x, with u' a polynomial of x²; spoils `squares` and t."""
    squares *= 1.5 * _CUBIC[1]
    squares += 0.5 * _CUBIC[0]
    squares *= x
    np.subtract(1, t, out=x)
    x *= squares
    x += 0.5
    t += 1
    x *= t


def _exact_slope(x: Array, squares: Array, t: Array) -> None:
    """(1 + t) / 2 + x times the density, the slope of the distribution function, in place of x; spoils `squares`."""
    squares *= -0.5
    np.exp(squares, out=squares)
    squares *= math.sqrt(2 / math.pi)
    x *= squares
    x += t
    x += 1
    x *= 0.5
