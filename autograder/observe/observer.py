"""The observer: a confined child of the zygote that imports a composition and its probes and answers the judge's
requests.

Everything here runs in the same process as a student's code and may be turned against itself by it. That gains nothing:
the observer holds no expectation, and the judge believes nothing but the values that arrive.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from autograder.observe import wire

MAX_TEXT = 2000
REQUEST_CAP = 1 << 31  # the judge's own messages may be large (a training set); the memory limit is what bounds them


def serve(requests: int, replies: int, folders: list[str]) -> None:
    """Answer requests until the judge closes the pipe.

    Args:
        requests, replies: file descriptors of the wire.
        folders: put in front of sys.path: the probes' folder and the composition.
    """
    sys.path[:0] = folders
    # The scratch folder is $TMPDIR now; whatever was found before the sandbox closed is not to be used.
    tempfile.tempdir = None
    receive = _receiver(requests)
    probes: Any = None
    while True:
        try:
            request = wire.read(receive, REQUEST_CAP)
        except EOFError:
            return
        reply, probes = answer(probes, request, folders)
        view = memoryview(encoded(reply, folders))
        while view:
            view = view[os.write(replies, view) :]


def answer(probes: Any, request: dict[str, Any], folders: list[str]) -> tuple[dict[str, Any], Any]:
    """The reply to one request, and the probes module as it is after it."""
    if request["do"] == "import":
        reply, probes = _guarded(_import_probes, folders)
        return ({"ok": None} if "ok" in reply else reply), probes
    if request["do"] == "load":
        return _guarded(lambda: _load(request["modules"]), folders)[0], probes
    action = _lint if request["do"] == "lint" else lambda request: _call(probes, request)
    return _guarded(lambda: action(request), folders)[0], probes


def encoded(reply: dict[str, Any], folders: list[str]) -> bytes:
    """The reply as a message. A value that cannot travel becomes an error that says so."""
    try:
        return wire.encode(reply)
    except BaseException as error:
        return wire.encode({"error": _describe(error, folders)})


def _import_probes() -> Any:
    import probes

    return probes


def _load(modules: list[str]) -> None:
    """Import modules of the composition, to see that they can be."""
    for name in modules:
        __import__(name)


def _call(probes: Any, request: dict[str, Any]) -> Any:
    return getattr(probes, request["name"])(*request["args"], **request["kwargs"])


def _lint(request: dict[str, Any]) -> Any:
    """Static checks and byte code of one source file. The parser is ours, but the text is not: a crash stays in
    here."""
    from autograder import lint

    path, source = request["path"], request["source"]
    findings = lint.lint_source(path, source, lint.LintPolicy.from_plain(request["policy"]))
    fatal = any(finding.fatal for finding in findings)
    bytecode = None if fatal else lint.compile_source(path, source)
    return {"findings": [finding.to_plain() for finding in findings], "bytecode": bytecode}


def _guarded(action: Callable[[], Any], folders: list[str]) -> tuple[dict[str, Any], Any]:
    """The reply for `action`, and its result. No exception of a student's program ends the observer, SystemExit
    included."""
    try:
        result = action()
    except BaseException as error:
        return {"error": _describe(error, folders)}, None
    return {"ok": result}, result


def _receiver(descriptor: int) -> Callable[[int], bytes]:
    def receive(count: int) -> bytes:
        chunks = []
        while count:
            chunk = os.read(descriptor, min(count, 1 << 20))
            if not chunk:
                raise EOFError
            chunks.append(chunk)
            count -= len(chunk)
        return b"".join(chunks)

    return receive


def _describe(error: BaseException, folders: list[str]) -> dict[str, Any]:
    """An exception as plain data: names of its classes, its text, and the last line of the student's code it passed."""
    try:
        text = str(error)
        if type(text) is not str:
            text = "(its text is not a string)"
    except BaseException:
        text = "(its __str__ raised)"
    where = ""
    frame = error.__traceback__
    for _ in range(5000):
        if frame is None:
            break
        where = _location(frame, folders) or where
        frame = frame.tb_next
    kinds = [kind.__name__ for kind in type(error).__mro__ if isinstance(kind.__name__, str)]
    return {
        "kinds": kinds[:20],
        "text": text[:MAX_TEXT],
        "where": where[:MAX_TEXT],
        "line": getattr(error, "lineno", None),
    }


def _location(frame: Any, folders: list[str]) -> str:
    """`tinytorch/core/tensor.py:12 in reshape` for a frame of the composition, else nothing. No path of this
    machine."""
    name = frame.tb_frame.f_code.co_filename
    for folder in folders:
        name = name.removeprefix(folder + "/")
    if not name.startswith("tinytorch/"):
        return ""
    return f"{name}:{frame.tb_lineno} in {frame.tb_frame.f_code.co_name}"
