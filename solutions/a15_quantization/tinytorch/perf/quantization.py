"""Quantisation: a trained model in a quarter of its bytes. Whole numbers are stored, and what one of them is worth.

The file has four parts. First a grid of whole numbers laid over real ones, and what rounding to it costs; then
observers, which find the range of numbers that nobody has stored: those that flow through a model; then a linear layer
and a convolution whose weights are bytes; last a whole model with such layers in place of its own. The model is trained
already and is not trained again. How long anything takes is assignment 14's business, fewer weights are assignment
16's.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Linear, Module, Parameter, linear
from tinytorch.core.spatial import Conv2d, conv2d
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import TensorBase, wrap

Array = np.ndarray
TINY = float(np.finfo(np.float32).tiny)  # the smallest float32 that has all its digits

# ==== Part one: whole numbers for real ones ===========================================================================

# ---- Task 1: a grid --------------------------------------------------------------------------------------------------


def integer_range(bits: int, symmetric: bool) -> tuple[int, int]:
    """The least and the greatest whole number of a grid: (-127, 127) for 8 bits if symmetric, else (-128, 127).

    A symmetric grid does without its least number, so that -x is on it whenever x is.

    Raises:
        ValueError: bits is not a whole number from 2 to 8.
    """
    if bits not in range(2, 9):
        raise ValueError(f"quantization: bits is a whole number from 2 to 8, got {bits!r}")
    # BEGIN SOLUTION
    most = 2 ** (bits - 1) - 1
    return (-most if symmetric else -most - 1), most
    # END SOLUTION


@dataclass(frozen=True)
class Grid:
    """Where whole numbers lie among real ones: real = scale * (whole - zero_point).

    Attributes:
        scale: float32, the distance of neighbours: shape (), or (C,) with one for every channel.
        zero_point: int8 of the same shape, the whole number that stands for 0; 0 itself if symmetric.
        bits, symmetric: which whole numbers there are, as in `integer_range`.
        axis: the axis of a tensor that the channels are, counted from the front; None if the scale is a single one.
    """

    scale: Array
    zero_point: Array
    bits: int = 8
    symmetric: bool = True
    axis: int | None = None

    def along(self, values: Array, ndim: int) -> Array:
        """`values` (scale or zero_point) shaped so that they broadcast along the axis of a tensor of ndim dimensions.

        Shape () stays; with axis 1 of 4 the shape (C,) becomes (1, C, 1, 1).
        """
        # BEGIN SOLUTION
        if self.axis is None:
            return values
        return values.reshape([-1 if d == self.axis else 1 for d in range(ndim)])
        # END SOLUTION


def choose_grid(low: Any, high: Any, symmetric: bool = True, bits: int = 8, axis: int | None = None) -> Grid:
    """The finest grid on which all real numbers from low to high have a place, and 0 exactly.

    Args:
        low, high: numbers, or arrays (C,) with one for every channel. A range that does not contain 0 is widened.
        symmetric: the greatest absolute value becomes the greatest whole number and 0 becomes 0. Otherwise low becomes
            the least whole number and high the greatest, as nearly as a whole zero point allows.

    Raises:
        ValueError: low or high is not finite, low is above high, or bits is out of range.
    """
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low <= high).all()):
        raise ValueError(f"choose_grid: the range has to be finite and low at most high, got {low} to {high}")
    # low and high are float64 here: high - low of two large float32 may be infinite. Widen the range to contain 0. Then
    # the scale is the width of the range over the number of steps in it; both depend on `symmetric`. Where the width is
    # 0 any scale will do: take 1. And a width of 1e-44 over 127 steps is 0 in float32: no scale is below TINY.
    # The zero point solves 0 = low + scale * (zero_point - least); make a whole number of it. NumPy makes a scalar of
    # what has no dimensions: np.asarray(scale, np.float32) is an array whatever it is given.
    # BEGIN SOLUTION
    least, most = integer_range(bits, symmetric)
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    width = np.maximum(-low, high) if symmetric else high - low
    steps = most if symmetric else most - least
    scale = np.maximum(np.where(width > 0, width / steps, 1), TINY)
    zero_point = np.zeros(scale.shape) if symmetric else np.rint(least - low / scale)
    return Grid(np.asarray(scale, np.float32), np.asarray(zero_point, np.int8), bits, symmetric, axis)
    # END SOLUTION


# ---- Task 2: there and back ------------------------------------------------------------------------------------------


def to_integers(x: Array, grid: Grid) -> Array:
    """The whole numbers for real ones: an int8 array of x's shape.

    A quotient halfway between two whole numbers goes to the even one (IEEE 754, np.rint), before the zero point is
    added. What lies beyond the ends of the grid goes to its ends.
    """
    # astype(np.int8) cuts fractions off, and 130 becomes -126: round first, then np.clip, and cast at the very end.
    # BEGIN SOLUTION
    least, most = integer_range(grid.bits, grid.symmetric)
    whole = np.rint(x / grid.along(grid.scale, x.ndim)) + grid.along(grid.zero_point, x.ndim)
    return np.clip(whole, least, most).astype(np.int8)
    # END SOLUTION


def to_reals(values: Array, grid: Grid) -> Array:
    """The real numbers that whole ones stand for: int8 array -> float32 array of the same shape."""
    # In int8, 127 - (-128) is -1: make floats of the whole numbers first.
    # BEGIN SOLUTION
    away = values.astype(np.float32) - grid.along(grid.zero_point, values.ndim)
    return away * grid.along(grid.scale, values.ndim)
    # END SOLUTION


# ---- Task 3: tensors -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class QuantizedTensor:
    """A tensor in whole numbers. `values, scale, zero_point = q` takes it apart into Tensor, number(s), number(s).

    Attributes:
        values: int8 array of the tensor's shape.
        grid: what a whole number stands for.
    """

    values: Array
    grid: Grid

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def scale(self) -> Array:
        return self.grid.scale

    @property
    def zero_point(self) -> Array:
        return self.grid.zero_point

    @property
    def axis(self) -> int | None:
        return self.grid.axis

    @property
    def memory(self) -> int:
        """Bytes of everything that has to be kept: values, scales and zero points."""
        # BEGIN SOLUTION
        return self.values.nbytes + self.scale.nbytes + self.zero_point.nbytes
        # END SOLUTION

    def __iter__(self) -> Iterator[Any]:
        plain = (lambda a: a.item()) if self.axis is None else (lambda a: a)
        return iter((Tensor(self.values, dtype=np.int8), plain(self.scale), plain(self.zero_point)))


def value_range(x: Array, axis: int | None = None) -> tuple[Array, Array]:
    """The least and the greatest element, 0 counted in: shapes (), or (C,) for every channel along an axis.

    Raises:
        ValueError: NaN or an infinity among the elements.
    """
    if not np.isfinite(x).all():
        raise ValueError("quantization: the tensor holds NaN or an infinity, which no grid has a place for")
    # The minimum over all axes but one: axis=(0, 2, 3) leaves axis 1. `initial=0` counts 0 in, and gives an answer for
    # a tensor without elements. NumPy answers with a scalar where nothing is left; np.asarray makes an array of it.
    # BEGIN SOLUTION
    others = None if axis is None else tuple(d for d in range(x.ndim) if d != axis)
    return np.asarray(x.min(axis=others, initial=0)), np.asarray(x.max(axis=others, initial=0))
    # END SOLUTION


def quantize_int8(x: Any, symmetric: bool = True, axis: int | None = None, bits: int = 8) -> QuantizedTensor:
    """A tensor in whole numbers, on the finest grid that its own range allows.

    Args:
        x: Tensor or ndarray of any shape.
        symmetric: see `choose_grid`.
        axis: None for one grid for the whole tensor ("per tensor"); else every index along this axis gets a scale and a
            zero point of its own ("per channel"). Counted from the end if negative.
        bits: with fewer than 8 fewer of the 256 values are used; each is kept in a byte all the same.

    Raises:
        ValueError: NaN or infinities; bits out of range. IndexError: there is no such axis; names the shape.
    """
    x = x.data if isinstance(x, TensorBase) else np.asarray(x)
    # BEGIN SOLUTION
    axis = _axis(axis, x.shape)
    grid = choose_grid(*value_range(x, axis), symmetric, bits, axis)
    return QuantizedTensor(to_integers(x, grid), grid)
    # END SOLUTION


def _axis(axis: int | None, shape: tuple[int, ...]) -> int | None:
    """`axis` counted from the front, or None. IndexError if the shape has no such axis."""
    # BEGIN SOLUTION
    if axis is None:
        return None
    if not -len(shape) <= axis < len(shape):
        raise IndexError(f"quantize_int8: shape {shape} has no axis {axis}; it has {len(shape)}")
    return axis % len(shape)
    # END SOLUTION


def dequantize_int8(q: Any, scale: float | None = None, zero_point: int = 0) -> Tensor:
    """The float32 tensor that whole numbers stand for.

    Args:
        q: what `quantize_int8` returned; or its values alone, with their scale and zero point.
    """
    if isinstance(q, QuantizedTensor):
        return wrap(to_reals(q.values, q.grid))
    if scale is None:
        raise TypeError("dequantize_int8: values alone say nothing; give the scale too, or a QuantizedTensor")
    values = q.data if isinstance(q, TensorBase) else np.asarray(q)
    return wrap(to_reals(values, Grid(np.float32(scale), np.asarray(zero_point, np.int8))))


# ---- Task 4: what it costs -------------------------------------------------------------------------------------------


def sqnr(x: Any, approximation: Any) -> float:
    """Signal-to-quantisation-noise ratio in decibels: 10 log10(sum of x² / sum of squared errors).

    inf if nothing differs. Each further bit is worth about 6 dB.
    """
    # Square and add in float64. No error at all: the answer is math.inf, also for a signal of zeros. A signal of zeros
    # with an error has -math.inf; math.log10 does not take 0.
    # BEGIN SOLUTION
    x, other = (np.asarray(t, np.float64) for t in (x, approximation))
    signal, noise = (x**2).sum(), ((x - other) ** 2).sum()
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf
    # END SOLUTION


def max_error(x: Any, approximation: Any) -> float:
    """The greatest absolute difference; 0 for tensors without elements."""
    difference = np.asarray(x, np.float64) - np.asarray(approximation, np.float64)
    return float(np.abs(difference).max(initial=0))


# ---- Task 5: products in whole numbers -------------------------------------------------------------------------------


def integer_matmul(a: QuantizedTensor, b: QuantizedTensor) -> Tensor:
    """The product of two matrices, multiplied and added in whole numbers: (N, K) @ (K, M) -> (N, M) float32.

    That is what a processor with byte arithmetic does. Both scales come in once, at the end. `a` may have a scale for
    each row (axis 0), `b` one for each column (axis 1).

    Raises:
        ValueError: a scale for each of the K terms of a sum: it cannot be taken out of the sum.
    """
    if a.axis == 1 or b.axis == 0:
        raise ValueError(
            "integer_matmul: scales along the axis that is summed over cannot be taken out of the sum; quantise the"
            " left matrix with axis 0 or None, the right one with axis 1 or None"
        )
    # One product of two bytes needs two bytes, a sum of thousands needs more: NumPy's int8 @ int8 stays in int8 and
    # overflows without a word. Make int32 of the values before you subtract the zero points.
    # BEGIN SOLUTION
    left = a.values.astype(np.int32) - a.grid.along(a.zero_point, 2)
    right = b.values.astype(np.int32) - b.grid.along(b.zero_point, 2)
    worth = a.grid.along(a.scale, 2) * b.grid.along(b.scale, 2)
    return wrap(((left @ right) * worth).astype(np.float32))
    # END SOLUTION


# ==== Part two: calibration ===========================================================================================

# ---- Task 6: observers -----------------------------------------------------------------------------------------------


class Observer:
    """Looks at batches, one by one, and says in which range their numbers lie. A subclass defines `update`.

    Attributes:
        low, high: the range; None before the first batch.
    """

    low: float | None = None
    high: float | None = None

    def observe(self, batch: Any) -> None:
        """Take one more batch into account: Tensor or ndarray of any shape. One without elements says nothing.

        Raises:
            ValueError: NaN or infinities.
        """
        x = batch.data if isinstance(batch, TensorBase) else np.asarray(batch)
        if x.size:
            low, high = value_range(x)
            self.update(x, float(low), float(high))

    def update(self, x: Array, low: float, high: float) -> None:
        """Set `self.low` and `self.high`, from the batch x with the range low to high (0 counted in) and all before."""
        raise NotImplementedError(f"{type(self).__name__} does not define update(x, low, high); observers do")

    def grid(self, symmetric: bool = False, bits: int = 8) -> Grid:
        """The grid for the observed range. ValueError before the first batch."""
        if self.low is None:
            raise ValueError(f"{type(self).__name__} has not observed anything; show it at least one batch")
        return choose_grid(self.low, self.high, symmetric, bits)


class MinMaxObserver(Observer):
    """From the least number of all batches to the greatest: nothing is cut off, and one outlier decides."""

    def update(self, x: Array, low: float, high: float) -> None:
        # BEGIN SOLUTION
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)
        # END SOLUTION


class MovingAverageObserver(Observer):
    """The first batch's range, which each later batch pulls towards its own: new = old + momentum * (batch - old).

    An outlier counts only in its own batch, and its weight fades.
    """

    def __init__(self, momentum: float = 0.1):
        if not 0 < momentum <= 1:
            raise ValueError(f"MovingAverageObserver: momentum is above 0 and at most 1, got {momentum}")
        self.momentum = momentum

    def update(self, x: Array, low: float, high: float) -> None:
        # BEGIN SOLUTION
        self.low = low if self.low is None else self.low + self.momentum * (low - self.low)
        self.high = high if self.high is None else self.high + self.momentum * (high - self.high)
        # END SOLUTION


class PercentileObserver(Observer):
    """The range that leaves out the lowest and the highest few of all numbers that were ever seen.

    It keeps counts, not numbers: a histogram of `BINS` equal bins from -reach to reach. Where a batch goes beyond, the
    reach doubles and neighbouring bins are merged in pairs.

    Args:
        percentile: which share in percent lies at or below `high`; as many lie at or above `low`. 99.9 cuts off the
            highest 0.1 % and the lowest 0.1 %. 100 cuts off nothing.

    Attributes:
        low, high: edges of bins (so accurate to reach / 2048), and never beyond what was seen.
    """

    BINS = 4096

    def __init__(self, percentile: float = 99.9):
        if not 50 < percentile <= 100:
            raise ValueError(f"PercentileObserver: percentile is above 50 and at most 100, got {percentile}")
        self.percentile = percentile
        self.reach = 0.0
        self.counts = np.zeros(self.BINS, np.int64)
        self.seen = MinMaxObserver()

    def update(self, x: Array, low: float, high: float) -> None:
        # Three steps: make room for the batch, count it (np.histogram with `range`), and read the percentiles. A
        # cumulative sum says how many numbers lie in a bin or below it; np.searchsorted finds the first bin at which
        # that reaches a share of the total. `high` is the upper edge of that bin; for `low` turn the counts round.
        # A batch of zeros has no reach; take 1 then, so that bins have a width.
        # BEGIN SOLUTION
        self.seen.update(x, low, high)
        self._make_room(max(-low, high))
        self.counts += np.histogram(x, self.BINS, (-self.reach, self.reach))[0]
        self.low = max(-self._tail(self.counts[::-1]), self.seen.low)
        self.high = min(self._tail(self.counts), self.seen.high)
        # END SOLUTION

    def _make_room(self, size: float) -> None:
        """Let the reach be at least `size`: at first that very size, later by doubling as often as needed."""
        # Doubling: half of the bins are new and empty, a quarter on the left and a quarter on the right. The others
        # hold two old bins each: counts.reshape(-1, 2).sum(axis=1).
        # BEGIN SOLUTION
        if self.reach == 0:
            self.reach = size or 1.0
        while self.reach < size:
            self.counts = np.pad(self.counts.reshape(-1, 2).sum(axis=1), self.BINS // 4)
            self.reach *= 2
        # END SOLUTION

    def _tail(self, counts: Array) -> float:
        """Upper edge of the first bin at or below which `percentile` percent of all numbers lie."""
        # BEGIN SOLUTION
        wanted = self.percentile / 100 * counts.sum()
        bin_number = int(np.searchsorted(counts.cumsum(), wanted))
        return (bin_number + 1) / self.BINS * 2 * self.reach - self.reach
        # END SOLUTION


# ==== Part three: layers ==============================================================================================

# ---- Task 7: layers that keep bytes ----------------------------------------------------------------------------------


class _QuantizedLayer(Module):
    """What the two quantised layers share. They are for a model in use: nothing in them can be trained.

    Args:
        layer: the trained layer. It is only read; what is kept of it is copied.
        channels: the axis of the weight that its outputs are.
        per_channel: whether every output channel has a scale of its own.
        bits: of weights and inputs, 2 to 8.

    Attributes (buffers, all in `state_dict` unless None):
        weight: int8, of the layer's shape, on a symmetric grid.
        scale: float32, () or (output channels,).
        bias: float32 or None, not quantised: there are few of them, and each is added to every sum.
        input_scale, input_zero_point: the inputs' grid, float32 () and int8 (); None before `calibrate`.
    """

    def __init__(self, layer: Any, channels: int, per_channel: bool, bits: int):
        self.bits, self.channels, self.per_channel = bits, channels, per_channel
        # register_buffer(name, array or None) makes a buffer. Do not keep layer.bias.data itself.
        # BEGIN SOLUTION
        q = quantize_int8(layer.weight, axis=channels if per_channel else None, bits=bits)
        self.register_buffer("weight", q.values)
        self.register_buffer("scale", q.scale)
        self.register_buffer("bias", None if layer.bias is None else layer.bias.data.copy())
        self.set_input_grid(None)
        # END SOLUTION

    @property
    def weight_grid(self) -> Grid:
        """What the whole numbers in `weight` stand for."""
        axis = self.channels if self.per_channel else None
        return Grid(self.scale, np.zeros(self.scale.shape, np.int8), self.bits, axis=axis)

    @property
    def input_grid(self) -> Grid | None:
        """What inputs are rounded to; None if they are not rounded."""
        if self.input_scale is None:
            return None
        return Grid(self.input_scale, self.input_zero_point, self.bits, symmetric=False)

    def set_input_grid(self, grid: Grid | None) -> None:
        """Round the inputs to this grid from now on: one scale, not symmetric. With None, no longer."""
        self.register_buffer("input_scale", None if grid is None else grid.scale)
        self.register_buffer("input_zero_point", None if grid is None else grid.zero_point)

    def calibrate(self, batches: Any, observer: Observer | None = None) -> Any:
        """Choose the inputs' grid from examples of inputs, a batch or several; returns this layer.

        Args:
            batches: a Tensor or ndarray, or anything that yields such (or tuples that begin with one).
            observer: a MinMaxObserver by default.
        """
        # BEGIN SOLUTION
        observer = observer or MinMaxObserver()
        for batch in batches_of(batches):
            observer.observe(batch)
        self.set_input_grid(observer.grid(bits=self.bits))
        return self
        # END SOLUTION

    def forward(self, x: Any) -> Any:
        """As the layer it stands for, up to rounding.

        NumPy has no fast product of whole numbers. So the bytes become float32 for the time of a call, with the scales
        multiplied in: one pass over the weight, then the product that was always used. No call is faster than before.
        """
        if not isinstance(x, TensorBase):
            raise TypeError(f"{type(self).__name__} needs a Tensor, got {type(x).__name__}; wrap it: Tensor(...)")
        # Without an input grid: x times the real weights. With one: the whole numbers of x, as float32 and with the
        # zero point subtracted, times the real weights times input_scale. Both scales can be multiplied into the
        # weight, which is smaller than what comes out; the bias is added once, as it is, by the product itself.
        # self._product(x, weight, bias) takes tensors; wrap(array) makes a tensor without copying.
        # BEGIN SOLUTION
        weight, grid = to_reals(self.weight, self.weight_grid), self.input_grid
        if grid is not None:
            x = wrap(to_integers(x.data, grid).astype(np.float32) - grid.zero_point)
            weight *= grid.scale
        return self._product(x, wrap(weight), None if self.bias is None else wrap(self.bias))
        # END SOLUTION

    def _product(self, x: Any, weight: Any, bias: Any) -> Any:
        """What the layer computes with a weight and a bias that are given."""
        raise NotImplementedError

    def _restore(self, layer: Any) -> Any:
        """`layer`, a fresh one of the same settings, with the real numbers that this one's bytes stand for."""
        layer.weight = Parameter(to_reals(self.weight, self.weight_grid))
        layer.bias = None if self.bias is None else Parameter(self.bias)
        return layer

    def memory_usage(self) -> dict[str, float]:
        """Bytes as they are and as they were in float32, and their ratio."""
        now = model_bytes(self)
        before = 4 * (self.weight.size + (0 if self.bias is None else self.bias.size))
        return {"quantized_bytes": now, "original_bytes": before, "compression_ratio": before / now}

    def extra_repr(self) -> str:
        inputs = "float32" if self.input_scale is None else f"{self.bits} bits"
        return f"{self.weight.shape}, bits={self.bits}, per_channel={self.per_channel}, inputs={inputs}"


class QuantizedLinear(_QuantizedLayer):
    """A `Linear` whose weight (in, out) is kept in bytes: (..., in) -> (..., out).

    Per channel means a scale for each output, that is for each column. It is not the default here: a scale takes the
    bytes of four weights, and a column of a small layer has only a few dozen.
    """

    def __init__(self, layer: Linear, per_channel: bool = False, bits: int = 8):
        # Which axis of (in, out) are the outputs?
        # BEGIN SOLUTION
        super().__init__(layer, 1, per_channel, bits)
        # END SOLUTION

    def _product(self, x: Any, weight: Any, bias: Any) -> Any:
        # BEGIN SOLUTION
        return linear(x, weight, bias)
        # END SOLUTION

    def dequantized(self) -> Linear:
        """A `Linear` with these weights in float32, to be used, or trained, like any other."""
        return self._restore(Linear(*self.weight.shape, bias=self.bias is not None))


class QuantizedConv2d(_QuantizedLayer):
    """A `Conv2d` whose weight (O, C / groups, kh, kw) is kept in bytes: (N, C, H, W) -> (N, O, Ho, Wo).

    Per channel means a scale for each of the O kernels. It is the default here: kernels are few and differ in size.
    """

    def __init__(self, layer: Conv2d, per_channel: bool = True, bits: int = 8):
        # Keep stride, padding, dilation and groups of the layer, too.
        # BEGIN SOLUTION
        super().__init__(layer, 0, per_channel, bits)
        self.stride, self.padding = layer.stride, layer.padding
        self.dilation, self.groups = layer.dilation, layer.groups
        # END SOLUTION

    def _product(self, x: Any, weight: Any, bias: Any) -> Any:
        # Padding puts zeros around x. With an input grid x holds whole numbers minus the zero point: 0 is 0 there, too.
        # BEGIN SOLUTION
        return conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        # END SOLUTION

    def dequantized(self) -> Conv2d:
        """A `Conv2d` with these weights in float32, to be used, or trained, like any other."""
        outputs, depth, *kernel = self.weight.shape
        settings = (tuple(kernel), self.stride, self.padding, self.dilation, self.groups, self.bias is not None)
        return self._restore(Conv2d(depth * self.groups, outputs, *settings))


# ==== Part four: models ===============================================================================================

# ---- Task 8: one layer for another, wherever it is held --------------------------------------------------------------


def batches_of(calibration: Any) -> Iterator[Any]:
    """The inputs in whatever holds them, one Tensor a batch.

    Args:
        calibration: a Tensor or ndarray, which is a single batch; or anything that yields batches, a DataLoader say.
            Of a batch that is a tuple or list, such as (images, labels), the first is taken.
    """
    # Tensor(x) makes a Tensor of an array, float32: token ids may be floats as long as they are whole (assignment 11).
    # BEGIN SOLUTION
    alone = isinstance(calibration, (TensorBase, np.ndarray))
    for batch in (calibration,) if alone else calibration:
        x = batch[0] if isinstance(batch, (tuple, list)) else batch
        yield x if isinstance(x, TensorBase) else Tensor(x)
    # END SOLUTION


def with_layers(model: Any, stand_ins: Iterable[tuple[Any, Any]]) -> Any:
    """A copy of a model, in which every layer of the pairs (layer, stand-in) has given its place to its stand-in.

    It does not matter how a layer is held: attribute, list, dict, Sequential, in two places at once. Nothing of the
    model itself changes, and the layers that are replaced are not copied.
    """
    # copy.deepcopy(model, memo) looks into the dict `memo` first: what stands there under id(x) is taken for the copy
    # of x.
    # BEGIN SOLUTION
    return copy.deepcopy(model, {id(layer): stand_in for layer, stand_in in stand_ins})
    # END SOLUTION


KINDS: dict[type, type] = {Linear: QuantizedLinear, Conv2d: QuantizedConv2d}


def quantizable(model: Any, skip: Iterable[str] = ()) -> list[tuple[str, Any]]:
    """(path, layer) of every Linear and Conv2d in a model, the model itself included, each once.

    A subclass of these may compute something else in its forward: it is not listed, and neither are the paths in `skip`
    and what is below them.

    Raises:
        TypeError: the model is not a Module. ValueError: `skip` has a path that is not there; names it.
    """
    if not isinstance(model, Module):
        raise TypeError(f"quantize_model needs a Module, got {type(model).__name__}")
    # model.named_modules() yields (path, layer); the type of a layer has to be a key of KINDS, exactly.
    # "body" skips "body" and "body.0", but not "body2".
    # BEGIN SOLUTION
    skip, layers = tuple(skip), dict(model.named_modules())
    if unknown := [path for path in skip if path not in layers]:
        raise ValueError(f"quantize_model: skip names {', '.join(map(repr, unknown))}, but the model has no such layer")
    skipped = [path for path in layers if any(f"{path}.".startswith(f"{above}.") for above in skip)]
    return [(path, layer) for path, layer in layers.items() if type(layer) in KINDS and path not in skipped]
    # END SOLUTION


class _Watched(Module):
    """Stands in for a layer during calibration: shows each input to an observer and lets the layer compute."""

    def __init__(self, layer: Any, observer: Observer):
        self.observer, self.compute = observer, layer.forward  # the bound method: the layer itself would be found here

    def forward(self, x: Any) -> Any:
        # BEGIN SOLUTION
        self.observer.observe(x)
        return self.compute(x)
        # END SOLUTION


def input_grids(
    model: Any, layers: list[tuple[str, Any]], calibration: Any, observer: Callable[[], Observer], bits: int = 8
) -> list[Grid]:
    """For each of the layers the grid of its inputs while the model runs on the batches of `calibration`.

    The model runs in evaluation mode, without recording, and stays as it is.

    Raises:
        ValueError: a layer got no input; names its path.
    """
    # Each layer gets an observer of its own. Let a copy of the model run, with _Watched layers in it: the mode of a
    # copy may be changed.
    # BEGIN SOLUTION
    observers = [observer() for _ in layers]
    pairs = zip(layers, observers, strict=True)
    watched = with_layers(model, [(layer, _Watched(layer, seen)) for (_, layer), seen in pairs]).eval()
    with no_grad():
        for batch in batches_of(calibration):
            watched(batch)
    if idle := [path for (path, _), seen in zip(layers, observers, strict=True) if seen.low is None]:
        raise ValueError(
            f"quantize_model: calibration sent nothing through {', '.join(map(repr, idle))}; give batches that reach"
            " them, or skip them"
        )
    return [seen.grid(bits=bits) for seen in observers]
    # END SOLUTION


def quantize_model(
    model: Any,
    calibration: Any = None,
    observer: Callable[[], Observer] = MinMaxObserver,
    per_channel: bool | None = None,
    bits: int = 8,
    skip: Iterable[str] = (),
) -> Any:
    """A copy of a trained model in evaluation mode, whose Linear and Conv2d layers keep their weights in bytes.

    Args:
        model: a Module. It is left as it is. Layers of other kinds are copied.
        calibration: batches of inputs (see `batches_of`). With them the inputs of every quantised layer are rounded to
            bytes as well; without them only the weights are.
        observer: called once a layer, makes what watches its inputs: MovingAverageObserver, say, or
            lambda: PercentileObserver(99.99).
        per_channel: whether each output channel has a scale; None leaves it to the kind of layer.
        bits: 2 to 8.
        skip: paths of layers that stay in float32, such as "0" or "head".

    Raises:
        TypeError: the model is not a Module. ValueError: as `quantizable` and `input_grids` say.
    """
    # BEGIN SOLUTION
    layers = quantizable(model, skip)
    settings = {"bits": bits} if per_channel is None else {"bits": bits, "per_channel": per_channel}
    quantized = [KINDS[type(layer)](layer, **settings) for _, layer in layers]
    if calibration is not None:
        for new, grid in zip(quantized, input_grids(model, layers, calibration, observer, bits), strict=True):
            new.set_input_grid(grid)
    return with_layers(model, [(layer, new) for (_, layer), new in zip(layers, quantized, strict=True)]).eval()
    # END SOLUTION


def dequantize_model(model: Any) -> Any:
    """A copy of a quantised model with Linear and Conv2d layers in float32: small to store, now as fast as before.

    The weights are what the bytes stand for; inputs are no longer rounded.
    """
    # BEGIN SOLUTION
    found = [layer for layer in model.modules() if isinstance(layer, _QuantizedLayer)]
    return with_layers(model, [(layer, layer.dequantized()) for layer in found])
    # END SOLUTION


# ---- Task 9: how large it is -----------------------------------------------------------------------------------------


def model_bytes(model: Any) -> int:
    """Bytes of everything that has to be stored: parameters and persistent buffers, what is shared counted once."""
    # BEGIN SOLUTION
    arrays = {id(array): array for array in model.state_dict().values()}
    return sum(array.nbytes for array in arrays.values())
    # END SOLUTION


@dataclass(frozen=True)
class SizeReport:
    """Bytes before and after."""

    before: int
    after: int

    @property
    def ratio(self) -> float:
        """How many times smaller."""
        return self.before / self.after

    def __str__(self) -> str:
        return f"{self.before:,} bytes -> {self.after:,} bytes, {self.ratio:.2f} times smaller"


def compare_model_sizes(original: Any, quantized: Any) -> SizeReport:
    """The sizes of two models, by `model_bytes`."""
    return SizeReport(model_bytes(original), model_bytes(quantized))


class Quantizer:
    """The functions of this file under the names of a class, for programs that expect one."""

    quantize_tensor = staticmethod(quantize_int8)
    dequantize_tensor = staticmethod(dequantize_int8)
    quantize_model = staticmethod(quantize_model)
    compare_models = staticmethod(compare_model_sizes)
