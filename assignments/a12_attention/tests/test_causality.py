"""Tasks 1 to 7: whatever the form, no output knows of a later token."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "causality"
title = "Causality"
points = None


def _arrays(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def _check_no_leak(outputs, exactly):
    """`outputs` as a probe returns them: first undisturbed, then with another token at position 0, 1, ..."""
    before, after = outputs[0], outputs[1:]
    for t, output in enumerate(after):
        if exactly:
            expect.equal(output[..., :t, :], before[..., :t, :])
        else:
            expect.close(output[..., :t, :], before[..., :t, :])
        moved = np.abs(output - before)[..., t:, :].max(axis=-1)
        expect.true(bool((moved > 1e-6).all()), f"position {t} is seen from {t} and from every later position")


@test_case(name="another token changes no output before it", points=2)
def another_token(student, rng):
    q, k, v, *news = _arrays(rng, (2, 6, 4), (2, 6, 4), (2, 6, 4), (4,), (4,), (4,))
    outputs = student.when_changed("formula", q, k, v, news, is_causal=True)
    expect.shape(outputs, (7, 2, 6, 4))
    _check_no_leak(outputs, exactly=False)


@test_case(name="the first position sees itself, the second two", points=2)
def first_positions(student, rng):
    q, k, v = _arrays(rng, (4, 8), (4, 8), (4, 3))
    output, weights = student.formula(q, k, v, is_causal=True)
    expect.close(output[0], v[0])
    expect.equal(weights > 0, np.array([[j <= i for j in range(4)] for i in range(4)]))
    share = 1 / (1 + np.exp((q[1] @ k[0] - q[1] @ k[1]) / np.sqrt(8)))
    expect.close(output[1], share * v[1] + (1 - share) * v[0], rtol=1e-4, atol=1e-5)
