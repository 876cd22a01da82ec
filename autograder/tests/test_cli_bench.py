"""`tito bench` as a user meets it: what is refused before anything is measured, and what is left afterwards.

PyTorch is stood in for by a module of two functions, enough for the smallest case; no figure here means anything.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[2]
CASE = "dispatch-free"
STAND_IN = """
import sys

import numpy

def tensor(array, requires_grad=False):
    return numpy.array(array)

def set_num_threads(n):
    print("threads", n, file=sys.stderr)

def set_flush_denormal(on):
    pass
"""


def bench(*arguments: object, folder: Path, python: Path | str = sys.executable) -> subprocess.CompletedProcess[str]:
    order = [str(python), "-m", "autograder", "bench", *map(str, arguments)]
    environment = {**os.environ, "TITO_COURSE": str(ROOT)}
    return subprocess.run(order, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def python_with(folder: Path, torch: str) -> Path:
    """A command that is this Python with another module `torch`."""
    (folder / "modules").mkdir()
    (folder / "modules" / "torch.py").write_text(torch)
    command = folder / "python"
    command.write_text(
        dedent(f"""\
        #!/bin/sh
        PYTHONPATH="{folder}/modules:$PYTHONPATH" exec "{sys.executable}" "$@"
        """)
    )
    command.chmod(0o755)
    return command


@pytest.fixture(scope="module")
def torch_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return python_with(tmp_path_factory.mktemp("python"), STAND_IN)


def only(folder: Path) -> dict:
    (found,) = json.loads((folder / "bench.json").read_text())
    return found


def test_with_pytorch_there_is_a_table_a_file_of_ratios_and_a_plot(torch_python, tmp_path):
    done = bench(CASE, "--rounds", 3, "--torch-python", torch_python, "--threads", 2, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    head, row, *written = done.stdout.splitlines()
    assert head.split()[0] == "case" and "ratio" in head
    assert row.split()[0] == CASE
    assert written == ["wrote runs/bench/bench.json", "wrote runs/bench/bench.png"]
    found = only(tmp_path / "runs" / "bench")
    middle, low, high = found["ratio"]
    assert 0 < low <= middle <= high
    assert f"{middle:.2f}" in row.split()
    assert found["ours_us"] > 0 and found["torch_us"] > 0
    assert (found["case"], found["rounds"]) == (CASE, 3)
    assert (tmp_path / "runs/bench/bench.png").read_bytes().startswith(b"\x89PNG")
    assert "threads 2" in done.stderr
    assert "not installed" not in done.stderr


def test_without_pytorch_our_own_times_stand_alone_and_no_older_plot_beside_them(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("bench.json", "bench.png", "notes.txt"):
        (out / name).write_text("older")
    bare = python_with(tmp_path, "raise ImportError('none here')")
    done = bench(CASE, "--rounds", 3, "--out", out, folder=tmp_path, python=bare)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["bench.json", "notes.txt"]
    assert done.stdout.splitlines()[-1] == f"wrote {out}/bench.json"
    found = only(out)
    assert (found["ratio"], found["torch_us"]) == (None, None)
    assert found["ours_us"] > 0


def test_what_cannot_be_compared_is_one_line_and_status_two_before_anything_is_measured(torch_python, tmp_path):
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -I "$@"\n')  # nothing but the standard library
    other.chmod(0o755)
    for arguments, why in (
        (("dispach-free",), "error: no benchmark is called 'dispach-free'; did you mean 'dispatch-free'?\n"),
        ((CASE, "xyz"), "error: no benchmark is called 'xyz'; choose from "),
        ((CASE, "--torch-python", "/no/such/python"), "error: --torch-python /no/such/python cannot be run: No such"),
        ((CASE, "--torch-python", tmp_path), f"error: --torch-python {tmp_path} cannot be run: Permission denied"),
        ((CASE, "--torch-python", "false"), "error: --torch-python false is no Python that runs"),
        ((CASE, "--torch-python", other), f"error: PyTorch is not installed for {other}; install it there, or leave"),
    ):
        done = bench(*arguments, folder=tmp_path)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert done.stderr.startswith(why)
        assert done.stderr.count("\n") == 1
    for wrong in (("--rounds", 2), ("--threads", 0)):
        assert bench(CASE, *wrong, folder=tmp_path).returncode == 2
    assert not (tmp_path / "runs").exists()


def test_a_side_that_does_not_start_is_told_with_its_own_message(tmp_path):
    crooked = python_with(tmp_path, STAND_IN.replace("def tensor", "def no_tensor"))
    done = bench(CASE, "--rounds", 3, "--torch-python", crooked, folder=tmp_path)
    assert done.returncode == 1
    assert "AttributeError: module 'torch' has no attribute 'tensor'" in done.stderr
    assert f"error: the torch side of '{CASE}' did not start" in done.stderr
    assert not (tmp_path / "runs/bench/bench.json").exists()
