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
    x, side = answer["points"], answer["predictions"]
    for label, colour in ((-1, "tab:orange"), (1, "tab:green")):
        right.scatter(*x[side == label].T, s=12, color=colour)
    for i, (w1, w2, b) in enumerate(answer["lines"]):
        if abs(w2) > 1e-6:
            xs = [-8, 8]
            ys = [-(w1 * x + b) / w2 for x in xs]
            right.plot(xs, ys, color="tab:blue", alpha=0.1 + 0.9 * (i + 1) / len(answer["lines"]))
    right.set(xlim=(x[:, 0].min() - 1, x[:, 0].max() + 1), ylim=(x[:, 1].min() - 1, x[:, 1].max() + 1))
    right.set_title("The line after each epoch (darker: later)")
    figure.tight_layout()
    save("perceptron", figure)
