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
# # Lab 6: ways downhill
#
# Every optimizer here sees the same gradients and goes another way. This lab draws the ways, and then measures what an
# optimizer costs: bytes that it keeps, passes over memory that it takes, and a trap that opens after some 800 steps.
# Write `tinytorch/core/optimizers.py` first; `tito check` tells how far you are. After you change that file, restart
# the kernel and run from the top.
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
from tinytorch.core import optimizers
from tinytorch.core.optimizers import (
    SGD,
    Adam,
    CosineAnnealingLR,
    ExponentialLR,
    LinearWarmup,
    OneCycleLR,
    RMSprop,
    StepLR,
)
from tinytorch.core.tensor import Tensor, zeros

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
COLOURS = {"SGD": "#d1495b", "SGD with momentum": "#edae49", "RMSprop": "#35b779", "Adam": "#31688e"}

# %% [markdown]
# ## 1. A ravine
#
# The height is `(x ** 2 + 30 * y ** 2) / 2`: thirty times as steep across as along. One learning rate has to serve both
# directions. Across, gradient descent multiplies y by `1 - 30 * lr` at each step; along, it multiplies x by `1 - lr`.
#
# **Predict:** from which learning rate on does gradient descent fly out of the ravine? At the largest one that stays
# inside, about how many steps does it need to halve x?


# %%
def ravine(x, y):
    return (x**2 + 30 * y**2) / 2


def ravine_gradient(x, y):
    return x, 30 * y


def rosenbrock(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def rosenbrock_gradient(x, y):
    return -2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)


def walk(make, gradient, start, steps):
    """The places that an optimizer visits: (steps + 1, 2)."""
    p = Tensor(start, requires_grad=True)
    optimizer = make([p])
    places = [p.data.copy()]
    for _ in range(steps):
        p.grad = np.array(gradient(*p.data), np.float32)
        optimizer.step()
        places.append(p.data.copy())
    return np.array(places)


for lr in (0.01, 0.03, 0.06, 0.068):
    end = walk(lambda p, lr=lr: SGD(p, lr=lr), ravine_gradient, (-9.0, 2.0), 50)[-1]
    print(f"lr = {lr}: after 50 steps at ({end[0]:7.3f}, {end[1]:9.3f})")

# %%
ON_RAVINE = {
    "SGD": lambda p: SGD(p, lr=0.06),
    "SGD with momentum": lambda p: SGD(p, lr=0.02, momentum=0.85),
    "RMSprop": lambda p: RMSprop(p, lr=0.15, alpha=0.9),
    "Adam": lambda p: Adam(p, lr=0.5),
}
ON_ROSENBROCK = {
    "SGD": lambda p: SGD(p, lr=0.0007),
    "SGD with momentum": lambda p: SGD(p, lr=0.0003, momentum=0.9),
    "RMSprop": lambda p: RMSprop(p, lr=0.01),
    "Adam": lambda p: Adam(p, lr=0.1),
}
ravine_walks = {name: walk(make, ravine_gradient, (-9.0, 2.0), 60) for name, make in ON_RAVINE.items()}
rosenbrock_walks = {name: walk(make, rosenbrock_gradient, (-1.3, 0.2), 1000) for name, make in ON_ROSENBROCK.items()}


def draw_walks(ax, height, walks, xlim, ylim, goal, title):
    """The height as shades and contours on a logarithmic scale, and the ways over it."""
    x, y = np.meshgrid(np.linspace(*xlim, 300), np.linspace(*ylim, 300))
    z = np.log10(height(x, y) + 1e-2)
    ax.contourf(x, y, z, 24, cmap="bone", alpha=0.55)
    ax.contour(x, y, z, 12, colors="white", linewidths=0.5)
    for name, places in walks.items():
        ax.plot(*places.T, "-", color=COLOURS[name], linewidth=1.3, label=name)
        ax.plot(*places[: 60 if len(places) > 100 else None].T, ".", color=COLOURS[name], markersize=3.5)
        ax.plot(*places[-1], "o", color=COLOURS[name], markersize=6, markeredgecolor="black", markeredgewidth=0.8)
    ax.plot(*goal, "*", color="black", markersize=11, zorder=5)
    ax.plot(*next(iter(walks.values()))[0], "s", color="black", markersize=5)
    ax.set(xlim=xlim, ylim=ylim, title=title)


RAVINE = (ravine, ravine_walks, (-10, 2.5), (-2.6, 2.6), (0, 0), "A ravine: 60 steps")
ROSENBROCK = (rosenbrock, rosenbrock_walks, (-2, 1.8), (-0.7, 3), (1, 1), "Rosenbrock's valley: 1,000 steps")
fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
draw_walks(axes[0], *RAVINE)
draw_walks(axes[1], *ROSENBROCK)
axes[0].legend(frameon=True, fontsize=7, loc="lower left")
plt.show()

# %% [markdown]
# Square: start; star: the lowest point; circles: where each one ended. The dots mark single steps (in the valley the
# first sixty).
#
# Which optimizers take account of the direction across being steeper, and by what means? Momentum averages over time,
# RMSprop and Adam divide each coordinate by the size of its own gradients.
#
# ## 2. What bias correction does
#
# Adam's means start at 0. Passing a huge `step` to the rule makes both corrections 1: an Adam without them.
#
# **Predict:** under a constant gradient g the corrected Adam steps by lr. After one uncorrected step `m = 0.1 * g` and
# `v = 0.001 * g * g`. How long is that step? When is it longest?


# %%
class Uncorrected(Adam):
    def update(self, p, g, state, step, group, work):
        super().update(p, g, state, 10**9, group, work)


def step_lengths(make, steps=4000):
    """The length of each step in units of lr, under the gradient 1."""
    p = Tensor([0.0], requires_grad=True, dtype="float64")
    optimizer = make([p], lr=1.0)
    p.grad = np.ones(1)
    places = [0.0]
    for _ in range(steps):
        optimizer.step()
        places.append(p.item())
    return -np.diff(places)


corrected, uncorrected = step_lengths(Adam), step_lengths(Uncorrected)
longest = int(np.argmax(uncorrected))
print(f"corrected: {corrected[0]:.3f} at step 1, {corrected[999]:.3f} at step 1,000")
print(f"uncorrected: {uncorrected[0]:.3f} at step 1, at most {uncorrected[longest]:.3f} (step {longest + 1})")


def draw_correction(ax):
    steps = np.arange(1, len(corrected) + 1)
    ax.plot(steps, uncorrected, color="#d1495b", label="without")
    ax.plot(steps, corrected, color="#31688e", label="with correction")
    ax.fill_between(steps, corrected, uncorrected, color="#d1495b", alpha=0.12)
    ax.set(
        xscale="log", xlabel="step", ylabel="length in units of lr", title="Adam under a constant gradient", ylim=(0, 8)
    )
    ax.legend(frameon=False, fontsize=8)


fig, ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
draw_correction(ax)
plt.show()

# %% [markdown]
# ## 3. Learning rates over time
#
# `lr_at(epoch, base)` is a plain function: it can be drawn without training anything.
#
# **Predict:** which of the five curves below gives the largest mean learning rate? Which spends most steps below a
# tenth of its peak?

# %%
TOTAL, BASE = 100, 1.0


def fresh():
    return SGD([zeros(1, requires_grad=True)], lr=BASE)


one = fresh()
schedules = {
    "StepLR": (StepLR(fresh(), 30, gamma=0.3), BASE),
    "ExponentialLR": (ExponentialLR(fresh(), gamma=0.96), BASE),
    "CosineAnnealingLR": (CosineAnnealingLR(fresh(), TOTAL), BASE),
    "LinearWarmup, then cosine": (LinearWarmup(one, 15, after=CosineAnnealingLR(one, TOTAL - 15)), BASE),
    "OneCycleLR": (OneCycleLR(fresh(), max_lr=BASE, total_steps=TOTAL), BASE / 25),
}
curves = {name: [s.lr_at(k, base) for k in range(TOTAL)] for name, (s, base) in schedules.items()}
for name, curve in curves.items():
    low = sum(lr < BASE / 10 for lr in curve)
    print(f"{name:26} mean {np.mean(curve):.3f}, {low:3} of {TOTAL} steps below a tenth")

SHADES = ["#d1495b", "#edae49", "#35b779", "#31688e", "#440154"]


def draw_schedules(ax):
    for (name, curve), colour in zip(curves.items(), SHADES, strict=True):
        style = "steps-post" if name == "StepLR" else "default"
        ax.plot(curve, color=colour, drawstyle=style, linewidth=1.5, label=name)
    ax.set(xlabel="step of the scheduler", ylabel="learning rate", title="Five schedules", ylim=(0, 1.05))
    ax.set(xlim=(0, 160), xticks=range(0, 101, 20))
    ax.legend(frameon=False, fontsize=6.5, loc="upper right")


fig, ax = plt.subplots(figsize=(6.5, 3), layout="constrained")
draw_schedules(ax)
plt.show()

# %% [markdown]
# ## 4. What an optimizer remembers
#
# **Predict:** a model of one million float32 parameters is 4 MB, its gradients are 4 MB more. How many MB does each of
# these optimizers add when it takes its first step?

# %%
COUNT = 1_000_000


def bytes_remembered(make):
    """Bytes that the first step leaves behind, the fixed scratch included."""
    p = zeros(COUNT, requires_grad=True)
    p.grad = np.ones(COUNT, np.float32)
    optimizer = make([p])
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    optimizer.step()
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return kept


remembered = {
    "SGD": bytes_remembered(SGD),
    "SGD, momentum": bytes_remembered(lambda p: SGD(p, momentum=0.9)),
    "RMSprop": bytes_remembered(RMSprop),
    "Adam": bytes_remembered(Adam),
    "Adam, amsgrad": bytes_remembered(lambda p: Adam(p, amsgrad=True)),
}
for name, extra in remembered.items():
    print(
        f"{name:14} remembers {extra / 1e6:5.2f} MB: with the parameters {1 + extra / 4 / COUNT:.2f} times their bytes"
    )


def draw_memory(ax):
    names = list(remembered)[::-1]
    state = [remembered[name] / 1e6 for name in names]
    ax.barh(names, 4, color="0.75", label="parameters")
    ax.barh(names, 4, left=4, color="0.88", label="gradients")
    ax.barh(names, state, left=8, color="#31688e", label="optimizer")
    for i, megabytes in enumerate(state):
        ax.text(8.2 + megabytes, i, f"+{megabytes:.0f}", va="center", fontsize=8)
    ax.set(xlabel="MB for a million parameters", title="Adam's 3x", xlim=(0, 23))
    ax.legend(frameon=False, fontsize=7, loc="upper right")


fig, ax = plt.subplots(figsize=(5.5, 2.6), layout="constrained")
draw_memory(ax)
plt.show()

# %% [markdown]
# ## 5. Once through the cache
#
# Adam's rule is a dozen passes over five arrays. The base class walks in stretches of `CHUNK` elements: the passes over
# one stretch find its numbers in the cache.
#
# **Predict:** four million parameters, and stretches from 512 elements to all of them at once. What makes very short
# stretches slow, and what very long ones? Where is the best length on your machine, and which cache has that size?


# %%
def milliseconds_a_step(chunk, count=4_000_000, repeats=5):
    """The quickest of several steps with stretches of `chunk` elements."""
    usual, optimizers.CHUNK = optimizers.CHUNK, chunk
    p = zeros(count, requires_grad=True)
    p.grad = np.ones(count, np.float32)
    optimizer = Adam([p])
    optimizer.step()
    optimizers.CHUNK = usual
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        optimizer.step()
        best = min(best, time.perf_counter() - start)
    return 1e3 * best


lengths = [1 << k for k in range(9, 23)]
by_length = [milliseconds_a_step(length) for length in lengths]
for length, ms in zip(lengths, by_length, strict=True):
    print(f"stretches of {length:8,} elements: {ms:6.1f} ms a step")


def draw_lengths(ax):
    ax.plot(lengths, by_length, "o-", color="#31688e", markersize=4)
    ax.axvline(optimizers.CHUNK, color="0.6", linestyle="--", linewidth=1)
    ax.text(optimizers.CHUNK * 1.15, max(by_length) * 0.9, "CHUNK", fontsize=7, color="0.4")
    ax.set_xscale("log", base=2)
    ax.set(xlabel="elements of a stretch", ylabel="ms a step", title="Adam on 4 M parameters")
    ax.set_ylim(bottom=0)


# %% [markdown]
# ## 6. Dead units
#
# A ReLU unit that never fires has gradient 0. Its mean gradient shrinks by 0.9 a step and, after some 830 steps, is a
# *denormal* number, below 1.2e-38. Processors compute with those in a slow path.
#
# **Predict:** half of the units die at step 20. `FLUSH_EVERY = 0` switches the flushing off. How much longer does a
# step take at step 1,200? And do the parameters differ?


# %%
def dying_network(flush_every, steps=1300, shape=(256, 200)):
    """Milliseconds of each step (running median), and the parameters at the end."""
    usual, optimizers.FLUSH_EVERY = optimizers.FLUSH_EVERY, flush_every
    rng = np.random.default_rng(0)
    p = Tensor(rng.normal(size=shape), requires_grad=True)
    p.grad = 0.01 * rng.normal(size=shape).astype(np.float32)
    optimizer = Adam([p])
    took = []
    for k in range(steps):
        if k == 20:
            p.grad[:, ::2] = 0
        start = time.perf_counter()
        optimizer.step()
        took.append(1e3 * (time.perf_counter() - start))
    optimizers.FLUSH_EVERY = usual
    return [np.median(took[k : k + 25]) for k in range(0, steps, 25)], p.data


slow, slow_end = dying_network(0)
quick, quick_end = dying_network(32)
print(f"at the end: {slow[-1]:.3f} ms a step without flushing, {quick[-1]:.3f} ms with it")
print(f"largest difference between the parameters: {np.abs(slow_end - quick_end).max():.1e}")


def draw_denormals(ax):
    steps = 25 * np.arange(len(slow))
    ax.plot(steps, slow, color="#d1495b", label="as they are")
    ax.plot(steps, quick, color="#31688e", label="tiny numbers set to 0")
    ax.set(xlabel="step", ylabel="ms a step", title="Half of the units dead")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=8)


# %% [markdown]
# ## 7. All of it on one page
#
# The ways on top; below, what they cost. Keep it: `reflection.md` asks about it.

# %%
page = plt.figure(figsize=(12.5, 10), layout="constrained")
top, bottom = page.subfigures(2, 1, height_ratios=[1.15, 1])
left, right = top.subplots(1, 2)
draw_walks(left, *RAVINE)
draw_walks(right, *ROSENBROCK)
left.legend(frameon=True, fontsize=8, loc="lower left")
top.suptitle("Four ways downhill", fontsize=12, fontweight="bold")
panels = bottom.subplots(2, 3)
for draw, ax in zip(
    (draw_schedules, draw_correction, draw_memory, draw_lengths, draw_denormals), panels.flat, strict=False
):
    draw(ax)

losses = panels.flat[5]
for name, places in rosenbrock_walks.items():
    losses.plot(np.maximum(rosenbrock(*places.astype(float).T), 1e-12), color=COLOURS[name], linewidth=1.3, label=name)
losses.set(yscale="log", xlabel="step", ylabel="height", title="Rosenbrock's valley: height over time")
plt.show()
