"""The picture of the run: the loss of the model that was trained last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def draw(answers: dict[str, Any], save: Callable[[str, Any], None]) -> None:
    """`answers` holds the last answer of each probe."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4))
    axes.semilogy(answers["learn"]["losses"])
    axes.axhline(0.6931, color="grey", ls="--", label="ln 2: a coin")
    axes.set(xlabel="step", ylabel="binary cross entropy", title="Two layers learn XOR")
    axes.legend()
    figure.tight_layout()
    save("xor", figure)
