"""A small Dask cluster of this machine, as its own commands start it: one scheduler, workers that may come and go.

Every process is an ordinary `dask scheduler` or `dask worker`, so that killing one is what it is on a real cluster.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

START_SECONDS = 120.0
PLAIN = ("--no-dashboard",)


class Fleet:
    """A scheduler and its workers. Use as a context manager; `address` is what --scheduler takes.

    Args:
        environment: variables for all of these processes, beside those of this one.
    """

    def __init__(self, environment: Mapping[str, str] | None = None):
        self.environment = {**os.environ, **(environment or {})}
        self.folder = tempfile.TemporaryDirectory(prefix="tito-fleet-")
        self.workers: list[subprocess.Popen[bytes]] = []
        file = Path(self.folder.name) / "scheduler.json"
        self.scheduler = self._started(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)
        )
        try:
            self.address = self._address(file)
        except BaseException:
            self.close()
            raise

    def add(self, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start one more worker process; it joins when it is up."""
        worker = self._started("dask_worker", self.address, "--nthreads", "1", "--no-nanny", environment=environment)
        self.workers.append(worker)
        return worker

    def wait(self) -> None:
        """Wait until every worker that lives has joined."""
        from distributed import Client

        living = sum(worker.poll() is None for worker in self.workers)
        with Client(self.address, timeout=START_SECONDS, set_as_default=False) as client:
            client.wait_for_workers(living, timeout=START_SECONDS)

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """SIGKILL a worker process, as the kernel does when memory is short."""
        worker.kill()
        worker.wait()
        self.workers.remove(worker)

    def _started(
        self, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments, *PLAIN]
        own = {**self.environment, **(environment or {})}
        with (Path(self.folder.name) / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder.name, env=own)

    def _address(self, file: Path) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.scheduler.poll() is None:
            with suppress(OSError, ValueError):  # not there yet, or not written to its end
                return str(json.loads(file.read_text())["address"])
            time.sleep(0.05)
        raise RuntimeError(f"the scheduler did not start:\n{self.log[-2000:]}")

    @property
    def log(self) -> str:
        """What all of the processes have said."""
        return (Path(self.folder.name) / "log").read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self.folder.cleanup()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
