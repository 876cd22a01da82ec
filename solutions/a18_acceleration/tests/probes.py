"""What the tests ask of a student's acceleration: a few lines each, as a user would write them, returning plain data."""

from __future__ import annotations

import os
import sys
import tracemalloc
import types
import warnings
from inspect import isfunction

import numpy as np
from tinytorch.core.activations import Tanh, gelu
from tinytorch.core.layers import LINEAR, Linear, Sequential, linear
from tinytorch.core.losses import MSELoss
from tinytorch.core.optimizers import SGD
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import Op, add_observer, register_kernel, remove_kernel, remove_observer, use_kernels, wrap
from tinytorch.perf import acceleration as module
from tinytorch.random import generator
from tinytorch.workers import run_workers, simulate

# ---- Products


def _tensor(array, requires_grad=False):
    """A tensor of the array's own dtype."""
    tensor = wrap(array)
    tensor.requires_grad = requires_grad
    return tensor


def product(which, a, b, **options):
    """The product by one of the three functions, and the factors afterwards."""
    out = getattr(module, which)(_tensor(a), _tensor(b), **options)
    return [out.data, a, b]


def _factors(n, shift):
    """Two matrices of small whole numbers, made here: sending them would take longer than multiplying them."""
    numbers = (np.arange(2 * n * n) * shift % 11 - 5).astype("f4")
    return numbers.reshape(2, n, n)


def looped(n, shift):
    return float(module.loop_matmul(*_factors(n, shift)).data.sum())


def tiled(n, shift):
    return float(module.tiled_matmul(*_factors(n, shift)).data.sum())


def tiled_finely(n, shift):
    return float(module.tiled_matmul(*_factors(n, shift), tile_size=8).data.sum())


def tile_sizes(caches, itemsize):
    return [module.best_tile_size(cache, itemsize) for cache in caches]


def traffic(*sizes):
    return module.matmul_traffic(*sizes)


# ---- Fusion

STAGES = {
    "scale": module.scale,
    "shift": module.shift,
    "square": lambda: module.SQUARE,
    "tanh": lambda: module.TANH,
    "gelu": lambda: module.GELU_STAGE,
}


def _chain(specs, **options):
    return module.Fused(*(STAGES[name](*numbers) for name, *numbers in specs), **options)


def gelu_block(x):
    """What gelu_block writes into the array that it is given, x afterwards, and the bytes that it took meanwhile."""
    out = np.full_like(x, np.nan)
    module.gelu_block(x, out)
    tracemalloc.start()
    module.gelu_block(x, out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return [out, x, peak]


def gelu_slope(x):
    y = np.empty_like(x)
    module.gelu_block(x, y)
    return module.gelu_slope(x, y)


def blocks(size, block):
    return [[part.start, part.stop] for part in module.Fused(module.TANH, block=block).blocks(size)]


def fused(specs, x, block):
    return [_chain(specs, block=block)(_tensor(x)).data, x]


def fused_gelu(x):
    out = module.fused_gelu(_tensor(x))
    return [out.data, bool(out.requires_grad)]


def fused_gradient(specs, x, g, block):
    """The gradient for x when g comes back to the chain's output; then x and g as they are afterwards."""
    tensor = _tensor(x, True)
    _chain(specs, block=block)(tensor).backward(g)
    return [tensor.grad, x, g]


def fused_gelu_gradient(x, g):
    tensor = _tensor(x, True)
    module.fused_gelu(tensor).backward(g)
    return tensor.grad


def fused_work(specs, x, block):
    """The most bytes taken beyond the results, forward and backward; whether the node keeps arrays of its own; and how
    many elements the first stage was given each time."""
    seen = []

    def note(piece, out):
        seen.append(piece.size)
        np.multiply(piece, 1, out=out)

    watching = module.Stage("watching", note, lambda x, y: np.ones_like(x))
    chain = module.Fused(watching, *(STAGES[name](*numbers) for name, *numbers in specs), block=block)
    tensor, peaks = _tensor(x, True), []
    tracemalloc.start()
    out = chain(tensor)
    peaks.append(tracemalloc.get_traced_memory()[1] - x.nbytes)
    forward, node, g = list(seen), out._node, np.ones_like(x)
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    gradient = chain.vjp(g, node)[0]
    peaks.append(tracemalloc.get_traced_memory()[1] - before - x.nbytes)
    tracemalloc.stop()
    return [peaks, node.saved is None, forward, gradient.size]


def long_chain(x):
    chain = _chain([["scale", 0.5], ["gelu"], ["shift", 0.1], ["tanh"], ["square"]])
    tensor = _tensor(x, True)
    chain(tensor).backward(np.ones_like(x))
    return float(tensor.grad.sum())


# ---- Kernels


class Watching:
    """Names of the rules that run while it is open, and the seconds of none."""

    def __enter__(self):
        self.seen = []
        add_observer(self.note)
        return self

    def note(self, rule, inputs, attributes, output, seconds):
        self.seen.append(rule.name)

    def __exit__(self, *exception):
        remove_observer(self.note)


def applies(sizes_dtypes_forms):
    return [
        bool(module.gelu_applies(np.zeros(size, dtype), approximate=form)) for size, dtype, form in sizes_dtypes_forms
    ]


def gelus(arrays, form):
    """For each array gelu with the kernel registered: which rules ran, output and gradient, kernels on and then off."""
    kernel, answers = module.register_fused_gelu(), []
    for x in arrays:
        for on in (True, False):
            tensor = _tensor(x, True)
            with module.kernels_switched(on), Watching() as watching:
                out = gelu(tensor, form)
            out.backward(2 * x)
            answers.append([watching.seen, out.data, tensor.grad])
    remove_kernel(kernel)
    return answers


def switched(before, changes):
    """How the switch stands: inside each of the nested blocks, and after each of them, when the innermost fails."""
    states = []
    use_kernels(before)

    def nest(rest):
        if not rest:
            raise LookupError("no more")
        with module.kernels_switched(rest[0]):
            states.append(_kernels_are_on())
            try:
                nest(rest[1:])
            finally:
                states.append(_kernels_are_on())

    try:
        nest(changes)
    except LookupError:
        states.append(_kernels_are_on())
    use_kernels(False)
    return states


def _kernels_are_on():
    on = use_kernels(False)
    use_kernels(on)
    return on


def compared(x, output_off, gradient_off, repeats, form="tanh"):
    """The report on a kernel that is wrong by so much, forward and backward, and computes everything often."""

    def forward(x, *, approximate):
        for _ in range(repeats):
            out = Op.registry["gelu"].forward(x, approximate=approximate)
        return out + np.asarray(output_off, x.dtype)

    def vjp(g, node):
        return (Op.registry["gelu"].vjp(g, node)[0] + np.asarray(gradient_off, g.dtype),)

    kernel = register_kernel("gelu", forward, lambda x, *, approximate: approximate == "tanh", "strange", vjp)
    before = _kernels_are_on()
    report = module.compare_kernel(kernel, x, approximate=form)
    remove_kernel(kernel)
    return [report.name, report.error, report.gradient_error, report.speedup, before == _kernels_are_on()]


def own_kernel(x):
    """The errors that compare_kernel finds in the fused GELU, and whether it is still registered once."""
    kernel = module.register_fused_gelu()
    report = module.compare_kernel(kernel, x, approximate="tanh")
    known = Op.registry["gelu"].kernels.count(kernel)
    remove_kernel(kernel)
    return [report.error, report.gradient_error, known]


def scalar_gelu(numbers):
    return [float(module.gelu_scalar(float(x))) for x in numbers]


def _square_number(x):
    return x * x


def _square_array(x):
    return np.square(x)


def without_numba(x, with_fallback):
    """jit where numba cannot be imported: what the function that it returns makes of x, and what was warned of."""
    sys.modules["numba"] = None
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        function = module.jit(_square_number, _square_array) if with_fallback else module.jit(_square_number)
    return [function(x), [[type(w.message).__name__, str(w.message)] for w in told], "numba" in vars(module)]


def with_numba(x, with_fallback):
    """jit where numba is: what the function that it returns makes of x, what was compiled, what was warned of.

    The graders have no numba. A stand-in takes its place that compiles nothing and goes through the numbers one by one.
    """
    compiled, stand_in = [], types.ModuleType("numba")

    def over_arrays(function):
        compiled.append(function.__name__)
        return lambda a: np.array([function(number) for number in a.tolist()], a.dtype)

    def one_by_one(function):
        compiled.append(function.__name__)
        return function

    def decorator(wrapped):
        """With and without arguments: `vectorize(f)`, `vectorize(signatures, nopython=True)(f)`."""
        return lambda *first, **options: wrapped(first[0]) if first and isfunction(first[0]) else wrapped

    stand_in.vectorize = decorator(over_arrays)
    stand_in.jit = stand_in.njit = decorator(one_by_one)
    for name in ("float32", "float64"):
        setattr(stand_in, name, lambda *types: types)
    sys.modules["numba"] = stand_in
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        function = module.jit(_square_number, _square_array) if with_fallback else module.jit(_square_number)
    return [function(x), compiled, len(told)]


# ---- Halves


def half_linear(x, weight, bias):
    arrays = [a for a in (x, weight, bias) if a is not None]
    return module.half_linear(*arrays)


def half_gradients(x, weight, bias, g):
    """Gradients of the linear op on halves with the kernel behind it, and which rule ran."""
    tensors = [_tensor(a, True) for a in (x, weight, bias) if a is not None]
    kernel = module.register_half_linear()
    with module.kernels_switched(True), Watching() as watching:
        out = linear(*tensors)
    out.backward(g)
    remove_kernel(kernel)
    return [watching.seen, out.data, [t.grad for t in tensors]]


def half_applies(dtypes):
    return bool(module.half_applies(*(np.zeros(2, dtype) for dtype in dtypes)))


# ---- The scale


def _one_weight(value=1.0, lr=0.1, **options):
    p = Tensor(np.array([value, -value]), requires_grad=True)
    return p, SGD([p], lr=lr, **options)


def scaled_loss(value, scale):
    return module.GradScaler(init_scale=scale).scale(Tensor(value)).item()


def unscaled(gradient, scale):
    """The gradient after unscale_, its dtype, and the weights after step without another division."""
    p, optimizer = _one_weight()
    p.grad = gradient
    scaler = module.GradScaler(init_scale=scale)
    scaler.unscale_(optimizer)
    seen = [np.asarray(p.grad), str(p.grad.dtype)]
    stepped = scaler.step(optimizer)
    return [*seen, bool(stepped), p.data.copy()]


def unscaled_twice():
    p, optimizer = _one_weight()
    p.grad = np.ones(2, "f4")
    scaler = module.GradScaler()
    scaler.unscale_(optimizer)
    scaler.unscale_(optimizer)


def clipped(gradient, scale, limit):
    """Weights after a step whose gradients were clipped between unscale_ and step."""
    p, optimizer = _one_weight(lr=1.0)
    p.grad = gradient
    scaler = module.GradScaler(init_scale=scale)
    scaler.unscale_(optimizer)
    p.grad = np.clip(p.grad, -limit, limit)
    scaler.step(optimizer)
    return p.data.copy()


def stepped(gradients, scale, momentum):
    """For each gradient (one more may be missing): whether a step was taken, and the weights after it."""
    p, optimizer = _one_weight(momentum=momentum)
    idle = Tensor(np.zeros(3), requires_grad=True)
    optimizer.add_param_group({"params": [idle]})
    scaler, answers = module.GradScaler(init_scale=scale), []
    for gradient in gradients:
        p.grad = gradient
        did = scaler.step(optimizer)
        scaler.update()
        answers.append([bool(did), p.data.copy()])
    return [answers, scaler.skipped]


def scales_after(good, **options):
    """The scale after each step, good or bad."""
    p, optimizer = _one_weight()
    scaler, scales = module.GradScaler(**options), []
    for fine in good:
        p.grad = np.array([1.0, 1.0 if fine else np.inf], "f4")
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    return scales


def scales_resumed(good, more, **options):
    """The scales of `more` steps when the scaler was saved and loaded into a new one before them."""
    p, optimizer = _one_weight()
    scaler = module.GradScaler(**options)
    scales = []
    for n, fine in enumerate([*good, *more]):
        if n == len(good):
            state = scaler.state_dict()
            scaler = module.GradScaler(**{**options, "init_scale": 3.0})
            scaler.load_state_dict(state)
        p.grad = np.array([1.0, 1.0 if fine else np.nan], "f4")
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    return [scales[len(good) :], scaler.skipped]


def update_alone():
    module.GradScaler().update()


# ---- Mixed precision


def _regression(weight, bias, lr, momentum=0.0):
    model = Linear(*weight.shape)
    model.weight.data[...], model.bias.data[...] = weight, bias
    return model, MSELoss(), SGD(model.parameters(), lr=lr, momentum=momentum)


def halved(weight, bias, fails):
    """Dtypes and numbers of the weight inside; afterwards its number, whether its array is the very same, and the
    kernels behind linear. Weights are changed between two visits."""
    model, loss_fn, optimizer = _regression(weight, bias, 0.1)
    mixed = module.MixedPrecision(model, loss_fn, optimizer)
    master, kernels, answers = model.weight.data, len(LINEAR.kernels), []
    for _ in range(2):
        try:
            with mixed.halved():
                answers.append([str(model.weight.data.dtype), model.weight.data.copy(), _kernels_are_on()])
                if fails:
                    raise LookupError("no answer today")
        except LookupError:
            pass
        same = model.weight.data is master
        answers.append([str(model.weight.data.dtype), model.weight.data.copy(), same, _kernels_are_on()])
        master *= 2
    return [answers, len(LINEAR.kernels) - kernels]


def trained(weight, bias, batches, lr, momentum=0.0, **options):
    """Losses and weights of steps in mixed precision, dtype of the weights, scale and steps that were not taken."""
    model, loss_fn, optimizer = _regression(weight, bias, lr, momentum)
    mixed = module.MixedPrecision(model, loss_fn, optimizer, module.GradScaler(**options) if options else None)
    losses = [mixed.step(x, target) for x, target in batches]
    data = model.weight.data
    return [losses, data.copy(), str(data.dtype), mixed.scaler.get_scale(), mixed.scaler.skipped]


def rules_in_training(weight, bias, x, target):
    """The rules that ran in a step, and dtypes of input and output of the linear op."""
    model, loss_fn, optimizer = _regression(weight, bias, 0.1)
    mixed, seen = module.MixedPrecision(model, loss_fn, optimizer), []

    def note(rule, inputs, attributes, output, seconds):
        if rule.name.startswith("linear"):
            seen.append([rule.name, str(inputs[0].data.dtype), str(output.dtype)])

    add_observer(note)
    mixed.step(x, target)
    remove_observer(note)
    return seen


# ---- All-reduce. Arrays are one a rank; what happens in a rank is a function of this module, so that it can travel.


def bounds(length, parts):
    return module.chunk_bounds(length, parts)


def _pass_on(comm, arrays):
    received = module.pass_on(comm, arrays[comm.rank])
    return [received, arrays[comm.rank]]


def passed_on(arrays):
    return simulate(len(arrays), _pass_on, arrays)


def _reduce(comm, arrays):
    mine = arrays[comm.rank].copy()
    module.ring_all_reduce(comm, mine)
    return [mine, comm.bytes_sent, comm.messages]


def reduced(arrays):
    """What every rank holds in the end, the bytes and the messages that it sent."""
    return simulate(len(arrays), _reduce, arrays)


def reduced_by_processes(arrays):
    return [[array, sent, messages] for array, sent, messages in run_workers(len(arrays), _reduce, arrays, seconds=8)]


def _reduce_columns(comm, array):
    module.ring_all_reduce(comm, array[:, : array.shape[1] // 2])


def reduced_in_pieces(array):
    simulate(2, _reduce_columns, array)


# ---- Data-parallel training


def buckets(shapes, dtypes, limit):
    return module.make_buckets([np.zeros(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)], limit)


def _reduce_gradients(comm, gradients, limit):
    params = [Tensor(np.zeros_like(g), requires_grad=True) for g in gradients[0]]
    for p, g in zip(params, gradients[1 + comm.rank], strict=True):
        p.grad = None if g is None else g.copy()
    module.all_reduce_gradients(comm, params, limit)
    return [[np.asarray(p.grad) for p in params], comm.messages]


def reduced_gradients(shapes, gradients, limit):
    """Every rank's gradients afterwards and its messages; gradients[rank][i] may be None."""
    return simulate(len(gradients), _reduce_gradients, [[np.zeros(s, "f4") for s in shapes], *gradients], limit)


def _model(weights, lr, momentum):
    """Linear layers with tanh between them."""
    layers = []
    for w, b in weights:
        layer = Linear(*w.shape)
        layer.weight.data[...], layer.bias.data[...] = w, b
        layers += [layer, Tanh()]
    model = Sequential(*layers[:-1])
    return model, MSELoss(), SGD(model.parameters(), lr=lr, momentum=momentum)


def _train(comm, weights, batches, lr, momentum):
    """Every rank begins with weights of its own: multiplied by rank + 1."""
    own = [(w * (comm.rank + 1), b + comm.rank) for w, b in weights]
    parallel = module.DataParallel(*_model(own, lr, momentum), comm)
    losses = [parallel.step(*batch) for batch in batches]
    return [losses, [p.data.copy() for p in parallel.model.parameters()]]


def trained_together(ranks, weights, batches, lr, momentum):
    """Losses and weights of every rank."""
    return simulate(ranks, _train, weights, batches, lr, momentum)


class Build:
    """Makes model, loss and optimizer in a worker. With `dies`, a rank that sees this number in its targets ends."""

    def __init__(self, weights, lr, momentum, dies=None):
        self.settings, self.dies = (weights, lr, momentum), dies

    def __call__(self):
        model, loss_fn, optimizer = _model(*self.settings)

        def loss(output, target):
            if self.dies is not None and (target == self.dies).any():
                os._exit(3)
            return loss_fn(output, target)

        return model, loss, optimizer


def trained_by_processes(workers, weights, batches, lr, momentum, dies=None):
    state, losses = module.train_data_parallel(Build(weights, lr, momentum, dies), batches, workers, seconds=8)
    return [losses, list(state.values())]


def _begin(comm, weights, seed):
    own = [(w * (comm.rank + 1), b + comm.rank) for w, b in weights]
    parallel = module.DataParallel(*_model(own, 0.1, 0.0), comm, seed=seed)
    return [[p.data.copy() for p in parallel.model.parameters()], generator().random(3)]


def begun_by_processes(workers, weights, seed):
    """Weights of every rank before the first step, and the random numbers that it draws then."""
    return run_workers(workers, _begin, weights, seed, seconds=8)


def shares(count, ranks):
    def share(comm):
        model = Linear(1, 1)
        part = module.DataParallel(model, MSELoss(), SGD(model.parameters(), lr=0.1), comm).share(count)
        return [part.start, part.stop]

    return simulate(ranks, share)
