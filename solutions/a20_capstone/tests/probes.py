"""What the tests ask of a student's production code: a few lines each, as a user would write them, returning plain data.

Time is a number that the caller gives. Folders are made in the one place where a submission may write, and go at once.
A kill is played by copying a folder between two lines of the code that writes it: that is what a process would leave.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np
import tinytorch as tt
from tinytorch import nn
from tinytorch.core.tensor import Tensor
from tinytorch.mlops import abtest, batch, drift, features, monitor, registry


@contextmanager
def _folder():
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


class Clock:
    """Seconds: one more with every look."""

    def __init__(self, now=1000.0, step=1.0):
        self.now, self.step = now, step

    def __call__(self):
        self.now += self.step
        return self.now


def _plain(version):
    return [version.name, version.version, version.created, version.metadata]


def _state(store, name="m"):
    """What a registry says about a model, each version read in full; a damaged one shows as its error."""
    versions = {}
    for v in store.versions(name):
        try:
            versions[str(v.version)] = store.load(name, v.version)[0]["w"]
        except Exception as error:
            versions[str(v.version)] = type(error).__name__
    return [versions, store.current(name)]


# ---- The registry


def registered(arrays, metadata):
    """The numbers that arrays get one after the other, what is read back, and what is known about each version."""
    with _folder() as folder:
        store = registry.ModelRegistry(folder, clock=Clock())
        numbers = [store.register("m", a, meta) for a, meta in zip(arrays, metadata, strict=True)]
        loaded = [store.load("m", n)[0] for n in numbers]
        return [numbers, loaded, [_plain(v) for v in store.versions("m")], store.current("m")]


def kept_apart(array):
    """What comes back of an array that was changed after it was registered, of a column-wise one, and their layouts."""
    with _folder() as folder:
        store = registry.ModelRegistry(folder)
        own = array.copy()
        store.register("m", {"a.b/c": own, "file": np.asfortranarray(array), "t": np.array(["x", "yz"])})
        own[...] = 0
        got = store.load("m", 1)[0]
        return [got["a.b/c"], got["file"], got["t"].tolist(), sorted(got)]


def worked(steps):
    """The outcome of each step [method, number] on one model: a number, None, or the name of the error's class; the
    version in use after each; the history."""
    with _folder() as folder:
        store, outcomes = registry.ModelRegistry(folder, clock=Clock()), []
        for method, *numbers in steps:
            try:
                if method == "register":
                    outcome = store.register("m", {"w": np.zeros(1)})
                else:
                    outcome = getattr(store, method)("m", *numbers)
            except (LookupError, ValueError) as error:
                outcome = "LookupError" if isinstance(error, LookupError) else "ValueError"
            outcomes.append([outcome, store.current("m")])
        return [outcomes, [[p.version, p.kind] for p in store.history("m")], [v.version for v in store.versions("m")]]


def seen_by_others(array):
    """What a registry that was opened before says after another one of the same folder promoted; models are apart."""
    with _folder() as folder:
        mine, other = registry.ModelRegistry(folder), registry.ModelRegistry(folder)
        other.register("m", {"w": array})
        other.register("n", {"w": array + 1})
        other.promote("m", 1)
        arrays, version = mine.load("m")
        return [arrays["w"], version.version, mine.names(), mine.current("n"), mine.current("x")]


def files_kept():
    """How many files there are besides the database: with three versions, and after one was deleted."""
    with _folder() as folder:
        mine = registry.ModelRegistry(folder)
        for number in range(3):
            mine.register("m", {"w": np.full(2, number)})
        mine.promote("m", 3)

        def count():
            return sum(p.is_file() and not p.name.startswith("registry.db") for p in folder.rglob("*"))

        before = count()
        mine.delete("m", 1)
        return [before, count()]


REFUSED = {
    "objects": ("m", {"w": np.array([{}, None], dtype=object)}, None),
    "nothing": ("m", {}, None),
    "metadata": ("m", {"w": np.zeros(2)}, {"x": {1, 2}}),
    "path": ("../m", {"w": np.zeros(2)}, None),
    "empty": ("", {"w": np.zeros(2)}, None),
}


def refused(what):
    with _folder() as folder:
        registry.ModelRegistry(folder).register(*REFUSED[what])


def left_by_refused():
    """Numbers of versions, models and files after registrations that were refused, and one that was not."""
    with _folder() as folder:
        store = registry.ModelRegistry(folder)
        for wrong in REFUSED.values():
            try:
                store.register(*wrong)
            except (TypeError, ValueError):
                pass
        store.register("m", {"w": np.zeros(2)})
        return [[v.version for v in store.versions("m")], store.names(), len(list((folder / "files").iterdir()))]


def damaged(method, place, by):
    """A byte of version 2's file changed (or the file gone) while 1 is in use: the error of a method that is asked for
    version 2, what is in use afterwards, and the arrays of that."""
    with _folder() as folder:
        store = registry.ModelRegistry(folder)
        store.register("m", {"w": np.zeros(50)})
        store.promote("m", 1)
        known = {path.name for path in (folder / "files").iterdir()}
        store.register("m", {"w": np.ones(50)})
        file = next(path for path in (folder / "files").iterdir() if path.name not in known)
        if by:
            content = bytearray(file.read_bytes())
            content[int(place * len(content))] ^= by
            file.write_bytes(content)
        else:
            file.unlink()
        outcome = "no error"
        try:
            getattr(store, method)("m", 2)
        except Exception as error:
            outcome = type(error).__name__
        return [outcome, store.current("m"), store.load("m")[0]["w"]]


@contextmanager
def _between_lines(look, file):
    """Call `look` before every line of a source file that runs in here."""

    def each(frame, event, argument):
        if event == "line":
            look()
        return each

    def enter(frame, event, argument):
        return each if frame.f_code.co_filename.endswith(file) else None

    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(None)


class Moments:
    """Copies of a folder, one for every state that it passes through."""

    def __init__(self, folder, into):
        self.folder, self.into, self.count, self.last = folder, into, 0, None

    def __call__(self):
        found = sorted((str(p.relative_to(self.folder)), p) for p in self.folder.rglob("*") if p.is_file())
        now = [(name, path.stat().st_size, path.stat().st_mtime_ns) for name, path in found if "-shm" not in name]
        if now != self.last:
            self.last, self.count = now, self.count + 1
            for name, path in found:
                if "-shm" not in name:  # the shared index of a journal; it does not outlive its processes
                    copy = self.into / str(self.count) / name
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_bytes(path.read_bytes())


def killed(action, old, new):
    """Version 1 holds `old` and is in use; then `new` is registered, or promoted as version 2. For every moment at
    which a kill would leave another folder: what a registry opened on that folder says, and the number that it gives
    next."""
    with _folder() as folder, _folder() as copies:
        store = registry.ModelRegistry(folder)
        store.register("m", {"w": old})
        store.promote("m", 1)
        if action == "promote":
            store.register("m", {"w": new})
        look = Moments(folder, copies)
        with _between_lines(look, "registry.py"):
            store.promote("m", 2) if action == "promote" else store.register("m", {"w": new})
        look()
        states = []
        for number in range(1, look.count + 1):
            left = registry.ModelRegistry(copies / str(number))
            states.append(_state(left))
        return [states, left.register("m", {"w": old})]


@contextmanager
def _watched(events, fail_at=None):
    """Note calls of fsync and of renaming; the call of that number raises KeyboardInterrupt instead."""
    originals = {name: getattr(os, name) for name in ("fsync", "replace", "rename")}

    def watch(name):
        def call(*args, **options):
            kind = name
            if name == "fsync":
                kind = "folder" if stat.S_ISDIR(os.fstat(args[0]).st_mode) else "file"
            events.append("rename" if name == "replace" else kind)
            if len(events) == fail_at:
                raise KeyboardInterrupt
            return originals[name](*args, **options)

        return call

    for name in originals:
        setattr(os, name, watch(name))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(os, name, original)


def written(old, new):
    """The calls that write_file makes when it replaces a file, and the bytes that are there then."""
    events = []
    with _folder() as folder:
        path = folder / "x.bin"
        registry.write_file(path, old)
        with _watched(events):
            registry.write_file(path, new)
        return [events, path.read_bytes(), len(list(folder.iterdir()))]


def write_broken_off(old, new):
    """What is under the name when replacing a file is interrupted, at each of its calls up to the one that renames."""
    kept, events = [], []
    while "rename" not in events:
        with _folder() as folder:
            path, before = folder / "x.bin", len(events)
            events = []
            registry.write_file(path, old)
            try:
                with _watched(events, before + 1):
                    registry.write_file(path, new)
            except KeyboardInterrupt:
                pass
            if len(events) == before:
                break
            kept.append(path.read_bytes() if path.is_file() else b"gone")
    return kept


def _free(folder):
    """Whether another program could write there now."""
    other = sqlite3.connect(folder / "registry.db", timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        other.close()
    return True


def others_may_write():
    """Whether another writer finds the way free in a transaction that has changed nothing yet, in one that has, and
    after it."""
    with _folder() as folder:
        store, answers = registry.ModelRegistry(folder), []
        with store._transaction() as db:
            answers.append(_free(folder))
            db.execute("INSERT INTO models VALUES ('a', 1, NULL)")
            answers.append(_free(folder))
        return [*answers, _free(folder)]


def transaction():
    """Whether the error of a block that raised arrives, which models there are after it, while a second block is under
    way and after that, and whether a writer finds the way free in the end."""
    with _folder() as folder:
        store, answers, add = registry.ModelRegistry(folder), [False], "INSERT INTO models VALUES (?, 1, NULL)"
        try:
            with store._transaction() as db:
                db.execute(add, ["a"])
                raise ZeroDivisionError
        except ZeroDivisionError:
            answers = [True]
        answers.append(store.names())
        with store._transaction() as db:
            db.execute(add, ["b"])
            db.execute(add, ["c"])
            answers.append(store.names())
        return [*answers, store.names(), _free(folder)]


def at_once(writers, each):
    """So many threads register and promote at the same time: all numbers given, versions promoted, whether what is in
    use is the last promotion, and errors."""
    with _folder() as folder:
        registry.ModelRegistry(folder).register("m", {"w": np.zeros(2)})
        numbers, errors = [], []

        def work(seed):
            try:
                store = registry.ModelRegistry(folder)
                for _ in range(each):
                    number = store.register("m", {"w": np.full(2, seed)})
                    numbers.append(number)
                    store.promote("m", number)
            except Exception as error:
                errors.append(type(error).__name__)

        threads = [threading.Thread(target=work, args=[i]) for i in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        store = registry.ModelRegistry(folder)
        history = [p.version for p in store.history("m")]
        return [sorted(numbers), sorted(history), store.current("m") == history[-1], errors]


# ---- Drift


def ks(a, b):
    return list(drift.ks_test(a, b))


def ks_distance(a, b):
    return drift.ks_statistic(a, b)


def tails(values):
    return [drift.kolmogorov_tail(x) for x in values]


def ks_p_value(statistic, n, m):
    return drift.ks_p_value(statistic, n, m)


def binned(reference, values, bins):
    edges = drift.bin_edges(reference, bins)
    return [edges, drift.bin_counts(values, edges)]


def psi(reference, live, bins=10):
    return drift.psi(reference, live, bins)


def index(reference, live):
    return drift.index_of(reference, live)


def chance(counts, m, samples, seed):
    return drift.psi_under_no_drift(counts, m, samples, np.random.default_rng(seed))


def holm(p_values, alpha):
    return drift.holm(p_values, alpha)


def _report(report):
    return [report.drifted, list(report.statistics), list(report.p_values), list(report.features)]


def checked(reference, window, **options):
    return _report(drift.DriftDetector(reference, **options).check(window))


def alarms(references, windows, **options):
    """How many windows raise an alarm: windows (R, W, m, k) against references (R, n, k)."""
    count = 0
    for reference, group in zip(references, windows, strict=True):
        detector = drift.DriftDetector(reference, **options)
        count += sum(detector.check(window).drifted for window in group)
    return count


# ---- Monitor


def percentiles(values, percents):
    return [monitor.percentile(sorted(values.tolist()), p) for p in percents]


def summaries(window, requests, times, started=0.0):
    """Summaries at the given times; requests are [when, latency, correct, failed] and lie before, between and after."""
    watch, answers, left = monitor.PerformanceMonitor(window, clock=lambda: started), [], list(requests)
    for time in times:
        while left and left[0][0] <= time:
            when, latency, correct, failed = left.pop(0)
            watch.record(latency, correct, failed, when)
        answers.append(watch.summary(time))
    return answers


def remembered(window, count, step):
    """How many requests a monitor still holds after many, though nobody asked for a summary."""
    watch = monitor.PerformanceMonitor(window, clock=lambda: 0.0)
    for i in range(count):
        watch.record(0.1, when=i * step)
    return len(watch.requests)


def alerted(rule, values, looks=1):
    """For each value of the median latency (None: no request), one a second: whether the alert is on, its value and
    since when. Each second is looked at several times."""
    watch = monitor.PerformanceMonitor(1.0, [monitor.AlertRule("slow", "latency_p50", **rule)], clock=lambda: 0.0)
    answers = []
    for second, value in enumerate(values, 1):
        if value is not None:
            watch.record(value, when=float(second))
        for _ in range(looks):
            on = watch.alerts(float(second))
        answers.append([[alert.value, alert.since] for alert in on])
    return answers


# ---- The loop


def _centres(X, y):
    return {"centres": np.stack([X[y == c].mean(axis=0) if (y == c).any() else X.mean(axis=0) for c in (0, 1)])}


def _nearest(arrays, X):
    return ((X[:, None, :] - arrays["centres"]) ** 2).sum(axis=2).argmin(axis=1)


def looped(reference, labels, windows, times, spoiled=(), unchanged=(), **options):
    """A trigger on a stream of (X, y): each event, the rows that train and predict were given, the version in use.

    Of the trainings those in `spoiled` give a bad model, those in `unchanged` the one in use once more.
    """
    with _folder() as folder:
        store = registry.ModelRegistry(folder)
        store.promote("m", store.register("m", _centres(reference, labels)))
        trained, asked = [], []

        def train(X, y):
            trained.append(X.copy())
            arrays = store.load("m")[0] if len(trained) - 1 in unchanged else _centres(X, y)
            return {"centres": arrays["centres"][::-1]} if len(trained) - 1 in spoiled else arrays

        def predict(arrays, X):
            asked.append(X.copy())
            return _nearest(arrays, X)

        loop = monitor.RetrainingTrigger(store, "m", train, predict, reference, **options)
        events, used = [], []
        for (X, y), when in zip(windows, times, strict=True):
            trained_before, _ = len(trained), asked.clear()
            event = loop.observe(X, y, when)
            found = None
            if event is not None:
                found = [event.when, event.reason, event.version, event.before, event.after, event.promoted]
            events.append([found, store.current("m")])
            if len(trained) > trained_before and not used:
                used.append([trained[-1], asked[-1]])
        known = [v.metadata for v in store.versions("m")]
        return [events, len(trained), used, len(loop.events), known]


# ---- A/B tests


def arms(users, experiment, share=0.5):
    return [abtest.assign(user, experiment, share) for user in users]


def two_proportions(*counts):
    z, p_value = abtest.two_proportion_z(*counts)
    return [z, p_value]


def sizes(plans):
    return [abtest.sample_size(*plan) for plan in plans]


def bounds(looks, alpha):
    return [abtest.bound(k, alpha) for k in looks]


def planned(base, lift, alpha, power, looks):
    return abtest.ABTest("x", base, lift, alpha, power, looks).planned


def verdicts(plan, additions):
    """The verdict after each addition [arm, successes, trials]."""
    test, answers = abtest.ABTest("x", *plan), []
    for addition in additions:
        test.add(*addition)
        verdict = test.verdict()
        answers.append([verdict.state, verdict.z, verdict.p_value, verdict.look])
    return [answers, dict(test.trials)]


def experiments(plan, successes):
    """How often each state was the last one, for successes (experiments, looks, 2) of equal steps to the plan."""
    counts = {}
    for outcomes in successes.tolist():
        test = abtest.ABTest("x", *plan)
        step = test.planned // len(outcomes)
        for a, b in outcomes:
            test.add("a", a, step)
            test.add("b", b, step)
        state = test.verdict().state
        counts[state] = counts.get(state, 0) + 1
    return counts


def recorded(users, outcomes, plan):
    """Trials and successes of each arm after outcomes of users."""
    test = abtest.ABTest("x", *plan)
    for user, outcome in zip(users, outcomes, strict=True):
        test.record(user, outcome)
    return [test.trials, test.successes]


# ---- Batches


class Model:
    """Twice the sum of each row. Raises for rows with a negative first number, and KeyboardInterrupt at some call."""

    def __init__(self, stop_at=None):
        self.calls, self.rows, self.stop_at = 0, [], stop_at

    def __call__(self, X):
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        if (X[:, 0] < 0).any():
            raise ArithmeticError(f"{int((X[:, 0] < 0).sum())} rows are negative")
        self.rows += X[:, 1].tolist()
        return 2 * X.sum(axis=1, keepdims=True)


def _results(job):
    result = job.results()
    return [result.rows, result.predictions, {str(row): text for row, text in result.errors.items()}]


def predicted(X, chunk):
    """How many rows each of two runs did, the results, and how often the model was called."""
    with _folder() as folder:
        model = Model()
        job = batch.BatchPredictor(model, folder / "out", chunk)
        counts = [job.run(X), job.run(X)]
        return [counts, _results(job), model.calls]


def interrupted(X, chunk, stop_at):
    """A run that is interrupted at a call of the model, and others until it is done: rows of each run, second numbers
    of all rows that the model saw in full, and the results in between and at the end."""
    with _folder() as folder:
        model = Model(stop_at)
        job = batch.BatchPredictor(model, folder, chunk)
        try:
            job.run(X)
        except KeyboardInterrupt:
            pass
        between = _results(job)
        again = batch.BatchPredictor(model, folder, chunk)
        return [again.run(X), model.rows, between, _results(again)]


def writing_interrupted(X, chunk, at):
    """The same, where the interruption comes at a renaming or fsync."""
    with _folder() as folder:
        model = Model()
        try:
            with _watched([], at):
                batch.BatchPredictor(model, folder, chunk).run(X)
        except KeyboardInterrupt:
            pass
        (folder / f".rows-000000000.npz.{at}.part").write_bytes(b"left by a process that was killed")
        job = batch.BatchPredictor(model, folder, chunk)
        job.run(X)
        return [_results(job), len(list(folder.glob(".*")))]


def another_job(X, first, other, second):
    """A job of X, then one of `other` in the same folder; settings [chunk, model] of each."""
    with _folder() as folder:
        batch.BatchPredictor(Model(), folder, *first).run(X)
        return batch.BatchPredictor(Model(), folder, *second).run(other)


def miscounted(X, extra):
    with _folder() as folder:
        calls = []

        def model(rows):
            calls.append(len(rows))
            return np.zeros(len(rows) + extra)

        try:
            batch.BatchPredictor(model, folder, len(X)).run(X)
        except ValueError:
            return ["ValueError", len(calls)]
        return ["no error", len(calls)]


# ---- Features


SCALE = 3.0


def _store(change=None):
    store = features.FeatureStore()
    first, second = ("speed", "load") if change != "order" else ("load", "speed")
    functions = {
        "speed": lambda metres, seconds: metres / np.maximum(seconds, 1.0),
        "load": (lambda kilos: kilos * 2.0) if change != "constant" else (lambda kilos: kilos * 2.5),
    }
    inputs = {"speed": ("metres", "seconds"), "load": ("kilos",) if change != "input" else ("seconds",)}
    for name in (first, second):
        store.define("weight" if change == "name" and name == "load" else name, *inputs[name])(functions[name])
    if change == "more":
        store.define("same", "kilos")(lambda kilos: np.full(len(kilos), 7.0))
    if change == "batch":
        store.define("centred", "kilos")(lambda kilos: kilos - kilos.mean())
    return store


def fitted(train, live, change=None):
    """Features of the training table and of another one, the first row of it alone, and what was learned."""
    store = _store(change)
    X = store.fit(train)
    row = store.row({name: column[0] for name, column in live.items()})
    return [X, store.compute(live), row, store.mean, store.std]


def raw(table):
    return _store().raw(table)


def unfitted(table):
    return _store().compute(table)


def fingerprints(changes):
    """For each change whether the fingerprint is that of the definitions without it."""
    own = _store().fingerprint()
    return [own == _store(change).fingerprint() for change in changes]


def through_registry(train, live, change=None):
    """Features of a store that loads what another one learned, by way of the registry."""
    with _folder() as folder:
        store = registry.ModelRegistry(folder)
        trained = _store()
        trained.fit(train)
        store.register("m", trained.arrays())
        serving = _store(change)
        serving.load(store.load("m", 1)[0])
        return serving.compute(live)


def skew(train, live, spoil=None, change=None, alone=False, rows=None, **tolerances):
    """The report on features that were served with some of them spoiled: [column, row, by how much]; and only so many
    rows of them."""
    store = _store(change)
    store.fit(train)
    served = None if alone else store.compute(live)
    for column, row, amount in spoil or ():
        served[row, column] += amount
    report = store.check(live, served if alone else served[:rows], **tolerances)
    return [report.ok, report.differences, list(report.skewed)]


# ---- Olympics


def _olympics():
    """The module, imported by whoever asks for it: it brings assignments 14 to 19 along, and whoever asks for a registry
    or a detector need not wait for those."""
    from tinytorch import olympics

    return olympics


def _event(name):
    from tinytorch.perf.benchmarking import OlympicEvent

    return OlympicEvent(name)


def _mlp(seed, *sizes):
    model, rng = _olympics().SimpleMLP(*sizes), np.random.default_rng(seed)
    for _, p in sorted(model.named_parameters()):
        p.data[...] = rng.normal(0, 0.5, p.shape)
    return model


def mlp(seed, sizes, X):
    model = _mlp(seed, *sizes)
    weights = {name: p.data for name, p in model.named_parameters()}
    return [model(Tensor(X)).data, weights, model.count_parameters(), _olympics().SimpleMLP().count_parameters()]


def benchmarked(seed, sizes, X, y, step):
    """The figures of a model on a clock that shows `step` seconds more at every look, and the rows of its calls."""
    report, rows = _olympics().BenchmarkReport("mine", Clock(0.0, step)), []
    model = _mlp(seed, *sizes)
    forward = model.forward

    def counted(x):
        rows.append(int(x.shape[0]))
        return forward(x)

    model.forward = counted
    metrics = report.benchmark_model(model, X, y, num_runs=20)
    return [metrics, report.metrics == metrics, rows]


def _filled(name, metrics):
    report = _olympics().BenchmarkReport(name)
    report.metrics = dict(metrics)
    return report


def submission(before, after=None, **options):
    """A submission as its file holds it."""
    with _folder() as folder:
        reports = [_filled("base", before), None if after is None else _filled("small", after)]
        made = _olympics().generate_submission(*reports, **options)
        path = _olympics().save_submission(made, folder / "s.json")
        return json.loads(path.read_text())


def _entry(values):
    return _olympics().Entry(*values)


def validated(data):
    return _olympics().validate_entry(data).to_dict()


def entered(seed, sizes, X, y):
    baseline = _olympics().SimpleMLP(sizes[0], 100_000, sizes[2])
    entry = _olympics().enter("me", _mlp(seed, *sizes), baseline, X, y, ["none"], pairs=5)
    return _olympics().validate_entry(entry.to_dict()).to_dict()


def entered_alike(seed, sizes, X, y):
    """Latency ratios of three entries of the baseline itself, and whether the clock that was given was looked at."""
    looks = []

    def clock():
        looks.append(1)
        return perf_counter()

    same = [_mlp(seed, *sizes) for _ in range(2)]
    ratios = [_olympics().enter("me", *same, X, y, pairs=9, clock=clock).latency_ratio for _ in range(3)]
    return [ratios, len(looks) > 0]


def scores(baseline, entries, event):
    return [_olympics().score(_entry(e), _entry(baseline), _event(event)) for e in entries]


def ranked(baseline, entries, event="all_around"):
    places = _olympics().rank([_entry(e) for e in entries], _entry(baseline), _event(event))
    return [[p.place, p.entry.name, p.score] for p in places]


def front(entries):
    return _olympics().pareto([_entry(e) for e in entries])


# ---- An entry of one's own


def _network(layers):
    """[weight, scale, bias, whether ReLU follows] of each layer -> a Sequential of Linear and ReLU."""
    parts = []
    for weight, scale, bias, relu in layers:
        linear = nn.Linear(*weight.shape, bias=bias is not None)
        linear.weight.data[...] = weight if scale is None else weight * scale
        if bias is not None:
            linear.bias.data[...] = bias
        parts += [linear, nn.ReLU()] if relu else [linear]
    return nn.Sequential(*parts).eval()


def _arrays(layer):
    """[weight, scale, bias] of a layer, as they are stored, once or twice; scale and bias may be None."""
    from tinytorch.perf.compression import LowRankLinear

    kept = layer.state_dict()
    if isinstance(layer, LowRankLinear):
        return [[kept["down"], None, None], [kept["up"], None, kept.get("bias")]]
    return [[kept["weight"], kept.get("scale"), kept.get("bias")]]


def _layers(model):
    """The layers of a Sequential as arrays, with whether ReLU follows."""
    found = []
    for layer in model:
        if isinstance(layer, nn.ReLU):
            found[-1][3] = True
        else:
            found += [[*one, False] for one in _arrays(layer)]
    return found


def trained(x, y, seed):
    """The network that everybody starts from: 64 - 128 - 64 - 10."""
    from tinytorch.core.dataloader import DataLoader, TensorDataset
    from tinytorch.core.optimizers import Adam

    tt.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer, criterion = Adam(model.parameters(), lr=3e-3), nn.CrossEntropyLoss()
    for _ in range(10):
        for inputs, labels in DataLoader(TensorDataset(x, y.astype("int64")), batch_size=64, shuffle=True, seed=seed):
            criterion(model(inputs), labels).backward()
            optimizer.step()
            optimizer.zero_grad()
    return _layers(model)


def own_entry(layers, x, y):
    return _layers(_olympics().own_entry(_network(layers), x, y))


def answered(layers, x, repeats):
    """What these layers answer, so many times over."""
    model, x = _network(layers), Tensor(x)
    with tt.no_grad():
        for _ in range(repeats):
            answer = model(x)
    return answer.data
