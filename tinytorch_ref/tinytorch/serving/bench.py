"""What a service holds: `python -m tinytorch.serving.bench --out FOLDER`. `tito serve --bench` calls this.

Starts a service on a free port of this machine, puts load on it with the generator beside this file, and measures four
things: the greatest rate that is held (every request answered, the slowest 1 in 100 within a limit), what happens at a
multiple of it, whether a request fails while versions are swapped by another process, and whether an accepted request
is lost when the service is told to stop. Leaves bench.json and a picture.

The network has the size of the recipe mnist_quick and random weights, which computing takes as long with.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch import nn, runs
from tinytorch.serving import ServingError
from tinytorch.serving.load import Plan, Result, put_load
from tinytorch.serving.served import Contract, pack

NAME = "bench"
START, FACTOR, MOST = 20.0, 1.6, 5000.0  # requests a second
TRIES = 3  # a rate is given up only if it is missed so often: other programs disturb, and rarely the same way
OVERLOAD = 2.5  # times the rate held
HALF = 0.5
SWAP_EVERY = 0.7  # seconds


@dataclass(frozen=True)
class Step:
    """One rate of the ramp: the best of its tries."""

    rate: float
    result: Result
    held: bool


@dataclass(frozen=True)
class Report:
    """Everything that was measured."""

    limit: float
    ramp: tuple[Step, ...]
    overload: Result
    swapping: Result
    swaps: tuple[float, ...]
    stopping: Result
    stopped_at: float
    said: str
    others: float
    versions: dict[str, str] = field(default_factory=runs.versions)

    @property
    def held(self) -> Step | None:
        """The greatest rate that was held, None if not even the least was."""
        return max((step for step in self.ramp if step.held), key=lambda step: step.rate, default=None)

    @property
    def accepted(self) -> tuple[int, int]:
        """How many examples the service accepted and answered, by its own account when it stopped."""
        found = re.search(r"accepted (\d+) examples, answered (\d+)", self.said)
        return (int(found[1]), int(found[2])) if found else (-1, -2)

    def kept_promises(self) -> bool:
        """Nothing lost, nothing failed, something held, and beyond it refused."""
        kept = self.swapping.failed == 0 and self.stopping.lost == 0 and self.overload.failed == 0
        return self.held is not None and kept and self.accepted[0] == self.accepted[1] and self.overload.shed > 0

    def as_dict(self) -> dict[str, Any]:
        """For bench.json."""
        return {
            "held_per_second": self.held.rate if self.held else None,
            "p99_ms_limit": self.limit,
            "ramp": [{"rate": step.rate, "held": step.held, **step.result.summary()} for step in self.ramp],
            "overload": {"rate": self.overload.plan.rate, **self.overload.summary()},
            "swap": {"swaps": len(self.swaps), "failed": self.swapping.failed, **self.swapping.summary()},
            "stop": {"lost": self.stopping.lost, "service": self.said, **self.stopping.summary()},
            "versions": self.versions,
            "cores": os.cpu_count(),
            "load_average_before": self.others,
        }


# ---- a service to measure --------------------------------------------------------------------------------------------


def fill(root: Path) -> None:
    """Two versions of a network in a registry, the first in use."""
    from tinytorch.mlops import ModelRegistry

    rng = np.random.default_rng(0)
    contract = Contract(shape=(1, 28, 28), classes=tuple("0123456789"), mean=(0.1307,), std=(0.3081,))
    images = rng.random((400, 1, 28, 28), np.float32)
    registry = ModelRegistry(root)
    for _ in range(2):
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)).eval()
        registry.register(NAME, *pack(model, contract, images[:100], [0] * 100, images[100:], {}))
    registry.promote(NAME, 1)


@contextmanager
def service(root: Path, scratch: Path) -> Iterator[tuple[subprocess.Popen, str, Callable[[], str]]]:
    """A running service: its process, its address, and what it has printed so far."""
    log = scratch / "service.log"
    order = [sys.executable, "-m", "tinytorch.serving", str(root), NAME, "--port=0", "--poll=0.2"]
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(order, stdout=file, stderr=subprocess.STDOUT)

    def said() -> str:
        return log.read_text(encoding="utf-8")

    try:
        until = time.monotonic() + 60
        while "listening on " not in said():
            if process.poll() is not None or time.monotonic() > until:
                raise ServingError(f"the service did not start: {said().strip()}")
            time.sleep(0.05)
        yield process, said().split("listening on ")[1].split()[0], said
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


# ---- the four measurements -------------------------------------------------------------------------------------------


def measure(seconds: float, limit: float, tell: Callable[[str], None]) -> Report:
    """Run all of it: about 12 loads of so many seconds."""
    with tempfile.TemporaryDirectory(prefix="tinytorch-bench-") as folder:
        scratch, others = Path(folder), os.getloadavg()[0]
        root = scratch / "registry"
        fill(root)
        with service(root, scratch) as (process, url, said):
            asyncio.run(put_load(url, Plan(START, 1.0)))  # warm
            ramp = tuple(climb(url, seconds, limit, tell))
            held = max((step.rate for step in ramp if step.held), default=START)
            overload = asyncio.run(put_load(url, Plan(held * OVERLOAD, seconds, seed=7)))
            tell(f"at {held * OVERLOAD:.0f} a second: {overload.counts()}")
            swapping, swaps = _meanwhile(url, Plan(held * HALF, max(seconds, 5.0), seed=8), lambda at: _swap(root, at))
            tell(f"{len(swaps)} swaps at {held * HALF:.0f} a second: {swapping.counts()}")
            stopping, at = _meanwhile(
                url, Plan(held * HALF, seconds, seed=9), lambda at: _stop(process, seconds / 2, at)
            )
            process.wait(60)
            tell(f"stopped at {held * HALF:.0f} a second: {stopping.counts()}; {said().splitlines()[-1]}")
            return Report(limit, ramp, overload, swapping, swaps, stopping, at[0], said().splitlines()[-1], others)


def climb(url: str, seconds: float, limit: float, tell: Callable[[str], None]) -> Iterator[Step]:
    """Rates, each a factor above the last, up to the first that is not held."""
    rate = START
    while rate <= MOST:
        step = best_of(url, rate, seconds, limit)
        p50, p99 = step.result.percentiles(50, 99)
        tell(
            f"at {rate:.0f} a second: {'held' if step.held else 'not held'}, median {p50:.1f} ms, 99 % in {p99:.1f} ms"
        )
        yield step
        if not step.held:
            return
        rate = float(round(rate * FACTOR))


def best_of(url: str, rate: float, seconds: float, limit: float) -> Step:
    """A rate, tried until it is held or was missed too often."""
    found = []
    for seed in range(TRIES):
        result = asyncio.run(put_load(url, Plan(rate, seconds, seed=seed)))
        p99 = result.percentiles(99)[0]
        held = result.count("200") == len(result.outcome) and p99 <= limit
        found.append(Step(rate, result, held))
        if held:
            return found[-1]
        time.sleep(0.5)
    return min(found, key=lambda step: (step.result.shed, step.result.percentiles(99)))


def _meanwhile(
    url: str, plan: Plan, act: Callable[[Callable[[], float]], list[float]]
) -> tuple[Result, tuple[float, ...]]:
    """A load during which something else happens in a thread, and when that was (seconds from the load's start)."""
    when: list[float] = []
    began: list[float] = []
    started, ended = threading.Event(), threading.Event()

    def start() -> None:
        began.append(time.perf_counter())
        started.set()

    def acting() -> None:
        if started.wait(60):
            when.extend(act(lambda: np.inf if ended.is_set() else time.perf_counter() - began[0]))

    thread = threading.Thread(target=acting)
    thread.start()
    result = asyncio.run(put_load(url, plan, start))
    ended.set()
    thread.join()
    return result, tuple(when)


def _swap(root: Path, at: Callable[[], float]) -> list[float]:
    """Promote one version after the other in the registry, as another process would, until the load is over."""
    from tinytorch.mlops import ModelRegistry

    registry, when = ModelRegistry(root), []
    while True:
        time.sleep(SWAP_EVERY)
        if not np.isfinite(now := at()):
            return when
        registry.promote(NAME, 2 if registry.current(NAME) == 1 else 1)
        when.append(now)


def _stop(process: subprocess.Popen, after: float, at: Callable[[], float]) -> list[float]:
    time.sleep(after)
    process.send_signal(signal.SIGTERM)
    return [at()]


# ---- the report ------------------------------------------------------------------------------------------------------


def lines(report: Report) -> list[str]:
    """The report for people."""
    held, over = report.held, report.overload
    p50, p99 = held.result.percentiles(50, 99) if held else (float("nan"),) * 2
    over_p99 = over.percentiles(99)[0]
    accepted, answered = report.accepted
    return [
        f"rate held        {held.rate:.0f} requests a second" if held else "rate held        none",
        f"latency there    median {p50:.1f} ms, 99 % within {p99:.1f} ms (limit {report.limit:g} ms)",
        f"beyond it        at {over.plan.rate:.0f} a second {over.rate():.0f} answered (99 % within {over_p99:.0f} ms),"
        f" {over.shed / len(over.outcome):.0%} refused with 503, {over.failed} failed",
        f"lost on stop     {report.stopping.lost} of {len(report.stopping.outcome)} sent;"
        f" the service accepted {accepted} examples in all and answered {answered}",
        f"failed on swap   {report.swapping.failed} of {len(report.swapping.outcome)} sent, {len(report.swaps)} swaps",
        f"machine          {os.cpu_count()} cores, on which {report.others:.1f} programs ran already",
    ]


def main() -> None:
    """Entry point. Ends with status 1 if a promise was not kept."""
    parser = argparse.ArgumentParser(prog="tinytorch.serving.bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/serve-bench"))
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load")
    parser.add_argument("--limit", type=float, default=250.0, help="milliseconds for 99 of 100 answers")
    given = parser.parse_args()
    try:
        report = measure(given.seconds, given.limit, lambda line: print(line, file=sys.stderr, flush=True))
    except ServingError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "bench.json").write_text(json.dumps(report.as_dict(), indent=2) + "\n", encoding="utf-8")
    from tinytorch.serving.picture import draw

    draw(report, given.out / "bench.png")
    print("\n".join(lines(report)))
    print(f"wrote {given.out / 'bench.json'} and {given.out / 'bench.png'}")
    sys.exit(0 if report.kept_promises() else 1)


if __name__ == "__main__":
    main()
