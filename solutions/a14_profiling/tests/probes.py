"""What the tests ask of a student's profiler: a few lines each, as a user would write them, returning plain data.

Time is a `Clock` that stands still until something moves it, so that every number is known beforehand.
"""

from __future__ import annotations

import json
import os
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import tinytorch as tt
from tinytorch import nn
from tinytorch.core.autograd import Function
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import Op, register_kernel, remove_kernel, use_kernels
from tinytorch.nn import functional as F
from tinytorch.perf import profiling as module


class Clock:
    """Seconds that only pass when somebody says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def work(self, seconds):
        self.now += seconds


def _model(layers):
    """[name, arguments, settings] of each layer -> Sequential."""
    return nn.Sequential(*[getattr(nn, name)(*args, **settings) for name, args, settings in layers])


def _tensors(arrays):
    return [Tensor(a, dtype=str(a.dtype)) for a in arrays]


def _numbers(work):
    return [work.products, work.others]


# ---- Parameters


def parameters(layers):
    return module.Profiler().count_parameters(_model(layers))


def parameters_of_gpt(tied, *sizes):
    return module.Profiler().count_parameters(nn.GPT(*sizes, tie_weights=tied))


class _Named:
    """An object that is no Module and names some of its parameters more than once."""

    def __init__(self, arrays, order):
        self.tensors = [Tensor(a, requires_grad=True) for a in arrays]
        self.order = order

    def parameters(self):
        return [self.tensors[i] for i in self.order]


def parameters_named(arrays, order):
    return module.Profiler().count_parameters(_Named(arrays, order))


def parameters_of_a_function():
    return module.Profiler().count_parameters(lambda x: x)


# ---- FLOPs and bytes

OPS = {
    "matmul": lambda a, b: a @ b,
    "linear": F.linear,
    "conv2d": F.conv2d,
    "attention": F.attention,
    "tiled_attention": F.tiled_attention,
    "formula": F.scaled_dot_product_attention,
    "max_pool2d": F.max_pool2d,
    "avg_pool2d": F.avg_pool2d,
    "gelu": F.gelu,
    "softmax": F.softmax,
    "layer_norm": lambda x: F.layer_norm(x, x.shape[-1]),
    "embedding": lambda weight, indices: F.embedding(indices, weight),
    "cross_entropy": lambda x, targets: F.cross_entropy(x, targets),
    "sum": lambda x: x.sum(),
    "add": lambda a, b: a + b,
    "twice": lambda x: x * 2.5,
    "square": lambda x: x * x,
    "sqrt": lambda x: x.sqrt(),
    "reshape": lambda x: x.reshape(-1),
    "transpose": lambda x: x.transpose(),
    "rows": lambda x, n: x[:n],
    "picked": lambda x, indices: x[indices],
}


def work_of(op, arrays, *others, **settings):
    """[products, others] of one op; what follows the arrays is handed over as it is."""
    return _numbers(module.Profiler().count_work(lambda: OPS[op](*_tensors(arrays), *others, **settings)))


def work_of_normalising(x, training):
    layer = nn.BatchNorm2d(x.shape[1])
    layer.train(training)
    return _numbers(module.Profiler().count_work(lambda: layer(Tensor(x))))


def bytes_of(op, arrays, *others, **settings):
    return module.Profiler().count_bytes(lambda: OPS[op](*_tensors(arrays), *others, **settings))


def bytes_of_layers(layers, x):
    return module.Profiler().count_bytes(_model(layers), Tensor(x))


def flops_of_layers(layers, given):
    """[products, others, all], for an array or for a shape."""
    model, profiler = _model(layers), module.Profiler()
    given = given if isinstance(given, tuple) else Tensor(given)
    return [*_numbers(profiler.count_work(model, given)), profiler.count_flops(model, given)]


def flops_of_gpt(ids, tied, *sizes):
    model, profiler = nn.GPT(*sizes, tie_weights=tied), module.Profiler()
    return [*_numbers(profiler.count_work(model, ids)), profiler.count_flops(model, ids)]


class Cube(Function):
    """An op that the tables do not know."""

    @staticmethod
    def forward(ctx, x):
        return x**3


def work_of_an_unknown_op(x):
    return _numbers(module.Profiler().count_work(lambda: Cube.apply(Tensor(x))))


def work_of_a_new_op(x, each):
    module.define_flops(Cube.op, lambda arrays, attributes, output: module.Work(others=each * arrays[0].size))
    return work_of_an_unknown_op(x)


def work_with_a_kernel(layers, x):
    """The work before and with a kernel behind linear, and which ops a profile names."""
    model, profiler = _model(layers), module.Profiler()
    before = _numbers(profiler.count_work(model, Tensor(x)))
    op = Op.registry["linear"]
    kernel = register_kernel(op, lambda *arrays: op.forward(*arrays), name="quick")
    use_kernels(True)
    try:
        return [before, _numbers(profiler.count_work(model, Tensor(x))), [c.name for c in _ops(model, Tensor(x))]]
    finally:
        use_kernels(False)
        remove_kernel(kernel)


def _ops(model, x):
    return module.Profiler().profile(model, x).ops


# ---- Watching


def observed(x):
    """Names of the ops that are reported inside and outside of `observing`."""
    seen = []
    x = Tensor(x)
    x + x
    with module.observing(lambda rule, inputs, attributes, output, seconds: seen.append(rule.name)):
        x * x
        (x - x).sum()
    x / x
    return seen


def observed_after_an_error(x):
    """The names reported, where the third op fails; and whether the dispatch still goes the long way."""
    seen = []
    x = Tensor(x)
    try:
        with module.observing(lambda rule, *others: seen.append(rule.name)):
            x * x
            x.sum()
            x @ Tensor(np.ones(x.shape[-1] + 1))
    except ValueError as error:
        seen.append(type(error).__name__)
    x - x
    return [seen, Op.registry["sub"].indirect]


class _Fails(nn.Module):
    """Calls its layers and then raises."""

    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        raise RuntimeError("out of cheese")


def after_an_error(method, layers, x):
    """What a model looks like after a measurement that ended in an error: per layer [own forward, training], whether
    ops and memory are still watched, and the error's text."""
    model = _Fails(_model(layers).layers)
    try:
        getattr(module.Profiler(Clock()), method)(model, Tensor(x))
    except RuntimeError as error:
        text = str(error)
    state = [["forward" in vars(layer), getattr(layer, "training", True)] for layer in model.modules()]
    return [state, Op.registry["linear"].indirect, tracemalloc.is_tracing(), text]


def changed_by(method, layers, x):
    """The model's buffers before and after, and whether each layer is in training mode."""
    model = _model(layers)
    before = [b.data.copy() if isinstance(b, Tensor) else b.copy() for b in model.buffers()]
    getattr(module.Profiler(), method)(model, Tensor(x))
    after = [b.data if isinstance(b, Tensor) else b for b in model.buffers()]
    return [before, after, [layer.training for layer in model.modules() if isinstance(layer, nn.Module)]]


# ---- Time


def latency(milliseconds, warmup, iterations):
    """The number, its interval, outliers, samples, and how many calls there were; each call takes the next time."""
    clock, left = Clock(), list(milliseconds)

    def call():
        clock.work(left.pop(0) / 1000)

    got = module.Profiler(clock).measure_latency(call, warmup=warmup, iterations=iterations)
    return [float(got), list(got.interval), list(got.outliers), list(got.samples), len(milliseconds) - len(left)]


def summary(samples):
    got = module.Latency(s for s in samples)
    return [float(got), list(got.interval), list(got.outliers), got + 1, got.best]


class _SlowToPrepare(nn.Module):
    """Takes a second to change its mode, and as long as it is told to run."""

    def __init__(self, clock, milliseconds):
        self.clock, self.milliseconds, self.modes = clock, milliseconds, []

    def train(self, mode=True):
        self.clock.work(1.0)
        return super().train(mode)

    def forward(self, x):
        self.modes.append(self.training)
        self.clock.work(self.milliseconds / 1000)
        return x


def latency_of_a_model(milliseconds, shape, warmup, iterations):
    """The samples, the modes in which the model ran, and its mode afterwards."""
    clock = Clock()
    model = _SlowToPrepare(clock, milliseconds)
    got = module.Profiler(clock).measure_latency(model, shape, warmup=warmup, iterations=iterations)
    return [list(got.samples), model.modes, model.training]


# ---- Memory


def _passing(first, second):
    """A function that holds `first` bytes for a while and returns an array of `second` bytes."""

    def run():
        passing = np.ones(first, "uint8")
        del passing
        return np.ones(second, "uint8")

    return run


def memory(first, second):
    use = module.Profiler().measure_memory(_passing(first, second))
    return [use["peak_bytes"], use["kept_bytes"]]


def memory_beside(others, first, second):
    """As `memory`, while others hold memory and trace it, and held more before; and what they see in the end."""
    tracemalloc.start()
    gone = np.ones(4 * others, "uint8")
    held = np.ones(others, "uint8")
    del gone
    use = module.Profiler().measure_memory(_passing(first, second))
    tracing = tracemalloc.is_tracing()
    now = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return [use["peak_bytes"], use["kept_bytes"], tracing, now, held.nbytes]


def memory_of_layers(layers, x):
    model = _model(layers)
    use = module.Profiler().measure_memory(model, Tensor(x))
    return [dict(use), tracemalloc.is_tracing()]


# ---- Layers


class Slow(nn.Module):
    """Takes some seconds, then calls its layers one after the other; maybe runs an op on what comes out."""

    def __init__(self, clock, seconds, *layers, op=None):
        self.clock, self.seconds, self.layers, self.op = clock, seconds, list(layers), op

    def forward(self, x):
        self.clock.work(self.seconds)
        for layer in self.layers:
            x = layer(x)
        return x if self.op is None else OPS[self.op](x)


def _slow(clock, spec):
    """[seconds, [specs of the layers inside], name of an op] -> Slow; ["Linear", 3, 4] -> that layer."""
    if isinstance(spec[0], str):
        return getattr(nn, spec[0])(*spec[1:])
    seconds, inside, *op = spec
    return Slow(clock, seconds, *[_slow(clock, s) for s in inside], op=op[0] if op else None)


def _times(layer):
    return [layer.path, layer.kind, layer.calls, layer.seconds, layer.own_seconds, [_times(c) for c in layer.children]]


def _counts(layer):
    own = [layer.path, *_numbers(layer.work), layer.moved, layer.activation_bytes, layer.parameters]
    return [own, *[row for child in layer.children for row in _counts(child)]]


def tree_of_times(spec, x):
    clock = Clock()
    return _times(module.Profiler(clock).profile(_slow(clock, spec), Tensor(x)).root)


def counts_of_layers(layers, x):
    """[path, products, others, bytes moved, bytes made, parameters] of each layer, from the top down."""
    return _counts(module.Profiler().profile(_model(layers), Tensor(x)).root)


def counts_of_gpt(ids, *sizes):
    return _counts(module.Profiler().profile(nn.GPT(*sizes), ids).root)


class Step(nn.Module):
    """Takes the next of some times whenever it is called."""

    def __init__(self, clock, seconds):
        self.clock, self.left = clock, list(seconds)

    def forward(self, x):
        self.clock.work(self.left.pop(0))
        return x


def called_again(x, first, second):
    """Times of a model that calls one layer several times, in two places."""
    clock = Clock()
    shared = Step(clock, first)
    model = Slow(clock, 1.0, shared, Slow(clock, second, shared, shared), shared)
    return _times(module.Profiler(clock).profile(model, Tensor(x)).root)


def called_by_a_function(x, seconds):
    """Times where a function calls a model twice, between things of its own."""
    clock = Clock()
    model = Slow(clock, seconds[0], Slow(clock, seconds[1]))

    def twice():
        clock.work(seconds[2])
        return model(model(Tensor(x)))

    return _times(module.Profiler(clock).profile(twice, model=model).root)


def caught(x, seconds):
    """Times where a layer raises, the model catches it and goes on."""
    clock = Clock()

    class Careful(nn.Module):
        def __init__(self):
            self.bad, self.good = _Fails([Slow(clock, seconds[0])]), Slow(clock, seconds[1])

        def forward(self, x):
            try:
                x = self.bad(x)
            except RuntimeError:
                clock.work(seconds[2])
            return self.good(x)

    return _times(module.Profiler(clock).profile(Careful(), Tensor(x)).root)


def forwards(x, factor):
    """A layer with a forward of its own before, during and after a profile: what comes out, what its ops did, and how
    often somebody looked at the profiler's clock afterwards."""
    looks = []
    model = _model([["Linear", [x.shape[1], 3], {}], ["ReLU", [], {}]])
    usual = model[0].forward
    model[0].forward = lambda x: usual(x) * factor
    with tt.no_grad():
        before = model(Tensor(x)).numpy()
        profiler = module.Profiler(lambda: looks.append(1) or len(looks))
        seen = [call.name for call in profiler.profile(model, Tensor(x)).ops]
        during = len(looks)
        after = model(Tensor(x)).numpy()
        later = len(looks)
        own = ["forward" in vars(layer) for layer in model.layers]
        del model[0].forward
        without, expected = model(Tensor(x)).numpy(), np.maximum(usual(Tensor(x)).numpy(), 0)
        return [before, after, own, seen, without, expected, [during, later]]


# ---- Traces


def trace(spec, x):
    clock = Clock()
    return module.Profiler(clock).profile(_slow(clock, spec), Tensor(x)).chrome_trace()


def trace_of_layers(layers, x):
    return module.Profiler().profile(_model(layers), Tensor(x)).chrome_trace()


def trace_written(layers, x):
    """The trace as an object, and what the file holds."""
    profiler = module.Profiler()
    profile = profiler.profile(_model(layers), Tensor(x))
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(path)
        return [profile.chrome_trace(), json.loads(path.read_text(encoding="utf-8"))]


def events_at(times, origin):
    """ts and dur of ops that run between the given pairs of seconds."""
    calls = [module.OpCall("op", start, end, module.Work(), 0, 0, ()) for start, end in times]
    return [[event["ts"], event["dur"]] for event in (module._trace_event(call, origin) for call in calls)]


# ---- Roofline


def ceilings(peak, bandwidth, intensities):
    machine = module.Machine(peak, bandwidth)
    return [machine.ridge, [[machine.attainable(i), machine.bound(i)] for i in intensities]]


def points(calls, peak, bandwidth):
    """The points of ops given as [name, products, others, bytes, start, end]."""
    ops = [module.OpCall(n, t0, t1, module.Work(p, o), moved, 0, ()) for n, p, o, moved, t0, t1 in calls]
    found = module.roofline(ops, module.Machine(peak, bandwidth))
    return [
        [p.name, p.calls, p.flops, p.moved, p.seconds, p.intensity, p.attained, p.attainable, p.bound] for p in found
    ]


def ceilings_measured(milliseconds, size, megabytes, repeats):
    """What a machine can do whose calls take these times, one after the other: between every two looks at the clock
    passes the next of them."""
    clock, left, looks = Clock(), list(milliseconds), []

    def look():
        if len(looks) % 2:
            clock.work(left.pop(0) / 1000)
        looks.append(clock.now)
        return clock.now

    profiler = module.Profiler(look)
    machine = profiler.measure_machine(size=size, megabytes=megabytes, repeats=repeats)
    return [machine.peak, machine.bandwidth, [profiler.machine.peak, profiler.machine.bandwidth]]


# ---- Reports


def report(layers, x, peak, bandwidth):
    profiler = module.Profiler(machine=module.Machine(peak, bandwidth))
    return profiler.profile_forward_pass(_model(layers), Tensor(x))
