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
# # Lab 14: where it goes
#
# Counting needs no clock and is exact. Measuring needs one and never is. This lab does both on a CNN and a small GPT:
# it draws where FLOPs and seconds go, layer by layer, finds the two ceilings of your machine and puts every op under
# them, looks at what a clock really says, and follows the memory of a training step. Write
# `tinytorch/perf/profiling.py` first; `tito check` tells how far you are. After you change that file, restart the
# kernel and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import threading
import time
import tracemalloc
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from tinytorch import nn
from tinytorch.core.losses import cross_entropy
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor, manual_seed
from tinytorch.core.transformers import next_token_loss
from tinytorch.perf.profiling import Latency, Profiler, roofline

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
manual_seed(14)
rng = np.random.default_rng(14)
BLUE, RED, GREEN, GOLD, GREY = "#31688e", "#d1495b", "#35b779", "#edae49", "0.6"
profiler = Profiler()

# %% [markdown]
# ## 1. Counting
#
# Two models. **Predict**, with a pencil: how many FLOPs has the first convolution below for one image, and the second?
# How many parameters have they? Which layer of the CNN has most of the parameters, and which most of the FLOPs? In the
# GPT, which is more work at 64 tokens: both products of attention, or one of the two linear layers of an MLP?

# %%
cnn = nn.Sequential(
    nn.Conv2d(3, 16, 5, padding=2),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1),
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(32 * 8 * 8, 128),
    nn.ReLU(),
    nn.Linear(128, 10),
)
gpt = nn.GPT(vocab_size=96, embed_dim=128, num_layers=3, num_heads=4, max_seq_len=64)
images = Tensor(rng.normal(size=(32, 3, 32, 32)))
labels = rng.integers(0, 10, size=32)
tokens = rng.integers(0, 96, size=(8, 64))
MODELS = {"CNN": (cnn, images), "GPT": (gpt, tokens)}

for name, (model, x) in MODELS.items():
    work = profiler.count_work(model, x)
    print(
        f"{name}: {profiler.count_parameters(model):9,} parameters, {work.total / 1e6:7.1f} MFLOP a batch of {len(x)},"
        f" {100 * work.products / work.total:.1f} % of them in products; {profiler.count_bytes(model, x) / 1e6:.1f} MB"
        " moved"
    )

first = 2 * 16 * 32 * 32 * (5 * 5 * 3)  # outputs times window, twice
print(f"\nthe first convolution by hand: {first:,} FLOPs an image and {16 * 32 * 32:,} for the bias")
print(f"counted:                       {profiler.count_flops(cnn[0], (1, 3, 32, 32)):,}")

# %% [markdown]
# ## 2. Icicles
#
# Each rectangle is a layer, as wide as its share; below it the layers inside. What is left over at the right is the
# layer's own. The upper picture is about FLOPs and the same on every machine; the lower one is about seconds, on yours.
#
# **Predict:** which layers will be much wider in the lower picture?

# %%
SHADES = {
    "Linear": BLUE,
    "Conv2d": BLUE,
    "TiedHead": BLUE,
    "MultiHeadAttention": GREEN,
    "MLP": "#5ec962",
    "LayerNorm": GOLD,
    "BatchNorm2d": GOLD,
    "GELU": RED,
    "ReLU": RED,
    "MaxPool2d": "#8c564b",
    "TransformerBlock": "#a6bddb",
}


def quickest(layers):
    """One tree out of those of several runs: each layer's own time is its quickest, wherever other runs paused."""
    own = min(layer.own_seconds for layer in layers)
    children = tuple(quickest(same) for same in zip(*(layer.children for layer in layers), strict=True))
    seconds = own + sum(child.seconds for child in children)
    return replace(layers[0], own_seconds=own, seconds=seconds, children=children)


def undisturbed(model, x, times=25):
    """(tree, ops) of a model from several runs, each layer and each op with the quickest of its times."""
    runs = [profiler.profile(model, x) for _ in range(times)]
    ops = [min(same, key=lambda op: op.end - op.start) for same in zip(*(run.ops for run in runs), strict=True)]
    return quickest([run.root for run in runs]), ops


def draw_icicle(ax, root, measure, unit, title):
    """Rectangles from the root down; `measure` is what a layer's width shows, with the layers inside."""

    def place(layer, left, depth, above):
        width = measure(layer)
        shade = SHADES.get(layer.kind, "0.85")
        ax.barh(-depth, width, 0.94, left, color=shade, edgecolor="white", linewidth=0.8)
        name = layer.path.removeprefix(above + ".")
        label = f"{name} {layer.kind}".strip() if not name or name.isdigit() else name
        if 0.0065 * len(label) * measure(root) < width:
            dark = shade in (BLUE, RED, "#8c564b")
            ink = "white" if dark else "black"
            ax.text(left + width / 2, -depth, label, ha="center", va="center", fontsize=7, color=ink)
        for child in layer.children:
            place(child, left, depth + 1, layer.path)
            left += measure(child)

    place(root, 0.0, 0, "")
    ax.set(yticks=[], xlabel=unit, title=title, xlim=(0, measure(root)))
    ax.spines["left"].set_visible(False)


found = {name: undisturbed(model, x) for name, (model, x) in MODELS.items()}


def draw_both(axes, name):
    root = found[name][0]
    draw_icicle(axes[0], root, lambda layer: layer.work.total / 1e6, "MFLOP", f"{name}: FLOPs")
    draw_icicle(axes[1], root, lambda layer: 1e3 * layer.seconds, "ms", f"{name}: time")


for name in MODELS:
    fig, axes = plt.subplots(2, 1, figsize=(11, 4.6), layout="constrained")
    draw_both(axes, name)
    plt.show()

# %%
print(profiler.profile(*MODELS["CNN"]))
print(f"\n{'share of':30} {'FLOPs':>6} {'time':>6}")
for name, (root, _) in found.items():
    shares = {}
    for _, layer in root.walk():
        if not layer.children:
            flops, seconds = shares.get(layer.kind, (0, 0.0))
            shares[layer.kind] = flops + layer.work.total, seconds + layer.seconds
    for kind, (flops, seconds) in sorted(shares.items(), key=lambda item: -item[1][1])[:5]:
        print(f"{name} {kind:26} {flops / root.work.total:6.1%} {seconds / root.seconds:6.1%}")

# %% [markdown]
# ## 3. The roof over it
#
# Two ceilings of this machine, measured: a large product, a large copy. Then three kinds of points: the ops of both
# models; a linear layer with more and more rows in the batch; and ReLU on larger and larger arrays.
#
# **Predict:** a linear layer (512, 512) on one row reads a megabyte of weights for half a million FLOPs. On which side
# of the ridge is it? Where is it with 512 rows? And how can a ReLU run *above* the line of the bandwidth?

# %%
machine = profiler.measure_machine()
print(
    f"peak {machine.peak / 1e9:.0f} GFLOP/s, bandwidth {machine.bandwidth / 1e9:.1f} GB/s, ridge at"
    f" {machine.ridge:.1f} FLOPs a byte"
)


def measured_point(target, x):
    """(intensity, FLOP/s) of a call, by its counts and the best of its times."""
    flops, moved = profiler.count_flops(target, x), profiler.count_bytes(target, x)
    latency = profiler.measure_latency(target, x, warmup=3, iterations=15)
    return flops / moved, 1e3 * flops / latency.best


layer = nn.Linear(512, 512)
rows = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
linears = [measured_point(layer, Tensor(rng.normal(size=(n, 512)))) for n in rows]
lengths = [2**k for k in range(8, 24, 3)]
relus = [measured_point(nn.ReLU(), Tensor(rng.normal(size=n))) for n in lengths]
for n, (intensity, rate) in list(zip(rows, linears, strict=True))[::3]:
    print(
        f"linear on {n:4} rows: {intensity:6.1f} FLOPs a byte, {rate / 1e9:6.2f} GFLOP/s,"
        f" {rate / machine.attainable(intensity):4.0%} of what is attainable, {machine.bound(intensity)}"
    )


# %%
def draw_roofline(ax, machine):
    """The roof, and under it the ops of both models (area: share of time), linear layers and ReLUs."""
    reach = np.logspace(-2, 3, 200)
    ax.loglog(reach, [machine.attainable(i) / 1e9 for i in reach], color="black", linewidth=1.5)
    ax.axvline(machine.ridge, color=GREY, linewidth=0.8, linestyle=":")
    ax.text(machine.ridge, 330, "ridge", fontsize=7, color="0.4", ha="center")
    for (x, y), n in zip(linears, rows, strict=True):
        ax.plot(x, y / 1e9, ".", color=BLUE, markersize=4)
        if n in (1, 32, 1024):
            ax.annotate(f"{n} rows", (x, y / 1e9), (4, -9), textcoords="offset points", fontsize=6, color=BLUE)
    ax.plot(*np.array(linears).T * [[1], [1e-9]], "-", color=BLUE, linewidth=0.8, label="linear, 1 to 1,024 rows")
    ax.plot(*np.array(relus).T * [[1], [1e-9]], ".-", color=RED, markersize=4, linewidth=0.8, label="ReLU, 256 to 8 M")
    for (name, (_, ops)), colour in zip(found.items(), (GREEN, GOLD), strict=True):
        points = roofline(ops, machine)
        total = sum(p.seconds for p in points)
        for p in points:
            ax.scatter(p.intensity, p.attained / 1e9, 12 + 900 * p.seconds / total, color=colour, alpha=0.6)
            if p.seconds > 0.03 * total:
                ax.annotate(p.name, (p.intensity, p.attained / 1e9), fontsize=6, ha="center", va="center")
        ax.scatter([], [], 40, color=colour, alpha=0.6, label=f"ops of the {name} (area: time)")
    ax.set(xlabel="FLOPs a byte", ylabel="GFLOP/s", title="Under the roof", xlim=(0.02, 500), ylim=(0.004, 300))
    ax.legend(frameon=False, fontsize=7, loc="lower right", ncols=2)


fig, ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
draw_roofline(ax, machine)
plt.show()

# %% [markdown]
# ## 4. FLOPs against time
#
# About a hundred calls: linear layers, convolutions, attention, and ops that work element by element, of many sizes.
# If FLOPs were time, they would lie on one line.
#
# **Predict:** what is the quickest that any call can be, however small? By which factor do two calls with the same
# FLOPs differ at most?

# %%
kinds = {
    "linear": [(nn.Linear(a, b), (n, a)) for a in (16, 128, 512) for b in (16, 128, 512) for n in (1, 16, 128)],
    "conv2d": [
        (nn.Conv2d(c, o, k, padding=k // 2), (n, c, s, s))
        for c, o in ((3, 8), (16, 16), (16, 32))
        for k in (1, 3, 5)
        for n, s in ((1, 8), (2, 16), (4, 32))
    ],
    "attention": [(nn.MultiHeadAttention(d, 4), (1, t, d)) for d in (32, 128) for t in (8, 32, 128, 256)],
    "element by element": [
        (layer, (n,)) for layer in (nn.ReLU(), nn.GELU(), nn.Sigmoid(), nn.Softmax()) for n in 4 ** np.arange(3, 10)
    ],
}
clouds = {}
for kind, calls in kinds.items():
    cloud = []
    for target, shape in calls:
        x = Tensor(rng.normal(size=shape))
        latency = profiler.measure_latency(target, x, warmup=2, iterations=9)
        cloud.append((profiler.count_flops(target, x), float(latency)))
    clouds[kind] = np.array(cloud)
everything = np.concatenate(list(clouds.values()))
print(f"{len(everything)} calls, the quickest {1e3 * everything[:, 1].min():.1f} µs")
for low in (1e4, 1e5, 1e6, 1e7):
    among = everything[(everything[:, 0] > low) & (everything[:, 0] < 10 * low), 1]
    print(f"{low:8.0e} to {10 * low:.0e} FLOPs: {1e3 * among.min():8.1f} to {1e3 * among.max():8.1f} µs")


# %%
def draw_clouds(ax):
    for (kind, cloud), colour in zip(clouds.items(), (BLUE, GREEN, GOLD, RED), strict=True):
        ax.loglog(cloud[:, 0], 1e3 * cloud[:, 1], "o", color=colour, markersize=3.5, alpha=0.75, label=kind)
    reach = np.array([1e2, 3e8])
    ax.loglog(reach, 1e6 * reach / machine.peak, color="black", linewidth=1)
    ax.text(2e7, 1e6 * 1.2e7 / machine.peak, "at the peak", fontsize=7, rotation=38, ha="center", va="top")
    ax.set(xlabel="FLOPs", ylabel="µs (median)", title="FLOPs against time", ylim=(0.5, 3e4))
    ax.legend(frameon=False, fontsize=7, loc="upper left")


fig, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
draw_clouds(ax)
plt.show()

# %% [markdown]
# ## 5. What a clock says
#
# An MLP, once with a quiet machine and once while another thread computes now and then. Both from the very first
# call on, with no warm-up.
#
# **Predict:** how much longer does the first call take? Where will mean and median be with the other thread?

# %%
fresh = nn.Sequential(nn.Linear(784, 512), nn.GELU(), nn.Linear(512, 10))
batch = Tensor(rng.normal(size=(64, 784)))
quiet = profiler.measure_latency(fresh, batch, warmup=0, iterations=150)
stop = threading.Event()


def neighbour():
    """Works for 4 ms, rests for 25: what a browser tab does to your measurement."""
    while not stop.wait(0.025):
        until = time.perf_counter() + 0.004
        while time.perf_counter() < until:
            pass


thread = threading.Thread(target=neighbour)
thread.start()
busy = profiler.measure_latency(fresh, batch, warmup=0, iterations=150)
stop.set()
thread.join()
for name, latency in (("quiet", quiet), ("with a neighbour", busy)):
    print(f"{name:17} {latency}; mean {np.mean(latency.samples):.3g}, first {latency.samples[0]:.3g} ms")


def draw_clock(ax, latency, title):
    samples = np.array(latency.samples)
    far = np.isin(samples, latency.outliers)
    calls = np.arange(len(samples))
    ax.semilogy(calls[~far], samples[~far], ".", color=BLUE, markersize=3)
    ax.semilogy(calls[far], samples[far], "x", color=RED, markersize=4, label="outliers")
    ax.axhspan(*latency.interval, color=BLUE, alpha=0.12)
    ax.axhline(latency, color="black", linewidth=1, label=f"median {latency:.2f} ms")
    ax.axhline(samples.mean(), color=GOLD, linewidth=1, linestyle="--", label=f"mean {samples.mean():.2f} ms")
    ax.set(xlabel="call", ylabel="ms", title=title)
    ax.legend(frameon=False, fontsize=7, loc="upper right")


fig, axes = plt.subplots(1, 2, figsize=(9, 2.9), layout="constrained", sharey=True)
draw_clock(axes[0], quiet, "A quiet machine")
draw_clock(axes[1], busy, "With a neighbour")
plt.show()

# %% [markdown]
# The statistic matters as much as the number of calls. Of 150 samples draw 10 at random, many times: how far do mean
# and median of ten calls spread?

# %%
tens = rng.choice(busy.samples, size=(2000, 10))
for name, values in (("mean", tens.mean(axis=1)), ("median", np.median(tens, axis=1))):
    low, high = Latency(values).interval
    print(f"{name:6} of ten calls: nine of ten times within {low:.3f} to {high:.3f} ms")

# %% [markdown]
# ## 6. A training step in memory
#
# A second thread looks at the bytes in use, some thousand times a second, while a training step of the CNN and of the
# GPT runs: forward, back, Adam.
#
# **Predict:** when is the peak? How much of it is left when the step is over? How high is the curve in evaluation?


# %%
def traced_over_time(*phases):
    """(milliseconds, MB) while the functions run one after the other, and the milliseconds at which each ended."""
    times, levels, ends, over = [], [], [], threading.Event()
    tracemalloc.start()
    base, begin = tracemalloc.get_traced_memory()[0], time.perf_counter()

    def look():
        times.append(1e3 * (time.perf_counter() - begin))
        levels.append((tracemalloc.get_traced_memory()[0] - base) / 1e6)

    def watch():
        while not over.wait(1e-4):
            look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    for phase in phases:
        phase()
        look()
        ends.append(times[-1])
    over.set()
    watcher.join()
    tracemalloc.stop()
    return np.array(times), np.array(levels), ends


def training_step(model, x, loss_of):
    """The memory of the second step of Adam; the first makes the optimizer's state."""
    optimizer, state = Adam(model.parameters()), {}

    def forward():
        state["loss"] = loss_of(model(x))

    def back():
        optimizer.zero_grad()
        state.pop("loss").backward()

    forward()
    back()
    optimizer.step()
    return traced_over_time(forward, back, optimizer.step)


steps = {
    "CNN": training_step(cnn, images, lambda logits: cross_entropy(logits, labels)),
    "GPT": training_step(gpt, tokens, lambda logits: next_token_loss(logits, tokens)),
}
for name, (_, levels, _) in steps.items():
    model, x = MODELS[name]
    use = profiler.measure_memory(model, x)
    print(
        f"{name}: a training step needs {levels.max():5.1f} MB beside parameters, gradients and moments"
        f" ({4 * use['parameter_bytes'] / 1e6:.1f} MB), evaluation {use['peak_bytes'] / 1e6:.1f} MB"
    )


def draw_step(ax, name):
    times, levels, ends = steps[name]
    order = np.argsort(times, kind="stable")
    ax.fill_between(times[order], levels[order], color=BLUE, alpha=0.3, linewidth=0)
    ax.plot(times[order], levels[order], color=BLUE, linewidth=1)
    for begin, end, phase in zip([0, *ends], ends, ("forward", "back", ""), strict=False):
        ax.axvline(end, color=GREY, linewidth=0.8, linestyle=":")
        ax.text((begin + end) / 2, 1.06 * levels.max(), phase, ha="center", fontsize=7, color="0.4")
    evaluation = profiler.measure_memory(*MODELS[name])["peak_bytes"] / 1e6
    ax.axhline(evaluation, color=RED, linewidth=1, linestyle="--")
    ax.text(times.max(), evaluation, "evaluation ", color=RED, fontsize=7, ha="right", va="bottom")
    ax.set(xlabel="ms (traced: slower)", ylabel="MB", title=f"{name}: a training step", ylim=(0, 1.16 * levels.max()))


fig, axes = plt.subplots(1, 2, figsize=(9, 2.9), layout="constrained")
for ax, name in zip(axes, steps, strict=True):
    draw_step(ax, name)
plt.show()

# %% [markdown]
# ## 7. A trace, and one page
#
# The file can be opened at https://ui.perfetto.dev: drag it there, press w and s to zoom. What did you not expect?
# Everything else is on one page, which belongs into your reflection.

# %%
profile = profiler.profile(gpt, tokens)
profile.export_chrome_trace("trace.json")
print(f"trace.json: {len(profile.chrome_trace()['traceEvents'])} events")

page = plt.figure(figsize=(12.5, 12.5), layout="constrained")
top, bottom = page.subfigures(2, 1, height_ratios=[1, 1.35])
draw_both(top.subplots(2, 1), "GPT")
panels = bottom.subplots(3, 2, height_ratios=[1.6, 1, 1])
draw_roofline(panels[0, 0], machine)
draw_clouds(panels[0, 1])
draw_clock(panels[1, 0], quiet, "A quiet machine")
draw_clock(panels[1, 1], busy, "With a neighbour")
draw_step(panels[2, 0], "CNN")
draw_step(panels[2, 1], "GPT")
plt.show()
