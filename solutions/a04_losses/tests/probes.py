"""What the tests may ask of a student's losses: a few lines each, as a user would write them.

Plain data in, plain data out; arrays keep their dtype. `name` is the name of a function in tinytorch/core/losses.py,
`kind` the name of a class.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from tinytorch import nn
from tinytorch.core import losses
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import Op


def _tensor(x: Any) -> Tensor:
    """An array keeps its dtype on the way into the tensor; lists and numbers become float32."""
    return Tensor(x, dtype=x.dtype) if isinstance(x, np.ndarray) else Tensor(x)


def loss(name: str, prediction: Any, target: Any, **settings: Any) -> Any:
    """The loss of a prediction, with the target as it comes: an array or a list."""
    return getattr(losses, name)(_tensor(prediction), target, **settings).numpy()


def loss_of_tensors(name: str, prediction: Any, target: Any, **settings: Any) -> Any:
    """The same with the target as a float32 tensor."""
    return getattr(losses, name)(_tensor(prediction), Tensor(target), **settings).numpy()


def loss_of_bare(name: str, prediction: Any, target: Any) -> Any:
    """The same with the prediction as it comes: not a tensor."""
    return getattr(losses, name)(prediction, target).numpy()


def quietly(name: str, prediction: Any, target: Any, **settings: Any) -> Any:
    """The loss, with every warning of NumPy turned into an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return loss(name, prediction, target, **settings)


def inputs_after(name: str, prediction: Any, target: Any, **settings: Any) -> Any:
    """What the prediction's tensor and the target's array hold after the call."""
    t = _tensor(prediction)
    getattr(losses, name)(t, target, **settings).numpy()
    return [t.numpy(), target]


def ops_of(name: str, prediction: Any, target: Any, **settings: Any) -> Any:
    """Names of the ops that one call is made of, last first, as the tape of assignment 5 will hold them."""
    for op in Op.registry.values():
        op.vjp = lambda g, node: (g,) * len(node.inputs)  # an op without a rule would not be recorded
    t = getattr(losses, name)(Tensor(prediction, requires_grad=True), target, **settings)
    names = []
    while t._node is not None:
        names.append(t._node.op.name)
        t = t._node.inputs[0]
    return names


def kept_by(name: str, prediction: Any, target: Any, **settings: Any) -> Any:
    """What the rule kept for the way back, as the tape of assignment 5 will hold it."""
    for op in Op.registry.values():
        op.vjp = lambda g, node: (g,) * len(node.inputs)
    prediction = Tensor(prediction, requires_grad=True, dtype=prediction.dtype)
    return list(getattr(losses, name)(prediction, target, **settings)._node.saved)


def target_requires_grad(name: str, prediction: Any, target: Any) -> Any:
    """The ops recorded when only the target requires a gradient."""
    for op in Op.registry.values():
        op.vjp = lambda g, node: (g,) * len(node.inputs)
    t = getattr(losses, name)(Tensor(prediction), Tensor(target, requires_grad=True))
    return [] if t._node is None else [t._node.op.name]


def called(kind: str, prediction: Any, target: Any, *settings: Any, **named: Any) -> Any:
    """An object of class `kind` made with the settings and called like a function."""
    return getattr(nn, kind)(*settings, **named)(_tensor(prediction), target).numpy()


def forwarded(kind: str, prediction: Any, target: Any, **settings: Any) -> Any:
    """The same through its method `forward`."""
    return getattr(nn, kind)(**settings).forward(_tensor(prediction), target).numpy()


def made(kind: str, **settings: Any) -> Any:
    """An object of class `kind` as it prints itself."""
    return repr(getattr(nn, kind)(**settings))
