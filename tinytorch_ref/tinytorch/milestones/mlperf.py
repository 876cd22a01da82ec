"""2018: MLPerf, benchmarks on which systems are compared by rules. A trained model is entered into the Torch Olympics.

Runs on all twenty assignments. A network learns to read handwriting (MNIST); a copy loses three quarters of its hidden
neurons (a16), learns again from what the original thinks (a16), and keeps its weights as bytes (a15). Both are measured
in turn (a14, a19) and the copy is entered (a20). A GPT writes with and without the cache of a17.

What is entered is a dict of arrays and nothing else: whoever has it can put the network together again (`restored`), so
its bytes can be counted and its answers checked by somebody who was not there.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import tinytorch as tt
from tinytorch import nn, optim
from tinytorch.data import DataLoader, TensorDataset
from tinytorch.milestones.backprop import pixels
from tinytorch.olympics import Entry, enter, peak_memory, score
from tinytorch.perf.benchmarking import OlympicEvent, compare
from tinytorch.perf.compression import KnowledgeDistillation, structured_prune
from tinytorch.perf.memoization import disable_kv_cache, enable_kv_cache
from tinytorch.perf.quantization import dequantize_model, model_bytes, quantize_model

Array = np.ndarray
SIZES = (784, 256, 128, 10)
PRUNED = 0.75
WRITER = {"vocab_size": 64, "embed_dim": 64, "num_layers": 3, "num_heads": 4, "max_seq_len": 128}


def network(sizes: tuple[int, ...] = SIZES) -> nn.Sequential:
    """Linear layers of these sizes with ReLU in between."""
    layers: list[Any] = []
    for ins, outs in pairwise(sizes):
        layers += [nn.Linear(ins, outs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def learn(model: nn.Sequential, x: Array, y: Array, loss: Callable[[Any, Any], Any], epochs: int, seed: int) -> None:
    """Adam with a falling rate; prints the loss of every epoch."""
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(TensorDataset(x, y), batch_size=128, shuffle=True, seed=seed)
    model.train()
    for epoch in range(epochs):
        optimizer.lr = 1e-3 * (1 - epoch / epochs)
        total = 0.0
        for inputs, labels in loader:
            found = loss(inputs, labels)
            found.backward()
            optimizer.step()
            optimizer.zero_grad()
            total += found.item() * len(labels)
        print(f"  epoch {epoch + 1}: loss {total / len(y):.4f}", flush=True)
    model.eval()


def baseline(images: Array, labels: Array, seed: int = 0, epochs: int = 5) -> nn.Sequential:
    """The network that everybody starts from, trained on images (N, 28, 28) of bytes."""
    tt.manual_seed(seed)
    model, criterion = network(), nn.CrossEntropyLoss()
    print("the baseline learns", flush=True)
    learn(model, pixels(images), labels.astype(np.int64), lambda x, y: criterion(model(x), y), epochs, seed)
    return model


def compressed(model: nn.Sequential, images: Array, labels: Array, seed: int = 0, epochs: int = 5) -> nn.Sequential:
    """A copy with a quarter of the hidden neurons, which learned from the original."""
    small = structured_prune(model, PRUNED, remove=True)
    print("the pruned copy learns from it", flush=True)
    teaching = KnowledgeDistillation(model, small, temperature=3.0, alpha=0.5)
    learn(small, pixels(images), labels.astype(np.int64), teaching.loss, epochs, seed)
    return small


def parts(model: nn.Sequential) -> dict[str, Array]:
    """What is stored of a network."""
    return {name: np.asarray(array) for name, array in model.state_dict().items()}


def restored(stored: dict[str, Array], sizes: tuple[int, ...], quantized: bool) -> nn.Sequential:
    """The network whose `parts` these are, ready to answer: bytes become numbers once, not at every call."""
    model = quantize_model(network(sizes)) if quantized else network(sizes)
    model.load_state_dict(stored)
    return dequantize_model(model).eval() if quantized else model.eval()


def sizes_of(model: nn.Sequential) -> tuple[int, ...]:
    """Numbers of neurons, from the inputs on."""
    shapes = [layer.weight.shape for layer in model if isinstance(layer, nn.Linear)]
    return (shapes[0][0], *(outs for _, outs in shapes))


def predict(model: nn.Sequential, images: Array) -> Array:
    """The digit each of images (N, 28, 28) is taken for, (N,) int64."""
    with tt.no_grad():
        return model(tt.Tensor(pixels(images))).numpy().argmax(axis=1)


def measured(name: str, model: Any, start: Any, images: Array, labels: Array, stored: int, pairs: int = 20) -> Entry:
    """The entry of a model, on images whose labels are known; `stored` bytes are those that it is kept in."""
    techniques = () if model is start else ("pruning", "distillation", "int8")
    return enter(name, model, start, pixels(images), labels.astype(np.int64), techniques, pairs, stored)


def olympics(images: Array, labels: Array, seed: int = 0, held_out: int = 1000, epochs: int = 5) -> dict[str, Any]:
    """Everything: train, compress, measure on the last images, which were not learned from; the entry with its claims.

    Returns:
        {"baseline": arrays, "entry": arrays, "sizes": of both, "claims": the entry as its maker measured it,
        "points": by event}.
    """
    learned, kept = slice(None, -held_out), slice(-held_out, None)
    model = baseline(images[learned], labels[learned], seed, epochs)
    pruned = compressed(model, images[learned], labels[learned], seed, epochs + 3)
    small, sizes = quantize_model(pruned), sizes_of(pruned)
    fast = restored(parts(small), sizes, quantized=True)
    start = measured("baseline", model, model, images[kept], labels[kept], model_bytes(model))
    entry = measured("entry", fast, model, images[kept], labels[kept], model_bytes(small))
    points = {event.value: score(entry, start, event) for event in OlympicEvent}
    print(f"baseline {start}\nentry    {entry}\npoints   {points}", flush=True)
    return {
        "baseline": parts(model),
        "entry": parts(small),
        "sizes": list(sizes),
        "claims": entry.to_dict(),
        "points": points,
    }


def memory(model: nn.Sequential, images: Array) -> int:
    """Bytes to answer these images: what the running network holds, and the worst moment of the call."""
    return peak_memory(model, pixels(images))


def writer(seed: int = 0) -> nn.GPT:
    """A small GPT with weights drawn from the seed: what it writes is noise, how long it takes is not."""
    tt.manual_seed(seed)
    return nn.GPT(**WRITER).eval()


def write(model: nn.GPT, prompt: Array, count: int, cached: bool) -> Array:
    """Prompt (1, n) and `count` tokens more, always the likeliest one."""
    if cached:
        enable_kv_cache(model)
    else:
        disable_kv_cache(model)
    return model.generate(prompt, count, temperature=0).numpy()


def main() -> None:
    from tinytorch.data.sources import mnist

    images, labels = mnist(train=True)
    made = olympics(images[:40000], labels[:40000])
    entry = restored(made["entry"], tuple(made["sizes"]), quantized=True)
    others, truth = mnist(train=False)
    print(f"test images: {np.mean(predict(entry, others) == truth):.2%} right, {made['points']}")
    model, prompt = writer(), np.arange(8)[None]
    print(compare(lambda: write(model, prompt, 64, False), lambda: write(model, prompt, 64, True), pairs=7, warmup=1))


if __name__ == "__main__":
    main()
