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
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import tinytorch as tt
from tinytorch import data, nn, optim, runs, training
from tinytorch.denormals import flush_denormals

Config = Mapping[str, Any]

DATASETS = {"mnist": ("MNIST", 28, 0.1307, 0.3081), "tinydigits": ("TinyDigits", 8, 0.3053, 0.3760)}
ACTIVATIONS = {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "tanh": "Tanh", "leaky_relu": "LeakyReLU"}
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "adagrad": "Adagrad"}
METRICS = {"accuracy": "Accuracy", "precision": "Precision", "recall": "Recall", "f1": "F1"}


# ---- from configuration to objects -----------------------------------------------------------------------------------


def build_loaders(config: Config, seed: int) -> tuple[Any, Any, Any]:
    """Loaders of the training part, of the part held out for validation (None without one), and of the test set."""
    name, side, mean, std = DATASETS[config["name"]]
    normalize = data.Normalize((mean,), (std,))
    plain = getattr(data, name)(train=True, transform=normalize)
    varied = copy.copy(plain)  # the same images in memory, under another transform
    if config["shift"]:
        varied.transform = data.Compose([data.RandomCrop(side, padding=config["shift"]), normalize])
    held_out = config["validation"]
    kept, held = data.random_split(plain, [len(plain) - held_out, held_out], seed=seed)
    options = {"batch_size": config["batch_size"], "shuffle": True, "num_workers": config["workers"], "seed": seed}
    train = data.DataLoader(data.Subset(varied, kept.indices), **options)
    validation = data.DataLoader(held, batch_size=1000) if held_out else None
    test = data.DataLoader(getattr(data, name)(train=False, transform=normalize), batch_size=1000)
    return train, validation, test


def build_model(config: Config, inputs: int, classes: int) -> Any:
    """A multi-layer perceptron: flatten, then linear, activation and dropout for every hidden size, then linear."""
    layers: list[Any] = [nn.Flatten()]
    size = inputs
    for hidden in config["hidden"]:
        layers += [nn.Linear(size, hidden), getattr(nn, ACTIVATIONS[config["activation"]])()]
        nn.init.kaiming_normal_(layers[-2].weight, nonlinearity="relu")
        if config["dropout"]:
            layers.append(nn.Dropout(config["dropout"]))
        size = hidden
    return nn.Sequential(*layers, nn.Linear(size, classes))


def build_optimizer(config: Config, model: Any) -> Any:
    """The optimizer; `None` leaves an option at its default."""
    given = {name: value for name, value in config.items() if name != "kind" and value is not None}
    if "betas" in given:
        given["betas"] = tuple(given["betas"])
    return getattr(optim, OPTIMIZERS[config["kind"]])(model.parameters(), **given)


def build_schedule(config: Config, optimizer: Any, epochs: int, steps_per_epoch: int) -> Any:
    """The learning rate's schedule over the whole run, or None."""
    kind, steps = config["kind"], epochs * steps_per_epoch
    if kind == "one_cycle":
        peak = config["max_lr"] or optimizer.lr
        momentum = "momentum" in optimizer.defaults or "betas" in optimizer.defaults
        share = config["warmup"] if config["warmup"] is not None else 0.3
        return optim.OneCycleLR(optimizer, peak, total_steps=steps, pct_start=share, cycle_momentum=momentum)
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


def run(config: Config, folder: Path, resume: bool = False, progress: bool | str = True) -> dict[str, Any]:
    """Train as the configuration says, leave the files in the folder, and return what `result.json` holds."""
    began = time.perf_counter()
    flush_denormals()
    folder.mkdir(parents=True, exist_ok=True)
    seed, plan = config["seed"], config["training"]
    tt.manual_seed(seed)
    train, validation, test = build_loaders(config["data"], seed)
    images = next(iter(test))[0]
    model = build_model(config["model"], int(np.prod(images.shape[1:])), 10)
    optimizer = build_optimizer(config["optimizer"], model)
    steps = -(-len(train) // plan["accumulation_steps"])
    trainer = training.Trainer(
        model,
        nn.CrossEntropyLoss(label_smoothing=config["loss"]["label_smoothing"]),
        optimizer,
        metrics=build_metrics(config["metrics"]),
        scheduler=build_schedule(config["schedule"], optimizer, plan["epochs"], steps),
        grad_clip_norm=plan["grad_clip_norm"],
    )
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
    given = parser.parse_args()
    config = json.loads(given.config.read_text(encoding="utf-8"))
    result = run(config, given.folder, given.resume, progress=not given.quiet)
    print(f"test accuracy {result['test_accuracy']:.2%}, test loss {result['test_loss']:.4f}", end="")
    print(f" after {result['epochs']} epochs, {result['training_seconds']:.1f} s of training; see {given.folder}")


if __name__ == "__main__":
    main()
