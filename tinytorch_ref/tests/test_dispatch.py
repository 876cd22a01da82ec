"""How ops run and what they record, independent of any assignment but the tensor itself."""

import gc
import weakref

import numpy as np
import pytest
from tinytorch import dispatch
from tinytorch.core.tensor import Tensor
from tinytorch.dispatch import Node, Op, TensorBase, apply, recording, register_kernel, use_kernels


@pytest.fixture
def double():
    """An op of this test alone; it can be differentiated."""
    op = Op("test_double", lambda a: a * 2)
    op.vjp = lambda g, node: (g * 2,)
    yield op
    del Op.registry["test_double"]


@pytest.fixture
def total():
    op = Op("test_total", lambda a, b, scale=1: (a + b) * scale)
    op.vjp = lambda g, node: (g, g)
    yield op
    del Op.registry["test_total"]


def tensor(values, requires_grad=False):
    return Tensor(np.asarray(values, dtype=np.float32), requires_grad=requires_grad)


def test_an_op_runs_on_arrays_and_gives_a_tensor(total):
    out = apply(total, tensor([1, 2]), tensor([10, 20]), scale=3)
    assert isinstance(out, Tensor)
    np.testing.assert_array_equal(out.data, np.array([33, 66], dtype=np.float32))


def test_plain_numbers_and_arrays_are_inputs_too(total):
    np.testing.assert_array_equal(apply(total, tensor([1, 2]), 5).data, [6, 7])
    np.testing.assert_array_equal(apply(total, np.float32([1, 2]), tensor([1, 1])).data, [2, 3])


def test_a_reduction_to_one_number_is_still_an_array():
    op = Op("test_sum", np.sum)
    out = apply(op, tensor([1, 2]))
    del Op.registry["test_sum"]
    assert type(out.data) is np.ndarray and out.data.shape == ()


@pytest.mark.parametrize("arity", [1, 2])
def test_a_node_is_recorded_only_when_a_gradient_is_wanted(arity, double, total):
    op = double if arity == 1 else total

    def run(*requires):
        return apply(op, *(tensor([1.0], requires_grad=r) for r in requires))

    assert run(*[False] * arity)._node is None
    assert run(*[True] * arity)._node.op is op
    if arity == 2:
        assert run(False, True)._node is not None and run(True, False)._node is not None
    recording.on = False
    try:
        out = run(*[True] * arity)
        assert out._node is None and not out.requires_grad
    finally:
        recording.on = True
    op.vjp = None
    assert run(*[True] * arity)._node is None


def test_no_node_is_even_made_when_no_gradient_is_wanted(double, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a node was made")

    monkeypatch.setattr(dispatch, "Node", refuse)
    apply(double, tensor([1.0]))


def test_a_node_holds_what_a_way_back_needs(total):
    a, b = tensor([1.0, 2.0], requires_grad=True), tensor([3.0, 4.0])
    out = apply(total, a, b, scale=2)
    node = out._node
    assert node.inputs[0] is a and node.inputs[1] is b
    assert node.attributes == {"scale": 2} and node.output is out.data and node.saved is None
    assert node.arrays[0] is a.data
    assert out.requires_grad and not b.requires_grad


def test_a_later_node_has_a_larger_number(double):
    first = apply(double, tensor([1.0], requires_grad=True))
    second = apply(double, first)
    assert first._node.number < second._node.number


def test_an_op_may_save_something_for_the_way_back():
    op = Op("test_mask", lambda a: (np.maximum(a, 0), a > 0), saves=True)
    op.vjp = lambda g, node: (g * node.saved,)
    out = apply(op, tensor([-1.0, 2.0], requires_grad=True))
    del Op.registry["test_mask"]
    np.testing.assert_array_equal(out.data, [0, 2])
    np.testing.assert_array_equal(out._node.saved, [False, True])
    assert apply(op, tensor([1.0]))._node is None


def test_untracked_results_keep_their_inputs_alive_no_longer(double):
    a = tensor([1.0])
    alive = weakref.ref(a)
    out = apply(double, a)
    del a
    gc.collect()
    assert alive() is None and out.data is not None


def test_a_numpy_array_on_the_left_leaves_the_work_to_the_tensor():
    out = np.float32([1, 2]) + tensor([10, 20])
    assert isinstance(out, TensorBase)
    np.testing.assert_array_equal(out.data, [11, 22])


def test_a_kernel_is_used_only_when_switched_on_and_only_where_it_applies(double):
    calls = []

    def fast(a):
        calls.append(a.shape)
        return a + a

    register_kernel(double, fast, when=lambda a: a.ndim == 2)
    small, matrix = tensor([1.0]), tensor([[1.0]])
    apply(double, matrix)
    assert calls == []
    before = use_kernels(True)
    try:
        apply(double, small)
        assert calls == []
        np.testing.assert_array_equal(apply(double, matrix).data, [[2.0]])
        assert calls == [(1, 1)]
    finally:
        use_kernels(before)
    apply(double, matrix)
    assert calls == [(1, 1)]


def test_the_kernel_registered_last_is_asked_first(double):
    register_kernel(double, lambda a: a * 0 + 1, name="old")
    register_kernel(double, lambda a: a * 0 + 2, name="new")
    before = use_kernels(True)
    try:
        np.testing.assert_array_equal(apply(double, tensor([5.0])).data, [2.0])
    finally:
        use_kernels(before)


def test_a_kernel_for_an_unknown_op_names_the_op():
    with pytest.raises(ValueError, match="no op is called 'nonsense'"):
        register_kernel("nonsense", lambda a: a)


class Counter:
    def count(self):
        return "clear"


def test_a_stand_in_is_in_the_place_of_a_function_while_kernels_are_on(monkeypatch):
    monkeypatch.setattr(dispatch, "_stand_ins", [])
    clear, before = Counter.count, use_kernels(False)
    try:
        dispatch.register_stand_in(Counter, "count", lambda clear: lambda self: f"fast, not {clear(self)}")
        assert Counter().count() == "clear"
        use_kernels(True)
        assert Counter().count() == "fast, not clear"
        use_kernels(False)
        assert Counter.count is clear
        monkeypatch.setattr(Counter, "count", lambda self: "somebody's own")
        for on in (True, False):
            use_kernels(on)
            assert Counter().count() == "somebody's own"
    finally:
        use_kernels(before)


def test_a_stand_in_registered_while_kernels_are_on_is_used_at_once(monkeypatch):
    monkeypatch.setattr(dispatch, "_stand_ins", [])
    monkeypatch.setattr(Counter, "count", Counter.count)
    before = use_kernels(True)
    try:
        stand_in = dispatch.register_stand_in(Counter, "count", lambda clear: lambda self: "fast")
        assert Counter().count() == "fast" and repr(stand_in) == "<StandIn for Counter.count>"
    finally:
        use_kernels(before)


def test_nodes_and_ops_say_what_they_are(double):
    node = apply(double, tensor([[1.0]], requires_grad=True))._node
    assert isinstance(node, Node)
    assert repr(node) == f"<Node {node.number} test_double (1, 1)>"
    assert repr(double) == "<Op test_double>"


def test_a_kernel_with_a_rule_of_its_own_goes_the_way_back_too(double):
    kernel = register_kernel(
        double, lambda a: (a + a, "kept"), vjp=lambda g, node: (g * 2 + len(node.saved),), saves=True, name="sum"
    )
    x = tensor([1.0, 3.0], requires_grad=True)
    before = use_kernels(True)
    try:
        out = apply(double, x)
        assert out._node.op is kernel and out._node.saved == "kept" and out._node.op.name == "sum"
        np.testing.assert_array_equal(out.data, [2, 6])
        out.backward(np.ones(2, np.float32))
        np.testing.assert_array_equal(x.grad, [6, 6])
        recording.on = False
        assert apply(double, x)._node is None
    finally:
        recording.on = True
        use_kernels(before)


def test_a_kernel_without_a_rule_leaves_the_way_back_to_the_op(double):
    register_kernel(double, lambda a: a + a)
    before = use_kernels(True)
    try:
        assert apply(double, tensor([1.0], requires_grad=True))._node.op is double
    finally:
        use_kernels(before)


def test_a_kernel_that_saves_something_else_needs_a_rule_of_its_own(double):
    with pytest.raises(ValueError, match="'test_double' that saves something else needs a vjp"):
        register_kernel(double, lambda a: (a + a, None), saves=True)
    assert not double.kernels


def test_a_removed_kernel_runs_no_more(double):
    kernel = register_kernel(double, lambda a: a * 0)
    before = use_kernels(True)
    try:
        dispatch.remove_kernel(kernel)
        np.testing.assert_array_equal(apply(double, tensor([5.0])).data, [10.0])
        with pytest.raises(ValueError, match="is not registered"):
            dispatch.remove_kernel(kernel)
    finally:
        use_kernels(before)


def test_observers_hear_of_every_op_that_runs_until_they_are_removed(double, total):
    heard = []

    def observer(rule, inputs, attributes, output, seconds):
        heard.append((rule.name, len(inputs), attributes, output.tolist(), seconds >= 0))

    kernel = register_kernel(double, lambda a: a + a, name="sum")
    dispatch.add_observer(observer)
    late = Op("test_late", lambda a: a)
    try:
        x = apply(total, tensor([1.0]), 2, scale=3)
        out = apply(double, x)
        apply(late, out)
        before = use_kernels(True)
        apply(double, x)
        use_kernels(before)
        np.testing.assert_array_equal(out.data, [18])
    finally:
        dispatch.remove_observer(observer)
        del Op.registry["test_late"]
    apply(double, x)
    assert heard == [
        ("test_total", 2, {"scale": 3}, [9.0], True),
        ("test_double", 1, {}, [18.0], True),
        ("test_late", 1, {}, [18.0], True),
        ("sum", 1, {}, [18.0], True),
    ]
    dispatch.remove_kernel(kernel)
    with pytest.raises(ValueError, match="is no observer"):
        dispatch.remove_observer(observer)


def test_an_observed_op_can_be_differentiated(double):
    def observer(*args):
        pass

    dispatch.add_observer(observer)
    try:
        x = tensor([1.0], requires_grad=True)
        apply(double, x).backward(np.ones(1, np.float32))
        np.testing.assert_array_equal(x.grad, [2.0])
    finally:
        dispatch.remove_observer(observer)
