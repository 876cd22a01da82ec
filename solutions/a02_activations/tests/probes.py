"""What the tests may ask of a student's activations: a few lines each, as a user would write them.

Plain data in, plain data out; arrays keep their dtype.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from tinytorch import nn
from tinytorch.core import activations
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import Op


def _tensor(x: Any) -> Tensor:
    """An array keeps its dtype on the way into the tensor; lists and numbers become float32."""
    return Tensor(x, dtype=x.dtype) if isinstance(x, np.ndarray) else Tensor(x)


# ---- one function each


def relu(x: Any) -> Any:
    return activations.relu(_tensor(x)).numpy()


def leaky_relu(x: Any, *settings: Any, **named: Any) -> Any:
    return activations.leaky_relu(_tensor(x), *settings, **named).numpy()


def sigmoid(x: Any) -> Any:
    return activations.sigmoid(_tensor(x)).numpy()


def tanh(x: Any) -> Any:
    return activations.tanh(_tensor(x)).numpy()


def silu(x: Any) -> Any:
    return activations.silu(_tensor(x)).numpy()


def gelu(x: Any, *settings: Any, **named: Any) -> Any:
    return activations.gelu(_tensor(x), *settings, **named).numpy()


def softmax(x: Any, *settings: Any, **named: Any) -> Any:
    return activations.softmax(_tensor(x), *settings, **named).numpy()


def log_softmax(x: Any, *settings: Any, **named: Any) -> Any:
    return activations.log_softmax(_tensor(x), *settings, **named).numpy()


# ---- any function, by its name, under special circumstances


def quietly(name: str, x: Any, **settings: Any) -> Any:
    """The result, with every warning of NumPy turned into an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return getattr(activations, name)(_tensor(x), **settings).numpy()


def input_after(name: str, x: Any, **settings: Any) -> Any:
    """What the input tensor holds after the call."""
    t = _tensor(x)
    getattr(activations, name)(t, **settings).numpy()
    return t.numpy()


def result_after_writing(name: str, x: Any, value: float, **settings: Any) -> Any:
    """The result, looked at after `value` was written into every element of the input."""
    t = _tensor(x)
    result = getattr(activations, name)(t, **settings)
    t.data[...] = value
    return result.numpy()


def ops_of(name: str, x: Any, **settings: Any) -> Any:
    """Names of the ops that one call is made of, last first, as the tape of assignment 5 will hold them."""
    for op in Op.registry.values():
        op.vjp = lambda g, node: (g,) * len(node.inputs)  # an op without a rule would not be recorded
    t = getattr(activations, name)(Tensor(x, requires_grad=True), **settings)
    names = []
    while t._node is not None:
        names.append(t._node.op.name)
        t = t._node.inputs[0]
    return names


# ---- objects


def called(kind: str, x: Any, *settings: Any, **named: Any) -> Any:
    """An object of class `kind` made with the settings and called like a function."""
    return getattr(nn, kind)(*settings, **named)(_tensor(x)).numpy()


def forwarded(kind: str, x: Any, *settings: Any, **named: Any) -> Any:
    """The same through its method `forward`."""
    return getattr(nn, kind)(*settings, **named).forward(_tensor(x)).numpy()


def called_with_dim(kind: str, x: Any, own: int, other: int) -> Any:
    """A softmax object with dim `own`, called with the dim `other`."""
    return getattr(nn, kind)(own)(_tensor(x), other).numpy()


def called_after_dim(kind: str, x: Any, own: int, other: int) -> Any:
    """The same object, called once with the dim `other` and then without one: the second result."""
    layer = getattr(nn, kind)(own)
    layer(_tensor(x), other)
    return layer(_tensor(x)).numpy()


def _layers(slope: float) -> list[Any]:
    return [nn.LeakyReLU(slope), nn.Tanh(), nn.GELU(), nn.Softmax(dim=0)]


def through_a_list(x: Any, slope: float) -> Any:
    """The layers of a small model called in turn."""
    t = _tensor(x)
    for layer in _layers(slope):
        t = layer(t)
    return t.numpy()


def parameters_in_a_list(slope: float) -> Any:
    """What each of these layers gives as its parameters."""
    return [layer.parameters() for layer in _layers(slope)]
