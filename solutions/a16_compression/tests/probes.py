"""What the tests ask of a student's compression: a few lines each, as a user would write them, returning plain data."""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
from tinytorch.core.activations import ReLU, Sigmoid, Tanh
from tinytorch.core.autograd import no_grad
from tinytorch.core.dataloader import DataLoader, TensorDataset
from tinytorch.core.embeddings import Embedding
from tinytorch.core.layers import Dropout, Flatten, Linear, Module, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import SGD, Adam, ExponentialLR
from tinytorch.core.spatial import BatchNorm2d, Conv2d, MaxPool2d
from tinytorch.core.tensor import Tensor, manual_seed
from tinytorch.core.training import Trainer
from tinytorch.core.transformers import GPT, LayerNorm
from tinytorch.perf import compression as module

# ---- Models of given or drawn numbers


def _linear(weight, bias=None):
    layer = Linear(*weight.shape, bias=bias is not None)
    layer.weight.data[...] = weight
    if bias is not None:
        layer.bias.data[...] = bias
    return layer


def _perceptron(weights, biases=None, between=ReLU):
    """Linear layers of these weights with an activation after each but the last; its paths are "0", "2", "4", ..."""
    layers = []
    for i, w in enumerate(weights):
        layers += [_linear(w, biases[i] if biases else np.zeros(w.shape[1])), between()]
    return Sequential(*layers[:-1])


def _images_net(seed, norm=True, channels=(4, 6), side=8, classes=3):
    """A small LeNet whose normalisations have seen something; side pixels, in evaluation mode."""
    manual_seed(seed)
    a, b = channels
    layers = [Conv2d(1, a, 3, padding=1, bias=not norm), BatchNorm2d(a), ReLU(), MaxPool2d(2)]
    layers += [Conv2d(a, b, 3, padding=1, bias=not norm), BatchNorm2d(b), Tanh(), MaxPool2d(2), Flatten()]
    layers += [Linear(b * (side // 4) ** 2, 10), ReLU(), Dropout(0.5), Linear(10, classes)]
    kept = [layer for layer in layers if norm or not isinstance(layer, BatchNorm2d)]
    rng = np.random.default_rng(seed)
    for layer in kept:
        if isinstance(layer, BatchNorm2d):
            for array in (layer.weight.data, layer.bias.data, layer.running_mean.data):
                array[...] = rng.normal(size=array.shape)
            layer.running_var.data[...] = rng.uniform(0.5, 2, layer.num_features)
        elif getattr(layer, "bias", None) is not None:
            layer.bias.data[...] = rng.normal(size=layer.bias.shape)
    return Sequential(*kept).eval()


class _Mixed(Module):
    """Weights of every kind, one of them shared."""

    def __init__(self):
        self.table = Embedding(5, 4)
        self.norm = LayerNorm(4)
        self.first = Linear(4, 4)
        self.again = self.first
        self.conv = Conv2d(2, 3, 2)
        self.scale = BatchNorm2d(3)
        self.heads = [Linear(4, 2), Linear(4, 2, bias=False)]


def _mixed(seed):
    manual_seed(seed)
    return _Mixed()


def _state(model):
    return {name: array.copy() for name, array in model.state_dict().items()}


def _call(model, x):
    with no_grad():
        return model(Tensor(x)).data


# ---- Zeros


def prunable_paths(seed, skip=()):
    return list(module.prunable(_mixed(seed), skip))


def prunable_refused(value):
    model = _perceptron([np.full((2, 2), value), np.ones((2, 2))]) if isinstance(value, float) else value
    return list(module.prunable(model))


def sparsities(weights):
    """[measure_sparsity, layer_sparsity] of a perceptron whose biases are 0."""
    model = _perceptron(weights)
    return [module.measure_sparsity(model), module.layer_sparsity(model)]


def sparsity_of_nothing():
    return module.measure_sparsity(Sequential(ReLU(), BatchNorm2d(3)))


def kept(arrays, sparsity):
    return module.largest(arrays, sparsity)


def pruned(weights, biases, sparsity, **settings):
    """[weights, biases afterwards, whether the model came back, whether its arrays are the same objects]"""
    model = _perceptron(weights, biases)
    linears = [layer for layer in model if isinstance(layer, Linear)]
    arrays = [layer.weight.data for layer in linears]
    back = module.magnitude_prune(model, sparsity, **settings)
    same = all(layer.weight.data is array for layer, array in zip(linears, arrays, strict=True))
    return [arrays, [layer.bias.data for layer in linears], back is model, same]


def pruned_mixed(seed, sparsity, **settings):
    """State before and after, by name."""
    model = _mixed(seed)
    before = _state(model)
    module.magnitude_prune(model, sparsity, **settings)
    return [before, _state(model)]


def pruned_twice(weights, first, second):
    model = _perceptron(weights)
    module.magnitude_prune(model, first)
    module.magnitude_prune(model, second)
    return [layer.weight.data for layer in model if isinstance(layer, Linear)]


# ---- Masks

OPTIMIZERS = {
    "sgd": lambda p: SGD(p, lr=0.1),
    "momentum": lambda p: SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1),
    "adam": lambda p: Adam(p, lr=0.01),
}


def trained_on(weights, x, y, kind, steps, used=True):
    """Weights of a perceptron before and after some steps of an optimizer that keeps its zeros, and its biases."""
    model = _perceptron(weights)
    optimizer = OPTIMIZERS[kind](model.parameters())
    if kind != "sgd":  # momentum that moves every weight, from a time before the masks
        _steps(_perceptron, model, optimizer, x, y, 2)
        for layer, w in zip([one for one in model if isinstance(one, Linear)], weights, strict=True):
            layer.weight.data[...] = w
    before = [layer.weight.data.copy() for layer in model if isinstance(layer, Linear)]
    masked = module.Masks(model).keep(optimizer) if used else optimizer
    _steps(_perceptron, model, masked, x, y, steps)
    linears = [layer for layer in model if isinstance(layer, Linear)]
    return [before, [layer.weight.data for layer in linears], [layer.bias.data for layer in linears]]


def _steps(_, model, optimizer, x, y, count):
    for _ in range(count):
        optimizer.zero_grad()
        CrossEntropyLoss()(model(Tensor(x)), y).backward()
        optimizer.step()


def masks_after(weights, change):
    """Weights after something happened to them and the masks were applied."""
    model = _perceptron(weights)
    masks = module.Masks(model)
    for layer in model:
        if isinstance(layer, Linear):
            if change == "another array":
                layer.weight.data = layer.weight.data + 1
            elif change == "nan":
                layer.weight.data[...] = np.nan
            elif change == "pruned further":
                layer.weight.data[0] = 0
            elif change == "another shape":
                layer.weight.data = np.ones((7, 7), "float32")
    masks.apply()
    return [layer.weight.data for layer in model if isinstance(layer, Linear)]


def masks_of(seed):
    model = _mixed(seed)
    model.first.weight.data[:2] = 0
    model.table.weight.data[1] = 0
    return module.Masks(model).stays


def masked_optimizer(weights, x, y):
    """What a masked optimizer tells and takes: [lr, lr set, lr by a schedule, closure's result, sparsity after a run]"""
    model = _perceptron(weights)
    masks = module.Masks(model)
    inner = SGD(model.parameters(), lr=0.5)
    optimizer = masks.keep(inner)
    told = [optimizer.lr]
    optimizer.lr = 0.25
    told.append(inner.lr)
    ExponentialLR(optimizer, 0.5).step()
    told += [inner.lr, optimizer.step(lambda: 42)]
    loader = DataLoader(TensorDataset(x, y), batch_size=4)
    Trainer(model, CrossEntropyLoss(), optimizer).fit(loader, epochs=2, progress=False)
    return [*told, [layer.weight.data for layer in model if isinstance(layer, Linear)]]


def schedule(steps, final, initial):
    return [module.gradual_sparsity(i, steps, final, initial) for i in range(steps + 1)]


# ---- Bytes


def packed(array, kind="smallest", half=False):
    """[kind, values, places, bytes, what is unpacked]"""
    one = module.pack(array, kind, half)
    return [one.kind, one.values, one.places, one.nbytes, one.unpack()]


def unpacked(kind, shape, dtype, values, places):
    return module.Packed(kind, tuple(shape), dtype, values, places).unpack()


def packed_tensor_apart(x):
    """What is unpacked after the tensor was overwritten, for each format."""
    found = []
    for kind in module.KINDS:
        tensor = Tensor(x)
        one = module.pack(tensor, kind)
        tensor.data[...] = 7
        found.append(one.unpack())
    return found


def break_even_of(kind, bits):
    return module.break_even(kind, bits)


def stored(seed, sparsity, half=False):
    """[state of a pruned model by name, {name: [kind, dtype, bytes]}, stored_bytes, dense_bytes]"""
    model = _mixed(seed)
    state = model.state_dict()
    for array in state.values():
        if array.ndim > 1:
            array[np.abs(array) < np.quantile(np.abs(array), sparsity)] = 0
    kinds = {
        name: [one.kind, str(one.values.dtype), one.nbytes] for name, one in module.pack_model(model, half).items()
    }
    return [_state(model), kinds, module.stored_bytes(model, half), module.dense_bytes(model)]


def stored_and_read(seed, half=False):
    """State of a model, and of another one into which what is stored of it was read; whether that one came back."""
    model, other = _mixed(seed), _mixed(seed + 1)
    module.magnitude_prune(model, 0.5)
    back = module.unpack_model(module.pack_model(model, half), other)
    return [_state(model), _state(other), back is other]


class _Bytes(Module):
    """Weights in bytes, as quantised layers hold them."""

    def __init__(self, values):
        self.register_buffer("weight", values)
        self.register_buffer("scale", np.ones((), "float32"))


def stored_quantized(values, half):
    return [module.stored_bytes(_Bytes(values), half), module.dense_bytes(_Bytes(values))]


def sparsity_needed(weights, share, half=False):
    """[sparsity, bytes with it, bytes with a thousandth less, bytes of the model, weights afterwards]"""
    model = _perceptron(weights)
    total = module.dense_bytes(model)
    found = module.sparsity_for_bytes(model, share * total, half)
    left = [layer.weight.data.copy() for layer in model if isinstance(layer, Linear)]
    sizes = [
        module.stored_bytes(module.magnitude_prune(copy.deepcopy(model), max(s, 0.0)), half)
        for s in (found, found - 0.001)
    ]
    return [found, *sizes, total, left]


# ---- Neurons


def norms_of(weight):
    if weight.ndim == 2:
        return module.neuron_norms(_linear(weight))
    layer = Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:])
    layer.weight.data[...] = weight
    return module.neuron_norms(layer)


def neurons_zeroed(weights, biases, ratio, **settings):
    """[weights, biases, whether the model came back]"""
    model = _perceptron(weights, biases)
    back = module.structured_prune(model, ratio, **settings)
    linears = [layer for layer in model if isinstance(layer, Linear)]
    return [[layer.weight.data for layer in linears], [layer.bias.data for layer in linears], back is model]


def images_zeroed(seed, ratio, norm=True):
    """State of a small LeNet before and after."""
    model = _images_net(seed, norm)
    before = _state(model)
    module.structured_prune(model, ratio)
    return [before, _state(model)]


def neurons_refused(what):
    models = {
        "one layer": lambda: Sequential(Linear(3, 2)),
        "sigmoid": lambda: _perceptron([np.ones((2, 3)), np.ones((3, 2))], between=Sigmoid),
        "ratio": lambda: _perceptron([np.ones((2, 3)), np.ones((3, 2))]),
    }
    return module.structured_prune(models[what](), 1.0 if what == "ratio" else 0.5)


def silent_neurons(weights, biases):
    model = _perceptron(weights, biases)
    return [module.silent(group) for group in module.neuron_groups(model)]


def silent_without_bias(weight):
    """Of a layer that has no bias."""
    model = Sequential(_linear(weight, None), ReLU(), _linear(np.ones((weight.shape[1], 2)), np.zeros(2)))
    return module.silent(module.neuron_groups(model)[0])


def silent_channels(seed, scale, shift):
    """Of the first convolution with a normalisation behind it."""
    model = _images_net(seed, channels=(len(scale), 2))
    model[1].weight.data[...], model[1].bias.data[...] = scale, shift
    return module.silent(module.neuron_groups(model)[0])


def cut_layer(kind, arrays, inputs, outputs):
    """State and sizes of what is left of a layer, and its own state afterwards."""
    if kind == "linear":
        layer = _linear(arrays["weight"], arrays.get("bias"))
        sizes = ("in_features", "out_features")
    elif kind == "conv":
        out, depth, *size = arrays["weight"].shape
        layer, sizes = Conv2d(depth, out, tuple(size), bias="bias" in arrays), ("in_channels", "out_channels")
    else:
        layer, sizes = BatchNorm2d(len(arrays["weight"])), ("num_features",)
    layer.load_state_dict(arrays)
    layer.weight.requires_grad_(kind != "conv")
    small = module.cut(layer, inputs, outputs)
    found = [_state(small), [getattr(small, size) for size in sizes], small.weight.requires_grad]
    for array in small.state_dict().values():
        array[...] = 7
    return [*found, _state(layer)]


def shrunk(weights, biases, x, between="relu"):
    """[weights of the small model, outputs of both, the model's own weights afterwards]"""
    model = _perceptron(weights, biases, {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}[between])
    small = module.shrink(model)
    linears = [[one.weight.data for one in net if isinstance(one, Linear)] for net in (small, model)]
    return [linears[0], _call(small, x), _call(model, x), linears[1]]


def images_shrunk(seed, ratio, x, norm=True, skip=()):
    """[shapes of the small model by name, outputs: small, zeroed in place; state before and after; bytes before, after]"""
    model = _images_net(seed, norm)
    before = _state(model)
    small = module.structured_prune(model, ratio, remove=True, skip=skip)
    after = _state(model)
    module.structured_prune(model, ratio, skip=skip)
    shapes = {name: list(array.shape) for name, array in small.state_dict().items()}
    sizes = [sum(array.nbytes for array in net.state_dict().values()) for net in (model, small)]
    return [shapes, _call(small, x), _call(model, x), before, after, sizes]


def images_trained_on(seed, x, y):
    """Loss of a shrunk model before and after some steps, in training mode, and its shapes afterwards."""
    small = module.structured_prune(_images_net(seed), 0.5, remove=True).train()
    optimizer, losses = SGD(small.parameters(), lr=0.01), []
    for _ in range(20):
        optimizer.zero_grad()
        loss = CrossEntropyLoss()(small(Tensor(x), training=False), y)
        loss.backward()
        losses.append(float(loss.item()))
        optimizer.step()
    return [losses[0], losses[-1], len(optimizer.params)]


class _Around(Module):
    """Chains inside other modules, one layer held twice, one that mixes neurons."""

    def __init__(self):
        twice = Linear(6, 6)
        self.body = Sequential(Linear(5, 6), ReLU(), Sequential(Linear(6, 7), Tanh(), Linear(7, 6)), ReLU())
        self.loop = Sequential(Linear(6, 6), ReLU(), twice, ReLU(), twice, ReLU(), Linear(6, 6))
        self.mixing = Sequential(Linear(6, 6), LayerNorm(6), Linear(6, 4))

    def forward(self, x):
        return self.mixing(self.loop(self.body(x)))


def around_shrunk(seed, x):
    """[weights' shapes by name, outputs: small, zeroed] of a model with chains that can and cannot lose neurons, and
    its outputs before and after the small one was made."""
    manual_seed(seed)
    model = _Around().eval()
    own = [_call(model, x)]
    small = module.structured_prune(model, 0.5, remove=True)
    own.append(_call(model, x))
    module.structured_prune(model, 0.5)
    shapes = {name: list(array.shape) for name, array in small.state_dict().items() if array.ndim > 1}
    return [shapes, _call(small, x), _call(model, x), own]


def gpt_shrunk(seed, ids):
    """[width of every MLP, logits: small, zeroed]"""
    manual_seed(seed)
    model = GPT(11, 8, 2, 2, 16).eval()
    small = module.structured_prune(model, 0.25, remove=True)
    module.structured_prune(model, 0.25)
    return [[block.mlp.linear1.out_features for block in small.blocks], _call(small, ids), _call(model, ids)]


def _wide_forward(x, remove):
    manual_seed(1)
    model = Sequential(Linear(64, 512), ReLU(), Linear(512, 512), ReLU(), Linear(512, 10))
    model = module.structured_prune(model, 0.75, remove=remove)
    for _ in range(10):
        out = _call(model, x)
    return out


def small_forward(x):
    """Ten passes through two wide layers, three quarters of whose neurons were taken out."""
    return _wide_forward(x, True)


def zeroed_forward(x):
    """The same with neurons that were only set to 0."""
    return _wide_forward(x, False)


# ---- Low rank


def factors(matrix, **settings):
    return list(module.low_rank_approximate(matrix, **settings))


def factors_of_tensor(matrix, **settings):
    return [np.asarray(part) for part in module.low_rank_approximate(Tensor(matrix), **settings)]


def rank_kept(singular_values, energy):
    return module.rank_for_energy(singular_values, energy)


def ranks_that_pay(m, n):
    return module.break_even_rank(m, n)


def low_rank_layer(weight, bias, rank, x):
    """[output, state, merged weight, merged output, number of trainable tensors]"""
    layer = module.LowRankLinear(_linear(weight, bias), rank)
    merged = layer.merged()
    return [_call(layer, x), _state(layer), merged.weight.data, _call(merged, x), len(layer.parameters())]


def low_rank_gradients(weight, bias, rank, x):
    layer = module.LowRankLinear(_linear(weight, bias), rank)
    layer(Tensor(x)).sum().backward()
    return [layer.down.grad, layer.up.grad, layer.bias.grad, layer.down.data, layer.up.data]


def low_rank_apart(weight, bias, rank):
    """The bias of the layer after the factors' bias was overwritten."""
    layer = _linear(weight, bias)
    small = module.LowRankLinear(layer, rank)
    small.bias.data[...] = 7
    return layer.bias.data


class _Scaled(Linear):
    """A subclass that computes something else."""

    def forward(self, x):
        return super().forward(x) * 2


def factorized(seed, sizes, x, **settings):
    """[class of every layer with its rank, outputs: small, model; bytes: small, model; classes of the model's layers]"""
    manual_seed(seed)
    layers = [Linear(a, b) for a, b in pairwise(sizes)]
    model = Sequential(*layers, _Scaled(sizes[-1], sizes[-1]))
    small = module.factorize_model(model, **settings)
    kinds = [[type(one).__name__, getattr(one, "rank", None)] for one in small]
    sizes_now = [sum(array.nbytes for array in net.state_dict().values()) for net in (small, model)]
    return [kinds, _call(small, x), _call(model, x), sizes_now, [type(one).__name__ for one in model]]


def factorized_shared(seed, size, rank_ratio):
    """Classes of the layers of a small model in which two layers had one weight, and whether they still have."""
    manual_seed(seed)
    first, second, third = (Linear(size, size) for _ in range(3))
    second.weight = first.weight
    small = module.factorize_model(Sequential(first, second, third), rank_ratio=rank_ratio)
    return [[type(one).__name__ for one in small], small[0].weight is small[1].weight]


# ---- Distillation


def distilled(student, teacher, labels, **settings):
    """[loss, gradient of the student's logits]"""
    logits = Tensor(student, requires_grad=True)
    loss = module.KnowledgeDistillation(None, None, **settings).distillation_loss(logits, Tensor(teacher), labels)
    loss.backward()
    return [np.asarray(loss.data), logits.grad]


def distilled_default(student, teacher, labels):
    lesson = module.KnowledgeDistillation(None, None)
    return np.asarray(lesson.distillation_loss(Tensor(student), teacher, labels).data)


def distilled_models(teacher_weights, student_weights, x, labels):
    """[loss, student's gradients, teacher's gradients, teacher's modes before and after, what the teacher says twice]"""
    teacher = Sequential(*[part for w in teacher_weights for part in (_linear(w), Dropout(0.5))])
    student = _perceptron(student_weights)
    teacher.train()
    teacher[1].eval()
    modes = [layer.training for layer in teacher]
    lesson = module.KnowledgeDistillation(teacher, student, temperature=2.0, alpha=0.5)
    loss = lesson.loss(Tensor(x), labels)
    loss.backward()
    said = [lesson.teacher_logits(Tensor(x)) for _ in range(2)]
    return [
        np.asarray(loss.data),
        [layer.weight.grad for layer in student if isinstance(layer, Linear)],
        [p.grad is None for p in teacher.parameters()],
        [modes, [layer.training for layer in teacher]],
        [one.data for one in said],
        [one.requires_grad for one in said],
    ]


def modes_after_failure(weights, x):
    teacher = Sequential(_linear(weights), Dropout(0.5))
    lesson = module.KnowledgeDistillation(teacher, teacher)
    try:
        lesson.teacher_logits(Tensor(x))
    except ValueError:
        return [layer.training for layer in teacher.modules()]
    return None


# ---- The pipeline


def _stages(result):
    return [[s.name, s.parameters, s.sparsity, s.stored, s.accuracy] for s in result.stages]


def compressed(weights, plan, tune=None):
    """[stages, share, lost, final weights, weights of the model before and after, sparsities that fine_tune met]"""
    model = _perceptron(weights)
    before = _state(model)
    met = []

    def fine_tune(small, masks):
        met.append(module.measure_sparsity(small))
        for name, p in small.named_parameters():
            if tune == "moves all" and name.endswith("weight"):
                p.data[...] = p.data + 0.5
        if tune == "keeps":
            optimizer = masks.keep(SGD(small.parameters(), lr=0.1))
            small(Tensor(np.ones((2, len(weights[0]))))).sum().backward()
            optimizer.step()

    compressor = module.Compressor(
        fine_tune if tune else None, (lambda net: 1 - 0.1 * module.measure_sparsity(net)) if tune else None
    )
    result = compressor.compress(model, module.CompressionPlan(**plan))
    final = [p.data for p in result.model.parameters() if p.ndim > 1]
    return [_stages(result), result.share, result.lost, final, before, _state(model), met]


def compressed_masks(weights, plan):
    """Final weights after everything was moved and the result's masks applied."""
    result = module.Compressor().compress(_perceptron(weights), module.CompressionPlan(**plan))
    before = [p.data.copy() for p in result.model.parameters() if p.ndim > 1]
    for p in result.model.parameters():
        p.data[...] = p.data + 1
    result.masks.apply()
    return [before, [p.data for p in result.model.parameters() if p.ndim > 1]]


def compressed_by_config(weights, config):
    result = module.Compressor.compress_model(_perceptron(weights), config)
    return [_stages(result), module.Compressor.measure_sparsity(result.model)]


def class_methods(weights):
    """What the class's own functions do: sparsity after magnitude_prune by default, after structured_prune."""
    first, second = _perceptron(weights), _perceptron(weights)
    module.Compressor.magnitude_prune(first)
    module.Compressor.structured_prune(second, 0.5)
    return [module.Compressor.measure_sparsity(first), module.Compressor.measure_sparsity(second)]


def learned(x, y, test_x, plan, seed):
    """A perceptron learns, is compressed with training between: [classes before, after, share of the bytes]"""
    manual_seed(seed)
    model = Sequential(Linear(x.shape[1], 64), ReLU(), Linear(64, 10))

    def train(net, masks=None, steps=60, lr=0.02):
        optimizer = Adam(net.parameters(), lr=lr)
        stepping = masks.keep(optimizer) if masks else optimizer
        for i in range(steps):
            batch = slice(64 * i % len(x), 64 * i % len(x) + 64)
            stepping.zero_grad()
            CrossEntropyLoss()(net(Tensor(x[batch])), y[batch]).backward()
            stepping.step()

    train(model, steps=200)
    before = _call(model, test_x).argmax(axis=1)
    result = module.Compressor(lambda net, masks: train(net, masks, lr=0.01)).compress(
        model, module.CompressionPlan(**plan)
    )
    return [before, _call(result.model, test_x).argmax(axis=1), result.share]
