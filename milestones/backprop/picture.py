"""The picture of the run: learning curves, and which digits were taken for which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def draw(answers: dict[str, Any], save: Callable[[str, Any], None]) -> None:
    """`answers` holds the last answer of each probe."""
    import matplotlib.pyplot as plt

    history = answers["read_handwriting"]["history"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
    epochs = range(1, len(history["train_loss"]) + 1)
    left.plot(epochs, history["train_loss"], marker="o", label="training")
    left.plot(epochs, history["val_loss"], marker="o", label="held out")
    left.set(xlabel="epoch", ylabel="cross entropy")
    left.legend()
    right.plot(epochs, history["val_accuracy"], marker="o", color="tab:green")
    right.set(xlabel="epoch", ylabel="share of held-out digits read right")
    figure.tight_layout()
    save("backprop", figure)
