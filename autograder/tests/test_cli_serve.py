"""`tito serve` and `tito monitor` as a user meets them: from a training run to a watched service, and stopped in order."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from autograder import cli
from autograder.cli import monitor

ROOT = Path(__file__).parents[2]
TITO = [sys.executable, "-m", "autograder"]
ENVIRONMENT = {**os.environ, "TITO_COURSE": str(ROOT)}


def shell(*arguments: object) -> tuple[int, str, str]:
    """Exit status, output and errors of `tito` on the real course."""
    done = subprocess.run([*TITO, *map(str, arguments)], capture_output=True, text=True, env=ENVIRONMENT, timeout=300)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training run on the embedded digits."""
    folder = tmp_path_factory.mktemp("serve") / "run"
    status, _, err = shell("train", "tinydigits_mlp", "--epochs", 2, "--out", folder)
    assert status == 0, err
    return folder


@contextmanager
def serving(registry: Path, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    """A service started by `tito serve` on a free port: its process, its address and the file of what it prints."""
    log = registry.parent / "log"
    order = [*TITO, "serve", "digits", "--registry", str(registry), "--port", "0", *map(str, arguments)]
    with (
        log.open("w") as file,
        subprocess.Popen(order, stdout=file, stderr=subprocess.STDOUT, env=ENVIRONMENT) as process,
    ):
        try:
            until = time.monotonic() + 180
            while "listening on " not in log.read_text():
                assert process.poll() is None and time.monotonic() < until, log.read_text()
                time.sleep(0.1)
            yield process, re.search(r"listening on (\S+)", log.read_text())[1], log
        finally:
            process.kill()


def ask(url: str, data: object = None) -> dict:
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def test_a_training_run_is_registered_served_watched_and_stopped_in_order(run, tmp_path):
    registry = tmp_path / "registry"
    first = shell("serve", "digits", "--registry", registry, "--from", run, "--register")
    assert first[0] == 0 and re.fullmatch(r"digits version 1: accuracy \d\d\.\d\d%, 38,440 bytes, in use\n", first[1])
    options = ("--from", run, "--quantize", "--own", own_activations(tmp_path))
    with serving(registry, *options) as (process, url, log):
        assert "a02_activations: yours" in log.read_text() and "these are my activations" in log.read_text()
        assert re.search(
            r"digits version 2: quantised, accuracy \d\d\.\d\d%, 10,\d{3} bytes, not in use yet", log.read_text()
        )
        examples = ask(f"{url}/examples?count=32")
        found = [p["label"] for p in ask(f"{url}/predict", {"inputs": examples["inputs"]})["predictions"]]
        right = sum(a == b for a, b in zip(found, examples["labels"], strict=True))
        assert right >= 20
        assert ask(f"{url}/promote", {"version": 2}) == {"version": 2, "before": 1}
        status, out, _ = shell("monitor", url, "--once")
        assert status == 0 and "digits version 2  ready" in out
        assert re.search(r"1 +20\d\d-.* rollback leads here", out) and re.search(r"2 +20\d\d-.* answers", out)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert "stopped: accepted 32 examples, answered 32" in log.read_text()
    status, _, err = shell("monitor", url, "--once")
    assert status == 2 and err.startswith(f"error: no service answers at {url}") and "tito serve" in err


def own_activations(folder: Path) -> Path:
    """A student's folder of assignment 2, which says so when it is imported."""
    own = folder / "mine"
    shutil.copytree(ROOT / "solutions" / "a02_activations" / "tinytorch", own / "tinytorch")
    with (own / "tinytorch" / "core" / "activations.py").open("a") as file:
        file.write("\nprint('these are my activations', flush=True)\n")
    return own


def test_the_service_does_not_outlive_a_tito_that_was_killed(run, tmp_path):
    with serving(tmp_path / "registry", "--from", run) as (process, url, log):
        process.kill()
        process.wait()
        port = int(url.rpartition(":")[2])
        until = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)):
                    break
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)


@pytest.fixture
def tito(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs `tito` in this process, on the real course: for what ends before a service would start."""
    monkeypatch.setenv("TITO_COURSE", str(ROOT))

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tito", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return int(stop.value.code or 0), *capfd.readouterr()

    return run


WRONG = {
    "no name": ([], "error: which model?"),
    "quantised without a run": (["digits", "--quantize"], "give --from RUN"),
    "no registry": (["digits", "--registry", "/nowhere/at/all"], "error: there is no registry in /nowhere/at/all"),
    "no run": (["digits", "--from", ROOT / "config"], "it is no training run; make one with: tito train"),
    "no own folder": (["digits", "--own", ROOT / "config"], "error: --own"),
    "a port that is none": (["digits", "--port", "70000"], "70000 is not in the range"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_served_is_said_in_one_line_with_status_two(case, tito, tmp_path):
    arguments, words = WRONG[case]
    place = [] if "--registry" in arguments else ["--registry", tmp_path / "registry"]
    status, _, err = tito("serve", *arguments, *place)
    assert status == 2 and words in err and "Traceback" not in err


# ---- tito monitor ----------------------------------------------------------------------------------------------------


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """Something on this machine that answers every request with the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


STATUS = {
    "name": "digits\x1b[2J", "state": "ready", "version": 3, "notes": [], "alerts": [], "versions": [], "rollback_to": None,
    "seconds": [{"at": i, "answered": i, "shed": 0, "failed": 0, "p50": None, "p99": 2.0 * i or None} for i in range(4)],
    "traffic": {"latency_p50": 0.002, "latency_p99": None, "error_rate": 0.0}, "labels": {"accuracy": None},
    "queue": {"waiting": 1, "bound": 9}, "drift": {"watched": True, "checks": 0, "gathered": 5, "window": 200},
}  # fmt: skip


def test_a_service_cannot_steer_the_terminal_and_alerts_end_with_status_one(tito):
    with answering(json.dumps(STATUS).encode()) as url:
        status, out, _ = tito("monitor", url, "--once")
        assert status == 0 and "\x1b" not in out and "digits [2J version 3  ready" in out
        assert "5 of 200 inputs for the first check" in out
    alarmed = {**STATUS, "alerts": [{"name": "drift", "text": "inputs are not as in training: brightness", "since": 0}]}
    with answering(json.dumps(alarmed).encode()) as url:
        status, out, _ = tito("monitor", url + "/", "--once")
        assert status == 1 and "! inputs are not as in training: brightness" in out


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b"3"])
def test_what_is_no_service_of_ours_is_said(tito, body):
    with answering(body) as url:
        status, _, err = tito("monitor", url, "--once")
    assert (status, err) == (2, f"error: what answers at {url} is no service of tito serve\n")


def test_bars_show_the_greatest_value_full_and_nothing_for_none():
    assert monitor.bars([0, 4, None, 8]) == " ▄ █"
    assert monitor.bars([]) == "" and monitor.bars([0, 0]) == "  "
