"""What a run leaves: each trained model in a folder of its own (`tito generate` goes on from it), learning curves, and
a page of what the network wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinytorch.milestones import saved

NAMES = {"learn_characters": "characters", "learn_pieces": "pieces"}


def keep(answers: dict[str, Any], folder: Path) -> list[Path]:
    """Write the models; returns the files."""
    found = [saved.write(folder / name, answers[probe]["model"]) for probe, name in NAMES.items() if probe in answers]
    return [path for paths in found for path in paths]


def draw(answers: dict[str, Any], save: Callable[[str, Any], None]) -> None:
    """`answers` holds the last answer of each probe."""
    for probe, name in NAMES.items():
        if probe in answers:
            save(name, _page(answers[probe]))


def _page(answer: dict[str, Any]) -> Any:
    import matplotlib.pyplot as plt

    history = answer["history"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), width_ratios=(3, 2))
    left.plot(history["step"], history["train_loss"], label="training")
    left.plot(history["step"], history["val_loss"], label="held out")
    left.set(xlabel="step", ylabel="nats a token")
    left.legend(frameon=False)
    right.axis("off")
    # A dollar sign would begin a formula.
    shown = "\n".join(line[:48] for line in answer["sample"].replace("$", r"\$").splitlines()[:24])
    right.text(0, 1, shown, family="monospace", fontsize=7, va="top")
    figure.tight_layout()
    return figure
