"""Deciding which of an upload's files are the assignment's: exact place first, then extra folders, then the name
alone.

A file is taken only when there is exactly one candidate for its place; everything else is either listed as ignored
with a reason, or an error that names the file expected and the files found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from autograder.course import Assignment, Course
from autograder.intake.models import Entry, Ignored, IntakeError, Listing
from autograder.intake.paths import clutter, safe, shadowed
from autograder.messages import message

REFLECTION = "reflection.md"
NAMED = 6  # how many files a message lists

Test = Callable[[str], bool]


@dataclass(frozen=True)
class Chosen:
    """An entry and the place in the framework that it was taken for."""

    path: str
    entry: Entry


@dataclass(frozen=True)
class Choice:
    """What is wanted of an upload, and what is said about the rest of it."""

    files: tuple[Chosen, ...]
    missing: tuple[str, ...]
    attachment: Chosen | None
    ignored: tuple[Ignored, ...]
    notes: tuple[str, ...]


def without_clutter(listing: Listing) -> Listing:
    """The listing without what operating systems, editors and tools leave behind, each heap of it named once."""
    heaps: dict[str, str] = {}
    entries = []
    for entry in listing.entries:
        if found := clutter(entry.path):
            heaps[found[0]] = found[1]
        else:
            entries.append(entry)
    named = tuple(Ignored(safe(path), reason) for path, reason in sorted(heaps.items()))
    return Listing(listing.label, listing.kind, tuple(entries), listing.ignored + named, listing.notes)


def choose(listing: Listing, course: Course, assignment: Assignment) -> Choice:
    """Pick the assignment's files out of a listing (already without clutter); raise IntakeError when none is there."""
    files: list[Chosen] = []
    notes = list(listing.notes)
    for wanted in assignment.writes:
        entry = _pick(wanted, listing, course)
        if entry is not None:
            files.append(Chosen(wanted, entry))
            notes += _moved(wanted, entry)
    if not files:
        raise IntakeError(_nothing(listing, course, assignment))
    missing = tuple(path for path in assignment.writes if path not in {c.path for c in files})
    notes += [message("intake.not_submitted", path=path) for path in missing]
    attachment, reflection_notes = _reflection(listing, files[0])
    taken = [*files, attachment] if attachment else files
    ignored = [*listing.ignored, *_rest(listing, course, taken, {c.path: c for c in files})]
    return Choice(tuple(files), missing, attachment, tuple(ignored), tuple(notes) + reflection_notes)


def _pick(wanted: str, listing: Listing, course: Course) -> Entry | None:
    """The only entry that can be meant by `wanted`; the first test that anything passes decides."""
    for test in _tests(wanted, course):
        found = [entry for entry in listing.entries if test(entry.path)]
        if len(found) > 1:
            raise IntakeError(_ambiguous(wanted, found, listing))
        if found:
            twins = [e for e in listing.entries if e.path.casefold() == found[0].path.casefold()]
            if len(twins) > 1:
                raise IntakeError(_ambiguous(wanted, twins, listing))
            return found[0]
    return None


def _tests(wanted: str, course: Course) -> tuple[Test, ...]:
    name = wanted.rsplit("/", 1)[1]

    def by_name(path: str) -> bool:
        owner = _owner(path, course)
        return path.rsplit("/", 1)[-1] == name and owner in (None, course.owner(wanted))

    exact: tuple[Test, ...] = (lambda path: path == wanted, lambda path: path.endswith("/" + wanted), by_name)
    folded = wanted.casefold()
    loose: tuple[Test, ...] = (
        lambda path: path.casefold() == folded,
        lambda path: path.casefold().endswith("/" + folded),
        lambda path: path.rsplit("/", 1)[-1].casefold() == name.casefold() and _owner(path, course) is None,
    )
    return exact + loose


def _owner(path: str, course: Course) -> str | None:
    """The assignment whose file this is: by the end of its path, or by its name alone outside a tinytorch/ folder."""
    for owned, key in course.owners.items():
        if path == owned or path.endswith("/" + owned):
            return key
    if "tinytorch" in path.split("/"):
        return None
    name = path.rsplit("/", 1)[-1]
    keys = {key for owned, key in course.owners.items() if owned.rsplit("/", 1)[1] == name}
    return keys.pop() if len(keys) == 1 else None


def _moved(wanted: str, entry: Entry) -> list[str]:
    if entry.path == wanted:
        return [message("intake.from_notebook", path=wanted, notebook=entry.origin)] if entry.origin else []
    if entry.path.endswith("/" + wanted):
        return [message("intake.from_folder", path=wanted, folder=safe(entry.path.removesuffix(wanted)))]
    return [message("intake.taken_as", path=safe(entry.path), wanted=wanted)]


def _reflection(listing: Listing, code: Chosen) -> tuple[Chosen | None, tuple[str, ...]]:
    """The written answers for hand marking: those beside the code's tinytorch/ folder, else the only ones."""
    found = [entry for entry in listing.entries if entry.path.rsplit("/", 1)[-1].casefold() == REFLECTION]
    beside = code.entry.path.removesuffix(code.path) + REFLECTION
    best = [entry for entry in found if entry.path == beside] or found
    if len(best) > 1:
        return None, (message("intake.reflections", count=len(best), name=REFLECTION),)
    return (Chosen(REFLECTION, best[0]) if best else None), ()


def _rest(listing: Listing, course: Course, taken: list[Chosen], own: dict[str, Chosen]) -> list[Ignored]:
    used = {id(chosen.entry) for chosen in taken}
    return [Ignored(safe(e.shown), _reason(e.path, course, own)) for e in listing.entries if id(e) not in used]


def _reason(path: str, course: Course, own: dict[str, Chosen]) -> str:
    """Why a file that nothing is wrong with plays no part."""
    for wanted in own:
        if path.endswith("/" + wanted) or path.rsplit("/", 1)[-1] == wanted.rsplit("/", 1)[1]:
            return message("intake.another_copy", path=wanted, other=safe(own[wanted].entry.shown))
    if owner := _owner(path, course):
        return message("intake.of_other", key=owner)
    at = path.find("tinytorch/")
    if at >= 0 and (course.frame / path[at:].removeprefix("tinytorch/")).is_file():
        return message("intake.of_frame")
    if path.endswith(".pth"):
        return message("intake.pth")
    if module := shadowed(path):
        return message("intake.shadows", module=module)
    if path.casefold().endswith((".zip", ".tar", ".gz", ".7z", ".rar")):
        return message("intake.archive")
    return message("intake.no_part")


def _ambiguous(wanted: str, found: list[Entry], listing: Listing) -> str:
    if len({entry.path for entry in found}) == 1 and not any(entry.origin for entry in found):
        return message("intake.repeated", path=safe(found[0].path), label=listing.label, count=len(found))
    if len({entry.path.casefold() for entry in found}) == 1 and len({entry.path for entry in found}) > 1:
        names = " and ".join(safe(entry.path) for entry in found[:NAMED])
        return message("intake.case_only", names=names, path=wanted)
    return message("intake.ambiguous", count=len(found), path=wanted, names=_names(found))


def _nothing(listing: Listing, course: Course, assignment: Assignment) -> str:
    """Why an upload in which no file of the assignment was found is refused."""
    wanted = " or ".join(assignment.writes)
    if barred := _barred(listing, assignment):
        return message("intake.barred", path=barred.path, label=listing.label, reason=barred.reason)
    if not listing.entries:
        if listing.ignored:
            path, reason = listing.ignored[0].path, listing.ignored[0].reason
            return message("intake.no_usable", label=listing.label, path=path, reason=reason, wanted=wanted)
        return message("intake.no_files", label=listing.label, wanted=wanted)
    others = {e.path: owner for e in listing.entries if (owner := _owner(e.path, course))}
    if others:
        path, owner = next(iter(others.items()))
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        told = {"label": listing.label, "path": safe(path), "owner": owner, "more": more}
        return message("intake.wrong_assignment", **told, key=assignment.key, wanted=wanted)
    if listing.kind == "notebook":
        return message("intake.no_cell", label=listing.label, wanted=wanted, path=assignment.writes[0])
    found, remedy = _names(listing.entries), _remedy(listing, assignment)
    return message("intake.missing", wanted=wanted, label=listing.label, found=found, remedy=remedy)


def _barred(listing: Listing, assignment: Assignment) -> Ignored | None:
    """A file of the assignment that is there, but unusable (a link, encrypted, ...)."""
    names = {path.rsplit("/", 1)[1] for path in assignment.writes}
    return next((i for i in listing.ignored if i.path.replace("\\", "/").rsplit("/", 1)[-1] in names), None)


def _remedy(listing: Listing, assignment: Assignment) -> str:
    names = {entry.path.rsplit("/", 1)[-1]: entry.path for entry in listing.entries}
    for wanted in assignment.writes:
        if match := get_close_matches(wanted.rsplit("/", 1)[1], list(names), n=1, cutoff=0.75):
            return message("intake.rename", path=safe(names[match[0]]), wanted=wanted)
    if all(name.casefold().endswith(".zip") for name in names):
        return message("intake.inner_zip")
    return message("intake.make_zip", short=assignment.short)


def _names(entries: list[Entry] | tuple[Entry, ...]) -> str:
    shown = ", ".join(safe(entry.shown) for entry in entries[:NAMED])
    return shown + (f" and {len(entries) - NAMED} more" if len(entries) > NAMED else "")
