"""Uploads that resemble each other: fingerprints of the code (copydetect), with the stub's own lines taken out first.

Names, comments and layout play no part: copydetect compares what is left when names are one letter each. What most
submissions share makes no two of them a pair: it is a helper from the lecture, or the one way to write something. But
it may also be one solution that went round more than half of the course, so those who consist of it are listed
together, with the code. A resemblance is where a person should look; it proves nothing.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from autograder.errors import UserError

if TYPE_CHECKING:
    from copydetect import CodeFingerprint

RUN = 25  # characters of reduced code in a row are the least that counts as the same
LEAST = 150  # a submission whose own reduced code is shorter than this says nothing about its author
COMMON = 0.5  # what more than this share of the submissions have is nobody's own
SEVERAL = 4  # but for that it has to be as many submissions at least
LIKE = 0.6
MOSTLY = 0.8  # from this share on a submission consists of what most have
LONGEST = 200_000  # characters of a submission are looked at, at most: an upload may be made to be slow to read


@dataclass(frozen=True)
class Line:
    """One line of a submission: `own` when it does not stand in the stub, `same` when the other has it too."""

    number: int
    text: str
    same: bool = False


@dataclass(frozen=True)
class Pair:
    """Two submissions that resemble each other: the share of each one's own code that the other has too."""

    left: int
    right: int
    left_share: float
    right_share: float
    left_lines: tuple[Line, ...]
    right_lines: tuple[Line, ...]

    @property
    def share(self) -> float:
        """The smaller of the shares: who copied a little of something long resembles it little."""
        return min(self.left_share, self.right_share)


@dataclass(frozen=True)
class Cluster:
    """Submissions that are connected by pairs, and the pairs, the most alike first."""

    members: tuple[int, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Shared:
    """Submissions that consist, for the most part, of code which more than half of all have, and that code as it stands
    in the one of them that has most of it."""

    members: tuple[int, ...]
    example: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Likeness:
    """What comparing came to. `compared` submissions had enough code of their own, `short` had not."""

    clusters: tuple[Cluster, ...]
    compared: int
    short: int
    threshold: float
    shared: Shared | None = None


@dataclass(frozen=True)
class _Own:
    """A submission's own lines as one text, where each begins, and its fingerprint."""

    lines: tuple[Line, ...]
    starts: tuple[int, ...]
    print: CodeFingerprint


def compare(
    sources: Mapping[int, str], stub: str, apart: Iterable[frozenset[int]] = (), threshold: float = LIKE
) -> Likeness:
    """Compare submissions, each given by its number and its code.

    Args:
        stub: the code that everybody was given.
        apart: pairs not to be compared, such as two submissions of one student.
        threshold: from which share on two submissions resemble each other.
    """
    given = {line.strip() for line in stub.splitlines()} | {""}
    prints = {number: _own(text, given) for number, text in sorted(sources.items())}
    own = {number: found for number, found in prints.items() if len(found.print.filtered_code) >= LEAST}
    _take_out(own, _fingerprint(stub).hashes)
    shared = _take_out_shared(own)
    barred = set(apart)
    pairs = []
    first: dict[str, int] = {}
    for number, found in own.items():
        # The same text is the same whatever is taken out, and one of many copies stands for all of them.
        original = first.setdefault(found.print.raw_code, number)
        if original != number and frozenset((original, number)) not in barred:
            pairs.append(_identical(original, number, found))
    for left, right in combinations(first.values(), 2):
        if frozenset((left, right)) not in barred and _may_be_alike(own[left], own[right], threshold):
            pair = _compared(left, own[left], right, own[right])
            if pair.share >= threshold:
                pairs.append(pair)
    return Likeness(clusters_of(pairs), len(own), len(prints) - len(own), threshold, shared)


def clusters_of(pairs: Sequence[Pair]) -> tuple[Cluster, ...]:
    """Pairs joined to clusters; the largest resemblance first."""
    root: dict[int, int] = {}

    def top(number: int) -> int:
        while root.setdefault(number, number) != number:
            number = root[number]
        return number

    for pair in pairs:
        root[top(pair.left)] = top(pair.right)
    grouped: dict[int, list[Pair]] = {}
    for pair in sorted(pairs, key=lambda p: (-p.share, p.left, p.right)):
        grouped.setdefault(top(pair.left), []).append(pair)
    return tuple(
        Cluster(tuple(sorted({n for pair in found for n in (pair.left, pair.right)})), tuple(found))
        for found in grouped.values()
    )


def _own(text: str, given: set[str]) -> _Own:
    """What of a text is not given. Line ends of all kinds are one, as for the person who reads the pair."""
    kept = [Line(n, line) for n, line in enumerate(text[:LONGEST].splitlines(), 1) if line.strip() not in given]
    starts, at = [], 0
    for line in kept:
        starts.append(at)
        at += len(line.text) + 1
    joined = "".join(f"{line.text}\n" for line in kept)
    return _Own(tuple(kept), tuple(starts), _fingerprint(joined))


def _fingerprint(text: str) -> CodeFingerprint:
    try:
        from copydetect import CodeFingerprint  # takes a second: it imports matplotlib for a report of its own
    except ImportError as error:
        raise UserError(
            f"comparing uploads needs the package copydetect ({error}); install tinytorch-course[reports],"
            " or leave it out with --no-similarity"
        ) from error
    # Windows of one: every run of RUN characters counts. Larger ones would choose by Python's hashes, which differ
    # from one process to the next.
    return CodeFingerprint("submission.py", RUN, 1, language="python", fp=io.StringIO(text))


def _take_out(own: Mapping[int, _Own], given: set[int]) -> None:
    """Take out of every fingerprint what is in the stub's: its lines may have been laid out anew."""
    for found in own.values():
        _keep(found.print, found.print.hashes - given)


def _take_out_shared(own: Mapping[int, _Own]) -> Shared | None:
    """Take out of every fingerprint what most submissions have; who consists of that, if several do."""
    seen = Counter(value for found in own.values() for value in found.print.hashes)
    most = max(SEVERAL - 1, COMMON * len(own))
    shares: dict[int, float] = {}
    lines: dict[int, tuple[Line, ...]] = {}
    for number, found in own.items():
        mine, whole = found.print, found.print.token_coverage
        usual = {value for value in mine.hashes if seen[value] > most}
        common = copy(mine)
        _keep(common, usual)
        shares[number] = float(common.token_coverage / whole) if whole else 0.0
        if shares[number] >= MOSTLY:
            lines[number] = _compared(
                number, replace(found, print=common), number, replace(found, print=common)
            ).left_lines
        _keep(mine, mine.hashes - usual)
    if len(lines) < 2:
        return None
    example = max(lines, key=lambda number: (shares[number], -number))
    return Shared(tuple(lines), example, lines[example])


def _keep(fingerprint: CodeFingerprint, values: set[int]) -> None:
    from copydetect.utils import get_token_coverage

    fingerprint.hashes = values
    fingerprint.hash_idx = {value: fingerprint.hash_idx[value] for value in values}
    fingerprint.token_coverage = get_token_coverage(fingerprint.hash_idx, RUN, len(fingerprint.filtered_code))


def _may_be_alike(left: _Own, right: _Own, threshold: float) -> bool:
    """A quick look before the exact comparison, which is a hundred times slower."""
    less = min(len(left.print.hashes), len(right.print.hashes))
    return less > 0 and len(left.print.hashes & right.print.hashes) >= 0.5 * threshold * less


def _identical(left: int, right: int, own: _Own) -> Pair:
    lines = tuple(Line(line.number, line.text, True) for line in own.lines)
    return Pair(left, right, 1.0, 1.0, lines, lines)


def _compared(left: int, mine: _Own, right: int, other: _Own) -> Pair:
    from copydetect import compare_files

    _, shares, slices = compare_files(mine.print, other.print)
    left_share, right_share = (min(1.0, float(share)) for share in shares)
    return Pair(left, right, left_share, right_share, _marked(mine, slices[0]), _marked(other, slices[1]))


def _marked(own: _Own, slices: Sequence[Sequence[float]]) -> tuple[Line, ...]:
    """The lines, those marked of which slices of the text cover half at least. `slices` are starts and ends, as
    copydetect gives them."""
    covered = [0] * len(own.lines)
    for start, end in zip(*slices, strict=True) if len(slices) else ():
        index = max(0, bisect_right(own.starts, int(start)) - 1)
        while index < len(own.lines) and own.starts[index] < end:
            begin = own.starts[index]
            covered[index] += max(0, min(int(end), begin + len(own.lines[index].text)) - max(int(start), begin))
            index += 1
    return tuple(
        Line(line.number, line.text, 2 * count >= len(line.text))
        for line, count in zip(own.lines, covered, strict=True)
    )
