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
# # Lab 1: one block of memory
#
# A tensor is two things: a line of bytes, and a way of counting through it. This lab makes the second visible and then
# measures what it costs. Write `tinytorch/core/tensor.py` first, at least up to Task 8; `tito check` tells how far you
# are. After you change that file, restart the kernel and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import time
import tracemalloc
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from tinytorch.core.tensor import Tensor, arange, manual_seed, randn

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
manual_seed(1)
print(arange(24).reshape(4, 6))

# %% [markdown]
# ## 1. Views against copies
#
# `t` holds twelve numbers. Six tensors are derived from it, then 99 is written into `t.data[0, 0]`.
#
# **Predict:** in which of the six does 99 show up?

# %%
t = arange(12).reshape(3, 4)
derived = {
    "t.reshape(2, 6)": t.reshape(2, 6),
    "t.transpose()": t.transpose(),
    "t[:2, ::2]": t[:2, ::2],
    "t[t < 5]": t[t < 5],
    "t.transpose().contiguous()": t.transpose().contiguous(),
    "t + 0": t + 0,
}
t.data[0, 0] = 99
for expression, d in derived.items():
    print(f"{expression:28} {'sees 99' if 99 in d else 'has its own memory'}")

# %% [markdown]
# ## 2. Strides: how a shape counts through memory
#
# Memory is a line. A stride says how many elements to walk along that line to get to the next index of a dimension.
# Element `[i, j]` lies at `offset + i * stride_0 + j * stride_1`.
#
# **Predict:** the strides (in elements) of a contiguous (4, 6) tensor, of its transpose, and of every second column.
#
# The figure colours each element by its place in memory, from the first (dark) to the last (light).

# %%
COLOURS = plt.get_cmap("viridis")


def places(array, memory):
    """For each element of a 2-D view, its place in `memory`, counted in elements; None for a copy."""
    if not np.may_share_memory(array, memory):
        return None
    offset = (array.__array_interface__["data"][0] - memory.__array_interface__["data"][0]) // array.itemsize
    steps = [s // array.itemsize for s in array.strides]
    rows, columns = np.indices(array.shape)
    return offset + rows * steps[0] + columns * steps[1]


def draw_cells(ax, where, count, title, width, height):
    """A grid of cells, each coloured and numbered by its place in a memory of `count` elements.

    The axes leave room for `width` by `height` cells, so that cells of equal size stand in every picture.
    """
    columns = where.shape[1]
    for (i, j), place in np.ndenumerate(where):
        colour = COLOURS(place / (count - 1))
        ax.add_patch(plt.Rectangle((j, -i - 1), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.5))
        ink = "white" if place < 0.7 * count else "black"
        ax.text(j + 0.5, -i - 0.5, str(place), ha="center", va="center", fontsize=7, color=ink)
    ax.set(xlim=((columns - width) / 2, (columns + width) / 2), ylim=(-height - 0.1, 0.1), aspect="equal")
    ax.set_title(title, fontsize=8)
    ax.axis("off")


def draw_strides(figure, base):
    """One memory and five tensors on it."""
    memory = base.data.reshape(-1)
    views = {
        "t": base,
        "t.transpose()": base.transpose(),
        "t.reshape(3, 8)": base.reshape(3, 8),
        "t[:, ::2]": base[:, ::2],
        "t[1:3, 2:5]": base[1:3, 2:5],
    }
    widths = [max(view.shape[1] + 1, 6.5) for view in views.values()]
    axes = figure.subplot_mosaic([["line"] * 5, [*views]], height_ratios=[1, 5], width_ratios=widths)
    draw_cells(axes["line"], np.arange(memory.size)[None], memory.size, "memory, one element after the other", 24.2, 1)
    for expression, view in views.items():
        steps = tuple(s // view.data.itemsize for s in view.data.strides)
        title = f"{expression}\nshape {view.shape}, strides {steps}"
        draw_cells(axes[expression], places(view.data, memory), memory.size, title, max(view.shape[1] + 1, 6.5), 6)


figure = plt.figure(figsize=(11, 3.8), layout="constrained")
draw_strides(figure, arange(24).reshape(4, 6))
plt.show()

# %% [markdown]
# Every one of the five tensors needs the same 24 numbers, none of them copied. Look at the transpose: walking along one
# of its rows jumps by 6 in memory. Section 4 measures what such jumps cost.
#
# ## 3. Broadcasting
#
# `(4, 1) + (1, 5)` gives `(4, 5)`. Nothing is repeated in memory: a stretched dimension has stride 0, so that walking
# along it stays on the same element.
#
# **Predict:** how many bytes does `a + b` need beyond its operands, for `a` of shape (2000, 1) and `b` of shape
# (1, 2000)? And if both were repeated with `np.tile` first?

# %%
a, b = Tensor([[0], [10], [20], [30]]), Tensor([[1, 2, 3, 4, 5]])
total = a + b
fig, axes = plt.subplots(1, 3, figsize=(9, 2.6), layout="constrained")
for ax, operand, name in zip(axes, (a, b, total), ("a", "b", "a + b"), strict=True):
    stretched = np.broadcast_to(operand.data, total.shape)
    for (i, j), value in np.ndenumerate(stretched):
        stored = i < operand.shape[0] and j < operand.shape[1]
        colour = plt.get_cmap("Blues")(0.25 + value / 60) if stored else "white"
        edge, style = ("white", "-") if stored else ("0.7", ":")
        ax.add_patch(plt.Rectangle((j, -i), 1, -1, facecolor=colour, edgecolor=edge, linestyle=style, linewidth=1.2))
        ink = "0.6" if not stored else "white" if value > 22 else "black"
        ax.text(j + 0.5, -i - 0.5, f"{value:.0f}", ha="center", va="center", color=ink)
    steps = tuple(s // stretched.itemsize for s in stretched.strides)
    ax.set(xlim=(-0.1, 5.1), ylim=(-4.1, 0.1), aspect="equal")
    ax.set_title(f"{name}, shape {operand.shape}\nseen as (4, 5): strides {steps}", fontsize=8)
    ax.axis("off")
plt.show()


# %%
def allocated(action):
    """Bytes that were in use at most, beyond those before, while the action ran."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


n = 2000
a, b = randn(n, 1), randn(1, n)
stretched = allocated(lambda: a + b)
tiled = allocated(lambda: Tensor(np.tile(a.data, (1, n))) + Tensor(np.tile(b.data, (n, 1))))
print(f"result {4 * n * n / 1e6:.0f} MB; with broadcasting {stretched / 1e6:.0f} MB, tiled {tiled / 1e6:.0f} MB")

# %% [markdown]
# ## 4. What a stride costs
#
# The processor fetches memory in lines of 64 bytes: sixteen float32 at a time. Adding up 65,536 neighbours uses all of
# each line. Adding up every sixteenth element uses a sixteenth of each.
#
# **Predict:** adding the *same number* of elements, how much longer does it take at a stride of 16 than at a stride
# of 1? And does it go on growing after 16?


# %%
def nanoseconds(action, repeats=5):
    """The quickest of several runs: the others were disturbed."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter_ns()
        action()
        best = min(best, time.perf_counter_ns() - start)
    return best


count = 1 << 16
strides = [1 << k for k in range(9)]
line = np.ones(count * strides[-1], np.float32)
per_element = [nanoseconds(line[: count * s : s].sum) / count for s in strides]
for s, ns in zip(strides, per_element, strict=True):
    print(f"stride {s:4}: {ns:6.2f} ns an element")

# %% [markdown]
# Now the same with matrices. Adding up the rows of an (n, n) matrix one after the other walks through memory in order;
# adding up its columns jumps by n elements at every step. The work is the same.
#
# **Predict:** for which n does the order begin to matter?


# %%
def by_rows(matrix):
    return sum(float(row.sum()) for row in matrix)


sizes = [128, 256, 512, 1024, 2048, 4096]
rows_ns, columns_ns = [], []
for n in sizes:
    matrix = randn(n, n)
    rows_ns.append(nanoseconds(partial(by_rows, matrix.data), 3) / n**2)
    columns_ns.append(nanoseconds(partial(by_rows, matrix.transpose().data), 3) / n**2)
    ratio = columns_ns[-1] / rows_ns[-1]
    print(f"n = {n:5}: rows {rows_ns[-1]:6.2f}, columns {columns_ns[-1]:6.2f} ns an element, ratio {ratio:.1f}")

# %% [markdown]
# Both curves fall at first: each row or column costs one call of NumPy, about a microsecond, and longer rows share it
# among more elements. The gap between the curves is what the order of memory costs.
#
# ## 5. The bytes behind an expression
#
# `memory_footprint()` counts the bytes of the elements that a tensor shows. It does not tell whether they are new.
#
# **Predict:** which of these expressions on a 4 MB tensor allocate 4 MB, which less, which nothing?

# %%
x = randn(1000, 1000)
expressions = {
    "x.reshape(-1)": lambda: x.reshape(-1),
    "x.transpose()": lambda: x.transpose(),
    "x[::2]": lambda: x[::2],
    "x.transpose().reshape(-1)": lambda: x.transpose().reshape(-1),
    "x[x > 0]": lambda: x[x > 0],
    "x + 1": lambda: x + 1,
    "(x + 1) * 2": lambda: (x + 1) * 2,
    "Tensor(x, dtype=float64)": lambda: Tensor(x, dtype="float64"),
}
new_bytes = {expression: allocated(action) for expression, action in expressions.items()}
for expression, action in expressions.items():
    shown = action().memory_footprint()
    print(f"{expression:27} shows {shown / 1e6:4.1f} MB, allocates {new_bytes[expression] / 1e6:5.2f} MB")

# %% [markdown]
# ## 6. All of it on one page
#
# The last figure puts the three together: one memory seen five ways, what jumping through it costs, and what an
# expression allocates. Keep it: `reflection.md` asks about it.

# %%
page = plt.figure(figsize=(11, 8.4), layout="constrained")
top, bottom = page.subfigures(2, 1, height_ratios=[1, 1.25])
draw_strides(top, arange(24).reshape(4, 6))
top.suptitle("One block of memory: five views of it", fontsize=11, fontweight="bold")

jump, order, bars = bottom.subplots(1, 3)
jump.plot(strides, per_element, "o-", color="#31688e")
jump.axvline(16, color="0.6", linestyle="--", linewidth=1)
jump.text(17, max(per_element) * 0.04 + min(per_element), " one cache line\n (16 float32)", fontsize=7, color="0.4")
jump.set(xscale="log", xlabel="stride in elements", ylabel="ns an element", title="Adding 65,536 elements")
jump.set_xscale("log", base=2)
jump.set_ylim(bottom=0)

order.plot(sizes, columns_ns, "o-", color="#d1495b", label="column by column")
order.plot(sizes, rows_ns, "o-", color="#31688e", label="row by row")
order.fill_between(sizes, rows_ns, columns_ns, color="#d1495b", alpha=0.12)
order.set_xscale("log", base=2)
order.set_yscale("log")
order.set_yticks([0.5, 1, 2, 5, 10, 20], labels=["0.5", "1", "2", "5", "10", "20"])
order.minorticks_off()
order.set(xlabel="n", ylabel="ns an element", title="Adding up an (n, n) matrix")
order.legend(frameon=False, fontsize=8)

names = list(new_bytes)[::-1]
megabytes = [new_bytes[name] / 1e6 for name in names]
bars.barh(names, megabytes, color=["#35b779" if m < 0.1 else "#d1495b" for m in megabytes])
for i, m in enumerate(megabytes):
    bars.text(m + 0.1, i, "view" if m < 0.1 else f"{m:.1f}", va="center", fontsize=7)
bars.set(xlabel="MB allocated at most", title="x is 4 MB: what is new?")
bars.tick_params(axis="y", labelsize=7)
plt.show()
