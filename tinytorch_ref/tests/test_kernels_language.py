"""The kernels of language models against the clear ops in float64: values and all gradients over shapes, masks, layouts
and block sizes that leave remainders; then what they promise beside that."""

import math
import tracemalloc

import numpy as np
import pytest
import tinytorch as tt
from tinytorch import kernels, nn
from tinytorch.core.attention import ATTENTION
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import next_token_loss
from tinytorch.dispatch import Kernel, Op, use_kernels
from tinytorch.kernels import aligned, attention, cross_entropy, gelu, layer_norm, linear, panels

F = nn.functional


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """Kernels take arrays of any size, and cut them into small blocks."""
    before = use_kernels(False)
    kernels.install(threads=1)
    for module in (attention, cross_entropy, gelu, layer_norm, linear):
        monkeypatch.setattr(module, "LEAST", 0)
    for module in (cross_entropy, gelu, layer_norm):
        monkeypatch.setattr(module, "STRETCH", 700)
    monkeypatch.setattr(linear, "BLOCK", 200)
    monkeypatch.setattr(attention, "ROWS", 8)
    monkeypatch.setattr(attention, "ROOM", 30_000)
    attention._triangle.cache_clear()
    yield
    kernels.set_threads(1)
    use_kernels(before)


def spaced(x):
    """The same numbers as every second element of every row of something larger."""
    larger = np.full((*x.shape[:-1], 2 * x.shape[-1] + 1), np.nan, x.dtype)
    larger[..., 1::2] = x
    return larger[..., 1::2]


def heads(x):
    """(batch, heads, T, D) as a layer has them: a view of (batch, T, heads, D)."""
    return np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2) if x.ndim == 4 else x.copy()


LAYOUTS = {"rows": np.copy, "spaced": spaced, "heads": heads}


def run(fn, arrays, g, dtype, layout="rows"):
    """Output, gradients of all inputs, and the node."""
    tensors = [Tensor(np.zeros(a.shape), dtype=dtype, requires_grad=True) for a in arrays]
    for t, a in zip(tensors, arrays, strict=True):
        t.data = LAYOUTS[layout](a.astype(dtype))
    out = fn(*tensors)
    node = out._node
    out.backward(LAYOUTS[layout](g.astype(dtype)))
    return [out.data, *(t.grad for t in tensors)], node


def check(fn, arrays, layout="rows", tolerance=2e-6, g=None, runs=True):
    """A kernel runs (or none does), and its results are those of the clear form up to the rounding of float32."""
    arrays = [np.asarray(a, np.float32) for a in arrays]
    shape = fn(*(Tensor(a) for a in arrays)).shape
    g = np.asarray(np.random.default_rng(9).normal(size=shape) if g is None else g, np.float32)
    ours, node = run(fn, arrays, g, np.float32, layout)
    exact, clear = run(fn, arrays, g, np.float64)
    assert isinstance(node.op, Kernel) == runs, f"{node.op} ran"
    assert isinstance(clear.op, Op)
    for i, (a, b) in enumerate(zip(ours, exact, strict=True)):
        assert a.shape == b.shape and a.dtype == np.float32, i
        finite = np.abs(b[np.isfinite(b)]).max(initial=0)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(finite, 1), err_msg=f"result {i}")
    return node


def draw(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


both_threads = pytest.mark.parametrize("threads", [1, 2])


# ---- linear

LINEAR = [
    ((5, 7, 13), (13, 9)), ((1, 1), (1, 1)), ((300, 128), (128, 512)), ((300, 512), (512, 128)), ((2, 129, 128), (128, 65)),
    ((450, 64), (64, 64)), ((450, 160), (160, 50)), ((200, 300), (300, 170)), ((257, 31), (31, 997)), ((3, 4, 5, 8), (8, 6)),
    ((64, 128), (128, 128)), ((401, 200), (200, 96)),
]  # fmt: skip


@pytest.mark.parametrize(("x", "w"), LINEAR)
@both_threads
def test_linear_equals_the_clear_form(x, w, threads):
    kernels.set_threads(threads)
    check(F.linear, draw(x, w, w[1:]), tolerance=1e-5)
    check(F.linear, draw(x, w), tolerance=1e-5)


@pytest.mark.parametrize(("x", "w"), [LINEAR[0], LINEAR[2], LINEAR[3]])
def test_linear_takes_arrays_that_are_not_contiguous(x, w):
    check(F.linear, draw(x, w, w[1:]), layout="spaced", tolerance=1e-5)
    tied = lambda x, w: F.linear(x, w.T)  # noqa: E731
    check(tied, draw(x, w[::-1]), tolerance=1e-5)


def test_linear_computes_only_the_gradients_that_are_wanted():
    x, w, b = (Tensor(a) for a in draw((300, 128), (128, 64), (64,)))
    for chosen in (x, w, b):
        for t in (x, w, b):
            t.requires_grad, t.grad = t is chosen, None
        out = F.linear(x, w, b)
        gradients = out._node.op.vjp(np.ones(out.shape, np.float32), out._node)
        assert [g is not None for g in gradients] == [t is chosen for t in (x, w, b)]


def test_shapes_that_do_not_fit_are_the_clear_form_s_error():
    x, w = (Tensor(a) for a in draw((300, 128), (64, 64)))
    with pytest.raises(ValueError, match=r"input \(300, 128\) does not fit weight \(64, 64\)"):
        F.linear(x, w)


@pytest.mark.parametrize(
    ("n", "width"), [(1, 1), (64, 64), (65, 65), (128, 64), (512, 64), (1000, 50), (997, None), (83, None), (160, 80)]
)
def test_panels_have_one_width_that_divides_the_weight(n, width):
    assert panels.panel_width(n) == width


# ---- GELU


@pytest.mark.parametrize("form", ["none", "tanh"])
@pytest.mark.parametrize("shape", [(1,), (3, 699), (2, 3, 500), (1400,)])
@both_threads
def test_gelu_equals_the_clear_form(form, shape, threads):
    kernels.set_threads(threads)
    (x,) = draw(shape)
    for layout in ("rows", "spaced"):
        check(lambda x: F.gelu(x, form), [3 * x], layout=layout)


@pytest.mark.parametrize("form", ["none", "tanh"])
def test_gelu_is_right_everywhere_and_has_its_limits_far_out(form):
    # Near 5 the cubic's slope multiplies the rounding of s by 34.
    tolerance = {"none": 1e-6, "tanh": 4e-6}[form]
    check(lambda x: F.gelu(x, form), [np.linspace(-12, 12, 20_001)], tolerance=tolerance, g=np.ones(20_001))
    far = [-math.inf, -1e38, -1e20, -1000, -30, -0.0, 0, 30, 1000, 1e20, 1e38, math.inf, math.nan]
    # Scaling by the largest finite number would hide everything: compare what is not huge.
    with np.errstate(all="raise", under="ignore"):
        ours, node = run(lambda x: F.gelu(x, form), [np.array(far)], np.ones(len(far)), np.float32)
    assert isinstance(node.op, Kernel)
    np.testing.assert_allclose(ours[0][:5], [0] * 5, rtol=0, atol=1e-8)
    np.testing.assert_array_equal(ours[0][7:], np.float32(far[7:]))
    np.testing.assert_allclose(ours[1], [0] * 5 + [0.5, 0.5] + [1] * 5 + [math.nan], atol=1e-7)


# ---- layer normalisation


@pytest.mark.parametrize("shape", [(1, 1), (3, 5, 7), (300, 128), (2, 1100), (41, 33), (6, 2, 512), (9,)])
@pytest.mark.parametrize("layout", ["rows", "spaced"])
@both_threads
def test_layer_norm_equals_the_clear_form(shape, layout, threads):
    kernels.set_threads(threads)
    x, w, b = draw(shape, shape[-1:], shape[-1:])
    norm = lambda x, w, b: F.layer_norm(x, shape[-1], w, b)  # noqa: E731
    check(norm, [x, w, b], layout=layout, tolerance=5e-6)


def test_layer_norm_keeps_its_digits_where_the_mean_is_large():
    x, w, b = draw((50, 128), (128,), (128,))
    check(lambda x, w, b: F.layer_norm(x, 128, w, b), [x + 1000, w, b], tolerance=1e-3)
    check(lambda x, w, b: F.layer_norm(x, 128, w, b), [1e-4 * x, w, b], tolerance=1e-5)


# ---- attention

# q, k, v
ATTENDED = [
    ((1, 1), (1, 1), (1, 1)), ((20, 4), (20, 4), (20, 4)), ((3, 17, 5), (3, 17, 5), (3, 17, 6)),
    ((2, 3, 33, 8), (2, 3, 33, 8), (2, 3, 33, 8)), ((5, 2, 9, 4), (5, 2, 30, 4), (5, 2, 30, 3)),
    ((5, 2, 30, 4), (5, 2, 9, 4), (5, 2, 9, 3)), ((2, 2, 3, 10, 4), (2, 2, 3, 10, 4), (2, 2, 3, 10, 4)),
    ((7, 1, 8, 4), (7, 1, 8, 4), (7, 1, 8, 4)),
]  # fmt: skip


def attend(**settings):
    return lambda q, k, v: F.attention(q, k, v, **settings)


@pytest.mark.parametrize("shapes", ATTENDED, ids=str)
@pytest.mark.parametrize("causal", [False, True])
@both_threads
def test_attention_equals_the_clear_form(shapes, causal, threads):
    kernels.set_threads(threads)
    check(attend(is_causal=causal), draw(*shapes), tolerance=5e-6)


@pytest.mark.parametrize("layout", ["heads", "spaced"])
def test_attention_takes_any_layout_and_keeps_that_of_heads(layout):
    node = check(attend(is_causal=True), draw(*ATTENDED[3]), layout=layout, tolerance=5e-6)
    gradients = node.op.vjp(node.output, node) if node.inputs else ()
    assert not gradients  # the walk has freed the node
    q, k, v = (Tensor(np.zeros(s)) for s in ATTENDED[3])
    for t, a in zip((q, k, v), draw(*ATTENDED[3]), strict=True):
        t.data, t.requires_grad = heads(a), True
    out = F.attention(q, k, v)
    assert out.data.swapaxes(1, 2).flags.c_contiguous
    for gradient in out._node.op.vjp(out.data, out._node):
        assert gradient.swapaxes(1, 2).flags.c_contiguous


@pytest.mark.parametrize("shapes", ATTENDED[1:], ids=str)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kind", ["everywhere", "keys", "queries", "nobody"])
def test_masks_and_rows_that_may_look_nowhere(shapes, causal, kind):
    q, k, _ = shapes
    rng = np.random.default_rng(3)
    full = (*q[:-1], k[-2])
    size = {"everywhere": full, "keys": (1, k[-2]), "queries": (q[-2], 1), "nobody": full}[kind]
    mask = rng.random(size) < 0.6
    if kind == "nobody":
        mask[...] = False
    check(attend(is_causal=causal, mask=mask), draw(*shapes), tolerance=5e-6)


@pytest.mark.parametrize("scale", [100.0, 1e4])
@pytest.mark.parametrize("mask", [None, np.arange(33) % 3 > 0])
def test_scores_of_any_size_neither_overflow_nor_vanish(scale, mask):
    q, k, v = draw(*ATTENDED[3])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        check(attend(is_causal=True, mask=mask, scale=scale / 100), [10 * q, 10 * k, v], tolerance=scale * 1e-5)


def test_rows_whose_scores_are_all_far_below_the_others_are_weighed_like_them():
    q, k, v = draw((1, 20, 4), (1, 20, 4), (1, 20, 4))
    k[..., 0] = 1
    q[:, ::2, 0] = -500
    check(attend(), [q, k, v], tolerance=5e-5)


def test_attention_holds_no_matrix_of_all_scores(monkeypatch):
    monkeypatch.setattr(attention, "ROWS", 64)
    T = 1024
    q, k, v = draw(*[(1, 4, T, 32)] * 3)
    tracemalloc.start()
    out, _ = attention.forward(q, k, v, is_causal=True, scale=1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 4 * T * T / 4
    clear, _ = ATTENTION.forward(q, k, v, is_causal=True, scale=1.0)
    np.testing.assert_allclose(out, clear, atol=1e-5)


def test_a_wide_causal_block_is_hidden_beside_its_diagonal_too(monkeypatch):
    monkeypatch.setattr(attention, "FLAT", 10)
    check(attend(is_causal=True), draw(*ATTENDED[3]), tolerance=5e-6)
    check(attend(is_causal=True), draw(*ATTENDED[4]), tolerance=5e-6)
    check(attend(is_causal=True), draw(*ATTENDED[5]), tolerance=5e-6)


def test_leading_dimensions_that_broadcast_are_left_to_the_clear_form():
    check(attend(), draw((4, 1, 8, 4), (1, 3, 8, 4), (4, 3, 8, 4)), runs=False)


# ---- cross entropy


@pytest.mark.parametrize(("count", "classes"), [(1, 1), (7, 3), (300, 65), (5, 1000), (40, 17)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@both_threads
def test_cross_entropy_equals_the_clear_form(count, classes, reduction, threads):
    kernels.set_threads(threads)
    (x,) = draw((count, classes))
    targets = np.random.default_rng(1).integers(0, classes, size=count)
    for layout, factor in (("rows", 3), ("spaced", 200)):
        loss = lambda x: F.cross_entropy(x, targets, reduction=reduction)  # noqa: E731
        check(loss, [factor * x], layout="rows" if reduction != "none" else layout, tolerance=5e-6)


@pytest.mark.parametrize("settings", [{"label_smoothing": 0.1}, {"ignore_index": 2}, {"weight": np.arange(1, 4)}])
def test_cross_entropy_with_settings_is_left_to_the_clear_form(settings):
    targets = np.array([0, 1, 2, 1])
    check(lambda x: F.cross_entropy(x, targets, **settings), draw((4, 3)), runs=False)


# ---- all together


def trained(threads):
    """The parameters of a small GPT after three steps, and its losses."""
    kernels.set_threads(threads)
    tt.manual_seed(0)
    model = nn.GPT(30, 32, 2, 4, 24, dropout=0.1)
    optimizer = tt.optim.AdamW(model.parameters(), lr=1e-2)
    ids = np.random.default_rng(0).integers(0, 30, size=(6, 25))
    losses = []
    for _ in range(3):
        loss = next_token_loss(model(ids[:, :-1]), ids[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.concatenate([p.data.ravel() for p in model.parameters()]), losses


def test_a_gpt_learns_the_same_with_and_without_kernels():
    fast, losses = trained(1)
    use_kernels(False)
    clear, others = trained(1)
    np.testing.assert_allclose(losses, others, rtol=1e-5)
    assert losses[2] < losses[0]
    np.testing.assert_allclose(fast, clear, atol=2e-4)  # Adam divides by what may be rounding alone


@both_threads
def test_a_training_repeats_to_the_last_bit(threads):
    first, second = trained(threads), trained(threads)
    assert first[1] == second[1]
    np.testing.assert_array_equal(first[0], second[0])


def test_new_arrays_begin_at_a_cache_line_and_keep_the_order_of_dimensions():
    for shape in ((3,), (2, 5), (1, 2, 3, 7), (0, 4)):
        assert aligned.empty(*shape).shape == shape
        assert 0 in shape or aligned.empty(*shape).ctypes.data % 64 == 0
    x = np.zeros((2, 3, 4, 5), np.float32).transpose(0, 2, 1, 3)
    assert aligned.empty_like(x).strides == x.strides
    assert aligned.empty_like(x, 7).shape == (2, 4, 3, 7)


KERNELS = {"linear", "gelu", "cross_entropy", "attention", "layer_norm"}
RULES = {"linear", "gelu", "cross_entropy", "relu"}


@pytest.mark.parametrize(
    ("theirs", "gone"),
    [
        ("tinytorch/core/autograd.py", RULES), ("tinytorch/core/activations.py", {"gelu", "relu"}),
        ("tinytorch/core/layers.py", {"linear"}), ("tinytorch/core/losses.py", {"cross_entropy"}),
        ("tinytorch/core/attention.py", {"attention"}), ("tinytorch/core/transformers.py", {"layer_norm"}),
    ],
)  # fmt: skip
def test_no_kernel_stands_in_for_rules_that_a_student_wrote(monkeypatch, theirs, gone):
    """What `install` takes from its table in a composition in which one file is a student's."""
    made = []
    monkeypatch.setattr(kernels, "_installed", [])
    monkeypatch.setattr(kernels, "is_reference", lambda file: file != theirs)
    monkeypatch.setattr(kernels, "register_kernel", lambda op, *rest: made.append(op))
    kernels.install(threads=1)
    assert KERNELS - gone <= set(made)
    assert not gone & set(made)
