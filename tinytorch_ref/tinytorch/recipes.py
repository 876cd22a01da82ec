"""Runs a training recipe: `python -m tinytorch.recipes CONFIG.json FOLDER [--resume]`.

The configuration comes validated and complete (`autograder/recipe.py` reads the YAML and fills in defaults); this
module builds data, model, loss, optimizer and schedule from it, trains, and leaves everything in the folder:

    config.json      the configuration, the seed and the versions       log.jsonl       one event a line
    checkpoint.npz   the state of the run, written all along            best.npz        the weights of the best epoch
    history.json     one value an epoch                                 result.json     scores on the test set
    curves.png       learning curves                                    confusion.png   mistakes on the test set

With `--resume` a run that was stopped, killed even, goes on to the weights that it would have reached undisturbed.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import tinytorch as tt
from tinytorch import data, kernels, nn, optim, runs, training, vision
from tinytorch.denormals import flush_denormals

Config = Mapping[str, Any]

EVALUATED = 1000  # images at once, where no gradients are kept
SAMPLED = 5000  # images that a first layer may be computed from

# name -> (data set, pixels a side, mean and standard deviation of the training images, a channel each)
DATASETS = {
    "mnist": ("MNIST", 28, (0.1307,), (0.3081,)),
    "tinydigits": ("TinyDigits", 8, (0.3053,), (0.3760,)),
    "cifar10": ("CIFAR10", 32, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
}
ACTIVATIONS = {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "tanh": "Tanh", "leaky_relu": "LeakyReLU"}
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "adagrad": "Adagrad"}
METRICS = {"accuracy": "Accuracy", "precision": "Precision", "recall": "Recall", "f1": "F1"}


# ---- from configuration to objects -----------------------------------------------------------------------------------


def build_loaders(config: Config, seed: int) -> tuple[Any, Any, Any]:
    """Loaders of the training part, of the part held out for validation (None without one), and of the test set."""
    name = DATASETS[config["name"]][0]
    return cut_loaders(config, getattr(data, name)(train=True), getattr(data, name)(train=False), seed)


def cut_loaders(config: Config, learned: Any, others: Any, seed: int) -> tuple[Any, Any, Any]:
    """The same for any two sets of images; their transforms are replaced by the recipe's."""
    _, side, mean, std = DATASETS[config["name"]]
    normalize = data.Normalize(mean, std)
    plain, varied, others = copy.copy(learned), copy.copy(learned), copy.copy(others)  # the same images in memory
    plain.transform = others.transform = normalize
    moves = [data.RandomCrop(side, padding=config["shift"])] if config["shift"] else []
    moves += [data.RandomHorizontalFlip()] if config["flip"] else []
    varied.transform = data.Compose([*moves, normalize]) if moves else normalize
    held_out = config["validation"]
    kept, held = data.random_split(plain, [len(plain) - held_out, held_out], seed=seed)
    options = {"batch_size": config["batch_size"], "shuffle": True, "num_workers": config["workers"], "seed": seed}
    train = data.DataLoader(data.Subset(varied, kept.indices), **options)
    validation = data.DataLoader(held, batch_size=EVALUATED) if held_out else None
    return train, validation, data.DataLoader(others, batch_size=EVALUATED)


def build_model(config: Config, images: np.ndarray, classes: int) -> Any:
    """The network for images (N, C, H, W), normalised: a multi-layer perceptron, or one of `tinytorch.vision`.

    A perceptron is: flatten, then linear, activation and dropout for every hidden size, then linear.
    """
    if config["kind"] != "mlp":
        model = vision.build(config["kind"], config["width"], classes, config["dropout"])
        if isinstance(model, vision.Whitened):
            model.whiten(images)
        return model
    layers: list[Any] = [nn.Flatten()]
    size = int(np.prod(images.shape[1:]))
    for hidden in config["hidden"]:
        layers += [nn.Linear(size, hidden), getattr(nn, ACTIVATIONS[config["activation"]])()]
        nn.init.kaiming_normal_(layers[-2].weight, nonlinearity="relu")
        if config["dropout"]:
            layers.append(nn.Dropout(config["dropout"]))
        size = hidden
    return nn.Sequential(*layers, nn.Linear(size, classes))


def build_optimizer(config: Config, model: Any) -> Any:
    """The optimizer; `None` leaves an option at its default."""
    given = {name: value for name, value in config.items() if name not in ("kind", "bias_lr") and value is not None}
    if "betas" in given:
        given["betas"] = tuple(given["betas"])
    learned = [p for p in model.parameters() if p.requires_grad]
    groups = [{"params": [p for p in learned if p.ndim > 1]}, {"params": [p for p in learned if p.ndim == 1]}]
    if config["bias_lr"] is None:
        groups = [{"params": learned}]
    else:  # biases and the scales of normalisation learn at a pace of their own, and nothing pulls them to 0
        groups[1] |= {"lr": config["lr"] * config["bias_lr"], "weight_decay": 0.0}
    return getattr(optim, OPTIMIZERS[config["kind"]])(groups, **given)


def build_schedule(config: Config, optimizer: Any, epochs: int, steps_per_epoch: int) -> Any:
    """The learning rate's schedule over the whole run, or None."""
    kind, steps = config["kind"], epochs * steps_per_epoch
    if kind == "one_cycle":
        factor = config["max_lr"] / optimizer.lr if config["max_lr"] else 1.0
        peak = [group["lr"] * factor for group in optimizer.param_groups]
        momentum = "momentum" in optimizer.defaults or "betas" in optimizer.defaults
        share = config["warmup"] if config["warmup"] is not None else 0.3
        options = {"pct_start": share, "cycle_momentum": momentum and config["cycle_momentum"]}
        options |= {"anneal_strategy": config["anneal"], "div_factor": config["start_divisor"]}
        return optim.OneCycleLR(optimizer, peak, total_steps=steps, **options)
    if kind == "cosine":
        warmup = int((config["warmup"] or 0) * steps)
        return optim.LinearWarmup(optimizer, warmup, after=optim.CosineAnnealingLR(optimizer, T_max=steps - warmup))
    if kind == "step":
        return optim.StepLR(optimizer, config["step_size"], config["gamma"])
    return None


def build_metrics(names: list[str]) -> list[Any]:
    """One metric object for each name."""
    return [getattr(training, METRICS[name])() for name in names]


# ---- the run ---------------------------------------------------------------------------------------------------------


def prepare(config: Config, train: Any, seed: int) -> Any:
    """A trainer for what a loader gives: model, loss, optimizer, schedule and metrics as the recipe says."""
    plan = config["training"]
    model = build_model(config["model"], _sample(config["data"], train), 10)
    optimizer = build_optimizer(config["optimizer"], model)
    steps = -(-len(train) // plan["accumulation_steps"])
    return training.Trainer(
        model,
        nn.CrossEntropyLoss(label_smoothing=config["loss"]["label_smoothing"]),
        optimizer,
        metrics=build_metrics(config["metrics"]),
        scheduler=build_schedule(config["schedule"], optimizer, plan["epochs"], steps),
        grad_clip_norm=plan["grad_clip_norm"],
    )


def _sample(config: Config, train: Any) -> np.ndarray:
    """Some thousand training images, normalised and not moved, without using up a draw of the loader."""
    _, _, mean, std = DATASETS[config["name"]]
    images = copy.copy(train.dataset.dataset)
    images.transform = data.Normalize(mean, std)
    return images.gather(train.dataset.indices[:SAMPLED])[0].data


def run(config: Config, folder: Path, resume: bool = False, progress: bool | str = True) -> dict[str, Any]:
    """Train as the configuration says, leave the files in the folder, and return what `result.json` holds."""
    began = time.perf_counter()
    flush_denormals()
    kernels.keep_memory()
    kernels.install()
    folder.mkdir(parents=True, exist_ok=True)
    seed, plan = config["seed"], config["training"]
    tt.manual_seed(seed)
    train, validation, test = build_loaders(config["data"], seed)
    trainer = prepare(config, train, seed)
    checkpoint = folder / "checkpoint.npz"
    if resume and checkpoint.is_file():
        trainer.resume(checkpoint)
    else:
        _write_json(folder / "config.json", {"config": config, "seed": seed, "versions": runs.versions()})
    history = trainer.fit(
        train,
        validation,
        epochs=plan["epochs"],
        save_best=folder / "best.npz" if plan["save_best"] else None,
        checkpoint_path=checkpoint,
        checkpoint_every=plan["checkpoint_every"],
        early_stopping_patience=plan["early_stopping_patience"],
        accumulation_steps=plan["accumulation_steps"],
        log_path=folder / "log.jsonl",
        progress=progress,
        monitor=plan["monitor"],
        config={"seed": seed, "recipe": config},
    )
    return _report(trainer, history, test, folder, began)


def _report(trainer: Any, history: Any, test: Any, folder: Path, began: float) -> dict[str, Any]:
    """Scores on the test set, history and pictures."""
    scores = trainer.evaluate(test).as_dict()
    labels = np.concatenate([y.data for _, y in test])
    matrix = training.confusion_matrix(trainer.predict(test), labels, num_classes=10)
    result = {f"test_{name}": value for name, value in scores.items()}
    result |= {
        "test_accuracy": float(np.trace(matrix) / matrix.sum()),
        "epochs": trainer.epoch,
        "steps": trainer.step,
        "training_seconds": sum(history["seconds"]),
        "seconds": time.perf_counter() - began,
    }
    _write_json(folder / "history.json", history)
    _write_json(folder / "result.json", result)
    import matplotlib

    matplotlib.use("Agg")
    training.plot_training_history(history, folder / "curves.png")
    training.plot_confusion_matrix(matrix, path=folder / "confusion.png")
    return result


def _write_json(path: Path, value: Any) -> None:
    """Whole or not at all, as a checkpoint is written."""
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    os.replace(draft, path)


def main() -> None:
    """Entry point of `python -m tinytorch.recipes`."""
    parser = argparse.ArgumentParser(prog="tinytorch.recipes", description=__doc__.partition("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--leash", action="store_true", help="end as soon as standard input closes")
    given = parser.parse_args()
    if given.leash:
        runs.end_with_standard_input()
    config = json.loads(given.config.read_text(encoding="utf-8"))
    given.folder.mkdir(parents=True, exist_ok=True)
    try:
        with runs.alone(given.folder):
            result = run(config, given.folder, given.resume, progress=not given.quiet)
    except runs.Occupied as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"test accuracy {result['test_accuracy']:.2%}, test loss {result['test_loss']:.4f}", end="")
    print(f" after {result['epochs']} epochs, {result['training_seconds']:.1f} s of training; see {given.folder}")


if __name__ == "__main__":
    main()
