"""Pictures of what a program answered, drawn by a script in a process of its own: the answers may be anything.

A script is Python with a function `draw(answers, save)`; `save(name, figure)` writes a matplotlib figure as NAME.png.
It may have a function `keep(answers, folder)`, which writes what else is worth keeping and returns the paths.
What cannot be drawn, or not within a minute, is told and costs nothing: a verdict stands without a picture.

    python -m autograder.picture SCRIPT FOLDER < answers in the format of the wire
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.intake import safe
from autograder.observe import wire

SECONDS = 60.0
ANSWERS = 1 << 30  # bytes: more than the judge itself takes in
WORDS = 300


@dataclass(frozen=True)
class Drawn:
    """The files written, and why there are not more; empty when nothing went wrong."""

    paths: tuple[Path, ...] = ()
    problem: str = ""


def draw(
    script: Path, answers: Mapping[str, Any], out: Path, seconds: float = SECONDS, path: Path | None = None
) -> Drawn:
    """Run a script on the answers; the pictures are in the folder `out`.

    Args:
        path: a folder that the script may import from beside what is installed (a composition of trusted layers).
    """
    order = [sys.executable, "-m", "autograder.picture", str(script), str(out)]
    imports = os.pathsep.join(filter(None, [str(path or ""), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": imports}
    out.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            order, input=wire.encode(dict(answers)), capture_output=True, env=environment, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        return Drawn(_paths(error.stdout or b""), f"drawing took longer than {seconds:g} s")
    except wire.WireError as error:
        return Drawn(problem=safe(str(error), WORDS))
    if done.returncode == 0:
        return Drawn(_paths(done.stdout))
    last = (done.stderr.decode(errors="replace").strip().splitlines() or [f"status {done.returncode}"])[-1]
    return Drawn(_paths(done.stdout), safe(last, WORDS))


def _paths(printed: bytes) -> tuple[Path, ...]:
    return tuple(Path(line) for line in printed.decode().splitlines())


def main() -> None:
    """The child: draw, and print the path of each picture."""
    script, out = Path(sys.argv[1]), Path(sys.argv[2])
    answers = wire.loads(sys.stdin.buffer.read(), ANSWERS)
    told, sys.stdout = sys.stdout, sys.stderr  # what a script prints is no path

    def save(name: str, figure: Any) -> None:
        path = out / f"{name}.png"
        figure.savefig(path, dpi=120)
        print(path, file=told, flush=True)

    namespace: dict[str, Any] = {"__name__": "picture"}
    exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), namespace)
    for path in namespace["keep"](answers, out) if "keep" in namespace else ():
        print(path, file=told, flush=True)
    namespace["draw"](answers, save)


if __name__ == "__main__":
    main()
