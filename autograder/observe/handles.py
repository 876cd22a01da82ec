"""What a test file sees of a composition: a handle whose attributes are the probes.

`student.softmax(x)` in a test is one request over the wire. A handle starts its observer at the first call, so a case
that never asks the reference pays nothing for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from autograder.expect import Call, format_call, remember
from autograder.observe.client import Observation


class Probe:
    """One probe of a handle: call it as the function that it is."""

    def __init__(self, handle: Handle, name: str):
        self._handle, self._name = handle, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._handle._call(self._name, args, kwargs)

    def cpu_seconds(self, *args: Any, **kwargs: Any) -> float:
        """CPU seconds that a call takes, by a clock outside the observer; its answer is not looked at."""
        return self._handle._cpu_seconds(self._name, args, kwargs)

    def __repr__(self) -> str:
        return f"{self._handle._name}.{self._name}"


class Handle:
    """The probes of one composition, answered by one observer under one deadline for the whole case."""

    def __init__(
        self,
        name: str,
        start: Callable[[], Observation],
        import_seconds: float,
        case_seconds: float,
        answered: Callable[[str, Any], None] | None = None,
        asked: Callable[[str], None] | None = None,
    ):
        self._name = name
        self._answered, self._asked = answered, asked
        self._start = start
        self._import_seconds = import_seconds
        self._left = case_seconds
        self._observation: Observation | None = None

    def __getattr__(self, probe: str) -> Callable[..., Any]:
        if probe.startswith("_"):
            raise AttributeError(probe)

        return Probe(self, probe)

    def _call(self, probe: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        text = format_call(f"{self._name}.{probe}", args, kwargs)
        remember(Call(text, None))
        if self._asked is not None:
            self._asked(text)
        result = self._ask({"do": "call", "name": probe, "args": list(args), "kwargs": kwargs})
        remember(Call(text, result))
        if self._answered is not None:
            self._answered(probe, result)
        return result

    def _cpu_seconds(self, probe: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float:
        observation = self._started()  # importing is not the probe's time
        before = observation.cpu_clock()
        self._call(probe, args, kwargs)
        return observation.cpu_clock() - before

    def _started(self) -> Observation:
        if self._observation is None:
            self._observation = self._start()
            self._observation.ask({"do": "import"}, self._import_seconds)
        return self._observation

    def _ask(self, request: dict[str, Any]) -> Any:
        observation = self._started()
        started = time.monotonic()
        try:
            return observation.ask(request, self._left)
        finally:
            self._left -= time.monotonic() - started
