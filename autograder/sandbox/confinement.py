"""The record that says how one observer is confined. Made by the judge, used by the zygote, plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Confinement:
    """What the child may read, write and use, and the layers that make it so.

    `read` and `scratch` are absolute. `scratch` exists, mode 0700, and belongs to `uid` if there is one. With
    `processes` 0, starting a process or a program is refused; otherwise it is how many may run beside the observer.
    """

    read: tuple[str, ...]
    scratch: str
    uid: int | None
    memory_mb: int
    cpu_seconds: int
    file_mb: int
    open_files: int
    processes: int
    layers: frozenset[str]
