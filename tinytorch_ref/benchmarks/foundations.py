"""What is compared of the foundations: dispatch of small ops, training steps of perceptrons, Adam, loader, an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from case import Case, Prepared, draw, draw_labels

# ---- dispatch -------------------------------------------------------------------------------------------------------


def _dispatch(recorded: bool) -> Case:
    repeat = 1000

    def ours() -> Prepared:
        from tinytorch import Tensor

        a, b = (Tensor(draw(4, seed=s), requires_grad=recorded) for s in (0, 1))

        def step() -> None:
            for _ in range(repeat):
                a + b

        return Prepared(step, repeat)

    def theirs(best: bool) -> Prepared:
        import torch

        a, b = (torch.tensor(draw(4, seed=s), requires_grad=recorded) for s in (0, 1))

        def step() -> None:
            for _ in range(repeat):
                a + b

        return Prepared(step, repeat)

    words = "recorded" if recorded else "not recorded"
    return Case(f"a + b of 4 elements, {words}", ours, theirs, goal=3.0 if recorded else None)


def _chain() -> Case:
    """Forward and backward of a chain of small ops: the whole cost of recording, with the walk back."""

    def ours() -> Prepared:
        from tinytorch import Tensor

        x, w = Tensor(draw(8, 8), requires_grad=True), Tensor(draw(8, 8, seed=1), requires_grad=True)

        def step() -> None:
            y = x
            for _ in range(20):
                y = (y @ w) * 0.1 + x
            y.sum().backward()
            x.grad = w.grad = None

        return Prepared(step)

    def theirs(best: bool) -> Prepared:
        import torch

        x = torch.tensor(draw(8, 8), requires_grad=True)
        w = torch.tensor(draw(8, 8, seed=1), requires_grad=True)

        def step() -> None:
            y = x
            for _ in range(20):
                y = (y @ w) * 0.1 + x
            y.sum().backward()
            x.grad = w.grad = None

        return Prepared(step)

    return Case("chain of 60 ops on 8x8, forward and backward", ours, theirs)


# ---- multi-layer perceptrons ----------------------------------------------------------------------------------------


def _mlp(sizes: tuple[int, ...], batch: int, goal: float | None, best_goal: float | None) -> Case:
    """One training step: forward, cross entropy, backward, Adam."""
    x, y = draw(batch, sizes[0]), draw_labels(batch)

    def ours() -> Prepared:
        import tinytorch as tt
        from tinytorch import nn, optim

        tt.manual_seed(0)
        layers: list[object] = []
        for n, m in pairwise(sizes):
            layers += [nn.Linear(n, m), nn.ReLU()]
        model = nn.Sequential(*layers[:-1])
        loss_fn, optimizer = nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=1e-3)
        inputs = tt.Tensor(x)

        def step() -> None:
            loss = loss_fn(model(inputs), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return Prepared(step, batch)

    def theirs(best: bool) -> Prepared:
        import torch
        from torch import nn

        torch.manual_seed(0)
        layers: list[nn.Module] = []
        for n, m in pairwise(sizes):
            layers += [nn.Linear(n, m), nn.ReLU()]
        model = nn.Sequential(*layers[:-1])
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, **({"fused": True} if best else {}))
        loss_fn = nn.CrossEntropyLoss()
        inputs, labels = torch.tensor(x), torch.tensor(y)

        def step() -> None:
            loss = loss_fn(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return Prepared(step, batch)

    shape = "-".join(map(str, sizes))
    return Case(f"MLP {shape}, batch {batch}, Adam step", ours, theirs, True, goal, best_goal)


def _optimizer() -> Case:
    """Adam on 10 million parameters in 20 tensors, gradients given."""
    shapes = [(500, 1000)] * 20

    def ours() -> Prepared:
        from tinytorch import Tensor, optim

        parameters = [Tensor(draw(*s, seed=i), requires_grad=True) for i, s in enumerate(shapes)]
        for i, p in enumerate(parameters):
            p.grad = draw(*p.shape, seed=100 + i)
        return Prepared(optim.Adam(parameters, lr=1e-3).step, sum(p.size for p in parameters))

    def theirs(best: bool) -> Prepared:
        import torch

        parameters = [torch.tensor(draw(*s, seed=i), requires_grad=True) for i, s in enumerate(shapes)]
        for i, p in enumerate(parameters):
            p.grad = torch.tensor(draw(*p.shape, seed=100 + i))
        optimizer = torch.optim.Adam(parameters, lr=1e-3, **({"fused": True} if best else {}))
        return Prepared(optimizer.step, sum(p.numel() for p in parameters))

    return Case("Adam step on 10 M parameters", ours, theirs, True)


def _loader() -> Case:
    """One pass over 20,000 shuffled images of 784 numbers in batches of 64."""
    x, y = draw(20_000, 784), draw_labels(20_000)

    def ours() -> Prepared:
        from tinytorch.data import DataLoader, TensorDataset

        loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True, seed=0)

        def step() -> None:
            for _ in loader:
                pass

        return Prepared(step, len(x))

    def theirs(best: bool) -> Prepared:
        import torch
        from torch.utils.data import DataLoader, TensorDataset

        loader = DataLoader(TensorDataset(torch.tensor(x), torch.tensor(y)), batch_size=64, shuffle=True)

        def step() -> None:
            for _ in loader:
                pass

        return Prepared(step, len(x))

    return Case("loader: 20,000 images, batch 64, shuffled", ours, theirs)


def _epoch() -> Case:
    """One epoch of 784-128-10 over MNIST as users type it: loader, forward, cross entropy, backward, Adam.

    At its best PyTorch gathers batches by index instead of its loader, and uses the fused Adam.
    """
    batch = 64

    def mnist() -> tuple[np.ndarray, np.ndarray]:
        from tinytorch.data.sources import mnist

        images, labels = mnist(train=True)
        return images.reshape(len(images), -1).astype(np.float32) / np.float32(255), labels.astype(np.int64)

    def ours() -> Prepared:
        import tinytorch as tt
        from tinytorch import nn, optim
        from tinytorch.data import DataLoader, TensorDataset

        tt.manual_seed(0)
        x, y = mnist()
        loader = DataLoader(TensorDataset(x, y), batch_size=batch, shuffle=True, seed=0)
        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        loss_fn, optimizer = nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=1e-3)

        def step() -> None:
            for inputs, labels in loader:
                loss = loss_fn(model(inputs), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

        return Prepared(step, len(x))

    def theirs(best: bool) -> Prepared:
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset

        torch.manual_seed(0)
        x, y = (torch.tensor(array) for array in mnist())
        loader = DataLoader(TensorDataset(x, y), batch_size=batch, shuffle=True)
        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        loss_fn = nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, **({"fused": True} if best else {}))

        def batches() -> Iterator[tuple[object, object]]:
            for chosen in torch.randperm(len(x)).split(batch):
                yield x[chosen], y[chosen]

        def step() -> None:
            for inputs, labels in batches() if best else loader:
                loss = loss_fn(model(inputs), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

        return Prepared(step, len(x))

    return Case("MNIST epoch: 60,000 images, MLP 784-128-10, batch 64, Adam", ours, theirs, True, rounds=7)


def _matmul() -> Case:
    """Not a contest: the matrix-product peak of this machine on each side, to read the shares of it against."""
    n = 1024

    def ours() -> Prepared:
        a, b = draw(n, n), draw(n, n, seed=1)
        out = np.empty((n, n), np.float32)
        return Prepared(lambda: np.matmul(a, b, out=out), 2 * n**3)

    def theirs(best: bool) -> Prepared:
        import torch

        a, b = torch.tensor(draw(n, n)), torch.tensor(draw(n, n, seed=1))
        out = torch.empty(n, n)
        return Prepared(lambda: torch.matmul(a, b, out=out), 2 * n**3)

    return Case("matrix product 1024, NumPy's and PyTorch's BLAS", ours, theirs)


FOUNDATIONS: dict[str, Case] = {
    "peak": _matmul(),
    "dispatch": _dispatch(True),
    "dispatch-free": _dispatch(False),
    "chain": _chain(),
    "mlp-64": _mlp((784, 128, 10), 64, 2.0, 1.5),
    "mlp-128": _mlp((784, 128, 10), 128, 1.9, 1.5),
    "mlp-deep-64": _mlp((784, 256, 128, 10), 64, None, None),
    "mlp-deep-128": _mlp((784, 256, 128, 10), 128, 1.7, 1.0),
    "adam": _optimizer(),
    "loader": _loader(),
    "mnist-epoch": _epoch(),
}
