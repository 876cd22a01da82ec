"""What `tito compress` runs: the variants of a network, the table and its verdict, the front, the names."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tinytorch as tt
from tinytorch import data, nn
from tinytorch.compressing import measure, networks, picture
from tinytorch.compressing.__main__ import named
from tinytorch.compressing.variants import variants


@pytest.fixture(autouse=True)
def kernels_as_before():
    before = tt.use_kernels(False)
    yield
    tt.use_kernels(before)


def bars(n=256):
    """Images (n, 1, 28, 28) whose class, 0 to 9, is the row of a bright bar."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, n)
    x = 0.1 * rng.normal(size=(n, 1, 28, 28)).astype(np.float32)
    for i, label in enumerate(y):
        x[i, 0, 2 * label + 4] += 1
    return networks.Images(data.DataLoader(data.TensorDataset(x, y), batch_size=64, seed=0), x, y)


def row(name="a", technique="compression", lost=0.0, smaller=4.0):
    return measure.Row(name, technique, 0.9, lost, 100, 120, smaller, 0.0, (0.1, 0.2))


def test_every_variant_of_a_network_is_counted(tmp_path):
    images, network = bars(), replace(networks.NETWORKS["mnist-mlp"], epochs=3)
    tt.manual_seed(0)
    model = networks.train(
        nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10)), images, 6, 0.01
    )
    heard = []
    made = {one.name: one for one in variants(model, network, images, tmp_path, heard.append)}
    before = made["float32"]
    assert before.model is model and before.stored == 4 * model.num_parameters()
    assert made["zeros to a quarter"].stored <= before.stored / 4
    assert before.stored / made["int8 weights"].stored >= 3.9
    assert made["90 % zeros, int8"].stored < made["90 % zeros, float16"].stored < before.stored / 10
    assert all(abs(made[name].sparsity - 0.9) < 0.01 for name in ("90 % zeros, float16", "90 % zeros, int8"))
    assert made["half the neurons"].model[1].out_features == 16
    assert all(one.file > one.stored for one in made.values()) and not list(tmp_path.iterdir())
    found = measure.rows(list(made.values())[:3], images)
    assert found[0].smaller == 1 and found[0].lost == 0 and min(found[1].milliseconds) > 0
    assert networks.accuracy(model, images) == found[0].accuracy > 0.9
    # Every epoch of training on is told, by what it is for.
    assert heard[:2] == ["zeros to a quarter, epoch 1 of 1"] * 2 and heard[-1] == "small pupil, epoch 3 of 3"
    assert {text.partition(",")[0] for text in heard if "60 %" not in text} == {
        "zeros to a quarter", "90 % zeros", "half the neurons", "low rank", "small pupil",
    }  # fmt: skip


def test_what_is_being_done_is_told_but_not_all_the_time(monkeypatch, capsys):
    from tinytorch.compressing import __main__ as program

    now = iter([0.0, 3.0, 11.0, 11.0, 20.9, 21.0, 21.0])
    monkeypatch.setattr(program.time, "monotonic", lambda: next(now))
    say = program._teller("MLP")
    for text in ("a", "b", "c", "d"):
        say(text)
    assert capsys.readouterr().out == "... MLP: b\n... MLP: d\n"


def test_a_trained_network_is_read_again_and_another_plan_trains_anew(tmp_path, monkeypatch):
    images, calls = bars(), []
    monkeypatch.setattr(networks, "train", lambda model, *rest, say: calls.append(rest[1]) or model.eval())
    first = networks.trained("mnist-mlp", images, tmp_path, seed=1, epochs=2)
    again = networks.trained("mnist-mlp", images, tmp_path, seed=1, epochs=2)
    assert calls == [2] and np.array_equal(first[1].weight.data, again[1].weight.data)
    networks.trained("mnist-mlp", images, tmp_path, seed=2, epochs=2)
    networks.trained("mnist-mlp", images, tmp_path, seed=2, epochs=3)
    assert calls == [2, 2, 3]


@pytest.mark.parametrize(
    "rows, met",
    [
        ([row(technique="quantization", smaller=3.95), row()], True),
        ([row(technique="quantization", smaller=3.8), row()], False),
        ([row(technique="quantization", smaller=3.95, lost=0.02), row()], False),
        ([row(technique="quantization", smaller=3.95), row(smaller=3.95), row(lost=0.011)], False),
        ([row(technique="quantization", smaller=3.95), row(lost=0.5), row(lost=0.01)], True),
    ],
)
def test_the_verdict_asks_every_quantised_network_and_one_compressed(rows, met):
    text, found = measure.verdict([row(technique="none"), *rows])
    assert found is met and ("NOT MET" in text) is not met


def test_the_front_holds_what_no_other_beats():
    assert picture.front([(4, 0.9), (2, 0.8), (3, 0.7), (2, 0.5), (8, 0.9)]) == [(2, 0.8), (4, 0.9)]


def test_the_picture_is_drawn(tmp_path):
    rows = [
        {"name": n, "technique": t, "stored": s, "accuracy": 0.9}
        for n, t, s in (("a", "none", 4000), ("b", "compression", 900))
    ]
    run = {
        "title": "T",
        "rows": rows,
        "bits": [(2, 0.5), (8, 0.9)],
        "sparsity": [(0, 0.9, 0.9, 1), (0.9, 0.3, 0.8, 0.1)],
    }
    picture.draw([run], tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 10_000


def test_points_in_one_place_share_a_label():
    from matplotlib.figure import Figure

    ax = Figure(figsize=(5, 4), dpi=100).subplots()
    ax.set(xscale="log", xlim=(10, 1000), ylim=(90, 100))
    picture._number(ax, [(500, 98), (100, 98), (50, 91), (101, 98.05), (100, 95)])
    assert [text.get_text() for text in ax.texts] == ["0", "1, 3", "2", "4"]


def test_names():
    assert named(["mnist"]) == ["mnist-mlp", "mnist-lenet"] == named(["mnist-lenet", "mnist", "mnist-mlp"])
    with pytest.raises(ValueError, match="did you mean 'mnist-lenet'"):
        named(["mnist-lenett"])


def test_an_unknown_network_is_refused_by_the_command(tmp_path):
    order = [sys.executable, "-m", "autograder", "compress", "resnet", "--out", str(tmp_path / "out")]
    done = subprocess.run(order, capture_output=True, text=True)
    assert done.returncode == 2 and "no network is called 'resnet'" in done.stderr
    assert not (tmp_path / "out").exists()
