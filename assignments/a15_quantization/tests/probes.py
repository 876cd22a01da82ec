"""What the tests ask of a student's quantisation: a few lines each, as a user would write them, returning plain data."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from tinytorch.core.activations import ReLU
from tinytorch.core.dataloader import DataLoader, TensorDataset
from tinytorch.core.layers import Dropout, Flatten, Identity, Linear, Module, ModuleList, Sequential
from tinytorch.core.spatial import BatchNorm2d, Conv2d, MaxPool2d
from tinytorch.core.tensor import Tensor, manual_seed
from tinytorch.perf import quantization as module

OBSERVERS = {
    "min-max": module.MinMaxObserver,
    "moving average": module.MovingAverageObserver,
    "percentile": module.PercentileObserver,
}


def _grid(scale, zero_point, bits=8, symmetric=True, axis=None):
    return module.Grid(np.asarray(scale, "float32"), np.asarray(zero_point, "int8"), bits, symmetric, axis)


def _parts(q):
    """[values, scale, zero_point] of a QuantizedTensor."""
    return [q.values, q.scale, q.zero_point]


# ---- Grids and rounding


def whole_numbers(bits, symmetric):
    return list(module.integer_range(bits, symmetric))


def grid_chosen(low, high, **settings):
    grid = module.choose_grid(low, high, **settings)
    return [grid.scale, grid.zero_point]


def rounded(x, scale, zero_point, **settings):
    return module.to_integers(x, _grid(scale, zero_point, **settings))


def restored(values, scale, zero_point, **settings):
    return module.to_reals(values, _grid(scale, zero_point, **settings))


# ---- Tensors


def range_of(x, axis=None):
    return list(module.value_range(x, axis))


def quantized(x, **settings):
    return _parts(module.quantize_int8(x, **settings))


def quantized_tensor(x, **settings):
    return _parts(module.quantize_int8(Tensor(x, dtype=x.dtype), **settings))


def there_and_back(x, **settings):
    return module.dequantize_int8(module.quantize_int8(x, **settings)).data


def input_after_quantizing(x):
    x = x.copy()
    values = module.quantize_int8(x).values
    return [x, values]


def taken_apart(x):
    """Values, scale and zero point as three things, and what becomes of them."""
    values, scale, zero_point = module.quantize_int8(x, symmetric=False)
    return [values.data, scale, zero_point, module.dequantize_int8(values, scale, zero_point).data]


def bytes_kept(x, **settings):
    return module.quantize_int8(x, **settings).memory


def ratio_of_noise(x, approximation):
    return module.sqnr(x, approximation)


def product_of(a, b, settings_a, settings_b):
    """Both matrices in whole numbers, and their product."""
    qa, qb = module.quantize_int8(a, **settings_a), module.quantize_int8(b, **settings_b)
    return [_parts(qa), _parts(qb), module.integer_matmul(qa, qb).data]


# ---- Observers


def observed(kind, batches, *arguments):
    observer = OBSERVERS[kind](*arguments)
    for batch in batches:
        observer.observe(Tensor(batch))
    return [observer.low, observer.high]


def observed_grid(kind, batches, **settings):
    observer = OBSERVERS[kind]()
    for batch in batches:
        observer.observe(batch)
    grid = observer.grid(**settings)
    return [grid.scale, grid.zero_point]


def counts_kept(batches, sizes):
    """How many numbers a percentile observer has counted, and how many numbers it keeps for that."""
    observer = module.PercentileObserver()
    for batch in batches:
        observer.observe(batch)
    return [int(observer.counts.sum()), observer.counts.size <= sizes]


# ---- Layers


def _linear(weight, bias):
    layer = Linear(*weight.shape, bias=bias is not None)
    layer.weight.data[...] = weight
    if bias is not None:
        layer.bias.data[...] = bias
    return layer


def _conv(weight, bias, groups=1, **settings):
    layer = Conv2d(
        weight.shape[1] * groups, len(weight), weight.shape[2:], groups=groups, bias=bias is not None, **settings
    )
    layer.weight.data[...] = weight
    if bias is not None:
        layer.bias.data[...] = bias
    return layer


def _quantized_layer(weight, bias, settings=None, **options):
    if weight.ndim == 2:
        return module.QuantizedLinear(_linear(weight, bias), **options)
    return module.QuantizedConv2d(_conv(weight, bias, **(settings or {})), **options)


def layer_output(x, weight, bias, settings=None, **options):
    return _quantized_layer(weight, bias, settings, **options)(Tensor(x)).data


def layer_state(weight, bias, batches=None, **options):
    layer = _quantized_layer(weight, bias, **options)
    if batches is not None:
        layer.calibrate(batches)
    return layer.state_dict()


def layer_calibrated(batches, x, weight, bias, settings=None, observer=None, **options):
    """[scale, zero point of the inputs' grid, output for x]"""
    layer = _quantized_layer(weight, bias, settings, **options)
    layer.calibrate(batches, observer and OBSERVERS[observer]())
    grid = layer.input_grid
    return [grid.scale, grid.zero_point, layer(Tensor(x)).data]


def layer_calibrated_by(kind, batches):
    """The inputs' grid after calibration with a batch alone, a list of batches, or a loader of pairs."""
    layer = module.QuantizedLinear(Linear(batches.shape[-1], 2))
    given = {
        "Tensor": Tensor(batches[0]),
        "array": batches[0],
        "list": [Tensor(batch) for batch in batches],
        "loader": DataLoader(TensorDataset(batches.reshape(-1, batches.shape[-1]), np.zeros(batches[..., 0].size)), 3),
    }
    grid = layer.calibrate(given[kind]).input_grid
    return [grid.scale, grid.zero_point]


def layer_trainable(weight, bias):
    layer = _quantized_layer(weight, bias)
    out = layer(Tensor(np.ones((1, len(weight))))) if weight.ndim == 2 else None
    return [len(layer.parameters()), None if out is None else out.data, None if out is None else out.requires_grad]


def layer_after_changes(x, weight, bias, value):
    """Output before and after the layer that was quantised is overwritten, and what the two hold then."""
    layer = _linear(weight, bias)
    small = module.QuantizedLinear(layer)
    before = small(Tensor(x)).data
    kept = [layer.weight.data.copy(), layer.bias.data.copy()]
    layer.weight.data[...] = layer.bias.data[...] = value
    return [before, small(Tensor(x)).data, *kept]


# ---- Models


class _Tree(Module):
    """Layers held in every way there is; `shared` is held twice."""

    def __init__(self, width):
        self.stem = Conv2d(1, 2, 3, padding=1)
        self.norm = BatchNorm2d(2)
        self.body = Sequential(ReLU(), Sequential(Flatten(), Linear(2 * width * width, width)), Dropout(0.5))
        self.blocks = ModuleList([Linear(width, width), ReLU()])
        self.plain = [Linear(width, width)]
        self.arms = {"left": Linear(width, width), "right": Identity()}
        self.shared = Linear(width, width)
        self.again = self.shared
        self.head = Linear(width, 3)

    def forward(self, x):
        x = self.body(self.norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        x = self.arms["right"](self.arms["left"](self.plain[0](x)))
        return self.head(self.again(self.shared(x)))


class _Doubled(Linear):
    """A subclass that computes something else."""

    def forward(self, x):
        return super().forward(x) * 2


class _Unused(Module):
    def __init__(self):
        self.used, self.idle = Linear(3, 3), Linear(3, 3)

    def forward(self, x):
        return self.used(x)


def _tree(width, seed):
    manual_seed(seed)
    model = _Tree(width)
    model.norm.running_mean[...] = 0.1 * np.arange(2)
    # In every output the weight of the greatest absolute value is positive.
    for w in [p.data for p in model.parameters() if p.ndim > 1]:
        (w[:, 0, 0, 0] if w.ndim == 4 else w[0])[...] = np.abs(w).max()
    return model


def _kinds(model):
    return {path: type(layer).__name__ for path, layer in model.named_modules() if path}


def kinds_of(width, seed, calibration=None, **settings):
    """Path -> class of every layer, before and after."""
    model = _tree(width, seed)
    return [_kinds(model), _kinds(module.quantize_model(model, calibration, **settings))]


def tree_outputs(x, seed, calibration=None, **settings):
    model = _tree(x.shape[-1], seed).eval()
    return [model(Tensor(x)).data, module.quantize_model(model, calibration, **settings)(Tensor(x)).data]


def original_afterwards(x, seed, calibrated):
    """Everything of the model itself before and after: state, classes, modes, whether its layers are the same."""
    model = _tree(x.shape[-1], seed)
    layers = list(model.modules())
    before = {name: array.copy() for name, array in model.state_dict().items()}
    small = module.quantize_model(model, [Tensor(x)] if calibrated else None)
    modes = [layer.training for layer in model.modules() if isinstance(layer, Module)]
    same = [a is b for a, b in zip(layers, model.modules(), strict=False)]
    floats = [array for array in small.state_dict().values() if array.dtype != np.int8]
    for array in floats:
        array[...] = 7
    return [before, model.state_dict(), modes, same, [small.training, len(floats)]]


def shared_layers(width, seed):
    """How many quantised layers stand for the shared one, and how many distinct arrays `shared` and `again` hold."""
    small = module.quantize_model(_tree(width, seed))
    state = small.state_dict()
    arrays = {id(state["shared.weight"]), id(state["again.weight"])}
    found = [layer for layer in small.modules() if type(layer).__name__ == "QuantizedLinear"]
    return [len({id(layer) for layer in (small.shared, small.again)}), len(arrays), len(found)]


def subclass_kept(x, seed):
    manual_seed(seed)
    model = Sequential(_Doubled(x.shape[1], 4), ReLU(), Linear(4, 2)).eval()
    small = module.quantize_model(model)
    return [[type(layer).__name__ for layer in small], model(Tensor(x)).data, small(Tensor(x)).data]


def alone(weight, bias, **settings):
    """A model that is a single layer."""
    small = module.quantize_model(_linear(weight, bias), **settings)
    return [type(small).__name__, small.state_dict()]


def input_grids_of(weights, batches, kind, bits):
    """[scale, zero point] of the inputs of each layer of a perceptron with dropout, left in training mode."""
    manual_seed(0)
    layers = [layer for w in weights for layer in (_linear(w, None), ReLU(), Dropout(0.5))]
    pairs = [(Tensor(batch), np.zeros(len(batch))) for batch in batches]
    small = module.quantize_model(Sequential(*layers), pairs, OBSERVERS[kind], bits=bits)
    grids = [layer.input_grid for layer in small if isinstance(layer, module.QuantizedLinear)]
    return [[grid.scale, grid.zero_point] for grid in grids]


def calibrated_idle(skip):
    small = module.quantize_model(_Unused(), [Tensor(np.ones((2, 3)))], skip=skip)
    return _kinds(small)


def moved_to_a_fresh_model(x, seed, calibrated):
    """Outputs of a quantised model, and of another one that its state was loaded into; dtypes of that state."""
    batches = [Tensor(x)] if calibrated else None
    small = module.quantize_model(_tree(x.shape[-1], seed), batches)
    other = module.quantize_model(_tree(x.shape[-1], seed + 1), [Tensor(0 * x + 1)] if calibrated else None)
    state = small.state_dict()
    other.load_state_dict({name: array.copy() for name, array in state.items()})
    dtypes = {name: str(array.dtype) for name, array in state.items()}
    return [small(Tensor(x)).data, other(Tensor(x)).data, dtypes]


def guesses(x, weights, biases, calibration=None, **settings):
    """Classes by a perceptron of these weights: in float32, and quantised."""
    first, second = (_linear(w, b) for w, b in zip(weights, biases, strict=True))
    model = Sequential(first, ReLU(), second)
    small = module.quantize_model(model, calibration, **settings)
    return [model(Tensor(x)).data.argmax(axis=1), small(Tensor(x)).data.argmax(axis=1)]


def restored_model(x, seed):
    """Classes of layers after quantising and back, outputs of all three, and whether the last one can be trained."""
    model = _tree(x.shape[-1], seed).eval()
    small = module.quantize_model(model)
    back = module.dequantize_model(small)
    return [
        _kinds(model),
        _kinds(back),
        [net(Tensor(x)).data for net in (small, back)],
        [len(model.parameters()), len(back.parameters())],
        _kinds(small),
    ]


# ---- Sizes

MODELS = {
    "MLP": lambda: Sequential(Flatten(), Linear(784, 128), ReLU(), Linear(128, 10)),
    "LeNet": lambda: Sequential(
        Conv2d(1, 6, 5, padding=2),
        ReLU(),
        MaxPool2d(2),
        Conv2d(6, 16, 5),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Linear(400, 120),
        ReLU(),
        Linear(120, 84),
        ReLU(),
        Linear(84, 10),
    ),
}


def sizes_of(kind, calibrated=False, **settings):
    model = MODELS[kind]()
    batches = [Tensor(np.ones((1, 1, 28, 28)))] if calibrated else None
    report = module.compare_model_sizes(model, module.quantize_model(model, batches, **settings))
    return [report.before, report.after]


def size_of_perceptron(sizes):
    layers = [Linear(a, b) for a, b in pairwise(sizes)]
    return module.model_bytes(Sequential(*layers))


def size_with_sharing(width):
    """Two names for one layer, and a batch normalisation."""
    layer = Linear(width, width)
    return module.model_bytes(Sequential(layer, layer, BatchNorm2d(width)))
