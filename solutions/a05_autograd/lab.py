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
# # Lab 5: there and back again
#
# A computation leaves a record; a gradient walks it backwards. This lab draws the record, catches a wrong rule, weighs
# what the record costs in memory against computing things twice, and follows gradients through deep networks. Write
# `tinytorch/core/autograd.py` first; `tito check` tells how far you are. After you change that file, restart the kernel
# and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import time
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
from tinytorch.core.activations import relu, sigmoid, tanh
from tinytorch.core.autograd import (
    Function,
    GradcheckError,
    checkpoint,
    grad,
    gradcheck,
    graph_to_dot,
    numerical_gradient,
    reached,
)
from tinytorch.core.losses import cross_entropy
from tinytorch.core.tensor import Tensor, manual_seed, randn

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
manual_seed(5)

# %% [markdown]
# ## 1. The record of a computation
#
# `reached(t)` lists the nodes behind a tensor, oldest first, and the leaves. The drawing below puts each node one
# column to the right of the latest of its inputs. The number in a box says when the walk visits it.
#
# **Predict:** `h` is used three times below. After which of the other nodes can its node be visited?


# %%
def columns_of(nodes):
    """How far from the leaves each node is, counted along the longest way; leaves are in column 0."""
    column = {}
    for node in nodes:  # oldest first: inputs come before those that use them
        before = [column[x._node.number] for x in node.inputs if isinstance(x, Tensor) and x._node is not None]
        column[node.number] = 1 + max(before, default=0)
    return column


def draw_graph(ax, output, names, colours="viridis"):
    """Nodes as boxes in the order of computation, leaves as ellipses, arrows from inputs to outputs."""
    nodes, leaves = reached(output)
    column = columns_of(nodes)
    place, used = {}, {}

    def put(key, x):
        row = used[x] = used.get(x, -1) + 1
        place[key] = (1.7 * x, row)

    for leaf in leaves:
        put(id(leaf), 0)
    for node in nodes:
        put(node.number, column[node.number])
    for x in used:  # centre each column
        for key, (px, py) in place.items():
            if px == 1.7 * x:
                place[key] = (px, py - used[x] / 2 + 0.18 * (x % 2))
    visit = {node.number: i for i, node in enumerate(reversed(nodes), 1)}
    called = {id(x): name for name, x in names.items()}
    shade = plt.get_cmap(colours)
    for node in nodes:
        for x in node.inputs:
            if isinstance(x, Tensor) and x.requires_grad:
                start = place[id(x) if x._node is None else x._node.number]
                bend = 0.0 if place[node.number][0] - start[0] < 2 else 0.3
                arrow = {"arrowstyle": "-|>", "color": "0.55", "shrinkA": 17, "shrinkB": 17}
                arrow["connectionstyle"] = f"arc3,rad={bend}"
                ax.annotate("", place[node.number], start, arrowprops=arrow)
    for key, (x, y) in place.items():
        leaf = next((t for t in leaves if id(t) == key), None)
        if leaf is not None:
            text, face, style, ink = f"{called.get(key, 'leaf')}\n{leaf.shape}", "#cfe8cf", "round4", "black"
        else:
            node = next(n for n in nodes if n.number == key)
            part = (visit[key] - 1) / max(len(nodes) - 1, 1)
            text, face, style = f"{visit[key]}. {node.op.name}\n{node.output.shape}", shade(part), "square"
            ink = "white" if part < 0.6 else "black"
        box = {"boxstyle": f"{style},pad=0.35", "facecolor": face, "edgecolor": "white"}
        ax.text(x, y, text, ha="center", va="center", fontsize=7, color=ink, bbox=box)
    xs, ys = zip(*place.values(), strict=True)
    ax.set(xlim=(min(xs) - 0.8, max(xs) + 0.8), ylim=(min(ys) - 0.8, max(ys) + 0.8))
    ax.axis("off")


x, w = randn(4, 3, requires_grad=True), randn(3, 3, requires_grad=True)
b = randn(3, requires_grad=True)
h = tanh(x @ w + b)
y = (h * (h @ w) + h).sum()
names = {"x": x, "w": w, "b": b}
grad(y, [x, w, b], retain_graph=True)  # the walk that is drawn below
fig, ax = plt.subplots(figsize=(10, 3))
draw_graph(ax, y, names)
ax.set_title("y = (h * (h @ w) + h).sum() with h = tanh(x @ w + b); numbers tell the order of the walk", fontsize=9)
plt.show()

# %% [markdown]
# The same graph as text, for `dot -Tsvg` and for editors that draw DOT. Where there is neither, write it to `graph.dot`
# and run `tito draw graph.dot`: any browser shows what that makes.

# %%
print(graph_to_dot(y, names)[:400], "...")

# %% [markdown]
# **Predict:** `h = h + h`, n times. How many nodes are there, and how many paths lead from the result to the leaf?
# A walk that follows every path on its own does the work of the second number.


# %%
def paths(tensor):
    """Visits of a walk that goes down every path by itself."""
    return 1 + sum(paths(x) for x in tensor._node.inputs) if tensor._node is not None else 1


h = Tensor([1.0], requires_grad=True)
for n in range(1, 17):
    h = h + h
    if n % 4 == 0:
        start = time.perf_counter()
        visits = paths(h)
        by_path = time.perf_counter() - start
        start = time.perf_counter()
        grad(h, reached(h)[1], retain_graph=True)
        by_number = time.perf_counter() - start
        print(
            f"{len(reached(h)[0]):3} nodes, {visits:7,} visits by path in {1e3 * by_path:7.2f} ms,"
            f" by number in {1e3 * by_number:.2f} ms"
        )

# %% [markdown]
# ## 2. The check, and the size of its step
#
# `gradcheck` compares with differences. How large should their step be? Too large, and the curve bends between the two
# points. Too small, and the two values agree in all digits but the last ones, which are rounding.
#
# **Predict:** where is the best step in float64, and where in float32? How many digits are right there?

# %%
steps = 10.0 ** np.arange(-12, 0.5, 0.5)
errors = {}
for dtype in ("float64", "float32"):
    point = Tensor(np.linspace(0.3, 1.5, 5), dtype=dtype)
    exact = np.exp(point.data.astype("float64"))  # the slope of exp is exp
    errors[dtype] = []
    for step in steps:
        found = numerical_gradient(lambda t: t.exp(), [point], eps=step)[0]
        errors[dtype].append(max(np.abs(found / exact - 1).max(), 1e-13))


def draw_steps(ax):
    for (dtype, error), colour in zip(errors.items(), ("#31688e", "#d1495b"), strict=True):
        ax.loglog(steps, error, "o-", color=colour, markersize=3, label=dtype)
    ax.axvline(1e-6, color="0.6", linestyle="--", linewidth=1)
    ax.text(1.3e-6, 1e-12, "gradcheck", fontsize=7, color="0.4")
    ax.set(xlabel="step eps", ylabel="relative error", title="Central differences of exp", ylim=(1e-13, 10))
    ax.legend(frameon=False, fontsize=8)


fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
draw_steps(ax)
plt.show()

# %% [markdown]
# Now a bug. `Swish` below is right except for one forgotten term. Training with it works, a little worse than it
# should, and nobody would ever know.


# %%
class Swish(Function):
    """x * sigmoid(x), with a rule from which something is missing."""

    @staticmethod
    def forward(ctx, x):
        s = 1 / (1 + np.exp(-x))
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    def backward(ctx, g):
        x, s = ctx.saved_tensors
        return g * s * (1 + x * s)  # what should stand here?


try:
    gradcheck(Swish.apply, randn(2, 3))
except GradcheckError as error:
    print(error)

# %% [markdown]
# ## 3. What the record weighs
#
# A network of 64 layers, each `tanh(h @ w)` on a (64, 256) tensor. Every layer leaves its product and its output in the
# record, because the rules will need them.
#
# To see memory while it rises and falls, an op that does nothing but look at a counter stands between the layers. It is
# a `Function` whose `forward` and `backward` both note the bytes in use.
#
# **Predict:** draw memory against time for a forward and a backward pass. Then draw it for `checkpoint` around every
# group of 8 layers.

# %%
DEPTH, WIDTH, BATCH = 64, 256, 64
layer = Tensor(np.random.default_rng(0).normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH), requires_grad=True)
batch = randn(BATCH, WIDTH)
seen = []


class Look(Function):
    """Nothing, but notes the bytes in use on the way forward and on the way back."""

    @staticmethod
    def forward(ctx, x):
        seen.append(tracemalloc.get_traced_memory()[0])
        return x

    @staticmethod
    def backward(ctx, g):
        seen.append(tracemalloc.get_traced_memory()[0])
        return g


def run(h, count):
    """Some of the layers, one after the other."""
    for _ in range(count):
        h = Look.apply(tanh(h @ layer))
    return h


def step(group):
    """A forward and a backward pass, with checkpoints around groups of layers; 0 remembers everything."""
    layer.grad, h = None, batch
    for _ in range(DEPTH // group if group else 0):
        h = checkpoint(run, h, group)
    loss = ((h if group else run(h, DEPTH)) ** 2).mean()
    loss.backward()


def in_use(group):
    """MB in use over the time of a step, and at most."""
    seen.clear()
    tracemalloc.start()
    try:
        step(group)
        return np.array(seen) / 1e6, tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def seconds(group):
    """Processor time of a step: what other programs do meanwhile hardly counts."""
    start = time.process_time()
    step(group)
    return time.process_time() - start


groups = [0, 1, 2, 4, 8, 16, 32, 64]
memory = {group: in_use(group) for group in groups}
rounds = [{group: seconds(group) for group in groups} for _ in range(5)]  # in turn, so that a slow moment hits all
times = {group: min(r[group] for r in rounds) for group in groups}
plain_peak = memory[0][1]
for group in groups:
    words = f"groups of {group:2}" if group else "no checkpoint"
    slower = times[group] / times[0]
    print(f"{words:13}: peak {memory[group][1]:4.1f} MB, {1e3 * times[group]:6.1f} ms ({slower:.2f} times)")


# %%
def draw_timeline(ax):
    for group, colour in ((0, "#d1495b"), (8, "#31688e")):
        line = memory[group][0]
        label = "recomputed in groups of 8" if group else "all remembered"
        ax.plot(np.linspace(0, 1, len(line)), line, color=colour, label=label, linewidth=1.3)
        ax.fill_between(np.linspace(0, 1, len(line)), line, color=colour, alpha=0.12)
    ax.set(xlabel="progress of one step", ylabel="MB in use", title="Forward, then back through 64 layers")
    ax.legend(frameon=False, fontsize=8)


def draw_trade(ax):
    sizes = groups[1:]
    activation = BATCH * WIDTH * 4 / 1e6
    guess = [activation * (DEPTH / g + 2 * g) for g in sizes]
    ax.plot(sizes, guess, "--", color="0.6", linewidth=1, label="counted: one a group, two a layer inside")
    peaks = [memory[g][1] for g in sizes]
    ax.plot(sizes, peaks, "o-", color="#31688e", label="measured peak")
    ax.axhline(plain_peak, color="#d1495b", linewidth=1)
    ax.text(1, plain_peak, "all remembered", color="#d1495b", fontsize=7, va="bottom")
    for g, peak in zip(sizes, peaks, strict=True):
        ax.text(g, peak + 0.05 * plain_peak, f"{times[g] / times[0]:.1f}x", ha="center", fontsize=7)
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, labels=[str(g) for g in sizes])
    ax.set(xlabel="layers in a group", ylabel="MB at most", title="Memory against time (numbers: times as long)")
    ax.set_ylim(0, 1.25 * plain_peak)
    ax.legend(frameon=False, fontsize=7)


fig, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
draw_timeline(axes[0])
draw_trade(axes[1])
plt.show()

# %% [markdown]
# With groups of k among n layers, n/k inputs of groups stay in memory for the whole step, and one group at a time holds
# its own results. Work out which k makes the sum smallest, and compare with the lowest point of the curve. Groups of 1
# recompute everything and save the least of all the small groups: why?
#
# ## 4. Gradients on a long way
#
# Each layer multiplies a gradient by its weights and by the slope of its activation. Do that 40 times.
#
# **Predict:** for sigmoid, tanh and relu with weights of standard deviation 1/√n: does the gradient at the first layer
# come out smaller, equal or larger than at the last? What do √2/√n (He et al., 2015, arXiv:1502.01852) and a way around
# each layer (`h + f(h)`, He et al., 2015, arXiv:1512.03385) change?


# %%
def gradient_norms(activation, gain, residual=False, depth=40, width=128):
    """The norm of the gradient at the output of each layer, relative to the last."""
    rng = np.random.default_rng(1)
    h = Tensor(rng.normal(size=(64, width)), requires_grad=True)
    outputs = []
    for _ in range(depth):
        weight = Tensor(rng.normal(size=(width, width)) * gain / np.sqrt(width), requires_grad=True)
        step = activation(h @ weight)
        h = h + step if residual else step
        outputs.append(h)
    head = Tensor(rng.normal(size=(width, 10)) / np.sqrt(width), requires_grad=True)
    loss = cross_entropy(h @ head, rng.integers(0, 10, 64))
    norms = [float(np.linalg.norm(g.astype("float64"))) for g in grad(loss, outputs)]
    return np.array(norms) / norms[-1]


networks = {
    "sigmoid, 1/√n": (sigmoid, 1.0, False, "#440154"),
    "relu, 1/√n": (relu, 1.0, False, "#d1495b"),
    "tanh, 1/√n": (tanh, 1.0, False, "#31688e"),
    "relu, √2/√n": (relu, np.sqrt(2), False, "#35b779"),
    "relu, 2/√n": (relu, 2.0, False, "#edae49"),
    "h + relu, 0.3/√n": (relu, 0.3, True, "#7f7f7f"),
}
flows = {name: gradient_norms(*settings[:3]) for name, settings in networks.items()}
for name, norms in flows.items():
    print(f"{name:18} first layer / last layer = {norms[0]:.1e}")


# %%
def draw_flow(ax):
    for name, norms in flows.items():
        ax.plot(range(1, len(norms) + 1), np.maximum(norms, 1e-26), color=networks[name][3], label=name)
    ax.set_yscale("log")
    ax.set(xlabel="layer", ylabel="gradient norm, last layer = 1", title="The way back through 40 layers")
    arrow = {"arrowstyle": "->", "color": "0.4"}
    ax.annotate("backward", (2, 1e-21), (16, 1e-21), arrowprops=arrow, va="center", fontsize=8)
    ax.legend(frameon=False, fontsize=7)


fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
draw_flow(ax)
plt.show()

# %% [markdown]
# A straight line in this figure means: every layer multiplies by the same factor. Read the factor off for the sigmoid
# and compare it with its largest slope, 1/4.
#
# ## 5. All of it on one page
#
# The record and the order of the walk, what the record weighs, and what arrives at its far end. Keep this page:
# `reflection.md` asks about it.

# %%
h = tanh(x @ w + b)
y = (h * (h @ w) + h).sum()
page = plt.figure(figsize=(11, 8.6), layout="constrained")
top, bottom = page.subfigures(2, 1, height_ratios=[1, 1.9])
draw_graph(top.subplots(), y, names)
title = "y = (h * (h @ w) + h).sum(), h = tanh(x @ w + b): the record, visited from 1 on"
top.suptitle(title, fontsize=11, fontweight="bold")
axes = bottom.subplots(2, 2)
draw_timeline(axes[0, 0])
draw_trade(axes[0, 1])
draw_flow(axes[1, 0])
draw_steps(axes[1, 1])
plt.show()
