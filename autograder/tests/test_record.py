"""Writing results: killed at any step, a reader finds the old file or the new one, whole."""

from __future__ import annotations

import builtins
import errno
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from autograder import record

OLD, NEW = b"old " * 1000, b"new " * 2000


class Killed(BaseException):
    """Stands for the end of the process: nothing handles it."""


STEPS = ["open", "write", "flush", "fsync", "replace", "unlink"]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "results.json"
    path.write_bytes(OLD)
    return path


def die_at(step: str, monkeypatch: pytest.MonkeyPatch, after: bool, error: BaseException) -> None:
    """Make one step of writing the last one: it happens (`after`) or not (half, for a write), then comes the error."""

    def ending(whole, instead=lambda *args, **kwargs: None):
        def call(*args, **kwargs):
            (whole if after else instead)(*args, **kwargs)
            raise error

        return call

    real_open = builtins.open

    def opened(path, *args, **kwargs):
        file = Half(real_open(path, *args, **kwargs))
        if step == "open":
            file.close()
            raise error
        setattr(file, step, ending(getattr(file, step), file.write_half if step == "write" else lambda *args: None))
        return file

    if step in ("open", "write", "flush"):
        monkeypatch.setattr(builtins, "open", opened)
    elif step == "unlink":
        monkeypatch.setattr(Path, "unlink", ending(Path.unlink))
    else:
        monkeypatch.setattr(os, step, ending(getattr(os, step)))


class Half:
    """A file that can also write half of what it is given."""

    def __init__(self, file):
        self.file, self.write, self.flush, self.fileno, self.close = (
            file,
            file.write,
            file.flush,
            file.fileno,
            file.close,
        )

    def write_half(self, content):
        self.file.write(content[: len(content) // 2])
        self.file.flush()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_old_file_or_the_new_one_is_there_whole(step, after, target, monkeypatch):
    with monkeypatch.context() as patch:
        die_at(step, patch, after, Killed())
        with pytest.raises(Killed):
            record.write_bytes(target, NEW)
    done = step == "unlink" or (step == "replace" and after)
    assert target.read_bytes() == (NEW if done else OLD)
    record.write_bytes(target, NEW)
    assert target.read_bytes() == NEW


def test_the_new_name_is_given_only_to_what_has_reached_the_disk(target, monkeypatch):
    order = []
    for step in ("fsync", "replace"):
        whole = getattr(os, step)
        monkeypatch.setattr(os, step, lambda *args, step=step, whole=whole: (order.append(step), whole(*args))[1])
    record.write_bytes(target, NEW)
    assert order == ["fsync", "replace"]


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_litter(step, target, monkeypatch):
    with monkeypatch.context() as patch:
        die_at(step, patch, False, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(OSError, match="No space left"):
            record.write_bytes(target, NEW)
    assert {p.name: p.read_bytes() for p in target.parent.iterdir()} == {"results.json": OLD}


WRITER = """
import sys
from pathlib import Path
from autograder import record
target, number = Path(sys.argv[1]), 0
print("ready", flush=True)
while True:
    number += 1
    record.write_json(target, {"number": number, "again": [number] * 20_000})
"""


def test_a_process_killed_at_random_moments_leaves_whole_files_behind(tmp_path):
    target = tmp_path / "deep" / "results.json"
    seen = 0
    moments = random.Random(5)
    for _ in range(6):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE)
        writer.stdout.readline()
        end = time.monotonic() + moments.uniform(0.03, 0.15)
        while time.monotonic() < end:
            seen += whole(target)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        seen += whole(target)
    assert seen > 20


def whole(target: Path) -> bool:
    """Whether the file is there; if it is, it has to be one that the writer meant."""
    if not target.exists():
        return False
    found = json.loads(target.read_text())
    assert found["again"] == [found["number"]] * 20_000
    return True


def test_folders_are_made_and_other_files_left_alone(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "other.txt").write_text("mine")
    record.write_bytes(tmp_path / "a" / "b" / "x.json", b"1")
    record.write_bytes(tmp_path / "a" / "x.json", b"2")
    found = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {"a/b/x.json": b"1", "a/x.json": b"2", "a/other.txt": b"mine"}


def test_json_is_utf8_strict_and_ends_its_last_line(tmp_path):
    record.write_json(tmp_path / "x.json", {"b": "\u00e9\ud800", "a": [1, 0.1]})
    assert (tmp_path / "x.json").read_bytes() == '{\n  "b": "\u00e9?",\n  "a": [\n    1,\n    0.1\n  ]\n}\n'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"x": [-float("inf")]}, np.float64("nan")])
def test_what_is_no_json_is_an_error_and_leaves_the_old_file(value, target):
    with pytest.raises(ValueError, match="Out of range float values"):
        record.write_json(target, value)
    assert target.read_bytes() == OLD
