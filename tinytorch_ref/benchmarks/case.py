"""What a comparison is: the same work, prepared on our side and on the other one.

A builder imports its framework, makes the model and the data from fixed seeds and returns one step as a function of no
arguments. `items` is how much one call does (images, tokens, 1 for an operation), so that a rate can be shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Prepared:
    """One side of a case, ready to run."""

    step: Callable[[], object]
    items: int = 1


@dataclass(frozen=True)
class Case:
    """A comparison. `goal` and `best_goal` are the ratios that the course aims at, if any.

    `rounds` caps the number of blocks a side where one call alone takes seconds, `needs` is the module that the other
    side is made of, and `flops` counts the additions and multiplications of one call in the direct form, where a share
    of the machine's matrix-product peak says something: a form that needs fewer of them may exceed 1.
    """

    title: str
    ours: Callable[[], Prepared]
    torch: Callable[[bool], Prepared]
    has_best: bool = False
    goal: float | None = None
    best_goal: float | None = None
    rounds: int | None = None
    needs: str = "torch"
    flops: int | None = None

    def build(self, side: str, threads: int) -> Prepared:
        """One side, its framework imported with `threads` threads and denormals flushed."""
        if side == "ours":
            from tinytorch.denormals import flush_denormals

            flush_denormals()
            return self.ours()
        import torch

        torch.set_num_threads(threads)
        torch.set_flush_denormal(True)
        return self.torch(side == "torch-best")


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers of a shape, float32, the same for the same seed."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def draw_labels(n: int, classes: int = 10) -> np.ndarray:
    """n random classes."""
    return np.random.default_rng(1).integers(0, classes, size=n)
