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
# # Lab 15: how many bits does a weight need?
#
# Two networks learn to read digits in 32 bits a weight. Then their weights become bytes, and less than bytes, and you
# watch when they stop reading. You look at the grid and at the weights that have to live on it, give every kernel a
# grid of its own and see when that matters, choose ranges for numbers that flow through a network, and measure what a
# byte does not do: compute faster. Write `tinytorch/perf/quantization.py` first; `tito check` tells how far you are.
# After you change that file, restart the kernel and run from the top.
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
from tinytorch.core.dataloader import MNIST, DataLoader, TensorDataset
from tinytorch.core.layers import Flatten, Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import Adam
from tinytorch.core.spatial import BatchNorm2d, Conv2d, MaxPool2d
from tinytorch.core.tensor import Tensor, manual_seed
from tinytorch.perf.quantization import (
    MinMaxObserver,
    MovingAverageObserver,
    PercentileObserver,
    QuantizedLinear,
    choose_grid,
    compare_model_sizes,
    dequantize_int8,
    dequantize_model,
    integer_matmul,
    integer_range,
    quantize_int8,
    quantize_model,
    sqnr,
    to_integers,
    to_reals,
)

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
BLUE, RED, GREEN, ORANGE, GREY = "#31688e", "#d1495b", "#35b779", "#e08a1e", "0.6"
kernels.install(threads=1)
manual_seed(15)
rng = np.random.default_rng(15)
learn, test = MNIST(train=True), MNIST(train=False)
images = learn.images[:12_000].astype(np.float32).reshape(-1, 1, 28, 28) / 255
labels = np.asarray(learn.labels[:12_000])
test_images = test.images[:3_000].astype(np.float32).reshape(-1, 1, 28, 28) / 255
test_labels = np.asarray(test.labels[:3_000])

# %% [markdown]
# ## 1. A staircase
#
# Rounding to a grid turns the line y = x into a staircase. Below are 3 bits for the range from -1 to 3, symmetric and
# not.
#
# **Predict:** how many steps does each staircase have between -1 and 3? Does a step lie at exactly 0 on both?

# %%
line = np.linspace(-2, 4, 1201)
grids = {"symmetric": choose_grid(-1, 3, True, bits=3), "asymmetric": choose_grid(-1, 3, False, bits=3)}
for kind, grid in grids.items():
    values = to_integers(line[(line >= -1) & (line <= 3)], grid)
    print(f"{kind:10}: scale {grid.scale:.3f}, zero point {grid.zero_point}, {len(np.unique(values))} values used")


def draw_staircase(ax):
    for (kind, grid), colour in zip(grids.items(), (BLUE, RED), strict=True):
        ax.plot(line, to_reals(to_integers(line, grid), grid), color=colour, label=kind)
    ax.plot(line, line, color=GREY, linewidth=0.8, linestyle="--")
    ax.axvspan(-1, 3, color="0.95", zorder=0)
    ax.set(xlabel="x", ylabel="what is kept of x", title="3 bits for -1 to 3", ylim=(-2, 4))
    ax.legend(frameon=False, fontsize=8)


fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
draw_staircase(ax)
plt.show()

# %% [markdown]
# ## 2. What a bit is worth
#
# The ratio of signal to rounding noise in decibels, for three tensors of 10,000 numbers: uniform, normal, and normal
# with a single number of 50.
#
# **Predict:** by how many decibels does each line rise a bit? How many bits does the one outlier cost?

# %%
BITS = range(2, 9)
tensors = {"uniform": rng.uniform(-1, 1, 10_000), "normal": rng.normal(size=10_000)}
tensors["one outlier"] = np.append(tensors["normal"], 50.0)
noise = {}
for kind, x in tensors.items():
    # What counts is the noise on the ordinary numbers: the outlier itself is left out of the ratio.
    noise[kind] = [sqnr(x[:10_000], dequantize_int8(quantize_int8(x, bits=b)).data[:10_000]) for b in BITS]
    print(f"{kind:11}:", " ".join(f"{value:5.1f}" for value in noise[kind]), "dB")


def draw_noise(ax):
    for (kind, values), colour in zip(noise.items(), (GREEN, BLUE, RED), strict=True):
        ax.plot(BITS, values, "o-", color=colour, markersize=3, label=kind)
    ax.set(xlabel="bits", ylabel="signal to noise, dB", title="About 6 dB a bit")
    ax.legend(frameon=False, fontsize=8)


fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
draw_noise(ax)
plt.show()

# %% [markdown]
# ## 3. Two networks that read
#
# A perceptron with one hidden layer, and LeNet-5 with batch normalisation. They see 12,000 digits and are tested on
# 3,000 others.


# %%
def train(network, epochs, lr):
    loader = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True, seed=3)
    loss_fn, optimizer = CrossEntropyLoss(), Adam(network.parameters(), lr=lr)
    with no_grad():  # as before every training: who knows nothing has a loss of about ln 10
        print(f"first loss {loss_fn(network(Tensor(images[:256])), labels[:256]).item():.2f}, ln 10 = {np.log(10):.2f}")
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss_fn(network(x), y).backward()
            optimizer.step()
    return network.eval()


def accuracy(network):
    """Share of test digits that are read right, in percent."""
    with no_grad():
        guesses = [network(Tensor(test_images[i : i + 250])).numpy().argmax(axis=1) for i in range(0, 3_000, 250)]
    return 100 * float((np.concatenate(guesses) == test_labels).mean())


def lenet():
    return Sequential(
        Conv2d(1, 6, 5, padding=2, bias=False),
        BatchNorm2d(6),
        ReLU(),
        MaxPool2d(2),
        Conv2d(6, 16, 5, bias=False),
        BatchNorm2d(16),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Linear(400, 120),
        ReLU(),
        Linear(120, 84),
        ReLU(),
        Linear(84, 10),
    )


start = time.perf_counter()
networks = {
    "MLP": train(Sequential(Flatten(), Linear(784, 128), ReLU(), Linear(128, 10)), 10, 0.002),
    "LeNet-5": train(lenet(), 4, 0.002),
}
print(f"trained in {time.perf_counter() - start:.0f} s")
right = {name: accuracy(network) for name, network in networks.items()}
for name, value in right.items():
    print(f"{name:8}: {networks[name].num_parameters():7,} parameters, {value:.2f} % right")

# %% [markdown]
# **Predict:** what will the size be divided by, exactly 4? And how many of the 3,000 digits will be read otherwise than
# before: with weights in bytes, and with weights and inputs in bytes?

# %%
calibration = [Tensor(images[i : i + 64]) for i in range(0, 512, 64)]


def guesses(network):
    with no_grad():
        return network(Tensor(test_images)).numpy().argmax(axis=1)


for name, network in networks.items():
    print(f"{name}: float32 {right[name]:.2f} %")
    before = guesses(network)
    for what, batches in (("weights", None), ("weights, inputs", calibration)):
        small = quantize_model(network, batches)
        changed = int((guesses(small) != before).sum())
        sizes = compare_model_sizes(network, small)
        print(f"  {what:15} {accuracy(small):.2f} %, {changed} read otherwise; {sizes}")
        assert accuracy(small) >= right[name] - 1 and sizes.ratio >= 3.9

# %% [markdown]
# ## 4. The weights and their grid
#
# **Predict:** of the 15 values of a 4-bit grid, how many will hold nearly all weights of the first linear layer?

# %%
weights = {"MLP, first layer": networks["MLP"][1].weight, "LeNet-5, 6 to 16 kernels": networks["LeNet-5"][4].weight}


def draw_weights(ax, title, bits=4):
    q = quantize_int8(weights[title], bits=bits)
    w = weights[title].numpy().reshape(-1)
    ax.hist(w, bins=120, color=BLUE, log=True)
    least, most = integer_range(bits, True)
    for k in range(least, most + 1):
        ax.axvline(k * q.scale, color=RED, linewidth=0.7)
    ax.set(title=f"{title}, {bits} bits", xlabel="weight", ylabel="count")


for title, w in weights.items():
    q = quantize_int8(w, bits=4)
    counts = np.sort(np.bincount(q.values.reshape(-1).astype(int) + 7, minlength=15))[::-1]
    print(f"{title}: the three fullest values hold {counts[:3].sum() / counts.sum():.0%}, of 15")
fig, axes = plt.subplots(1, 2, figsize=(9, 2.9), layout="constrained")
for ax, title in zip(axes, weights, strict=True):
    draw_weights(ax, title)
plt.show()

# %% [markdown]
# ## 5. Fewer bits
#
# **Predict:** at how many bits does each network lose its first whole point, and at how many does it guess? Which one
# gains more from a scale for every output?

# %%
start = time.perf_counter()
curves = {
    (name, per_channel): [accuracy(quantize_model(network, per_channel=per_channel, bits=b)) for b in BITS]
    for name, network in networks.items()
    for per_channel in (False, True)
}
print("bits" + " " * 26, " ".join(f"{b:6}" for b in BITS))
for (name, per_channel), values in curves.items():
    label = f"{name}, per {'channel' if per_channel else 'tensor'}"
    print(f"{label:30}", " ".join(f"{value:6.2f}" for value in values))
print(f"{time.perf_counter() - start:.0f} s")


def draw_curves(ax):
    for (name, per_channel), values in curves.items():
        colour = BLUE if name == "MLP" else GREEN
        style = "o-" if per_channel else "o--"
        label = f"{name}, per {'channel' if per_channel else 'tensor'}"
        ax.plot(BITS, values, style, color=colour, markersize=3, linewidth=1.2, label=label)
    for name, colour in (("MLP", BLUE), ("LeNet-5", GREEN)):
        ax.axhline(right[name], color=colour, linewidth=0.6)
    ax.set(xlabel="bits a weight", ylabel="% right", title="Accuracy against bits", ylim=(0, 102))
    ax.legend(frameon=False, fontsize=7, loc="lower right")


fig, ax = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
draw_curves(ax)
plt.show()

# %% [markdown]
# ## 6. A grid for every kernel
#
# Batch normalisation divides by the size of what it is given. So a kernel in front of it may be made 1,000 times
# smaller, if its running mean and variance shrink with it: the network computes the same. Training does leave kernels
# of very different sizes behind. The cell below shrinks the 16 kernels of the second convolution by 1 to 10,000.
#
# **Predict:** what will 8 bits do to the network now, per tensor and per channel?

# %%
stretched = copy.deepcopy(networks["LeNet-5"])
factors = np.geomspace(1, 1e-4, 16).astype(np.float32)
conv, norm = stretched[4], stretched[5]
norm.eps = 1e-12  # it was added to the variances, and does not shrink with them
conv.weight.data *= factors[:, None, None, None]
norm.running_mean.data[...] = np.asarray(norm.running_mean) * factors
norm.running_var.data[...] = (np.asarray(norm.running_var) + 1e-5) * factors**2
kernels_db = {}
print(f"stretched, float32: {accuracy(stretched):.2f} %")
for label, axis in (("per tensor", None), ("per channel", 0), ("per channel, wrong axis", 1)):
    q = dequantize_int8(quantize_int8(conv.weight, axis=axis)).numpy()
    w = conv.weight.numpy()
    kernels_db[label] = [min(sqnr(w[o], q[o]), 60.0) for o in range(16)]
    other = copy.deepcopy(stretched)
    other[4].weight.data[...] = q
    print(f"{label:24} {accuracy(other):6.2f} %, worst kernel {min(kernels_db[label]):5.1f} dB")


def draw_kernels(ax):
    for (label, values), colour in zip(kernels_db.items(), (RED, BLUE, ORANGE), strict=True):
        ax.plot(1 / factors, values, "o-", color=colour, markersize=3, label=label)
    ax.set(xlabel="shrunk by", ylabel="signal to noise, dB", title="Error of each kernel, 8 bits", xscale="log")
    ax.legend(frameon=False, fontsize=7)


fig, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
draw_kernels(ax)
plt.show()

# %% [markdown]
# ## 7. Numbers that nobody has stored
#
# Weights can be looked at. The inputs of a layer exist only while the network runs, so examples have to stand for them.
# Here one of the 512 examples is spoiled: a single pixel of it, 1 everywhere else at most, is 100.
#
# **Predict:** what does that pixel do to each kind of observer, at 8 bits and at 5?

# %%
spoiled = [Tensor(batch.numpy()) for batch in calibration]
spoiled[2].data[7, 0, 14, 14] = 100.0
observers = {
    "min-max": MinMaxObserver,
    "moving average": MovingAverageObserver,
    "99.99 %": lambda: PercentileObserver(99.99),
}
ranges = {}
for bits in (8, 5):
    print(f"inputs and weights in {bits} bits, LeNet-5 {right['LeNet-5']:.2f} % in float32")
    for label, observer in observers.items():
        found = []
        for batches in (calibration, spoiled):
            small = quantize_model(networks["LeNet-5"], batches, observer, bits=bits)
            found.append(accuracy(small))
        ranges[bits, label] = found
        print(
            f"  {label:15} clean {found[0]:.2f} %, spoiled {found[1]:.2f} %; a pixel's scale {small[0].input_scale:.4f}"
        )


def draw_observers(ax):
    places, labels_x = np.arange(6), []
    for i, ((bits, label), (clean, bad)) in enumerate(ranges.items()):
        ax.bar(places[i] - 0.2, clean, 0.38, color=BLUE, label="clean" if i == 0 else None)
        ax.bar(places[i] + 0.2, bad, 0.38, color=RED, label="one spoiled pixel" if i == 0 else None)
        labels_x.append(f"{label}\n{bits} bits")
    ax.set_xticks(places, labels_x, fontsize=6)
    ax.set(ylabel="% right", title="Calibration", ylim=(0, 118))
    ax.legend(frameon=False, fontsize=7, loc="upper left", ncols=2)


fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
draw_observers(ax)
plt.show()

# %% [markdown]
# ## 8. What it does not do
#
# A byte is a quarter of the memory. Processors that multiply bytes multiply four times as many of them as floats. NumPy
# does not: its fast products are those of floats. Four ways through a layer of 512 inputs and outputs:
#
# - float32, as ever;
# - `QuantizedLinear`: bytes in memory, floats for the time of a call;
# - `integer_matmul`: whole numbers throughout;
# - `dequantize_model`: floats again, once and for all. The file stays small, the memory does not.
#
# **Predict:** put them in order, for a batch of 1 and for a batch of 64.

# %%
layer = Linear(512, 512)
small = QuantizedLinear(layer)
again = dequantize_model(small)
q_weight = quantize_int8(layer.weight)


def milliseconds(action):
    """The best of a few, by the processor's clock."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


ways = {
    "float32": layer,
    "QuantizedLinear": small,
    "integer_matmul": lambda x: integer_matmul(quantize_int8(x), q_weight),
    "dequantised once": again,
}
costs = {}
for n in (1, 64):
    x = Tensor(rng.normal(size=(n, 512)))
    with no_grad():
        costs[n] = [milliseconds(lambda way=way, x=x: way(x)) for way in ways.values()]
    print(f"batch {n:2}:", ", ".join(f"{way} {ms:.3f} ms" for way, ms in zip(ways, costs[n], strict=True)))


def draw_costs(ax):
    for i, ((n, values), colour) in enumerate(zip(costs.items(), (ORANGE, BLUE), strict=True)):
        ax.bar(np.arange(4) + 0.4 * i - 0.2, values, 0.38, color=colour, label=f"batch {n}")
    ax.set_xticks(range(4), [way.replace(" ", "\n").replace("_", "_\n") for way in ways], fontsize=7)
    ax.set(ylabel="ms", title="512 to 512", yscale="log")
    ax.legend(frameon=False, fontsize=7)


fig, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
draw_costs(ax)
plt.show()

# %% [markdown]
# ## 9. One page
#
# Keep it: `reflection.md` asks about it.

# %%
page, axes = plt.subplots(2, 4, figsize=(15, 6), layout="constrained")
draw_staircase(axes[0, 0])
draw_noise(axes[0, 1])
draw_weights(axes[0, 2], "MLP, first layer")
draw_weights(axes[0, 3], "LeNet-5, 6 to 16 kernels")
draw_curves(axes[1, 0])
draw_kernels(axes[1, 1])
draw_observers(axes[1, 2])
axes[1, 2].tick_params("x", labelsize=5)
draw_costs(axes[1, 3])
plt.show()
