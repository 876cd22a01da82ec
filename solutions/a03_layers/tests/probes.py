"""What the tests ask of a student's layers: small networks as a user would write them, and what they then hold.

Plain data in, plain data out; arrays keep their dtype.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from tinytorch import nn
from tinytorch.core import layers
from tinytorch.core.layers import Dropout, Flatten, Linear, Module, ModuleList, Parameter, Sequential, init
from tinytorch.core.tensor import Tensor, manual_seed
from tinytorch.dispatch import Op


def _tensor(x: Any) -> Tensor:
    """An array keeps its dtype on the way into the tensor; lists and numbers become float32."""
    return Tensor(x, dtype=x.dtype) if isinstance(x, np.ndarray) else Tensor(x)


def _named_shapes(model: Any) -> list[Any]:
    return [[name, p.shape] for name, p in model.named_parameters()]


def _filled(model: Any, numbers: Any) -> Any:
    """The model with its parameters set to numbers.flat, in the order of `parameters()`."""
    start = 0
    for p in model.parameters():
        p.data[...] = numbers[start : start + p.size].reshape(p.shape)
        start += p.size
    return model


def _record_everything() -> None:
    """Give every op some rule: an op without one is not recorded. Assignment 5 has the right ones."""
    for op in Op.registry.values():
        op.vjp = lambda g, node: (g,) * len(node.inputs)


# ---- networks


class Block(Module):
    def __init__(self, n: int, hidden: int):
        self.first = Linear(n, hidden)
        self.bend = nn.ReLU()
        self.second = Linear(hidden, n, bias=False)

    def forward(self, x: Any) -> Any:
        return self.second(self.bend(self.first(x)))


class Net(Module):
    """A block inside a network, and a parameter of its own that is assigned after the block."""

    def __init__(self, n: int, hidden: int, classes: int):
        super().__init__()
        self.block = Block(n, hidden)
        self.scale = Parameter(np.ones(n))
        self.head = Linear(n, classes)

    def forward(self, x: Any) -> Any:
        return self.head(self.block(x) * self.scale)


class Tied(Module):
    """The same layer under two names, and one parameter in two layers."""

    def __init__(self, n: int):
        self.first = Linear(n, n)
        self.again = self.first
        self.other = Linear(n, n)
        self.other.weight = self.first.weight


class Twins(Module):
    """Two layers that hold equal numbers and are not the same."""

    def __init__(self, n: int):
        self.left, self.right = Linear(n, n), Linear(n, n)
        self.right.weight.data[...] = self.left.weight.data


class Gain(Module):
    def __init__(self, n: int):
        self.gain = Parameter(np.ones(n))


class Bag(Module):
    """Layers and parameters in a list, a tuple, a dict and lists of lists."""

    def __init__(self, sizes: list[int], keys: list[str]):
        self.stack = [Linear(n, n) for n in sizes]
        self.pair = (Gain(sizes[0]), Parameter(np.zeros(sizes[-1])))
        self.arms = {key: Gain(n) for key, n in zip(keys, sizes, strict=True)}
        self.grid = [[Gain(n)] for n in sizes]
        self.chain = Sequential(nn.ReLU(), Gain(sizes[0]))
        self.sizes, self.remarks = sizes, {"name": "bag", "seen": None}


class PlainLayer:
    """A layer of somebody who does not know of Module."""

    def __init__(self, n: int):
        self.shift, self.slope = Tensor(np.zeros(n), requires_grad=True), Tensor(np.ones(1), requires_grad=True)

    def forward(self, x: Any) -> Any:
        return x * self.slope + self.shift

    def __call__(self, x: Any) -> Any:
        return self.forward(x)

    def parameters(self) -> list[Any]:
        return [self.shift, self.slope]


class Mixed(Module):
    """One parameter of each kind among things that are none."""

    def __init__(self, n: int):
        self.marked = Parameter(np.ones((n, 1)))
        self.plain = Tensor(np.ones((n, 2)), requires_grad=True)
        self.constant = Tensor(np.ones((n, 3)))
        self.array = np.ones((n, 4))
        self.register_buffer("average", Tensor(np.ones((n, 5)), requires_grad=True))
        self.kind = Linear
        self.missing = None


class Child(Module):
    def __init__(self, parent: Any, n: int):
        self.parent = parent
        self.own = Linear(n, 1)


class Family(Module):
    def __init__(self, n: int):
        self.child = Child(self, n)
        self.last = Parameter(np.zeros(n))


class Averaging(Module):
    """State of every kind: a parameter, buffers that are kept, one that is not, one that is not there."""

    def __init__(self, n: int):
        self.inner = Gain(n)
        self.weight = Parameter(np.zeros((n, 2)))
        self.register_buffer("mean", Tensor(np.zeros(n)))
        self.register_buffer("mask", np.zeros((n, n)), persistent=False)
        self.register_buffer("count", np.zeros(1, dtype="int64"))
        self.register_buffer("bias", None)


class AlwaysEval(Module):
    """A layer that does not follow: its own train() leaves it in evaluation mode."""

    def __init__(self) -> None:
        self.training = False

    def train(self, mode: bool = True) -> Any:
        return self


# ---- the linear map


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    return layers.linear(_tensor(x), _tensor(weight), None if bias is None else _tensor(bias)).data


def linear_many(inputs: Any, weight: Any, bias: Any) -> Any:
    return [layers.linear(_tensor(x), _tensor(weight), _tensor(bias)).data for x in inputs]


def linear_of_transposed(x: Any, weight: Any, bias: Any) -> Any:
    return layers.linear(_tensor(x).transpose(), _tensor(weight), _tensor(bias)).data


def linear_of_array(x: Any, weight: Any) -> Any:
    return layers.linear(x, _tensor(weight)).data


def operands_after_linear(x: Any, weight: Any, bias: Any) -> Any:
    tensors = [_tensor(x), _tensor(weight), _tensor(bias)]
    results = [layers.linear(*tensors), layers.linear(*tensors)]
    results[0].data[...] = 0
    return [*(t.data for t in tensors), results[1].data]


def layer_shapes(n: int, m: int, bias: bool) -> Any:
    layer = Linear(n, m, bias=bias)
    return [layer.weight.shape, layer.bias if layer.bias is None else layer.bias.shape, len(layer.parameters())]


def layer_described(n: int, m: int, bias: bool) -> Any:
    layer = Linear(n, m, bias)
    wanted = [p.requires_grad for p in layer.parameters()]
    return [str(layer), layer.in_features, layer.out_features, str(layer.weight.dtype), wanted]


def called(x: Any, weight: Any, bias: Any) -> Any:
    layer = Linear(weight.shape[0], weight.shape[1], bias=bias is not None)
    layer.weight.data[...] = weight
    if bias is not None:
        layer.bias.data[...] = bias
    return layer(_tensor(x)).data


def ops_of_linear(x: Any, weight: Any) -> Any:
    """Op and number of inputs on the tape, last first, of a layer with bias and of one without."""
    _record_everything()
    found = []
    for layer in (Linear(*weight.shape), Linear(*weight.shape, bias=False)):
        t, ops = layer(_tensor(x)), []
        while t._node is not None:
            ops.append([t._node.op.name, len(t._node.inputs)])
            t = t._node.inputs[0]
        found.append(ops)
    return found


# ---- init


def fans(*shapes: Any) -> Any:
    return [init.fans(tuple(shape)) for shape in shapes]


def gains(*names: str) -> Any:
    return [init.calculate_gain(name) for name in names]


def gain(*arguments: Any) -> float:
    return init.calculate_gain(*arguments)


def drawn(function: str, shape: Any, seed: int = 0, *arguments: Any, **named: Any) -> Any:
    manual_seed(seed)
    return getattr(init, function)(Tensor(np.zeros(shape)), *arguments, **named).data


def drawn_twice(function: str, shape: Any, seed: int) -> Any:
    manual_seed(seed)
    return [getattr(init, function)(Tensor(np.zeros(shape))).data for _ in range(2)]


def held_after_filling(function: str, array: Any, *arguments: Any) -> Any:
    """The array that a tensor held before it was filled, and the numbers that the returned tensor holds."""
    t = _tensor(array)
    held = t.data
    return [held, getattr(init, function)(t, *arguments).data]


def fresh_linear(n: int, m: int, seed: int) -> Any:
    manual_seed(seed)
    layer = Linear(n, m)
    return [layer.weight.data, layer.bias.data]


def reset_linear(n: int, m: int, value: float) -> Any:
    """Weight and bias before and after reset_parameters, which is to write into the arrays that are there."""
    layer = Linear(n, m)
    held = [layer.weight.data, layer.bias.data]
    layer.bias.data[...] = value
    before = [array.copy() for array in held]
    layer.reset_parameters()
    Linear(n, m, bias=False).reset_parameters()
    return [before, held]


# ---- finding parameters


def shapes_by_name(n: int, hidden: int, classes: int) -> Any:
    found = _named_shapes(Net(n, hidden, classes))
    return [len(found), dict(found)]


def named_shapes_of_attributes(names: list[str], sizes: list[int]) -> Any:
    net = Module()
    for name, size in zip(names, sizes, strict=True):
        setattr(net, name, Parameter(np.zeros(size)))
    return _named_shapes(net)


def output_of_filled(n: int, hidden: int, classes: int, numbers: Any, x: Any) -> Any:
    return _filled(Net(n, hidden, classes), numbers)(_tensor(x)).data


def nested(names: list[str], sizes: list[int]) -> Any:
    """Modules inside one another, each with a parameter `w`; the outermost is made last."""
    inner: Any = None
    for name, size in zip(reversed(names), reversed(sizes), strict=True):
        outer = Module()
        if inner is not None:
            setattr(outer, name, inner)
        outer.w = Parameter(np.zeros(size))
        inner = outer
    return _named_shapes(inner)


def shared(n: int) -> Any:
    model = Tied(n)
    return [_named_shapes(model), len(model.parameters()), model.num_parameters()]


def twins(n: int) -> Any:
    return _named_shapes(Twins(n))


def bag(sizes: list[int], keys: list[str]) -> Any:
    return _named_shapes(Bag(sizes, keys))


def plain_layers(n: int, x: Any) -> Any:
    model = Sequential(Linear(n, n), PlainLayer(n), nn.Tanh())
    model.extra = PlainLayer(n)
    return [_named_shapes(model), model(_tensor(x)).shape, [type(m).__name__ for m in model.modules()]]


def mixed(n: int) -> Any:
    """Names before and after everything was frozen; the result of a computation is among the attributes."""
    _record_everything()
    model = Mixed(n)
    model.result = model.plain * 2
    before = _named_shapes(model)
    model.requires_grad_(False)
    return [before, _named_shapes(model), [name for name, _ in model.named_buffers()]]


def family(n: int) -> Any:
    model = Family(n)
    return [_named_shapes(model), [name for name, _ in model.named_modules()], list(model.state_dict())]


def module_names(n: int, hidden: int, classes: int) -> Any:
    model = Net(n, hidden, classes)
    return [
        [[name, type(m).__name__] for name, m in model.named_modules()],
        [[name, type(m).__name__] for name, m in model.named_children()],
        [type(m).__name__ for m in model.block.modules()],
    ]


def module_names_of_tied(n: int) -> Any:
    model = Tied(n)
    return [[name for name, _ in model.named_modules()], [name for name, _ in model.named_children()]]


def counted(sizes: list[int]) -> Any:
    return Sequential(*[Linear(n, m) for n, m in pairwise(sizes)]).num_parameters()


def drawing(n: int, hidden: int, classes: int) -> Any:
    return str(Net(n, hidden, classes))


# ---- modes and gradients


def _modes(model: Any) -> dict[str, Any]:
    return {name: m.training for name, m in model.named_modules() if isinstance(m, Module)}


def modes(depth: int) -> Any:
    """The modes of a nest of modules at first, after eval() and after train()."""
    model: Any = Sequential(Dropout(0.5), nn.ReLU())
    for _ in range(depth):
        model = Sequential(model, Gain(2))
    start = _modes(model)
    return [start, _modes(model.eval()), _modes(model.train())]


def modes_with_a_stubborn_child(switches: list[bool]) -> Any:
    model = Module()
    model.stubborn, model.other = AlwaysEval(), [nn.Tanh(), Dropout(0.1)]
    seen = []
    for mode in switches:
        model.train(mode)
        seen.append([m.training for m in (model, model.stubborn, model.other[1])])
    return seen


def train_with(mode: Any) -> Any:
    model = Gain(2).train(mode)
    return model.training


def gradients_after_zero_grad(gradients: list[Any], set_to_none: bool) -> Any:
    """Gradients of the parameters of two layers after zero_grad; None stands for a parameter without one."""
    model = Sequential(*[Gain(len(g) if g is not None else 1) for g in gradients])
    held = []
    for p, g in zip(model.parameters(), gradients, strict=True):
        p.grad = None if g is None else g.copy()
        held.append(p.grad)
    model.zero_grad(set_to_none=set_to_none)
    return [[p.grad for p in model.parameters()], held]


def gradients_after_plain_zero_grad(gradients: list[Any]) -> Any:
    model = Sequential(*[Gain(len(g)) for g in gradients])
    for p, g in zip(model.parameters(), gradients, strict=True):
        p.grad = g
    model.zero_grad()
    return [p.grad for p in model.parameters()]


# ---- dropout


def dropout(x: Any, p: float, seed: int, training: bool = True) -> Any:
    manual_seed(seed)
    return layers.dropout(_tensor(x), p, training).data


def dropout_twice(x: Any, p: float, seed: int) -> Any:
    manual_seed(seed)
    layer = Dropout(p)
    return [layer(_tensor(x)).data for _ in range(2)]


def dropout_layer(x: Any, p: float, mode: bool, *arguments: Any, **named: Any) -> Any:
    """A Dropout inside a network that was switched with train(mode), called with whatever else is given."""
    model = Sequential(Sequential(Dropout(p)))
    model.train(mode)
    return model[0][0](_tensor(x), *arguments, **named).data


def dropout_made(p: Any) -> Any:
    return Dropout(p).p


def input_after_dropout(x: Any, p: float) -> Any:
    t = _tensor(x)
    result = layers.dropout(t, p)
    result.data[...] = 0
    return t.data


def dropout_of_array(x: Any) -> Any:
    return layers.dropout(x, 0.5)


# ---- state


def state(n: int, hidden: int, classes: int) -> Any:
    return {name: array.shape for name, array in Net(n, hidden, classes).state_dict().items()}


def carried_over(n: int, hidden: int, classes: int, numbers: Any) -> Any:
    """The state of a filled network after a trip into another one."""
    one, other = _filled(Net(n, hidden, classes), numbers), Net(n, hidden, classes)
    other.load_state_dict(one.state_dict())
    return other.state_dict()


def state_sees_training(n: int, value: float) -> Any:
    model = Gain(n)
    kept = model.state_dict()
    model.gain.data[...] = value
    return kept["gain"]


def seen_after_loading(n: int, numbers: Any, later: float) -> Any:
    """The array a parameter held before loading, and the parameter after the source changed later."""
    model, source = Gain(n), numbers.copy()
    held = model.gain.data
    model.load_state_dict({"gain": source})
    loaded = held.copy()
    source[...] = later
    return [loaded, model.gain.data, str(model.gain.dtype)]


def loaded_from(kind: str, numbers: Any) -> Any:
    model = Gain(len(numbers))
    model.load_state_dict({"gain": Tensor(numbers) if kind == "tensor" else numbers.tolist()})
    return model.gain.data


def load(given: Any, n: int, strict: bool = True) -> Any:
    """Load into a Sequential of two Gain(n): its keys are 0.gain and 1.gain."""
    model = Sequential(Gain(n), Gain(n))
    found = model.load_state_dict(given, strict)
    return [found.missing_keys, found.unexpected_keys, model[0].gain.data, model[1].gain.data]


def numbers_after_a_failed_load(given: Any, n: int, value: float) -> Any:
    """What the same model, filled with `value`, holds after a load that was refused."""
    model = Sequential(Gain(n), Gain(n))
    for p in model.parameters():
        p.data[...] = value
    try:
        model.load_state_dict(given)
    except ValueError:
        return [p.data for p in model.parameters()]
    return "nothing was refused"


def buffers(n: int, numbers: Any) -> Any:
    """Names and shapes of the state of a model with buffers, and its `mean` and `count` after loading numbers."""
    model = Averaging(n)
    names = [[name, array.shape] for name, array in model.state_dict().items()]
    held = [model.mean.data, model.count]
    model.load_state_dict({"mean": numbers, "count": np.array([len(numbers)])}, strict=False)
    return [names, *held, str(model.count.dtype)]


def nested_buffers(n: int, numbers: Any) -> Any:
    model = Sequential(nn.ReLU(), Averaging(n))
    model[1].mean = Tensor(numbers)
    return [model.state_dict()["1.mean"], [name for name, _ in model.named_buffers()]]


def state_of_tied(n: int) -> Any:
    return list(Tied(n).state_dict())


# ---- Sequential and Flatten


def chained(x: Any, weights: list[Any], as_list: bool) -> Any:
    """Linear layers without bias with tanh between them."""
    chain: list[Any] = []
    for w in weights:
        chain += [Linear(*w.shape, bias=False), nn.Tanh()]
        chain[-2].weight.data[...] = w
    model = Sequential(chain) if as_list else Sequential(*chain)
    return model(_tensor(x)).data


def parts(sizes: list[int], first: int, last: int) -> Any:
    """Sizes of a network's layers: counted, iterated over, at index -1, in a slice, and the slice's kind."""
    model = Sequential([Gain(n) for n in sizes])
    inner = model[first:last]
    listed = ModuleList([Gain(n) for n in sizes])[first:last]
    kinds = [type(inner).__name__, type(listed).__name__]
    return [len(model), [g.gain.size for g in model], model[-1].gain.size, [g.gain.size for g in inner], kinds]


def slices_share(n: int, value: float) -> Any:
    model = Sequential(Gain(n), Gain(n))
    model[1:][0].gain.data[...] = value
    return model[1].gain.data


def through_dropout(x: Any, p: float, training: Any, mode: bool) -> Any:
    """Two dropouts, one of them in an inner Sequential, with an activation and a lambda between."""
    model = Sequential(Dropout(p), nn.ReLU(), Sequential(Dropout(p)), lambda t: t * 1)
    model.train(mode)
    return model(_tensor(x), training=training).data


def grown(sizes: list[int], extra: int) -> Any:
    model = Sequential(*[Gain(n) for n in sizes])
    model.append(Gain(extra))
    return _named_shapes(model)


def flattened(x: Any, *dims: int) -> Any:
    return Flatten(*dims)(_tensor(x)).data
