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


class Handle:
    """The probes of one composition, answered by one observer under one deadline for the whole case."""

    def __init__(
        self,
        name: str,
        start: Callable[[], Observation],
        import_seconds: float,
        case_seconds: float,
        answered: Callable[[str, Any], None] | None = None,
    ):
        self._name = name
        self._answered = answered
        self._start = start
        self._import_seconds = import_seconds
        self._left = case_seconds
        self._observation: Observation | None = None

    def __getattr__(self, probe: str) -> Callable[..., Any]:
        if probe.startswith("_"):
            raise AttributeError(probe)

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._call(probe, args, kwargs)

        return call

    def _call(self, probe: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        text = format_call(f"{self._name}.{probe}", args, kwargs)
        remember(Call(text, None))
        result = self._ask({"do": "call", "name": probe, "args": list(args), "kwargs": kwargs})
        remember(Call(text, result))
        if self._answered is not None:
            self._answered(probe, result)
        return result

    def _ask(self, request: dict[str, Any]) -> Any:
        if self._observation is None:
            self._observation = self._start()
            self._observation.ask({"do": "import"}, self._import_seconds)
        started = time.monotonic()
        try:
            return self._observation.ask(request, self._left)
        finally:
            self._left -= time.monotonic() - started
