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


@test_case(
    name="integer keys, tuples and paths that collide",
    points=2,
    hidden=True,
    failure_message="JSON turns the key 0 into '0' and a tuple into a list. And 'a/b' is also the path of 'b' in 'a'.",
)
def odd_keys(student, rng):
    first, second = rng.normal(size=3), rng.integers(0, 99, size=(2, 2))
    keys, kinds, held, *arrays = student.odd_keys_and_back(first, second)
    expect.equal(sorted(keys), sorted(["0", "7", "'a/b'", "'a'"]))
    expect.equal([kinds, held[0]], [["tuple", "tuple"], 2.5])
    for got, array in zip(arrays, (first, first, second), strict=True):
        expect.equal(got, array)


@test_case(
    name="what was packed does not change any more",
    points=2,
    hidden=True,
    failure_message="Training goes on writing into the arrays of a model: a checkpoint holds copies.",
)
def copies(student, rng):
    array = rng.normal(size=(2, 3))
    expect.equal(student.packed_then_changed(array, float(rng.normal())), array)


@test_case(
    name="a write that fails leaves the old checkpoint as it was",
    points=4,
    hidden=True,
    failure_message="Write to a draft beside the file and give it the name when it is complete: os.replace.",
)
def failed_write(student, rng):
    old, new = ({"w": rng.normal(size=50)} for _ in range(2))
    failed, held = student.after_a_failed_write(old, new)
    expect.equal(failed, "no space left on device")
    expect.equal(held, old)


@test_case(
    name="a checkpoint is on the disk before it has its name",
    points=2,
    hidden=True,
    failure_message="flush() gives the bytes to the system, os.fsync waits until the disk has them. Both come before os.replace.",
)
def on_disk_first(student, rng):
    events, size = student.order_of_writing({"w": rng.normal(size=int(rng.integers(100, 900)))})
    expect.equal([event for event, _ in events][:2], ["fsync", "replace"])
    expect.equal([bytes_then for _, bytes_then in events][:2], [size, size])
