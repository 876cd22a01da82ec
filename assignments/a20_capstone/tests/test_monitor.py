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
