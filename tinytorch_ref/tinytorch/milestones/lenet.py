"""1998: gradient-based learning applied to document recognition (LeCun, Bottou, Bengio, Haffner). Convolutions see.

Runs on a01 to a09: the layers of the earlier milestones and convolution, pooling and batch normalisation. The data is
CIFAR-10: 50,000 photographs of 32x32 pixels in ten classes. What network learns, and how, is a recipe
(`config/recipes/cifar10_*.yaml`). Where assignment 9 is the reference, its ops run on the frame's fast kernels; the
results are the same up to rounding.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

import tinytorch as tt
from tinytorch import data, kernels, recipes
from tinytorch.denormals import flush_denormals


def train(
    recipe: Mapping[str, Any], images: np.ndarray, labels: np.ndarray, seed: int = 0
) -> tuple[Any, dict[str, list[float]]]:
    """Learn from images (N, 3, 32, 32) of bytes and labels (N,); returns the network and the history of the run."""
    flush_denormals()
    kernels.keep_memory()
    kernels.install(threads=kernels.cores())
    tt.manual_seed(seed)
    learned = data.ImageDataset(images, labels)
    loader, watch, _ = recipes.cut_loaders(recipe["data"], learned, learned, seed)
    trainer = recipes.prepare(recipe, loader, seed)
    epochs = recipe["training"]["epochs"]
    history: dict[str, list[float]] = {"train_loss": [], "seconds": []}
    for epoch in range(epochs):
        started = time.perf_counter()
        history["train_loss"].append(float(trainer.train_epoch(loader)))
        history["seconds"].append(time.perf_counter() - started)
        line = f"epoch {epoch + 1} of {epochs}: loss {history['train_loss'][-1]:.4f}"
        if watch is not None:
            loss, accuracy = trainer.evaluate(watch)
            history.setdefault("val_loss", []).append(float(loss))
            history.setdefault("val_accuracy", []).append(float(accuracy))
            line += f", held out {loss:.4f}, {accuracy:.2%} right"
        print(f"{line}, {history['seconds'][-1]:.1f} s", flush=True)
    return trainer.model, history


def predict(model: Any, recipe: Mapping[str, Any], images: np.ndarray) -> np.ndarray:
    """Probabilities (N, 10): the mean of what the network says of an image and of its mirror image."""
    _, _, mean, std = recipes.DATASETS[recipe["data"]["name"]]
    normalize = data.Normalize(mean, std)
    model.eval()
    found = []
    with tt.no_grad():
        for start in range(0, len(images), recipes.EVALUATED):
            seen = normalize(tt.Tensor(images[start : start + recipes.EVALUATED] / np.float32(255)))
            looks = [model(tt.Tensor(view)) for view in (seen.data, np.ascontiguousarray(seen.data[..., ::-1]))]
            found.append(sum(tt.softmax(scores, dim=1).numpy() for scores in looks) / len(looks))
    return np.concatenate(found)
