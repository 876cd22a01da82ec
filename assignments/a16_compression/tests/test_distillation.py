"""Task 9: a small model learns from a large one."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "distillation"
title = "Distillation"
points = None


def _log_softmax(z):
    z = np.asarray(z, "float64")
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def _loss(student, teacher, labels, t, alpha):
    """alpha T² KL(teacher || student) at temperature T plus (1 - alpha) cross entropy, means over rows, in float64."""
    log_p, log_q = _log_softmax(teacher / t), _log_softmax(student / t)
    kl = (np.exp(log_p) * (log_p - log_q)).sum(axis=-1).mean()
    hard = -_log_softmax(student)[np.arange(len(labels)), labels].mean()
    return alpha * t * t * kl + (1 - alpha) * hard


def _draw(rng, n=6, classes=5):
    size = (n, classes)
    return (
        (2 * rng.normal(size=size)).astype("float32"),
        (2 * rng.normal(size=size)).astype("float32"),
        rng.integers(0, classes, size=n),
    )


@test_case(name="teacher and labels, each with its share", points=3)
def value(student, rng):
    s, t, y = _draw(rng)
    for temperature, alpha in ((1.0, 0.5), (4.0, 0.9), (2.5, 0.0), (3.0, 1.0)):
        got, _ = student.distilled(s, t, y, temperature=temperature, alpha=alpha)
        expect.close(got, _loss(s, t, y, temperature, alpha), rtol=1e-4, atol=1e-5)
        expect.shape(got, ())


@test_case(name="gradients for the student", points=2)
def gradients(student, rng):
    s, t, y = _draw(rng)
    for temperature, alpha in ((4.0, 0.7), (1.0, 1.0), (2.0, 0.0)):
        _, gradient = student.distilled(s, t, y, temperature=temperature, alpha=alpha)
        q, p = np.exp(_log_softmax(s / temperature)), np.exp(_log_softmax(t / temperature))
        hard = np.exp(_log_softmax(s)) - np.eye(5)[y]
        expect.close(gradient, (alpha * temperature * (q - p) + (1 - alpha) * hard) / len(y), rtol=1e-4, atol=1e-6)
