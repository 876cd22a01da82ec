"""What a request has to be. Whatever is not is refused with a message that names the field, what was expected there and
what was found, so that the client's author need not guess.

Bodies are read with a cap: a request that announces more, or sends more without announcing it, is refused before it has
been kept.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import AsyncIterator, Mapping
from itertools import chain
from typing import Any

import numpy as np

from tinytorch.serving.served import Contract

Array = np.ndarray


class Refused(Exception):
    """A request that cannot be served as it is. Becomes the response's status and JSON body."""

    def __init__(self, status: int, field: str, expected: str, found: str, headers: Mapping[str, str] | None = None):
        super().__init__(f"{field}: expected {expected}; found {found}")
        self.status, self.headers = status, dict(headers or {})
        self.body = {"error": {"field": field, "expected": expected, "found": found, "message": str(self)}}


def found(value: Any) -> str:
    """A value as a message shows it: briefly, and by JSON's names."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    kind = names.get(type(value), "a number")
    if value is None:
        return kind
    if isinstance(value, (dict, list)):
        return f"{kind} of {len(value)}"
    return f"{kind} ({reprlib.repr(value)})"


# ---- bodies ----------------------------------------------------------------------------------------------------------


async def read_json(headers: Mapping[str, str], stream: AsyncIterator[bytes], cap: int) -> dict[str, Any]:
    """The JSON object that a request's body is.

    Raises:
        Refused: 413 for more than `cap` bytes, 415 for another media type, 400 for no JSON, 422 for no object.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > cap:
        raise _too_large(cap, f"{int(announced):,} bytes announced")
    if kind != "application/json":
        raise Refused(415, "header Content-Type", "application/json", kind or "nothing")
    body = bytearray()
    async for piece in stream:
        body += piece
        if len(body) > cap:
            raise _too_large(cap, "more than that")
    return parse_object(bytes(body))


async def discard(stream: AsyncIterator[bytes], most: int) -> None:
    """Let the rest of a body come, up to about `most` bytes."""
    async for piece in stream:
        most -= len(piece)
        if most < 0:
            return


def _too_large(cap: int, what: str) -> Refused:
    # Perhaps not all that is still to come will be read, so the connection cannot be used again.
    return Refused(413, "body", f"at most {cap:,} bytes", what, {"Connection": "close"})


def parse_object(body: bytes) -> dict[str, Any]:
    """A JSON object; NaN and Infinity, which Python would take, are no JSON."""
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Refused(400, "body", "JSON", f"{error.msg} at {place}" if body else "nothing") from None
    except (ValueError, RecursionError) as error:
        said = "lists nested too deep" if isinstance(error, RecursionError) else str(error)
        raise Refused(400, "body", "JSON", said) from None
    if not isinstance(value, dict):
        raise Refused(422, "body", "an object", found(value))
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name}, which is not finite and no JSON")


def known_fields(given: Mapping[str, Any], *names: str) -> None:
    """Refused with 422 if there are other fields: a mistyped one would go unnoticed."""
    if unknown := [name for name in given if name not in names]:
        raise Refused(422, reprlib.repr(unknown[0]), f"only {', '.join(names)}", "a field that is not known")


def a_version(given: Mapping[str, Any]) -> int:
    """The field `version`: a whole number from 1."""
    known_fields(given, "version")
    value = given.get("version")
    if "version" not in given or type(value) is not int or value < 1:
        raise Refused(422, "version", "a whole number from 1", found(value) if "version" in given else "nothing")
    return value


# ---- examples --------------------------------------------------------------------------------------------------------


def examples(given: Mapping[str, Any], contract: Contract, most: int) -> Array:
    """The field `inputs`: examples (N, *shape), or a single one (*shape) -> float32 (N, *shape).

    Raises:
        Refused: 422; another shape, ragged lists, no numbers, numbers that are not finite or out of range, or more than
            `most` examples.
    """
    known_fields(given, "inputs")
    if "inputs" not in given:
        raise Refused(422, "inputs", f"examples of shape {_shown(contract.shape)}", "nothing")
    value = given["inputs"]
    shape = _shape(value, "inputs")
    batch = shape if len(shape) == len(contract.shape) + 1 else (1, *shape)
    if batch[1:] != contract.shape:
        wanted = f"shape {_shown(contract.shape)}, or {_shown(('N', *contract.shape))} for N examples"
        raise Refused(422, "inputs", wanted, f"shape {_shown(shape)}")
    if not 1 <= batch[0] <= most:
        raise Refused(422, "inputs", f"1 to {most} examples", f"{batch[0]} examples")
    rows = _numbers(value, "inputs", shape).reshape(batch)
    _in_range(rows, shape, contract)
    return rows.astype(np.float32)


def _shown(shape: tuple[object, ...]) -> str:
    return f"({', '.join(map(str, shape))})" if len(shape) != 1 else f"({shape[0]},)"


def _shape(value: Any, path: str) -> tuple[int, ...]:
    """The shape that a nested list seems to have, by its first elements."""
    if not isinstance(value, list):
        raise Refused(422, path, "a list of numbers", found(value))
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _numbers(value: Any, path: str, shape: tuple[int, ...]) -> Array:
    """The numbers of nested lists, float64. If NumPy cannot make an array of them, the first culprit is named."""
    try:
        made = np.array(value)
    except (ValueError, OverflowError):
        made = None
    # NumPy takes true for 1 among numbers.
    if made is None or made.shape != shape or made.dtype.kind not in "fiu" or bool in _kinds(value, len(shape)):
        _find_culprit(value, path, shape)
        raise Refused(422, path, "numbers", "something else")
    return made.astype(np.float64)


def _kinds(value: Any, depth: int) -> set[type]:
    """The types of what is in lists nested so deep."""
    for _ in range(depth - 1):
        value = chain.from_iterable(value)
    return set(map(type, value))


def _find_culprit(value: Any, path: str, shape: tuple[int, ...]) -> None:
    """Refused for the first place where nested lists are not numbers of the given shape."""
    if shape:
        if not isinstance(value, list) or len(value) != shape[0]:
            raise Refused(422, path, f"a list of {shape[0]}", found(value))
        for i, inner in enumerate(value):
            _find_culprit(inner, f"{path}[{i}]", shape[1:])
    elif type(value) not in (int, float):
        raise Refused(422, path, "a number", found(value))
    elif type(value) is int and value.bit_length() > 64:
        raise Refused(422, path, "a finite number", f"a whole number of {value.bit_length()} bits")


def _in_range(rows: Array, shape: tuple[int, ...], contract: Contract) -> None:
    """Refused for the first number that is not finite or not within the model's declared range."""
    wrong = ~((rows >= contract.low) & (rows <= contract.high))  # NaN is not in any range
    if wrong.any():
        at = np.argwhere(wrong.reshape(shape))[0]
        value = float(rows.reshape(shape)[tuple(at)])
        wanted = f"a number from {contract.low:g} to {contract.high:g}" if math.isfinite(value) else "a finite number"
        raise Refused(422, "inputs" + "".join(f"[{i}]" for i in at), wanted, f"{value:g}")
