"""The sizes and settings of one convolution, its windows as views, and its padding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .workspace import CACHE, Array, scratch

Pair = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """The sizes of one convolution: images, channels, kernel, output, and its settings."""

    n: int
    c: int
    h: int
    w: int
    o: int
    depth: int  # channels that a kernel sees
    kh: int
    kw: int
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int

    @classmethod
    def of(
        cls, x: tuple[int, ...], weight: tuple[int, ...], stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> Geometry:
        """Of images (N, C, H, W) and a weight (O, C / groups, kh, kw)."""
        n, c, h, w = x
        o, depth, kh, kw = weight
        return cls(n, c, h, w, o, depth, kh, kw, stride, padding, dilation, groups)

    @property
    def height(self) -> int:
        return (self.h + 2 * self.padding[0] - self.dilation[0] * (self.kh - 1) - 1) // self.stride[0] + 1

    @property
    def width(self) -> int:
        return (self.w + 2 * self.padding[1] - self.dilation[1] * (self.kw - 1) - 1) // self.stride[1] + 1

    @property
    def padded(self) -> Pair:
        return self.h + 2 * self.padding[0], self.w + 2 * self.padding[1]

    @property
    def plain(self) -> bool:
        """Whether every window is one pixel and every pixel one window: a convolution that is a linear layer."""
        return self.kh == self.kw == 1 and self.stride == (1, 1) and self.padding == (0, 0)

    def images(self, floats: int) -> int:
        """How many images make a group if one takes so many floats."""
        return max(1, min(self.n, CACHE // (4 * floats)))

    def taps(self, padded: Array) -> Array:
        """(n, Hp, Wp, C) -> the view (n, Ho, Wo, kh, kw, C) of all windows."""
        s0, s1, s2, s3 = padded.strides
        (sh, sw), (dh, dw) = self.stride, self.dilation
        shape = (len(padded), self.height, self.width, self.kh, self.kw, padded.shape[3])
        strides = (s0, sh * s1, sw * s2, dh * s1, dw * s2, s3)
        return np.lib.stride_tricks.as_strided(padded, shape, strides)

    def valid(self, j: int) -> tuple[slice, slice]:
        """For tap column j: the output columns that see a pixel there, and these pixels' columns."""
        step, offset = self.stride[1], j * self.dilation[1] - self.padding[1]
        begin = max(0, -(offset // step))
        end = max(begin, min(self.width, (self.w - 1 - offset) // step + 1))
        return slice(begin, end), slice(begin * step + offset, max((end - 1) * step + offset + 1, 0), step)


def padding(form: Geometry, images: int, name: str) -> tuple[Array, Array]:
    """Scratch for padded images (images, Hp, Wp, C), all zero, and the view of it where the pixels go."""
    hp, wp = form.padded
    padded = scratch.take(name, images, hp, wp, form.c)
    padded[...] = 0
    ph, pw = form.padding
    return padded, padded[:, ph : ph + form.h, pw : pw + form.w]
