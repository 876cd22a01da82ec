"""The wire between judge and observer: JSON for structure, raw .npy bytes for arrays, nothing that executes when read.

A message is a 4-byte length, a JSON header of that length and the blobs the header announces. Plain data only: None,
bool, int, float, str, bytes, list, tuple, dict with string keys, NumPy scalars and arrays without objects. Reading is
written
for a hostile writer: sizes are checked before anything is allocated, and every malformed message is a WireError.
"""

from __future__ import annotations

import io
import json
import math
import re
import struct
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

MAX_HEADER = 4 << 20
MAX_BLOBS = 10_000
DEFAULT_CAP = 64 << 20
MAX_DEPTH = 50
MAX_BITS = 1000  # of an integer: longer ones fit no float, and cannot be printed either
_TAG = "$"
_PLAIN_KINDS = "biufcUS"
_NPY = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([<>|][biufcUS]\d{1,9})', 'fortran_order': (True|False), "
    rb"'shape': \(([\d, ]{0,999})\), \} *\n",
    re.DOTALL,
)


class WireError(Exception):
    """A value that cannot travel, or bytes that are no message."""


def encode(value: Any) -> bytes:
    """A value as one message.

    Raises:
        WireError: a type that is not plain data; the text names it and where it stands.
    """
    blobs: list[bytes] = []
    structure = _pack(value, blobs, "the value", 0)
    try:
        header = json.dumps({"v": structure, "b": [len(b) for b in blobs]}, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as error:
        raise WireError(f"cannot be written as JSON: {error}") from error
    if len(header) > MAX_HEADER:
        raise WireError(f"{len(header)} bytes of structure; {MAX_HEADER} are allowed: return arrays, not nested lists")
    return b"".join([struct.pack(">I", len(header)), header, *blobs])


def _pack(value: Any, blobs: list[bytes], where: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise WireError(f"{where} is nested more than {MAX_DEPTH} deep")
    if type(value) is int and value.bit_length() > MAX_BITS:
        raise WireError(f"{where} is an integer of {value.bit_length()} bits; {MAX_BITS} are allowed")
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.ndarray):
        return {_TAG: "a", "i": _blob(_npy(value, where), blobs)}
    if isinstance(value, np.generic):
        return {_TAG: "s", "i": _blob(_npy(np.asarray(value), where), blobs)}
    if isinstance(value, (bytes, bytearray)):
        return {_TAG: "b", "i": _blob(bytes(value), blobs)}
    if isinstance(value, list):
        return [_pack(v, blobs, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
    if isinstance(value, tuple):
        return {_TAG: "t", "v": [_pack(v, blobs, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]}
    if isinstance(value, dict):
        if not all(type(key) is str for key in value):
            raise WireError(f"{where} is a dict whose keys are not all strings")
        return {_TAG: "d", "v": {key: _pack(v, blobs, f"{where}[{key!r}]", depth + 1) for key, v in value.items()}}
    raise WireError(
        f"{where} is a {type(value).__name__}; numbers, strings, lists, dicts and NumPy arrays can be returned"
    )


def _blob(content: bytes, blobs: list[bytes]) -> int:
    if len(blobs) >= MAX_BLOBS:
        raise WireError(f"more than {MAX_BLOBS} arrays in one value")
    blobs.append(content)
    return len(blobs) - 1


def _npy(array: np.ndarray, where: str) -> bytes:
    array = np.asarray(array)
    if array.dtype.kind not in _PLAIN_KINDS:
        raise WireError(f"{where} is an array of dtype {array.dtype}; arrays of numbers can be returned")
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def read(receive: Callable[[int], bytes], cap: int = DEFAULT_CAP) -> Any:
    """Read one message with `receive(n) -> exactly n bytes` and return its value.

    Raises:
        WireError: anything that is not a well-formed message within `cap` bytes.
    """
    (length,) = struct.unpack(">I", receive(4))
    if length > min(MAX_HEADER, cap):
        raise WireError(f"a header of {length} bytes")
    try:
        header = json.loads(receive(length))
    except (ValueError, RecursionError) as error:
        raise WireError("a header that is not JSON") from error
    if not isinstance(header, dict) or set(header) != {"v", "b"} or not isinstance(header["b"], list):
        raise WireError("a header without structure and blobs")
    sizes = header["b"]
    if len(sizes) > MAX_BLOBS or not all(type(n) is int and n >= 0 for n in sizes) or sum(sizes) + length > cap:
        raise WireError(f"blobs beyond the cap of {cap} bytes")
    blobs = {number: receive(size) for number, size in enumerate(sizes)}
    try:
        return _unpack(header["v"], blobs)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, MemoryError) as error:
        raise WireError("a structure that does not fit its blobs") from error


def loads(message: bytes, cap: int = DEFAULT_CAP) -> Any:
    """The value of a message held in memory."""
    return read(io.BytesIO(message).read, cap)


def _unpack(node: Any, blobs: dict[int, bytes], depth: int = 0) -> Any:
    """Each blob may be used once: otherwise a small message could stand for any amount of memory."""
    if depth > MAX_DEPTH:
        raise WireError(f"a structure nested more than {MAX_DEPTH} deep")
    if isinstance(node, list):
        return [_unpack(v, blobs, depth + 1) for v in node]
    if not isinstance(node, dict):
        if type(node) is int and node.bit_length() > MAX_BITS:
            raise WireError(f"an integer of {node.bit_length()} bits")
        return node
    tag = node[_TAG]
    if tag == "t":
        return tuple(_unpack(v, blobs, depth + 1) for v in node["v"])
    if tag == "d":
        return {key: _unpack(v, blobs, depth + 1) for key, v in node["v"].items()}
    if type(node["i"]) is not int:
        raise WireError("a blob number that is none")
    blob = blobs.pop(node["i"])
    if tag == "b":
        return blob
    if tag in ("a", "s"):
        array = _array(blob)
        return array[()] if tag == "s" else array
    raise WireError("an unknown tag")


def _array(blob: bytes) -> np.ndarray:
    """The array of a .npy blob. The announced size has to be the real one before an element is allocated.

    NumPy's own reader would evaluate the header as a Python literal; this one takes only what `write_array` writes.
    """
    header = _NPY.match(blob)
    if header is None or header.end() != 10 + int.from_bytes(header[1], "little"):
        raise WireError("a blob that is not .npy")
    dtype = np.dtype(header[2].decode())
    shape = tuple(int(n) for n in header[4].split(b",") if n.strip())
    if len(shape) > 32 or math.prod(shape) * dtype.itemsize != len(blob) - header.end():
        raise WireError(f"an array of {len(shape)} dimensions that does not fill its {len(blob)} bytes")
    empty = not (dtype.itemsize and math.prod(shape))
    flat = np.empty(0, dtype) if empty else np.frombuffer(blob, dtype=dtype, offset=header.end())
    _check_elements(flat)
    if header[3] == b"True":
        return flat.reshape(shape[::-1]).transpose().copy()
    return flat.reshape(shape).copy()


def _check_elements(flat: np.ndarray) -> None:
    """Bytes that are no element of their type: a bool that is neither, a character that does not exist."""
    if flat.dtype.kind == "b" and flat.size and flat.view(np.uint8).max() > 1:
        raise WireError("an array of bool that holds other values")
    if flat.dtype.kind == "U" and flat.size:
        codes = flat.view(np.dtype("u4").newbyteorder(flat.dtype.byteorder))
        if codes.max() > sys.maxunicode:  # Python itself would answer with a SystemError
            raise WireError("an array of text that holds numbers which are no characters")
