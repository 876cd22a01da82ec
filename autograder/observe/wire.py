"""The wire between judge and observer: JSON for structure, raw .npy bytes for arrays, nothing that executes when read.

A message is a 4-byte length, a JSON header of that length and the blobs the header announces. Plain data only: None, bool,
int, float, str, bytes, list, tuple, dict with string keys, NumPy scalars and arrays without objects. Reading is written
for a hostile writer: sizes are checked before anything is allocated, and every malformed message is a WireError.
"""

from __future__ import annotations

import io
import json
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

MAX_HEADER = 4 << 20
MAX_BLOBS = 10_000
DEFAULT_CAP = 64 << 20
_TAG = "$"
_PLAIN_KINDS = "biufcUS"


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
    if depth > 50:
        raise WireError(f"{where} is nested more than 50 deep")
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
    raise WireError(f"{where} is a {type(value).__name__}; numbers, strings, lists, dicts and NumPy arrays can be returned")


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
    blobs = [receive(n) for n in sizes]
    try:
        return _unpack(header["v"], blobs)
    except (KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise WireError("a structure that does not fit its blobs") from error


def loads(message: bytes, cap: int = DEFAULT_CAP) -> Any:
    """The value of a message held in memory."""
    return read(io.BytesIO(message).read, cap)


def _unpack(node: Any, blobs: list[bytes]) -> Any:
    if isinstance(node, list):
        return [_unpack(v, blobs) for v in node]
    if not isinstance(node, dict):
        return node
    tag = node[_TAG]
    if tag == "t":
        return tuple(_unpack(v, blobs) for v in node["v"])
    if tag == "d":
        return {key: _unpack(v, blobs) for key, v in node["v"].items()}
    if type(node["i"]) is not int or node["i"] < 0:
        raise WireError("a blob number that is none")
    blob = blobs[node["i"]]
    if tag == "b":
        return blob
    if tag in ("a", "s"):
        array = _array(blob)
        return array[()] if tag == "s" else array
    raise WireError(f"an unknown tag {tag!r}")


def _array(blob: bytes) -> np.ndarray:
    """The array of a .npy blob. The announced size has to be the real one before an element is allocated."""
    stream = io.BytesIO(blob)
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=20_000)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream, max_header_size=20_000)
        else:
            raise WireError(f"a .npy of version {version}")
    except WireError:
        raise
    except Exception as error:
        raise WireError("a blob that is not .npy") from error
    if dtype.hasobject or dtype.kind not in _PLAIN_KINDS or dtype.names is not None or dtype.subdtype is not None:
        raise WireError(f"an array of dtype {dtype}")
    if len(shape) > 32 or any(n < 0 for n in shape):
        raise WireError(f"an array of shape {shape}")
    if math.prod(shape) * dtype.itemsize != len(blob) - stream.tell():
        raise WireError(f"an array of shape {shape} in {len(blob)} bytes")
    flat = np.frombuffer(blob, dtype=dtype, offset=stream.tell()) if dtype.itemsize and math.prod(shape) else np.empty(0, dtype)
    if fortran:
        return flat.reshape(shape[::-1]).transpose().copy()
    return flat.reshape(shape).copy()
