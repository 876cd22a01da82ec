"""A load generator: `python -m tinytorch.serving.load http://127.0.0.1:8000 --rate 100 --seconds 10`.

Requests are sent when they are due, whether or not earlier ones were answered (an open loop), as people send them. A
generator that waits for an answer before it sends the next request slows down exactly when the service is slow, and
leaves the worst moments out of its figures ("coordinated omission"). And a latency counts from when its request was
due, not from when a connection was free for it.

Only services on this machine are loaded, with a bounded number of requests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinytorch.serving import ServingError
from tinytorch.serving.client import Client, Lost, Unreachable

MOST_SECONDS = 300.0
MOST_REQUESTS = 200_000
MOST_EXAMPLES = 256  # different ones
CHUNK = 8
PATIENCE = 10.0  # seconds that an answer is waited for
# Outcomes that are not a status of HTTP
LOST, UNREACHABLE, LATE = "lost", "unreachable", "timed out"


@dataclass(frozen=True)
class Plan:
    """What to send.

    Attributes:
        rate: requests a second on average; they come at random, as a Poisson process does.
        batch: examples a request. connections: at once, at most.
        feedback: share of the answers that are followed by their right label.
        shift: added to every number of the inputs, to make drift.
    """

    rate: float
    seconds: float
    batch: int = 1
    connections: int = 256
    feedback: float = 0.0
    shift: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.seconds <= MOST_SECONDS and 0 < self.rate * self.seconds <= MOST_REQUESTS):
            raise ServingError(f"a load lasts {MOST_SECONDS:g} s and holds {MOST_REQUESTS:,} requests at most")

    def due(self) -> np.ndarray:
        """When each request is due, in seconds from the start."""
        rng = np.random.default_rng(self.seed)
        gaps = rng.exponential(1 / self.rate, int(self.rate * self.seconds * 1.5) + 50)
        times = gaps.cumsum()
        return times[times < self.seconds]


@dataclass(frozen=True)
class Result:
    """What came of it. One entry a request: when it was due, seconds until its outcome, and the outcome, a status such
    as "200" or one of `lost`, `unreachable`, `timed out`; and which version answered (0 if none did).

    `lag` is by how many seconds the generator itself was late at worst: figures below it say nothing.
    """

    plan: Plan
    due: np.ndarray
    latency: np.ndarray
    outcome: Sequence[str]
    version: np.ndarray
    lag: float

    def counts(self) -> dict[str, int]:
        """How often there was which outcome."""
        return dict(sorted(Counter(self.outcome).items()))

    def count(self, *outcomes: str) -> int:
        return sum(self.counts().get(o, 0) for o in outcomes)

    def percentiles(self, *which: float) -> list[float]:
        """Percentiles of the latency of what was answered with 200, in milliseconds; NaN if nothing was."""
        good = self.latency[np.asarray([o == "200" for o in self.outcome], bool)]
        return [float(v) * 1000 for v in np.percentile(good, which)] if len(good) else [float("nan")] * len(which)

    @property
    def shed(self) -> int:
        return self.count("503")

    @property
    def lost(self) -> int:
        return self.count(LOST)

    @property
    def failed(self) -> int:
        """Whatever is neither an answer nor an orderly refusal."""
        return len(self.outcome) - self.count("200", "503")

    def rate(self) -> float:
        """Answers a second."""
        return self.count("200") / self.plan.seconds

    def summary(self) -> dict[str, object]:
        """For JSON and for people."""
        p50, p95, p99, worst = (round(v, 2) for v in self.percentiles(50, 95, 99, 100))
        figures = {"sent": len(self.outcome), "outcomes": self.counts(), "answered_per_second": round(self.rate(), 1)}
        return {
            **figures,
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
            "max_ms": worst,
            "lag_ms": round(self.lag * 1e3, 2),
        }


async def put_load(url: str, plan: Plan, started: Callable[[], None] = lambda: None) -> Result:
    """Load a service as planned. `started` is called when the plan's time begins.

    Raises:
        ServingError: the address is not this machine's, or no service answers there.
    """
    client = Client(url, plan.connections)
    try:
        requests, labels = await _requests(client, plan)
        started()
        return await _Run(client, plan, requests, labels).all()
    finally:
        client.close()


async def _requests(client: Client, plan: Plan) -> tuple[list[bytes], list[list[int]]]:
    """Requests with the service's own examples, ready to be sent, and their labels."""
    try:
        inputs, labels, about = await _examples(client)
    except (Unreachable, Lost) as error:
        raise ServingError(f"no service answers at {client.url}: start one with: tito serve NAME") from error
    moved = np.round(np.clip(inputs + plan.shift, about["low"], about["high"]), 4)
    requests, answers = [], []
    for start in range(len(moved)):  # each begins with another example, so that all are sent whatever the batch
        which = [(start * plan.batch + i) % len(moved) for i in range(plan.batch)]
        requests.append(client.encode("POST", "/predict", json.dumps({"inputs": moved[which].tolist()}).encode()))
        answers.append([labels[i] for i in which])
    return requests, answers


async def _examples(client: Client) -> tuple[np.ndarray, list[int], dict]:
    """The service's examples (n, *shape), their labels, and its contract."""
    about = await client.get("/versions")
    if about.status != 200:
        raise ServingError(f"{client.url}/versions answered {about.status}; is it a service of `tito serve`?")
    inputs: list = []
    labels: list[int] = []
    while True:
        found = await client.get(f"/examples?count={CHUNK}&from={len(labels)}")
        part = found.json()
        inputs += part["inputs"]
        labels += part["labels"]
        if len(labels) >= min(part["of"], MOST_EXAMPLES):
            return np.asarray(inputs), labels, about.json()["contract"]


class _Run:
    """One load under way."""

    def __init__(self, client: Client, plan: Plan, requests: list[bytes], labels: list[list[int]]):
        self.client, self.plan, self.requests, self.labels = client, plan, requests, labels
        self.due = plan.due()
        self.latency = np.zeros(len(self.due))
        self.version = np.zeros(len(self.due), int)
        self.outcome = [""] * len(self.due)
        self.told = np.random.default_rng(plan.seed + 1).random(len(self.due)) < plan.feedback

    async def all(self) -> Result:
        lag, began, under_way = 0.0, time.perf_counter(), set()
        for i, due in enumerate(self.due):
            early = began + due - time.perf_counter()
            if early > 0:
                await asyncio.sleep(early)
            lag = max(lag, time.perf_counter() - began - due)
            task = asyncio.create_task(self._one(i, began + due))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if under_way:
            await asyncio.wait(under_way)
        return Result(self.plan, self.due, self.latency, self.outcome, self.version, lag)

    async def _one(self, i: int, due: float) -> None:
        which = i % len(self.requests)
        answer = None
        try:
            answer = await asyncio.wait_for(self.client.send(self.requests[which]), PATIENCE)
            self.outcome[i] = str(answer.status)
        except Unreachable:
            self.outcome[i] = UNREACHABLE
        except Lost:
            self.outcome[i] = LOST
        except asyncio.TimeoutError:
            self.outcome[i] = LATE
        self.latency[i] = time.perf_counter() - due
        if answer is not None and answer.status == 200:
            found = answer.json()
            self.version[i] = found["version"]
            if self.told[i]:
                await self._tell(found["predictions"], self.labels[which])

    async def _tell(self, predictions: list[dict], labels: list[int]) -> None:
        """Say what the predictions should have been. No part of the measurement."""
        for prediction, label in zip(predictions, labels, strict=True):
            try:
                await self.client.post("/feedback", {"id": prediction["id"], "label": label})
            except (Unreachable, Lost):
                return


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="tinytorch.serving.load", description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, default=50, help="requests a second")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--batch", type=int, default=1, help="examples a request")
    parser.add_argument("--connections", type=int, default=Plan.connections)
    parser.add_argument("--feedback", type=float, default=0.0, help="share of answers that get their label")
    parser.add_argument("--shift", type=float, default=0.0, help="added to the inputs, to make drift")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="a file for the summary")
    given = vars(parser.parse_args())
    url, file = given.pop("url"), given.pop("json")
    try:
        summary = asyncio.run(put_load(url, Plan(**given))).summary()
    except ServingError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    for name, value in summary.items():
        print(f"{name:20} {value}")
    if file:
        file.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
