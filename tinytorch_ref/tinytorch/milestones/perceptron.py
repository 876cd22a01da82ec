"""1957: Rosenblatt's perceptron. One neuron, a step, and a rule that moves the line only when it is wrong.

Runs on a01 to a04: tensors, no gradients. The rule: for a point x with label y in {-1, +1} on the wrong side,
w <- w + y x and b <- b + y. If some line separates the clouds, the rule stops after finitely many mistakes
(Rosenblatt 1957; Novikoff 1962).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

import tinytorch as tt
from tinytorch import nn


@dataclass
class History:
    """What a training run leaves: mistakes in each epoch, and the line after it as (w1, w2, b)."""

    mistakes: list[int] = field(default_factory=list)
    lines: list[list[float]] = field(default_factory=list)


def clouds(n: int, distance: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two clouds of n points each, (2n, 2) and labels (2n,) of -1 and +1; at distance 4 and more a line separates
    them."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi)
    offset = distance * np.array([np.cos(angle), np.sin(angle)])
    # Radii of at most 1.5, so that the gap between the clouds is sure.
    points = rng.normal(size=(2 * n, 2))
    points *= np.minimum(1, 1.5 / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9))
    labels = np.repeat([-1.0, 1.0], n)
    points += np.where(labels[:, None] > 0, offset / 2, -offset / 2) + rng.normal(size=2)
    order = rng.permutation(2 * n)
    return points[order].astype(np.float32), labels[order].astype(np.float32)


def train(points: np.ndarray, labels: np.ndarray, epochs: int = 100) -> tuple[nn.Linear, History]:
    """Rosenblatt's rule on one linear neuron; ends with the first epoch without a mistake."""
    neuron = nn.Linear(points.shape[1], 1)
    neuron.weight.data[...] = 0
    neuron.bias.data[...] = 0
    history = History()
    x, y = tt.Tensor(points), tt.Tensor(labels)
    for _ in range(epochs):
        mistakes = 0
        for i in range(len(labels)):
            if (neuron(x[i : i + 1]) * y[i]).item() <= 0:
                neuron.weight.data += (x[i] * y[i]).numpy()[:, None]
                neuron.bias.data += y[i].numpy()
                mistakes += 1
        history.mistakes.append(mistakes)
        history.lines.append([*neuron.weight.data[:, 0].tolist(), neuron.bias.data.item()])
        print(f"epoch {len(history.mistakes):3d}: {mistakes} mistakes", flush=True)
        if mistakes == 0:
            break
    return neuron, history


def predict(neuron: nn.Linear, points: np.ndarray) -> np.ndarray:
    """-1 or +1 for each point."""
    return np.where(neuron(tt.Tensor(points)).numpy()[:, 0] > 0, 1.0, -1.0)


def main() -> None:
    points, labels = clouds(100, 5.0, seed=1)
    neuron, _ = train(points, labels)
    print(f"{np.mean(predict(neuron, points) == labels):.1%} of the points are on the right side of the line")


if __name__ == "__main__":
    main()
