"""Task 2: fans, gains, and random weights of the right size."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "init"
title = "Initialisation"
points = None


def _is_uniform(drawn, std):
    """Mean 0, this standard deviation, and nothing outside ±√3 of it: 20,000 draws or more."""
    expect.dtype(drawn, "float32")
    expect.between(drawn.std() / std, 0.97, 1.03, "standard deviation, divided by what it should be,")
    expect.between(abs(drawn.mean()) / std, 0, 0.05, "mean, in standard deviations,")
    expect.between(
        abs(drawn).max() / std, 1.70, 1.7321, "largest number, in standard deviations (√3 for uniform draws),"
    )


def _is_normal(drawn, std):
    """Mean 0, this standard deviation, and tails: 20,000 draws or more."""
    expect.dtype(drawn, "float32")
    expect.between(drawn.std() / std, 0.97, 1.03, "standard deviation, divided by what it should be,")
    expect.between(abs(drawn.mean()) / std, 0, 0.05, "mean, in standard deviations,")
    expect.between(np.mean(abs(drawn) > 2 * std), 0.035, 0.057, "share of draws beyond two standard deviations")


@test_case(name="fan-in and fan-out of linear and convolution weights", points=3)
def fans(student, rng):
    a, b, h, w = (int(i) for i in rng.choice(np.arange(2, 12), size=4, replace=False))
    got = student.fans([a, b], [a, b, h, w], [a, b, h])
    expect.equal(got, [(a, b), (b * h * w, a * h * w), (b * h, a * h)])


@test_case(name="gains of the usual activations", points=1)
def gains(student, rng):
    expect.close(student.gains("linear", "sigmoid", "tanh", "relu", "selu"), [1, 1, 5 / 3, np.sqrt(2), 0.75])
    slope = float(rng.uniform(0.1, 0.9))
    expect.close(student.gain("leaky_relu", slope), np.sqrt(2 / (1 + slope**2)))


@test_case(name="uniform and normal draws fill a tensor in place", points=2)
def fill(student, rng):
    low = float(rng.uniform(-5, 5))
    held, got = student.held_after_filling("uniform_", np.zeros((100, 300), "float32"), low, low + 4)
    expect.equal(got, held)
    _is_uniform(held - np.float32(low + 2), 4 / np.sqrt(12))
    mean, std = float(rng.uniform(-5, 5)), float(rng.uniform(0.5, 2))
    held, got = student.held_after_filling("normal_", np.zeros((100, 300), "float32"), mean, std)
    expect.equal(got, held)
    _is_normal(held - np.float32(mean), std)


@test_case(
    name="gains of convolutions, and the default slope",
    points=1,
    hidden=True,
    failure_message=(
        "Convolutions are linear. leaky_relu without a slope has PyTorch's, 0.01, and a slope of 0 is a slope."
    ),
)
def more_gains(student):
    expect.close(student.gains("conv1d", "conv2d", "conv3d"), [1, 1, 1])
    expect.close(student.gain("leaky_relu"), np.sqrt(2 / (1 + 0.01**2)), rtol=1e-9, atol=0)
    expect.close(student.gain("leaky_relu", 0.0), np.sqrt(2), rtol=1e-9, atol=0)


@test_case(
    name="Xavier: the variance follows both fans",
    points=2,
    hidden=True,
    failure_message="The variance is gain² · 2 / (fan_in + fan_out). A uniform draw from ±b has the variance b²/3.",
)
def xavier(student, rng):
    n, m, seed = int(rng.integers(100, 150)), int(rng.integers(300, 400)), int(rng.integers(1000))
    gain = float(rng.uniform(0.5, 3))
    _is_normal(student.drawn("xavier_normal_", [n, m], seed), np.sqrt(2 / (n + m)))
    _is_uniform(student.drawn("xavier_uniform_", [n, m], seed), np.sqrt(2 / (n + m)))
    _is_normal(student.drawn("xavier_normal_", [n, m], seed, gain), gain * np.sqrt(2 / (n + m)))
    _is_uniform(student.drawn("xavier_uniform_", [n, 20, 4, 3], seed, gain=gain), gain * np.sqrt(2 / (12 * (n + 20))))


@test_case(
    name="Kaiming: the variance follows one fan and the gain",
    points=3,
    hidden=True,
    failure_message=(
        "The variance is gain² / fan; fan_in by default, which is the first size of a linear weight and the second "
        "of a convolution's, times the kernel. The slope `a` enters through the gain."
    ),
)
def kaiming(student, rng):
    n, m, seed = int(rng.integers(100, 150)), int(rng.integers(300, 400)), int(rng.integers(1000))
    slope = float(rng.uniform(0.3, 2))
    given = (
        ([n, m], {}, 2 / n),
        ([n, m], {"mode": "fan_out", "nonlinearity": "relu"}, 2 / m),
        ([n, m], {"a": slope}, 2 / (1 + slope**2) / n),
        ([n, m], {"nonlinearity": "tanh"}, (5 / 3) ** 2 / n),
        ([n, 20, 4, 3], {}, 2 / (20 * 12)),
    )
    for shape, named, variance in given:
        _is_normal(student.drawn("kaiming_normal_", shape, seed, **named), np.sqrt(variance))
        _is_uniform(student.drawn("kaiming_uniform_", shape, seed, **named), np.sqrt(variance))


@test_case(
    name="draws follow manual_seed",
    points=2,
    hidden=True,
    failure_message=(
        "Every draw takes generator() anew: the same seed gives the same weights, and the next tensor others."
    ),
)
def seeded(student, rng):
    seed = int(rng.integers(1, 10_000))
    for function in ("uniform_", "normal_", "xavier_uniform_", "kaiming_normal_"):
        first, second = student.drawn_twice(function, [30, 40], seed)
        again, _ = student.drawn_twice(function, [30, 40], seed)
        other, _ = student.drawn_twice(function, [30, 40], seed + 1)
        expect.shape(first, (30, 40))
        expect.equal(again, first)
        for different in (second, other):
            expect.shape(different, (30, 40))
            expect.between(np.mean(different == first), 0, 0.01, "share of equal numbers in two draws")


@test_case(
    name="Linear begins within ±1/√in, with a bias of 0",
    points=2,
    hidden=True,
    failure_message="Weights are uniform between ±1/√in_features, whatever out_features is; the bias is 0.",
)
def linear_begins(student, rng):
    for n, m in ((int(rng.integers(100, 200)), 900), (900, int(rng.integers(100, 200)))):
        weight, bias = student.fresh_linear(n, m, int(rng.integers(1000)))
        expect.shape(weight, (n, m))
        _is_uniform(weight, np.sqrt(1 / (3 * n)))
        expect.equal(bias, np.zeros(m, "float32"))
    _is_uniform(student.fresh_linear(1, 30_000, int(rng.integers(1000)))[0], np.sqrt(1 / 3))


@test_case(
    name="reset_parameters draws anew into the same arrays",
    points=1,
    hidden=True,
    failure_message=(
        "reset_parameters writes into weight and bias; an optimizer that holds them must see the new numbers."
    ),
)
def reset(student, rng):
    value = float(rng.uniform(1, 2))
    (old_weight, old_bias), (weight, bias) = student.reset_linear(40, 50, value)
    expect.close(old_bias, np.full(50, value))
    for array in (old_weight, weight):
        expect.shape(array, (40, 50))
    expect.between(np.mean(weight == old_weight), 0, 0.01, "share of equal weights before and after")
    expect.equal(bias, np.zeros(50, "float32"))


@test_case(
    name="what has no fan, gain or mode is refused",
    points=1,
    hidden=True,
    failure_message=(
        "One dimension has no fan; unknown names are ValueErrors that name them. Tensors without elements are fine."
    ),
)
def refused(student, rng):
    n = int(rng.integers(3, 9))
    for shape in ([], [n]):
        expect.raises(ValueError, student.fans, shape, mentions=[str(tuple(shape))])
    expect.raises(ValueError, student.gain, "softmin", mentions=["softmin", "relu"])
    expect.raises(ValueError, student.drawn, "kaiming_normal_", [n, n], 0, mode="fan", mentions=["fan_in", "fan_out"])
    expect.raises(
        ValueError, student.drawn, "kaiming_uniform_", [n, n], 0, nonlinearity="softmin", mentions=["softmin"]
    )
    for function in ("kaiming_uniform_", "xavier_normal_"):
        expect.shape(student.drawn(function, [0, n]), (0, n))
        expect.shape(student.drawn(function, [0, 0]), (0, 0))
