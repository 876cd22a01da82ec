"""The production code under real processes: SIGKILL at random moments, writers that race, and the long proofs in short.

The number of kills is that of $TINYTORCH_KILLS, 6 by default; the closing proof of the registry was run with hundreds.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tinytorch.mlops import BatchPredictor, ModelRegistry, proofs

HERE = Path(__file__).parent
KILLS = int(os.environ.get("TINYTORCH_KILLS", "6"))


def start(action, folder, seed):
    order = [sys.executable, str(HERE / "kills.py"), action, str(folder), str(seed)]
    process = subprocess.Popen(
        order, stdout=subprocess.PIPE, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    )
    assert process.stdout.readline() == "ready\n"
    return process


def killed(process, seconds):
    """Kill it after some time; what it had said by then, without a line that was cut off."""
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    told = process.stdout.read()
    process.stdout.close()
    process.wait()
    return [line for line in told.split("\n")[:-1] if line]


def expect_whole(folder):
    """Every version loads with the number that its metadata says, promotions name versions, the last one counts."""
    registry = ModelRegistry(folder)
    versions = registry.versions("m")
    assert [v.version for v in versions] == list(range(1, len(versions) + 1))
    for version in versions:
        arrays, _ = registry.load("m", version.version)
        assert (arrays["w"] == version.metadata["number"]).all()
    history = registry.history("m")
    assert registry.current("m") == (history[-1].version if history else None)
    assert {p.version for p in history} <= {v.version for v in versions}
    return registry, versions, history


def test_a_kill_while_registering_leaves_every_acknowledged_version_and_no_broken_one(tmp_path):
    draw, acknowledged = random.Random(1), {}
    for kill in range(KILLS):
        told = killed(start("register", tmp_path, kill), draw.uniform(0, 0.3))
        for line in told:
            version, number = line.split()
            acknowledged[int(version)] = float(number)
        _, versions, _ = expect_whole(tmp_path)
        kept = {v.version: v.metadata["number"] for v in versions}
        assert {v: kept[v] for v in acknowledged} == acknowledged
        # One version may have been kept whose acknowledgement the kill swallowed, a kill; never more.
        assert len(kept) <= len(acknowledged) + kill + 1
    files = {path.name for path in (tmp_path / "files").glob("*.npz")}
    registry = ModelRegistry(tmp_path)
    registry.sweep(older_than=-1)
    assert len(list((tmp_path / "files").iterdir())) == len(registry.versions("m")) <= len(files)


def two_versions(folder):
    registry = ModelRegistry(folder)
    for number in (0.25, 0.75):
        registry.register("m", {"w": np.full(2000, number)}, {"number": number})
    registry.promote("m", 1)
    return registry


def test_a_kill_while_promoting_leaves_the_last_acknowledged_promotion_or_the_one_after_it(tmp_path):
    two_versions(tmp_path)
    draw, before = random.Random(2), 1
    for kill in range(KILLS):
        told = killed(start("promote", tmp_path, 100 + kill), draw.uniform(0, 0.3))
        _, versions, history = expect_whole(tmp_path)
        assert len(versions) == 2
        # What was said is in the history in this order; a promotion of what is in use adds nothing to it. At most one
        # more step may have happened that nobody heard of.
        changes, current = [], history[before - 1].version
        for line in told:
            kind, version = line.split()
            if kind == "rollback" or int(version) != current:
                changes.append((int(version), kind))
            current = int(version)
        new = [(p.version, p.kind) for p in history[before:]]
        assert new[: len(changes)] == changes
        assert len(new) <= len(changes) + 1
        before = len(history)


def test_two_promoters_at_once_leave_one_order_of_promotions(tmp_path):
    registry = two_versions(tmp_path)
    processes = [start("promote", tmp_path, seed) for seed in (7, 8)]
    time.sleep(0.8)
    seen = {registry.current("m") for _ in range(20)}
    told = [line for process in processes for line in killed(process, 0)]
    assert seen <= {1, 2}
    _, _, history = expect_whole(tmp_path)
    assert len(told) > 2, "both have worked"
    # Whoever promotes what is in use adds nothing, so no two promotions of one version follow each other.
    assert all(b.kind == "rollback" or a.version != b.version for a, b in pairwise(history))


def test_two_writers_at_once_share_the_numbers(tmp_path):
    processes = [start("register", tmp_path, seed) for seed in (3, 4)]
    time.sleep(0.8)
    told = [line.split() for process in processes for line in killed(process, 0)]
    numbers = [int(version) for version, _ in told]
    assert len(set(numbers)) == len(numbers) > 2
    _, versions, _ = expect_whole(tmp_path)
    assert {v.version for v in versions} >= set(numbers)


def test_a_killed_batch_goes_on_and_asks_for_no_finished_chunk_again(tmp_path):
    draw = random.Random(5)
    for kill in range(KILLS):
        process = start("batch", tmp_path, kill)
        finished = {path.name for path in (tmp_path / "out").glob("rows-*.npz")}
        asked = (tmp_path / "asked").read_text().split("\n") if (tmp_path / "asked").exists() else [""]
        killed(process, draw.uniform(0, 0.15))
        new = (tmp_path / "asked").read_text().split("\n")[len(asked) - 1 :] if (tmp_path / "asked").exists() else []
        again = {f"rows-{int(line.split()[0]):09d}.npz" for line in new if line} & finished
        assert not again
    rows = np.stack([np.arange(400.0), np.arange(400.0) ** 2], axis=1)
    job = BatchPredictor(lambda X: X.sum(axis=1), tmp_path / "out", chunk=10)
    job.run(rows)
    result = job.results()
    assert (result.rows == np.arange(400)).all() and (result.predictions == rows.sum(axis=1)).all()
    assert not list((tmp_path / "out").glob(".*")), "no leftovers"


def test_the_proofs_in_short_find_every_claim_kept(tmp_path):
    found = proofs.run(say=lambda text: None, quick=True)
    assert [claim["name"] for claim in found["claims"] if not claim["kept"]] == []
    assert min(found["power"]["ks"][-1], found["power"]["psi"][-1]) > 0.9
    follows, stays = (np.mean(found["loop"][which][15:]) for which in ("follows", "stays"))
    assert follows > stays + 0.15
    json.dumps(found)


def test_a_claim_that_is_broken_is_not_kept():
    assert proofs.Claim("x", 20, 2000, 0.01, True).is_kept
    assert not proofs.Claim("x", 60, 2000, 0.01, True).is_kept
    assert not proofs.Claim("x", 700, 1000, 0.8, False).is_kept


@pytest.mark.parametrize(
    "count, level, at_most, end",
    [
        (20, 0.01, True, "at most 1.0%    kept"),
        (1600, 0.8, False, "at least 80.0%  kept"),
        (1582, 0.8, False, "at least 80.0%  kept: chance, p = 0.16"),
        (26, 0.01, True, "at most 1.0%    kept: chance, p = 0.11"),
        (60, 0.01, True, "at most 1.0%    NOT KEPT"),
    ],
)
def test_a_count_beyond_the_bound_says_how_often_chance_does_that(count, level, at_most, end):
    assert str(proofs.Claim("x", count, 2000, level, at_most)).endswith(end)
    assert proofs.Claim("x", 20, 2000, 0.01, True).p_value == pytest.approx(0.53, abs=0.02)
