"""Task 5: the bytes of a whole model."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "storage"
title = "A model in few bytes"
points = None


def _least(array, half=False):
    """[kind, dtype, bytes] of the smallest format of an array of fewer than 256 elements."""
    if half and array.ndim > 1:
        array = array.astype("float16")
    count, each = int((array != 0).sum()), array.itemsize
    sizes = {"dense": array.size * each, "bitmap": count * each + -(-array.size // 8), "gaps": count * (each + 1)}
    best = min(sizes, key=sizes.get)
    return [best, str(array.dtype), sizes[best]]


@test_case(name="everything of the state, each in its smallest format, shared arrays once", points=2)
def every_array(student, rng):
    for half in (False, True):
        state, kinds, size, dense = student.stored(int(rng.integers(99)), 0.7, half)
        shared = {"again.weight", "again.bias"}
        expected = {key: _least(array, half) for key, array in state.items() if key not in shared}
        expect.equal(kinds, expected)
        expect.equal(size, sum(bytes_ for *_, bytes_ in expected.values()))
        expect.equal(dense, sum(array.nbytes for key, array in state.items() if key not in shared))


@test_case(name="what is stored can be read into another model", points=2)
def read_back(student, rng):
    state, other, back = student.stored_and_read(int(rng.integers(99)))
    expect.equal(other, state)
    expect.equal(back, True)
