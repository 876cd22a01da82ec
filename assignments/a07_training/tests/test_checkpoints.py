"""Tasks 5 and 6: state as text and arrays, and files that are whole or not there."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "checkpoints"
title = "Checkpoints"
points = None


@test_case(name="a tree of state comes back as it was", points=3)
def round_trip(student, rng):
    tree = {
        "model": {"0.weight": rng.normal(size=(3, 4)).astype("float32"), "0.bias": rng.normal(size=4)},
        "steps": int(rng.integers(2**40, 2**62)),
        "large": int(rng.integers(2**62)) << 64,
        "history": [float(x) for x in rng.normal(size=3)],
        "names": ["a", "ß", ""],
        "nothing": None,
        "yes": True,
    }
    expect.equal(student.packed_and_back(tree), tree)


@test_case(name="a tree comes back from a file, whose arrays have readable names", points=2)
def through_a_file(student, rng):
    tree = {"model": {"0.weight": rng.normal(size=(5, 2)).astype("float32")}, "epoch": int(rng.integers(1000))}
    files, back = student.through_a_file(tree, "any name.ckpt")
    expect.equal(files, ["any name.ckpt"])
    expect.equal(back, tree)
    expect.dtype(back["model"]["0.weight"], "float32")
    expect.equal(student.array_names(tree), ["model/0.weight"])
