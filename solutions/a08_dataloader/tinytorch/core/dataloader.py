"""Data loading: datasets, the loader that cuts them into shuffled batches, and transforms that vary images.

The file has four parts. First datasets, which know their length and give samples, one or many at a time; then
transforms, functions of whole batches of images; then `DataLoader`, which decides the order, fetches batches (ahead, in
threads, if asked to) and can say where it stands; then the given data sets. Where their files lie, and whether they are
whole, is the frame's part (`tinytorch/data/sources.py`).
"""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from tinytorch.core.tensor import Tensor as Tensor  # wrap makes these
from tinytorch.data import sources
from tinytorch.dispatch import TensorBase, wrap
from tinytorch.random import generator as common_generator

Array = np.ndarray
Transformation = Callable[[Any], Any]

# ==== Part one: datasets ==============================================================================================


def _as_tensor(values: Any) -> Any:
    """Numbers as a tensor: a Tensor as it is, integers and bools with their dtype, other numbers as float32.

    An ndarray that has the right dtype already is not copied: the tensor lies on the same memory.
    """
    if isinstance(values, TensorBase):
        return values
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"samples are numbers, not {type(values).__name__} of dtype {array.dtype}; convert them first")
    return wrap(array if array.dtype.kind in "biu" else array.astype(np.float32, copy=False))


class Dataset(ABC):
    """Samples by number. A subclass writes `__len__` and `__getitem__`, and `gather` where it can do better."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of samples."""

    @abstractmethod
    def __getitem__(self, index: int) -> Any:
        """One sample: a tuple such as (image, label), or one tensor. IndexError beyond the last."""

    def gather(self, indices: Array) -> Any:
        """The batch of the samples with these numbers, in this order. Here: one by one, then collated."""
        return default_collate([self[i] for i in indices.tolist()])


def _gather(dataset: Any, indices: Array) -> Any:
    """The batch of these samples of anything that has samples: its own `gather` if it has one, else one by one."""
    if hasattr(dataset, "gather"):
        return dataset.gather(indices)
    return default_collate([dataset[i] for i in indices.tolist()])


# ---- Task 1: a dataset in memory -------------------------------------------------------------------------------------


class TensorDataset(Dataset):
    """Tensors of equal length: sample i is the tuple of their elements i (torch.utils.data.TensorDataset).

    Args:
        tensors: Tensors or ndarrays of shapes (N, ...). Tensors keep their dtype. Of arrays, integers keep theirs too,
            so that labels come out as integer tensors; floats become float32. No data is copied.

    Raises:
        ValueError: no tensor, a single number, or unequal lengths; names the lengths.
    """

    def __init__(self, *tensors: Any):
        self.tensors = tuple(_as_tensor(t) for t in tensors)
        # Every tensor needs a first dimension (t.ndim), and all the same: say all lengths where they differ.
        # BEGIN SOLUTION
        if not tensors or any(t.ndim == 0 for t in self.tensors):
            raise ValueError("TensorDataset needs one or more tensors of shape (N, ...); give it arrays of samples")
        lengths = [t.shape[0] for t in self.tensors]
        if len(set(lengths)) > 1:
            raise ValueError(f"TensorDataset: tensors of lengths {lengths} are no samples; make the lengths equal")
        # END SOLUTION

    def __len__(self) -> int:
        # BEGIN SOLUTION
        return self.tensors[0].shape[0]
        # END SOLUTION

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        """Sample `index` as a tuple of tensors; an index array or a slice gives a batch in the same form."""
        # wrap(array) makes a tensor; indexing may give a single number, which np.asarray makes an array of shape ().
        # BEGIN SOLUTION
        return tuple(wrap(np.asarray(t.data[index])) for t in self.tensors)
        # END SOLUTION

    def gather(self, indices: Array) -> tuple[Any, ...]:
        """The samples of an index array (n,), as a tuple of tensors (n, ...): one fancy index a tensor, no loop."""
        # This line runs for every batch. array.take(indices, axis=0) is array[indices], a little quicker, and
        # wrap(array) makes a tensor without copying once more.
        # BEGIN SOLUTION
        return tuple([wrap(t.data.take(indices, axis=0)) for t in self.tensors])
        # END SOLUTION


# ---- Task 2: samples into a batch ------------------------------------------------------------------------------------


def default_collate(samples: Sequence[Any]) -> Any:
    """A list of samples as one batch (torch.utils.data.default_collate).

    Tensors, arrays and numbers of one shape are stacked along a new first dimension: tensors and integers keep their
    dtype (Python's integers become int64), other numbers become float32. Tuples become a tuple of batches, lists a
    list, dicts a dict; text stays a list.

    Raises:
        ValueError: an empty list, or shapes that differ; names the shapes. TypeError: anything else.
    """
    # A batch of tuples is the tuple of the batches of their parts: zip(*samples, strict=True) gives the parts, and this
    # function makes the batch of each. What is left at the end are numbers: stack them as arrays, then _as_tensor.
    # BEGIN SOLUTION
    if not samples:
        raise ValueError("default_collate needs at least one sample, got an empty list")
    first = samples[0]
    if isinstance(first, (tuple, list)):
        parts = [default_collate(part) for part in zip(*samples, strict=True)]
        return tuple(parts) if isinstance(first, tuple) else parts
    if isinstance(first, dict):
        return {key: default_collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, str):
        return list(samples)
    arrays = [_as_tensor(sample).data for sample in samples]
    if len({a.shape for a in arrays}) > 1:
        raise ValueError(
            f"default_collate: samples of shapes {', '.join(str(a.shape) for a in arrays)} make no batch;"
            " crop or pad them to one shape, or give the loader a collate_fn"
        )
    return wrap(np.stack(arrays))
    # END SOLUTION


# ---- Task 3: parts of a dataset --------------------------------------------------------------------------------------


class Subset(Dataset):
    """The samples of a dataset with the given numbers, in the given order (torch.utils.data.Subset).

    Raises:
        IndexError: a number that the dataset does not have; names it. TypeError: numbers that are not integers.
    """

    def __init__(self, dataset: Any, indices: Sequence[int] | Array):
        self.dataset = dataset
        self.indices = np.asarray(indices, dtype=None if len(indices) else np.int64)
        if self.indices.dtype.kind not in "iu" or self.indices.ndim != 1:
            raise TypeError("Subset needs a list of integers: the numbers of the samples that belong to it")
        # Numbers from -len(dataset) to len(dataset) - 1 are there; look for others now, not in the middle of an epoch.
        # BEGIN SOLUTION
        wrong = self.indices[(self.indices < -len(dataset)) | (self.indices >= len(dataset))]
        if wrong.size:
            raise IndexError(f"Subset: index {wrong[0]} is out of range for a dataset of {len(dataset)} samples")
        # END SOLUTION

    def __len__(self) -> int:
        # BEGIN SOLUTION
        return len(self.indices)
        # END SOLUTION

    def __getitem__(self, index: Any) -> Any:
        # .tolist() turns NumPy's integer into Python's, which any dataset understands.
        # BEGIN SOLUTION
        return self.dataset[self.indices[index].tolist()]
        # END SOLUTION

    def gather(self, indices: Array) -> Any:
        # _gather(dataset, indices) asks the dataset for a whole batch.
        # BEGIN SOLUTION
        return _gather(self.dataset, self.indices[indices])
        # END SOLUTION


def _sizes(lengths: Sequence[float], total: int) -> list[int]:
    """Sizes of the parts: as given if they sum to `total`, or fractions of it if they sum to 1.

    Each fraction is rounded down; what is left over goes to the parts one by one, from the first.

    Raises:
        ValueError: neither sum fits, or a negative length; names the lengths and the total.
    """
    # Sums of fractions are not exact: math.isclose(sum(lengths), 1).
    # BEGIN SOLUTION
    sizes = list(lengths)
    if math.isclose(sum(sizes), 1):
        sizes = [math.floor(total * fraction) for fraction in lengths]
        for i in range(total - sum(sizes)):
            sizes[i % len(sizes)] += 1
    if sum(sizes) != total or any(size < 0 or size != int(size) for size in sizes):
        raise ValueError(f"random_split: lengths {list(lengths)} do not add up to the {total} samples, nor to 1")
    return [int(size) for size in sizes]
    # END SOLUTION


def random_split(
    dataset: Any, lengths: Sequence[float], generator: np.random.Generator | None = None, *, seed: int | None = None
) -> list[Subset]:
    """Disjoint random parts of a dataset that together are all of it (torch.utils.data.random_split).

    Args:
        lengths: how many samples each part gets, or fractions that sum to 1.
        generator: what to draw from; by default a new one with `seed`, or the one that `manual_seed` sets.
    """
    if generator is None:
        generator = common_generator() if seed is None else np.random.default_rng(seed)
    # Shuffle the numbers of all samples once (generator.permutation) and cut that line into pieces of _sizes(...):
    # np.split wants the places of the cuts, which are running sums.
    # BEGIN SOLUTION
    sizes = _sizes(lengths, len(dataset))
    cuts = np.cumsum(sizes)[:-1]
    return [Subset(dataset, part) for part in np.split(generator.permutation(len(dataset)), cuts)]
    # END SOLUTION


# ==== Part two: transforms ============================================================================================

# ---- given: where random numbers come from ---------------------------------------------------------------------------
# A batch may be made in any thread, before or after its neighbours. So that it comes out the same, each has a
# generator of its own, made of the loader's seed, the number of the epoch and the number of the batch.


class _Batch(threading.local):
    """What this thread is making: the key of the batch's generator, and the generator once it was asked for."""

    key: tuple[int, ...] | None = None
    generator: np.random.Generator | None = None


_batch = _Batch()


def _keyed_generator(seed: int, *key: int) -> np.random.Generator:
    """A generator for a purpose named by whole numbers: streams of different keys are independent."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def draws() -> np.random.Generator:
    """The generator that transforms draw from: within a loader that of the batch, elsewhere that of `manual_seed`."""
    if _batch.key is None:
        return common_generator()
    if _batch.generator is None:
        _batch.generator = _keyed_generator(*_batch.key)
    return _batch.generator


class _DrawingFor:
    """While this is open, `draws()` in this thread is the generator of the given key."""

    def __init__(self, *key: int):
        self.key = key

    def __enter__(self) -> None:
        self.before = _batch.key, _batch.generator
        _batch.key, _batch.generator = self.key, None

    def __exit__(self, *error: object) -> None:
        _batch.key, _batch.generator = self.before


# ---- given: one form for all images ----------------------------------------------------------------------------------


def _channels_last(array: Array) -> bool:
    """Whether a single image is (H, W, C), as image files have it: 1, 3 or 4 channels at the end, rows in front."""
    return array.ndim == 3 and array.shape[2] in (1, 3, 4) and array.shape[0] > 4


class Transform:
    """A function of images that a subclass writes for batches only, as `apply`: (N, C, H, W) -> (N, C, H', W').

    It is called with a Tensor or an ndarray, a batch (N, C, H, W) or one image (C, H, W), (H, W) or (H, W, C), and
    returns the same kind of thing. The input is left as it was. `batched` tells a loader that a whole batch may be
    handed over; functions without that attribute get one image at a time.
    """

    batched = True

    def apply(self, images: Array) -> Array:
        """What the transform does to a batch (N, C, H, W), as a new array."""
        raise TypeError(f"{type(self).__name__} does not define apply(images); subclasses of Transform do")

    def __call__(self, x: Any) -> Any:
        array = x.data if isinstance(x, TensorBase) else np.asarray(x)
        if not 2 <= array.ndim <= 4:
            raise ValueError(
                f"{type(self).__name__} takes images (C, H, W), (H, W) or a batch (N, C, H, W), got shape {array.shape}"
            )
        if _channels_last(array):
            out = np.ascontiguousarray(self.apply(array.transpose(2, 0, 1)[None])[0].transpose(1, 2, 0))
        else:
            out = self.apply(array.reshape((1,) * (4 - array.ndim) + array.shape))
            out = out.reshape(out.shape[4 - array.ndim :])
        return wrap(out) if isinstance(x, TensorBase) else out

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def _transformed(transform: Transformation, images: Any) -> Any:
    """A batch of images through a transform: at once if the transform allows it, else one by one and collated."""
    if getattr(transform, "batched", False):
        return transform(images)
    return default_collate([transform(image) for image in images])


# ---- Task 4: transforms without chance -------------------------------------------------------------------------------


class ToTensor:
    """Images as they come from files, made tensors (torchvision.transforms.ToTensor).

    uint8 arrays (H, W, C), (H, W) or (N, H, W, C) become float32 tensors (C, H, W), (1, H, W) or (N, C, H, W) with
    values from 0 to 1. Arrays of another dtype keep their values. Tensors stay as they are.
    """

    batched = True

    def __call__(self, x: Any) -> Any:
        if isinstance(x, TensorBase):
            return x
        array = np.asarray(x)
        if not 2 <= array.ndim <= 4:
            raise ValueError(f"ToTensor takes images (H, W), (H, W, C) or (N, H, W, C), got shape {array.shape}")
        # The channels move from the end to before H and W (np.moveaxis); an image (H, W) gets one. Divide only uint8.
        # A tensor whose memory is not in order is slow everywhere after this: np.ascontiguousarray.
        # BEGIN SOLUTION
        array = array[None] if array.ndim == 2 else np.moveaxis(array, -1, -3)
        values = array.astype(np.float32)
        if array.dtype == np.uint8:
            values /= 255
        return wrap(np.ascontiguousarray(values))
        # END SOLUTION

    def __repr__(self) -> str:
        return "ToTensor()"


class Normalize(Transform):
    """(x - mean) / std, for each channel its own (torchvision.transforms.Normalize).

    Args:
        mean, std: one number, or one a channel.

    Raises:
        ValueError: a std of 0, or another number of channels; names both numbers.
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]):
        self.mean, self.std = mean, std
        if not np.all(np.asarray(std) > 0):
            raise ValueError(f"Normalize: std is {std}; every channel needs one above 0")

    def apply(self, images: Array) -> Array:
        # mean and std as float32 arrays of shape (C, 1, 1), or (1, 1, 1), line up with (N, C, H, W).
        # BEGIN SOLUTION
        mean = np.asarray(self.mean, np.float32).reshape(-1, 1, 1)
        std = np.asarray(self.std, np.float32).reshape(-1, 1, 1)
        for given in (mean, std):
            if len(given) not in (1, images.shape[1]):
                raise ValueError(f"Normalize: {len(given)} numbers for images of {images.shape[1]} channels")
        return (images.astype(np.float32, copy=False) - mean) / std
        # END SOLUTION


class Compose:
    """Transforms one after the other (torchvision.transforms.Compose)."""

    def __init__(self, transforms: Sequence[Transformation]):
        self.transforms = list(transforms)

    @property
    def batched(self) -> bool:
        """Whether every one of them takes a whole batch."""
        # BEGIN SOLUTION
        return all(getattr(transform, "batched", False) for transform in self.transforms)
        # END SOLUTION

    def __call__(self, x: Any) -> Any:
        # BEGIN SOLUTION
        for transform in self.transforms:
            x = transform(x)
        return x
        # END SOLUTION

    def __repr__(self) -> str:
        return f"Compose({self.transforms!r})"


# ---- Task 5: transforms that draw ------------------------------------------------------------------------------------
# Every image of a batch gets draws of its own, all of them drawn at once: draws().random(n), draws().integers(low,
# high, n). Call draws() each time and keep no generator: it is another one for each batch.


class RandomHorizontalFlip(Transform):
    """Left and right swapped, for each image with probability `p` (torchvision.transforms.RandomHorizontalFlip)."""

    def __init__(self, p: float = 0.5):
        if not 0 <= p <= 1:
            raise ValueError(f"RandomHorizontalFlip: p is a probability from 0 to 1, got {p}")
        self.p = p

    def apply(self, images: Array) -> Array:
        # A mask (N,) of the images to flip; out[mask] picks them, [..., ::-1] reads each row backwards. Do not write
        # into `images`: they are the data set's.
        # BEGIN SOLUTION
        flipped = draws().random(len(images)) < self.p
        out = images.copy()
        out[flipped] = images[flipped][..., ::-1]
        return out
        # END SOLUTION


class RandomCrop(Transform):
    """A window of `size` at a random place, for each image its own (torchvision.transforms.RandomCrop).

    Args:
        size: height and width of the window; one number for a square.
        padding: rows and columns of zeros put around the image first. A window of the image's own size then shifts it.

    Raises:
        ValueError: the window is larger than the padded image; names both sizes.
    """

    def __init__(self, size: int | Sequence[int], padding: int = 0):
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.padding = padding
        if len(self.size) != 2 or min(self.size) < 1 or padding < 0:
            raise ValueError(f"RandomCrop: size {size} with padding {padding}; the least is 1 and 0")

    def apply(self, images: Array) -> Array:
        (h, w), p = self.size, self.padding
        # np.pad is slow for what it does: copy the images into the middle of zeros, (N, C, H + 2p, W + 2p). Which
        # places can the upper left corner of the window have? sliding_window_view(padded, (h, w), axis=(2, 3)) is the
        # view (N, C, tops, lefts, h, w) of all windows, without a copy; one index with three arrays picks from it.
        # BEGIN SOLUTION
        n, channels, height, width = images.shape
        rows, columns = height + 2 * p - h + 1, width + 2 * p - w + 1
        if rows < 1 or columns < 1:
            raise ValueError(
                f"RandomCrop: a window of {(h, w)} does not fit into images of {(height, width)} with padding {p};"
                " make it smaller or the padding larger"
            )
        padded = np.zeros((n, channels, height + 2 * p, width + 2 * p), images.dtype)
        padded[:, :, p : p + height, p : p + width] = images
        tops, lefts = draws().integers(0, rows, n), draws().integers(0, columns, n)
        return sliding_window_view(padded, (h, w), axis=(2, 3))[np.arange(n), :, tops, lefts]  # (N, C, h, w)
        # END SOLUTION


class Transformed(Dataset):
    """A dataset whose images (the first part of each sample) pass through a transform; itself it stays as it is.

    To augment only the training part of a split: `Transformed(train, transform)`, and the other part as it came.
    """

    def __init__(self, dataset: Any, transform: Transformation):
        self.dataset = dataset
        self.transform = transform

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        sample = self.dataset[index]
        # A sample is a tuple (image, ...) or an image alone.
        # BEGIN SOLUTION
        if isinstance(sample, (tuple, list)):
            return (self.transform(sample[0]), *sample[1:])
        return self.transform(sample)
        # END SOLUTION

    def gather(self, indices: Array) -> Any:
        batch = _gather(self.dataset, indices)
        # The same for a batch: _transformed(transform, images) takes all images.
        # BEGIN SOLUTION
        if isinstance(batch, (tuple, list)):
            return (_transformed(self.transform, batch[0]), *batch[1:])
        return _transformed(self.transform, batch)
        # END SOLUTION


# ==== Part three: the loader ==========================================================================================


def _whole(name: str, value: Any, least: int) -> int:
    """A whole number of at least `least`. ValueError names the argument."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"DataLoader: {name} is a whole number of at least {least}, got {value!r}")
    return int(value)


class DataLoader:
    """Batches of a dataset, epoch after epoch: `for images, labels in loader` (torch.utils.data.DataLoader).

    Args:
        dataset: has `len` and samples by number; batches come from its `gather(indices)` if it has one.
        batch_size: samples a batch; the last one of an epoch may be smaller.
        shuffle: a new random order every epoch, or the order of the dataset.
        drop_last: leave a smaller last batch out.
        collate_fn: makes the batch of a list of samples; by default `default_collate`, or the dataset's `gather`.
        num_workers: threads that fetch batches ahead; 0 fetches each when it is asked for. The batches are the same.
        prefetch: how many batches ahead for each worker.
        seed: decides every order and every draw of a transform, together with the number of the epoch; by default
            drawn from the generator that `manual_seed` sets.

    Batches with default collation are tuples of tensors, or one tensor where a sample is one.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        num_workers: int = 0,
        prefetch: int = 2,
        seed: int | None = None,
    ):
        self.dataset = dataset
        self.batch_size = _whole("batch_size", batch_size, 1)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.collate_fn = collate_fn
        self.num_workers = _whole("num_workers", num_workers, 0)
        self.prefetch = _whole("prefetch", prefetch, 1)
        self.seed = int(common_generator().integers(2**32)) if seed is None else _whole("seed", seed, 0)
        self._place = (0, 0)  # the epoch that was worked on last, and how many of its batches have been handed out
        self._next = 0  # the epoch that the next iteration begins
        self._resumes = False  # whether it does so at self._place

    # ---- Task 6: which samples, in which order

    def __len__(self) -> int:
        """Number of batches an epoch."""
        # -(-a // b) is a / b rounded up.
        # BEGIN SOLUTION
        n = len(self.dataset)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        # END SOLUTION

    def _order(self, epoch: int) -> Array:
        """Numbers of all samples in the order of an epoch, (N,): the same for the same seed and epoch, always."""
        # _keyed_generator(self.seed, epoch, 0) makes the generator of an epoch's order.
        # BEGIN SOLUTION
        n = len(self.dataset)
        return _keyed_generator(self.seed, epoch, 0).permutation(n) if self.shuffle else np.arange(n)
        # END SOLUTION

    def _fetch(self, epoch: int, number: int, indices: Array) -> Any:
        """Batch `number` of an epoch: the samples `indices`, whatever thread this runs in."""
        with _DrawingFor(self.seed, epoch, 1 + number):
            # With a collate_fn it gets the list of samples; otherwise _gather makes the batch.
            # BEGIN SOLUTION
            if self.collate_fn is not None:
                return self.collate_fn([self.dataset[i] for i in indices.tolist()])
            return _gather(self.dataset, indices)
            # END SOLUTION

    def _batches(self, epoch: int, first: int) -> Iterator[Any]:
        """The batches of an epoch from number `first` on."""
        order, size = self._order(epoch), self.batch_size

        # Batch number k is made of which piece of the order? Batches before `first` must cost nothing. With workers
        # _ahead (Task 8) does the calls, `prefetch` batches ahead for each; without, fetch when a batch is asked for.
        # BEGIN SOLUTION
        def fetch(number: int) -> Any:
            return self._fetch(epoch, number, order[number * size : (number + 1) * size])

        numbers = range(first, len(self))
        if self.num_workers:
            return _ahead(fetch, numbers, self.num_workers, self.num_workers * self.prefetch)
        return (fetch(number) for number in numbers)
        # END SOLUTION

    # ---- Task 7: where it stands

    def __iter__(self) -> Iterator[Any]:
        """One epoch. Each iteration begins the next one, also where the last was left early."""
        epoch, first = self._place if self._resumes else (self._next, 0)
        # Note first that the next iteration begins the epoch after this one, and is resumed from nowhere. Before a
        # batch is handed out, _place must count it: a checkpoint is written while the batch is being worked on. When
        # none is left, _place is the beginning of the next epoch.
        # BEGIN SOLUTION
        self._next, self._resumes = epoch + 1, False
        for number, batch in enumerate(self._batches(epoch, first), start=first):
            self._place = (epoch, number + 1)
            yield batch
        self._place = (epoch + 1, 0)
        # END SOLUTION

    def state_dict(self) -> dict[str, int]:
        """Where the loader stands: {"seed", "epoch", "batch"}; `batch` counts those of the epoch handed out so far."""
        # BEGIN SOLUTION
        epoch, batch = self._place
        return {"seed": self.seed, "epoch": epoch, "batch": batch}
        # END SOLUTION

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from there: the next iteration gives the rest of that epoch, none if all its batches were handed out.

        Raises:
            ValueError: a key is missing, or the epoch has fewer batches than the state counts; names both.
        """
        missing = [key for key in ("seed", "epoch", "batch") if key not in state]
        if missing:
            raise ValueError(f"the state of a DataLoader has no {', '.join(missing)}; use what state_dict() returned")
        if state["batch"] > len(self):
            raise ValueError(
                f"the state stands at batch {state['batch']} of an epoch, this loader has {len(self)};"
                " use the same dataset and batch_size"
            )
        # BEGIN SOLUTION
        self.seed = int(state["seed"])
        self._place = (int(state["epoch"]), int(state["batch"]))
        self._resumes = True
        # END SOLUTION

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be epoch number `epoch`, from its first batch."""
        self.load_state_dict({"seed": self.seed, "epoch": _whole("epoch", epoch, 0), "batch": 0})

    def __repr__(self) -> str:
        order = "shuffled" if self.shuffle else "in order"
        return f"DataLoader({len(self.dataset)} samples {order}, {len(self)} batches of {self.batch_size})"


# ---- Task 8: ahead of the training loop ------------------------------------------------------------------------------


def _ahead(fetch: Callable[[int], Any], numbers: Iterable[int], workers: int, ahead: int) -> Iterator[Any]:
    """fetch(number) for each of `numbers`, in their order, computed by `workers` threads.

    While a result is being used, at most `ahead` further ones are computed or wait. An exception in `fetch` is raised
    where its result would have come. When the caller stops early, nothing is left behind.
    """
    # pool.submit(fetch, number) returns a future at once, and future.result() waits for what fetch returned, or raises
    # what it raised. Keep the futures in a deque, in order: append on the right, popleft() the next to be handed out.
    # When a caller stops early, Python closes this generator: GeneratorExit is raised at its yield. `finally` sees that
    # as well as the regular end: there pool.shutdown(wait=True, cancel_futures=True) ends the threads.
    pool = ThreadPoolExecutor(workers, thread_name_prefix="loader")
    # BEGIN SOLUTION
    pending: deque[Any] = deque()
    try:
        for number in numbers:
            pending.append(pool.submit(fetch, number))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    # END SOLUTION


# ==== Part four: given data sets ======================================================================================


def _fetched(name: str) -> None:
    """See to it that a data set is on this machine."""
    # Imported here: only who fetches pays for loading Python's network library.
    from tinytorch.data.download import fetch

    fetch(name)


class ImageDataset(Dataset):
    """Images kept as bytes, a quarter of their size as float32, and turned into numbers batch by batch.

    Args:
        images: uint8 (N, H, W) or (N, C, H, W). labels: (N,) integers.
        transform: what each image, or each batch of them, passes through.
        levels: the byte that becomes 1.0.

    A sample is (image, label): a float32 tensor (C, H, W) from 0 to 1, and an int64 tensor of shape ().
    """

    classes: tuple[str, ...] = ()

    def __init__(self, images: Array, labels: Array, transform: Transformation | None = None, levels: int = 255):
        self.images = images[:, None] if images.ndim == 3 else images
        self.labels = np.asarray(labels, np.int64)
        self.transform = transform
        self.levels = np.float32(levels)
        if len(self.images) != len(self.labels):
            raise ValueError(f"{len(self.images)} images and {len(self.labels)} labels; give one label an image")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = wrap(self._numbers(self.images[index]))
        return (self.transform(image) if self.transform else image), wrap(np.asarray(self.labels[index]))

    def gather(self, indices: Array) -> tuple[Any, Any]:
        images = wrap(self._numbers(self.images.take(indices, axis=0)))
        labels = wrap(self.labels.take(indices))
        return (_transformed(self.transform, images) if self.transform else images), labels

    def _numbers(self, images: Array) -> Array:
        return np.true_divide(images, self.levels, dtype=np.float32)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} images of shape {self.images.shape[1:]})"


class TinyDigits(ImageDataset):
    """1,797 digits of 8x8 pixels, embedded; `train` chooses the first 1,437, its opposite the last 360, None all."""

    classes = tuple("0123456789")

    def __init__(self, train: bool | None = None, transform: Transformation | None = None):
        images, labels = sources.tinydigits()
        part = slice(None) if train is None else slice(None, 1437) if train else slice(1437, None)
        super().__init__(images[part], labels[part], transform, levels=16)


class MNIST(ImageDataset):
    """60,000 digits of 28x28 pixels to train or 10,000 to test, embedded (torchvision.datasets.MNIST)."""

    classes = tuple("0123456789")

    def __init__(self, train: bool = True, transform: Transformation | None = None):
        super().__init__(*sources.mnist(train), transform)


class CIFAR10(ImageDataset):
    """50,000 colour photographs of 32x32 pixels to train or 10,000 to test (torchvision.datasets.CIFAR10).

    Args:
        download: get them (170 MB, once) if they are not on this machine. Raises DataError where they cannot be had.
    """

    classes = sources.CIFAR_CLASSES

    def __init__(self, train: bool = True, transform: Transformation | None = None, download: bool = False):
        if download:
            _fetched("cifar10")
        super().__init__(*sources.cifar10(train), transform)


class SequenceDataset(Dataset):
    """Windows of a line of token ids: sample i is (ids, the ids one place further), both int64 of shape (seq_len,).

    Args:
        ids: (n,) integers.
        stride: distance of the beginnings of neighbouring windows; by default seq_len, so that each id is read once.
    """

    def __init__(self, ids: Sequence[int] | Array, seq_len: int, stride: int | None = None):
        self.ids = np.asarray(ids, np.int64)
        self.seq_len = seq_len
        self.stride = seq_len if stride is None else stride
        if seq_len < 1 or self.stride < 1 or len(self.ids) <= seq_len:
            raise ValueError(
                f"{len(self.ids)} ids give no window of {seq_len} and its target at stride {self.stride};"
                " seq_len and stride are at least 1, and there must be more ids than seq_len"
            )

    # ---- Task 9: windows of a text

    def __len__(self) -> int:
        """Number of windows that fit together with their target, which ends one place later."""
        # BEGIN SOLUTION
        return (len(self.ids) - 1 - self.seq_len) // self.stride + 1
        # END SOLUTION

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Window `index`; -1 is the last. IndexError beyond."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"window {index} is out of range for a dataset of {len(self)} windows")
        inputs, targets = self.gather(np.array([index]))
        return inputs[0], targets[0]

    def gather(self, indices: Array) -> tuple[Any, Any]:
        """Windows (n, seq_len) and their targets of the same shape: one fancy index."""
        # Positions of all ids of all windows: beginnings (n, 1) plus 0 to seq_len (seq_len + 1,) broadcast to
        # (n, seq_len + 1). Inputs are all columns but the last, targets all but the first. -1 % 10 is 9.
        # BEGIN SOLUTION
        starts = indices % len(self) * self.stride
        windows = self.ids[starts[:, None] + np.arange(self.seq_len + 1)]
        return wrap(windows[:, :-1]), wrap(windows[:, 1:])
        # END SOLUTION


class TinyShakespeare(SequenceDataset):
    """Windows of Shakespeare's plays: the first 90 % of the characters to train, the last 10 % to validate.

    Args:
        tokenizer: anything with `encode(text) -> ids`; by default a character is its place in `chars`, sorted.
        download: get the text (1.1 MB, once) if it is not on this machine.
    """

    def __init__(
        self,
        seq_len: int = 64,
        train: bool = True,
        tokenizer: Any = None,
        stride: int | None = None,
        download: bool = False,
    ):
        if download:
            _fetched("tinyshakespeare")
        text = sources.tinyshakespeare()
        self.chars = "".join(sorted(set(text)))
        cut = int(0.9 * len(text))
        self.text = text[:cut] if train else text[cut:]
        super().__init__(tokenizer.encode(self.text) if tokenizer else self.encode(self.text), seq_len, stride)

    def encode(self, text: str) -> Array:
        """Characters as their places in `chars`. ValueError names one that is not there."""
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        known = np.frombuffer(self.chars.encode("utf-32-le"), np.uint32)
        ids = np.searchsorted(known, codes).clip(max=len(known) - 1)
        if np.any(known[ids] != codes):
            raise ValueError(f"{text[int(np.argmax(known[ids] != codes))]!r} is none of the {len(known)} characters")
        return ids.astype(np.int64)

    def decode(self, ids: Iterable[int]) -> str:
        """The characters of ids."""
        return "".join(self.chars[i] for i in ids)
