"""Training recipes: the YAML files under config/recipes/ that `tito train` runs, read, checked and made complete.

A wrong key is an error that names the key, its line and the nearest valid one; a wrong value one that says what would
be right. What a recipe then means is the frame's part (`tinytorch/recipes.py`): this module hands it plain data.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from autograder.course import Course
from autograder.errors import UserError


class Part(BaseModel):
    """A part of a recipe: immutable, and an unknown key is an error rather than a silent no-op."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Part):
    """What is learned from, and in which batches."""

    name: Literal["mnist", "tinydigits", "cifar10"]
    batch_size: int = Field(default=128, ge=1)
    validation: int = Field(default=0, ge=0, description="training samples held out to choose the best epoch")
    shift: int = Field(default=0, ge=0, le=8, description="training images are moved by up to so many pixels at random")
    flip: bool = Field(default=False, description="every other training image, at random, is seen mirrored")
    workers: int = Field(default=0, ge=0, le=16, description="threads that prepare batches ahead")


class Model(Part):
    """A multi-layer perceptron with `hidden` sizes, or a network for photographs with `width` channels in front."""

    kind: Literal["mlp", "small_cnn", "vgg", "whitened"] = "mlp"
    hidden: tuple[int, ...] = ()
    activation: Literal["relu", "gelu", "silu", "tanh", "leaky_relu"] = "relu"
    width: int | None = Field(default=None, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _sized(self) -> Model:
        if self.kind == "mlp" and (not self.hidden or self.width is not None):
            raise ValueError("mlp has hidden sizes, at least one, and no width")
        if self.kind != "mlp" and (self.hidden or self.activation != "relu" or self.width is None):
            raise ValueError(f"{self.kind} has a width, and neither hidden nor activation")
        if self.kind == "whitened" and self.dropout:
            raise ValueError("whitened has no dropout")
        return self


class Loss(Part):
    """Cross-entropy."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)


class Optimizer(Part):
    """The optimizer; what is not given stays at the optimizer's own default."""

    kind: Literal["sgd", "adam", "adamw", "rmsprop", "adagrad"] = "adam"
    lr: float = Field(gt=0)
    momentum: float | None = Field(default=None, ge=0, lt=1)
    nesterov: bool | None = None
    betas: tuple[float, float] | None = None
    weight_decay: float | None = Field(default=None, ge=0)
    bias_lr: float | None = Field(
        default=None, gt=0, description="biases and scales learn so many times as fast, without weight decay"
    )

    @model_validator(mode="after")
    def _known_to_the_kind(self) -> Optimizer:
        takes = {"sgd": ("momentum", "nesterov"), "rmsprop": ("momentum",), "adam": ("betas",), "adamw": ("betas",)}
        for option in ("momentum", "nesterov", "betas"):
            if getattr(self, option) is not None and option not in takes.get(self.kind, ()):
                raise ValueError(f"{self.kind} has no {option}; remove it or choose another kind")
        return self


class Schedule(Part):
    """The learning rate over the run."""

    kind: Literal["constant", "one_cycle", "cosine", "step"] = "constant"
    max_lr: float | None = Field(default=None, gt=0, description="peak of one_cycle; by default the optimizer's lr")
    warmup: float | None = Field(default=None, ge=0, lt=1, description="share of the run that climbs")
    anneal: Literal["cos", "linear"] = Field(default="cos", description="the way down of one_cycle")
    start_divisor: float = Field(default=25.0, gt=1, description="one_cycle begins with so small a part of its peak")
    cycle_momentum: bool = Field(default=True, description="momentum goes the other way in one_cycle")
    step_size: int = Field(default=1, ge=1, description="epochs between two steps")
    gamma: float = Field(default=0.1, gt=0, le=1, description="factor of a step")


class Training(Part):
    """How long, and what is kept."""

    epochs: int = Field(ge=1)
    accumulation_steps: int = Field(default=1, ge=1)
    grad_clip_norm: float | None = Field(default=None, gt=0)
    checkpoint_every: int | None = Field(default=None, ge=1, description="steps; every epoch has its checkpoint anyway")
    early_stopping_patience: int | None = Field(default=None, ge=1)
    save_best: bool = True
    monitor: str | None = None


class Recipe(Part):
    """A whole recipe."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    about: str = ""
    seed: int = Field(default=0, ge=0)
    data: Data
    model: Model
    loss: Loss = Loss()
    optimizer: Optimizer
    schedule: Schedule = Schedule()
    training: Training
    metrics: tuple[Literal["accuracy", "precision", "recall", "f1"], ...] = ("accuracy",)

    @model_validator(mode="after")
    def _sees_photographs(self) -> Recipe:
        if self.model.kind != "mlp" and self.data.name != "cifar10":
            raise ValueError(f"{self.model.kind} learns from cifar10, not from {self.data.name}; choose kind: mlp")
        return self

    @model_validator(mode="after")
    def _monitors_what_is_measured(self) -> Recipe:
        known = ["train_loss", *self.metrics]
        if self.data.validation:
            known += ["val_loss", *(f"val_{name}" for name in self.metrics)]
        if self.training.monitor not in (None, *known):
            raise ValueError(f"training.monitor is one of {', '.join(known)}, got '{self.training.monitor}'")
        return self

    def changed(self, epochs: int | None = None, seed: int | None = None) -> Recipe:
        """The recipe with another number of epochs or another seed."""
        training = self.training if epochs is None else self.training.model_copy(update={"epochs": epochs})
        return self.model_copy(update={"training": training, "seed": self.seed if seed is None else seed})


def recipes_folder(course: Course) -> Path:
    return course.root / "config" / "recipes"


def find_recipe(course: Course, wanted: str) -> Path:
    """The file of a recipe, by path or by name."""
    path = Path(wanted)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise UserError(f"there is no recipe at {path}; check the path")
        return path
    known = {file.stem: file for file in sorted(recipes_folder(course).glob("*.yaml"))}
    if wanted not in known:
        near = get_close_matches(wanted, known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else f"; choose one of {', '.join(known)}, or give a path"
        raise UserError(f"no recipe is called '{wanted}'{hint}")
    return known[wanted]


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe. UserError has one line for each problem: file:line, the key, and what would be right."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}; a recipe is a text file in UTF-8") from error
    try:
        tree, held = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{path.name}:{mark.line + 1}" if mark else path.name
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise UserError(f"{line}: not valid YAML: {problem}; fix the indentation or quote the value") from error
    if not isinstance(held, dict):
        raise UserError(
            f"{path.name}:1: a recipe has keys such as name, data, model; the file holds {type(held).__name__}"
        )
    _refuse_repeated(tree, path)
    try:
        return Recipe.model_validate(held)
    except ValidationError as error:
        raise UserError("\n".join(_explained(problem, tree, path) for problem in error.errors())) from error


def _refuse_repeated(node: yaml.Node | None, path: Path) -> None:
    """YAML lets a later key silently replace an earlier one."""
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in lines:
                raise UserError(
                    f"{path.name}:{line}: key '{key.value}' stands twice (first in line {lines[key.value]}); keep one"
                )
            lines[key.value] = line
            _refuse_repeated(value, path)


def _explained(problem: Any, tree: yaml.Node, path: Path) -> str:
    where = problem["loc"]
    kind, message = problem["type"], problem["msg"].removeprefix("Value error, ")
    shown = ".".join(map(str, where)) or "the recipe"
    if kind == "extra_forbidden":
        known = _keys_at(where[:-1])
        near = get_close_matches(str(where[-1]), known, n=1, cutoff=0.5)
        remedy = f"did you mean '{near[0]}'?" if near else f"known here are {', '.join(known)}"
        text = f"unknown key '{where[-1]}'; {remedy}"
    elif kind == "missing":
        text = f"required key '{where[-1]}' is missing; add it"
    elif kind == "value_error":
        text = message
    elif kind == "literal_error":
        wanted = problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        near = get_close_matches(str(problem["input"]), wanted, n=1)
        text = f"'{problem['input']}' is none of {', '.join(wanted)}" + (f"; did you mean '{near[0]}'?" if near else "")
    else:
        text = f"{message[0].lower() + message[1:]}; got {problem['input']!r}"
    return f"{path.name}:{_line_of(tree, where)}: {shown}: {text}"


def _keys_at(where: tuple[Any, ...]) -> list[str]:
    """The keys that are valid at a place in a recipe."""
    model: type[BaseModel] = Recipe
    for part in where:
        model = model.model_fields[str(part)].annotation  # type: ignore[assignment]  # only parts hold keys
    return list(model.model_fields)


def _line_of(tree: yaml.Node, where: tuple[Any, ...]) -> int:
    """The line of the deepest part of `where` that the file really contains."""
    node, line = tree, 1
    for part in where:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
