"""What the tests ask of a student's tensors: a few lines each, as a user would write them, returning plain data."""

from __future__ import annotations

import operator
import tracemalloc

import numpy as np
from tinytorch.core import tensor as module
from tinytorch.core.tensor import Tensor

OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "@": operator.matmul,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


# ---- Numbers in and out


def made(data, dtype="float32"):
    return Tensor(data, dtype=dtype).data


def described(data):
    t = Tensor(data)
    return [t.shape, t.ndim, t.size, t.numel(), str(t.dtype), t.memory_footprint()]


def footprints(data, dtypes):
    return [Tensor(data, dtype=dtype).memory_footprint() for dtype in dtypes]


def after_the_source_changed(array, value):
    source = array.copy()
    t = Tensor(source)
    source[...] = value
    return t.data


def strides_of_a_fortran_copy(array):
    t = Tensor(np.asfortranarray(array))
    return [stride // t.data.itemsize for stride in t.data.strides]


def item(data, dtype="float32"):
    return Tensor(data, dtype=dtype).item()


def written_through_detach(data, value):
    t = Tensor(data, requires_grad=True)
    d = t.detach()
    d.data[...] = value
    return [t.data, t.requires_grad, d.requires_grad]


# ---- Arithmetic and functions of each element


def binary(op, a, b, dtype="float32"):
    return OPERATORS[op](Tensor(a, dtype=dtype), Tensor(b, dtype=dtype)).data


def binary_many(op, pairs):
    return [OPERATORS[op](Tensor(a), Tensor(b)).data for a, b in pairs]


def mixed(op, a, a_dtype, b, b_dtype):
    return OPERATORS[op](Tensor(a, dtype=a_dtype), Tensor(b, dtype=b_dtype)).data


def tensor_first(op, a, other, dtype="float32"):
    return OPERATORS[op](Tensor(a, dtype=dtype), other).data


def tensor_second(op, other, a, dtype="float32"):
    return OPERATORS[op](other, Tensor(a, dtype=dtype)).data


def numpy_scalar(op, a, number, dtype="float32"):
    t = Tensor(a, dtype=dtype)
    return [OPERATORS[op](t, np.float64(number)).data, OPERATORS[op](np.float64(number), t).data]


def negative(a):
    return (-Tensor(a)).data


def after_use(a, b):
    x, y = Tensor(a), Tensor(b)
    kept = x
    x += y
    x *= y
    for use in (operator.neg, operator.abs, lambda t: t.clip(-0.5, 0.5), lambda t: t.masked_fill(t > 0, 9.0)):
        use(kept)
    return [x.data, kept.data, y.data]


def each(name, a, dtype="float32"):
    return getattr(Tensor(a, dtype=dtype), name)().data


def clip(a, low, high, dtype="float32"):
    return Tensor(a, dtype=dtype).clip(low, high).data


def either(name, a, b):
    return getattr(module, name)(Tensor(a), b).data


def peak_bytes(op, rows, columns):
    """The most memory in use at once while a (rows, 1) and a (1, columns) tensor are combined."""
    a, b = Tensor(np.ones((rows, 1))), Tensor(np.ones((1, columns)))
    tracemalloc.start()
    try:
        total = OPERATORS[op](a, b).sum().item()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return [total, peak]


# ---- Reductions


def reduced(name, a, dim=None, keepdim=False, dtype="float32"):
    return getattr(Tensor(a, dtype=dtype), name)(dim, keepdim).data


def reduced_many(name, arrays, dims):
    return [getattr(Tensor(a), name)(dim).data for a, dim in zip(arrays, dims, strict=True)]


def reduced_by_name(name, a, dim):
    t = Tensor(a)
    method = getattr(t, name)
    return [method(dim=dim, keepdim=True).data, method(axis=dim, keepdims=True).data, method(axis=dim).data]


def variance(a, dim=None, correction=1, keepdim=False):
    return Tensor(a).var(dim, keepdim, correction=correction).data


# ---- Matrix products


def matmul(a, b):
    return (Tensor(a) @ Tensor(b)).data


def matmul_many(pairs):
    return [Tensor(a).matmul(Tensor(b)).data for a, b in pairs]


def matmul_with(a, other):
    return Tensor(a).matmul(other).data


def matmul_transposed(a, b):
    return (Tensor(a).transpose() @ Tensor(b).transpose()).data


# ---- Shapes and views


def reshape(a, *shape):
    return Tensor(a).reshape(*shape).data


def permute(a, *dims):
    return Tensor(a).permute(*dims).data


def transpose(a, *dims):
    return Tensor(a).transpose(*dims).data


def transposed_by_T(a):
    return Tensor(a).T.data


def reshape_transposed(a, *shape):
    return Tensor(a).transpose().reshape(*shape).data


def view_of_transposed(a, *shape):
    return Tensor(a).transpose().view(*shape).data


def contiguous_view(a, *shape):
    return Tensor(a).transpose().contiguous().view(*shape).data


def seen_through(how, a, value, *arguments):
    """Write a value into the first element of a tensor's memory; what a tensor derived from it before then holds."""
    t = Tensor(a)
    if how == "slice":
        derived = t[::2, 1:]
    elif how == "mask":
        derived = t[t > -1e30]
    else:
        derived = getattr(t, how)(*arguments)
    t.data[(0,) * t.ndim] = value
    t.data[(-1,) * t.ndim] = value
    return derived.data


def strides_when_contiguous(a):
    t = Tensor(a).transpose()
    return [[stride // u.data.itemsize for stride in u.data.strides] for u in (t, t.contiguous())]


# ---- Selections


def chosen(a, *key):
    """The element, row or part at `key`; a list in it is an index array."""
    return Tensor(a)[key if len(key) != 1 else key[0]].data


def sliced(a, first, last, step):
    t = Tensor(a)
    return [t[first:last].data, t[:, ::step].data, t[..., -1].data, t[first, None].data]


def chosen_by_tensor(a, indices):
    return Tensor(a)[Tensor(indices, dtype="int64")].data


def chosen_where_above(a, limit):
    t = Tensor(a)
    return t[t > limit].data


def masked_fill(a, mask, value):
    return Tensor(a).masked_fill(Tensor(mask), value).data


def masked_fill_by_array(a, mask, value):
    return Tensor(a).masked_fill(mask, value).data


def where(condition, a, b):
    return module.where(Tensor(condition) > 0, Tensor(a), Tensor(b)).data


def where_or_number(condition, a, number):
    return module.where(Tensor(condition) > 0, Tensor(a), number).data


# ---- Making and joining


def arange(*arguments):
    return module.arange(*arguments).data


def drawn(name, seed, shapes):
    module.manual_seed(seed)
    return [getattr(module, name)(*shape).data for shape in shapes]


def drawn_by_tuple(name, seed, shape):
    module.manual_seed(seed)
    return getattr(module, name)(tuple(shape), dtype="float64").data


def joined(name, arrays, dim=0):
    return getattr(module, name)([Tensor(a) for a in arrays], dim).data


def joined_by_axis(name, arrays, axis):
    return getattr(module, name)([Tensor(a) for a in arrays], axis=axis).data


def joined_as_given(name, things):
    return getattr(module, name)([*things, Tensor([1.0])] if things else []).data
