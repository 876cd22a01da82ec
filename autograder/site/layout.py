"""Where the nodes of a directed graph stand: in rows by their longest path from the top, with few crossing edges.

The usual way (Sugiyama, Tagawa and Toda, 1981): an edge over several rows gets a bend in each row between, rows are
ordered by the mean place of their neighbours, sweep after sweep, and then everything moves towards its neighbours as
far as the others leave room. Drawing is left to course_map.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 24
BEND = 0.3  # the width of a bend, where a node has 1

Place = tuple[float, int]  # x in widths of a node, row


@dataclass(frozen=True)
class Layout:
    """`nodes`: name -> place. `edges`: (from, to) -> the places it goes through, both ends with it."""

    nodes: Mapping[str, Place]
    edges: Mapping[tuple[str, str], tuple[Place, ...]]
    width: float
    rows: int


def arrange(needs: Mapping[str, Sequence[str]]) -> Layout:
    """Place every name of `needs`, which maps it to the names above it; names come after what they need."""
    row: dict[str, int] = {}
    for name, above in needs.items():
        row[name] = 1 + max((row[other] for other in above), default=-1)
    rows: list[list[str]] = [[] for _ in range(max(row.values()) + 1)]
    for name, number in row.items():
        rows[number].append(name)
    paths = {(other, name): _bends(other, name, row, rows) for name in needs for other in needs[name]}
    down: dict[str, list[str]] = {name: [] for names in rows for name in names}
    up: dict[str, list[str]] = {name: [] for name in down}
    for path in paths.values():
        for a, b in pairwise(path):
            down[a].append(b)
            up[b].append(a)
    for sweep in range(SWEEPS):
        _order(rows if sweep % 2 == 0 else rows[::-1], up if sweep % 2 == 0 else down)
    x = _spread(rows, up, down, set(needs))
    left = min(x[name] - _half(name, needs) for name in x)
    width = max(x[name] + _half(name, needs) for name in x) - left
    places = {name: (x[name] - left, number) for number, names in enumerate(rows) for name in names}
    edges = {ends: tuple(places[name] for name in path) for ends, path in paths.items()}
    return Layout({name: places[name] for name in needs}, edges, width, len(rows))


def _bends(start: str, end: str, row: Mapping[str, int], rows: list[list[str]]) -> list[str]:
    """The edge as a path of neighbouring rows; a bend has a name that no node can have."""
    path = [start]
    for number in range(row[start] + 1, row[end]):
        path.append(f"{start}>{end}>{number}")
        rows[number].append(path[-1])
    return [*path, end]


def _order(rows: Iterable[list[str]], neighbours: Mapping[str, list[str]]) -> None:
    """Sort each row by the mean place of its members' neighbours in the row before."""
    before: list[str] = []
    for names in rows:
        at = {name: number for number, name in enumerate(before)}
        own = {name: number for number, name in enumerate(names)}

        def mean(name: str, at: Mapping[str, int] = at, own: Mapping[str, int] = own) -> float:
            places = [at[other] for other in neighbours[name] if other in at]
            return sum(places) / len(places) if places else float(own[name])

        names.sort(key=mean)
        before = names


def _half(name: str, nodes: Iterable[str]) -> float:
    return 0.5 if name in nodes else BEND / 2


def _spread(
    rows: list[list[str]], up: Mapping[str, list[str]], down: Mapping[str, list[str]], nodes: set[str]
) -> dict[str, float]:
    """x of everything, in widths of a node: near its neighbours, in the order of its row, and never over another."""
    x: dict[str, float] = {}
    for names in rows:
        _settle(names, {name: 0.0 for name in names}, nodes, x)
    for sweep in range(SWEEPS):
        for names in rows if sweep % 2 == 0 else rows[::-1]:
            wanted = {}
            for name in names:
                near = [x[other] for other in up[name] + down[name]]
                wanted[name] = sum(near) / len(near) if near else x[name]
            _settle(names, wanted, nodes, x)
    return x


def _settle(names: list[str], wanted: Mapping[str, float], nodes: set[str], x: dict[str, float]) -> None:
    """Give a row the x nearest to what is wanted (in the square) that leaves room: neighbours that push become one."""
    groups: list[tuple[float, list[str], list[float]]] = []  # (sum of what is wanted for the first, members, offsets)
    for name in names:
        group = (wanted[name], [name], [0.0])
        while groups and _first(groups[-1]) + groups[-1][2][-1] + _room(groups[-1][1][-1], group[1][0], nodes) > _first(
            group
        ):
            total, members, offsets = groups.pop()
            shift = offsets[-1] + _room(members[-1], group[1][0], nodes)
            moved = [offset + shift for offset in group[2]]
            group = (total + group[0] - shift * len(group[1]), members + group[1], offsets + moved)
        groups.append(group)
    for group in groups:
        for name, offset in zip(group[1], group[2], strict=True):
            x[name] = _first(group) + offset


def _first(group: tuple[float, list[str], list[float]]) -> float:
    return group[0] / len(group[1])


def _room(left: str, right: str, nodes: set[str]) -> float:
    return _half(left, nodes) + _half(right, nodes)
