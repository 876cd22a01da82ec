"""The kernel behind the op conv2d: which form of convolution to take for which shape, forward and backward.

Images and gradients may come in any layout. The result is channels last: a (N, C, H, W) view of (N, H, W, C) memory, a
layout that every elementwise op keeps. The forms themselves are in winograd.py, windows.py, planes.py and depthwise.py.
"""

from __future__ import annotations

from typing import Any

from tinytorch.dispatch import Node, TensorBase

from . import depthwise, planes, windows, winograd
from .geometry import Geometry
from .workspace import FLOAT32, Array, column_sums, dense, last

FEW = 4  # with fewer channels the transforms cost as much as they save
PIXELS = 128  # of all output images; with fewer, preparing the weight costs more than using it
WORK = 500_000  # multiplications; below, the clear form is as fast
SHORT_RUN = 24  # below so many numbers in a row of a window, windows are laid out row by row of the image


_FORWARD = {"windows": windows.windows, "pointwise": windows.pointwise, "depthwise": depthwise.depthwise}
_BACKWARD = {
    "windows": windows.windows_gradients,
    "pointwise": windows.pointwise_gradients,
    "depthwise": depthwise.depthwise_gradients,
}


def form_of(x: tuple[int, ...], weight: tuple[int, ...], **attributes: Any) -> str | None:
    """The form for images (N, C, H, W) and a weight (O, C / groups, kh, kw); None where the clear one is as good."""
    geometry = Geometry.of(x, weight, **attributes)
    pixels = geometry.n * geometry.height * geometry.width
    if pixels < PIXELS or pixels * geometry.o * geometry.depth * geometry.kh * geometry.kw < WORK:
        return None
    if geometry.groups == 1:
        if geometry.plain:
            return "pointwise"
        if _suits_winograd(geometry):
            return "winograd"
        return "planes" if geometry.c * geometry.kw <= SHORT_RUN and geometry.kw > 1 else "windows"
    if geometry.depth == 1 and geometry.o == geometry.c:
        return "depthwise"
    return "windows" if geometry.depth * geometry.kw >= SHORT_RUN else None


def _suits_winograd(form: Geometry) -> bool:
    """Every pixel a window, few taps, enough channels, and little waste in the last band and at the ends of lines."""
    if form.stride != (1, 1) or form.dilation != (1, 1) or form.padding[0] >= form.kh or form.padding[1] >= form.kw:
        return False
    if not 2 <= form.kh <= winograd.MOST_TAPS or form.kw > 2 * winograd.MOST_TAPS or min(form.c, form.o) < FEW:
        return False
    bands = -(-form.height // winograd.TILE) * winograd.TILE
    used = form.height * form.width / (bands * (form.w + form.padding[1]))
    return used * winograd.TILE * form.kh / (winograd.TILE + form.kh - 1) >= 1.2


def applies(x: Any, weight: Any, bias: Any = None, **attributes: Any) -> bool:
    """Whether the kernel takes these arrays: float32, not empty, and a shape for which some form is faster."""
    if any(a is not None and a.dtype != FLOAT32 for a in (x, weight, bias)) or not x.size:
        return False
    return form_of(x.shape, weight.shape, **attributes) is not None


def forward(x: Array, weight: Array, bias: Array | None = None, **attributes: Any) -> Array:
    """(N, C, H, W), (O, C / groups, kh, kw), (O,) -> (N, O, Ho, Wo), channels last."""
    geometry = Geometry.of(x.shape, weight.shape, **attributes)
    form = form_of(x.shape, weight.shape, **attributes)
    if form == "winograd":
        kernel = (geometry.kh, geometry.kw)
        return winograd.convolve(last(x), winograd.transformed_weight(weight), bias, kernel, geometry.padding)
    if form == "planes":
        return planes.planes(x, weight, bias, geometry)
    return _FORWARD[form](last(x), weight, bias, geometry)


def vjp(g: Array, node: Node) -> tuple[Array | None, ...]:
    """The gradients of images, weight and bias; g is (N, O, Ho, Wo)."""
    wanted = [isinstance(a, TensorBase) and a.requires_grad for a in node.inputs]
    x, weight = node.arrays[:2]
    form = form_of(x.shape, weight.shape, **node.attributes)
    geometry = Geometry.of(x.shape, weight.shape, **node.attributes)
    g = dense(g)
    to_x = to_weight = to_bias = None
    if form == "winograd":
        kernel, (ph, pw) = (geometry.kh, geometry.kw), geometry.padding
        if wanted[0]:
            turned = winograd.transformed_weight(weight, flipped=True)
            to_x = winograd.convolve(g, turned, None, kernel, (kernel[0] - 1 - ph, kernel[1] - 1 - pw))
        if wanted[1]:
            to_weight, to_bias = winograd.weight_gradient(last(x), g, kernel, (ph, pw))
    elif form == "planes":
        to_x, to_weight, to_bias = planes.planes_gradients(x, weight, g, geometry, (wanted[0], wanted[1]))
    else:
        to_x, to_weight = _BACKWARD[form](last(x), weight, g, geometry, (wanted[0], wanted[1]))
    if len(wanted) == 2:
        return to_x, to_weight
    if wanted[2] and to_bias is None:
        to_bias = column_sums(g.reshape(-1, geometry.o))
    return to_x, to_weight, to_bias if wanted[2] else None
