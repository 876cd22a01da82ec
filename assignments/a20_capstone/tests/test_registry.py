"""Tasks 1 to 3: versions, promotions, rollbacks, and what is left after a kill."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "registry"
title = "The registry"
points = None


@test_case(name="versions are numbered and come back as they were", points=2)
def numbered(student, rng):
    arrays = [{"w": rng.normal(size=(3, 2)).astype("float32"), "n": rng.integers(0, 9, size=4)} for _ in range(3)]
    metadata = [{"accuracy": float(rng.random())}, {}, {"note": ["x", None]}]
    numbers, loaded, versions, current = student.registered(arrays, metadata)
    expect.equal(numbers, [1, 2, 3])
    expect.equal(current, None)
    for got, want in zip(loaded, arrays, strict=True):
        expect.equal(sorted(got), sorted(want))
        for key in want:
            expect.equal(got[key], want[key])
            expect.dtype(got[key], str(want[key].dtype))
    expect.equal([v[:2] + v[3:] for v in versions], [["m", i + 1, metadata[i]] for i in range(3)])


def _stepped(book, method, version=None):
    """What a registry has to answer, where book is [last number, versions, stack of promotions, history]."""
    last, versions, stack, history = book
    if method == "register":
        book[0] = last + 1
        versions.add(last + 1)
        return last + 1
    if method == "rollback":
        left = stack[:-1]
        while left and left[-1] not in versions:
            left.pop()
        if not left:
            return "LookupError"
        stack[:] = left
        history.append([left[-1], "rollback"])
        return left[-1]
    if version not in versions:
        return "LookupError"
    in_use = bool(stack) and stack[-1] == version
    if method == "promote" and not in_use:
        stack.append(version)
        history.append([version, "promote"])
    elif method == "delete" and in_use:
        return "ValueError"
    elif method == "delete":
        versions.remove(version)
    return None


def _expect_steps(student, steps):
    """The student's registry answers each step as the book does, and has the same version in use afterwards."""
    book, wanted = [0, set(), [], []], []
    for step in steps:
        outcome = _stepped(book, *step)
        wanted.append([outcome, book[2][-1] if book[2] else None])
    outcomes, history, versions = student.worked(steps)
    expect.equal(outcomes, wanted)
    expect.equal(history, book[3])
    expect.equal(versions, sorted(book[1]))


REGISTER = [["register"]] * 3


@test_case(name="what was promoted is in use, and a rollback undoes it", points=2)
def promoted(student, rng):
    # What to go back to is never the largest of the other numbers.
    first, second, third = ([1, 3, 2], [1, 2, 3], [2, 1, 3])[int(rng.integers(3))]
    _expect_steps(student, [*REGISTER, ["promote", first], ["promote", second], ["rollback"], ["promote", third]])
