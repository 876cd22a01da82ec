"""Task 20: an entry of one's own, for the leaderboard. Every number is measured here or on the reference framework.

What comes from a student is arrays: weights as they are stored, with a scale where they are bytes, and biases. The
judge multiplies them out itself for the accuracy and counts their bytes; the reference's process is where they are
timed, beside the network that everybody starts from. Nothing that a program says of itself is looked at.
"""

import gzip

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "entry"
title = "Your entry"
points = None


def _digits(datasets):
    """Images (1797, 64) from 0 to 1 and their labels."""
    folder = datasets.folder("tinydigits")
    images = gzip.decompress((folder / "images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((folder / "labels-idx1-ubyte.gz").read_bytes())[8:]
    return np.frombuffer(images, np.uint8).reshape(-1, 64).astype(np.float32) / 16, np.frombuffer(labels, np.uint8)


def _weights(layers):
    """[weight, scale or None, bias or None, ReLU] of each layer, checked, in float64 -> [(weight, bias)]."""
    expect.true(isinstance(layers, list) and 0 < len(layers) <= 20, "an entry is a list of 1 to 20 layers")
    found, width = [], 64
    for weight, scale, bias, _ in layers:
        for array in (weight, bias, scale):
            expect.finite(0.0 if array is None else array)
        expect.shape(weight, (width, weight.shape[-1]))
        width = weight.shape[1]
        expect.shape(np.zeros(width) if bias is None else bias, (width,))
        numbers = weight.astype(float) * (1.0 if scale is None else scale)
        found.append((numbers, 0.0 if bias is None else bias.astype(float)))
    expect.equal(width, 10)
    return found


def _right(layers, x, y):
    """The share that is read right; ReLU after a layer that says so."""
    for (weight, bias), (*_, relu) in zip(_weights(layers), layers, strict=True):
        x = x @ weight + bias
        x = np.maximum(x, 0) if relu else x
    return float((x.argmax(axis=1) == y).mean())


def _bytes(layers):
    return sum(a.nbytes for layer in layers for a in layer if isinstance(a, np.ndarray))


class _Timed:
    """The reference's probe with layers of its own."""

    def __init__(self, probe, layers):
        self.probe, self.layers = probe, layers

    def cpu_seconds(self, *args):
        return self.probe.cpu_seconds(self.layers, *args)

    def __repr__(self):
        return repr(self.probe)


@test_case(
    name="smaller than the baseline in half of its bytes, no slower, and as good as it",
    points=2,
    hidden=True,
    failure_message=(
        "own_entry gives a Sequential of Linear, LowRankLinear or QuantizedLinear layers and ReLU: within two points of the"
        " baseline's accuracy, with at most half of its bytes, and not more than 1.2 times its CPU time."
    ),
)
def own(student, reference, rng, datasets):
    x, y = _digits(datasets)
    order = rng.permutation(len(x))
    learn, test = order[:1400], order[1400:]
    baseline = reference.trained(x[learn], y[learn], int(rng.integers(1 << 30)))
    entry = student.own_entry(baseline, x[learn], y[learn])

    before, after = _right(baseline, x[test], y[test]), _right(entry, x[test], y[test])
    # 0.957 with a deviation of 0.011 over seeds, and no concern of the student's.
    expect.between(before, 0.85, 1.0, "accuracy of the baseline")
    expect.between(after, before - 0.02, 1.0, "accuracy of the entry")
    expect.between(_bytes(entry) / _bytes(baseline), 0.0, 0.5, "bytes of the entry by the baseline's")

    def draw():
        return x[rng.integers(0, len(x), 256)], 20

    ours, theirs = _Timed(reference.answered, entry), _Timed(reference.answered, baseline)
    ratio = expect.cpu_ratio(ours, theirs, draw, at_most=1.2)
    expect.record("accuracy", after)
    expect.record("latency ratio", ratio)
    expect.record("bytes", _bytes(entry))
