"""Workers of the frame: what the real ones and the simulated ones promise, and how they fail. And what assignment 18
does with the real things that its graders do not have: processes that are no copies, and a compiler."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from tinytorch import workers
from tinytorch.perf import acceleration
from tinytorch.workers import Communicator, Deadlock, PartnerLost, WorkerError, run_workers, simulate

EVERYWHERE = pytest.mark.parametrize("run", [run_workers, simulate])


def exchange(comm: Communicator, first: int) -> list[Any]:
    """Arrays of several kinds between ranks 0 and 1."""
    sent = [np.arange(6).reshape(2, 3), np.zeros((0, 4), "f2"), np.array(2.5), np.arange(8.0)[::2]]
    if comm.rank == first:
        for array in sent:
            comm.send(1 - first, array)
        return [comm.messages, comm.bytes_sent]
    return [comm.recv(first) for _ in sent]


@EVERYWHERE
def test_arrays_of_any_shape_and_dtype_arrive(run: Any) -> None:
    told, received = run(2, exchange, 0)
    assert told == [4, 6 * 8 + 0 + 8 + 4 * 8]
    assert [a.shape for a in received] == [(2, 3), (0, 4), (), (4,)]
    assert [str(a.dtype) for a in received] == ["int64", "float16", "float64", "float64"]
    assert received[0][1, 2] == 5 and received[2] == 2.5 and list(received[3]) == [0, 2, 4, 6]


def change_afterwards(comm: Communicator) -> float:
    if comm.rank:
        return float(comm.recv(0)[0])
    array = np.ones(3)
    comm.send(1, array)
    array[:] = 7
    return 0.0


@EVERYWHERE
def test_the_receiver_has_a_copy(run: Any) -> None:
    assert run(2, change_afterwards) == [0.0, 1.0]


def fail_on_one(comm: Communicator) -> None:
    if comm.rank == 1:
        raise ValueError("a shard without rows")
    comm.recv(1)


@EVERYWHERE
def test_the_first_cause_is_raised_and_not_what_the_others_noticed_of_it(run: Any) -> None:
    with pytest.raises(ValueError, match="a shard without rows"):
        run(3, fail_on_one)


def ask_oneself(comm: Communicator, wrong: str) -> None:
    if wrong == "rank":
        comm.send(comm.rank, np.zeros(1))
    comm.send(comm.right, [1.0, 2.0])


@EVERYWHERE
def test_what_cannot_be_sent_is_refused(run: Any) -> None:
    with pytest.raises(ValueError, match="has no partner"):
        run(2, ask_oneself, "rank")
    with pytest.raises(TypeError, match="arrays of numbers only, got list"):
        run(2, ask_oneself, "list")


def all_send(comm: Communicator) -> None:
    comm.send(comm.right, np.zeros(200_000))
    comm.recv(comm.left)


def test_a_deadlock_is_told_with_names_or_ends_in_time() -> None:
    with pytest.raises(Deadlock, match="rank 0 sends to rank 1, rank 1 sends to rank 2, rank 2 sends to rank 0"):
        simulate(3, all_send)
    with pytest.raises(WorkerError, match=r"ranks \[0, 1\] of 2 have not finished in 1 s"):
        run_workers(2, all_send, seconds=1)


def wait_for_the_last(comm: Communicator) -> None:
    if comm.rank < comm.size - 1:
        comm.recv(comm.size - 1)


def test_waiting_for_one_that_has_ended_is_an_error() -> None:
    for run in (simulate, run_workers):
        with pytest.raises(PartnerLost if run is simulate else WorkerError, match="which has ended"):
            run(3, wait_for_the_last)


def die(comm: Communicator) -> None:
    if comm.rank == 1:
        os._exit(7)
    comm.recv(1)


def test_a_worker_that_dies_is_named_with_its_exit_code() -> None:
    with pytest.raises(WorkerError, match=r"rank 1 of 2: ended without an answer \(exit code 7\)"):
        run_workers(2, die)


def test_training_with_workers_that_are_no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS and Windows, where work and arguments travel."""
    build = acceleration.ClassifierBuild((6, 5, 3))
    rng = np.random.default_rng(0)
    batches = [(rng.normal(size=(n, 6)).astype("f4"), rng.integers(0, 3, n)) for n in (4, 5)]
    alone, losses = simulate(1, acceleration.train_rank, build, batches)[0]
    monkeypatch.setattr(workers, "START", "spawn")
    together, same = acceleration.train_data_parallel(build, batches, workers=2)
    np.testing.assert_allclose(same, losses, rtol=1e-6)
    for name, array in alone.items():
        np.testing.assert_allclose(together[name], array, atol=1e-6)


def test_a_compiled_gelu_equals_the_fused_one() -> None:
    pytest.importorskip("numba", reason="numba is an option")
    compiled = acceleration.jit(acceleration.gelu_scalar)
    for dtype, close in (("f4", 1e-6), ("f8", 1e-12)):
        x = np.random.default_rng(1).normal(size=1000).astype(dtype)
        got = compiled(x)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, acceleration.FUSED_GELU.forward(x), rtol=close, atol=close)
