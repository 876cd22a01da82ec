"""Tasks 8 and 9: the state of a run, resuming it, choosing its best epoch."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "runs"
title = "Whole runs"
points = None


def _batches(rng, sizes, outputs=0):
    """Batches [x, y] for the small networks: classes, or with outputs numbers to be fitted."""
    made = []
    for n in sizes:
        y = rng.normal(size=(n, outputs)).astype("float32") if outputs else rng.integers(0, 2, size=n)
        made.append([rng.normal(size=(n, 2 if outputs else 3)).astype("float32"), y])
    return made


def _same_outcome(outcomes):
    """Weights bit for bit, the history, the number of steps and a buffer; and that anything was trained at all."""
    expect.true(outcomes is not None, "the run was stopped before its end")
    (weights, history, steps, calls), (resumed, again, steps_again, calls_again) = outcomes
    expect.true(steps > 0, "steps are counted")
    expect.equal(steps_again, steps)
    expect.equal(calls_again, calls)
    for got, array in zip(resumed, weights, strict=True):
        expect.finite(array)
        expect.equal(got, array)
    expect.equal(again, history)


@test_case(name="fit counts epochs and steps, and its state says so", points=2)
def counting(student, rng):
    n = int(rng.integers(2, 7))
    keys, epoch, step, weights = student.state_keys(_batches(rng, [3] * n, outputs=1))
    expect.equal(keys, ["epoch", "generator", "loaders", "model", "optimizer", "progress", "scheduler", "step"])
    expect.equal([epoch, step, weights], [1, n, ["bias", "weight"]])


@test_case(name="a run that stopped between two epochs ends as if nothing had happened", points=2)
def resumed_between(student, rng):
    batches = _batches(rng, (6, 6, 4))
    _same_outcome(student.stopped_and_resumed(batches, 3, at=3, dropout=0.0, make="sgd", schedule=None))


@test_case(name="a schedule of epochs goes on once an epoch", points=2)
def schedule_by_epoch(student, rng):
    gamma = float(rng.uniform(0.5, 0.9))
    rates, last = student.learning_rates(_batches(rng, (3, 3, 3), outputs=1), 3, gamma, "epoch")
    expect.close(rates, [1.0, gamma, gamma**2])
    expect.close(last, gamma**3)


def _after(w, b, batches, lr, epochs):
    """Numbers of a linear regression after so many epochs of plain SGD, in float64."""
    w, b = w.astype("float64"), b.astype("float64")
    for _ in range(epochs):
        for x, y in batches:
            error = x @ w + b - y
            w, b = w - lr * 2 * x.T @ error / error.size, b - lr * 2 * error.sum(0) / error.size
    return w, b


def _judged(rng, best, count):
    """A value an epoch, the largest of them at epoch `best` (from 1)."""
    values = sorted(float(v) for v in rng.uniform(0, 1, size=count))
    values.insert(best - 1, values.pop())
    return values


@test_case(name="at the end the model has the weights of its best epoch", points=1)
def best_weights(student, rng):
    w, b, batches = rng.normal(size=(2, 1)).astype("float32"), rng.normal(size=1).astype("float32"), None
    batches = _batches(rng, (5, 5), outputs=1)
    best = int(rng.integers(2, 4))
    values = _judged(rng, best, 5)
    got = student.chosen(w, b, batches, 0.1, values)
    expect.equal([got["epoch"], got["given"]], [5, values])
    for array, number in zip(got["numbers"], _after(w, b, batches, 0.1, best), strict=True):
        expect.close(array, number, rtol=1e-4, atol=1e-5)
