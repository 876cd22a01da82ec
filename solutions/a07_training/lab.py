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
# # Lab 7: runs that can be trusted
#
# A training run that is wrong does not crash. It ends with a number that is a little worse than it could have been.
# This lab is about the checks that find out, and about runs that survive being killed. Write
# `tinytorch/core/training.py` first; `tito check` tells how far you are. After you change that file, restart the kernel
# and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import os
import tempfile
import time

import matplotlib.pyplot as plt
import numpy as np
import tinytorch as tt
from tinytorch import nn
from tinytorch.core.optimizers import SGD, Adam
from tinytorch.core.training import (
    F1,
    Accuracy,
    Trainer,
    confusion_matrix,
    plot_confusion_matrix,
    plot_training_history,
    read_state,
    write_state,
)

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
BLUE, RED, GREEN, ORANGE = "#31688e", "#d1495b", "#35b779", "#e08a1e"

# %% [markdown]
# ## The data: digits from a broken display
#
# Ten digits as a seven-segment display draws them, 11 x 8 pixels, moved by a pixel or two, drawn with uneven brightness
# and covered with noise. The loader of assignment 8 does not exist yet; a list of batches is a loader, too.

# %%
SEGMENTS = ["abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg"]
PLACES = {
    "a": (slice(1, 2), slice(2, 6)),
    "g": (slice(5, 6), slice(2, 6)),
    "d": (slice(9, 10), slice(2, 6)),
    "f": (slice(1, 6), slice(1, 2)),
    "b": (slice(1, 6), slice(6, 7)),
    "e": (slice(5, 10), slice(1, 2)),
    "c": (slice(5, 10), slice(6, 7)),
}


def digits(n, rng, noise=0.3):
    """n noisy images (n, 88) and their labels (n,)."""
    labels = rng.integers(0, 10, size=n)
    images = np.zeros((n, 11, 8))
    for image, label in zip(images, labels, strict=True):
        for segment in SEGMENTS[label]:
            image[PLACES[segment]] = rng.uniform(0.35, 1)
        image[...] = np.roll(image, rng.integers(-1, 2, size=2), axis=(0, 1))
    return (images + noise * rng.normal(size=images.shape)).reshape(n, -1).astype("float32"), labels


def in_batches(x, y, size):
    """A list of batches."""
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


rng = np.random.default_rng(7)
x, y = digits(2500, rng)
x_val, y_val = digits(600, rng)
train, val = in_batches(x, y, 50), in_batches(x_val, y_val, 200)


def network(seed=0, dropout=0.0):
    """A small perceptron; the seed decides its weights."""
    tt.manual_seed(seed)
    return nn.Sequential(nn.Linear(88, 64), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, 10))


fig, axes = plt.subplots(2, 10, figsize=(10, 2.9), layout="constrained")
for k, ax in enumerate(axes.flat):
    ax.imshow(x[np.flatnonzero(y == k % 10)[k // 10]].reshape(11, 8), cmap="magma", vmin=-0.6, vmax=1.5)
    ax.set(xticks=[], yticks=[], title=str(k % 10) if k < 10 else "")
plt.show()

# %% [markdown]
# ## 1. Two checks before every long run
#
# **Predict:** what is the loss of a network that has learned nothing, with ten classes? And how small does the loss
# get on twenty examples, if you train on nothing else?

# %%
untrained = [Trainer(network(seed), nn.CrossEntropyLoss(), SGD(lr=0.1)).evaluate(val).loss for seed in range(20)]
print(f"loss at the start: {np.mean(untrained):.3f} (from {min(untrained):.3f} to {max(untrained):.3f})")
print(f"ln 10 = {np.log(10):.3f}")

twenty = [(x[:20], y[:20])]
by_heart = Trainer(network(), nn.CrossEntropyLoss(), Adam(lr=0.01), [Accuracy()])
history = by_heart.fit(twenty, epochs=150, progress=False)
shuffled = [(x[:20], np.random.default_rng(0).permutation(y[:20]))]
nonsense = Trainer(network(), nn.CrossEntropyLoss(), Adam(lr=0.01), [Accuracy()])
nonsense.fit(shuffled, epochs=150, progress=False)

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.axhline(np.log(10), color="0.7", linestyle="--", linewidth=1)
ax.annotate("ln 10", (140, np.log(10) * 1.15), color="0.4")
ax.plot(history["train_loss"], color=BLUE, label="twenty examples")
ax.plot(nonsense.history["train_loss"], color=RED, label="twenty examples with exchanged labels")
ax.set(yscale="log", xlabel="epoch", ylabel="loss", title="Learned by heart")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# Even nonsense can be learned by heart. A network that *cannot* do this has a mistake somewhere: a gradient that does
# not arrive, a step that is not taken, labels that slipped.
#
# ## 2. A run with everything
#
# Validation, two metrics, early stopping, the best epoch kept. **Predict:** will the training loss or the validation
# loss be lower in the first epochs, when the network drops half of its hidden units in training? And later?

# %%
trainer = Trainer(network(dropout=0.5), nn.CrossEntropyLoss(), Adam(lr=0.003), [Accuracy(), F1()])
trainer.fit(train, val, epochs=60, save_best=True, early_stopping_patience=12, progress=False)
print(f"{trainer.epoch} epochs, best validation loss {trainer.stopping.best:.4f}")
loss, accuracy, f1 = trainer.evaluate(val)
print(f"the model that fit left behind: loss {loss:.4f}, accuracy {accuracy:.1%}, F1 {f1:.3f}")
plot_training_history(trainer)
plt.show()

# %% [markdown]
# **Predict:** which pairs of digits will be mistaken for each other? (Count the segments in which they differ.)

# %%
matrix = confusion_matrix(trainer.predict(x_val), y_val, num_classes=10)
plot_confusion_matrix(matrix)
plt.show()

# %% [markdown]
# ## 3. Bad batches
#
# Now and then a batch is broken: here, one in thirty is a hundred times too bright. We train with and without
# clipping.
#
# **Predict:** what does one bad batch do to the loss, and how long does the run need to recover?

# %%
broken = [(x_ * 100 if i % 30 == 17 else x_, y_) for i, (x_, y_) in enumerate(train * 4)]


def losses_step_by_step(limit):
    """The validation loss after every step of an epoch over the partly broken batches."""
    trainer = Trainer(network(3), nn.CrossEntropyLoss(), SGD(lr=0.1), grad_clip_norm=limit)
    losses = []
    trainer.train_epoch(broken, after_step=lambda batches: losses.append(trainer.evaluate(val).loss))
    return losses


fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
for limit, colour in ((None, RED), (1.0, BLUE), (0.1, GREEN)):
    label = "no clipping" if limit is None else f"gradients no longer than {limit:g}"
    ax.plot(losses_step_by_step(limit), color=colour, label=label)
for step in range(17, len(broken), 30):
    ax.axvline(step, color="0.85", zorder=0)
ax.set(yscale="log", xlabel="step (grey: a broken batch)", ylabel="validation loss", title="What one bad batch does")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## 4. Accumulation
#
# Four batches of 50 that share one step should be one batch of 200. We train both ways and look at the largest
# difference of any two weights. Beside it, the mistake of adding the four gradients instead of averaging them.
#
# **Predict:** is the difference exactly 0? If not, how large?


# %%
def one_epoch(batches, accumulation_steps=1, lr=0.1):
    """The weights after one epoch of SGD."""
    trainer = Trainer(network(5), nn.CrossEntropyLoss(), SGD(lr=lr))
    trainer.train_epoch(batches, accumulation_steps)
    return np.concatenate([p.numpy().ravel() for p in trainer.model.parameters()])


large = one_epoch(in_batches(x, y, 200))
small = one_epoch(in_batches(x, y, 50), accumulation_steps=4)
added = one_epoch(in_batches(x, y, 50), accumulation_steps=4, lr=0.4)
for name, weights in (("accumulated", small), ("added instead of averaged", added)):
    print(f"{name:28} differs from batches of 200 by at most {np.abs(weights - large).max():.1e}")

# %% [markdown]
# ## 5. The power goes out
#
# A run of five epochs with Adam and dropout, killed in the middle and resumed. The resumed run must equal the
# undisturbed one bit for bit. Then the same with a part of the state left out of the checkpoint.
#
# **Predict:** which omission does the most damage: the optimizer's moments, the generator, or the place in the epoch?

# %%
EPOCHS, KILLED_AT = 5, 120


class PowerCut(Exception):
    """The plug is pulled."""


def new_trainer(seed):
    return Trainer(network(seed, dropout=0.3), nn.CrossEntropyLoss(), Adam(lr=0.003), [Accuracy()])


def weights_of(trainer):
    return np.concatenate([p.numpy().ravel() for p in trainer.model.parameters()])


def run_epochs(trainer, after_step=None):
    """`fit` by hand, so that the weights of every step can be written down. Returns them, (steps, weights)."""
    path, losses = [], []

    def note(batches):
        path.append(weights_of(trainer))
        losses.append(trainer.evaluate(val).loss)
        if after_step:
            after_step(trainer)

    while trainer.epoch < EPOCHS:
        trainer.train_epoch(train, after_step=note)
        trainer.epoch += 1
    return np.array(path), losses


def pull_the_plug(trainer):
    if trainer.step == KILLED_AT:
        raise PowerCut


def forget(state, part):
    """A checkpoint without one of its parts: it is what a new trainer would have."""
    fresh = new_trainer(0).state_dict()
    if part == "place in the epoch":
        state["progress"]["batches_done"] = 0
    elif part is not None:
        state[part] = fresh[part]
    return state


whole = new_trainer(0)
undisturbed, loss_undisturbed = run_epochs(whole)
folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "run.npz")
killed = new_trainer(0)
try:
    run_epochs(killed, pull_the_plug)
except PowerCut:
    started = time.perf_counter()
    killed.save_checkpoint(path)
    print(f"checkpoint: {os.path.getsize(path):,} bytes in {1000 * (time.perf_counter() - started):.1f} ms", end="")
    print(f" (the weights alone: {weights_of(killed).nbytes:,} bytes)")

PARTS = ("optimizer", "generator", "place in the epoch")
NAMES = {None: "everything restored"} | {part: f"without the {part}" for part in PARTS}
resumed_runs = {}
for part in NAMES:
    write_state(os.path.join(folder.name, "part.npz"), forget(read_state(path), part))
    tt.manual_seed(999)  # another program, another state of the generator
    trainer = new_trainer(999).resume(os.path.join(folder.name, "part.npz"))
    resumed_runs[part] = run_epochs(trainer)
    last = np.abs(resumed_runs[part][0][-1] - undisturbed[-1]).max()
    print(f"{NAMES[part]:30} largest difference at the end: {last:.2e}")

# %% [markdown]
# The curves below are the validation losses: could you have told from them? And the distances of the weights from those
# of the undisturbed run, step by step: there, you can.

# %%
page = plt.figure(figsize=(11, 6.4), layout="constrained")
places = page.subplot_mosaic([["loss", "loss"], ["distance", "cloud"]], width_ratios=[1.5, 1])
colours = {None: BLUE, "optimizer": RED, "generator": ORANGE, "place in the epoch": GREEN}
steps = np.arange(1, len(undisturbed) + 1)
ax = places["loss"]
ax.plot(steps, loss_undisturbed, color="0.75", linewidth=6, label="undisturbed", zorder=0)
ax.axvline(KILLED_AT, color="k", linewidth=1, linestyle=":")
ax.annotate("power cut", (KILLED_AT + 1, max(loss_undisturbed) * 0.9), fontsize=9)
for part, (weights, losses) in resumed_runs.items():
    here = KILLED_AT + 1 + np.arange(len(losses))
    ax.plot(here, losses, color=colours[part], linewidth=1.4, label=NAMES[part])
    reach = min(len(weights), len(undisturbed) - KILLED_AT)
    gaps = np.linalg.norm(weights[:reach] - undisturbed[KILLED_AT : KILLED_AT + reach], axis=1)
    places["distance"].plot(here[:reach], np.maximum(gaps, 1e-9), color=colours[part], linewidth=2)
ax.set(xlabel="step", ylabel="validation loss", title="Could you tell?", yscale="log")
ax.legend(frameon=False, ncols=2)
ax = places["distance"]
ax.set(yscale="log", ylim=(3e-10, 20), xlabel="step", ylabel="distance from the undisturbed weights")
ax.set_title("Here you can (the lowest line is exactly 0)")

# The paths of all runs, seen from the two directions in which they spread most.
everything = np.concatenate([undisturbed, *(weights for weights, _ in resumed_runs.values())])
centre = undisturbed.mean(axis=0)
_, _, directions = np.linalg.svd((everything - centre)[:: max(1, len(everything) // 250)], full_matrices=False)
ax = places["cloud"]
flat = (undisturbed - centre) @ directions[:2].T
ax.plot(*flat.T, color="0.75", linewidth=6, solid_capstyle="round", zorder=0)
ax.plot(*flat[KILLED_AT - 1], "kX", markersize=9, zorder=5)
for part, (weights, _) in resumed_runs.items():
    line = (weights - centre) @ directions[:2].T
    ax.plot(*line.T, color=colours[part], linewidth=1.4)
    ax.plot(*line[-1], "o", color=colours[part], markersize=6, zorder=4)
ax.set(xticks=[], yticks=[], title="Paths through the space of weights")
page.suptitle(f"A run killed at step {KILLED_AT} and resumed four times", fontsize=11, fontweight="bold")
plt.show()
folder.cleanup()

# %% [markdown]
# Keep this figure: `reflection.md` asks about it. A run that resumes *almost* right is the worst of all, because
# nothing tells you.
