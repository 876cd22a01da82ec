"""Fast kernels behind the clear ops of the course, in float32: those of networks for images (convolution, pooling,
batch normalisation, ReLU) and of language models (linear, GELU, layer normalisation, attention, cross entropy). The
decoder with a cache, which is no op, has a fast form for one token more (`decoding`).

`install()` registers them and switches them on; `tinytorch.use_kernels(False)` switches every kernel off again. A
kernel stands behind an op only where this composition holds the course's own solution of that op: what a student wrote
always runs itself. Results equal those of the clear forms up to the rounding of float32.
"""

from __future__ import annotations

from importlib import import_module

from tinytorch._names import composition
from tinytorch.dispatch import Kernel, register_kernel, use_kernels

from . import attention, conv, cross_entropy, elementwise, gelu, layer_norm, linear, norm, pool
from .memory import keep_memory as keep_memory
from .workspace import cores as cores
from .workspace import default_threads as default_threads
from .workspace import set_threads as set_threads

_SPATIAL = ("tinytorch/core/spatial.py",)
_RULES = "tinytorch/core/autograd.py"
_ACTIVATIONS = ("tinytorch/core/activations.py", _RULES)
_LAYERS, _LOSSES = ("tinytorch/core/layers.py", _RULES), ("tinytorch/core/losses.py", _RULES)
_ATTENTION, _TRANSFORMERS = ("tinytorch/core/attention.py",), ("tinytorch/core/transformers.py",)

# The files that write the op's two rules (the op itself in the first), its name, and its kernel.
_TABLE = (
    (_SPATIAL, "conv2d", conv.forward, conv.applies, conv.vjp, False),
    (_SPATIAL, "max_pool2d", pool.forward, pool.applies, pool.vjp, True),
    (_SPATIAL, "batch_norm", norm.forward, norm.applies, norm.vjp, True),
    (_ACTIVATIONS, "relu", elementwise.forward, elementwise.applies, elementwise.vjp, False),
    (_ACTIVATIONS, "gelu", gelu.forward, gelu.applies, gelu.vjp, False),
    (_LAYERS, "linear", linear.forward, linear.applies, linear.vjp, False),
    (_LOSSES, "cross_entropy", cross_entropy.forward, cross_entropy.applies, cross_entropy.vjp, True),
    (_ATTENTION, "attention", attention.forward, attention.applies, attention.vjp, True),
    (_TRANSFORMERS, "layer_norm", layer_norm.forward, layer_norm.applies, layer_norm.vjp, True),
)

# What the decoder's fast form knows by heart: all layers of a GPT and the decoder itself.
_DECODING = (
    "tinytorch/core/activations.py", "tinytorch/core/layers.py", "tinytorch/core/attention.py",
    "tinytorch/core/embeddings.py", "tinytorch/core/transformers.py", "tinytorch/perf/memoization.py",
)  # fmt: skip

_installed: list[Kernel] = []


def install(threads: int | None = None) -> list[Kernel]:
    """Register the kernels, once, and switch all kernels on; returns those of this package that are registered.

    Args:
        threads: how many threads the kernels use; by default `default_threads()` at the first call, later as before.
    """
    if threads is not None or not _installed:
        set_threads(threads or default_threads())
    if not _installed:
        for files, op, forward, applies, vjp, saves in _TABLE:
            if all(is_reference(file) for file in files):
                import_module(files[0].removesuffix(".py").replace("/", "."))
                _installed.append(register_kernel(op, forward, applies, f"{op}_fast", vjp, saves))
        if all(is_reference(file) for file in _DECODING):
            from . import decoding  # imports the assignments that it stands in for

            decoding.install()
    use_kernels(True)
    return list(_installed)


def is_reference(file: str) -> bool:
    """Whether a file of this composition is the course's own solution."""
    return composition()["files"].get(file, {}).get("origin") == "reference"
