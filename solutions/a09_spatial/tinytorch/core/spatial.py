"""Layers for images: convolution, pooling and batch normalisation of tensors (N, C, H, W).

N images of C channels, each H rows of W pixels. The file has four parts. First what a window is, and a convolution in
loops that says exactly what is computed; then the same as one matrix product, by laying every window out as a column,
with its gradients; then pooling, which looks through the same windows; then batch normalisation. All ops are defined
here with both rules, forward and backward. Layers only hold parameters and settings: the functions do the work.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from tinytorch.core.autograd import Gradients, defvjp, defvjp_all
from tinytorch.core.layers import Module, Parameter, init
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import Node, Op, TensorBase, apply

Array = np.ndarray
Pair = tuple[int, int]
Size = int | Pair  # one number for both directions, or (vertical, horizontal)

# ==== Part one: windows ===============================================================================================

# ---- given: settings -------------------------------------------------------------------------------------------------


def _pair(value: Any, what: str, least: int = 1) -> Pair:
    """(3, 5) of (3, 5), and (3, 3) of 3. ValueError for anything else, or for numbers below `least`."""
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in pair)
    if len(pair) != 2 or not whole or min(pair) < least:
        raise ValueError(f"{what} has to be a whole number of at least {least}, or two of them, got {value!r}")
    return int(pair[0]), int(pair[1])


def _settings(kernel_size: Any, stride: Any, padding: Any, dilation: Any, name: str) -> tuple[Pair, Pair, Pair, Pair]:
    """The four settings of a window as pairs."""
    return (
        _pair(kernel_size, f"{name}: kernel_size"),
        _pair(stride, f"{name}: stride"),
        _pair(padding, f"{name}: padding", 0),
        _pair(dilation, f"{name}: dilation"),
    )


def _image_shape(x: Any, name: str) -> tuple[int, ...]:
    """The shape of a tensor of images, checked. TypeError if it is no Tensor, ValueError if it is not (N, C, H, W)."""
    if not isinstance(x, TensorBase):
        raise TypeError(f"{name} needs a Tensor, got {type(x).__name__}; wrap it: Tensor(...)")
    if x.data.ndim != 4:
        raise ValueError(
            f"{name} needs images (N, C, H, W), got shape {x.data.shape}; unsqueeze(0) makes a batch of one image (C,"
            " H, W)"
        )
    return x.data.shape


def _floats(x: Array, dtype: Any = np.float32) -> Array:
    """x itself if it holds floats, else its numbers in `dtype`: NumPy would go on in float64."""
    return x if x.dtype.kind == "f" else x.astype(dtype)


# ---- Task 1: how many windows there are ------------------------------------------------------------------------------


def output_size(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """How many windows fit along one direction: 28 pixels, kernel 5 -> 24.

    Args:
        size: number of pixels. kernel_size: number of taps in a window.
        stride: how far apart the windows start. padding: pixels added at both ends.
        dilation: distance between the taps of a window; 1 puts them side by side.

    Raises:
        ValueError: not even one window fits; names the numbers.
    """
    # A window reaches over `extent` pixels: its first and its last tap, and all between. The first window starts at 0.
    # The last start that is possible is what the padded size leaves beyond one extent. How many strides lead there?
    # BEGIN SOLUTION
    extent = dilation * (kernel_size - 1) + 1
    room = size + 2 * padding - extent
    if room < 0:
        raise ValueError(
            f"a window of {extent} pixels (kernel {kernel_size}, dilation {dilation}) does not fit into {size} pixels"
            f" with padding {padding}; use a smaller kernel or more padding"
        )
    return room // stride + 1
    # END SOLUTION


def _output_plane(
    shape: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, name: str
) -> Pair:
    """(Ho, Wo) for images of this shape. ValueError if no window fits; names the shape."""
    try:
        ho, wo = (
            output_size(*settings) for settings in zip(shape[-2:], kernel_size, stride, padding, dilation, strict=True)
        )
    except ValueError as error:
        raise ValueError(f"{name}: input {shape}: {error}") from None
    return ho, wo


# ---- Task 2: convolution, literally ----------------------------------------------------------------------------------


def _padded(x: Array, padding: Pair, value: float = 0.0) -> Array:
    """`value` around every image: (N, C, H, W) -> (N, C, H + 2 ph, W + 2 pw); x itself if nothing is to be added."""
    # BEGIN SOLUTION
    ph, pw = padding
    if not ph and not pw:
        return x
    n, c, h, w = x.shape
    padded = np.full((n, c, h + 2 * ph, w + 2 * pw), value, x.dtype)
    padded[:, :, ph : ph + h, pw : pw + w] = x
    return padded
    # END SOLUTION


def conv2d_loops(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Array:
    """What `conv2d` computes, on arrays, one output number at a time: the definition, and the yardstick for speed.

    The arguments are those of `conv2d`; nothing is checked but that a window fits.
    """
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = _settings(weight.shape[2:], stride, padding, dilation, "conv2d_loops")
    # Four loops: image n, output channel o, output row i, output column j. The window of (i, j) starts at row i * sh of
    # the padded image and takes every dh-th row, kh of them; columns likewise. Multiply it by weight[o], which is not
    # turned round, and add up. With groups, channel o sees only the input channels of its own group: the first
    # (O / groups) output channels belong to the first (C / groups) input channels, and so on.
    # BEGIN SOLUTION
    (out_channels, depth), (n_images, _, h, w) = weight.shape[:2], x.shape
    ho, wo = output_size(h, kh, sh, ph, dh), output_size(w, kw, sw, pw, dw)
    padded = _padded(x, (ph, pw))
    out = np.zeros((n_images, out_channels, ho, wo), np.result_type(x, weight))
    for n, o, i, j in np.ndindex(out.shape):
        first = o // (out_channels // groups) * depth
        rows = slice(i * sh, i * sh + dh * (kh - 1) + 1, dh)
        columns = slice(j * sw, j * sw + dw * (kw - 1) + 1, dw)
        out[n, o, i, j] = (padded[n, first : first + depth, rows, columns] * weight[o]).sum()
        if bias is not None:
            out[n, o, i, j] += bias[o]
    return out
    # END SOLUTION


# ==== Part two: convolution as a matrix product =======================================================================

# ---- Task 3: every window a column -----------------------------------------------------------------------------------


def windows(x: Array, kernel_size: Pair, stride: Pair, dilation: Pair = (1, 1)) -> Array:
    """A view of all windows of images, without padding and without copying: (N, C, H, W) -> (N, C, kh, kw, Ho, Wo).

    Element [n, c, p, q, i, j] is tap (p, q) of window (i, j).
    """
    # np.lib.stride_tricks.sliding_window_view(x, (eh, ew), axis=(2, 3)) gives every block of eh x ew neighbours as
    # (N, C, rows, columns, eh, ew). With eh and ew the extents of a window, its steps and its taps are slices of that
    # view; then order the axes.
    # BEGIN SOLUTION
    (kh, kw), (sh, sw), (dh, dw) = kernel_size, stride, dilation
    extent = (dh * (kh - 1) + 1, dw * (kw - 1) + 1)
    blocks = np.lib.stride_tricks.sliding_window_view(x, extent, axis=(2, 3))
    return blocks[:, :, ::sh, ::sw, ::dh, ::dw].transpose(0, 1, 4, 5, 2, 3)
    # END SOLUTION


def im2col(x: Any, kernel_size: Size, stride: Size = 1, padding: Size = 0, dilation: Size = 1) -> Array:
    """Every window of every image as a column: (N, C, H, W) -> (N, C * kh * kw, Ho * Wo).

    Rows go through the channels, in each through the taps row by row; columns through the windows row by row (as
    torch.nn.functional.unfold). Works on arrays; of a tensor it takes the numbers and records nothing.
    """
    x = np.asarray(x)
    kernel_size, stride, padding, dilation = _settings(kernel_size, stride, padding, dilation, "im2col")
    ho, wo = _output_plane(x.shape, kernel_size, stride, padding, dilation, "im2col")
    # `windows` has the axes in the right order already: reshape copies the view into columns.
    # BEGIN SOLUTION
    n, c = x.shape[:2]
    taps = windows(_padded(x, padding), kernel_size, stride, dilation)
    return taps.reshape(n, c * math.prod(kernel_size), ho * wo)
    # END SOLUTION


# ---- Task 4: and back ------------------------------------------------------------------------------------------------


def col2im(
    columns: Array,
    shape: tuple[int, ...],
    kernel_size: Size,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
) -> Array:
    """The transpose of `im2col`: (N, C * kh * kw, Ho * Wo) -> images of `shape` (N, C, H, W).

    Every number goes back to the pixel that it was taken from, and is added to what is there: a pixel that lies in nine
    windows gets the sum of nine numbers. What comes from the padding is dropped. As torch.nn.functional.fold.
    """
    kernel_size, stride, padding, dilation = _settings(kernel_size, stride, padding, dilation, "col2im")
    ho, wo = _output_plane(shape, kernel_size, stride, padding, dilation, "col2im")
    # One tap (p, q) of all windows at once touches no pixel twice: its pixels are a slice of the padded images, from
    # row p * dh on in steps of sh, ho of them, and likewise for the columns. So loop over the taps and add slices.
    # BEGIN SOLUTION
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = kernel_size, stride, padding, dilation
    n, c, h, w = shape
    taps = columns.reshape(n, c, kh, kw, ho, wo)
    padded = np.zeros((n, c, h + 2 * ph, w + 2 * pw), columns.dtype)
    for p, q in np.ndindex(kh, kw):
        rows = slice(p * dh, p * dh + sh * (ho - 1) + 1, sh)
        cols = slice(q * dw, q * dw + sw * (wo - 1) + 1, sw)
        padded[:, :, rows, cols] += taps[:, :, p, q]
    return padded[:, :, ph : ph + h, pw : pw + w]
    # END SOLUTION


# ---- Task 5: the op --------------------------------------------------------------------------------------------------


def _grouped_columns(x: Array, weight: Array, attributes: dict[str, Any]) -> Array:
    """The columns that a convolution multiplies by: (N, groups, C / groups * kh * kw, Ho * Wo)."""
    # BEGIN SOLUTION
    stride, padding, dilation = attributes["stride"], attributes["padding"], attributes["dilation"]
    columns = im2col(x, weight.shape[2:], stride, padding, dilation)
    groups = attributes["groups"]
    return columns.reshape(len(x), groups, columns.shape[1] // groups, columns.shape[2])
    # END SOLUTION


def _grouped_weight(weight: Array, groups: int) -> Array:
    """Each kernel a row, a matrix a group: (O, C / groups, kh, kw) -> (groups, O / groups, C / groups * kh * kw)."""
    # BEGIN SOLUTION
    return weight.reshape(groups, len(weight) // groups, math.prod(weight.shape[1:]))
    # END SOLUTION


def _conv2d(x: Array, weight: Array, bias: Array | None = None, **attributes: Any) -> Array:
    """(N, C, H, W), (O, C / groups, kh, kw), (O,) -> (N, O, Ho, Wo). Attributes stride, padding, dilation, groups."""
    # One product: kernels as rows times windows as columns. Axes in front of the last two are looped over by matmul,
    # and a missing one (the images, for the weight) is stretched. _output_plane tells Ho and Wo. The product is a new
    # array: the bias may be added in place. Integers get the weight's dtype first (_floats).
    # BEGIN SOLUTION
    x = _floats(x, weight.dtype)
    plane = _output_plane(
        x.shape, weight.shape[2:], attributes["stride"], attributes["padding"], attributes["dilation"], "conv2d"
    )
    product = _grouped_weight(weight, attributes["groups"]) @ _grouped_columns(x, weight, attributes)
    out = product.reshape(len(x), len(weight), *plane)
    if bias is not None:
        out += bias[:, None, None]
    return out
    # END SOLUTION


def _conv2d_rule(g: Array, node: Node, wanted: tuple[bool, ...]) -> Gradients:
    """The gradients of a convolution with respect to images, weight and bias (if there is one); g is (N, O, Ho, Wo)."""
    # The rules of a product W @ X, group by group: of X it is Wᵀ @ g, of W it is g @ Xᵀ, summed over the images.
    # np.swapaxes(m, -1, -2) transposes matrices. X was im2col of the images, so their gradient is col2im of X's.
    # X has not been kept: it is kh * kw times as large as the images, and quickly made again.
    # Every window adds the bias of its channel.
    # BEGIN SOLUTION
    x, weight = node.arrays[:2]
    settings = node.attributes
    rows = g.reshape(len(g), settings["groups"], len(weight) // settings["groups"], math.prod(g.shape[2:]))
    gradients: list[Array | None] = [None] * len(wanted)
    if wanted[0]:
        columns = np.swapaxes(_grouped_weight(weight, settings["groups"]), -1, -2) @ rows
        gradients[0] = col2im(
            columns, x.shape, weight.shape[2:], settings["stride"], settings["padding"], settings["dilation"]
        )
    if wanted[1]:
        columns = _grouped_columns(_floats(x, weight.dtype), weight, settings)
        gradients[1] = (rows @ np.swapaxes(columns, -1, -2)).sum(axis=0).reshape(weight.shape)
    if len(wanted) == 3 and wanted[2]:
        gradients[2] = g.sum(axis=(0, 2, 3))
    return tuple(gradients)
    # END SOLUTION


CONV2D = Op("conv2d", _conv2d)
defvjp_all(CONV2D, _conv2d_rule)


def _same_padding(kernel_size: Pair, stride: Pair, dilation: Pair) -> Pair:
    """The padding that keeps H and W. ValueError where no padding of both sides does: even extents, strides."""
    # BEGIN SOLUTION
    total = [d * (k - 1) for d, k in zip(dilation, kernel_size, strict=True)]
    if stride != (1, 1) or any(t % 2 for t in total):
        raise ValueError(
            f"conv2d: padding='same' needs stride 1 and odd kernels, got kernel {kernel_size}, stride {stride},"
            f" dilation {dilation}; give the padding as numbers"
        )
    return total[0] // 2, total[1] // 2
    # END SOLUTION


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Any:
    """Slide kernels over images and take the sum of products at every place (as torch.nn.functional.conv2d).

    (N, C, H, W), (O, C / groups, kh, kw), (O,) -> (N, O, Ho, Wo); `output_size` tells Ho and Wo. The kernel is not
    flipped: strictly speaking this is a cross-correlation.

    Args:
        bias: a tensor (O,), or None.
        stride, padding, dilation: numbers or pairs (vertical, horizontal); see `output_size`. Padding is with zeros;
            "same" keeps H and W (stride 1, odd kernels), "valid" is 0.
        groups: input and output channels are split into that many groups that do not see each other.

    Raises:
        TypeError: x is not a Tensor. ValueError: shapes or settings that do not fit; names them.
    """
    shape = _image_shape(x, "conv2d")
    stride, dilation = _pair(stride, "conv2d: stride"), _pair(dilation, "conv2d: dilation")
    kernel_size = weight.data.shape[2:]
    if padding == "same":
        padding = _same_padding(kernel_size, stride, dilation)
    padding = _pair(0 if padding == "valid" else padding, "conv2d: padding", 0)
    _check_channels(shape, weight.data.shape, None if bias is None else bias.data.shape, groups)
    _output_plane(shape, kernel_size, stride, padding, dilation, "conv2d")
    # An input that is not there is not handed to the op at all. Attributes are stride, padding, dilation, groups.
    # BEGIN SOLUTION
    inputs = (x, weight) if bias is None else (x, weight, bias)
    return apply(CONV2D, *inputs, stride=stride, padding=padding, dilation=dilation, groups=groups)
    # END SOLUTION


def _check_channels(shape: tuple[int, ...], weight: tuple[int, ...], bias: tuple[int, ...] | None, groups: int) -> None:
    """ValueError unless the shapes of images, weight and bias fit together; names them."""
    if len(weight) != 4:
        raise ValueError(f"conv2d: the weight has to be (O, C / groups, kh, kw), got {weight}")
    if groups < 1 or weight[0] % groups:
        raise ValueError(f"conv2d: {weight[0]} output channels cannot be split into {groups} groups")
    if shape[1] != weight[1] * groups:
        raise ValueError(
            f"conv2d: input {shape} has {shape[1]} channels, weight {weight} with groups={groups} needs"
            f" {weight[1] * groups}; images are (N, C, H, W), permute(0, 3, 1, 2) makes them of (N, H, W, C)"
        )
    if bias is not None and bias != weight[:1]:
        raise ValueError(f"conv2d: bias {bias} does not fit weight {weight}; it needs one number an output channel")


# ---- Task 6: the layer -----------------------------------------------------------------------------------------------


class Conv2d(Module):
    """A convolution with its own kernels: (N, in_channels, H, W) -> (N, out_channels, Ho, Wo).

    Args:
        kernel_size, stride, padding, dilation, groups: as in `conv2d`.
        bias: whether there is one; without it the attribute `bias` is None.

    Attributes:
        weight: parameter of shape (out_channels, in_channels / groups, kh, kw).
        bias: parameter of shape (out_channels,), or None.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
    ):
        if min(in_channels, out_channels, groups) < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: {in_channels} input and {out_channels} output channels cannot both be split into {groups}"
                " groups of at least one channel"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = _pair(kernel_size, "Conv2d: kernel_size")
        self.stride, self.dilation = _pair(stride, "Conv2d: stride"), _pair(dilation, "Conv2d: dilation")
        named = padding in ("same", "valid")
        self.padding = padding if named else _pair(padding, "Conv2d: padding", 0)
        # Make the parameters with Parameter(...), and let reset_parameters fill them.
        # BEGIN SOLUTION
        self.weight = Parameter(np.zeros((out_channels, in_channels // groups, *self.kernel_size)))
        self.bias = Parameter(np.zeros(out_channels)) if bias else None
        self.reset_parameters()
        # END SOLUTION

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, uniformly between ±1/√fan_in as PyTorch does; fan_in is C / groups * kh * kw."""
        # For the weight that is Kaiming's rule with a = √5; init.fans tells the fan for the bias.
        # BEGIN SOLUTION
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(init.fans(self.weight.data.shape)[0])
            init.uniform_(self.bias, -bound, bound)
        # END SOLUTION

    def forward(self, x: Any) -> Any:
        """(N, in_channels, H, W) -> (N, out_channels, Ho, Wo)"""
        # BEGIN SOLUTION
        return conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        # END SOLUTION

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        for name, usual in (("padding", (0, 0)), ("dilation", (1, 1)), ("groups", 1)):
            value = getattr(self, name)
            text += "" if value == usual else f", {name}={value}"
        return text if self.bias is not None else text + ", bias=False"


Conv2D = Conv2d

# ==== Part three: pooling =============================================================================================

# ---- Task 7: the largest of a window ---------------------------------------------------------------------------------


def _pool_settings(x: Any, kernel_size: Any, stride: Any, padding: Any, name: str) -> dict[str, Pair]:
    """Given. The attributes of a pooling op, checked: pairs, and the stride the kernel's size where there is none."""
    shape = _image_shape(x, name)
    kernel = _pair(kernel_size, f"{name}: kernel_size")
    steps = kernel if stride is None else _pair(stride, f"{name}: stride")
    around = _pair(padding, f"{name}: padding", 0)
    if 2 * around[0] > kernel[0] or 2 * around[1] > kernel[1]:
        raise ValueError(f"{name}: padding {around} is more than half of the kernel {kernel}: windows would be empty")
    _output_plane(shape, kernel, steps, around, (1, 1), name)
    return {"kernel_size": kernel, "stride": steps, "padding": around}


def _max_pool2d(x: Array, *, kernel_size: Pair, stride: Pair, padding: Pair) -> tuple[Array, Array]:
    """(N, C, H, W) -> the largest of every window (N, C, Ho, Wo), and which of its kh * kw taps that was."""
    # Padding must never win. Taps on one axis, (N, C, kh * kw, Ho, Wo), have one argmax, which is the first of equals;
    # np.take_along_axis fetches what it found.
    # BEGIN SOLUTION
    taps = windows(_padded(_floats(x), padding, -np.inf), kernel_size, stride)
    taps = taps.reshape(*taps.shape[:2], math.prod(kernel_size), *taps.shape[4:])
    places = taps.argmax(axis=2)
    return np.take_along_axis(taps, places[:, :, None], axis=2)[:, :, 0], places
    # END SOLUTION


def _max_pool2d_rule(g: Array, node: Node) -> Array:
    """g to the tap that was the largest of its window, 0 to the others; a pixel may be the largest of several windows.

    node.saved holds the places, (N, C, Ho, Wo).
    """
    # Make columns of zeros, (N, C, kh * kw, Ho, Wo), put g at the places (np.put_along_axis), and let col2im add up.
    # BEGIN SOLUTION
    settings, x, places = node.attributes, node.inputs[0].data, node.saved
    n, c, ho, wo = places.shape
    columns = np.zeros((n, c, math.prod(settings["kernel_size"]), ho, wo), g.dtype)
    np.put_along_axis(columns, places[:, :, None], g[:, :, None], axis=2)
    return col2im(columns, x.shape, settings["kernel_size"], settings["stride"], settings["padding"])
    # END SOLUTION


MAX_POOL2D = Op("max_pool2d", _max_pool2d, saves=True)
defvjp(MAX_POOL2D, _max_pool2d_rule)


def max_pool2d(x: Any, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> Any:
    """The largest number of every window: (N, C, H, W) -> (N, C, Ho, Wo).

    Of equal numbers the first in row order gets the gradient, as in PyTorch.

    Args:
        stride: the kernel's size by default. padding: at most half of the kernel; it is never the largest.

    Raises:
        TypeError: x is not a Tensor. ValueError: shapes or settings that do not fit.
    """
    return apply(MAX_POOL2D, x, **_pool_settings(x, kernel_size, stride, padding, "max_pool2d"))


# ---- Task 8: the mean of a window ------------------------------------------------------------------------------------


def _window_counts(
    shape: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Pair, count_include_pad: bool
) -> Any:
    """What the sum of a window is divided by: kh * kw, or an array (Ho, Wo) of how many taps lie in the image."""
    # Summing windows over an image of ones counts.
    # BEGIN SOLUTION
    if count_include_pad or padding == (0, 0):
        return math.prod(kernel_size)
    ones = _padded(np.ones((1, 1, *shape[2:]), np.float32), padding)
    return windows(ones, kernel_size, stride).sum(axis=(2, 3))[0, 0]
    # END SOLUTION


def _avg_pool2d(x: Array, *, kernel_size: Pair, stride: Pair, padding: Pair, count_include_pad: bool) -> Array:
    """(N, C, H, W) -> the mean of every window (N, C, Ho, Wo)."""
    # BEGIN SOLUTION
    sums = windows(_padded(_floats(x), padding), kernel_size, stride).sum(axis=(2, 3))
    sums /= _window_counts(x.shape, kernel_size, stride, padding, count_include_pad)
    return sums
    # END SOLUTION


def _avg_pool2d_rule(g: Array, node: Node) -> Array:
    """g divided by the window's count to each of its taps, added up where windows overlap."""
    # np.broadcast_to repeats an array along a new axis of taps without copying; then it is col2im again.
    # BEGIN SOLUTION
    x, settings = node.inputs[0].data, node.attributes
    share = (g / _window_counts(x.shape, **settings)).astype(g.dtype, copy=False)
    kernel_size = settings["kernel_size"]
    taps = np.broadcast_to(share[:, :, None, None], (*g.shape[:2], *kernel_size, *g.shape[2:]))
    return col2im(taps, x.shape, kernel_size, settings["stride"], settings["padding"])
    # END SOLUTION


AVG_POOL2D = Op("avg_pool2d", _avg_pool2d)
defvjp(AVG_POOL2D, _avg_pool2d_rule)


def avg_pool2d(
    x: Any, kernel_size: Size, stride: Size | None = None, padding: Size = 0, count_include_pad: bool = True
) -> Any:
    """The mean of every window: (N, C, H, W) -> (N, C, Ho, Wo).

    Args:
        stride: the kernel's size by default. padding: zeros, at most half of the kernel.
        count_include_pad: whether the padding counts in the mean, or only pixels do.

    Raises:
        TypeError: x is not a Tensor. ValueError: shapes or settings that do not fit.
    """
    settings = _pool_settings(x, kernel_size, stride, padding, "avg_pool2d")
    return apply(AVG_POOL2D, x, **settings, count_include_pad=bool(count_include_pad))


def _averaging(size: int, cells: int, dtype: Any) -> Array:
    """(cells, size): row i means the pixels from floor(i * size / cells) up to ceil((i + 1) * size / cells)."""
    # -(-a // b) is the quotient rounded up.
    # BEGIN SOLUTION
    matrix = np.zeros((cells, size), dtype)
    for i in range(cells):
        first, last = i * size // cells, -(-(i + 1) * size // cells)
        matrix[i, first:last] = 1 / (last - first)
    return matrix
    # END SOLUTION


def _adaptive_avg_pool2d(x: Array, *, output_size: Pair) -> Array:
    """(N, C, H, W) -> (N, C, oh, ow): means over oh x ow cells that cover the image. Rows @ x @ columnsᵀ."""
    # BEGIN SOLUTION
    x = _floats(x)
    rows, columns = (_averaging(n, cells, x.dtype) for n, cells in zip(x.shape[2:], output_size, strict=True))
    return rows @ x @ columns.T
    # END SOLUTION


def _adaptive_avg_pool2d_rule(g: Array, node: Node) -> Array:
    """The transpose of two products: rowsᵀ @ g @ columns."""
    # BEGIN SOLUTION
    sizes = zip(node.inputs[0].data.shape[2:], node.attributes["output_size"], strict=True)
    rows, columns = (_averaging(n, cells, g.dtype) for n, cells in sizes)
    return rows.T @ g @ columns
    # END SOLUTION


ADAPTIVE_AVG_POOL2D = Op("adaptive_avg_pool2d", _adaptive_avg_pool2d)
defvjp(ADAPTIVE_AVG_POOL2D, _adaptive_avg_pool2d_rule)


def adaptive_avg_pool2d(x: Any, output_size: Size) -> Any:
    """Means over output_size cells, whatever the size of the images: (N, C, H, W) -> (N, C, oh, ow).

    With output_size 1 that is the mean of every channel. Cells overlap where H or W cannot be divided evenly.

    Raises:
        TypeError: x is not a Tensor. ValueError: x is not (N, C, H, W), or has no pixels.
    """
    shape = _image_shape(x, "adaptive_avg_pool2d")
    if not shape[2] or not shape[3]:
        raise ValueError(f"adaptive_avg_pool2d: input {shape} has no pixels to take a mean of")
    return apply(ADAPTIVE_AVG_POOL2D, x, output_size=_pair(output_size, "adaptive_avg_pool2d: output_size"))


# ---- given: pooling as layers


class _Pool2d(Module):
    """What pooling layers share: a window, its stride (the window's size by default) and a padding."""

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0):
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        _settings(kernel_size, self.stride, padding, 1, type(self).__name__)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool2d(_Pool2d):
    """`max_pool2d` as a layer."""

    def forward(self, x: Any) -> Any:
        """(N, C, H, W) -> (N, C, Ho, Wo)"""
        return max_pool2d(x, self.kernel_size, self.stride, self.padding)

    def extra_repr(self) -> str:
        return super().extra_repr() + ", dilation=1, ceil_mode=False"  # what PyTorch prints, and what this one does


MaxPool2D = MaxPool2d


class AvgPool2d(_Pool2d):
    """`avg_pool2d` as a layer."""

    def __init__(
        self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, count_include_pad: bool = True
    ):
        super().__init__(kernel_size, stride, padding)
        self.count_include_pad = count_include_pad

    def forward(self, x: Any) -> Any:
        """(N, C, H, W) -> (N, C, Ho, Wo)"""
        return avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.count_include_pad)


class AdaptiveAvgPool2d(Module):
    """`adaptive_avg_pool2d` as a layer."""

    def __init__(self, output_size: Size):
        _pair(output_size, "AdaptiveAvgPool2d: output_size")
        self.output_size = output_size

    def forward(self, x: Any) -> Any:
        """(N, C, H, W) -> (N, C, oh, ow)"""
        return adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


# ==== Part four: batch normalisation ==================================================================================

# ---- Task 9: the op --------------------------------------------------------------------------------------------------


def _along_channels(values: Array, ndim: int) -> Array:
    """(C,) -> (C, 1, 1) beside images of four dimensions: it broadcasts against (N, C, H, W)."""
    return values.reshape(-1, *[1] * (ndim - 2))


def _others(ndim: int) -> tuple[int, ...]:
    """All axes but the channels': (0, 2, 3) of four."""
    return (0, *range(2, ndim))


def _statistics(x: Array) -> tuple[Array, Array]:
    """Mean and variance of every channel over all images and pixels, (C,) each. The sum of squares is divided by n."""
    # BEGIN SOLUTION
    return x.mean(axis=_others(x.ndim)), x.var(axis=_others(x.ndim))
    # END SOLUTION


def _batch_norm(
    x: Array, weight: Array, bias: Array, *, mean: Array | None, var: Array | None, eps: float
) -> tuple[Array, tuple[Array, Array]]:
    """(x - mean) / √(var + eps) * weight + bias, channel by channel: (N, C, ...) -> the same shape.

    Without mean and var those of x itself are taken.

    Returns:
        The output, and (mean, var) as they were used.
    """
    # Fold what is one number a channel before it meets the images: weight / √(var + eps) is (C,). Subtract the mean
    # first: x * scale and mean * scale may be large numbers whose difference is small. What is new is yours to change.
    # BEGIN SOLUTION
    x = _floats(x, weight.dtype)
    if mean is None or var is None:
        mean, var = _statistics(x)
    scale = weight / np.sqrt(var + eps)
    out = x - _along_channels(mean, x.ndim)
    out *= _along_channels(scale, x.ndim)
    out += _along_channels(bias, x.ndim)
    return out, (mean, var)
    # END SOLUTION


def _batch_norm_rule(g: Array, node: Node, wanted: tuple[bool, ...]) -> Gradients:
    """The gradients with respect to x, weight and bias; node.saved starts with the mean and the variance used.

    With y = (x - mean) / √(var + eps) and n numbers a channel: of the bias it is Σ g, of the weight Σ g y. Of x it is
    (g - (Σ g + y Σ g y) / n) * weight / √(var + eps) if mean and variance came from x, for they change with x. Where
    they were given (the attributes are not None) only g * weight / √(var + eps).
    """
    # BEGIN SOLUTION
    x, weight, _ = node.arrays
    mean, var = node.saved[:2]
    rstd = 1 / np.sqrt(var + node.attributes["eps"])
    y = (x - _along_channels(mean, x.ndim)) * _along_channels(rstd, x.ndim)
    to_bias, to_weight = g.sum(axis=_others(x.ndim)), (g * y).sum(axis=_others(x.ndim))
    to_x = None
    if wanted[0]:
        to_x = g
        if node.attributes["mean"] is None:
            n = x.size // len(mean)
            y *= _along_channels(to_weight / n, x.ndim)
            to_x = g - y - _along_channels(to_bias / n, x.ndim)
        to_x = to_x * _along_channels(weight * rstd, x.ndim)
    return to_x, to_weight if wanted[1] else None, to_bias if wanted[2] else None
    # END SOLUTION


BATCH_NORM = Op("batch_norm", _batch_norm, saves=True)
defvjp_all(BATCH_NORM, _batch_norm_rule)


def _update_running(running: Array, now: Array, momentum: float) -> None:
    """Move a running statistic towards the present one by the share `momentum`, in place: others may hold the array."""
    # BEGIN SOLUTION
    running *= 1 - momentum
    running += momentum * now
    # END SOLUTION


def batch_norm(
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Every channel with mean 0 and variance 1, times weight, plus bias (Ioffe & Szegedy, 2015): (N, C, ...) -> same.

    In training with the statistics of the batch, which are then mixed into the running ones, in place; otherwise with
    the running ones.

    Args:
        running_mean, running_var: tensors or arrays (C,), or None to keep none (in training only).
        weight, bias: (C,), or None for 1 and 0.
        momentum: the share of the batch in the new running statistics.

    Raises:
        TypeError: x is not a Tensor. ValueError: shapes that do not fit, one number a channel in training, or no
            running statistics to use.
    """
    mean, var, weight, bias = _check_batch_norm(x, running_mean, running_var, weight, bias, training)
    # The batch is normalised with its biased variance (divided by n), the running variance is made of the unbiased one
    # (n - 1), an estimate for all images there are. Where the application was recorded, result._node.saved holds the
    # statistics; under no_grad compute them again.
    # BEGIN SOLUTION
    if not training:
        return apply(BATCH_NORM, x, weight, bias, mean=mean, var=var, eps=eps)
    result = apply(BATCH_NORM, x, weight, bias, mean=None, var=None, eps=eps)
    if mean is not None:
        node = result._node
        now, biased = _statistics(_floats(x.data)) if node is None else node.saved[:2]
        n = x.data.size // len(now)
        _update_running(mean, now, momentum)
        _update_running(var, biased * (n / (n - 1)), momentum)
    return result
    # END SOLUTION


def _check_batch_norm(
    x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool
) -> tuple[Any, Any, Any, Any]:
    """The running statistics as arrays (or None), weight and bias as operands; everything checked."""
    if not isinstance(x, TensorBase):
        raise TypeError(f"batch_norm needs a Tensor, got {type(x).__name__}; wrap it: Tensor(...)")
    shape = x.data.shape
    if len(shape) < 2:
        raise ValueError(f"batch_norm: input {shape} has no channels; it has to be (N, C, ...)")
    dtype = x.data.dtype if x.data.dtype.kind == "f" else np.float32
    weight = np.ones(shape[1], dtype) if weight is None else weight
    bias = np.zeros(shape[1], dtype) if bias is None else bias
    running = [r.data if isinstance(r, TensorBase) else r for r in (running_mean, running_var)]
    given = {"running_mean": running[0], "running_var": running[1], "weight": weight, "bias": bias}
    for name, value in given.items():
        if value is not None and value.shape != shape[1:2]:
            raise ValueError(f"batch_norm: {name} {value.shape} does not fit the {shape[1]} channels of input {shape}")
    if (running[0] is None) != (running[1] is None) or (running[0] is None and not training):
        raise ValueError("batch_norm: give running_mean and running_var, both; only in training they may be None")
    if training and x.data.size <= shape[1]:
        raise ValueError(f"batch_norm: input {shape} has one number a channel: no variance; use a larger batch")
    return running[0], running[1], weight, bias


# ---- Task 10: the layer ----------------------------------------------------------------------------------------------


class BatchNorm2d(Module):
    """`batch_norm` for images with its own parameters and running statistics: (N, num_features, H, W) -> the same.

    Args:
        eps: added to the variance.
        momentum: the share of a batch in the running statistics.
        affine: whether there are a weight and a bias; without, both attributes are None.
        track_running_stats: without, there are none, and evaluation uses the statistics of the batch too.

    Attributes:
        weight, bias: parameters (num_features,), 1 and 0 at first; also called gamma and beta.
        running_mean, running_var: buffers (num_features,), tensors, 0 and 1 at first; they are part of state_dict.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ):
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        # register_buffer(name, value) of Module makes an attribute that is state but no parameter.
        # BEGIN SOLUTION
        self.weight = Parameter(np.ones(num_features)) if affine else None
        self.bias = Parameter(np.zeros(num_features)) if affine else None
        self.register_buffer("running_mean", Tensor(np.zeros(num_features)) if track_running_stats else None)
        self.register_buffer("running_var", Tensor(np.ones(num_features)) if track_running_stats else None)
        # END SOLUTION

    def forward(self, x: Any) -> Any:
        """(N, num_features, H, W) -> the same shape. ValueError for other shapes."""
        shape = _image_shape(x, "BatchNorm2d")
        if shape[1] != self.num_features:
            raise ValueError(f"BatchNorm2d: input {shape} has {shape[1]} channels, the layer {self.num_features}")
        # self.training tells the mode.
        # BEGIN SOLUTION
        training = self.training or not self.track_running_stats
        return batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, training, self.momentum, self.eps
        )
        # END SOLUTION

    @property
    def gamma(self) -> Any:
        """The weight, by the name it has in the paper."""
        return self.weight

    @property
    def beta(self) -> Any:
        """The bias, by the name it has in the paper."""
        return self.bias

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine},"
            f" track_running_stats={self.track_running_stats}"
        )
