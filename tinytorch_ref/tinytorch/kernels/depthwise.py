"""Convolution in which every channel sees only itself: no product at all, but one multiplication a tap."""

from __future__ import annotations

import numpy as np

from .geometry import Geometry, padding
from .workspace import FLOAT32, Array, Groups, column_sums, images, last, scratch, spread, tiled


def depthwise(x: Array, weight: Array, bias: Array | None, form: Geometry) -> Array:
    """Images (N, H, W, C), weight (C, 1, kh, kw) -> (N, C, Ho, Wo)."""
    result = images(form.n, form.o, form.height, form.width)
    y = last(result)
    tiles = [tiled(weight[:, 0, p, q], form.width).reshape(form.width, -1) for p, q in np.ndindex(form.kh, form.kw)]
    offset = np.zeros((form.width, form.o), FLOAT32)
    if bias is not None:
        offset += bias

    def worker(groups: Groups) -> None:
        size = groups[0][1] - groups[0][0]
        padded, inside = padding(form, size, "padded")
        taps = form.taps(padded)
        work = scratch.take("columns", size, form.height, form.width, form.o)
        for start, stop in groups:
            n = stop - start
            inside[:n] = x[start:stop]
            out = y[start:stop]
            out[...] = offset
            for (p, q), tile in zip(np.ndindex(form.kh, form.kw), tiles, strict=True):
                np.multiply(taps[:n, :, :, p, q], tile, out=work[:n])
                np.add(out, work[:n], out=out)

    spread(worker, form.n, form.images(form.padded[0] * form.padded[1] * form.c * 3))
    return result


def depthwise_gradients(
    x: Array, weight: Array, g: Array, form: Geometry, wanted: tuple[bool, bool]
) -> tuple[Array | None, Array | None]:
    """Of images (N, H, W, C) and weight (C, 1, kh, kw), from g (N, Ho, Wo, C)."""
    to_x = images(form.n, form.c, form.h, form.w) if wanted[0] else None
    pairs = list(np.ndindex(form.kh, form.kw))
    tiles = [tiled(weight[:, 0, p, q], form.width).reshape(form.width, -1) for p, q in pairs]

    def worker(groups: Groups) -> Array:
        size = groups[0][1] - groups[0][0]
        padded, inside = padding(form, size, "padded")
        sums = scratch.take("sums", *padded.shape)
        ph, pw = form.padding
        taps, targets = form.taps(padded), form.taps(sums)
        work = scratch.take("columns", size, form.height, form.width, form.o)
        total = np.zeros((len(pairs), form.o), FLOAT32)
        for start, stop in groups:
            n, part = stop - start, g[start:stop]
            if wanted[1]:
                inside[:n] = x[start:stop]
                for i, (p, q) in enumerate(pairs):
                    np.multiply(taps[:n, :, :, p, q], part, out=work[:n])
                    total[i] += column_sums(work[:n].reshape(-1, form.o))
            if to_x is not None:
                sums[...] = 0
                for (p, q), tile in zip(pairs, tiles, strict=True):
                    target = targets[:n, :, :, p, q]
                    np.multiply(part, tile, out=work[:n])
                    np.add(target, work[:n], out=target)
                last(to_x)[start:stop] = sums[:n, ph : ph + form.h, pw : pw + form.w]
        return total

    totals = spread(worker, form.n, form.images(form.padded[0] * form.padded[1] * form.c * 4))
    total = sum(totals[1:], totals[0])
    return to_x, np.ascontiguousarray(total.T).reshape(weight.shape) if wanted[1] else None
