"""Versions change, registries break, services are stopped: no request may notice, and people have to."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from serving_stage import ROW, add, cnn, expected, inputs, mlp, serving
from tinytorch.mlops import ModelRegistry
from tinytorch.serving.load import Plan, put_load
from tinytorch.serving.versions import rollback_target


def under_load(service, rate, seconds, meanwhile, **options):
    """What came of a load during which something else happens."""

    async def both():
        load = asyncio.create_task(put_load(service.url, Plan(rate, seconds, **options)))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(meanwhile)
        return await load

    return asyncio.run(both())


# ---- versions change -------------------------------------------------------------------------------------------------


def test_swaps_under_load_fail_no_request_and_every_answer_is_its_version_s(tmp_path):
    root, models = tmp_path / "r", {1: mlp(1), 2: mlp(2), 3: cnn(3)}
    for version, model in models.items():
        add(root, model, promote=version == 1)
    registry, rows = ModelRegistry(root), inputs(2, seed=9)
    wanted = {version: expected(model, rows) for version, model in models.items()}
    seen = []

    def look(version):
        service.until(lambda health: health["version"] == version)
        answer = service.predict(rows)
        found = np.array([p["probabilities"] for p in answer["predictions"]])
        np.testing.assert_allclose(found, wanted[answer["version"]], atol=2e-6)
        seen.append(answer["version"])
        time.sleep(0.3)  # for some requests of the load to meet this version, too

    def swap():
        assert service.post("/promote", {"version": 2}) == {"version": 2, "before": 1}
        look(2)
        assert service.post("/rollback") == {"version": 1, "before": 2}
        look(1)
        registry.promote("m", 3)  # another process than the service
        look(3)
        registry.rollback("m")
        look(1)

    with serving(root) as service:
        # A machine that stands still meanwhile may let one version answer the whole load: then once more.
        for _ in range(4):
            seen.clear()
            result = under_load(service, 30, 4, swap)
            assert seen == [2, 1, 3, 1]
            # The service of a busy machine may refuse some for want of room; none fails or is lost.
            assert set(result.counts()) <= {"200", "503"} and result.failed == result.lost == 0, result.counts()
            versions = set(result.version) - {0}
            if len(versions) >= 2:
                break
    assert len(versions) >= 2


def test_a_version_that_takes_other_inputs_may_come_into_use_while_requests_wait(tmp_path):
    root = tmp_path / "r"
    add(root, mlp(1))
    add(root, mlp(2, inputs=4, outputs=2), ROW, promote=False)
    with serving(root, "--max-wait=1500") as service, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(service.predict, inputs(1))
        while not service.get("/status")["queue"]["waiting"]:
            pass
        service.post("/promote", {"version": 2})
        rows = inputs(3, ROW)
        answer = service.predict(rows)
        assert waiting.result()["version"] == 1 and answer["version"] == 2
        found = np.array([p["probabilities"] for p in answer["predictions"]])
        np.testing.assert_allclose(found, expected(mlp(2, 4, 2), rows, ROW), atol=2e-6)
        status, _, body = service.request("POST", "/predict", {"inputs": inputs(1).tolist()})
        assert status == 422 and body["error"]["expected"] == "shape (4,), or (N, 4) for N examples"


def test_what_cannot_be_changed_to_is_refused_and_nothing_changes(tmp_path):
    root = tmp_path / "r"
    add(root, mlp(1))
    add(root, mlp(2), promote=False)
    plain = ModelRegistry(root).register("m", {"w": np.zeros(3)}, {"format": 1, "architecture": {"kind": "os.system"}})
    with serving(root) as service:
        for data, status, field in [
            ({"version": 9}, 404, "version"), ({"version": plain}, 409, "version"), ({"version": "2"}, 422, "version"),
            ({"version": True}, 422, "version"), ({}, 422, "version"), ({"version": 2, "now": 1}, 422, "'now'"),
        ]:  # fmt: skip
            got, _, body = service.request("POST", "/promote", data)
            assert (got, body["error"]["field"]) == (status, field), body
        got, _, body = service.request("POST", "/rollback", {})
        assert (got, body["error"]["found"]) == (404, "none: no earlier version was in use")
        for headers in ({"Origin": "http://elsewhere.example"}, {"Origin": "null"}):
            assert service.request("POST", "/promote", {"version": 2}, headers)[0] == 403
        assert service.request("POST", "/promote", {"version": 2}, {"Host": "elsewhere.example"})[0] == 421
        assert service.request("POST", "/promote", raw="version=2", headers={"Content-Type": "text/plain"})[0] == 415
        assert service.get("/healthz") == {"state": "ready", "name": "m", "version": 1, "notes": []}
        assert service.post("/promote", {"version": 2})["version"] == 2
    assert ModelRegistry(root).current("m") == 2


def test_elsewhere_than_on_loopback_changes_need_the_token(tmp_path):
    root = tmp_path / "r"
    add(root, mlp(1))
    add(root, mlp(2), promote=False)
    token = "a token of some length"
    with serving(root, "--host=0.0.0.0", environment={"TINYTORCH_SERVE_TOKEN": token}) as service:
        for header in (None, "Bearer another token of a length", f"Basic {token}"):
            headers = {"Authorization": header} if header else {}
            status, given, _ = service.request("POST", "/promote", {"version": 2}, headers)
            assert status == 401 and given["www-authenticate"] == "Bearer"
        assert service.predict(inputs(1))["version"] == 1
        ok = service.request("POST", "/promote", {"version": 2}, {"Authorization": f"Bearer {token}"})
        assert (ok[0], ok[2]["version"]) == (200, 2)


# ---- registries break ------------------------------------------------------------------------------------------------


def test_a_damaged_registry_leaves_the_service_answering_with_a_note(tmp_path):
    root = tmp_path / "r"
    add(root, mlp(1))
    with serving(root) as service:
        kept = tmp_path / "kept"
        shutil.move(root, kept)
        root.mkdir()
        (root / "registry.db").write_bytes(b"this is no database" * 300)
        health = service.until(lambda h: h["notes"])
        assert health["state"] == "ready" and health["version"] == 1
        assert "the registry cannot be read" in health["notes"][0] and "version 1 goes on" in health["notes"][0]
        assert service.predict(inputs(1))["version"] == 1
        assert service.request("GET", "/versions")[0] == 503
        assert "unreadable" in service.get("/status")
        assert service.request("POST", "/rollback", {})[0] == 409
        shutil.rmtree(root)
        assert "there is no registry" in service.until(lambda h: "no registry" in " ".join(h["notes"]))["notes"][0]
        shutil.move(kept, root)
        assert service.until(lambda h: not h["notes"])["version"] == 1
        add(root, mlp(2))
        service.until(lambda h: h["version"] == 2)


BROKEN = {
    "not registered for serving": lambda arrays, about: ({"w": np.zeros(1)}, {}),
    "no layer is called 'Magic'": lambda arrays, about: (arrays, {**about, "architecture": {"kind": "Magic"}}),
    "do not fit its architecture": lambda arrays, about: ({**arrays, "model/1.weight": np.zeros((2, 2))}, about),
    "fails on its own examples": lambda arrays, about: ({**arrays, "model/1.bias": np.full(16, np.nan)}, about),
    "no contract": lambda arrays, about: (arrays, {**about, "contract": {"shape": 3}}),
}


def test_versions_that_cannot_be_served_leave_the_old_one_answering_with_a_note(tmp_path):
    root = tmp_path / "r"
    add(root, mlp(1))
    registry = ModelRegistry(root)
    arrays, about = registry.load("m")
    with serving(root) as service:
        for words, spoil in BROKEN.items():
            registry.promote("m", registry.register("m", *spoil(arrays, about.metadata)))
            health = service.until(lambda h, words=words: words in " ".join(h["notes"]))
            assert (health["state"], health["version"]) == ("ready", 1), health
        assert service.predict(inputs(1))["version"] == 1
        registry.promote("m", add(root, mlp(5), promote=False))
        assert service.until(lambda h: h["version"] == 7)["notes"] == []
        # A file that rots after its version was promoted is found by its checksum.
        damaged = add(root, mlp(6), promote=False)
        for file in (root / "files").iterdir():
            data = bytearray(file.read_bytes())
            data[len(data) // 2] ^= 1
            file.write_bytes(data)
        status, _, body = service.request("POST", "/promote", {"version": damaged})
        assert status == 409 and "DamagedFile" in body["error"]["found"]
        assert service.predict(inputs(1))["version"] == 7


class Event:
    def __init__(self, kind, version):
        self.kind, self.version = kind, version


def test_where_a_rollback_leads_is_foretold_as_the_registry_does_it(tmp_path):
    rng = np.random.default_rng(0)
    for case in range(12):
        registry = ModelRegistry(tmp_path / str(case))
        for _ in range(4):
            registry.register("m", {"w": np.zeros(1)})
        for _ in range(10):
            present = {v.version for v in registry.versions("m")}
            foretold = rollback_target(registry.history("m"), present)
            if rng.random() < 0.45:
                try:
                    assert registry.rollback("m") == foretold
                except LookupError:
                    assert foretold is None
            else:
                registry.promote("m", int(rng.choice(sorted(present))))
            gone = int(rng.integers(1, 5))
            if rng.random() < 0.15 and gone in present and registry.current("m") not in (None, gone):
                registry.delete("m", gone)


# ---- services are stopped --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_accepted_is_answered_and_what_comes_later_refused(tmp_path, number):
    add(tmp_path / "r", mlp(1))
    # The queue waits ten seconds for company: the requests are sure to be in it when the signal comes.
    with (
        serving(tmp_path / "r", "--max-wait=10000", "--max-batch=64", "--linger=4") as service,
        ThreadPoolExecutor(20) as pool,
    ):
        rows = inputs(20, seed=4)
        waiting = [pool.submit(service.predict, row) for row in rows]
        while service.get("/status")["queue"]["waiting"] < 20:
            pass
        service.process.send_signal(number)
        assert service.until(lambda h: h["state"] != "ready")["state"] == "stopping"
        refused, headers, body = service.request("POST", "/predict", {"inputs": rows[:1].tolist()})
        assert refused == 503 and headers["connection"] == "close" and headers["retry-after"]
        assert body["error"]["found"] == "one that is stopping"
        answers = [w.result() for w in waiting]
        status, said = service.stop(number=0)
    found = np.array([a["predictions"][0]["probabilities"] for a in answers])
    np.testing.assert_allclose(found, expected(mlp(1), rows), atol=2e-6)
    assert status == 0 and "stopped: accepted 20 examples, answered 20" in said


def test_stopping_under_load_loses_no_request(tmp_path):
    add(tmp_path / "r", mlp(1))
    with serving(tmp_path / "r") as service:

        def stop():
            while service.get("/status")["accepted"] < 40:
                time.sleep(0.02)
            service.process.send_signal(signal.SIGTERM)

        result = under_load(service, 60, 5, stop)
        status, said = service.stop(number=0)
    counts = result.counts()
    assert status == 0 and result.lost == 0, counts
    # Answered, refused in words while it was stopping, or found nobody afterwards: nothing else.
    assert set(counts) <= {"200", "503", "unreachable"} and len(counts) > 1, counts
    assert f"accepted {counts['200']} examples, answered {counts['200']}" in said


def test_the_service_ends_in_order_when_whoever_started_it_is_gone(tmp_path):
    add(tmp_path / "r", mlp(1))
    order = [sys.executable, "-m", "tinytorch.serving", str(tmp_path / "r"), "m", "--port=0", "--leash"]
    reads, writes = os.pipe()
    with subprocess.Popen(order, stdin=reads, stdout=subprocess.PIPE, text=True) as process:
        os.close(reads)
        while "listening" not in process.stdout.readline():
            assert process.poll() is None
        os.close(writes)
        assert "stopped: accepted 0" in process.stdout.read()
    assert process.returncode == 0


def test_the_load_generator_keeps_to_this_machine_and_to_its_bounds():
    from tinytorch.serving import ServingError

    for url in ("http://192.0.2.1:8000", "http://example.org:80", "https://127.0.0.1:8000", "127.0.0.1"):
        with pytest.raises(ServingError):
            asyncio.run(put_load(url, Plan(1, 1)))
    for rate, seconds in ((1, 1000), (1e6, 10), (0, 1), (-1, 1), (1, float("nan"))):
        with pytest.raises(ServingError, match="a load lasts"):
            Plan(rate, seconds)
    due = Plan(200, 20, seed=3).due()
    assert 3600 < len(due) < 4400 and due[-1] < 20 and (np.diff(due) > 0).all()


def test_latency_counts_from_when_a_request_was_due_even_if_the_generator_had_to_wait(tmp_path):
    add(tmp_path / "r", mlp(1))
    # One connection, and every answer takes 100 ms: at 50 requests a second they pile up before the connection.
    with serving(tmp_path / "r", "--max-wait=100") as service:
        result = asyncio.run(put_load(service.url, Plan(50, 1, connections=1)))
    assert result.counts() == {"200": len(result.outcome)}
    assert result.latency[-1] > 0.05 * len(result.outcome) > 1.5


# ---- what is done about alerts ---------------------------------------------------------------------------------------


def drift(service, windows=1):
    """Inputs of another kind, as many windows of 60."""
    for start in range(2 * windows):
        service.predict(inputs(30, seed=60 + start) * 0.5)


def command(path, *lines):
    """A shell command that runs a small program."""
    path.write_text("\n".join(["import os, sys, time", *lines]))
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(path))}"


def is_running(number):
    """Whether a process lives; one that has ended and that nobody has asked about is none."""
    try:
        os.kill(number, 0)
        return "\nState:\tZ" not in Path(f"/proc/{number}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_drift_starts_the_command_whose_promotion_is_served_and_looked_at_anew(tmp_path):
    add(tmp_path / "r", mlp(1))
    better = command(
        tmp_path / "better.py",
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})",
        "import numpy as np",
        "from serving_stage import IMAGE, add, inputs, mlp, pack",
        "from tinytorch.mlops import ModelRegistry",
        "root, name = os.environ['TINYTORCH_REGISTRY'], os.environ['TINYTORCH_MODEL']",
        "arrays, about = pack(mlp(2), IMAGE, inputs(40), np.zeros(40, int), inputs(300, seed=8) * 0.5,",
        "    {'because': os.environ['TINYTORCH_ALERTS'], 'instead of': os.environ['TINYTORCH_VERSION']})",
        "registry = ModelRegistry(root)",
        "registry.promote(name, registry.register(name, arrays, about))",
    )
    with serving(tmp_path / "r", "--drift-window=60", f"--on-alert={better}") as service:
        drift(service)
        service.until(lambda health: health["version"] == 2)
        before = service.get("/status")["drift"]
        drift(service, 2)
        while (status := service.get("/status"))["drift"]["checks"] < 2:
            pass
        said = service.stop()[1]
    assert not before["drifted"] and before["checks"] == 0
    assert not status["alerts"] and not status["drift"]["drifted"] and status["notes"] == []
    notes = next(v["notes"] for v in status["versions"] if v["version"] == 2)
    assert notes == {"because": "drift", "instead of": "1"}
    assert said.count("because of drift: ") == 1 and "the command for alerts is done" in said


def test_a_command_that_fails_is_a_note_and_rests_before_it_is_run_again(tmp_path):
    add(tmp_path / "r", mlp(1))
    fails = command(tmp_path / "fails.py", f"open({str(tmp_path / 'runs')!r}, 'a').write('x')", "sys.exit(3)")
    ran = tmp_path / "runs"
    for rest, again in ((600, False), (0, True)):
        ran.write_text("")
        with serving(tmp_path / "r", "--drift-window=60", f"--on-alert={fails}", f"--rest={rest}") as service:
            assert service.request("GET", "/healthz")[2]["notes"] == [] and not ran.read_text()
            drift(service)
            health = service.until(lambda health: health["notes"])
            assert health["notes"] == ["the command for alerts ended with status 3; the log has what it said"]
            assert health["state"] == "ready" and service.predict(inputs(1))["version"] == 1
            time.sleep(2.5)
        assert (len(ran.read_text()) > 1) is again


def test_a_command_that_still_runs_ends_with_the_service(tmp_path):
    add(tmp_path / "r", mlp(1))
    pid = tmp_path / "pid"
    long = command(tmp_path / "long.py", f"open({str(pid)!r}, 'w').write(f'{{os.getpid()}}\\n')", "time.sleep(600)")
    with serving(tmp_path / "r", "--drift-window=60", f"--on-alert={long}; true") as service:
        drift(service)
        service.until(lambda _: pid.exists() and pid.read_text().endswith("\n"))
        number = int(pid.read_text())
        os.kill(number, 0)
        assert service.stop()[0] == 0
    # The shell is gone for certain; what it started was told to end at the same time, and has a moment to do so.
    end = time.monotonic() + 30
    while is_running(number):
        assert time.monotonic() < end
        time.sleep(0.05)
