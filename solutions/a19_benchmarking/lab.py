# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lab 19: what the numbers say
#
# A time that was measured once is an anecdote. This lab looks at your clock and at what a few hundred calls of one
# layer really take; it draws thousands of experiments in which the truth is known and counts which intervals hold it;
# it compares two equal programs on a machine that becomes slower; and it crosses out those of the course's models that
# nobody could want. Write `tinytorch/perf/benchmarking.py` first; `tito check` tells how far you are. After you change
# that file, restart the kernel and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
from tinytorch import nn
from tinytorch.core.attention import causal_mask
from tinytorch.core.dataloader import DataLoader, TinyDigits
from tinytorch.core.losses import cross_entropy
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor, cat, manual_seed
from tinytorch.core.transformers import evaluation
from tinytorch.perf.benchmarking import (
    BenchmarkResult,
    Comparison,
    MLPerf,
    Workload,
    compare,
    measure_accuracy,
    measure_in_turn,
    median_interval,
    pareto_front,
    resolution,
)

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
manual_seed(19)
rng = np.random.default_rng(19)
BLUE, RED, GREEN, GOLD, GREY = "#31688e", "#d1495b", "#35b779", "#edae49", "0.6"

# %% [markdown]
# ## 1. Your clock
#
# **Predict:** by which step does `time.perf_counter` move on your machine? And how many calls of a layer that takes
# 10 microseconds does a sample need, if a step may be a hundredth of it?

# %%
for clock in (time.perf_counter, time.process_time, time.time):
    step = resolution(clock)
    print(f"{clock.__name__:13} {1e9 * step:10.0f} ns; a call of 10 us needs {max(1, int(np.ceil(step / 1e-7)))} calls")

# %% [markdown]
# ## 2. Three hundred calls of the same layer
#
# Nothing changes between them but the input. **Predict:** how far apart are the quickest call, the median and the mean?
# How wide is an interval that holds the median with 95 %, and how many outliers are there?

# %%
layer = nn.Linear(256, 256)
inputs = Tensor(rng.normal(size=(64, 256)))
taken = measure_in_turn({"layer": lambda: layer(inputs)}, rounds=300)["layer"]
calls = BenchmarkResult("one call", [1e6 * s for s in taken], unit="us")
print(calls)
print(f"quickest {min(calls.values):.1f}, median {calls.median:.1f}, mean {calls.mean:.1f}, std {calls.std:.1f} us")
print("median of the first n calls, with its interval:")
for n in (10, 30, 100, 300):
    part = BenchmarkResult("", calls.values[:n], unit="us")
    print(f"  n = {n:3}: {part.median:7.2f} ({part.interval.low:.2f} to {part.interval.high:.2f}), std {part.std:.2f}")


# %%
def draw_calls(ax):
    bins = np.geomspace(0.95 * min(calls.values), 1.05 * max(calls.values), 70)
    ax.hist(calls.values, bins=bins, color=BLUE, alpha=0.35)
    low, high, _ = calls.interval
    ax.axvspan(low, high, color=RED, alpha=0.35, linewidth=0)
    marks = (("quickest", min(calls.values), GREEN), ("median", calls.median, RED), ("mean", calls.mean, GOLD))
    for i, (name, at, colour) in enumerate(marks):
        ax.axvline(at, color=colour, linewidth=1.2)
        ax.text(at, 0.97 - 0.08 * i, f" {name} {at:.1f}", color=colour, transform=ax.get_xaxis_transform(), fontsize=8)
    ax.set(xscale="log", xlabel="microseconds", ylabel="calls")
    ax.set_title(f"One layer, {calls.count} calls: {len(calls.outliers)} outliers")


fig, ax = plt.subplots(figsize=(5.4, 3), layout="constrained")
draw_calls(ax)
plt.show()

# %% [markdown]
# ## 3. Which intervals hold the truth?
#
# Here times are drawn from a distribution with a known median: a floor, a long tail, and an interruption now and then.
# For every n a thousand experiments are made, and four kinds of 95 % intervals are asked whether they hold the true
# median. **Predict** the share of each.

# %%
EXPERIMENTS = 1000
SIZES = (6, 10, 20, 40, 80, 160)


def drawn_times(*shape):
    """Floor 1, a lognormal tail with median 1, and in 5 % of calls an interruption; the median of all is `TRUE`."""
    interrupted = rng.random(shape) < 0.05
    return 1 + rng.lognormal(0, 0.9, shape) + np.where(interrupted, rng.uniform(10, 30, shape), 0)


TRUE = float(np.median(drawn_times(500_000)))


def order_statistics(rows):
    return np.array([median_interval(row)[:2] for row in rows])


def standard_errors(rows):
    middle, reach = rows.mean(axis=1), 1.96 * rows.std(axis=1, ddof=1) / np.sqrt(rows.shape[1])
    return np.stack([middle - reach, middle + reach], axis=1)


def two_deviations(rows):
    middle, reach = rows.mean(axis=1), 2 * rows.std(axis=1, ddof=1)
    return np.stack([middle - reach, middle + reach], axis=1)


def without_outliers(rows):
    """Standard errors again, of what is left when everything outside Tukey's fences is dropped."""
    first, third = np.quantile(rows, [0.25, 0.75], axis=1, keepdims=True)
    kept = np.where(np.abs(rows - (first + third) / 2) <= 2 * (third - first), rows, np.nan)
    middle = np.nanmean(kept, axis=1)
    reach = 1.96 * np.nanstd(kept, axis=1, ddof=1) / np.sqrt((~np.isnan(kept)).sum(axis=1))
    return np.stack([middle - reach, middle + reach], axis=1)


KINDS = {
    "order statistics": (order_statistics, BLUE),
    "mean, 2 standard errors": (standard_errors, RED),
    "the same without outliers": (without_outliers, GOLD),
    "mean, 2 standard deviations": (two_deviations, GREY),
}
held, width = {name: [] for name in KINDS}, {name: [] for name in KINDS}
for n in SIZES:
    rows = drawn_times(EXPERIMENTS, n)
    for name, (interval, _) in KINDS.items():
        bounds = interval(rows)
        held[name].append(((bounds[:, 0] <= TRUE) & (bounds[:, 1] >= TRUE)).mean())
        width[name].append(np.median(bounds[:, 1] - bounds[:, 0]))
print(f"{'n':>29}", *(f"{n:>12}" for n in SIZES))
for name in KINDS:
    cells = (f"{100 * h:5.1f}% ±{w / 2:5.2f}" for h, w in zip(held[name], width[name], strict=True))
    print(f"{name:>29}", *cells)


# %%
def draw_coverage(ax):
    for name, (_, colour) in KINDS.items():
        ax.plot(SIZES, [100 * h for h in held[name]], "o-", color=colour, markersize=3, label=name)
    ax.axhline(95, color="0.3", linewidth=0.8, linestyle=":")
    ax.set(xscale="log", xlabel="samples n", ylabel="holds the true median, %", ylim=(0, 103))
    ax.set_xticks(SIZES, [str(n) for n in SIZES])
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize=7, loc="lower left")
    ax.set_title(f"What 95 % is worth ({EXPERIMENTS:,} experiments)")


fig, ax = plt.subplots(figsize=(5.4, 3), layout="constrained")
draw_coverage(ax)
plt.show()

# %% [markdown]
# An interval of two standard deviations holds nearly everything, because it is about single calls: it does not become
# narrower with n, so it tells nothing about the median. The interval of the mean becomes narrower and holds less and
# less: it closes in on another number.
#
# ## 4. Two equal programs on a machine that becomes slower
#
# Time here is simulated, so the truth is known: both programs take 10 ms. The machine gets warm and loses up to a third
# of its speed, in another way in every experiment. Forty samples of each are taken, all of one and then all of the
# other, or in turn. **Predict:** in how many of 200 experiments does each way claim a difference, at the level of 5 %?


# %%
class WarmingMachine:
    """A clock whose work takes longer and longer, and is interrupted now and then."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.now, self.heat, self.limit = 0.0, 0.0, self.rng.uniform(0.05, 0.35)

    def clock(self):
        self.now += 1e-7
        return self.now

    def work(self):
        self.heat += (self.limit - self.heat) * 0.02
        interrupted = 4.0 if self.rng.random() < 0.03 else 1.0
        self.now += 0.01 * (1 + self.heat) * (1 + 0.03 * self.rng.exponential()) * interrupted


def one_after_the_other(machine, seed):
    runs = [measure_in_turn({"run": machine.work}, rounds=40, clock=machine.clock)["run"] for _ in range(2)]
    return Comparison(*runs)


def in_turn(machine, seed):
    return compare(machine.work, machine.work, pairs=40, clock=machine.clock, seed=seed)


found = {
    "one after the other": [one_after_the_other(WarmingMachine(i), i) for i in range(200)],
    "in turn": [in_turn(WarmingMachine(i), i) for i in range(200)],
}
for name, pairs in found.items():
    speedups = [p.speedup for p in pairs]
    alarms = sum(p.p_value <= 0.05 for p in pairs)
    apparent = f"apparent speedups from {min(speedups):.3f} to {max(speedups):.3f}"
    print(f"{name:>20}: {alarms} of 200 see a difference; {apparent}")


# %%
def draw_drift(ax):
    bins = np.linspace(0.75, 1.06, 63)
    for (name, pairs), colour in zip(found.items(), (RED, BLUE), strict=True):
        alarms = sum(p.p_value <= 0.05 for p in pairs)
        label = f"{name}: {alarms} false alarms"
        ax.hist([p.speedup for p in pairs], bins=bins, color=colour, alpha=0.55, label=label)
    ax.axvline(1, color="0.3", linewidth=0.8, linestyle=":")
    ax.set(xlabel="apparent speedup of an equal program", ylabel="experiments of 200")
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    ax.set_title("The same comparison, in two orders")


fig, ax = plt.subplots(figsize=(5.4, 3), layout="constrained")
draw_drift(ax)
plt.show()

# %% [markdown]
# ## 5. The course's models
#
# A network that reads digits, and what assignments 15 and 16 make of it, in a few lines each: weights stored as int8;
# the smallest weights set to zero and the rest stored as pairs of index and number; the hidden layer cut to its
# strongest units; two thin matrices in place of a wide one. Beside them a smaller network that was trained as it is.
#
# **Predict:** which of them are on the front of accuracy, latency and bytes? Which ones become faster, which smaller?

# %%
train, test = TinyDigits(train=True), TinyDigits(train=False)
images, labels = (t.data for t in test.gather(np.arange(len(test))))


def trained(hidden, epochs=20):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))
    optimizer = Adam(model.parameters(), lr=3e-3)
    for _ in range(epochs):
        for x, y in DataLoader(train, batch_size=64, shuffle=True, seed=1):
            cross_entropy(model(x), y).backward()
            optimizer.step()
            optimizer.zero_grad()
    return model.eval()


def layers_of(model):
    return [(m.weight.data, m.bias.data) for m in model if isinstance(m, nn.Linear)]


def mlp(layers):
    """A network with these weights and biases, each weight one matrix or a list of them that are multiplied in turn."""
    parts = [nn.Flatten()]
    for weights, bias in layers:
        chain = weights if isinstance(weights, list) else [weights]
        for i, weight in enumerate(chain):
            linear = nn.Linear(*weight.shape, bias=i == len(chain) - 1)
            linear.weight.data[...] = weight
            if linear.bias is not None:
                linear.bias.data[...] = bias
            parts.append(linear)
        parts.append(nn.ReLU())
    return nn.Sequential(*parts[:-1]).eval()


def int8(layers):
    """Weights rounded to 255 levels a column -> layers, bytes."""
    rounded = []
    for weight, bias in layers:
        scale = np.abs(weight).max(axis=0) / 127
        rounded.append((np.rint(weight / scale) * scale, bias))
    return rounded, sum(w.size + 4 * (w.shape[1] + b.size) for w, b in layers)


def pruned(layers, keep):
    """The largest share `keep` of the weights, stored as number and place (2 bytes each) -> layers, bytes."""
    cut = [np.quantile(np.abs(w), 1 - keep) for w, _ in layers]
    left = [(np.where(np.abs(w) >= c, w, 0), b) for (w, b), c in zip(layers, cut, strict=True)]
    return left, sum(6 * np.count_nonzero(w) + 4 * b.size for w, b in left)


def cut(layers, units):
    """The hidden units with the longest ways in and out -> layers, bytes."""
    (first, bias), (second, last) = layers
    strength = np.linalg.norm(first, axis=0) * np.linalg.norm(second, axis=1)
    best = np.sort(np.argsort(strength)[-units:])
    left = [(first[:, best], bias[best]), (second[best], last)]
    return left, sum(4 * (w.size + b.size) for w, b in left)


def thin(layers, rank):
    """The first weight as a product of two thin ones (SVD) -> layers, bytes."""
    (first, bias), second = layers
    u, s, v = np.linalg.svd(first, full_matrices=False)
    left = [([u[:, :rank] * s[:rank], v[:rank]], bias), second]
    return left, 4 * (rank * sum(first.shape) + bias.size + second[0].size + second[1].size)


base = layers_of(trained(256))
small = layers_of(trained(24))
variants = {
    "float32": (base, sum(4 * (w.size + b.size) for w, b in base)),
    "int8": int8(base),
    "pruned to 20 %": pruned(base, 0.2),
    "64 units kept": cut(base, 64),
    "rank 12": thin(base, 12),
    "24 units, trained": (small, sum(4 * (w.size + b.size) for w, b in small)),
}
models = {name: mlp(layers) for name, (layers, _) in variants.items()}

samples = measure_in_turn(
    {name: (lambda x, model=model: model(x)) for name, model in models.items()},
    draw=lambda: (Tensor(images[rng.permutation(len(images))[:256]]),),
    rounds=40,
)
points = {
    name: {
        "accuracy": measure_accuracy(models[name], (images, labels)),
        "milliseconds": 1e3 * float(np.median(samples[name])),
        "bytes": size,
    }
    for name, (_, size) in variants.items()
}
front = pareto_front(points, {"accuracy": "max", "milliseconds": "min", "bytes": "min"})
for name, point in points.items():
    pair = Comparison(samples["float32"], samples[name])
    print(
        f"{name:>18}: {100 * point['accuracy']:5.1f} %, {point['milliseconds']:6.3f} ms, {point['bytes']:7,} bytes"
        f"{'  front' if name in front else '       '}  {'' if name == 'float32' else pair}"
    )


# %%
def draw_front(ax):
    for i, (name, point) in enumerate(points.items()):
        on = name in front
        spread = BenchmarkResult("", [1e3 * s for s in samples[name]]).interval
        size = 900 * point["milliseconds"] / max(p["milliseconds"] for p in points.values())
        ax.scatter(point["bytes"], 100 * (1 - point["accuracy"]), s=size, color=BLUE if on else GREY, alpha=0.5)
        text = f"{name}\n{spread.low:.2f} to {spread.high:.2f} ms"
        at = (point["bytes"], 100 * (1 - point["accuracy"]))
        ax.annotate(text, at, xytext=(0, -30 if i % 2 else 15), textcoords="offset points", ha="center", fontsize=6.5)
    ax.set(xscale="log", xlabel="bytes", ylabel="test images wrong, %")
    ax.margins(0.18, 0.22)
    ax.set_title("Bytes, mistakes and (area) time; the front is blue")


fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
draw_front(ax)
plt.show()

# %% [markdown]
# ## 6. A cache, compared in pairs
#
# Assignment 17 keeps keys and values. Here is the idea in a few lines, for a text that only grows. It changes no
# answer, so the accuracy is the same; it costs memory. **Predict** its speedup for 64 tokens.


# %%
class KeepingDecoder:
    """`GPT.decoder` that sends new tokens only, and joins their keys and values to the old ones."""

    def __init__(self, model):
        self.model, self.count, self.kept = model, 0, [None] * len(model.blocks)

    def __call__(self, ids):
        known, self.count = self.count, ids.shape[1]
        new = self.count - known
        with evaluation(self.model):
            x = self.model.embed(ids[:, known:], known)
            for i, block in enumerate(self.model.blocks):
                q, k, v = block.attention.project(block.ln1(x))
                if known:
                    k, v = (cat([old, one], dim=2) for old, one in zip(self.kept[i], (k, v), strict=True))
                self.kept[i] = (k, v)
                mask = None if new == 1 else causal_mask(new, self.count, known)
                x = block.transform(x + block.attention.combine(block.attention.attend(q, k, v, mask)))
            return self.model.lm_head(self.model.ln_f(x[:, -1])).data


gpt = nn.GPT(vocab_size=64, embed_dim=96, num_layers=2, num_heads=4, max_seq_len=96).eval()


def write(prompt, decoder):
    gpt.decoder = decoder
    return gpt.generate(prompt, 64, temperature=0).data


def plain(prompt):
    return write(prompt, None)


def cached(prompt):
    return write(prompt, KeepingDecoder(gpt))


prompt = rng.integers(0, 64, size=(1, 8))
assert (plain(prompt) == cached(prompt)).all()
with_cache = compare(plain, cached, draw=lambda: (rng.integers(0, 64, size=(1, 8)),), pairs=12, warmup=1)
print(with_cache)
bytes_kept = 2 * 2 * 72 * 96 * 4
print(f"keys and values of 72 positions: {bytes_kept:,} bytes")


# %%
def draw_pairs(ax):
    plain_ms, cached_ms = (1e3 * np.array(s) for s in (with_cache.baseline, with_cache.candidate))
    for a, b in zip(plain_ms, cached_ms, strict=True):
        ax.plot([0, 1], [a, b], "o-", color=BLUE, alpha=0.4, markersize=3)
    low, high, _ = with_cache.interval
    ax.set(xticks=[0, 1], ylabel="ms for 64 tokens", ylim=(0, None), xlim=(-0.4, 1.4))
    ax.set_xticklabels(["no cache", "cache"])
    ax.set_title(f"{with_cache.speedup:.1f} times the speed ({low:.1f} to {high:.1f})")


# %% [markdown]
# ## 7. A report, and one page
#
# The same model in the form of MLPerf: latencies of single queries, samples a second, and a target of accuracy. The
# page after it belongs into your reflection.

# %%
perf = MLPerf(workloads={"digits": Workload("digits", images, labels, target=0.9)})
results = {}
for name in ("float32", "24 units, trained"):
    results[name] = perf.run_standard_benchmark(models[name], "digits", num_runs=200)
print(perf.generate_compliance_report(results, "mlperf_report.json"))

page = plt.figure(figsize=(12, 9.6), layout="constrained")
panels = page.subplot_mosaic([["calls", "coverage"], ["drift", "front"], ["pairs", "front"]])
draw_calls(panels["calls"])
draw_coverage(panels["coverage"])
draw_drift(panels["drift"])
draw_front(panels["front"])
draw_pairs(panels["pairs"])
plt.show()
