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


@test_case(
    name="no loss for a student who says the same, at any temperature",
    points=1,
    hidden=True,
    failure_message=("KL is 0 when both say the same, at every temperature: both logits are divided by it."),
)
def same(student, rng):
    s, _, y = _draw(rng)
    for temperature in (0.5, 1.0, 7.0):
        got, gradient = student.distilled(s, s, y, temperature=temperature, alpha=1.0)
        expect.close(got, 0.0, atol=1e-5)
        expect.close(gradient, np.zeros_like(s), atol=1e-5)


@test_case(
    name="finite where a class is impossible",
    points=1,
    hidden=True,
    failure_message="With logits of 1000 a probability is exactly 0, and its logarithm is not: use log_softmax on both sides.",
)
def finite(student, rng):
    s, t, y = _draw(rng)
    for scale in (1000, -1000):
        s[0, 1], t[1, 2] = scale, scale
        got, gradient = student.distilled(s, t, y, temperature=1.0, alpha=0.5)
        expect.finite(got)
        expect.close(got, _loss(s, t, y, 1.0, 0.5), rtol=1e-4)
        expect.finite(gradient)


@test_case(
    name="the teacher only speaks",
    points=2,
    hidden=True,
    failure_message=(
        "The teacher is asked in evaluation mode, without recording: its dropout is off, its parameters get no gradient,"
        " and afterwards each of its layers has the mode that it had, after an error too."
    ),
)
def only_speaks(student, rng):
    teacher_weights = [rng.normal(size=(4, 6)).astype("float32"), rng.normal(size=(6, 3)).astype("float32")]
    student_weights = [rng.normal(size=(4, 5)).astype("float32"), rng.normal(size=(5, 3)).astype("float32")]
    x, y = rng.normal(size=(8, 4)).astype("float32"), rng.integers(0, 3, size=8)
    loss, grads, none, modes, said, wants = student.distilled_models(teacher_weights, student_weights, x, y)
    logits = x @ teacher_weights[0] @ teacher_weights[1]
    own = np.maximum(x @ student_weights[0], 0) @ student_weights[1]
    expect.close(said, [logits, logits], rtol=1e-4, atol=1e-4)
    expect.equal(wants, [False, False])
    expect.close(loss, _loss(own, logits, y, 2.0, 0.5), rtol=1e-4)
    expect.equal(none, [True, True])
    expect.equal(modes[1], modes[0])
    expect.true(all(bool(np.abs(g).max() > 0) for g in grads), "the student has gradients")
    expect.equal(student.modes_after_failure(teacher_weights[0], rng.normal(size=(2, 9))), [True, True, True])


@test_case(
    name="the usual settings, and those that cannot be",
    points=1,
    hidden=True,
    failure_message="The defaults are T = 3 and alpha = 0.7. A temperature that is not above 0, an alpha outside [0, 1] and logits of two shapes are ValueErrors.",
)
def refused(student, rng):
    s, t, y = _draw(rng)
    expect.close(student.distilled_default(s, t, y), _loss(s, t, y, 3.0, 0.7), rtol=1e-4)
    expect.close(student.distilled_default(s[:1], t[:1], y[:1]), _loss(s[:1], t[:1], y[:1], 3.0, 0.7), rtol=1e-4)
    for settings in ({"temperature": 0}, {"temperature": -1}, {"alpha": 1.5}, {"alpha": -0.1}):
        expect.raises(ValueError, student.distilled, s, t, y, **settings)
    expect.raises(ValueError, student.distilled, s, t[:, :4], y, mentions=["(6, 5)", "(6, 4)"])
