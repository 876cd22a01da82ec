"""Autograd: from the record of a computation to the gradient of its result with respect to everything it was made of.

`apply` (tinytorch/dispatch.py) records a node for every op whose inputs want a gradient. This file says for each op of
assignments 1 to 4 how a gradient passes backwards through it (its vector-Jacobian product, a table of short rules),
walks the recorded nodes from the last to the first, and offers what is built on that: gradients of chosen tensors,
switching the record off, recomputing instead of storing, ops of one's own, a check of any gradient, a drawing.
All of it computes with plain arrays: gradients are ndarrays, and nothing here is itself recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from heapq import heappop, heappush
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from tinytorch.core import activations, layers, losses, tensor
from tinytorch.core.activations import SIGMOID_OP, erf
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import Node, Op, TensorBase, apply, next_number, recording
from tinytorch.random import generator

Array = np.ndarray
Gradients = tuple[Array | None, ...]
Rule = Callable[[Array, Node], Array]  # rule(g, node) -> gradient of one input

# ==== Part one: what a gradient is ====================================================================================

# ---- Task 1: the slow way, which is always right ---------------------------------------------------------------------


def numerical_gradient(
    fn: Callable[..., Any], inputs: Sequence[Any], weights: Any = 1.0, eps: float = 1e-6
) -> list[Array | None]:
    """Gradients of sum(fn(*inputs) * weights) by central differences: two calls of fn for every element of every input.

    Args:
        fn: takes the inputs, returns a tensor of any shape.
        inputs: tensors; float64 ones, or the differences drown in rounding. They hold the same numbers afterwards.
        weights: a number or an array of the shape of the result.
        eps: how far each element is moved, both ways.

    Returns:
        For each input an array of its shape, or None if it is no tensor of floats.
    """
    # For each index of np.ndindex(array.shape): put array[index] + eps, then array[index] - eps, into x.data, call fn
    # each time, and put the old number back. (up - down) / (2 * eps) is exact up to eps²; (up - here) / eps is not.
    # BEGIN SOLUTION
    return [_differences(fn, inputs, x.data, weights, eps) if _is_float(x) else None for x in inputs]
    # END SOLUTION


# BEGIN SOLUTION NO PROMPT
def _differences(fn: Callable[..., Any], inputs: Sequence[Any], array: Array, weights: Any, eps: float) -> Array:
    """The gradient with respect to one array that lies in one of the inputs."""

    def value() -> float:
        return float((fn(*inputs).data * weights).sum())

    slopes = np.empty_like(array)
    for index in np.ndindex(array.shape):
        here = array[index]
        array[index] = here + eps
        up = value()
        array[index] = here - eps
        slopes[index] = (up - value()) / (2 * eps)
        array[index] = here
    return slopes


# END SOLUTION


def _is_float(x: Any) -> bool:
    return isinstance(x, TensorBase) and x.data.dtype.kind == "f"


class GradcheckError(RuntimeError):
    """The gradients that backward computes are not those of the function."""


def gradcheck(
    fn: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Whether backward computes the gradients of `fn` that central differences find, in float64.

    Args:
        fn: takes the inputs as float64 tensors and returns a tensor of any shape, the same one at every call.
        inputs: a tensor or a sequence of them, of any shapes; arrays count as tensors. Those that require a gradient
            are checked; if none does, all those of floats. They themselves are left as they are.
        eps, atol, rtol: step of the differences; equal means |analytic - numeric| <= atol + rtol * |numeric|.
        raise_exception: return False instead of raising GradcheckError if this is False.

    Returns:
        True.

    Raises:
        GradcheckError: they differ; shows both side by side, the worst element first, and its index.
        ValueError: fn gives two answers to the same question (dropout, say), or there is nothing to check.
    """
    # A result of many numbers would have a whole matrix of slopes. Weigh it with one random `weights` array of its
    # shape instead and compare the gradients of that one number: a wrong rule does not survive random weights.
    # _float64_copies(inputs) gives the tensors to work on; grad(..., allow_unused=True) the analytic gradients, where
    # None means zeros; _compare(number of the input, analytic, numeric, atol, rtol) a message, empty where all agree.
    # A result that does not require a gradient although it should has analytic gradients of zero.
    # BEGIN SOLUTION
    inputs = _float64_copies(inputs)
    checked = [i for i, x in enumerate(inputs) if isinstance(x, TensorBase) and x.requires_grad]
    if not checked:
        raise ValueError("gradcheck: none of the inputs holds floats; there is nothing to check")
    output = fn(*inputs)
    if not np.array_equal(output.data, fn(*inputs).data, equal_nan=True):
        raise ValueError("gradcheck: fn gives two answers to the same inputs; switch dropout off, or seed it inside fn")
    weights = np.random.default_rng(0).normal(size=output.shape)
    analytic: Sequence[Array | None] = [None] * len(checked)
    if output.requires_grad:
        analytic = grad(output, [inputs[i] for i in checked], weights, allow_unused=True)
    numeric = numerical_gradient(fn, inputs, weights, eps)
    for i, found in zip(checked, analytic, strict=True):
        trouble = _compare(i, np.zeros_like(numeric[i]) if found is None else found, numeric[i], atol, rtol)
        if trouble and raise_exception:
            raise GradcheckError(trouble)
        if trouble:
            return False
    return True
    # END SOLUTION


def _float64_copies(inputs: Any) -> list[Any]:
    """The inputs of gradcheck as float64 tensors that require a gradient where it is to be checked."""
    inputs = list(inputs) if isinstance(inputs, (tuple, list)) else [inputs]
    inputs = [Tensor(x, dtype=x.dtype) if isinstance(x, Array) else x for x in inputs]
    chosen = any(isinstance(x, TensorBase) and x.requires_grad for x in inputs)
    return [
        Tensor(x, requires_grad=x.requires_grad or not chosen, dtype=np.float64) if _is_float(x) else x for x in inputs
    ]


def _compare(number: int, analytic: Array, numeric: Array, atol: float, rtol: float) -> str:
    """What to tell about two gradients that differ; nothing if they agree."""
    difference = np.abs(analytic - numeric)
    excess = np.nan_to_num(difference - (atol + rtol * np.abs(numeric)), nan=np.inf)
    wrong = int((excess > 0).sum())
    if not wrong:
        return ""
    worst = [np.unravel_index(i, excess.shape) for i in np.argsort(-excess, axis=None)[: min(wrong, 6)]]
    rows = [f"{'index':>14} {'analytic':>16} {'numeric':>16} {'difference':>12}"]
    for index in worst:
        place = str([int(i) for i in index])
        rows.append(f"{place:>14} {analytic[index]:>16.9g} {numeric[index]:>16.9g} {difference[index]:>12.2g}")
    return (
        f"gradcheck: input {number} of shape {numeric.shape}: {wrong} of {numeric.size} elements differ, most of all"
        f" {[int(i) for i in worst[0]]}\n" + "\n".join(rows)
    )


# ---- given: the registry ---------------------------------------------------------------------------------------------
# A rule takes g, the gradient of the final number with respect to the node's output, and returns the one with respect
# to an input. g has the shape and dtype of node.output, the returned array the shape of the input. It is g itself, a
# view of it, or an array that nobody else holds. A rule never writes into g, node.output or the inputs' arrays: others
# are still going to read them.


def defvjp(op: Op, *rules: Rule | None) -> None:
    """Define how a gradient passes through an op: one rule an input, `rule(g, node) -> array`, in their order.

    A rule runs only if its input wants a gradient; None stands for an input that never does.
    """
    if len(rules) == 1:
        (rule,) = rules
        op.vjp = lambda g, node: (rule(g, node),)  # type: ignore[misc]  # a node is recorded only if the input wants it
        return

    def vjp(g: Array, node: Node) -> Gradients:
        return tuple(
            [rule(g, node) if rule and _wants(x) else None for rule, x in zip(rules, node.inputs, strict=True)]
        )

    op.vjp = vjp


def defvjp_all(op: Op, rule: Callable[[Array, Node, tuple[bool, ...]], Gradients]) -> None:
    """Define one rule for all inputs at once: `rule(g, node, wanted) -> one array or None an input`.

    For ops with any number of inputs, or whose gradients share work. `wanted` says which inputs want one.
    """
    op.vjp = lambda g, node: rule(g, node, tuple([_wants(x) for x in node.inputs]))


def defvjp_elementwise(op: Op, left: Callable[..., Any], right: Callable[..., Any]) -> None:
    """Define the two rules of an elementwise op of two inputs: `left(g, a, b, out)` and `right(g, a, b, out)`.

    They may return the shape of the output: what broadcasting stretched is summed up here, once for all of them.
    """

    def vjp(g: Array, node: Node) -> Gradients:
        x, y = node.inputs
        a, to_left = (x.data, x.requires_grad) if isinstance(x, TensorBase) else (x, False)
        b, to_right = (y.data, y.requires_grad) if isinstance(y, TensorBase) else (y, False)
        return (
            unbroadcast(left(g, a, b, node.output), a.shape) if to_left else None,
            unbroadcast(right(g, a, b, node.output), b.shape) if to_right else None,
        )

    op.vjp = vjp


def _wants(x: Any) -> bool:
    return isinstance(x, TensorBase) and x.requires_grad


# ---- Task 2: what broadcasting stretched -----------------------------------------------------------------------------


def unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """Sum g over the dimensions along which `shape` was stretched to g.shape: (2, 5, 3) for shape (5, 1) -> (5, 1).

    Broadcasting uses one number in many places; its gradient is the sum over those places.
    """
    # Shapes align at the right. Two kinds of dimensions are summed: leading ones that `shape` does not have, and those
    # where it has a 1 and g has not. Most calls have nothing to do: ask for that first and return g itself.
    # BEGIN SOLUTION
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    stretched = [i for i, n in enumerate(g.shape) if i < extra or (n != 1 and shape[i - extra] == 1)]
    return g.sum(axis=tuple(stretched)).reshape(shape)
    # END SOLUTION


# ==== Part two: the walk ==============================================================================================

# ---- Task 3: backward ------------------------------------------------------------------------------------------------


class _Found:
    """A gradient that arrived at a tensor where the walk ends. `ours`: nobody else holds the array."""

    __slots__ = ("tensor", "array", "ours")

    def __init__(self, tensor: Any, array: Array, ours: bool):
        self.tensor, self.array, self.ours = tensor, array, ours

    def add(self, g: Array) -> None:
        if self.ours:
            self.array += g
        else:
            self.array, self.ours = np.asarray(self.array + g), True

    def own(self) -> Array:
        """The array if it is ours, else a copy."""
        return self.array if self.ours else self.array.copy()


def _walk(
    output: Any, gradient: Array, retain_graph: bool, first: int = 0, kept: Mapping[int, Any] | None = None
) -> dict[int, _Found]:
    """Carry a gradient from `output` back to the leaves, node by node, each node once.

    Args:
        gradient: of the final number with respect to output, of its shape.
        retain_graph: keep what the nodes hold, so that they can be walked again.
        first: nodes with a smaller number are not entered; the tensors they made count as leaves.
        kept: tensors, by the number of the node that made them, whose gradients are wanted though they are no leaves.

    Returns:
        What arrived, by the id of the tensor. No tensor has been changed yet.

    Raises:
        RuntimeError: a node that an earlier backward has freed.
    """
    # A node's gradient is complete when every node that used its output has been visited. Those have larger numbers.
    # So: among the nodes that a gradient has reached, always visit the one with the largest number. heapq gives the
    # smallest of a list, so push -number. `pending` holds the gradient collected so far for each of these nodes.
    #
    # For the node visited: node.op.vjp(g, node) gives one gradient (or None) an input. Add it to what the input's node
    # has (`pending`), or, if the input is a leaf (x._node is None, or older than `first`), to what was `found` for it.
    # _fitting checks shape and dtype; zip(..., strict=True) notices a rule that returns too few. Then free the node
    # unless the graph is retained: _free(node).
    #
    # The first gradient of a node is stored as it came: it may be the same array as another one's, so the second is
    # added into a new array. From then on that array is the walk's own, and further ones are added in place.
    # BEGIN SOLUTION
    root = output._node
    found: dict[int, _Found] = {}
    if root is None or root.number < first:
        found[id(output)] = _Found(output, gradient, False)
        return found
    nodes = {root.number: root}
    pending = {root.number: gradient}
    own: set[int] = set()
    heap = [-root.number]
    kept = kept or {}
    while heap:
        number = -heappop(heap)
        node, g = nodes.pop(number), pending.pop(number)
        if node.inputs is None:
            raise RuntimeError(_FREED.format(node.op.name))
        if number in kept:
            found[id(kept[number])] = _Found(kept[number], g, False)
        for x, gx in zip(node.inputs, node.op.vjp(g, node), strict=True):
            if gx is None or not isinstance(x, TensorBase) or not x.requires_grad:
                continue
            if type(gx) is not Array or gx.dtype is not x.data.dtype or gx.shape != x.data.shape:
                gx = _fitting(gx, x.data, node)
            parent = x._node
            if parent is None or parent.number < first:
                if id(x) in found:
                    found[id(x)].add(gx)
                else:
                    found[id(x)] = _Found(x, gx, gx is not g and gx.base is None)
                continue
            key = parent.number
            if key not in pending:
                nodes[key], pending[key] = parent, gx
                heappush(heap, -key)
            elif key in own:
                pending[key] += gx
            else:
                pending[key] = np.asarray(pending[key] + gx)
                own.add(key)
        if not retain_graph:
            _free(node)
    return found
    # END SOLUTION


_FREED = (
    "backward: the graph behind '{}' was freed by an earlier backward; call the first one with retain_graph=True, or"
    " compute the result again"
)


def _free(node: Node) -> None:
    """Let go of what a node holds: its inputs above all, and with them the nodes before it."""
    node.inputs = node.saved = None  # type: ignore[assignment]
    node.attributes = {}


def _fitting(g: Any, like: Array, node: Node) -> Array:
    """A gradient in the dtype of the array it belongs to. RuntimeError if its shape is another: the rule is wrong."""
    if np.shape(g) != like.shape:
        raise RuntimeError(
            f"the rule of '{node.op.name}' gave a gradient of shape {np.shape(g)} for an input of shape {like.shape};"
            " a gradient has the shape of its input (see unbroadcast)"
        )
    return np.asarray(g, dtype=like.dtype)


def _seed(output: Any, gradient: Any, caller: str) -> Array:
    """The gradient to start from, as an array of the output's shape and dtype; ones where none is given.

    Raises:
        RuntimeError: the output was not recorded. ValueError: no gradient given for many numbers, or a wrong shape.
    """
    # BEGIN SOLUTION
    shape = output.data.shape
    if not output.requires_grad:
        raise RuntimeError(
            f"{caller}: this tensor of shape {shape} does not require a gradient: no input of it did, it was computed"
            " under no_grad, or from an op without a rule"
        )
    if gradient is None:
        if output.data.size != 1:
            raise ValueError(
                f"{caller}: a tensor of shape {shape} is more than one number; reduce it with sum() or mean(), or give"
                " the gradient to start from"
            )
        return np.ones_like(output.data)
    gradient = np.asarray(gradient, dtype=output.data.dtype)
    if gradient.shape != shape:
        raise ValueError(f"{caller}: the gradient has shape {gradient.shape}, the tensor {shape}; make them equal")
    return gradient
    # END SOLUTION


def backward(tensor: Any, gradient: Any = None, retain_graph: bool = False) -> None:
    """Add to the `grad` of every leaf behind `tensor` the gradient of `tensor` with respect to it.

    A leaf is a tensor that a user made with requires_grad=True. Its grad is an ndarray of its shape and dtype and of
    memory that nothing else uses. `Tensor.backward` calls this.

    Args:
        gradient: tensor or array of the tensor's shape to start from; 1 for a tensor of one number.
        retain_graph: keep the graph for another backward.

    Raises:
        RuntimeError: the tensor requires no gradient, or its graph was freed: then no grad has changed.
        ValueError: a gradient is missing, or has another shape.
    """
    # _walk does the work. What is found goes into x.grad: found.own() where there is none yet, else added in place.
    # _retained (see retain_grad) is what `kept` asks for.
    # BEGIN SOLUTION
    start = _seed(tensor, gradient, "backward")
    for found in _walk(tensor, start, retain_graph, kept=_retained).values():
        if found.tensor.grad is None:
            found.tensor.grad = found.own()
        else:
            found.tensor.grad += found.array
    # END SOLUTION


_retained: WeakValueDictionary[int, Any] = WeakValueDictionary()


def retain_grad(tensor: Any) -> None:
    """Ask that `backward` fill the grad of this tensor too, though it is no leaf (PyTorch's Tensor.retain_grad)."""
    if not tensor.requires_grad:
        raise RuntimeError("retain_grad: this tensor does not require a gradient, there is nothing to retain")
    if tensor._node is not None:
        _retained[tensor._node.number] = tensor


def grad(
    output: Any, inputs: Any, grad_output: Any = None, retain_graph: bool = False, allow_unused: bool = False
) -> tuple[Array | None, ...]:
    """Gradients of `output` with respect to chosen tensors, leaves or not; no tensor's `grad` changes.

    Args:
        inputs: a tensor or a sequence of tensors that require gradients.
        grad_output: as `gradient` in backward.
        allow_unused: None for an input that the output does not depend on, instead of an error.

    Returns:
        A tuple with one ndarray an input.

    Raises:
        RuntimeError: as backward; an input that requires no gradient, or (unless allowed) was not used.
    """
    # BEGIN SOLUTION
    inputs = [inputs] if isinstance(inputs, TensorBase) else list(inputs)
    for i, x in enumerate(inputs):
        if not x.requires_grad:
            raise RuntimeError(f"grad: input {i} of shape {x.shape} does not require a gradient")
    start = _seed(output, grad_output, "grad")
    kept = {x._node.number: x for x in inputs if x._node is not None}
    found = _walk(output, start, retain_graph, kept=kept)
    for i, x in enumerate(inputs):
        if id(x) not in found and not allow_unused:
            raise RuntimeError(f"grad: the output does not depend on input {i}; allow_unused=True gives None for it")
    return tuple(found[id(x)].own() if id(x) in found else None for x in inputs)
    # END SOLUTION


# ==== Part three: the table ===========================================================================================
# In every rule g has the shape of the output. Check each with gradcheck as you write it.

# ---- Task 4: elementwise ops -----------------------------------------------------------------------------------------
# Of an input x: defvjp(OP, lambda g, node: ...), with node.inputs[0].data and node.output at hand. Of two inputs:
# defvjp_elementwise(OP, left, right). Beware of np.float64 scalars: they turn float32 into float64.
# Where there is a corner: abs is flat at 0, clip passes the gradient at its limits, maximum and minimum share it
# equally between equals.

defvjp(tensor.NEG, lambda g, node: -g)
defvjp(tensor.EXP, lambda g, node: g * node.output)
defvjp_elementwise(tensor.ADD, lambda g, a, b, out: g, lambda g, a, b, out: g)
# SUB, MUL, DIV, MAXIMUM, MINIMUM, ABS, LOG, SQRT and CLIP are yours:
# BEGIN SOLUTION NO PROMPT
defvjp_elementwise(tensor.SUB, lambda g, a, b, out: g, lambda g, a, b, out: -g)
defvjp_elementwise(tensor.MUL, lambda g, a, b, out: g * b, lambda g, a, b, out: g * a)
defvjp_elementwise(tensor.DIV, lambda g, a, b, out: g / b, lambda g, a, b, out: -g * out / b)
defvjp_elementwise(
    tensor.MAXIMUM,
    lambda g, a, b, out: g * (a > b) + 0.5 * g * (a == b),
    lambda g, a, b, out: g * (b > a) + 0.5 * g * (a == b),
)
defvjp_elementwise(
    tensor.MINIMUM,
    lambda g, a, b, out: g * (a < b) + 0.5 * g * (a == b),
    lambda g, a, b, out: g * (b < a) + 0.5 * g * (a == b),
)
defvjp(tensor.ABS, lambda g, node: g * np.sign(node.inputs[0].data))
defvjp(tensor.LOG, lambda g, node: g / node.inputs[0].data)
defvjp(tensor.SQRT, lambda g, node: 0.5 * g / node.output)
defvjp(tensor.CLIP, lambda g, node: g * (node.output == node.inputs[0].data))
# END SOLUTION


def _pow_base(g: Array, a: Any, b: Any, out: Array) -> Array:
    """Of a ** b with respect to a: b * a ** (b - 1), and 0 for b = 0 even where a is 0."""
    # BEGIN SOLUTION
    return g * b * a ** (b - (b != 0))
    # END SOLUTION


def _pow_exponent(g: Array, a: Any, b: Any, out: Array) -> Array:
    """Of a ** b with respect to b: a ** b * log(a), and 0 where a is 0."""
    # a may be a Python number: np.log(a, dtype=out.dtype) keeps float32.
    # BEGIN SOLUTION
    return g * out * np.log(np.where(np.equal(a, 0), 1, a), dtype=out.dtype)
    # END SOLUTION


defvjp_elementwise(tensor.POW, _pow_base, _pow_exponent)

# ---- Task 5: reductions ----------------------------------------------------------------------------------------------


def _restored(reduced: Array, node: Node) -> Array:
    """A reduction's output or gradient with the reduced dimensions back, of size 1: it broadcasts against the input."""
    # BEGIN SOLUTION
    axis = node.attributes.get("axis")
    if axis is None or node.attributes.get("keepdims"):
        return reduced
    sizes = list(node.inputs[0].data.shape)
    for dim in axis if isinstance(axis, tuple) else (axis,):
        sizes[dim] = 1
    return reduced.reshape(sizes)
    # END SOLUTION


def _count(node: Node) -> int:
    """How many elements of the input went into each element of the output."""
    return node.inputs[0].data.size // max(node.output.size, 1)


def _sum_rule(g: Array, node: Node) -> Array:
    """Each element of the input counts once: g, repeated."""
    # BEGIN SOLUTION
    repeated = np.empty(node.inputs[0].data.shape, g.dtype)
    repeated[...] = _restored(g, node)
    return repeated
    # END SOLUTION


def _mean_rule(g: Array, node: Node) -> Array:
    """The gradient of the sum, divided by the number of elements in each mean."""
    # Divide before you repeat: g is the smaller array.
    # BEGIN SOLUTION
    return _sum_rule(g / max(_count(node), 1), node)
    # END SOLUTION


def _var_rule(g: Array, node: Node) -> Array:
    """Of sum((x - mean)²) / (n - correction): 2 (x - mean) / (n - correction). What flows through the mean cancels."""
    # BEGIN SOLUTION
    x, axis = node.inputs[0].data, node.attributes.get("axis")
    scaled = 2 * g / (_count(node) - node.attributes["correction"])
    return (x - x.mean(axis=axis, keepdims=True)) * _restored(scaled, node)
    # END SOLUTION


def _extremum_rule(g: Array, node: Node) -> Array:
    """To the element that is the maximum (minimum); equals share equally."""
    # BEGIN SOLUTION
    chosen = node.inputs[0].data == _restored(node.output, node)
    count = chosen.sum(axis=node.attributes.get("axis"), keepdims=True, dtype=g.dtype)
    return chosen * (_restored(g, node) / count)
    # END SOLUTION


defvjp(tensor.SUM, _sum_rule)
defvjp(tensor.MEAN, _mean_rule)
defvjp(tensor.VAR, _var_rule)
defvjp(tensor.MAX, _extremum_rule)
defvjp(tensor.MIN, _extremum_rule)

# ---- Task 6: matrix products -----------------------------------------------------------------------------------------


def _matmul_rule(g: Array, node: Node, wanted: tuple[bool, ...]) -> Gradients:
    """(..., n, k) @ (..., k, m) with g of shape (..., n, m): g @ bᵀ and aᵀ @ g, summed over dimensions that broadcast.

    A 1-D operand is a row on the left, a column on the right.
    """
    # First make matrices of vectors, and put the dimension back into g that the product lost. Transposing a batch of
    # matrices is np.swapaxes(b, -1, -2). In the end each gradient has the shape of its operand.
    # A matrix b beside a batch of a's: all rows of the batch are rows of one tall matrix (_rows), and one product does.
    # BEGIN SOLUTION
    left, right = a, b = node.arrays
    if b.ndim == 1:
        b, g = b[:, None], g[..., None]
    if a.ndim == 1:
        a, g = a[None, :], g[..., None, :]
    ga = gb = None
    if wanted[0]:
        ga = unbroadcast(g @ np.swapaxes(b, -1, -2), a.shape).reshape(left.shape)
    if wanted[1]:
        gb = _rows(a).T @ _rows(g) if b.ndim == 2 else unbroadcast(np.swapaxes(a, -1, -2) @ g, b.shape)
        gb = gb.reshape(right.shape)
    return ga, gb
    # END SOLUTION


def _rows(x: Array) -> Array:
    """(..., n) -> (rows, n)"""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _linear_rule(g: Array, node: Node, wanted: tuple[bool, ...]) -> Gradients:
    """x @ weight + bias: (..., in) @ (in, out) + (out,) with g of shape (..., out); the bias may be absent."""
    # wanted is as long as there are inputs. Adding up the rows of g is the product ones @ g, which is quicker than sum.
    # BEGIN SOLUTION
    x, weight = node.arrays[:2]
    rows = _rows(g)
    gradients = [
        g @ weight.T if wanted[0] else None,
        _rows(x).T @ rows if wanted[1] else None,
    ]
    if len(wanted) == 3:
        gradients.append(np.ones(len(rows), rows.dtype) @ rows if wanted[2] else None)
    return tuple(gradients)
    # END SOLUTION


defvjp_all(tensor.MATMUL, _matmul_rule)
defvjp_all(layers.LINEAR, _linear_rule)

# ---- Task 7: moves: each element of the gradient goes back to where its element came from ----------------------------


def _getitem_rule(g: Array, node: Node) -> Array:
    """Zeros, and g at the places that were selected; added up where the key selects a place more than once."""
    # zeros[key] = g keeps only the last of several gradients for one place; np.add.at adds them all, but slowly.
    # _is_repeating(key) tells which is needed.
    # BEGIN SOLUTION
    x, key = node.inputs[0].data, node.attributes["key"]
    out = np.zeros(x.shape, g.dtype)
    if _is_repeating(key):
        np.add.at(out, key, g)
    else:
        out[key] = g
    return out
    # END SOLUTION


def _is_repeating(key: Any) -> bool:
    """Whether a key may select a place twice: only with arrays (or lists) of integers in it."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(k, (Array, list)) and np.asarray(k).dtype.kind in "iu" for k in parts)


def _cat_rule(g: Array, node: Node, wanted: tuple[bool, ...]) -> Gradients:
    """Each input's slice of g, along the dimension in which the inputs lie one behind the other."""
    # BEGIN SOLUTION
    axis = node.attributes["axis"]
    whole = (slice(None),) * (axis % g.ndim)
    pieces, start = [], 0
    for array in node.arrays:
        stop = start + array.shape[axis]
        pieces.append(g[(*whole, slice(start, stop))])
        start = stop
    return tuple(pieces)
    # END SOLUTION


def _stack_rule(g: Array, node: Node, wanted: tuple[bool, ...]) -> Gradients:
    """g[..., i, ...] for the i-th input, along the dimension that stacking made."""
    # BEGIN SOLUTION
    return tuple(np.moveaxis(g, node.attributes["axis"], 0))
    # END SOLUTION


def _where_rule(g: Array, node: Node, wanted: tuple[bool, ...]) -> Gradients:
    """g where the condition is true goes to the first input, elsewhere to the second; both may have been stretched."""
    # BEGIN SOLUTION
    condition = node.attributes["condition"]
    a, b = node.arrays
    return (
        unbroadcast(np.where(condition, g, 0), a.shape) if wanted[0] else None,
        unbroadcast(np.where(condition, 0, g), b.shape) if wanted[1] else None,
    )
    # END SOLUTION


defvjp(tensor.GETITEM, _getitem_rule)
defvjp_all(tensor.CAT, _cat_rule)
defvjp_all(tensor.STACK, _stack_rule)
defvjp_all(tensor.WHERE, _where_rule)
defvjp(tensor.CLONE, lambda g, node: g)
defvjp(tensor.CAST, lambda g, node: g.astype(node.inputs[0].data.dtype))
# RESHAPE, PERMUTE (attribute dims; np.argsort inverts a permutation) and MASKED_FILL (attribute mask) are yours:
# BEGIN SOLUTION NO PROMPT
defvjp(tensor.RESHAPE, lambda g, node: g.reshape(node.inputs[0].data.shape))
defvjp(tensor.PERMUTE, lambda g, node: g.transpose(np.argsort(node.attributes["dims"])))
defvjp(tensor.MASKED_FILL, lambda g, node: np.where(node.attributes["mask"], 0, g))
# END SOLUTION

# ---- Task 8: activations ---------------------------------------------------------------------------------------------
# Prefer the output to the input where both would do: it has been computed already. The slope of a corner is the left
# one.
# RELU_OP, SIGMOID_OP and TANH_OP are yours:
# BEGIN SOLUTION NO PROMPT
defvjp(activations.RELU_OP, lambda g, node: g * (node.output > 0))
defvjp(activations.SIGMOID_OP, lambda g, node: g * node.output * (1 - node.output))
defvjp(activations.TANH_OP, lambda g, node: g * (1 - node.output * node.output))
# END SOLUTION


def _leaky_relu_rule(g: Array, node: Node) -> Array:
    """g where x is positive, negative_slope * g where it is not. np.where is slow on random masks: multiply by them."""
    # BEGIN SOLUTION
    positive = node.inputs[0].data > 0
    return g * positive + node.attributes["negative_slope"] * g * ~positive
    # END SOLUTION


def _silu_rule(g: Array, node: Node) -> Array:
    """Of x s(x) with s the sigmoid: s + x s (1 - s)."""
    # SIGMOID_OP.forward is the forward rule of assignment 2, and x s(x) has been computed.
    # BEGIN SOLUTION
    s = SIGMOID_OP.forward(node.inputs[0].data)
    return g * (s + node.output * (1 - s))
    # END SOLUTION


def _softmax_rule(g: Array, node: Node) -> Array:
    """Of p = softmax(x): p (g - sum(g p)), the sum along the axis of the softmax."""
    # BEGIN SOLUTION
    gradient = g * node.output
    gradient -= node.output * gradient.sum(axis=node.attributes["axis"], keepdims=True)
    return gradient
    # END SOLUTION


def _log_softmax_rule(g: Array, node: Node) -> Array:
    """Of log p: g - p sum(g), with p the exponential of the output."""
    # BEGIN SOLUTION
    return g - np.exp(node.output) * g.sum(axis=node.attributes["axis"], keepdims=True)
    # END SOLUTION


def _gelu_rule(g: Array, node: Node) -> Array:
    """Given. Of x F(x): F(x) + x F'(x), F being the normal distribution function or its approximation by tanh."""
    x = np.clip(node.inputs[0].data, -100.0, 100.0)  # from there on the slope is 0 or 1, and x³ stays finite
    if node.attributes["approximate"] == "none":
        density = np.exp(-0.5 * x * x) * math.sqrt(0.5 / math.pi)
        return g * (0.5 * (1 + erf(x * math.sqrt(0.5))) + x * density)
    scale = math.sqrt(2 / math.pi)
    t = np.tanh(scale * x * (1 + 0.044715 * x * x))
    return g * 0.5 * (1 + t + x * (1 - t * t) * scale * (1 + 3 * 0.044715 * x * x))


defvjp(activations.LEAKY_RELU_OP, _leaky_relu_rule)
defvjp(activations.SILU_OP, _silu_rule)
defvjp(activations.GELU_OP, _gelu_rule)
defvjp(activations.SOFTMAX_OP, _softmax_rule)
defvjp(activations.LOG_SOFTMAX_OP, _log_softmax_rule)

# ---- Task 9: losses --------------------------------------------------------------------------------------------------

# The losses of assignment 4 are one op each, reduction included: g has shape () after "mean" and "sum", and the shape
# of the predictions (or one number a row) after "none". Settings are attributes; targets of distances are inputs.


def _scaled(g: Array, node: Node) -> Array:
    """The gradient of each single loss of a distance: after "mean" its share in g."""
    # BEGIN SOLUTION
    return g / node.inputs[0].data.size if node.attributes["reduction"] == "mean" else g
    # END SOLUTION


def _distance_rule(slope: Callable[[Array, Node], Array]) -> Callable[..., Gradients]:
    """The rule of a loss of the difference d = x - y, from the slope of one loss with respect to d."""

    def rule(g: Array, node: Node, wanted: tuple[bool, ...]) -> Gradients:
        # What is the slope with respect to y?
        # BEGIN SOLUTION
        x, y = node.arrays
        gradient = slope(x - y, node) * _scaled(g, node)
        return gradient if wanted[0] else None, -gradient if wanted[1] else None
        # END SOLUTION

    return rule


def _bce_rule(g: Array, node: Node, wanted: tuple[bool, ...]) -> Gradients:
    """Given. Of probabilities p: (p - y) / (p (1 - p)), divided by at least 1e-12; of targets: log(1 - p) - log p."""
    p, y = node.arrays
    g = _scaled(g, node)
    to_p = g * (p - y) / np.maximum(p * (1 - p), 1e-12) if wanted[0] else None
    if not wanted[1]:
        return to_p, None
    with np.errstate(divide="ignore"):
        return to_p, g * (np.maximum(np.log1p(-p), -100) - np.maximum(np.log(p), -100))


def _bce_with_logits_rule(g: Array, node: Node, wanted: tuple[bool, ...]) -> Gradients:
    """Of logits z: sigmoid(z) - y, which is why sigmoid and logarithm belong together; of targets: -z."""
    # BEGIN SOLUTION
    z, y = node.arrays
    g = _scaled(g, node)
    return g * (SIGMOID_OP.forward(z) - y) if wanted[0] else None, -z * g if wanted[1] else None
    # END SOLUTION


def _nll_rule(g: Array, node: Node) -> Array:
    """-share at [row, target] and 0 elsewhere, times g; node.saved is (targets, share), share a number or one a row."""
    # BEGIN SOLUTION
    targets, share = node.saved
    gradient = np.zeros(node.inputs[0].data.shape, g.dtype)
    gradient[np.arange(len(targets)), targets] = -share * g
    return gradient
    # END SOLUTION


def _cross_entropy_rule(g: Array, node: Node) -> Array:
    """softmax(logits) minus what the row was asked for, times the row's share in the loss and g.

    node.saved is (exps, totals, goal, share): softmax is exps (N, C) / totals (N,). goal is (N,) class numbers, each
    asking for probability 1, or (N, C) distributions times class weights: then softmax counts with the row's sum.
    share is a number or one a row.
    """
    # Scale the totals, which are N numbers, rather than the softmax, which is N * C of them.
    # BEGIN SOLUTION
    exps, totals, goal, share = node.saved
    share = share * g
    if goal.ndim == 2:
        return (exps * (goal.sum(axis=1) / totals)[:, None] - goal) * (share[:, None] if np.ndim(share) else share)
    gradient = exps * (share / totals)[:, None]
    gradient[np.arange(len(goal)), goal] -= share
    return gradient
    # END SOLUTION


# MSE, L1 and HUBER are yours, as defvjp_all(losses.MSE, _distance_rule(lambda d, node: ...)). The slopes are 2 d, the
# sign of d, and d kept within the attribute delta:
# BEGIN SOLUTION NO PROMPT
defvjp_all(losses.MSE, _distance_rule(lambda d, node: 2 * d))
defvjp_all(losses.L1, _distance_rule(lambda d, node: np.sign(d)))
defvjp_all(losses.HUBER, _distance_rule(lambda d, node: d.clip(-node.attributes["delta"], node.attributes["delta"])))
# END SOLUTION
defvjp_all(losses.BCE, _bce_rule)
defvjp_all(losses.BCE_WITH_LOGITS, _bce_with_logits_rule)
defvjp(losses.NLL, _nll_rule)
defvjp(losses.CROSS_ENTROPY, _cross_entropy_rule)

# ==== Part four: what is built on it ==================================================================================

# ---- Task 10: switching the record off and on ------------------------------------------------------------------------


class _Switch:
    """Sets `recording.on` while it is open, and puts back what was there before, whatever happens in between."""

    on: bool

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        switch = super().__new__(cls)
        return switch if function is None else switch(function)  # a decorator without parentheses: @no_grad

    def __init__(self, function: Callable[..., Any] | None = None):
        self.before: list[bool] = []  # a list: one switch may be opened again while it is open

    def __enter__(self) -> None:
        # BEGIN SOLUTION
        self.before.append(recording.on)
        recording.on = self.on
        # END SOLUTION

    def __exit__(self, *problem: Any) -> None:
        # BEGIN SOLUTION
        recording.on = self.before.pop()
        # END SOLUTION

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, run with the switch open at every call."""

        # BEGIN SOLUTION
        @wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return switched
        # END SOLUTION


class no_grad(_Switch):
    """Inside `with no_grad():`, or in a function under `@no_grad()`, nothing is recorded."""

    on = False


class enable_grad(_Switch):
    """Inside `with enable_grad():` applications are recorded again, within a no_grad too."""

    on = True


def is_grad_enabled() -> bool:
    """Whether applications are recorded at this moment."""
    return recording.on


def enable_autograd(quiet: bool = True) -> None:
    """Nothing to do: gradients are always available. For programs written for frameworks that need the call."""


# ---- Task 11: ops of one's own ---------------------------------------------------------------------------------------


class Context:
    """What `Function.forward` hands to `Function.backward`: saved arrays, and any attribute that you set."""

    saved_tensors: tuple[Any, ...] = ()
    needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *arrays: Any) -> None:
        """Keep arrays for the way back; they are `saved_tensors` there."""
        self.saved_tensors = arrays


class Function:
    """An op of your own: a subclass with two static methods on arrays, used as `Square.apply(x)`.

    forward(ctx, *inputs, **settings) -> array: tensors among the inputs arrive as arrays, the rest as it was given.
    backward(ctx, g) -> one array or None an input, in a tuple if there are several; g is an array.

        class Square(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return 2 * x * g
    """

    op: Op

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        cls.op = Op(f"Function:{cls.__name__}", cls._forward, saves=True)
        defvjp_all(cls.op, cls._backward)

    @staticmethod
    def forward(ctx: Context, *inputs: Any, **settings: Any) -> Array:
        raise TypeError("a Function defines forward(ctx, *inputs)")

    @staticmethod
    def backward(ctx: Context, g: Array) -> Any:
        raise TypeError("a Function that is differentiated defines backward(ctx, g)")

    @classmethod
    def apply(cls, *inputs: Any, **settings: Any) -> Any:
        """Run the op on tensors (and anything else) and return a tensor."""
        # BEGIN SOLUTION
        return apply(cls.op, *inputs, **settings)
        # END SOLUTION

    @classmethod
    def _forward(cls, *inputs: Any, **settings: Any) -> tuple[Array, Context]:
        """The forward rule of cls.op, which saves a context."""
        # BEGIN SOLUTION
        ctx = Context()
        return np.asarray(cls.forward(ctx, *inputs, **settings)), ctx
        # END SOLUTION

    @classmethod
    def _backward(cls, g: Array, node: Node, wanted: tuple[bool, ...]) -> Gradients:
        """The rule of cls.op for all inputs. RuntimeError if backward returns more or fewer gradients than inputs."""
        # What a user's backward returns may be an array that is held elsewhere (a saved one, the same one twice). A
        # view tells the walk not to take it as its own: np.asarray(r).view().
        # BEGIN SOLUTION
        node.saved.needs_input_grad = wanted
        returned = cls.backward(node.saved, g)
        returned = returned if isinstance(returned, tuple) else (returned,)
        if len(returned) != len(wanted):
            raise RuntimeError(
                f"{cls.__name__}.backward returned {len(returned)} gradients for {len(wanted)} inputs; return one an"
                " input, None where there is none"
            )
        return tuple(None if r is None else np.asarray(r).view() for r in returned)
        # END SOLUTION


# ---- Task 12: recompute instead of store -----------------------------------------------------------------------------


def reached(output: Any, first: int = 0) -> tuple[list[Node], list[Any]]:
    """What the record holds of how a tensor was made: its nodes, oldest first, and the leaves that want gradients.

    Nodes with a number below `first` are not entered; the tensors they made count as leaves. A graph that backward has
    freed ends at the freed node.
    """
    nodes: dict[int, Node] = {}
    leaves: dict[int, Any] = {}
    todo = [output]
    while todo:
        x = todo.pop()
        if not _wants(x):
            continue
        node = x._node
        if node is None or node.number < first:
            leaves[id(x)] = x
        elif node.number not in nodes:
            nodes[node.number] = node
            todo.extend(node.inputs or ())
    return [nodes[number] for number in sorted(nodes)], list(leaves.values())


def _rerun(fn: Callable[..., Any], inputs: tuple[Any, ...], settings: dict[str, Any]) -> tuple[Any, list[Any], int]:
    """Run fn on detached copies of the tensors among its inputs, recording.

    Returns:
        The output, the detached inputs, and the number from which on nodes belong to this run.
    """
    first = next_number()
    with enable_grad():
        apart = [x.detach().requires_grad_(x.requires_grad) if isinstance(x, TensorBase) else x for x in inputs]
        output = fn(*apart, **settings)
    if not isinstance(output, TensorBase):
        raise TypeError(f"checkpoint: the function returned {type(output).__name__}; it has to return one tensor")
    return output, apart, first


def checkpoint(fn: Callable[..., Any], *inputs: Any, **settings: Any) -> Any:
    """`fn(*inputs, **settings)`, whose intermediate results are not kept but computed once more on the way back.

    Memory for time: the record holds one node in place of all that fn would leave there. Parameters and other tensors
    that fn uses without being given them get their gradients as well. Random draws in fn are repeated exactly.

    Args:
        fn: returns one tensor and has no side effects: it runs twice.
    """
    # Run fn with recording on (_rerun), look at what it reached outside of itself, then forget its nodes: a single node
    # of the op CHECKPOINT, whose inputs are `inputs` and those outside tensors, stands for them. apply(CHECKPOINT,
    # *tensors, output=array, again=function) makes it; again() is to run fn once more and return what _rerun returns.
    # The generator's state before the run is generator().bit_generator.state; setting it repeats the draws.
    # BEGIN SOLUTION
    if not recording.on:
        return fn(*inputs, **settings)
    state = generator().bit_generator.state
    output, apart, first = _rerun(fn, inputs, settings)
    own = {id(x) for x in apart}
    outside = [x for x in reached(output, first)[1] if id(x) not in own]

    def again() -> tuple[Any, list[Any], int]:
        source = generator().bit_generator
        now, source.state = source.state, state
        try:
            return _rerun(fn, inputs, settings)
        finally:
            source.state = now

    return apply(CHECKPOINT, *inputs, *outside, output=output.data, again=again)
    # END SOLUTION


def _checkpoint_vjp(g: Array, node: Node) -> Gradients:
    """Run again, walk the new nodes from g down to the beginning of this run, and sort what was found by the inputs."""
    # BEGIN SOLUTION
    output, apart, first = node.attributes["again"]()
    found = _walk(output, g, False, first)
    tensors = [*apart, *node.inputs[len(apart) :]]
    gradients = [found.get(id(x)) for x in tensors]
    return tuple(None if f is None else f.array if f.ours else f.array.view() for f in gradients)
    # END SOLUTION


CHECKPOINT = Op("checkpoint", lambda *arrays, output, again: output)
CHECKPOINT.vjp = _checkpoint_vjp

# ---- given: a drawing ------------------------------------------------------------------------------------------------


def graph_to_dot(output: Any, names: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> str:
    """The recorded graph behind a tensor in the DOT language, which `dot -Tsvg` and many editors draw.

    Boxes are ops with the shape of their output, ellipses the leaves; gradients flow against the arrows.

    Args:
        names: what to call leaves, e.g. `{"x": x}` or `model.named_parameters()`.
    """
    nodes, leaves = reached(output)
    called = {id(x): name for name, x in (names.items() if isinstance(names, Mapping) else names)}
    lines = ["digraph autograd {", "  rankdir=BT;", "  node [fontname=Helvetica, fontsize=10];"]
    for leaf in leaves:
        text = _quoted(called.get(id(leaf), "leaf"), str(leaf.shape))
        lines.append(f'  t{id(leaf)} [label={text}, shape=ellipse, style=filled, fillcolor="#cfe8cf"];')
    for node in nodes:
        lines.append(f"  n{node.number} [label={_quoted(node.op.name, str(node.output.shape))}, shape=box];")
        for x in node.inputs or ():
            if _wants(x):
                source = f"t{id(x)}" if x._node is None else f"n{x._node.number}"
                lines.append(f"  {source} -> n{node.number};")
    return "\n".join([*lines, "}"])


def _quoted(*rows: str) -> str:
    """A DOT string of several rows."""
    return '"' + "\\n".join(row.replace("\\", "\\\\").replace('"', '\\"') for row in rows) + '"'
