"""What the tests ask of a student's benchmarking: a few lines each, as a user would write them, returning plain data.

No real time passes here. A `Machine` is a clock that moves when work is done on it: it can be coarse, drift, need time
for being looked at, and every number is known beforehand.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from tinytorch import nn
from tinytorch.core.dataloader import DataLoader, TensorDataset
from tinytorch.core.tensor import Tensor
from tinytorch.perf import benchmarking as module


class Machine:
    """Seconds that pass when somebody works.

    Args:
        grain: the clock shows whole multiples of it (0: the exact time). look: what looking at the clock takes.
        drift: by how much of its speed the machine becomes slower in a second.
        shake: work takes between 1 and 1 + shake times as long, by chance.
    """

    def __init__(self, grain=0.0, look=0.0, drift=0.0, shake=0.0, seed=0):
        self.now, self.grain, self.look, self.drift, self.shake = 1.0, grain, look, drift, shake
        self.rng = np.random.default_rng(seed)
        self.looks = 0

    def clock(self):
        self.looks += 1
        self.now += self.look
        return np.floor(self.now / self.grain + 1e-9) * self.grain if self.grain else self.now

    def work(self, seconds):
        speed = 1 + self.drift * (self.now - 1.0)
        self.now += seconds * speed * (1 + self.shake * self.rng.random())


# ---- A clock and its step


def timed(seconds, before, after):
    """What a timer says of work inside, with work before and after it; how often it looked at the clock."""
    machine = Machine()
    machine.work(before)
    with module.precise_timer(machine.clock) as timer:
        machine.work(seconds)
    looks = machine.looks
    machine.work(after)
    return [timer.elapsed, looks]


def timed_twice(seconds, costs):
    """One timer used twice, on a machine where looking at the clock takes time."""
    machine, found = Machine(look=costs), []
    timer = module.precise_timer(machine.clock)
    for one in seconds:
        with timer:
            machine.work(one)
        found.append(timer.elapsed)
    return found


def timed_failure(seconds):
    """What a timer says when the work raised, and whether the exception came through."""
    machine = Machine()
    timer = module.precise_timer(machine.clock)
    try:
        with timer:
            machine.work(seconds)
            raise LookupError("on purpose")
    except LookupError:
        return [timer.elapsed, True]
    return [timer.elapsed, False]


def step_of(grain, look):
    return module.resolution(Machine(grain, look).clock)


def step_of_times(times):
    """The resolution of a clock that shows these times, one a look, and the last of them ever after."""
    left = list(times)
    return module.resolution(lambda: left.pop(0) if len(left) > 1 else left[0], looks=500)


# ---- Taking turns


def one_sample(seconds):
    """Seconds a call of inputs that take so long each."""
    machine = Machine()
    return module.seconds_a_call(machine.work, [(s,) for s in seconds], machine.clock)


def calls(seconds, grain, error, draw_seconds=0.0):
    """The calls that a run of so many seconds needs on a clock with this grain."""
    machine = Machine(grain)

    def draw():
        machine.work(draw_seconds)
        return ()

    return module.calls_needed(lambda: machine.work(seconds), draw, machine.clock, grain, error)


def refused_clock():
    """Of a clock that stands still."""
    module.MOST_CALLS, usual = 64, module.MOST_CALLS
    try:
        return module.calls_needed(lambda: None, tuple, lambda: 1.0, 1e-3)
    finally:
        module.MOST_CALLS = usual


def in_turn(seconds, rounds, warmup, seed=0, cold=0.0, draw_seconds=0.0, **machine):
    """Runs that take so many seconds by name, and `cold` seconds more in each of their first calls (as many as
    warmup). Samples by name, and the names in the order in which they ran after that."""
    machine, ran = Machine(**machine), []
    made = dict.fromkeys(seconds, 0)

    def run_of(name):
        def run():
            made[name] += 1
            ran.append(name)
            machine.work(seconds[name] + (cold if made[name] <= warmup else 0.0))

        return run

    def draw():
        machine.work(draw_seconds)
        return ()

    runs = {name: run_of(name) for name in seconds}
    samples = module.measure_in_turn(runs, draw, rounds, warmup, machine.clock, seed)
    return [samples, ran]


def inputs_seen(names, rounds, warmup, seed):
    """The inputs that each run saw in the rounds, where every draw gives another number. No time passes but in the
    runs, all of which take a second."""
    machine, seen, drawn = Machine(), {name: [] for name in names}, []

    def draw():
        drawn.append(len(drawn))
        return (drawn[-1],)

    def run_of(name):
        def run(number):
            seen[name].append(number)
            machine.work(1.0)

        return run

    module.measure_in_turn({n: run_of(n) for n in names}, draw, rounds, warmup, machine.clock, seed)
    return [{name: numbers[-rounds:] for name, numbers in seen.items()}, {n: len(s) for n, s in seen.items()}]


def refused_turns(names, rounds, warmup):
    return module.measure_in_turn({name: lambda: None for name in names}, tuple, rounds, warmup)


# ---- The middle and how well it is known


def ranked(samples, qs):
    return [module.percentile(samples, q) for q in qs]


def interval(samples, confidence=0.95):
    return list(module.median_interval(samples, confidence))


def intervals(rows, confidence):
    """(n, 2): low and high for each row of samples."""
    return np.array([module.median_interval(row, confidence)[:2] for row in rows])


def summary(values, **options):
    result = module.BenchmarkResult("latency", values, **options)
    return {
        "median": result.median,
        "mean": result.mean,
        "std": result.std,
        "interval": list(result.interval),
        "outliers": list(result.outliers),
        "values": list(result.values),
    }


def as_dict(values):
    """to_dict of a result, as it comes back from JSON."""
    return json.loads(json.dumps(module.BenchmarkResult("latency", values, {"n": 1}, "ms").to_dict()))


# ---- Pairs


def sign_p(differences):
    return module.sign_test(differences)


def rank_p(differences):
    return module.wilcoxon_test(differences)


def p_values(rows):
    """(n, 2): of the sign test and of Wilcoxon's for each row of differences."""
    return np.array([[module.sign_test(row), module.wilcoxon_test(row)] for row in rows])


def ratio_bounds(baselines, candidates, confidence=0.95, resamples=400):
    """(n, 2): low and high for each row of pairs."""
    pairs = zip(baselines, candidates, strict=True)
    return np.array([module.ratio_interval(a, b, confidence, resamples, i)[:2] for i, (a, b) in enumerate(pairs)])


def compared(baseline, candidate, confidence=0.95):
    pair = module.Comparison(baseline, candidate, confidence)
    return {
        "speedup": pair.speedup,
        "wins": pair.wins,
        "log_ratios": list(pair.log_ratios),
        "p": pair.p_value,
        "sign_p": pair.sign_p_value,
        "interval": list(pair.interval),
        "verdict": pair.verdict,
    }


def verdicts(baselines, candidates):
    return [module.Comparison(a, b).verdict for a, b in zip(baselines, candidates, strict=True)]


def compared_programs(baseline, candidate, pairs, seed, **machine):
    """Two programs of so many seconds on a machine: speedup, verdict, how many pairs, warm-up calls of each."""
    machine = Machine(**machine)
    calls = {"baseline": 0, "candidate": 0}

    def run_of(name, seconds):
        def run(draw):
            calls[name] += 1
            machine.work(seconds * draw)

        return run

    rng = np.random.default_rng(seed)
    runs = run_of("baseline", baseline), run_of("candidate", candidate)
    pair = module.compare(*runs, lambda: (rng.uniform(1, 2),), pairs, 3, machine.clock, seed)
    return [pair.speedup, pair.verdict, len(pair.baseline), list(pair.log_ratios)]


# ---- The Pareto front


def dominated(a, b, directions):
    return [module.dominates(a, b, directions), module.dominates(b, a, directions)]


def front(points, directions):
    return module.pareto_front(points, directions)


# ---- Models on a machine


class Timed(nn.Module):
    """A model whose outputs are its inputs (N, C) times a weight, and that takes so many seconds a sample. It keeps
    what it was asked: the mode it was in, and the samples."""

    def __init__(self, machine, seconds, weight, cold=0.0):
        super().__init__()
        self.layer = nn.Linear(len(weight), len(weight), bias=False)
        self.layer.weight.data[...] = weight
        self.machine, self.seconds, self.cold = machine, seconds, cold
        self.modes, self.asked = [], []

    def forward(self, x):
        self.modes.append(self.training)
        self.asked.append(np.array(x.data))
        out = self.layer(x)
        self.modes.append(out.requires_grad)
        self.machine.work(self.cold if len(self.asked) == 1 else self.seconds * len(x.data))
        return out


def accuracy(weight, inputs, labels, batch_size=0):
    """The accuracy measured on a pair of arrays, or on a DataLoader with this batch size; all modes seen, and the mode
    afterwards."""
    model = Timed(Machine(), 0.0, weight)
    data = (inputs, labels)
    if batch_size:
        data = DataLoader(TensorDataset(Tensor(inputs), Tensor(labels, dtype="int64")), batch_size=batch_size)
    found = module.measure_accuracy(model, data)
    return [found, any(model.modes), model.training]


def accuracy_without_labels(inputs):
    return module.measure_accuracy(Timed(Machine(), 0.0, np.eye(inputs.shape[1])), [inputs])


def benchmark(seconds, weight, shape, warmup, runs, seed=0, data=(), drift=0.0):
    """A Benchmark of models that take so many seconds by name. Latencies, accuracies, memory; rows of compare_models;
    whether all saw the same inputs after the warm-up; modes."""
    machine = Machine(drift=drift)
    models = {name: Timed(machine, s, weight) for name, s in seconds.items()}
    bench = module.Benchmark(models, data, warmup, runs, machine.clock, seed)
    latency = bench.run_latency_benchmark(shape)
    seen = [np.stack(model.asked[-runs:]) for model in models.values()]
    accuracy = {name: list(r.values) for name, r in bench.run_accuracy_benchmark().items()} if data else {}
    return {
        "latency": {name: list(r.values) for name, r in latency.items()},
        "units": [latency[n].unit for n in latency],
        "accuracy": accuracy,
        "rows": {m: bench.compare_models(m) for m in (["latency", "accuracy"] if data else ["latency"])},
        "same": all(np.array_equal(s, seen[0]) for s in seen),
        "fresh": len({s.tobytes() for s in seen[0]}),
        "training": any(any(model.modes) for model in models.values()),
    }


def memory(weight, shape, numbers):
    """Memory of a model that makes an array of so many float64 on its way: MB, and its parts."""

    class Hungry(Timed):
        def forward(self, x):
            np.ones(numbers).sum()
            return super().forward(x)

    found = module.Benchmark({"m": Hungry(Machine(), 0.0, weight)}).run_memory_benchmark(shape)["m"]
    return [found.median, dict(found.metadata)]


def names_of(kinds):
    """The names that a list of models gets."""
    models = [Timed(Machine(), 0.0, np.eye(2)) if kind == "timed" else nn.Linear(2, 2) for kind in kinds]
    return list(module.Benchmark(models, measurement_runs=1).models)


def benchmark_without_data():
    return module.Benchmark({"m": nn.Linear(2, 2)}).run_accuracy_benchmark()


# ---- MLPerf


def stream(seconds, inputs, queries, seed, cold):
    """Latencies of queries to a model that takes so many seconds, and `cold` in its first call; which samples were
    asked after that; the modes it saw."""
    machine = Machine()
    model = Timed(machine, seconds, np.eye(inputs.shape[1]), cold)
    found = module.single_stream(model, inputs, queries, machine.clock, seed)
    return [found, np.concatenate(model.asked[1:]), [len(x) for x in model.asked[1:]], any(model.modes)]


def stream_by_sample(seconds, queries, seed):
    """Latencies where sample i takes seconds[i]; and the samples asked."""
    machine, asked = Machine(), []

    def model(x):
        i = int(x.data[0, 0])
        asked.append(i)
        machine.work(seconds[i])
        return x

    inputs = np.arange(len(seconds), dtype="float32")[:, None]
    return [module.single_stream(model, inputs, queries, machine.clock, seed), asked]


def batches(seconds, inputs, batch_size, cold):
    """Samples a second in the offline scenario, and the sizes of the batches after the first call."""
    machine = Machine()
    model = Timed(machine, seconds, np.eye(inputs.shape[1]), cold)
    rate = module.offline(model, inputs, batch_size, machine.clock)
    return [rate, [len(x) for x in model.asked[1:]], np.concatenate(model.asked[1:])]


def mlperf(seconds, weight, loads, queries, batch_size=8):
    """Every workload {name: [inputs, labels, target]} for one model; the report as text and as written."""
    machine = Machine()
    workloads = {n: module.Workload(n, x, y, target) for n, (x, y, target) in loads.items()}
    perf = module.MLPerf(7, workloads, machine.clock, batch_size)
    model = Timed(machine, seconds, weight)
    results = {name: perf.run_standard_benchmark(model, name, queries) for name in workloads}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        text = perf.generate_compliance_report(results, path)
        written = json.loads(path.read_text())
    return [results, text, written]


def mlperf_refused(name, queries):
    loads = {"only": module.Workload("only", np.eye(2, dtype="float32"), np.arange(2), 0.5)}
    machine = Machine()
    model = Timed(machine, 1.0, np.eye(2))
    return module.MLPerf(7, loads, machine.clock).run_standard_benchmark(model, name, queries)


# ---- Which optimization is worth it


def analyzed(base, optimized, data, pairs, seed=0, **machine):
    """analyze_optimization_techniques of models [seconds, weight]; whether all were asked the same samples."""
    machine = Machine(**machine)
    made = {"base": Timed(machine, *base), **{name: Timed(machine, *one) for name, one in optimized.items()}}
    others = {name: model for name, model in made.items() if name != "base"}
    found = module.analyze_optimization_techniques(made["base"], others, data, pairs, machine.clock, seed)
    asked = [np.concatenate(model.asked[-pairs:]) for model in made.values()]
    return [found, all(np.array_equal(a, asked[0]) for a in asked), asked[0]]
