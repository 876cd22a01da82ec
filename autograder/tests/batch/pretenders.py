"""Worker processes that do to the pool what a real judge does only on a bad day. What to do is the work's source."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from autograder.batch.pool import Broken, Sandbox
from autograder.batch.work import Outcome, Setting, Work
from autograder.errors import GraderError
from autograder.judge.cases import Verdict
from autograder.score import Grade


def serve(pipe: Connection, setting: Setting) -> None:
    """A worker. `setting.digest` says how it starts; it notes its pid and uploads below `setting.assignment`."""
    if setting.digest == "unable":
        pipe.send(GraderError("the tests are wrong"))
        return
    if setting.digest == "dead":
        sys.exit(5)
    with suppress(EOFError, BrokenPipeError):  # the pool is gone
        pipe.send(Sandbox(frozenset({"uid"}), ("a note",)))
        while True:
            work = pipe.recv()
            with open(setting.assignment, "a") as notes:
                notes.write(f"{os.getpid()} {work.source}\n")
            pipe.send(_answer(setting, work))


def _answer(setting: Setting, work: Work) -> Outcome | Broken:
    first = Path(setting.assignment).read_text().split().count(work.source) == 1
    if work.source == "dies" or (work.source == "dies-once" and first):
        os.kill(os.getpid(), signal.SIGKILL)
    if work.source == "hangs":
        time.sleep(600)
    if work.source == "breaks":
        return Broken("the grader raised OSError: disk full")
    if work.source == "takes a while":
        time.sleep(0.3)
    grade = Grade("a01_numbers", "N", Verdict("a01_numbers", ()), 10, rejected=work.source)
    return Outcome(grade, 0.0, b"{}", b"{}")
