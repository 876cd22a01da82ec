"""What the tests ask of a student's gradients: a few lines each, as a user would write them, returning plain data."""

from __future__ import annotations

import operator
import weakref

import numpy as np
from tinytorch.core import activations, autograd, layers, losses
from tinytorch.core import tensor as module
from tinytorch.core.autograd import Function
from tinytorch.core.tensor import Tensor, manual_seed, rand
from tinytorch.dispatch import Op, apply

OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "@": operator.matmul,
    "maximum": module.maximum,
    "minimum": module.minimum,
}


def _leaves(arrays, dtype="float32"):
    return [Tensor(a, requires_grad=True, dtype=dtype) for a in arrays]


# ---- The slow way


def cubic(x, y):
    return x * x * x * y


def numerical(x, y, weights, eps):
    inputs = _leaves([x, y], "float64")
    return autograd.numerical_gradient(cubic, inputs, weights, eps)


def numerical_and_what_is_left(x, numbers):
    inputs = [Tensor(x, dtype="float64"), Tensor(numbers, dtype="int64"), 2.0]
    found = autograd.numerical_gradient(lambda a, b, c: a * b * c, inputs)
    return [found, inputs[0].data, inputs[1].data]


def _scaled(g, node):
    out = g * 3
    out[tuple(node.attributes["place"])] *= node.attributes["factor"]
    return out


def scaled(x, place, factor):
    """x * 3, whose gradient is right but for a factor at one place."""
    op = Op("scaled", lambda a, place, factor: a * 3)
    autograd.defvjp(op, _scaled)
    return apply(op, x, place=place, factor=factor)


def _outcome(action):
    """What an action returns, or the text of the error it raises."""
    try:
        return action()
    except NotImplementedError:
        raise
    except (RuntimeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def checked_scaled(x, place, factors):
    inputs = Tensor(x)
    return [
        _outcome(lambda factor=factor: autograd.gradcheck(lambda t: scaled(t, place, factor), inputs))
        for factor in factors
    ]


def checked_second_input(x, y, place, factor):
    def fn(a, b):
        return a * scaled(b, place, factor)

    raised = _outcome(lambda: autograd.gradcheck(fn, _leaves([x, y])))
    first_alone = autograd.gradcheck(fn, [Tensor(x, requires_grad=True), Tensor(y)])
    unused = autograd.gradcheck(lambda a, b: a * 2.0, _leaves([x, y]))
    return [raised, first_alone, unused, autograd.gradcheck(fn, _leaves([x, y]), raise_exception=False)]


def checked_oddities(x):
    t = Tensor(x, requires_grad=True)
    same = autograd.gradcheck(lambda a: a * a, t)
    random = _outcome(lambda: autograd.gradcheck(lambda a: a * rand(*a.shape), t))
    cut = _outcome(lambda: autograd.gradcheck(lambda a: Tensor(a.data * 2, dtype="float64"), t))
    nan = _outcome(lambda: autograd.gradcheck(lambda a: a * float("nan"), t))
    nothing = _outcome(lambda: autograd.gradcheck(lambda a: a, Tensor([1, 2], dtype="int64")))
    return [same, [random, cut, nan, nothing], t.data, str(t.dtype), t.grad]


def checked_steps(x):
    """Where fn was evaluated, beyond the first two calls."""
    seen = []

    def fn(a):
        seen.append(a.data.copy())
        return a * a

    autograd.gradcheck(fn, Tensor(x), eps=0.25)
    return np.stack(seen)


# ---- The walk


def polynomial(x, y):
    a, b = _leaves([x, y])
    (a * b + a).sum().backward()
    return [a.grad, b.grad]


def used_and_called_again(x, times):
    a = Tensor(x, requires_grad=True)
    (a * a).sum().backward()
    once = a.grad.copy()
    for _ in range(times):
        (a * 3.0).sum().backward()
    return [once, a.grad]


def started_from(x, gradient, as_tensor):
    a = Tensor(x, requires_grad=True)
    (a * a).backward(Tensor(gradient) if as_tensor else gradient)
    return a.grad


def backward_with(x, gradient=None):
    a = Tensor(x, requires_grad=True)
    (a * 2.0).backward(gradient)
    return a.grad


def backward_of_a_constant(x):
    t = Tensor(x)
    t.sum().backward()
    return t.grad


def doubled(x, depth):
    """How often the first op's rule ran, and the gradient, where 2**depth paths lead to x."""
    ran = []
    op = Op("twice", lambda a: a + a)
    autograd.defvjp(op, lambda g, node: (ran.append(node.number), g * 2)[1])
    a = Tensor(x, requires_grad=True, dtype="float64")
    h = apply(op, a)
    for _ in range(depth):
        h = h + h
    h.sum().backward()
    return [len(ran), a.grad]


def uneven(x, y, long):
    """h is used by what comes next, by what comes `long` ops later, and by the result."""
    a, b = _leaves([x, y])
    h = a * b
    late = h
    for _ in range(long):
        late = late * b
    (h * late + h).sum().backward()
    return [a.grad, b.grad]


def meeting(x, y):
    """h and k get the same array from their sum; later h gets more."""
    a, b = _leaves([x, y])
    h, k = a * 1.0, b * 1.0
    more = h * 2.0
    ((h + k) + more).sum().backward()
    return [a.grad, b.grad]


def written_into(x, value):
    """Gradients, and the same after another one, the starting gradient and the data were written into."""
    a, b, c = _leaves([x, x, x])
    start = np.ones_like(a.data)
    (a + (b + c)).backward(start)
    before = [t.grad.copy() for t in (a, b, c)]
    a.grad[...] = value
    start[...] = value
    return [before, [b.grad, c.grad]]


def gradients_of_a_sum(x):
    """What is left after the start is changed: of a retained result, a leaf by itself, through reshape, through cat."""
    result = Tensor(x, requires_grad=True) * 2.0
    autograd.retain_grad(result)
    start = np.ones_like(result.data)
    result.backward(start)
    start[...] = 7
    found = [result.grad]
    for through in (lambda t: t, lambda t: t.reshape(-1).reshape(*t.shape), lambda t: module.cat([t, t])):
        leaf = Tensor(x, requires_grad=True)
        out = through(leaf)
        start = np.ones(out.shape, "float32")
        out.backward(start)
        start[...] = 7
        found.append(leaf.grad)
    return found


def who_has_a_gradient(x):
    leaf, constant = Tensor(x, requires_grad=True), Tensor(x)
    hidden = leaf * constant
    out = (hidden + constant).sum()
    out.backward()
    return [t.grad for t in (leaf, constant, hidden, out)]


def retained(x):
    leaf = Tensor(x, requires_grad=True)
    hidden = leaf * 2.0
    other = hidden * 3.0
    autograd.retain_grad(hidden)
    (other * other).sum().backward()
    return [leaf.grad, hidden.grad, other.grad]


def gradient_dtypes(x):
    single, double = Tensor(x, requires_grad=True), Tensor(x, requires_grad=True, dtype="float64")
    seen = []
    op = Op("seen", lambda a: a * 1)
    autograd.defvjp(op, lambda g, node: (seen.append(str(g.dtype)), g)[1])
    (apply(op, single) * double).sum().backward()
    apply(op, single).backward([1] * len(x))
    return [str(single.grad.dtype), str(double.grad.dtype), *seen]


def chosen(x, y):
    """Gradients of chosen tensors, and the grads afterwards."""
    a, b = _leaves([x, y])
    hidden = a * b
    found = autograd.grad((hidden * hidden).sum(), [b, hidden])
    return [list(found), [a.grad, b.grad, hidden.grad]]


def chosen_from(x, gradient, retain_graph):
    a = Tensor(x, requires_grad=True)
    out = a * a
    autograd.grad(out, a, gradient, retain_graph=retain_graph)
    return autograd.grad(out, a, gradient)[0]


def chosen_badly(x, which, allow_unused):
    a, unused, constant = Tensor(x, requires_grad=True), Tensor(x, requires_grad=True), Tensor(x)
    out = (a * constant).sum()
    inputs = {"unused": [a, unused], "constant": [a, constant]}[which]
    return list(autograd.grad(out, inputs, allow_unused=allow_unused))


def chosen_unused(x):
    a, unused = _leaves([x, x])
    return list(autograd.grad((a * a).sum(), [unused, a], allow_unused=True))


def wrong_shape(x, count):
    op = Op("lossy", lambda a: a * 2)
    autograd.defvjp(op, lambda g, node: g[:count] if count else g.sum())
    a = Tensor(x, requires_grad=True)
    apply(op, a).sum().backward()
    return a.grad


def too_few(x):
    op = Op("miser", lambda a, b: a * b)
    autograd.defvjp_all(op, lambda g, node, wanted: (g,))
    a, b = _leaves([x, x])
    apply(op, a, b).sum().backward()
    return [a.grad, b.grad]


# ---- Life and death of a graph


def backward_again(x, retain_graph, times):
    a = Tensor(x, requires_grad=True)
    out = (a * a).sum()
    for _ in range(times):
        out.backward(retain_graph=retain_graph)
    return a.grad


def backward_into_a_freed_part(x):
    """The message, and the gradients before and after."""
    a, b = _leaves([x, x])
    shared = a * b
    (shared * 2.0).sum().backward()
    before = [a.grad.copy(), b.grad.copy()]
    message = _outcome((b + shared * b).sum().backward)
    return [message, before, [a.grad, b.grad]]


def chain(x, length, kind):
    """A chain of ops: through sums, products or a mix of them."""
    a = Tensor(x, requires_grad=True, dtype="float64")
    h = a
    for i in range(length):
        h = h + a if kind == "+" or (kind == "mixed" and i % 2) else -h
    h.sum().backward()
    return a.grad


def alive(x):
    """Whether two results on the way are alive before and after a backward that keeps the graph, and one that does not."""
    a = Tensor(x, requires_grad=True)
    first = a * a
    second = first * a
    watched = [weakref.ref(first), weakref.ref(second)]
    out = (second + first).sum()
    del first, second
    states = [[r() is not None for r in watched]]
    out.backward(retain_graph=True)
    states.append([r() is not None for r in watched])
    out.backward()
    states.append([r() is not None for r in watched])
    return [states, a.grad]


# ---- The table


def of_operator(op, pairs, weights, dtype="float32"):
    """Gradients of sum(w * (a op b)) for each pair (a, b) and weight w."""
    found = []
    for (a, b), w in zip(pairs, weights, strict=True):
        x, y = _leaves([a, b], dtype)
        OPERATORS[op](x, y).backward(w)
        found.append([x.grad, y.grad])
    return found


def of_operator_with_number(op, a, number, weights):
    """With the number on the right, then on the left."""
    x, y = _leaves([a, a])
    OPERATORS[op](x, number).backward(weights)
    OPERATORS[op](number, y).backward(weights)
    return [x.grad, y.grad]


def rule_dtypes(op, a, b, name):
    """The dtypes that the rules themselves return for float32 tensors and numbers, for an operator and a method."""
    x, y = _leaves([a, b])
    outputs = [OPERATORS[op](x, y), OPERATORS[op](x, 2.0), OPERATORS[op](2.0, x), getattr(x, name)(0)]
    found = []
    for out in outputs:
        gradients = out._node.op.vjp(np.ones_like(out.data), out._node)
        found.append([None if g is None else str(g.dtype) for g in gradients])
    return found


def of_power(a, exponent, weights):
    x = Tensor(a, requires_grad=True)
    (x**exponent).backward(weights)
    return x.grad


def of_powers(a, b, weights):
    x, y = _leaves([a, b])
    (x**y).backward(weights)
    return [x.grad, y.grad]


def of_method(name, a, weights, *args, **settings):
    x = Tensor(a, requires_grad=True)
    getattr(x, name)(*args, **settings).backward(weights)
    return x.grad


def of_function(name, arrays, weights, *args, **settings):
    """Of an activation or a loss whose tensor inputs are `arrays`; other arguments follow."""
    function = getattr(activations, name, None) or getattr(losses, name)
    tensors = _leaves(arrays)
    function(*tensors, *args, **settings).backward(weights)
    return [t.grad for t in tensors]


def of_matmul_parts(a, b):
    """Which gradients are there where only the left, or only the right operand wants one."""
    found = []
    for flags in ((True, False), (False, True)):
        x, y = (Tensor(array, requires_grad=flag) for array, flag in zip((a, b), flags, strict=True))
        (x @ y).sum().backward()
        found.append([x.grad, y.grad])
    return found


def of_distance(name, x, y):
    """Gradients of a loss where only the prediction, or only the target wants one."""
    function, found = getattr(losses, name), []
    for flags in ((True, False), (False, True)):
        a, b = (Tensor(array, requires_grad=flag) for array, flag in zip((x, y), flags, strict=True))
        function(a, b).backward()
        found.append([a.grad, b.grad])
    return found


def of_linear(arrays, weights):
    tensors = _leaves(arrays)
    layers.linear(*tensors).backward(weights)
    return [t.grad for t in tensors]


def of_linear_parts(x, weight, bias):
    """Which gradients are there where only the weight, or only input and bias, want one."""
    a, w, b = Tensor(x), Tensor(weight, requires_grad=True), Tensor(bias)
    layers.linear(a, w, b).sum().backward()
    first = [t.grad for t in (a, w, b)]
    a, w, b = Tensor(x, requires_grad=True), Tensor(weight), Tensor(bias, requires_grad=True)
    layers.linear(a, w, b).sum().backward()
    return [first, [t.grad for t in (a, w, b)]]


def of_item(a, weights, *key):
    x = Tensor(a, requires_grad=True)
    x[tuple(key) if len(key) > 1 else key[0]].backward(weights)
    return x.grad


def of_slice(a, weights, start, stop, step):
    x = Tensor(a, requires_grad=True)
    x[start:stop:step, ..., -1].backward(weights)
    return x.grad


def of_joined(name, arrays, weights, dim):
    tensors = _leaves(arrays)
    getattr(module, name)(tensors, dim).backward(weights)
    return [t.grad for t in tensors]


def of_where(condition, a, b, weights):
    x, y = _leaves([a, b])
    module.where(condition, x, y).backward(weights)
    return [x.grad, y.grad]


def of_where_or_number(condition, a, number, weights):
    """The tensor in the first place, then in the second."""
    x, y = _leaves([a, a])
    module.where(condition, x, number).backward(weights)
    module.where(condition, number, y).backward(weights)
    return [x.grad, y.grad]


def of_permuted(a, dims, shape, weights):
    x = Tensor(a, requires_grad=True)
    x.permute(*dims).reshape(*shape).backward(weights)
    return x.grad


def of_two_layers(x, w, b, v, targets):
    tensors = _leaves([x, w, b, v])
    x, w, b, v = tensors
    logits = activations.relu(layers.linear(x, w, b)) @ v
    losses.cross_entropy(logits, targets).backward()
    return [t.grad for t in tensors]


def summed_up(g, shapes):
    return [autograd.unbroadcast(g, tuple(shape)) for shape in shapes]


# ---- Switches


def recorded_under(x, switches):
    """For each switch opened inside the one before, whether a result requires a gradient; then on the way out."""
    a = Tensor(x, requires_grad=True)
    states = []

    def inside(rest):
        states.append([(a * 2.0).requires_grad, autograd.is_grad_enabled()])
        if rest:
            with getattr(autograd, rest[0])():
                inside(rest[1:])
            states.append([(a * 2.0).requires_grad, autograd.is_grad_enabled()])

    inside(switches)
    return states


def after_an_exception(x, switches):
    """States after each of several nested switches was left by an exception, from the innermost to the outermost."""
    a = Tensor(x, requires_grad=True)
    states = []

    def fall(rest):
        if not rest:
            raise KeyError("on purpose")
        try:
            with getattr(autograd, rest[0])():
                fall(rest[1:])
        finally:
            states.append((a * 2.0).requires_grad)

    try:
        fall(switches)
    except KeyError as error:
        states.append(str(error))
    return states


def decorated(x, depth):
    a = Tensor(x, requires_grad=True)

    @autograd.no_grad()
    def descend(n, *, factor):
        """Goes down."""
        here = [(a * factor).requires_grad]
        return here + (descend(n - 1, factor=factor) if n else [])

    @autograd.no_grad
    def bare():
        return (a * 2.0).data

    states = descend(depth, factor=2.0)
    return [states, (a * 2.0).requires_grad, bare(), (a * 2.0).requires_grad, descend.__name__, descend.__doc__]


def one_switch_twice(x):
    a = Tensor(x, requires_grad=True)
    switch = autograd.no_grad()
    states = []
    with switch:
        with switch:
            pass
        states.append((a * 2.0).requires_grad)
    states.append((a * 2.0).requires_grad)
    return states


# ---- Ops of one's own, recomputing


class Affine(Function):
    """x * scale + y"""

    @staticmethod
    def forward(ctx, x, y, scale=1.0):
        ctx.scale = scale
        ctx.save_for_backward(x)
        return x * scale + y

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * ctx.scale + 0 * x, g if ctx.needs_input_grad[1] else None


class Held(Function):
    """The sum of its inputs, whose backward returns an array that the context keeps."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(np.ones_like(x))
        return x + y

    @staticmethod
    def backward(ctx, g):
        (kept,) = ctx.saved_tensors
        kept *= g
        return kept, kept


class Short(Function):
    """The product of its inputs, whose backward forgets one of them."""

    @staticmethod
    def forward(ctx, x, y):
        return x * y

    @staticmethod
    def backward(ctx, g):
        return g


def own_op(x, y, scale):
    a, b = _leaves([x, y])
    out = Affine.apply(a, b, scale=scale)
    out.sum().backward()
    return [out.data, a.grad, b.grad]


def own_op_of_numbers(x, number, scale):
    a = Tensor(x, requires_grad=True)
    (Affine.apply(a, number, scale=scale) * 2.0).sum().backward()
    with autograd.no_grad():
        still = Affine.apply(a, number, scale=scale)
    return [a.grad, still.data, still.requires_grad]


def own_op_that_keeps_its_gradient(x, value):
    a, b = _leaves([x, x])
    Held.apply(a, b).sum().backward()
    a.grad[...] = value
    return b.grad


def own_op_that_forgets(x):
    a, b = _leaves([x, x])
    Short.apply(a, b).sum().backward()
    return [a.grad, b.grad]


def with_and_without_checkpoint(x, w, parts):
    """Gradients of input and of a weight that the function just uses, without a checkpoint and with one."""
    found = []
    for recompute in (False, True):
        a, b = _leaves([x, w])

        def block(h, b=b):
            return activations.tanh(h @ b)

        h = a
        for _ in range(parts):
            h = autograd.checkpoint(block, h) if recompute else block(h)
        h.sum().backward()
        found.append([h.data, a.grad, b.grad])
    return found


def checkpointed_in_between(x, factor):
    """A function that uses a tensor that is neither its input nor a leaf, an integer, and a setting."""
    a = Tensor(x, requires_grad=True)
    outer = a * a

    def block(h, power, scale=1.0):
        return h**power * outer * scale

    out = autograd.checkpoint(block, a, 2, scale=factor)
    out.sum().backward()
    return [out.data, a.grad]


def checkpoint_record(x):
    """Runs of the function, results alive in it, and length of the record, after the forward; the first two after backward."""
    runs, watched = [], []

    def block(h):
        runs.append(1)
        for _ in range(5):
            h = activations.tanh(h)
            watched.append(weakref.ref(h))
        return h * 2.0

    a = Tensor(x, requires_grad=True)
    out = autograd.checkpoint(block, a)
    after_forward = [len(runs), sum(r() is not None for r in watched), len(autograd.reached(out)[0])]
    out.sum().backward()
    return [after_forward, [len(runs), sum(r() is not None for r in watched)], a.grad]


def checkpoint_of_dice(x, seed):
    """A random mask drawn inside, the gradient that comes back, and the draws that follow with and without backward."""
    masks = []

    def block(h):
        masks.append(rand(*h.shape).data)
        return h * masks[-1]

    a = Tensor(x, requires_grad=True)
    manual_seed(seed)
    out = autograd.checkpoint(block, a)
    between = rand(3).data
    out.sum().backward()
    after = rand(3).data
    manual_seed(seed)
    plain = [rand(*a.shape).data, rand(3).data, rand(3).data]
    return [masks, a.grad, [between, after], plain]


def written_into_after_a_checkpoint(x, value):
    a, b = _leaves([x, x])
    autograd.checkpoint(lambda h: (h + b) * 1.0, a).sum().backward()
    a.grad[...] = value
    return b.grad


def checkpoint_under_no_grad(x):
    a = Tensor(x, requires_grad=True)
    with autograd.no_grad():
        out = autograd.checkpoint(lambda h: h * h, a)
    recorded = autograd.checkpoint(lambda h: h * h, a).sum()
    with autograd.no_grad():
        recorded.backward()
    return [out.data, out.requires_grad, a.grad]
