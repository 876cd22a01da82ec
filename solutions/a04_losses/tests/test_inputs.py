"""What a loss may be given: tensors, arrays and lists, in any dtype; and what it says when something does not fit."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "inputs"
title = "Targets, dtypes and errors"
points = None


def _cross_entropy(x, targets):
    x = x.astype("float64")
    return np.mean(np.log(np.exp(x).sum(axis=1)) - x[np.arange(len(x)), targets])


@test_case(name="targets are tensors, arrays or lists", points=3)
def forms_of_targets(student, rng):
    x = rng.normal(size=(5, 4)).astype("float32")
    y = rng.normal(size=(5, 4)).astype("float32")
    targets = rng.integers(0, 4, size=5)
    expected, squares = _cross_entropy(x, targets), np.mean((x.astype("float64") - y) ** 2)
    for form in (targets, targets.astype("int32"), targets.astype("float32"), [int(t) for t in targets]):
        expect.close(student.loss("cross_entropy", x, form), expected)
    expect.close(student.loss_of_tensors("cross_entropy", x, targets), expected)
    for form in (y, y.astype("float64"), [[float(v) for v in row] for row in y]):
        expect.close(student.loss("mse_loss", x, form), squares)
    expect.close(student.loss_of_tensors("mse_loss", x, y), squares)


@test_case(
    name="class numbers of another shape are an error",
    points=2,
    hidden=True,
    failure_message="Logits (N, C) need class numbers (N,): anything else raises a ValueError with both shapes.",
)
def shapes_of_targets(student, rng):
    n = int(rng.integers(5, 9))
    x = rng.normal(size=(n, 3)).astype("float32")
    targets = rng.integers(0, 3, size=n)
    for function in ("cross_entropy", "nll_loss"):
        for wrong in (targets[:, None], targets[:-1]):
            shapes = [f"({n}, 3)", f"({n},)", str(wrong.shape)]
            expect.raises(ValueError, student.loss, function, x, wrong, mentions=shapes)
    expect.raises(ValueError, student.loss, "cross_entropy", x, targets, weight=[1.0] * 4, mentions=["(3,)", "(4,)"])


@test_case(
    name="a class number that is not whole is an error",
    points=1,
    hidden=True,
    failure_message="0.5 is no class number: a ValueError names it. Whole floats are welcome.",
)
def not_whole(student, rng):
    x = rng.normal(size=(4, 3)).astype("float32")
    whole = rng.integers(0, 3, size=4).astype("float64")
    wrong = whole.copy()
    wrong[rng.integers(0, 4)] = 0.5
    expect.close(student.loss("cross_entropy", x, whole), _cross_entropy(x, whole.astype(int)))
    for function in ("cross_entropy", "nll_loss"):
        expect.raises(ValueError, student.loss, function, x, wrong, mentions=["0.5"])


@test_case(
    name="a class that is not there is an error",
    points=1,
    hidden=True,
    failure_message="-1 and C are no classes: an IndexError names the number and the shape.",
)
def missing_class(student, rng):
    classes = int(rng.integers(3, 9))
    x = rng.normal(size=(4, classes)).astype("float32")
    for function in ("cross_entropy", "nll_loss"):
        for wrong in (classes, -1):
            targets = rng.integers(0, classes, size=4)
            targets[rng.integers(0, 4)] = wrong
            expect.raises(IndexError, student.loss, function, x, targets, mentions=[str(wrong), f"(4, {classes})"])
            expect.raises(IndexError, student.loss, function, x, targets, ignore_index=-100, mentions=[str(wrong)])
    expect.close(student.loss("cross_entropy", x, [0, classes - 1] * 2), _cross_entropy(x, [0, classes - 1] * 2))


@test_case(
    name="the loss has the prediction's precision",
    points=2,
    hidden=True,
    failure_message="A float32 prediction gives a float32 loss whatever the target is, float64 gives float64.",
)
def precision(student, rng):
    x, y = rng.uniform(0.1, 0.9, size=(2, 6, 3))
    targets = np.append(rng.integers(0, 3, size=5), 2)
    weight = rng.uniform(0.5, 2, size=3)
    several = ("mse_loss", "l1_loss", "huber_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")
    for dtype in ("float32", "float64"):
        for reduction in ("mean", "none"):
            for function in several:
                expect.dtype(student.loss(function, x.astype(dtype), y, reduction=reduction), dtype)
                expect.dtype(student.loss(function, x.astype(dtype), targets.repeat(3).reshape(6, 3) % 2), dtype)
            for settings in ({}, {"weight": weight}, {"ignore_index": 1}, {"label_smoothing": 0.1}):
                result = student.loss("cross_entropy", x.astype(dtype), targets, reduction=reduction, **settings)
                expect.dtype(result, dtype)
            expect.dtype(student.loss("cross_entropy", x.astype(dtype), y, reduction=reduction), dtype)
            result = student.loss("nll_loss", x.astype(dtype), targets, ignore_index=2, reduction=reduction)
            expect.dtype(result, dtype)
    expect.close(student.loss("mse_loss", x, y), np.mean((x - y) ** 2), rtol=1e-12, atol=0)
    whole = rng.integers(0, 9, size=(2, 7))
    expect.dtype(student.loss("mse_loss", whole[0], whole[1]), "float32")


@test_case(
    name="inputs are left alone",
    points=1,
    hidden=True,
    failure_message="No loss writes into its predictions or targets, with or without ignored rows and smoothing.",
)
def inputs_left_alone(student, rng):
    x, y = rng.uniform(0.1, 0.9, size=(2, 5, 3)).astype("float32")
    targets = np.append(rng.integers(0, 3, size=4), 2)
    targets[1] = -100
    for function in ("mse_loss", "huber_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"):
        for after, before in zip(student.inputs_after(function, x, y), (x, y), strict=True):
            expect.equal(after, before)
    for smoothing in (0.0, 0.2):
        settings = {"ignore_index": -100, "label_smoothing": smoothing}
        ignoring = student.inputs_after("cross_entropy", x, targets, **settings)
        for after, before in zip(ignoring, (x, targets), strict=True):
            expect.equal(after, before)
        weighted = student.inputs_after("cross_entropy", x, y, label_smoothing=smoothing, weight=[1.0, 2.0, 3.0])
        for after, before in zip(weighted, (x, y), strict=True):
            expect.equal(after, before)


@test_case(
    name="a loss is one op that assignment 5 can differentiate",
    points=2,
    hidden=True,
    failure_message="The functions hand tensors to their op; a target that is a tensor stays one on the way there.",
)
def losses_are_ops(student, rng):
    x, y = rng.uniform(0.1, 0.9, size=(2, 4, 3)).astype("float32")
    expect.equal(student.ops_of("huber_loss", x, y, delta=0.5), ["huber"])
    expect.equal(student.ops_of("binary_cross_entropy", x, y), ["bce"])
    expect.equal(student.ops_of("cross_entropy", x, rng.integers(0, 3, size=4)), ["cross_entropy"])
    expect.equal(student.target_requires_grad("mse_loss", x, y), ["mse"])
    cube = rng.normal(size=(2, 3, 4)).astype("float32")
    ops = student.ops_of("cross_entropy", cube, rng.integers(0, 3, size=(2, 4)), reduction="none")
    expect.equal(ops, ["reshape", "cross_entropy", "reshape", "permute"])
