"""Task 9: the loop on a stream that drifts."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "loop"
title = "The loop"
points = None

STRICT = {"alpha": 1e-10}  # a false alarm would fail the case; the drifts here have p-values below 1e-20


def _window(rng, count=120, moved=0.0):
    """Two clouds (count, 2) and their labels; moved clouds lie so that the old centres take one for the other."""
    y = rng.permutation(count) % 2
    centres = np.array([[moved - 2.0, 0.0], [moved + 2.0, 0.0]])
    return rng.normal(size=(count, 2)) + centres[y], y


@test_case(name="nothing happens while nothing changed, and low accuracy is a reason", points=2)
def quiet(student, rng):
    reference, labels = _window(rng, 400)
    windows = [(reference[i : i + 60], labels[i : i + 60]) for i in (0, 100, 200)]
    events, trained, _, count, _ = student.looped(reference, labels, windows, [1.0, 2.0, 3.0], **STRICT)
    expect.equal(events, [[None, 1]] * 3)
    expect.equal([trained, count], [0, 0])
    reference, labels = _window(rng, 400)
    X, y = reference[:120], 1 - labels[:120]
    for below, reason in ((0.7, "accuracy"), (None, None)):
        (found, _), *_ = student.looped(reference, labels, [(X, y)], [0.0], accuracy_below=below, **STRICT)[0]
        expect.equal(found and found[1], reason)


@test_case(name="drift leads to a better version in use", points=2)
def drifted(student, rng):
    reference, labels = _window(rng, 400)
    (found, current), *_ = student.looped(reference, labels, [_window(rng, 300, 4)], [5.0], **STRICT)[0]
    expect.equal([found[0], found[1], found[2], found[5], current], [5.0, "drift", 2, True, 2])
    expect.between(found[3], 0.1, 0.9, "share that the old version got right")
    expect.between(found[4], 0.8, 1.0, "share that the new version gets right")


@test_case(
    name="the holdout is kept from the training",
    points=1,
    hidden=True,
    failure_message=(
        "A version that is judged by rows that it learned from looks better than it is. Split the window by a drawn"
        " order: the holdout's share for judging, all others for training."
    ),
)
def held_out(student, rng):
    reference, labels = _window(rng, 400)
    X, y = _window(rng, 100, moved=4)
    _, _, ((used, judged),), _, versions = student.looped(reference, labels, [(X, y)], [5.0], holdout=0.2, **STRICT)
    expect.shape(used, (80, 2))
    expect.shape(judged, (20, 2))
    both = np.concatenate([used, judged])
    expect.equal(both[np.lexsort(both.T)], X[np.lexsort(X.T)])
    expect.true(not np.array_equal(both, X) and not np.array_equal(np.concatenate([judged, used]), X),
                "the split is drawn, not the window's order")  # fmt: skip
    expect.equal([sorted(versions[1]), versions[1]["reason"]], [["after", "before", "reason"], "drift"])


@test_case(
    name="after a retraining there is rest",
    points=1,
    hidden=True,
    failure_message="cooldown counts from the last retraining, whether its version was promoted or not.",
)
def rest(student, rng):
    for spoiled in ([], [0]):
        reference, labels = _window(rng, 400)
        windows, times = [_window(rng, moved=moved) for moved in (4, 8, 12, 16)], [0.0, 60.0, 99.9, 100.0]
        events, trained, *_ = student.looped(reference, labels, windows, times, spoiled, cooldown=100.0, **STRICT)
        expect.equal([found and found[2] for found, _ in events], [2, None, None, 3])
        expect.equal(trained, 2)


@test_case(
    name="what is not better is not promoted",
    points=1,
    hidden=True,
    failure_message=(
        "A version is promoted only if it gets more of the holdout right than the one in use, by more than min_gain. It"
        " is registered either way."
    ),
)
def better(student, rng):
    reference, labels = _window(rng, 400)
    windows, times = [_window(rng, moved=4), _window(rng, moved=8)], [0.0, 60.0]
    events, _, _, count, versions = student.looped(reference, labels, windows, times, [0], cooldown=10.0, **STRICT)
    done = [[found and [found[2], found[5]], in_use] for found, in_use in events]
    expect.equal(done, [[[2, False], 1], [[3, True], 3]])
    expect.equal([count, len(versions)], [2, 3])
    ((found, in_use),), *_ = student.looped(reference, labels, windows[:1], [0.0], [], [0], min_gain=0.0, **STRICT)
    expect.equal([found and found[5], in_use], [False, 1])  # the same model again is no better
    for gain, promoted in ((0.9, False), (0.05, True)):
        ((found, in_use),), *_ = student.looped(reference, labels, windows[:1], [0.0], min_gain=gain, **STRICT)
        expect.equal([found and found[5], in_use], [promoted, 2 if promoted else 1])


@test_case(
    name="a window that led to a retraining is the new reference",
    points=1,
    hidden=True,
    failure_message=(
        "After a retraining the detector compares with the window that it was made for, promoted or not. What looks like"
        " that window is no news, and what looks like the time before it is."
    ),
)
def old_news(student, rng):
    for spoiled in ([], [0]):
        reference, labels = _window(rng, 400)
        windows = [_window(rng, moved=moved) for moved in (4, 4, 0)]
        events, *_ = student.looped(reference, labels, windows, [0.0, 60.0, 120.0], spoiled, cooldown=10.0, **STRICT)
        expect.equal([found and found[1:3] for found, _ in events], [["drift", 2], None, ["drift", 3]])
