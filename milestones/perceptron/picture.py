"""The picture of the run: how the number of mistakes fell, and the lines on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def draw(answers: dict[str, Any], save: Callable[[str, Any], None]) -> None:
    """`answers` holds the last answer of each probe."""
    import matplotlib.pyplot as plt

    answer = answers["separate"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
    left.plot(range(1, len(answer["mistakes"]) + 1), answer["mistakes"], marker="o")
    left.set(xlabel="epoch", ylabel="mistakes", title="The rule stops when there is nothing left to correct")
    for i, (w1, w2, b) in enumerate(answer["lines"]):
        if abs(w2) > 1e-6:
            xs = [-6, 6]
            ys = [-(w1 * x + b) / w2 for x in xs]
            right.plot(xs, ys, color="tab:blue", alpha=0.2 + 0.8 * (i + 1) / len(answer["lines"]))
    right.set(xlim=(-6, 6), ylim=(-6, 6), title="The line after each epoch (darker: later)")
    figure.tight_layout()
    save("perceptron", figure)
