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
# # Lab 18: the same numbers, sooner
#
# Four ways to be faster, and each helps where something else was short. Tiles help when memory is far away and Python
# is not in the way; fusion helps when memory is the bottleneck; halves help when there are too many bytes; workers
# help when cores are idle. This lab measures all four, and shows which of them a NumPy program gets anything from.
# Write `tinytorch/perf/acceleration.py` first; `tito check` tells how far you are. After you change that file, restart
# the kernel and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import time
import warnings
from contextlib import ExitStack
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from tinytorch import nn
from tinytorch.core.dataloader import TinyDigits
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor, manual_seed
from tinytorch.kernels.blas import one_thread
from tinytorch.kernels.workspace import cores
from tinytorch.perf import acceleration as fast
from tinytorch.perf.profiling import Profiler
from tinytorch.workers import simulate

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
rng = np.random.default_rng(18)
BLUE, RED, GREEN, GOLD, GREY = "#31688e", "#d1495b", "#35b779", "#edae49", "0.6"
# One BLAS thread throughout: else the library would be parallel already, and workers would compete with it.
stack = ExitStack()
stack.enter_context(one_thread())
speedups = {}


def seconds(function, *args, repeats=5):
    """CPU seconds of a call: the median, after one that does not count."""
    function(*args)
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function(*args)
        times.append(time.process_time() - start)
    return max(float(np.median(times)), 1e-9)


# %% [markdown]
# ## 1. Matrix products and caches
#
# A product of two matrices of 512 x 512 reads and writes 3 MB and computes 268 million FLOPs: 85 FLOPs a byte, if every
# number were read once. The loop reads every number 512 times.
#
# **Predict:** how many times faster than the loop is one call of BLAS at 96 x 96? And tiles of 64, tiles of 8?


# %%
def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)


a, b = normal(96, 96), normal(96, 96)
loop_seconds = seconds(fast.loop_matmul, a, b, repeats=1)
for name, way in {
    "tiles of 8": lambda a, b: fast.tiled_matmul(a, b, 8),
    "tiles of 64": fast.tiled_matmul,
    "BLAS": fast.vectorized_matmul,
}.items():
    took = seconds(way, a, b, repeats=9)
    print(f"{name:12} {took * 1e6:8.0f} us, {loop_seconds / took:6.0f} times faster than the loop")
    if name != "tiles of 8":
        speedups[f"matmul, {name}\nto the loop"] = loop_seconds / took

# %% [markdown]
# Now 512 x 512 with tiles from 8 to 512. Marked are the sizes at which three tiles just fill each cache of this
# machine; beside it stand the bytes that `matmul_traffic` says a machine with such a cache has to move.
#
# **Predict:** where is the minimum? Does it lie at a cache's size? Where is BLAS, and why can no tile size beat it?


# %%
def cache_sizes():
    """Name -> bytes of this machine's data caches, as Linux tells them; typical sizes elsewhere."""
    found = {}
    for place in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind, level, size = ((place / name).read_text().strip() for name in ("type", "level", "size"))
        if kind != "Instruction":
            found[f"L{level}"] = int(size.removesuffix("K")) * 1024
    return found or {"L1": 32 << 10, "L2": 512 << 10, "L3": 8 << 20}


N = 512
a, b = normal(N, N), normal(N, N)
tiles = [8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
tile_seconds = [seconds(fast.tiled_matmul, a, b, t, repeats=1 if t < 16 else 5) for t in tiles]
blas_seconds = seconds(fast.vectorized_matmul, a, b, repeats=9)
print({t: f"{2 * N**3 / s / 1e9:.1f} GFLOP/s" for t, s in zip(tiles, tile_seconds, strict=True)})
print(f"BLAS {2 * N**3 / blas_seconds / 1e9:.1f} GFLOP/s")


# %%
def draw_tiles(ax):
    ax.loglog(tiles, 1e3 * np.array(tile_seconds), "o-", color=BLUE, markersize=3, label="tiled_matmul")
    ax.axhline(1e3 * blas_seconds, color=RED, linewidth=1.2, label="one call of BLAS")
    for name, size in cache_sizes().items():
        side = fast.best_tile_size(size)
        if side <= tiles[-1]:
            ax.axvline(side, color=GREY, linewidth=1, linestyle="--")
            ax.text(side * 1.04, 1e3 * max(tile_seconds), f"3 tiles\nfill {name}", fontsize=7, color="0.4", va="top")
    ax.set_xticks([8, 16, 32, 64, 128, 256, 512], ["8", "16", "32", "64", "128", "256", "512"])
    ax.minorticks_off()
    ax.set(xlabel="tile size", ylabel="ms", title=f"A product of {N} x {N}")
    ax.legend(frameon=False, fontsize=8, loc="center right")


def draw_traffic(ax):
    moved = [fast.matmul_traffic(N, N, N, t) / 2**20 for t in tiles]
    ax.loglog(tiles, moved, "o-", color=GOLD, markersize=3)
    ax.axhline(3 * N * N * 4 / 2**20, color=GREY, linestyle="--", linewidth=1)
    ax.text(8, 3 * N * N * 4 / 2**20 * 1.1, "every number once", fontsize=7, color="0.4")
    ax.set_xticks([8, 16, 32, 64, 128, 256, 512], ["8", "16", "32", "64", "128", "256", "512"])
    ax.minorticks_off()
    ax.set(xlabel="tile size", ylabel="MB moved", title="If three tiles fit and no more")


fig, axes = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
draw_tiles(axes[0])
draw_traffic(axes[1])
plt.show()

# %% [markdown]
# ## 2. Fusion under the roof
#
# GELU as a program of NumPy calls passes nine times over memory; fused, once. The roofline of assignment 14 says what
# that is worth: an op that does few FLOPs a byte runs at the speed of memory, whatever the processor could do.
#
# **Predict:** GELU counts about 10 FLOPs a number (tanh as one). What is its intensity in FLOPs a byte when each of
# nine passes reads 4 or 8 and writes 4 bytes, and what when it is fused? Which roof is it under?

# %%
LENGTH = 2_000_000
x = normal(LENGTH)


def gelu_in_passes(x):
    """What is written without thinking of memory: a new array for every operation."""
    return 0.5 * x * (1 + np.tanh(fast.A * x + fast.B * (x * x * x)))


gelu_flops = 10 * LENGTH
bytes_in_passes = 4 * LENGTH * (4 * 3 + 6 * 2)  # four operations on two arrays, six on one
bytes_fused = 4 * LENGTH * 2
gelu_seconds = {
    "in passes": seconds(gelu_in_passes, x, repeats=3),
    "fused": seconds(fast.FUSED_GELU.forward, x, repeats=3),
}
speedups["GELU, fused\nto NumPy calls"] = gelu_seconds["in passes"] / gelu_seconds["fused"]
machine = Profiler().measure_machine(megabytes=16, repeats=10)
points = {
    name: (gelu_flops / moved, gelu_flops / gelu_seconds[name])
    for name, moved in {"in passes": bytes_in_passes, "fused": bytes_fused}.items()
}
for name, (intensity, rate) in points.items():
    bound = machine.attainable(intensity)
    print(f"GELU {name:10} {intensity:.2f} FLOP/byte, {rate / 1e9:.2f} GFLOP/s, memory allows {bound / 1e9:.1f}")

# %% [markdown]
# How large should a block be? One element at a time would be a Python loop, all elements at a time is no fusion.
#
# **Predict:** draw time against the block size from 512 to 2 million. Where does it fall, where does it rise?

# %%
CHAIN = (fast.scale(0.5), fast.GELU_STAGE, fast.shift(0.1), fast.TANH, fast.SQUARE)
block_sizes = [2**k for k in range(9, 22)]
block_seconds = [seconds(fast.Fused(*CHAIN, block=n).forward, x, repeats=3) for n in block_sizes]
stagewise = seconds(fast.unfused, x, CHAIN, repeats=3)
speedups["chain of 5, fused\nto stage by stage"] = stagewise / min(block_seconds)


# %%
def draw_roofline(ax):
    intensities = np.logspace(-2, 2, 100)
    ax.loglog(intensities, [machine.attainable(i) / 1e9 for i in intensities], color="0.3", linewidth=1.2)
    for (name, (intensity, rate)), colour, up in zip(points.items(), (RED, BLUE), (0.5, 1.6), strict=True):
        ax.plot(intensity, rate / 1e9, "o", color=colour)
        ax.text(intensity, up * rate / 1e9, f"GELU {name}", fontsize=8, color=colour, va="center", ha="left")
    (x0, y0), (x1, y1) = ((i, r / 1e9) for i, r in points.values())
    ax.annotate("", (x1, y1), (x0, y0), arrowprops={"arrowstyle": "->", "color": GREY})
    ax.set(xlabel="FLOPs a byte", ylabel="GFLOP/s", title="Before and after, under the roof", ylim=(0.05, None))


def draw_blocks(ax):
    ax.semilogx(block_sizes, 1e3 * np.array(block_seconds), "o-", color=BLUE, markersize=3, label="fused")
    ax.axhline(1e3 * stagewise, color=RED, linewidth=1.2, label="stage by stage")
    for name, size in cache_sizes().items():
        elements = size // 4 // 4  # four blocks are alive at a time
        if elements < block_sizes[-1] / 2:
            ax.axvline(elements, color=GREY, linewidth=1, linestyle="--")
            ax.text(elements * 1.1, 0, f"4 blocks\nfill {name}", fontsize=7, color="0.4", va="bottom")
    ax.set(xlabel="elements in a block", ylabel="ms", title="A chain of five on two million numbers", ylim=(0, None))
    ax.legend(frameon=False, fontsize=8)


fig, axes = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
draw_roofline(axes[0])
draw_blocks(axes[1])
plt.show()

# %% [markdown]
# The same behind the op, with its gradient: this is what a model notices. Where numba is installed, a compiled loop
# joins in; where it is not, `jit` says so and the fused form stands in its place.

# %%
kernel = fast.register_fused_gelu()
report = fast.compare_kernel(kernel, normal(1000, 1000), approximate="tanh")
speedups["op gelu and gradient,\nkernel to clear form"] = report.speedup
print(
    f"{report.name}: {report.speedup:.2f} times as fast, off by {report.error:.0e}, gradient by"
    f" {report.gradient_error:.0e}"
)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    compiled = fast.jit(fast.gelu_scalar, fallback=fast.FUSED_GELU.forward)
for warning in told:
    print(warning.message)
if not told:
    took = seconds(compiled, x, repeats=3)
    speedups["GELU, numba\nto NumPy calls"] = gelu_seconds["in passes"] / took
    print(f"compiled: off by {np.abs(compiled(x[:9999]) - fast.FUSED_GELU.forward(x[:9999])).max():.0e}")
    print(f"{gelu_seconds['in passes'] / took:.1f} times as fast as NumPy calls, one thread")

# %% [markdown]
# ## 3. Two bytes
#
# A float16 has 11 bits of precision, ends at 65504, and below 0.00006 loses bits one by one until, below 3e-8, nothing
# is left. Six layers with small weights: how large are the gradients?
#
# **Predict:** which share of all gradients in this network is 0 as a float16? And how does its loss go on, trained in
# float32, with halves and a scale, with halves and none? Adam divides a gradient by its own size: does that help?

# %%
digits = [TinyDigits(train=True)[i] for i in range(1000)]
images = np.array([np.asarray(image.data).reshape(-1) for image, _ in digits], np.float32)
labels = np.array([int(np.asarray(getattr(label, "data", label))) for _, label in digits])


def narrow_network():
    """64-64-64-64-64-64-10 with ReLU and weights a tenth of their usual size."""
    manual_seed(5)
    layers = []
    for _ in range(5):
        layers += [nn.Linear(64, 64), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    for p in model.parameters():
        p.data *= 0.1
    return model


def losses_of(scaler, steps=120):
    """Losses of steps with Adam, and the scale before each; without a scaler in float32."""
    model, loss_fn = narrow_network(), nn.CrossEntropyLoss()
    optimizer, losses, scales = Adam(model.parameters(), lr=0.004), [], []
    mixed = scaler and fast.MixedPrecision(model, loss_fn, optimizer, scaler)
    draw = np.random.default_rng(0)
    for _ in range(steps):
        rows = draw.integers(0, len(images), 128)
        if mixed:
            scales.append(scaler.get_scale())
            losses.append(mixed.step(images[rows], labels[rows]))
        else:
            optimizer.zero_grad()
            loss = loss_fn(model(Tensor(images[rows])), labels[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses, scales


model = narrow_network()
nn.CrossEntropyLoss()(model(Tensor(images[:128])), labels[:128]).backward()
gradients = np.concatenate([np.abs(p.grad).reshape(-1) for p in model.parameters()])
gradients = gradients[gradients > 0]
print(f"{(gradients.astype(np.float16) == 0).mean():.0%} of the gradients are 0 as float16")
print(f"times 65536: {((65536 * gradients).astype(np.float16) == 0).mean():.0%}")

curves = {
    "float32": losses_of(None),
    "halves, scaled": losses_of(fast.GradScaler(2.0**24, growth_interval=30)),
    "halves, no scale": losses_of(fast.GradScaler(1.0, growth_interval=10**9)),
}
for name, (losses, _) in curves.items():
    print(f"{name:18} {losses[0]:.3f} -> {losses[-1]:.3f}")
print("scale:", [f"2^{np.log2(scale):.0f}" for scale in curves["halves, scaled"][1][::10]])


# %%
def draw_gradients(ax):
    bins = np.logspace(-14, 2, 65)
    ax.hist(gradients, bins, color=RED, alpha=0.6, label="as they are")
    with np.errstate(over="ignore"):
        ax.hist(65536 * gradients, bins, color=BLUE, alpha=0.6, label="times 65536")
    ax.axvspan(1e-14, 2.0**-25, color=GREY, alpha=0.25, linewidth=0)
    ax.text(2e-14, ax.get_ylim()[1] * 0.95, "0 as\nfloat16", fontsize=8, color="0.3", va="top")
    ax.axvline(2.0**-14, color=GREY, linestyle="--", linewidth=1)
    ax.text(2.0**-9, ax.get_ylim()[1] * 0.98, "left of the line\nwith fewer bits", fontsize=7, color="0.4", va="top")
    ax.set(xscale="log", xlabel="size of a gradient", ylabel="how many", title="What a half can hold")
    ax.legend(frameon=False, fontsize=8, loc="center right")


def draw_losses(ax):
    for (name, (losses, _)), colour in zip(curves.items(), (GREY, BLUE, RED), strict=True):
        smooth = np.convolve(losses, np.ones(5) / 5, "valid")
        ax.plot(smooth, color=colour, label=name, linewidth=2.4 if name == "float32" else 1.3)
    ax.set(xlabel="step", ylabel="loss (mean of 5)", title="Learning with two bytes")
    ax.legend(frameon=False, fontsize=8)


fig, axes = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
draw_gradients(axes[0])
draw_losses(axes[1])
plt.show()

# %% [markdown]
# Is it faster? A processor without float16 arithmetic converts every number twice. What is saved are bytes.

# %%
wide = [normal(256, 512), normal(512, 512), normal(512)]
halves = [fast.to_half(array) for array in wide]
single, half = seconds(fast.LINEAR.forward, *wide), seconds(fast.half_linear, *halves)
speedups["linear, halves\nto float32"] = single / half
print(
    f"linear map: float32 {single * 1e3:.1f} ms, float16 {half * 1e3:.1f} ms;"
    f" input of {wide[0].nbytes} and {halves[0].nbytes} bytes"
)

# %% [markdown]
# ## 4. Many workers
#
# Bytes first. All ranks could send their gradients to rank 0, which adds and sends the sum back. Or they form a ring.
#
# **Predict:** how many bytes does the busiest rank send in each way, for 2, 4, 8 and 16 ranks and gradients of 1 MB?


# %%
def reduce_at_rank_0(comm, array):
    """The sum on every rank, by way of rank 0."""
    if comm.rank == 0:
        for source in range(1, comm.size):
            array += comm.recv(source)
        for to in range(1, comm.size):
            comm.send(to, array)
    else:
        comm.send(0, array)
        array[...] = comm.recv(0)


def most_sent(reduce, ranks):
    """Megabytes that the busiest rank sends or receives, for arrays of 1 MB."""

    def work(comm):
        array = np.full(1 << 18, comm.rank, np.float32)
        reduce(comm, array)
        assert (array == sum(range(ranks))).all()
        return comm.bytes_sent

    return max(simulate(ranks, work)) / 2**20


rank_counts = [2, 4, 8, 16]
traffic = {
    "by way of rank 0": [most_sent(reduce_at_rank_0, n) for n in rank_counts],
    "ring": [most_sent(fast.ring_all_reduce, n) for n in rank_counts],
}
for name, sent in traffic.items():
    print(f"{name:18}", "  ".join(f"{n} ranks: {mb:.2f} MB" for n, mb in zip(rank_counts, sent, strict=True)))

# %% [markdown]
# Now real processes. Two workers can be at most twice as fast; the all-reduce, and other programs on the machine, take
# their share. A small batch computes little for each byte of gradients that travels, a large one much.
#
# **Predict:** from which batch size on are two workers faster than one, for a network with 0.7 million weights?

# %%
BUILD = fast.ClassifierBuild((784, 512, 512, 10), lr=0.01)


def step_seconds(workers, batch, steps=4, repeats=3):
    """Seconds on the clock for one step: the best of a few runs. Starting the workers does not count."""
    inputs = [(normal(batch, 784), rng.integers(0, 10, batch)) for _ in range(steps + 1)]
    found = []
    for _ in range(repeats):
        _, times = fast.run_workers(workers, timed_training, BUILD, inputs)[0]
        found.append(min(times[1:]))
    return min(found)


def timed_training(comm, build, batches):
    parallel, times = fast.DataParallel(*build(), comm), []
    for x, target in batches:
        start = time.perf_counter()
        parallel.step(x, target)
        times.append(time.perf_counter() - start)
    return None, times


batch_sizes = [32, 128, 512, 1024]
worker_counts = [1, 2]
print(f"this machine lets us use {cores()} cores")
scaling = {n: [step_seconds(n, batch) for batch in batch_sizes] for n in worker_counts}
for n, found in scaling.items():
    print(n, "workers:", "  ".join(f"batch {b}: {1e3 * s:.0f} ms" for b, s in zip(batch_sizes, found, strict=True)))
speedups[f"2 workers to 1,\nbatch {batch_sizes[-1]}"] = scaling[1][-1] / scaling[2][-1]


# %%
def draw_ring(ax):
    for (name, sent), colour in zip(traffic.items(), (RED, BLUE), strict=True):
        ax.plot(rank_counts, sent, "o-", color=colour, markersize=3, label=name)
    ax.axhline(2, color=GREY, linestyle="--", linewidth=1)
    ax.set(xlabel="ranks", ylabel="MB sent by the busiest rank", title="An all-reduce of 1 MB", xticks=rank_counts)
    ax.legend(frameon=False, fontsize=8)


def draw_scaling(ax):
    ratio = np.array(scaling[1]) / np.array(scaling[2])
    ax.semilogx(batch_sizes, ratio, "o-", color=BLUE, markersize=4)
    ax.axhline(1, color=GREY, linewidth=1)
    ax.axhline(2, color=GREY, linewidth=1, linestyle="--")
    ax.text(batch_sizes[0], 2.03, "two workers, twice as fast", fontsize=8, color="0.4")
    ax.set_xticks(batch_sizes, [str(b) for b in batch_sizes])
    ax.minorticks_off()
    ax.set(xlabel="batch", ylabel="times faster", title="From one worker to two", ylim=(0, 2.3))


fig, axes = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
draw_ring(axes[0])
draw_scaling(axes[1])
plt.show()

# %% [markdown]
# ## 5. The figure for your reflection
#
# What each optimisation brought, each against its own baseline. A bar below 1 is a loss.


# %%
def draw_speedups(ax):
    names = list(speedups)
    values = np.array([speedups[name] for name in names])
    ax.barh(names, values - 1, left=1, color=[BLUE if v >= 1 else RED for v in values])
    for name, value in zip(names, values, strict=True):
        ax.text(max(value, 1) * 1.08, name, f"{value:.1f}" if value < 100 else f"{value:.0f}", va="center", fontsize=8)
    ax.axvline(1, color="0.3", linewidth=1)
    ax.set(xscale="log", xlabel="times faster", title="What each optimisation brings", xlim=(0.2, 4 * values.max()))
    ax.invert_yaxis()
    ax.tick_params(axis="y", labelsize=8)


fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
draw_speedups(ax)
plt.show()
