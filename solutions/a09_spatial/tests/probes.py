"""What the tests ask of a student's spatial layers: a few lines each, as a user would write them, returning plain data."""

from __future__ import annotations

import numpy as np
from tinytorch.core import spatial as module
from tinytorch.core.activations import ReLU
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Flatten, Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import Adam
from tinytorch.core.tensor import Tensor, manual_seed


def _leaves(arrays):
    return [None if a is None else Tensor(a, requires_grad=True) for a in arrays]


def _through(output, g, leaves):
    """The output, and the gradients of the leaves after `g` came back through it."""
    output.backward(g)
    return [output.data, [None if leaf is None else leaf.grad for leaf in leaves]]


# ---- Windows


def output_sizes(settings):
    return [module.output_size(*s) for s in settings]


def convolved_in_loops(x, weight, bias, **settings):
    return module.conv2d_loops(x, weight, bias, **settings)


def window_view(x, kernel_size, stride, dilation, place, value):
    """All windows, made before `value` was written into the image at `place`."""
    x = x.copy()
    view = module.windows(x, tuple(kernel_size), tuple(stride), tuple(dilation))
    x[tuple(place)] = value
    return view


def columns(x, channels_last=False, **settings):
    if channels_last:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return module.im2col(x, **settings)


def images(columns, shape, **settings):
    return module.col2im(columns, tuple(shape), **settings)


# ---- Convolution


def convolved(x, weight, bias, **settings):
    return module.conv2d(Tensor(x), Tensor(weight), None if bias is None else Tensor(bias), **settings).data


def convolved_in_another_order(x, weight):
    """The images handed over as a view of an array (N, H, W, C)."""
    nhwc = Tensor(np.ascontiguousarray(x.transpose(0, 2, 3, 1)))
    return module.conv2d(nhwc.permute(0, 3, 1, 2), Tensor(weight)).data


def convolved_integers(x, weight):
    return module.conv2d(Tensor(x, dtype="int64"), Tensor(weight)).data


def convolution_gradients(x, weight, bias, g, **settings):
    leaves = _leaves([x, weight, bias])
    return _through(module.conv2d(*leaves, **settings), g, leaves)[1]


def some_gradients(x, weight, g, frozen):
    """With one of the two inputs frozen and no bias."""
    leaves = _leaves([x, weight])
    leaves[frozen].requires_grad = False
    return _through(module.conv2d(*leaves, padding=1), g, leaves)[1]


def layer_parameters(seed, *args, **options):
    manual_seed(seed)
    layer = module.Conv2d(*args, **options)
    return {name: p.data for name, p in layer.named_parameters()}


def layer_output(x, kernels, offsets, *args, **options):
    layer = module.Conv2d(*args, **options)
    layer.weight.data[...] = kernels
    if offsets is not None:
        layer.bias.data[...] = offsets
    return layer(Tensor(x)).data


# ---- Pooling


def pooled(kind, x, *args, **settings):
    return getattr(module, kind)(Tensor(x), *args, **settings).data


def pooled_integers(x, size):
    images = Tensor(x, dtype="int64")
    pools = (module.max_pool2d, module.avg_pool2d, module.adaptive_avg_pool2d)
    return [pool(images, size).data for pool in pools]


def pooling_gradient(kind, x, g, *args, **settings):
    leaves = _leaves([x])
    return _through(getattr(module, kind)(*leaves, *args, **settings), g, leaves)[1][0]


# ---- Batch normalisation


def normalised(x, running_mean, running_var, weight=None, bias=None, **settings):
    """The output and the running statistics afterwards."""
    mean, var = Tensor(running_mean), Tensor(running_var)
    weight, bias = (None if p is None else Tensor(p) for p in (weight, bias))
    return [module.batch_norm(Tensor(x), mean, var, weight, bias, **settings).data, mean.data, var.data]


def normalised_integers(x, running_mean, running_var):
    return module.batch_norm(Tensor(x, dtype="int64"), running_mean, running_var).data


def normalised_without_record(x, running_mean, running_var):
    """The arrays handed over as running statistics, after a batch that was not recorded."""
    mean, var = running_mean.copy(), running_var.copy()
    with no_grad():
        module.batch_norm(Tensor(x, requires_grad=True), mean, var, training=True)
    return [mean, var]


def statistics_after_recording(x, running_mean, running_var):
    mean, var = running_mean.copy(), running_var.copy()
    module.batch_norm(Tensor(x, requires_grad=True), mean, var, training=True)
    return [mean, var]


def normalisation_gradients(x, weight, bias, g, running_mean, running_var, training, frozen=()):
    leaves = _leaves([x, weight, bias])
    for i in frozen:
        leaves[i].requires_grad = False
    x, weight, bias = leaves
    output = module.batch_norm(x, Tensor(running_mean), Tensor(running_var), weight, bias, training=training)
    return _through(output, g, leaves)[1]


def layer_through_modes(batches, x, **options):
    """What the layer makes of x in evaluation after it was trained on batches, and x in training."""
    layer = module.BatchNorm2d(x.shape[1], **options)
    for batch in batches:
        layer(Tensor(batch))
    layer.eval()
    evaluated = layer(Tensor(x)).data
    layer.train()
    return [evaluated, layer(Tensor(x)).data]


def saved_and_loaded(batch, x):
    """A trained layer's state, the names of its parameters, and what a fresh layer with that state makes of x."""
    layer = module.BatchNorm2d(x.shape[1])
    layer(Tensor(batch))
    state = {name: array.copy() for name, array in layer.state_dict().items()}
    fresh = module.BatchNorm2d(x.shape[1])
    fresh.load_state_dict(state)
    fresh.eval()
    return [state, [name for name, _ in layer.named_parameters()], fresh(Tensor(x)).data]


def without_parameters(x, options):
    """The state's names and the output in evaluation, after a batch."""
    layer = module.BatchNorm2d(x.shape[1], **options)
    layer(Tensor(x))
    layer.eval()
    return [sorted(layer.state_dict()), layer(Tensor(x)).data]


# ---- A network


def classes_after_training(images, labels, others, steps):
    """What a small network takes `others` for, after `steps` steps on the images."""
    manual_seed(0)
    net = Sequential(
        module.Conv2d(1, 6, 3, padding=1), module.BatchNorm2d(6, momentum=0.3), ReLU(), module.MaxPool2d(2),
        module.Conv2d(6, 8, 3, stride=2, padding=1, bias=False), module.BatchNorm2d(8, momentum=0.3), ReLU(),
        module.AdaptiveAvgPool2d(1), Flatten(), Linear(8, 2),
    )  # fmt: skip
    loss_fn, optimizer = CrossEntropyLoss(), Adam(net.parameters(), lr=0.03)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_fn(net(Tensor(images)), labels).backward()
        optimizer.step()
    net.eval()
    return net(Tensor(others)).data.argmax(axis=1)
