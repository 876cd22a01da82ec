"""Optimizers: the rules that turn gradients into steps, and the schedules that turn down the length of those steps.

The file has three parts. First the memory: all parameters of a group lie end to end in one flat array, and a step walks
over it in stretches that fit into the cache. Then the optimizers, each an update rule on such a stretch, written in
place. Then the schedulers, each a function from the number of steps taken to a learning rate. Where gradients come from
is assignment 5's part, the loop around `step` is assignment 7's.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from tinytorch.dispatch import TensorBase

Array = np.ndarray
Group = dict[str, Any]
State = dict[str, Array]

CHUNK = 32768  # elements of a stretch: parameters, gradient, state and scratch together fit into a cache of 1 MB
FLUSH_EVERY = 32  # steps between two looks for tiny numbers in the state; 0 switches it off
TINY = 1e-33  # an element of the state below this is taken for 0, long before it becomes denormal (1.2e-38)

# ==== Part one: memory ================================================================================================

# ---- Task 1: parameters in one line ----------------------------------------------------------------------------------


def flatten(arrays: list[Array]) -> tuple[Array, list[Array]]:
    """One new 1-D array that holds all elements of `arrays` end to end, and views of it in the arrays' shapes.

    Shapes (2, 3), (4,) and () give a flat array of shape (11,) and three views of it: writing into one side shows on
    the other. The arrays have one dtype, which the flat array takes.
    """
    # A slice of the flat array is a view, and so is a reshape of that slice. Fill each view from its array.
    raise NotImplementedError("a06_optimizers: flatten is yours to write")


def start_state(flat: Array, start: dict[str, float]) -> State:
    """For each name in `start` an array like `flat`, filled with that name's starting value.

    An optimizer that remembers two numbers a parameter asks for two names. Each array has its own memory.
    """
    raise NotImplementedError("a06_optimizers: start_state is yours to write")


def gradient_of(p: TensorBase) -> Array | None:
    """The gradient of a parameter as an ndarray of the parameter's shape; None if it has none.

    Raises:
        ValueError: a gradient of another shape; names both shapes.
    """
    # p.grad may be an ndarray or a tensor around one. Do not copy it.
    raise NotImplementedError("a06_optimizers: gradient_of is yours to write")


# ---- given: walking over the line ------------------------------------------------------------------------------------


def flush_tiny(array: Array, work: Array, mask: Array) -> None:
    """Set the elements of `array` that are smaller than TINY to 0, in place; `work` and `mask` are scratch.

    The state of a unit that has died shrinks by a constant factor a step. Below 1.2e-38 its float32 numbers are
    denormal, and arithmetic on them is some ten to a hundred times slower.
    """
    np.less(np.absolute(array, out=work), TINY, out=mask)
    np.copyto(array, 0, where=mask)


class Chunk:
    """A stretch of a flat array: either a part of one large parameter or several whole small ones.

    p      (n,) the parameters, a view
    state  name -> (n,), views
    work   two (n,) arrays of scratch
    first  number of the first parameter in it
    """

    __slots__ = ("flat", "first", "start", "stop", "p", "state", "work", "_pieces", "_gathered", "_mask")

    def __init__(self, flat: Flat, first: int, last: int, start: int, stop: int):
        """Elements `start` to `stop` of `flat`: parameters `first` to `last`, or a part of `first` alone."""
        n = stop - start
        self.flat, self.first = flat, first
        self.p = flat.values[start:stop]
        self.state = {name: array[start:stop] for name, array in flat.state.items()}
        self._gathered, *self.work = (scratch[:n] for scratch in flat.scratch)
        self._mask = flat.mask[:n]
        self.start, self.stop = start - flat.offsets[first], stop - flat.offsets[first]
        self._pieces: list[tuple[int, Array]] = []
        if last > first:
            for i in range(first, last + 1):
                begin = flat.offsets[i] - start
                piece = self._gathered[begin : begin + flat.views[i].size].reshape(flat.views[i].shape)
                self._pieces.append((i, piece))

    @property
    def step(self) -> int:
        """How many steps these parameters took, the one under way included."""
        return self.flat.steps[self.first]

    def gradient(self, maximize: bool) -> Array:
        """(n,) the gradient, negated to climb instead of descend. It may be the user's own memory: read it only."""
        g = self._gradient()
        return np.negative(g, out=self._gathered) if maximize else g

    def _gradient(self) -> Array:
        gradients, gathered = self.flat.gradients, self._gathered
        if self._pieces:
            for i, piece in self._pieces:
                piece[...] = gradients[i]
            return gathered
        g = gradients[self.first]
        if g.flags.c_contiguous and g.dtype == gathered.dtype:
            return g.reshape(-1)[self.start : self.stop]
        gathered[...] = g.flat[self.start : self.stop]
        return gathered

    def flush(self) -> None:
        """From time to time, take tiny numbers out of the state."""
        if FLUSH_EVERY and self.step % FLUSH_EVERY == 0:
            for array in self.state.values():
                flush_tiny(array, self.work[0], self._mask)


class Flat:
    """The parameters of a group that have one dtype, end to end in one array, and the state that belongs to them.

    From here on each parameter's `data` is a view of `values`. A parameter whose `data` somebody replaced is taken back
    at the next step: its new numbers are copied into its place.

    params  the tensors             views  their places in `values`      offsets  where each begins
    values  (N,) all parameters     state  name -> (N,)                  steps    how many steps each took
    """

    def __init__(self, params: list[TensorBase]):
        self.params = params
        self.values, self.views = flatten([p.data for p in params])
        for p, view in zip(params, self.views, strict=True):
            p.data = view
        self.offsets = [0, *np.cumsum([view.size for view in self.views]).tolist()]
        self.state: State = {}
        self.steps = [0] * len(params)
        self.gradients: list[Array | None] = []
        self._chunks: list[Chunk] = []
        self._moving: list[int] | None = None
        self.longest = size = min(self.values.size, CHUNK)
        self.scratch = tuple(np.empty(size, self.values.dtype) for _ in range(3))
        self.mask = np.empty(size, bool)

    def part(self, array: Array, i: int) -> Array:
        """The place of parameter `i` in a flat array, in the parameter's shape: a view."""
        return array[self.offsets[i] : self.offsets[i + 1]].reshape(self.views[i].shape)

    def prepare(self, start: dict[str, float]) -> None:
        """Make the state that an update rule asks for, where it is not there yet."""
        missing = {name: value for name, value in start.items() if name not in self.state}
        if missing:
            self.state.update(start_state(self.values, missing))
            self._moving = None

    def begin_step(self, start: dict[str, float]) -> list[Chunk]:
        """The stretches to update: all parameters that have a gradient. The others do not age."""
        if not start.keys() <= self.state.keys():
            self.prepare(start)
        gradients, moving = [], []
        for i, (p, view) in enumerate(zip(self.params, self.views, strict=True)):
            if p.data is not view:
                self._take_back(p, view)
            g = gradient_of(p)
            gradients.append(g)
            if g is not None:
                moving.append(i)
        if moving != self._moving:
            self._moving, self._chunks = moving, list(self._cut(moving))
        for i in moving:
            self.steps[i] += 1
        self.gradients = gradients
        return self._chunks

    def end_step(self) -> None:
        """Let go of the gradients, so that `zero_grad` frees them."""
        self.gradients = []

    def restart(self) -> None:
        """Forget how the line was cut, because steps or state changed from outside."""
        self._moving = None

    def _take_back(self, p: TensorBase, view: Array) -> None:
        if p.data.shape != view.shape:
            raise ValueError(
                f"a parameter of shape {view.shape} has got data of shape {p.data.shape} since the optimizer was made;"
                " make a new optimizer after changing a model's shapes"
            )
        view[...] = p.data
        p.data = view

    def _cut(self, moving: list[int]) -> Iterator[Chunk]:
        """Chunks of up to `longest` elements: neighbours of one age together, a large parameter in equal parts."""
        run: list[int] = []
        for i in moving:
            begins = run and self.offsets[run[0]]
            neighbours = run and i == run[-1] + 1 and self.steps[i] == self.steps[run[0]]
            if run and not (neighbours and self.offsets[i + 1] - begins <= self.longest):
                yield from self._cut_run(run)
                run = []
            run.append(i)
        if run:
            yield from self._cut_run(run)

    def _cut_run(self, run: list[int]) -> Iterator[Chunk]:
        start, stop = self.offsets[run[0]], self.offsets[run[-1] + 1]
        parts = -(-(stop - start) // max(1, self.longest))
        bounds = [start + (stop - start) * k // parts for k in range(parts + 1)] if parts else []
        for begin, end in pairwise(bounds):
            yield Chunk(self, run[0], run[-1], begin, end)


# ==== Part two: optimizers ============================================================================================

# ---- Task 2: what all optimizers share -------------------------------------------------------------------------------


def check_range(name: str, value: float, low: float, high: float = math.inf) -> None:
    """Nothing if low <= value < high.

    Raises:
        ValueError: the value lies outside or is not a number; names the option, its value and the range.
    """
    # Every comparison with NaN is false.
    raise NotImplementedError("a06_optimizers: check_range is yours to write")


class Optimizer:
    """What all optimizers share: groups of parameters, the walk over them, and their state.

    Args:
        params: the tensors to move, or a list of groups `{"params": [...], "lr": 0.1, ...}`, each with options of its
            own. None: they follow later through `bind`.
        defaults: the options of groups that do not say otherwise; `lr` is one of them.

    Attributes:
        param_groups: list of dicts, each with "params" and its options. Options may be changed at any time.
        step_count: how many steps were taken.

    Raises:
        ValueError: no parameters in the list, one that requires no gradient or occurs twice, an option out of range.
        TypeError: something that is not a tensor.
    """

    def __init__(self, params: Iterable[Any] | None = None, defaults: dict[str, Any] | None = None):
        self.defaults = {"lr": 0.0, "maximize": False, **(defaults or {})}
        self.check(self.defaults)
        self.param_groups: list[Group] = []
        self.step_count = 0
        self._flats: list[tuple[Group, Flat]] = []
        self._bound = False
        if params is None:
            self.param_groups.append({"params": [], **self.defaults})
        else:
            self.bind(params)

    # ---- given: groups

    def bind(self, params: Iterable[Any]) -> None:
        """Give an optimizer that was made without parameters the ones it shall move.

        Raises:
            RuntimeError: it has parameters already. ValueError, TypeError: as at construction.
        """
        if self._bound:
            raise RuntimeError(f"{type(self).__name__} has parameters already; add_param_group adds more")
        if isinstance(params, TensorBase):
            raise TypeError("an optimizer takes a list of parameters; write [p] for a single one")
        given = list(params)
        # Options set before (a scheduler's learning rate, say) stay.
        options = self.param_groups.pop() if self.param_groups else {}
        for group in given if given and isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group({**options, **group})
        self._bound = True

    def add_param_group(self, group: Group) -> None:
        """Add `{"params": tensors, ...}`; options that it does not name come from the defaults."""
        params = group["params"]
        params = [params] if isinstance(params, TensorBase) else list(params)
        known = [p for g in self.param_groups for p in g["params"]]
        self._check_params(params, known)
        group = {**self.defaults, **group, "params": params}
        self.check(group)
        self.param_groups.append(group)
        for dtype in dict.fromkeys(p.data.dtype for p in params):
            self._flats.append((group, Flat([p for p in params if p.data.dtype == dtype])))
        self._bound = True

    @property
    def params(self) -> list[Any]:
        """The parameters of all groups, in order."""
        return [p for group in self.param_groups for p in group["params"]]

    @property
    def lr(self) -> float:
        """The learning rate of the first group."""
        return self.param_groups[0]["lr"]

    @lr.setter
    def lr(self, value: float) -> None:
        self.param_groups[0]["lr"] = value

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            options = ", ".join(f"{name}={value}" for name, value in group.items() if name != "params")
            count = sum(p.data.size for p in group["params"])
            lines.append(f"  {len(group['params'])} tensors, {count:,} elements: {options}")
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])

    # ---- given: what an optimizer adds

    def check(self, options: dict[str, Any]) -> None:
        """Check the options of a group."""
        check_range("lr", options["lr"], 0)

    def state_names(self, group: Group) -> dict[str, float]:
        """The names of the arrays that the rule remembers between steps, with their starting values."""
        return {}

    def update(self, p: Array, g: Array, state: State, step: int, group: Group, work: list[Array]) -> None:
        """The rule: move `p` in place.

        Args:
            p: (n,) parameters.
            g: (n,) their gradient. It may be the user's own memory: read it only.
            state: name -> (n,) what `state_names` asked for, to be changed in place.
            step: how many steps these parameters took, this one included: 1 at first.
            group: the options.
            work: two (n,) arrays for intermediate results, of any content.
        """
        raise NotImplementedError("Optimizer has no rule of its own: use SGD, Adam, AdamW, RMSprop or Adagrad")

    # ---- Task 2: checks, gradients, the step

    def _check_params(self, params: list[Any], known: list[Any]) -> None:
        """Nothing if `params` may become a group beside the parameters in `known`.

        Raises:
            ValueError: an empty list; a tensor that does not require a gradient (give its shape), is the result of an
                op, or occurs twice in `params` or in `known` as well. TypeError: not a tensor.
        """
        # `p in known` would compare tensors element by element: compare identities, id(p).
        raise NotImplementedError("a06_optimizers: Optimizer._check_params is yours to write")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters: None, or, with `set_to_none=False`, the same arrays filled with 0."""
        raise NotImplementedError("a06_optimizers: Optimizer.zero_grad is yours to write")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient; the others stay as they are, and so does their state.

        Args:
            closure: computes the loss and its gradients anew; called first, and its result is returned.
        """
        loss = closure() if closure is not None else None
        if not self._bound:
            raise RuntimeError(f"{type(self).__name__} has no parameters yet; give them to it or call bind(params)")
        for group in self.param_groups:
            group["lr"] = float(group["lr"])  # a float64 scalar of NumPy would pull every product up to float64
        # For each (group, flat) in self._flats: flat.begin_step(self.state_names(group)) is the list of its chunks. For
        # each chunk run self.update on chunk.p, chunk.gradient(group["maximize"]), chunk.state, chunk.step, the group
        # and chunk.work, then chunk.flush(). Count this step once, however many chunks there are.
        raise NotImplementedError("a06_optimizers: Optimizer.step is yours to write")
        for _, flat in self._flats:
            flat.end_step()
        return loss

    # ---- Task 8: saving and loading

    def _slots(self) -> list[tuple[Flat, int]]:
        """For each parameter, in the order of `params`, where it lies: a flat array and its number in it."""
        places = {id(p): (flat, i) for _, flat in self._flats for i, p in enumerate(flat.params)}
        return [places[id(p)] for p in self.params]

    def _saved_groups(self) -> list[Group]:
        """The options of each group, with the numbers of its parameters in place of the tensors."""
        groups, number = [], 0
        for group in self.param_groups:
            count = len(group["params"])
            groups.append({**group, "params": list(range(number, number + count))})
            number += count
        return groups

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on but the parameters themselves, as numbers and arrays.

        Returns:
            {"state": {k: {"step": int, name: array of parameter k's shape, ...}}, "param_groups": [options],
            "step_count": int}. A parameter that took no step yet has no entry. The arrays are copies.
        """
        # enumerate(self._slots()) gives k and (flat, i). flat.steps[i] is the number of its steps, flat.state the dict
        # of flat arrays, flat.part(array, i) the parameter's place in one of them. A later step writes into that.
        raise NotImplementedError("a06_optimizers: Optimizer.state_dict is yours to write")

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on exactly where `saved` was taken: options, steps and arrays are copied out of it.

        Raises:
            ValueError: groups or parameters differ in number, or an array has another shape; nothing is changed then.
        """
        self._check_saved(saved)
        for group, options in zip(self.param_groups, saved["param_groups"], strict=True):
            group.update({name: value for name, value in options.items() if name != "params"})
        for group, flat in self._flats:
            flat.prepare(self.state_names(group))
            flat.restart()
        # Write each parameter's entry into its place; a parameter without an entry starts anew (steps 0, state at its
        # starting values, which start_state(flat.values, self.state_names(group)) gives, or simply 0).
        raise NotImplementedError("a06_optimizers: Optimizer.load_state_dict is yours to write")

    def _check_saved(self, saved: dict[str, Any]) -> None:
        """Raise unless `saved` fits the groups and parameters of this optimizer."""
        mine = [len(group["params"]) for group in self.param_groups]
        theirs = [len(group["params"]) for group in saved["param_groups"]]
        if mine != theirs:
            raise ValueError(f"the saved state has groups of {theirs} parameters, this optimizer has groups of {mine}")
        for k, p in enumerate(self.params):
            for name, array in saved["state"].get(k, {}).items():
                if name != "step" and np.shape(array) != p.data.shape:
                    raise ValueError(f"saved {name} of parameter {k} has shape {np.shape(array)}, not {p.data.shape}")

    def __deepcopy__(self, memo: dict[int, Any]) -> Optimizer:
        """A twin that moves the copies of the parameters (those of a model copied in the same call)."""
        twin = memo[id(self)] = object.__new__(type(self))
        twin.__dict__.update(self.__dict__, param_groups=[], _flats=[], defaults=dict(self.defaults))
        for group in self.param_groups if self._bound else ():
            twin.add_param_group({**group, "params": copy.deepcopy(group["params"], memo)})
        if not self._bound:
            twin.param_groups = [{**group, "params": []} for group in self.param_groups]
        twin.load_state_dict(self.state_dict())
        return twin

    def _arrays(self, name: str) -> list[Array | None]:
        """The named state of each parameter, as views; None before its first step."""
        found = [(flat, i, flat.state.get(name)) for flat, i in self._slots()]
        return [flat.part(array, i) if array is not None and flat.steps[i] else None for flat, i, array in found]


# ---- Task 3: gradient descent ----------------------------------------------------------------------------------------


def decayed(g: Array, p: Array, weight_decay: float, out: Array) -> Array:
    """g + weight_decay * p: the gradient of the loss plus weight_decay / 2 times the squared length of `p`.

    Written into `out`; with weight_decay 0 it is `g` itself. `g` is not changed.
    """
    # np.multiply(a, b, out=c) and `c += d` need no new memory, a * b + d needs twice the size of its result.
    raise NotImplementedError("a06_optimizers: decayed is yours to write")


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wanted (torch.optim.SGD).

    Args:
        params: see Optimizer.
        lr: length of a step.
        momentum: how much of the last velocity stays.
        dampening: how much of the gradient is kept out of the velocity (not at the first step).
        weight_decay: pulls parameters towards 0, as part of the gradient.
        nesterov: step along the velocity as it will be after the next gradient; needs momentum and no dampening.
        maximize: climb instead of descend.
    """

    def __init__(
        self,
        params: Iterable[Any] | None = None,
        lr: float = 0.001,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ):
        options = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        super().__init__(params, {**options, "nesterov": nesterov, "maximize": maximize})

    def check(self, options: dict[str, Any]) -> None:
        """Check the options of a group."""
        super().check(options)
        check_range("momentum", options["momentum"], 0)
        check_range("weight_decay", options["weight_decay"], 0)
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise ValueError(
                "nesterov needs a momentum above 0 and dampening 0,"
                f" got momentum={options['momentum']}, dampening={options['dampening']}"
            )

    def state_names(self, group: Group) -> dict[str, float]:
        """The velocity, if there is momentum."""
        return {"momentum_buffer": 0.0} if group["momentum"] else {}

    def update(self, p: Array, g: Array, state: State, step: int, group: Group, work: list[Array]) -> None:
        """p -= lr * direction, where the direction is the gradient g, the velocity b, or (Nesterov) g + momentum * b.

        The velocity is b = g at the first step, and b = momentum * b + (1 - dampening) * g afterwards.
        """
        momentum, dampening = group["momentum"], group["dampening"]
        # work[1] may hold the decayed gradient, work[0] everything else.
        raise NotImplementedError("a06_optimizers: SGD.update is yours to write")

    # ---- given: names of the public TinyTorch

    @property
    def momentum_buffers(self) -> list[Array | None]:
        """The velocity of each parameter, as views; None before its first step."""
        return self._arrays("momentum_buffer")

    def has_momentum(self) -> bool:
        """Whether the first group has momentum."""
        return self.param_groups[0]["momentum"] > 0

    def get_momentum_state(self) -> list[Array | None] | None:
        """Copies of the velocities, or None without momentum."""
        if not self.has_momentum():
            return None
        return [None if b is None else b.copy() for b in self.momentum_buffers]

    def set_momentum_state(self, state: list[Array | None] | None) -> None:
        """Put back what `get_momentum_state` gave."""
        if state is None or not self.has_momentum():
            return
        saved = self.state_dict()
        for k, b in enumerate(state):
            saved["state"].pop(k, None)
            if b is not None:
                saved["state"][k] = {"step": max(1, self.step_count), "momentum_buffer": b}
        self.load_state_dict(saved)


# ---- Task 4: Adam ----------------------------------------------------------------------------------------------------


class Adam(Optimizer):
    """Steps of about one length for every parameter, whatever the size of its gradient (Kingma and Ba, 2015).

    Args:
        params: see Optimizer.
        lr: about the length of a step.
        betas: how much of the running means of the gradient and of its square stays at each step.
        eps: keeps the quotient finite.
        weight_decay: pulls parameters towards 0, as part of the gradient.
        amsgrad: divide by the largest mean square so far (Reddi et al., 2018).
        maximize: climb instead of descend.
    """

    def __init__(
        self,
        params: Iterable[Any] | None = None,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ):
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**options, "amsgrad": amsgrad, "maximize": maximize})

    def check(self, options: dict[str, Any]) -> None:
        """Check the options of a group."""
        super().check(options)
        for k, beta in enumerate(options["betas"]):
            check_range(f"betas[{k}]", beta, 0, 1)
        check_range("eps", options["eps"], 0)
        check_range("weight_decay", options["weight_decay"], 0)

    def state_names(self, group: Group) -> dict[str, float]:
        """The two running means, and with amsgrad the largest mean square."""
        names = {"exp_avg": 0.0, "exp_avg_sq": 0.0}
        return {**names, "max_exp_avg_sq": 0.0} if group["amsgrad"] else names

    def update(self, p: Array, g: Array, state: State, step: int, group: Group, work: list[Array]) -> None:
        """Weight decay as part of the gradient, then `move`."""
        raise NotImplementedError("a06_optimizers: Adam.update is yours to write")

    def move(self, p: Array, g: Array, state: State, step: int, group: Group, work: Array) -> None:
        """Adam's rule, with m and v the running means of g and of g * g, both 0 before the first step:

        m = beta1 * m + (1 - beta1) * g              m_hat = m / (1 - beta1 ** step)
        v = beta2 * v + (1 - beta2) * g * g          v_hat = v / (1 - beta2 ** step)
        p = p - lr * m_hat / (sqrt(v_hat) + eps)     with amsgrad the largest v so far stands in v_hat
        """
        (beta1, beta2), eps, lr = group["betas"], group["eps"], group["lr"]
        m, v = state["exp_avg"], state["exp_avg_sq"]
        # Every line is one pass over the stretch; `work` is all the memory you need. The two corrections are plain
        # numbers: where can they be applied without a pass of their own?
        raise NotImplementedError("a06_optimizers: Adam.move is yours to write")

    # ---- given: names of the public TinyTorch

    @property
    def m_buffers(self) -> list[Array | None]:
        """The mean gradient of each parameter, as views; None before its first step."""
        return self._arrays("exp_avg")

    @property
    def v_buffers(self) -> list[Array | None]:
        """The mean squared gradient of each parameter, as views; None before its first step."""
        return self._arrays("exp_avg_sq")


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019): arguments as Adam, weight_decay 0.01."""

    def __init__(
        self,
        params: Iterable[Any] | None = None,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    def update(self, p: Array, g: Array, state: State, step: int, group: Group, work: list[Array]) -> None:
        """p = p * (1 - lr * weight_decay), then `move` with the gradient as it is."""
        raise NotImplementedError("a06_optimizers: AdamW.update is yours to write")


# ---- Task 5: RMSprop -------------------------------------------------------------------------------------------------


class RMSprop(Optimizer):
    """The gradient over the root of its running mean square (Tieleman and Hinton, 2012; torch.optim.RMSprop).

    Args:
        params: see Optimizer.
        lr: about the length of a step.
        alpha: how much of the mean square stays at each step.
        eps: keeps the quotient finite.
        weight_decay: pulls parameters towards 0, as part of the gradient.
        momentum: how much of the last velocity stays.
        centered: divide by the standard deviation instead: subtract the squared mean gradient under the root.
        maximize: climb instead of descend.
    """

    def __init__(
        self,
        params: Iterable[Any] | None = None,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ):
        options = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(params, {**options, "centered": centered, "maximize": maximize})

    def check(self, options: dict[str, Any]) -> None:
        """Check the options of a group."""
        super().check(options)
        for name in ("alpha", "eps", "weight_decay", "momentum"):
            check_range(name, options[name], 0)

    def state_names(self, group: Group) -> dict[str, float]:
        """The mean square; the velocity with momentum; the mean gradient if centered."""
        names = ["square_avg"]
        if group["momentum"]:
            names.append("momentum_buffer")
        if group["centered"]:
            names.append("grad_avg")
        return dict.fromkeys(names, 0.0)

    def update(self, p: Array, g: Array, state: State, step: int, group: Group, work: list[Array]) -> None:
        """With s the running mean of g * g (alpha of it stays) and a that of g:

        u = g / (sqrt(s) + eps)             centered: sqrt(s - a * a), where rounding may not make the root's inside < 0
        p = p - lr * u                      with momentum: b = momentum * b + u and p = p - lr * b
        """
        alpha, momentum, s = group["alpha"], group["momentum"], state["square_avg"]
        # work[1] may hold the decayed gradient: then it is not free before the last use of g.
        raise NotImplementedError("a06_optimizers: RMSprop.update is yours to write")


# ---- Task 6: Adagrad -------------------------------------------------------------------------------------------------


class Adagrad(Optimizer):
    """The gradient over the root of the sum of all its squares so far (Duchi et al., 2011; torch.optim.Adagrad).

    Args:
        params: see Optimizer.
        lr: length of the first step.
        lr_decay: step k is divided by 1 + (k - 1) * lr_decay.
        weight_decay: pulls parameters towards 0, as part of the gradient.
        initial_accumulator_value: where the sums start.
        eps: keeps the quotient finite.
        maximize: climb instead of descend.
    """

    def __init__(
        self,
        params: Iterable[Any] | None = None,
        lr: float = 0.01,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ):
        options = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay}
        start = {"initial_accumulator_value": initial_accumulator_value}
        super().__init__(params, {**options, **start, "maximize": maximize})

    def check(self, options: dict[str, Any]) -> None:
        """Check the options of a group."""
        super().check(options)
        for name in ("lr_decay", "weight_decay", "initial_accumulator_value", "eps"):
            check_range(name, options[name], 0)

    def state_names(self, group: Group) -> dict[str, float]:
        """The sum of squares."""
        return {"sum": group["initial_accumulator_value"]}

    def update(self, p: Array, g: Array, state: State, step: int, group: Group, work: list[Array]) -> None:
        """s = s + g * g, and p = p - lr / (1 + (step - 1) * lr_decay) * g / (sqrt(s) + eps)."""
        raise NotImplementedError("a06_optimizers: Adagrad.update is yours to write")


# ==== Part three: schedulers ==========================================================================================

# ---- Task 7: learning rates over time --------------------------------------------------------------------------------


class Scheduler:
    """Sets the learning rate of every group of an optimizer as a function of the number of steps taken.

    A subclass says `lr_at(epoch, base)`; everything else is here. What a step is, is yours to choose: call `step()`
    after every epoch, or after every batch if the numbers given to the scheduler count batches.

    Args:
        optimizer: its groups' learning rates when the scheduler is made are the `base` of what follows; each is kept
            in its group as "initial_lr".
        last_epoch: -1 to begin; k to go on after step k, with groups that hold "initial_lr".
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError("to go on with last_epoch, load the optimizer's state first: a group has no initial_lr")
        self.optimizer = optimizer
        self.last_epoch = last_epoch
        self.step()

    def lr_at(self, epoch: int, base: float) -> float:
        """The learning rate after `epoch` steps of the scheduler, for a group that began with `base`."""
        raise NotImplementedError("Scheduler has no curve of its own: use StepLR, CosineAnnealingLR, ...")

    @property
    def base_lrs(self) -> list[float]:
        """The learning rate that each group began with."""
        return [self.base_lr(group) for group in self.optimizer.param_groups]

    def base_lr(self, group: Group) -> float:
        """The learning rate that a group began with; a group added later begins with its own."""
        return group.setdefault("initial_lr", group["lr"])

    def step(self) -> None:
        """Go on by one and set the learning rate of every group. The constructor takes the first of these steps."""
        raise NotImplementedError("a06_optimizers: Scheduler.step is yours to write")

    # ---- given

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on from here, beside the optimizer's own state."""
        return {"last_epoch": self.last_epoch, "base_lrs": self.base_lrs}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on where `saved` was taken; sets the learning rates too."""
        groups = self.optimizer.param_groups
        if len(saved["base_lrs"]) != len(groups):
            raise ValueError(f"the saved schedule has {len(saved['base_lrs'])} groups, the optimizer has {len(groups)}")
        for group, base in zip(groups, saved["base_lrs"], strict=True):
            group["initial_lr"] = base
        self.last_epoch = int(saved["last_epoch"]) - 1
        self.step()


class StepLR(Scheduler):
    """Multiply by `gamma` every `step_size` steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1):
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def lr_at(self, epoch: int, base: float) -> float:
        """base, then base * gamma from step `step_size` on, base * gamma ** 2 from step 2 * step_size on, ..."""
        raise NotImplementedError("a06_optimizers: StepLR.lr_at is yours to write")


class ExponentialLR(Scheduler):
    """Multiply by `gamma` at every step."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def lr_at(self, epoch: int, base: float) -> float:
        """base * gamma ** epoch"""
        raise NotImplementedError("a06_optimizers: ExponentialLR.lr_at is yours to write")


class CosineAnnealingLR(Scheduler):
    """Half a cosine wave from the first learning rate to `eta_min` in `T_max` steps, and up again after that."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1):
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def lr_at(self, epoch: int, base: float) -> float:
        """base at 0, halfway between base and eta_min at T_max / 2, eta_min at T_max."""
        raise NotImplementedError("a06_optimizers: CosineAnnealingLR.lr_at is yours to write")


class LinearWarmup(Scheduler):
    """In equal steps up to the full learning rate, then constant or as another scheduler says.

    Args:
        optimizer: see Scheduler.
        warmup_steps: how many steps the climb takes.
        after: a scheduler of the same optimizer that takes over; its step 0 is step `warmup_steps` here. Step only this
            one.
    """

    def __init__(self, optimizer: Optimizer, warmup_steps: int, after: Scheduler | None = None, last_epoch: int = -1):
        check_range("warmup_steps", warmup_steps, 0)
        if isinstance(after, OneCycleLR):
            raise ValueError("OneCycleLR brings its own warm-up; use it alone")
        self.warmup_steps, self.after = warmup_steps, after
        super().__init__(optimizer, last_epoch)

    def lr_at(self, epoch: int, base: float) -> float:
        """base * (epoch + 1) / warmup_steps during the climb: never 0, and `base` at step warmup_steps - 1."""
        raise NotImplementedError("a06_optimizers: LinearWarmup.lr_at is yours to write")


class OneCycleLR(Scheduler):
    """Up to `max_lr`, then down to nearly nothing, in one run (Smith, 2018); momentum goes the other way.

    Args:
        optimizer: its learning rate is replaced.
        max_lr: the peak, one for all groups or a list.
        total_steps: length of the run; or give epochs and steps_per_epoch.
        pct_start: the share of the run that climbs.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether momentum (Adam's first beta) falls from max_momentum to base_momentum and returns.
        div_factor: the run starts at max_lr / div_factor,
        final_div_factor: and ends at a final_div_factor-th of that start.
        three_phase: down to the start in as many steps as up, and only then to the end.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR needs total_steps, or both epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        check_range("total_steps", total_steps, 1)
        check_range("pct_start", pct_start, 0, math.nextafter(1, 2))
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy is 'cos' or 'linear', got {anneal_strategy!r}")
        if cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError(f"{type(optimizer).__name__} has no momentum to cycle; pass cycle_momentum=False")
        self.total_steps, self.pct_start, self.three_phase = total_steps, pct_start, three_phase
        self.cosine = anneal_strategy == "cos"
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        self.momenta = (max_momentum, base_momentum) if cycle_momentum else None
        if last_epoch == -1:
            groups = optimizer.param_groups
            peaks = max_lr if isinstance(max_lr, (list, tuple)) else [max_lr] * len(groups)
            for group, peak in zip(groups, peaks, strict=True):
                group["initial_lr"] = peak / div_factor
        super().__init__(optimizer, last_epoch)

    def step(self) -> None:
        """Go on by one; sets learning rates and, if wanted, momentum.

        Raises:
            ValueError: the run is over. (A step after the last batch is allowed, as in PyTorch: it stays at the end.)
        """
        if self.last_epoch >= self.total_steps:
            raise ValueError(f"OneCycleLR was made for {self.total_steps} steps; all are taken")
        super().step()
        if self.momenta:
            high, low = self.momenta
            momentum = self.along([high, low, high, high])
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum

    def lr_at(self, epoch: int, base: float) -> float:
        """From base over base * div_factor to base / final_div_factor; with three phases over base once more."""
        raise NotImplementedError("a06_optimizers: OneCycleLR.lr_at is yours to write")

    def along(self, corners: list[float], epoch: int | None = None) -> float:
        """The value at a step, between the corners [start, peak, middle, end] of the run.

        The peak is at step pct_start * total_steps - 1 and the end at step total_steps - 1. With three phases the
        middle is as far from the peak as the peak from step -1 (at 2 * pct_start * total_steps - 2); with two phases
        there is no middle.
        """
        epoch = self.last_epoch if epoch is None else epoch
        start, peak, middle, end = corners
        up, last = self.pct_start * self.total_steps - 1, self.total_steps - 1
        # Find the two corners around `epoch`, how far along it is between them (0 to 1), and ease(from, to, share).
        raise NotImplementedError("a06_optimizers: OneCycleLR.along is yours to write")

    def ease(self, first: float, last: float, share: float) -> float:
        """From `first` to `last`: a straight line, or half a cosine wave."""
        if self.cosine:
            share = (1 - math.cos(math.pi * share)) / 2
        return first + (last - first) * share
