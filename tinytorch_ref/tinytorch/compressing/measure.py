"""Rows of the table: accuracy, bytes, milliseconds. Times are taken in turn, so that a busy moment hits all alike."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinytorch as tt
from tinytorch.compressing.networks import Images, accuracy
from tinytorch.compressing.variants import Variant
from tinytorch.dispatch import wrap

BATCHES = (1, 256)  # images at once
ROUNDS = 15
POINT = 0.01  # of accuracy that may be lost
QUANTIZED, COMPRESSED = 3.9, 4.0  # times smaller that is asked for


@dataclass(frozen=True)
class Row:
    """What was measured of a variant. `milliseconds` are of the processor, one for each of BATCHES."""

    name: str
    technique: str
    accuracy: float
    lost: float
    stored: int
    file: int
    smaller: float
    sparsity: float
    milliseconds: tuple[float, ...]

    @property
    def small(self) -> bool:
        """Whether it is as small as is asked of its technique."""
        return self.smaller >= (QUANTIZED if self.technique == "quantization" else COMPRESSED)

    @property
    def good(self) -> bool:
        """Whether it lost at most a point."""
        return self.lost <= POINT + 1e-9

    @property
    def meets(self) -> bool:
        """Whether it is as small and as good as asked for."""
        return self.technique != "none" and self.small and self.good


def milliseconds(models: Sequence[Any], x: np.ndarray) -> list[float]:
    """CPU time of a call for each model: the median of ROUNDS, each of enough calls for the clock."""
    batch, calls = wrap(np.ascontiguousarray(x)), max(1, 64 // len(x))
    times: list[list[float]] = [[] for _ in models]
    with tt.no_grad():
        for model in models:
            model(batch)
        for _ in range(ROUNDS):
            for model, found in zip(models, times, strict=True):
                start = time.process_time()
                for _ in range(calls):
                    model(batch)
                found.append(1e3 * (time.process_time() - start) / calls)
    return [float(np.median(found)) for found in times]


def rows(made: Sequence[Variant], images: Images) -> list[Row]:
    """A row for each variant; the first one is what the others are compared with."""
    right = [accuracy(one.model, images) for one in made]
    columns = [milliseconds([one.model for one in made], images.x[:size]) for size in BATCHES]
    return [
        Row(
            one.name,
            one.technique,
            share,
            right[0] - share,
            one.stored,
            one.file,
            made[0].stored / one.stored,
            one.sparsity,
            tuple(column[i] for column in columns),
        )
        for i, (one, share) in enumerate(zip(made, right, strict=True))
    ]


def table(title: str, found: Sequence[Row]) -> str:
    """The rows as text."""
    lines = [
        title,
        f"{'':36}{'accuracy':>9}{'lost':>7}{'bytes':>11}{'smaller':>9}{'file':>11}{'zeros':>7}"
        + "".join(f"{f'ms x{size}':>9}" for size in BATCHES),
    ]
    for r in found:
        word = "meets" if r.meets else "too large" if r.good else "too many wrong"
        lines.append(
            f"{r.name:36}{r.accuracy:9.2%}{100 * r.lost:7.2f}{r.stored:11,}{r.smaller:9.2f}{r.file:11,}"
            + f"{r.sparsity:7.0%}"
            + "".join(f"{ms:9.3f}" for ms in r.milliseconds)
            + ("" if r.technique == "none" else f"  {word}")
        )
    return "\n".join(lines)


def verdict(found: Sequence[Row]) -> tuple[str, bool]:
    """What was asked for, and whether it was met: both quantised networks, and at least one that is compressed."""
    quantized = [r for r in found if r.technique == "quantization"]
    compressed = [r for r in found if r.technique == "compression" and r.meets]
    met = all(r.meets for r in quantized) and bool(compressed)
    best = max(compressed, key=lambda r: r.smaller, default=None)
    text = (
        f"quantised at least {QUANTIZED} times smaller, at most a point lost: "
        f"{'met' if all(r.meets for r in quantized) else 'NOT MET'}; a quarter of the bytes within a point: "
    )
    text += f"met {len(compressed)} times, smallest '{best.name}', {best.smaller:.1f} times" if best else "NOT MET"
    return text, met
