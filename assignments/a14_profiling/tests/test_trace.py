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
