"""Tasks 1 to 3: versions, promotions, rollbacks, and what is left after a kill."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "registry"
title = "The registry"
points = None


@test_case(name="versions are numbered and come back as they were", points=100)
def numbered(student, rng):
    arrays = [{"w": rng.normal(size=(3, 2)).astype("float32"), "n": rng.integers(0, 9, size=4)} for _ in range(3)]
    metadata = [{"accuracy": 0.5}, {}, {"note": "x"}]
    numbers, loaded, versions, current = student.registered(arrays, metadata)
    expect.equal(numbers, [1, 2, 3])
    expect.equal(current, None)
    for got, want in zip(loaded, arrays, strict=True):
        expect.equal(sorted(got), sorted(want))
        for key in want:
            expect.equal(got[key], want[key])
            expect.dtype(got[key], str(want[key].dtype))
    expect.equal(versions, [["m", i + 1, 1001.0 + i, metadata[i]] for i in range(3)])
