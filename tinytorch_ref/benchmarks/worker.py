"""One side of a comparison: builds a case and runs blocks of it when told to.

    python worker.py ours|torch|torch-best CASE THREADS

The folder of this file and, for our side, the composition are on PYTHONPATH. Lines in: {"seconds": s}. Lines out: one a
block, {"calls": n, "seconds": s, "spin": [before, after]}, after a first one that says how the case was set up.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path


def spin() -> float:
    """Seconds that a fixed loop takes: long when the core is shared, whatever the clock of the block says."""
    start = time.perf_counter()
    total = 0
    for i in range(20_000):
        total += i
    return time.perf_counter() - start


def run_block(step, seconds: float) -> dict[str, object]:
    before = spin()
    start = time.perf_counter()
    end = start + seconds
    calls = 0
    now = start
    while now < end:
        step()
        calls += 1
        now = time.perf_counter()
    return {"calls": calls, "seconds": now - start, "spin": [before, spin()]}


STATUS = Path("/proc/self/status")


def _held_mb(field: str) -> float:
    """MiB of memory: `VmRSS` what this process holds, `VmHWM` the most it held since `_forget_peak`."""
    if STATUS.is_file():
        return int(STATUS.read_text().split(f"{field}:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _forget_peak() -> None:
    """Importing a framework takes more for a moment than it keeps; that is not the case's memory."""
    if STATUS.is_file():
        Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    side, case, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    import cases

    # Whatever a framework prints must not get between the lines of the answers.
    out, sys.stdout = sys.stdout, sys.stderr
    # The memory that a case needs is counted from here: Python, NumPy and the framework are there for any case.
    importlib.import_module("tinytorch" if side == "ours" else "torch")
    _forget_peak()
    imported = _held_mb("VmRSS")
    prepared = cases.CASES[case].build(side, threads)
    for _ in range(3):
        prepared.step()
    out.write(json.dumps({"ready": case, "per_call": prepared.items}) + "\n")
    out.flush()
    for line in sys.stdin:
        answer = run_block(prepared.step, json.loads(line)["seconds"])
        answer["whole_mb"] = _held_mb("VmHWM")
        answer["peak_mb"] = answer["whole_mb"] - imported
        out.write(json.dumps(answer) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
