"""What the tests ask of a student's attention: a few lines each, as a user would write them, returning plain data."""

from __future__ import annotations

import tracemalloc

import numpy as np
from tinytorch.core import attention as module
from tinytorch.core.autograd import reached
from tinytorch.core.tensor import Tensor

LAYERS = ("q_proj", "k_proj", "v_proj", "out_proj")


def _formula(*args, **settings):
    return module.scaled_dot_product_attention(*args, **settings)[0]


FORMS = {"formula": _formula, "attention": module.attention, "tiled": module.tiled_attention}


def _tensors(arrays, requires_grad=False, dtype="float32"):
    return [Tensor(a, requires_grad=requires_grad, dtype=dtype) for a in arrays]


# ---- Masks


def triangle(queries, **settings):
    mask = module.causal_mask(queries, **settings)
    return [type(mask).__name__, str(mask.dtype), mask.numpy()]


def under_kinds_of_mask(q, k, v, mask):
    """The weights under one mask given as bools, integers, nested lists, and as tensors of floats and of bools."""
    whole = np.asarray(mask, dtype=int)
    kinds = [mask, whole, whole.tolist(), Tensor(whole), Tensor(mask, dtype=bool)]
    q, k, v = _tensors([q, k, v])
    return [module.scaled_dot_product_attention(q, k, v, kind)[1].numpy() for kind in kinds]


# ---- The three forms


def formula(q, k, v, *, dtype="float32", **settings):
    """Output and weights."""
    output, weights = module.scaled_dot_product_attention(*_tensors([q, k, v], dtype=dtype), **settings)
    return [output.numpy(), weights.numpy()]


def output_of(form, q, k, v, *, dtype="float32", **settings):
    return FORMS[form](*_tensors([q, k, v], dtype=dtype), **settings).numpy()


def gradients_of(form, q, k, v, g, **settings):
    """The output, and the gradients of (output * g).sum() in float64."""
    tensors = _tensors([q, k, v], requires_grad=True, dtype="float64")
    output = FORMS[form](*tensors, **settings)
    output.backward(g)
    return [output.numpy(), *(t.grad for t in tensors)]


def gradients_of_both(q, k, v, g, h, **settings):
    """The gradients of (output * g).sum() + (weights * h).sum() in float64."""
    tensors = _tensors([q, k, v], requires_grad=True, dtype="float64")
    output, weights = module.scaled_dot_product_attention(*tensors, **settings)
    ((output * Tensor(g, dtype="float64")).sum() + (weights * Tensor(h, dtype="float64")).sum()).backward()
    return [t.grad for t in tensors]


def recorded(form, q, k, v, which, g):
    """What is recorded where only one of the three wants a gradient, the three grads, and the arrays afterwards."""
    tensors = _tensors([q, k, v])
    tensors[which].requires_grad_()
    output = FORMS[form](*tensors)
    names = [node.op.name for node in reached(output)[0]]
    output.backward(g)
    return [names, [t.grad for t in tensors], [t.numpy() for t in tensors]]


def when_changed(form, q, k, v, news, **settings):
    """The output, and for each position the output after q, k and v got other numbers there: (T + 1, ..., T, E)."""
    outputs = [FORMS[form](*_tensors([q, k, v]), **settings).numpy()]
    for t in range(q.shape[-2]):
        arrays = [q.copy(), k.copy(), v.copy()]
        for array, new in zip(arrays, news, strict=True):
            array[..., t, :] = new
        outputs.append(FORMS[form](*_tensors(arrays), **settings).numpy())
    return np.stack(outputs)


def peaks(form, q, k, v, g, **settings):
    """Bytes in use at most, beyond those before: on the way forward, and on the way back; and the output."""
    tensors = _tensors([q, k, v], requires_grad=True)
    g = g.astype("float32")
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    output = FORMS[form](*tensors, **settings)
    forward = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.reset_peak()
    output.backward(g)
    backward = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return [forward, backward, output.numpy()]


# ---- The layer


def _layer(num_heads, parameters, dtype="float32"):
    """A layer with the given arrays: weights and biases in the order of LAYERS."""
    layer = module.MultiHeadAttention(len(parameters[0]), num_heads, bias=len(parameters) == 8)
    layer.astype(dtype)
    for parameter, array in zip(_parameters(layer), parameters, strict=True):
        parameter.data[...] = array
    return layer


def _parameters(layer):
    linears = [getattr(layer, name) for name in LAYERS]
    return [p for linear in linears for p in (linear.weight, linear.bias) if p is not None]


def described(embed_dim, num_heads, bias=True):
    layer = module.MultiHeadAttention(embed_dim, num_heads, bias)
    named = [[name, list(p.shape), p.requires_grad] for name, p in layer.named_parameters()]
    return [named, [layer.embed_dim, layer.num_heads, layer.head_dim]]


def split(x, num_heads):
    return module.MultiHeadAttention(x.shape[-1], num_heads).split_heads(Tensor(x)).numpy()


def merged(heads):
    return module.MultiHeadAttention(heads.shape[1] * heads.shape[3], heads.shape[1]).merge_heads(Tensor(heads)).numpy()


def through_layer(x, num_heads, parameters, mask=None, is_causal=False):
    return _layer(num_heads, parameters)(Tensor(x), mask, is_causal).numpy()


def through_layer_to(x, key, value, num_heads, parameters):
    """Looking at another sequence: with keys alone, and with values of their own."""
    layer = _layer(num_heads, parameters)
    x, key, value = _tensors([x, key, value])
    return [layer(x, key=key).numpy(), layer(x, key=key, value=value).numpy()]


def in_parts(x, num_heads, parameters, mask):
    """The forward pass taken apart, as a cache of keys and values will do: project, attend, combine."""
    layer = _layer(num_heads, parameters)
    q, k, v = layer.project(Tensor(x))
    heads = layer.attend(q, k, v, mask)
    return [q.numpy(), k.numpy(), v.numpy(), heads.numpy(), layer.combine(heads).numpy()]


def layer_when_changed(x, num_heads, parameters, new):
    """The causal layer's output, and for each position that after the token there became another: (T + 1, B, T, E)."""
    layer = _layer(num_heads, parameters)
    outputs = [layer(Tensor(x), is_causal=True).numpy()]
    for t in range(x.shape[-2]):
        changed = x.copy()
        changed[..., t, :] = new
        outputs.append(layer(Tensor(changed), is_causal=True).numpy())
    return np.stack(outputs)


def layer_gradients(x, num_heads, parameters, g, mask):
    """The gradients of (output * g).sum() with respect to the input and every parameter, in float64."""
    layer = _layer(num_heads, parameters, "float64")
    x = Tensor(x, requires_grad=True, dtype="float64")
    layer(x, mask).backward(g)
    return [x.grad, *(p.grad for p in _parameters(layer))]
