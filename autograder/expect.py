"""What test files use to compare an answer with what is right, and the messages a student reads when they differ.

Every function raises `Mismatch` with one text in the judge's words: the call that was made, what was expected and what
came, with shape, dtype and the first element that differs. Nothing here runs a student's code: a value is plain data
(numbers, strings, lists, ndarrays) by the time it arrives, and anything else is itself a mismatch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.errors import GraderError
from autograder.messages import message
from autograder.observe.wire import WireError

__all__ = [
    "Mismatch",
    "StudentError",
    "between",
    "close",
    "cpu_ratio",
    "dtype",
    "equal",
    "finite",
    "raises",
    "record",
    "shape",
    "true",
]

SHOWN_ELEMENTS = 24
SHOWN_CHARACTERS = 200


class Mismatch(AssertionError):
    """An answer differs from what is right. The message is for the student."""


class StudentError(Exception):
    """The student's code raised. `kinds` are the names of the exception's class and of its base classes."""

    def __init__(self, message: str, kinds: tuple[str, ...] = ("Exception",), text: str = "", where: str = ""):
        super().__init__(message)
        self.kinds = kinds
        self.text = text
        self.where = where


class NoAnswer(Exception):
    """A probe was asked and no usable answer came. That is neither a value nor an exception of the student's code."""


@dataclass(frozen=True)
class Call:
    """One call of a probe, as a student would write it, and what it returned."""

    text: str
    result: Any


# Outside a judged case (a lab) calls are noted too, in one list that lives as long as the process.
_calls: ContextVar[list[Call]] = ContextVar("calls", default=[])  # noqa: B039 - one list is what is meant


@contextmanager
def recording_calls():
    """While this is open, calls of probes are remembered so that a message can say what was asked."""
    token = _calls.set([])
    try:
        yield _calls.get()
    finally:
        _calls.reset(token)


_measured: ContextVar[list[tuple[str, float]] | None] = ContextVar("measured", default=None)


@contextmanager
def recording_measures():
    """While this is open, the numbers that `between` looks at are kept: what was reached is worth more than a tick."""
    token = _measured.set([])
    try:
        yield _measured.get()
    finally:
        _measured.reset(token)


_recorded: ContextVar[dict[str, float] | None] = ContextVar("recorded", default=None)


@contextmanager
def recording_numbers():
    """While this is open, what test files `record` is kept by name."""
    token = _recorded.set({})
    try:
        yield _recorded.get()
    finally:
        _recorded.reset(token)


def remember(call: Call) -> None:
    """Note a call for later messages. Only the last 64 are kept."""
    calls = _calls.get()
    calls.append(call)
    del calls[:-64]


def close(actual: Any, expected: Any, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """The same shape, and every element within `atol + rtol * |expected|`. NaN equals NaN, infinities their own
    sign."""
    want = np.asarray(expected)
    got = _array(actual, want, actual)
    if got.shape != want.shape:
        _fail(actual, f"shape {want.shape}", f"shape {got.shape}", _hint_broadcast(got, want))
    number = np.complex128 if "c" in (got.dtype.kind, want.dtype.kind) else np.float64
    with np.errstate(all="ignore"):
        right = np.isclose(got.astype(number), want.astype(number), rtol=rtol, atol=atol, equal_nan=True)
    if not right.all():
        _fail(actual, _describe(want), _describe(got), _first_difference(got, want, right))


def equal(actual: Any, expected: Any) -> None:
    """Exactly equal: numbers, strings, None, lists and dicts of such, or arrays element by element."""
    if isinstance(expected, np.ndarray):
        got = _array(actual, expected, actual)
        if got.shape != expected.shape:
            _fail(actual, f"shape {expected.shape}", f"shape {got.shape}")
        right = (got == expected) | ((got != got) & (expected != expected))
        if not np.all(right):
            _fail(actual, _describe(expected), _describe(got), _first_difference(got, expected, np.asarray(right)))
    elif not _same(actual, expected):
        _fail(actual, _show(expected), _show(actual))


def shape(actual: Any, expected: Iterable[int]) -> None:
    """The shape of an array, or a shape given as a tuple or list."""
    want = tuple(expected)
    got = tuple(actual.shape) if isinstance(actual, np.ndarray) else actual
    if isinstance(got, list):
        got = tuple(got)
    sizes = isinstance(got, tuple) and all(isinstance(n, (int, np.integer)) for n in got)
    if not sizes or got != want:
        _fail(actual, f"shape {want}", f"shape {_show(got)}" if sizes else _show(actual))


def dtype(actual: Any, expected: str) -> None:
    """The dtype of an array, or a dtype given as a string."""
    got = str(actual.dtype) if isinstance(actual, (np.ndarray, np.generic)) else actual
    if got != str(np.dtype(expected)):
        _fail(actual, f"dtype {np.dtype(expected)}", f"dtype {_cut(got)}" if isinstance(got, str) else _show(actual))


def finite(actual: Any) -> None:
    """No NaN and no infinity."""
    got = _array(actual, None, actual)
    if got.dtype.kind not in "fc" or np.isfinite(got).all():
        return
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(got))[0])
    _fail(actual, message("expect.finite"), _describe(got), message("expect.element", at=_at(index), value=got[index]))


def between(actual: Any, low: float, high: float, what: str) -> None:
    """A single number within [low, high]; `what` names it for the student."""
    number = _number(actual)
    if number is not None and (measures := _measured.get()) is not None:
        measures.append((what, number))
    if number is None or not low <= number <= high:
        _fail(actual, message("expect.between", what=what, low=low, high=high), _show(actual))


def record(name: str, value: Any) -> None:
    """A number for the leaderboard, under the name of a column that the course declares; it stands if the case passes.

    The judge computes it: from predictions and its own labels, from CPU times read outside, from the bytes of arrays
    that came. A number that a student's program says of itself is no measurement. Recording it expects nothing.
    """
    number = _number(value)
    if number is None or not math.isfinite(number) or isinstance(value, (bool, np.bool_)):
        _fail(value, f"a finite number for {name}", _show(value))
    if (recorded := _recorded.get()) is not None:
        recorded[name] = float(number)


def _cpu_ratio(probe: Any, other: Any, inputs: tuple[Any, ...], block: int) -> float:
    """Of one call of each; who comes first changes from block to block."""
    order = (probe, other) if block % 2 else (other, probe)
    seconds = {id(one): one.cpu_seconds(*inputs) for one in order}
    return seconds[id(probe)] / max(seconds[id(other)], 1e-9)


def cpu_ratio(
    probe: Any, other: Any, draw: Callable[[], tuple[Any, ...]], at_most: float, blocks: int = 7, rounds: int = 3
) -> float:
    """A probe takes at most so many times the CPU time of another one (the same probe of the reference, say).

    Both are called in turn, on the same fresh inputs from `draw`, after one call that is not counted. The ratio is the
    median over the blocks. Where it is too large, more blocks are added to those there are, never dropped: noise comes
    and goes, a slow program is slow in every block. CPU time is read outside the process that is measured.

    Returns:
        The ratio, for `record`.

    Raises:
        Mismatch: the median of all blocks is above `at_most`. The measured ratio is not told: it differs each time.
    """
    ratios: list[float] = []
    probe.cpu_seconds(*(inputs := draw()))
    other.cpu_seconds(*inputs)
    for _ in range(rounds):
        ratios += [_cpu_ratio(probe, other, draw(), block) for block in range(blocks)]
        if (ratio := float(np.median(ratios))) <= at_most:
            return ratio
    name = "the reference's" if repr(other).startswith("reference.") else f"{other!r}'s"
    raise Mismatch(
        message("expect.ratio", probe=probe, other=other, times=at_most, whose=name, count=len(ratios))
    )


def true(condition: Any, what: str) -> None:
    """`condition` holds; `what` says in words what should hold. Prefer a comparison: it can show what came."""
    if not isinstance(condition, (bool, np.bool_)):
        raise TypeError(
            f"expect.true needs a bool, got {type(condition).__name__}; compare with expect.close or expect.equal"
        )
    if not condition:
        _fail(None, what, message("expect.not_so"))


def raises(
    error: type[BaseException], call: Callable[..., Any], *args: Any, mentions: Iterable[str] = (), **kwargs: Any
) -> None:
    """`call(*args, **kwargs)` raises `error` (or a subclass) and its message contains every text in `mentions`."""
    try:
        result = call(*args, **kwargs)
    except StudentError as raised:
        _check_raised(raised, error, mentions)
    except (NoAnswer, GraderError, WireError):
        raise
    except Exception as raised:  # at home the probe is called directly, so the student's own exception arrives
        kinds = tuple(kind.__name__ for kind in type(raised).__mro__)
        _check_raised(StudentError(f"{type(raised).__name__}: {raised}", kinds, str(raised)), error, mentions)
    else:
        raised = message("expect.raised", error=error.__name__)
        _fail(result, raised, message("expect.no_error", value=_show(result)))


def _check_raised(raised: StudentError, error: type[BaseException], mentions: Iterable[str]) -> None:
    if "NotImplementedError" in raised.kinds:
        raise raised
    if error.__name__ not in raised.kinds:
        _fail(None, message("expect.raised", error=error.__name__), f"{raised.kinds[0]}: {_cut(raised.text)}")
    missing = [text for text in mentions if text not in raised.text]
    if missing:
        wanted = " and ".join(repr(text) for text in missing)
        _fail(None, message("expect.mentions", texts=wanted), f"{raised.kinds[0]}: {_cut(raised.text)}")


# ---- how values are shown ------------------------------------------------------------------------------------------


def format_call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The call as a student would type it; large arrays by shape and dtype."""
    parts = [_show(a) for a in args] + [f"{key}={_show(value)}" for key, value in kwargs.items()]
    return _cut(f"{name}({', '.join(parts)})", 400)


def _fail(actual: Any, expected: str, came: str, detail: str = "") -> None:
    lines = []
    if asked := _asked(actual):
        lines.append(f"asked:    {asked}")
    lines += [f"expected: {expected}", f"came:     {came}"]
    if detail:
        lines.append(f"          {detail}")
    raise Mismatch("\n".join(lines))


def _asked(actual: Any) -> str:
    """The call that returned `actual`, or the last one when the value was computed from it."""
    calls = _calls.get()
    if not calls:
        return ""
    if actual is not None:
        for call in reversed(calls):
            if call.result is actual or (
                isinstance(call.result, (list, tuple)) and any(r is actual for r in call.result)
            ):
                return call.text
            if isinstance(call.result, dict) and any(r is actual for r in call.result.values()):
                return call.text
    return calls[-1].text


def _array(value: Any, want: np.ndarray | None, actual: Any) -> np.ndarray:
    """The value as an array of numbers; anything that is not one is the student's mistake, not ours."""
    expected = "numbers" if want is None else _describe(want)
    if isinstance(value, (bool, int, float, complex, np.number, np.bool_)):
        return np.asarray(value)
    if isinstance(value, (list, tuple)):
        try:
            value = np.asarray(value)
        except (ValueError, TypeError, OverflowError):
            _fail(actual, expected, _show(value))
    if not isinstance(value, np.ndarray):
        _fail(actual, expected, _show(value))
    if value.dtype.kind not in "biufc":
        _fail(actual, expected, f"an array of dtype {value.dtype}")
    return value


def _number(value: Any) -> float | None:
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "biuf":
        return float(value.reshape(-1)[0])
    if isinstance(value, (int, float, np.number)) and not isinstance(value, complex):
        return float(value)
    return None


def _same(a: Any, b: Any) -> bool:
    if isinstance(b, np.generic):
        b = b.item()
    if isinstance(a, (np.str_, np.bytes_)):
        a = a.item()
    if isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and a.shape == b.shape and bool(np.all((a == b) | ((a != a) & (b != b))))
    if isinstance(b, (list, tuple)):
        return isinstance(a, (list, tuple)) and len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(b, dict):
        return isinstance(a, dict) and a.keys() == b.keys() and all(_same(a[k], b[k]) for k in b)
    if isinstance(b, bool) or isinstance(a, (bool, np.bool_)):
        return isinstance(a, (bool, np.bool_)) and isinstance(b, bool) and bool(a) == b
    if isinstance(b, float) and math.isnan(b):
        return isinstance(a, (float, np.floating)) and math.isnan(a)
    if isinstance(a, np.ndarray):
        return a.ndim == 0 and isinstance(b, (int, float, str)) and bool(a == b)
    if isinstance(b, (int, float)):
        return isinstance(a, (int, float, np.number)) and bool(a == b)
    return type(a) is type(b) and bool(a == b)


def _first_difference(got: np.ndarray, want: np.ndarray, right: np.ndarray) -> str:
    wrong = np.argwhere(~right)
    index = tuple(int(i) for i in wrong[0])
    told = {"at": _at(index), "expected": _scalar(want[index]), "came": _scalar(got[index])}
    if right.size == 1:
        return message("expect.difference", **told)
    return message("expect.differences", **told, wrong=len(wrong), size=right.size)


def _hint_broadcast(got: np.ndarray, want: np.ndarray) -> str:
    if got.size == want.size and got.size:
        return message("expect.arrangement")
    return ""


def _describe(array: np.ndarray) -> str:
    if array.ndim == 0:
        return f"{_scalar(array[()])} ({array.dtype})"
    header = f"shape {array.shape}, {array.dtype}"
    return f"{_show(array)} ({header})" if array.size <= SHOWN_ELEMENTS else f"an array of {header}"


def _show(value: Any) -> str:
    if isinstance(value, np.ndarray):
        if value.size <= SHOWN_ELEMENTS and value.dtype.kind in "biufc":
            return _nested(value)
        return f"array of shape {value.shape}, {value.dtype}"
    if isinstance(value, (float, np.floating)):
        return _scalar(value)
    if isinstance(value, np.generic):
        return _cut(str(value))
    if isinstance(value, (list, tuple)) and len(value) <= SHOWN_ELEMENTS:
        opening, closing = "[]" if isinstance(value, list) else "()"
        inner = ", ".join(_show(v) for v in value) + ("," if isinstance(value, tuple) and len(value) == 1 else "")
        return _cut(f"{opening}{inner}{closing}")
    if isinstance(value, dict) and len(value) <= SHOWN_ELEMENTS:
        return _cut("{" + ", ".join(f"{_show(k)}: {_show(v)}" for k, v in value.items()) + "}")
    return _cut(repr(value)) if isinstance(value, (str, bytes, int, bool, type(None))) else f"a {type(value).__name__}"


def _nested(array: np.ndarray) -> str:
    if array.ndim == 0:
        return _scalar(array[()])
    return "[" + ", ".join(_nested(row) if isinstance(row, np.ndarray) else _scalar(row) for row in array) + "]"


def _scalar(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.7g}"
    return str(value)


def _at(index: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, index)) + "]" if index else "the only element"


def _cut(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """Printable, on one line, and short enough to read: a student's text must not move a terminal's cursor or fill a
    page."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
