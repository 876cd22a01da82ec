"""1969: Minsky and Papert's XOR. No line separates the four points; one hidden layer does (Rumelhart, Hinton, Williams
1986).

Runs on a01 to a06: layers, a loss, gradients and an optimizer.
"""

from __future__ import annotations

import numpy as np

import tinytorch as tt
from tinytorch import nn, optim

POINTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
LABELS = np.array([0, 1, 1, 0], dtype=np.float32)


def one_layer() -> nn.Sequential:
    """A neuron: the best it can do on XOR is three points of four."""
    return nn.Sequential(nn.Linear(2, 1))


def two_layers(hidden: int = 8) -> nn.Sequential:
    """A hidden layer of tanh units in between."""
    return nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 1))


def train(
    model: nn.Sequential, points: np.ndarray, labels: np.ndarray, steps: int = 1000, lr: float = 0.05
) -> list[float]:
    """Full-batch Adam on the binary cross entropy; returns the loss at every step."""
    x, y = tt.Tensor(points), tt.Tensor(labels[:, None])
    loss_fn, optimizer = nn.BCEWithLogitsLoss(), optim.Adam(model.parameters(), lr=lr)
    losses = []
    for step in range(steps):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % 250 == 0:
            print(f"step {step + 1:4d}: loss {losses[-1]:.4f}", flush=True)
    return losses


def logits(model: nn.Sequential, points: np.ndarray) -> np.ndarray:
    """One number a point, positive for class 1."""
    with tt.no_grad():
        return model(tt.Tensor(points)).numpy()[:, 0]


def main() -> None:
    tt.manual_seed(0)
    for name, model in (("one layer", one_layer()), ("two layers", two_layers())):
        print(name)
        train(model, POINTS, LABELS)
        print(f"  right: {np.mean((logits(model, POINTS) > 0) == (LABELS > 0.5)):.0%}")


if __name__ == "__main__":
    main()
