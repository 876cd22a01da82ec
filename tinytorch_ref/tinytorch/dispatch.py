"""How an operation runs: `Op` holds its forward rule, `apply` runs it on tensors and records a node when gradients are
wanted.

The frame owns this file; nobody has to write it. Assignment 1 creates ops with forward rules, assignment 5 gives them
vector-Jacobian products and walks the recorded nodes, later assignments create ops with both. Without assignment 5 the
ops run just the same and simply cannot be differentiated.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

# The number of the next node. Calling it uses that number up: assignment 5 does so to tell older nodes from newer ones.
next_number: Callable[[], int] = count().__next__

_observers: list[Observer] = []


class TensorBase:
    """What the frame needs of a tensor. Assignment 1 writes the class that users see on top of it.

    `data` is the ndarray. The other fields start as class attributes, so making a tensor sets one field, not four.
    """

    data: np.ndarray
    grad: np.ndarray | None = None
    requires_grad: bool = False
    _node: Node | None = None

    # NumPy hands `ndarray + tensor` over to the tensor's reflected operator instead of looping over elements.
    __array_ufunc__ = None

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Compute the gradients of this tensor with respect to every leaf it was made of (assignment 5)."""
        from tinytorch.core.autograd import backward

        backward(self, gradient, retain_graph)

    def retain_grad(self) -> None:
        """Ask that `backward` fill the `grad` of this tensor too, though it is no leaf (assignment 5)."""
        from tinytorch.core.autograd import retain_grad

        retain_grad(self)


class Node:
    """One recorded application of an op: what `backward` walks and a vector-Jacobian product reads.

    op          the Op that ran, or the Kernel that ran for it and has its own vjp
    inputs      what it was given, in order: tensors, and plain numbers or arrays as they came
    attributes  keyword attributes of the application, such as axis
    output      the output array
    saved       what the forward rule kept for the way back (ops declared with `saves=True`), else None
    number      counts applications: an input's node always has a smaller number than the node that used it
    """

    # No __init__: `apply` sets the six fields, which spares a call for every op that is recorded.
    __slots__ = ("op", "inputs", "attributes", "output", "saved", "number", "__weakref__")

    op: Op | Kernel
    inputs: tuple[Any, ...]
    attributes: dict[str, Any]
    output: np.ndarray
    saved: Any
    number: int

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The inputs as the forward rule saw them: arrays and plain numbers."""
        return tuple([x.data if isinstance(x, TensorBase) else x for x in self.inputs])

    def __repr__(self) -> str:
        return f"<Node {self.number} {self.op.name} {self.output.shape}>"


class Op:
    """A named operation.

    Args:
        name: the op's name in graphs, profiles and messages.
        forward: `forward(*arrays, **attributes) -> ndarray`. With `saves=True` it returns `(ndarray, saved)`, where
            `saved` is whatever the way back needs beyond inputs and output (a mask, say).
        saves: whether `forward` returns such a pair.

    `vjp` is None until a rule is defined (assignment 5). Then `vjp(g, node)` returns one gradient array, or None, for
    each input, where `g` is the gradient of the result with respect to the node's output.
    """

    __slots__ = ("name", "forward", "saves", "vjp", "kernels", "active", "indirect")

    registry: dict[str, Op] = {}

    def __init__(self, name: str, forward: Callable[..., Any], saves: bool = False):
        self.name = name
        self.forward = forward
        self.saves = saves
        self.kernels: list[Kernel] = []
        self.active: tuple[Kernel, ...] = ()
        self.indirect = bool(_observers)
        self.vjp: Callable[[np.ndarray, Node], tuple[np.ndarray | None, ...]] | None = None
        Op.registry[name] = self

    def __repr__(self) -> str:
        return f"<Op {self.name}>"


class Kernel:
    """A faster way to run an op, used where `when(*arrays, **attributes)` holds and kernels are switched on.

    A kernel with a `vjp` of its own stands in for the op on the way back too: then it is the `op` of the recorded node,
    and `saved` is what its own forward rule kept (`saves=True`).
    """

    __slots__ = ("name", "op", "forward", "when", "vjp", "saves")

    def __init__(
        self,
        name: str,
        op: Op,
        forward: Callable[..., Any],
        when: Callable[..., bool] | None = None,
        vjp: Callable[[np.ndarray, Node], tuple[np.ndarray | None, ...]] | None = None,
        saves: bool | None = None,
    ):
        self.name, self.op, self.forward, self.when, self.vjp = name, op, forward, when, vjp
        self.saves = op.saves if saves is None else saves

    def __repr__(self) -> str:
        return f"<Kernel {self.name} for {self.op.name}>"


def register_kernel(
    op: Op | str,
    forward: Callable[..., Any],
    when: Callable[..., bool] | None = None,
    name: str | None = None,
    vjp: Callable[[np.ndarray, Node], tuple[np.ndarray | None, ...]] | None = None,
    saves: bool | None = None,
) -> Kernel:
    """Register a kernel behind an op. Kernels registered later are asked first; all stay off until `use_kernels(True)`.

    Args:
        op: the op, or its name.
        forward: the forward rule, equal to the op's own up to rounding.
        when: `when(*arrays, **attributes)` says whether the kernel applies; without it, it always does.
        name: what graphs and profiles call it; by default the name of `forward`.
        vjp: the kernel's own vector-Jacobian product. Without it the op's own is used, so `forward` must save the same.
        saves: whether `forward` returns (output, saved); by default as the op's own. It may differ only with a `vjp`.
    """
    if isinstance(op, str):
        if op not in Op.registry:
            raise ValueError(f"no op is called '{op}'; known are {', '.join(sorted(Op.registry)) or 'none yet'}")
        op = Op.registry[op]
    if vjp is None and saves not in (None, op.saves):
        raise ValueError(f"a kernel for '{op.name}' that saves something else needs a vjp of its own")
    kernel = Kernel(name or forward.__name__, op, forward, when, vjp, saves)
    op.kernels.insert(0, kernel)
    _select(op)
    return kernel


def remove_kernel(kernel: Kernel) -> None:
    """Take a registered kernel out again; an unknown one is a ValueError."""
    if kernel not in kernel.op.kernels:
        raise ValueError(f"{kernel} is not registered")
    kernel.op.kernels.remove(kernel)
    _select(kernel.op)


def use_kernels(on: bool = True) -> bool:
    """Switch all registered kernels on or off; returns the previous setting."""
    global _kernels_on
    before, _kernels_on = _kernels_on, bool(on)
    _select_all()
    for stand_in in _stand_ins:
        stand_in.select()
    return before


_kernels_on = False


class StandIn:
    """A faster function in the place of one that is no op: it is `owner.name` while kernels are switched on."""

    __slots__ = ("owner", "name", "clear", "fast")

    def __init__(self, owner: Any, name: str, clear: Callable[..., Any], fast: Callable[..., Any]):
        self.owner, self.name, self.clear, self.fast = owner, name, clear, fast

    def select(self) -> None:
        """Put the function that the switch asks for into its place. What somebody else has put there stays."""
        now, wanted = (self.clear, self.fast) if _kernels_on else (self.fast, self.clear)
        if vars(self.owner)[self.name] is now:
            setattr(self.owner, self.name, wanted)

    def __repr__(self) -> str:
        return f"<StandIn for {self.owner.__name__}.{self.name}>"


_stand_ins: list[StandIn] = []


def register_stand_in(owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> StandIn:
    """Register a faster function for one that is no op, such as a method. It stays out until `use_kernels(True)`.

    Args:
        owner: the module or class in which callers look the function up.
        name: its name there.
        make: given the clear function, returns the faster one, which calls the clear one where it does not apply.
    """
    clear = vars(owner)[name]
    stand_in = StandIn(owner, name, clear, make(clear))
    _stand_ins.append(stand_in)
    stand_in.select()
    return stand_in


def _select(op: Op) -> None:
    """Set the kernels that `apply` asks, so that an op that nobody stands behind pays nothing for the possibility."""
    op.active = tuple(op.kernels) if _kernels_on else ()
    op.indirect = bool(op.active or _observers)


# What is told of every op that runs: the Op or Kernel, its inputs (tensors and plain values), its attributes, the
# output array and the seconds of the forward rule.
Observer = Callable[["Op | Kernel", tuple[Any, ...], dict[str, Any], np.ndarray, float], None]


def add_observer(observer: Observer) -> None:
    """Have a function called after every op that runs, in the order of their running (profilers do this)."""
    _observers.append(observer)
    _select_all()


def remove_observer(observer: Observer) -> None:
    """No longer call it. ValueError if it was not added."""
    if observer not in _observers:
        raise ValueError(f"{observer} is no observer of the ops; add_observer adds one")
    _observers.remove(observer)
    _select_all()


def watched() -> bool:
    """Whether somebody is told of the ops that run. Whoever computes without ops stands back then."""
    return bool(_observers)


def _select_all() -> None:
    for op in Op.registry.values():
        _select(op)


T = TypeVar("T", bound=type)
_new = object.__new__
_ndarray, _asarray = np.ndarray, np.asarray
_tensor: Any = None


def tensor_type(cls: T) -> T:
    """Class decorator: the results of `apply` are instances of this class."""
    global _tensor
    _tensor = cls
    return cls


def wrap(array: np.ndarray) -> Any:
    """A tensor around an array, without copying it and without running the class's `__init__`."""
    result = _new(_tensor)
    result.data = array
    return result


class _Recording:
    """Whether applications are recorded. One mutable flag, read by `apply` and switched by assignment 5's `no_grad`."""

    __slots__ = ("on",)

    def __init__(self) -> None:
        self.on = True


recording = _Recording()


def apply(op: Op, *inputs: Any, **attributes: Any) -> Any:
    """Run an op on tensors (and plain numbers or arrays) and return a new tensor.

    A node is recorded only if recording is on, the op has a vector-Jacobian product, and some input requires a
    gradient; otherwise nothing is kept alive.
    """
    if op.indirect:
        return _apply_indirectly(op, inputs, attributes)
    run = op.forward
    if len(inputs) == 2 and not attributes:
        # Two tensors and nothing else is the case that arithmetic on small tensors is made of: no loop, no list.
        a, b = inputs
        if type(a) is type(b) is _tensor:
            output = run(a.data, b.data)
            tracked = a.requires_grad or b.requires_grad
        else:
            arrays, tracked = _arrays(inputs)
            output = run(*arrays)
    elif len(inputs) == 1 and type(inputs[0]) is _tensor:
        output = run(inputs[0].data, **attributes)
        tracked = inputs[0].requires_grad
    else:
        arrays, tracked = _arrays(inputs)
        output = run(*arrays, **attributes)
    saved = None
    if op.saves:
        output, saved = output
    if type(output) is not _ndarray:
        # A NumPy reduction to a single number gives a scalar, not an array.
        output = _asarray(output)
    result = _new(_tensor)
    result.data = output
    if tracked and recording.on and op.vjp is not None:
        result.requires_grad = True
        result._node = node = Node()
        node.op = op
        node.inputs = inputs
        node.attributes = attributes
        node.output = output
        node.saved = saved
        node.number = next_number()
    return result


def _arrays(inputs: tuple[Any, ...]) -> tuple[list[Any], bool]:
    """The inputs as a forward rule takes them, and whether one of them requires a gradient."""
    tracked = False
    arrays = []
    for x in inputs:
        if isinstance(x, TensorBase):
            arrays.append(x.data)
            tracked = tracked or x.requires_grad
        else:
            arrays.append(x)
    return arrays, tracked


def _apply_indirectly(op: Op, inputs: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
    """`apply` with kernels (the first that applies here runs, else the op's own rule) and observers."""
    arrays, tracked = _arrays(inputs)
    rule: Op | Kernel = op
    for kernel in op.active:
        if kernel.when is None or kernel.when(*arrays, **attributes):
            rule = kernel
            break
    started = perf_counter()
    output, saved = rule.forward(*arrays, **attributes), None
    seconds = perf_counter() - started
    if rule.saves:
        output, saved = output
    result = wrap(_asarray(output))
    if tracked and recording.on and op.vjp is not None:
        result.requires_grad = True
        result._node = node = Node()
        node.op, node.inputs, node.attributes = op if rule.vjp is None else rule, inputs, attributes
        node.output, node.saved, node.number = result.data, saved, next_number()
    for observer in tuple(_observers):
        observer(rule, inputs, attributes, result.data, seconds)
    return result
