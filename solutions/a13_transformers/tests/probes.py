"""What the tests ask of a student's Transformer: a few lines each, as a user would write them, returning plain data."""

from __future__ import annotations

from itertools import islice

import numpy as np
from tinytorch.core import transformers as module
from tinytorch.core.autograd import is_grad_enabled, reached
from tinytorch.core.layers import Dropout, Module
from tinytorch.core.optimizers import AdamW
from tinytorch.core.tensor import Tensor, manual_seed, rand


def _tensor(array, **options):
    return Tensor(array, dtype=array.dtype, **options)


# ---- Layer normalisation


def normalised(x, eps=1e-5):
    return module.layer_norm(_tensor(x), x.shape[-1], eps=eps).data


def normalised_transposed(x):
    return module.layer_norm(_tensor(x).transpose(0, 1), x.shape[0]).data


def layer_norm(x, weight, bias, eps=1e-5):
    return module.layer_norm(_tensor(x), len(weight), _tensor(weight), _tensor(bias), eps).data


def layer(x, weight, bias, eps):
    """What a LayerNorm gives as it is made, and after its parameters were given these numbers."""
    norm = module.LayerNorm(x.shape[-1], eps=eps)
    fresh = norm(_tensor(x)).data
    norm.weight.data[...] = weight
    norm.beta.data[...] = bias
    return [fresh, norm(_tensor(x)).data]


def layer_described(size):
    norm = module.LayerNorm(size)
    return [[name for name, _ in norm.named_parameters()], norm.gamma.data, norm.beta.data, repr(norm)]


def layer_norm_gradients(x, weight, bias, g, wanted):
    inputs = [_tensor(a, requires_grad=wants) for a, wants in zip((x, weight, bias), wanted, strict=True)]
    module.layer_norm(inputs[0], x.shape[-1], *inputs[1:]).backward(g)
    return [t.grad for t in inputs]


def operands_after_layer_norm(x, weight, bias, g):
    inputs = [_tensor(a, requires_grad=True) for a in (x, weight, bias)]
    output = module.layer_norm(inputs[0], x.shape[-1], *inputs[1:])
    before = output.data.copy()
    output.backward(g, retain_graph=True)
    return [*(t.data for t in inputs), g, before, output.data]


def ops_of_layer_norm(x):
    norm = module.LayerNorm(x.shape[-1])
    nodes, _ = reached(norm(_tensor(x)))
    saved = [a.shape for a in nodes[0].saved]
    return [[[node.op.name, len(node.inputs)] for node in nodes], saved]


# ---- MLP and block


def _load(model, state):
    model.load_state_dict(state)
    return model


def mlp(x, state, hidden_dim):
    return _load(module.MLP(x.shape[-1], hidden_dim), state)(_tensor(x)).data


def mlp_shapes(*sizes):
    return {name: p.shape for name, p in module.MLP(*sizes).named_parameters()}


def attend(x, weight, bias, factor):
    """A block's first half, where attention multiplies what it is given by a number of each feature."""
    made = module.TransformerBlock(x.shape[-1], 1)
    made.ln1.weight.data[...], made.ln1.bias.data[...] = weight, bias
    made.attention = lambda h, mask=None, is_causal=False: h * factor
    return made.attend(_tensor(x)).data


def transform(x, weight, bias, factor):
    """A block's second half, where the MLP multiplies what it is given by a number of each feature."""
    made = module.TransformerBlock(x.shape[-1], 1)
    made.ln2.weight.data[...], made.ln2.bias.data[...] = weight, bias
    made.mlp = lambda h: h * factor
    return made.transform(_tensor(x)).data


def block(x, state, num_heads, mask=None, is_causal=False):
    return _load(module.TransformerBlock(x.shape[-1], num_heads), state)(_tensor(x), mask, is_causal).data


def block_shapes(embed_dim, num_heads, **options):
    made = module.TransformerBlock(embed_dim, num_heads, **options)
    return {name: p.shape for name, p in made.named_parameters()}


def dropouts(kind, *sizes, **options):
    made = getattr(module, kind)(*sizes, **options)
    return {name: layer.p for name, layer in made.named_modules() if isinstance(layer, Dropout)}


def dropped_block(x, p):
    """A block in training mode, then in evaluation mode."""
    made = module.TransformerBlock(x.shape[-1], 1, dropout=p)
    training = made(_tensor(x)).data
    return [training, made.eval()(_tensor(x)).data]


def causal_mask(n):
    return module.create_causal_mask(n).data


# ---- The model


def _sized(settings):
    return module.GPT(**settings)


def _model(settings, seed):
    """A model whose numbers depend on seed and names alone, and whose logits depend on every token that it sees."""
    model = _sized(settings)
    rng = np.random.default_rng(seed)
    for _, p in sorted(model.named_parameters()):
        p.data[...] = rng.normal(0, 0.5, p.shape) if p.ndim == 2 else p.data + rng.normal(0, 0.1, p.shape)
    return model


def logits(settings, state, ids):
    return _load(_sized(settings), state)(ids).data


def fresh_logits(settings, ids):
    return _sized(settings)(ids).data


def logits_of(settings, seed, ids):
    return _model(settings, seed).eval()(ids).data


def logits_of_kinds(settings, seed, ids):
    model = _model(settings, seed)
    kinds = (ids, ids.tolist(), Tensor(ids), ids[0], ids[0].tolist())
    return [model(kind).data for kind in kinds]


def state_shapes(settings):
    return {name: array.shape for name, array in _sized(settings).state_dict().items()}


def parameter_count(settings):
    return _sized(settings).num_parameters()


def head_after_embedding(settings, rows):
    """The head's weight after the embedding was written to, and what the head makes of unit vectors."""
    model = _sized(settings)
    model.token_embedding.weight.data[...] = rows
    return [model.lm_head.weight.data, model.lm_head(_tensor(np.eye(rows.shape[1], dtype="float32"))).data]


def fresh_weights(settings, seed, std):
    """The weights of a fresh model, and after all of its weights were spoilt and drawn anew with another deviation."""
    manual_seed(seed)
    model = _sized(settings)
    fresh = {name: array.copy() for name, array in model.state_dict().items()}
    for name, p in model.named_parameters():
        if ".ln" not in name and "ln_f" not in name:
            p.data[...] = 7
    model.reset_parameters(std)
    return [fresh, model.state_dict()]


def gradients(settings, state, ids, targets):
    """The loss of a model in float64, and its gradient with respect to every parameter."""
    model = _sized(settings).double()
    _load(model, state)
    loss = module.next_token_loss(model(ids), targets)
    loss.backward()
    return [loss.item(), {name: p.grad for name, p in model.named_parameters()}]


def embedded(settings, state, ids, start):
    return _load(_sized(settings), state).embed(ids, start).data


def dropped_logits(settings, seed, ids):
    """In training mode twice, then in evaluation mode."""
    model = _model(settings, seed)
    return [model(ids).data, model(ids).data, model.eval()(ids).data]


# ---- Choosing


def probabilities(logits, **settings):
    return module.probabilities_of(logits, **settings)


def top_k(p, k):
    return module.keep_top_k(p, k)


def top_p(p, least):
    return module.keep_top_p(p, least)


def drawn(p, seed):
    return module.draw(p, np.random.default_rng(seed))


# ---- Writing


def written(settings, weights, prompt, count, **how):
    return _model(settings, weights).generate(prompt, count, **how).data


def written_twice(settings, weights, prompt, count, **how):
    model = _model(settings, weights)
    return [model.generate(prompt, count, **how).data for _ in range(2)]


def written_after_seeding(settings, weights, prompt, count, of_framework, **how):
    """What is written after manual_seed, and what the framework's generator gives next."""
    model = _model(settings, weights)
    manual_seed(of_framework)
    return [model.generate(prompt, count, **how).data, rand(3).data]


def written_by_decoder(settings, prompt, rows, **how):
    """Written with a decoder that answers with `rows` in turn, and the ids that it was asked about."""
    model = _sized(settings)
    answers, asked = iter(rows), []

    def decoder(ids):
        asked.append(ids.copy())
        return next(answers)

    model.decoder = decoder
    return [model.generate(prompt, len(rows), **how).data, asked]


def streamed(settings, prompt, rows, taken, **how):
    """The first tokens of a stream, and how often its decoder was asked: before the first of them, and in the end."""
    model = _sized(settings)
    asked = []

    def decoder(ids):
        asked.append(ids.shape)
        return rows[len(asked) - 1]

    model.decoder = decoder
    stream = model.stream(prompt, len(rows), **how)
    early = len(asked)
    return [list(islice(stream, taken)), early, len(asked)]


def streaming_begun(settings, prompt, count, **how):
    return hasattr(_sized(settings).stream(prompt, count, **how), "__next__")


def _modes(model):
    return [layer.training for layer in model.modules() if isinstance(layer, Module)]


def modes_around(settings, seed, ids, frozen, fails=False):
    """The mode of each layer before and after writing, what recording was meanwhile, and whether it is on after."""
    model = _model(settings, seed)
    model.blocks[frozen].eval()
    before, inside = _modes(model), []

    def decoder(so_far):
        inside.append([any(_modes(model)), is_grad_enabled()])
        if fails:
            raise LookupError("no logits today")
        return model.next_logits(so_far)

    model.decoder = decoder
    try:
        model.generate(ids, 2)
    except LookupError:
        inside.append("raised")
    return [before, inside, _modes(model), is_grad_enabled()]


def next_of(settings, seed, ids):
    """next_logits of a model in training mode, and whether it is in training mode afterwards."""
    model = _model(settings, seed)
    got = model.next_logits(ids)
    return [got, model.training, model.blocks[0].training]


# ---- Loss and perplexity


def losses(logits, targets):
    mean, total, each = (module.next_token_loss(_tensor(logits), targets, reduction=r) for r in ("mean", "sum", "none"))
    return [mean.item(), total.item(), each.data]


def perplexity(settings, seed, tokens, **how):
    return module.perplexity(_model(settings, seed), tokens, **how)


def perplexity_of_zeros(settings, tokens):
    model = _sized(settings)
    for p in model.parameters():
        p.data[...] = 0
    return module.perplexity(model, tokens)


def window_sizes(settings, tokens, batch_size):
    """The shapes of the ids that the model sees while its perplexity is measured, and the modes around it."""
    model = _sized(settings)
    seen, usual = [], model.forward

    def forward(ids):
        seen.append([ids.shape, model.training, is_grad_enabled()])
        return usual(ids)

    model.forward = forward
    module.perplexity(model, tokens, batch_size=batch_size)
    return [seen, model.training, is_grad_enabled()]


def trained(settings, seed, batches, lr):
    """The loss of each step, and what the model then writes greedily after the beginning of the last batch."""
    manual_seed(seed)
    model = _sized(settings)
    optimizer = AdamW(model.parameters(), lr=lr)
    seen = []
    for windows in batches:
        optimizer.zero_grad()
        loss = module.next_token_loss(model(windows[:, :-1]), windows[:, 1:])
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    return [seen, model.generate(batches[-1][0, :3], 12, temperature=0).data]
