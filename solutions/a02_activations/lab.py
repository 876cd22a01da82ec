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
# # Lab 2: bends, limits and depth
#
# An activation looks harmless: one curve, applied to each number. This lab looks at what the curve does to a signal
# that passes through it forty times, at the places where the formula in the book and the machine part ways, and at
# what each curve costs. Write `tinytorch/core/activations.py` first; `tito check` tells how far you are. After you
# change that file, restart the kernel and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from tinytorch import nn
from tinytorch.core.activations import log_softmax, softmax
from tinytorch.core.tensor import Tensor, manual_seed, randn

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
manual_seed(2)
LAYERS = {
    "Sigmoid": (nn.Sigmoid(), "#d1495b"),
    "Tanh": (nn.Tanh(), "#e08a1e"),
    "ReLU": (nn.ReLU(), "#31688e"),
    "LeakyReLU(0.2)": (nn.LeakyReLU(0.2), "#5aa9c8"),
    "GELU": (nn.GELU(), "#35b779"),
    "SiLU": (nn.SiLU(), "#7a5195"),
}
for layer, _ in LAYERS.values():
    print(layer)

# %% [markdown]
# ## 1. Six curves and their slopes
#
# The slope of a curve decides what comes back through it when a network learns (assignment 5). You can measure it
# without any calculus: (f(x + h) - f(x - h)) / 2h, in float64 so that the difference keeps its digits.
#
# **Predict:** which of the six curves are steeper than 1 anywhere? What is the largest slope of the sigmoid?


# %%
def slope(layer, x, h=1e-5):
    """Central difference of an activation at the points of a float64 array."""
    right, left = (layer(Tensor(x + step, dtype="float64")).numpy() for step in (h, -h))
    return (right - left) / (2 * h)


x = np.linspace(-5, 5, 401)
fig, axes = plt.subplots(2, 3, figsize=(10, 5), layout="constrained", sharex=True)
for ax, (name, (layer, colour)) in zip(axes.flat, LAYERS.items(), strict=True):
    y, dy = layer(Tensor(x, dtype="float64")).numpy(), slope(layer, x)
    ax.axhline(0, color="0.85", linewidth=1, zorder=0)
    ax.axvline(0, color="0.85", linewidth=1, zorder=0)
    ax.plot(x, y, color=colour, linewidth=2, label="value")
    ax.plot(x, dy, color=colour, linewidth=1.2, linestyle="--", label="slope")
    ax.fill_between(x, 0, dy, color=colour, alpha=0.1)
    ax.set(ylim=(-1.2, 2.2), title=f"{name}: slope {dy.min():.2f} to {dy.max():.2f}")
axes[0, 0].legend(frameon=False)
plt.show()

# %% [markdown]
# ## 2. Saturation
#
# Far from zero a sigmoid is flat: it is *saturated*. A change of its input is multiplied by the slope there, and a
# change that passes through ten layers is multiplied by ten slopes.
#
# **Predict:** what is the largest number that ten sigmoid slopes can multiply to? And ten slopes of ReLU?

# %%
x = np.linspace(-12, 12, 601)
fig, (ax, product) = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
for name, (layer, colour) in LAYERS.items():
    dy = np.maximum(np.abs(slope(layer, x)), 1e-12)
    ax.plot(x, dy, color=colour)
    best = dy.max()
    product.plot(range(1, 21), best ** np.arange(1, 21), "o-", color=colour, markersize=3, label=name)
ax.set(yscale="log", ylim=(1e-6, 3), xlabel="x", ylabel="absolute slope", title="Slopes far from zero")
product.set(yscale="log", xlabel="layers", ylabel="product of slopes", title="At best: every layer at its steepest")
product.set_xticks([1, 5, 10, 15, 20])
product.legend(frameon=False, fontsize=8)
plt.show()
print(f"ten sigmoids at their steepest: {slope(nn.Sigmoid(), np.zeros(1))[0] ** 10:.1e}")

# %% [markdown]
# ## 3. Overflow, shown and cured
#
# float32 ends at 3.4e38, which exp reaches at x = 88.7; float64 ends at 1.8e308, which exp reaches at 709.8. The
# formula in the book, exp(x) / sum(exp(x)), does not know that. Below it runs beside yours, on logits of growing
# size.
#
# **Predict:** from which size on does the book's formula give NaN in float32? And log(softmax(x)): does it fail
# earlier or later than softmax itself, and how does the failure look?


# %%
def by_the_book(x):
    """softmax as it stands in a book."""
    e = np.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


def bad_rows(result):
    """Share of rows that hold something other than finite numbers."""
    return 1 - np.isfinite(result).all(axis=-1).mean()


sizes = np.geomspace(1, 2000, 45)
rows = randn(400, 10).numpy()
curves = {"softmax by the book": [], "log of your softmax": [], "your softmax": [], "your log_softmax": []}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # overflow is what this is about
    for size in sizes:
        logits = (size * rows).astype("float32")
        curves["softmax by the book"].append(bad_rows(by_the_book(logits)))
        curves["log of your softmax"].append(bad_rows(np.log(softmax(Tensor(logits)).numpy())))
        curves["your softmax"].append(bad_rows(softmax(Tensor(logits)).numpy()))
        curves["your log_softmax"].append(bad_rows(log_softmax(Tensor(logits)).numpy()))

fig, (share, line) = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
styles = {"softmax by the book": ("#d1495b", "-", 2), "log of your softmax": ("#e08a1e", "-", 2)}
styles |= {"your softmax": ("#31688e", "-", 4), "your log_softmax": ("#35b779", ":", 2)}
for name, values in curves.items():
    colour, style, width = styles[name]
    share.plot(sizes, 100 * np.array(values), style, color=colour, linewidth=width, label=name)
share.set(xscale="log", xlabel="size of the logits", ylabel="% of rows not finite", title="400 rows of logits, float32")
share.legend(frameon=False, fontsize=8)

gap = np.linspace(0, 200, 401, dtype="float32")
pair = np.stack([np.zeros_like(gap), -gap], axis=-1)
with np.errstate(divide="ignore"):
    logs = np.log(softmax(Tensor(pair)).numpy()[:, 1])
line.plot(gap, log_softmax(Tensor(pair)).numpy()[:, 1], ":", color="#35b779", linewidth=3, label="log_softmax(x)")
line.plot(gap, logs, color="#e08a1e", label="log(softmax(x))")
end = gap[np.isfinite(logs)].max()
line.plot([end], [logs[np.isfinite(logs)].min()], "o", color="#e08a1e")
line.annotate(f"-inf from {end:.0f} on", (end, -end), (end + 12, -end + 30), fontsize=8, color="#e08a1e")
line.set(xlabel="distance d of two logits (0, -d)", ylabel="log-probability of the second")
line.set_title("Where the logarithm falls off")
line.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# A loss is the log-probability of the right answer. At the beginning of training it is exactly the *unlikely* right
# answers that a network has to learn from: -inf there is the end of the run. Assignment 4 therefore builds its loss
# on `log_softmax`, not on `softmax`.
#
# ## 4. Temperature
#
# softmax(x / T) with a temperature T: the logits of a language model over its next words, say. Assignment 13 draws
# words from such distributions.
#
# **Predict:** what does the distribution become for T near 0, and for T very large? How many bits of surprise
# (entropy) has it at each end?

# %%
logits = np.array([3.2, 2.9, 2.0, 1.1, 0.6, -0.3, -1.0, -2.0], dtype="float32")
temperatures = [0.1, 0.5, 1.0, 2.0, 10.0]
fig = plt.figure(figsize=(10, 3.2), layout="constrained")
axes = fig.subplots(1, 6, width_ratios=[1] * 5 + [1.6])
for ax, t in zip(axes, temperatures, strict=False):
    p = softmax(Tensor(logits / t)).numpy()
    ax.bar(range(8), p, color=plt.get_cmap("plasma")(0.15 + 0.7 * (np.log10(t) + 1) / 2))
    ax.set(ylim=(0, 1.05), title=f"T = {t:g}", xticks=[], yticks=[0, 0.5, 1] if ax is axes[0] else [])
grid = np.geomspace(0.05, 100, 80)
entropy = []
for t in grid:
    p, log_p = softmax(Tensor(logits / t)).numpy(), log_softmax(Tensor(logits / t)).numpy()
    entropy.append(-(p * log_p).sum() / np.log(2))
axes[-1].plot(grid, entropy, color="#31688e")
axes[-1].axhline(3, color="0.7", linestyle="--", linewidth=1)
axes[-1].set(xscale="log", xlabel="T", title="entropy in bits", ylim=(0, 3.2))
plt.show()

# %% [markdown]
# `p * log_p` is the place where the two functions need each other: at T = 0.05 some p are 0, and 0 * -inf would be
# NaN.
#
# ## 5. What a curve costs
#
# **Predict:** ReLU reads a number and writes a number. By what factor is each of the others slower, on a million
# float32? (The processor does several exps at once; branches that it cannot guess are another matter.)


# %%
def nanoseconds(action, repeats=7):
    """Nanoseconds of the quickest of several runs: the others were disturbed."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter_ns()
        action()
        best = min(best, time.perf_counter_ns() - start)
    return best


def where_leaky(x):
    """Leaky ReLU the obvious way."""
    return np.where(x > 0, x, 0.2 * x)


million = randn(1_000_000)
costs = {name: nanoseconds(lambda layer=layer: layer(million)) / 1e6 for name, (layer, _) in LAYERS.items()}
tanh_form = nn.GELU(approximate="tanh")
costs["GELU('tanh')"] = nanoseconds(lambda: tanh_form(million)) / 1e6
costs["softmax"] = nanoseconds(lambda: softmax(million.reshape(1000, 1000))) / 1e6
costs["np.where leaky,\nrandom signs"] = nanoseconds(lambda: where_leaky(million.numpy())) / 1e6
ordered = np.sort(million.numpy())
costs["np.where leaky,\nsorted"] = nanoseconds(lambda: where_leaky(ordered)) / 1e6
for name, ns in costs.items():
    print(f"{name.replace(chr(10), ' '):30} {ns:6.2f} ns a number")

# %% [markdown]
# The last two rows do the same work on the same numbers, in another order. A processor guesses which way a branch
# will go and works ahead; on random signs it guesses wrong half of the time and throws the work away.
#
# ## 6. Forty layers deep
#
# A stack of random layers, x ← f(x W), 256 wide. The entries of W have standard deviation g / √256: the *gain* g
# decides how much each layer would amplify if f were the identity. We send 300 random inputs through 40 layers and
# look at the values that come out of each. At the same time we follow a tiny change of the input, and see how much of
# it is left: that is, near enough, the gradient that will have to find its way back.
#
# **Predict:** for gains of 1 and √2, which activations lose the signal, which keep it, which blow it up? With a
# sigmoid the values do not vanish; what does?

# %%
WIDTH, DEPTH, BATCH = 256, 40, 300
EDGES = np.linspace(-2, 2, 81)


def rms(values):
    """Root of the mean square: the size of a signal."""
    return np.sqrt(np.mean(values**2))


def through_the_stack(layer, gain):
    """Histogram of the values after each layer, (DEPTH, bins), and what is left there of a tiny change, (DEPTH,)."""
    rng = np.random.default_rng(0)
    x, change = rng.normal(size=(2, BATCH, WIDTH))
    shades, left = [], [1.0]
    for _ in range(DEPTH):
        w = rng.normal(size=(WIDTH, WIDTH)) * gain / np.sqrt(WIDTH)
        change *= 1e-6 * rms(x) / rms(change)  # tiny beside the values, so that each layer shows its slope
        before = rms(change)
        x, moved = (layer(Tensor(v @ w, dtype="float64")).numpy() for v in (x, x + change))
        change = moved - x
        shades.append(np.histogram(x.clip(-2, 2), EDGES)[0] / x.size)
        left.append(left[-1] * rms(change) / before)
    return np.array(shades), np.array(left[1:])


GAINS = {"g = 1": 1.0, "g = √2": np.sqrt(2)}
stacks = {(name, g): through_the_stack(layer, gain) for g, gain in GAINS.items() for name, (layer, _) in LAYERS.items()}

# %%
page = plt.figure(figsize=(11, 8), layout="constrained")
places = [[f"{name} {g}" for name in LAYERS] for g in GAINS] + [[g for g in GAINS for _ in range(3)]]
mosaic = page.subplot_mosaic(places, height_ratios=[1, 1, 1.1])
for (name, g), (shades, _) in stacks.items():
    ax = mosaic[f"{name} {g}"]
    picture = ax.imshow(np.log10(shades.T + 1e-5), cmap="magma", vmin=-5, vmax=0, origin="lower", aspect="auto")
    picture.set_extent((1, DEPTH, -2, 2))
    ax.set(xticks=[1, 20, 40], yticks=[-2, 0, 2] if name == "Sigmoid" else [])
    if g == "g = 1":
        ax.set_title(name, color=LAYERS[name][1], fontweight="bold")
    if name == "Sigmoid":
        ax.set_ylabel(f"{g}\nvalues of a layer")
for g in GAINS:
    ax = mosaic[g]
    for name, (_, colour) in LAYERS.items():
        ax.plot(range(1, DEPTH + 1), stacks[name, g][1], color=colour, linewidth=2, label=name)
    ax.axhline(1, color="0.7", linestyle="--", linewidth=1, zorder=0)
    ax.set(yscale="log", ylim=(1e-30, 1e4), xlabel="layer", title=f"{g}: what is left of a small change")
mosaic["g = 1"].legend(frameon=False, fontsize=8, ncols=2, loc="lower left")
page.suptitle("Forty random layers; brightness is the logarithm of the share of values", fontsize=11, fontweight="bold")
plt.show()

# %% [markdown]
# Read a column of the upper pictures as one layer: where its 256 values lie. Then read the curves below. A curve that
# falls by 25 decades is a network whose first layers cannot learn, whatever the optimizer. One that stays near the
# dashed line is the reason for the gain √2 that assignment 3 puts into its Kaiming initialisation.
#
# Keep this figure: `reflection.md` asks about it.
