"""One registered version of a model, ready to predict: the network, what it accepts, what its answers mean.

    pack(model, contract, ...)    a model  ->  arrays and metadata, as `ModelRegistry.register` takes them
    unpack(version, arrays, ...)  and back, as `ModelRegistry.load` gives them

Beside the parameters (`model/...`) a version carries real examples (`examples/...`), with which it is warmed up and a
client can try it, and what inputs looked like when it was made (`reference/...`), with which drift is detected. Images
come as numbers from 0 to 1; scaling them as in training is part of the version, so that no client can get it wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tinytorch.dispatch import recording, wrap
from tinytorch.serving import ServingError, features
from tinytorch.serving.architecture import describe, rebuild

Array = np.ndarray
FORMAT = 1


@dataclass(frozen=True)
class Contract:
    """What a model accepts and what its scores stand for.

    Attributes:
        shape: of one example, such as (1, 28, 28).
        low, high: the range that every number of an example has to be in.
        mean, std: what is subtracted and divided by before the network sees it, one number a channel (the first axis
            of an example), or a single one.
        classes: the name of every score.
        probabilities: whether the network ends in a softmax of its own; otherwise it gives scores (logits).
    """

    shape: tuple[int, ...]
    classes: tuple[str, ...]
    low: float = 0.0
    high: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    probabilities: bool = False

    @classmethod
    def read(cls, given: Any) -> Contract:
        """From what JSON kept. ServingError if that is no contract."""
        try:
            numbers = {name: float(given[name]) for name in ("low", "high")}
            scales = {name: tuple(float(v) for v in given[name]) for name in ("mean", "std")}
            shape, classes = tuple(int(n) for n in given["shape"]), tuple(str(c) for c in given["classes"])
            made = cls(shape=shape, classes=classes, probabilities=bool(given["probabilities"]), **numbers, **scales)
        except (TypeError, KeyError, ValueError) as error:
            raise ServingError(f"its metadata hold no contract for inputs ({error!r}); register it again") from error
        channels = shape[0] if shape else 0
        fits = all(len(v) in (1, channels) for v in (made.mean, made.std)) and min(made.std) > 0
        if not shape or min(shape) < 1 or not classes or not fits:
            raise ServingError(f"its contract does not fit together: {made}; register it again")
        return made

    def scaled(self, rows: Array) -> Array:
        """(N, *shape) as clients send it -> as the network learned it."""
        ones = [1] * (len(self.shape) - 1)
        mean = np.asarray(self.mean, np.float32).reshape(-1, *ones)
        std = np.asarray(self.std, np.float32).reshape(-1, *ones)
        return (rows - mean) / std


@dataclass(frozen=True)
class Served:
    """A version that is loaded. `score` is what a request comes to.

    Attributes:
        version: its number in the registry.
        examples, labels: real inputs (n, *shape) and their classes, to warm up with and to try.
        reference: what inputs looked like when it was made (m, features), or None: then drift is not watched.
        features: the FeatureStore that computes the same of other inputs, or None.
        notes: what else its metadata say, for people.
    """

    version: int
    model: Any
    contract: Contract
    examples: Array
    labels: Array
    reference: Array | None = None
    features: Any = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    def score(self, rows: Array) -> Array:
        """Examples (N, *shape), float32 and valid -> probabilities (N, classes).

        Raises:
            ValueError: the model's answer has another shape, or is not finite. And whatever the model raises.
        """
        was, recording.on = recording.on, False
        try:
            scores = np.asarray(self.model(wrap(self.contract.scaled(rows))).data)
        finally:
            recording.on = was
        wanted = (len(rows), len(self.contract.classes))
        if scores.shape != wanted:
            raise ValueError(f"version {self.version} answered with shape {scores.shape} where {wanted} was due")
        if not np.isfinite(scores).all():
            raise ValueError(f"version {self.version} answered with numbers that are not finite")
        return scores if self.contract.probabilities else _softmax(scores.astype(np.float64))

    def warm(self, largest: int) -> None:
        """Run on examples in a small and in the largest batch: memory is allocated, and a model that fails fails now.

        Raises:
            ServingError: it does fail; says how.
        """
        try:
            for size in (1, largest):
                self.score(np.resize(self.examples, (size, *self.contract.shape)))
        except Exception as error:
            raise ServingError(f"it fails on its own examples: {type(error).__name__}: {error}") from error


def _softmax(scores: Array) -> Array:
    """Along the last axis: (N, classes) -> the same shape."""
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


# ---- what the registry keeps -----------------------------------------------------------------------------------------


def pack(
    model: Any, contract: Contract, examples: Array, labels: Sequence[int], reference: Array, notes: Mapping[str, Any]
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays and metadata of a version.

    Args:
        examples, labels: some real inputs (n, *shape), as clients send them, and their classes.
        reference: some hundred inputs (m, *shape) like those that it was trained on, but others.
        notes: for people: accuracy, size, where it comes from.
    """
    kept = model.state_dict()
    arrays = {f"model/{name}": np.asarray(array) for name, array in kept.items()}
    arrays |= {"examples/inputs": np.asarray(examples, np.float32), "examples/labels": np.asarray(labels, np.int64)}
    made = Served(0, model, contract, arrays["examples/inputs"], arrays["examples/labels"])
    store, reference = features.store(contract.shape), np.asarray(reference, np.float32)
    arrays["reference/features"] = store.fit(features.columns(reference, made.score(reference)))
    arrays |= store.arrays()
    metadata = {"format": FORMAT, "architecture": describe(model), "contract": asdict(contract), "notes": dict(notes)}
    return arrays, metadata


def unpack(version: int, arrays: Mapping[str, Array], metadata: Mapping[str, Any]) -> Served:
    """The version again.

    Raises:
        ServingError: the version was not registered for serving, or is damaged; says what is wrong.
    """
    if metadata.get("format") != FORMAT:
        raise ServingError("it was not registered for serving: its metadata name no format that is known here")
    contract = Contract.read(metadata.get("contract"))
    model = rebuild(metadata.get("architecture"))
    prefix = "model/"
    try:
        model.load_state_dict({n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)})
        examples, labels = arrays["examples/inputs"], arrays["examples/labels"]
    except (ValueError, KeyError) as error:
        raise ServingError(f"its arrays do not fit its architecture: {error}") from error
    if examples.shape[1:] != contract.shape or not len(examples) or len(labels) != len(examples):
        raise ServingError(f"its examples have shape {examples.shape[1:]}, its contract says {contract.shape}")
    notes, reference, store = (
        metadata.get("notes", {}),
        arrays.get("reference/features"),
        features.store(contract.shape),
    )
    try:
        store.load(arrays)
    except (ValueError, KeyError) as error:  # the model is as good as ever; only drift cannot be told
        notes, reference, store = {**notes, "drift": f"not watched: {error}"}, None, None
    return Served(version, model, contract, examples, labels, reference, store, notes)
