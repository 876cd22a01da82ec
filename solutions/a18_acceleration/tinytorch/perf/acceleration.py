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
    # BEGIN SOLUTION
    x, y = array_of(a), array_of(b)
    if x.ndim < 2 or y.ndim < 2:
        raise ValueError(f"a product needs matrices, got shapes {x.shape} and {y.shape}; reshape a vector to one row")
    if x.shape[-1] != y.shape[-2]:
        raise ValueError(
            f"{x.shape} @ {y.shape}: {x.shape[-1]} columns do not meet {y.shape[-2]} rows; transpose one of them"
        )
    return x, y
    # END SOLUTION


def loop_matmul(a: Any, b: Any) -> Tensor:
    """(m, k) @ (k, n) -> (m, n) element by element: what the other two are measured against. Not recorded."""
    # Three loops. Python's own floats are faster here than NumPy's: x.tolist() gives lists of them.
    # BEGIN SOLUTION
    x, y = matmul_operands(a, b)
    rows, columns = x.tolist(), y.T.tolist()
    out = np.empty((x.shape[0], y.shape[1]), np.result_type(x, y))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            total = 0.0
            for p, q in zip(row, column, strict=True):
                total += p * q
            out[i, j] = total
    return wrap(out)
    # END SOLUTION


def vectorized_matmul(a: Any, b: Any) -> Tensor:
    """(..., m, k) @ (..., k, n) -> (..., m, n) in one call of BLAS. Not recorded: `Tensor @` has the gradient."""
    # BEGIN SOLUTION
    x, y = matmul_operands(a, b)
    return wrap(x @ y)
    # END SOLUTION


# ---- Task 2: blocks that fit into a cache ----------------------------------------------------------------------------


def tiled_matmul(a: Any, b: Any, tile_size: int = 64) -> Tensor:
    """(..., m, k) @ (..., k, n) -> (..., m, n) as products of tiles of at most tile_size x tile_size. Not recorded.

    Raises:
        ValueError: shapes that do not fit, or a tile_size below 1.
    """
    # out[i, j] += a[i, p] @ b[p, j], where i, j and p count tiles. range(0, m, tile_size) gives their first rows. A
    # slice that ends beyond the array is cut off there, so the tiles at the edges need no case of their own.
    # BEGIN SOLUTION
    x, y = matmul_operands(a, b)
    if tile_size < 1:
        raise ValueError(f"tile_size is at least 1, got {tile_size}")
    m, k, n = x.shape[-2], x.shape[-1], y.shape[-1]
    leading = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    out = np.zeros((*leading, m, n), np.result_type(x, y))
    for i in range(0, m, tile_size):
        for j in range(0, n, tile_size):
            target = out[..., i : i + tile_size, j : j + tile_size]
            for p in range(0, k, tile_size):
                target += x[..., i : i + tile_size, p : p + tile_size] @ y[..., p : p + tile_size, j : j + tile_size]
    return wrap(out)
    # END SOLUTION


def best_tile_size(cache_bytes: int, itemsize: int = 4) -> int:
    """The largest multiple of 8 such that three square tiles fit into a cache of so many bytes; at least 8."""
    # BEGIN SOLUTION
    side = int((cache_bytes / (3 * itemsize)) ** 0.5)
    return max(side // 8 * 8, 8)
    # END SOLUTION


def matmul_traffic(m: int, k: int, n: int, tile_size: int, itemsize: int = 4) -> int:
    """Bytes that a tiled product (m, k) @ (k, n) moves between memory and cache, if three tiles fit and no more.

    A tile of the result stays in the cache until it is finished and is written once. For each of them a row of tiles of
    a and a column of tiles of b are read.
    """
    # How often is an element of a read? Once for each column of tiles of the result. Round up.
    # BEGIN SOLUTION
    across, down = -(-n // tile_size), -(-m // tile_size)
    return itemsize * (m * k * across + k * n * down + m * n)
    # END SOLUTION


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
    # BEGIN SOLUTION
    np.multiply(x, x, out=out)
    out *= B
    out += A
    out *= x
    np.tanh(out, out=out)
    out += 1
    out *= x
    out *= 0.5
    # END SOLUTION


def gelu_slope(x: Array, y: Array) -> Array:
    """The derivative of GELU at x: (1 + t) / 2 + x (1 - t²) u' / 2, where t = tanh(u) and u' = A + 3 B x²."""
    # t could be had from y = x (1 + t) / 2, but not where x is 0. Compute it again.
    # BEGIN SOLUTION
    squares = x * x
    t = np.tanh((A + B * squares) * x)
    slope = (1 - t * t) * (A + 3 * B * squares)
    slope *= x
    slope += 1
    slope += t
    slope *= 0.5
    return slope
    # END SOLUTION


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
        # BEGIN SOLUTION
        for start in range(0, size, self.block):
            yield slice(start, min(start + self.block, size))
        # END SOLUTION

    def forward(self, x: Array) -> Array:
        """The forward rule: an array of any shape -> a new one of the same shape and dtype."""
        # View x as one line (np.ascontiguousarray, reshape(-1)). Of the intermediate results of a block two are alive
        # at a time, so two buffers of one block take turns; the last stage writes into the result.
        # BEGIN SOLUTION
        source = np.ascontiguousarray(array_of(x)).reshape(-1)
        result = np.empty_like(source)
        buffers = [np.empty(min(self.block, source.size), source.dtype) for _ in range(2)]
        last = len(self.stages) - 1
        for part in self.blocks(source.size):
            piece, into = source[part], result[part]
            for i, stage in enumerate(self.stages):
                out = into if i == last else buffers[i % 2][: piece.size]
                stage.forward(piece, out)
                piece = out
        return result.reshape(x.shape)
        # END SOLUTION

    def vjp(self, g: Array, node: Node) -> tuple[Array]:
        """The gradient for the input: g times the slopes of all stages.

        Only the input was kept. For each block the intermediate results are computed again, which costs arithmetic on
        numbers in the cache; keeping them would cost a pass over memory each.
        """
        # node.arrays[0] is the input, node.output the result. For a block: forward through all stages but the last,
        # one buffer a stage; then backward, multiplying by stage.slope(its input, its output).
        # BEGIN SOLUTION
        x = array_of(node.arrays[0])
        source, output = (np.ascontiguousarray(a).reshape(-1) for a in (x, node.output))
        gradient = np.array(g, source.dtype, copy=True).reshape(-1)
        buffers = [np.empty(min(self.block, source.size), source.dtype) for _ in self.stages[1:]]
        for part in self.blocks(source.size):
            values = [source[part]]
            for stage, buffer in zip(self.stages[:-1], buffers, strict=True):
                out = buffer[: values[-1].size]
                stage.forward(values[-1], out)
                values.append(out)
            values.append(output[part])
            for stage, (y, x_of_stage) in zip(reversed(self.stages), pairwise(reversed(values)), strict=True):
                gradient[part] *= stage.slope(x_of_stage, y)
        return (gradient.reshape(x.shape),)
        # END SOLUTION


FUSED_GELU = Fused(GELU_STAGE)


def fused_gelu(x: Any) -> Tensor:
    """GELU (the tanh form) of a tensor of any shape in one pass. Recorded if x requires a gradient."""
    # BEGIN SOLUTION
    return FUSED_GELU(x)
    # END SOLUTION


# ---- Task 5: behind an op that exists --------------------------------------------------------------------------------


def gelu_applies(x: Array, *, approximate: str) -> bool:
    """Whether the fused form stands in for the op gelu: the tanh form, floats of 4 or 8 bytes, at least a block."""
    # BEGIN SOLUTION
    return approximate == "tanh" and x.dtype in (np.float32, np.float64) and x.size >= BLOCK
    # END SOLUTION


def register_fused_gelu() -> Kernel:
    """Put the fused GELU behind the op "gelu", forward and backward. `use_kernels(True)` switches kernels on."""
    # register_kernel(op, forward, when, name, vjp): forward is called like the op's own rule, with approximate=...
    # Call it "gelu_fused".
    # BEGIN SOLUTION
    return register_kernel(
        "gelu", lambda x, *, approximate: FUSED_GELU.forward(x), gelu_applies, "gelu_fused", FUSED_GELU.vjp
    )
    # END SOLUTION


@contextmanager
def kernels_switched(on: bool) -> Iterator[None]:
    """Inside, all kernels are on (or off); afterwards as before."""
    # `use_kernels` returns how it was. Give it back whatever happens inside.
    # BEGIN SOLUTION
    before = use_kernels(on)
    try:
        yield
    finally:
        use_kernels(before)
    # END SOLUTION


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
    # BEGIN SOLUTION
    if kernel.when is not None and not kernel.when(*arrays, **attributes):
        raise ValueError(f"{kernel.name} does not apply to shapes {[a.shape for a in arrays]} with {attributes}")
    seconds: dict[bool, list[float]] = {False: [], True: []}
    results: dict[bool, list[Array]] = {}
    for _ in range(repeats):
        for on in (False, True):
            with kernels_switched(on):
                results[on], took = _run_once(kernel.op, arrays, attributes)
            seconds[on].append(took)
    errors = [float(np.abs(a - b).max(initial=0.0)) for a, b in zip(results[False], results[True], strict=True)]
    clear, fast = (float(np.median(seconds[on])) for on in (False, True))
    return KernelReport(kernel.name, errors[0], max(errors[1:]), clear, fast)
    # END SOLUTION


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
    # BEGIN SOLUTION
    return 0.5 * x * (1 + np.tanh((A + B * x * x) * x))
    # END SOLUTION


def jit(function: Callable[[float], float], fallback: Callable[[Array], Array] | None = None) -> Callable[..., Array]:
    """A function of one number, compiled by numba to one of arrays, float32 -> float32 and float64 -> float64.

    Numba is an option, so it is imported here and nowhere else.

    Args:
        fallback: what to return if numba is not installed; a RuntimeWarning says so, with both names.

    Raises:
        ImportError: numba is not installed and there is no fallback; says how to get it.
    """
    # numba.vectorize(["float32(float32)", "float64(float64)"], nopython=True)(function) compiles it.
    # BEGIN SOLUTION
    try:
        import numba
    except ImportError:
        if fallback is None:
            raise ImportError(
                f"numba is not installed, so {function.__name__} cannot be compiled; install it or give a fallback"
            ) from None
        warnings.warn(
            f"numba is not installed: {fallback.__name__} runs in place of a compiled {function.__name__}",
            RuntimeWarning,
            stacklevel=2,
        )
        return fallback
    return numba.vectorize(["float32(float32)", "float64(float64)"], nopython=True)(function)
    # END SOLUTION


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
    # BEGIN SOLUTION
    wide = [a.astype(np.float32) for a in (x, weight, bias) if a is not None]
    return to_half(LINEAR.forward(*wide))
    # END SOLUTION


def half_linear_vjp(g: Array, node: Node) -> tuple[Array, ...]:
    """Gradients for x, weight and (if there is one) bias in float16, each added up in float32."""
    # node.arrays are the inputs. Flatten the leading dimensions: (..., in) -> (rows, in).
    # BEGIN SOLUTION
    x, weight, *bias = (a.astype(np.float32) for a in node.arrays)
    rows, g_rows = x.reshape(-1, x.shape[-1]), g.astype(np.float32).reshape(-1, g.shape[-1])
    gradients = [(g_rows @ weight.T).reshape(x.shape), rows.T @ g_rows, *(g_rows.sum(axis=0) for _ in bias)]
    return tuple(to_half(gradient) for gradient in gradients)
    # END SOLUTION


def half_applies(*arrays: Array) -> bool:
    """Whether all arrays hold float16."""
    # BEGIN SOLUTION
    return all(a.dtype == np.float16 for a in arrays)
    # END SOLUTION


def register_half_linear() -> Kernel:
    """Put `half_linear` behind the op "linear" for float16 arrays, forward and backward, as "linear_half"."""
    # BEGIN SOLUTION
    return register_kernel(LINEAR, half_linear, half_applies, "linear_half", half_linear_vjp)
    # END SOLUTION


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
        # BEGIN SOLUTION
        return loss * self.scale_value
        # END SOLUTION

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients by the scale, in float32, and note whether one of them is infinite or not a number.

        `step` does it if you have not. Call it yourself to clip gradients between the two.

        Raises:
            RuntimeError: the gradients of this step were unscaled already.
        """
        # For every p of optimizer.params that has a gradient: p.grad = ... float32. np.isfinite(array).all().
        # BEGIN SOLUTION
        if self.found_inf is not None:
            raise RuntimeError("unscale_ was called already since the last update(); it must not divide twice")
        self.found_inf = False
        for p in optimizer.params:
            if p.grad is not None:
                p.grad = np.asarray(p.grad, np.float32) / np.float32(self.scale_value)
                self.found_inf = self.found_inf or not np.isfinite(p.grad).all()
        # END SOLUTION

    def step(self, optimizer: Any) -> bool:
        """Let the optimizer step with unscaled gradients, unless one is not finite; returns whether it did."""
        # BEGIN SOLUTION
        if self.found_inf is None:
            self.unscale_(optimizer)
        if self.found_inf:
            self.skipped += 1
            return False
        optimizer.step()
        return True
        # END SOLUTION

    def update(self) -> None:
        """Once after each `step`: a smaller scale after a bad step, a larger one after growth_interval good ones.

        Raises:
            RuntimeError: there was no step since the last update.
        """
        # BEGIN SOLUTION
        if self.found_inf is None:
            raise RuntimeError("update() follows step(); there was none since the last update")
        if self.found_inf:
            self.scale_value *= self.backoff_factor
            self.good_steps = 0
        else:
            self.good_steps += 1
            if self.good_steps == self.growth_interval:
                self.scale_value *= self.growth_factor
                self.good_steps = 0
        self.found_inf = None
        # END SOLUTION

    def state_dict(self) -> dict[str, float]:
        """What a run needs to go on: scale, good steps and skipped ones."""
        # BEGIN SOLUTION
        return {"scale": self.scale_value, "good_steps": self.good_steps, "skipped": self.skipped}
        # END SOLUTION

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from such a state."""
        # BEGIN SOLUTION
        self.scale_value = float(state["scale"])
        self.good_steps, self.skipped = int(state["good_steps"]), int(state["skipped"])
        # END SOLUTION


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
        # BEGIN SOLUTION
        params = self.optimizer.params
        masters = [p.data for p in params]
        kernel = register_half_linear()
        try:
            for p, copy in zip(params, self.copies, strict=True):
                with np.errstate(over="ignore"):
                    copy[...] = p.data
                p.data = copy
            with kernels_switched(True), np.errstate(over="ignore", invalid="ignore"):
                yield
        finally:
            for p, master in zip(params, masters, strict=True):
                p.data = master
            remove_kernel(kernel)
        # END SOLUTION

    def step(self, x: Any, target: Any) -> float:
        """One step on a batch; returns the loss (not scaled). A step with infinite gradients changes no weight."""
        # Zero the gradients. Halved: model of the float16 input, output.astype(np.float32), loss, scaled, backward.
        # Then, with the masters back in place, the scaler's step and update.
        # BEGIN SOLUTION
        self.optimizer.zero_grad()
        with self.halved():
            output = self.model(wrap(to_half(array_of(x))))
            loss = self.loss_fn(output.astype(np.float32), target)
            self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.item()
        # END SOLUTION


# ==== Part four: many workers =========================================================================================

# ---- Task 10: an all-reduce in a ring --------------------------------------------------------------------------------


def chunk_bounds(length: int, parts: int) -> list[int]:
    """Where to cut `length` elements into `parts` chunks of equal size, up to one: parts + 1 numbers from 0 to length.

    chunk_bounds(10, 4) is [0, 3, 6, 8, 10]: the longer ones come first. Some chunks may be empty.
    """
    # BEGIN SOLUTION
    short, longer = divmod(length, parts)
    return [i * short + min(i, longer) for i in range(parts + 1)]
    # END SOLUTION


def pass_on(comm: Communicator, array: Array) -> Array:
    """Send an array to the right and return the one that comes from the left; all ranks call it at once.

    `comm.send` may wait until the other side receives. If all send first, nobody ever receives.
    """
    # Even ranks send first, odd ranks receive first. Is that enough when the number of ranks is odd?
    # BEGIN SOLUTION
    if comm.rank % 2 == 0:
        comm.send(comm.right, array)
        return comm.recv(comm.left)
    received = comm.recv(comm.left)
    comm.send(comm.right, array)
    return received
    # END SOLUTION


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
    # BEGIN SOLUTION
    if not array.flags.c_contiguous:
        raise ValueError("ring_all_reduce writes into its array, which must lie in one piece; use np.ascontiguousarray")
    size, rank, flat = comm.size, comm.rank, array.reshape(-1)
    chunks = [flat[a:b] for a, b in pairwise(chunk_bounds(flat.size, size))]
    for s in range(size - 1):
        received = pass_on(comm, chunks[(rank - s) % size])
        chunks[(rank - s - 1) % size] += received
    for s in range(size - 1):
        received = pass_on(comm, chunks[(rank + 1 - s) % size])
        chunks[(rank - s) % size][...] = received
    # END SOLUTION


def broadcast(comm: Communicator, array: Array) -> None:
    """Afterwards `array` holds on every rank what it held on rank 0. It goes around the ring once."""
    # BEGIN SOLUTION
    if comm.rank > 0:
        array[...] = comm.recv(comm.left)
    if comm.rank < comm.size - 1:
        comm.send(comm.right, array)
    # END SOLUTION


# ---- Task 11: gradients in buckets -----------------------------------------------------------------------------------


def make_buckets(arrays: Sequence[Array], limit_bytes: int) -> list[list[int]]:
    """Numbers of the arrays in groups that are reduced together: from the last array to the first.

    The last layer's gradient is there first. A bucket holds arrays of one dtype and takes up to limit_bytes; an array
    that is larger has one of its own.
    """
    # BEGIN SOLUTION
    buckets: list[list[int]] = []
    room = 0
    for i in reversed(range(len(arrays))):
        array = arrays[i]
        if not buckets or array.nbytes > room or arrays[buckets[-1][0]].dtype != array.dtype:
            buckets.append([])
            room = limit_bytes
        buckets[-1].append(i)
        room -= array.nbytes
    return buckets
    # END SOLUTION


def all_reduce_gradients(comm: Communicator, params: Sequence[Any], limit_bytes: int = 1 << 20) -> None:
    """Afterwards every parameter's gradient is the sum of those of all ranks. A missing one counts as zeros.

    A message costs the same few microseconds whether it carries a bias or a megabyte. So gradients travel end to end in
    one array a bucket, not one by one.
    """
    # All ranks must reduce the same buckets in the same order, so what a bucket holds may depend on the parameters
    # only, not on which gradients are there. np.concatenate of flat gradients; afterwards slices of it, reshaped.
    # BEGIN SOLUTION
    for bucket in make_buckets([p.data for p in params], limit_bytes):
        pieces = [np.zeros_like(params[i].data) if params[i].grad is None else params[i].grad for i in bucket]
        flat = np.concatenate([piece.reshape(-1) for piece in pieces])
        ring_all_reduce(comm, flat)
        start = 0
        for i in bucket:
            size = params[i].data.size
            params[i].grad = flat[start : start + size].reshape(params[i].data.shape)
            start += size
    # END SOLUTION


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
        # BEGIN SOLUTION
        state = {name: np.array(array) for name, array in model.state_dict().items()}
        for array in state.values():
            broadcast(comm, array)
        model.load_state_dict(state)
        manual_seed(seed + comm.rank)
        # END SOLUTION

    def share(self, count: int) -> slice:
        """Which of `count` examples are this rank's."""
        # BEGIN SOLUTION
        bounds = chunk_bounds(count, self.comm.size)
        return slice(bounds[self.comm.rank], bounds[self.comm.rank + 1])
        # END SOLUTION

    def step(self, x: Array, target: Array) -> float:
        """One step on a batch x (N, ...) with targets (N, ...), the whole of it; returns the mean loss over all N."""
        # A mean over my share counts as much as my share is of the batch: weigh it so before `backward`, and the sum
        # over the ranks is the mean over all. A rank without examples has no gradients and must still take part in
        # every all-reduce, or the others wait for ever. The loss goes through ring_all_reduce as well, in float64.
        # BEGIN SOLUTION
        mine = self.share(len(x))
        weight = (mine.stop - mine.start) / len(x)
        total = np.zeros(1)
        self.optimizer.zero_grad()
        if weight:
            loss = self.loss_fn(self.model(Tensor(x[mine])), target[mine]) * weight
            loss.backward()
            total[0] = loss.item()
        all_reduce_gradients(self.comm, self.optimizer.params, self.limit_bytes)
        self.optimizer.step()
        ring_all_reduce(self.comm, total)
        return float(total[0])
        # END SOLUTION


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
    # BEGIN SOLUTION
    parallel = DataParallel(*build(), comm)
    losses = [parallel.step(x, target) for x, target in batches]
    return {name: np.array(array) for name, array in parallel.model.state_dict().items()}, losses
    # END SOLUTION


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
