"""Features by one definition, in training and in serving.

Training computes features of a table in a notebook, serving computes them of one request in a service, and when two
people write them twice they differ in a unit, a default or a mean. The model is then asked about numbers that it never
saw, and nothing raises an error. Here a feature is defined once. Its fingerprint travels with the model, so that a
service refuses a model that was trained with other definitions, and `check` compares what was served with what training
would have computed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Feature:
    """One definition: its function takes the columns named by `inputs`, (n,) each, and returns (n,), row by row."""

    name: str
    inputs: tuple[str, ...]
    function: Callable[..., Any]


@dataclass(frozen=True)
class SkewReport:
    """What `FeatureStore.check` found: the greatest difference of each feature, and the names of those that differ."""

    ok: bool
    differences: dict[str, float]
    skewed: tuple[str, ...]


class FeatureStore:
    """Definitions of features, and the means and deviations by which they are scaled.

        store = FeatureStore()

        @store.define("speed", "metres", "seconds")
        def speed(metres, seconds):
            return metres / np.maximum(seconds, 1)

        X = store.fit(columns)          # training: (n, features)
        x = store.row({"metres": 4.0, "seconds": 2.0})    # serving: (features,)

    Attributes:
        features: by name, in the order of their definition, which is that of the columns of X.
        mean, std: (features,), None before `fit`.
    """

    def __init__(self) -> None:
        self.features: dict[str, Feature] = {}
        self.mean: Array | None = None
        self.std: Array | None = None

    def define(self, name: str, *inputs: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A decorator that adds a feature.

        Raises:
            ValueError: there is a feature of this name already, or it has no inputs.
        """
        if name in self.features:
            raise ValueError(f"feature {name!r} is defined already; a feature has one definition")
        if not inputs:
            raise ValueError(f"feature {name!r} needs the names of the columns that it is computed from")

        def keep(function: Callable[..., Any]) -> Callable[..., Any]:
            self.features[name] = Feature(name, inputs, function)
            return function

        return keep

    # ---- Task 15: one way for both

    def raw(self, columns: Mapping[str, Any]) -> Array:
        """The features of a table of columns (n,) as they are defined, not scaled -> float64 (n, features).

        Raises:
            LookupError: a column is missing; names it and the feature. ValueError: columns of different lengths, or a
                feature that does not give one number a row.
        """
        table = {name: np.atleast_1d(np.asarray(column)) for name, column in columns.items()}
        lengths = {name: len(column) for name, column in table.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns have different lengths: {lengths}")
        raise NotImplementedError("a20_capstone: FeatureStore.raw is yours to write")

    def fit(self, columns: Mapping[str, Any]) -> Array:
        """Learn mean and deviation of every feature from training data, and return it scaled: (n, features)."""
        # A feature that is always the same has the deviation 0: take 1.
        raise NotImplementedError("a20_capstone: FeatureStore.fit is yours to write")

    def compute(self, columns: Mapping[str, Any]) -> Array:
        """Features of any table, scaled by what `fit` learned: (n, features).

        Raises:
            ValueError: there was no `fit` and no `load`.
        """
        # Never by the mean of the table at hand: a request of one row is its own mean.
        raise NotImplementedError("a20_capstone: FeatureStore.compute is yours to write")

    def row(self, values: Mapping[str, Any]) -> Array:
        """Features of a single request: (features,)."""
        raise NotImplementedError("a20_capstone: FeatureStore.row is yours to write")

    # ---- Task 16: the same definitions?

    def fingerprint(self) -> str:
        """A text that changes when any definition does: a name, an input, the order, what a function computes.

        Comments and the places of functions in a file do not matter. Another version of Python may compile a function
        to other instructions and so give another fingerprint: that errs on the safe side.
        """
        # `code_of` (given) describes a function. Hash name, inputs and code of each feature in order, in a way that
        # two different lists never give one text: repr of a list of tuples will do.
        raise NotImplementedError("a20_capstone: FeatureStore.fingerprint is yours to write")

    def arrays(self) -> dict[str, Array]:
        """What a model has to take along: arrays to register beside its own."""
        if self.mean is None or self.std is None:
            raise ValueError("the features are not scaled yet; fit them to training data first")
        return {
            "features.mean": self.mean,
            "features.std": self.std,
            "features.fingerprint": np.array(self.fingerprint()),
        }

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Take over what `arrays` of the training's store gave, if it has the same definitions.

        Raises:
            ValueError: other definitions.
        """
        raise NotImplementedError("a20_capstone: FeatureStore.load is yours to write")

    def check(
        self, columns: Mapping[str, Any], served: Any = None, rtol: float = 1e-6, atol: float = 1e-6
    ) -> SkewReport:
        """Compare features that were served with what training computes for the same rows.

        Args:
            columns: the rows, (n,) each.
            served: (n, features) as logged by the service. Without it each row is computed alone, as serving does it:
                that finds definitions that look at other rows, such as a rank or the mean of the batch.
            rtol, atol: differences up to atol + rtol |expected| are rounding.

        Raises:
            ValueError: served has another shape.
        """
        # NaN where a number is expected is a difference too; its size is infinite. NaN where NaN is expected is none.
        raise NotImplementedError("a20_capstone: FeatureStore.check is yours to write")


def code_of(function: Callable[..., Any], seen: frozenset[int] = frozenset()) -> tuple[Any, ...]:
    """What a function computes, as plain data (given): its instructions and constants, its defaults, and the numbers,
    arrays and functions that it takes from around it. Functions with equal data compute the same."""
    seen = seen | {id(function)}
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    around = [function.__globals__.get(name) for name in function.__code__.co_names]
    values = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items(), *cells, *around]
    return (*_code(function.__code__, function.__doc__), *(_plain(value, seen) for value in values))


def _code(code: CodeType, doc: str | None = None) -> tuple[Any, ...]:
    constants = [None if c == doc else _code(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return code.co_code.hex(), constants, code.co_names, code.co_varnames


def _plain(value: Any, seen: frozenset[int]) -> Any:
    """A value that a function uses; modules and the like count by their name in the code, which is there already."""
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, value.tobytes().hex())
    if isinstance(value, FunctionType):
        return "itself" if id(value) in seen else code_of(value, seen)
    return repr(value) if isinstance(value, (bool, int, float, complex, str, bytes, tuple, list, dict)) else None
