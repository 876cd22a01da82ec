"""What the tests may ask of a student's training code: small runs, as a user would write them.

Plain data in, plain data out. Models are the reference's own; what is trained is always so small that a few lines of
NumPy can say what must come out.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

import numpy as np
import tinytorch as tt
from tinytorch import nn, optim
from tinytorch.core import training
from tinytorch.core.autograd import is_grad_enabled
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import Trainer


def _folder() -> Any:
    """A folder that goes away. Where TMPDIR points may have changed since Python looked for it."""
    return tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR"))


# ---- what steers


def _with_gradients(gradients: list[Any]) -> list[Any]:
    params = []
    for g in gradients:
        p = Tensor(np.zeros(np.shape(g) if g is not None else (2,)), requires_grad=True)
        p.grad = None if g is None else np.array(g)
        params.append(p)
    return params


def clipped(gradients: list[Any], max_norm: float, **settings: Any) -> Any:
    """[what was returned, the gradients afterwards]"""
    params = _with_gradients(gradients)
    norm = training.clip_grad_norm_(params, max_norm, **settings)
    return [norm, [p.grad for p in params]]


def clipped_memory(gradients: list[Any], max_norm: float) -> Any:
    """The arrays that were the gradients before clipping, as they are afterwards."""
    params = _with_gradients(gradients)
    held = [p.grad for p in params]
    training.clip_grad_norm_(iter(params), max_norm)
    return held


def clipped_alone(gradient: Any, max_norm: float) -> Any:
    """One tensor in place of a list."""
    (p,) = _with_gradients([gradient])
    return [training.clip_grad_norm_(p, max_norm), p.grad]


def cosine(max_lr: float, min_lr: float, total: int, epochs: list[int]) -> Any:
    schedule = training.CosineSchedule(max_lr, min_lr, total_epochs=total)
    return [schedule.get_lr(epoch) for epoch in epochs]


def watched(values: list[float], patience: Any, **settings: Any) -> Any:
    """For each value what step returned, whether it was an improvement, and the best so far."""
    stopping = training.EarlyStopping(patience, **settings)
    return [[stopping.step(value), stopping.improved, stopping.best] for value in values]


# ---- what measures


def mean(values: list[float], samples: list[int]) -> Any:
    total = training.Mean()
    for value, count in zip(values, samples, strict=True):
        total.update(value, count)
    return total.compute()


def measured(kind: str, batches: list[Any], **settings: Any) -> Any:
    """A metric over batches [predictions, targets]."""
    metric = getattr(training, kind)(**settings)
    for predictions, targets in batches:
        metric.update(Tensor(predictions), targets)
    return metric.compute()


def measured_twice(kind: str, first: list[Any], second: list[Any]) -> Any:
    """The values of two epochs, with a reset in between."""
    metric = getattr(training, kind)()
    values = []
    for batches in (first, second):
        metric.reset()
        for predictions, targets in batches:
            metric.update(predictions, Tensor(targets))
        values.append(metric.compute())
    return values


def per_class(kind: str, batches: list[Any]) -> Any:
    metric = getattr(training, kind)()
    for predictions, targets in batches:
        metric.update(predictions, targets)
    return metric.per_class()


def confusion(predictions: Any, targets: Any, **settings: Any) -> Any:
    return training.confusion_matrix(predictions, targets, **settings)


# ---- checkpoints


def packed_and_back(tree: Any) -> Any:
    """A tree packed, its plain half through JSON, and unpacked."""
    arrays: dict[str, Any] = {}
    plain = json.dumps(training.pack(tree, arrays))
    return training.unpack(json.loads(plain), arrays)


def _with_other_keys(first: Any, second: Any) -> Any:
    """Keys that are integers, tuples of numbers, and two arrays whose paths are one."""
    return {0: first, 7: (1, (2.5, None)), "a/b": first, "a": {"b": second}}


def odd_keys_and_back(first: Any, second: Any) -> Any:
    """What comes back of such a tree, with the keys and kinds spelled out."""
    back = packed_and_back(_with_other_keys(first, second))
    kinds = [type(back[7]).__name__, type(back[7][1]).__name__]
    return [[repr(key) for key in back], kinds, list(back[7][1]), back[0], back["a/b"], back["a"]["b"]]


def packed_then_changed(array: Any, value: float) -> Any:
    """What unpack gives when the array was overwritten with `value` after it was packed."""
    array, arrays = np.array(array), {}
    plain = training.pack({"w": array}, arrays)
    array[...] = value
    return training.unpack(plain, arrays)["w"]


def through_a_file(tree: Any, name: str = "run.npz") -> Any:
    with _folder() as folder:
        path = os.path.join(folder, name)
        training.write_state(path, tree)
        return [sorted(os.listdir(folder)), training.read_state(path)]


def array_names(tree: Any) -> Any:
    """The names under which np.load finds the arrays of a checkpoint."""
    with _folder() as folder:
        path = os.path.join(folder, "run.npz")
        training.write_state(path, tree)
        with np.load(path, allow_pickle=False) as file:
            return [name for name in file.files if not name.endswith(".json")]


def after_a_failed_write(old: Any, new: Any) -> Any:
    """What a checkpoint holds when the disk fills up in the middle of writing the next one."""
    savez = np.savez

    def full_disk(file: Any, *args: Any, **arrays: Any) -> None:
        with open(file, "wb") if isinstance(file, (str, os.PathLike)) else file as stream:
            stream.write(b"half of it")
        raise OSError("no space left on device")

    with _folder() as folder:
        path = os.path.join(folder, "run.npz")
        training.write_state(path, old)
        np.savez = full_disk
        try:
            training.write_state(path, new)
        except OSError as error:
            failed = str(error)
        finally:
            np.savez = savez
        return [failed, training.read_state(path)]


def order_of_writing(tree: Any) -> Any:
    """Which of fsync and replace is called when, and how many bytes the file has at each."""
    events: list[Any] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(number: Any) -> None:
        events.append(["fsync", os.fstat(number).st_size])
        fsync(number)

    def watched_replace(source: Any, target: Any) -> None:
        events.append(["replace", os.path.getsize(source)])
        replace(source, target)

    os.fsync, os.replace = watched_fsync, watched_replace
    try:
        with _folder() as folder:
            path = os.path.join(folder, "run.npz")
            training.write_state(path, tree)
            return [events, os.path.getsize(path)]
    finally:
        os.fsync, os.replace = fsync, replace


# ---- the trainer


def _linear(weight: Any, bias: Any) -> Any:
    """A linear model with these numbers."""
    layer = nn.Linear(*np.shape(weight))
    layer.weight.data[...] = weight
    layer.bias.data[...] = bias
    return layer


def _numbers(layer: Any) -> list[Any]:
    return [layer.weight.numpy(), layer.bias.numpy()]


def regression(weight: Any, bias: Any, batches: list[Any], lr: float, epochs: int = 1, **settings: Any) -> Any:
    """A linear model fitted with SGD and the squared error: its numbers, the history and the steps taken."""
    model = _linear(weight, bias)
    optimizer = optim.SGD(lr=lr, momentum=settings.pop("momentum", 0.0))
    trainer = Trainer(model, nn.MSELoss(), optimizer, grad_clip_norm=settings.pop("grad_clip_norm", None))
    history = trainer.fit([tuple(batch) for batch in batches], epochs=epochs, progress=False, **settings)
    return {"numbers": _numbers(model), "train_loss": history["train_loss"], "step": trainer.step, "epoch": trainer.epoch}


def evaluated(weight: Any, bias: Any, batches: list[Any]) -> Any:
    """Loss, accuracy and macro recall of a linear classifier, evaluated over batches."""
    metrics = [training.Accuracy(), training.Recall()]
    trainer = Trainer(_linear(weight, bias), nn.CrossEntropyLoss(), optim.SGD(lr=1.0), metrics)
    return list(trainer.evaluate([tuple(batch) for batch in batches]))


def evaluated_beside_training(weight: Any, bias: Any, train: list[Any], val: list[Any]) -> Any:
    """History of two epochs at learning rate 0 with validation, and the model's numbers."""
    model = _linear(weight, bias)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(lr=0.0), [training.Accuracy()])
    history = trainer.fit([tuple(b) for b in train], [tuple(b) for b in val], epochs=2, progress=False)
    return {name: values for name, values in history.items() if name != "seconds"}


class _Diary(nn.Module):
    """A linear layer that notes for every call its mode and whether gradients are recorded."""

    def __init__(self) -> None:
        self.layer = nn.Linear(2, 2)
        self.inner = nn.Dropout(0.5)
        self.notes: list[Any] = []
        self.fails = False

    def forward(self, x: Any) -> Any:
        self.notes.append([self.training, self.inner.training, is_grad_enabled()])
        if self.fails:
            raise ValueError("asked to fail")
        return self.layer(x)


def diary(x: Any, y: Any, before: bool) -> Any:
    """[training, dropout's training, recording] in an evaluation, a prediction, an epoch of training; the mode after each."""
    model = _Diary()
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(lr=0.1))
    modes = []
    for act in (trainer.evaluate, trainer.predict, trainer.train_epoch):
        model.train(before)
        act([(x, y)])
        modes.append([model.training, model.inner.training])
    return [model.notes, modes]


def steps_told(batches: list[Any], accumulation_steps: int) -> list[int]:
    """What after_step is called with in an epoch."""
    told: list[int] = []
    trainer = Trainer(nn.Linear(3, 2), nn.CrossEntropyLoss(), optim.SGD(lr=0.1))
    trainer.train_epoch([(x, y) for x, y in batches], accumulation_steps, told.append)
    return told


def mode_after_failing(x: Any, y: Any, before: bool) -> Any:
    """The mode of a model whose forward raised in an evaluation, and in a prediction."""
    modes = []
    for act in ("evaluate", "predict"):
        model = _Diary()
        trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(lr=0.1))
        model.train(before)
        model.fails = True
        try:
            getattr(trainer, act)([(x, y)])
        except ValueError:
            modes.append(model.training)
    return modes


def predicted(weight: Any, bias: Any, x: Any, sizes: list[int]) -> Any:
    """Outputs for an array, for batches (inputs, target) of the given sizes, and for batches of inputs alone."""
    trainer = Trainer(_linear(weight, bias), nn.CrossEntropyLoss(), optim.SGD(lr=1.0))
    parts = np.split(x, np.cumsum(sizes)[:-1])
    with_targets = [(part, np.zeros(len(part), int)) for part in parts]
    return [trainer.predict(given).numpy() for given in (x, with_targets, parts)]


# ---- whole runs


def _resumable(seed: int, dropout: float, make: str, schedule: str | None) -> Any:
    """A trainer of a small network. `make` names the optimizer."""
    tt.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 2))
    model.register_buffer("calls", np.zeros(1, "float32"))
    optimizer = {"sgd": optim.SGD, "adam": optim.Adam}[make](model.parameters(), lr=0.05)
    scheduler = None if schedule is None else getattr(optim, schedule)(optimizer, 0.5)
    return Trainer(model, nn.CrossEntropyLoss(), optimizer, [training.Accuracy()], scheduler=scheduler)


class _Stopped(Exception):
    """The power went out."""


class _Stopping:
    """A list of batches; at number `at`, counted over all epochs, the power goes out."""

    def __init__(self, batches: list[Any], at: int):
        self.batches, self.left = batches, at

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Any:
        for batch in self.batches:
            if self.left == 0:
                raise _Stopped
            self.left -= 1
            yield batch


class _Shuffled:
    """Batches in a random order of its own, which knows where it stands."""

    def __init__(self, batches: list[Any], seed: int):
        self.batches, self.seed, self.epoch, self.place = batches, seed, 0, 0

    def __iter__(self) -> Any:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.batches))
        while self.place < len(order):
            self.place += 1
            yield self.batches[order[self.place - 1]]
        self.epoch, self.place = self.epoch + 1, 0

    def state_dict(self) -> dict[str, int]:
        return {"seed": self.seed, "epoch": self.epoch, "place": self.place}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.seed, self.epoch, self.place = state["seed"], state["epoch"], state["place"]


def _outcome(trainer: Trainer) -> Any:
    history = {name: values for name, values in trainer.history.items() if name != "seconds"}
    return [[p.numpy() for p in trainer.model.parameters()], history, trainer.step, trainer.model.calls]


def stopped_and_resumed(batches: list[Any], epochs: int, at: int, shuffled: bool = False, **made: Any) -> Any:
    """Outcomes of a run that nothing disturbed and of one that stopped at batch `at` and was resumed by another program."""
    batches = [tuple(batch) for batch in batches]

    def loader(seed: int) -> Any:
        return _Shuffled(batches, seed) if shuffled else batches

    whole = _resumable(1, **made)
    whole.model.calls[...] = 3
    whole.fit(loader(5), epochs=epochs, progress=False)
    with _folder() as folder:
        path = os.path.join(folder, "run.npz")
        first = _resumable(1, **made)
        first.model.calls[...] = 3
        source = _Cut(loader(5), at) if shuffled else _Stopping(batches, at)
        try:
            first.fit(source, epochs=epochs, checkpoint_path=path, checkpoint_every=1, progress=False)
        except _Stopped:
            second = _resumable(99, **made)
            tt.manual_seed(12345)
            second.resume(path)
            second.fit(loader(77), epochs=epochs, progress=False)
            return [_outcome(whole), _outcome(second)]
    return None


class _Cut(_Stopping):
    """The same around a loader that has a state."""

    def __init__(self, loader: Any, at: int):
        super().__init__(loader, at)  # type: ignore[arg-type]

    def state_dict(self) -> dict[str, int]:
        return self.batches.state_dict()  # type: ignore[attr-defined]

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.batches.load_state_dict(state)  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self.batches.batches)  # type: ignore[attr-defined]


def learning_rates(batches: list[Any], epochs: int, gamma: float, by: str) -> Any:
    """The history's learning rates under a scheduler that shrinks by `gamma`, and the optimizer's at the end."""
    optimizer = optim.SGD(lr=1.0)
    model = nn.Linear(2, 1)
    trainer = Trainer(
        model, nn.MSELoss(), optimizer, scheduler=optim.ExponentialLR(optimizer, gamma), scheduler_every=by
    )
    history = trainer.fit([tuple(batch) for batch in batches], epochs=epochs, progress=False)
    return [history["lr"], optimizer.lr]


class _Given(training.Metric):
    """A metric that gives numbers from a list, one an epoch, whatever the model does."""

    def __init__(self, values: list[float]):
        self.values = list(values)
        super().__init__(name="given")

    def reset(self) -> None:
        pass

    def update(self, predictions: Any, targets: Any) -> None:
        pass

    def compute(self) -> float:
        return self.values.pop(0)


class _NewArrays(optim.SGD):
    """Plain steps that leave the old arrays as they are."""

    def step(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                p.data = p.data - np.float32(group["lr"]) * p.grad


def chosen(weight: Any, bias: Any, batches: list[Any], lr: float, values: list[float], **settings: Any) -> Any:
    """A linear regression whose epochs are judged by `values`, larger being better: numbers, epochs, and the best file."""
    model = _linear(weight, bias)
    kind = _NewArrays if settings.pop("new_arrays", False) else optim.SGD
    trainer = Trainer(model, nn.MSELoss(), kind(lr=lr), [_Given(values)])
    with _folder() as folder:
        path = os.path.join(folder, "best.npz")
        best = path if settings.pop("to_a_file", False) else settings.pop("save_best", True)
        data = [tuple(batch) for batch in batches]
        history = trainer.fit(data, epochs=len(values), save_best=best, monitor="given", progress=False, **settings)
        held = training.read_state(path) if best == path else None
    saved = None if held is None else [held["model"]["weight"], held["model"]["bias"], held["epoch"], held["value"]]
    return {"numbers": _numbers(model), "given": history["given"], "epoch": trainer.epoch, "saved": saved}


def state_keys(batches: list[Any]) -> Any:
    """The keys of a trainer's state after an epoch, and what it says about epochs and steps."""
    trainer = Trainer(nn.Linear(2, 1), nn.MSELoss(), optim.Adam(lr=0.1))
    trainer.fit([tuple(batch) for batch in batches], progress=False)
    state = trainer.state_dict()
    return [sorted(state), state["epoch"], state["step"], sorted(state["model"])]
