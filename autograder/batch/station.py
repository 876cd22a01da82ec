"""The worker's side of a cluster: what runs inside each Dask worker process.

A plugin makes every worker, also one that joins later, show that it would grade as the machine that asks: the same
course, the same grader, a sandbox that holds. Only then does the worker offer a resource, of which each grading takes
the one piece there is; so Dask itself sends no work to a worker that is unfit, and never two at once to one process.
The judge lives in a thread of its own, whatever number of threads the worker was started with.
"""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import tempfile
import threading
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from distributed.diagnostics.plugin import WorkerPlugin

from autograder.batch import work as unit
from autograder.batch.digest import course_digest, grader_digest
from autograder.batch.parcel import Parcel, unpack
from autograder.batch.pool import Broken, Sandbox
from autograder.batch.work import Outcome, Setting, Work
from autograder.course import FILE, load_course
from autograder.errors import GraderError, UserError

# The judge's thread: what a process starts from a thread that ends may end with it.
_thread = ThreadPoolExecutor(1, thread_name_prefix="judge")


@dataclass(frozen=True)
class Report:
    """What a worker found when it got ready: why it is unfit (or nothing), its sandbox, its versions."""

    unfit: str
    sandbox: Sandbox | None
    versions: Mapping[str, str]


class Station(WorkerPlugin):
    """Makes a worker ready for one setting, and lets it offer the resource `name` when it is."""

    def __init__(self, name: str, setting: Setting, grader: str):
        self.name, self.setting, self.grader = name, setting, grader
        self.report: Report | None = None

    async def setup(self, worker: Any) -> None:
        # In the judge's thread, so that the worker still answers its scheduler meanwhile.
        self.report = await asyncio.wrap_future(_thread.submit(ready, self.setting, self.grader))
        if not self.report.unfit:
            await worker.set_resources(**{self.name: 1})

    def teardown(self, worker: Any) -> None:
        with suppress(RuntimeError):  # the interpreter ends, and the judge with it
            _thread.submit(unit.close)


def ready(setting: Setting, grader: str) -> Report:
    """Start the judge, and say whether this process may grade."""
    versions = {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()}
    try:
        if grader_digest() != grader:
            raise GraderError("its autograder is not the one that asks; install the same, or use one image for all")
        own = here(setting)
        course = load_course(own.course)
        if course_digest(course, course.assignment(own.assignment)) != own.digest:
            raise GraderError(
                f"its course in {own.course} is not the one that asks; bring it up to date, or use one image for all"
            )
        return Report("", Sandbox(*unit.sandbox_of(own)), versions)
    except (UserError, GraderError) as error:
        return Report(str(error), None, versions)
    except Exception as error:
        return Report(f"the judge did not start: {type(error).__name__}: {error}", None, versions)


def here(setting: Setting) -> Setting:
    """The setting with this machine's own course: $TITO_COURSE, else the same folder, else the one beside the code."""
    same = Path(setting.course)
    if not os.environ.get("TITO_COURSE") and (same / FILE).is_file():
        return setting
    return replace(setting, course=str(load_course().root))


def report_of(name: str, dask_worker: Any) -> Report | None:
    """What the worker that this runs on reported; None while it is still getting ready."""
    plugin = dask_worker.plugins.get(name)
    return plugin.report if plugin else None


def grade_parcel(setting: Setting, work: Work, parcel: Parcel, seconds: float) -> Outcome | Broken:
    """The task: one upload graded in this process. Past its time the process ends, and Dask starts it elsewhere."""
    return _thread.submit(_grade, setting, work, parcel, seconds).result()


def _grade(setting: Setting, work: Work, parcel: Parcel, seconds: float) -> Outcome | Broken:
    alarm = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
    alarm.daemon = True
    alarm.start()
    try:
        with tempfile.TemporaryDirectory(prefix="tito-parcel-") as folder:
            return unit.grade_one(here(setting), replace(work, source=str(unpack(parcel, Path(folder)))))
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return Broken(f"the grader raised {type(error).__name__}: {error} (in {where.name}, line {where.lineno})")
    finally:
        alarm.cancel()
