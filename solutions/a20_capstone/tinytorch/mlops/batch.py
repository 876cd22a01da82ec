"""Predictions for a million rows, by a program that will be interrupted.

Rows are predicted in chunks and every finished chunk is a file of its own. Whoever starts the job again does what is
missing and nothing else. One row that makes the model fail costs that row, not its chunk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tinytorch.mlops.registry import pack, unpack, write_file

Array = np.ndarray


@dataclass(frozen=True)
class BatchResult:
    """What a job gave: predictions (k, ...) of the rows (k,) that could be predicted, ascending, and the error of each
    other row."""

    rows: Array
    predictions: Array
    errors: dict[int, str]


class BatchPredictor:
    """Predicts rows of a table chunk by chunk into a folder; may be killed and run again.

    Args:
        predict: (m, ...) -> (m, ...) predictions of so many rows.
        out: a folder for this job alone.
        chunk: rows a file.
        model: which model this is, e.g. "digits 3". A job that was begun with another one is not continued.
    """

    def __init__(self, predict: Callable[[Array], Any], out: str | Path, chunk: int = 256, model: str = ""):
        if chunk < 1:
            raise ValueError(f"chunk is at least 1 row, got {chunk}")
        self.predict, self.out, self.chunk, self.model = predict, Path(out), chunk, model

    def run(self, X: Any) -> int:
        """Predict the rows of X (n, ...) that are not done yet, and return how many that were.

        Raises:
            ValueError: the folder holds the job of other rows, another chunk size or model; or predict gave another
                number of predictions than it got rows.
        """
        X = np.asarray(X)
        self.out.mkdir(parents=True, exist_ok=True)
        self._begin(X)
        # BEGIN SOLUTION
        done = 0
        for start in range(0, len(X), self.chunk):
            path = self._path(start)
            if path.is_file():
                continue
            rows = np.arange(start, min(start + self.chunk, len(X)))
            write_file(path, pack(self._chunk(X, rows)))
            done += len(rows)
        return done
        # END SOLUTION

    def _path(self, start: int) -> Path:
        """The file of the chunk that begins with row `start` (given)."""
        return self.out / f"rows-{start:09d}.npz"

    # ---- Task 13: the same job?

    def _begin(self, X: Array) -> None:
        """Note which job the folder belongs to, or check that it is this one."""
        # Everything on which a chunk's content depends: shape, dtype and bytes of X, the chunk size, the model.
        # Leftovers of a killed write (*.part) are removed. What is noted must be complete or absent too: write_file.
        # BEGIN SOLUTION
        for part in self.out.glob(".*.part"):
            part.unlink(missing_ok=True)
        job = {
            "shape": list(X.shape),
            "dtype": str(X.dtype),
            "sha256": hashlib.sha256(np.ascontiguousarray(X).tobytes()).hexdigest(),
            "chunk": self.chunk,
            "model": self.model,
        }
        file = self.out / "job.json"
        if not file.is_file():
            write_file(file, json.dumps(job).encode())
            return
        begun = json.loads(file.read_text(encoding="utf-8"))
        differs = [key for key in job if job[key] != begun.get(key)]
        if differs:
            raise ValueError(f"{self.out} holds another job (other {', '.join(differs)}); take another folder")
        # END SOLUTION

    # ---- Task 14: a row that fails

    def _chunk(self, X: Array, rows: Array) -> dict[str, Array]:
        """Predict some rows: arrays "rows" and "predictions" of those that could be, "failed" and "errors" (texts) of
        the others."""
        # BEGIN SOLUTION
        good, predictions, errors = [], [], {}
        for part, outcome in self._attempt(X, rows):
            if isinstance(outcome, Exception):
                errors[int(part[0])] = f"{type(outcome).__name__}: {outcome}"
            else:
                good.append(part)
                predictions.append(outcome)
        return {
            "rows": np.concatenate(good) if good else np.zeros(0, np.int64),
            "predictions": np.concatenate(predictions) if good else np.zeros(0),
            "failed": np.array(list(errors), np.int64),
            "errors": np.array(list(errors.values()), np.str_),
        }
        # END SOLUTION

    def _attempt(self, X: Array, rows: Array) -> list[tuple[Array, Any]]:
        """Pairs of rows and their predictions, or of a single row and its exception, in ascending order.

        Rows that fail together are halved until the one that is guilty stands alone: among 256 that takes 17 calls, one
        by one would take 257.
        """
        # Catch Exception, not BaseException: an interruption has to get through. A wrong number of predictions is the
        # model's fault in every row: let that ValueError pass.
        # BEGIN SOLUTION
        try:
            predictions = np.asarray(self.predict(X[rows]))
        except Exception as error:
            if len(rows) == 1:
                return [(rows, error)]
            half = len(rows) // 2
            return self._attempt(X, rows[:half]) + self._attempt(X, rows[half:])
        if predictions.ndim == 0 or len(predictions) != len(rows):
            raise ValueError(f"predict got {len(rows)} rows and gave predictions of shape {predictions.shape}")
        return [(rows, predictions)]
        # END SOLUTION

    def results(self) -> BatchResult:
        """What there is so far, from the files of finished chunks."""
        # Names sort as their rows do. Chunks in which every row failed have no predictions to join.
        # BEGIN SOLUTION
        chunks = [unpack(path.read_bytes()) for path in sorted(self.out.glob("rows-*.npz"))]
        good = [chunk for chunk in chunks if len(chunk["rows"])]
        errors = {int(r): str(e) for c in chunks for r, e in zip(c["failed"], c["errors"], strict=True)}
        return BatchResult(
            np.concatenate([chunk["rows"] for chunk in good]) if good else np.zeros(0, np.int64),
            np.concatenate([chunk["predictions"] for chunk in good]) if good else np.zeros(0),
            errors,
        )
        # END SOLUTION
