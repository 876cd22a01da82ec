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
# # Lab 3: what a network is before it learns
#
# Nothing is trained in this lab. Everything in it is about the moment before: the numbers a network begins with,
# where they are, and what they do to a signal. Write `tinytorch/core/layers.py` first; `tito check` tells how far you
# are. After you change that file, restart the kernel and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import math
import time
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from tinytorch.core.activations import ReLU, Tanh
from tinytorch.core.layers import Dropout, Flatten, Linear, Module, Parameter, Sequential, dropout, init
from tinytorch.core.tensor import Tensor, manual_seed, ones, randn

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
BLUE, RED, GREEN, GREY = "#31688e", "#d1495b", "#35b779", "0.6"
manual_seed(3)
print(Sequential(Linear(2, 16), ReLU(), Dropout(0.2), Linear(16, 3)))

# %% [markdown]
# ## 1. A signal through thirty layers
#
# Thirty linear layers of width 256, each followed by a ReLU, begin in six ways. We send the same 256 random inputs
# through each stack and note the mean square after every layer.
#
# **Predict:** which of the six keep it near 1? By what factor do the others change it at each layer? One output is a
# sum of 256 products, and a ReLU throws half of the mean square away: you can work it out.

# %%
WIDTH, DEPTH = 256, 30
BEGINNINGS = {
    "normal, std 1": lambda w: init.normal_(w),
    "normal, std 0.01": lambda w: init.normal_(w, 0.0, 0.01),
    "Kaiming, gain of ReLU": lambda w: init.kaiming_normal_(w, nonlinearity="relu"),
    "Xavier": lambda w: init.xavier_normal_(w),
    "PyTorch's default": lambda w: init.kaiming_uniform_(w, a=math.sqrt(5)),
    "Kaiming, 10 % too large": lambda w: init.normal_(w, 0.0, 1.1 * math.sqrt(2 / WIDTH)),
}


def mean_squares(begin, activation):
    """The mean square of the signal before the first layer and after each."""
    layers = [Linear(WIDTH, WIDTH, bias=False) for _ in range(DEPTH)]
    x = randn(256, WIDTH)
    seen = [float((x.data.astype("float64") ** 2).mean())]
    with np.errstate(over="ignore", invalid="ignore"):
        for layer in layers:
            begin(layer.weight)
            x = activation(layer(x))
            seen.append(float((x.data.astype("float64") ** 2).mean()))
    return np.array(seen)


signals = {name: mean_squares(begin, ReLU()) for name, begin in BEGINNINGS.items()}
for name, seen in signals.items():
    per_layer = (seen[10] / seen[1]) ** (1 / 9)
    print(f"{name:26} {per_layer:10.4g} times a layer; after {DEPTH}: {seen[-1]:.3g}")

# %%
COLOURS = dict(zip(BEGINNINGS, (RED, "#8d6a9f", GREEN, BLUE, "#e0a030", "0.45"), strict=True))


def draw_signals(ax, signals):
    """One line a beginning, with its name where it ends or leaves the picture."""
    low, high = 1e-26, 1e26
    for name, seen in signals.items():
        ax.plot(seen, color=COLOURS[name], linewidth=2)
        last = int(np.flatnonzero((seen > low) & (seen < high))[-1])
        away = 0 if last == DEPTH else np.sign(seen[last] - 1) * 6  # beside the line, not on it
        ax.annotate(name, (last, seen[last]), xytext=(6, -away), textcoords="offset points", fontsize=7.5, va="center")
    ax.axhspan(0.1, 10, color="0.92", zorder=0)
    ax.set(yscale="log", ylim=(low, high), xlim=(0, DEPTH * 1.42), xlabel="layer", ylabel="mean square of the signal")
    ax.set_xticks(range(0, DEPTH + 1, 5))


fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
draw_signals(ax, signals)
ax.set_title("Thirty layers of width 256 with ReLU, six ways to begin")
plt.show()

# %% [markdown]
# Only one line stays in the grey band by design. "10 % too large" looks harmless at one layer; depth makes a power of
# it.
#
# ## 2. Dropout, and the factor that keeps the mean
#
# A picture is masked with p = 0.5, again and again, and the copies are averaged.
#
# **Predict:** how far is the average of k copies from the picture, for k = 1, 4, 16, ..., compared with k = 1? What
# would the average be without the factor 1 / (1 - p)?

# %%
rows, columns = np.mgrid[-1:1:48j, -1:1:48j]
rings = (np.cos(9 * np.hypot(rows, columns)) + 1) / 2 * np.exp(-1.2 * (rows**2 + columns**2))
picture = Tensor(rings)
counts = [4**k for k in range(6)]
averages, distances = [], []
total, drawn = np.zeros_like(rings), 0
for count in counts:
    while drawn < count:
        total += dropout(picture, 0.5).data
        drawn += 1
    averages.append(total / count)
    distances.append(float(np.sqrt(((total / count - rings) ** 2).mean())))
for count, distance in zip(counts, distances, strict=True):
    print(f"{count:5} copies: distance {distance:.4f}, times the root of k: {distance * math.sqrt(count):.4f}")

# %%
fig, axes = plt.subplots(1, 6, figsize=(11, 2.2), layout="constrained")
titles = ["the picture", "1 copy", *[f"{k} copies" for k in counts[1:5]]]
for ax, title, image in zip(axes, titles, [rings, *averages[:5]], strict=True):
    ax.imshow(image, cmap="magma", vmin=0, vmax=1.2)
    ax.set_title(title, fontsize=9)
    ax.axis("off")
plt.show()

model = Sequential(Linear(20, 100), ReLU(), Dropout(0.5), Linear(100, 1))
x = ones(1, 20)
training = np.array([model.train()(x).item() for _ in range(2000)])
evaluating = np.array([model.eval()(x).item() for _ in range(3)])
print(f"training: mean {training.mean():.3f}, spread {training.std():.3f}; evaluation: {evaluating}")

# %% [markdown]
# In evaluation mode all answers are the same, and they are the mean of the answers in training mode: that is what the
# factor is for. (With an activation *behind* the dropout the two would only be close.)
#
# ## 3. One op or two
#
# `linear(x, weight, bias)` adds the bias into the product. `x @ weight + bias` makes another array.
#
# **Predict:** for which sizes is the difference large: for small matrices, where calls cost, or for large ones?


# %%
def microseconds(action, repeats=40):
    """The quickest of several runs: the others were disturbed."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter_ns()
        action()
        best = min(best, time.perf_counter_ns() - start)
    return best / 1000


def two_ops(layer, x):
    return x @ layer.weight + layer.bias


for rows_, inputs, outputs in ((1, 8, 8), (64, 784, 128), (4096, 16, 256), (2048, 256, 256)):
    layer, x = Linear(inputs, outputs), randn(rows_, inputs)
    one, two = microseconds(partial(layer, x)), microseconds(partial(two_ops, layer, x))
    print(f"({rows_}, {inputs}) -> ({rows_}, {outputs}): one op {one:8.1f}, two ops {two:8.1f} microseconds")

# %% [markdown]
# ## 4. A network as a map
#
# `named_parameters()` is enough to draw any network. Each rectangle below is a parameter, its area the number of
# numbers in it; colours are the layers they belong to.
#
# **Predict:** of an image classifier with inputs of 28 x 28, two residual blocks of width 64 and ten classes, where
# are most of the parameters? And what share are the biases?


# %%
class Residual(Module):
    """x plus what two layers make of it, scaled."""

    def __init__(self, width):
        self.inner = Sequential(Linear(width, 2 * width), ReLU(), Dropout(0.1), Linear(2 * width, width))
        self.scale = Parameter(np.full(width, 0.5))

    def forward(self, x):
        return x + self.inner(x) * self.scale


class Classifier(Module):
    """(N, 28, 28) -> (N, 10). The blocks are in a plain list."""

    def __init__(self, width=64):
        self.flatten = Flatten()
        self.enter = Linear(784, 2 * width)
        self.narrow = Linear(2 * width, width)
        self.blocks = [Residual(width) for _ in range(2)]
        self.leave = Linear(width, 10)

    def forward(self, x):
        x = self.narrow(self.enter(self.flatten(x)).clip(0, None))
        for block in self.blocks:
            x = block(x)
        return self.leave(x)


classifier = Classifier()
print(classifier)
print(classifier(randn(5, 28, 28)).shape, classifier.num_parameters(), "parameters")


# %%
def divide(items, x, y, width, height):
    """Rectangles (name, x, y, width, height) whose areas are in proportion: halve the list, cut, repeat."""
    if len(items) == 1:
        return [(items[0][0], x, y, width, height)]
    sizes = np.array([size for _, size in items], float)
    below = np.cumsum(sizes)[:-1]
    cut = int(np.argmin(abs(below - sizes.sum() / 2))) + 1
    share = sizes[:cut].sum() / sizes.sum()
    if width > height:
        first = divide(items[:cut], x, y, width * share, height)
        return first + divide(items[cut:], x + width * share, y, width * (1 - share), height)
    first = divide(items[:cut], x, y, width, height * share)
    return first + divide(items[cut:], x, y + height * share, width, height * (1 - share))


def draw_map(ax, model):
    """A rectangle a parameter, a colour a child of the model."""
    sizes = {name: p.size for name, p in model.named_parameters()}
    children = list(dict.fromkeys(name.split(".")[0] for name in sizes))
    shades = dict(zip(children, plt.get_cmap("viridis")(np.linspace(0.1, 0.95, len(children))), strict=True))
    biggest_first = sorted(sizes.items(), key=lambda item: -item[1])
    for name, x, y, width, height in divide(biggest_first, 0, 0, 1.6, 1):
        colour = shades[name.split(".")[0]]
        ax.add_patch(plt.Rectangle((x, y), width, height, facecolor=colour, edgecolor="white", linewidth=1))
        if width * height > 0.012:
            ink = "black" if sum(colour[:3]) > 1.6 else "white"
            text = f"{name.replace('.inner', chr(10) + 'inner')}\n{sizes[name]:,}"
            ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", color=ink, fontsize=7)
    ax.set(xlim=(0, 1.6), ylim=(1, 0), aspect="equal")
    ax.axis("off")


fig, ax = plt.subplots(figsize=(8.5, 5.2), layout="constrained")
draw_map(ax, classifier)
ax.set_title(f"Where {classifier.num_parameters():,} parameters are")
plt.show()
small = sum(p.size for name, p in classifier.named_parameters() if p.ndim == 1)
print(f"biases and scales: {small} of {classifier.num_parameters()}, {100 * small / classifier.num_parameters():.1f} %")

# %% [markdown]
# One product of two large sizes, 784 x 128, outweighs everything else. The two residual blocks are four equal
# rectangles; the biases are the crumbs in the corner.
#
# ## 5. Save, load, and the trap in between
#
# **Predict:** what do the two lines print? Then read Task 5 of the handout again.

# %%
model = Sequential(Linear(2, 2), Tanh())
best, copied = model.state_dict(), {name: array.copy() for name, array in model.state_dict().items()}
before = model(ones(1, 2)).numpy().copy()
for p in model.parameters():
    p.data += 1.0  # what an optimizer would do
model.load_state_dict(best)
print("loaded the kept arrays:", np.abs(model(ones(1, 2)).numpy() - before).max())
model.load_state_dict(copied)
print("loaded the copies:     ", np.abs(model(ones(1, 2)).numpy() - before).max())

# %% [markdown]
# ## 6. Networks that nobody has trained
#
# A random network is a random function. Its inputs here are the points of a square, its output one number, drawn as a
# colour. Down the page networks get deeper; across, weights begin larger.
#
# **Predict:** in which corner of the page is one flat colour? In which is a small step on the square a large step in
# the output?
#
# This is the page to keep: `reflection.md` asks about the reasons.

# %%
side = 150
v, u = np.mgrid[-1 : 1 : 1j * side, -1 : 1 : 1j * side]
points = Tensor(np.stack([u.reshape(-1), v.reshape(-1), np.ones(side * side)], axis=1))


def random_network(depth, gain, seed):
    """`depth` tanh layers of width 64 and a linear one, all with Xavier weights of this gain: (N, 3) -> (N, 1)."""
    manual_seed(seed)
    layers = [Linear(3, 64), Tanh()]
    for _ in range(depth - 1):
        layers += [Linear(64, 64), Tanh()]
    network = Sequential(*layers, Linear(64, 1))
    return network.apply(lambda m: init.xavier_normal_(m.weight, gain) if isinstance(m, Linear) else None)


def surface(depth, gain, seed=11):
    """What a random network makes of the square, around its mean: (side, side)."""
    out = random_network(depth, gain, seed)(points).numpy().reshape(side, side)
    return out - out.mean()


here = Tensor(np.concatenate([np.random.default_rng(0).uniform(-1, 1, size=(64, 2)), np.ones((64, 1))], axis=1))
there = Tensor(here.data + np.array([1e-3, 0, 0]), dtype="float64")


def steepness(depth, gain):
    """How much further apart the outputs are than two inputs that are close together: the middle of 5 networks."""
    steps = []
    for seed in range(5):
        network = random_network(depth, gain, seed).double()
        step = network(there) - network(here.astype("float64"))
        steps.append(float(np.sqrt((step.data**2).mean()) / 1e-3))
    return float(np.median(steps))


depths, gains = (2, 8, 30), (0.6, 0.9, 1.1, 1.5, 2.4)
curve_gains = np.linspace(0.5, 2.5, 17)
curves = {depth: [steepness(depth, g) for g in curve_gains] for depth in depths}

# %%
page = plt.figure(figsize=(10.5, 10), layout="constrained")
upper, lower = page.subfigures(2, 1, height_ratios=[1.75, 1])
for line, depth in zip(upper.subplots(3, 5), depths, strict=True):
    for ax, gain in zip(line, gains, strict=True):
        out = surface(depth, gain)
        limit = max(float(np.quantile(abs(out), 0.995)), 0.02)
        ax.imshow(out, cmap="RdYlBu", vmin=-limit, vmax=limit, interpolation="bilinear", origin="lower")
        if limit > 0.02 and abs(np.diff(out)).mean() < 0.1 * limit:
            ax.contour(out, levels=[0], colors="black", linewidths=0.7)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        if depth == depths[0]:
            ax.set_title(f"gain {gain}", fontsize=9)
    line[0].set_ylabel(f"{depth} layers")
upper.suptitle("Networks that nobody has trained: one output on a square", fontsize=11, fontweight="bold")

steep, signal = lower.subplots(1, 2)
for (depth, values), colour in zip(curves.items(), (GREEN, BLUE, RED), strict=True):
    steep.plot(curve_gains, values, color=colour, linewidth=2, label=f"{depth} layers")
steep.axhline(1, color=GREY, linestyle="--", linewidth=1, zorder=0)
for gain in gains:
    steep.axvline(gain, color="0.9", linewidth=1, zorder=0)
steep.set(yscale="log", ylim=(1e-9, 1e5), xlabel="gain of the weights", ylabel="step in the output for a step of 1")
steep.set_title("The narrow road: how steep they are", fontsize=9)
steep.legend(frameon=False, fontsize=8)
draw_signals(signal, signals)
signal.set_title("The signal in a stack of ReLUs, by its beginning", fontsize=9)
plt.show()

# %% [markdown]
# At gain 0.6 the signal dies: thirty layers give one number for the whole square, and no optimizer can tell from such a
# network which way to go. At 2.4 it is chaos: neighbours on the square part ways, and what is learned about one point
# says nothing about the next. In between there is a road, narrower the deeper the network; the right gain is on it.
