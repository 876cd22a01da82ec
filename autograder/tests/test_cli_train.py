"""`tito train` as a user meets it: a run that is killed leaves no process behind and goes on with --resume to the same
bits; a run's folder is neither overwritten nor mixed up.

What a training does when it is killed at every moment is tested beside it, in `tinytorch_ref/tests/test_resume.py`.
"""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

RECIPE = """
name: small
seed: 3
data: {name: tinydigits, batch_size: 32, validation: 200, shift: 1, workers: 1}
model: {hidden: [64], dropout: 0.2}
optimizer: {kind: adamw, lr: 0.003}
schedule: {kind: one_cycle}
training: {epochs: 12, checkpoint_every: 20}
"""
KILLS = 2


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("recipe") / "small.yaml"
    file.write_text(RECIPE)
    return file


def train(recipe: Path, folder: Path, *options: str) -> subprocess.Popen[str]:
    order = [sys.executable, "-m", "autograder", "train", str(recipe), "--out", str(folder), *options]
    return subprocess.Popen(order, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, errors = process.communicate(timeout=120)
    return process.returncode, out, errors


@pytest.fixture(scope="module")
def whole(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    status, out, errors = finished(train(recipe, folder))
    assert (status, errors) == (0, "")
    assert out.startswith("test accuracy ") and str(folder) in out
    return folder


def kill_in_mid_run(process: subprocess.Popen[str], folder: Path) -> bool:
    """SIGKILL to `tito` alone after its next checkpoint; False if the run ended first."""
    file = folder / "checkpoint.npz"
    before = file.stat().st_mtime_ns if file.is_file() else None
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        if file.is_file() and file.stat().st_mtime_ns != before:
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # Not communicate: a training that outlived `tito` would keep its output open.
    process.stdout.close()
    process.stderr.close()
    return process.returncode == -signal.SIGKILL


def wait_for_the_lock(folder: Path) -> None:
    """Until no process trains in the folder any more."""
    until = time.monotonic() + 20
    with open(folder / ".lock", "ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                assert time.monotonic() < until, "somebody still trains in the folder"
                time.sleep(0.02)


def weights(folder: Path, name: str) -> dict[str, bytes]:
    with np.load(folder / name) as file:
        return {key: file[key].tobytes() for key in file.files if key != "tree.json"}


def test_tito_killed_in_mid_run_takes_the_training_along_and_resume_ends_with_the_same_bits(recipe, whole, tmp_path):
    """A run that was faster than the kill counts as none: the next begins anew."""
    killed = 0
    for number in range(10):
        folder = tmp_path / str(number)
        options: tuple[str, ...] = ()
        while killed < KILLS and kill_in_mid_run(train(recipe, folder, *options), folder):
            killed, options = killed + 1, ("--resume",)
            wait_for_the_lock(folder)
            assert not (folder / "result.json").exists(), "the training went on after tito was killed"
        if killed == KILLS:
            break
    assert killed == KILLS
    status, _, errors = finished(train(recipe, folder, "--resume"))
    assert (status, errors) == (0, "")
    for name in ("checkpoint.npz", "best.npz"):
        assert weights(folder, name) == weights(whole, name)
    assert len(weights(whole, "best.npz")) == 4
    results = [json.loads((place / "result.json").read_text()) for place in (folder, whole)]
    assert results[0]["test_loss"] == results[1]["test_loss"]


def test_a_run_leaves_all_its_files_and_another_seed_gives_other_weights(recipe, whole, tmp_path):
    names = {"config.json", "log.jsonl", "checkpoint.npz", "best.npz", "history.json", "result.json"}
    assert {path.name for path in whole.iterdir()} == {*names, "curves.png", "confusion.png", ".lock"}
    assert finished(train(recipe, tmp_path / "other", "--seed", "4", "--epochs", "1"))[0] == 0
    assert weights(tmp_path / "other", "best.npz") != weights(whole, "best.npz")
    assert len(json.loads((tmp_path / "other" / "history.json").read_text())["train_loss"]) == 1


def test_resuming_a_run_that_is_over_changes_nothing(recipe, whole):
    before = weights(whole, "checkpoint.npz")
    assert finished(train(recipe, whole, "--resume"))[0] == 0
    assert weights(whole, "checkpoint.npz") == before


def test_what_would_harm_a_run_is_one_line_and_status_two(recipe, whole, tmp_path, tito, monkeypatch):
    broken, empty = tmp_path / "broken", tmp_path / "empty"
    for folder in (broken, empty):
        folder.mkdir()
    (broken / "config.json").write_text('{"config": 3}')
    monkeypatch.setenv("TITO_COURSE", str(Path(__file__).parents[2]))
    for folder, options, why in (
        (whole, (), f"{whole} holds a run already; --resume goes on with it"),
        (whole, ("--resume", "--seed", "9"), f"the run in {whole} was begun with seed 3 (now 9)"),
        (empty, ("--resume",), f"there is no run in {empty} to go on with; leave --resume out to begin one"),
        (broken, ("--resume",), f"{broken}/config.json is not what a run leaves there; choose another --out"),
    ):
        status, out, err = tito("train", recipe, "--out", folder, *options)
        assert (status, out) == (2, "")
        assert err.startswith(f"error: {why}")
        assert err.count("\n") == 1
