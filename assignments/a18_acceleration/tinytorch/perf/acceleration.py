"""Acceleration: the same numbers, sooner, by four means that have nothing to do with each other.

The file has four parts. First matrix products: a loop, blocks that fit into a cache, and one call of BLAS. Then fusion:
a chain of elementwise ops in one pass over memory, as an op of its own and as a kernel behind an op that exists. Then
mixed precision: numbers of two bytes where they are enough, and the scale that keeps small gradients from becoming 0.
Last data-parallel training: every worker takes a part of the batch, and an all-reduce adds up their gradients. How
kernels are chosen is the frame's part (`tinytorch.dispatch`), and so are processes and pipes (`tinytorch.workers`).
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import LINEAR, Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import SGD
from tinytorch.core.tensor import Tensor, manual_seed
from tinytorch.dispatch import (
    Kernel,
    Node,
    Op,
    TensorBase,
    apply,
    register_kernel,
    remove_kernel,
    use_kernels,
    wrap,
)
from tinytorch.workers import Communicator, run_workers

Array = np.ndarray

# ==== Part one: matrix products =======================================================================================


def array_of(x: Any) -> Array:
    """The array of a tensor, or of anything that NumPy takes; what holds no floats becomes float32."""
    array = x.data if isinstance(x, TensorBase) else np.asarray(x)
    return array if array.dtype.kind == "f" else array.astype(np.float32)


# ---- Task 1: from a loop to one call ---------------------------------------------------------------------------------


def matmul_operands(a: Any, b: Any) -> tuple[Array, Array]:
    """The arrays of two factors, (..., m, k) and (..., k, n), once it is sure that they fit.

    Raises:
        ValueError: less than two dimensions, or another number of columns of a than rows of b; names both shapes.
    """
    raise NotImplementedError("a18_acceleration: matmul_operands is yours to write")


def loop_matmul(a: Any, b: Any) -> Tensor:
    """(m, k) @ (k, n) -> (m, n) element by element: what the other two are measured against. Not recorded."""
    # Three loops. Python's own floats are faster here than NumPy's: x.tolist() gives lists of them.
    raise NotImplementedError("a18_acceleration: loop_matmul is yours to write")


def vectorized_matmul(a: Any, b: Any) -> Tensor:
    """(..., m, k) @ (..., k, n) -> (..., m, n) in one call of BLAS. Not recorded: `Tensor @` has the gradient."""
    raise NotImplementedError("a18_acceleration: vectorized_matmul is yours to write")


# ---- Task 2: blocks that fit into a cache ----------------------------------------------------------------------------


def tiled_matmul(a: Any, b: Any, tile_size: int = 64) -> Tensor:
    """(..., m, k) @ (..., k, n) -> (..., m, n) as products of tiles of at most tile_size x tile_size. Not recorded.

    Raises:
        ValueError: shapes that do not fit, or a tile_size below 1.
    """
    # out[i, j] += a[i, p] @ b[p, j], where i, j and p count tiles. range(0, m, tile_size) gives their first rows. A
    # slice that ends beyond the array is cut off there, so the tiles at the edges need no case of their own.
    raise NotImplementedError("a18_acceleration: tiled_matmul is yours to write")


def best_tile_size(cache_bytes: int, itemsize: int = 4) -> int:
    """The largest multiple of 8 such that three square tiles fit into a cache of so many bytes; at least 8."""
    raise NotImplementedError("a18_acceleration: best_tile_size is yours to write")


def matmul_traffic(m: int, k: int, n: int, tile_size: int, itemsize: int = 4) -> int:
    """Bytes that a tiled product (m, k) @ (k, n) moves between memory and cache, if three tiles fit and no more.

    A tile of the result stays in the cache until it is finished and is written once. For each of them a row of tiles of
    a and a column of tiles of b are read.
    """
    # How often is an element of a read? Once for each column of tiles of the result. Round up.
    raise NotImplementedError("a18_acceleration: matmul_traffic is yours to write")


# ==== Part two: one pass over memory ==================================================================================

BLOCK = 16_384  # elements: 64 KB of float32, so a few blocks lie in a second-level cache

# ---- Task 3: an elementwise op on a block ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """An elementwise function, as a fused chain needs it.

    forward: `forward(x, out)` writes f(x) into `out`, which is not x. It makes no arrays.
    slope: `slope(x, y)` -> f'(x) as a new array, where y = f(x).
    """

    name: str
    forward: Callable[[Array, Array], None]
    slope: Callable[[Array, Array], Array]


def scale(c: float) -> Stage:
    """x -> c x"""
    return Stage(f"scale({c:g})", lambda x, out: np.multiply(x, c, out=out), lambda x, y: np.full_like(x, c))


def shift(c: float) -> Stage:
    """x -> x + c"""
    return Stage(f"shift({c:g})", lambda x, out: np.add(x, c, out=out), lambda x, y: np.ones_like(x))


SQUARE = Stage("square", lambda x, out: np.multiply(x, x, out=out), lambda x, y: 2 * x)
TANH = Stage("tanh", lambda x, out: np.tanh(x, out=out), lambda x, y: 1 - y * y)

A = math.sqrt(2 / math.pi)  # u = A x + B x³ = (A + B x²) x
B = 0.044715 * A


def gelu_block(x: Array, out: Array) -> None:
    """x (1 + tanh(u)) / 2 with u = (A + B x²) x, written into `out`; no array is made."""
    # Nine passes over 64 KB that stay in the cache. np.multiply(x, x, out=out) is the first; then out *= B, ...
    raise NotImplementedError("a18_acceleration: gelu_block is yours to write")


def gelu_slope(x: Array, y: Array) -> Array:
    """The derivative of GELU at x: (1 + t) / 2 + x (1 - t²) u' / 2, where t = tanh(u) and u' = A + 3 B x²."""
    # t could be had from y = x (1 + t) / 2, but not where x is 0. Compute it again.
    raise NotImplementedError("a18_acceleration: gelu_slope is yours to write")


GELU_STAGE = Stage("gelu", gelu_block, gelu_slope)

# ---- Task 4: a chain in one pass -------------------------------------------------------------------------------------


def unfused(x: Array, stages: Sequence[Stage]) -> Array:
    """The chain stage by stage, each over the whole array: what a program does that applies one op after the other."""
    for stage in stages:
        out = np.empty_like(x)
        stage.forward(x, out)
        x = out
    return x


class Fused:
    """A chain of elementwise functions as one op: reads memory once, writes it once, keeps only its input.

    `Fused(scale(0.5), GELU_STAGE)(x)` is gelu(0.5 x) of a tensor of any shape, recorded like any op.

    Args:
        stages: from the first to the last.
        block: elements that go through all stages together.

    Raises:
        ValueError: no stages, or a block below 1.
    """

    def __init__(self, *stages: Stage, block: int = BLOCK):
        if not stages or block < 1:
            raise ValueError(f"a fused chain needs stages and a block of at least 1, got {len(stages)} and {block}")
        self.stages, self.block = stages, block
        self.op = Op("fused_" + "_".join(stage.name for stage in stages), self.forward)
        self.op.vjp = self.vjp

    def __call__(self, x: Any) -> Tensor:
        return apply(self.op, x if isinstance(x, TensorBase) else wrap(array_of(x)))

    def blocks(self, size: int) -> Iterator[slice]:
        """Slices that cut `size` elements into blocks, the last one maybe shorter."""
        raise NotImplementedError("a18_acceleration: Fused.blocks is yours to write")

    def forward(self, x: Array) -> Array:
        """The forward rule: an array of any shape -> a new one of the same shape and dtype."""
        # View x as one line (np.ascontiguousarray, reshape(-1)). Of the intermediate results of a block two are alive
        # at a time, so two buffers of one block take turns; the last stage writes into the result.
        raise NotImplementedError("a18_acceleration: Fused.forward is yours to write")

    def vjp(self, g: Array, node: Node) -> tuple[Array]:
        """The gradient for the input: g times the slopes of all stages.

        Only the input was kept. For each block the intermediate results are computed again, which costs arithmetic on
        numbers in the cache; keeping them would cost a pass over memory each.
        """
        # node.arrays[0] is the input, node.output the result. For a block: forward through all stages but the last,
        # one buffer a stage; then backward, multiplying by stage.slope(its input, its output).
        raise NotImplementedError("a18_acceleration: Fused.vjp is yours to write")


FUSED_GELU = Fused(GELU_STAGE)


def fused_gelu(x: Any) -> Tensor:
    """GELU (the tanh form) of a tensor of any shape in one pass. Recorded if x requires a gradient."""
    raise NotImplementedError("a18_acceleration: fused_gelu is yours to write")


# ---- Task 5: behind an op that exists --------------------------------------------------------------------------------


def gelu_applies(x: Array, *, approximate: str) -> bool:
    """Whether the fused form stands in for the op gelu: the tanh form, floats of 4 or 8 bytes, at least a block."""
    raise NotImplementedError("a18_acceleration: gelu_applies is yours to write")


def register_fused_gelu() -> Kernel:
    """Put the fused GELU behind the op "gelu", forward and backward. `use_kernels(True)` switches kernels on."""
    # register_kernel(op, forward, when, name, vjp): forward is called like the op's own rule, with approximate=...
    # Call it "gelu_fused".
    raise NotImplementedError("a18_acceleration: register_fused_gelu is yours to write")


@contextmanager
def kernels_switched(on: bool) -> Iterator[None]:
    """Inside, all kernels are on (or off); afterwards as before."""
    # `use_kernels` returns how it was. Give it back whatever happens inside.
    raise NotImplementedError("a18_acceleration: kernels_switched is yours to write")


@dataclass(frozen=True)
class KernelReport:
    """A kernel against the op's own rule: the largest difference, and median seconds of each."""

    name: str
    error: float
    gradient_error: float
    clear_seconds: float
    kernel_seconds: float

    @property
    def speedup(self) -> float:
        return self.clear_seconds / self.kernel_seconds


def compare_kernel(kernel: Kernel, *arrays: Array, repeats: int = 5, **attributes: Any) -> KernelReport:
    """Run a kernel and the op behind which it stands, forward and backward, on the same arrays, in turn.

    Raises:
        ValueError: the kernel does not apply to these arrays; names it.
    """
    # `_run_once(op, arrays, attributes)` gives [output, gradients...] and the seconds. Once with kernels on and once
    # off in each of `repeats` rounds; the median of the seconds. Ask kernel.when first.
    raise NotImplementedError("a18_acceleration: compare_kernel is yours to write")


def _run_once(op: Op, arrays: Sequence[Array], attributes: dict[str, Any]) -> tuple[list[Array], float]:
    """[output, gradient of each input], for a gradient of ones, and the seconds of both ways together."""
    inputs = [wrap(array) for array in arrays]
    for x in inputs:
        x.requires_grad = True
    started = time.perf_counter()
    out = apply(op, *inputs, **attributes)
    out.backward(np.ones_like(out.data))
    seconds = time.perf_counter() - started
    return [out.data, *(x.grad for x in inputs)], seconds


# ---- Task 6: a compiler, where there is one --------------------------------------------------------------------------


def gelu_scalar(x: float) -> float:
    """GELU (the tanh form) of one number: what a compiler makes a loop of."""
    # np.tanh works on numbers, too, and numba knows it.
    raise NotImplementedError("a18_acceleration: gelu_scalar is yours to write")


def jit(function: Callable[[float], float], fallback: Callable[[Array], Array] | None = None) -> Callable[..., Array]:
    """A function of one number, compiled by numba to one of arrays, float32 -> float32 and float64 -> float64.

    Numba is an option, so it is imported here and nowhere else.

    Args:
        fallback: what to return if numba is not installed; a RuntimeWarning says so, with both names.

    Raises:
        ImportError: numba is not installed and there is no fallback; says how to get it.
    """
    # numba.vectorize(["float32(float32)", "float64(float64)"], nopython=True)(function) compiles it.
    raise NotImplementedError("a18_acceleration: jit is yours to write")


# ==== Part three: two bytes a number ==================================================================================

# ---- Task 7: products of halves --------------------------------------------------------------------------------------


def to_half(x: Array) -> Array:
    """A float16 copy. What is too large (beyond 65504) becomes infinite, what is too small (below 3e-8) becomes 0."""
    with np.errstate(over="ignore"):
        return x.astype(np.float16)


def half_linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """x @ weight + bias of float16 arrays: (..., in) @ (in, out) + (out,) -> (..., out), float16.

    Products are added up in float32: a float16 sum stops growing at 2048 when ones are added to it.
    """
    # LINEAR.forward takes float32 arrays. Round once, at the end.
    raise NotImplementedError("a18_acceleration: half_linear is yours to write")


def half_linear_vjp(g: Array, node: Node) -> tuple[Array, ...]:
    """Gradients for x, weight and (if there is one) bias in float16, each added up in float32."""
    # node.arrays are the inputs. Flatten the leading dimensions: (..., in) -> (rows, in).
    raise NotImplementedError("a18_acceleration: half_linear_vjp is yours to write")


def half_applies(*arrays: Array) -> bool:
    """Whether all arrays hold float16."""
    raise NotImplementedError("a18_acceleration: half_applies is yours to write")


def register_half_linear() -> Kernel:
    """Put `half_linear` behind the op "linear" for float16 arrays, forward and backward, as "linear_half"."""
    raise NotImplementedError("a18_acceleration: register_half_linear is yours to write")


# ---- Task 8: the scale of the loss -----------------------------------------------------------------------------------


class GradScaler:
    """Multiplies the loss before `backward`, so that small gradients survive in float16, and divides them afterwards.

    The scale looks for its own size: it is as large as it can be without gradients becoming infinite. PyTorch's class
    of this name works alike.

    Args:
        init_scale: to begin with.
        growth_factor, backoff_factor: what it is multiplied by after good steps, and after a bad one.
        growth_interval: how many good steps in a row let it grow.

    Attributes:
        scale_value: the scale now. skipped: how many steps were not taken. good_steps: in a row, since it changed.

    Raises:
        ValueError: a scale that is not above 0, a growth_factor not above 1, a backoff_factor not between 0 and 1, or a
            growth_interval below 1; names it.
    """

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
    ):
        ranges = {
            "init_scale": (init_scale, init_scale > 0, "above 0"),
            "growth_factor": (growth_factor, growth_factor > 1, "above 1"),
            "backoff_factor": (backoff_factor, 0 < backoff_factor < 1, "between 0 and 1"),
            "growth_interval": (growth_interval, growth_interval >= 1, "at least 1"),
        }
        for name, (value, fits, where) in ranges.items():
            if not fits:
                raise ValueError(f"GradScaler: {name} must be {where}, got {value}")
        self.scale_value = float(init_scale)
        self.growth_factor, self.backoff_factor, self.growth_interval = growth_factor, backoff_factor, growth_interval
        self.good_steps = self.skipped = 0
        self.found_inf: bool | None = None  # None: the gradients of this step have not been unscaled

    def get_scale(self) -> float:
        return self.scale_value

    def scale(self, loss: Tensor) -> Tensor:
        """The loss times the scale: call `backward` on this."""
        raise NotImplementedError("a18_acceleration: GradScaler.scale is yours to write")

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients by the scale, in float32, and note whether one of them is infinite or not a number.

        `step` does it if you have not. Call it yourself to clip gradients between the two.

        Raises:
            RuntimeError: the gradients of this step were unscaled already.
        """
        # For every p of optimizer.params that has a gradient: p.grad = ... float32. np.isfinite(array).all().
        raise NotImplementedError("a18_acceleration: GradScaler.unscale_ is yours to write")

    def step(self, optimizer: Any) -> bool:
        """Let the optimizer step with unscaled gradients, unless one is not finite; returns whether it did."""
        raise NotImplementedError("a18_acceleration: GradScaler.step is yours to write")

    def update(self) -> None:
        """Once after each `step`: a smaller scale after a bad step, a larger one after growth_interval good ones.

        Raises:
            RuntimeError: there was no step since the last update.
        """
        raise NotImplementedError("a18_acceleration: GradScaler.update is yours to write")

    def state_dict(self) -> dict[str, float]:
        """What a run needs to go on: scale, good steps and skipped ones."""
        raise NotImplementedError("a18_acceleration: GradScaler.state_dict is yours to write")

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from such a state."""
        raise NotImplementedError("a18_acceleration: GradScaler.load_state_dict is yours to write")


# ---- Task 9: two copies of the weights -------------------------------------------------------------------------------


class MixedPrecision:
    """Training with float16 weights, activations and gradients, and float32 weights that the optimizer moves.

    An update is often less than a thousandth of its weight, and a float16 sum of the two is the weight again. So the
    optimizer keeps float32 masters, and each step begins with float16 copies of them.

    Args:
        model, optimizer: the optimizer moves the model's parameters, which hold float32.
        loss_fn: loss_fn(output, target) -> a scalar; gets float32 outputs.
        scaler: by default a new GradScaler.

    Attributes:
        copies: the float16 arrays, in the order of optimizer.params.
    """

    def __init__(self, model: Any, loss_fn: Callable[..., Tensor], optimizer: Any, scaler: GradScaler | None = None):
        self.model, self.loss_fn, self.optimizer = model, loss_fn, optimizer
        self.scaler = scaler or GradScaler()
        self.copies = [to_half(p.data) for p in optimizer.params]

    @contextmanager
    def halved(self) -> Iterator[None]:
        """Inside, the parameters hold float16 copies of what they hold now, and products of halves have their kernel.

        Afterwards each parameter has its own float32 array again (the very same), whatever happened inside.
        """
        # self.copies[i][...] = master copies and rounds without a new array. register_half_linear and remove_kernel
        # belong into the same try and finally, and kernels_switched(True) around what runs.
        raise NotImplementedError("a18_acceleration: MixedPrecision.halved is yours to write")

    def step(self, x: Any, target: Any) -> float:
        """One step on a batch; returns the loss (not scaled). A step with infinite gradients changes no weight."""
        # Zero the gradients. Halved: model of the float16 input, output.astype(np.float32), loss, scaled, backward.
        # Then, with the masters back in place, the scaler's step and update.
        raise NotImplementedError("a18_acceleration: MixedPrecision.step is yours to write")


# ==== Part four: many workers =========================================================================================

# ---- Task 10: an all-reduce in a ring --------------------------------------------------------------------------------


def chunk_bounds(length: int, parts: int) -> list[int]:
    """Where to cut `length` elements into `parts` chunks of equal size, up to one: parts + 1 numbers from 0 to length.

    chunk_bounds(10, 4) is [0, 3, 6, 8, 10]: the longer ones come first. Some chunks may be empty.
    """
    raise NotImplementedError("a18_acceleration: chunk_bounds is yours to write")


def pass_on(comm: Communicator, array: Array) -> Array:
    """Send an array to the right and return the one that comes from the left; all ranks call it at once.

    `comm.send` may wait until the other side receives. If all send first, nobody ever receives.
    """
    # Even ranks send first, odd ranks receive first. Is that enough when the number of ranks is odd?
    raise NotImplementedError("a18_acceleration: pass_on is yours to write")


def ring_all_reduce(comm: Communicator, array: Array) -> None:
    """Afterwards `array` holds, on every rank, the sum of what it held on all ranks: the same bits everywhere.

    Two rounds of size - 1 steps, in each of which a rank sends one chunk to the right. In the first round (reduce-
    scatter) sums travel and grow, until each rank has one chunk complete; in the second (all-gather) the complete
    chunks travel. A rank sends 2 (size - 1) / size times the bytes of its array, however many ranks there are.

    Raises:
        ValueError: the array does not lie in one piece, so that there is no flat view of it to write to.
    """
    # array.reshape(-1) is a view if array.flags.c_contiguous, else a copy, and the sum would be lost. In step s of the
    # first round send chunk rank - s and add what comes to chunk rank - s - 1; in the second send rank + 1 - s and
    # write what comes into rank - s; all of it modulo size. One rank alone has nothing to do.
    raise NotImplementedError("a18_acceleration: ring_all_reduce is yours to write")


def broadcast(comm: Communicator, array: Array) -> None:
    """Afterwards `array` holds on every rank what it held on rank 0. It goes around the ring once."""
    raise NotImplementedError("a18_acceleration: broadcast is yours to write")


# ---- Task 11: gradients in buckets -----------------------------------------------------------------------------------


def make_buckets(arrays: Sequence[Array], limit_bytes: int) -> list[list[int]]:
    """Numbers of the arrays in groups that are reduced together: from the last array to the first.

    The last layer's gradient is there first. A bucket holds arrays of one dtype and takes up to limit_bytes; an array
    that is larger has one of its own.
    """
    raise NotImplementedError("a18_acceleration: make_buckets is yours to write")


def all_reduce_gradients(comm: Communicator, params: Sequence[Any], limit_bytes: int = 1 << 20) -> None:
    """Afterwards every parameter's gradient is the sum of those of all ranks. A missing one counts as zeros.

    A message costs the same few microseconds whether it carries a bias or a megabyte. So gradients travel end to end in
    one array a bucket, not one by one.
    """
    # All ranks must reduce the same buckets in the same order, so what a bucket holds may depend on the parameters
    # only, not on which gradients are there. np.concatenate of flat gradients; afterwards slices of it, reshaped.
    raise NotImplementedError("a18_acceleration: all_reduce_gradients is yours to write")


# ---- Task 12: a step of all workers ----------------------------------------------------------------------------------


class DataParallel:
    """One rank's part in training one model together: all ranks hold the same weights before and after every step.

    Every rank is given the whole batch and takes its share of it. Gradients are those of the mean over the whole batch,
    so a step equals a step of one process up to rounding. Layers that look at the batch as a whole are the exception:
    BatchNorm sees its share only.

    Args:
        model, loss_fn, optimizer: this rank's own. loss_fn(output, target) is a mean over the examples.
        comm: the communicator.
        limit_bytes: of a bucket.
        seed: every rank draws random numbers (dropout) of its own, from seed + rank.
    """

    def __init__(
        self,
        model: Any,
        loss_fn: Callable[..., Tensor],
        optimizer: Any,
        comm: Communicator,
        limit_bytes: int = 1 << 20,
        seed: int = 0,
    ):
        self.model, self.loss_fn, self.optimizer, self.comm = model, loss_fn, optimizer, comm
        self.limit_bytes = limit_bytes
        # Rank 0's weights and buffers for all: state_dict, broadcast of every array, load_state_dict. Then the seed.
        raise NotImplementedError("a18_acceleration: DataParallel.__init__ is yours to write")

    def share(self, count: int) -> slice:
        """Which of `count` examples are this rank's."""
        raise NotImplementedError("a18_acceleration: DataParallel.share is yours to write")

    def step(self, x: Array, target: Array) -> float:
        """One step on a batch x (N, ...) with targets (N, ...), the whole of it; returns the mean loss over all N."""
        # A mean over my share counts as much as my share is of the batch: weigh it so before `backward`, and the sum
        # over the ranks is the mean over all. A rank without examples has no gradients and must still take part in
        # every all-reduce, or the others wait for ever. The loss goes through ring_all_reduce as well, in float64.
        raise NotImplementedError("a18_acceleration: DataParallel.step is yours to write")


Build = Callable[[], tuple[Any, Callable[..., Tensor], Any]]


@dataclass(frozen=True)
class ClassifierBuild:
    """Makes a network of linear layers with ReLU between them, cross entropy and SGD: the same in every process.

    An object of a module's class can travel to a process that is no copy of this one; a function of a notebook cannot.
    """

    sizes: tuple[int, ...]
    lr: float = 0.1
    momentum: float = 0.9
    seed: int = 0

    def __call__(self) -> tuple[Sequential, CrossEntropyLoss, SGD]:
        manual_seed(self.seed)
        layers = [layer for pair in pairwise(self.sizes) for layer in (Linear(*pair), ReLU())]
        model = Sequential(*layers[:-1])
        return model, CrossEntropyLoss(), SGD(model.parameters(), lr=self.lr, momentum=self.momentum)


def train_rank(
    comm: Communicator, build: Build, batches: Sequence[tuple[Array, Array]]
) -> tuple[dict[str, Array], list[float]]:
    """What a worker does: build, then a step for each batch. Returns the final state_dict and the losses."""
    raise NotImplementedError("a18_acceleration: train_rank is yours to write")


def train_data_parallel(
    build: Build, batches: Sequence[tuple[Array, Array]], workers: int = 2, seconds: float = 600.0
) -> tuple[dict[str, Array], list[float]]:
    """Train in `workers` processes; the final state_dict and the losses.

    Args:
        build: makes (model, loss_fn, optimizer); called once in every worker.
        batches: (x, target) arrays; all workers see all of them and take their shares.

    Raises:
        WorkerError: a worker died or they did not finish in time; never a wait without end.
    """
    return run_workers(workers, train_rank, build, batches, seconds=seconds)[0]
