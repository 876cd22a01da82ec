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
# # Lab 8: feeding a network
#
# A loader can be wrong without an error and slow without anyone noticing. This lab looks at both: at data and orders as
# pictures in which a mistake shows, and at images a second. Write `tinytorch/core/dataloader.py` first; `tito check`
# tells how far you are. After you change that file, restart the kernel and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
from tinytorch.core.dataloader import (
    Compose,
    DataLoader,
    Dataset,
    ImageDataset,
    RandomCrop,
    RandomHorizontalFlip,
    Subset,
    TensorDataset,
    TinyDigits,
    Transformed,
    random_split,
)
from tinytorch.core.tensor import manual_seed

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
BLUE, RED, GREEN, ORANGE = "#31688e", "#d1495b", "#35b779", "#e08a1e"
manual_seed(8)
digits = TinyDigits()
print(digits, digits[0][0].shape, digits[0][1])

# %% [markdown]
# ## 1. A wall of digits
#
# 1,797 digits of 8x8 pixels, written by thirteen people. First the data as they come, then as your loader shuffles
# them.
#
# **Predict:** the files are in the order in which they were collected. What will you see in the left wall that is gone
# in the right one?


# %%
def wall(images, rows, columns):
    """Images (rows * columns, h, w, ...) with a margin, side by side as one picture (rows * (h + 2), ...)."""
    margin = [(0, 0), (1, 1), (1, 1)] + [(0, 0)] * (images.ndim - 3)
    padded = np.pad(images, margin)
    h, w, *colours = padded.shape[1:]
    return padded.reshape(rows, columns, h, w, *colours).swapaxes(1, 2).reshape(rows * h, columns * w, *colours)


def inked(images, labels):
    """Images (n, 1, h, w) from 0 to 1 in the colours of their labels: (n, h, w, 3), 0 being paper."""
    return images[:, 0, :, :, None] * (1 - plt.get_cmap("tab10")(labels)[:, None, None, :3])


ROWS, COLUMNS = 15, 20
fig, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
for ax, shuffle in zip(axes, (False, True), strict=True):
    images, labels = next(iter(DataLoader(digits, batch_size=ROWS * COLUMNS, shuffle=shuffle, seed=1)))
    ax.imshow(1 - wall(inked(images.numpy(), labels.numpy()), ROWS, COLUMNS), interpolation="nearest")
    ax.set_title(f"shuffle={shuffle}: first labels {labels.numpy()[:12].tolist()}")
    ax.axis("off")
plt.show()

# %% [markdown]
# Each class has its colour. In the left wall the same runs of labels come again and again, 0 to 9 and others. A network
# that is fed in this order sees the same neighbours all the time.
#
# ## 2. Two thousand from one
#
# Augmentation shows a network the same image in ever new ways. Below, one digit goes through a crop with padding,
# twenty-four times in one batch, and a few go through a flip.
#
# **Predict:** with a padding of 2, how many different crops has one 8x8 image? Which of the two transforms is a bad
# idea for digits?

# %%
one = digits.images[[3]]
twenty_four = np.repeat(one, 24, axis=0)
views = {
    "RandomCrop(8, padding=2)": ImageDataset(twenty_four, np.zeros(24, int), RandomCrop(8, padding=2), levels=16),
    "RandomHorizontalFlip()": ImageDataset(digits.images[10:34], np.arange(24), RandomHorizontalFlip(), levels=16),
}
fig, axes = plt.subplots(1, 3, figsize=(11, 2.9), layout="constrained", width_ratios=[0.5, 1.2, 1.2])
axes[0].imshow(one[0, 0], cmap="gray_r")
axes[0].set_title("one digit")
axes[0].axis("off")
for ax, (name, dataset) in zip(axes[1:], views.items(), strict=True):
    images, _ = next(iter(DataLoader(dataset, batch_size=24, seed=2)))
    ax.imshow(wall(images.numpy()[:, 0] + 0.12, 4, 6), cmap="gray_r")
    ax.set_title(f"{name}, one batch")
    ax.axis("off")
plt.show()

# %% [markdown]
# If all crops of the batch were shifted the same way, or a 2 and its mirror image appeared together in every batch, you
# would see it here before a network does.
#
# ## 3. What belongs to the training half only
#
# Both halves of a split lie on one dataset. The transform wraps one of them.
#
# **Predict:** read three times, how often does the mean image of each half change?

# %%
train, validate = random_split(digits, [0.8, 0.2], seed=3)
augmented = Transformed(train, RandomCrop(8, padding=2))
means = {"train, augmented": [], "validate": []}
for name, part in zip(means, (augmented, validate), strict=True):
    loader = DataLoader(part, batch_size=400, seed=4)
    for _ in range(3):
        total = sum(images.numpy().sum(axis=0) for images, _ in loader)
        means[name].append(total[0] / len(part))
fig, axes = plt.subplots(2, 4, figsize=(8, 3.8), layout="constrained")
for row, (name, maps) in zip(axes, means.items(), strict=True):
    for epoch, (ax, picture) in enumerate(zip(row, maps, strict=False)):
        ax.imshow(picture, cmap="magma", vmin=0, vmax=0.8)
        ax.set_title(f"{name}, epoch {epoch}", fontsize=8)
    change = np.abs(maps[2] - maps[1])
    row[3].imshow(change, cmap="magma", vmin=0, vmax=0.03)
    row[3].set_title(f"change: up to {change.max():.4f}", fontsize=8)
for ax in axes.flat:
    ax.axis("off")
plt.show()

# %% [markdown]
# The mean of the augmented half is blurred by two pixels in every direction and never quite the same. A validation half
# that changed from epoch to epoch would give a score that depends on luck.
#
# ## 4. Images a second
#
# Two datasets hold the same 20,000 images of 784 numbers in memory. One can gather a batch, the other gives single
# samples only.
#
# **Predict:** how many images a second does each deliver at a batch size of 1, 64 and 1,024? What does a curve look
# like that pays once a batch, and one that pays once an image?

# %%
x = np.random.default_rng(0).random((20_000, 784), dtype=np.float32)
y = np.arange(20_000) % 10


class OneByOne(Dataset):
    """The same samples without a gather of its own."""

    def __len__(self):
        return len(x)

    def __getitem__(self, index):
        return x[index], y[index]


def rate(loader, seconds=0.06):
    """Images a second: the best of three stretches of an epoch, each cut off after `seconds`."""
    best = 0.0
    for _ in range(3):
        count, start = 0, time.perf_counter()
        for images, _ in loader:
            count += len(images)
            elapsed = time.perf_counter() - start
            if elapsed > seconds:
                break
        best = max(best, count / elapsed)
    return best


SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]
KINDS = {"gather: one index a batch": (TensorDataset(x, y), BLUE), "sample by sample, collated": (OneByOne(), RED)}
rates = {name: [rate(DataLoader(d, batch_size=b, shuffle=True)) for b in SIZES] for name, (d, _) in KINDS.items()}
for name, values in rates.items():
    print(f"{name:28}", " ".join(f"{b}: {v:,.0f}" for b, v in zip(SIZES[::3], values[::3], strict=True)))

# %% [markdown]
# ## 5. Workers
#
# Threads can fetch batches while the network computes. We let a "network" of 2 ms a batch eat from three kinds of
# dataset: in memory; augmented crops of photographs; and samples that each take 0.1 ms to arrive, as from a disk.
#
# **Predict:** for which of the three do four workers help, and by how much?


# %%
class FromDisk(Dataset):
    """Samples of which each is waited for."""

    def __len__(self):
        return 2_000

    def __getitem__(self, index):
        time.sleep(1e-4)
        return x[index], y[index]


def pace(loader, batches=25):
    """Milliseconds a batch, with 2 ms of other work (here: waiting, as for a graphics card) for each."""
    iterator = iter(loader)
    next(iterator)
    start = time.perf_counter()
    for _ in range(batches):
        next(iterator)
        time.sleep(0.002)
    return 1e3 * (time.perf_counter() - start) / batches


photos = np.random.default_rng(1).integers(0, 256, size=(4_000, 3, 32, 32), dtype=np.uint8)
augment = Compose([RandomCrop(32, padding=4), RandomHorizontalFlip()])
DIETS = {
    "in memory": (TensorDataset(x, y), BLUE),
    "augmented photographs": (ImageDataset(photos, np.zeros(4_000, int), augment), GREEN),
    "0.1 ms a sample to wait for": (FromDisk(), ORANGE),
}
WORKERS = [0, 1, 2, 4, 8]
paces = {
    name: [min(pace(DataLoader(d, batch_size=64, num_workers=w)) for _ in range(2)) for w in WORKERS]
    for name, (d, _) in DIETS.items()
}
for name, values in paces.items():
    print(f"{name:28}", " ".join(f"{w} workers {v:.1f} ms" for w, v in zip(WORKERS, values, strict=True)))

# %% [markdown]
# ## 6. Orders as pictures
#
# A picture of an order: the epochs from left to right, the places in the epoch from top to bottom, and the colour is
# the number of the sample that came there. A good order is noise, and each column holds each colour once. Four loaders
# are wrong on purpose.
#
# **Predict:** before you run it, how will the picture of each wrong one look?

# %%
N, EPOCHS = 120, 60
numbers = TensorDataset(np.arange(N))


def order_of(loader):
    """Numbers of the samples of one epoch, in the order in which they come."""
    return np.concatenate([batch.numpy() for (batch,) in loader])


def good(epochs):
    loader = DataLoader(numbers, batch_size=8, shuffle=True, seed=5)
    return [order_of(loader) for _ in range(epochs)]


def restarted(epochs):
    """A new loader with the same seed for every epoch."""
    return [order_of(DataLoader(numbers, batch_size=8, shuffle=True, seed=5)) for _ in range(epochs)]


def replaced(epochs):
    """Samples drawn with replacement."""
    draw = np.random.default_rng(5)
    return [order_of(DataLoader(Subset(numbers, draw.integers(0, N, N)), batch_size=8)) for _ in range(epochs)]


def blocks(epochs):
    """Only the batches shuffled, their content never."""
    draw, batches = np.random.default_rng(5), np.arange(N).reshape(-1, 8)
    return [draw.permutation(batches).ravel() for _ in range(epochs)]


def buffered(epochs):
    """A shuffle buffer of 16 samples, as for data that come as a stream."""
    draw, found = np.random.default_rng(5), []
    for _ in range(epochs):
        waiting, order = list(range(16)), []
        for following in range(16, N + 16):
            order.append(waiting.pop(draw.integers(len(waiting))))
            waiting += [following] if following < N else []
        found.append(np.array(order))
    return found


ORDERS = {
    "yours: seed and epoch": good,
    "the seed used again": restarted,
    "drawn with replacement": replaced,
    "only batches shuffled": blocks,
    "a buffer of 16": buffered,
}
pictures = {name: np.array(make(EPOCHS)).T for name, make in ORDERS.items()}


def met(picture, batch=8):
    """Share of all pairs of samples that were in one batch at least once."""
    together = np.zeros((N, N), bool)
    for order in picture.T:
        for part in order.reshape(-1, batch):
            together[np.ix_(part, part)] = True
    return together[np.triu_indices(N, 1)].mean()


# %%
page = plt.figure(figsize=(11.5, 7.6), layout="constrained")
top, bottom = page.subfigures(2, 1, height_ratios=[1.15, 1])
axes = top.subplots(1, 5, sharey=True)
for ax, (name, picture) in zip(axes, pictures.items(), strict=True):
    ax.imshow(picture, cmap="viridis", aspect="auto", interpolation="nearest")
    seen = np.mean([len(np.unique(order)) for order in picture.T]) / N
    ax.set_title(name, fontsize=9, color=BLUE if name.startswith("yours") else RED)
    pairs = 100 * met(picture)
    ax.set_xlabel(f"epoch\n{100 * seen:.0f} % of samples an epoch\n{pairs:.0f} % of pairs ever in a batch", fontsize=8)
axes[0].set_ylabel("place in the epoch")
top.suptitle("Which sample comes when: colour is the number of the sample", fontsize=11, fontweight="bold")

speed, workers = bottom.subplots(1, 2)
for name, (_, colour) in KINDS.items():
    speed.plot(SIZES, rates[name], "o-", color=colour, markersize=4, label=name)
gain = rates["gather: one index a batch"][6] / rates["sample by sample, collated"][6]
speed.annotate(
    f"{gain:.0f} times", (64, np.sqrt(rates["gather: one index a batch"][6] * rates["sample by sample, collated"][6])),
    ha="center", fontsize=9, color="0.3", backgroundcolor="white",
)  # fmt: skip
speed.set_xscale("log", base=2)
speed.set(
    yscale="log",
    ylim=(1e4, 1e7),
    xlabel="batch size",
    ylabel="images a second",
    title="20,000 shuffled images in memory",
)
speed.legend(frameon=False, fontsize=8)
places = np.arange(len(WORKERS))
for shift, (name, (_, colour)) in zip((-0.27, 0, 0.27), DIETS.items(), strict=True):
    bars = workers.bar(places + shift, paces[name], width=0.25, color=colour, label=name)
    workers.bar_label(bars, fmt="%.1f", fontsize=7)
workers.axhline(2, color="0.5", linestyle="--", linewidth=1, label="the network alone")
workers.set_xticks(places, [f"{w}" for w in WORKERS])
workers.set(xlabel="workers", ylabel="ms a batch of 64", title="A network of 2 ms a batch, fed")
workers.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# Only the first picture is noise without gaps. The others would train a network, and its loss would fall: nothing but a
# picture, or a test, tells them apart.
#
# Keep this figure: `reflection.md` asks about it.
