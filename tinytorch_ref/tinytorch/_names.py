"""Where each public name lives, and how a facade resolves it when it is first used.

The facades (`tinytorch`, `tinytorch.nn`, `tinytorch.optim`, ...) hold no code of their own: a name is imported from the
module of the assignment that writes it, on first use. If that assignment is not part of this composition, the error
names it. Which file belongs to which assignment is read from `composition.json`, written when the package was composed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

_TENSOR = (
    "Tensor cat stack where zeros ones full arange eye randn rand zeros_like ones_like maximum minimum exp log sqrt"
    " matmul tensor"
)
_ACTIVATIONS = "ReLU LeakyReLU Sigmoid Tanh GELU SiLU Softmax LogSoftmax"
_ACTIVATION_FUNCTIONS = "relu leaky_relu sigmoid tanh gelu silu softmax log_softmax"
_LAYERS = "Module ModuleList Layer Linear Dense Dropout Flatten Sequential Identity Parameter init"
_LOSSES = "MSELoss L1Loss HuberLoss CrossEntropyLoss BCELoss BinaryCrossEntropyLoss BCEWithLogitsLoss NLLLoss"
_LOSS_FUNCTIONS = (
    "mse_loss l1_loss huber_loss cross_entropy binary_cross_entropy binary_cross_entropy_with_logits nll_loss"
)
_AUTOGRAD = "grad no_grad enable_grad is_grad_enabled gradcheck checkpoint Function graph_to_dot"
_OPTIMIZERS = "Optimizer SGD Adam AdamW RMSprop Adagrad"
_SCHEDULERS = "Scheduler StepLR ExponentialLR CosineAnnealingLR LinearWarmup OneCycleLR"
_TRAINING = (
    "Trainer Accuracy Precision Recall F1 confusion_matrix clip_grad_norm_ clip_grad_norm EarlyStopping CosineSchedule"
    " plot_training_history plot_confusion_matrix"
)
_DATA = (
    "Dataset TensorDataset Subset random_split DataLoader Compose Normalize RandomHorizontalFlip RandomCrop ToTensor"
    " TinyDigits MNIST CIFAR10 TinyShakespeare default_collate Transform Transformed ImageDataset SequenceDataset draws"
)
_SPATIAL = "Conv2d Conv2D MaxPool2d MaxPool2D AvgPool2d AdaptiveAvgPool2d BatchNorm2d im2col col2im"
_SPATIAL_FUNCTIONS = "conv2d max_pool2d avg_pool2d adaptive_avg_pool2d batch_norm"
_TOKENIZATION = "Tokenizer CharTokenizer BPETokenizer"
_EMBEDDINGS = "Embedding PositionalEncoding SinusoidalEncoding RotaryEmbedding EmbeddingLayer sinusoidal_encoding"
_ATTENTION = "scaled_dot_product_attention MultiHeadAttention causal_mask"
_TRANSFORMERS = "LayerNorm MLP TransformerBlock GPT TinyGPT perplexity next_token_loss"

_PROFILING = "Profiler Profile Latency Machine Work roofline define_flops quick_profile analyze_weight_distribution"
_QUANTIZATION = (
    "quantize_int8 dequantize_int8 QuantizedTensor QuantizedLinear QuantizedConv2d quantize_model dequantize_model"
    " model_bytes compare_model_sizes sqnr integer_matmul MinMaxObserver MovingAverageObserver PercentileObserver"
    " Quantizer"
)
_COMPRESSION = (
    "measure_sparsity layer_sparsity magnitude_prune Masks MaskedOptimizer gradual_sparsity Packed pack pack_model"
    " unpack_model save_packed load_packed stored_bytes dense_bytes sparsity_for_bytes break_even structured_prune"
    " shrink low_rank_approximate rank_for_energy break_even_rank LowRankLinear factorize_model KnowledgeDistillation"
    " CompressionPlan CompressionResult Compressor"
)
_MEMOIZATION = "KVCache create_kv_cache CachedDecoder enable_kv_cache disable_kv_cache"
_ACCELERATION = (
    "vectorized_matmul tiled_matmul fused_gelu Fused Stage register_fused_gelu compare_kernel jit half_linear"
    " GradScaler MixedPrecision ring_all_reduce broadcast DataParallel train_data_parallel"
)
_BENCHMARKING = (
    "Benchmark BenchmarkResult BenchmarkSuite Comparison Interval MLPerf TinyMLPerf OlympicEvent Workload precise_timer"
    " analyze_optimization_techniques compare dominates measure_accuracy measure_in_turn median_interval pareto_front"
    " percentile ratio_interval sign_test wilcoxon_test"
)

_REGISTRY = "ModelRegistry ModelVersion Promotion DamagedFile"
_DRIFT = "DriftDetector DriftReport ks_statistic ks_test psi holm"
_MONITOR = "PerformanceMonitor AlertRule Alert RetrainingTrigger Retraining"
_ABTEST = "ABTest Verdict assign two_proportion_z sample_size"

_OLYMPICS = (
    "SimpleMLP BenchmarkReport generate_submission save_submission Entry validate_entry enter score rank pareto Place"
)


def _table(*rows: tuple[str, str]) -> dict[str, str]:
    return {name: module for names, module in rows for name in names.split()}


# Facade -> {public name -> module that holds it}.
FACADES: dict[str, dict[str, str]] = {
    "tinytorch": _table(
        (_TENSOR, "tinytorch.core.tensor"),
        (_ACTIVATION_FUNCTIONS, "tinytorch.core.activations"),
        (_AUTOGRAD, "tinytorch.core.autograd"),
    ),
    "tinytorch.nn": _table(
        (_ACTIVATIONS, "tinytorch.core.activations"),
        (_LAYERS, "tinytorch.core.layers"),
        (_LOSSES, "tinytorch.core.losses"),
        (_SPATIAL, "tinytorch.core.spatial"),
        (_EMBEDDINGS, "tinytorch.core.embeddings"),
        (_ATTENTION, "tinytorch.core.attention"),
        (_TRANSFORMERS, "tinytorch.core.transformers"),
    ),
    "tinytorch.nn.functional": _table(
        (_ACTIVATION_FUNCTIONS, "tinytorch.core.activations"),
        (_LOSS_FUNCTIONS, "tinytorch.core.losses"),
        ("linear dropout", "tinytorch.core.layers"),
        (_SPATIAL_FUNCTIONS, "tinytorch.core.spatial"),
        ("embedding one_hot", "tinytorch.core.embeddings"),
        ("scaled_dot_product_attention attention tiled_attention", "tinytorch.core.attention"),
        ("layer_norm", "tinytorch.core.transformers"),
    ),
    "tinytorch.optim": _table((_OPTIMIZERS + " " + _SCHEDULERS, "tinytorch.core.optimizers")),
    "tinytorch.optim.lr_scheduler": _table((_SCHEDULERS, "tinytorch.core.optimizers")),
    "tinytorch.data": _table(
        (_DATA, "tinytorch.core.dataloader"),
        (_TOKENIZATION + " create_tokenizer tokenize_dataset analyze_tokenization", "tinytorch.core.tokenization"),
    ),
    "tinytorch.perf": _table(
        (_PROFILING, "tinytorch.perf.profiling"),
        (_QUANTIZATION, "tinytorch.perf.quantization"),
        (_COMPRESSION, "tinytorch.perf.compression"),
        (_MEMOIZATION, "tinytorch.perf.memoization"),
        (_ACCELERATION, "tinytorch.perf.acceleration"),
        (_BENCHMARKING, "tinytorch.perf.benchmarking"),
    ),
    "tinytorch.mlops": _table(
        (_REGISTRY, "tinytorch.mlops.registry"),
        (_DRIFT, "tinytorch.mlops.drift"),
        (_MONITOR, "tinytorch.mlops.monitor"),
        (_ABTEST, "tinytorch.mlops.abtest"),
        ("BatchPredictor BatchResult", "tinytorch.mlops.batch"),
        ("FeatureStore SkewReport", "tinytorch.mlops.features"),
    ),
    "tinytorch.bench": _table((_BENCHMARKING, "tinytorch.perf.benchmarking")),
    "tinytorch.capstone": _table((_OLYMPICS, "tinytorch.olympics")),
    "tinytorch.training": _table((_TRAINING, "tinytorch.core.training")),
}


class AssignmentMissing(ImportError):
    """A name was used whose assignment is not part of this composition."""


@cache
def composition() -> dict[str, Any]:
    """What this package was composed of; see `autograder/compose.py` for the keys."""
    file = Path(__file__).with_name("composition.json")
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"owners": {}, "files": {}}


def owner_of(module: str) -> str:
    """The assignment that writes a module, e.g. `a03_layers` for `tinytorch.core.layers`."""
    return composition()["owners"].get(module.replace(".", "/") + ".py", "an assignment of the course")


def absent(module: str, name: str = "") -> AssignmentMissing:
    """The error for a module (and a name in it) that this composition does not hold."""
    what = name or module
    return AssignmentMissing(
        f"{what} is written in assignment {owner_of(module)} ({module}), which is not part of this composition",
        name=module,
    )


def facade(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a facade package (PEP 562)."""
    table = FACADES[package]

    def __getattr__(name: str) -> Any:
        if name not in table:
            # `from tinytorch import data` asks here first and takes the error as a no: it need not be a helpful one.
            nearest = "" if name.startswith("__") or _is_module(package, name) else _nearest(name, table)
            raise AttributeError(f"module '{package}' has no attribute '{name}'{nearest}")
        module = table[name]
        try:
            loaded = import_module(module)
        except AssignmentMissing as error:
            if error.name != module:
                raise
            raise absent(module, name) from None
        if not hasattr(loaded, name):
            raise AttributeError(f"'{name}' belongs to {owner_of(module)}, but {module} does not define it (yet)")
        value = getattr(loaded, name)
        vars(import_module(package))[name] = value
        return value

    def __dir__() -> list[str]:
        present = composition()["files"]
        here = [n for n, module in table.items() if module.replace(".", "/") + ".py" in present]
        return sorted({*vars(import_module(package)), *here})

    return __getattr__, __dir__


def _is_module(package: str, name: str) -> bool:
    place = Path(__file__).parent.parent.joinpath(*package.split("."), name)
    return place.is_dir() or place.with_suffix(".py").is_file()


def _nearest(name: str, table: dict[str, str]) -> str:
    from difflib import get_close_matches

    match = get_close_matches(name, table, n=1)
    return f"; did you mean '{match[0]}'?" if match else ""
