"""The networks for photographs and the lenet milestone's program: shapes, the computed first layer, learning, looking."""

import json
from pathlib import Path

import numpy as np
import pytest
import tinytorch as tt
from tinytorch import kernels, plots, vision
from tinytorch.milestones import lenet

from autograder.recipe import load_recipe

RECIPES = Path(__file__).resolve().parents[2] / "config" / "recipes"


@pytest.fixture(autouse=True)
def kernels_as_before():
    before = tt.use_kernels(False)
    yield
    tt.use_kernels(before)
    kernels.set_threads(1)


def photographs(n=96, classes=2, seed=0):
    """Bytes (n, 3, 32, 32) whose class shows in which half is bright, and their labels; mirroring keeps the class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    images = rng.integers(0, 60, (n, 3, 32, 32))
    for i, label in enumerate(labels):
        images[i, :, 16 * label : 16 * label + 16] += 150
    return images.astype(np.uint8), labels.astype(np.uint8)


def recipe(name, **training):
    plain = load_recipe(RECIPES / f"{name}.yaml").model_dump(mode="json")
    plain["data"] |= {"batch_size": 16, "validation": 0}
    plain["training"] |= {"epochs": 2, **training}
    return plain


@pytest.mark.parametrize(
    ("kind", "width", "parameters"),
    [("small_cnn", 32, 545_098), ("vgg", 32, 307_946), ("whitened", 8, None)],
)
def test_a_network_gives_a_score_for_each_class_and_a_gradient_for_each_parameter(kind, width, parameters):
    tt.manual_seed(0)
    model = vision.build(kind, width)
    scores = model(tt.randn(2, 3, 32, 32))
    assert scores.shape == (2, 10) and scores.data.dtype == np.float32
    (scores * scores).sum().backward()
    learned = [p for p in model.parameters() if p.requires_grad]
    assert all(p.grad is not None and np.abs(p.grad).max() > 0 for p in learned)
    if parameters:
        assert sum(p.size for p in learned) == parameters


def test_an_unknown_network_names_the_known_ones():
    with pytest.raises(ValueError, match="'resnet'; known are small_cnn, vgg and whitened"):
        vision.build("resnet", 32)


def test_whitening_makes_the_numbers_of_a_patch_uncorrelated_and_is_not_learned():
    rng = np.random.default_rng(0)
    rough = rng.normal(size=(200, 3, 16, 16))
    images = (np.cumsum(np.cumsum(rough, axis=2), axis=3) / 10).astype(np.float32)  # neighbours resemble each other
    images -= images.mean()
    model = vision.Whitened((4, 8, 8))
    model.whiten(images)
    out = model.whitening(tt.Tensor(images)).numpy()[:, :12]
    directions = np.moveaxis(out, 1, -1).reshape(-1, 12).astype(np.float64)
    covariance = np.cov(directions.T)
    # A direction in which patches vary by v is scaled to v / (v + EPSILON): nearly 1 for all but the faintest.
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 0.02
    assert 0.5 < np.median(np.diag(covariance)) <= 1.02
    weight = model.whitening.weight
    np.testing.assert_array_equal(weight.data[:12], -weight.data[12:])
    assert not weight.requires_grad and model.whitening.bias.requires_grad


@pytest.mark.parametrize("name", ["cifar10_small", "cifar10_strong", "cifar10_wide"])
def test_a_recipe_for_photographs_learns_to_tell_two_kinds_apart(name, capsys):
    images, labels = photographs()
    plain = recipe(name, epochs=4)
    plain["model"]["width"] = 4
    model, history = lenet.train(plain, images, labels, seed=1)
    assert history["train_loss"][-1] < history["train_loss"][0] and len(history["seconds"]) == 4
    assert "epoch 4 of 4: loss" in capsys.readouterr().out
    others, truth = photographs(40, seed=1)
    probabilities = lenet.predict(model, plain, others)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert np.mean(probabilities.argmax(axis=1) == truth) > 0.9


def test_an_image_and_its_mirror_image_are_seen_alike():
    plain = recipe("cifar10_small")
    tt.manual_seed(0)
    model = vision.small_cnn(4)
    images = np.random.default_rng(0).integers(0, 255, (3, 3, 32, 32)).astype(np.uint8)
    ours, mirrored = lenet.predict(model, plain, images), lenet.predict(model, plain, images[..., ::-1])
    np.testing.assert_allclose(ours, mirrored, atol=1e-6)
    assert np.abs(ours[0] - ours[1]).max() > 1e-4


def test_the_kernels_change_a_run_by_no_more_than_rounding():
    images, labels = photographs(32)
    plain = recipe("cifar10_strong", epochs=1)
    plain["model"]["width"] = 8
    plain["data"]["workers"] = 0
    fast, _ = lenet.train(plain, images, labels, seed=1)
    install, kernels.install = kernels.install, lambda threads=None: tt.use_kernels(False)
    try:
        clear, _ = lenet.train(plain, images, labels, seed=1)
    finally:
        kernels.install = install
    for (name, ours), (_, theirs) in zip(fast.state_dict().items(), clear.state_dict().items(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-2, atol=2e-3, err_msg=name)


def test_the_surest_mistakes_are_drawn_first(tmp_path):
    import matplotlib

    matplotlib.use("Agg")
    images, truth = photographs(6)
    sure = np.array([0.9, 0.6, 0.8, 0.7, 0.99, 0.55])
    probabilities = np.zeros((6, 2))
    wrong = np.array([True, True, False, True, False, False])
    taken = np.where(wrong, 1 - truth, truth)
    probabilities[np.arange(6), taken], probabilities[np.arange(6), 1 - taken] = sure, 1 - sure
    figure = plots.mistakes(images, truth, probabilities, ("top", "bottom"), tmp_path / "m.png", columns=2, rows=2)
    assert [ax.get_title() for ax in figure.axes] == ["top\nbottom 90%", "bottom\ntop 70%", "bottom\ntop 60%", ""]
    assert (tmp_path / "m.png").stat().st_size > 1000


def test_classes_are_drawn_with_the_share_recognised():
    figure = plots.class_accuracy(np.array([[8, 2], [5, 5]]), ("cat", "dog"))
    assert [text.get_text() for text in figure.axes[0].texts] == ["50.0%", "80.0%"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["dog", "cat"]


def test_the_recipes_of_the_repository_are_complete():
    for file in RECIPES.glob("*.yaml"):
        assert json.dumps(load_recipe(file).model_dump(mode="json"))
