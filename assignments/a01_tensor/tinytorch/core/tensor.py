"""Tensor: a block of numbers with a shape, and the operations on it that everything later is made of.

The file has three parts. First the forward rules, plain functions on NumPy arrays, each wrapped in a named `Op`; then
the class `Tensor`, whose methods run those ops through `apply`; then functions that make and join tensors. How an op
runs and is recorded is the frame's part (`tinytorch/dispatch.py`), how it is differentiated is assignment 5's.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from tinytorch.dispatch import Op, TensorBase, apply, tensor_type, wrap
from tinytorch.random import generator
from tinytorch.random import manual_seed as manual_seed

float32, float64, int64 = np.float32, np.float64, np.int64
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_NUMERIC = "biuf"  # the kinds of dtype that a tensor may hold: bool, int, unsigned, float

Array = np.ndarray
Dims = int | tuple[int, ...] | list[int] | None
Flag = bool | None

# ==== Part one: rules on arrays =======================================================================================

# ---- Task 1: numbers in, float32 out ---------------------------------------------------------------------------------


def _to_array(data: Any, dtype: Any) -> Array:
    """A new C-ordered array of `dtype` that holds `data` and shares no memory with it.

    Args:
        data: a number, a nested list, an ndarray or a Tensor.

    Raises:
        ValueError: nested lists of unequal lengths. TypeError: anything that is not made of numbers (None, text).
    """
    # np.asarray reads any of these; None and text become arrays whose dtype.kind is not in _NUMERIC.
    # The caller may go on writing into `data`: the tensor must not change with it.
    raise NotImplementedError("a01_tensor: _to_array is yours to write")


def _narrow(out: Any, *inputs: Any) -> Any:
    """`out` as it is, or as float32 where NumPy made float64 although no float64 array went in.

    That happens with integers: NumPy computes int64 / int64, int64 * 0.5, the mean of int64 and int64 + float32 in
    float64. Only a float64 *array* among `inputs` is a wish for float64; Python numbers are not.
    """
    raise NotImplementedError("a01_tensor: _narrow is yours to write")


def _operand(value: Any, dtype: np.dtype) -> Any:
    """`value` as it may stand beside a tensor of `dtype` in an op.

    Tensors and Python numbers stay as they are (NumPy lets a Python number follow the array's dtype). NumPy's arrays
    and scalars do not follow: they are cast here. Beside a float tensor they take its dtype; beside an integer or bool
    tensor floats become float32 and the others stay as they are.

    Raises:
        TypeError: text, None, lists, complex numbers.
    """
    # np.float64(2.0) counts as a Python float for isinstance: look for np.ndarray and np.generic first.
    raise NotImplementedError("a01_tensor: _operand is yours to write")


# ---- Task 2: elementwise, with broadcasting --------------------------------------------------------------------------


def _shapes_clash(name: str, a: Any, b: Any) -> ValueError:
    """The error for two shapes that do not broadcast."""
    return ValueError(
        f"{name}: shapes {np.shape(a)} and {np.shape(b)} do not broadcast; counted from the right, sizes must be equal"
        " or 1: reshape one of them"
    )


def _broadcasting(ufunc: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The forward rule of an elementwise op of two inputs: (..., n) and (..., n) -> the shape they broadcast to."""
    name = ufunc.__name__

    def rule(a: Any, b: Any) -> Any:
        # NumPy broadcasts by itself. Where it cannot it raises a ValueError that says "broadcast": then raise
        # _shapes_clash(name, a, b). Any other ValueError (integers to negative powers) is none of our business.
        # No check of shapes beforehand: `try` is free, and this function runs for every + in every program to come.
        raise NotImplementedError("a01_tensor: _broadcasting is yours to write")

    return rule


def _elementwise(ufunc: Callable[[Any], Any]) -> Callable[[Array], Any]:
    """The forward rule of an elementwise op of one input, which keeps the shape."""

    def rule(a: Array) -> Any:
        # The exponential of an integer array is float64 for NumPy: not here.
        raise NotImplementedError("a01_tensor: _elementwise is yours to write")

    return rule


def _clip(a: Array, min: float | None, max: float | None) -> Array:
    """Every element moved into [min, max]; None leaves that side open."""
    raise NotImplementedError("a01_tensor: _clip is yours to write")


ADD = Op("add", _broadcasting(np.add))
SUB = Op("sub", _broadcasting(np.subtract))
MUL = Op("mul", _broadcasting(np.multiply))
DIV = Op("div", _broadcasting(np.true_divide))
POW = Op("pow", _broadcasting(operator.pow))  # a ** 2 multiplies, np.power(a, 2) would call the C library's pow
MAXIMUM = Op("maximum", _broadcasting(np.maximum))
MINIMUM = Op("minimum", _broadcasting(np.minimum))
NEG = Op("neg", np.negative)
ABS = Op("abs", np.absolute)
EXP = Op("exp", _elementwise(np.exp))
LOG = Op("log", _elementwise(np.log))
SQRT = Op("sqrt", _elementwise(np.sqrt))
CLIP = Op("clip", _clip)

# ---- Task 3: reductions ----------------------------------------------------------------------------------------------
# `axis` is None (everything), an int or a tuple of ints; with `keepdims` a reduced dimension stays, with size 1.


def _sum(a: Array, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum over `axis`: (N, C) over axis 0 -> (C,), or (1, C) with keepdims."""
    raise NotImplementedError("a01_tensor: _sum is yours to write")


def _mean(a: Array, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean over `axis`; of integers too it is float32."""
    raise NotImplementedError("a01_tensor: _mean is yours to write")


def _var(a: Array, axis: Any = None, keepdims: bool = False, correction: int = 1) -> Any:
    """Sum of squared distances from the mean over `axis`, divided by count - correction."""
    # NumPy's name for the correction is ddof, and its default is another.
    raise NotImplementedError("a01_tensor: _var is yours to write")


def _max(a: Array, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest element over `axis`."""
    raise NotImplementedError("a01_tensor: _max is yours to write")


def _min(a: Array, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest element over `axis`."""
    raise NotImplementedError("a01_tensor: _min is yours to write")


SUM = Op("sum", _sum)
MEAN = Op("mean", _mean)
VAR = Op("var", _var)
MAX = Op("max", _max)
MIN = Op("min", _min)

# ---- Task 4: the matrix product --------------------------------------------------------------------------------------


def _matmul(a: Array, b: Array) -> Any:
    """Matrix product: (..., n, k) @ (..., k, m) -> (..., n, m); the leading dimensions broadcast.

    A 1-D operand is a row on the left and a column on the right, and loses that dimension in the result:
    (k,) @ (k,) -> (), (n, k) @ (k,) -> (n,), (k,) @ (k, m) -> (m,).

    Raises:
        ValueError: a 0-d operand, or sizes that do not match; names both shapes and a remedy.
    """
    # np.matmul does all of this but for the message: _matmul_problem(a.shape, b.shape) words what is wrong.
    raise NotImplementedError("a01_tensor: _matmul is yours to write")


def _matmul_problem(left: tuple[int, ...], right: tuple[int, ...]) -> str:
    """What is wrong with `left @ right`, and what to do about it."""
    if not left or not right:
        return f"shapes {left} and {right}: a single number has no rows and columns; multiply by it with *"
    inner = right[0] if len(right) == 1 else right[-2]
    if left[-1] != inner:
        return f"{left} @ {right}: the inner sizes {left[-1]} and {inner} differ; transpose or reshape one of them"
    return f"{left} @ {right}: the leading dimensions do not broadcast; make them equal or 1"


MATMUL = Op("matmul", _matmul)

# ---- Task 5: shapes, selections, joins -------------------------------------------------------------------------------


def _reshape(a: Array, shape: tuple[int, ...]) -> Array:
    """The same numbers in the same order under another shape: a view wherever NumPy can give one."""
    # Where the sizes do not fit raise ValueError naming a.shape and shape. Which NumPy functions do not copy?
    raise NotImplementedError("a01_tensor: _reshape is yours to write")


def _permute(a: Array, dims: tuple[int, ...]) -> Array:
    """A view whose dimension i is the array's dimension dims[i]: (A, B, C) by (2, 0, 1) -> (C, A, B)."""
    raise NotImplementedError("a01_tensor: _permute is yours to write")


def _getitem(a: Array, key: Any) -> Any:
    """The part of the array that `key` selects: a view for ints and slices, a copy for masks and index arrays."""
    return a[key]


def _masked_fill(a: Array, mask: Array, value: float) -> Array:
    """A copy in which every element where the mask is true (nonzero) is `value`; the mask broadcasts to the array."""
    # np.copyto has an argument `where` that broadcasts; a mask too large for the array is a ValueError.
    raise NotImplementedError("a01_tensor: _masked_fill is yours to write")


def _where(a: Any, b: Any, condition: Array) -> Array:
    """Elements of `a` where the condition is true (nonzero), of `b` elsewhere; all three broadcast."""
    raise NotImplementedError("a01_tensor: _where is yours to write")


def _cat(*arrays: Array, axis: int = 0) -> Array:
    """Arrays one behind the other along a dimension they have: (n, d), (m, d) along 0 -> (n + m, d)."""
    raise NotImplementedError("a01_tensor: _cat is yours to write")


def _stack(*arrays: Array, axis: int = 0) -> Array:
    """Arrays side by side along a new dimension: k of shape (n, d) along 0 -> (k, n, d)."""
    raise NotImplementedError("a01_tensor: _stack is yours to write")


def _joined(join: Callable[..., Array], name: str, arrays: tuple[Array, ...], axis: int) -> Array:
    """`join(arrays, axis)` with an error that names the shapes."""
    try:
        return _narrow(join(arrays, axis=axis), *arrays)
    except np.exceptions.AxisError:
        raise IndexError(f"{name}: shape {arrays[0].shape} has no place for dim {axis}") from None
    except ValueError:
        shapes = ", ".join(str(x.shape) for x in arrays)
        equal = "all sizes" if name == "stack" else f"all sizes but that of dim {axis}"
        raise ValueError(f"{name}: shapes {shapes}: {equal} must be equal; slice or reshape them") from None


def _cast(a: Array, dtype: Any) -> Array:
    """The array with another dtype."""
    return a.astype(dtype)


RESHAPE = Op("reshape", _reshape)
PERMUTE = Op("permute", _permute)
GETITEM = Op("getitem", _getitem)
MASKED_FILL = Op("masked_fill", _masked_fill)
WHERE = Op("where", _where)
CAT = Op("cat", _cat)
STACK = Op("stack", _stack)
CAST = Op("cast", _cast)
CLONE = Op("clone", np.ndarray.copy)

# ==== Part two: the class =============================================================================================


@tensor_type
class Tensor(TensorBase):
    """A block of numbers with a shape, float32 unless told otherwise.

    Args:
        data: a number, a nested list, an ndarray or a Tensor of any shape. It is copied.
        requires_grad: whether `backward` (assignment 5) shall compute a gradient for this tensor.
        dtype: float32 by default, whatever the dtype of `data`.

    Attributes:
        data: the ndarray.
        grad: None, or an ndarray of the same shape (PyTorch keeps a tensor there).
        requires_grad: as given.

    Raises:
        TypeError: data that is not numbers. ValueError: lists of unequal lengths, or a gradient wanted for integers.
    """

    def __init__(self, data: Any, requires_grad: bool = False, dtype: Any = float32):
        self.data = _to_array(data, dtype)
        if requires_grad:
            self.requires_grad_()

    # ---- given: what it looks like

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each dimension; () for a single number."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """Number of elements (in PyTorch `numel()`; `size` is a method there)."""
        return self.data.size

    @property
    def dtype(self) -> np.dtype:
        """NumPy dtype of the elements."""
        return self.data.dtype

    @property
    def is_leaf(self) -> bool:
        """Whether this tensor was made by a user rather than by a recorded op."""
        return self._node is None

    def numel(self) -> int:
        """Number of elements."""
        return self.data.size

    def numpy(self) -> Array:
        """The ndarray itself: writing into it changes the tensor."""
        return self.data

    def tolist(self) -> Any:
        """Nested lists of Python numbers; a single number for shape ()."""
        return self.data.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """What `np.asarray(t)` asks for: no copy unless it is wanted or the dtype changes."""
        return np.array(self.data, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        if not self.data.ndim:
            raise TypeError("a tensor of shape () has no length; use numel() or item()")
        return self.data.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        text = np.array2string(self.data, separator=", ", prefix="tensor(")
        dtype = "" if self.data.dtype == _FLOAT32 else f", dtype={self.data.dtype}"
        return f"tensor({text}{dtype}{', requires_grad=True' if self.requires_grad else ''})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and self.data.ndim == 0 else object.__format__(self, spec)

    # ---- Task 6: numbers out, and the bytes behind them

    def item(self) -> Any:
        """The only element, as a Python number.

        Raises:
            ValueError: more than one element, or none; names the shape.
        """
        raise NotImplementedError("a01_tensor: Tensor.item is yours to write")

    def memory_footprint(self) -> int:
        """Bytes that the elements occupy: their number times the bytes of one."""
        raise NotImplementedError("a01_tensor: Tensor.memory_footprint is yours to write")

    def detach(self) -> Tensor:
        """A tensor on the same memory that requires no gradient."""
        # wrap(array) makes a tensor around an array without copying it; Tensor(array) copies.
        raise NotImplementedError("a01_tensor: Tensor.detach is yours to write")

    def clone(self) -> Tensor:
        """A tensor of the same numbers on memory of its own; gradients flow through."""
        return apply(CLONE, self)

    def astype(self, dtype: Any) -> Tensor:
        """The tensor with another dtype, itself if it has that dtype already. Integers and bools carry no gradient."""
        dtype = np.dtype(dtype)
        if dtype == self.data.dtype:
            return self
        return apply(CAST, self, dtype=dtype) if dtype.kind == "f" else wrap(self.data.astype(dtype))

    def float(self) -> Tensor:
        """As float32."""
        return self.astype(float32)

    def long(self) -> Tensor:
        """As int64."""
        return self.astype(int64)

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return operator.index(self.item())

    # ---- Task 7: operators
    # An operand goes through _operand unless its type is one of _AS_IS. The forward forms are given; a reflected form
    # runs where the left operand is no tensor: 1 - t calls t.__rsub__(1).

    def __add__(self, other: Any) -> Tensor:
        return apply(ADD, self, other if type(other) in _AS_IS else _operand(other, self.data.dtype))

    def __sub__(self, other: Any) -> Tensor:
        return apply(SUB, self, other if type(other) in _AS_IS else _operand(other, self.data.dtype))

    def __mul__(self, other: Any) -> Tensor:
        return apply(MUL, self, other if type(other) in _AS_IS else _operand(other, self.data.dtype))

    def __truediv__(self, other: Any) -> Tensor:
        return apply(DIV, self, other if type(other) in _AS_IS else _operand(other, self.data.dtype))

    def __pow__(self, other: Any) -> Tensor:
        return apply(POW, self, other if type(other) in _AS_IS else _operand(other, self.data.dtype))

    def __neg__(self) -> Tensor:
        raise NotImplementedError("a01_tensor: Tensor.__neg__ is yours to write")

    def __radd__(self, other: Any) -> Tensor:
        raise NotImplementedError("a01_tensor: Tensor.__radd__ is yours to write")

    def __rsub__(self, other: Any) -> Tensor:
        raise NotImplementedError("a01_tensor: Tensor.__rsub__ is yours to write")

    def __rmul__(self, other: Any) -> Tensor:
        raise NotImplementedError("a01_tensor: Tensor.__rmul__ is yours to write")

    def __rtruediv__(self, other: Any) -> Tensor:
        raise NotImplementedError("a01_tensor: Tensor.__rtruediv__ is yours to write")

    def __rpow__(self, other: Any) -> Tensor:
        raise NotImplementedError("a01_tensor: Tensor.__rpow__ is yours to write")

    def matmul(self, other: Tensor) -> Tensor:
        """Matrix product, `self @ other`: (..., n, k) @ (..., k, m) -> (..., n, m); 1-D operands as in `np.matmul`.

        Raises:
            TypeError: `other` is not a Tensor (as in PyTorch). ValueError: shapes that do not match, or a 0-d operand.
        """
        raise NotImplementedError("a01_tensor: Tensor.matmul is yours to write")

    def __matmul__(self, other: Tensor) -> Tensor:
        return self.matmul(other)

    def __rmatmul__(self, other: Any) -> Tensor:
        """`array @ self`: NumPy cannot do it, so an ndarray on the left is taken as a tensor."""
        raise NotImplementedError("a01_tensor: Tensor.__rmatmul__ is yours to write")

    # ---- given: comparisons, elementwise, as bool tensors without gradient

    def __eq__(self, other: Any) -> Any:
        return _compare(_EQUAL, self, other)

    def __ne__(self, other: Any) -> Any:
        return _compare(_NOT_EQUAL, self, other)

    def __lt__(self, other: Any) -> Any:
        return _compare(_LESS, self, other)

    def __le__(self, other: Any) -> Any:
        return _compare(_LESS_EQUAL, self, other)

    def __gt__(self, other: Any) -> Any:
        return _compare(_GREATER, self, other)

    def __ge__(self, other: Any) -> Any:
        return _compare(_GREATER_EQUAL, self, other)

    def __and__(self, other: Any) -> Any:
        return _compare(_AND, self, other)

    def __or__(self, other: Any) -> Any:
        return _compare(_OR, self, other)

    def __invert__(self) -> Tensor:
        return wrap(np.asarray(np.invert(self.data)))

    # `==` compares elements, so a tensor is a key of a dict by its identity, as in PyTorch.
    __hash__ = object.__hash__

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).data.any())

    def all(self) -> Tensor:
        """Whether every element is true (nonzero): a bool tensor of shape ()."""
        return wrap(np.asarray(self.data.all()))

    def any(self) -> Tensor:
        """Whether some element is true (nonzero): a bool tensor of shape ()."""
        return wrap(np.asarray(self.data.any()))

    # ---- given: functions of each element (Task 2), reductions (Task 3)

    def exp(self) -> Tensor:
        """e to the power of each element."""
        return apply(EXP, self)

    def log(self) -> Tensor:
        """Natural logarithm of each element; -inf at 0 and NaN below, with NumPy's warning."""
        return apply(LOG, self)

    def sqrt(self) -> Tensor:
        """Square root of each element; NaN below 0, with NumPy's warning."""
        return apply(SQRT, self)

    def abs(self) -> Tensor:
        """Absolute value of each element."""
        return apply(ABS, self)

    __abs__ = abs

    def clip(self, min: float | None = None, max: float | None = None) -> Tensor:
        """Each element moved into [min, max]; None leaves that side open. ValueError if both are None."""
        if min is None and max is None:
            raise ValueError("clip needs a min, a max or both")
        return apply(CLIP, self, min=min, max=max)

    clamp = clip

    def sum(self, dim: Dims = None, keepdim: bool = False, *, axis: Dims = None, keepdims: Flag = None) -> Tensor:
        """Sum over one dim, several or (None) all: (N, C) over dim 0 -> (C,), or (1, C) with keepdim.

        Every reduction takes PyTorch's names (`dim`, `keepdim`) and NumPy's (`axis`, `keepdims`).

        Raises:
            np.exceptions.AxisError (a ValueError and an IndexError): a dim the tensor does not have.
        """
        return _reduce(SUM, self, dim, keepdim, axis, keepdims)

    def mean(self, dim: Dims = None, keepdim: bool = False, *, axis: Dims = None, keepdims: Flag = None) -> Tensor:
        """Mean over `dim`, as in `sum`; of integers too it is float32."""
        return _reduce(MEAN, self, dim, keepdim, axis, keepdims)

    def var(
        self, dim: Dims = None, keepdim: bool = False, *, correction: int = 1, axis: Dims = None, keepdims: Flag = None
    ) -> Tensor:
        """Variance over `dim`: divided by n - correction, by default n - 1 as in PyTorch (NumPy divides by n)."""
        return _reduce(VAR, self, dim, keepdim, axis, keepdims, correction=correction)

    def std(
        self, dim: Dims = None, keepdim: bool = False, *, correction: int = 1, axis: Dims = None, keepdims: Flag = None
    ) -> Tensor:
        """Standard deviation, the square root of `var`."""
        return self.var(dim, keepdim, correction=correction, axis=axis, keepdims=keepdims).sqrt()

    def max(self, dim: Dims = None, keepdim: bool = False, *, axis: Dims = None, keepdims: Flag = None) -> Tensor:
        """Largest element over `dim`. Only the values (with a dim PyTorch returns a pair); `argmax` has the places."""
        return _reduce(MAX, self, dim, keepdim, axis, keepdims)

    def min(self, dim: Dims = None, keepdim: bool = False, *, axis: Dims = None, keepdims: Flag = None) -> Tensor:
        """Smallest element over `dim`; only the values, as `max`."""
        return _reduce(MIN, self, dim, keepdim, axis, keepdims)

    def argmax(
        self, dim: int | None = None, keepdim: bool = False, *, axis: int | None = None, keepdims: Flag = None
    ) -> Tensor:
        """Place of the largest element over `dim` (None: in the flattened tensor), the first of equals, as int64."""
        dim, keepdim = _either(dim, axis), keepdim if keepdims is None else keepdims
        return wrap(np.asarray(self.data.argmax(axis=dim, keepdims=keepdim)))

    def argmin(
        self, dim: int | None = None, keepdim: bool = False, *, axis: int | None = None, keepdims: Flag = None
    ) -> Tensor:
        """Place of the smallest element over `dim`, as `argmax`."""
        dim, keepdim = _either(dim, axis), keepdim if keepdims is None else keepdims
        return wrap(np.asarray(self.data.argmin(axis=dim, keepdims=keepdim)))

    # ---- Task 8: the same memory, seen differently

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in row-major order under another shape: `reshape(2, 3)` or `reshape((2, 3))`.

        One size may be -1: it follows from the others. A view unless the memory is in another order (after a
        transpose); then a copy.

        Raises:
            ValueError: the number of elements would change; names both shapes.
        """
        # _sizes(shape) turns both ways of calling into one tuple.
        raise NotImplementedError("a01_tensor: Tensor.reshape is yours to write")

    def view(self, *shape: Any) -> Tensor:
        """`reshape` that never copies.

        Raises:
            ValueError: the number of elements would change, or the new shape needs a copy.
        """
        # np.may_share_memory(a, b) tells whether the result still lies where this tensor lies (it is False where either
        # is empty).
        raise NotImplementedError("a01_tensor: Tensor.view is yours to write")

    def permute(self, *dims: Any) -> Tensor:
        """A view with the dimensions in another order: (A, B, C), permute(2, 0, 1) -> (C, A, B).

        Negative dims count from the end.

        Raises:
            ValueError: the dims do not name each dimension once.
        """
        raise NotImplementedError("a01_tensor: Tensor.permute is yours to write")

    def transpose(self, dim0: int | None = None, dim1: int | None = None) -> Tensor:
        """A view with two dimensions exchanged: `dim0` and `dim1`, or without arguments the last two.

        Without arguments a tensor of fewer than two dimensions keeps its shape.

        Raises:
            ValueError: only one dim given. IndexError: a dim the tensor does not have; names the shape.
        """
        # Exchange two entries of [0, 1, ..., ndim - 1] and permute by that. Negative dims count from the end.
        raise NotImplementedError("a01_tensor: Tensor.transpose is yours to write")

    @property
    def T(self) -> Tensor:
        """A view with all dimensions reversed: (n, m) -> (m, n)."""
        return self.permute(*range(self.data.ndim)[::-1])

    def contiguous(self) -> Tensor:
        """This tensor if its elements lie in row-major order in memory, else a copy that does."""
        # array.flags.c_contiguous tells; clone() copies in row-major order.
        raise NotImplementedError("a01_tensor: Tensor.contiguous is yours to write")

    def flatten(self, start_dim: int = 0) -> Tensor:
        """One dimension in place of all from `start_dim` on: (N, C, H) from 1 -> (N, C*H)."""
        kept = self.data.shape[:start_dim]
        return self.reshape(*kept, int(np.prod(self.data.shape[start_dim:])))

    def unsqueeze(self, dim: int) -> Tensor:
        """A view with a new dimension of size 1 at `dim`: (N, C), unsqueeze(1) -> (N, 1, C)."""
        return self.reshape(np.expand_dims(self.data, dim).shape)

    def squeeze(self, dim: int | None = None) -> Tensor:
        """A view without the dimensions of size 1, or without `dim` if its size is 1."""
        if dim is not None and self.data.shape[dim] != 1:
            return self
        return self.reshape(np.squeeze(self.data, dim).shape)

    def __getitem__(self, key: Any) -> Tensor:
        """`t[key]` for ints, slices, None, `...`, bool masks and integer index arrays, and tuples of these.

        Masks and index arrays may be tensors, ndarrays or lists. Ints and slices give views, the others copies.
        """
        # NumPy knows nothing of tensors: _plain_key puts their arrays into the key. GETITEM's attribute is `key`.
        raise NotImplementedError("a01_tensor: Tensor.__getitem__ is yours to write")

    def __setitem__(self, key: Any, value: Any) -> None:
        """Write into the memory, as `t[key] = value`. RuntimeError for a tensor that requires a gradient."""
        if self.requires_grad:
            raise RuntimeError("writing into a tensor that requires a gradient is not recorded; write into t.data")
        self.data[_plain_key(key)] = value.data if isinstance(value, TensorBase) else value

    def masked_fill(self, mask: Any, value: float) -> Tensor:
        """A new tensor with `value` wherever the mask is true (nonzero); the mask broadcasts to this tensor's shape.

        Raises:
            ValueError: the mask does not broadcast to the shape; names both.
        """
        raise NotImplementedError("a01_tensor: Tensor.masked_fill is yours to write")

    # ---- given: gradients, which assignment 5 computes

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` and return this tensor. ValueError for integers and bools: they have no gradient."""
        if requires_grad and self.data.dtype.kind != "f":
            raise ValueError(f"only floats have gradients, this tensor is {self.data.dtype}; use astype(float32)")
        self.requires_grad = bool(requires_grad)
        return self

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None


_AS_IS = frozenset({Tensor, int, float, bool})  # what _operand leaves alone: asking this set first is cheaper

_EQUAL, _NOT_EQUAL = _broadcasting(np.equal), _broadcasting(np.not_equal)
_LESS, _LESS_EQUAL = _broadcasting(np.less), _broadcasting(np.less_equal)
_GREATER, _GREATER_EQUAL = _broadcasting(np.greater), _broadcasting(np.greater_equal)
_AND, _OR = _broadcasting(np.bitwise_and), _broadcasting(np.bitwise_or)


def _compare(rule: Callable[[Any, Any], Any], a: Tensor, b: Any) -> Any:
    """Run a rule whose result carries no gradient. NotImplemented beside what no tensor compares with (None, text)."""
    if not isinstance(b, (TensorBase, np.ndarray, np.generic, int, float)):
        return NotImplemented
    b = _operand(b, a.data.dtype)
    return wrap(np.asarray(rule(a.data, b.data if isinstance(b, TensorBase) else b)))


def _either(dim: Any, axis: Any) -> Any:
    """The dims to reduce, under whichever name they came."""
    if dim is not None and axis is not None:
        raise TypeError("dim and axis are two names of one argument; give one of them")
    return axis if dim is None else dim


def _reduce(op: Op, x: Tensor, dim: Dims, keepdim: bool, axis: Dims, keepdims: Flag, **more: Any) -> Tensor:
    """Run a reduction op, whose attributes have NumPy's names."""
    if axis is not None:
        dim = _either(dim, axis)
    if type(dim) is list:
        dim = tuple(dim)
    return apply(op, x, axis=dim, keepdims=keepdim if keepdims is None else keepdims, **more)


def _sizes(args: tuple[Any, ...]) -> tuple[int, ...]:
    """`(2, 3)` for both f(2, 3) and f((2, 3))."""
    return tuple(args[0]) if len(args) == 1 and isinstance(args[0], (tuple, list)) else args


def _plain_key(key: Any) -> Any:
    """The key of an index expression with arrays in place of tensors."""
    if isinstance(key, tuple):
        return tuple(_plain_key(k) for k in key)
    return key.data if isinstance(key, TensorBase) else key


# ==== Part three: functions ===========================================================================================

# ---- given: tensors of one value, and functions that are also methods


def tensor(data: Any, requires_grad: bool = False, dtype: Any = float32) -> Tensor:
    """`Tensor(...)` in PyTorch's lower case; float32 unless told otherwise (PyTorch keeps integers)."""
    return Tensor(data, requires_grad, dtype)


def _made(array: Array, requires_grad: bool) -> Tensor:
    """A tensor around an array that nobody else holds: no copy."""
    return wrap(array).requires_grad_(requires_grad)


def zeros(*shape: Any, requires_grad: bool = False, dtype: Any = float32) -> Tensor:
    """Zeros: `zeros(2, 3)` or `zeros((2, 3))`."""
    return _made(np.zeros(_sizes(shape), dtype), requires_grad)


def ones(*shape: Any, requires_grad: bool = False, dtype: Any = float32) -> Tensor:
    """Ones: `ones(2, 3)` or `ones((2, 3))`."""
    return _made(np.ones(_sizes(shape), dtype), requires_grad)


def full(shape: Any, fill_value: float, requires_grad: bool = False, dtype: Any = float32) -> Tensor:
    """One value everywhere: `full((2, 3), 0.5)`."""
    return _made(np.full(shape, fill_value, dtype), requires_grad)


def eye(n: int, m: int | None = None, requires_grad: bool = False, dtype: Any = float32) -> Tensor:
    """(n, m) with ones on the diagonal; m is n by default."""
    return _made(np.eye(n, m, dtype=dtype), requires_grad)


def zeros_like(t: Tensor, requires_grad: bool = False, dtype: Any = None) -> Tensor:
    """Zeros of the shape of `t`, and of its dtype unless another is given."""
    return zeros(t.shape, requires_grad=requires_grad, dtype=dtype or t.dtype)


def ones_like(t: Tensor, requires_grad: bool = False, dtype: Any = None) -> Tensor:
    """Ones of the shape of `t`, and of its dtype unless another is given."""
    return ones(t.shape, requires_grad=requires_grad, dtype=dtype or t.dtype)


def exp(t: Tensor) -> Tensor:
    """`t.exp()`"""
    return t.exp()


def log(t: Tensor) -> Tensor:
    """`t.log()`"""
    return t.log()


def sqrt(t: Tensor) -> Tensor:
    """`t.sqrt()`"""
    return t.sqrt()


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """`a @ b`"""
    return a @ b


def maximum(a: Any, b: Any) -> Tensor:
    """The larger of two elements, with broadcasting."""
    return apply(MAXIMUM, *_pair(a, b))


def minimum(a: Any, b: Any) -> Tensor:
    """The smaller of two elements, with broadcasting."""
    return apply(MINIMUM, *_pair(a, b))


def _pair(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands, each as it may stand beside the other."""
    dtype = next((x.data.dtype for x in (a, b) if isinstance(x, TensorBase)), _FLOAT32)
    return _operand(a, dtype), _operand(b, dtype)


# ---- Task 9: making and joining


def arange(
    start: float, stop: float | None = None, step: float = 1, *, requires_grad: bool = False, dtype: Any = float32
) -> Tensor:
    """start, start + step, ... before stop; `arange(n)` is 0 to n - 1.

    float32 unless told otherwise, as everything here (PyTorch's arange of integers is int64).
    """
    # Told dtype=float32, np.arange adds up in float32 and loses digits. In which order do you compute and cast?
    raise NotImplementedError("a01_tensor: arange is yours to write")


def randn(*shape: Any, requires_grad: bool = False, dtype: Any = float32) -> Tensor:
    """Draws from the normal distribution of mean 0 and variance 1, from the generator that `manual_seed` sets."""
    # generator() is the np.random.Generator to draw from. It can draw float32 directly; ask for it at every call.
    raise NotImplementedError("a01_tensor: randn is yours to write")


def rand(*shape: Any, requires_grad: bool = False, dtype: Any = float32) -> Tensor:
    """Draws from the uniform distribution on [0, 1), from the generator that `manual_seed` sets."""
    raise NotImplementedError("a01_tensor: rand is yours to write")


def cat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Tensors one behind the other along `dim` (or `axis`): (n, d), (m, d) along 0 -> (n + m, d).

    Raises:
        ValueError: an empty list, or other sizes differ; names all shapes. TypeError: something that is not a Tensor.
    """
    # _several(tensors) checks the list. An op takes its inputs one by one: apply(CAT, first, second, ..., axis=...).
    raise NotImplementedError("a01_tensor: cat is yours to write")


def stack(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Tensors of one shape side by side along a new `dim` (or `axis`): k of shape (n, d) along 0 -> (k, n, d).

    Raises:
        ValueError: an empty list, or shapes differ; names all shapes. TypeError: something that is not a Tensor.
    """
    raise NotImplementedError("a01_tensor: stack is yours to write")


def _several(tensors: Sequence[Tensor], name: str) -> list[Tensor]:
    """The list of tensors to join, checked."""
    found = list(tensors)
    if not found:
        raise ValueError(f"{name} needs at least one tensor, got an empty list")
    for t in found:
        if not isinstance(t, TensorBase):
            raise TypeError(f"{name} joins a list of tensors, got {type(t).__name__} in it; wrap it: Tensor(...)")
    return found


def where(condition: Any, a: Any, b: Any) -> Tensor:
    """Elements of `a` where the condition is true (nonzero), of `b` elsewhere; all three broadcast.

    The condition is a tensor, an ndarray or a bool; `a` and `b` may be numbers too.
    """
    # _pair(a, b) makes operands of the two. The condition is an attribute: no gradient flows to it.
    raise NotImplementedError("a01_tensor: where is yours to write")
