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
# # Lab 9: seeing
#
# A convolution looks through a small window, everywhere with the same eyes. This lab shows what such eyes see, how far
# a stack of them looks, what the loops cost that you did not keep, and what a network gains that knows nothing about
# where things are. Write `tinytorch/core/spatial.py` first; `tito check` tells how far you are. After you change that
# file, restart the kernel and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
from tinytorch.core.activations import ReLU
from tinytorch.core.autograd import no_grad
from tinytorch.core.dataloader import MNIST, DataLoader, TensorDataset
from tinytorch.core.layers import Flatten, Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import Adam
from tinytorch.core.spatial import (
    BatchNorm2d,
    Conv2d,
    MaxPool2d,
    col2im,
    conv2d,
    conv2d_loops,
    im2col,
    output_size,
)
from tinytorch.core.tensor import Tensor, manual_seed

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
BLUE, RED, GREEN, ORANGE = "#31688e", "#d1495b", "#35b779", "#e08a1e"
manual_seed(9)
mnist = MNIST(train=True)
images = mnist.images[:4_000].astype(np.float32).reshape(-1, 1, 28, 28) / 255
labels = np.asarray(mnist.labels[:4_000])
test = MNIST(train=False)
test_images = test.images[:1_000].astype(np.float32).reshape(-1, 1, 28, 28) / 255
test_labels = np.asarray(test.labels[:1_000])


def bare(ax, title="", **kwargs):
    """An axis without ticks and frame."""
    ax.set_title(title, **kwargs)
    ax.set(xticks=[], yticks=[])
    for side in ax.spines.values():
        side.set_visible(False)


# %% [markdown]
# ## 1. What a kernel sees
#
# Six kernels of 3x3 numbers, made by hand, all in one weight of shape (6, 1, 3, 3), over one digit.
#
# **Predict:** the second kernel has 1s at the left and -1s at the right. Will the left edge of a stroke, where paper
# turns to ink from left to right, come out red (positive) or blue (negative)? What would change if convolution turned
# the kernel round first?

# %%
KERNELS = {
    "mean": np.full((3, 3), 1 / 9),
    "left - right": [[1, 0, -1]] * 3,
    "top - bottom": np.transpose([[1, 0, -1]] * 3),
    "diagonal": [[2, -1, -1], [-1, 2, -1], [-1, -1, 2]],
    "centre - around": np.where(np.eye(3)[1][:, None] * np.eye(3)[1] > 0, 8, -1),
    "a single 1": np.eye(3)[[0]].T @ np.eye(3)[[0]],
}
weight = Tensor(np.array([np.asarray(k, float) for k in KERNELS.values()])[:, None])
digit = Tensor(images[[7]])
maps = conv2d(digit, weight, padding=1).numpy()[0]

fig, axes = plt.subplots(2, 7, figsize=(11, 3.4), layout="constrained")
axes[0, 0].imshow(digit.numpy()[0, 0], cmap="gray_r")
bare(axes[0, 0], "one digit")
axes[1, 0].axis("off")
for column, (name, kernel, seen) in enumerate(zip(KERNELS, weight.numpy()[:, 0], maps, strict=True), 1):
    for ax, picture in ((axes[0, column], kernel), (axes[1, column], seen)):
        limit = max(np.abs(picture).max(), 1e-6)
        ax.imshow(picture, cmap="RdBu_r", vmin=-limit, vmax=limit)
    bare(axes[0, column], name)
    bare(axes[1, column])
plt.show()

# %% [markdown]
# The last kernel moves the image by one pixel. In which direction, and why is that the direction that shows whether the
# kernel was turned round?
#
# ## 2. How often a pixel is used
#
# `col2im` of ones counts in how many windows each pixel lies: the number of gradients that it gets.
#
# **Predict:** for which of the four settings do all pixels, away from the border, count alike?

# %%
SETTINGS = {
    "kernel 3, stride 1": {"kernel_size": 3},
    "kernel 3, stride 2": {"kernel_size": 3, "stride": 2},
    "kernel 4, stride 2": {"kernel_size": 4, "stride": 2},
    "kernel 2, stride 3": {"kernel_size": 2, "stride": 3},
}
blank = np.ones((1, 1, 14, 14), np.float32)
fig, axes = plt.subplots(1, 4, figsize=(10, 2.7), layout="constrained")
for ax, (name, setting) in zip(axes, SETTINGS.items(), strict=True):
    columns = im2col(blank, **setting)
    counts = col2im(np.ones_like(columns), blank.shape, **setting)[0, 0]
    shown = ax.imshow(counts, cmap="viridis", vmin=0)
    fig.colorbar(shown, ax=ax, shrink=0.75, ticks=np.unique(counts))
    side = output_size(14, setting["kernel_size"], setting.get("stride", 1))
    bare(ax, f"{name}\n{side}x{side} windows, columns {columns.size / blank.size:.1f}x", fontsize=8)
plt.show()

# %% [markdown]
# Where the stride does not divide the kernel, neighbouring pixels are used unequally often. Networks that paint images
# by transposed convolutions show this pattern as a checkerboard.
#
# ## 3. How far a stack of layers looks
#
# Send a gradient of 1 into the middle pixel of the last output, and look at what arrives at the image: the receptive
# field. Weights are positive here, so that nothing cancels.
#
# **Predict:** how many pixels wide is the field of four layers of 3x3? Of three layers with strides of 2? Of three with
# dilations 1, 2 and 4?


# %%
def field(layers, size=49):
    """What arrives at an image of size x size from the middle of the output of a stack of 3x3 convolutions."""
    x = Tensor(np.zeros((1, 1, size, size)), requires_grad=True)
    y = x
    for settings in layers:
        y = conv2d(y, Tensor(np.ones((1, 1, 3, 3)) / 9), padding=settings.get("dilation", 1), **settings)
    start = np.zeros(y.shape)
    start[0, 0, y.shape[2] // 2, y.shape[3] // 2] = 1
    y.backward(start)
    return x.grad[0, 0]


STACKS = {
    "1 layer": [{}],
    "2 layers": [{}] * 2,
    "4 layers": [{}] * 4,
    "8 layers": [{}] * 8,
    "3, stride 2": [{"stride": 2}] * 3,
    "dilation 1, 2, 4": [{"dilation": d} for d in (1, 2, 4)],
    "dilation 1, 2, 4, 8": [{"dilation": d} for d in (1, 2, 4, 8)],
}
fields = {name: field(layers) for name, layers in STACKS.items()}
fig, axes = plt.subplots(1, len(fields), figsize=(11.5, 2.2), layout="constrained")
for ax, (name, arrived) in zip(axes, fields.items(), strict=True):
    ax.imshow(np.sqrt(arrived / arrived.max()), cmap="magma")
    width = int((arrived.max(axis=0) > 0).sum())
    bare(ax, f"{name}\n{width} wide", fontsize=8)
plt.show()

# %% [markdown]
# Eight plain layers can see 17 pixels, but the border of the field hardly counts: the gradient piles up in the middle,
# like the sum of many dice. Strides and dilation look far with few layers; which of the two keeps the resolution?
#
# ## 4. Loops against columns
#
# The same convolution, 8 channels to 16, kernels of 3x3, by your loops and by your product.
#
# **Predict:** how many times faster is the product for an image of 8x8, and of 48x48? What do the columns weigh, in
# images?


# %%
def seconds(work, stretch=0.05):
    """Seconds a call: the best of three stretches."""
    work()
    best = np.inf
    for _ in range(3):
        count, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < stretch or not count:
            work()
            count += 1
        best = min(best, elapsed / count)
    return best


SIDES = [4, 6, 8, 12, 16, 24, 32, 48]
kernels = np.random.default_rng(0).normal(size=(16, 8, 3, 3)).astype(np.float32)
slow, fast = [], []
with no_grad():
    for side in SIDES:
        x = np.random.default_rng(side).normal(size=(1, 8, side, side)).astype(np.float32)
        slow.append(seconds(lambda x=x: conv2d_loops(x, kernels, padding=1), 0.01))
        tensors = Tensor(x), Tensor(kernels)
        fast.append(seconds(lambda t=tensors: conv2d(*t, padding=1)))
        np.testing.assert_allclose(
            conv2d(*tensors, padding=1).numpy(), conv2d_loops(x, kernels, padding=1), rtol=1e-3, atol=1e-4
        )
ratios = np.array(slow) / fast
work = 2 * kernels.size * np.square(SIDES)
for side, ratio, s, f in zip(SIDES, ratios, slow, fast, strict=True):
    print(f"{side:3} x {side:<3} loops {1e3 * s:8.2f} ms   product {1e6 * f:7.0f} µs   {ratio:6.0f} times")
print(f"columns of 3x3 windows: {im2col(x, 3, padding=1).nbytes / x.nbytes:.1f} times the image")

# %% [markdown]
# ## 5. Who else is in the batch
#
# A network with batch normalisation answers for one digit, in the company of others. In training mode its answer
# depends on them.
#
# **Predict:** how will the answers spread when the same digit stands among 3, 15 or 63 others?

# %%
manual_seed(1)
small = Sequential(Conv2d(1, 4, 3, padding=1), BatchNorm2d(4), ReLU(), Flatten(), Linear(4 * 784, 1))
draw = np.random.default_rng(2)
with no_grad():
    for _ in range(60):
        small(Tensor(images[draw.integers(0, len(images), 64)]))
    answers = {}
    for company in (3, 15, 63):
        batches = [np.concatenate([images[:1], images[draw.integers(1, 4_000, company)]]) for _ in range(80)]
        answers[f"among {company}"] = np.array([small(Tensor(b)).numpy()[0, 0] for b in batches])
    small.eval()
    answers["evaluation"] = np.array([small(Tensor(b)).numpy()[0, 0] for b in batches])
fig, ax = plt.subplots(figsize=(7, 2.4), layout="constrained")
for row, (name, values) in enumerate(answers.items()):
    jitter = np.random.default_rng(row).uniform(-0.25, 0.25, len(values))
    colour = GREEN if name == "evaluation" else BLUE
    ax.scatter(values, row + jitter, s=8, color=colour, alpha=0.6)
    ax.annotate(f"deviation {values.std():.4f}", (1.02, row), xycoords=("axes fraction", "data"), va="center")
ax.set(yticks=range(len(answers)), yticklabels=answers, xlabel="the network's number for one and the same digit")
ax.invert_yaxis()
plt.show()

# %% [markdown]
# ## 6. A pattern wherever it is
#
# Two networks of about the same number of weights learn 4,000 digits for a few epochs: one with convolutions, one with
# Linear layers. Then both see digits moved to the side, which neither saw in training.
#
# **Predict:** at which shift does each of them fall below 50 %?

# %%
EPOCHS = 3


def convolutional():
    """8 and 16 kernels of 5x5 and 3x3, pooled twice."""
    return Sequential(
        Conv2d(1, 8, 5, padding=2), BatchNorm2d(8), ReLU(), MaxPool2d(2),
        Conv2d(8, 16, 3, padding=1), BatchNorm2d(16), ReLU(), MaxPool2d(2),
        Flatten(), Linear(16 * 49, 10),
    )  # fmt: skip


def dense():
    """One hidden layer of 12 units."""
    return Sequential(Flatten(), Linear(784, 12), ReLU(), Linear(12, 10))


def train(network, epochs=EPOCHS, count=None):
    """Cross entropy of every batch, on the first `count` digits (None: on all)."""
    loader = DataLoader(TensorDataset(images[:count], labels[:count]), batch_size=64, shuffle=True, seed=3)
    loss_fn, optimizer, losses = CrossEntropyLoss(), Adam(network.parameters(), lr=0.003), []
    network.train()
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = loss_fn(network(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    network.eval()
    return losses


def moved(pictures, shift):
    """Every image `shift` pixels to the right (or left), paper coming in."""
    out = np.zeros_like(pictures)
    if shift >= 0:
        out[..., shift:] = pictures[..., : 28 - shift]
    else:
        out[..., :shift] = pictures[..., -shift:]
    return out


def accuracy(network, pictures):
    with no_grad():
        return float((network(Tensor(pictures)).numpy().argmax(axis=1) == test_labels).mean())


# %% [markdown]
# First the two checks of lab 7, as before every training. **Predict:** what is the loss of each network before its
# first step, with ten classes? How small does it get on twenty digits, if they see nothing else?

# %%
print(f"ln 10 = {np.log(10):.3f}")
for make in (convolutional, dense):
    manual_seed(4)
    by_heart = train(make(), epochs=60, count=20)
    print(f"{make.__name__:14} first loss {by_heart[0]:.3f}, on twenty digits after 60 steps {by_heart[-1]:.4f}")

# %% [markdown]
# A first loss far above ln 10 means a wrong scale at the start; twenty digits that cannot be learned, a gradient that
# does not arrive. Now the training.

# %%
SHIFTS = list(range(-8, 9))
networks, curves, scores = {}, {}, {}
for name, make in (("convolutions", convolutional), ("Linear layers", dense)):
    manual_seed(4)
    networks[name] = make()
    start = time.perf_counter()
    curves[name] = train(networks[name], EPOCHS if name == "convolutions" else 4 * EPOCHS)
    took = time.perf_counter() - start
    scores[name] = [accuracy(networks[name], moved(test_images, shift)) for shift in SHIFTS]
    middle = 100 * scores[name][8]
    print(f"{name:14} {networks[name].num_parameters():6,} weights   {took:4.1f} s   {middle:.1f} % in the middle")

# %% [markdown]
# ## 7. The figure to keep
#
# The kernels that the network learned, what they see in a digit, loops against columns, and digits on the move.

# %%
net = networks["convolutions"]
learned = net[0].weight.numpy()[:, 0]
with no_grad():
    seen = net[2](net[1](net[0](Tensor(images[[7]])))).numpy()[0]
    deeper = net[:7](Tensor(images[[7]])).numpy()[0]

page = plt.figure(figsize=(11.5, 7.4), layout="constrained")
top, bottom = page.subfigures(2, 1, height_ratios=[1.15, 1])
axes = top.subplots(3, 9, gridspec_kw={"width_ratios": [1.15] + [1] * 8})
for row, title in zip(axes[:, 0], ("kernels 5x5", "what they see", "second layer"), strict=True):
    bare(row)
    row.text(0.95, 0.5, title, ha="right", va="center", transform=row.transAxes)
limit = np.abs(learned).max()
for k in range(8):
    axes[0, k + 1].imshow(learned[k], cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes[1, k + 1].imshow(seen[k], cmap="magma", vmin=0, vmax=seen.max())
    axes[2, k + 1].imshow(deeper[k], cmap="magma", vmin=0, vmax=deeper.max())
    for ax in axes[:, k + 1]:
        bare(ax)
top.suptitle("Learned from 4,000 digits", fontsize=11, fontweight="bold")

speed, shifted = bottom.subplots(1, 2)
speed.plot(SIDES, ratios, "o-", color=BLUE, markersize=4)
for side, ratio, rate in list(zip(SIDES, ratios, work / np.array(fast) / 1e9, strict=True))[1::3]:
    speed.annotate(
        f"{ratio:.0f} times\n{rate:.1f} GFLOP/s", (side, ratio), xytext=(6, -20), textcoords="offset points", fontsize=8
    )
speed.set_xscale("log", base=2)
speed.set(
    yscale="log", xticks=SIDES, xticklabels=SIDES, ylim=(min(ratios) / 3, max(ratios) * 2),
    xlabel="height and width of the image", ylabel="time of the loops / time of the product",
    title="One convolution, 8 channels to 16, kernels 3x3",
)  # fmt: skip
for (name, values), colour in zip(scores.items(), (BLUE, RED), strict=True):
    text = f"{name}, {networks[name].num_parameters():,} weights"
    shifted.plot(SHIFTS, 100 * np.array(values), "o-", color=colour, markersize=4, label=text)
shifted.axhline(10, color="0.5", linestyle="--", linewidth=1, label="guessing")
shifted.set(ylim=(0, 135), xlabel="digits moved by (pixels)", ylabel="% right of 1,000", title="Wherever it is?")
shifted.set_yticks(range(0, 101, 20))
shifted.legend(frameon=False, fontsize=8, loc="upper left")
plt.show()

# %% [markdown]
# The convolutional network holds on longer, but not for ever: which of its layers still knows where things are? Replace
# the last two lines of `convolutional` by `AdaptiveAvgPool2d(1), Flatten(), Linear(16, 10)`, train longer, and see what
# becomes of both ends of the curve.
#
# Keep this figure: `reflection.md` asks about it.
