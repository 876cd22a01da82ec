"""The pictures of the run, for each network that was trained: learning curves, which class was taken for which, how
many of each class were recognised, and the mistakes that the network was surest of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tinytorch import plots
from tinytorch.data.sources import CIFAR_CLASSES, cifar10

NAMES = {"small_network": "small", "strong_network": "strong", "wide_network": "wide"}


def draw(answers: dict[str, Any], save: Callable[[str, Any], None]) -> None:
    """`answers` holds the last answer of each probe; the labels are read here, on the judge's side."""
    images, truth = cifar10(train=False)
    for probe, answer in answers.items():
        name, probabilities = NAMES[probe], np.asarray(answer["probabilities"])
        taken = probabilities.argmax(axis=1)
        matrix = np.zeros((10, 10), int)
        np.add.at(matrix, (truth, taken), 1)
        save(f"{name}-curves", plots.training_history(answer["history"]))
        save(f"{name}-confusion", plots.confusion(matrix, CIFAR_CLASSES))
        save(f"{name}-classes", plots.class_accuracy(matrix, CIFAR_CLASSES))
        save(f"{name}-mistakes", plots.mistakes(images, truth, probabilities, CIFAR_CLASSES))
