"""A training that is killed with SIGKILL at any moment and resumed ends, bit for bit, where an undisturbed one ends."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tinytorch import runs
from tinytorch.core.training import read_state
from tinytorch.runs import read_log

DIES = str(Path(__file__).with_name("dies.py"))
# A learning rate that becomes too large: the best epoch is not the last, and has to be remembered.
RECIPE = {
    "name": "test", "about": "", "seed": 3,
    "data": {"name": "tinydigits", "batch_size": 32, "validation": 200, "shift": 1, "flip": False, "workers": 1},
    "model": {"kind": "mlp", "hidden": [32], "activation": "relu", "width": None, "dropout": 0.3},
    "loss": {"kind": "cross_entropy", "label_smoothing": 0.0},
    "optimizer": {
        "kind": "adam", "lr": 0.2, "momentum": None, "nesterov": None, "betas": None, "weight_decay": None, "bias_lr": None,
    },
    "schedule": {
        "kind": "one_cycle", "max_lr": None, "warmup": 0.9, "anneal": "cos", "start_divisor": 25.0, "cycle_momentum": True,
        "step_size": 1, "gamma": 0.1,
    },
    "training": {
        "epochs": 5, "accumulation_steps": 2, "grad_clip_norm": 1.0, "checkpoint_every": 3,
        "early_stopping_patience": None, "save_best": True, "monitor": None,
    },
    "metrics": ["accuracy"],
}  # fmt: skip
# What the training dies of, life after life, and how often that moment comes in each life before it does.
LIVES = [
    ("before the first step", 1),
    ("after a step", 2),
    ("within a checkpoint", 2),
    ("between the gradients and the step", 8),
    ("before a file gets its name", 2),
    ("within a line of the log", 1),
    ("after a line of the log", 2),
    ("after a file got its name", 3),
    ("between the best weights and the checkpoint", 1),
    ("after a step", 20),
    ("before the report", 1),
]
KILLS = 4
RUNS = 20


def start(folder, config, *options, program=("-m", "tinytorch.recipes")):
    order = [sys.executable, *program, str(config), str(folder), "--quiet", *options]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(order, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(process):
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    config = folder / "recipe.json"
    config.write_text(json.dumps(RECIPE))
    finish(start(folder / "whole", config))
    assert read_state(folder / "whole" / "best.npz")["epoch"] < RECIPE["training"]["epochs"]
    return config, folder / "whole"


def test_whatever_it_was_at_when_it_was_killed_it_ends_with_the_same_bits(undisturbed, tmp_path):
    config, whole = undisturbed
    for moment, count in LIVES:
        life = start(tmp_path, config, "--resume", program=(DIES, moment, str(count)))
        _, errors = life.communicate(timeout=120)
        assert life.returncode == -signal.SIGKILL, f"{moment}: {errors}"
    finish(start(tmp_path, config, "--resume"))
    assert_ended_alike(whole, tmp_path)


def test_killed_from_outside_again_and_again_it_ends_with_the_same_bits(undisturbed, tmp_path):
    """A run that was faster than the kill counts as none: the next begins anew, until enough were hit."""
    config, whole = undisturbed
    draw = random.Random(20)
    killed = 0
    for number in range(RUNS):
        folder = tmp_path / str(number)
        while killed < KILLS and kill_soon(start(folder, config, "--resume"), folder, draw.uniform(0, 0.03)):
            killed += 1
        finish(start(folder, config, "--resume"))
        assert_ended_alike(whole, folder)
        if killed == KILLS:
            break
    assert killed == KILLS, f"only {killed} of {RUNS} runs and more could be killed before they ended"


def kill_soon(process, folder, seconds):
    """Kill a training so long after its next checkpoint, somewhere between or within steps; False if it ended first."""
    first = mark(folder)
    until = time.monotonic() + 60
    while mark(folder) == first and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    time.sleep(seconds)
    process.kill()
    process.communicate(timeout=60)
    return process.returncode == -signal.SIGKILL


def test_two_processes_never_train_in_one_folder(undisturbed, tmp_path):
    config, whole = undisturbed
    with runs.alone(tmp_path):
        _, errors = (second := start(tmp_path, config)).communicate(timeout=60)
    assert (second.returncode, "another process is training in" in errors) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    finish(start(tmp_path, config))
    assert_ended_alike(whole, tmp_path)


def assert_ended_alike(whole, folder):
    assert_same(read_state(whole / "checkpoint.npz"), read_state(folder / "checkpoint.npz"))
    assert_same(read_state(whole / "best.npz"), read_state(folder / "best.npz"))
    events = [event for event in read_log(folder / "log.jsonl") if event["event"] == "epoch"]
    assert [event["epoch"] for event in events] == list(range(1, RECIPE["training"]["epochs"] + 1))
    scores = [json.loads((path / "result.json").read_text()) for path in (whole, folder)]
    assert scores[0]["test_accuracy"] == scores[1]["test_accuracy"]
    assert scores[0]["test_loss"] == scores[1]["test_loss"]


def mark(folder):
    """Something that changes with every checkpoint."""
    file = folder / "checkpoint.npz"
    return file.stat().st_mtime_ns if file.is_file() else None


def assert_same(expected, got, path=""):
    """Trees of state are equal but for seconds and the length of the log, in which a resumed run has more lines."""
    if path in ("/progress/history/seconds", "/progress/log"):
        return
    if isinstance(expected, dict):
        assert expected.keys() == got.keys(), path
        for key in expected:
            assert_same(expected[key], got[key], f"{path}/{key}")
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(got, expected, err_msg=path)
        assert got.dtype == expected.dtype
    else:
        assert got == expected, path
