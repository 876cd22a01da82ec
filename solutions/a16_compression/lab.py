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
# # Lab 16: what a model can do without
#
# A network learns to read digits, and then you take it apart: weights one by one, with and without training on; the
# bytes that zeros save, places counted; the time that they do not save; whole neurons, which do; matrices of low rank;
# and a small network that learns from a large one. Write `tinytorch/perf/compression.py` first; `tito check` tells how
# far you are. After you change that file, restart the kernel and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import copy
import time

import matplotlib.pyplot as plt
import numpy as np
from tinytorch import kernels
from tinytorch.core.activations import ReLU
from tinytorch.core.autograd import no_grad
from tinytorch.core.dataloader import MNIST
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor, manual_seed
from tinytorch.perf.compression import (
    KINDS,
    CompressionPlan,
    Compressor,
    KnowledgeDistillation,
    Masks,
    break_even,
    break_even_rank,
    dense_bytes,
    factorize_model,
    layer_sparsity,
    low_rank_approximate,
    magnitude_prune,
    pack,
    rank_for_energy,
    stored_bytes,
    structured_prune,
)

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
BLUE, RED, GREEN, ORANGE, GREY = "#31688e", "#d1495b", "#35b779", "#e08a1e", "0.6"
kernels.install(threads=1)
manual_seed(16)
rng = np.random.default_rng(16)
learn, test = MNIST(train=True), MNIST(train=False)
images = learn.images[:8_000].astype(np.float32).reshape(-1, 784) / 255
labels = np.asarray(learn.labels[:8_000])
test_images = Tensor(test.images[:4_000].astype(np.float32).reshape(-1, 784) / 255)
test_labels = np.asarray(test.labels[:4_000])

# %% [markdown]
# ## 1. The network, and its weights
#
# Two hidden layers of 128 and 64 neurons. It sees 8,000 digits and is tested on 4,000 others.


# %%
def train(network, epochs, lr, masks=None, loss=None):
    """Train in place; with masks zeros stay zeros. `loss(x, y)` in place of cross entropy of the network's scores."""
    optimizer, plain = Adam(network.parameters(), lr=lr), CrossEntropyLoss()
    stepping = optimizer if masks is None else masks.keep(optimizer)
    for epoch in range(epochs):
        optimizer.lr = lr * (1 - epoch / epochs)
        order = rng.permutation(len(images))
        for start in range(0, len(order), 100):
            chosen = order[start : start + 100]
            x, y = Tensor(images[chosen]), labels[chosen]
            stepping.zero_grad()
            (plain(network(x), y) if loss is None else loss(x, y)).backward()
            stepping.step()
    return network


def accuracy(network):
    """Share of test digits that are read right, in per cent."""
    with no_grad():
        return 100 * float((network(test_images).numpy().argmax(axis=1) == test_labels).mean())


def perceptron(first=128, second=64):
    return Sequential(Linear(784, first), ReLU(), Linear(first, second), ReLU(), Linear(second, 10))


start = time.perf_counter()
network = train(perceptron(), 5, 0.003)
right = accuracy(network)
print(f"{network.num_parameters():,} parameters, {right:.2f} % right, trained in {time.perf_counter() - start:.0f} s")

# %% [markdown]
# **Predict:** the 70 % smallest of all weights go. Which share does each of the three layers lose?

# %%
LAYERS = {"0.weight": "784 to 128", "2.weight": "128 to 64", "4.weight": "64 to 10"}
weights = {path: dict(network.named_parameters())[path].numpy() for path in LAYERS}
limit = np.quantile(np.abs(np.concatenate([w.reshape(-1) for w in weights.values()])), 0.7)
lost = layer_sparsity(magnitude_prune(copy.deepcopy(network), 0.7))
for path, name in LAYERS.items():
    print(f"{name:11}: {weights[path].size:7,} weights, {lost[path]:6.1%} of them go")


def draw_weights(ax):
    for (path, name), colour in zip(LAYERS.items(), (BLUE, GREEN, ORANGE), strict=True):
        w = weights[path].reshape(-1)
        ax.hist(w, bins=np.linspace(-0.6, 0.6, 121), density=True, histtype="step", color=colour, label=name)
    ax.axvspan(-limit, limit, color="0.9", zorder=0)
    ax.set(xlabel="weight", ylabel="density", yscale="log", title="What the 70 % smallest are", ylim=(0.01, None))
    ax.legend(frameon=False, fontsize=7)


fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
draw_weights(ax)
plt.show()

# %% [markdown]
# ## 2. How far
#
# Three ways: one threshold for all layers; a threshold for each; one threshold and an epoch of training after each
# step, each step going on from the last.
#
# **Predict:** at which sparsity does each lose its first whole point?

# %%
SPARSITIES = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
start = time.perf_counter()
curves = {"all layers together": [], "each layer alone": [], "together, trained on": []}
tuned = copy.deepcopy(network)
shares = []
for sparsity in SPARSITIES:
    curves["all layers together"].append(accuracy(magnitude_prune(copy.deepcopy(network), sparsity)))
    curves["each layer alone"].append(accuracy(magnitude_prune(copy.deepcopy(network), sparsity, scope="layer")))
    magnitude_prune(tuned, sparsity)
    if sparsity:
        train(tuned, 1, 0.001, Masks(tuned))
    curves["together, trained on"].append(accuracy(tuned))
    shares.append(stored_bytes(tuned) / dense_bytes(network))
print(" " * 21, " ".join(f"{s:6.0%}" for s in SPARSITIES))
for name, values in curves.items():
    print(f"{name:21}", " ".join(f"{value:6.2f}" for value in values))
print(f"{time.perf_counter() - start:.0f} s")


def draw_curves(ax):
    for (name, values), colour in zip(curves.items(), (GREEN, RED, BLUE), strict=True):
        ax.plot([100 * s for s in SPARSITIES], values, "o-", color=colour, markersize=3, label=name)
    ax.axhspan(right - 1, right, color="0.92", zorder=0)
    ax.set(
        xlabel="% of the weights at 0",
        ylabel="% right",
        title="Accuracy against sparsity",
        ylim=(right - 15, right + 1),
    )
    ax.legend(frameon=False, fontsize=7, loc="lower left")


fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
draw_curves(ax)
plt.show()

# %% [markdown]
# ## 3. A step too far
#
# The same network at 90 %, trained on for 30 steps: with masks, and by an optimizer that knows nothing of them.
#
# **Predict:** how many of the zeros are left after one step without masks?

# %%
zeros = {}
for kind in ("with masks", "without"):
    pruned = magnitude_prune(copy.deepcopy(network), 0.9)
    optimizer = Adam(pruned.parameters(), lr=0.001)
    stepping = Masks(pruned).keep(optimizer) if kind == "with masks" else optimizer
    zeros[kind] = [layer_sparsity(pruned)["2.weight"]]
    for i in range(30):
        stepping.zero_grad()
        CrossEntropyLoss()(pruned(Tensor(images[100 * i : 100 * i + 100])), labels[100 * i : 100 * i + 100]).backward()
        stepping.step()
        zeros[kind].append(layer_sparsity(pruned)["2.weight"])
    before, first, last = (zeros[kind][i] for i in (0, 1, -1))
    print(f"{kind:10}: zeros before {before:.1%}, after a step {first:.1%}, after 30 {last:.1%}")

# %% [markdown]
# ## 4. Bytes
#
# **Predict:** from which sparsity on is each format smaller than the dense array? What do 90 % zeros come to, in per
# cent of the bytes?

# %%
fine = np.concatenate([np.linspace(0, 0.9, 19), np.linspace(0.91, 0.995, 12)])
sizes = {kind: [] for kind in KINDS}
for sparsity in fine:
    array = rng.normal(size=(256, 256)).astype(np.float32)
    array[rng.random(array.shape) < sparsity] = 0
    for kind in KINDS:
        sizes[kind].append(pack(array, kind).nbytes / array.nbytes)
for kind in KINDS[1:]:
    first, at_90 = fine[np.argmax(np.array(sizes[kind]) < 1)], np.interp(0.9, fine, sizes[kind])
    print(f"{kind:6}: smaller from {break_even(kind):.1%} on (first seen at {first:.0%}); {at_90:.1%} at 90 %")
print(f"the network at 90 %: {shares[SPARSITIES.index(0.9)]:.1%} of its bytes")


def draw_sizes(ax):
    for (kind, values), colour in zip(sizes.items(), (GREY, BLUE, ORANGE), strict=True):
        ax.plot(100 * fine, [100 * v for v in values], color=colour, label=kind)
    for kind, colour in zip(KINDS[1:], (BLUE, ORANGE), strict=True):
        ax.plot(100 * break_even(kind), 100, "o", color=colour, markersize=4)
    ax.axhline(25, color=GREY, linewidth=0.7, linestyle=":")
    ax.set(xlabel="% zeros", ylabel="% of the dense bytes", title="Three formats, float32", ylim=(0, 132))
    ax.legend(frameon=False, fontsize=7)


fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
draw_sizes(ax)
plt.show()

# %% [markdown]
# ## 5. Time
#
# Layers of 512 neurons, as they were, with 90 % zeros, with half of the neurons at 0, and with half of the neurons
# taken out.
#
# **Predict:** put the four in order, for one image and for 256.

# %%
wide = perceptron(512, 512)
versions = {
    "as it was": wide,
    "90 % zeros": magnitude_prune(copy.deepcopy(wide), 0.9),
    "half at 0": structured_prune(copy.deepcopy(wide), 0.5),
    "half out": structured_prune(wide, 0.5, remove=True),
    "rank 1/8": factorize_model(wide, 1 / 8, skip=["4"]),
}
x = Tensor(images[:256])
off = np.abs(versions["half at 0"](x).numpy() - versions["half out"](x).numpy()).max()
print(f"half at 0 and half out differ by {off:.1e} at most")
costs = {}
with no_grad():
    for n in (1, 256):
        batch, times = Tensor(images[:n]), {name: [] for name in versions}
        for _ in range(9):
            for name, version in versions.items():
                begin = time.process_time()  # of this process alone, whatever else the machine does
                for _ in range(256 // n):
                    version(batch)
                times[name].append(1e3 * (time.process_time() - begin) / (256 // n))
        costs[n] = {name: float(np.median(found)) for name, found in times.items()}
        print(f"batch {n:3}:", ", ".join(f"{name} {ms:.3f} ms" for name, ms in costs[n].items()))


def draw_costs(ax):
    for i, (n, colour) in enumerate(((1, ORANGE), (256, BLUE))):
        values = [costs[n][name] / costs[n]["as it was"] for name in versions]
        ax.bar(np.arange(5) + 0.4 * i - 0.2, values, 0.38, color=colour, label=f"batch {n}")
    ax.set_xticks(range(5), [name.replace(" ", "\n", 1) for name in versions], fontsize=7)
    ax.axhline(1, color=GREY, linewidth=0.7)
    ax.set(ylabel="time, as it was = 1", title="What brings time", ylim=(0, 1.6))
    ax.legend(frameon=False, fontsize=7, ncols=2)


fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
draw_costs(ax)
plt.show()

# %% [markdown]
# ## 6. Rank
#
# **Predict:** which rank does the first layer need for 90 % of its energy, and from which rank on would two factors be
# larger than the matrix? Is a trained matrix nearer to low rank than a random one?

# %%
spectra = {}
for path, name in LAYERS.items():
    spectra[name] = low_rank_approximate(weights[path], 1.0)[1]
    rank, most = rank_for_energy(spectra[name], 0.9), break_even_rank(*weights[path].shape)
    print(f"{name:11}: rank {rank} of {len(spectra[name])} for 90 %, factors pay up to rank {most}")
shuffled = rng.permutation(weights["0.weight"].reshape(-1)).reshape(784, 128)
spectra["784 to 128, shuffled"] = low_rank_approximate(shuffled, 1.0)[1]


def draw_spectra(ax):
    for (name, s), colour in zip(spectra.items(), (BLUE, GREEN, ORANGE, GREY), strict=True):
        ax.plot(np.arange(1, len(s) + 1), 100 * np.cumsum(s**2) / np.sum(s**2), color=colour, label=name)
    ax.axvline(break_even_rank(784, 128), color=BLUE, linewidth=0.7, linestyle=":")
    ax.axhline(90, color=GREY, linewidth=0.7, linestyle=":")
    ax.set(xlabel="rank", ylabel="% of the energy", title="Singular values", xscale="log", ylim=(0, 102))
    ax.legend(frameon=False, fontsize=7)


fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
draw_spectra(ax)
plt.show()

# %% [markdown]
# ## 7. A pupil
#
# A network of 24 and 16 neurons learns for the same time from 1,000 digits: from their labels, or from what the large
# one says of them.
#
# **Predict:** how many points does the teacher bring? Is a temperature of 1 enough?

# %%
few_images, few_labels = images[:1_000], labels[:1_000]
taught = {}
for temperature in (None, 1.0, 4.0, 10.0):
    scores = []
    for seed in range(1):
        manual_seed(seed)
        pupil = perceptron(24, 16)
        lesson = KnowledgeDistillation(network, pupil, temperature or 1.0, alpha=0.0 if temperature is None else 0.9)
        optimizer, order = Adam(pupil.parameters(), lr=0.004), np.random.default_rng(seed)
        for _ in range(300):
            chosen = order.integers(0, 1_000, size=64)
            optimizer.zero_grad()
            lesson.loss(Tensor(few_images[chosen]), few_labels[chosen]).backward()
            optimizer.step()
        scores.append(accuracy(pupil))
    taught[temperature] = scores
    print(
        f"{'labels only' if temperature is None else f'teacher, T = {temperature:g}':16}: {np.mean(scores):.2f} % right"
    )
said = network(Tensor(images[:1])).numpy()[0]


def draw_teacher(ax):
    for i, (temperature, colour) in enumerate(((1.0, GREY), (4.0, BLUE), (10.0, GREEN))):
        p = np.exp(said / temperature) / np.exp(said / temperature).sum()
        ax.bar(np.arange(10) + 0.27 * (i - 1), p, 0.25, color=colour, label=f"T = {temperature:g}")
    ax.set_xticks(range(10))
    ax.set(xlabel=f"class (the label is {labels[0]})", ylabel="teacher's probability", title="What a teacher says")
    ax.legend(frameon=False, fontsize=7)


fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
draw_teacher(ax)
plt.show()

# %% [markdown]
# ## 8. A quarter of the bytes, and less
#
# Plans, each with an epoch of training after every stage.
#
# **Predict:** which of them are within a point, and which is the smallest?

# %%
start = time.perf_counter()
compressor = Compressor(lambda model, masks: train(model, 1, 0.001, masks), lambda model: accuracy(model) / 100)
PLANS = {
    "a quarter": CompressionPlan(share=0.25),
    "a quarter, float16": CompressionPlan(share=0.25, half=True),
    "a tenth, float16": CompressionPlan(share=0.1, rounds=2, half=True),
    "half the neurons": CompressionPlan(prune_ratio=0.5),
    "low rank": CompressionPlan(rank_ratio=0.2, skip=("4",)),
    "neurons and zeros": CompressionPlan(prune_ratio=0.4, sparsity=0.7, rounds=2, half=True),
}
results = {name: compressor.compress(network, plan) for name, plan in PLANS.items()}
print(results["neurons and zeros"], "\n")
for name, result in results.items():
    word = "within a point" if result.lost <= 0.01 else "more than a point"
    print(f"{name:19}: {result.share:6.1%} of the bytes, {100 * result.stages[-1].accuracy:.2f} % right, {word}")
assert results["a quarter"].share <= 0.25 and results["a quarter"].lost <= 0.01
print(f"{time.perf_counter() - start:.0f} s")


def draw_front(ax):
    points = {"as it was": (100.0, right)}
    points |= {name: (100 * r.share, 100 * r.stages[-1].accuracy) for name, r in results.items()}
    best, front = -1.0, []
    for share, value in sorted(points.values()):
        if value > best:
            best = value
            front.append((share, value))
    ax.step(*zip(*front, strict=True), where="post", color=GREY, linewidth=1)
    for i, (name, (share, value)) in enumerate(points.items()):
        ax.plot(share, value, "o", color=BLUE if i else "0.2", markersize=4)
        ax.annotate(name, (share, value), xytext=(4, -8), textcoords="offset points", fontsize=6.5)
    ax.axhspan(right - 1, right, color="0.92", zorder=0)
    ax.axvline(25, color=GREY, linewidth=0.7, linestyle=":")
    ax.set(xlabel="% of the bytes", ylabel="% right", title="The front", xscale="log", xlim=(4, 220))
    ax.set_xticks([5, 10, 25, 50, 100], ["5", "10", "25", "50", "100"])
    ax.minorticks_off()


fig, ax = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
draw_front(ax)
plt.show()

# %% [markdown]
# ## 9. One page
#
# Keep it: `reflection.md` asks about it.

# %%
page, axes = plt.subplots(2, 4, figsize=(15, 6), layout="constrained")
draw_weights(axes[0, 0])
draw_curves(axes[0, 1])
draw_sizes(axes[0, 2])
draw_costs(axes[0, 3])
draw_spectra(axes[1, 0])
draw_teacher(axes[1, 1])
draw_front(axes[1, 2])
axes[1, 3].plot(zeros["with masks"], color=BLUE, label="with masks")
axes[1, 3].plot(zeros["without"], color=RED, label="without")
axes[1, 3].set(xlabel="steps", ylabel="share of zeros", title="Zeros that stay", ylim=(-0.02, 1))
axes[1, 3].legend(frameon=False, fontsize=7)
plt.show()
