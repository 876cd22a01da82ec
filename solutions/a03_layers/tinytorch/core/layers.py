"""Layers: objects that hold parameters, and the class that finds them in a network however it is put together.

The file has four parts. First the linear map as an op; then `init`, functions that fill a weight with random numbers of
the right size; then `Module`, which everything with parameters inherits from; then the layers themselves. Nothing here
computes a gradient or trains a weight: that is for assignments 5 and 6, which find their work through `parameters()`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from tinytorch.core.tensor import MUL, Tensor
from tinytorch.dispatch import Op, TensorBase, apply
from tinytorch.random import generator

Array = np.ndarray

# ==== Part one: the linear map ========================================================================================

# ---- Task 1: a matrix product and a bias in one op -------------------------------------------------------------------


def _linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """x @ weight + bias: (..., in) @ (in, out) + (out,) -> (..., out). A new array; no input is written to.

    Raises:
        ValueError: the last dimension of x is not `in`; names both shapes.
    """
    # NumPy multiplies a stack of matrices one by one. The leading dimensions do not matter here, so make one tall
    # matrix of them: (B, T, in) -> (B*T, in), one product, and back. reshape(-1, ...) cannot count rows of size 0;
    # math.prod(x.shape[:-1]) can. The product is a new array that is nobody else's: the bias can be added in place.
    # Integers: NumPy would compute in float64. Give them the weight's dtype first (x.dtype.kind is "f" for floats).
    # BEGIN SOLUTION
    if not x.ndim or x.shape[-1] != weight.shape[0]:
        raise ValueError(
            f"linear: input {x.shape} does not fit weight {weight.shape}: its last dimension must be"
            f" {weight.shape[0]}; transpose or reshape it"
        )
    if x.dtype.kind != "f":
        x = x.astype(weight.dtype)
    leading = x.shape[:-1]
    out = (x if x.ndim < 3 else x.reshape(math.prod(leading), x.shape[-1])) @ weight
    if bias is not None:
        out += bias
    return out if x.ndim < 3 else out.reshape(*leading, weight.shape[1])
    # END SOLUTION


LINEAR = Op("linear", _linear)


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x @ weight + bias of tensors: (..., in), (in, out), (out,) -> (..., out). Without bias: x @ weight.

    Raises:
        TypeError: x is not a Tensor. ValueError: shapes that do not fit.
    """
    if not isinstance(x, TensorBase):
        raise TypeError(f"linear needs a Tensor, got {type(x).__name__}; wrap it: Tensor(...)")
    # An input that is not there is not handed to the op at all.
    # BEGIN SOLUTION
    return apply(LINEAR, x, weight) if bias is None else apply(LINEAR, x, weight, bias)
    # END SOLUTION


# ==== Part two: numbers to begin with =================================================================================


class init:
    """Functions that fill a tensor in place and return it: `init.kaiming_normal_(layer.weight)`.

    The names, arguments and defaults are those of torch.nn.init. Random numbers come from the framework's generator.
    """

    # ---- Task 2: how large the numbers must be

    @staticmethod
    def fans(shape: tuple[int, ...]) -> tuple[int, int]:
        """(fan_in, fan_out): how many numbers flow into one output of a weight, and out of one input.

        A linear weight has shape (in, out). A convolution's has shape (out, in, kernel height, kernel width), or any
        other number of kernel dimensions: every position of the kernel counts.

        Raises:
            ValueError: fewer than two dimensions.
        """
        # BEGIN SOLUTION
        if len(shape) < 2:
            raise ValueError(f"init: a weight of shape {shape} has no fan; it needs at least two dimensions")
        if len(shape) == 2:
            return shape[0], shape[1]
        kernel = math.prod(shape[2:])
        return shape[1] * kernel, shape[0] * kernel
        # END SOLUTION

    @staticmethod
    def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
        """What a weight's standard deviation is multiplied by to make up for the activation that follows.

        linear, sigmoid and the convolutions 1, tanh 5/3, relu √2, leaky_relu √(2 / (1 + slope²)), selu 3/4.

        Args:
            param: the negative slope of leaky_relu, 0.01 by default.

        Raises:
            ValueError: another nonlinearity; names it.
        """
        # BEGIN SOLUTION
        if nonlinearity == "leaky_relu":
            slope = 0.01 if param is None else param
            return math.sqrt(2 / (1 + slope**2))
        gains = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
        gains |= dict.fromkeys(("linear", "sigmoid", "conv1d", "conv2d", "conv3d"), 1.0)
        if nonlinearity not in gains:
            known = ", ".join(sorted([*gains, "leaky_relu"]))
            raise ValueError(f"init: no gain is known for {nonlinearity!r}; known are {known}")
        return gains[nonlinearity]
        # END SOLUTION

    @staticmethod
    def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
        """Uniform draws from [a, b)."""
        # The array has to stay the same object: others may hold it. Write into tensor.data.
        # BEGIN SOLUTION
        tensor.data[...] = generator().uniform(a, b, tensor.data.shape)
        return tensor
        # END SOLUTION

    @staticmethod
    def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
        """Normal draws of this mean and standard deviation."""
        # BEGIN SOLUTION
        tensor.data[...] = generator().normal(mean, std, tensor.data.shape)
        return tensor
        # END SOLUTION

    @staticmethod
    def constant_(tensor: Tensor, val: float) -> Tensor:
        """One value everywhere."""
        tensor.data[...] = val
        return tensor

    @staticmethod
    def zeros_(tensor: Tensor) -> Tensor:
        """Zeros."""
        return init.constant_(tensor, 0.0)

    @staticmethod
    def ones_(tensor: Tensor) -> Tensor:
        """Ones."""
        return init.constant_(tensor, 1.0)

    @staticmethod
    def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
        """Normal draws of mean 0 and variance gain² · 2 / (fan_in + fan_out) (Glorot & Bengio, 2010)."""
        # BEGIN SOLUTION
        return init.normal_(tensor, 0.0, _xavier_std(tensor, gain))
        # END SOLUTION

    @staticmethod
    def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
        """Uniform draws of mean 0 and the same variance as `xavier_normal_`."""
        # A uniform draw from [-b, b) has the variance b²/3.
        # BEGIN SOLUTION
        bound = math.sqrt(3) * _xavier_std(tensor, gain)
        return init.uniform_(tensor, -bound, bound)
        # END SOLUTION

    @staticmethod
    def kaiming_normal_(
        tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
    ) -> Tensor:
        """Normal draws of mean 0 and variance gain² / fan (He et al., 2015, arXiv:1502.01852).

        Args:
            a: the negative slope, where the nonlinearity is leaky_relu; 0 makes it relu.
            mode: "fan_in" keeps the variance on the way forward, "fan_out" on the way back.

        Raises:
            ValueError: another mode; names it.
        """
        # BEGIN SOLUTION
        return init.normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))
        # END SOLUTION

    @staticmethod
    def kaiming_uniform_(
        tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
    ) -> Tensor:
        """Uniform draws of mean 0 and the same variance as `kaiming_normal_`."""
        # BEGIN SOLUTION
        bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
        return init.uniform_(tensor, -bound, bound)
        # END SOLUTION


def _xavier_std(tensor: Tensor, gain: float) -> float:
    """The standard deviation of a Xavier weight. A tensor without elements may have a fan of 0: count it as 1."""
    # BEGIN SOLUTION
    return gain * math.sqrt(2 / max(sum(init.fans(tensor.data.shape)), 1))
    # END SOLUTION


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """The standard deviation of a Kaiming weight. A tensor without elements may have a fan of 0: count it as 1."""
    # BEGIN SOLUTION
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"init: mode is 'fan_in' or 'fan_out', got {mode!r}")
    fan_in, fan_out = init.fans(tensor.data.shape)
    fan = fan_in if mode == "fan_in" else fan_out
    return init.calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))
    # END SOLUTION


# ==== Part three: Module ==============================================================================================

# ---- given: what counts as a parameter, and what as a layer ----------------------------------------------------------


class _MarkedTensors(type):
    """Lets `isinstance(t, Parameter)` ask for the mark: the type of a parameter is Tensor, as of any other."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, TensorBase) and getattr(value, "_parameter", False)


class Parameter(metaclass=_MarkedTensors):
    """`Parameter(data)` is a Tensor that requires a gradient and is marked: it stays a parameter when it is frozen."""

    def __new__(cls, data: Any, requires_grad: bool = True) -> Any:
        tensor = Tensor(data, requires_grad)
        tensor._parameter = True
        return tensor


def _is_parameter(value: Any) -> bool:
    """A marked tensor, or any tensor that requires a gradient and was not computed from others."""
    return isinstance(value, TensorBase) and (
        (value.requires_grad and value._node is None) or isinstance(value, Parameter)
    )


def _is_layer(value: Any) -> bool:
    """A Module, or an object that acts like one without being one: the activations of assignment 2 do."""
    if isinstance(value, Module):
        return True
    acts = callable(getattr(value, "forward", None)) and callable(getattr(value, "parameters", None))
    return acts and not isinstance(value, type)


def _joined(path: str, name: str) -> str:
    """Names of one path, with dots: ("encoder", "0.weight") -> "encoder.0.weight", ("", "weight") -> "weight"."""
    return f"{path}.{name}" if path else name


# ---- Task 3: finding everything --------------------------------------------------------------------------------------


def _found(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every parameter and layer that an attribute holds, with its name.

    The value itself, or what lists, tuples and dicts hold, however they are nested: the first layer of a list `blocks`
    is "blocks.0", the one under "left" in a dict `arms` is "arms.left". Everything else is passed over. What lies
    inside a layer is the layer's own business.
    """
    # BEGIN SOLUTION
    if _is_parameter(value) or _is_layer(value):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _found(f"{name}.{i}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _found(f"{name}.{key}", item)
    # END SOLUTION


def _paths(path: str, layer: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    """(path, layer) of a layer and of every layer below it, each before what is inside it, in order of assignment.

    A layer that is held in two places comes once for each. `above` are the layers that hold this one: a layer that is
    among them (a child that knows its parent) is not entered again.
    """
    # layer._members() gives the layer's own parameters and layers with their names; only a Module has it.
    # BEGIN SOLUTION
    if any(layer is holder for holder in above):
        return
    yield path, layer
    if isinstance(layer, Module):
        for name, value in layer._members():
            if _is_layer(value):
                yield from _paths(_joined(path, name), value, (*above, layer))
    # END SOLUTION


def _own_parameters(layer: Any) -> Iterator[tuple[str, Tensor]]:
    """The parameters that a layer holds itself, not those of layers inside it.

    An object that is no Module has no names for its parameters: they are numbered, "0", "1", ...
    """
    # BEGIN SOLUTION
    if isinstance(layer, Module):
        yield from ((name, value) for name, value in layer._members() if _is_parameter(value))
    else:
        yield from ((str(i), value) for i, value in enumerate(layer.parameters()))
    # END SOLUTION


def _firsts(pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The pairs without those whose value came before, under whatever name."""
    # Two tensors may be equal without being the same: what counts is id(value).
    # BEGIN SOLUTION
    seen: set[int] = set()
    for name, value in pairs:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value
    # END SOLUTION


class LoadedKeys(NamedTuple):
    """What `load_state_dict` could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """Base of everything that holds parameters.

    A subclass makes its parameters and layers in `__init__`, as attributes or in lists, tuples and dicts that are
    attributes, and defines `forward`. Nothing has to be registered, and `super().__init__()` is not needed.

    Attributes:
        training: True after `train()` (and at first), False after `eval()`. Dropout looks at it.
    """

    training: bool = True
    _buffers: Mapping[str, bool] = {}  # name -> whether it belongs into state_dict; never changed in place

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer computes; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward(x); subclasses of Module do")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`layer(x)` is `layer.forward(x)`."""
        return self.forward(*args, **kwargs)

    def _members(self) -> Iterator[tuple[str, Any]]:
        """(name, value) of the parameters and layers held by this module itself, in order of assignment."""
        for name, value in vars(self).items():
            if name not in self._buffers:
                yield from _found(name, value)

    def named_modules(self) -> Iterator[tuple[str, Any]]:
        """(path, layer) of this module (path "") and every layer below it, each once, under its first path."""
        # BEGIN SOLUTION
        return _firsts(_paths("", self))
        # END SOLUTION

    def modules(self) -> Iterator[Any]:
        """This module and every layer below it, each once, activations included."""
        return (layer for _, layer in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """(name, layer) of the layers held by this module itself, each once."""
        # BEGIN SOLUTION
        return _firsts((name, value) for name, value in self._members() if _is_layer(value))
        # END SOLUTION

    def children(self) -> Iterator[Any]:
        """The layers held by this module itself, each once."""
        return (layer for _, layer in self.named_children())

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """(name, parameter) of this module and every layer below it, each once: ("encoder.0.weight", tensor), ...

        A module's own parameters come before those of the layers inside it, as in PyTorch. A shared parameter has the
        first of its names.
        """
        # BEGIN SOLUTION
        return _firsts(
            (_joined(path, name), value)
            for path, layer in self.named_modules()
            for name, value in _own_parameters(layer)
        )
        # END SOLUTION

    def parameters(self) -> list[Tensor]:
        """The parameters in the order of `named_parameters`, each once (PyTorch returns an iterator)."""
        return [parameter for _, parameter in self.named_parameters()]

    def num_parameters(self) -> int:
        """How many numbers there are to train."""
        # BEGIN SOLUTION
        return sum(p.data.size for p in self.parameters())
        # END SOLUTION

    # ---- Task 4: modes and gradients

    def train(self, mode: bool = True) -> Module:
        """Switch this module and every module below it to training (or to evaluation); returns this module.

        Raises:
            ValueError: `mode` is not a bool.
        """
        # Call train(mode) of the children: one of them may have its own idea of it. Not every child is a Module.
        # BEGIN SOLUTION
        if not isinstance(mode, bool):
            raise ValueError(f"train(mode) takes True or False, got {mode!r}")
        self.training = mode
        for child in self.children():
            if isinstance(child, Module):
                child.train(mode)
        return self
        # END SOLUTION

    def eval(self) -> Module:
        """`train(False)`"""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient of every parameter; with set_to_none=False fill it with zeros where there is one."""
        # BEGIN SOLUTION
        for p in self.parameters():
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                p.grad[...] = 0
        # END SOLUTION

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Freeze (False) or thaw every parameter; returns this module. Frozen ones are parameters still if marked."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def apply(self, fn: Callable[[Any], Any]) -> Module:
        """Call fn(layer) on every layer below this module and then on the module itself; returns this module."""
        for child in self.children():
            child.apply(fn) if isinstance(child, Module) else fn(child)
        fn(self)
        return self

    def astype(self, dtype: Any) -> Module:
        """Give every parameter and every buffer of floats another dtype (`double()` for gradient checks)."""
        for _, p in (*self.named_parameters(), *self.named_buffers()):
            if isinstance(p, TensorBase) and p.data.dtype.kind == "f":
                p.data = p.data.astype(dtype)
        return self

    def double(self) -> Module:
        """`astype(float64)`"""
        return self.astype(np.float64)

    def float(self) -> Module:
        """`astype(float32)`"""
        return self.astype(np.float32)

    # ---- Task 5: state

    def register_buffer(self, name: str, value: Any, persistent: bool = True) -> None:
        """Make an attribute that is state but no parameter: running averages, masks.

        Args:
            value: a Tensor, an ndarray, or None for "not there".
            persistent: whether it belongs into `state_dict`.

        Raises:
            TypeError: another value, which could not be loaded in place.
        """
        if value is not None and not isinstance(value, (TensorBase, np.ndarray)):
            raise TypeError(f"buffer {name!r} has to be a Tensor, an ndarray or None, got {type(value).__name__}")
        self._buffers = {**self._buffers, name: persistent}
        setattr(self, name, value)

    def named_buffers(self) -> Iterator[tuple[str, Any]]:
        """(name, buffer) of this module and every module below it, each once, persistent or not."""
        return _firsts(
            (_joined(path, name), getattr(layer, name))
            for path, layer in self.named_modules()
            for name in getattr(layer, "_buffers", ())
            if getattr(layer, name) is not None
        )

    def buffers(self) -> list[Any]:
        """The buffers in the order of `named_buffers`."""
        return [buffer for _, buffer in self.named_buffers()]

    def state_dict(self) -> dict[str, Array]:
        """Name -> array of every parameter and persistent buffer.

        The arrays are the module's own, not copies: training goes on changing them. What is held in two places comes
        under both names, as in PyTorch.
        """
        # _paths gives every layer under every name. For each: its own parameters, then its persistent buffers, without
        # those that are None. A buffer may be a Tensor or an ndarray; an ndarray has an attribute `data` too, which is
        # not what you want.
        # BEGIN SOLUTION
        state: dict[str, Array] = {}
        for path, layer in _paths("", self):
            kept = [name for name, persistent in getattr(layer, "_buffers", {}).items() if persistent]
            for name, value in (*_own_parameters(layer), *((name, getattr(layer, name)) for name in kept)):
                if value is not None:
                    state[_joined(path, name)] = value.data if isinstance(value, TensorBase) else value
        return state
        # END SOLUTION

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> LoadedKeys:
        """Copy the numbers of `state` into this module's own arrays, and return the names that did not match.

        Args:
            state: name -> array (or Tensor, or list), as `state_dict` gives it.
            strict: whether names that are missing or unexpected are an error. Shapes that differ always are.

        Raises:
            ValueError: names every missing and unexpected key and both shapes of every mismatch. Nothing has been
                copied then.
        """
        # The arrays must stay the same objects: an optimizer, or another layer, may hold them. Write into them, and
        # look for every problem before you write anything.
        # BEGIN SOLUTION
        own = self.state_dict()
        keys = LoadedKeys([key for key in own if key not in state], [key for key in state if key not in own])
        given = {key: np.asarray(state[key]) for key in own if key in state}
        problems = [f"missing key {key!r}" for key in keys.missing_keys if strict]
        problems += [f"unexpected key {key!r}" for key in keys.unexpected_keys if strict]
        problems += [
            f"{key!r} has shape {array.shape}, the module's has {own[key].shape}"
            for key, array in given.items()
            if array.shape != own[key].shape
        ]
        if problems:
            raise ValueError(f"load_state_dict of {type(self).__name__}: {'; '.join(problems)}")
        for key, array in given.items():
            own[key][...] = array
        return keys
        # END SOLUTION

    # ---- given: what it looks like

    def extra_repr(self) -> str:
        """What `repr` shows between the parentheses of this module itself."""
        return ""

    def __repr__(self) -> str:
        inside = [(name, value) for name, value in self._members() if _is_layer(value)]
        if not inside:
            return f"{type(self).__name__}({self.extra_repr()})"
        lines = [f"({name}): {value!r}" for name, value in inside]
        text = "\n".join([self.extra_repr(), *lines] if self.extra_repr() else lines)
        return f"{type(self).__name__}(\n{_indented(text)}\n)"


def _indented(text: str) -> str:
    """Every line moved to the right by two."""
    return "\n".join(f"  {line}" for line in text.splitlines())


Layer = Module

# ==== Part four: layers ===============================================================================================

# ---- Task 6: linear, dropout, flatten --------------------------------------------------------------------------------


class Linear(Module):
    """y = x @ weight + bias: (..., in_features) -> (..., out_features).

    Args:
        in_features, out_features: sizes of the last dimension of input and output.
        bias: whether there is one; without it the attribute `bias` is None.

    Attributes:
        weight: parameter of shape (in_features, out_features); PyTorch stores the transpose.
        bias: parameter of shape (out_features,), or None.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        if in_features < 0 or out_features < 0:
            raise ValueError(f"Linear: sizes cannot be negative, got {in_features} and {out_features}")
        # Keep the sizes as attributes, make the parameters with Parameter(...), and let reset_parameters fill them.
        # BEGIN SOLUTION
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(np.zeros((in_features, out_features)))
        self.bias = Parameter(np.zeros(out_features)) if bias else None
        self.reset_parameters()
        # END SOLUTION

    def reset_parameters(self) -> None:
        """Draw the weight anew, uniformly between ±1/√in_features as PyTorch does, and set the bias to 0."""
        # That is Kaiming's rule for leaky_relu with a slope of √5: work it out.
        # BEGIN SOLUTION
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            init.zeros_(self.bias)
        # END SOLUTION

    def forward(self, x: Any) -> Any:
        """(..., in_features) -> (..., out_features)"""
        # BEGIN SOLUTION
        return linear(x, self.weight, self.bias)
        # END SOLUTION

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


Dense = Linear


def _probability(p: float) -> float:
    """`p`, checked. ValueError if it is not between 0 and 1."""
    # BEGIN SOLUTION
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is a probability between 0 and 1, got {p}")
    return p
    # END SOLUTION


def dropout(x: Any, p: float = 0.5, training: bool = True) -> Any:
    """Each element is 0 with probability p, else x / (1 - p), so that the mean stays; any shape -> the same.

    Without training, or with p = 0, x itself (Srivastava et al., 2014). The dtype stays; integers become float32.

    Raises:
        TypeError: x is not a Tensor. ValueError: p is not between 0 and 1.
    """
    if not isinstance(x, TensorBase):
        raise TypeError(f"dropout needs a Tensor, got {type(x).__name__}; wrap it: Tensor(...)")
    # Make one array that holds 0 or 1 / (1 - p), from generator().random(shape, dtype=np.float32), and run the op MUL
    # on x and it. Mind its dtype: a bool array times a Python float is float64, np.multiply(..., dtype=...) is what you
    # ask for. And p = 1 leaves nothing to divide by.
    # BEGIN SOLUTION
    _probability(p)
    if not training or p == 0:
        return x
    kept = generator().random(x.data.shape, dtype=np.float32) >= p
    dtype = x.data.dtype if x.data.dtype.kind == "f" else np.float32
    return apply(MUL, x, np.multiply(kept, 1 / (1 - p) if p < 1 else 0.0, dtype=dtype))
    # END SOLUTION


class Dropout(Module):
    """`dropout` as a layer: active in training mode, not there in evaluation mode."""

    def __init__(self, p: float = 0.5):
        self.p = _probability(p)

    def forward(self, x: Any, training: bool | None = None) -> Any:
        """Any shape -> the same. `training` wins over the module's mode if it is given."""
        # False was given, None was not.
        # BEGIN SOLUTION
        return dropout(x, self.p, self.training if training is None else training)
        # END SOLUTION

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Flatten(Module):
    """One dimension in place of those from start_dim to end_dim: (N, C, H, W) -> (N, C*H*W) by default."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Any:
        """Raises IndexError where x has no such dims, or end_dim comes before start_dim; names the shape."""
        # Count from the front first: -1 is x.ndim - 1. Then reshape; for sizes of 0 say the new size instead of -1.
        # BEGIN SOLUTION
        start, end = (d + x.ndim if d < 0 else d for d in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < x.ndim:
            raise IndexError(f"Flatten: shape {x.shape} has no dims {self.start_dim} to {self.end_dim}, in this order")
        return x.reshape(*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :])
        # END SOLUTION

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """Returns what it is given; takes any arguments, so that it can stand in for any layer."""

    def __init__(self, *args: Any, **kwargs: Any):
        pass

    def forward(self, x: Any) -> Any:
        """x itself."""
        return x


# ---- Task 7: layers one after the other ------------------------------------------------------------------------------


class _Layers(Module):
    """A module that holds a list of layers and is used like one: its layers are named "0", "1", ... without more."""

    def __init__(self, *layers: Any):
        """The layers one by one, or in one list or tuple."""
        given = layers[0] if len(layers) == 1 and isinstance(layers[0], (list, tuple)) else layers
        self.layers = [_checked(layer) for layer in given]

    def _members(self) -> Iterator[tuple[str, Any]]:
        return ((name.removeprefix("layers."), value) for name, value in super()._members())

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)

    def __getitem__(self, index: int | slice) -> Any:
        """The layer at an index, or the layers of a slice as a container of the same kind. They are not copied."""
        # BEGIN SOLUTION
        return type(self)(*self.layers[index]) if isinstance(index, slice) else self.layers[index]
        # END SOLUTION

    def __setitem__(self, index: int, layer: Any) -> None:
        self.layers[index] = _checked(layer)

    def append(self, layer: Any) -> _Layers:
        """Add a layer at the end; returns this container."""
        self.layers.append(_checked(layer))
        return self

    def extend(self, layers: Iterable[Any]) -> _Layers:
        """Add several layers at the end; returns this container."""
        self.layers.extend([_checked(layer) for layer in layers])
        return self

    def insert(self, index: int, layer: Any) -> None:
        """Add a layer before the one at `index`."""
        self.layers.insert(index, _checked(layer))


def _checked(layer: Any) -> Any:
    """`layer` if it can be called on a tensor. TypeError for classes (parentheses forgotten) and the rest."""
    if isinstance(layer, type):
        raise TypeError(f"{layer.__name__} is a class, not a layer; make one: {layer.__name__}(...)")
    if not callable(layer):
        raise TypeError(f"a layer can be called on a tensor, {type(layer).__name__} cannot")
    return layer


class ModuleList(_Layers):
    """A list of layers without a forward of its own (plain lists are found as well; this one prints itself)."""


class Sequential(_Layers):
    """Layers one after the other: the output of each is the input of the next."""

    def forward(self, x: Any, training: bool | None = None) -> Any:
        """Through all layers. `training`, if given, is handed to the layers that know it, for this call only."""
        # Dropout and Sequential know it.
        # BEGIN SOLUTION
        for layer in self.layers:
            if training is not None and isinstance(layer, (Dropout, Sequential)):
                x = layer(x, training=training)
            else:
                x = layer(x)
        return x
        # END SOLUTION
