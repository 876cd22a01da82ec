"""The version being served: found in the registry, loaded and warmed beside the old one, then put in its place.

The registry may change at any time, by this service or by another process, and may be damaged at any time. So it is
asked again and again which version is in use; a new one is loaded in a thread of its own and runs on its examples
before it gets a request. If anything of that fails, the old version goes on answering and `problem` says why. A request
that was accepted keeps the version it was checked against, so no swap can fail one.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinytorch.serving import ServingError
from tinytorch.serving.served import Served, unpack

PATIENCE = 5.0  # seconds that people wait for a list of versions
AGAIN = 5.0  # seconds until a version that could not be loaded is tried again


@dataclass(frozen=True)
class Listed:
    """A version as people see it."""

    version: int
    created: float
    current: bool
    notes: dict[str, Any]


class Keeper:
    """Holds the version of a model that is served.

    Args:
        root: the registry's folder. name: the model's.
        warm: lets a version run once where it will run later; raises ServingError if it fails.
        changed: called with every version that comes into use, the first one too.

    Attributes:
        problem: why what is served is not what the registry says, or cannot be known to be; empty if all is well.
    """

    def __init__(
        self, root: Path, name: str, warm: Callable[[Served], Awaitable[None]], changed: Callable[[Served], None]
    ):
        self.root, self.name, self.problem = root, name, ""
        self._warm, self._changed = warm, changed
        self._served: Served | None = None
        self._since = time.time()
        self._lock = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="registry")
        self._registry: Any = None
        self._failed: tuple[int, float] | None = None  # which version could not be loaded, and when

    @property
    def served(self) -> Served:
        """The version that answers now. ServingError before the first was loaded."""
        if self._served is None:
            raise ServingError("no version is loaded yet")
        return self._served

    @property
    def since(self) -> float:
        """Since when, in seconds since 1970."""
        return self._since

    # ---- following the registry

    async def start(self) -> None:
        """Load the version in use.

        Raises:
            ServingError: there is none, or it cannot be loaded: then there is nothing to serve.
        """
        async with self._lock:
            version = await self._ask(self._current)
            if version is None:
                raise ServingError(
                    f"no version of '{self.name}' is in use in {self.root}; register one with --from RUN"
                )
            await self._swap(await self._prepared(version))

    async def follow(self, every: float) -> None:
        """Look every so many seconds whether another version is in use, until cancelled."""
        while True:
            await asyncio.sleep(every)
            await self.refresh()

    async def refresh(self) -> None:
        """Serve what the registry says is in use, if that can be done. Never raises because of the registry."""
        async with self._lock:
            try:
                version = await self._ask(self._current)
            except ServingError as error:
                self._note(f"the registry cannot be read ({error}); version {self.served.version} goes on answering")
                return
            if version is None or version == self.served.version:
                gone = f"no version is in use any more; version {self.served.version} stays until one is promoted"
                self._note(gone if version is None else "")
                return
            if self._failed and self._failed[0] == version and time.monotonic() - self._failed[1] < AGAIN:
                return
            try:
                await self._swap(await self._prepared(version))
            except ServingError as error:
                self._failed = (version, time.monotonic())
                self._note(
                    f"version {version} is in use in the registry but cannot be served: {error};"
                    f" version {self.served.version} goes on answering"
                )

    def _note(self, problem: str) -> None:
        """Remember what is wrong, and tell once on standard error."""
        if problem and problem != self.problem:
            print(f"warning: {problem}", file=sys.stderr, flush=True)
        self.problem = problem

    async def _prepared(self, version: int) -> Served:
        """A version, loaded and warm."""
        made = await self._ask(self._load, version)
        await self._warm(made)
        return made

    async def _swap(self, made: Served) -> None:
        """Requests that are checked from now on go to this version."""
        self._served, self._since, self._failed = made, time.time(), None
        self._note("")
        self._changed(made)

    # ---- changing it

    async def promote(self, version: int) -> Served:
        """Bring a version into use, here and in the registry: only after it has proved that it can be served.

        Raises:
            LookupError: there is no such version. ServingError: it cannot be served; what is in use stays.
        """
        async with self._lock:
            known = [v.version for v in await self._ask(self._versions)]
            if version not in known:
                raise LookupError(f"there are versions {', '.join(map(str, known)) or 'none'} of '{self.name}'")
            same = version == self.served.version
            made = self.served if same else await self._prepared(version)
            await self._ask(self._promote, version)
            if not same:
                await self._swap(made)
            return made

    async def rollback(self) -> Served:
        """Go back to the version that was in use before.

        Raises:
            LookupError: there was none. ServingError: it cannot be served; what is in use stays.
        """
        async with self._lock:
            target = await self._ask(self._target)
            if target is None:
                raise LookupError("no earlier version was in use")
            made = await self._prepared(target)
            back = await self._ask(self._rollback)
            if back != target:  # another process was quicker
                made = await self._prepared(back)
            await self._swap(made)
            return made

    async def listing(self) -> tuple[list[Listed], int | None]:
        """All versions by number, and the one that a rollback would lead to.

        Raises:
            ServingError: the registry cannot be read.
        """
        served = self.served.version
        try:
            versions = await asyncio.wait_for(self._ask(self._versions), PATIENCE)
            target = await asyncio.wait_for(self._ask(self._target), PATIENCE)
        except asyncio.TimeoutError:
            raise ServingError(f"it did not answer within {PATIENCE:g} s; another process may hold it") from None
        listed = [Listed(v.version, v.created, v.version == served, _notes(v.metadata)) for v in versions]
        return listed, target

    # ---- in the registry's thread

    async def _ask(self, question: Callable[..., Any], *arguments: Any) -> Any:
        """Ask the registry, outside the event loop. Whatever goes wrong with it becomes a ServingError."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, question, *arguments)
        except (ServingError, LookupError):
            raise
        except Exception as error:  # SQLite, the file system, JSON: a damaged registry fails in many ways
            raise ServingError(f"{type(error).__name__}: {error}") from error

    def _open(self) -> Any:
        if not self.root.is_dir():
            raise ServingError(f"there is no registry in {self.root}")
        if self._registry is None:
            from tinytorch.mlops import ModelRegistry

            self._registry = ModelRegistry(self.root)
        return self._registry

    def _current(self) -> int | None:
        return self._open().current(self.name)

    def _versions(self) -> Sequence[Any]:
        return self._open().versions(self.name)

    def _promote(self, version: int) -> None:
        self._open().promote(self.name, version)

    def _rollback(self) -> int:
        return self._open().rollback(self.name)

    def _load(self, version: int) -> Served:
        try:
            arrays, about = self._open().load(self.name, version)
        except LookupError as error:
            raise ServingError(str(error)) from error
        return unpack(version, arrays, about.metadata)

    def _target(self) -> int | None:
        present = {v.version for v in self._versions()}
        return rollback_target(self._open().history(self.name), present)


def rollback_target(history: Sequence[Any], present: set[int]) -> int | None:
    """The version that a rollback would lead to. Promotions form a stack, and a rollback takes the topmost away."""
    stack: list[int] = []
    for event in history:
        if event.kind == "promote":
            stack.append(event.version)
            continue
        while stack:
            stack.pop()
            if stack and stack[-1] == event.version:
                break
    below = [version for version in stack[:-1] if version in present]
    return below[-1] if below else None


def _notes(metadata: Any) -> dict[str, Any]:
    notes = metadata.get("notes") if isinstance(metadata, dict) else None
    return dict(notes) if isinstance(notes, dict) else {}
