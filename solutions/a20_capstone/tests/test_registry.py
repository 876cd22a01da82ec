"""Tasks 1 to 3: versions, promotions, rollbacks, and what is left after a kill."""

import numpy as np
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


@test_case(
    name="a rollback goes back in time, and promoting what is in use changes nothing",
    points=3,
    hidden=True,
    failure_message=(
        "Promotions are a stack: a rollback takes one away, whatever the numbers, and with nothing below there is a LookupError. To promote what is in use a second time must not put it there twice."
    ),
)
def in_time(student, rng):
    first, second, third = ([1, 3, 2], [3, 1, 2], [2, 3, 1])[int(rng.integers(3))]
    promotions = [["promote", first], ["promote", second], ["promote", third]]
    _expect_steps(student, [*REGISTER, *promotions, ["rollback"], ["rollback"], ["rollback"]])
    promotions = [["promote", 1], ["promote", 2], ["promote", 2], ["promote", 7], ["rollback"]]
    _expect_steps(student, [["register"], ["register"], *promotions])


@test_case(
    name="a deleted number is gone for good, and passed over by a rollback",
    points=2,
    hidden=True,
    failure_message=(
        "A number is given once: take it from a counter that only rises. What is in use cannot be deleted, and a"
        " rollback passes over what was. A deleted version's file goes as well."
    ),
)
def deleted(student, rng):
    begin = [*REGISTER, ["promote", 1], ["promote", 2], ["promote", 3], ["delete", 2], ["rollback"], ["delete", 3]]
    _expect_steps(student, [*begin, ["register"], ["delete", 1], ["delete", 9], ["rollback"], ["delete", 4]])
    before, after = student.files_kept()
    expect.equal(after, before - 1)


@test_case(
    name="arrays of any kind, and what other registries of the folder see",
    points=2,
    hidden=True,
    failure_message=(
        "What is registered is the bytes of that moment, names and layouts whatever they are. Nothing about a folder is remembered: others write there too."
    ),
)
def any_kind(student, rng):
    array = rng.normal(size=(2, 3))
    first, second, texts, names = student.kept_apart(array)
    expect.equal(first, array)
    expect.equal(second, array)
    expect.equal([texts, names], [["x", "yz"], ["a.b/c", "file", "t"]])
    array = rng.normal(size=3)
    got, version, names, n, x = student.seen_by_others(array)
    expect.equal(got, array)
    expect.equal([version, names, n, x], [1, ["m", "n"], None, None])


@test_case(
    name="what cannot be registered leaves nothing behind",
    points=1,
    hidden=True,
    failure_message="Objects would need pickle, sets are no JSON. Find out before anything is written.",
)
def refused(student, rng):
    for what, error in (
        ("objects", ValueError),
        ("nothing", ValueError),
        ("metadata", TypeError),
        ("path", ValueError),
    ):
        expect.raises(error, student.refused, what)
    expect.equal(student.left_by_refused(), [[1], ["m"], 1])


def _expect_damage_seen(student, rng, method):
    """Changed by a byte or gone: the error says so, and version 1 stays in use and loads."""
    for by in (int(rng.integers(1, 256)), 0):
        outcome, current, first = student.damaged(method, float(rng.uniform(0.5, 0.8)), by)
        expect.equal([outcome, current], ["DamagedFile", 1])
        expect.equal(first, np.zeros(50))


@test_case(
    name="a damaged file is not loaded",
    points=1,
    hidden=True,
    failure_message="Compare the sha256 of the bytes that you unpack with the one that was registered. A file may be gone.",
)
def damaged(student, rng):
    _expect_damage_seen(student, rng, "load")


@test_case(
    name="a version whose file is damaged or gone does not go live",
    points=1,
    hidden=True,
    failure_message="Look at the file before you promote. If it is not what was registered, the version in use stays.",
)
def unseen(student, rng):
    _expect_damage_seen(student, rng, "promote")


@test_case(
    name="a file is on the disk before it has its name",
    points=2,
    hidden=True,
    failure_message="fsync the file, rename it, fsync the folder, in this order, and leave no other file behind.",
)
def on_disk(student, rng):
    old, new = rng.integers(0, 256, 40).astype("uint8"), rng.integers(0, 256, 60).astype("uint8")
    events, content, files = student.written(old, new)
    expect.equal(events, ["file", "rename", "folder"])
    expect.equal([list(content), files], [new.tolist(), 1])


@test_case(
    name="a write that breaks off leaves the old file",
    points=1,
    hidden=True,
    failure_message=(
        "Until the new content is complete, the old one has to stand under the name in full: write under another name in"
        " the same folder, then rename."
    ),
)
def broken_off(student, rng):
    old, new = rng.integers(0, 256, 40).astype("uint8"), rng.integers(0, 256, 60).astype("uint8")
    found = student.write_broken_off(old, new)
    # At the renaming at least. Whoever renames nothing has written under the name.
    expect.true(len(found) > 0, "a file gets its content by a renaming")
    for kept in found:
        expect.equal(list(kept), old.tolist())


@test_case(
    name="a transaction keeps other writers out from its beginning",
    points=1,
    hidden=True,
    failure_message=(
        "BEGIN alone lets others write until the first change. Say BEGIN IMMEDIATE, and close at the end: what nobody"
        " closes locks others out."
    ),
)
def alone(student, rng):
    expect.equal(student.others_may_write(), [False, False, True])


@test_case(
    name="a transaction counts as a whole or not at all",
    points=1,
    hidden=True,
    failure_message=(
        "COMMIT at the end; if the block raises, ROLLBACK and let the error through. Close in both cases. Others see"
        " nothing of it before the COMMIT."
    ),
)
def transaction(student, rng):
    expect.equal(student.transaction(), [True, [], [], ["b", "c"], True])


def _expect_kill_survived(student, rng, action):
    """Every state is the one before or the one after, in this order, and both occur."""
    old, new = rng.normal(size=5), rng.normal(size=5)
    states, following = student.killed(action, old, new)
    before = [{"1": old, "2": new} if action == "promote" else {"1": old}, 1]
    after = [{"1": old, "2": new}, 2 if action == "promote" else 1]
    expect.equal(states[0], before)
    expect.equal(states[-1], after)
    changed = False
    for state in states:
        changed = changed or sorted(state[0]) != sorted(before[0]) or state[1] != before[1]
        expect.equal(state, after if changed else before)
    expect.equal(following, 3)


@test_case(
    name="killed between any two lines of register and promote",
    points=3,
    hidden=True,
    failure_message=(
        "At some moment a version was listed whose file was not there in full, or half a promotion was seen. The file comes first, the row second, and a promotion is one transaction."
    ),
)
def killed_registering(student, rng):
    _expect_kill_survived(student, rng, "register")
    _expect_kill_survived(student, rng, "promote")
