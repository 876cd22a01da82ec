"""Networks as plain data and back, through a registry, and the rules about who may change what is served."""

from __future__ import annotations

import asyncio
import json
import threading

import numpy as np
import pytest
from serving_stage import IMAGE, ROW, add, cnn, expected, inputs, mlp
from tinytorch import nn, vision
from tinytorch.mlops import ModelRegistry
from tinytorch.perf.quantization import quantize_model
from tinytorch.serving import ServingError, architecture, bench, features, picture
from tinytorch.serving.batching import Batcher, Closed, Full
from tinytorch.serving.guard import Guard, is_loopback
from tinytorch.serving.inputs import Refused
from tinytorch.serving.load import Plan, Result
from tinytorch.serving.served import Contract, unpack

PHOTO = Contract(shape=(3, 32, 32), classes=tuple("0123456789"), mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.3))


def calibrated(model):
    return quantize_model(model, inputs(32, seed=1))


MODELS = {
    "perceptron": (mlp, IMAGE),
    "of rows": (lambda: mlp(inputs=4, outputs=2), ROW),
    "convolutional": (cnn, IMAGE),
    "quantised perceptron": (lambda: calibrated(mlp()), IMAGE),
    "quantised weights only": (lambda: quantize_model(mlp(), bits=4, per_channel=True), IMAGE),
    "quantised convolutional": (lambda: calibrated(cnn()), IMAGE),
    "for photographs": (lambda: vision.small_cnn(4).eval(), PHOTO),
    "six convolutions": (lambda: vision.vgg(2).eval(), PHOTO),
    "whitened": (lambda: vision.build("whitened", 4).eval(), PHOTO),
    "other layers": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 2, 3, stride=2, padding=1, bias=False), nn.LeakyReLU(0.2), nn.AvgPool2d(2),
            nn.Sequential(nn.GELU("tanh"), nn.AdaptiveAvgPool2d(2)), nn.Flatten(), nn.Linear(8, 3, bias=False), nn.SiLU(),
        ).eval(),
        IMAGE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MODELS)
def test_a_model_comes_back_from_a_registry_with_the_same_answers(tmp_path, case):
    make, contract = MODELS[case]
    model, rows = make(), inputs(6, contract, seed=11)
    version = add(tmp_path / "r", model, contract)
    arrays, about = ModelRegistry(tmp_path / "r").load("m", version)
    served = unpack(version, arrays, json.loads(json.dumps(about.metadata)))
    scores = model(architecture.nn.Sequential()(_tensor(contract.scaled(rows)))).data
    wanted = np.exp(scores.astype(float)) / np.exp(scores.astype(float)).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(served.score(rows), wanted, rtol=1e-5, atol=1e-7)
    if "quantised" in case:
        kinds = {array.dtype for name, array in arrays.items() if name.startswith("model/") and array.ndim > 1}
        assert kinds == {np.dtype(np.int8)}


def _tensor(array):
    from tinytorch.dispatch import wrap

    return wrap(array.astype(np.float32))


def test_a_network_with_a_softmax_of_its_own_is_not_given_another(tmp_path):
    model = nn.Sequential(*mlp(), nn.Softmax()).eval()
    own = Contract(shape=IMAGE.shape, classes=IMAGE.classes, mean=IMAGE.mean, std=IMAGE.std, probabilities=True)
    add(tmp_path / "r", model, own)
    arrays, about = ModelRegistry(tmp_path / "r").load("m")
    rows = inputs(3)
    np.testing.assert_allclose(unpack(1, arrays, about.metadata).score(rows), expected(mlp(), rows), atol=1e-6)


def test_what_cannot_be_described_is_named():
    class Own(nn.Module):
        pass

    with pytest.raises(ServingError, match="layer 1 of layer 0 of the model is a Own"):
        architecture.describe(nn.Sequential(nn.Sequential(nn.ReLU(), Own())))


DAMAGED = [
    ({"kind": "Sequential", "layers": [{"kind": "system"}]}, r"architecture.layers\[0\]: no layer is called 'system'"),
    ({"kind": "Linear", "in_features": 3}, r"architecture \(Linear\) cannot be made"),
    ({"kind": "Linear", "in_features": 3, "out_features": 2, "bias": True, "shell": "x"}, "cannot be made"),
    ({"kind": "QuantizedLinear", "of": None}, "architecture.of is no description"),
    ([], "is no description"),
    (None, "is no description"),
]


@pytest.mark.parametrize("description, words", DAMAGED)
def test_a_damaged_description_is_refused_with_its_place(description, words):
    with pytest.raises(ServingError, match=words):
        architecture.rebuild(description)


def test_a_version_whose_features_are_defined_otherwise_is_served_without_drift(tmp_path):
    add(tmp_path / "r", mlp())
    arrays, about = ModelRegistry(tmp_path / "r").load("m")
    served = unpack(1, {**arrays, "features.fingerprint": np.array("another")}, about.metadata)
    assert served.reference is None and "other definitions" in served.notes["drift"]
    assert served.score(inputs(1)).shape == (1, 3)


def test_features_of_images_are_what_they_are_called():
    images = np.zeros((3, 1, 5, 5))
    images[0, 0, 0, 4] = 1  # top right
    images[1] = 0.5
    store = features.store((1, 5, 5))
    found = dict(zip(store.features, store.raw(features.columns(images, np.eye(3))).T, strict=True))
    np.testing.assert_allclose(found["weight's height"], [0, 0.5, 0.5])
    np.testing.assert_allclose(found["weight's side"], [1, 0.5, 0.5])
    np.testing.assert_allclose(found["brightness"], [0.04, 0.5, 0])
    np.testing.assert_allclose(found["dark share"], [0.96, 0, 1])
    assert list(features.store((4,)).features) == ["input 0", "input 1", "input 2", "input 3", "confidence"]


def test_loopback_is_this_machine_and_nothing_else():
    assert all(map(is_loopback, ("localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.1", "localhost.example", "", "127.0.0.1.example")))


def test_a_guard_refuses_to_stand_open():
    with pytest.raises(ServingError, match="can be reached from other machines"):
        Guard("0.0.0.0", None)
    with pytest.raises(ServingError, match="16 ASCII"):
        Guard("0.0.0.0", "short")
    Guard("127.0.0.1", None).check({"host": "localhost:8000", "origin": "http://localhost:8000"})
    with pytest.raises(Refused):
        Guard("127.0.0.1", None).check({"host": "localhost:8000", "origin": "http://localhost:9000"})


# ---- the queue, and the benchmark's verdict --------------------------------------------------------------------------


class Slow:
    """A version that computes as long as it is told to."""

    def __init__(self, go):
        self.go = go

    def score(self, rows):
        self.go.wait(30)
        return np.tile(rows[:, :1], (1, 2))


def test_a_version_that_hangs_is_noticed_and_others_wait_their_turn():
    async def scene():
        go = threading.Event()
        one, other = Slow(go), Slow(go)
        batcher = Batcher(max_batch=4, max_wait=0.0, bound=8)
        task = asyncio.create_task(batcher.run())
        rows = np.arange(8.0)[:, None]
        first = batcher.submit(one, rows[:1])
        while not batcher.busy():
            await asyncio.sleep(0.01)
        # While it computes others gather: two batches, since no batch mixes versions.
        later = [batcher.submit(one, rows[1:3]), batcher.submit(other, rows[3:5]), batcher.submit(other, rows[5:7])]
        assert batcher.waiting == 6 and batcher.busy() > 0
        with pytest.raises(Full, match="6 of at most 8"):
            batcher.submit(one, rows[:3])
        batcher.close()
        with pytest.raises(Closed):
            batcher.submit(one, rows[:1])
        go.set()
        await batcher.drained()
        got = [float(f.result()[0, 0]) for f in (first, *later)]
        task.cancel()
        return got, batcher.accepted, batcher.answered, batcher.busy()

    assert asyncio.run(scene()) == ([0, 1, 3, 5], 7, 7, 0.0)


def result(rate, *outcomes, latency=0.01):
    count = len(outcomes)
    times, versions = np.linspace(0, 1, count), np.arange(count) % 2 + 1
    return Result(Plan(rate, 2.0), times, np.full(count, latency), list(outcomes), versions, 0.0)


def report(**changes):
    ramp = (bench.Step(20, result(20, "200", "200"), True), bench.Step(32, result(32, "200", "503"), False))
    parts = {"overload": result(50, "200", "503"), "swapping": result(10, "200", "200"), "stopping": result(10, "200")}
    said = changes.pop("said", "stopped: accepted 9 examples, answered 9")
    return bench.Report(
        250.0, changes.pop("ramp", ramp), **{**parts, **changes}, swaps=(0.5,), stopped_at=1.0, said=said, others=1.0
    )


def test_a_benchmark_says_whether_the_promises_were_kept_and_draws_it(tmp_path):
    good = report()
    assert good.kept_promises() and good.held.rate == 20 and "rate held        20 requests" in bench.lines(good)[0]
    broken = {
        "a request failed on a swap": {"swapping": result(10, "200", "500")},
        "a request was lost on the stop": {"stopping": result(10, "200", "lost")},
        "an accepted example was not answered": {"said": "stopped: accepted 9 examples, answered 8"},
        "the service said nothing when it stopped": {"said": "Killed"},
        "beyond its rate a request failed": {"overload": result(50, "503", "timed out")},
        "beyond its rate nothing was refused": {"overload": result(50, "200")},
        "no rate was held": {"ramp": (bench.Step(20, result(20, "503"), False),)},
    }
    for case, changes in broken.items():
        assert not report(**changes).kept_promises(), case
    picture.draw(good, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").stat().st_size > 10_000
    assert json.loads(json.dumps(good.as_dict()))["swap"]["failed"] == 0
