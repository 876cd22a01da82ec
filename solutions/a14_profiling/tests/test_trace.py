"""Task 10: a trace that Perfetto and Chrome open."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "trace"
title = "A trace"
points = None


def _complete(trace):
    """The complete events of a trace, checked to be dicts with a phase."""
    events = trace["traceEvents"] if isinstance(trace, dict) and "traceEvents" in trace else None
    good = isinstance(events, list) and all(isinstance(event, dict) and "ph" in event for event in events)
    expect.true(good, 'the trace is a dict whose "traceEvents" are a list of events with a phase "ph"')
    events = [event for event in events if event["ph"] == "X"]
    keys = {"name", "cat", "ts", "dur", "pid", "tid", "args"}
    expect.true(all(keys <= set(event) for event in events), f"every complete event has {sorted(keys)}")
    numbers = all(isinstance(event[key], (int, float)) for event in events for key in ("ts", "dur"))
    expect.true(numbers, "ts and dur are numbers")
    return events


@test_case(name="complete events of layers in microseconds, from 0 on", points=3)
def complete_events(student, rng):
    a, b, c = rng.integers(1, 9, size=3).tolist()
    events = _complete(student.trace([a / 1000, [[b / 1000, []], [c / 1000, []]]], np.ones((2, 3), "float32")))
    expect.equal([event["name"] for event in events], ["Slow", "layers.0", "layers.1"])
    expect.equal([event["cat"] for event in events], ["layer"] * 3)
    expected = [[0, 1000 * (a + b + c)], [1000 * a, 1000 * b], [1000 * (a + b), 1000 * c]]
    expect.close([[event["ts"], event["dur"]] for event in events], expected, rtol=1e-9, atol=2e-3)
    expect.equal([[event["pid"], event["tid"]] for event in events], [[1, 1]] * 3)
    made, read = student.trace_written([["Linear", [a, b], {}]], rng.normal(size=(3, a)).astype("float32"))
    expect.equal(len(_complete(made)), 3)
    expect.equal(read, made)


@test_case(
    name="ops lie inside of their layers, one after the other",
    points=3,
    hidden=True,
    failure_message=(
        "Events come in the order of their beginnings, those outside first. An event ends before the one around it does,"
        " to the nanosecond: round both ends, then subtract."
    ),
)
def nested(student, rng):
    a, b = (int(k) for k in rng.integers(2, 9, size=2))
    layers = [["Linear", [a, b], {}], ["GELU", [], {}], ["Linear", [b, a], {}]]
    events = _complete(student.trace_of_layers(layers, rng.normal(size=(3, a)).astype("float32")))
    named = [(event["name"], event["cat"]) for event in events]
    expected = [("Sequential", "layer"), ("0", "layer"), ("linear", "op"), ("1", "layer"), ("gelu", "op")]
    expect.equal(named, [*expected, ("2", "layer"), ("linear", "op")])
    expect.equal(events[2]["args"]["flops"], 6 * a * b + 3 * b)
    spans = [(round(1000 * e["ts"]), round(1000 * e["ts"]) + round(1000 * e["dur"])) for e in events]
    for inside, outside in ((1, 0), (2, 1), (3, 0), (4, 3), (5, 0), (6, 5)):
        within = spans[outside][0] <= spans[inside][0] <= spans[inside][1] <= spans[outside][1]
        expect.true(within, f"event {inside} ({named[inside][0]}) lies within event {outside} ({named[outside][0]})")
    for earlier, later in ((1, 3), (3, 5)):
        expect.true(spans[earlier][1] <= spans[later][0], f"event {later} begins after the end of event {earlier}")


@test_case(
    name="to the nanosecond: one event ends where the next begins",
    points=2,
    hidden=True,
    failure_message="A duration is the difference of two rounded ends, not a rounded difference: else events overlap.",
)
def nanoseconds(student, rng):
    origin = float(rng.integers(10, 1000))
    ends = origin + np.cumsum(rng.uniform(1e-7, 3e-6, size=60))
    got = student.events_at(np.stack([ends[:-1], ends[1:]], axis=1).tolist(), origin)
    expect.shape(np.array(got), (59, 2))
    whole = np.array(got) * 1000
    expect.close(whole, np.round(whole), rtol=0, atol=1e-5)
    starts, spans = np.round(whole).astype(int).T
    expect.equal(starts[:-1] + spans[:-1], starts[1:])
    expect.close(starts, np.round((ends[:-1] - origin) * 1e9), rtol=0, atol=1)
