"""What the tests ask of a student's cache: a few lines each, as a user would write them, returning plain data."""

from __future__ import annotations

import copy
import tracemalloc
from contextlib import nullcontext

import numpy as np
from tinytorch.core.activations import GELU
from tinytorch.core.layers import Linear
from tinytorch.core.optimizers import SGD
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT, LayerNorm, next_token_loss
from tinytorch.dispatch import add_observer, remove_observer
from tinytorch.perf import memoization as module

# ---- The memory. Sizes are those of KVCache in its order; keys and values are (num_layers, B, num_heads, n, head_dim).


def _pieces(keys, values, counts):
    """Keys and values cut into pieces of so many positions."""
    ends = np.cumsum(counts)[:-1]
    return zip(np.split(keys, ends, axis=3), np.split(values, ends, axis=3), counts, strict=True)


def _filled(sizes, keys, values, counts=None):
    cache = module.KVCache(*sizes)
    for k, v, count in _pieces(keys, values, counts or [keys.shape[3]]):
        for layer in range(sizes[2]):
            cache.update(layer, Tensor(k[layer]), Tensor(v[layer]))
        cache.advance(count)
    return cache


def _held(cache):
    return [[tensor.numpy() for tensor in cache.get(layer)] for layer in range(cache.num_layers)]


def fresh(sizes, **options):
    cache = module.KVCache(*sizes, **options)
    return [cache.seq_pos, [list(a.shape) for a in cache.get(0)], [str(a.dtype) for a in (cache.keys, cache.values)]]


def filled(sizes, keys, values, counts):
    """What every layer holds in the end, and how many positions count."""
    cache = _filled(sizes, keys, values, counts)
    return [_held(cache), cache.seq_pos]


def half_written(sizes, keys, values, more):
    """seq_pos and what layer 0 holds: after `more` positions were written into it, and after advance."""
    cache = _filled(sizes, keys[..., :-more, :], values[..., :-more, :])
    states = []
    cache.update(0, keys[0, :, :, -more:], values[0, :, :, -more:])
    states.append([cache.seq_pos, *(t.numpy() for t in cache.get(0))])
    cache.advance(more)
    states.append([cache.seq_pos, *(t.numpy() for t in cache.get(0))])
    return states


def appended(sizes, keys, values, counts):
    """For every piece what append returns for each layer, and seq_pos before advance."""
    cache, answers = module.KVCache(*sizes), []
    for k, v, count in _pieces(keys, values, counts):
        got = [[t.numpy() for t in cache.append(layer, k[layer], v[layer])] for layer in range(sizes[2])]
        answers.append([got, cache.seq_pos])
        cache.advance(count)
    return answers


def seen_through(sizes, keys, values, place, numbers):
    """Tensors from get and append, and what they show after the cache's arrays were written to."""
    cache = _filled(sizes, keys[..., :-1, :], values[..., :-1, :])
    layer, *rest = place
    got = cache.get(layer)
    added = cache.append(layer, keys[layer, :, :, -1:], values[layer, :, :, -1:])
    cache.keys[tuple(place)], cache.values[tuple(place)] = numbers
    return [float(tensor.data[tuple(rest)]) for tensor in (*got, *added)]


def appending_allocates(sizes, key, steps):
    """The most bytes that a number of steps, one position each, takes beyond the cache; and what the last one saw."""
    cache = module.KVCache(*sizes)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(steps):
        for layer in range(sizes[2]):
            keys, _ = cache.append(layer, key, key)
        cache.advance()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return [peak, keys.numpy()[:, :, -1:]]


def update_shapes(sizes, layer, key_shape, value_shape, filled=0):
    """update of zeros in these shapes, when so many positions are filled."""
    cache = module.KVCache(*sizes)
    cache.advance(filled)
    cache.update(layer, np.zeros(key_shape), np.zeros(value_shape))
    return cache.seq_pos


def advanced(sizes, *counts):
    cache = module.KVCache(*sizes)
    for count in counts:
        cache.advance(count)
    return cache.seq_pos


def truncated(sizes, keys, values, length, more_keys, more_values):
    """What every layer holds after the text was cut and went on in another way; seq_pos at each stage."""
    cache = _filled(sizes, keys, values)
    cache.truncate(length)
    cut = [cache.seq_pos, cache.get(0)[0].numpy()]
    for layer in range(sizes[2]):
        cache.update(layer, more_keys[layer], more_values[layer])
    cache.advance(more_keys.shape[3])
    return [cut, _held(cache), cache.seq_pos]


def truncated_to(sizes, filled, length):
    cache = module.KVCache(*sizes)
    cache.advance(filled)
    cache.truncate(length)
    return cache.seq_pos


def after_reset(sizes, number, **options):
    """seq_pos, the arrays' shape and dtype, and what the cache shows where its old array is written to."""
    cache = module.KVCache(*sizes)
    cache.advance(2)
    old = cache.keys
    cache.reset(**options)
    old[0, 0, 0, 0, 0] = number
    shown = float(cache.keys[0, 0, 0, 0, 0])
    return [cache.seq_pos, cache.batch_size, list(cache.values.shape), str(cache.values.dtype), shown]


def memory(sizes, **options):
    cache = module.KVCache(*sizes, **options)
    return [cache.nbytes, cache.get_memory_usage()]


# ---- Models


def _model(settings, seed):
    """A model whose numbers depend on seed and names alone, and whose logits depend on every token that it sees."""
    model = GPT(**settings)
    rng = np.random.default_rng(seed)
    for _, p in sorted(model.named_parameters()):
        p.data[...] = rng.normal(0, 0.4, p.shape) if p.ndim == 2 else p.data + rng.normal(0, 0.2, p.shape)
    return model


def _cached(settings, seed):
    model = _model(settings, seed)
    module.enable_kv_cache(model)
    return model


def weights(settings, seed):
    return {name: p.data for name, p in _model(settings, seed).named_parameters()}


# ---- What is still true


def prefix(a, b):
    return module.common_prefix(a, b)


def sampled(settings, seed):
    return module.Snapshot(_model(settings, seed)).numbers


def _train(model, ids, lr=0.5):
    optimizer = SGD(model.parameters(), lr=lr)
    next_token_loss(model(ids[:, :-1]), ids[:, 1:]).backward()
    optimizer.step()
    optimizer.zero_grad()


def _load(model, ids):
    model.load_state_dict({name: array * 1.5 for name, array in model.state_dict().items()})


def _rebind(model, ids):
    model.ln_f.weight.data = model.ln_f.weight.data * 1.5


def _copy(model, ids):
    for p in model.parameters():
        p.data = p.data.copy()


def _exchange(model, ids):
    """Another layer with the same parameters, which computes something else."""
    old = model.blocks[0].mlp.linear1
    new = Doubling(old.weight.shape[0], old.weight.shape[1])
    new.weight, new.bias = old.weight, old.bias
    model.blocks[0].mlp.linear1 = new


def _nothing(model, ids):
    pass


CHANGES = {
    "train": _train,
    "load": _load,
    "rebind": _rebind,
    "copy": _copy,
    "exchange": _exchange,
    "nothing": _nothing,
}


def current_after(settings, seed, ids, changes):
    """For each change whether a snapshot from before it is current, and whether it is the same as one from after it."""
    answers = []
    for change in changes:
        model = _model(settings, seed)
        before = module.Snapshot(model)
        CHANGES[change](model, ids)
        answers.append([before.is_current(), before.same_as(module.Snapshot(model))])
    return answers


def snapshots_made(settings, seed, texts):
    """Logits after each text, and how many snapshots the decoder made for each."""
    model, made, logits, counts = _cached(settings, seed), [], [], []

    class Noted(module.Snapshot):
        def __init__(self, model):
            made.append(None)
            super().__init__(model)

    module.Snapshot, usual = Noted, module.Snapshot
    for ids in texts:
        made.clear()
        logits.append(model.decoder(ids))
        counts.append(len(made))
    module.Snapshot = usual
    return [logits, counts]


# ---- The decoder


class Doubling(Linear):
    """A layer that is no plain one: twice what a Linear gives."""

    def forward(self, x):
        return super().forward(x) * 2


class Counting:
    """Rows that go through the linear ops while it is open, as (rows, in, out) of each."""

    def __enter__(self):
        self.seen = []
        add_observer(self.note)
        return self

    def note(self, op, inputs, attributes, output, seconds):
        if op.name == "linear":
            self.seen.append([output.size // output.shape[-1], *inputs[1].shape])

    def __exit__(self, *exception):
        remove_observer(self.note)


def decoded(settings, seed, texts):
    """Logits after each text in turn, from one model with a cache."""
    model = _cached(settings, seed)
    return [model.decoder(ids) for ids in texts]


def counted(settings, seed, texts):
    """As `decoded`, and what went through the linear layers for each text; then the decoder's own figures."""
    model, answers = _cached(settings, seed), []
    for ids in texts:
        with Counting() as counting:
            logits = model.decoder(ids)
        answers.append([logits, counting.seen])
    decoder = model.decoder
    return [answers, decoder.computed, decoder.reused, decoder.hit_rate]


def generated(settings, drawn_from, prompt, count, cached=True, **how):
    model = _cached(settings, drawn_from) if cached else _model(settings, drawn_from)
    return model.generate(prompt, count, **how).data


def _noting(settings, seed, cached):
    """A model, and the list of all logits that its decoder will have answered with."""
    model, seen = _cached(settings, seed) if cached else _model(settings, seed), []
    usual = model.decoder or model.next_logits

    def decoder(ids):
        seen.append(usual(ids))
        return seen[-1]

    model.decoder = decoder
    return model, seen


def generated_in_turn(settings, seed, prompts, count, cached=True):
    """Several greedy texts from one model, one after the other; all logits on the way."""
    model, seen = _noting(settings, seed, cached)
    return [[model.generate(prompt, count, temperature=0).data for prompt in prompts], seen]


def interleaved(settings, seed, prompts, count, cached=True):
    """Greedy texts from one model that are written at the same time, a token of each in turn; all logits on the way."""
    model, seen = _noting(settings, seed, cached)
    streams = [model.stream(prompt, count, temperature=0) for prompt in prompts]
    turns = [[next(stream) for stream in streams] for _ in range(count)]
    return [[np.stack(tokens, axis=1) for tokens in zip(*turns, strict=True)], seen]


def decoded_around(settings, seed, ids, change, after):
    """Logits after `ids`, then after `after` once the model was changed, and the weights that it has then."""
    model = _cached(settings, seed)
    logits = [model.decoder(ids)]
    CHANGES[change](model, ids)
    logits.append(model.decoder(after))
    return [*logits, dict(model.state_dict())]


def decoded_as_double(settings, seed, ids):
    """Logits in float64: after all but the last token, then after all of them; before that in float32."""
    model = _cached(settings, seed)
    model.decoder(ids[:, :-2])
    model.double()
    return [model.decoder(ids[:, :-1]), model.decoder(ids)]


def decoded_in_training(settings, seed, ids):
    """Logits of a model with dropout in training mode, prompt and one token more; and its mode afterwards."""
    model = _cached(settings, seed).train()
    return [model.decoder(ids[:, :-1]), model.decoder(ids), model.training, model.blocks[0].mlp.training]


def decoded_after_failure(settings, seed, ids, later):
    """Logits after `later` when the computation of `ids` broke off in the last block."""
    model = _cached(settings, seed)
    model.decoder(ids[:, :2])
    last = model.blocks[-1].mlp
    last.forward = _fail
    try:
        model.decoder(ids)
    except LookupError:
        pass
    del last.forward
    return [model.decoder(later), model.decoder(ids)]


def _fail(x):
    raise LookupError("no answer today")


def decoded_after_user_reset(settings, seed, ids, dtype):
    """Logits after the user reset the cache, and after the user made room for another batch in it."""
    model = _model(settings, seed)
    cache = module.enable_kv_cache(model)
    model.decoder(ids[:, :-1])
    cache.reset()
    logits = [model.decoder(ids)]
    cache.reset(len(ids) + 1, dtype)
    return [*logits, model.decoder(ids)]


# ---- One token more


def _norm(weight, bias, eps):
    layer = LayerNorm(len(weight), eps)
    layer.weight.data[...], layer.bias.data[...] = weight, bias
    return layer


def rows_normalised(x, weight, bias, eps):
    return [module.norm_rows(_norm(weight, bias, eps), x), x]


def rows_through_linear(x, weight, bias):
    layer = Linear(*weight.shape, bias is not None)
    layer.weight.data[...] = weight
    if bias is not None:
        layer.bias.data[...] = bias
    return [module.linear_rows(layer, x), x]


def rows_through_gelu(x):
    return [module.gelu_rows(x), x]


def rows_attended(q, keys, values):
    return [module.attend_rows(q, keys, values), q, keys, values]


def both_ways(settings, seed, ids, tokens):
    """Logits of one token more by step and by extend, the positions filled, and whether the caches agree: the largest
    difference between what they hold."""
    models = [_cached(settings, seed)]
    models[0].decoder(ids)
    models.append(copy.deepcopy(models[0]))
    decoders = [model.decoder for model in models]
    logits = [decoders[0].step(tokens), decoders[1].extend(tokens[:, None])]
    end = ids.shape[1] + 1
    held = [np.stack([d.cache.keys[..., :end, :], d.cache.values[..., :end, :]]) for d in decoders]
    return [*logits, [d.cache.seq_pos for d in decoders], *held]


def steps_taken(settings, seed, texts, watched):
    """Logits after each text, and how often the decoder asked its step for each."""
    model, taken, logits, counts = _cached(settings, seed), [], [], []
    step = model.decoder.step
    model.decoder.step = lambda tokens: taken.append(tokens) or step(tokens)
    for ids in texts:
        taken.clear()
        with Counting() if watched else nullcontext():
            logits.append(model.decoder(ids))
        counts.append(len(taken))
    return [logits, counts]


def decoded_with(settings, seed, ids, what):
    """A model with a layer of another kind: prompt, then one token more, and the weights."""
    model = _cached(settings, seed)
    if what == "doubling":
        _exchange(model, ids)
    elif what == "gelu":
        for block in model.blocks:
            block.mlp.gelu = GELU("none")
    return [model.decoder(ids[:, :-1]), model.decoder(ids), dict(model.state_dict())]


def long_prompt_and_some(settings, seed, prompt, count):
    """A prompt, and some tokens more: what a cache is good for."""
    model = _cached(settings, seed)
    return model.generate(prompt, count, temperature=0).data


# ---- The switch


def enabled(settings, seed, ids):
    """The cache that enable returns: sizes, and seq_pos before and after a call of the decoder."""
    model = _model(settings, seed)
    cache = module.enable_kv_cache(model)
    found = [type(cache).__name__, list(cache.keys.shape), cache.seq_pos]
    model.decoder(ids)
    return [*found, cache.seq_pos, list(cache.keys.shape)]


def switched(settings, seed, rows, times):
    """What the decoder says, without a cache and after enabling it so many times and disabling it once: of a model with
    a decoder of its own, which answers with rows; and for a model without, what its decoder is."""
    own, none = _model(settings, seed), _model(settings, seed)
    own.decoder = lambda ids: rows
    for model in (own, none):
        for _ in range(times):
            module.enable_kv_cache(model)
        module.disable_kv_cache(model)
    return [own.decoder(np.zeros((1, 1), int)), repr(none.decoder)]


def around_a_cache(settings, seed, ids):
    """Parameters, logits of every position and loss gradient of a model before, with and after a cache."""
    model, states = _model(settings, seed), []
    for switch in (None, module.enable_kv_cache, module.disable_kv_cache):
        if switch:
            switch(model)
        model.zero_grad()
        logits = model(ids[:, :-1])
        next_token_loss(logits, ids[:, 1:]).backward()
        names = list(model.state_dict())
        states.append([names, logits.data, model.position_embedding.position_embeddings.grad.copy()])
        model.generate(ids[:, :3], 2)
    return states


def two_models(settings, seeds, prompt, count):
    """Greedy texts of two models with caches, a token of each in turn; with each text all logits on the way."""
    models = [_noting(settings, seed, cached=True) for seed in seeds]
    turns = list(zip(*(model.stream(prompt, count, temperature=0) for model, _ in models), strict=True))
    texts = [np.stack(tokens, axis=1) for tokens in zip(*turns, strict=True)]
    return [[text, seen] for text, (_, seen) in zip(texts, models, strict=True)]


def enabled_for(what):
    module.enable_kv_cache({"a layer": Linear(2, 2), "a function": print}[what])
