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
# # Lab 20: a model in production
#
# The tests say that your code is right. This lab shows what it is good for: how small a drift is found and how often an
# alarm is none, what looking too early does to an experiment, what a loop is worth on a stream that drifts, what a
# registry remembers of all that, and which of your models nobody beats. Write `tinytorch/mlops/` and
# `tinytorch/olympics.py` first; `tito check` tells how far you are. After you change a file, restart the kernel and run
# from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import copy
import tempfile
import time

import matplotlib.pyplot as plt
import numpy as np
from tinytorch import nn, optim
from tinytorch.core.tensor import Tensor, manual_seed
from tinytorch.data import TinyDigits
from tinytorch.mlops import ABTest, DriftDetector, ModelRegistry, RetrainingTrigger
from tinytorch.mlops.drift import bin_counts, bin_edges, index_of
from tinytorch.olympics import SimpleMLP, enter, pareto, rank
from tinytorch.perf.quantization import quantize_model

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
manual_seed(20)
rng = np.random.default_rng(20)
BLUE, RED, GREEN, GREY = "#31688e", "#d1495b", "#35b779", "0.6"

# %% [markdown]
# ## 1. How small a drift is found
#
# A reference of 1,000 rows, windows of 100, six features of which one moves by a part of its deviation. Both detectors
# are asked for at most one false alarm in a hundred windows.
#
# **Predict:** from which shift on are nine of ten windows found? Which detector is better here: the one that compares
# whole distributions, or the one that compares ten bins?

# %%
N, M, FEATURES, ALPHA = 1000, 100, 6, 0.01
SHIFTS = np.array([0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0])


def share_of_alarms(method, shift=0.0, scale=1.0, windows=60, each=20, m=M):
    """Share of windows that raise an alarm when feature 0 is moved and stretched; a new reference for every `each`."""
    alarms = 0
    for start in range(0, windows, each):
        detector = DriftDetector(rng.normal(size=(N, FEATURES)), method, ALPHA)
        for _ in range(min(each, windows - start)):
            live = rng.normal(size=(m, FEATURES))
            live[:, 0] = live[:, 0] * scale + shift
            alarms += detector.check(live).drifted
    return alarms / windows


SCALES = np.array([1, 1.2, 1.4, 1.7, 2.0, 2.5])
moved = {method: [share_of_alarms(method, shift=s) for s in SHIFTS] for method in ("ks", "psi")}
stretched = {method: [share_of_alarms(method, scale=s) for s in SCALES] for method in ("ks", "psi")}
for method, shares in moved.items():
    print(method, "moved    ", "  ".join(f"{s:.2f}: {share:4.0%}" for s, share in zip(SHIFTS, shares, strict=True)))
for method, shares in stretched.items():
    print(method, "stretched", "  ".join(f"{s:.2f}: {share:4.0%}" for s, share in zip(SCALES, shares, strict=True)))

# %%
COLOURS = {"ks": BLUE, "psi": GREEN}


def draw_power(ax, x, found, label):
    for method, shares in found.items():
        ax.plot(x, shares, "o-", color=COLOURS[method], markersize=3, label=method)
    ax.axhline(ALPHA, color=GREY, linestyle="--", linewidth=1)
    ax.set(xlabel=label, ylabel="share of windows", ylim=(-0.03, 1.05))
    ax.legend(frameon=False, fontsize=8)


fig, axes = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
draw_power(axes[0], SHIFTS, moved, "shift, deviations")
axes[0].set_title("A feature moves")
draw_power(axes[1], SCALES, stretched, "deviation, times")
axes[1].set_title("A feature spreads")
plt.show()

# %% [markdown]
# A stretched feature keeps its middle. The Kolmogorov statistic is weakest far out, where both distribution functions
# are near 0 or 1, and bins look everywhere alike. No detector is best for every drift.
#
# ## 2. The threshold of the handbook
#
# **Predict:** windows *without* drift: how many of them have an index above 0.2 if they have 50 rows? 1,000 rows?

# %%
SIZES = [30, 50, 100, 200, 500, 1000]


def index_without_drift(m, windows=400):
    """The index of so many windows of m from the reference's own distribution; a new reference for every 40."""
    values = []
    for _ in range(windows // 40):
        reference = rng.normal(size=N)
        edges = bin_edges(reference)
        counts = np.stack([bin_counts(rng.normal(size=m), edges) for _ in range(40)])
        values.append(index_of(bin_counts(reference, edges), counts))
    return np.concatenate(values)


by_size = {m: index_without_drift(m) for m in SIZES}
detector = DriftDetector(rng.normal(size=N), "psi", ALPHA)
calibrated = [float(np.quantile(detector._no_drift(0, m), 1 - ALPHA)) for m in SIZES]
for m, threshold in zip(SIZES, calibrated, strict=True):
    values = by_size[m]
    print(
        f"m = {m:4}: above 0.2 {np.mean(values > 0.2):5.1%}, above the drawn threshold {threshold:.3f}"
        f" {np.mean(values > threshold):5.1%}"
    )


# %%
def draw_thresholds(ax):
    for m in SIZES:
        ax.plot(np.full(len(by_size[m]), m), by_size[m], ".", color=GREY, markersize=2, alpha=0.3)
    ax.loglog(SIZES, calibrated, "o-", color=GREEN, markersize=3, label="drawn, 1 %")
    ax.axhline(0.2, color=RED, linestyle="--", linewidth=1, label="handbook")
    ax.set(xlabel="rows of a window", ylabel="index without drift", title="What chance does", ylim=(1e-3, 2))
    ax.legend(frameon=False, fontsize=8)


fig, ax = plt.subplots(figsize=(4.5, 2.9), layout="constrained")
draw_thresholds(ax)
plt.show()

# %% [markdown]
# ## 3. Peeking
#
# Two arms with the same rate, 20 %. Somebody looks ten times and stops at the first |z| above 1.96. Somebody else has
# planned ten looks.
#
# **Predict:** how many of 100 such experiments end with a winner, for the one and for the other?

# %%
LOOKS, EXPERIMENTS = 10, 400
planned = {1: ABTest("x", 0.2, 0.05), LOOKS: ABTest("x", 0.2, 0.05, looks=LOOKS)}
step = planned[LOOKS].planned // LOOKS


def z_paths(lift, count):
    """z after each of LOOKS equal steps: (count, LOOKS)."""
    a = rng.binomial(step, 0.2, (count, LOOKS)).cumsum(axis=1)
    b = rng.binomial(step, 0.2 + lift, (count, LOOKS)).cumsum(axis=1)
    n = step * np.arange(1, LOOKS + 1)
    pooled = (a + b) / (2 * n)
    return (b - a) / n / np.sqrt(pooled * (1 - pooled) * 2 / n)


def outcomes(lift, looks):
    """Share of experiments with a winner, and the mean number of trials an arm when each ends at its verdict."""
    decided, trials = 0, 0
    for _ in range(EXPERIMENTS):
        test = ABTest("x", 0.2, 0.05, looks=looks)
        part = test.planned // looks
        while test.verdict().state == "running":
            test.add("a", int(rng.binomial(part, 0.2)), part)
            test.add("b", int(rng.binomial(part, 0.2 + lift)), part)
        decided += test.verdict().state != "undecided"
        trials += test.trials["a"]
    return decided / EXPERIMENTS, trials / EXPERIMENTS


paths = z_paths(0.0, EXPERIMENTS)
peeked = [(np.abs(paths[:, :k]) > 1.96).any(axis=1).mean() for k in range(1, LOOKS + 1)]
print(f"a winner without a difference: {peeked[0]:.1%} after one look, {peeked[-1]:.1%} after ten uncorrected ones")
table = {(lift, looks): outcomes(lift, looks) for lift in (0.0, 0.05) for looks in (1, LOOKS)}
for (lift, looks), (share, trials) in table.items():
    print(
        f"lift {lift:.2f}, {looks:2} planned looks: {share:5.1%} with a winner, {trials:6.0f} trials an arm on average"
    )


# %%
def draw_paths(ax):
    x = np.arange(1, LOOKS + 1)
    crossed = (np.abs(paths[:40]) > 1.96).any(axis=1)
    for path, bad in zip(paths[:40], crossed, strict=True):
        ax.plot(x, path, color=RED if bad else GREY, linewidth=0.7, alpha=0.9 if bad else 0.5)
    for height, colour in ((1.96, RED), (2.555, BLUE)):
        for side in (-1, 1):
            ax.axhline(side * height, color=colour, linestyle="--", linewidth=1)
    ax.set(xlabel="look", ylabel="z", title="40 experiments without a difference")


def draw_peeking(ax):
    ax.plot(np.arange(1, LOOKS + 1), peeked, "o-", color=RED, markersize=3, label="stop when it looks good")
    ax.plot([1, LOOKS], [table[0.0, 1][0], table[0.0, LOOKS][0]], "s", color=BLUE, markersize=5, label="planned")
    ax.axhline(0.05, color=GREY, linestyle="--", linewidth=1)
    ax.set(xlabel="looks", ylabel="wrong verdicts", title="Peeking", ylim=(0, None))
    ax.legend(frameon=False, fontsize=8)


fig, axes = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
draw_paths(axes[0])
draw_peeking(axes[1])
plt.show()

# %% [markdown]
# ## 4. The loop
#
# Two classes whose centres stand still for a while and then go around the origin. One model stays as it was trained,
# the other one is looked after by a `RetrainingTrigger`.
#
# **Predict:** draw both accuracies. Which is lowest when, and why does the loop not follow without any loss?

# %%
CALM, WINDOWS, ROWS = 12, 60, 200


def stream():
    for t in range(WINDOWS):
        turn = 2 * np.pi * max(0, t - CALM) / (WINDOWS - CALM)
        y = rng.integers(0, 2, ROWS)
        away = np.where(y == 1, 1.5, -1.5)[:, None] * [np.cos(turn), np.sin(turn)]
        yield rng.normal(size=(ROWS, 2)) + away + [0.04 * max(0, t - CALM), 0.0], y


def train(X, y):
    return {"centres": np.stack([X[y == label].mean(axis=0) for label in (0, 1)])}


def predict(arrays, X):
    return ((X[:, None] - arrays["centres"]) ** 2).sum(axis=2).argmin(axis=1)


first, *live = stream()
folder = tempfile.TemporaryDirectory()
registry = ModelRegistry(folder.name)
registry.promote("clouds", registry.register("clouds", train(*first)))
loop = RetrainingTrigger(registry, "clouds", train, predict, first[0], accuracy_below=0.88, cooldown=2.0)
stays, follows, in_use = [], [], []
for t, (X, y) in enumerate(live):
    stays.append(np.mean(predict(train(*first), X) == y))
    follows.append(np.mean(predict(registry.load("clouds")[0], X) == y))
    loop.observe(X, y, when=float(t))
    in_use.append(registry.current("clouds"))
late = slice(CALM, None)
right = [f"{np.mean(accuracy[late]):.1%}" for accuracy in (stays, follows)]
print(f"after the calm: {right[0]} right if the model stays, {right[1]} with the loop")
print(f"{len(loop.events)} retrainings ({', '.join(e.reason for e in loop.events)}), {in_use[-1]} in use at the end")


# %%
def draw_loop(ax):
    ax.plot(stays, color=RED, label="stays")
    ax.plot(follows, color=BLUE, label="with the loop")
    for event in loop.events:
        ax.plot(event.when, 1.03, "v" if event.promoted else "x", color=BLUE if event.promoted else GREY, markersize=4)
    ax.axvline(CALM - 1, color=GREY, linestyle="--", linewidth=1)
    ax.set(xlabel="window", ylabel="accuracy", title="A drifting stream", ylim=(0, 1.08))
    ax.legend(frameon=False, fontsize=8, loc="lower left")


fig, ax = plt.subplots(figsize=(6, 2.9), layout="constrained")
draw_loop(ax)
plt.show()

# %% [markdown]
# ## 5. What the registry remembers
#
# Somebody does not trust the last version, rolls back twice, and promotes another one. Registering and promoting wait
# for the disk; look at how long.
#
# **Predict:** which version is in use after these three steps?

# %%
start = time.perf_counter()
steps = [registry.rollback("clouds"), registry.rollback("clouds")]
registry.promote("clouds", 1)
print(f"rolled back to {steps}, then 1: {registry.current('clouds')} in use;")
print(f"{(time.perf_counter() - start) / 3 * 1e3:.1f} ms a step")
history = registry.history("clouds")


def draw_history(ax):
    versions = [p.version for p in history]
    ax.step(range(len(history)), versions, where="post", color=GREY, linewidth=1)
    for kind, colour, mark in (("promote", BLUE, "o"), ("rollback", RED, "v")):
        at = [i for i, p in enumerate(history) if p.kind == kind]
        ax.plot(at, [versions[i] for i in at], mark, color=colour, markersize=5, label=kind, linestyle="none")
    ax.set(xlabel="entry of the history", ylabel="version in use", title="The registry's timeline")
    ax.legend(frameon=False, fontsize=8)


fig, ax = plt.subplots(figsize=(4.5, 2.9), layout="constrained")
draw_history(ax)
plt.show()

# %% [markdown]
# ## 6. Your entries
#
# A classifier of TinyDigits as the baseline, and some that are smaller, all trained alike; each once more in eight
# bits. All are measured and ranked.
#
# **Predict:** which one wins all around? Does eight bits help a model of this size in time?


# %%
def digits(part):
    data = TinyDigits(train=part == "train")
    images, labels = zip(*[data[i] for i in range(len(data))], strict=True)
    return np.stack([np.asarray(x).reshape(-1) for x in images]).astype("float32"), np.array([int(y) for y in labels])


(X, y), (X_test, y_test) = digits("train"), digits("test")


def trained(hidden, epochs=12):
    model = SimpleMLP(64, hidden, 10)
    optimizer, loss = optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss()
    for _ in range(epochs):
        for rows in np.split(rng.permutation(len(X)), range(64, len(X), 64)):
            optimizer.zero_grad()
            loss(model(Tensor(X[rows])), y[rows]).backward()
            optimizer.step()
    return model.eval()


baseline = trained(256)
entries = [enter("256", baseline, baseline, X_test, y_test, pairs=15)]
for hidden in (96, 32, 12):
    model = trained(hidden)
    small = quantize_model(copy.deepcopy(model))
    entries.append(enter(f"{hidden}", model, baseline, X_test, y_test, pairs=15))
    entries.append(enter(f"{hidden}, int8", small, baseline, X_test, y_test, ["int8"], 15))
front = pareto(entries)
for place in rank(entries, entries[0]):
    e = place.entry
    figures = f"{e.accuracy:.1%} right  time {e.latency_ratio:.2f}  {e.memory_bytes / 1024:6.0f} KB memory"
    stored = f"{e.size_bytes / 1024:6.1f} KB stored {'front' if e.name in front else ''}"
    print(f"{place.place or '-':>2}  {e.name:9} {place.score:6.2f} points  {figures}  {stored}")


# %%
def draw_entries(ax):
    for e in entries:
        ax.plot(e.size_bytes / 1024, 100 * e.accuracy, "o", color=BLUE if e.name in front else GREY, markersize=5)
        ax.annotate(e.name, (e.size_bytes / 1024, 100 * e.accuracy), (3, 3), textcoords="offset points", fontsize=7)
    ax.axhline(100 * (entries[0].accuracy - 0.01), color=RED, linestyle="--", linewidth=1)
    ax.set(xlabel="KB stored", ylabel="% right", title="Entries; blue: nobody beats them", xscale="log")


fig, ax = plt.subplots(figsize=(4.5, 2.9), layout="constrained")
draw_entries(ax)
plt.show()

# %% [markdown]
# ## 7. One page
#
# What is found, what chance does, what impatience costs, what the loop is worth, what is remembered, what competes.
# This figure belongs into your reflection.

# %%
fig, axes = plt.subplots(2, 3, figsize=(11, 5.8), layout="constrained")
draw_power(axes[0, 0], SHIFTS, moved, "shift, deviations")
axes[0, 0].set_title("Power at level 1 %")
draw_thresholds(axes[0, 1])
draw_peeking(axes[0, 2])
draw_loop(axes[1, 0])
draw_history(axes[1, 1])
draw_entries(axes[1, 2])
plt.show()
folder.cleanup()
