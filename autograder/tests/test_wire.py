"""The wire: plain data comes back as it was sent, and whatever a hostile writer sends is a value or a WireError."""

from __future__ import annotations

import io
import json
import math
import struct
import tracemalloc
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.observe import wire
from autograder.observe.wire import WireError

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    hnp.unicode_string_dtypes(max_len=5),
    hnp.byte_string_dtypes(max_len=5),
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**999), 2**999), st.floats(), st.text(), st.binary(),
    hnp.arrays(DTYPES, (1,)).map(lambda array: array[0]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


def alike(a: Any, b: Any) -> bool:
    """The same type and value all the way down, NaN being NaN and an array's dtype, shape and bytes counting."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (np.ndarray, np.generic)):
        same = a.dtype.newbyteorder("=") == b.dtype.newbyteorder("=") and np.shape(a) == np.shape(b)
        return same and a.astype(a.dtype.newbyteorder("=")).tobytes() == b.astype(b.dtype.newbyteorder("=")).tobytes()
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(alike(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return list(a) == list(b) and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, float):
        return struct.pack("<d", a) == struct.pack("<d", b) or (math.isnan(a) and math.isnan(b))
    return a == b


def message(structure: Any, *blobs: bytes, sizes: list[Any] | None = None) -> bytes:
    """A message by hand, as an attacker would write it."""
    header = json.dumps({"v": structure, "b": [len(b) for b in blobs] if sizes is None else sizes}).encode()
    return struct.pack(">I", len(header)) + header + b"".join(blobs)


def raw(header: bytes) -> bytes:
    return struct.pack(">I", len(header)) + header


def npy(descr: str = "'<f8'", order: str = "False", shape: str = "(2,)", data: bytes = b"\0" * 16) -> bytes:
    """A .npy blob by hand."""
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


ARRAY = {"$": "a", "i": 0}


# What is sent arrives.


@QUICK
@given(VALUES)
def test_any_plain_data_comes_back_as_it_was(value):
    assert alike(wire.loads(wire.encode(value)), value)


BASE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "array",
    [
        np.array(3.5),
        np.array(True),
        np.zeros((0,)),
        np.zeros((3, 0, 2), np.int8),
        np.asfortranarray(BASE),
        BASE.transpose(2, 0, 1),
        BASE[:, ::-2, 1::2],
        np.broadcast_to(np.float64(1), (3, 4)),
        np.array([math.nan, math.inf, -math.inf, -0.0]),
        np.array([1 + 2j, complex(math.nan, -0.0)], np.complex64),
        np.array([[True, False]]),
        np.array([2**64 - 1], np.uint64),
        np.array([1.5], np.float16),
        np.arange(3, dtype=">i4"),
        np.array(["a", "\N{GREEK SMALL LETTER ALPHA}", ""]),
        np.array([], "<U5"),
        np.array([b"ab", b""]),
        np.zeros((2, 2), "<U0"),
        np.zeros((1,) * 32),
    ],
    ids=lambda array: f"{array.dtype}{list(array.shape)[:4]}",
)
def test_an_array_of_any_layout_arrives_whole_and_can_be_written(array):
    got = wire.loads(wire.encode({"x": array}))["x"]
    assert got.dtype == array.dtype
    assert got.shape == array.shape
    np.testing.assert_array_equal(got, array)
    assert got.flags.writeable
    assert got.base is None


@pytest.mark.parametrize(
    "scalar", [np.float32(1.5), np.int64(-3), np.bool_(True), np.complex128(1j), np.str_("x"), np.float64("nan")]
)
def test_a_scalar_of_numpy_stays_one(scalar):
    got = wire.loads(wire.encode(scalar))
    assert type(got) is type(scalar)
    assert alike(got, scalar)


def test_dicts_that_look_like_the_wire_s_own_structure_arrive_as_they_were():
    for value in ({"$": "a", "i": 0}, {"v": 1, "b": []}, {"$": "d", "v": {"$": "t"}}, [{"$": "zzz"}], {"": {}}):
        assert wire.loads(wire.encode(value)) == value


def test_several_messages_follow_each_other_on_one_stream():
    values = [1, [np.arange(3)], {"a": b"x"}, None]
    stream = io.BytesIO(b"".join(wire.encode(v) for v in values))
    for value in values:
        assert alike(wire.read(stream.read), value)


# What cannot be sent is told where it stands.


class Lying(np.ndarray):
    def __reduce__(self):
        raise AssertionError("pickled")

    def __eq__(self, other):
        return True


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (object(), "the value is a object; numbers, strings, lists, dicts and NumPy arrays can be returned"),
        ([1, {"a": {3}}], "the value[1]['a'] is a set"),
        ({"f": len}, "the value['f'] is a builtin_function_or_method"),
        ({1: 2}, "the value is a dict whose keys are not all strings"),
        (np.array([1, "x"], object), "the value is an array of dtype object; arrays of numbers can be returned"),
        ([np.zeros(2, [("a", "f4")])], "the value[0] is an array of dtype [('a', '<f4')]"),
        (np.array(["2027-01-01"], "M8[D]"), "the value is an array of dtype datetime64[D]"),
        (1 << 1000, "the value is an integer of 1001 bits; 1000 are allowed"),
        (range(3), "the value is a range"),
    ],
)
def test_a_value_that_cannot_travel_says_what_and_where(value, words):
    with pytest.raises(WireError) as caught:
        wire.encode(value)
    assert words in str(caught.value)


def test_a_subclass_of_a_plain_type_never_arrives_as_itself():
    class Number(int):
        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    class Text(str):
        pass

    class Key(str):
        pass

    for liar in (Number(3), Text("x"), {Key("x"): 1}):
        with pytest.raises(WireError):
            wire.encode(liar)
    assert type(wire.loads(wire.encode(Lying((2,))))) is np.ndarray


def test_too_much_of_anything_is_refused_by_the_writer():
    deep: Any = 0
    for _ in range(wire.MAX_DEPTH + 1):
        deep = [deep]
    endless: list[Any] = []
    endless.append(endless)
    for value, words in (
        (deep, "nested more than 50 deep"),
        (endless, "nested more than 50 deep"),
        ([b""] * (wire.MAX_BLOBS + 1), "more than 10000 arrays"),
        (["x" * 1000] * 5000, "bytes of structure"),
    ):
        with pytest.raises(WireError, match=words):
            wire.encode(value)
    assert wire.loads(wire.encode(deep[0])) == deep[0]


# Hostile bytes.

GOOD = [
    wire.encode({"ok": [1.5, "text", None, (True, b"blob"), np.arange(6).reshape(2, 3)]}),
    wire.encode([np.zeros((2, 2), np.complex64), np.float32(2), np.array(["ab", "c"])]),
    wire.encode({"error": {"kinds": ["ValueError"], "text": "x", "where": "", "line": 3}}),
]


WORDS = st.sampled_from(["a", "s", "b", "t", "d", "$"])
KEYS = st.sampled_from(["$", "i", "v", "b"])
STRUCTURES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)


@settings(QUICK, max_examples=400)
@given(st.data())
def test_a_damaged_message_is_a_value_or_a_wire_error_and_nothing_else(data):
    damaged = bytearray(data.draw(st.sampled_from(GOOD)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        kind = data.draw(st.sampled_from(["byte", "cut", "insert", "delete"]))
        if kind == "byte":
            damaged[at] = data.draw(st.integers(0, 255))
        elif kind == "cut" and at > 3:
            del damaged[at:]
        elif kind == "insert":
            damaged[at:at] = data.draw(st.binary(max_size=8))
        elif len(damaged) > 5:
            del damaged[at]
    padded = io.BytesIO(bytes(damaged) + bytes(1 << 12))
    try:
        wire.read(lambda count: exactly(padded, count), cap=1 << 16)
    except WireError:
        pass
    except EOFError:
        assert len(damaged) < padded.tell() + (1 << 17)


def exactly(stream: io.BytesIO, count: int) -> bytes:
    """As the judge's reader: never more than is there, and an end is an end."""
    assert count <= 1 << 16, "more than the cap was asked for"
    found = stream.read(count)
    if len(found) < count:
        raise EOFError
    return found


@QUICK
@given(STRUCTURES, st.lists(st.just(npy()) | st.binary(max_size=20), max_size=2))
def test_any_structure_over_any_blobs_is_a_value_or_a_wire_error(structure, blobs):
    with suppress(WireError):
        wire.loads(message(structure, *blobs))


HOSTILE = {
    "no JSON": raw(b"{{{"),
    "not UTF-8": raw(b"\xff\xfe"),
    "a list": raw(b"[]"),
    "another key": raw(b'{"v": 1, "b": [], "c": 22}'),
    "no blobs": raw(b'{"v": 1}'),
    "sizes that are no list": message(1, sizes={"0": 1}),  # type: ignore[arg-type]
    "a negative size": message(1, sizes=[-1]),
    "a size of true": message(1, b"x", sizes=[True]),
    "a size that is a fraction": message(1, sizes=[1.0]),
    "a huge size": message(ARRAY, sizes=[1 << 62]),
    "many huge sizes": message(ARRAY, sizes=[1 << 20] * 9000),
    "too many sizes": message(1, sizes=[0] * 10_001),
    "a huge header": struct.pack(">I", (4 << 20) + 1),
    "the longest header": struct.pack(">I", 0xFFFFFFFF),
    "a deep structure": raw(b'{"b":[],"v":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "a structure deeper than may be": message(json.loads("[" * 60 + "]" * 60)),
    "an integer of many digits": raw(b'{"b": [], "v":' + b"9" * 5000 + b"}"),
    "an integer of too many bits": message(1 << 1001),
    "a tag of nothing": message({"v": 1}),
    "an unknown tag": message({"$": "p", "i": 0}, b"cos\nsystem\n"),
    "a tag that is a list": message({"$": [], "i": 0}, b""),
    "a blob that is not there": message(ARRAY),
    "a blob by a negative number": message({"$": "b", "i": -1}, b"x"),
    "a blob by true": message({"$": "b", "i": True}, b"x", b"y"),
    "a blob by a fraction": message({"$": "b", "i": 0.0}, b"x"),
    "a blob used twice": message([{"$": "b", "i": 0}, {"$": "b", "i": 0}], b"x"),
    "a tuple of nothing": message({"$": "t", "v": None}),
    "a tuple of a number": message({"$": "t", "v": 3}),
    "a dict that is a list": message({"$": "d", "v": [1]}),
    "an empty array blob": message(ARRAY, b""),
    "an array that is text": message(ARRAY, b"not an array at all"),
    "an array of objects": message(ARRAY, npy("'|O'", data=b"cposix\nsystem\np1\n")),
    "a structured array": message(ARRAY, npy("[('a', '<f4'), ('b', '<f4')]")),
    "an array of times": message(ARRAY, npy("'<M8[ns]'")),
    "an array of voids": message(ARRAY, npy("'|V8'")),
    "a dtype that is code": message(ARRAY, npy("__import__('os').abort()")),
    "a dtype of size zero, a huge shape": message(ARRAY, npy("'<U0'", shape=f"({1 << 62}, {1 << 62})", data=b"")),
    "a shape beyond the data": message(ARRAY, npy(shape=f"({1 << 40},)")),
    "a shape that overflows": message(ARRAY, npy(shape=f"({1 << 32}, {1 << 32}, 0, 4)")),
    "a negative shape": message(ARRAY, npy(shape="(-2,)")),
    "two negative sides": message(ARRAY, npy(shape="(-1, -2)")),
    "too many dimensions": message(ARRAY, npy(shape="(" + "1, " * 65 + ")", data=b"\0" * 8)),
    "more data than the shape": message(ARRAY, npy(data=b"\0" * 24)),
    "less data than the shape": message(ARRAY, npy(data=b"\0" * 8)),
    "an order that is a word": message(ARRAY, npy(order="'F'")),
    "a later version of the format": message(ARRAY, npy().replace(b"NUMPY\x01", b"NUMPY\x03")),
    "a header length that lies": message(ARRAY, npy().replace(b"\x01\x00\x76\x00", b"\x01\x00\x10\x00")),
    "a bool that is neither": message(ARRAY, npy("'|b1'", data=b"\x02\x01")),
    "a character that does not exist": message(ARRAY, npy("'<U1'", shape="(1,)", data=b"\xff\xff\xff\x7f")),
    "an element of many bytes": message(ARRAY, npy("'<f999999999'", shape="(0,)", data=b"")),
    "a scalar of nothing": message({"$": "s", "i": 0}, npy(shape="(0,)", data=b"")),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_message_is_refused_in_little_memory(kind):
    try:
        tracemalloc.start()
        got = wire.loads(HOSTILE[kind])
    except WireError:
        pass
    except EOFError:
        pytest.fail("it asked for bytes that a length announced and nobody sent")
    else:
        assert isinstance(got, np.ndarray), got
        assert got.size == 0, kind
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 16 << 20, f"{peak} bytes for a message of {len(HOSTILE[kind])}"


def test_a_message_may_fill_its_cap_and_not_exceed_it():
    value = np.zeros(1000)
    length = len(wire.encode(value))
    assert wire.loads(wire.encode(value), cap=length).size == 1000
    with pytest.raises(WireError, match="beyond the cap"):
        wire.loads(wire.encode(value), cap=length - 200)


def test_no_more_is_asked_of_the_stream_than_the_message_announces():
    stream = io.BytesIO(wire.encode({"ok": np.arange(4)}) + b"the next message")
    wire.read(stream.read)
    assert stream.read() == b"the next message"
