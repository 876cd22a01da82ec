"""What the tests may ask of a student's data loading: a few lines each, as a user would write them.

Plain data in, plain data out; arrays keep their dtype. Datasets and functions that cannot travel are made here.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from tinytorch.core import dataloader
from tinytorch.core.dataloader import (
    Compose,
    DataLoader,
    Dataset,
    ImageDataset,
    SequenceDataset,
    Subset,
    TensorDataset,
    Transformed,
    default_collate,
    random_split,
)
from tinytorch.core.tensor import Tensor, manual_seed


def _plain(value: Any) -> Any:
    """Tensors as arrays, inside tuples, lists and dicts too."""
    if isinstance(value, (tuple, list)):
        return type(value)(_plain(v) for v in value)
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    return value.numpy() if isinstance(value, Tensor) else value


class _Numbers(Dataset):
    """Samples (i, 10 i), one by one, remembering which were asked for; number `broken` cannot be read."""

    def __init__(self, n: int, broken: int | None = None):
        self.n, self.broken = n, broken
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> tuple[int, int]:
        if index == self.broken:
            raise KeyError(f"sample {index} is torn")
        self.asked.append(index)
        return index, 10 * index


# ---- datasets


def _first(batch: Any) -> Any:
    """The numbers of the first tensor of a batch, in one line."""
    return batch[0].numpy().ravel()


def sample(arrays: list[Any], index: Any) -> Any:
    return _plain(TensorDataset(*arrays)[index])


def sample_by_slice(arrays: list[Any], start: int, stop: int) -> Any:
    return _plain(TensorDataset(*arrays)[start:stop])


def gathered(arrays: list[Any], indices: Any) -> Any:
    return _plain(TensorDataset(*arrays).gather(np.asarray(indices)))


def of_one_array(x: Any, index: int, indices: Any) -> Any:
    """A sample and a batch of a dataset of one array, without the tuples around them."""
    dataset = TensorDataset(x)
    (sample,), (batch,) = dataset[index], dataset.gather(np.asarray(indices))
    return sample.numpy(), batch.numpy()


def of_one_tensor(x: Any, index: int, indices: Any) -> Any:
    """The same for a tensor that has the array's dtype."""
    dataset = TensorDataset(Tensor(x, dtype=x.dtype))
    (sample,), (batch,) = dataset[index], dataset.gather(np.asarray(indices))
    return sample.numpy(), batch.numpy()


def length(arrays: list[Any]) -> Any:
    return len(TensorDataset(*arrays))


def samples_after_writing(x: Any, value: float, indices: Any) -> Any:
    """A batch that was gathered before `value` was written into the array, and the same one gathered after."""
    x = x.copy()
    dataset = TensorDataset(x)
    before = dataset.gather(np.asarray(indices))
    x[...] = value
    return [*_plain(before), *_plain(dataset.gather(np.asarray(indices)))]


def collated(samples: list[Any]) -> Any:
    return _plain(default_collate(samples))


def kinds_collated(x: Any) -> Any:
    """Class names of the batch of samples [row, (row, row)], and of its second part."""
    batch = default_collate([[row, (row, row)] for row in x])
    return [type(batch).__name__, type(batch[1]).__name__]


def collated_tensors(arrays: list[Any]) -> Any:
    """Of samples that are tensors with their arrays' dtypes."""
    return _plain(default_collate([Tensor(a, dtype=a.dtype) for a in arrays]))


def subset(x: Any, indices: list[int], index: int) -> Any:
    """Length of a subset, its sample `index`, and the batch of all its samples backwards."""
    part = Subset(TensorDataset(x), indices)
    return len(part), _plain(part[index]), _plain(part.gather(np.arange(len(part))[::-1]))


def subset_made(n: int, indices: list[int]) -> Any:
    """Length of a subset that nothing is asked of."""
    return len(Subset(TensorDataset(np.arange(n)), indices))


def subset_of_subset(x: Any, outer: list[int], inner: list[int]) -> Any:
    """All samples of a part of a part, one by one and as the batches of a loader."""
    part = Subset(Subset(TensorDataset(x), outer), inner)
    one_by_one = [_plain(part[i]) for i in range(len(part))]
    return one_by_one, [_plain(batch) for batch in DataLoader(part, batch_size=2)]


def subset_of_a_list(values: list[float], indices: list[int]) -> Any:
    """A part of a plain list, sample by sample and in batches."""
    part = Subset(values, indices)
    return [part[i] for i in range(len(part))], [_plain(batch) for batch in DataLoader(part, batch_size=3)]


def split(n: int, lengths: list[float], seed: int) -> Any:
    """The samples of each part of a split of 0 to n - 1, through the parts themselves."""
    parts = random_split(TensorDataset(np.arange(n)), lengths, seed=seed)
    return [_first(part.gather(np.arange(len(part)))) for part in parts]


def split_after_manual_seed(n: int, lengths: list[float], seed: int) -> Any:
    manual_seed(seed)
    return [np.ravel(part.indices) for part in random_split(TensorDataset(np.arange(n)), lengths)]


# ---- transforms


def transformed(kind: str, settings: list[Any], x: Any, seed: int = 0, tensor: bool = True) -> Any:
    """A transform with its settings, called once on a tensor (or on the bare array) of the array's dtype."""
    manual_seed(seed)
    return _plain(getattr(dataloader, kind)(*settings)(Tensor(x, dtype=x.dtype) if tensor else x))


def kind_returned(kind: str, settings: list[Any], x: Any) -> Any:
    """Class names of what comes back for a tensor and for an array, and their shapes."""
    transform = getattr(dataloader, kind)(*settings)
    from_tensor, from_array = transform(Tensor(x)), transform(x)
    names = [type(from_tensor).__name__, type(from_array).__name__]
    return names, list(from_tensor.shape), list(from_array.shape)


def input_after(kind: str, settings: list[Any], x: Any) -> Any:
    """What the input holds after the call, when the result was overwritten with -1 as well."""
    t = Tensor(x)
    getattr(dataloader, kind)(*settings)(t).data[...] = -1
    return t.numpy()


def composed(x: Any, mean: float, size: int, seed: int) -> Any:
    """Crop, then flip always, then shift by `mean`: as one transform."""
    manual_seed(seed)
    steps = [dataloader.RandomCrop(size), dataloader.RandomHorizontalFlip(1), dataloader.Normalize(mean, 1)]
    return _plain(Compose(steps)(Tensor(x)))


def composed_numbers(x: float) -> Any:
    """Two functions of numbers, one after the other."""
    return Compose([lambda v: v + 1, lambda v: v * 3])(x)


def one_at_a_time(images: Any, add: float) -> Any:
    """A batch through a user's function for single images, alone and behind a transform for batches."""
    labels = np.arange(len(images))
    function = lambda image: Tensor(image.numpy().sum(axis=(1, 2)) + add)  # noqa: E731
    alone = ImageDataset(images, labels, transform=function)
    behind = ImageDataset(images, labels, transform=Compose([dataloader.Normalize(0, 2), function]))
    return [_plain(dataset.gather(np.arange(len(images))))[0] for dataset in (alone, behind)]


def batch_and_single(images: Any, labels: Any, index: int) -> Any:
    """A wrapped dataset: one sample, the batch of all, and the batch of all of the dataset that was wrapped."""
    base = ImageDataset(images, labels)
    wrapped = Transformed(base, dataloader.RandomHorizontalFlip(1))
    everything = np.arange(len(images))
    (image, label), (batch, batch_labels) = wrapped[index], wrapped.gather(everything)
    return _plain([image, label]), _plain([batch, batch_labels]), _plain(base.gather(everything))


def augmented_half(images: Any, labels: Any, seed: int) -> Any:
    """Both halves of a split, after the first was given a transform and read twice: images and labels of each."""
    base = ImageDataset(images, labels)
    train, validate = random_split(base, [0.5, 0.5], seed=seed)
    train = Transformed(train, dataloader.RandomHorizontalFlip(1))
    everything = np.arange(len(train))
    train.gather(everything)
    (x, y), (other_x, other_y) = train.gather(everything), validate.gather(everything)
    return _plain([x, y.reshape(-1)]), _plain([other_x, other_y.reshape(-1)])


def wrapped_images_alone(x: Any, mean: float) -> Any:
    """A dataset whose samples are images and nothing else: one sample, and a batch."""
    dataset = Transformed([Tensor(image) for image in x], dataloader.Normalize(mean, 1))
    return _plain(dataset[0]), _plain(dataset.gather(np.arange(len(x))))


def steps_run(what: str, n: int) -> Any:
    """How many lines of Python run for a batch of n: tracing counts every line, and every turn of a loop again."""
    images = np.ones((n, 1, 6, 6), np.float32)
    chain = Compose([dataloader.RandomCrop(5, 1), dataloader.RandomHorizontalFlip()])
    chained = ImageDataset(images.astype(np.uint8), np.arange(n), transform=chain)
    actions: dict[str, Callable[[], Any]] = {
        "TensorDataset.gather": lambda: TensorDataset(images).gather(np.arange(n)),
        "Subset.gather": lambda: Subset(TensorDataset(images), range(n)).gather(np.arange(n)),
        "SequenceDataset.gather": lambda: SequenceDataset(np.arange(4 * n), 4, 1).gather(np.arange(n)),
        "RandomCrop": lambda: dataloader.RandomCrop(5, 1)(images),
        "RandomHorizontalFlip": lambda: dataloader.RandomHorizontalFlip()(images),
        "Normalize": lambda: dataloader.Normalize(0.5, 0.5)(images),
        "Compose": lambda: chained.gather(np.arange(n)),
    }
    actions[what]()  # what happens only once, such as imports, is over then
    steps = 0

    def count(frame: Any, event: str, argument: Any) -> Any:
        nonlocal steps
        steps += 1
        return count

    sys.settrace(count)
    try:
        actions[what]()
    finally:
        sys.settrace(None)
    return steps


# ---- the loader


def epochs(arrays: list[Any], count: int, settings: dict[str, Any]) -> Any:
    """All batches of the first `count` epochs."""
    loader = DataLoader(TensorDataset(*arrays), **settings)
    return [[_plain(batch) for batch in loader] for _ in range(count)]


def orders(n: int, count: int, settings: dict[str, Any]) -> Any:
    """The samples of the first `count` epochs over 0 to n - 1, each epoch in one line."""
    loader = DataLoader(TensorDataset(np.arange(n)), **settings)
    return [np.concatenate([_first(batch) for batch in loader]) for _ in range(count)]


def labelled_order(labels: Any, settings: dict[str, Any]) -> Any:
    """An epoch over samples (3 * label, label): both in one line each."""
    loader = DataLoader(TensorDataset(3.0 * labels, labels), **settings)
    pairs = [(x.numpy().ravel(), y.numpy().ravel()) for x, y in loader]
    return [np.concatenate(part) for part in zip(*pairs, strict=True)]


def epochs_after_manual_seed(n: int, count: int, seed: int) -> Any:
    """The orders of a loader that was given no seed."""
    manual_seed(seed)
    loader = DataLoader(TensorDataset(np.arange(n)), batch_size=n, shuffle=True)
    return [_first(batch) for _ in range(count) for batch in loader]


def batches_announced(n: int, settings: dict[str, Any]) -> Any:
    """len(loader)."""
    return len(DataLoader(TensorDataset(np.arange(n)), **settings))


def from_samples(n: int, settings: dict[str, Any]) -> Any:
    """All batches of a dataset that knows single samples only."""
    return [(x.numpy().ravel(), y.numpy().ravel()) for x, y in DataLoader(_Numbers(n), **settings)]


def with_collate_fn(values: list[float], batch_size: int, factor: float) -> Any:
    """What a collate_fn makes of the samples of each batch: their sum times a factor, and how many they were."""

    def total(samples: list[Any]) -> Any:
        return [factor * sum(float(x.item()) for (x,) in samples), len(samples)]

    return list(DataLoader(TensorDataset(np.array(values)), batch_size=batch_size, collate_fn=total))


def samples_asked_one_by_one(n: int, batch_size: int) -> Any:
    """How often an epoch calls `__getitem__` of a dataset that can gather, and the sum of what it gives."""
    calls = []

    class Counting(TensorDataset):
        def __getitem__(self, index: Any) -> Any:
            calls.append(index)
            return super().__getitem__(index)

    total = sum(float(x.numpy().sum()) for (x,) in DataLoader(Counting(np.arange(n)), batch_size=batch_size))
    return len(calls), total


def places_of_crops(n: int, batch_size: int, count: int, settings: dict[str, Any]) -> Any:
    """The number that a 1x1 window cut out of an image of the numbers 0 to 255 holds, for each image of each epoch."""
    images = np.broadcast_to(np.arange(256, dtype=np.uint8).reshape(1, 16, 16), (n, 16, 16))
    dataset = ImageDataset(images, np.arange(n), transform=dataloader.RandomCrop(1), levels=1)
    loader = DataLoader(dataset, batch_size=batch_size, **settings)
    return [np.concatenate([x.numpy().ravel() for x, _ in loader]) for _ in range(count)]


# ---- where the loader stands


def _standing(n: int, settings: dict[str, Any]) -> DataLoader:
    return DataLoader(TensorDataset(np.arange(n)), **settings)


def states(n: int, settings: dict[str, Any], count: int) -> Any:
    """state_dict() before, with each batch in hand, and after each of the first `count` epochs."""
    loader = _standing(n, settings)
    found = [loader.state_dict()]
    for _ in range(count):
        found += [loader.state_dict() for _ in loader]
        found.append(loader.state_dict())
    return found


def states_after(n: int, settings: dict[str, Any], epoch: int, batch: int) -> Any:
    """The states of a loader that was told where to go on, with each batch in hand until the epoch ends, and then."""
    loader = _standing(n, settings)
    loader.load_state_dict({"seed": settings["seed"], "epoch": epoch, "batch": batch})
    return [loader.state_dict(), *[loader.state_dict() for _ in loader], loader.state_dict()]


def resumed(n: int, settings: dict[str, Any], epoch: int, batch: int, other_seed: int) -> Any:
    """The batches after a stop with batch number `batch` of `epoch` in hand, in a new loader: rest of it, and one more.

    Beside them what an undisturbed loader gives in these two epochs.
    """
    undisturbed = _standing(n, settings)
    kept, state = [], None
    for e in range(epoch + 2):
        whole = []
        for i, values in enumerate(undisturbed):
            whole.append(_first(values))
            if (e, i + 1) == (epoch, batch):
                state = undisturbed.state_dict()
        kept.append(whole)
    loader = _standing(n, {**settings, "seed": other_seed})
    loader.load_state_dict(state)
    rest, following = ([_first(values) for values in loader] for _ in range(2))
    return rest, following, kept[epoch], kept[epoch + 1]


def resumed_between(n: int, settings: dict[str, Any], other_seed: int) -> Any:
    """One epoch after a stop between the first and the second, and what an undisturbed loader gives in its second."""
    loader = _standing(n, settings)
    list(loader)
    again = _standing(n, {**settings, "seed": other_seed})
    again.load_state_dict(loader.state_dict())
    return [_first(values) for values in again], [_first(values) for values in loader]


def fetched_by_a_resumed_loader(n: int, batch_size: int, batch: int, workers: int) -> Any:
    """Which samples a loader asks for when it goes on after batch number `batch` of its first epoch."""
    dataset = _Numbers(n)
    loader = DataLoader(dataset, batch_size=batch_size, num_workers=workers)
    loader.load_state_dict({"seed": 0, "epoch": 0, "batch": batch})
    for _ in loader:
        pass
    return sorted(dataset.asked)


def orders_after_break(n: int, seed: int) -> Any:
    """First batches of an epoch that was left and of the next, also after a state was loaded, and undisturbed epochs."""
    settings = {"batch_size": n, "shuffle": True, "seed": seed}
    loader, told, undisturbed = (_standing(n, settings) for _ in range(3))
    told.load_state_dict({"seed": seed, "epoch": 0, "batch": 0})
    found = [[_first(next(iter(left))) for _ in range(2)] for left in (loader, told)]
    return *found, [_first(batch) for _ in range(2) for batch in undisturbed]


def two_at_once(n: int, seed: int) -> Any:
    """Samples of two iterations that advance in turn."""
    loader = _standing(n, {"batch_size": 2, "shuffle": True, "seed": seed})
    pairs = [(_first(a), _first(b)) for a, b in zip(loader, loader, strict=True)]
    return np.concatenate([a for a, b in pairs]), np.concatenate([b for a, b in pairs])


# ---- workers


def torn(n: int, broken: int, settings: dict[str, Any]) -> Any:
    """An epoch over samples of which one cannot be read."""
    return [_plain(batch) for batch in DataLoader(_Numbers(n, broken), **settings)]


def batches_before_the_torn_one(n: int, broken: int, settings: dict[str, Any]) -> Any:
    """The batches that arrive before the error does."""
    arrived = []
    try:
        for batch in DataLoader(_Numbers(n, broken), **settings):
            arrived.append(_plain(batch))
    except KeyError:
        return arrived
    return "no error came"


def threads_left(n: int, how: str, settings: dict[str, Any]) -> Any:
    """First batch of an epoch that is left early ("break", or "error" in the loop), and new threads alive after it."""
    before = threading.active_count()
    first = []
    try:
        for batch in DataLoader(_Numbers(n), **settings):
            first.append(_plain(batch))
            if how == "error":
                raise LookupError
            break
    except LookupError:
        pass
    return first, threading.active_count() - before


class _Slow(_Numbers):
    """Samples of which each is waited for."""

    def __getitem__(self, index: int) -> tuple[int, int]:
        sample = super().__getitem__(index)
        time.sleep(0.25)
        return sample


def left_while_fetching(n: int, settings: dict[str, Any]) -> Any:
    """First batch of slow samples, new threads alive after an early end, and how many samples were ever asked for."""
    before = threading.active_count()
    dataset = _Slow(n)
    for batch in DataLoader(dataset, **settings):
        first = _plain(batch)
        break
    return first, threading.active_count() - before, len(dataset.asked)


class _Meeting(Dataset):
    """Samples that can be read only by two threads at the same time."""

    def __init__(self, n: int):
        self.n = n
        self.barrier = threading.Barrier(2, timeout=4)

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> int:
        self.barrier.wait()
        return index


def met(n: int, workers: int) -> Any:
    """An epoch, one sample a batch, over samples for which two workers have to work at the same time."""
    return [_plain(batch) for batch in DataLoader(_Meeting(n), num_workers=workers)]


def fetched_ahead(n: int, settings: dict[str, Any], batches: int) -> Any:
    """How many samples have been read while batch number `batches` is in hand and nobody hurries; and the batch."""
    dataset = _Numbers(n)
    iterator = iter(DataLoader(dataset, **settings))
    for _ in range(batches):
        batch = next(iterator)
    count, quiet = -1, 0
    while quiet < 4:
        time.sleep(0.03)
        quiet = quiet + 1 if len(dataset.asked) == count else 0
        count = len(dataset.asked)
    return count, _plain(batch)


# ---- windows of a text


def window(ids: Any, seq_len: int, stride: int | None, index: int) -> Any:
    return _plain(SequenceDataset(ids, seq_len, stride)[index])


def windows(ids: Any, seq_len: int, stride: int | None, indices: Any) -> Any:
    return _plain(SequenceDataset(ids, seq_len, stride).gather(np.asarray(indices)))


def window_count(n: int, seq_len: int, stride: int | None = None) -> Any:
    return len(SequenceDataset(np.arange(n), seq_len, stride))
