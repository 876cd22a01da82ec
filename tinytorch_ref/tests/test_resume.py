"""A training that is killed with SIGKILL at any moment and resumed ends, bit for bit, where an undisturbed one ends."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tinytorch.core.training import read_state
from tinytorch.runs import read_log

RECIPE = {
    "name": "test", "about": "", "seed": 3,
    "data": {"name": "tinydigits", "batch_size": 32, "validation": 200, "shift": 1, "workers": 1},
    "model": {"hidden": [32], "activation": "relu", "dropout": 0.3},
    "loss": {"kind": "cross_entropy", "label_smoothing": 0.0},
    "optimizer": {"kind": "adam", "lr": 0.003, "momentum": None, "nesterov": None, "betas": None, "weight_decay": None},
    "schedule": {"kind": "one_cycle", "max_lr": None, "warmup": None, "step_size": 1, "gamma": 0.1},
    "training": {
        "epochs": 5, "accumulation_steps": 2, "grad_clip_norm": 1.0, "checkpoint_every": 3,
        "early_stopping_patience": None, "save_best": True, "monitor": None,
    },
    "metrics": ["accuracy"],
}  # fmt: skip
KILLS = 6


def start(folder, config, *options):
    order = [sys.executable, "-m", "tinytorch.recipes", str(config), str(folder), "--quiet", *options]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(order, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(process):
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    config = folder / "recipe.json"
    config.write_text(json.dumps(RECIPE))
    finish(start(folder / "whole", config))
    return config, folder / "whole"


def test_killed_again_and_again_it_ends_with_the_same_bits(undisturbed, tmp_path):
    config, whole = undisturbed
    draw = random.Random(20)
    folder, killed = tmp_path / "killed", 0
    for _ in range(KILLS):
        process = start(folder, config, "--resume")
        until = time.monotonic() + 30
        before = mark(folder)
        while mark(folder) == before and process.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 0.03))  # somewhere between or within the next steps and writes
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate(timeout=30)
    finish(start(folder, config, "--resume"))
    assert killed >= 2
    assert_same(read_state(whole / "checkpoint.npz"), read_state(folder / "checkpoint.npz"))
    assert_same(read_state(whole / "best.npz"), read_state(folder / "best.npz"))
    epochs = [event["epoch"] for event in read_log(folder / "log.jsonl") if event["event"] == "epoch"]
    assert epochs == list(range(1, RECIPE["training"]["epochs"] + 1))


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
