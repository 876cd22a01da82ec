"""Binary cross entropy, of probabilities and of logits: both of its parts, logarithms of zero, and far logits."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "binary"
title = "Binary cross entropy"
points = None


def _bce(p, y):
    p, y = np.asarray(p, dtype="float64"), np.asarray(y, dtype="float64")
    return -(y * np.log(p) + (1 - y) * np.log1p(-p))


@test_case(name="a yes counts -log p and a no counts -log(1 - p)", points=3)
def yes_and_no(student, rng):
    p = rng.uniform(0.05, 0.95, size=(6, 2)).astype("float32")
    y = rng.integers(0, 2, size=(6, 2)).astype("float32")
    expect.close(student.loss("binary_cross_entropy", [0.9, 0.9], [1, 0], reduction="none"), [0.10536052, 2.3025851])
    expect.close(student.loss("binary_cross_entropy", p, y), _bce(p, y).mean())


@test_case(name="the logarithm of zero counts as -100", points=3)
def logarithm_of_zero(student, rng):
    p, y = rng.permutation([[0, 0], [0, 1], [1, 0], [1, 1]] * 2).astype("float32").T
    result = student.quietly("binary_cross_entropy", p, y, reduction="none")
    expect.close(result, np.where(p == y, 0.0, 100.0))


@test_case(
    name="the logarithm of a small probability keeps its digits",
    points=2,
    hidden=True,
    failure_message="-log(1e-30) is 69, in float32 too: probabilities are not clipped.",
)
def small_probabilities(student, rng):
    p = (10.0 ** -rng.uniform(8, 30, size=8)).astype("float32")
    result = student.quietly("binary_cross_entropy", p, np.ones(8), reduction="none")
    expect.close(result, -np.log(p.astype("float64")))


@test_case(
    name="a small probability is not lost beside 1",
    points=1,
    hidden=True,
    failure_message="-log(1 - 1e-10) is 1e-10, but in float32 1 - 1e-10 is 1. Which function is log(1 + x)?",
)
def beside_one(student, rng):
    p = (10.0 ** -rng.uniform(8, 30, size=8)).astype("float32")
    result = student.quietly("binary_cross_entropy", p, np.zeros(8), reduction="none")
    expect.close(result, -np.log1p(-p.astype("float64")), rtol=1e-5, atol=0)


@test_case(name="the same loss from logits", points=3)
def from_logits(student, rng):
    z = (2 * rng.normal(size=(5, 3))).astype("float32")
    y = rng.integers(0, 2, size=(5, 3)).astype("float32")
    p = 1 / (1 + np.exp(-z.astype("float64")))
    expect.close(student.loss("binary_cross_entropy_with_logits", [0.0], [1.0]), np.log(2))
    expect.close(student.loss("binary_cross_entropy_with_logits", z, y, reduction="none"), _bce(p, y))


@test_case(
    name="logits of a thousand give finite binary losses",
    points=2,
    hidden=True,
    failure_message="A wrong logit z costs about |z|, a right one about exp(-|z|). No exp may overflow.",
)
def far_logits(student, rng):
    z = rng.uniform(200, 2000, size=6).astype("float32")
    for sign in (1, -1):
        wrong = np.full(6, 0.0 if sign > 0 else 1.0)
        function = "binary_cross_entropy_with_logits"
        expect.close(student.quietly(function, sign * z, wrong, reduction="none"), z)
        expect.close(student.quietly(function, sign * z, 1 - wrong, reduction="none"), np.zeros(6), atol=1e-30)
        near = (z / 100).astype("float32")  # 2 to 20: exp(-z) is small and must not be lost in 1 + exp(-z)
        right = student.quietly(function, sign * near, 1 - wrong, reduction="none")
        expect.close(right, np.log1p(np.exp(-near.astype("float64"))), rtol=1e-5, atol=0)


@test_case(
    name="a sure and wrong logit costs its size",
    points=1,
    hidden=True,
    failure_message="In float32 sigmoid(40) is 1, and log(1 - 1) knows nothing of the 40. Do not pass through sigmoid.",
)
def sure_and_wrong(student, rng):
    z = rng.uniform(20, 80, size=6).astype("float32")
    y = rng.integers(0, 2, size=6)
    signed = np.where(y, -z, z).astype("float32")
    expect.close(student.loss("binary_cross_entropy_with_logits", signed, y, reduction="none"), z)


@test_case(
    name="targets between no and yes",
    points=2,
    hidden=True,
    failure_message="A target of 0.3 is three tenths yes and seven tenths no: neither rounded nor a mask.",
)
def soft_targets(student, rng):
    z = rng.normal(size=(4, 3)).astype("float32")
    y = rng.uniform(0, 1, size=(4, 3)).astype("float32")
    p = (1 / (1 + np.exp(-z.astype("float64")))).astype("float32")
    expect.close(student.loss("binary_cross_entropy", p, y, reduction="none"), _bce(p, y))
    expect.close(student.loss("binary_cross_entropy_with_logits", z, y, reduction="none"), _bce(p, y), atol=3e-6)


@test_case(
    name="logits are refused as probabilities",
    points=2,
    hidden=True,
    failure_message="Outside [0, 1], and for NaN, raise a ValueError that names binary_cross_entropy_with_logits.",
)
def not_probabilities(student, rng):
    y = rng.integers(0, 2, size=5).astype("float32")
    for wrong in (-0.25, 1.5, np.nan):
        p = rng.uniform(0.1, 0.9, size=5).astype("float32")
        p[rng.integers(0, 5)] = wrong
        names = ["binary_cross_entropy_with_logits", str(wrong)]
        expect.raises(ValueError, student.loss, "binary_cross_entropy", p, y, mentions=names)
