"""The networks that are compressed, the images they read, and one way of training for all of them.

A trained network is kept in the run's folder, so that trying something else with it takes no second training.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tinytorch as tt
from tinytorch import nn, optim, recipes, vision
from tinytorch.dispatch import wrap

Say = Callable[[str], None]


def quiet(text: str) -> None:
    """Nobody wants to hear what is being done."""


@dataclass(frozen=True)
class Network:
    """A network and how it is trained.

    Attributes:
        title: for tables and pictures.
        kind: a key of BUILDERS. data: a key of recipes.DATASETS.
        epochs, lr: of the training; Adam, one cycle, `lr` at its peak.
        tuning_lr: the peak in an epoch of fine-tuning.
        shift, flip: how training images are moved, as in a recipe.
    """

    title: str
    kind: str
    data: str
    epochs: int
    lr: float
    tuning_lr: float
    shift: int = 0
    flip: bool = False
    batch_size: int = 128


def perceptron(hidden: int = 128) -> nn.Module:
    """Images (N, 1, 28, 28) -> scores (N, 10), one hidden layer."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, 10))


def lenet(first: int = 6, second: int = 16, third: int = 120, fourth: int = 84) -> nn.Module:
    """LeNet-5 with batch normalisation and ReLU: images (N, 1, 28, 28) -> scores (N, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, first, 5, padding=2, bias=False),
        nn.BatchNorm2d(first),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, 5, bias=False),
        nn.BatchNorm2d(second),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(25 * second, third),
        nn.ReLU(),
        nn.Linear(third, fourth),
        nn.ReLU(),
        nn.Linear(fourth, 10),
    )


# kind -> (the network, a small one of its family that learns from it)
BUILDERS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "perceptron": (perceptron, lambda: perceptron(30)),
    "lenet": (lenet, lambda: lenet(4, 8, 60, 42)),
    "small_cnn": (lambda: vision.small_cnn(32), lambda: vision.small_cnn(16)),
}

NETWORKS = {
    "mnist-mlp": Network("MLP on MNIST", "perceptron", "mnist", epochs=8, lr=0.004, tuning_lr=0.002),
    "mnist-lenet": Network("LeNet-5 on MNIST", "lenet", "mnist", epochs=4, lr=0.005, tuning_lr=0.002),
    "cifar10-cnn": Network(
        "small CNN on CIFAR-10", "small_cnn", "cifar10", epochs=12, lr=0.003, tuning_lr=0.001, shift=2, flip=True
    ),
}


@dataclass(frozen=True)
class Images:
    """Batches to learn from, anew in every epoch, and the whole test set, normalised: (N, C, H, W) and (N,)."""

    loader: Any
    x: np.ndarray
    y: np.ndarray


def images_of(network: Network, seed: int) -> Images:
    """The data set of a network. ImportError or FileNotFoundError as the data set says, if it is not there."""
    config = {"name": network.data, "batch_size": network.batch_size, "validation": 0}
    config |= {"shift": network.shift, "flip": network.flip, "workers": 0}
    loader, _, test = recipes.build_loaders(config, seed)
    batches = [(x.data, np.asarray(y.data)) for x, y in test]
    return Images(loader, np.concatenate([x for x, _ in batches]), np.concatenate([y for _, y in batches]))


def train(
    model: Any,
    images: Images,
    epochs: int,
    lr: float,
    masks: Any = None,
    loss: Callable[[Any, Any], Any] | None = None,
    say: Say = quiet,
) -> Any:
    """Train in place through one cycle of Adam; returns the model in evaluation mode.

    Args:
        masks: whose zeros stay zeros. loss: of (x, labels), in place of cross entropy of the model's scores.
        say: hears of each epoch as it begins.
    """
    plain = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=lr)
    schedule = optim.OneCycleLR(optimizer, lr, total_steps=epochs * len(images.loader))
    stepping = optimizer if masks is None else masks.keep(optimizer)
    model.train()
    for epoch in range(epochs):
        say(f"epoch {epoch + 1} of {epochs}")
        for x, y in images.loader:
            stepping.zero_grad()
            (plain(model(x), y) if loss is None else loss(x, y)).backward()
            stepping.step()
            schedule.step()
    return model.eval()


def trained(name: str, images: Images, folder: Path, seed: int, epochs: int | None = None, say: Say = quiet) -> Any:
    """The network of this name, trained: read from the folder if it was trained there in the same way, else trained."""
    network = NETWORKS[name]
    plan = {**asdict(network), "epochs": epochs or network.epochs, "seed": seed}
    weights, about = folder / f"{name}.npz", folder / f"{name}.json"
    tt.manual_seed(seed)
    model = BUILDERS[network.kind][0]()
    if weights.is_file() and about.is_file() and json.loads(about.read_text(encoding="utf-8")) == plan:
        with np.load(weights, allow_pickle=False) as held:
            model.load_state_dict(dict(held))
        return model.eval()
    train(model, images, plan["epochs"], network.lr, say=lambda text: say(f"training, {text}"))
    about.unlink(missing_ok=True)  # written last: what a killed run leaves is not taken for trained
    np.savez(weights, **model.state_dict())
    about.write_text(json.dumps(plan) + "\n", encoding="utf-8")
    return model


def scores(model: Any, x: np.ndarray, at_once: int = 500) -> np.ndarray:
    """(N, 10) what a model says of images, without recording."""
    with tt.no_grad():
        parts = [model(wrap(x[i : i + at_once])).data for i in range(0, len(x), at_once)]
    return np.concatenate(parts)


def accuracy(model: Any, images: Images) -> float:
    """The share of test images that are right."""
    model.eval()
    return float((scores(model, images.x).argmax(axis=1) == images.y).mean())
