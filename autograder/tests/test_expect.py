"""expect: every comparison can fail, says what was asked, expected and came, and never blames the wrong side."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

from autograder import expect
from autograder.errors import GraderError
from autograder.expect import Call, Mismatch, NoAnswer, StudentError, format_call, recording_calls, remember
from autograder.observe.wire import WireError

NAN, INF = math.nan, math.inf
F32 = np.float32


def told(function: Any, *args: Any, **kwargs: Any) -> str:
    with recording_calls(), pytest.raises(Mismatch) as caught:
        function(*args, **kwargs)
    return str(caught.value)


# What a student reads, word for word.

MESSAGES = {
    "one number": (expect.close, (1.5, 2.5), "expected: 2.5 (float64)\ncame:     1.5 (float64)\n"
        "          first difference at the only element: expected 2.5, came 1.5"),
    "one element": (expect.close, (np.array([1, 2, 4], F32), [1, 2, 3]),
        "expected: [1, 2, 3] (shape (3,), int64)\ncame:     [1, 2, 4] (shape (3,), float32)\n"
        "          first difference at [2]: expected 3, came 4 (1 of 3 elements differ)"),
    "a shape": (expect.close, (np.zeros((2, 3)), np.zeros((3, 2))), "expected: shape (3, 2)\ncame:     shape (2, 3)\n"
        "          the number of elements is right, their arrangement is not"),
    "a shape of another size": (expect.close, (np.zeros(2), np.zeros(3)), "expected: shape (3,)\ncame:     shape (2,)"),
    "large arrays": (expect.close, (np.zeros((5, 5)), np.ones((5, 5))),
        "expected: an array of shape (5, 5), float64\ncame:     an array of shape (5, 5), float64\n"
        "          first difference at [0, 0]: expected 1, came 0 (25 of 25 elements differ)"),
    "nothing": (expect.close, (None, [1.0]), "expected: [1] (shape (1,), float64)\ncame:     None"),
    "text for numbers": (expect.close, ("1.0", 1.0), "expected: 1 (float64)\ncame:     '1.0'"),
    "equal text": (expect.equal, ("ab", "abc"), "expected: 'abc'\ncame:     'ab'"),
    "equal lists": (expect.equal, ([1, (2.5, None)], [1, (2.5, "x")]),
        "expected: [1, (2.5, 'x')]\ncame:     [1, (2.5, None)]"),
    "equal dicts": (expect.equal, ({"a": 1}, {"a": 2}), "expected: {'a': 2}\ncame:     {'a': 1}"),
    "equal arrays": (expect.equal, (np.array([[1, 2]]), np.array([[1, 3]])),
        "expected: [[1, 3]] (shape (1, 2), int64)\ncame:     [[1, 2]] (shape (1, 2), int64)\n"
        "          first difference at [0, 1]: expected 3, came 2 (1 of 2 elements differ)"),
    "shape": (expect.shape, (np.zeros((2, 3)), (3, 2)), "expected: shape (3, 2)\ncame:     shape (2, 3)"),
    "dtype": (expect.dtype, (np.zeros(2), "float32"), "expected: dtype float32\ncame:     dtype float64"),
    "finite": (expect.finite, (np.array([1, NAN]),), "expected: finite numbers everywhere\n"
        "came:     [1, nan] (shape (2,), float64)\n          element [1] is nan"),
    "between": (expect.between, (0.5, 1, 2, "the mean"), "expected: the mean between 1 and 2\ncame:     0.5"),
    "true": (expect.true, (False, "rows sum to one"), "expected: rows sum to one\ncame:     that does not hold"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_message_says_what_was_expected_and_what_came(kind):
    function, args, text = MESSAGES[kind]
    assert told(function, *args) == text


# The pairs that have to pass and the ones that have to fail: a comparison that ignored its second argument would pass
# the first and not the second.

ONES = np.ones((2, 2), F32)
PASSES = {
    expect.close: [
        (1.0, 1.0), (1, 1.0), (1.0 + 1e-9, 1.0), (np.array(2.0), 2), ([1, 2], np.array([1.0, 2.0])),
        (ONES, np.ones((2, 2))),
        (NAN, NAN), (INF, INF), (np.array([NAN, -INF]), [NAN, -INF]), (np.zeros((0, 3)), np.zeros((0, 3))), (0.0, -0.0),
        (1 + 2j, 1 + 2j), (np.array([1e30], F32), [1e30]), (True, True), (100000.5, 100000.0), (5e-7, 0.0),
        (np.float16(0.5), 0.5),
    ],
    expect.equal: [
        (3, 3), (3.0, 3), (3, 3.0), ("x", "x"), (None, None), (True, True), (np.bool_(True), True), (b"x", b"x"),
        ([1, [2]], [1, [2]]),
        ((1,), [1]), ({"a": [1]}, {"a": [1]}), (NAN, NAN), (F32(NAN), NAN), ([NAN], [NAN]),
        (np.arange(3), np.arange(3)),
        ([0, 1, 2], np.arange(3)), (np.array([NAN, 1]), np.array([NAN, 1])), (np.array(5), 5), (np.int64(5), 5),
        (5, np.int64(5)),
        (True, np.bool_(True)), (2.5, np.float64(2.5)), ([np.arange(2)], [np.arange(2)]), (np.str_("x"), "x"),
        (np.zeros(0), np.zeros(0)),
        (np.array(["a"])[0], "a"),
    ],
    expect.shape: [(np.zeros((2, 3)), (2, 3)), ((2, 3), [2, 3]), ([2, 3], (2, 3)), (np.zeros(()), ()),
        ((np.int64(2),), (2,))],
    expect.dtype: [(ONES, "float32"), (F32(1), "float32"), ("int64", "int64"), (np.zeros(1, bool), "bool")],
    expect.finite: [(ONES,), (1,), (1.5,), ([1, 2],), (np.zeros(0),), (np.array([True]),), (1j,)],
    expect.between: [(1, 1, 2, "x"), (2.0, 1, 2, "x"), (np.array([[1.5]]), 1, 2, "x"), (F32(1.5), 1, 2, "x")],
    expect.true: [(True, "x"), (np.bool_(True), "x")],
    expect.record: [("x", 1), ("x", 0.5), ("x", F32(1.5)), ("x", np.int64(3)), ("x", np.array([2.0]))],
}  # fmt: skip
FAILS = {
    expect.close: [
        (1.0, 1.1), (1.0, 1.001), (0.0, 1e-5), (NAN, 1.0), (1.0, NAN), (INF, -INF), (1e308, INF), ([1, 2], [2, 1]),
        (ONES, np.ones(4)),
        (ONES, np.ones((2, 2, 1))), (1.0, [1.0]), ([1.0], 1.0), (None, 1.0), ("a", 1.0), ([], [1.0]),
        ([[1], [1, 2]], [1.0]),
        ([None], [1.0]), ({"a": 1}, 1.0), (b"1", 1.0), (np.array(["1"]), [1.0]), (np.zeros((0, 3)), np.zeros((3, 0))),
        (1 + 5j, 1.0), (np.array([1 + 1e-3j]), [1.0]), (1.0, 1 + 5j), (False, 1.0), ((), 0.0), ([[]], 0.0),
        (2**999, 1.0),
    ],
    expect.equal: [
        (3, 4), (3, "3"), ("3", 3), (True, 1), (1, True), (np.bool_(True), 1), (0, False), (None, 0), (0, None),
        ("", None), ([], None),
        ([1], [1, 2]), ([1, 2], [1]), ([1, 2], [2, 1]), ({}, {"a": 1}), ({"a": 1}, {}), ({"a": 1}, {"b": 1}),
        (NAN, 1.0), (1.0, NAN),
        (b"x", "x"), ("x", b"x"), (np.arange(3), np.array([0, 1, 3])), (np.arange(3), np.arange(4)), (5, np.arange(3)),
        (None, np.arange(3)), ("abc", np.arange(3)), (np.array(["a"]), np.array([1])), (np.array([5]), 5),
        (np.array(5), "5"), ("x", ["x"]),
        ([np.arange(2)], [np.arange(3)]), ([[0, 1]], [np.arange(2)]), ([np.array([0, 2])], [np.arange(2)]),
        (5, np.int64(6)),
        (1, np.bool_(True)), (F32(NAN), 0.0), (np.array([1.0, NAN]), np.array([NAN, 1.0])), ([1.5], "1.5"), (1e-9, 0),
    ],
    expect.shape: [
        (np.zeros((2, 3)), (3, 2)), ((2, 3), (2,)), (6, (6,)), (None, ()), ("(2,)", (2,)), (np.zeros(()), (1,)),
        ((2.5,), (2,)),
        (((2,),), (2,)), ((np.arange(2),), (2,)), (({},), (2,)), ((None,), (2,)),
    ],
    expect.dtype: [(ONES, "float64"), ("float64", "float32"), (1.5, "float64"), (None, "float64"), ([1.5], "float64"),
        ("float", "float64")],
    expect.finite: [(NAN,), (INF,), (np.array([1, -INF], F32),), (None,), ("1",), ([1, NAN],), (complex(0, NAN),)],
    expect.between: [(0.999, 1, 2, "x"), (2.001, 1, 2, "x"), (NAN, 1, 2, "x"), (None, 1, 2, "x"), ("1.5", 1, 2, "x"),
        ([1.5], 1, 2, "x"),
        (np.array([1.5, 1.5]), 1, 2, "x"), (1.5 + 0j, 1, 2, "x"), (INF, 1, 2, "x"), (np.array(["1.5"]), 1, 2, "x"),
        (np.zeros(0), -1, 1, "x")],
    expect.true: [(False, "x"), (np.bool_(False), "x")],
    expect.record: [("x", NAN), ("x", INF), ("x", None), ("x", "1.5"), ("x", True), ("x", np.bool_(True)),
        ("x", [1.0]), ("x", 1j), ("x", np.zeros(2)), ("x", np.array(["1"])), ("x", {"value": 1})],
}  # fmt: skip


def test_the_tables_know_every_function_of_the_module():
    functions = {getattr(expect, name) for name in expect.__all__} - {Mismatch, StudentError}
    # raises and cpu_ratio make calls of their own: theirs are below and in test_observe.
    assert functions - {expect.raises, expect.cpu_ratio} == PASSES.keys() == FAILS.keys()


def test_the_numbers_that_between_looks_at_are_kept_for_whoever_asks():
    with expect.recording_measures() as measures:
        expect.between(0.98, 0.95, 1, "the share read right")
        with pytest.raises(Mismatch):
            expect.between(7, 0, 1, "the loss")
        with pytest.raises(Mismatch):
            expect.between("many", 0, 1, "the rest")
    expect.between(1, 0, 2, "nobody asks")
    assert measures == [("the share read right", 0.98), ("the loss", 7.0)]


def test_recorded_numbers_are_kept_by_name_for_whoever_asks_and_the_last_one_stands():
    with expect.recording_numbers() as numbers:
        expect.record("accuracy", np.float32(0.5))
        expect.record("bytes", 7)
        expect.record("accuracy", 0.75)
        with pytest.raises(Mismatch):
            expect.record("bytes", "many")
    expect.record("accuracy", 1)
    assert numbers == {"accuracy": 0.75, "bytes": 7.0}


@pytest.mark.parametrize(("function", "args"), [(f, args) for f, rows in PASSES.items() for args in rows])
def test_what_is_right_passes(function, args):
    function(*args)


@pytest.mark.parametrize(("function", "args"), [(f, args) for f, rows in FAILS.items() for args in rows])
def test_what_is_wrong_fails_as_the_students_mistake_with_both_sides_told(function, args):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lines = told(function, *args).splitlines()
    assert [line[:10] for line in lines[:2]] == ["expected: ", "came:     "]
    assert all(len(line) > 10 for line in lines)


@pytest.mark.parametrize("size", [0.0, 1.0, 1000.0])
def test_closeness_is_absolute_near_zero_and_relative_elsewhere(size):
    allowed = 1e-6 + 1e-5 * size
    expect.close(size + 0.9 * allowed, size)
    told(expect.close, size + 1.1 * allowed, size)
    expect.close(size + 1.1 * allowed, size, rtol=1e-4, atol=1e-5)


def test_a_condition_that_is_no_bool_is_the_test_s_own_fault():
    with pytest.raises(
        TypeError, match=r"expect.true needs a bool, got ndarray; compare with expect.close or expect.equal"
    ):
        expect.true(np.array([True]), "x")


# What was asked.


def test_the_call_that_returned_the_value_is_told_even_when_another_came_later():
    first, second = np.zeros(2), np.ones(2)
    with recording_calls():
        remember(Call("student.f(1)", first))
        remember(Call("student.g(2)", {"a": second, "b": [3]}))
        with pytest.raises(Mismatch, match=r"^asked:    student.f\(1\)\n"):
            expect.close(first, 1.0)
        with pytest.raises(Mismatch, match=r"^asked:    student.g\(2\)\n"):
            expect.close(second, 2.0)
        with pytest.raises(Mismatch, match=r"^asked:    student.g\(2\)\n"):
            expect.close(first + 1, 7.0)


def test_calls_of_one_case_are_not_told_in_the_next():
    with recording_calls() as calls:
        for number in range(100):
            remember(Call(f"student.f({number})", None))
        assert [calls[0].text, calls[-1].text, len(calls)] == ["student.f(36)", "student.f(99)", 64]
    assert "asked" not in told(expect.close, 1.0, 2.0)


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((), {}, "f()"),
        ((1, 2.5, True, None, "a\nb"), {"dim": -1}, "f(1, 2.5, True, None, 'a\\nb', dim=-1)"),
        ((np.array([[1.5, 2]]), [1, (2,)]), {}, "f([[1.5, 2]], [1, (2,)])"),
        ((np.zeros((5, 5), F32),), {}, "f(array of shape (5, 5), float32)"),
        ((np.array(3), F32(0.1), {"a": b"x"}), {}, "f(3, 0.1, {'a': b'x'})"),
        ((list(range(25)), "x" * 300), {}, "f(a list, '" + "x" * 198 + "\N{HORIZONTAL ELLIPSIS})"),
    ],
)
def test_a_call_is_shown_as_a_student_would_type_it(args, kwargs, text):
    assert format_call("f", args, kwargs) == text


HOSTILE = [
    "\x1b[31mred",
    "two\nlines",
    "\u202eback",
    "x" * 10**6,
    np.str_("\x1b[2J" * 99),
    ["\x07"] * 3,
    {"\x1b[0m": "\r"},
    ("\x00",),
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    "fails",
    [
        lambda v: expect.close(v, 1.0), lambda v: expect.equal(v, 1), lambda v: expect.shape(v, (2,)),
        lambda v: expect.shape((v,), (2,)),
        lambda v: expect.dtype(v, "float32"), lambda v: expect.finite(v), lambda v: expect.between(v, 0, 1, "it"),
        lambda v: expect.equal([v], [1]), lambda v: expect.close([v], [1.0]),
        lambda v: expect.raises(ValueError, lambda: v),
    ],
)  # fmt: skip
def test_no_text_of_a_student_moves_the_cursor_or_fills_the_page(fails, value):
    text = told(fails, value)
    assert len(text) < 1000
    assert [c for c in text if not c.isprintable() and c != "\n"] == []
    assert len(text.splitlines()) <= 3


# Errors.


def failing(error: Exception) -> Any:
    def probe(*args: Any, **kwargs: Any) -> Any:
        raise error

    return probe


def student_error(kind: type[BaseException], text: str = "") -> StudentError:
    return StudentError(f"{kind.__name__}: {text}", tuple(k.__name__ for k in kind.__mro__), text)


@pytest.mark.parametrize(
    "wrap", [student_error, lambda kind, text: kind(text)], ids=["over the wire", "called directly"]
)
def test_the_error_asked_for_is_accepted_with_its_subclasses_and_every_text_it_has_to_mention(wrap):
    probe = failing(wrap(ZeroDivisionError, "shapes (2, 3) and (4,) differ"))
    expect.raises(ZeroDivisionError, probe)
    expect.raises(ArithmeticError, probe, mentions=["(2, 3)", "(4,)"])
    assert told(expect.raises, ValueError, probe) == (
        "expected: ValueError is raised\ncame:     ZeroDivisionError: shapes (2, 3) and (4,) differ"
    )
    assert told(expect.raises, ZeroDivisionError, probe, mentions=["(2, 3)", "(5,)", "x"]) == (
        "expected: an error message that mentions '(5,)' and 'x'\n"
        "came:     ZeroDivisionError: shapes (2, 3) and (4,) differ"
    )


def test_a_value_where_an_error_was_due_is_told():
    assert told(expect.raises, ValueError, lambda x, k: [x, k], 1, k=2) == (
        "expected: ValueError is raised\ncame:     no error; it returned [1, 2]"
    )


@pytest.mark.parametrize("asked", [NotImplementedError, RuntimeError, Exception, BaseException])
@pytest.mark.parametrize(
    "wrap", [student_error, lambda kind, text: kind(text)], ids=["over the wire", "called directly"]
)
def test_an_unwritten_function_never_counts_as_the_error_asked_for(asked, wrap):
    class Mine(NotImplementedError):
        pass

    for kind in (NotImplementedError, Mine):
        with pytest.raises(StudentError) as caught:
            expect.raises(asked, failing(wrap(kind, "a01: f is yours to write")))
        assert "NotImplementedError" in caught.value.kinds


@pytest.mark.parametrize("error", [NoAnswer("it died"), GraderError("the fork server is gone"), WireError("a set")])
@pytest.mark.parametrize("asked", [Exception, ValueError])
def test_a_lost_observer_or_a_fault_of_the_grader_is_no_error_of_the_students(error, asked):
    with pytest.raises(type(error)) as caught:
        expect.raises(asked, failing(error))
    assert caught.value is error
