"""Profiling: how much a model computes and moves, how long it takes, and which of its layers and ops it was.

The file has four parts. First what can be counted without a clock: parameters, and for every op that runs its
floating-point operations (FLOPs) and the bytes that it moves. Then what has to be measured: time and memory of a call.
Then who it was: calls of layers and ops as a tree of spans, summed up layer by layer or written as a trace. Last the
roofline, which says what the machine could have done. Nothing here makes a model faster; assignments 15 to 18 do, and
assignment 19 decides whether a difference is one.
"""

from __future__ import annotations

import json
import math
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Module
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import evaluation
from tinytorch.dispatch import Kernel, Op, TensorBase, add_observer, remove_observer

Array = np.ndarray
Attributes = dict[str, Any]
Clock = Callable[[], float]  # seconds since some moment, as time.perf_counter()

# ==== Part one: what can be counted ===================================================================================

# ---- Task 1: parameters ----------------------------------------------------------------------------------------------


def distinct_parameters(model: Any) -> list[Any]:
    """The parameters of anything that has `parameters()`, each once, however often it is named; [] of a function."""
    # A Module leaves duplicates out by itself; other objects with a method `parameters` may not. Two tensors can be
    # equal without being the same one: what counts is id(p).
    raise NotImplementedError("a14_profiling: distinct_parameters is yours to write")


# ---- given: what is counted of an op ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """Floating-point operations, of one op or of many.

    Attributes:
        products: those of matrix products, convolutions and attention's two products; a multiplication and the addition
            that goes with it are 2.
        others: all the rest: biases, activations, norms, losses.
    """

    products: int = 0
    others: int = 0

    @property
    def total(self) -> int:
        return self.products + self.others

    def __add__(self, other: Work) -> Work:
        return Work(self.products + other.products, self.others + other.others)


# How the work of one application of an op is counted: rule(arrays, attributes, output). `arrays` are the inputs, arrays
# and plain numbers, as the forward rule had them.
WorkRule = Callable[[tuple[Any, ...], Attributes, Array], Work]

_rules: dict[str, WorkRule] = {}


def define_flops(op: Op | str, rule: WorkRule) -> None:
    """Say how the FLOPs of an op are counted. Ops of later assignments, and a user's own, are made known this way."""
    _rules[op if isinstance(op, str) else op.name] = rule


# The convention for everything that is no product: an arithmetic operation, a comparison, and an elementary function
# (exp, log, sqrt, tanh, erf) are one FLOP each. What works on whole rows once (the log in log_softmax) is left out.

_PER_OUTPUT = {  # FLOPs for each element of the output
    1: "add sub mul div pow maximum minimum neg abs exp log sqrt relu tanh",
    2: "clip leaky_relu",
    3: "rotary",  # two products and an addition
    4: "sigmoid",  # negate, exp, add, divide
    5: "silu softmax log_softmax",  # softmax: largest, subtract, exp, sum, divide
    7: "layer_norm",  # sum; subtract, square, sum; times 1 / deviation, times weight, plus bias
}
_PER_INPUT = {  # FLOPs for each element of the first input
    1: "sum mean max min adaptive_avg_pool2d",
    3: "mse l1",  # subtract; square or absolute value; sum
    4: "var",
    5: "cross_entropy",
    7: "huber",
    10: "bce_with_logits",
    11: "bce",
}
_MOVES = "reshape permute getitem masked_fill where cat stack cast clone embedding checkpoint"  # compute nothing


def _each_output(flops: int) -> WorkRule:
    return lambda arrays, attributes, output: Work(others=flops * output.size)


def _each_input(flops: int) -> WorkRule:
    return lambda arrays, attributes, output: Work(others=flops * arrays[0].size)


for _table, _make in ((_PER_OUTPUT, _each_output), (_PER_INPUT, _each_input), ({0: _MOVES}, _each_output)):
    for _flops, _names in _table.items():
        for _name in _names.split():
            define_flops(_name, _make(_flops))


# ---- Task 2: products ------------------------------------------------------------------------------------------------
# A sum of k products counts as 2 k FLOPs: k multiplications, and k additions if the sum starts at 0.


def _linear_work(arrays: tuple[Any, ...], attributes: Attributes, output: Array) -> Work:
    """x (..., in), weight (in, out) and maybe a bias (out,) -> (..., out)."""
    # How many numbers come out, over all rows of the batch, and how long is the sum in each? A third input is the bias.
    raise NotImplementedError("a14_profiling: _linear_work is yours to write")


def _matmul_work(arrays: tuple[Any, ...], attributes: Attributes, output: Array) -> Work:
    """(..., n, k) @ (..., k, m) -> (..., n, m), and the forms with vectors, which lose a dimension."""
    raise NotImplementedError("a14_profiling: _matmul_work is yours to write")


def _conv2d_work(arrays: tuple[Any, ...], attributes: Attributes, output: Array) -> Work:
    """x (N, C, H, W), weight (O, C / groups, kh, kw) and maybe a bias (O,) -> (N, O, Ho, Wo)."""
    # Windows are where outputs are: stride and padding need no formula here. What does one output number sum over?
    raise NotImplementedError("a14_profiling: _conv2d_work is yours to write")


def _scores(q: Array, k: Array, attributes: Attributes) -> int:
    """How many scores attention computes: T * S for each matrix of the batch, of q (..., T, D) and k (..., S, D).

    The tiled form leaves out what a causal mask hides before each tile of `block` keys.
    """
    queries, keys = q.shape[-2], k.shape[-2]
    matrices = math.prod(np.broadcast_shapes(q.shape[:-2], k.shape[:-2]))
    if not (attributes["is_causal"] and "block" in attributes):
        return matrices * queries * keys
    block = attributes["block"]
    starts = range(0, min(queries, keys), block)
    return matrices * sum((queries - start) * min(block, keys - start) for start in starts)


def _attention_work(arrays: tuple[Any, ...], attributes: Attributes, output: Array) -> Work:
    """q (..., T, D), k (..., S, D), v (..., S, E) -> (..., T, E), by `attention` or `tiled_attention`.

    The count is that of the formula: q kᵀ, a scale, a softmax, weights times v. A mask saves nothing, for the plain
    form computes what it hides.
    """
    # _scores says how many scores there are. Each is a sum of D products, is scaled (1) and goes through softmax (5),
    # and as a weight it is multiplied with E values and added up. Where leading dimensions of v alone are stretched,
    # the second product runs more often: output.shape[:-2] against those of q and k.
    raise NotImplementedError("a14_profiling: _attention_work is yours to write")


# ---- Task 3: what depends on a setting -------------------------------------------------------------------------------


def _pool_work(arrays: tuple[Any, ...], attributes: Attributes, output: Array) -> Work:
    """Pooling with attribute kernel_size (kh, kw): one FLOP for each tap of each window -> output (N, C, Ho, Wo)."""
    raise NotImplementedError("a14_profiling: _pool_work is yours to write")


def _batch_norm_work(arrays: tuple[Any, ...], attributes: Attributes, output: Array) -> Work:
    """With statistics of the batch 7 FLOPs an element, as layer_norm. With attributes mean and var given: 3."""
    raise NotImplementedError("a14_profiling: _batch_norm_work is yours to write")


def _gelu_work(arrays: tuple[Any, ...], attributes: Attributes, output: Array) -> Work:
    """x (1 + erf(x / √2)) / 2 is 5 FLOPs an element, its approximation by tanh 9."""
    return Work(others=output.size * (9 if attributes["approximate"] == "tanh" else 5))


def _nll_work(arrays: tuple[Any, ...], attributes: Attributes, output: Array) -> Work:
    """Of each row of x (N, C) one number is taken, negated and summed up."""
    return Work(others=2 * len(arrays[0]))


for _name, _rule in {
    "linear": _linear_work,
    "matmul": _matmul_work,
    "conv2d": _conv2d_work,
    "attention": _attention_work,
    "tiled_attention": _attention_work,
    "max_pool2d": _pool_work,
    "avg_pool2d": _pool_work,
    "batch_norm": _batch_norm_work,
    "gelu": _gelu_work,
    "nll": _nll_work,
}.items():
    define_flops(_name, _rule)


def _op_name(rule: Op | Kernel) -> str:
    """The name of an op, or of the op that a kernel stands for."""
    return rule.op.name if isinstance(rule, Kernel) else rule.name


def _plain(values: Iterable[Any]) -> tuple[Any, ...]:
    """The values with arrays in place of tensors."""
    return tuple([x.data if isinstance(x, TensorBase) else x for x in values])


def work_of(rule: Op | Kernel, inputs: tuple[Any, ...], attributes: Attributes, output: Array) -> Work:
    """The FLOPs of one application of an op, given as an observer of the dispatch is given it.

    A kernel is credited with the work of the op that it stands for, however it gets round it.

    Raises:
        ValueError: nobody said how this op is counted; names it and the remedy. Nothing is guessed.
    """
    # _op_name gives the key to _rules, _plain the arrays.
    raise NotImplementedError("a14_profiling: work_of is yours to write")


# ---- Task 4: bytes ---------------------------------------------------------------------------------------------------

_GATHERS = ("embedding", "getitem")  # read what they hand out, not all that they could have


def _arrays_of(inputs: tuple[Any, ...], attributes: Attributes) -> list[Array]:
    """The arrays that an op is given, as inputs or attributes (masks, indices, targets), each once: in x * x there is
    one."""
    raise NotImplementedError("a14_profiling: _arrays_of is yours to write")


def _is_view(output: Array, arrays: list[Array]) -> bool:
    """Whether an op made no new array but handed out (part of) one that it was given, as reshape and permute do."""
    return any(np.may_share_memory(output, a) for a in arrays)


def bytes_moved(rule: Op | Kernel, inputs: tuple[Any, ...], attributes: Attributes, output: Array) -> int:
    """The bytes that one application of an op has to move: every array it is given read once, its output written once.

    No program can do with less; one that makes copies (im2col) or that the cache is too small for moves more. A view
    moves nothing. Ops that gather rows read as many bytes as they write, and their indices.
    """
    # Array.nbytes counts elements times their size. Of a gather the first input is the table: leave it out.
    raise NotImplementedError("a14_profiling: bytes_moved is yours to write")


# ---- Task 5: watching ops run ----------------------------------------------------------------------------------------


@contextmanager
def observing(observer: Callable[..., None]) -> Iterator[None]:
    """Inside, `observer(rule, inputs, attributes, output, seconds)` is called after every op; afterwards no more.

    Also after an exception: an observer that stays behind makes every op of the program slower, for ever.
    """
    # add_observer and remove_observer of the dispatch.
    raise NotImplementedError("a14_profiling: observing is yours to write")


# ---- given: what is run, and how -------------------------------------------------------------------------------------


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(n, (int, np.integer)) for n in value)


def _is_layer(target: Any) -> bool:
    return callable(getattr(target, "forward", None))


@contextmanager
def ready(target: Any, inputs: tuple[Any, ...]) -> Iterator[Callable[[], Any]]:
    """A function without arguments that runs target(*inputs), for the time of a `with`.

    A tuple of whole numbers among the inputs is a shape and stands for a tensor of zeros. A layer runs in evaluation
    mode and nothing is recorded; its mode is restored afterwards. A plain function runs as it is: to look at a training
    step, hand over a function that takes one.
    """
    given = [Tensor(np.zeros(x)) if _is_shape(x) else x for x in inputs]
    if isinstance(target, Module):
        with evaluation(target):
            yield lambda: target(*given)
    elif _is_layer(target):
        with no_grad():
            yield lambda: target(*given)
    else:
        yield lambda: target(*given)


# ==== Part two: what has to be measured ===============================================================================

# ---- Task 6: time ----------------------------------------------------------------------------------------------------


class Latency(float):
    """Milliseconds that a call takes: the median of several calls, a number, with what it was computed from.

    Attributes:
        samples: the milliseconds of every measured call, in order.
    """

    samples: tuple[float, ...]

    def __new__(cls, samples: Iterable[float]) -> Latency:
        """From the milliseconds of each call. ValueError if there is none."""
        # float.__new__(cls, number) makes it; attributes can be set on the result.
        raise NotImplementedError("a14_profiling: Latency.__new__ is yours to write")

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.samples,)  # for copies

    @property
    def interval(self) -> tuple[float, float]:
        """Between these nine of ten calls lie: the quantiles 0.05 and 0.95 of the samples."""
        raise NotImplementedError("a14_profiling: Latency.interval is yours to write")

    @property
    def outliers(self) -> tuple[float, ...]:
        """Samples that lie outside Tukey's fences: more than 1.5 (q3 - q1) below the first quartile or above the third.

        They are reported, not left out: something was going on beside the call (Tukey, Exploratory Data Analysis).
        """
        raise NotImplementedError("a14_profiling: Latency.outliers is yours to write")

    @property
    def best(self) -> float:
        """The quickest sample: what the call takes when nothing disturbs it."""
        return min(self.samples)

    def __str__(self) -> str:
        low, high = self.interval
        many = f"{len(self.outliers)} outliers of {len(self.samples)}"
        return f"{float(self):.4g} ms (90 % within {low:.4g} to {high:.4g}, {many})"


def timed(run: Callable[[], Any], clock: Clock) -> float:
    """Seconds of one call by a clock."""
    raise NotImplementedError("a14_profiling: timed is yours to write")


# ---- Task 7: memory --------------------------------------------------------------------------------------------------

MEGABYTE = 2**20


class MemoryUse(TypedDict):
    """What a call needs of memory beside what was there before. MB are 2^20 bytes."""

    parameter_bytes: int  # of the model, each parameter once; 0 for a function
    peak_bytes: int  # at the worst moment of the call
    kept_bytes: int  # when it has returned: its result, and what was recorded; negative if it gave up more than it took
    parameter_memory_mb: float
    activation_memory_mb: float  # peak_bytes
    peak_memory_mb: float  # parameters and peak together
    memory_efficiency: float  # what is there at the end, as a share of what was there at the worst moment


@contextmanager
def tracing_memory() -> Iterator[None]:
    """Inside, allocations are traced (NumPy reports its arrays to tracemalloc). Afterwards as before.

    If somebody traces already, their tracing goes on, before and after.
    """
    raise NotImplementedError("a14_profiling: tracing_memory is yours to write")


def traced(run: Callable[[], Any]) -> tuple[int, int]:
    """(peak, kept): bytes in use beyond those before the call, at the worst moment and when it has returned.

    What the call returns is still alive then.
    """
    # tracemalloc.get_traced_memory() is (bytes in use, largest so far); reset_peak() starts "so far" anew. What is in
    # use before is none of this call's business.
    raise NotImplementedError("a14_profiling: traced is yours to write")


def _memory_use(model: Any, peak: int, kept: int) -> MemoryUse:
    """The record of a call's memory with the parameters of its model."""
    parameters = sum(p.data.nbytes for p in distinct_parameters(model))
    return MemoryUse(
        parameter_bytes=parameters,
        peak_bytes=peak,
        kept_bytes=kept,
        parameter_memory_mb=parameters / MEGABYTE,
        activation_memory_mb=peak / MEGABYTE,
        peak_memory_mb=(parameters + peak) / MEGABYTE,
        memory_efficiency=(parameters + kept) / (parameters + peak) if parameters + peak else 1.0,
    )


# ==== Part three: who it was ==========================================================================================

# ---- given: spans ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpCall:
    """One op that ran.

    Attributes:
        name: of the op, or of the kernel that ran for it.
        start, end: seconds of the profiler's clock.
        work, moved: its FLOPs, and the bytes that it had to move.
        made: bytes of its output; 0 if that is a view.
        shape: of its output.
    """

    name: str
    start: float
    end: float
    work: Work
    moved: int
    made: int
    shape: tuple[int, ...]


@dataclass
class Span:
    """One call of a layer: from `start` to `end` on the profiler's clock, and what ran inside, in order."""

    path: str  # of the layer in the model, as named_modules has it: "blocks.0.mlp"
    layer: Any
    start: float
    end: float = math.nan
    inside: list[Span | OpCall] = field(default_factory=list)

    @property
    def ops(self) -> list[OpCall]:
        """The ops that the layer ran itself."""
        return [x for x in self.inside if isinstance(x, OpCall)]

    @property
    def children(self) -> list[Span]:
        """The calls of layers that the layer made."""
        return [x for x in self.inside if isinstance(x, Span)]


# ---- Task 8: wrapping calls ------------------------------------------------------------------------------------------


@contextmanager
def wrapped(layers: Iterable[tuple[str, Any]], around: Callable[[str, Any, Callable[..., Any]], Any]) -> Iterator[None]:
    """Inside, calling a layer calls around(path, layer, forward) instead of its forward; afterwards all is as before.

    Args:
        layers: (path, layer), each layer once, as `named_modules` gives them.
        around: returns the function that stands in for `forward`.
    """
    # layer(x) calls self.forward(x), and Python looks at the object before it looks at the class. So set an attribute
    # `forward` of the object, and afterwards delete it: del layer.forward uncovers the method of the class again. A
    # layer may have had a forward of its own in vars(layer) before; that one has to come back. And all of this has to
    # happen when what runs inside raises, too.
    raise NotImplementedError("a14_profiling: wrapped is yours to write")


class Recorder:
    """Writes down calls of layers and ops as spans within spans.

    Attributes:
        open: the calls that are running now, the innermost last. What begins or runs now belongs into open[-1].inside.
    """

    def __init__(self, clock: Clock):
        self.clock = clock
        self.open: list[Span] = []

    @contextmanager
    def span(self, path: str, layer: Any) -> Iterator[Span]:
        """A span that lasts as long as the `with`, inside of the one that is open now, if any."""
        # Its end is written, and it is closed, also after an exception.
        raise NotImplementedError("a14_profiling: Recorder.span is yours to write")

    def around(self, path: str, layer: Any, forward: Callable[..., Any]) -> Callable[..., Any]:
        """The function that stands in for a layer's forward: the same within a span."""

        raise NotImplementedError("a14_profiling: Recorder.around is yours to write")

    def op(
        self, rule: Op | Kernel, inputs: tuple[Any, ...], attributes: Attributes, output: Array, seconds: float
    ) -> None:
        """Observer of the dispatch: an op has just ended, and took `seconds`."""
        end = self.clock()
        span = self.open[-1]
        # The clock has gone on since the op ended. Never let an op begin before what came before it.
        earliest = span.inside[-1].end if span.inside else span.start
        view = _is_view(output, _arrays_of(inputs, attributes))
        span.inside.append(
            OpCall(
                name=rule.name,
                start=min(max(end - seconds, earliest), end),
                end=end,
                work=work_of(rule, inputs, attributes, output),
                moved=bytes_moved(rule, inputs, attributes, output),
                made=0 if view else output.nbytes,
                shape=output.shape,
            )
        )


# ---- Task 9: the tree ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LayerProfile:
    """All calls of one layer from one place, with what happened inside of them.

    Attributes:
        path, kind: "blocks.0.mlp" and "MLP".
        calls: how often.
        seconds, own_seconds: with the layers inside, and without them.
        work, moved: FLOPs and bytes moved, with the layers inside.
        activation_bytes: of the new arrays that ops put out, with the layers inside; views are none.
        parameters: numbers to train, with the layers inside; one that is shared counts in each layer that holds it.
        children: the layers inside, in order of their first call.
    """

    path: str
    kind: str
    calls: int
    seconds: float
    own_seconds: float
    work: Work
    moved: int
    activation_bytes: int
    parameters: int
    children: tuple[LayerProfile, ...]

    def walk(self, depth: int = 0) -> Iterator[tuple[int, LayerProfile]]:
        """(depth, layer) of this layer and those inside, each before what is inside of it."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


def summed(spans: list[Span]) -> LayerProfile:
    """The calls of one layer, at least one, summed up; the layers inside likewise."""
    # Sort the children of all spans by their path (a dict keeps the order of first calls) and sum up each group first.
    # Everything but the own seconds is what the layer's own ops did, plus what the children's sums say.
    raise NotImplementedError("a14_profiling: summed is yours to write")


# ---- Task 10: a trace ------------------------------------------------------------------------------------------------


def _nested(span: Span) -> Iterator[Span | OpCall]:
    """A span and everything inside, each before what is inside of it, in order of time."""
    yield span
    for x in span.inside:
        if isinstance(x, Span):
            yield from _nested(x)
        else:
            yield x


def _trace_event(x: Span | OpCall, origin: float) -> dict[str, Any]:
    """One span as a complete event ("ph": "X") of the trace event format; `origin` is the time that counts as 0.

    Keys: name, cat ("layer" or "op"), ph, ts and dur (microseconds), pid and tid (one process, one thread: 1), args
    (what the viewer shows on a click).
    """
    # Viewers round to whole nanoseconds, and an event that ends one after the event around it is drawn beside it. So
    # round start and end to nanoseconds first, take their difference as the duration, and divide by 1000 at the end.
    if isinstance(x, OpCall):
        about = {"flops": x.work.total, "bytes moved": x.moved, "shape": list(x.shape)}
        name, category = x.name, "op"
    else:
        kind = type(x.layer).__name__ if _is_layer(x.layer) else "function"
        name, category, about = x.path or kind, "layer", {"kind": kind}
    raise NotImplementedError("a14_profiling: _trace_event is yours to write")


@dataclass(frozen=True)
class Profile:
    """What a profiled run left: a tree of spans. Printed, it is a table of layers."""

    span: Span

    @property
    def root(self) -> LayerProfile:
        """The layers, summed up."""
        return summed([self.span])

    @property
    def ops(self) -> list[OpCall]:
        """Every op that ran, in order."""
        return [x for x in _nested(self.span) if isinstance(x, OpCall)]

    def chrome_trace(self) -> dict[str, Any]:
        """The run in the trace event format of Chrome, which https://ui.perfetto.dev and chrome://tracing draw.

        One complete event for every call of a layer and every op, those outside first. Time 0 is the beginning.
        """
        # The events belong under "traceEvents". `_nested` has them in the right order.
        named = {"ph": "M", "name": "process_name", "pid": 1, "tid": 1, "args": {"name": "tinytorch"}}
        raise NotImplementedError("a14_profiling: Profile.chrome_trace is yours to write")

    def export_chrome_trace(self, path: str | Path) -> None:
        """Write `chrome_trace` as a JSON file."""
        Path(path).write_text(json.dumps(self.chrome_trace(), allow_nan=False), encoding="utf-8")

    def __str__(self) -> str:
        title = f"{'layer':40} {'calls':>5} {'ms':>9} {'own ms':>9} {'MFLOP':>10} {'parameters':>11} {'MB made':>8}"
        return "\n".join([title, *_rows(self.root)])


def _rows(layer: LayerProfile, above: str = "", depth: int = 0) -> Iterator[str]:
    """A line of the table for a layer and for each of those inside, named as seen from the layer above."""
    name = "  " * depth + f"{layer.path.removeprefix(above + '.')} {layer.kind}".strip()
    yield (
        f"{name:40.40} {layer.calls:5} {1e3 * layer.seconds:9.3f} {1e3 * layer.own_seconds:9.3f}"
        f" {layer.work.total / 1e6:10.3f} {layer.parameters:11,} {layer.activation_bytes / MEGABYTE:8.3f}"
    )
    for child in layer.children:
        yield from _rows(child, layer.path, depth + 1)


# ==== Part four: what the machine could have done =====================================================================

# ---- Task 11: the roofline -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Machine:
    """Two ceilings: FLOPs a second, and bytes a second to and from memory."""

    peak: float
    bandwidth: float

    @property
    def ridge(self) -> float:
        """The arithmetic intensity, in FLOPs a byte, from which on the peak can be reached."""
        raise NotImplementedError("a14_profiling: Machine.ridge is yours to write")

    def attainable(self, intensity: float) -> float:
        """The most FLOPs a second at this intensity (Williams et al., 2009, doi:10.1145/1498765.1498785)."""
        raise NotImplementedError("a14_profiling: Machine.attainable is yours to write")

    def bound(self, intensity: float) -> str:
        """ "memory" below the ridge, where bytes are what is waited for; "compute" from there on."""
        raise NotImplementedError("a14_profiling: Machine.bound is yours to write")


@dataclass(frozen=True)
class RooflinePoint:
    """All runs of one op beside what the machine could have done.

    Attributes:
        name, calls, flops, moved, seconds: of the op, summed up.
        intensity: FLOPs a byte moved.
        attained, attainable: FLOPs a second.
        bound: "memory" or "compute".
    """

    name: str
    calls: int
    flops: int
    moved: int
    seconds: float
    intensity: float
    attained: float
    attainable: float
    bound: str


def _point(name: str, calls: list[OpCall], machine: Machine) -> RooflinePoint:
    """The point of one op. Some FLOPs and bytes there must be."""
    # Sums first, quotients last: a mean of the intensities would count a small call as much as a large one.
    raise NotImplementedError("a14_profiling: _point is yours to write")


def roofline(ops: Iterable[OpCall], machine: Machine) -> list[RooflinePoint]:
    """A point for every name of an op that computes something, those that took longest first.

    Args:
        ops: for instance `profile.ops`.
    """
    raise NotImplementedError("a14_profiling: roofline is yours to write")


# ==== The profiler ====================================================================================================


class Profiler:
    """Counts and measures models. It holds a clock and nothing of the models.

    What is measured is `target(*inputs)`: a layer or model with its inputs, or any function. See `ready`: a tuple of
    whole numbers stands for zeros of that shape, and layers run in evaluation mode.

    Args:
        clock: seconds, as time.perf_counter.
        machine: its ceilings, if they are known; else `measure_machine` finds them where they are needed.
    """

    def __init__(self, clock: Clock = time.perf_counter, machine: Machine | None = None):
        self.clock = clock
        self.machine = machine
        self.last: Profile | None = None

    def __enter__(self) -> Profiler:
        return self

    def __exit__(self, *error: Any) -> None:
        """There is nothing to close: every method leaves things as it found them."""

    # ---- Tasks 1 to 5

    def count_parameters(self, model: Any) -> int:
        """How many numbers there are to train. A parameter that is used in two places is one.

        Raises:
            TypeError: model has no method `parameters`.
        """
        if not callable(getattr(model, "parameters", None)):
            raise TypeError(f"count_parameters needs a model with parameters(), got {type(model).__name__}")
        raise NotImplementedError("a14_profiling: Profiler.count_parameters is yours to write")

    def count_work(self, target: Any, *inputs: Any) -> Work:
        """The FLOPs of target(*inputs) by running it once and counting every op, exactly as it came.

        Gradients are computed by rules, not by ops: of a training step this is the way forward.
        """
        # ready(...) gives what to run, observing(...) tells of each op, work_of(...) counts it.
        raise NotImplementedError("a14_profiling: Profiler.count_work is yours to write")

    def count_flops(self, target: Any, *inputs: Any) -> int:
        """All FLOPs of target(*inputs): the whole batch, biases and activations included.

        With a shape in place of the input it is the number that tables of models quote instead: the products of one
        sample. The first dimension is the batch then and counts as 1: a Linear(10, 20) has 400, for any batch.
        """
        raise NotImplementedError("a14_profiling: Profiler.count_flops is yours to write")

    def count_bytes(self, target: Any, *inputs: Any) -> int:
        """The bytes that the ops of target(*inputs) have to move, one by one (see `bytes_moved`)."""
        raise NotImplementedError("a14_profiling: Profiler.count_bytes is yours to write")

    # ---- Tasks 6 and 7

    def measure_latency(self, target: Any, input: Any = None, warmup: int = 10, iterations: int = 100) -> Latency:
        """Milliseconds of target(input), or of target() without an input: the median of `iterations` calls.

        Args:
            input: of more than one argument make a function.
            warmup: calls beforehand that are not measured: caches, pages and lazy parts are filled by them.

        Raises:
            ValueError: not a single call to be measured, or fewer than no calls beforehand.
        """
        if iterations < 1 or warmup < 0:
            raise ValueError(f"measure_latency: iterations >= 1 and warmup >= 0, got {iterations} and {warmup}")
        # What prepares the call, ready(...), is no part of it: only run() lies between two looks at the clock.
        raise NotImplementedError("a14_profiling: Profiler.measure_latency is yours to write")

    def measure_memory(self, target: Any, *inputs: Any) -> MemoryUse:
        """The memory that target(*inputs) needs at its worst moment and when it has returned. See `MemoryUse`."""
        raise NotImplementedError("a14_profiling: Profiler.measure_memory is yours to write")

    # ---- Tasks 8 to 10

    def profile(self, target: Any, *inputs: Any, model: Any = None) -> Profile:
        """Run target(*inputs) once and write down every call of a layer and every op.

        The layers are those of target, or of `model` if target is a function that uses one. Writing takes time: of
        a run of small ops the times here are longer than `measure_latency` says. What remains is who takes how much.
        """
        # One span around run() stands for the whole, with target as its layer. Other layers are wrapped: of named
        # modules those that are not the target itself. An observer writes the ops.
        name = getattr(target, "__name__", "") if not _is_layer(target) else ""
        raise NotImplementedError("a14_profiling: Profiler.profile is yours to write")

    def export_chrome_trace(self, path: str | Path) -> None:
        """Write the trace of the last profile as a JSON file. RuntimeError if there is none."""
        if self.last is None:
            raise RuntimeError("export_chrome_trace: nothing has been profiled yet; call profile(model, x) first")
        self.last.export_chrome_trace(path)

    # ---- Task 11

    def measure_machine(self, size: int = 512, megabytes: int = 32, repeats: int = 40) -> Machine:
        """The ceilings of this machine, as NumPy reaches them: a float32 product of two (size, size) matrices, and a
        copy of `megabytes` MB, which reads and writes every byte. Kept in `machine`.

        A ceiling is what can be reached: the best of `repeats` counts, after one that is not measured. Many short calls
        find it sooner than a few long ones, which are interrupted more often. The copy has to be larger than the cache.
        """
        # np.matmul(a, b, out=c) and np.copyto(target, source) into arrays that are there already.
        raise NotImplementedError("a14_profiling: Profiler.measure_machine is yours to write")

    def _best(self, run: Callable[[], Any], repeats: int) -> float:
        """The smallest of the seconds of several calls, after one call that is not measured."""
        run()
        return min(timed(run, self.clock) for _ in range(repeats))

    # ---- given: reports in the form of dicts, as other programs expect them

    def profile_forward_pass(self, model: Any, input: Any) -> dict[str, Any]:
        """Everything about model(input) in one dict: counts, milliseconds, MB (see `MemoryUse`), and two rates.

        Its bottleneck is "memory" or "compute": the side of the ridge on which all ops together lie.
        """
        machine = self.machine or self.measure_machine()
        flops, moved = self.count_work(model, input).total, self.count_bytes(model, input)
        latency = self.measure_latency(model, input, warmup=2, iterations=10)
        memory = self.measure_memory(model, input)
        bound = machine.bound(flops / moved if moved else math.inf)
        rate = 1e3 * flops / latency if latency else math.inf
        return {
            "parameters": self.count_parameters(model),
            "flops": flops,
            "latency_ms": float(latency),
            **{name: memory[name] for name in memory if not name.endswith("bytes")},  # type: ignore[literal-required]
            "gflops_per_second": rate / 1e9,
            "memory_bandwidth_mbs": 1e3 * moved / latency / MEGABYTE if latency else math.inf,
            "computational_efficiency": rate / machine.peak,
            "bottleneck": bound,
            "is_memory_bound": bound == "memory",
            "is_compute_bound": bound == "compute",
        }

    def profile_layer(self, layer: Any, input_shape: tuple[int, ...]) -> dict[str, Any]:
        """`profile_forward_pass` on zeros, with the layer's name."""
        return {"layer_name": type(layer).__name__, **self.profile_forward_pass(layer, Tensor(np.zeros(input_shape)))}

    def profile_backward_pass(self, model: Any, input: Any, loss_fn: Any = None) -> dict[str, Any]:
        """Milliseconds and MB of the way forward, of the way back, and of what remains: gradients, optimizer states.

        Args:
            loss_fn: of the output; the sum of its elements by default.
        """

        def forward() -> Any:
            output = model(input)
            return output.sum() if loss_fn is None else loss_fn(output)

        def step() -> None:
            forward().backward()

        parameters = distinct_parameters(model)
        grads = [p.grad for p in parameters]
        ahead = self.measure_latency(forward, warmup=2, iterations=10)
        both = self.measure_latency(step, warmup=2, iterations=10)
        peaks = [self.measure_memory(fn)["peak_bytes"] / MEGABYTE for fn in (forward, step)]
        for p, grad in zip(parameters, grads, strict=True):
            p.grad = grad
        gradients = sum(p.data.nbytes for p in parameters if p.requires_grad) / MEGABYTE
        flops = self.count_work(forward).total
        return {
            "forward_flops": flops,
            "backward_flops": 2 * flops,  # of a product there are two gradients, each a product of the same size
            "total_flops": 3 * flops,
            "forward_latency_ms": float(ahead),
            "backward_latency_ms": max(both - ahead, 0.0),
            "total_latency_ms": float(both),
            "forward_memory_mb": peaks[0],
            "total_memory_mb": peaks[1],
            "gradient_memory_mb": gradients,
            "optimizer_memory_estimates": {"sgd": 0.0, "momentum": gradients, "adam": 2 * gradients},
        }


def quick_profile(model: Any, input: Any, profiler: Profiler | None = None) -> dict[str, Any]:
    """Print the layers of a model and what a forward pass takes; returns `profile_forward_pass`."""
    profiler = profiler or Profiler()
    print(profiler.profile(model, input))
    report = profiler.profile_forward_pass(model, input)
    print(
        f"{report['parameters']:,} parameters, {report['flops'] / 1e6:.3f} MFLOP in {report['latency_ms']:.3f} ms:"
        f" {report['gflops_per_second']:.2f} GFLOP/s, bound by {report['bottleneck']};"
        f" {report['peak_memory_mb']:.2f} MB at the peak"
    )
    return report


def analyze_weight_distribution(model: Any, percentiles: Iterable[float] = (10, 25, 50, 75, 90)) -> dict[str, float]:
    """Mean, std, min, max and percentiles of all parameters of a model together; assignment 16 cuts by them."""
    weights = np.concatenate([p.data.reshape(-1) for p in distinct_parameters(model)] or [np.zeros(0)])
    if not weights.size:
        raise ValueError(f"analyze_weight_distribution: {type(model).__name__} has no parameters")
    report = {name: float(getattr(weights, name)()) for name in ("mean", "std", "min", "max")}
    report["total_weights"] = weights.size
    return report | {f"percentile_{p:g}": float(np.percentile(weights, p)) for p in percentiles}
