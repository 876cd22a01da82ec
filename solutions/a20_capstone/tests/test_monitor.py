"""Tasks 7 and 8: figures of a moving window, and alerts that do not flap."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "monitor"
title = "The monitor"
points = None


def _nearest_rank(values, percent):
    """The smallest value that at least so many percent of all do not exceed, from the definition."""
    ordered = sorted(values)
    return next(v for i, v in enumerate(ordered, 1) if 100 * i >= percent * len(ordered) - 1e-9)


@test_case(name="percentiles are values that occurred", points=2)
def percentiles(student, rng):
    for n in (1, 2, 20, 100, int(rng.integers(30, 60))):
        values = rng.uniform(size=n)
        percents = [0.5, 1.0, 29.0, 50.0, 95.0, 99.0, 100.0]
        expect.equal(student.percentiles(values, percents), [_nearest_rank(values, p) for p in percents])


def _figures(window, requests, now, started=0.0):
    inside = [r for r in requests if now - window < r[0] <= now]
    known = [r[2] for r in inside if r[2] is not None]
    times = [r[1] for r in inside if not r[3]]
    return {
        "count": len(inside),
        "throughput": len(inside) / min(window, now - started),
        "error_rate": sum(r[3] for r in inside) / len(inside) if inside else None,
        "accuracy": sum(known) / len(known) if known else None,
        **{f"latency_p{p}": _nearest_rank(times, p) if times else None for p in (50, 95, 99)},
    }


def _expect_figures(got, wanted):
    expect.equal(sorted(got), sorted(wanted))
    for key, value in wanted.items():
        if value is None:
            expect.equal([key, got[key]], [key, None])
        else:
            expect.close(got[key], value, rtol=1e-9)


def _requests(rng, count, end):
    times = np.sort(rng.uniform(0, end, size=count)).tolist()
    return [
        [t, float(rng.exponential()), [True, False, None][int(rng.integers(3))], bool(rng.random() < 0.3)]
        for t in times
    ]


@test_case(name="the figures of a window, latencies only of what was answered", points=2)
def figures(student, rng):
    requests = _requests(rng, 60, 100)
    for got, now in zip(student.summaries(200.0, requests, [50.0, 100.0]), (50.0, 100.0), strict=True):
        _expect_figures(got, _figures(200.0, [r for r in requests if r[0] <= now], now))
    failed = [[1.0, 0.2, False, True], [2.0, 0.1, False, True]]
    (only_failures,) = student.summaries(5.0, failed, [3.0])
    _expect_figures(only_failures, _figures(5.0, failed, 3.0))
    expect.equal(only_failures["error_rate"], 1.0)
    # A monitor that was made at 1000 has watched for half a second, and then for a hundred.
    later = [[1000.25, 0.3, True, False], *([when + 1000.5, *more] for when, *more in requests)]
    for got, now in zip(student.summaries(200.0, later, [1000.5, 1100.5], 1000.0), (1000.5, 1100.5), strict=True):
        _expect_figures(got, _figures(200.0, [r for r in later if r[0] <= now], now, 1000.0))


@test_case(name="None where there is no data", points=1)
def silent(student, rng):
    latency = float(rng.exponential())
    answered = [[1.0, latency, None, False], [2.0, latency, None, False]]
    empty, unknown = student.summaries(5.0, answered, [0.5, 3.0])
    _expect_figures(empty, _figures(5.0, [], 0.5))
    _expect_figures(unknown, _figures(5.0, answered, 3.0))


@test_case(
    name="what is older than the window is forgotten, in memory too",
    points=2,
    hidden=True,
    failure_message=(
        "A request that is `window` seconds old counts no more, though nothing came after it. record drops old requests"
        " as well, or memory grows while nobody asks."
    ),
)
def forgotten(student, rng):
    requests = [*_requests(rng, 80, 90), [95.0, 1.0, True, False]]
    times = [40.0, 90.0, 104.9, 105.0, 300.0]
    for got, now in zip(student.summaries(10.0, requests, times), times, strict=True):
        _expect_figures(got, _figures(10.0, [r for r in requests if r[0] <= now], now))
    expect.equal(student.remembered(10.0, 500, 0.5), 20)


def _alerts(values, side, limit, clear, after):
    """What the rule asks for, second by second: side is 1 for above and -1 for below."""
    shown, since, streak, on = [], None, 0, False
    for second, value in enumerate(values, 1):
        if value is not None:
            speaks = side * (value - clear) <= 0 if on else side * (value - limit) > 0
            streak = streak + 1 if speaks else 0
            last = value
            if streak == after:
                on, streak, since = not on, 0, float(second)
        shown.append([[last, since]] if on else [])
    return shown


def _expect_alerts(student, values, side, limit, clear, after, looks=1):
    rule = {"above" if side == 1 else "below": limit, "after": after}
    if clear != limit:
        rule["clear"] = clear
    expect.equal(student.alerted(rule, values, looks), _alerts(values, side, limit, clear, after))


@test_case(name="an alert begins beyond the limit and ends within it", points=1)
def simple(student, rng):
    _expect_alerts(student, [0.1, 0.5, 0.6, 0.7, 0.5, 0.2, 0.9], 1, 0.5, 0.5, 1)
    _expect_alerts(student, [0.9, 0.5, 0.4, 0.3, 0.5, 0.8, 0.1], -1, 0.5, 0.5, 1)


@test_case(
    name="an alert has to be earned and to be lost",
    points=1,
    hidden=True,
    failure_message=(
        "`after` evaluations in a row begin an alert and as many end it, with `clear` only those that came back that far."
        " Until then it stays as it is and shows the last value."
    ),
)
def earned(student, rng):
    def some(low, high, at_least):
        return np.round(rng.uniform(low, high, size=at_least + int(rng.integers(3))), 2).tolist()

    # No count is broken off here: each part is of one side, and as long as it takes.
    for after, clear in ((2, 0.5), (3, 0.4), (4, 0.3)):
        values = [*some(0.1, 0.49, 1), *some(0.52, 0.8, after), *some(clear + 0.02, 0.7, 1), *some(0.1, clear, after)]
        values += [*some(0.1, 0.49, 0), *some(0.52, 0.8, after), *some(0.1, clear, after)]
        _expect_alerts(student, values, 1, 0.5, clear, after)
        _expect_alerts(student, [1 - v for v in values], -1, 0.5, 1 - clear, after)


@test_case(
    name="a count that is broken off starts again",
    points=1,
    hidden=True,
    failure_message=(
        "`after` evaluations in a row, not in all: one that is not beyond the limit starts the count of an alert that is"
        " off again, one that is not back far enough that of an alert that is on."
    ),
)
def flapping(student, rng):
    _expect_alerts(student, [0.6, 0.4] * 3, 1, 0.5, 0.5, 2)
    _expect_alerts(student, [0.6, 0.6, 0.45, 0.6, 0.45, 0.45, 0.39, 0.6, 0.39, 0.39], 1, 0.5, 0.4, 2)
    for after, clear in ((2, 0.5), (3, 0.4), (2, 0.3)):
        values = np.round(rng.uniform(0.2, 0.8, size=40), 2).tolist()
        _expect_alerts(student, values, 1, 0.5, clear, after)
        _expect_alerts(student, [1 - v for v in values], -1, 0.5, 1 - clear, after)


@test_case(
    name="no data changes nothing, nor does looking often",
    points=1,
    hidden=True,
    failure_message=(
        "An evaluation without data leaves count and alert alone, and rules are evaluated once in `every` seconds"
        " however many look."
    ),
)
def undisturbed(student, rng):
    values = [0.6, None, 0.6, 0.6, None, None, 0.1, None, 0.1, 0.1, 0.7]
    _expect_alerts(student, values, 1, 0.5, 0.5, 3)
    _expect_alerts(student, values, 1, 0.5, 0.5, 2, looks=3)
