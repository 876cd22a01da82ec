"""Training: the loop that turns a model, a loss, an optimizer and batches into a trained model, and can be trusted.

The file has four parts. First what steers a run: clipping, a schedule, stopping in time. Then what measures it: means
and metrics over samples. Then checkpoints: the whole state of a run in one file that is never half written. Last the
`Trainer`, which puts them together. Batches come from any iterable of (inputs, target); pictures, the progress bar and
the log file are the frame's (`tinytorch/plots.py`, `tinytorch/runs.py`).
"""

from __future__ import annotations

import copy
import json
import math
import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from tinytorch import plots, runs
from tinytorch.core.autograd import no_grad
from tinytorch.core.losses import CrossEntropyLoss, NLLLoss
from tinytorch.core.optimizers import Optimizer
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import TensorBase, wrap
from tinytorch.random import generator

Array = np.ndarray
Batch = tuple[Any, ...]
Path = str | os.PathLike[str]

# ==== Part one: what steers a run =====================================================================================

# ---- Task 1: gradients that are too long -----------------------------------------------------------------------------


def clip_grad_norm_(parameters: Any, max_norm: float, error_if_nonfinite: bool = False) -> float:
    """Scale all gradients down, in place and by one factor, so that together they are no longer than `max_norm`.

    Args:
        parameters: tensors, or one tensor. Those without a gradient are passed over.
        max_norm: the longest that √(sum of the squares of all elements of all gradients) may be.
        error_if_nonfinite: raise instead of scaling when that length is NaN or infinite.

    Returns:
        The length before (torch.nn.utils.clip_grad_norm_). Gradients that are short enough stay exactly as they are.

    Raises:
        ValueError: max_norm is negative or NaN. RuntimeError: see error_if_nonfinite.
    """
    given = [parameters] if isinstance(parameters, TensorBase) else list(parameters)
    gradients = [_array(p.grad) for p in given if p.grad is not None]
    if not max_norm >= 0:
        raise ValueError(f"max_norm must be at least 0, got {max_norm}")
    # One length for all gradients together, not one each. math.hypot(*lengths) is the root of a sum of squares, and a
    # Python float: a factor that is a NumPy float64 would not be wrong here, but slow.
    raise NotImplementedError("a07_training: clip_grad_norm_ is yours to write")


def clip_grad_norm(parameters: Any, max_norm: float = 1.0) -> float:
    """`clip_grad_norm_` under the name of the public TinyTorch."""
    return clip_grad_norm_(parameters, max_norm)


# ---- Task 2: learning rates and patience -----------------------------------------------------------------------------


class CosineSchedule:
    """Half a cosine wave from `max_lr` at epoch 0 to `min_lr` at epoch `total_epochs`, and `min_lr` from there on."""

    def __init__(self, max_lr: float = 0.1, min_lr: float = 0.01, total_epochs: int = 100):
        self.max_lr, self.min_lr, self.total_epochs = max_lr, min_lr, total_epochs

    def get_lr(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""
        raise NotImplementedError("a07_training: CosineSchedule.get_lr is yours to write")


class EarlyStopping:
    """Says when a value that was watched has not become better for `patience` looks in a row.

    Args:
        patience: looks without improvement after which it says stop; None never does, and only keeps the best.
        min_delta: how much better is better.
        mode: "min" where smaller is better (a loss), "max" where larger is (an accuracy).

    Attributes:
        best: the best value so far, None before the first look.
        bad_epochs: looks since then.
        improved: whether the last look was the best so far.
        stopped: whether patience has run out.
    """

    def __init__(self, patience: int | None = 5, min_delta: float = 0.0, mode: str = "min"):
        if mode not in ("min", "max"):
            raise ValueError(f"mode is 'min' or 'max', got {mode!r}")
        if patience is not None and patience < 1:
            raise ValueError(f"patience is at least 1, or None for ever, got {patience}")
        self.patience, self.min_delta, self.mode = patience, min_delta, mode
        self.best: float | None = None
        self.bad_epochs = 0
        self.improved = False

    def step(self, value: float) -> bool:
        """Look at a value; returns `stopped`. NaN is never an improvement."""
        # With patience 2, the second look in a row that is no better than the best says stop.
        raise NotImplementedError("a07_training: EarlyStopping.step is yours to write")

    __call__ = step

    @property
    def stopped(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.bad_epochs >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """What it remembers; the settings are not part of it."""
        return {"best": self.best, "bad_epochs": self.bad_epochs}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.best, self.bad_epochs = state["best"], state["bad_epochs"]


# ==== Part two: what measures a run ===================================================================================

# ---- Task 3: means over samples --------------------------------------------------------------------------------------


class Mean:
    """The mean over samples of a quantity that is known batch by batch, as each batch's mean."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, value: float, samples: int) -> None:
        """Take in the mean of a batch of so many samples. Batches need not be of one size."""
        raise NotImplementedError("a07_training: Mean.update is yours to write")

    def compute(self) -> float:
        """The mean over all samples so far; NaN if there were none."""
        raise NotImplementedError("a07_training: Mean.compute is yours to write")


# ---- Task 4: classes, right and wrong --------------------------------------------------------------------------------


def class_pairs(predictions: Any, targets: Any, threshold: float | None = None) -> tuple[Array, Array]:
    """The predicted and the true class of every sample, as two int64 arrays (n,).

    Args:
        predictions: scores (N, C) or (N, C, d1, ...) for targets (N,) or (N, d1, ...): the largest along axis 1 wins,
            the first of equals. Or classes, in the shape of the targets. With a threshold: one score a sample.
        targets: class numbers, as integers or as whole floats.
        threshold: scores above it are class 1, others class 0: 0.5 for probabilities, 0 for logits.

    Raises:
        ValueError: shapes that do not fit, or predictions that are neither scores nor classes.
    """
    p, t = _array(predictions), _array(targets)
    if threshold is not None and p.size == t.size:
        p = p.reshape(t.shape)
    elif p.ndim == t.ndim + 1 and p.shape[1] == 1:
        raise ValueError(f"predictions {p.shape} hold one score a sample; give the metric a threshold, such as 0.5")
    raise NotImplementedError("a07_training: class_pairs is yours to write")
    if p.shape != t.shape:
        raise ValueError(f"predictions of shape {p.shape} do not fit targets of shape {t.shape}; give scores (N, C)")
    if p.size and (np.any(p != np.floor(p)) or np.any(t != np.floor(t))):
        raise ValueError("predictions and targets of one shape are class numbers; for scores give a threshold")
    return p.ravel().astype(np.int64), t.ravel().astype(np.int64)


def confusion_matrix(
    predictions: Any, targets: Any, num_classes: int | None = None, threshold: float | None = None
) -> Array:
    """Counts (C, C): element [i, j] is how many samples of class i were taken for class j.

    Args:
        predictions, targets, threshold: see class_pairs.
        num_classes: C; by default as many as occur.

    Raises:
        ValueError: a class below 0 or beyond num_classes.
    """
    predicted, true = class_pairs(predictions, targets, threshold)
    largest = int(max(predicted.max(), true.max())) if true.size else -1
    size = largest + 1 if num_classes is None else num_classes
    if true.size and (largest >= size or min(predicted.min(), true.min()) < 0):
        least = min(predicted.min(), true.min())
        raise ValueError(f"classes go from 0 to {size - 1}, got some from {least} to {largest}")
    # A pair (i, j) is the number i * size + j, and np.bincount counts numbers.
    raise NotImplementedError("a07_training: confusion_matrix is yours to write")


class Metric:
    """Base of what is counted over all samples of an epoch: `reset()`, `update(...)` batch by batch, `compute()`.

    Args:
        threshold: see class_pairs.
        name: under which a Trainer records it; by default the name of the class in lower case.
    """

    def __init__(self, threshold: float | None = None, name: str | None = None):
        self.threshold = threshold
        self.name = name or type(self).__name__.lower()
        self.reset()

    def reset(self) -> None:
        """Forget everything counted."""
        raise TypeError(f"{type(self).__name__} does not define reset(); subclasses of Metric do")

    def update(self, predictions: Any, targets: Any) -> None:
        """Count a batch."""
        raise TypeError(f"{type(self).__name__} does not define update(predictions, targets); subclasses of Metric do")

    def compute(self) -> float:
        """The value over everything counted."""
        raise TypeError(f"{type(self).__name__} does not define compute(); subclasses of Metric do")

    def __call__(self, predictions: Any, targets: Any) -> float:
        """The value of these samples alone; what was counted before stays as it is."""
        alone = copy.deepcopy(self)
        alone.reset()
        alone.update(predictions, targets)
        return alone.compute()

    def state_dict(self) -> dict[str, Any]:
        """What was counted."""
        return dict(vars(self))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on counting from there."""
        vars(self).update(state)


class Accuracy(Metric):
    """Share of samples whose class was predicted; NaN without samples."""

    def reset(self) -> None:
        self.right, self.count = 0, 0

    def update(self, predictions: Any, targets: Any) -> None:
        raise NotImplementedError("a07_training: Accuracy.update is yours to write")

    def compute(self) -> float:
        raise NotImplementedError("a07_training: Accuracy.compute is yours to write")


class _OfClasses(Metric):
    """A ratio of counts for every class, and an average of them.

    Args:
        average: "macro" for the mean over the classes that occur, every class alike; "micro" for one ratio of all
            counts together, every sample alike; "binary" for the ratio of class 1 alone.
        threshold, name: see Metric.
    """

    def __init__(self, average: str = "macro", threshold: float | None = None, name: str | None = None):
        if average not in ("macro", "micro", "binary"):
            raise ValueError(f"average is 'macro', 'micro' or 'binary', got {average!r}")
        self.average = average
        super().__init__(threshold, name)

    def reset(self) -> None:
        self.matrix = np.zeros((2, 2), np.int64)

    def update(self, predictions: Any, targets: Any) -> None:
        # Later batches may hold classes that earlier ones did not: the smaller matrix has to grow.
        raise NotImplementedError("a07_training: _OfClasses.update is yours to write")

    def ratio(self, matrix: Array) -> tuple[Array, Array]:
        """Above and below the line of each class's ratio: two (C,) arrays of counts, from a confusion matrix."""
        raise TypeError(f"{type(self).__name__} does not define ratio(matrix)")

    def per_class(self) -> Array:
        """The ratio of each class, (C,); 0 where there is nothing to divide by."""
        raise NotImplementedError("a07_training: _OfClasses.per_class is yours to write")

    def compute(self) -> float:
        """The average of the classes' ratios; NaN without samples."""
        # A class occurs if its row or its column of the matrix holds anything.
        raise NotImplementedError("a07_training: _OfClasses.compute is yours to write")


class Precision(_OfClasses):
    """Of the samples that were taken for a class, the share that belongs to it."""

    def ratio(self, matrix: Array) -> tuple[Array, Array]:
        raise NotImplementedError("a07_training: Precision.ratio is yours to write")


class Recall(_OfClasses):
    """Of the samples that belong to a class, the share that was taken for it."""

    def ratio(self, matrix: Array) -> tuple[Array, Array]:
        raise NotImplementedError("a07_training: Recall.ratio is yours to write")


class F1(_OfClasses):
    """The harmonic mean of precision and recall of a class, 2 P R / (P + R)."""

    def ratio(self, matrix: Array) -> tuple[Array, Array]:
        # Put P = hits / taken and R = hits / belonging into the formula and simplify: no 0 / 0 is left.
        raise NotImplementedError("a07_training: F1.ratio is yours to write")


# ==== Part three: checkpoints =========================================================================================

# ---- Task 5: a tree of state as text and arrays ----------------------------------------------------------------------


def pack(value: Any, arrays: dict[str, Array], path: str = "") -> Any:
    """What JSON can hold of a tree of dicts, lists, tuples, numbers, strings and arrays; `arrays` takes in the arrays.

    An ndarray is stored in `arrays` under its path ("model/0.weight") and becomes {"array": path}. Everything that JSON
    would change becomes a dict of one marked key: a tuple {"tuple": [...]}, a dict {"dict": [[key, value], ...]}, whose
    keys thereby stay what they are, integers too. Numbers of NumPy are packed as arrays of shape ().

    Raises:
        TypeError: anything else; names its place in the tree.
    """
    below = f"{path}/" if path else ""
    if value is None or (isinstance(value, (bool, int, float, str)) and not isinstance(value, np.generic)):
        return value
    # What remains: lists, tuples, dicts, arrays (TensorBase too: its array). Two places may have one path, since keys
    # may hold a "/": lengthen a path that is taken. The array may change after this returns: store a copy.
    raise NotImplementedError("a07_training: pack is yours to write")
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__} (at {path or 'its top'})")


def unpack(plain: Any, arrays: Mapping[str, Array]) -> Any:
    """The tree that `pack` was given."""
    raise NotImplementedError("a07_training: unpack is yours to write")


# ---- Task 6: files that are whole or not there -----------------------------------------------------------------------

_TREE = "tree.json"  # the name of the packed tree among the arrays of the file


def write_state(path: Path, state: Any) -> None:
    """Write a tree of state to an .npz file: at any moment there is the old file or the new one, and never half of one.

    The file holds the arrays under their paths, so that `np.load(path)["model/0.weight"]` works, and the rest as JSON.
    """
    arrays: dict[str, Array] = {}
    text = json.dumps(pack(state, arrays))
    arrays[_TREE] = np.frombuffer(text.encode(), np.uint8)
    path = os.fspath(path)
    folder = os.path.dirname(path) or "."
    os.makedirs(folder, exist_ok=True)
    draft = os.path.join(folder, f".{os.path.basename(path)}.tmp")
    # Write to the draft (np.savez takes an open file, and then adds no ending to its name), see to it that it is on the
    # disk (file.flush, os.fsync of file.fileno()) and only then give it its name, which is a single act: os.replace.
    raise NotImplementedError("a07_training: write_state is yours to write")


def read_state(path: Path) -> Any:
    """The tree that `write_state` was given. No code in the file is ever run: pickled objects are refused.

    Raises:
        FileNotFoundError: nothing is there. ValueError: the file is damaged or is something else; names it.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        plain = json.loads(arrays.pop(_TREE).tobytes())
    except (ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise ValueError(f"{os.fspath(path)} is no checkpoint, or is damaged: {error}") from error
    return unpack(plain, arrays)


# ==== Part four: the trainer ==========================================================================================

# ---- given: small things ---------------------------------------------------------------------------------------------


def _array(x: Any) -> Array:
    """The ndarray of a tensor, an array or numbers; not a copy."""
    return x.data if isinstance(x, TensorBase) else np.asarray(x)


def _tensor(x: Any) -> Any:
    """Inputs of a model: arrays become tensors (floats float32, integers stay), tensors stay as they are."""
    if isinstance(x, TensorBase):
        return x
    array = np.asarray(x)
    return wrap(array) if array.dtype.kind in "biu" else Tensor(array)


def _split(batch: Any) -> tuple[list[Any], Any]:
    """The inputs and the target of a batch: a tuple or list whose last element is the target."""
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise TypeError(f"a batch is a tuple (inputs, target), got a {type(batch).__name__}; check the loader")
    return [_tensor(x) for x in batch[:-1]], batch[-1]


def _size(batch: Any) -> int:
    """Number of samples in a batch."""
    return len(_array(batch[0]))


def _groups(batches: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Lists of `size` batches each; the last one may be shorter."""
    while group := list(islice(batches, size)):
        yield group


def _weights(model: Any) -> dict[str, Array]:
    """Name -> array of everything a model has learned: its own arrays, not copies."""
    if hasattr(model, "state_dict"):
        return model.state_dict()
    return {str(i): p.data for i, p in enumerate(model.parameters())}


def _load_weights(model: Any, state: Mapping[str, Array]) -> None:
    """Copy saved weights into a model."""
    if hasattr(model, "load_state_dict"):
        model.load_state_dict(state)
        return
    for i, p in enumerate(model.parameters()):
        p.data[...] = state[str(i)]


def _state_of(thing: Any) -> Any:
    """What `thing.state_dict()` gives; None for things that have none."""
    return thing.state_dict() if hasattr(thing, "state_dict") else None


def _restore(thing: Any, state: Any) -> None:
    """Hand a state back to what it came from."""
    if state is not None and hasattr(thing, "load_state_dict"):
        thing.load_state_dict(state)


def _counts_steps(scheduler: Any) -> bool:
    """Whether the numbers a scheduler was made with count steps (warm-up and one-cycle do), not epochs."""
    return hasattr(scheduler, "total_steps") or hasattr(scheduler, "warmup_steps")


class Scores(tuple):
    """What `evaluate` returns: the loss and the metrics, as a tuple in that order and by name.

    `loss, accuracy = scores`, `scores.loss`, `scores["accuracy"]`, `scores.as_dict()`.
    """

    names: tuple[str, ...]

    def __new__(cls, values: Mapping[str, float]) -> Scores:
        scores = super().__new__(cls, values.values())
        scores.names = tuple(values)
        return scores

    def as_dict(self) -> dict[str, float]:
        """Name -> value; the loss is called "loss"."""
        return dict(zip(self.names, self, strict=True))

    def __getitem__(self, key: Any) -> Any:
        return self.as_dict()[key] if isinstance(key, str) else super().__getitem__(key)

    def __getattr__(self, name: str) -> float:
        if name in type(self).__annotations__ or name not in self.names:
            raise AttributeError(f"these scores hold {', '.join(self.__dict__.get('names', ()))}, not '{name}'")
        return self[name]

    def __repr__(self) -> str:
        return f"Scores({', '.join(f'{name}={value:.6g}' for name, value in self.as_dict().items())})"


class History(dict[str, list[float]]):
    """Name -> one value an epoch. The public TinyTorch's names for two of them are understood."""

    ALIASES = {"eval_loss": "val_loss", "learning_rates": "lr"}

    def __missing__(self, key: str) -> list[float]:
        if key in self.ALIASES:
            return self.get(self.ALIASES[key], [])
        raise KeyError(f"{key!r}; the history holds {', '.join(self) or 'nothing yet'}")

    def add(self, values: Mapping[str, float]) -> None:
        """Append an epoch."""
        for name, value in values.items():
            self.setdefault(name, []).append(value)


class Trainer:
    """Runs a training: epochs over batches, validation, metrics, checkpoints, stopping, resuming.

    Args:
        model: a Module; or anything with parameters() that can be called, or has forward.
        loss_fn: called with (outputs, target), returns the mean over the samples of a batch.
        optimizer: one made without parameters, `Adam(lr=0.001)`, is given the model's.
        metrics: what else to measure: a list of `Metric`s, each with a name of its own.
        scheduler: anything with step(), called after every epoch; after every step for OneCycleLR and LinearWarmup,
            whose numbers count steps. Or anything with get_lr(epoch), which gives the learning rate of each epoch.
        grad_clip_norm: longest gradient allowed, see clip_grad_norm_.
        scheduler_every: "epoch" or "step", to say it yourself.

    The order of the public TinyTorch, `Trainer(model, optimizer, loss_fn, scheduler, grad_clip_norm)`, is understood:
    what has a `step` is the optimizer. `evaluate` then gives an accuracy also without metrics.

    Attributes:
        history: name -> list of one value an epoch.
        epoch: epochs finished. step: optimizer steps taken.
        stopping: the EarlyStopping that watches the run; `stopping.best` is the best value of what is monitored.

    Raises:
        ValueError: two metrics of one name, an optimizer that moves none of the model's parameters.
        TypeError: no optimizer, or a metric that is none.
    """

    def __init__(
        self,
        model: Any,
        loss_fn: Any,
        optimizer: Any,
        metrics: Any = None,
        scheduler: Any = None,
        grad_clip_norm: float | None = None,
        scheduler_every: str | None = None,
    ):
        self._always_accuracy = False
        if hasattr(loss_fn, "step") and not hasattr(optimizer, "step"):
            loss_fn, optimizer = optimizer, loss_fn
            if hasattr(metrics, "step") or hasattr(metrics, "get_lr"):
                metrics, scheduler, grad_clip_norm = None, metrics, grad_clip_norm or scheduler
            self._always_accuracy = metrics is None
        self.model, self.loss_fn, self.optimizer = model, loss_fn, _bound(optimizer, model)
        self.metrics = _checked_metrics(metrics)
        self.scheduler, self.grad_clip_norm = scheduler, grad_clip_norm
        if scheduler_every not in (None, "epoch", "step"):
            raise ValueError(f"scheduler_every is 'epoch' or 'step', got {scheduler_every!r}")
        self.scheduler_every = scheduler_every or ("step" if _counts_steps(scheduler) else "epoch")
        self.history = History()
        self.epoch = self.step = 0
        self.stopping = EarlyStopping(None)
        self._loss = Mean()  # of the epoch under way
        self._batches_done = 0  # of the epoch under way
        self._lr_used = getattr(self.optimizer, "lr", math.nan)  # by the last step
        self._midway = False  # whether the next epoch is the rest of one that a checkpoint was taken in
        self._first_epoch = 0  # the epoch in which the current call of fit began
        self._best_weights: dict[str, Array] | None = None
        self._epoch_draws: dict[str, Any] | None = None  # the common generator at the beginning of the epoch
        self._loaders: dict[str, Any] = {}  # the loaders of the current call of fit
        self._saved_loaders: dict[str, Any] = {}  # their states in the checkpoint that was read
        self._saved_log = 0  # bytes of the log when that checkpoint was written
        self._log = runs.RunLog(None)

    @property
    def training_mode(self) -> bool:
        """Whether the model is in training mode."""
        return bool(getattr(self.model, "training", True))

    # ---- Task 7: a step, an epoch, an evaluation

    def train_step(self, batches: Sequence[Batch]) -> None:
        """One step of the optimizer along the gradient of the mean loss over all samples of `batches`.

        The batches go through the model one after the other, so that no more memory is needed than for one; the step is
        the one that a single batch of all their samples would cause. The loss and the metrics of the epoch,
        `self._loss` and `self.metrics`, take every batch in.
        """
        total = sum(_size(batch) for batch in batches)
        # Old gradients have to go first. self._forward(batch) gives (outputs, target, loss, samples); the gradient of
        # each loss counts by its batch's share of the samples. Clip before the step, if grad_clip_norm is not None:
        # self.optimizer.params are the tensors. Count self.step.
        raise NotImplementedError("a07_training: Trainer.train_step is yours to write")

    def train_epoch(
        self,
        loader: Iterable[Batch],
        accumulation_steps: int = 1,
        after_step: Callable[[int], None] | None = None,
    ) -> float:
        """Train on every batch of a loader once; returns the mean loss over its samples.

        Args:
            accumulation_steps: how many batches make one step; at the end of the epoch it may be fewer.
            after_step: called after each step with the number of its batches.

        Raises:
            ValueError: the loader is empty, or accumulation_steps is below 1.
        """
        if accumulation_steps < 1:
            raise ValueError(f"accumulation_steps is at least 1, got {accumulation_steps}")
        batches = self._begin_epoch(loader)
        # The model has to be in training mode (self._set_training). _groups(batches, accumulation_steps) gives the
        # lists for train_step. After each step: count self._batches_done, call self._schedule("step"), then after_step.
        raise NotImplementedError("a07_training: Trainer.train_epoch is yours to write")
        if not self._batches_done:
            raise ValueError("the loader gave no batch; an iterator can be used only once, a loader or a list again")
        return self._loss.compute()

    def evaluate(self, loader: Iterable[Batch]) -> Scores:
        """Mean loss and metrics over all samples of a loader, in evaluation mode and without recording gradients.

        The model is left in the mode it was in, and nothing of the training changes.

        Returns:
            `loss, accuracy = trainer.evaluate(loader)` with one metric; `scores["accuracy"]` by name.
        """
        loss, metrics = Mean(), [copy.deepcopy(metric) for metric in self._evaluated()]
        for metric in metrics:
            metric.reset()
        # The mode has to come back also when a batch raises: try ... finally.
        raise NotImplementedError("a07_training: Trainer.evaluate is yours to write")
        values = {"loss": loss.compute(), **{metric.name: metric.compute() for metric in metrics}}
        if self._always_accuracy:
            values.setdefault("accuracy", math.nan)
        return Scores(values)

    def predict(self, x: Any) -> Any:
        """The outputs of the model in evaluation mode: of a Tensor or ndarray of inputs, or of all batches of a loader.

        Batches may be (inputs, target) or inputs alone. Returns one tensor (N, ...).
        """
        single = isinstance(x, (TensorBase, np.ndarray))
        # _inputs(batch) gives the list of a batch's inputs. Join outputs with np.concatenate; wrap makes a tensor.
        raise NotImplementedError("a07_training: Trainer.predict is yours to write")

    # ---- given: what the four of them use

    def _model(self, *inputs: Any) -> Any:
        return self.model(*inputs) if callable(self.model) else self.model.forward(*inputs)

    def _forward(self, batch: Batch) -> tuple[Any, Any, Any, int]:
        """Outputs, target, loss and number of samples of a batch."""
        inputs, target = _split(batch)
        outputs = self._model(*inputs)
        loss = self.loss_fn(outputs, target) if callable(self.loss_fn) else self.loss_fn.forward(outputs, target)
        if loss.data.size != 1:
            raise ValueError(f"the loss of a batch is one number, got shape {loss.data.shape}; use reduction='mean'")
        return outputs, target, loss, _size(batch)

    def _set_training(self, mode: bool) -> None:
        if hasattr(self.model, "train"):
            self.model.train(mode)
        else:
            self.model.training = mode

    def _evaluated(self) -> list[Any]:
        """The metrics of an evaluation."""
        classifies = isinstance(self.loss_fn, (CrossEntropyLoss, NLLLoss))
        return [Accuracy()] if self._always_accuracy and classifies else self.metrics

    def _schedule(self, moment: str) -> None:
        """Let the scheduler go on, if it does so at this moment. A schedule that is over stays at its end."""
        scheduler = self.scheduler
        if moment == "step":
            self._lr_used = getattr(self.optimizer, "lr", math.nan)
        if scheduler is None or not hasattr(scheduler, "step") or self.scheduler_every != moment:
            return
        total = getattr(scheduler, "total_steps", None)
        if total is None or scheduler.last_epoch + 1 < total:
            scheduler.step()

    def _begin_epoch(self, loader: Iterable[Batch]) -> Iterator[Batch]:
        """The batches of the next epoch, or the rest of the one in which a checkpoint was taken."""
        midway, self._midway = self._midway and self._batches_done > 0, False
        if not midway:
            self._loss, self._batches_done = Mean(), 0
            for metric in self.metrics:
                metric.reset()
        if hasattr(self.scheduler, "get_lr"):
            self.optimizer.lr = self.scheduler.get_lr(self.epoch)
        saved = self._saved_loaders.pop("train", None)
        if hasattr(loader, "load_state_dict"):
            _restore(loader, saved)  # it knows itself where it stood
            return iter(loader)
        if hasattr(loader, "set_epoch"):
            loader.set_epoch(self.epoch)
        return self._skipping(loader, self._batches_done)

    def _skipping(self, loader: Iterable[Batch], done: int) -> Iterator[Batch]:
        """The batches after the first `done`, which are drawn as they were drawn before the checkpoint and dropped."""
        bits = generator().bit_generator
        now = bits.state
        if done:
            bits.state = self._epoch_draws
        else:
            self._epoch_draws = now
        batches = iter(loader)
        for _ in islice(batches, done):
            pass
        if done:
            bits.state = now
        return batches

    # ---- Task 8: the state of a run

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on, as a tree that `write_state` takes.

        The keys: "model" and "optimizer", "scheduler" (None without), "generator" (the state of the common generator),
        "loaders", "epoch", "step", and "progress": where in the epoch and in the call of fit it stands.
        """
        # _weights(model) names a model's arrays, _state_of(thing) is its state or None. The generator that every random
        # draw comes from has its state in generator().bit_generator.state, which can be read and assigned.
        raise NotImplementedError("a07_training: Trainer.state_dict is yours to write")

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Be where the trainer was that gave this state. The loaders follow when they are handed to `fit`."""
        # _load_weights and _restore undo _weights and _state_of. What the optimizer's state says about the learning
        # rate is the last word: restore the scheduler first. self._saved_loaders waits for the loaders.
        raise NotImplementedError("a07_training: Trainer.load_state_dict is yours to write")

    # ---- given: where it stands, and files

    def _progress(self) -> dict[str, Any]:
        return {
            "history": dict(self.history),
            "loss": vars(self._loss),
            "metrics": {metric.name: _state_of(metric) for metric in self.metrics},
            "batches_done": self._batches_done,
            "first_epoch": self._first_epoch,
            "epoch_draws": self._epoch_draws,
            "lr_used": self._lr_used,
            "stopping": self.stopping.state_dict(),
            "best_weights": self._best_weights,
            "log": self._log.length,
        }

    def _set_progress(self, progress: Mapping[str, Any]) -> None:
        self.history = History({name: list(values) for name, values in progress["history"].items()})
        vars(self._loss).update(progress["loss"])
        for metric in self.metrics:
            _restore(metric, progress["metrics"].get(metric.name))
        self._batches_done, self._first_epoch = progress["batches_done"], progress["first_epoch"]
        self._epoch_draws, self._best_weights = progress["epoch_draws"], progress["best_weights"]
        self.stopping.load_state_dict(progress["stopping"])
        self._lr_used, self._saved_log = progress["lr_used"], progress["log"]

    def save_checkpoint(self, path: Path) -> None:
        """Write the whole state of the run to one file, see `write_state`."""
        write_state(path, self.state_dict())

    def load_checkpoint(self, path: Path) -> None:
        """Read the state of a run. `fit` then begins a new epoch; `resume` goes on within the old one.

        A file of the best weights (`save_best`) holds a model only: then only the weights are read.
        """
        state = read_state(path)
        if "optimizer" in state:
            self.load_state_dict(state)
            self._saved_loaders = {}
        else:
            _load_weights(self.model, state["model"])

    def resume(self, path: Path) -> Trainer:
        """Read a checkpoint so that the next call of `fit` is the rest of the one that wrote it. Returns the trainer.

        Give that call the same arguments. Its end is that of an undisturbed run, bit for bit: weights, optimizer,
        history. A loader with state_dict and load_state_dict goes on where it stood; of other loaders the batches that
        were done are drawn again and dropped, which is the same if their order depends on `tinytorch.random` only.
        """
        self.load_state_dict(read_state(path))
        self._midway = True
        return self

    # ---- Task 9: the end of an epoch, and of a run

    def _end_epoch(self, values: dict[str, float], monitor: str, save_best: Path | bool | None) -> None:
        """Record an epoch: count it, let the schedule go on, write history and log, watch, remember the best.

        Args:
            values: the epoch's line of the history; `values[monitor]` is what is watched.
            save_best: whether the weights of the best epoch are remembered; a path gets them as a file too.
        """
        if monitor not in values:
            raise ValueError(f"nothing called {monitor!r} to monitor; there are {', '.join(values)}")
        # self._schedule("epoch"), self.history.add, self.stopping.step; then self.stopping.improved says whether this
        # is the best epoch so far. The arrays of _weights(self.model) go on changing: remember copies.
        raise NotImplementedError("a07_training: Trainer._end_epoch is yours to write")
        if self.stopping.improved and save_best not in (None, False, True):
            best = {"model": self._best_weights, "epoch": self.epoch, "value": values[monitor], "monitor": monitor}
            write_state(save_best, best)
        self._batches_done = 0
        self._log.write("epoch", epoch=self.epoch, step=self.step, best=self.stopping.improved, **values)

    def _restore_best(self) -> None:
        """Give the model the weights of its best epoch, if there is one."""
        raise NotImplementedError("a07_training: Trainer._restore_best is yours to write")

    # ---- given: the whole run

    def fit(
        self,
        train_loader: Iterable[Batch],
        val_loader: Iterable[Batch] | None = None,
        epochs: int = 1,
        save_best: Path | bool | None = None,
        checkpoint_path: Path | None = None,
        checkpoint_every: int | None = None,
        early_stopping_patience: int | None = None,
        accumulation_steps: int = 1,
        log_path: Path | None = None,
        progress: bool | str = True,
        monitor: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> History:
        """Train for so many epochs; returns the history.

        Args:
            train_loader, val_loader: iterables of batches (inputs, target) that can be gone through again and again.
            epochs: how many more; after `resume`, the number that the interrupted call was given.
            save_best: True or a path: at the end the model has the weights of its best epoch, which are also written to
                the path ({"model", "epoch", "value", "monitor"}, see read_state).
            checkpoint_path: where the state of the run is written after every epoch, and
            checkpoint_every: after so many steps as well.
            early_stopping_patience: stop after so many epochs in a row that were no better than the best one.
            accumulation_steps: see train_epoch.
            log_path: a file that gets one line of JSON an event.
            progress: True for a bar where standard error is a terminal, "always", or False.
            monitor: what is best: "val_loss" ("train_loss" without a val_loader) or the name of a metric.
            config: anything that should stand in the log's first line (the seed, say).

        The history has train_loss, val_loss, each metric, and with val_ in front, lr (of the epoch's last step) and
        seconds.
        """
        resumed = self._midway
        if not resumed:
            self._first_epoch, self._saved_log = self.epoch, sys.maxsize if self.epoch else 0
        last = self._first_epoch + epochs
        self._loaders = {"train": train_loader} | ({"val": val_loader} if val_loader is not None else {})
        _restore(val_loader, self._saved_loaders.pop("val", None))
        monitor = monitor or ("train_loss" if val_loader is None else "val_loss")
        self._begin_watching(monitor, early_stopping_patience, resumed)
        self._log = runs.RunLog(log_path, keep=self._saved_log)
        settings = {"epochs": epochs, "accumulation_steps": accumulation_steps, "monitor": monitor, **(config or {})}
        self._log.write("resume" if resumed else "start", **self._about(), config=settings, versions=runs.versions())
        save = _no_op if checkpoint_path is None else lambda: self.save_checkpoint(checkpoint_path)
        while self.epoch < last and not self.stopping.stopped:
            values = self._one_epoch(
                train_loader, val_loader, last, accumulation_steps, save, checkpoint_every, progress
            )
            self._end_epoch(values, monitor, save_best)
            save()
        if save_best:
            self._restore_best()
        facts = {"stopped_early": self.stopping.stopped, "best": self.stopping.best}
        self._log.write("end", epoch=self.epoch, step=self.step, **facts)
        self._log.close()
        self._log, self._loaders = runs.RunLog(None), {}
        return self.history

    def _begin_watching(self, monitor: str, patience: int | None, resumed: bool) -> None:
        before = self.stopping.state_dict()
        self.stopping = EarlyStopping(patience, mode="min" if monitor.endswith("loss") else "max")
        if resumed:
            self.stopping.load_state_dict(before)
        else:
            self._best_weights = None

    def _about(self) -> dict[str, Any]:
        """What the log says about the parts of the run."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "parameters": sum(p.data.size for p in self.model.parameters()),
            "model": repr(self.model),
            "loss_fn": repr(self.loss_fn),
            "optimizer": repr(self.optimizer),
            "scheduler": type(self.scheduler).__name__ if self.scheduler is not None else None,
            "grad_clip_norm": self.grad_clip_norm,
        }

    def _one_epoch(
        self,
        train: Any,
        val: Any,
        last: int,
        accumulation_steps: int,
        save: Callable[[], None],
        every: int | None,
        progress: bool | str,
    ) -> dict[str, float]:
        """Train and validate; returns the values for the history."""
        started = time.perf_counter()
        total = len(train) if hasattr(train, "__len__") else None
        bar = runs.ProgressBar(f"epoch {self.epoch + 1}/{last}", total, progress)
        bar.done = self._batches_done if self._midway else 0

        def after_step(batches: int) -> None:
            if every and self.step % every == 0:
                save()
            if bar.shown:
                bar.advance(batches, f"loss {self._loss.compute():.4f}")

        values = {"train_loss": self.train_epoch(train, accumulation_steps, after_step)}
        values |= {metric.name: metric.compute() for metric in self.metrics}
        if val is not None:
            values |= {f"val_{name}": value for name, value in self.evaluate(val).as_dict().items()}
        values |= {"lr": self._lr_used, "seconds": time.perf_counter() - started}
        bar.finish("  ".join(f"{name} {value:.4f}" for name, value in values.items() if name not in ("lr", "seconds")))
        return values

def _no_op() -> None:
    """What saves a run that keeps no checkpoints."""


def _inputs(batch: Any) -> list[Any]:
    """The inputs of a batch that may come with a target or without."""
    if not isinstance(batch, (tuple, list)):
        return [_tensor(batch)]
    return [_tensor(x) for x in (batch[:-1] if len(batch) > 1 else batch)]


def _bound(optimizer: Any, model: Any) -> Any:
    """An optimizer that moves the model's parameters."""
    if not hasattr(optimizer, "step"):
        raise TypeError(f"Trainer(model, loss_fn, optimizer): a {type(optimizer).__name__} has no step()")
    if isinstance(optimizer, Optimizer) and not optimizer.params:
        optimizer.bind(model.parameters())
    mine = {id(p) for p in model.parameters()}
    if hasattr(optimizer, "params") and not any(id(p) in mine for p in optimizer.params):
        raise ValueError("the optimizer moves none of the model's parameters; make it with model.parameters()")
    return optimizer


def _checked_metrics(metrics: Any) -> list[Any]:
    """A list of metrics of different names."""
    given = [] if metrics is None else list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    for metric in given:
        if isinstance(metric, type):
            raise TypeError(f"{metric.__name__} is a class, not a metric; make one: {metric.__name__}()")
        if not all(hasattr(metric, method) for method in ("reset", "update", "compute")):
            raise TypeError(f"a metric has reset, update and compute; a {type(metric).__name__} has not")
    names = [metric.name for metric in given]
    if len(set(names)) < len(names):
        raise ValueError(f"metrics are called {', '.join(names)}; give each its own: Precision(name='precision_micro')")
    return given


# ---- given: pictures -------------------------------------------------------------------------------------------------


def plot_training_history(history: Any, path: Path | None = None) -> Any:
    """Learning curves of a history, or of a Trainer; see `tinytorch.plots`. Needs matplotlib; returns the figure."""
    return plots.training_history(getattr(history, "history", history), path)


def plot_confusion_matrix(matrix: Any, classes: Sequence[str] | None = None, path: Path | None = None) -> Any:
    """A confusion matrix as a picture; see `tinytorch.plots`. Needs matplotlib; returns the figure."""
    return plots.confusion(matrix, classes, path)
