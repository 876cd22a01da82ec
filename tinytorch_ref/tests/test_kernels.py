"""The fast kernels against the clear ops in float64: values and all gradients over many shapes, layouts and groupings;
then when they stand in for an op and when not.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tinytorch as tt
from tinytorch import kernels, nn
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import Kernel, Op, use_kernels
from tinytorch.kernels import blas, conv, geometry, norm, pool, winograd, workspace

from autograder.compose import Layer, compose, reference_layers, with_students
from autograder.course import load_course

F = tt.nn.functional
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """The kernels, on, in one thread, and for small images too."""
    before = use_kernels(False)
    kernels.install(threads=1)
    monkeypatch.setattr(conv, "PIXELS", 1)
    monkeypatch.setattr(conv, "WORK", 1)
    monkeypatch.setattr(norm, "LEAST", 1)
    yield
    kernels.set_threads(1)
    use_kernels(before)


def layouts(x):
    """The same numbers in other places: in row order, channels last, and every second element of something larger."""
    spaced = np.full((x.shape[0], x.shape[1] + 1, 2 * x.shape[2], x.shape[3] + 2), np.nan, x.dtype)
    view = spaced[:, 1:, ::2, 1:-1]
    view[...] = x
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return {"rows": x.copy(), "last": last, "spaced": view}


def run(fn, arrays, g, dtype, layout="rows", g_layout="rows"):
    """[output, gradients of all inputs] and the node; the first input and the gradient are laid out as asked."""
    tensors = [Tensor(np.zeros(a.shape), dtype=dtype, requires_grad=True) for a in arrays]
    for t, a in zip(tensors, arrays, strict=True):
        t.data = a.astype(dtype)
    tensors[0].data = layouts(tensors[0].data)[layout]
    out = fn(*tensors)
    node = out._node
    out.backward(layouts(g.astype(dtype))[g_layout])
    return [out.data, *(t.grad for t in tensors)], node


def check(fn, shapes, tolerance=1e-5, layout="rows", g_layout="rows", kernel=True):
    """A kernel runs, and what it computes is the clear form's result in float64 up to the rounding of float32."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s).astype(np.float32) for s in shapes]
    g = rng.normal(size=fn(*(Tensor(a) for a in arrays)).shape).astype(np.float32)
    ours, node = run(fn, arrays, g, np.float32, layout, g_layout)
    exact, clear = run(fn, arrays, g, np.float64)
    assert isinstance(node.op, Kernel) == kernel, f"{node.op} ran"
    assert isinstance(clear.op, Op)
    for name, a, b in zip(("output", "x", "weight", "bias"), ours, exact, strict=False):
        assert a.shape == b.shape and a.dtype == np.float32, name
        scale = max(np.abs(b).max(initial=0), 1)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale, err_msg=name)
    return node


@pytest.fixture
def small_groups(monkeypatch):
    """A cache so small that a batch falls into many groups, the last of them smaller than the others."""
    for module in (winograd, geometry, pool, norm):
        monkeypatch.setattr(module, "CACHE", 60_000)


# (N, C, H, W), (O, C / groups, kh, kw), settings, the form that is expected
CONVOLUTIONS = [
    ((5, 16, 8, 8), (16, 16, 3, 3), dict(padding=1), "winograd"),
    ((3, 32, 32, 32), (32, 32, 3, 3), dict(padding=1), "winograd"),
    ((2, 17, 13, 11), (19, 17, 3, 3), dict(padding=1), "winograd"),
    ((3, 24, 9, 9), (8, 24, 3, 3), dict(padding=1), "winograd"),
    ((2, 4, 12, 8), (5, 4, 3, 3), dict(padding=1), "winograd"),
    ((2, 16, 12, 9), (24, 16, 3, 3), dict(padding=0), "winograd"),
    ((2, 16, 7, 10), (16, 16, 3, 3), dict(padding=2), "winograd"),
    ((2, 16, 16, 9), (16, 16, 3, 3), dict(padding=(0, 2)), "winograd"),
    ((2, 16, 6, 12), (16, 16, 3, 3), dict(padding=(2, 0)), "winograd"),
    ((1, 16, 3, 4), (16, 16, 3, 3), dict(padding=1), "winograd"),
    ((1, 128, 8, 8), (128, 128, 3, 3), dict(padding=1), "winograd"),
    ((70, 64, 4, 4), (128, 64, 3, 3), dict(padding=1), "winograd"),
    ((4, 3, 32, 32), (32, 3, 3, 3), dict(padding=1), "planes"),
    ((3, 1, 28, 28), (6, 1, 5, 5), dict(), "planes"),
    ((2, 3, 19, 23), (8, 3, 7, 7), dict(stride=2, padding=3), "planes"),
    ((2, 2, 9, 10), (4, 2, 3, 2), dict(stride=(2, 3), padding=(2, 1), dilation=(2, 3)), "planes"),
    ((2, 1, 3, 3), (1, 1, 3, 3), dict(padding=5), "planes"),
    ((3, 24, 9, 9), (3, 24, 3, 3), dict(padding=1), "windows"),
    ((3, 9, 9, 9), (32, 9, 3, 3), dict(padding=(3, 1)), "windows"),
    ((3, 9, 9, 9), (8, 9, 3, 3), dict(padding=(0, 3)), "windows"),
    ((3, 32, 9, 10), (16, 32, 3, 3), dict(stride=2, padding=1), "windows"),
    ((3, 32, 11, 10), (16, 32, 3, 3), dict(padding=2, dilation=2), "windows"),
    ((3, 32, 7, 6), (8, 32, 1, 1), dict(), "pointwise"),
    ((2, 1, 5, 5), (3, 1, 1, 1), dict(), "pointwise"),
    ((3, 8, 7, 6), (8, 8, 1, 1), dict(padding=1), "windows"),
    ((3, 32, 7, 6), (8, 32, 1, 1), dict(stride=2), "windows"),
    ((2, 16, 2, 2), (16, 16, 3, 3), dict(padding=1), "windows"),
    ((3, 12, 8, 9), (5, 12, 5, 4), dict(padding=(2, 1)), "winograd"),
    ((3, 6, 14, 14), (16, 6, 5, 5), dict(), "winograd"),
    ((2, 8, 13, 13), (8, 8, 5, 3), dict(padding=(4, 2)), "winograd"),
    ((2, 8, 9, 8), (8, 8, 2, 2), dict(padding=1), "winograd"),
    ((2, 8, 9, 11), (8, 8, 4, 1), dict(padding=(3, 0)), "winograd"),
    ((2, 8, 16, 20), (8, 8, 3, 7), dict(padding=3), "windows"),
    ((2, 8, 16, 20), (8, 8, 3, 7), dict(padding=(1, 3)), "winograd"),
    ((2, 8, 12, 12), (8, 8, 7, 7), dict(padding=3), "windows"),
    ((2, 8, 12, 12), (8, 8, 1, 3), dict(), "planes"),
    ((2, 64, 6, 6), (32, 16, 3, 3), dict(padding=1, groups=4), "windows"),
    ((2, 64, 6, 6), (32, 32, 1, 1), dict(groups=2), "windows"),
    ((3, 12, 9, 7), (12, 1, 3, 3), dict(padding=1, groups=12), "depthwise"),
    ((3, 12, 9, 7), (12, 1, 3, 5), dict(stride=2, padding=(1, 2), groups=12), "depthwise"),
    ((1, 5, 8, 8), (5, 1, 3, 3), dict(padding=2, dilation=2, groups=5), "depthwise"),
]  # fmt: skip
IDS = [f"{form} {x}-{w} {settings}" for x, w, settings, form in CONVOLUTIONS]


FORMS = ("winograd", "planes", "windows", "pointwise", "depthwise")
SOME = [next(row for row in CONVOLUTIONS if row[3] == form) for form in FORMS]


def convolution(settings):
    return lambda x, w, *bias: F.conv2d(x, w, *bias, **settings)


def attributes(settings):
    pair = lambda v: v if isinstance(v, tuple) else (v, v)  # noqa: E731
    given = {"stride": 1, "padding": 0, "dilation": 1, **settings}
    groups = given.pop("groups", 1)
    return {**{name: pair(value) for name, value in given.items()}, "groups": groups}


@pytest.mark.parametrize(("x", "w", "settings", "form"), CONVOLUTIONS, ids=IDS)
def test_a_convolution_and_its_gradients_equal_the_clear_form(x, w, settings, form):
    assert conv.form_of(x, w, **attributes(settings)) == form
    check(convolution(settings), (x, w, w[:1]))


@pytest.mark.parametrize(("x", "w", "settings", "form"), CONVOLUTIONS, ids=IDS)
@pytest.mark.parametrize("threads", [1, 2])
def test_groups_of_images_and_threads_change_nothing(x, w, settings, form, threads, small_groups):
    kernels.set_threads(threads)
    check(convolution(settings), ((7, *x[1:]), w, w[:1]))


@pytest.mark.parametrize("row", SOME, ids=lambda row: row[3])
@pytest.mark.parametrize(("layout", "g_layout"), [("last", "last"), ("spaced", "spaced"), ("rows", "last")])
def test_images_and_gradients_may_have_any_layout(row, layout, g_layout):
    x, w, settings, _ = row
    node = check(convolution(settings), (x, w, w[:1]), layout=layout, g_layout=g_layout)
    assert node.output.transpose(0, 2, 3, 1).flags.c_contiguous, "the result is channels last"


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 1, 1), (1, 3, 1, 1), (3, 1, 2, 1), (0, 2, 3, 4), (4, 5, 1, 2)])
def test_new_images_lie_channels_last_and_own_their_memory(shape):
    images = workspace.images(*shape)
    assert images.shape == shape and images.dtype == np.float32 and images.base is None
    assert workspace.last(images).flags.c_contiguous


@pytest.mark.parametrize(
    ("fn", "shapes"),
    [
        (lambda x, w: F.conv2d(x, w, padding=1), ((4, 16, 8, 8), (16, 16, 3, 3))),
        (lambda x, w: F.conv2d(x, w), ((4, 16, 8, 8), (16, 16, 1, 1))),
        (lambda x, w: F.conv2d(x, w, padding=2, dilation=2), ((4, 16, 8, 8), (16, 16, 3, 3))),
        (lambda x, w: F.conv2d(x, w, stride=2), ((4, 16, 8, 8), (16, 16, 3, 3))),
        (lambda x, w: F.conv2d(x, w), ((4, 3, 8, 8), (16, 3, 3, 3))),
        (lambda x, w: F.conv2d(x, w, groups=16), ((4, 16, 8, 8), (16, 1, 3, 3))),
        (lambda x: F.max_pool2d(x, 2), ((4, 16, 8, 8),)),
        (lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), ((4, 16, 8, 8), (16,), (16,))),
    ],
)
def test_gradients_of_images_own_their_memory_so_that_the_walk_need_not_copy_them(fn, shapes):
    out = fn(*(Tensor(np.ones(s), requires_grad=True) for s in shapes))
    gradients = out._node.op.vjp(np.ones_like(out.data), out._node)
    assert gradients[0].base is None


@pytest.mark.parametrize("row", SOME, ids=lambda row: row[3])
def test_a_bias_may_be_absent(row):
    x, w, settings, _ = row
    check(convolution(settings), (x, w))


@pytest.mark.parametrize("wanted", [(True, False, False), (False, True, False), (False, False, True)])
@pytest.mark.parametrize("row", SOME, ids=lambda row: row[3])
def test_only_gradients_that_are_wanted_are_computed(row, wanted):
    x, w, settings, _ = row
    rng = np.random.default_rng(0)
    tensors = [Tensor(rng.normal(size=s), requires_grad=r) for s, r in zip((x, w, w[:1]), wanted, strict=True)]
    out = convolution(settings)(*tensors)
    node = out._node
    found = node.op.vjp(np.ones_like(out.data), node)
    assert [g is not None for g in found] == list(wanted)


def test_what_the_kernels_do_not_take_runs_in_the_clear_form(monkeypatch):
    monkeypatch.undo()

    def origin(x, w, dtype=np.float32, **settings):
        rng = np.random.default_rng(0)
        images, weight = (Tensor(rng.normal(size=s), dtype=dtype, requires_grad=True) for s in (x, w))
        return type(F.conv2d(images, weight, **settings)._node.op)

    assert origin((8, 16, 10, 10), (16, 16, 3, 3)) is Kernel
    assert origin((2, 16, 10, 9), (64, 16, 3, 3)) is Op  # few pixels
    assert origin((8, 4, 10, 10), (4, 4, 3, 3)) is Op  # little work
    assert origin((8, 16, 10, 10), (16, 16, 3, 3), np.float64) is Op
    assert origin((0, 16, 10, 10), (16, 16, 3, 3)) is Op
    assert origin((8, 16, 10, 10), (16, 4, 3, 3), groups=4) is Op


def test_an_empty_batch_has_empty_results_and_no_gradient():
    x, w = Tensor(np.zeros((0, 16, 8, 8)), requires_grad=True), Tensor(np.ones((16, 16, 3, 3)), requires_grad=True)
    out = F.max_pool2d(F.relu(F.conv2d(x, w, padding=1)), 2)
    assert out.shape == (0, 16, 4, 4)
    out.backward(np.zeros(out.shape, np.float32))
    assert x.grad.shape == x.shape and not w.grad.any()


def test_a_result_stays_what_it_was_when_the_kernel_runs_again():
    rng = np.random.default_rng(0)
    layer = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.MaxPool2d(2))
    first = layer(Tensor(rng.normal(size=(4, 3, 16, 16))))
    before = first.data.copy()
    second = layer(Tensor(rng.normal(size=(4, 3, 16, 16))))
    np.testing.assert_array_equal(first.data, before)
    assert not np.shares_memory(first.data, second.data)


def test_winograds_rounding_is_within_a_few_times_that_of_the_direct_sum():
    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=s).astype(np.float32) for s in ((4, 64, 16, 16), (64, 64, 3, 3)))

    def result(dtype):
        return F.conv2d(Tensor(x, dtype=dtype), Tensor(w, dtype=dtype), padding=1).data

    exact = result(np.float64)
    fast = np.abs(result(np.float32) - exact).mean()
    use_kernels(False)
    assert 0 < fast < 5 * np.abs(result(np.float32) - exact).mean()


# ---- pooling and ReLU ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 3, 4, 6), (3, 32, 9, 7), (1, 1, 2, 2), (7, 20, 16, 16), (2, 2, 3, 2)])
@pytest.mark.parametrize(("layout", "g_layout"), [("rows", "rows"), ("last", "last"), ("spaced", "spaced")])
def test_pooling_equals_the_clear_form(shape, layout, g_layout, small_groups):
    check(lambda x: F.max_pool2d(x, 2), (shape,), tolerance=1e-7, layout=layout, g_layout=g_layout)


def test_of_equal_numbers_the_first_in_row_order_gets_the_gradient():
    patterns = np.array([[[i >> 0 & 1, i >> 1 & 1], [i >> 2 & 1, i >> 3 & 1]] for i in range(16)], np.float32)
    x = Tensor(patterns[:, None], requires_grad=True)
    F.max_pool2d(x, 2).backward(np.full((16, 1, 1, 1), -2, np.float32))
    expected = np.zeros((16, 4), np.float32)
    expected[np.arange(16), patterns.reshape(16, 4).argmax(axis=1)] = -2
    np.testing.assert_array_equal(x.grad.reshape(16, 4), expected)


@pytest.mark.parametrize(
    "settings", [dict(kernel_size=3), dict(kernel_size=2, stride=1), dict(kernel_size=2, padding=1)]
)
def test_other_pooling_runs_in_the_clear_form(settings):
    check(lambda x: F.max_pool2d(x, **settings), ((2, 3, 6, 6),), tolerance=1e-7, kernel=False)


def test_nothing_is_kept_for_a_way_back_that_is_not_recorded():
    with tt.no_grad():
        assert (
            pool.forward(np.ones((1, 1, 2, 2), np.float32), kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))[1]
            is None
        )


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("layout", "g_layout"), [("rows", "rows"), ("last", "last"), ("last", "rows"), ("spaced", "last")]
)
def test_relu_equals_the_clear_form_in_any_layout(layout, g_layout, threads):
    kernels.set_threads(threads)
    node = check(F.relu, ((9, 16, 31, 33),), tolerance=0, layout=layout, g_layout=g_layout)
    if layout == "last":
        assert node.output.transpose(0, 2, 3, 1).flags.c_contiguous


def test_relu_of_few_or_other_numbers_runs_in_the_clear_form():
    for shape, dtype in (((4, 4), np.float32), ((512, 512), np.float64)):
        assert type(F.relu(Tensor(np.ones(shape), dtype=dtype, requires_grad=True))._node.op) is Op


# ---- batch normalisation ---------------------------------------------------------------------------------------------


def batch_norm(**given):
    return lambda x, w, b: F.batch_norm(x, given.get("mean"), given.get("var"), w, b, training=not given)


@pytest.mark.parametrize("shape", [(8, 32, 16, 16), (5, 17, 13, 19), (2, 3, 64, 64), (70, 64, 4, 4), (1, 130, 16, 16)])
@pytest.mark.parametrize(("layout", "g_layout"), [("rows", "rows"), ("last", "last"), ("spaced", "spaced")])
def test_batch_normalisation_equals_the_clear_form(shape, layout, g_layout, small_groups):
    check(batch_norm(), (shape, shape[1:2], shape[1:2]), layout=layout, g_layout=g_layout)


@pytest.mark.parametrize("threads", [1, 2])
def test_batch_normalisation_with_given_statistics(threads, small_groups):
    kernels.set_threads(threads)
    rng = np.random.default_rng(1)
    mean, var = rng.normal(size=32).astype(np.float32), rng.uniform(0.5, 2, 32).astype(np.float32)
    check(batch_norm(mean=mean, var=var), ((6, 32, 16, 16), (32,), (32,)))


def test_a_mean_of_many_standard_deviations_costs_no_digits():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(8, 16, 16, 16)) + 1000).astype(np.float32)
    g = rng.normal(size=x.shape).astype(np.float32)
    arrays = [x, np.ones(16, np.float32), np.zeros(16, np.float32)]
    ours, node = run(batch_norm(), arrays, g, np.float32)
    exact, _ = run(batch_norm(), arrays, g, np.float64)
    assert isinstance(node.op, Kernel)
    var = norm.forward(*arrays, mean=None, var=None, eps=0.0)[1][1]
    np.testing.assert_allclose(var, x.astype(np.float64).var(axis=(0, 2, 3)), rtol=1e-5)
    for a, b in zip(ours, exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * np.abs(b).max())


def test_a_constant_channel_becomes_the_bias():
    x = Tensor(np.full((8, 16, 16, 16), 3.3))
    out = F.batch_norm(x, None, None, Tensor(np.ones(16)), Tensor(np.full(16, 0.5)), training=True)
    np.testing.assert_allclose(out.data, 0.5, atol=1e-3)


def test_the_layer_keeps_the_same_running_statistics():
    rng = np.random.default_rng(0)
    images = [rng.normal(2, 3, size=(8, 16, 16, 16)) for _ in range(3)]

    def statistics(on):
        use_kernels(on)
        layer = nn.BatchNorm2d(16)
        for x in images:
            layer(Tensor(x, requires_grad=True))
        return layer.running_mean.data, layer.running_var.data

    for fast, clear in zip(statistics(True), statistics(False), strict=True):
        np.testing.assert_allclose(fast, clear, rtol=1e-5)


# ---- a network, and who is replaced ----------------------------------------------------------------------------------


def network():
    tt.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2048, 10),
    )  # fmt: skip


def test_a_network_learns_the_same_with_kernels_and_without():
    rng = np.random.default_rng(0)
    x, y = Tensor(rng.normal(size=(16, 3, 32, 32))), rng.integers(0, 10, 16)

    def losses(on):
        use_kernels(on)
        model, values = network(), []
        optimizer = tt.optim.SGD(model.parameters(), lr=0.01)
        for _ in range(4):
            loss = nn.CrossEntropyLoss()(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            values.append(float(loss.data))
        return values

    fast, clear = losses(True), losses(False)
    assert fast[-1] < fast[0]
    np.testing.assert_allclose(fast, clear, rtol=2e-3)


def test_switching_off_brings_the_clear_forms_back_and_installing_again_adds_nothing():
    count = [len(op.kernels) for op in Op.registry.values()]
    assert kernels.install() == kernels.install()
    assert [len(op.kernels) for op in Op.registry.values()] == count
    x = Tensor(np.ones((1, 16, 8, 8)), requires_grad=True)
    layer = nn.Conv2d(16, 16, 3)
    assert type(layer(x)._node.op) is Kernel
    assert tt.use_kernels(False) is True
    assert type(layer(x)._node.op) is Op


@pytest.mark.parametrize(
    ("student", "left"),
    [
        (None, ["batch_norm", "conv2d", "max_pool2d", "relu"]),
        ("a09_spatial", ["relu"]),
        ("a02_activations", ["batch_norm", "conv2d", "max_pool2d"]),
        ("a05_autograd", ["batch_norm", "conv2d", "max_pool2d"]),
    ],
)
def test_no_kernel_stands_in_for_what_a_student_wrote(student, left, tmp_path):
    course = load_course(ROOT)
    layers = reference_layers(course)
    if student:
        files = {path: course.solution(student) / path for path in course.by_key[student].writes}
        layers = with_students(course, [Layer(student, "student", files)])
    compose(course, layers, tmp_path, linked=True)
    program = "from tinytorch import kernels; print(*(k.op.name for k in kernels.install()))"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert sorted(set(done.stdout.split()) & {"batch_norm", "conv2d", "max_pool2d", "relu"}) == left


# ---- threads and memory ----------------------------------------------------------------------------------------------


def test_each_group_is_handled_once_whatever_the_number_of_threads():
    for threads in (1, 2, 3):
        kernels.set_threads(threads)
        shares = workspace.spread(list, 11, 2)
        assert len(shares) == threads
        assert [g for share in shares for g in share] == [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10), (10, 11)]


def test_an_error_in_a_thread_reaches_the_caller():
    kernels.set_threads(2)

    def worker(groups):
        if groups[0][0]:
            raise ZeroDivisionError("in the second share")

    with pytest.raises(ZeroDivisionError, match="second share"):
        workspace.spread(worker, 4, 1)


def test_threads_are_counted_from_one():
    with pytest.raises(ValueError, match="at least one"):
        kernels.set_threads(0)
    assert kernels.set_threads(2) == 1 and kernels.set_threads(1) == 2


def test_products_get_their_threads_back_when_the_last_caller_leaves(monkeypatch):
    now = [4]
    monkeypatch.setattr(blas, "_library", lambda: (lambda: now[-1], now.append))
    with blas.one_thread():
        assert workspace.spread(lambda groups: blas.threads(), 1, 1) == [1]
        assert blas.threads() == 1
    assert blas.threads() == 4


def test_the_library_that_numpy_brings_along_is_found_and_obeys():
    config = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    before = blas.threads()
    assert (before is not None) == (config["name"] == "scipy-openblas")
    with blas.one_thread():
        assert blas.threads() == (1 if before else None)
    assert blas.threads() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_makes_threads_of_its_own():
    program = """
import os, signal
from tinytorch.kernels import set_threads, workspace
set_threads(2)
work = lambda: sum(workspace.spread(len, 4, 1))
work()
if os.fork() == 0:
    signal.alarm(20)
    os._exit(work())
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(tt.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["4"]


def test_the_environment_says_how_many_threads_there_are_by_default(monkeypatch):
    monkeypatch.setattr(workspace, "cores", lambda: 4)
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert kernels.default_threads() == 4
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert kernels.default_threads() == 3
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    assert kernels.default_threads() == 1


def test_scratch_is_one_buffer_a_name_and_thread():
    a = workspace.scratch.take("test", 3, 4)
    b = workspace.scratch.take("test", 2)
    assert np.shares_memory(a, b) and a.ctypes.data % 64 == 0
    kernels.set_threads(2)
    first, second = workspace.spread(lambda groups: workspace.scratch.take("test", 4).ctypes.data, 2, 1)
    assert first != second
    del workspace.scratch.buffers["test"]


def test_kept_memory_is_not_cleared_anew_at_every_step():
    program = """
import resource, numpy as np
from tinytorch.kernels import keep_memory
kept = keep_memory(64 << 20)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(600_000, np.float32) for _ in range(20)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(kept, *[faults() for _ in range(3)])
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(tt.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    kept, *faults = done.stdout.split()
    glibc = platform.system() == "Linux" and platform.libc_ver()[0] == "glibc"
    assert kept == str(glibc)
    assert not glibc or int(faults[-1]) < 100, f"page faults: {faults}"


def test_sums_of_columns_of_any_length():
    rng = np.random.default_rng(0)
    for n in (0, 1, 1000, 1024, 5000):
        rows = rng.normal(size=(n, 3)).astype(np.float32)
        np.testing.assert_allclose(workspace.column_sums(rows), rows.sum(axis=0, dtype=np.float64), atol=1e-4)
