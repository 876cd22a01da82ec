"""Recipes: every mistake in one is named with its line and the way out, and the recipes of the course are right."""

import json

import pytest

from autograder.cli.train import _check_folder, _differences
from autograder.course import load_course
from autograder.errors import UserError
from autograder.recipe import Recipe, find_recipe, load_recipe, recipes_folder

COURSE = load_course()
GOOD = """\
name: small
seed: 4
data:
  name: tinydigits
  batch_size: 32
model:
  hidden: [16]
optimizer:
  kind: adam
  lr: 0.01
training:
  epochs: 2
"""

MISTAKES = [
    ("a misspelt key in a part", "batch_size: 32", "batchsize: 32", ["r.yaml:5", "'batchsize'", "'batch_size'"]),
    ("a misspelt key at the top", "seed: 4", "sede: 4", ["r.yaml:2", "'sede'", "'seed'"]),
    ("a key of another part", "hidden: [16]", "hidden: [16]\n  lr: 1", ["r.yaml:8", "'lr'", "kind, hidden, activation, width, dropout"]),
    ("an unknown data set", "tinydigits", "tinydigit", ["r.yaml:4", "did you mean 'tinydigits'?"]),
    ("a wrong kind", "adam", "adamm", ["r.yaml:9", "'adamm'", "did you mean 'adam'?"]),
    ("a missing key", "  lr: 0.01\n", "", ["r.yaml:8", "required key 'lr'"]),
    ("a number out of range", "epochs: 2", "epochs: 0", ["r.yaml:12", "training.epochs", "got 0"]),
    ("text for a number", "lr: 0.01", "lr: fast", ["r.yaml:10", "optimizer.lr", "'fast'"]),
    ("an option of another optimizer", "lr: 0.01", "lr: 0.01\n  momentum: 0.9", ["adam has no momentum"]),
    ("nothing to monitor", "epochs: 2", "epochs: 2\n  monitor: val_loss", ["train_loss, accuracy", "'val_loss'"]),
    ("a key twice", "seed: 4", "seed: 4\nseed: 5", ["r.yaml:3", "'seed' stands twice", "line 2"]),
    ("broken YAML", "hidden: [16]", "hidden: [16", ["r.yaml:", "not valid YAML"]),
    ("no keys at all", GOOD, "- 1\n", ["r.yaml:1", "list"]),
]


@pytest.mark.parametrize(("old", "new", "mentions"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_named_with_its_line_and_remedy(tmp_path, old, new, mentions):
    assert old in GOOD
    file = tmp_path / "r.yaml"
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(UserError) as caught:
        load_recipe(file)
    for text in mentions:
        assert text in str(caught.value)


def test_what_is_left_out_has_its_default_and_survives_json(tmp_path):
    file = tmp_path / "r.yaml"
    file.write_text(GOOD)
    recipe = load_recipe(file)
    assert recipe.training.epochs == 2 and recipe.schedule.kind == "constant" and recipe.data.batch_size == 32
    assert Recipe.model_validate(json.loads(recipe.model_dump_json())) == recipe


def test_the_command_line_may_change_epochs_and_seed(tmp_path):
    file = tmp_path / "r.yaml"
    file.write_text(GOOD)
    recipe = load_recipe(file)
    other = recipe.changed(epochs=9, seed=5)
    assert (other.training.epochs, other.seed) == (9, 5)
    assert recipe.changed() == recipe
    found = _differences(recipe.model_dump(mode="json"), other.model_dump(mode="json"))
    assert found == "seed 4 (now 5), training.epochs 2 (now 9)"


@pytest.mark.parametrize("file", sorted(recipes_folder(COURSE).glob("*.yaml")), ids=lambda file: file.stem)
def test_the_recipes_of_the_course_are_right_and_named_as_their_files(file):
    assert load_recipe(find_recipe(COURSE, file.stem)).name == file.stem


def test_an_unknown_recipe_gets_the_nearest_name():
    with pytest.raises(UserError, match="did you mean 'mnist_mlp'"):
        find_recipe(COURSE, "mnist-mlp")
    with pytest.raises(UserError, match="no recipe at"):
        find_recipe(COURSE, "not/there.yaml")


def test_a_run_is_neither_overwritten_nor_resumed_as_another_one(tmp_path):
    file = tmp_path / "r.yaml"
    file.write_text(GOOD)
    recipe = load_recipe(file)
    with pytest.raises(UserError, match="no run in"):
        _check_folder(tmp_path / "empty", recipe, resume=True)
    (tmp_path / "config.json").write_text(json.dumps({"config": recipe.model_dump(mode="json")}))
    with pytest.raises(UserError, match="holds a run already"):
        _check_folder(tmp_path, recipe, resume=False)
    _check_folder(tmp_path, recipe, resume=True)
    with pytest.raises(UserError, match="seed 4"):
        _check_folder(tmp_path, recipe.changed(seed=5), resume=True)
