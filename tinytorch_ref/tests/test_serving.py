"""The service as its clients meet it: a process of its own, on a port of its own."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving_stage import IMAGE, add, cnn, expected, inputs, mlp, serving
from tinytorch.mlops import ModelRegistry
from tinytorch.serving import ServingError
from tinytorch.serving.served import pack
from tinytorch.serving.server import serve
from tinytorch.serving.service import Settings


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Versions 1 (a perceptron) and 2 (a convolutional network, in use)."""
    root = tmp_path_factory.mktemp("plain") / "registry"
    add(root, mlp(1), accuracy=0.9)
    add(root, cnn(2))
    with serving(root, "--body-cap=20000", "--max-wait=20", "--body-seconds=2") as running:
        yield running


def test_one_example_and_several_get_what_the_model_says_of_each(service):
    rows = inputs(5)
    alone = service.predict(rows[0])
    several = service.predict(rows)
    assert alone["version"] == several["version"] == 2
    wanted = expected(cnn(2), rows)
    found = np.array([p["probabilities"] for p in several["predictions"]])
    np.testing.assert_allclose(found, wanted, atol=2e-6)
    np.testing.assert_allclose(alone["predictions"][0]["probabilities"], wanted[0], atol=2e-6)
    for prediction, row in zip(several["predictions"], wanted, strict=True):
        assert prediction["label"] == row.argmax() and prediction["name"] == "abc"[row.argmax()]
    assert len({p["id"] for p in alone["predictions"] + several["predictions"]}) == 6


def image(value=0.5, **changes):
    made = np.full((8, 8), 0.25).tolist()
    made[3][4] = value
    return {"inputs": [made], **changes}


# name -> (raw body, status, field, words of "expected", words of "found")
WRONG = {
    "no JSON": ('{"inputs": [', 400, "body", "JSON", "line 1, column 13"),
    "nothing": ("", 400, "body", "JSON", "nothing"),
    "NaN": (json.dumps(image(float("nan"))), 400, "body", "JSON", "NaN"),
    "not UTF-8": (b'{"inputs": "\xff"}', 400, "body", "JSON", "utf-8"),
    "nested too deep": ("[" * 9000, 400, "body", "JSON", "nested too deep"),
    "no object": ("[1]", 422, "body", "an object", "a list of 1"),
    "no inputs": ("{}", 422, "inputs", "shape (1, 8, 8)", "nothing"),
    "a mistyped field": (json.dumps({"input": []}), 422, "'input'", "only inputs", "not known"),
    "a number": ('{"inputs": 3}', 422, "inputs", "a list", "a number (3)"),
    "another shape": (json.dumps({"inputs": [[1, 2]]}), 422, "inputs", "(N, 1, 8, 8)", "shape (1, 2)"),
    "no examples": ('{"inputs": []}', 422, "inputs", "shape (1, 8, 8)", "shape (0,)"),
    "ragged": (json.dumps({"inputs": [[[0.1] * 8] * 7 + [[0.1] * 7]]}), 422, "inputs[0][7]", "a list of 8", "a list of 7"),
    "a word": (json.dumps(image("bright")), 422, "inputs[0][3][4]", "a number", "'bright'"),
    "null": (json.dumps(image(None)), 422, "inputs[0][3][4]", "a number", "null"),
    "true": (json.dumps(image(True)), 422, "inputs[0][3][4]", "a number", "a boolean"),
    "infinite": (json.dumps(image(7)).replace("7", "1e999"), 422, "inputs[0][3][4]", "a finite number", "inf"),
    "huge": (json.dumps(image(10**300)), 422, "inputs[0][3][4]", "finite", "bits"),
    "out of range": (json.dumps(image(1.5)), 422, "inputs[0][3][4]", "from 0 to 1", "1.5"),
    "too many": (json.dumps({"inputs": np.zeros((33, 1, 8, 8), int).tolist()}), 422, "inputs", "1 to 32", "33 examples"),
    "too long": (" " * 20001, 413, "body", "20,000 bytes", "20,001 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_request_is_refused_with_field_expected_and_found(service, case):
    raw, status, field, wanted, found = WRONG[case]
    got, _, body = service.request("POST", "/predict", raw=raw)
    error = body["error"]
    assert (got, error["field"]) == (status, field), body
    assert wanted in error["expected"] and found in error["found"], body
    assert field in error["message"]
    assert service.predict(inputs(1))["version"] == 2  # and the next one is answered


@pytest.mark.parametrize("announced", [True, False])
def test_who_sends_too_much_and_slowly_is_told_so(announced, service):
    def pieces():
        for i in range(8):
            time.sleep(0.1 if i > 4 else 0)  # time enough to be refused and closed
            yield b"x" * 5000

    headers = {"Content-Type": "application/json", **({"Content-Length": "40000"} if announced else {})}
    with closing(http.client.HTTPConnection(service.host, service.port, timeout=30)) as connection:
        connection.request("POST", "/predict", pieces(), headers, encode_chunked=not announced)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Connection"]) == (413, "close")
        assert json.load(answer)["error"]["field"] == "body"


def test_who_waits_for_leave_to_send_too_much_is_refused_at_once(service):
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection((service.host, service.port), timeout=30) as polite:
        polite.sendall(head + b"Content-Length: 40000\r\nExpect: 100-continue\r\n\r\n")
        assert polite.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_who_never_stops_sending_is_cut_off(service):
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection((service.host, service.port), timeout=30) as endless:
        endless.sendall(head + b"Content-Type: application/json\r\n\r\n")
        with pytest.raises(ConnectionError):
            for _ in range(1000):  # 65 MB; sockets hold a few
                endless.sendall(chunk)
    assert service.predict(inputs(1))["version"] == 2


def test_a_body_that_does_not_come_is_given_up_and_one_that_is_broken_off_is_no_error(service):
    head = (
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    with socket.create_connection((service.host, service.port)) as slow:
        slow.sendall(head)
        assert slow.recv(1000).startswith(b"HTTP/1.1 408 ")
    with socket.create_connection((service.host, service.port)) as gone:
        gone.sendall(head)
        while not samples(service.get("/metrics"))["tinytorch_in_flight"]:
            pass
    name = "tinytorch_requests_total endpoint=/predict status=499"
    while name not in samples(service.get("/metrics")):
        pass
    assert "Traceback" not in service.log.read_text()


def test_other_media_types_paths_and_methods_are_refused_in_the_same_form(service):
    status, _, body = service.request("POST", "/predict", raw="inputs=1", headers={"Content-Type": "text/plain"})
    assert (status, body["error"]["field"]) == (415, "header Content-Type")
    assert service.request("GET", "/prediction")[0] == 404
    status, headers, body = service.request("GET", "/predict")
    assert status == 405 and headers["allow"] == "POST" and "GET /predict" in body["error"]["found"]


def test_requests_at_the_same_time_are_computed_at_once_and_each_gets_its_own_answer(tmp_path):
    add(tmp_path / "r", mlp(3))
    rows = inputs(24, seed=5)
    with serving(tmp_path / "r", "--max-batch=8", "--max-wait=2000") as service, ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(service.predict, rows))
        sizes = samples(service.get("/metrics"))
    found = np.array([a["predictions"][0]["probabilities"] for a in answers])
    np.testing.assert_allclose(found, expected(mlp(3), rows), atol=2e-6)
    # 24 requests in batches of 8 at most, and with two seconds to gather they are not of 1 either.
    assert sizes["tinytorch_batch_size_sum"] == 24
    assert 3 <= sizes["tinytorch_batch_size_count"] <= 6


def samples(text):
    """Name and labels -> value of everything in Prometheus' text format."""
    return {
        s.name + "".join(f" {k}={v}" for k, v in sorted(s.labels.items())): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def test_figures_for_prometheus_count_what_happened(service):
    before = samples(service.get("/metrics"))
    for _ in range(3):
        service.predict(inputs(2))
    service.request("POST", "/predict", {"inputs": 1})
    status, headers, text = service.request("GET", "/metrics")
    after = samples(text)

    def grown(name):
        return after[name] - before.get(name, 0)

    assert status == 200 and headers["content-type"].startswith("text/plain; version=")
    assert grown("tinytorch_requests_total endpoint=/predict status=200") == 3
    assert grown("tinytorch_requests_total endpoint=/predict status=422") == 1
    assert grown("tinytorch_request_seconds_count endpoint=/predict") == 4
    assert grown("tinytorch_examples_total") == 6
    assert grown("tinytorch_batch_size_sum") == 6 and grown("tinytorch_batch_size_count") == 3
    assert after["tinytorch_model_version"] == 2 and after["tinytorch_queue_depth"] == 0
    assert after["tinytorch_shed_total"] == 0 and after["tinytorch_drifted"] in (0, 1)
    buckets = [after[k] for k in after if k.startswith("tinytorch_request_seconds_bucket endpoint=/predict")]
    assert buckets == sorted(buckets) and buckets[-1] == after["tinytorch_request_seconds_count endpoint=/predict"]


def test_feedback_becomes_accuracy_once_a_prediction(service):
    predictions = service.predict(inputs(4, seed=3))["predictions"]
    for i, prediction in enumerate(predictions):
        label = prediction["label"] if i else (prediction["label"] + 1) % 3
        assert service.post("/feedback", {"id": prediction["id"], "label": label})["correct"] == bool(i)
    again = service.request("POST", "/feedback", {"id": predictions[0]["id"], "label": 0})
    assert (again[0], again[2]["error"]["field"]) == (404, "id")
    labels = service.get("/status")["labels"]
    assert (labels["count"], labels["accuracy"]) == (4, 0.75)
    for wrong, field in (({"id": "x"}, "label"), ({"label": 1}, "id"), ({"id": 3, "label": 1}, "id")):
        assert service.request("POST", "/feedback", wrong)[2]["error"]["field"] == field
    other = service.predict(inputs(1))["predictions"][0]["id"]
    assert service.request("POST", "/feedback", {"id": other, "label": 3})[2]["error"]["expected"].endswith("0 to 2")


def test_versions_say_what_is_in_use_and_where_a_rollback_leads(service):
    about = service.get("/versions")
    assert (about["current"], about["rollback_to"]) == (2, 1)
    assert [v["version"] for v in about["versions"]] == [1, 2]
    assert about["versions"][0]["notes"] == {"accuracy": 0.9}
    assert about["contract"]["shape"] == list(IMAGE.shape)


def test_beyond_the_bound_requests_are_refused_at_once_and_told_when_to_come_again(tmp_path):
    add(tmp_path / "r", mlp())
    options = ("--in-flight=4", "--max-batch=8", "--max-wait=400")
    with serving(tmp_path / "r", *options) as service, ThreadPoolExecutor(40) as pool:
        body = {"inputs": inputs(1)[0].tolist()}
        answers = list(pool.map(lambda _: service.request("POST", "/predict", body), range(40)))
        figures = samples(service.get("/metrics"))
        assert service.predict(inputs(1))  # and afterwards there is room again
    refused = [a for a in answers if a[0] == 503]
    assert len(refused) >= 20 and len(refused) + sum(a[0] == 200 for a in answers) == 40
    assert all(int(headers["retry-after"]) >= 1 for _, headers, _ in refused)
    assert figures["tinytorch_shed_total"] == len(refused)
    assert figures["tinytorch_requests_total endpoint=/predict status=503"] == len(refused)


def test_the_queue_itself_is_bounded(tmp_path):
    add(tmp_path / "r", mlp())
    with (
        serving(tmp_path / "r", "--bound=8", "--max-batch=8", "--max-wait=1500") as service,
        ThreadPoolExecutor(2) as pool,
    ):
        first = pool.submit(service.predict, inputs(5))
        while service.get("/status")["queue"]["waiting"] != 5:
            pass
        status, headers, body = service.request("POST", "/predict", {"inputs": inputs(4).tolist()})
        assert status == 503 and int(headers["retry-after"]) >= 1 and "5 of at most 8" in body["error"]["found"]
        service.predict(inputs(3))  # for which there is room
        assert len(first.result()["predictions"]) == 5


def test_a_model_that_fails_costs_its_batch_and_is_reported(tmp_path):
    model = mlp(4)
    model[3].weight.data[:, 0] = 3e38  # finite as long as the image is dark: what goes in there is 0 then
    model[1].bias.data[...] = -1.0
    model[1].weight.data[...] = 0.05
    root = tmp_path / "r"
    add(root, mlp(4))
    # Examples that it can answer, so that it comes into use.
    dark = np.zeros((4, 1, 8, 8), np.float32)
    arrays, metadata = pack(model, IMAGE, dark, [0] * 4, dark, {})
    registry = ModelRegistry(root)
    registry.promote("m", registry.register("m", arrays, metadata))
    with serving(root) as service:
        assert service.predict(dark[0])["version"] == 2
        status, _, body = service.request("POST", "/predict", {"inputs": np.ones((1, 8, 8)).tolist()})
        assert status == 500 and "version 2 failed: ValueError" in body["error"]["message"]
        assert service.predict(dark[0])["version"] == 2
        assert "not finite" in " ".join(service.get("/healthz")["notes"])
        assert samples(service.get("/metrics"))["tinytorch_model_failures_total"] == 1
        assert service.get("/status")["traffic"]["error_rate"] == pytest.approx(1 / 3)
        assert "error: version 2 failed" in service.stop()[1]


def test_drift_is_seen_and_named_and_what_is_as_before_is_not(tmp_path):
    add(tmp_path / "r", mlp())
    with serving(tmp_path / "r", "--drift-window=60") as service:
        for start in range(2):
            service.predict(inputs(30, seed=50 + start))
        while not (drift := service.get("/status")["drift"])["checks"]:
            pass
        assert not drift["drifted"], drift
        for start in range(2):
            service.predict(inputs(30, seed=60 + start) * 0.5)
        while (status := service.get("/status"))["drift"]["checks"] < 2:
            pass
        drift, figures = status["drift"], samples(service.get("/metrics"))
    assert drift["features"]["brightness"]["drifted"] and not drift["features"]["weight's side"]["drifted"]
    assert [a["name"] for a in status["alerts"]] == ["drift"] and "brightness" in status["alerts"][0]["text"]
    assert figures["tinytorch_drifted"] == 1 and figures["tinytorch_drift_statistic feature=brightness"] > 0.5


def refusal(root, host="127.0.0.1", port=0):
    """What is said when a service cannot be started."""
    with pytest.raises(ServingError) as caught:
        serve(root, "m", host, port, Settings())
    return str(caught.value)


def test_what_cannot_be_served_is_named(tmp_path, service):
    root = tmp_path / "r"
    assert "there is no registry in" in refusal(root)
    add(root, mlp(), promote=False)
    assert "no version of 'm' is in use" in refusal(root)
    registry = ModelRegistry(root)
    registry.promote("m", registry.register("m", {"w": np.zeros(2)}))
    assert "not registered for serving" in refusal(root)
    add(root, mlp())
    assert "TINYTORCH_SERVE_TOKEN" in refusal(root, host="0.0.0.0")
    assert "cannot listen on 127.0.0.1" in refusal(root, port=service.port)


def test_a_problem_ends_in_one_line_with_status_two(tmp_path):
    add(tmp_path / "r", mlp(), promote=False)
    order = [sys.executable, "-m", "tinytorch.serving", str(tmp_path / "r"), "m", "--port=0"]
    done = subprocess.run(order, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stderr.startswith("error: no version of 'm' is in use")
    assert done.stderr.count("\n") == 1, done.stderr


def test_without_the_extra_the_error_names_it(tmp_path):
    add(tmp_path / "r", mlp())
    program = (
        "import sys; sys.modules['fastapi'] = None\n"
        "import runpy; sys.argv = ['serving', sys.argv[1], 'm', '--port=0']\n"
        "runpy.run_module('tinytorch.serving', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "r"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "tinytorch-course[serve]" in done.stderr and done.stderr.count("\n") == 1


def test_importing_the_framework_does_not_import_the_web_framework():
    program = "import tinytorch, tinytorch.serving, sys; print({'fastapi', 'uvicorn', 'starlette'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_reading_is_never_blocked_by_a_client_that_does_not_send(service):
    idle = [http.client.HTTPConnection(service.host, service.port) for _ in range(20)]
    for connection in idle:
        connection.connect()
    done = threading.Event()
    threading.Thread(target=lambda: (service.predict(inputs(1)), done.set()), daemon=True).start()
    assert done.wait(30)
    for connection in idle:
        connection.close()
