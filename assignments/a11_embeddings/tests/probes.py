"""What the tests ask of a student's embeddings: a few lines each, as a user would write them, returning plain data."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
from tinytorch.core import embeddings as module
from tinytorch.core.autograd import grad
from tinytorch.core.tensor import Tensor, manual_seed
from tinytorch.dispatch import apply

POSITIONS = {"learned": module.PositionalEncoding, "sinusoidal": module.SinusoidalEncoding}


def _leaf(array):
    return Tensor(array, requires_grad=True, dtype=array.dtype)


def _filled(layer, numbers):
    """The layer with its parameters set to the arrays `numbers`, in the order of `parameters()`."""
    for p, array in zip(layer.parameters(), numbers, strict=True):
        p.data[...] = array
    return layer


# ---- Which token


def looked_up(tokens, weight):
    return module.embedding(tokens, _leaf(weight)).data


def looked_up_as(kind, tokens, weight):
    """The same tokens in a Tensor (float32), a Tensor of integers, an ndarray of some dtype, or lists."""
    if kind == "Tensor":
        tokens = Tensor(tokens)
    elif kind == "Tensor of integers":
        tokens = Tensor(tokens, dtype="int64")
    elif kind == "list":
        tokens = np.asarray(tokens).tolist()
    else:
        tokens = np.asarray(tokens).astype(kind)
    return module.embedding(tokens, _leaf(weight)).data


def looked_up_in_array(tokens, weight):
    return module.embedding(tokens, weight).data


def ids_of(tokens, count):
    ids = module.token_ids(tokens, count)
    return [ids, ids.dtype.kind]


def ones_placed(tokens, num_classes):
    return module.one_hot(tokens, num_classes).data


def table_after_writing_into_rows(tokens, weight, value):
    leaf = _leaf(weight)
    rows = module.embedding(tokens, leaf)
    rows.data[...] = value
    return [leaf.data, rows.data]


def record_of_lookup(tokens, weight):
    leaf = _leaf(weight)
    node = module.embedding(tokens, leaf)._node
    return [node.op.name, len(node.inputs), node.inputs[0].data, node.attributes["indices"]]


def gradient_of_lookup(tokens, weight, g, padding_idx=None):
    leaf = _leaf(weight)
    module.embedding(tokens, leaf, padding_idx).backward(g)
    return leaf.grad


def rows_added(start, indices, rows):
    out = start.copy()
    module.add_rows(out, indices, rows)
    return out


def rows_added_and_lines(indices, rows, count):
    """The sums, and how many lines of the student's file it took to find them."""
    file, lines = module.add_rows.__code__.co_filename, 0

    def count_lines(frame, event, argument):
        nonlocal lines
        lines += event == "line"
        return count_lines if frame.f_code.co_filename == file else None

    out = np.zeros((count, rows.shape[1]))
    before = sys.gettrace()
    sys.settrace(count_lines)
    try:
        module.add_rows(out, indices, rows)
    finally:
        sys.settrace(before)
    return [out, lines]


def operands_after_way_back(tokens, weight, g):
    leaf, g, tokens = _leaf(weight), g.copy(), tokens.copy()
    module.embedding(tokens, leaf).backward(g)
    return [tokens, leaf.data, g, leaf.grad]


# ---- The layer


def layer_called(tokens, weight):
    layer = _filled(module.Embedding(*weight.shape), [weight])
    return layer(tokens).data


def layer_parameters(rows, dim):
    layer = module.Embedding(rows, dim)
    return [[list(p.shape), str(p.dtype), p.requires_grad] for p in layer.parameters()]


def layer_drawn(rows, dim, seed, std):
    """The weight as it begins, after another layer from the same seed, and drawn anew with a standard deviation."""
    manual_seed(seed)
    first = module.Embedding(rows, dim)
    manual_seed(seed)
    second = module.Embedding(rows, dim)
    held = second.weight.data
    begun = held.copy()
    second.reset_parameters(std=std)
    return [first.weight.data, begun, held]


def layer_described(rows, dim, padding_idx):
    layer = module.Embedding(rows, dim, padding_idx)
    return [repr(layer), layer.num_embeddings, layer.embedding_dim, layer.padding_idx]


def layer_trained(rows, dim, padding_idx, tokens, steps, lr):
    """Weights before, after some steps of gradient descent on the sum of the looked up rows, and after a new draw."""
    layer = module.Embedding(rows, dim, padding_idx)
    before = layer.weight.data.copy()
    for _ in range(steps):
        layer.zero_grad()
        layer(tokens).sum().backward()
        layer.weight.data -= lr * layer.weight.grad
    after = layer.weight.data.copy()
    layer.reset_parameters()
    return [before, after, layer.weight.data]


# ---- Waves


def turned_by(length, dim, **options):
    return module.angles(length, dim, **options)


def waves(length, dim, **options):
    return module.sinusoidal_encoding(length, dim, **options).data


def waves_described(length, dim):
    table = module.sinusoidal_encoding(length, dim)
    return [isinstance(table, Tensor), str(table.dtype), table.requires_grad, list(table.shape)]


# ---- Positions


def placed(kind, x, table, max_seq_len, offset=0):
    """x with positions; a learned table is set to `table`, a sinusoidal one is the student's own."""
    layer = POSITIONS[kind](max_seq_len, x.shape[-1])
    if table is not None:
        _filled(layer, [table])
    return layer(_leaf(x), offset).data


def placed_in_parts(kind, x, table, max_seq_len, cuts):
    """The same rows given in several parts, each with the offset at which it begins."""
    layer = POSITIONS[kind](max_seq_len, x.shape[-1])
    if table is not None:
        _filled(layer, [table])
    edges = [0, *cuts, x.shape[-2]]
    return [layer(Tensor(x[..., a:b, :]), a).data for a, b in pairwise(edges)]


def positions_refused(kind, shape, max_seq_len, dim, offset=0):
    return POSITIONS[kind](max_seq_len, dim)(Tensor(np.zeros(shape)), offset).data


def positions_of_array(kind, x, max_seq_len):
    return POSITIONS[kind](max_seq_len, x.shape[-1])(x).data


def position_gradients(x, table, g, offset):
    layer = _filled(module.PositionalEncoding(*table.shape), [table])
    leaf = _leaf(x)
    layer(leaf, offset).backward(g)
    return [layer.position_embeddings.grad, leaf.grad]


def positions_drawn(max_seq_len, dim):
    return module.PositionalEncoding(max_seq_len, dim).position_embeddings.data


def positions_held(kind, max_seq_len, dim):
    layer = POSITIONS[kind](max_seq_len, dim)
    return [[list(p.shape) for p in layer.parameters()], [list(a.shape) for a in layer.state_dict().values()]]


# ---- Rotations


def rotated(x, max_seq_len, offset=0, **options):
    return module.RotaryEmbedding(x.shape[-1], max_seq_len, **options).rotate(_leaf(x), offset).data


def rotated_both(q, k, max_seq_len, offset=0):
    turned = module.RotaryEmbedding(q.shape[-1], max_seq_len)(_leaf(q), _leaf(k), offset)
    return [t.data for t in turned]


def rotated_and_input(x, max_seq_len):
    leaf = _leaf(x)
    out = module.RotaryEmbedding(x.shape[-1], max_seq_len).rotate(leaf)
    return [out.data, leaf.data]


def rotated_heads(x, max_seq_len):
    """x (B, T, H, D), turned as a transposed view (B, H, T, D)."""
    return module.RotaryEmbedding(x.shape[-1], max_seq_len).rotate(_leaf(x).transpose(1, 2)).data


def turned_by_tables(x, cos, sin):
    return apply(module.ROTARY, _leaf(x), cos=cos, sin=sin).data


def rotated_integers(x, max_seq_len):
    return module.RotaryEmbedding(x.shape[-1], max_seq_len).rotate(Tensor(x, dtype="int64")).data


def rotation_gradient(x, g, max_seq_len, offset):
    leaf = _leaf(x)
    (found,) = grad(module.RotaryEmbedding(x.shape[-1], max_seq_len).rotate(leaf, offset), leaf, g)
    return found


def rotary_made(dim, max_seq_len):
    layer = module.RotaryEmbedding(dim, max_seq_len)
    return [len(layer.parameters()), len(layer.state_dict())]


def rotary_refused(shape, dim, max_seq_len, offset=0):
    return module.RotaryEmbedding(dim, max_seq_len).rotate(Tensor(np.zeros(shape)), offset).data


# ---- Both


def _both(table, positions, dropout=0.0, padding_idx=None, scale=False, kind="learned", max_seq_len=None):
    """An EmbeddingLayer whose parameters are the given arrays."""
    length = max_seq_len if positions is None else len(positions)
    layer = module.EmbeddingLayer(
        *table.shape,
        max_seq_len=length,
        pos_encoding=kind,
        scale_embeddings=scale,
        dropout=dropout,
        padding_idx=padding_idx,
    )
    return _filled(layer, [table] if positions is None else [table, positions])


def embedded(tokens, table, positions, offset=0, **settings):
    return _both(table, positions, **settings)(tokens, offset).data


def embedded_with_dropout(tokens, table, positions, p):
    """In evaluation mode and in training mode."""
    layer = _both(table, positions, dropout=p)
    layer.eval()
    calm = layer(tokens).data.copy()
    layer.train()
    return [calm, layer(tokens).data]


def embedded_gradients(tokens, table, positions, g, **settings):
    layer = _both(table, positions, **settings)
    layer(tokens).backward(g)
    return [p.grad for p in layer.parameters()]


def embedding_layer_parts(kind, rows, dim, length):
    layer = module.EmbeddingLayer(rows, dim, length, pos_encoding=kind)
    return [[name.split(".")[0], list(p.shape)] for name, p in layer.named_parameters()]


def embedding_layer_made(kind):
    return repr(module.EmbeddingLayer(4, 2, pos_encoding=kind))


def scaled_and_unscaled(rows, dim, tokens):
    """The table of a layer that scales and what leaves it, then both of a layer that does not."""
    found = []
    for scale in (True, False):
        layer = module.EmbeddingLayer(rows, dim, pos_encoding=None, scale_embeddings=scale, padding_idx=0)
        found += [layer.token_embedding.weight.data, layer(tokens).data]
    return found
