"""The zygote: a fork server with NumPy loaded. One fork is one observer; starting it costs milliseconds, not an import.

It runs as a program of its own (`python -u -s -S zygote.py`), so its memory, which every observer inherits, holds
nothing of the judge's: no test, no expectation, no path but the ones it is given. It serves one judge, over a Unix
socket that is its standard input, one request at a time:

    {"do": "spawn", "confinement": {...}, "folders": [...]} + 3 descriptors  ->  {"pid": n}
    {"do": "finish", "pid": n}   ->  {"status": wait status, "cpu": seconds, "memory_kb": peak}
    {"do": "layers"}             ->  {"layers": [...]}

It ends when the judge closes the socket or dies.
"""

from __future__ import annotations

import json
import os
import socket
import sys

PRELOADED = (
    *("abc", "argparse", "base64", "bisect", "collections.abc", "contextlib", "copy", "dataclasses", "enum"),
    *("fractions", "functools", "gzip", "hashlib", "heapq", "io", "itertools", "json", "linecache", "math"),
    *("operator", "os", "pathlib", "random", "re", "statistics", "string", "struct", "sys", "tempfile", "textwrap"),
    *("time", "tokenize", "traceback", "types", "typing", "unicodedata", "uuid", "warnings", "weakref", "zlib"),
    *("numpy", "numpy.random", "numpy.linalg", "numpy.fft", "numpy.lib.stride_tricks", "numpy.lib.format"),
)


def main() -> None:
    """Load, then serve. The first message names the folders from which NumPy and this package are imported."""
    control = socket.socket(fileno=os.dup(0))
    setup = json.loads(_receive(control)[0])
    # The folder of this script stands first; nothing is to be imported from there.
    before = [p for p in sys.path if os.path.realpath(p) != os.path.dirname(os.path.realpath(__file__))]
    sys.path[:] = [*setup["import_from"], *before]
    for name in PRELOADED:
        __import__(name)
    from autograder import lint, sandbox
    from autograder.observe import observer

    assert observer and lint
    # The same start for every observer: a program that draws without a seed still does the same thing each time.
    import numpy as np

    np.random.seed(0)
    # From here on a student's code finds the standard library, NumPy (already loaded) and its composition, nothing
    # else.
    sys.path[:] = before
    sys.argv[:] = ["observer"]
    sandbox.become_subreaper()
    sandbox.guard_judge()
    zygote = Zygote(control, sandbox)
    _send(control, {"ready": True})
    while True:
        message, descriptors = _receive(control)
        if not message:
            zygote.end()
        zygote.answer(json.loads(message), descriptors)


class Zygote:
    """The children that are alive, and the answers to the judge's requests."""

    def __init__(self, control: socket.socket, sandbox):
        self.control = control
        self.sandbox = sandbox
        self.children = {}

    def answer(self, request, descriptors) -> None:
        if request["do"] == "spawn":
            self._spawn(request, descriptors)
        elif request["do"] == "finish":
            self._finish(request["pid"])
        elif request["do"] == "layers":
            _send(self.control, {"layers": sorted(self.sandbox.available())})

    def end(self) -> None:
        """The judge is gone, killed perhaps: no observer and nothing that one has started may outlive it."""
        try:
            for pid in list(self.children):
                confinement = self.children.pop(pid)
                self.sandbox.kill_tree(pid, confinement, spare=self.children.keys())
        finally:
            os._exit(0)

    def _spawn(self, request, descriptors) -> None:
        fields = request["confinement"]
        confinement = self.sandbox.Confinement(
            **{**fields, "read": tuple(fields["read"]), "layers": frozenset(fields["layers"])}
        )
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._become_observer(confinement, request["folders"], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        self.children[pid] = confinement
        _send(self.control, {"pid": pid})

    def _become_observer(self, confinement, folders, descriptors) -> None:
        """In the child: never returns. The first message on the wire says whether the sandbox was entered; if not,
        nothing runs."""
        import random

        from autograder.observe import observer, wire

        random.seed(0)  # here, since Python itself seeds it anew in every fork
        requests, replies, output = descriptors
        status = 0
        try:
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            try:
                self.sandbox.enter(confinement, keep_fds=(requests, replies))
            except BaseException as error:
                os.write(replies, wire.encode({"sandbox": f"{type(error).__name__}: {error}"}))
                os._exit(3)
            os.write(replies, wire.encode({"confined": True}))
            observer.serve(requests, replies, folders)
        except BaseException:
            status = 1
        finally:
            os._exit(status)

    def _finish(self, pid) -> None:
        confinement = self.children.pop(pid)
        status, usage = self.sandbox.kill_tree(pid, confinement, spare=self.children.keys())
        self.sandbox.wipe(confinement.scratch)
        cpu = usage.ru_utime + usage.ru_stime
        _send(self.control, {"status": status, "cpu": cpu, "memory_kb": usage.ru_maxrss})


def _receive(control: socket.socket):
    message, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 8)
    return message, descriptors


def _send(control: socket.socket, message) -> None:
    control.sendall(json.dumps(message).encode())


if __name__ == "__main__":
    main()
