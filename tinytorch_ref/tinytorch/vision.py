"""Networks that look at photographs: what the recipes for CIFAR-10 and the benchmarks train. Written with the course's
own layers, so they run on any composition that holds assignments 1 to 9.

    small_cnn   two convolutions and a hidden layer, the size of LeNet-5's descendants
    vgg         six convolutions with batch normalisation, in three stages (Simonyan and Zisserman, 2015)
    whitened    a whitening first layer and three stages, trained fast (after K. Jordan, arXiv 2404.00498, narrower)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinytorch import nn

SIDE = 32
EPSILON = 5e-4  # keeps directions in which patches hardly vary from being blown up


def small_cnn(width: int = 32, classes: int = 10, dropout: float = 0.0) -> nn.Module:
    """Images (N, 3, 32, 32) -> scores (N, classes). With width 32: 545,098 parameters, nearly all in one layer."""
    hidden = [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        *hidden,
        nn.Linear(2 * width * (SIDE // 4) ** 2, 4 * width),
        nn.ReLU(),
        *hidden,
        nn.Linear(4 * width, classes),
    )


def vgg(width: int = 32, classes: int = 10, dropout: float = 0.0) -> nn.Module:
    """Images (N, 3, 32, 32) -> scores (N, classes): two convolutions a stage of `width`, 2 and 4 times `width`."""
    layers: list[nn.Module] = []
    channels = 3
    for stage in (width, 2 * width, 4 * width):
        for _ in range(2):
            layers += [nn.Conv2d(channels, stage, 3, padding=1, bias=False), nn.BatchNorm2d(stage), nn.ReLU()]
            channels = stage
        layers.append(nn.MaxPool2d(2))
    hidden = [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, nn.Flatten(), *hidden, nn.Linear(channels * (SIDE // 8) ** 2, classes))


class Whitened(nn.Module):
    """A network whose first layer is computed, not learned: it turns patches of 2x2 pixels into uncorrelated numbers.

    Args:
        widths: channels of the three stages.
        classes: how many scores an image gets.
        scale: the scores are multiplied by it, so that training begins with small ones.

    Before training give it images: `model.whiten(images)`.
    """

    def __init__(self, widths: Sequence[int] = (32, 128, 128), classes: int = 10, scale: float = 1 / 9):
        super().__init__()
        self.scale = scale
        self.whitening = nn.Conv2d(3, 24, 2)
        self.whitening.weight.requires_grad = False
        layers: list[nn.Module] = [nn.ReLU()]
        channels = 24
        for width in widths:
            layers += [_convolution(channels, width), nn.MaxPool2d(2), nn.BatchNorm2d(width, momentum=0.4), nn.ReLU()]
            layers += [_convolution(width, width), nn.BatchNorm2d(width, momentum=0.4), nn.ReLU()]
            channels = width
        self.body = nn.Sequential(*layers, nn.MaxPool2d(3), nn.Flatten())
        self.head = nn.Linear(channels, classes, bias=False)

    def whiten(self, images: np.ndarray) -> None:
        """Set the first layer from images (N, 3, 32, 32), normalised as in training; some thousands are enough."""
        windows = np.lib.stride_tricks.sliding_window_view(images, (2, 2), axis=(2, 3))
        patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 12)
        patches = patches - patches.mean(axis=0)
        values, vectors = np.linalg.eigh((patches.T @ patches / len(patches)).astype(np.float64))
        filters = (vectors.T / np.sqrt(values + EPSILON)[:, None]).reshape(12, 3, 2, 2)
        # Both signs of every direction, since the ReLU behind keeps only one side.
        self.whitening.weight.data[...] = np.concatenate([filters, -filters])
        self.whitening.bias.data[...] = 0

    def forward(self, x: Any) -> Any:
        return self.head(self.body(self.whitening(x))) * self.scale


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """3x3 without bias (batch normalisation follows) that begins by passing its input on."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    for i in range(min(inputs, outputs)):
        layer.weight.data[i] = 0
        layer.weight.data[i, i, 1, 1] = 1
    return layer


def build(kind: str, width: int, classes: int = 10, dropout: float = 0.0) -> nn.Module:
    """A network by name. ValueError names the known ones."""
    if kind == "small_cnn":
        return small_cnn(width, classes, dropout)
    if kind == "vgg":
        return vgg(width, classes, dropout)
    if kind == "whitened":
        return Whitened((width, 4 * width, 4 * width), classes)
    raise ValueError(f"no network is called '{kind}'; known are small_cnn, vgg and whitened")
