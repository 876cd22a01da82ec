"""All that a batch leaves behind, times apart: two runs that did the same leave the same."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from autograder.batch.gradebook import NAME

TIMES = {"graded_at", "seconds", "started", "finished", "at", "cpu_seconds", "memory_kb", "record", "results"}
PLACES = {"out"}  # the folder of results, as seen from the gradebook


def leavings(out: Path) -> dict[str, Any]:
    """The gradebook row by row, and every file of results, by name."""
    found: dict[str, Any] = {}
    with closing(sqlite3.connect(out / NAME)) as db:
        db.row_factory = sqlite3.Row
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            rows = [dict(row) for row in db.execute(f"SELECT * FROM {table}")]
            found[table] = sorted(_row(table, row) for row in rows)
    for file in sorted(out.glob("*/*")):
        found[str(file.relative_to(out))] = _timeless(json.loads(file.read_text(encoding="utf-8")))
    return found


def _row(table: str, row: dict[str, Any]) -> str:
    if table == "events":  # numbered in the order in which uploads were done, which is chance
        return f"{row['attempt']} {row['what']} {row['detail']}"
    return repr({name: value for name, value in row.items() if name not in TIMES | PLACES})


def _timeless(data: dict[str, Any]) -> dict[str, Any]:
    cases = [{k: v for k, v in case.items() if k not in TIMES} for case in data.get("cases", ())]
    rest = {k: v for k, v in data.items() if k not in ("execution_time", "seconds", "cases")}
    return {**rest, "cases": cases}


def different(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names of what differs between two runs."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
