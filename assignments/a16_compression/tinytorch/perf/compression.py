"""Compression: most of a trained model is left out, and what is left knows nearly as much.

The file has six parts. First zeros: which weights become 0 and how they stay 0 while the others are trained on; then
bytes: how an array that is mostly zeros is stored in less room, indices counted; then whole neurons, which are taken
out so that matrices get smaller; then matrices of low rank; then a small model that learns from a large one; last a
pipeline of all of these. Fewer bits a weight are assignment 15's part, and what is measured by the clock assignment
14's.
"""

from __future__ import annotations

import copy
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tinytorch.core.activations import GELU, LeakyReLU, ReLU, SiLU, Tanh, log_softmax
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Dropout, Flatten, Identity, Linear, Module, Parameter, Sequential, linear
from tinytorch.core.losses import cross_entropy
from tinytorch.core.spatial import AdaptiveAvgPool2d, AvgPool2d, BatchNorm2d, Conv2d, MaxPool2d
from tinytorch.core.transformers import MLP
from tinytorch.dispatch import TensorBase, wrap

Array = np.ndarray

# ==== Part one: zeros =================================================================================================

# ---- Task 1: what can be pruned, and how much of it is 0 -------------------------------------------------------------


def checked_share(value: float, name: str) -> float:
    """Given. `value` as a float if it is a share, from 0 to just below 1. ValueError otherwise."""
    if not 0 <= value < 1:
        raise ValueError(f"{name} is a share from 0 up to, not including, 1, got {value}; 90 % is 0.9")
    return float(value)


def is_skipped(path: str, skip: Iterable[str]) -> bool:
    """Given. Whether a path is one of those in `skip` or lies below one: "0" skips "0" and "0.weight", not "01"."""
    return any(f"{path}.".startswith(f"{above}.") for above in skip)


def prunable(model: Any, skip: Iterable[str] = ()) -> dict[str, Any]:
    """Path -> parameter of every weight that may lose elements: those of two and more dimensions, each once.

    Biases, and the scales and shifts of normalisation, have one dimension. They are few, and each moves all the numbers
    of a channel.

    Raises:
        TypeError: the model is not a Module. ValueError: a weight holds NaN or infinity; names its path.
    """
    if not isinstance(model, Module):
        raise TypeError(f"compression needs a Module, got {type(model).__name__}")
    raise NotImplementedError("a16_compression: prunable is yours to write")
    for path, p in found.items():
        if not np.isfinite(p.data).all():
            raise ValueError(f"'{path}' holds numbers that are not finite; train the model before compressing it")
    return found


def layer_sparsity(model: Any) -> dict[str, float]:
    """Path -> share of zeros of every prunable weight, 0 to 1. A weight without elements has 0."""
    raise NotImplementedError("a16_compression: layer_sparsity is yours to write")


def measure_sparsity(model: Any) -> float:
    """The share of zeros among all prunable weights of a model: 0 to 1, not per cent. Without weights 0."""
    # A share of all elements is not the mean of the layers' shares.
    raise NotImplementedError("a16_compression: measure_sparsity is yours to write")


# ---- Task 2: the smallest weights become 0 ---------------------------------------------------------------------------


def largest(arrays: Sequence[Array], sparsity: float) -> list[Array]:
    """For each array the bool array of those elements that stay, if of all elements together a share goes.

    Exactly round(sparsity * n) of the n elements go: those of the smallest absolute value. Among equals it does not
    matter which.
    """
    # np.argpartition(x, k - 1)[:k] are the places of the k smallest, in linear time. Comparing with a threshold would
    # take all equals or none.
    raise NotImplementedError("a16_compression: largest is yours to write")


def magnitude_prune(model: Any, sparsity: float = 0.9, scope: str = "global", skip: Iterable[str] = ()) -> Any:
    """Set the weights of the smallest absolute value to 0, in place, and return the model (Han et al., 2015).

    Weights that are 0 already are the smallest there are, so they count: pruning to 0.5 and then to 0.9 leaves 0.9.

    Args:
        sparsity: the share of weights that are 0 afterwards, 0 to below 1.
        scope: "global" compares the weights of all layers with each other, so that some layers lose more than others;
            "layer" takes the share from every layer alone.
        skip: paths of layers or weights that are left as they are, and not counted.

    Raises:
        TypeError, ValueError: as `prunable` and `checked_share` say; another scope.
    """
    sparsity = checked_share(sparsity, "sparsity")
    if scope not in ("global", "layer"):
        raise ValueError(f"scope is 'global' or 'layer', got {scope!r}")
    # In place: the arrays stay the same objects, since an optimizer may hold them.
    raise NotImplementedError("a16_compression: magnitude_prune is yours to write")


# ---- Task 3: zeros that stay -----------------------------------------------------------------------------------------


class Masks:
    """Remembers which weights of a model are 0, and sets them to 0 again whenever it is told to.

    A pruned weight gets a gradient like any other, and the next step of an optimizer moves it away from 0.

    Attributes:
        model: whose weights they are.
        stays: path -> bool array, False where the weight was 0 when the masks were made.
    """

    def __init__(self, model: Any):
        self.model = model
        raise NotImplementedError("a16_compression: Masks.__init__ is yours to write")

    def apply(self) -> None:
        """Set to 0, in place, what was 0 when the masks were made.

        Raises:
            ValueError: the model has other weights by now; names the first.
        """
        # Ask the model for its parameters now: an optimizer may have put another array into p.data. Times 0 is not
        # enough, since NaN * 0 is NaN.
        raise NotImplementedError("a16_compression: Masks.apply is yours to write")

    def keep(self, optimizer: Any) -> MaskedOptimizer:
        """The optimizer, with these masks applied after each of its steps. To be used in its place."""
        return MaskedOptimizer(optimizer, self)


class MaskedOptimizer:
    """An optimizer after whose steps pruned weights are 0 again; everything else is the optimizer's.

    To freeze gradients would not do: momentum goes on moving a weight whose gradient is 0, and so does weight decay.
    """

    def __init__(self, optimizer: Any, masks: Masks):
        self.optimizer, self.masks = optimizer, masks

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """A step of the optimizer, then the masks; returns what the optimizer returns."""
        raise NotImplementedError("a16_compression: MaskedOptimizer.step is yours to write")

    @property
    def lr(self) -> float:
        """The optimizer's learning rate; setting it sets the optimizer's."""
        return self.optimizer.lr

    @lr.setter
    def lr(self, value: float) -> None:
        self.optimizer.lr = value

    def __getattr__(self, name: str) -> Any:
        if name in ("optimizer", "masks"):  # not set yet, while a copy is being made
            raise AttributeError(name)
        return getattr(self.optimizer, name)

    def __repr__(self) -> str:
        return f"MaskedOptimizer({self.optimizer!r})"


def gradual_sparsity(step: int, steps: int, final: float, initial: float = 0.0) -> float:
    """The sparsity after `step` of `steps` steps on the way from `initial` to `final`: fast at first, slow at the end.

    final + (initial - final) (1 - step / steps)³ (Zhu and Gupta, 2017, arXiv:1710.01878). At first there is much to
    leave out that nobody misses.

    Raises:
        ValueError: step is not between 0 and steps.
    """
    if not 0 <= step <= steps or steps < 1:
        raise ValueError(f"gradual_sparsity: step lies between 0 and steps, got {step} of {steps}")
    raise NotImplementedError("a16_compression: gradual_sparsity is yours to write")


# ==== Part two: bytes =================================================================================================

# ---- Task 4: an array that is mostly zeros ---------------------------------------------------------------------------

KINDS = ("dense", "bitmap", "gaps")
FAR = 256  # how many places one byte of a gap can move ahead: 255 zeros, and the element itself


@dataclass(frozen=True)
class Packed:
    """An array as it is stored.

    Attributes:
        kind: "dense" (all elements), "bitmap" (a bit for each element, then those that are not 0) or "gaps" (for each
            element that is not 0 a byte: how many zeros lie before it).
        shape, dtype: of the array that `unpack` makes.
        values: (k,) the stored elements, in their order. float16 if they were halved.
        places: uint8: the bits, eight a byte, or the gaps; empty if dense.
    """

    kind: str
    shape: tuple[int, ...]
    dtype: str
    values: Array
    places: Array

    @property
    def nbytes(self) -> int:
        """Bytes of everything that says what the elements are, and where: values and places."""
        raise NotImplementedError("a16_compression: Packed.nbytes is yours to write")

    def unpack(self) -> Array:
        """The array of this shape and dtype, with zeros where there were zeros."""
        raise NotImplementedError("a16_compression: Packed.unpack is yours to write")


def to_gaps(flat: Array) -> tuple[Array, Array]:
    """(values, gaps) of a flat array: before element i that is not 0 lie gaps[i] zeros.

    A byte counts to 255. Where more zeros lie in between, elements of value 0 are stored on the way, each with a gap of
    255: it moves ahead by 256 places. (Deep Compression does the same, Han et al., 2016, arXiv:1510.00149.)

    Returns:
        values (k,) of the array's dtype and gaps (k,) of uint8.
    """
    # How many fillers does each gap need, and what is left of it? With the number of entries for each element (fillers
    # and itself) cumsum tells where its own entry is; all other entries are fillers.
    raise NotImplementedError("a16_compression: to_gaps is yours to write")


def pack(array: Any, kind: str = "smallest", half: bool = False) -> Packed:
    """An array in one of the formats of `Packed`, or in that which takes the fewest bytes.

    Args:
        array: a Tensor or ndarray of any dtype.
        half: store floats in two bytes instead of four. What is rounded to 0 by that counts as 0.

    Raises:
        ValueError: another kind; a finite number that float16 does not reach (65504).
    """
    array = array.data if isinstance(array, TensorBase) else np.asarray(array)
    if kind not in (*KINDS, "smallest"):
        raise ValueError(f"kind is one of {', '.join(KINDS)} or 'smallest', got {kind!r}")
    flat = array.reshape(-1)
    if half and array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            flat = flat.astype(np.float16)
        if not np.array_equal(np.isfinite(flat), np.isfinite(array.reshape(-1))):
            raise ValueError(f"pack: {np.abs(array).max():g} is too large for float16; leave half out")
    # For "smallest" make all three and compare; the first of equals. np.packbits makes bytes of bools. A dense array
    # must not share its memory with the one that was given.
    raise NotImplementedError("a16_compression: pack is yours to write")


def break_even(kind: str, bits: int = 32) -> float:
    """The sparsity from which on a format takes less room than dense, with `bits` for each value; fillers left out.

    Raises:
        ValueError: not "bitmap" or "gaps".
    """
    if kind not in KINDS[1:]:
        raise ValueError(f"break_even: kind is 'bitmap' or 'gaps', got {kind!r}")
    # Of n elements n (1 - s) are stored. Write down the bits of both sides and solve for s.
    raise NotImplementedError("a16_compression: break_even is yours to write")


# ---- Task 5: a model in few bytes ------------------------------------------------------------------------------------


def pack_model(model: Any, half: bool = False) -> dict[str, Packed]:
    """Name -> packed array of everything in `state_dict`, each in the format that is smallest for it.

    What is shared is stored once, under its first name. With `half` only weights (two and more dimensions) are halved:
    biases and running statistics are few and stay exact. Quantised layers hold their weights in bytes (assignment 15);
    their zeros are left out as well.
    """
    raise NotImplementedError("a16_compression: pack_model is yours to write")


def unpack_model(packed: Mapping[str, Packed], model: Any) -> Any:
    """Write packed arrays into a model of the same shapes, in place; returns it.

    Raises:
        ValueError: names or shapes that do not fit, as `load_state_dict` says.
    """
    # load_state_dict wants every name. Which array belongs to a name whose array is shared with an earlier one?
    raise NotImplementedError("a16_compression: unpack_model is yours to write")


def stored_bytes(model: Any, half: bool = False) -> int:
    """Bytes of a model as `pack_model` stores it: values, bits, gaps, biases, statistics; shared arrays once."""
    raise NotImplementedError("a16_compression: stored_bytes is yours to write")


def dense_bytes(model: Any) -> int:
    """Bytes of a model as it lies in memory, whatever its numbers are; shared arrays once."""
    raise NotImplementedError("a16_compression: dense_bytes is yours to write")


def sparsity_for_bytes(model: Any, budget: float, half: bool = False, skip: Iterable[str] = ()) -> float:
    """The least sparsity, in thousandths, with which `magnitude_prune` brings `stored_bytes` within a budget.

    The model is left as it is.

    Raises:
        ValueError: 0.999 is not enough; names the bytes that it would take.
    """
    skip = tuple(skip)

    def needed(thousandths: int) -> int:
        """Bytes of a copy that is pruned to so many thousandths."""
        return stored_bytes(magnitude_prune(copy.deepcopy(model), thousandths / 1000, skip=skip), half)

    # More zeros never take more bytes (but for a filler now and then): bisect between 0 and 999.
    raise NotImplementedError("a16_compression: sparsity_for_bytes is yours to write")


def save_packed(path: str | Path, packed: Mapping[str, Packed]) -> int:
    """Given. Write packed arrays into one .npz file, without pickle; returns the bytes of that file."""
    about = [[name, one.kind, list(one.shape), one.dtype] for name, one in packed.items()]
    arrays = {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
    for i, one in enumerate(packed.values()):
        arrays |= {f"v{i}": one.values, f"p{i}": one.places}
    with Path(path).open("wb") as file:
        np.savez(file, **arrays)
    return Path(path).stat().st_size


def load_packed(path: str | Path) -> dict[str, Packed]:
    """Given. What `save_packed` has written."""
    with np.load(Path(path), allow_pickle=False) as held:
        about = json.loads(held["about"].tobytes())
        return {
            name: Packed(kind, tuple(shape), dtype, held[f"v{i}"], held[f"p{i}"])
            for i, (name, kind, shape, dtype) in enumerate(about)
        }


# ==== Part three: neurons =============================================================================================

# ---- given: who makes a neuron's number, and who reads it ------------------------------------------------------------

# What lets the neurons of a layer through one by one and makes 0 of 0. Sigmoid is not among them: it makes 1/2 of 0.
PASSES = (ReLU, LeakyReLU, Tanh, GELU, SiLU, Dropout, Identity, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d)


@dataclass(frozen=True, eq=False)
class Group:
    """The neurons of one layer, which can be left out one by one: all that is theirs.

    Attributes:
        path: of the maker, for messages and `skip`.
        maker: the Linear (in, out) or Conv2d (O, C, kh, kw) that computes them: its outputs.
        norms: batch normalisations behind it, which scale and shift each of them.
        reader: the next Linear or Conv2d. Its inputs are these neurons.
        spread: how many inputs of the reader belong to a neuron, one after the other: 1, or the pixels of a channel if
            Flatten lies in between.
    """

    path: str
    maker: Any
    norms: tuple[Any, ...]
    reader: Any
    spread: int


def outputs_of(layer: Any) -> int:
    """How many neurons a Linear or Conv2d has."""
    return layer.weight.shape[1] if isinstance(layer, Linear) else layer.weight.shape[0]


def chains(model: Any) -> list[list[Any]]:
    """Layers of which each gets what the one before it made: in every Sequential (one inside another is part of it) and
    in the MLPs of transformers."""
    found: list[list[Any]] = []
    inner: set[int] = set()

    def unrolled(layers: Iterable[Any]) -> list[Any]:
        out: list[Any] = []
        for layer in layers:
            inner.add(id(layer))
            out += unrolled(layer) if type(layer) is Sequential else [layer]
        return out

    for layer in model.modules():
        if type(layer) is Sequential and id(layer) not in inner:
            found.append(unrolled(layer))
        elif type(layer) is MLP:
            found.append([layer.linear1, layer.gelu, layer.linear2])
    return found


def neuron_groups(model: Any, skip: Iterable[str] = ()) -> list[Group]:
    """Every group of a model. The last layer of a chain has no reader: its neurons are answers, and stay.

    A layer that is used twice, a convolution in groups, or anything between maker and reader that mixes neurons or does
    not make 0 of 0 ends a chain.
    """
    paths = {id(layer): path for path, layer in model.named_modules()}
    held = Counter(id(array) for array in model.state_dict().values())
    groups = []
    for chain in chains(model):
        maker, norms, flat = None, (), False
        for layer in chain:
            if type(layer) in (Linear, Conv2d):
                alone = held[id(layer.weight.data)] == 1 and getattr(layer, "groups", 1) == 1
                spread = _spread(maker, layer, flat) if alone and maker is not None else 0
                if spread and not is_skipped(paths[id(maker)], skip):
                    groups.append(Group(paths[id(maker)], maker, norms, layer, spread))
                maker, norms, flat = (layer if alone else None), (), False
            elif type(layer) is BatchNorm2d and type(maker) is Conv2d and not flat and layer.affine:
                norms = (*norms, layer) if held[id(layer.weight.data)] == 1 else norms
                maker = maker if held[id(layer.weight.data)] == 1 else None
            elif type(layer) is Flatten and (layer.start_dim, layer.end_dim) == (1, -1):
                flat = True
            elif type(layer) not in PASSES:
                maker = None
    return groups


def _spread(maker: Any, reader: Any, flat: bool) -> int:
    """How many inputs of the reader one neuron of the maker has; 0 if the two do not fit each other."""
    neurons = outputs_of(maker)
    inputs = reader.weight.shape[0] if type(reader) is Linear else reader.weight.shape[1]
    if type(maker) is Conv2d and type(reader) is Linear:
        return inputs // neurons if flat and neurons and inputs % neurons == 0 else 0
    return int(type(maker) is type(reader) and inputs == neurons and not (flat and type(reader) is Conv2d))


def with_layers(model: Any, stand_ins: Iterable[tuple[Any, Any]]) -> Any:
    """A copy of a model in which each layer of the pairs (layer, stand-in) has given its place to its stand-in.

    copy.deepcopy takes what stands in its memo under id(x) for the copy of x; assignment 15 does the same.
    """
    pairs = list(stand_ins)
    return copy.deepcopy(model, {id(layer): stand_in for layer, stand_in in pairs})


# ---- Task 6: neurons become 0 ----------------------------------------------------------------------------------------


def neuron_norms(layer: Any) -> Array:
    """(O,) the Euclidean length of the weights of each neuron: of the columns of a Linear (in, out), of the kernels of
    a Conv2d (O, C, kh, kw)."""
    raise NotImplementedError("a16_compression: neuron_norms is yours to write")


def silence(group: Group, neurons: Array) -> None:
    """Make the given neurons (bool (O,)) 0 whatever the input is, in place.

    Everything that is theirs becomes 0: weights, bias, and the scale and shift of each normalisation behind them.
    """
    raise NotImplementedError("a16_compression: silence is yours to write")


def structured_prune(model: Any, prune_ratio: float = 0.5, remove: bool = False, skip: Iterable[str] = ()) -> Any:
    """Silence round(prune_ratio * O) neurons of every layer that has readers, those of the smallest length; one stays.

    Args:
        prune_ratio: the share of neurons that go, 0 to below 1.
        remove: False sets them to 0 in place and returns the model: matrices keep their size, time stays as it is. True
            leaves the model alone and returns a smaller one, which computes the same as the one with zeros: see
            `shrink`.
        skip: paths of layers that keep their neurons.

    Raises:
        ValueError: no layer can lose neurons, or a ratio that is no share. TypeError: the model is not a Module.
    """
    prune_ratio, skip = checked_share(prune_ratio, "prune_ratio"), tuple(skip)
    prunable(model)
    # neuron_groups(model, skip) are the layers. With `remove` work on a copy.
    raise NotImplementedError("a16_compression: structured_prune is yours to write")


# ---- Task 7: neurons that are 0 are taken out ------------------------------------------------------------------------


def silent(group: Group) -> Array:
    """bool (O,): which neurons of a group are 0 whatever the input is.

    The last of maker and normalisations decides: a neuron whose scale and shift are 0 is silent, whatever its weights.
    """
    raise NotImplementedError("a16_compression: silent is yours to write")


def cut(layer: Any, inputs: Array | None = None, outputs: Array | None = None) -> Any:
    """A new layer with the chosen inputs and outputs (bool arrays; None: all) of a Linear, Conv2d or BatchNorm2d.

    The layer itself is left alone, and nothing is shared with it.
    """
    small = copy.copy(layer)  # another object with the same attributes: set those anew that change

    def chosen(p: Any, axis: int, places: Array | None) -> Any:
        """A parameter or buffer with some places of an axis, in memory of its own."""
        array = p.data.copy() if places is None else np.compress(places, p.data, axis=axis)
        return Parameter(array, p.requires_grad) if isinstance(p, Parameter) else wrap(array)

    # BatchNorm2d has weight, bias, running_mean and running_var, each (C,) or None, and num_features. Linear has
    # in_features and out_features, Conv2d in_channels and out_channels. Whose inputs are which axis?
    raise NotImplementedError("a16_compression: cut is yours to write")


def shrink(model: Any) -> Any:
    """A copy of a model without its silent neurons. It computes the same, with smaller matrices.

    A neuron leaves its maker, the normalisations behind it, and the inputs of its reader. One neuron stays in every
    layer, silent or not.
    """
    # Collect what is left of each layer first: a layer may be the reader of one group and the maker of the next.
    # np.repeat(alive, spread) are the reader's inputs.
    raise NotImplementedError("a16_compression: shrink is yours to write")


# ==== Part four: low rank =============================================================================================

# ---- Task 8: two thin matrices for a thick one -----------------------------------------------------------------------


def low_rank_approximate(
    weight_matrix: Any, rank_ratio: float = 0.5, rank: int | None = None
) -> tuple[Array, Array, Array]:
    """The matrix of a rank that is nearest to an (m, n) matrix, as (U, S, V): U (m, k), S (k,), V (k, n).

    U * S @ V is it (Eckart and Young, 1936). The squares of what is lost add up to the squares of the singular values
    left out.

    Args:
        weight_matrix: a Tensor or ndarray (m, n).
        rank_ratio: k is the whole part of rank_ratio * min(m, n), at least 1.
        rank: k itself, in place of a ratio.

    Raises:
        ValueError: not a matrix, a ratio not above 0 and at most 1, a rank that is not between 1 and min(m, n).
    """
    matrix = weight_matrix.data if isinstance(weight_matrix, TensorBase) else np.asarray(weight_matrix)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"low_rank_approximate needs a matrix (m, n), got shape {matrix.shape}")
    if rank is None and not 0 < rank_ratio <= 1:
        raise ValueError(f"rank_ratio lies above 0 and is at most 1, got {rank_ratio}")
    if rank is not None and not 1 <= rank <= min(matrix.shape):
        raise ValueError(f"a matrix of shape {matrix.shape} has ranks from 1 to {min(matrix.shape)}, got {rank}")
    # np.linalg.svd(matrix, full_matrices=False) sorts the singular values: which end do you want?
    raise NotImplementedError("a16_compression: low_rank_approximate is yours to write")


def rank_for_energy(singular_values: Array, energy: float) -> int:
    """The least rank that keeps a share of the energy: of the sum of the squares of all singular values (descending).

    Raises:
        ValueError: energy is not above 0 and at most 1.
    """
    if not 0 < energy <= 1:
        raise ValueError(f"energy is a share above 0 and at most 1, got {energy}")
    # Rounding may leave the last sum a little below 1: never answer with more than there are. Sum in float64.
    raise NotImplementedError("a16_compression: rank_for_energy is yours to write")


def break_even_rank(m: int, n: int) -> int:
    """The largest rank at which two factors (m, k) and (k, n) have fewer elements than an (m, n) matrix; may be 0."""
    # k (m + n) < m n. Mind the case of equality.
    raise NotImplementedError("a16_compression: break_even_rank is yours to write")


class LowRankLinear(Module):
    """Stands in for a `Linear`: y = (x @ down) @ up + bias, (..., in) -> (..., k) -> (..., out).

    Attributes:
        down, up: parameters (in, k) and (k, out), whose product is the nearest to the weight that there is of rank k.
            Each has the roots of the singular values in it, so both are trained at a similar pace.
        bias: parameter (out,), or None.
    """

    def __init__(self, layer: Linear, rank: int):
        self.in_features, self.out_features = layer.weight.shape
        self.rank = rank
        raise NotImplementedError("a16_compression: LowRankLinear.__init__ is yours to write")

    def forward(self, x: Any) -> Any:
        """(..., in) -> (..., out)"""
        # down @ up would be the thick matrix again: the order is the whole gain.
        raise NotImplementedError("a16_compression: LowRankLinear.forward is yours to write")

    def merged(self) -> Linear:
        """One `Linear` with the product of the factors as its weight."""
        raise NotImplementedError("a16_compression: LowRankLinear.merged is yours to write")

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, rank={self.rank}"


def factorize_model(model: Any, rank_ratio: float = 0.5, energy: float | None = None, skip: Iterable[str] = ()) -> Any:
    """A copy of a model with a `LowRankLinear` for every `Linear` that gets smaller by it; the others are copied.

    Args:
        rank_ratio: as in `low_rank_approximate`, for each layer.
        energy: choose each layer's rank by `rank_for_energy` instead.
        skip: paths of layers that stay.

    Raises:
        TypeError, ValueError: as `prunable` and the functions above say.
    """
    prunable(model)
    # Subclasses of Linear may compute something else, and a weight that is shared has other users: both stay.
    raise NotImplementedError("a16_compression: factorize_model is yours to write")


# ==== Part five: a small model learns from a large one ================================================================

# ---- Task 9: distillation --------------------------------------------------------------------------------------------


class KnowledgeDistillation:
    """Trains a student with what a teacher thinks of all classes, not only with the right one (Hinton et al., 2015,
    arXiv:1503.02531).

    Args:
        temperature: logits are divided by it before softmax: the higher, the more is seen of the unlikely classes.
        alpha: the share of the teacher in the loss; the labels have 1 - alpha.

    Raises:
        ValueError: a temperature that is not above 0, an alpha outside [0, 1].
    """

    def __init__(self, teacher_model: Any, student_model: Any, temperature: float = 3.0, alpha: float = 0.7):
        if not temperature > 0:
            raise ValueError(f"temperature has to be above 0, got {temperature}")
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha is a share from 0 to 1, got {alpha}")
        self.teacher_model, self.student_model = teacher_model, student_model
        self.temperature, self.alpha = temperature, alpha

    def distillation_loss(self, student_logits: Any, teacher_logits: Any, true_labels: Any) -> Any:
        """alpha T² KL(teacher || student) + (1 - alpha) cross entropy with the labels: a Tensor of shape ().

        KL is the sum over the classes of p (log p - log q), p the teacher's and q the student's softmax of logits / T,
        and the mean over the rows. T² makes up for the gradients, which are 1 / T² times as large at temperature T.
        Gradients flow to the student only.

        Args:
            student_logits: Tensor (N, C).
            teacher_logits: Tensor or ndarray (N, C).
            true_labels: (N,) class numbers.

        Raises:
            ValueError: logits of different shapes; names both.
        """
        teacher = teacher_logits.data if isinstance(teacher_logits, TensorBase) else np.asarray(teacher_logits)
        if student_logits.shape != teacher.shape:
            raise ValueError(
                f"distillation: the student's logits are {student_logits.shape}, the teacher's {teacher.shape}"
            )
        # log_softmax and cross_entropy are those of assignments 2 and 4. What the teacher says is numbers: wrap(array)
        # makes a tensor of them that wants no gradient. p log p is 0 where p is 0: with log_softmax no logarithm of 0
        # is ever taken.
        raise NotImplementedError("a16_compression: KnowledgeDistillation.distillation_loss is yours to write")

    def teacher_logits(self, x: Any) -> Any:
        """What the teacher says to a batch: in evaluation mode, without recording; its own modes are kept."""
        # Every layer has a mode of its own. `modules()` lists them; activations have none.
        raise NotImplementedError("a16_compression: KnowledgeDistillation.teacher_logits is yours to write")

    def loss(self, x: Any, true_labels: Any) -> Any:
        """The loss of the student on a batch of inputs: both models run."""
        raise NotImplementedError("a16_compression: KnowledgeDistillation.loss is yours to write")


# ==== Part six: all together ==========================================================================================

# ---- Task 10: a pipeline ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CompressionPlan:
    """What a `Compressor` does, in this order; what is left at its default is left out.

    Attributes:
        prune_ratio: the share of neurons taken out of every layer that has readers.
        rank_ratio: the rank of the factors of linear layers, as in `factorize_model`.
        sparsity: the share of the remaining weights that become 0.
        share: choose the sparsity so that the stored model takes at most this share of the bytes that it began with.
        rounds: in how many steps the sparsity is reached, each followed by training.
        half: weights are stored in float16.
        skip: paths of layers that stay as they are.
    """

    prune_ratio: float = 0.0
    rank_ratio: float | None = None
    sparsity: float = 0.0
    share: float | None = None
    rounds: int = 1
    half: bool = False
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checked_share(self.prune_ratio, "prune_ratio")
        checked_share(self.sparsity, "sparsity")
        if self.rounds < 1:
            raise ValueError(f"rounds is at least 1, got {self.rounds}")
        if self.share is not None and (self.sparsity or not 0 < self.share <= 1):
            raise ValueError(
                f"share lies above 0, is at most 1, and replaces sparsity; got {self.share}, {self.sparsity}"
            )


@dataclass(frozen=True)
class Stage:
    """The model after one step of a plan: its parameters, share of zeros, bytes stored and accuracy (or None)."""

    name: str
    parameters: int
    sparsity: float
    stored: int
    accuracy: float | None


@dataclass(frozen=True)
class CompressionResult:
    """A compressed model, the masks of its zeros, and what each stage left of it; the first stage is the original."""

    model: Any
    masks: Masks
    stages: tuple[Stage, ...]

    @property
    def share(self) -> float:
        """Bytes stored at the end over bytes at the beginning."""
        return self.stages[-1].stored / self.stages[0].stored

    @property
    def lost(self) -> float | None:
        """Accuracy at the beginning minus accuracy at the end; None if nobody evaluated."""
        first, last = self.stages[0].accuracy, self.stages[-1].accuracy
        return None if first is None or last is None else first - last

    def __str__(self) -> str:
        lines = [f"{'stage':14}{'parameters':>11}{'zeros':>8}{'bytes':>11}{'share':>8}{'accuracy':>10}"]
        for s in self.stages:
            accuracy = "-" if s.accuracy is None else f"{s.accuracy:.4f}"
            share = s.stored / self.stages[0].stored
            lines.append(f"{s.name:14}{s.parameters:11,}{s.sparsity:8.1%}{s.stored:11,}{share:8.1%}{accuracy:>10}")
        return "\n".join(lines)


class Compressor:
    """Takes a trained model through a plan.

    Args:
        fine_tune: called as fine_tune(model, masks) after each stage; trains the model in place, by an optimizer from
            `masks.keep(optimizer)` if it wants to. None: nothing is trained.
        evaluate: called as evaluate(model) for each stage; returns an accuracy. None: not known.
    """

    measure_sparsity = staticmethod(measure_sparsity)
    structured_prune = staticmethod(structured_prune)

    def __init__(
        self,
        fine_tune: Callable[[Any, Masks], Any] | None = None,
        evaluate: Callable[[Any], float] | None = None,
    ):
        self.fine_tune, self.evaluate = fine_tune, evaluate

    @staticmethod
    def magnitude_prune(model: Any, sparsity: float = 0.5) -> Any:
        """The function of this name, by the public course's default."""
        return magnitude_prune(model, sparsity)

    @staticmethod
    def compress_model(model: Any, compression_config: Mapping[str, Any]) -> CompressionResult:
        """A plan from a dict with the keys magnitude_prune, structured_prune and low_rank, each a share.

        Raises:
            ValueError: other keys; names them.
        """
        names = {"magnitude_prune": "sparsity", "structured_prune": "prune_ratio", "low_rank": "rank_ratio"}
        if unknown := [key for key in compression_config if key not in names]:
            raise ValueError(f"compress_model knows {', '.join(names)}, not {', '.join(map(repr, unknown))}")
        plan = CompressionPlan(**{names[key]: value for key, value in compression_config.items()})
        return Compressor().compress(model, plan)

    def compress(self, model: Any, plan: CompressionPlan) -> CompressionResult:
        """A compressed copy of a model; the model itself is left as it is.

        The first stage is "original", stored as it is; then "neurons", "low rank" and "zeros", as far as the plan has
        them; last "stored": the weights are what is read back from the file, rounded to float16 if the plan says so.
        """
        small = copy.deepcopy(model)
        stages = [self._stage("original", small, dense_bytes(small))]
        if plan.prune_ratio:
            small = self._tuned(structured_prune(small, plan.prune_ratio, remove=True, skip=plan.skip))
            stages.append(self._stage("neurons", small, stored_bytes(small)))
        if plan.rank_ratio is not None:
            small = self._tuned(factorize_model(small, plan.rank_ratio, skip=plan.skip))
            stages.append(self._stage("low rank", small, stored_bytes(small)))
        # The zeros. What sparsity does the plan's share come to (a share of the original's bytes, stages[0].stored)?
        # Then so many rounds of pruning and training (gradual_sparsity, from 0). Last the weights are read back from
        # what is stored of them, so that "stored" is measured on what a user gets.
        raise NotImplementedError("a16_compression: Compressor.compress is yours to write")

    def _tuned(self, model: Any) -> Any:
        """The model, trained on by `fine_tune`. Its zeros are zeros afterwards, whatever `fine_tune` did to them."""
        raise NotImplementedError("a16_compression: Compressor._tuned is yours to write")

    def _stage(self, name: str, model: Any, stored: int) -> Stage:
        accuracy = None if self.evaluate is None else float(self.evaluate(model))
        return Stage(name, model.num_parameters(), measure_sparsity(model), stored, accuracy)
