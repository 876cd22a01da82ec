"""What is made of a trained network: fewer bits, zeros, fewer neurons, low rank, a small pupil, and several at once."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch.compressing.networks import BUILDERS, Images, Network, Say, accuracy, quiet, train
from tinytorch.dispatch import wrap
from tinytorch.perf.compression import (
    CompressionPlan,
    Compressor,
    KnowledgeDistillation,
    Masks,
    dense_bytes,
    magnitude_prune,
    pack_model,
    save_packed,
    stored_bytes,
)
from tinytorch.perf.quantization import model_bytes, quantize_model

BITS = tuple(range(2, 9))
SPARSITIES = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
QUARTER = 0.25
CALIBRATED = 512  # training images that ranges of inputs are taken from


@dataclass(frozen=True)
class Variant:
    """A smaller network. `stored` are the bytes of its arrays as they are stored, `file` those of a file with them."""

    name: str
    technique: str  # "none", "quantization" or "compression"
    model: Any
    stored: int
    file: int
    sparsity: float


def variant(name: str, technique: str, model: Any, folder: Path, half: bool = False, dense: bool = False) -> Variant:
    """A variant, stored as `pack_model` does, or as it lies in memory."""
    file = save_packed(folder / "stored.npz", pack_model(model, half))
    (folder / "stored.npz").unlink()
    weights = [array for array in model.state_dict().values() if array.ndim > 1]  # a quantised layer's are buffers
    zeros = 1 - sum(np.count_nonzero(w) for w in weights) / sum(w.size for w in weights)
    return Variant(name, technique, model, model_bytes(model) if dense else stored_bytes(model, half), file, zeros)


def variants(model: Any, network: Network, images: Images, folder: Path, say: Say = quiet) -> Iterator[Variant]:
    """The network itself first, then what is made of it; each is trained on for as long as it needs."""

    def compressed(name: str, **plan: Any) -> Any:
        def tune(small: Any, masks: Masks, epochs: int = 1) -> None:
            train(small, images, epochs, network.tuning_lr, masks, say=lambda text: say(f"{name}, {text}"))

        return Compressor(tune).compress(model, CompressionPlan(**plan)).model

    def smaller(name: str, **plan: Any) -> Variant:
        return variant(name, "compression", compressed(name, **plan), folder)

    answers = str(len(model) - 1)  # the last layer has ten outputs: a share of that rank is one or two
    yield variant("float32", "none", model, folder, dense=True)
    first = [wrap(x.data) for _, (x, _) in zip(range(CALIBRATED // network.batch_size), images.loader, strict=False)]
    yield variant("int8 weights", "quantization", quantize_model(model), folder, dense=True)
    yield variant("int8 weights and inputs", "quantization", quantize_model(model, first), folder, dense=True)
    yield smaller("zeros to a quarter", share=QUARTER, rounds=3)
    sparse = compressed("90 % zeros", sparsity=0.9, rounds=4, half=True)
    yield variant("90 % zeros, float16", "compression", sparse, folder, half=True)
    yield variant("90 % zeros, int8", "compression", quantize_model(sparse), folder)
    yield smaller("half the neurons", prune_ratio=0.5)
    yield smaller("low rank", rank_ratio=0.15, skip=(answers,))
    both = compressed("half the neurons, 60 % zeros", prune_ratio=0.5, sparsity=0.6, rounds=2)
    yield variant("half the neurons, 60 % zeros, int8", "compression", quantize_model(both), folder)
    pupil = BUILDERS[network.kind][1]()
    loss = KnowledgeDistillation(model, pupil).loss
    train(pupil, images, network.epochs, network.lr, loss=loss, say=lambda text: say(f"small pupil, {text}"))
    yield variant("small pupil", "compression", pupil, folder)


def bits_curve(model: Any, images: Images) -> list[tuple[int, float]]:
    """(bits a weight, accuracy), without further training."""
    return [(bits, accuracy(quantize_model(model, bits=bits), images)) for bits in BITS]


def sparsity_curves(
    model: Any, network: Network, images: Images, say: Say = quiet
) -> list[tuple[float, float, float, float]]:
    """(sparsity, accuracy without training on, accuracy after it, share of the bytes): each goes on from the last."""
    tuned, found = copy.deepcopy(model), []
    for sparsity in SPARSITIES:
        say(f"{sparsity:.0%} zeros of the curve")
        before = accuracy(magnitude_prune(copy.deepcopy(model), sparsity), images)
        if sparsity:
            masks = Masks(magnitude_prune(tuned, sparsity))
            train(tuned, images, 1, network.tuning_lr, masks)
        found.append((sparsity, before, accuracy(tuned, images), stored_bytes(tuned) / dense_bytes(model)))
    return found
