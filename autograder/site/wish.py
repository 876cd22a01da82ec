"""What somebody asks of a build."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Wish:
    """What kind of site is wanted: of which assignments, with which runs, with labs and milestones executed or not."""

    only: tuple[str, ...] = ()
    runs: Path | None = None
    execute: bool = True
    weak_sandbox: bool = False
