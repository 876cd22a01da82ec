"""A network as plain data, and the network again. A registry keeps arrays and JSON; code it does not keep.

    describe(model)         ->  {"kind": "Sequential", "layers": [{"kind": "Linear", "in_features": 64, ...}, ...]}
    rebuild(description)    ->  a network of the same layers, whose parameters anything may be loaded into

What is known: the course's layers in a Sequential, nested as deep as one likes, quantised ones too, and the network
with a whitening layer of `tinytorch.vision`. A description never names anything to import: a kind is looked up in a
table, so that metadata written by somebody else cannot run code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinytorch import nn
from tinytorch.serving import ServingError

Description = dict[str, Any]

# kind -> the attributes that its constructor takes under the same names
SETTINGS: dict[str, tuple[str, ...]] = {
    "Linear": ("in_features", "out_features"),
    "Conv2d": ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups"),
    "MaxPool2d": ("kernel_size", "stride", "padding"),
    "AvgPool2d": ("kernel_size", "stride", "padding", "count_include_pad"),
    "AdaptiveAvgPool2d": ("output_size",),
    "BatchNorm2d": ("num_features", "eps", "momentum", "affine", "track_running_stats"),
    "LayerNorm": ("normalized_shape", "eps"),
    "Dropout": ("p",),
    "Flatten": ("start_dim", "end_dim"),
    "Identity": (),
    "ReLU": (),
    "Sigmoid": (),
    "Tanh": (),
    "SiLU": (),
    "LeakyReLU": ("negative_slope",),
    "GELU": ("approximate",),
    "Softmax": ("dim",),
    "LogSoftmax": ("dim",),
}
WITH_BIAS = ("Linear", "Conv2d")  # whose attribute `bias` is an array or None, and an argument that is true or false
QUANTIZED = {"QuantizedLinear": "Linear", "QuantizedConv2d": "Conv2d"}


def describe(model: Any) -> Description:
    """What `rebuild` needs to make the network again, its numbers left out. Plain data for JSON.

    Raises:
        ServingError: a layer of a kind that is not known; names its path and kind.
    """
    return _describe(model, "the model")


def _describe(layer: Any, path: str) -> Description:
    kind = type(layer).__name__
    if kind == "Sequential":
        return {"kind": kind, "layers": [_describe(inner, f"layer {i} of {path}") for i, inner in enumerate(layer)]}
    if kind in QUANTIZED:
        return _describe_quantized(layer, kind)
    if kind == "Whitened":
        return {"kind": kind, "widths": _stages(layer), "classes": layer.head.weight.shape[1], "scale": layer.scale}
    if kind not in SETTINGS:
        raise ServingError(
            f"{path} is a {kind}, which cannot be described as data; known are Sequential, Whitened,"
            f" {', '.join((*SETTINGS, *QUANTIZED))}"
        )
    found = {name: plain(getattr(layer, name)) for name in SETTINGS[kind]}
    if kind in WITH_BIAS:
        found["bias"] = layer.bias is not None
    return {"kind": kind, **found}


def _describe_quantized(layer: Any, kind: str) -> Description:
    """The layer that it stands for, and how its numbers are kept."""
    if kind == "QuantizedLinear":
        sizes = {"in_features": layer.weight.shape[0], "out_features": layer.weight.shape[1]}
    else:
        outputs, depth, *kernel = layer.weight.shape
        sizes = {"in_channels": depth * layer.groups, "out_channels": outputs, "kernel_size": kernel}
        sizes |= {name: plain(getattr(layer, name)) for name in ("stride", "padding", "dilation", "groups")}
    original = {"kind": QUANTIZED[kind], **sizes, "bias": layer.bias is not None}
    kept = {"per_channel": layer.per_channel, "bits": layer.bits, "rounds_inputs": layer.input_scale is not None}
    return {"kind": kind, "of": original, **kept}


def _stages(network: Any) -> list[int]:
    """The widths of a Whitened network's stages: every second of its convolutions begins one."""
    convolutions = [layer for layer in network.body if type(layer).__name__ == "Conv2d"]
    return [layer.out_channels for layer in convolutions[::2]]


def plain(value: Any) -> Any:
    """A setting as JSON keeps it: tuples become lists, NumPy's numbers Python's."""
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


# ---- and back --------------------------------------------------------------------------------------------------------


def rebuild(description: Mapping[str, Any]) -> Any:
    """A network of the described layers, in evaluation mode. Its numbers are of no use: load others.

    Raises:
        ServingError: an unknown kind, or settings that its layer does not take; names them.
    """
    return _rebuild(description, "architecture").eval()


def _rebuild(given: Any, path: str) -> Any:
    if not isinstance(given, Mapping) or not isinstance(given.get("kind"), str):
        raise ServingError(f"{path} is no description of a layer: it needs a 'kind'; found {str(given)[:80]!r}")
    settings = {name: _setting(value) for name, value in given.items() if name != "kind"}
    kind = given["kind"]
    if kind == "Sequential":
        inner = given.get("layers", ())
        return nn.Sequential(*(_rebuild(layer, f"{path}.layers[{i}]") for i, layer in enumerate(inner)))
    if kind in QUANTIZED:
        return _rebuild_quantized(kind, settings, given.get("of"), path)
    if kind not in SETTINGS and kind != "Whitened":
        raise ServingError(f"{path}: no layer is called {kind!r}; this version needs a newer framework, or is damaged")
    return _made(_builder(kind), settings, f"{path} ({kind})")


def _builder(kind: str) -> Callable[..., Any]:
    if kind == "Whitened":
        from tinytorch.vision import Whitened

        return Whitened
    return getattr(nn, kind)


def _made(builder: Callable[..., Any], settings: Mapping[str, Any], path: str) -> Any:
    try:
        return builder(**settings)
    except (TypeError, ValueError) as error:
        raise ServingError(f"{path} cannot be made: {error}") from error


def _setting(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _rebuild_quantized(kind: str, settings: dict[str, Any], original: Any, path: str) -> Any:
    """A quantised layer takes the layer it stands for; a grid for its inputs is given room only if there was one."""
    from tinytorch.perf import quantization

    rounds = settings.pop("rounds_inputs", False)
    settings["layer"] = _rebuild(original, f"{path}.of")
    del settings["of"]
    layer = _made(getattr(quantization, kind), settings, f"{path} ({kind})")
    if rounds:
        layer.set_input_grid(quantization.choose_grid(0.0, 1.0, symmetric=False, bits=layer.bits))
    return layer
