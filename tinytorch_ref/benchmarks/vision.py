"""What is compared of convolutional networks: layers forward and backward, batch normalisation, pooling, whole steps.

Our side runs with the fast kernels and keeps its memory (`tinytorch.kernels`), PyTorch's best setting is channels last.
The share counts the multiplications and additions of the direct form: a form that needs fewer of them may exceed 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from case import Case, Prepared, draw

BATCH = 128


# ---- layers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """One layer: how `torch.nn` and `tinytorch.nn` both write it, the shape of its input, and the work of its forward.

    `flops` counts additions and multiplications of the direct form forward; twice as many are needed backward.
    """

    name: str
    arguments: tuple[Any, ...]
    shape: tuple[int, int, int, int]
    settings: tuple[tuple[str, int], ...] = ()
    flops: int = 0

    @classmethod
    def conv(cls, c: int, o: int, k: int, size: int, **settings: int) -> Layer:
        """A convolution of BATCH square images, c channels to o, with padding that keeps the size (but for strides)."""
        given = {"padding": k // 2, **settings}
        out = (size + 2 * given["padding"] - k) // given.get("stride", 1) + 1
        flops = 2 * BATCH * out * out * o * c // given.get("groups", 1) * k * k
        return cls("Conv2d", (c, o, k), (BATCH, c, size, size), tuple(given.items()), flops)

    def build(self, nn: ModuleType) -> Any:
        return getattr(nn, self.name)(*self.arguments, **dict(self.settings))

    def __str__(self) -> str:
        words = [", ".join(map(str, self.arguments)), *(f"{key}={value}" for key, value in self.settings)]
        return f"{self.name}({', '.join(words)}) of {self.shape[0]} images {self.shape[2]}x{self.shape[3]}"


LAYERS: dict[str, Layer] = {
    "conv-first": Layer.conv(3, 32, 3, 32),
    "conv-32": Layer.conv(32, 32, 3, 32),
    "conv-64": Layer.conv(32, 64, 3, 16),
    "conv-64-64": Layer.conv(64, 64, 3, 16),
    "conv-128": Layer.conv(128, 128, 3, 8),
    "conv-stride": Layer.conv(64, 128, 3, 16, stride=2),
    "conv-1x1": Layer.conv(64, 256, 1, 16),
    "conv-5x5": Layer.conv(16, 32, 5, 16),
    "conv-depthwise": Layer.conv(64, 64, 3, 16, groups=64),
    "batch-norm": Layer("BatchNorm2d", (32,), (BATCH, 32, 32, 32)),
    "max-pool": Layer("MaxPool2d", (2,), (BATCH, 32, 32, 32)),
    "relu": Layer("ReLU", (), (BATCH, 32, 32, 32)),
}


def _layer(layer: Layer, backward: bool) -> Case:
    """One layer forward as in training, or its backward alone, to images, weight and bias."""

    def ours() -> Prepared:
        import tinytorch as tt
        from tinytorch import kernels, nn

        kernels.keep_memory()
        kernels.install()
        module = layer.build(nn)
        x = tt.Tensor(draw(*layer.shape), requires_grad=True)
        # Inside a network the kernels meet images that lie channels last.
        x.data = np.ascontiguousarray(x.data.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        if layer.shape[1] <= 3:
            x = tt.Tensor(x, requires_grad=True)
        return Prepared(_step(module, x, np.ones_like, backward), max(layer.flops * (1 + backward), 1))

    def theirs(best: bool) -> Prepared:
        import torch
        from torch import nn

        module, x = layer.build(nn), torch.tensor(draw(*layer.shape))
        if best:
            module = module.to(memory_format=torch.channels_last)
            x = x.contiguous(memory_format=torch.channels_last)
        x.requires_grad_()
        return Prepared(_step(module, x, torch.ones_like, backward), max(layer.flops * (1 + backward), 1))

    title = f"{layer}, {'backward' if backward else 'forward'}"
    return Case(title, ours, theirs, has_best=True, flops=layer.flops * (1 + backward) or None)


def _step(module: Any, x: Any, ones_like: Any, backward: bool) -> Any:
    """The step of either side."""
    if not backward:
        return lambda: module(x)
    out = module(x)
    g = ones_like(out.data)
    leaves = [x, *module.parameters()]

    def step() -> None:
        for leaf in leaves:
            leaf.grad = None
        out.backward(g, retain_graph=True)

    return step


# ---- networks --------------------------------------------------------------------------------------------------------

CNN = (32, "pool", 64, "pool")
VGG = (32, 32, "pool", 64, 64, "pool", 128, 128, "pool")


def _network(nn: ModuleType, plan: tuple[int | str, ...], norm: bool, head: tuple[int, ...]) -> Any:
    """3x3 convolutions and 2x2 pooling of images (3, 32, 32), then linear layers of the sizes of `head`."""
    layers: list[Any] = []
    channels, size = 3, 32
    for step in plan:
        if step == "pool":
            layers.append(nn.MaxPool2d(2))
            size //= 2
            continue
        layers.append(nn.Conv2d(channels, step, 3, padding=1))
        layers += [nn.BatchNorm2d(step), nn.ReLU()] if norm else [nn.ReLU()]
        channels = step
    layers.append(nn.Flatten())
    width = channels * size * size
    for i, n in enumerate(head):
        layers += [nn.Linear(width, n)] if i == len(head) - 1 else [nn.Linear(width, n), nn.ReLU()]
        width = n
    return nn.Sequential(*layers)


def _flops(plan: tuple[int | str, ...], head: tuple[int, ...]) -> int:
    """Of one training step in the direct form: forward once, backward twice, the first layer's images left out."""
    channels, size, total, first = 3, 32, 0, 0
    for step in plan:
        if step == "pool":
            size //= 2
            continue
        work = 2 * BATCH * size * size * 9 * channels * int(step)
        first = first or work
        total += 3 * work
        channels = int(step)
    width = channels * size * size
    for n in head:
        total += 3 * 2 * BATCH * width * n
        width = n
    return total - first


def _training(
    title: str, plan: tuple[int | str, ...], norm: bool, head: tuple[int, ...], goal: float, best_goal: float
) -> Case:
    """One training step: forward, cross entropy, backward, SGD with momentum."""
    labels = np.random.default_rng(1).integers(0, 10, size=BATCH)

    def ours() -> Prepared:
        import tinytorch as tt
        from tinytorch import kernels, nn, optim

        kernels.keep_memory()
        kernels.install()
        tt.manual_seed(0)
        model = _network(nn, plan, norm, head)
        optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        images, loss_fn = tt.Tensor(draw(BATCH, 3, 32, 32)), nn.CrossEntropyLoss()
        return Prepared(_update(model, optimizer, loss_fn, images, labels), BATCH)

    def theirs(best: bool) -> Prepared:
        import torch
        from torch import nn

        torch.manual_seed(0)
        model, images = _network(nn, plan, norm, head), torch.tensor(draw(BATCH, 3, 32, 32))
        if best:
            model = model.to(memory_format=torch.channels_last)
            images = images.contiguous(memory_format=torch.channels_last)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        return Prepared(_update(model, optimizer, nn.CrossEntropyLoss(), images, torch.tensor(labels)), BATCH)

    return Case(title, ours, theirs, True, goal, best_goal, flops=_flops(plan, head))


def _update(model: Any, optimizer: Any, loss_fn: Any, images: Any, labels: Any) -> Any:
    """The step of either side."""

    def step() -> None:
        loss = loss_fn(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


VISION: dict[str, Case] = {
    **{
        f"{name}-{way}": _layer(layer, way == "backward")
        for name, layer in LAYERS.items()
        for way in ("forward", "backward")
    },
    "cnn": _training("CNN 32-64 step, batch 128", CNN, False, (128, 10), 1.25, 1.0),
    "vgg": _training("VGG 32-32-64-64-128-128 with BatchNorm step, batch 128", VGG, True, (10,), 1.0, 0.85),
}
