"""What the tests of the service share: small models in a registry, the service as a process of its own, and requests."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from tinytorch import nn
from tinytorch.mlops import ModelRegistry
from tinytorch.serving.served import Contract, pack

IMAGE = Contract(shape=(1, 8, 8), classes=("a", "b", "c"), mean=(0.3,), std=(0.4,))
ROW = Contract(shape=(4,), classes=("no", "yes"), low=-10, high=10)


def mlp(seed=0, inputs=64, outputs=3):
    """A perceptron whose weights the seed decides."""
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, outputs))
    for p in model.parameters():
        p.data[...] = rng.normal(0, 0.5, p.data.shape)
    return model.eval()


def cnn(seed=0):
    """A small network of the kinds that look at images."""
    rng = np.random.default_rng(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5),
        nn.Linear(64, 3),
    )  # fmt: skip
    for p in model.parameters():
        p.data[...] = rng.normal(0, 0.5, p.data.shape)
    return model.eval()


def inputs(count, contract=IMAGE, seed=0):
    """Valid examples (count, *shape)."""
    rng = np.random.default_rng(seed)
    return rng.uniform(max(contract.low, -1), min(contract.high, 1), (count, *contract.shape)).astype(np.float32)


def add(root, model, contract=IMAGE, promote=True, name="m", **notes):
    """Register a model for serving, with examples whose labels are what it answers itself; returns the version."""
    examples = inputs(40, contract, seed=7)
    labels = np.zeros(len(examples), int)
    arrays, metadata = pack(model, contract, examples, labels, inputs(300, contract, seed=8), notes)
    registry = ModelRegistry(root)
    version = registry.register(name, arrays, metadata)
    if promote:
        registry.promote(name, version)
    return version


def expected(model, rows, contract=IMAGE):
    """Probabilities that a model gives, one example at a time: what batching must not change."""
    from tinytorch.dispatch import wrap

    def one(row):
        scaled = (row[None] - contract.mean[0]) / contract.std[0]
        scores = np.asarray(model(wrap(scaled.astype(np.float32))).data, np.float64)[0]
        return np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()

    return np.stack([one(row) for row in rows])


class Running:
    """A service that was started, on a port of its own."""

    def __init__(self, process, url, log):
        self.process, self.url, self.log = process, url, log
        self.host, self.port = urlsplit(url).hostname, urlsplit(url).port

    def request(self, method, path, data=None, headers=(), raw=None):
        """Status, headers (lower case) and body, JSON if it is that. A connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        body = raw if raw is not None else None if data is None else json.dumps(data)
        given = {"Content-Type": "application/json"} if body is not None else {}
        try:
            connection.request(method, path, body, {**given, **dict(headers)})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        found = {k.lower(): v for k, v in response.getheaders()}
        if found.get("content-type", "").startswith("application/json"):
            return response.status, found, json.loads(content)
        return response.status, found, content.decode()

    def get(self, path):
        status, _, body = self.request("GET", path)
        assert status == 200, body
        return body

    def post(self, path, data=None):
        status, _, body = self.request("POST", path, {} if data is None else data)
        assert status == 200, body
        return body

    def predict(self, rows):
        return self.post("/predict", {"inputs": np.asarray(rows).tolist()})

    def until(self, condition, seconds=60):
        """Wait for something to become true of /healthz."""
        end = time.monotonic() + seconds
        while not condition(health := self.request("GET", "/healthz")[2]):
            assert time.monotonic() < end, health
            time.sleep(0.05)
        return health

    def stop(self, number=signal.SIGTERM):
        """Stop it; returns status, what it printed."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(60)
        return self.process.returncode, self.log.read_text()


@contextmanager
def serving(root, *options, name="m", environment=()):
    """A service over a registry, started as a user would, with what it prints kept in a file beside the registry."""
    order = [sys.executable, "-m", "tinytorch.serving", str(root), name, "--port=0", "--poll=0.1", *options]
    log = Path(root).parent / f"{Path(root).name}.log"
    settings = {**os.environ, "OPENBLAS_NUM_THREADS": "1", **dict(environment)}
    with log.open("w") as file:
        process = subprocess.Popen(order, stdout=file, stderr=subprocess.STDOUT, env=settings)
    try:
        end = time.monotonic() + 120
        while "listening on " not in log.read_text():
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        url = log.read_text().split("listening on ")[1].split()[0]
        yield Running(process, url, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
