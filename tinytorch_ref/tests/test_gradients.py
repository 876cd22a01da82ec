"""Every gradient rule against central differences and, where PyTorch is installed, against PyTorch; then the walk
itself.

`ROWS` names each op once or more, with a function that runs it and the shapes to run it on. An op that has a rule and
no row fails `test_every_op_with_a_rule_has_a_row`: a rule added later is checked here or nowhere.
"""

import gc
import tracemalloc
import weakref
from dataclasses import dataclass
from importlib import import_module

import numpy as np
import pytest
import tinytorch as tt
from tinytorch.core import autograd
from tinytorch.core.autograd import (
    Function,
    backward,
    checkpoint,
    enable_grad,
    grad,
    gradcheck,
    is_grad_enabled,
    no_grad,
    reached,
    retain_grad,
)
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import Op, apply

F = tt.nn.functional


@dataclass(frozen=True)
class Row:
    """One op at work: `ours(*tensors)`, the shapes to try, and PyTorch's form where it is written in another way."""

    op: str
    ours: object
    shapes: tuple
    theirs: object = None
    low: float = -2.0
    high: float = 2.0


PAIRS = (
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((2, 1, 3), (4, 1)),
    ((), (2, 3)),
    ((1, 1), (2, 3)),
    ((0, 3), (1, 3)),
    ((), ()),
)
ONES = (((3, 4),), ((2, 3, 2),), ((),), ((0, 3),), ((1,),))
REDUCED = (((3, 4),), ((2, 1, 3),))
PRODUCTS = (
    ((3, 4), (4, 2)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 3)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)),
    ((5, 1, 2, 3), (4, 3, 2)), ((3, 4), (2, 4, 5)), ((4,), (2, 4, 3)), ((2, 3, 4), (4,)), ((0, 3), (3, 2)), ((2, 0), (0, 3)),
    ((1, 3, 4), (5, 4, 2)),
)  # fmt: skip
MASK = np.array([[True, False, True, False], [False, False, True, True], [True, True, False, False]])


def _torch():
    return pytest.importorskip("torch")


def plain(name):
    """The functional form of that name, in either framework."""
    return lambda *inputs, **settings: getattr(F, name)(*inputs, **settings)


def theirs(name, **settings):
    return lambda *inputs: getattr(_torch().nn.functional, name)(*inputs, **settings)


def joined(name):
    return lambda *tensors, **where: getattr(tt, name)(tensors, **where)


def joined_by_torch(name):
    return lambda *tensors, **where: getattr(_torch(), name)(tensors, **where)


def with_dim(ours, their=None, **settings):
    """The same reduction under both frameworks' names, over several choices of dim."""
    return [
        (lambda x, d=dim, k=keep: getattr(x, ours)(d, k, **settings),
         lambda x, d=dim, k=keep: getattr(x, their or ours)(d, keepdim=k, **settings))
        for dim, keep in ((0, False), (-1, True), ((0, 1), False), ((0, -1), True))
    ]  # fmt: skip


REDUCTIONS = ("mean", "sum", "none")
DISTANCES = (((3, 4), (3, 4)), ((), ()), ((2, 1, 2), (2, 1, 2)))
WEIGHT = np.array([0.5, 2.0, 1.25])


def _in_torch(value, like):
    is_float = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return _torch().tensor(value, dtype=like.dtype) if is_float else value


def classes(op, shape, **settings):
    """A loss of class numbers, drawn once; `shape` is that of the predictions, (N, 3, ...)."""
    targets = np.random.default_rng(len(shape)).integers(0, 3, (shape[0], *shape[2:]))
    targets.flat[:3] = [0, 1, 2]
    ours = {"nll": F.nll_loss, "cross_entropy": F.cross_entropy}[op]

    def other(x):
        function = getattr(_torch().nn.functional, "nll_loss" if op == "nll" else op)
        return function(x, _torch().tensor(targets), **{name: _in_torch(value, x) for name, value in settings.items()})

    return Row(op, lambda x: ours(x, targets, **settings), ((shape,),), other)


def distributions(shape, **settings):
    """Cross entropy with a distribution a row as target."""
    targets = np.random.default_rng(7).dirichlet(np.ones(3), (shape[0], *shape[2:]))
    targets = np.moveaxis(targets, -1, 1)

    def other(x):
        settings_there = {name: _in_torch(value, x) for name, value in settings.items()}
        return _torch().nn.functional.cross_entropy(x, _in_torch(targets, x), **settings_there)

    return Row("cross_entropy", lambda x: F.cross_entropy(x, targets, **settings), ((shape,),), other)


def turned_by_torch(x, offset):
    """Rotary positions as products of complex numbers: features i and i + D/2 are one number."""
    torch, half = _torch(), x.shape[-1] // 2
    turns = torch.outer(torch.arange(x.shape[-2]) + offset, 10000.0 ** (-torch.arange(half, dtype=x.dtype) / half))
    product = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(turns), turns)
    return torch.cat([product.real, product.imag], dim=-1)


HEADS = (
    ((3, 4), (3, 4), (3, 4)), ((2, 3, 4), (2, 5, 4), (2, 5, 2)), ((2, 1, 4, 3), (1, 2, 3, 3), (1, 2, 3, 5)),
    ((1, 2), (1, 2), (1, 2)), ((0, 2), (3, 2), (3, 2)),
)  # fmt: skip


def attended(form, masked=False, **settings):
    """Attention in one of its forms, in tiles of two keys; masked: the last query may look nowhere."""
    tiles = {"block": 2} if form == "tiled_attention" else {}

    def mask_for(q, k):
        allowed = np.random.default_rng(3).random((q.shape[-2], k.shape[-2])) < 0.7
        allowed[-1:] = False
        return allowed if masked else None

    def ours(q, k, v):
        function = getattr(import_module("tinytorch.core.attention"), form)
        return function(q, k, v, mask_for(q, k), **settings, **tiles)

    def other(q, k, v):
        mask = _torch().tensor(mask_for(q, k)) if masked else None
        return _torch().nn.functional.scaled_dot_product_attention(q, k, v, mask, **settings)

    return Row(form, ours, HEADS, other)


ROWS = [
    Row("add", lambda a, b: a + b, PAIRS),
    Row("sub", lambda a, b: a - b, PAIRS),
    Row("mul", lambda a, b: a * b, PAIRS),
    Row("div", lambda a, b: a / b, PAIRS, low=0.5),
    Row("pow", lambda a, b: a**b, PAIRS, low=0.5),
    Row("add", lambda a: 2 + a, ONES),
    Row("sub", lambda a: 2 - a, ONES),
    Row("mul", lambda a: a * 3.0, ONES),
    Row("div", lambda a: 2 / a, ONES, low=0.5),
    Row("pow", lambda a: a**3, ONES),
    Row("pow", lambda a: 2**a, ONES),
    Row("pow", lambda a: a**0, ONES),
    Row("maximum", lambda a, b: tt.maximum(a, b), PAIRS, lambda a, b: _torch().maximum(a, b)),
    Row("minimum", lambda a, b: tt.minimum(a, b), PAIRS, lambda a, b: _torch().minimum(a, b)),
    Row("neg", lambda a: -a, ONES),
    Row("abs", lambda a: a.abs(), ONES),
    Row("exp", lambda a: a.exp(), ONES),
    Row("log", lambda a: a.log(), ONES, low=0.5),
    Row("sqrt", lambda a: a.sqrt(), ONES, low=0.5),
    Row("clip", lambda a: a.clip(-0.5, 1), ONES),
    Row("clip", lambda a: a.clip(min=0.25), ONES),
    Row("clip", lambda a: a.clip(max=0.25), ONES),
    Row("sum", lambda a: a.sum(), ONES),
    Row("mean", lambda a: a.mean(), (((3, 4),), ((),), ((2, 1, 3),))),
    Row("var", lambda a: a.var(), REDUCED),
    Row("max", lambda a: a.max(), (*REDUCED, ((),))),
    Row("min", lambda a: a.min(), (*REDUCED, ((),))),
    *(Row("sum", ours, (*REDUCED, ((0, 3),)), their) for ours, their in with_dim("sum")),
    *(Row("mean", ours, REDUCED, their) for ours, their in with_dim("mean")),
    *(Row("var", ours, (((3, 4),),), their) for ours, their in with_dim("var")),
    *(Row("var", ours, REDUCED, their) for ours, their in with_dim("var", correction=0)),
    *(Row("max", ours, REDUCED, their) for ours, their in with_dim("max", "amax")),
    *(Row("min", ours, REDUCED, their) for ours, their in with_dim("min", "amin")),
    Row("sum", lambda a: a.sum(1), (((2, 0),), ((0, 2),))),
    Row("max", lambda a: a.max(1), (((0, 2),),), lambda a: a.amax(1)),
    Row("matmul", lambda a, b: a @ b, PRODUCTS),
    Row("linear", lambda x, w, b: F.linear(x, w, b), (((5, 3), (3, 2), (2,)), ((2, 4, 3), (3, 2), (2,)), ((3,), (3, 2), (2,)),
        ((0, 3), (3, 2), (2,)), ((4, 0), (0, 2), (2,)), ((2, 0, 3), (3, 2), (2,)), ((2, 3), (3, 0), (0,))), lambda x, w, b: x @ w + b),
    Row("linear", lambda x, w: F.linear(x, w), (((5, 3), (3, 2)), ((2, 4, 3), (3, 2))), lambda x, w: x @ w),
    Row("reshape", lambda a: a.reshape(2, -1), (((3, 4),), ((2, 3, 2),))),
    Row("reshape", lambda a: a.reshape(0, 2), (((0, 3),),)),
    Row("permute", lambda a: a.permute(2, 0, 1), (((2, 3, 4),), ((0, 1, 2),))),
    Row("permute", lambda a: a.transpose(0, 1), (((3, 4),), ((2, 3, 2),))),
    *(Row("getitem", lambda a, k=key: a[k], (((3, 4),),)) for key in (
        1, slice(1, None), (slice(None), -1), (..., slice(None, None, 2)), None, MASK, MASK[:, 0], ([0, 2, 2, 0],),
        ([1, 1, 1], [0, 0, 3]), (slice(None), [3, 3]), ([-1, 2],), (MASK[:, 0], [0, 0]))),
    Row("getitem", lambda a: a[np.array([[0, 1], [1, 1]])], (((3, 4),), ((2, 3, 2),))),
    Row("getitem", lambda a: a[()], (((),), ((2,),))),
    Row("masked_fill", lambda a: a.masked_fill(MASK, 5.0), (((3, 4),), ((2, 3, 4),)),
        lambda a: a.masked_fill(_torch().tensor(MASK), 5.0)),
    Row("where", lambda a, b: tt.where(MASK, a, b), (((3, 4), (3, 4)), ((1, 4), (3, 1)), ((), (2, 1, 4))),
        lambda a, b: _torch().where(_torch().tensor(MASK), a, b)),
    Row("where", lambda a: tt.where(MASK, a, 2.0), (((3, 4),), ((1,),)), lambda a: _torch().where(_torch().tensor(MASK), a, 2.0)),
    Row("cat", joined("cat"), (((2, 3), (1, 3), (4, 3)), ((2,), (3,)), ((0, 2), (1, 2)), ((2, 3),)), joined_by_torch("cat")),
    Row("cat", lambda a, b: tt.cat([a, b], dim=-1), (((2, 3), (2, 1)), ((2, 2, 0), (2, 2, 1))), lambda a, b: _torch().cat([a, b], dim=-1)),
    Row("stack", joined("stack"), (((2, 3), (2, 3)), ((), (), ()), ((0, 2), (0, 2))), joined_by_torch("stack")),
    Row("stack", lambda a, b: tt.stack([a, b], dim=-1), (((2, 3), (2, 3)),), lambda a, b: _torch().stack([a, b], dim=-1)),
    Row("stack", lambda a, b: tt.stack([a, b], dim=1), (((2, 3), (2, 3)),), lambda a, b: _torch().stack([a, b], dim=1)),
    Row("clone", lambda a: a.clone(), ONES),
    Row("cast", lambda a: a.astype("float16").astype("float64") * 0 + a.astype("float64"), ONES, lambda a: a.double()),
    Row("relu", plain("relu"), ONES, theirs("relu")),
    Row("leaky_relu", lambda a: F.leaky_relu(a, 0.1), ONES, theirs("leaky_relu", negative_slope=0.1)),
    Row("leaky_relu", lambda a: F.leaky_relu(a, 1.5), ONES, theirs("leaky_relu", negative_slope=1.5)),
    Row("sigmoid", plain("sigmoid"), ONES, theirs("sigmoid")),
    Row("tanh", plain("tanh"), ONES, theirs("tanh")),
    Row("silu", plain("silu"), ONES, theirs("silu")),
    Row("gelu", plain("gelu"), ONES, theirs("gelu"), low=-5, high=5),
    Row("gelu", lambda a: F.gelu(a, "tanh"), ONES, theirs("gelu", approximate="tanh"), low=-5, high=5),
    *(Row(op, lambda a, n=op, d=dim: getattr(F, n)(a, d), (((3, 4),), ((2, 3, 2),), ((2, 0, 3),)), theirs(op, dim=dim))
        for op in ("softmax", "log_softmax") for dim in (-1, 0, 1)),
    *(Row(op, lambda x, y, n=name, r=reduction: getattr(F, n)(x, y, reduction=r), DISTANCES, theirs(name, reduction=reduction))
        for op, name in (("mse", "mse_loss"), ("l1", "l1_loss"), ("huber", "huber_loss")) for reduction in REDUCTIONS),
    *(Row("huber", lambda x, y, r=reduction: F.huber_loss(x, y, delta=0.5, reduction=r), DISTANCES,
        theirs("huber_loss", delta=0.5, reduction=reduction)) for reduction in REDUCTIONS),
    *(Row("bce", lambda x, y, r=reduction: F.binary_cross_entropy(x, y, reduction=r), DISTANCES,
        theirs("binary_cross_entropy", reduction=reduction), low=0.05, high=0.95) for reduction in REDUCTIONS),
    *(Row("bce_with_logits", lambda x, y, r=reduction: F.binary_cross_entropy_with_logits(x, y, reduction=r), DISTANCES,
        theirs("binary_cross_entropy_with_logits", reduction=reduction)) for reduction in REDUCTIONS),
    *(classes(op, shape, **settings) for op in ("nll", "cross_entropy") for settings in (
        {}, {"reduction": "sum"}, {"reduction": "none"}, {"ignore_index": 1}, {"weight": WEIGHT},
        {"weight": WEIGHT, "ignore_index": 1}, {"weight": WEIGHT, "ignore_index": 1, "reduction": "none"})
        for shape in ((5, 3), (2, 3, 4))),
    *(classes("cross_entropy", shape, label_smoothing=0.1, **settings) for settings in (
        {}, {"reduction": "sum"}, {"reduction": "none"}, {"ignore_index": 1}, {"weight": WEIGHT, "ignore_index": 1})
        for shape in ((5, 3), (2, 3, 4))),
    *(distributions(shape, **settings) for settings in (
        {}, {"reduction": "none"}, {"label_smoothing": 0.2}, {"weight": WEIGHT, "reduction": "sum"})
        for shape in ((5, 3), (2, 3, 4))),
    *(Row("embedding", lambda w, t=tokens: F.embedding(t, w), (((4, 3),), ((5, 1),), ((4, 0),)),
        lambda w, t=tokens: _torch().nn.functional.embedding(_torch().tensor(t), w))
        for tokens in (np.array([[0, 2, 2], [3, 0, 2]]), np.array(3), np.zeros((2, 0), int), np.arange(1500) % 4)),
    *(Row("rotary", lambda x, o=offset: tt.nn.RotaryEmbedding(x.shape[-1], 9).rotate(x, o), (((3, 4),), ((2, 5, 2),), ((0, 6),)),
        lambda x, o=offset: turned_by_torch(x, o)) for offset in (0, 4)),
    *(attended(form, **settings) for form in ("attention", "tiled_attention") for settings in (
        {}, {"is_causal": True}, {"masked": True}, {"scale": 0.3})),
    *(Row("conv2d", lambda x, w, b, s=settings: F.conv2d(x, w, b, **s), (shapes,), theirs("conv2d", **settings))
        for settings, *shapes in (
            ({}, (2, 3, 5, 4), (4, 3, 3, 2), (4,)), ({}, (1, 1, 3, 3), (1, 1, 3, 3), (1,)), ({}, (0, 2, 4, 4), (3, 2, 3, 3), (3,)),
            ({"stride": (2, 3), "padding": (1, 2), "dilation": (2, 1)}, (2, 2, 6, 5), (3, 2, 3, 2), (3,)),
            ({"stride": 2}, (1, 3, 5, 6), (2, 3, 1, 1), (2,)), ({"groups": 2, "padding": 1}, (2, 4, 4, 3), (6, 2, 3, 3), (6,)),
            ({"groups": 3, "stride": (1, 2)}, (1, 3, 4, 5), (3, 1, 2, 2), (3,)), ({"padding": "same", "dilation": 2}, (1, 2, 4, 3), (1, 2, 3, 3), (1,)))),
    Row("conv2d", lambda x, w: F.conv2d(x, w, padding=1), (((1, 2, 3, 4), (2, 2, 3, 3)),), theirs("conv2d", padding=1)),
    *(Row("max_pool2d", lambda x, s=settings: F.max_pool2d(x, *s), (((2, 2, 5, 6),),), lambda x, s=settings: _torch().nn.functional.max_pool2d(x, *s))
        for settings in ((2,), (3, 1, 1), ((2, 3), (1, 2), (0, 1)))),
    *(Row("avg_pool2d", lambda x, s=settings: F.avg_pool2d(x, *s), (((2, 2, 5, 6),),),
        lambda x, s=settings: _torch().nn.functional.avg_pool2d(x, *s[:3], count_include_pad=s[-1] is not False))
        for settings in ((2,), (3, 1, 1), ((2, 3), (1, 2), (0, 1)), (3, 2, 1, False))),
    *(Row("adaptive_avg_pool2d", lambda x, n=size: F.adaptive_avg_pool2d(x, n), (((2, 2, 5, 6),),), theirs("adaptive_avg_pool2d", output_size=size))
        for size in (1, (2, 4), (7, 6))),
    Row("batch_norm", lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), (((3, 2, 2, 3), (2,), (2,)), ((4, 3), (3,), (3,))),
        lambda x, w, b: _torch().nn.functional.batch_norm(x, None, None, w, b, training=True)),
    Row("batch_norm", lambda x, w, b: F.batch_norm(x, WEIGHT.astype(x.dtype), WEIGHT.astype(x.dtype), w, b), (((2, 3, 2, 2), (3,), (3,)),),
        lambda x, w, b: _torch().nn.functional.batch_norm(x, _in_torch(WEIGHT, x), _in_torch(WEIGHT, x), w, b)),
    Row("batch_norm", lambda x: F.batch_norm(x, None, None, training=True), (((3, 2, 2, 3),),),
        lambda x: _torch().nn.functional.batch_norm(x, None, None, training=True)),
    Row("layer_norm", lambda x, w, b: F.layer_norm(x, w.shape[0], w, b), (((3, 4), (4,), (4,)), ((2, 3, 5), (5,), (5,)), ((4,), (4,), (4,)),
        ((0, 3), (3,), (3,))), lambda x, w, b: _torch().nn.functional.layer_norm(x, w.shape, w, b)),
    Row("layer_norm", lambda x: F.layer_norm(x, x.shape[-1], eps=0.1), (((3, 4),), ((2, 1, 6),)),
        lambda x: _torch().nn.functional.layer_norm(x, x.shape[-1:], eps=0.1)),
]  # fmt: skip

CASES = [
    pytest.param(row, shapes, id=f"{number}-{row.op}-{'x'.join(str(s).replace(' ', '') for s in shapes)}")
    for number, row in enumerate(ROWS)
    for shapes in row.shapes
]


def drawn(row, shapes, dtype=np.float64, seed=0):
    rng = np.random.default_rng([seed, len(shapes), *(n for shape in shapes for n in shape)])
    return [rng.uniform(row.low, row.high, shape).astype(dtype) for shape in shapes]


def leaves(arrays, dtype=np.float64):
    return [Tensor(a, requires_grad=True, dtype=dtype) for a in arrays]


def test_every_op_with_a_rule_has_a_row():
    for path in tt.composition()["files"]:
        if path.startswith("tinytorch/core/"):
            import_module(path.removesuffix(".py").replace("/", "."))
    # Functions and fused chains are ops that somebody makes while a program runs: whoever ran before may have left some.
    made = ("Function:", "fused_", "test_")
    ruled = {name for name, op in Op.registry.items() if op.vjp and not name.startswith(made)}
    assert ruled - {row.op for row in ROWS} == {"checkpoint"}


def test_every_op_of_the_first_four_assignments_has_a_rule():
    modules = [import_module(f"tinytorch.core.{name}") for name in ("tensor", "activations", "layers", "losses")]
    ops = [op for module in modules for op in vars(module).values() if isinstance(op, Op)]
    assert len(ops) > 40
    assert [op.name for op in ops if op.vjp is None] == []


# ---- the table against central differences ---------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "shapes"), CASES)
def test_the_gradient_is_that_of_central_differences(row, shapes):
    inputs = leaves(drawn(row, shapes))
    assert row.op in {node.op.name for node in reached(row.ours(*inputs))[0]}
    assert gradcheck(row.ours, inputs)


@pytest.mark.parametrize(("row", "shapes"), CASES)
def test_the_same_holds_for_inputs_that_lie_column_by_column(row, shapes):
    arrays = [a.transpose() for a in drawn(row, shapes)]
    assert gradcheck(lambda *inputs: row.ours(*(x.T for x in inputs)), leaves(arrays))


@pytest.mark.parametrize(("row", "shapes"), [c for c in CASES if len(set(c.values[1])) == 1])
def test_the_same_holds_for_an_input_used_several_times(row, shapes):
    (array, *_) = drawn(row, shapes)

    def twice(x):
        once = row.ours(*[x] * len(shapes))
        return once.sum() * x + (once * once).sum() + row.ours(*[x] * len(shapes)).sum()

    assert gradcheck(twice, leaves([array]))


@pytest.mark.parametrize(("row", "shapes"), [c for c in CASES if c.values[0].op != "cast"])
def test_float32_stays_float32_in_every_rule(row, shapes):
    output = row.ours(*leaves(drawn(row, shapes, np.float32), np.float32))
    for node in reached(output)[0]:
        for x, g in zip(node.inputs, node.op.vjp(np.ones_like(node.output), node), strict=True):
            if g is not None:
                assert (g.dtype, g.shape) == (np.float32, x.shape), node


# ---- the table against PyTorch ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 2e-4)])
@pytest.mark.parametrize(("row", "shapes"), CASES)
def test_output_and_gradients_are_those_of_pytorch(row, shapes, dtype, tolerance):
    torch = _torch()
    arrays = drawn(row, shapes, dtype)
    ours, other = leaves(arrays, dtype), [torch.tensor(a, requires_grad=True) for a in arrays]
    output, expected = row.ours(*ours), (row.theirs or row.ours)(*other)
    tolerance = max(tolerance, 1e-6) if row.op == "gelu" else tolerance
    np.testing.assert_allclose(output.data, expected.detach().numpy(), rtol=tolerance, atol=tolerance)
    g = np.random.default_rng(1).normal(size=output.shape).astype(output.dtype)
    output.backward(g)
    expected.backward(torch.tensor(g))
    for x, y in zip(ours, other, strict=True):
        assert x.grad.dtype == np.dtype(dtype)
        np.testing.assert_allclose(x.grad, y.grad.numpy(), rtol=tolerance, atol=tolerance)


CORNERS = [
    ("relu", lambda x: F.relu(x), lambda x: x.relu()),
    ("abs", lambda x: x.abs(), None),
    ("clip", lambda x: x.clip(-1, 1), None),
    ("maximum", lambda x: tt.maximum(x, x * 0), lambda x: _torch().maximum(x, x * 0)),
    ("minimum", lambda x: tt.minimum(x * 0, x), lambda x: _torch().minimum(x * 0, x)),
    ("max", lambda x: x.max(), None),
    ("min of a dim", lambda x: x.min(1), lambda x: x.amin(1)),
    ("leaky_relu", lambda x: F.leaky_relu(x, 0.5), lambda x: _torch().nn.functional.leaky_relu(x, 0.5)),
    ("pow", lambda x: x**0, None),
    (
        "pow with a tensor",
        lambda x: (x * x) ** Tensor([0.0, 1.0, 2.0]),
        lambda x: (x * x) ** _torch().tensor([0.0, 1.0, 2.0]),
    ),
    ("0 to a power", lambda x: (x * 0) ** (x * x + 1), None),
]


@pytest.mark.parametrize(("name", "ours", "their"), CORNERS, ids=[c[0] for c in CORNERS])
def test_corners_and_ties_are_resolved_as_pytorch_does(name, ours, their):
    torch = _torch()
    array = np.array([[0.0, -1.0, 1.0], [1.0, 1.0, 0.0], [-1.0, -1.0, -1.0]], np.float32)
    x, y = Tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    ours(x).sum().backward()
    (their or ours)(y).sum().backward()
    np.testing.assert_array_equal(x.grad, y.grad.numpy())


# ---- compositions ----------------------------------------------------------------------------------------------------


def attention(q, k, v):
    scores = (q @ k.transpose()) / 2.0
    return F.softmax(scores.masked_fill(np.triu(np.ones((3, 3)), 1), float("-inf"))) @ v


def normalised(x, scale):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (x.var(-1, keepdim=True, correction=0) + 1e-5).sqrt() * scale


def network(x, w, b, v):
    return F.log_softmax(F.gelu(F.linear(x, w, b)) @ v)[np.arange(4), [0, 1, 1, 0]].mean()


def recurrent(h, w):
    for _ in range(6):
        h = F.tanh(h @ w) + h
    return h


EXPRESSIONS = [
    (attention, ((2, 3, 4), (2, 3, 4), (2, 3, 5))),
    (normalised, ((2, 5), (5,))),
    (network, ((4, 3), (3, 5), (5,), (5, 2))),
    (recurrent, ((2, 3), (3, 3))),
    (lambda x: x * x.sum() / x.max() + tt.cat([x, x * 2]).mean(), ((5,),)),
    (lambda x: tt.stack([x, x.exp(), x]).permute(2, 0, 1).reshape(-1)[3:].clip(-1, 2), ((2, 3),)),
    (lambda x: checkpoint(lambda y: F.tanh(y * x), x * 2), ((3,),)),
]


@pytest.mark.parametrize(("fn", "shapes"), EXPRESSIONS, ids=range(len(EXPRESSIONS)))
@pytest.mark.parametrize("seed", range(3))
def test_gradients_of_whole_expressions(fn, shapes, seed):
    rng = np.random.default_rng(seed)
    assert gradcheck(fn, leaves([rng.normal(size=shape) for shape in shapes]))


# ---- the walk --------------------------------------------------------------------------------------------------------


def tracked(*shape, value=1.0):
    return Tensor(np.full(shape, value), requires_grad=True)


def test_gradients_add_up_over_calls_and_over_uses():
    x = Tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    (x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad, [5, 7])


def test_a_node_is_visited_once_however_many_paths_lead_to_it():
    x, seen = tracked(), []
    op = Op("test_seen", lambda a: a * 1)
    autograd.defvjp(op, lambda g, node: (seen.append(node.number), g)[1])
    h = apply(op, x)
    del Op.registry["test_seen"]
    for _ in range(60):  # 2**60 paths
        h = h + h
    h.backward()
    assert len(seen) == 1 and x.grad == 2.0**60


def late_and_early(x):
    """h is used by the next op, by the last but one and by the last."""
    h = x * x
    long = h
    for _ in range(5):
        long = F.tanh(long)
    return h * long + h


def test_a_node_waits_for_all_that_used_it():
    assert gradcheck(late_and_early, Tensor([0.5, -1.0, 2.0], requires_grad=True))


def test_a_second_backward_names_the_remedy_and_changes_nothing():
    x = tracked(2)
    shared = x.exp()
    shared.sum().backward()
    before = x.grad.copy()
    with pytest.raises(RuntimeError, match=r"retain_graph=True"):
        (shared * x).sum().backward()
    np.testing.assert_array_equal(x.grad, before)
    again = (x * 2).sum()
    again.backward(retain_graph=True)
    again.backward()
    with pytest.raises(RuntimeError, match=r"freed"):
        again.backward()
    np.testing.assert_allclose(x.grad, before + 4)


def test_backward_frees_the_graph_as_it_goes():
    x = tracked(3)
    h = x.exp()
    kept = weakref.ref(h)
    y = (h * h).sum()
    del h
    assert kept() is not None
    y.backward()
    assert kept() is None


def test_a_result_that_goes_out_of_use_takes_its_graph_with_it():
    x = tracked(3)
    h = x.exp()
    kept = weakref.ref(h)
    y = (h * h).sum()
    gc.disable()
    try:
        del h, y
        assert kept() is None  # by counting references alone: no cycle keeps it
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "step", [lambda h, x: h + x, lambda h, x: h * x, lambda h, x: F.relu(h), lambda h, x: tt.cat([h, x])[:2]]
)
def test_chains_of_10000_nodes_need_no_recursion(step):
    x = tracked(2)
    h = x
    for _ in range(10_000):
        h = step(h, x)
    h.sum().backward()
    assert np.isfinite(x.grad).all() and x.grad.min() >= 1
    retained = x * 1
    for _ in range(10_000):
        retained = step(retained, x)
    autograd.graph_to_dot(retained)
    del h, retained  # taking a graph down that nobody walked does not recurse either


def test_a_chain_of_10000_adds_is_right():
    x = tracked(2)
    h = x
    for _ in range(10_000):
        h = h + x
    h.sum().backward()
    np.testing.assert_array_equal(x.grad, [10_001, 10_001])


def test_a_loop_of_200000_steps_leaks_nothing():
    x, w = tracked(2), tracked(2)

    def run(steps):
        for _ in range(steps):
            x.grad = None
            (x * w).sum().backward()

    run(100)
    gc.collect()
    objects = len(gc.get_objects())
    tracemalloc.start()
    run(100)
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    run(200_000)
    tracemalloc.start()
    run(100)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    gc.collect()
    assert after <= before + 4096
    assert len(gc.get_objects()) <= objects + 100


def test_a_rule_with_the_wrong_shape_is_named():
    op = Op("test_lost", lambda a: a * 2)
    autograd.defvjp(op, lambda g, node: g.sum())
    output = apply(op, tracked(3)).sum()
    del Op.registry["test_lost"]
    with pytest.raises(RuntimeError, match=r"'test_lost' gave a gradient of shape \(\) for an input of shape \(3,\)"):
        output.backward()


# ---- whose memory a gradient is --------------------------------------------------------------------------------------

ALIASES = [
    lambda x, y: x + y,
    lambda x, y: (x + y) * 2,
    lambda x, y: (x - y).reshape(4).reshape(2, 2),
    lambda x, y: tt.cat([x, y]),
    lambda x, y: tt.stack([x.T, y.clone()]),
    lambda x, y: (x + y).T,
    lambda x, y: checkpoint(lambda a: (a + y) * 2, x),
    lambda x, y: tt.where(np.eye(2), x, y) + x + y,
]


@pytest.mark.parametrize("fn", ALIASES, ids=range(len(ALIASES)))
def test_gradients_share_memory_with_nothing(fn):
    x, y = tracked(2, 2), tracked(2, 2, value=3.0)
    output = fn(x, y)
    start = np.ones(output.shape, np.float32)
    output.backward(start)
    arrays = [x.grad, y.grad, x.data, y.data, output.data, start]
    for i, a in enumerate(arrays):
        assert not any(np.may_share_memory(a, b) for b in arrays[i + 1 :] if not (a is x.data or a is y.data))
    assert all(a.flags.writeable and a.flags.c_contiguous for a in (x.grad, y.grad))


def test_a_leaf_differentiated_by_itself():
    x, g = tracked(2), np.array([1.0, 2.0], np.float32)
    x.backward(g)
    g[:] = 9
    np.testing.assert_array_equal(x.grad, [1, 2])


def test_a_gradient_has_the_dtype_of_its_leaf():
    single, double = tracked(2), Tensor([1.0, 2.0], requires_grad=True, dtype=np.float64)
    (single * double).sum().backward()
    assert (single.grad.dtype, double.grad.dtype) == (np.float32, np.float64)


def test_constants_get_no_gradient():
    x, c = tracked(2), Tensor([1.0, 2.0])
    tt.cat([x, c]).sum().backward()
    assert c.grad is None and x.grad is not None


def test_only_retained_intermediates_keep_a_gradient():
    x = tracked(2)
    h = x * 2
    k = h * 3
    h.retain_grad()
    k.sum().backward()
    np.testing.assert_array_equal(h.grad, [3, 3])
    assert k.grad is None


def test_grad_gives_gradients_of_any_tensor_and_touches_none():
    x = tracked(2)
    h = x * 2
    gx, gh = grad((h * h).sum(), [x, h])
    np.testing.assert_array_equal(gh, [4, 4])
    np.testing.assert_array_equal(gx, [8, 8])
    assert x.grad is None and h.grad is None
    with pytest.raises(RuntimeError, match="input 1"):
        grad((x * 1).sum(), [x, tracked(3)])
    assert grad((x * 1).sum(), [tracked(3)], allow_unused=True) == (None,)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: backward(tracked(2) * 1), ValueError, r"\(2,\)"),
        (lambda: backward(tracked(2) * 1, np.ones(3)), ValueError, r"\(3,\).*\(2,\)"),
        (lambda: Tensor([1.0]).backward(), RuntimeError, "does not require"),
        (lambda: grad(tracked() * 1, Tensor([1.0])), RuntimeError, "input 0"),
        (lambda: retain_grad(Tensor([1.0])), RuntimeError, "retain_grad"),
        (lambda: checkpoint(lambda x: (x, x), tracked()), TypeError, "returned tuple"),
    ],
)
def test_misuse_is_told(call, error, words):
    with pytest.raises(error, match=words):
        call()


# ---- recording off and on --------------------------------------------------------------------------------------------


def test_no_grad_nests_with_enable_grad_and_survives_exceptions():
    states = [is_grad_enabled()]
    with no_grad():
        states.append(is_grad_enabled())
        with enable_grad():
            states.append(is_grad_enabled())
            with pytest.raises(KeyError), no_grad():
                states.append(is_grad_enabled())
                raise KeyError
            states.append(is_grad_enabled())
        states.append(is_grad_enabled())
    states.append(is_grad_enabled())
    assert states == [True, False, True, False, True, False, True]


def test_one_switch_may_be_opened_twice_and_decorate_with_and_without_parentheses():
    switch = no_grad()
    with switch:
        with switch:
            pass
        assert not is_grad_enabled()
    assert is_grad_enabled()

    @no_grad()
    def called(depth):
        return [is_grad_enabled()] + (called(depth - 1) if depth else [])

    @no_grad
    def bare():
        """Its text."""
        return is_grad_enabled()

    assert called(3) == [False] * 4 and is_grad_enabled()
    assert bare() is False and bare.__doc__ == "Its text." and bare.__name__ == "bare" and is_grad_enabled()


def test_nothing_is_recorded_under_no_grad():
    x = tracked(2)
    with no_grad():
        y = x * 2
    assert not y.requires_grad and y._node is None


# ---- ops of one's own, recomputing -----------------------------------------------------------------------------------


class Affine(Function):
    """scale * x + y, with a setting."""

    @staticmethod
    def forward(ctx, x, y, scale=1.0):
        ctx.save_for_backward(x)
        ctx.scale = scale
        return scale * x + y

    @staticmethod
    def backward(ctx, g):
        return ctx.scale * g, g if ctx.needs_input_grad[1] else None


def test_a_function_is_an_op():
    assert gradcheck(lambda x, y: Affine.apply(x, y, scale=3.0), [tracked(2, 3), tracked(2, 3)])
    x = tracked(2)
    Affine.apply(x, 1.0).sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 1])


def test_what_a_function_returns_is_copied_where_it_is_kept():
    class Held(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(np.full_like(x, 2))
            return x * 2 + y * 2

        @staticmethod
        def backward(ctx, g):
            return ctx.saved_tensors[0], ctx.saved_tensors[0]

    x, y = tracked(2), tracked(2)
    Held.apply(x, y).sum().backward()
    assert not np.may_share_memory(x.grad, y.grad)


def test_a_function_that_returns_too_few_gradients_is_named():
    class Short(Function):
        forward = staticmethod(lambda ctx, x, y: x + y)
        backward = staticmethod(lambda ctx, g: g)

    with pytest.raises(RuntimeError, match=r"Short.backward returned 1 gradients for 2 inputs"):
        Short.apply(tracked(2), tracked(2)).sum().backward()


def test_checkpoint_gives_the_same_gradients_from_a_shorter_tape():
    x, w = Tensor(np.linspace(-1, 1, 6).reshape(2, 3), requires_grad=True), tracked(3, 3, value=0.5)
    offset = w.sum()  # used by block without being given to it, and no leaf

    def block(h):
        dropped = h * (tt.rand(2, 3).data > 0.5)
        return F.tanh(dropped @ w) + offset

    tt.manual_seed(3)
    whole = block(block(x)).sum()
    plain_tape = len(reached(whole)[0])
    expected = grad(whole, [x, w], retain_graph=True)
    tt.manual_seed(3)
    short = checkpoint(block, checkpoint(block, x)).sum()
    assert len(reached(short)[0]) < plain_tape
    after = tt.rand(1).item()
    short.backward()
    np.testing.assert_allclose(x.grad, expected[0], rtol=1e-6)
    np.testing.assert_allclose(w.grad, expected[1], rtol=1e-6)
    tt.manual_seed(3)
    block(block(x))
    assert after == tt.rand(1).item()


def test_checkpoint_keeps_no_intermediate_result_alive():
    alive = []

    def block(h):
        hidden = h.exp()
        alive.append(weakref.ref(hidden))
        return hidden * hidden

    x = tracked(3)
    out = checkpoint(block, x)
    assert alive[0]() is None
    out.sum().backward()
    assert len(alive) == 2 and alive[1]() is None
    np.testing.assert_allclose(x.grad, 2 * np.exp(2 * x.data), rtol=1e-6)


def test_checkpoints_nest_and_do_nothing_under_no_grad():
    x = tracked(2, value=0.3)
    fn = lambda h: F.tanh(h * h)  # noqa: E731
    assert gradcheck(lambda x: checkpoint(lambda h: fn(checkpoint(fn, h)) + h, x), x)
    with no_grad():
        assert checkpoint(fn, x)._node is None
    np.testing.assert_allclose(grad(checkpoint(lambda h: h, x).sum(), x)[0], [1, 1])


# ---- the check and the drawing ---------------------------------------------------------------------------------------


def test_gradcheck_shows_both_gradients_and_the_index_of_the_worst_element():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            g = g.copy()
            g[1, 2] *= 2
            return g

    with pytest.raises(RuntimeError) as caught:
        gradcheck(Wrong.apply, tracked(2, 3))
    text = str(caught.value)
    assert "input 0 of shape (2, 3): 1 of 6 elements differ, most of all [1, 2]" in text
    assert "analytic" in text and "numeric" in text
    assert gradcheck(Wrong.apply, tracked(2, 3), raise_exception=False) is False


def test_gradcheck_finds_a_broken_graph_and_refuses_dice():
    with pytest.raises(RuntimeError, match="elements differ"):
        gradcheck(lambda x: Tensor(x.data * 2, dtype=np.float64), tracked(2))
    with pytest.raises(ValueError, match="two answers"):
        gradcheck(lambda x: F.dropout(x, 0.5), tracked(50))


def test_gradcheck_leaves_its_inputs_alone():
    x, constant = tracked(2), Tensor([3.0])
    assert gradcheck(lambda x, c: x * c, [x, constant])
    assert x.grad is None and x.dtype == np.float32 and constant.requires_grad is False


def test_the_drawing_is_dot():
    x, w = tracked(2, 3), tracked(3, 2)
    text = autograd.graph_to_dot((x @ w + 1).sum(), {'in "x"': x, "w": w})
    lines = text.splitlines()
    assert lines[0] == "digraph autograd {" and lines[-1] == "}"
    assert sum("->" in line for line in lines) == 4
    assert sum("shape=box" in line for line in lines) == 3
    assert r'label="in \"x\"\n(2, 3)"' in text and 'label="matmul\\n(2, 2)"' in text
