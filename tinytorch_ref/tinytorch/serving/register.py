"""A training run becomes a version: `python -m tinytorch.serving.register RUN REGISTRY NAME [--quantize] [--promote]`.

Takes the folder that `tito train` leaves: the network of its recipe with its best weights, the scaling of its data set,
real examples from the test set, and what its other images look like as the reference for drift. With --quantize the
weights are kept in bytes (assignment 15). Accuracy is measured on the test set and noted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch import data, kernels, recipes
from tinytorch.serving import ServingError
from tinytorch.serving.served import Contract, Served, pack

Array = np.ndarray
EXAMPLES = 256  # or a third of the test set
REFERENCE = 2000  # several windows of live inputs, so that an odd reference does not make every window look odd
TESTED = 500  # images at once


def register(run: Path, root: Path, name: str, quantize: bool = False) -> tuple[int, dict[str, Any]]:
    """Register a run's network as the next version of `name`, and return its number and what was noted about it.

    Raises:
        ServingError: the folder is no finished training run, or its data set is not there; names the file.
    """
    from tinytorch.mlops import ModelRegistry

    config, weights, source = _read(run)
    try:
        cls = getattr(data, recipes.DATASETS[config["data"]["name"]][0])
        train, test = cls(train=True), cls(train=False)
    except OSError as error:
        raise ServingError(str(error)) from error
    contract, model = _network(config, weights, test)
    if quantize:
        from tinytorch.perf.quantization import quantize_model

        calibration = contract.scaled(_inputs(train, np.arange(512)))
        model = quantize_model(model, calibration)
    notes = {"from": str(run), "weights": source, "quantized": quantize, "recipe": config["name"]}
    notes["accuracy"] = round(_accuracy(model.eval(), contract, test), 4)
    notes["bytes"] = int(sum(np.asarray(a).nbytes for a in model.state_dict().values()))
    # Not training images: the model is surer of those than it will ever be of others.
    order = np.random.default_rng(0).permutation(len(test))
    shown, some = np.split(order, [min(EXAMPLES, len(test) // 3)])
    reference = _inputs(test, some[:REFERENCE])
    arrays, metadata = pack(model, contract, _inputs(test, shown), test.labels[shown], reference, notes)
    return ModelRegistry(root).register(name, arrays, metadata), notes


def _read(run: Path) -> tuple[Mapping[str, Any], Mapping[str, Array], str]:
    """A run's configuration, its best weights (the last ones if none were kept apart), and the file they are from."""
    from tinytorch.core.training import read_state

    about = run / "config.json"
    if not about.is_file():
        raise ServingError(f"{run} holds no config.json: it is no training run; make one with: tito train mnist_quick")
    for file in ("best.npz", "checkpoint.npz"):
        if (run / file).is_file():
            try:
                return json.loads(about.read_text(encoding="utf-8"))["config"], read_state(run / file)["model"], file
            except (ValueError, KeyError, TypeError) as error:
                raise ServingError(f"{run / file} or {about} is damaged: {error}; train again") from error
    raise ServingError(f"{run} holds no weights yet; let the training go on with: tito train --resume")


def _network(config: Mapping[str, Any], weights: Mapping[str, Array], test: Any) -> tuple[Contract, Any]:
    """The recipe's network with the run's weights, and what it accepts."""
    _, _, mean, std = recipes.DATASETS[config["data"]["name"]]
    shape = tuple(int(n) for n in test.images.shape[1:])
    contract = Contract(shape=shape, classes=tuple(map(str, test.classes or range(10))), mean=mean, std=std)
    sample = contract.scaled(_inputs(test, np.arange(64)))
    model = recipes.build_model(config["model"], sample, len(contract.classes))
    try:
        model.load_state_dict(weights)
    except ValueError as error:
        raise ServingError(f"the weights do not fit the recipe's network: {error}") from error
    return contract, model.eval()


def _inputs(images: Any, which: Array) -> Array:
    """Images as clients send them: numbers from 0 to 1, (n, C, H, W)."""
    return np.asarray(images._numbers(images.images[which]), np.float32)


def _accuracy(model: Any, contract: Contract, test: Any) -> float:
    """The share of the test set that the version gets right, through the same door as requests."""
    version = Served(0, model, contract, np.empty((0, *contract.shape)), np.empty(0))
    right = 0
    for start in range(0, len(test), TESTED):
        which = np.arange(start, min(start + TESTED, len(test)))
        right += int((version.score(_inputs(test, which)).argmax(axis=1) == test.labels[which]).sum())
    return right / len(test)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="tinytorch.serving.register", description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("registry", type=Path)
    parser.add_argument("name")
    parser.add_argument("--quantize", action="store_true", help="keep the weights in bytes")
    parser.add_argument("--promote", action="store_true", help="bring it into use even if another version is")
    given = parser.parse_args()
    kernels.install()
    try:
        version, notes = register(given.run, given.registry, given.name, given.quantize)
        from tinytorch.mlops import ModelRegistry

        registry = ModelRegistry(given.registry)
        if given.promote or registry.current(given.name) is None:
            registry.promote(given.name, version)
        state = "in use" if registry.current(given.name) == version else "not in use yet"
    except (ServingError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    kind = "quantised, " if given.quantize else ""
    print(f"{given.name} version {version}: {kind}accuracy {notes['accuracy']:.2%}, {notes['bytes']:,} bytes, {state}")


if __name__ == "__main__":
    main()
