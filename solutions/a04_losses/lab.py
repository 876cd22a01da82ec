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
# # Lab 4: what a loss asks for
#
# A loss turns "wrong" into a number, and training walks down whatever landscape that number makes. This lab draws the
# landscapes: where they are steep, where they are flat, where a formula falls off its edge, and where the lowest
# point lies. There are no gradients yet (that is assignment 5), so we look at values, measure slopes by differences,
# and search on grids. Write `tinytorch/core/losses.py` first; `tito check` tells how far you are. After you change
# that file, restart the kernel and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
from tinytorch.core.activations import sigmoid, softmax
from tinytorch.core.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    l1_loss,
    mse_loss,
)
from tinytorch.core.tensor import Tensor, manual_seed, randn

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
manual_seed(4)
RED, ORANGE, BLUE, GREEN = "#d1495b", "#e08a1e", "#31688e", "#35b779"
for loss in (MSELoss(), L1Loss(), HuberLoss(delta=0.5), BCELoss(), BCEWithLogitsLoss(), CrossEntropyLoss(0.1)):
    print(loss)

# %% [markdown]
# ## 1. Two landscapes
#
# A classifier with two classes gives two logits; class 0 is right. We could compare the probabilities with (1, 0) by
# squared error, or take cross entropy. Both are smallest in the same corner, where the first logit is far above the
# second. They differ in the opposite corner, where the model is sure and wrong. The white points are a walk that goes
# 40 steps downhill from there, each step twice the slope, measured by differences.
#
# **Predict:** which of the two walks arrives?


# %%
def squared_error(logits):
    """Squared error of the probabilities against (1, 0), for each row of logits."""
    goal = np.zeros_like(logits) + np.array([1.0, 0.0], dtype=logits.dtype)
    return mse_loss(softmax(Tensor(logits, dtype=logits.dtype)), goal, reduction="none").mean(axis=-1).numpy()


def log_loss(logits):
    """Cross entropy with class 0, for each row of logits."""
    return cross_entropy(Tensor(logits, dtype=logits.dtype), [0] * len(logits), reduction="none").numpy()


def walk_downhill(loss, start, steps=40, rate=2.0, h=1e-5):
    """Places visited from `start`, (steps + 1, 2), with slopes measured by central differences."""
    places = [np.array(start)]
    for _ in range(steps):
        nearby = places[-1] + h * np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        right, left, up, down = loss(nearby)
        places.append(places[-1] - rate * np.array([right - left, up - down]) / (2 * h))
    return np.array(places)


axis = np.linspace(-6, 6, 121)
z0, z1 = np.meshgrid(axis, axis)
rows = np.stack([z0.ravel(), z1.ravel()], axis=1)
fig = plt.figure(figsize=(10.5, 7), layout="constrained")
for column, (name, loss) in enumerate({"squared error of softmax": squared_error, "cross entropy": log_loss}.items()):
    height = loss(rows).reshape(z0.shape)
    walk = walk_downhill(loss, (-4.0, 4.0))
    hill = fig.add_subplot(2, 2, 1 + column, projection="3d")
    hill.plot_surface(z0, z1, height, cmap="viridis", rcount=60, ccount=60, linewidth=0, antialiased=True)
    hill.view_init(28, -60)
    hill.set(xlabel="right logit", ylabel="wrong logit", title=name)
    hill.set_box_aspect(None, zoom=0.92)
    chart = fig.add_subplot(2, 2, 3 + column)
    filled = chart.contourf(z0, z1, height, levels=20, cmap="viridis")
    fig.colorbar(filled, ax=chart, shrink=0.9)
    chart.plot(*walk.T, "o-", color="white", markersize=3, linewidth=1)
    chart.plot(*walk[0], "o", color=RED, markersize=7)
    chart.set(xlabel="logit of the right class", ylabel="logit of the wrong class", aspect="equal")
    chart.set_title(f"after 40 steps the loss is {loss(walk[-1:])[0]:.3f} (was {loss(walk[:1])[0]:.3f})")
plt.show()

# %% [markdown]
# The squared error of a probability has a ceiling: at worst it is 1, so in the far corner it has nowhere to go but
# sideways. Where the model is most wrong it learns least. Cross entropy is a straight slope there.
#
# ## 2. The price of a confident mistake
#
# Suppose you forecast rain with probability p, and it rains. The loss as a function of p is the price list by which
# your model will be paid.
#
# **Predict:** how much more does p = 0.001 cost than p = 0.1, by each of the three?

# %%
p = np.geomspace(1e-6, 1, 400).astype("float32")
rain = np.ones_like(p)
prices = {
    "cross entropy": (binary_cross_entropy(Tensor(p), rain, reduction="none").numpy(), BLUE),
    "squared error": (mse_loss(Tensor(p), rain, reduction="none").numpy(), RED),
    "absolute error": (l1_loss(Tensor(p), rain, reduction="none").numpy(), ORANGE),
}
fig, (plain, logarithmic) = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
for name, (price, colour) in prices.items():
    plain.plot(p, price, color=colour, linewidth=2, label=name)
    logarithmic.plot(p, price, color=colour, linewidth=2)
plain.set(ylim=(0, 5), xlabel="forecast p", ylabel="price if it rains", title="Most forecasts")
plain.legend(frameon=False)
logarithmic.set(xscale="log", xlabel="forecast p", title="Very sure, and wrong")
for mark in (1e-1, 1e-3, 1e-5):
    logarithmic.annotate(f"{-np.log(mark):.1f}", (mark, -np.log(mark)), (2 * mark, -np.log(mark) + 0.6), color=BLUE)
    logarithmic.plot([mark], [-np.log(mark)], "o", color=BLUE)
plt.show()

# %% [markdown]
# Cross entropy is the only one of the three that never stops charging: each factor of 10 costs 2.3 more.
#
# A price list should also pay for honesty. **Predict:** it rains on 3 days of 10, and you have to give the same
# forecast for all ten. Which forecast is cheapest under each of the three?

# %%
forecast = np.linspace(0.001, 0.999, 999)
outcomes = np.array([1.0] * 3 + [0.0] * 7)
beside = np.broadcast_to(outcomes, (len(forecast), 10))
spread = Tensor(np.repeat(forecast[:, None], 10, axis=1), dtype="float64")
for name, loss in {"cross entropy": binary_cross_entropy, "squared": mse_loss, "absolute": l1_loss}.items():
    cost = loss(spread, beside, reduction="none").mean(axis=1).numpy()
    print(f"rain on 3 days of 10: {name:13} is smallest for p = {forecast[cost.argmin()]:.3f}")

# %% [markdown]
# Cross entropy and squared error are cheapest where the forecast is true; absolute error pays for saying "never". A
# model trained on it would not give probabilities.
#
# ## 3. The logarithm of zero, shown and cured
#
# Four ways to compute -log sigmoid(z), the loss of a yes, in float32, for a logit z far on the wrong side. Beside the
# value we draw the slope: it is what a walk downhill has to go by.
#
# **Predict:** at which z does each of them leave the straight line, and what does its slope become?

# %%
z = np.linspace(-160, 10, 341).astype("float32")
yes = np.ones_like(z)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # overflow and log(0) are what this is about
    by_the_book = -np.log(1 / (1 + np.exp(-z)))
probability = sigmoid(Tensor(z)).numpy()
curves = {
    "by the book": (by_the_book, RED, "-", 3),
    "p clipped at 1e-7": (-np.log(np.clip(probability, 1e-7, 1)), ORANGE, "-", 2),
    "your binary_cross_entropy": (binary_cross_entropy(Tensor(probability), yes, "none").numpy(), BLUE, "-", 2),
    "your ..._with_logits": (binary_cross_entropy_with_logits(Tensor(z), yes, "none").numpy(), GREEN, ":", 3),
}
fig, (value, slope) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
for name, (loss, colour, style, width) in curves.items():
    value.plot(z, loss, style, color=colour, linewidth=width, label=name)
    with np.errstate(invalid="ignore"):
        slope.plot(z[1:], np.diff(loss) / np.diff(z), style, color=colour, linewidth=width)
    finite = np.isfinite(loss)
    print(
        f"{name:28} largest finite loss {loss[finite].max():6.1f}, not finite at {np.sum(~finite)} of {len(z)} logits"
    )
last = z[np.isfinite(by_the_book)].min()
value.axvspan(z.min(), last, color=RED, alpha=0.08)
value.annotate("inf: the end of a training run", (-157, 25), color=RED, fontsize=8)
value.set(xlabel="logit z", ylabel="loss of a yes", title="Values")
value.legend(frameon=False, fontsize=8)
slope.set(xlabel="logit z", ylabel="slope", ylim=(-1.2, 0.2), title="Slopes: 0 means that nothing is learned")
plt.show()

# %% [markdown]
# Clipping cures the infinity and keeps the disease: beyond z = -16 the loss is flat. A limit for the logarithm is
# better, and no logarithm of a rounded number is best.
#
# ## 4. The first number of a training
#
# Before it has learned anything a network should give all ten digits about the same logit. So you know the first loss
# before you run: log 10 = 2.303. Here are random logits of growing size, and random labels.
#
# **Predict:** how large is the loss when random logits have standard deviation 10?

# %%
labels = np.random.default_rng(0).integers(0, 10, size=4000)
noise = randn(4000, 10)
sizes = np.geomspace(0.03, 30, 40)
first = [cross_entropy(noise * float(size), labels).item() for size in sizes]
fig, (mean, spread) = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
mean.plot(sizes, first, color=BLUE, linewidth=2)
mean.axhline(np.log(10), color="0.6", linestyle="--", linewidth=1)
mean.annotate("log 10", (0.035, 2.5), color="0.4")
mean.set(xscale="log", yscale="log", xlabel="size of the logits", ylabel="first loss")
mean.set_title("What bad initialisation costs")
mean.set_yticks([2, 3, 5, 10, 20, 40], [2, 3, 5, 10, 20, 40])
mean.minorticks_off()
for size, colour in ((0.1, GREEN), (1.0, BLUE), (5.0, RED)):
    each = cross_entropy(noise * size, labels, reduction="none").numpy()
    spread.hist(each, bins=60, range=(0, 20), color=colour, alpha=0.6, density=True, label=f"size {size:g}")
spread.set(xlabel="loss of one row", title="The losses behind the mean", ylim=(0, 1))
spread.legend(frameon=False)
plt.show()
print(f"size 10: {cross_entropy(noise * 10.0, labels).item():.1f}")

# %% [markdown]
# A first loss of 15 means that the network starts sure of itself and wrong, and will spend its first epochs
# unlearning. Assignment 3's initialisation is there to put you at the dashed line.
#
# ## 5. Five wrong measurements
#
# Forty points near the line y = 0.5 x + 1, and five where somebody misplaced the decimal point. We try every line of
# a grid of slopes and intercepts, under three losses, and keep the one with the smallest. No gradient is needed: the
# whole grid is one call with `reduction="none"`.
#
# **Predict:** which lines will the five points pull away? Is Huber with delta = 1 nearer to squared or to absolute
# error?

# %%
rng = np.random.default_rng(7)
x = np.sort(rng.uniform(-4, 4, 40)).astype("float32")
y = (0.5 * x + 1 + 0.35 * rng.normal(size=40)).astype("float32")
wrong = np.array([33, 35, 36, 38, 39])
y[wrong] -= rng.uniform(7, 10, size=5).astype("float32")

slopes, intercepts = np.linspace(-1, 1.2, 111), np.linspace(-1.5, 2.5, 101)
a, b = (grid.ravel()[:, None].astype("float32") for grid in np.meshgrid(slopes, intercepts))
lines = Tensor(a * x + b)  # (11211, 40): what each line of the grid predicts for each x
targets = np.broadcast_to(y, lines.shape)
LOSSES = {"squared": (mse_loss, RED), "Huber": (huber_loss, GREEN), "absolute": (l1_loss, BLUE)}

fig, axes = plt.subplots(1, 4, figsize=(12, 3.4), layout="constrained", width_ratios=[1.5, 1, 1, 1])
axes[0].plot(x, y, "o", color="0.75", markersize=4)
axes[0].plot(x[wrong], y[wrong], "o", color=ORANGE, markersize=5)
axes[0].plot(x, 0.5 * x + 1, color="0.6", linestyle="--", linewidth=1, label="truth: slope 0.50")
for ax, (name, (loss, colour)) in zip(axes[1:], LOSSES.items(), strict=True):
    cost = loss(lines, targets, reduction="none").mean(axis=1).numpy()
    best = cost.argmin()
    axes[0].plot(x, lines.numpy()[best], color=colour, linewidth=2, label=f"{name}: slope {a[best, 0]:.2f}")
    ax.contourf(slopes, intercepts, np.log(cost).reshape(len(intercepts), -1), levels=24, cmap="viridis")
    ax.plot(0.5, 1, "+", color="white", markersize=10, markeredgewidth=2)
    ax.plot(a[best], b[best], "o", color=colour, markeredgecolor="white", markersize=9)
    ax.set(title=name, xlabel="slope", ylabel="intercept" if name == "squared" else "")
axes[0].legend(frameon=False, fontsize=8, loc="lower left")
axes[0].set(xlabel="x", ylabel="y", title="Three best lines")
plt.show()

# %% [markdown]
# The + is the truth, the dot the lowest point. An error of 8 weighs 64 under the square and 8 under the line, so five
# points of forty move the first valley to another place and leave the other two nearly where they were.
#
# Huber stands between the two. Far away it is a line of slope delta; divided by delta it becomes absolute error as
# delta falls, and as delta grows it becomes half the square.

# %%
d = np.linspace(-5, 5, 401)
fig, (value, slope) = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
for delta, shade in ((0.25, 0.15), (0.5, 0.3), (1.0, 0.5), (2.0, 0.7), (4.0, 0.85)):
    loss = huber_loss(Tensor(d, dtype="float64"), np.zeros_like(d), "none", delta).numpy() / delta
    colour = plt.get_cmap("viridis")(shade)
    value.plot(d, loss, color=colour, label=f"delta = {delta:g}")
    slope.plot(d[1:], np.diff(loss) / np.diff(d), color=colour)
value.plot(
    d, l1_loss(Tensor(d, dtype="float64"), np.zeros_like(d), "none").numpy(), "--", color="0.3", label="absolute"
)
value.set(xlabel="error", title="Huber's loss divided by delta", ylim=(0, 5))
value.legend(frameon=False, fontsize=8)
slope.set(xlabel="error", title="Its slope: what one point may pull with")
plt.show()

# %% [markdown]
# ## 6. What label smoothing asks for
#
# Three classes, and every possible prediction (p₁, p₂, p₃) as a point of a triangle: a corner is certainty, the
# middle is knowing nothing. Class 3 at the top is right. Colour is cross entropy; its lowest point is the prediction
# that the loss asks for. The curves on the right belong to ten classes: nine logits are 0 and the right one is the
# gap.
#
# **Predict:** where is the lowest point with a share of 0, 0.1 and 0.4? For ten classes and a share of 0.1, at which
# gap is the loss smallest, and how small can it become? Is it worse to be surer than that, or less sure?

# %%
steps = 180
i, j = np.meshgrid(np.arange(steps + 1), np.arange(steps + 1))
inside = (i + j) <= steps
p = np.stack([i[inside], j[inside], steps - i[inside] - j[inside]], axis=1) / steps
p = (p + 1e-4) / (1 + 3e-4)  # the corners themselves have logarithms of 0
corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
across, up = (p @ corners).T
right = np.full(len(p), 2)

page = plt.figure(figsize=(11.5, 6.6), layout="constrained")
mosaic = page.subplot_mosaic([["0", "0.1", "0.4"], ["gap", "gap", "best"]], height_ratios=[1.1, 1])
for share in (0.0, 0.1, 0.4):
    cost = cross_entropy(Tensor(np.log(p)), right, label_smoothing=share, reduction="none").numpy()
    ax = mosaic[f"{share:g}"]
    ax.tricontourf(across, up, np.minimum(cost, 3), levels=np.linspace(0, 3, 61), cmap="magma_r")
    ax.tricontour(across, up, cost, levels=[0.1, 0.4, 0.7, 1, 1.5, 2], colors="white", linewidths=0.6, alpha=0.7)
    best = p[cost.argmin()]
    ax.plot(*(best @ corners), "*", color=GREEN, markeredgecolor="white", markersize=16, clip_on=False)
    ax.set(
        aspect="equal",
        xlim=(-0.1, 1.1),
        ylim=(-0.12, 1.0),
        title=f"share {share:g}: asks for ({best[0]:.2f}, {best[1]:.2f}, {best[2]:.2f})",
    )
    for corner, name in zip(corners, ("class 1", "class 2", "class 3, right"), strict=True):
        ax.text(corner[0], corner[1] + (0.05 if corner[1] else -0.08), name, ha="center", fontsize=8)
    ax.axis("off")

gap = np.linspace(-3, 16, 381).astype("float32")
logits = np.zeros((len(gap), 10), dtype="float32")
logits[:, 3] = gap
shares = np.array([0.0, 0.05, 0.1, 0.2, 0.4])
for share, shade in zip(shares, np.linspace(0.05, 0.85, len(shares)), strict=True):
    cost = cross_entropy(Tensor(logits), [3] * len(gap), label_smoothing=float(share), reduction="none").numpy()
    colour = plt.get_cmap("viridis")(shade)
    mosaic["gap"].plot(gap, cost, color=colour, linewidth=2, label=f"share {share:g}")
    mosaic["gap"].plot(gap[cost.argmin()], cost.min(), "*", color=colour, markeredgecolor="black", markersize=13)
mosaic["gap"].plot([0], [np.log(10)], "o", color="black", markersize=4)
mosaic["gap"].annotate("all logits equal: log 10,\nwhatever the share", (0, np.log(10)), (1.2, 3.0), fontsize=8)
mosaic["gap"].set(xlabel="gap of the right logit", ylabel="cross entropy", ylim=(0, 7), title="Ten classes")
mosaic["gap"].legend(frameon=False, fontsize=8, ncols=5, loc="upper right")
fine = np.linspace(0.01, 0.6, 60)
mosaic["best"].plot(
    fine, np.log((1 - fine + fine / 10) / (fine / 10)), color="0.6", linewidth=1, label="log of q / rest"
)
for share, shade in zip(shares[1:], np.linspace(0.05, 0.85, len(shares))[1:], strict=True):
    cost = cross_entropy(Tensor(logits), [3] * len(gap), label_smoothing=float(share), reduction="none").numpy()
    mosaic["best"].plot(share, gap[cost.argmin()], "*", color=plt.get_cmap("viridis")(shade), markersize=13)
mosaic["best"].set(xlabel="share", title="The gap that is asked for", ylim=(0, 8))
page.suptitle("Where the lowest point lies", fontsize=12, fontweight="bold")
plt.show()

# %% [markdown]
# Without smoothing the lowest point is a corner, infinitely far away in logits: a model that is right already is
# still paid for becoming surer. With smoothing the lowest point is a place one can arrive at, and beyond it the loss
# rises.
#
# Keep this figure: `reflection.md` asks about it.
