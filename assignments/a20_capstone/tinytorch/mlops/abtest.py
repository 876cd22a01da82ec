"""Which of two models is better for the people who use them? An experiment that says beforehand when it will decide.

Half of the users get model a, half model b; what is counted is a success or not (an answer that was taken). Chance
makes any two models look different. How often a difference may be chance (alpha), and how surely a real one is to
be found (power), is chosen first, and the number of users follows. Who looks at the result every day and stops when it
looks good is wrong far more often than alpha says; looks that are planned and corrected for are not.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Literal

import numpy as np

NORMAL = NormalDist()
State = Literal["running", "a better", "b better", "undecided"]

# ---- Task 10: who gets what ------------------------------------------------------------------------------------------


def assign(user: str, experiment: str, share: float = 0.5) -> str:
    """The arm of a user, "a" or "b": the same one every time, on every machine.

    Args:
        user: an id.
        experiment: its name. The arms of one experiment say nothing about those of another one.
        share: of users who get b.
    """
    # Python's hash() of a text is another number in every process. The first eight bytes of a SHA-256, read as a number
    # by int.from_bytes(..., "big"), are as good as drawn from 0 to 2**64. Hash experiment, newline, user.
    raise NotImplementedError("a20_capstone: assign is yours to write")


# ---- Task 11: significance and size ----------------------------------------------------------------------------------


def two_proportion_z(successes_a: int, trials_a: int, successes_b: int, trials_b: int) -> tuple[float, float]:
    """z and the two-sided p-value for b's rate minus a's.

    If both arms have one rate, the best guess of it comes from both together, and the variance of the difference is
    that of one rate: p (1 - p) (1 / n_a + 1 / n_b). z is positive if b has the higher rate. If nobody or everybody
    succeeded there is no difference: z is 0 and p is 1.

    Raises:
        ValueError: more successes than trials, or an arm without trials.
    """
    for arm, successes, trials in (("a", successes_a, trials_a), ("b", successes_b, trials_b)):
        if not 0 <= successes <= trials or trials < 1:
            raise ValueError(f"arm {arm}: {successes} successes in {trials} trials cannot be")
    # math.erfc(|z| / √2) is the probability of both tails of a normal distribution.
    raise NotImplementedError("a20_capstone: two_proportion_z is yours to write")


def sample_size(base: float, lift: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """How many trials each arm needs so that a difference of `lift` from the rate `base` is found with this power.

    n = (z_(1-α/2) √(2 p (1 - p)) + z_power √(p_a (1 - p_a) + p_b (1 - p_b)))² / lift², rounded up, where p_a is base,
    p_b is base + lift and p is their mean.

    Raises:
        ValueError: a rate, alpha or power that is not between 0 and 1, or a lift of 0.
    """
    rates = {"base": base, "base + lift": base + lift, "alpha": alpha, "power": power}
    for name, value in rates.items():
        if not 0 < value < 1:
            raise ValueError(f"{name} is between 0 and 1, got {value:g}")
    if lift == 0:
        raise ValueError("a lift of 0 cannot be found, however many trials there are")
    # NORMAL.inv_cdf(0.975) is 1.96.
    raise NotImplementedError("a20_capstone: sample_size is yours to write")


# ---- Task 12: looking before the end ---------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def bound(looks: int, alpha: float = 0.05, samples: int = 100_000, seed: int = 0) -> float:
    """How large |z| has to be at each of `looks` equally spaced looks so that any of them is crossed with probability
    alpha if there is no difference (Pocock 1977).

    For one look it is the normal quantile, 1.96 for 0.05. For more, z at look k is (x_1 + ... + x_k) / √k with normal
    x, and the greatest |z| of each of `samples` drawn experiments is compared: the bound is their quantile.
    """
    raise NotImplementedError("a20_capstone: bound is yours to write")


@dataclass(frozen=True)
class Verdict:
    """How an experiment stands. `state` is "running", "a better", "b better" or "undecided" (at its end, and no
    difference was found); z and p_value (uncorrected) are those of the look that decided, None before any look."""

    state: State
    z: float | None
    p_value: float | None
    look: int


class ABTest:
    """An experiment with two arms that decides at its planned looks and at no other time.

    Args:
        name: of the experiment; it decides who is in which arm.
        base: the success rate that is expected of a.
        lift: the smallest difference worth finding.
        alpha: probability of a verdict if there is no difference.
        power: probability of a verdict if there is a difference of lift.
        looks: how often it may decide, at equal steps up to the planned size. 1: at the end only.

    Attributes:
        planned: trials of each arm at the end.
        successes, trials: so far, by arm.
    """

    def __init__(self, name: str, base: float, lift: float, alpha: float = 0.05, power: float = 0.8, looks: int = 1):
        if looks < 1:
            raise ValueError(f"looks is at least 1, got {looks}")
        self.name, self.alpha, self.looks = name, alpha, looks
        self.planned = self._plan(base, lift, power)
        self.successes, self.trials = {"a": 0, "b": 0}, {"a": 0, "b": 0}
        self._verdict = Verdict("running", None, None, 0)

    def _plan(self, base: float, lift: float, power: float) -> int:
        """Trials of each arm, a multiple of looks.

        A higher bound needs more trials for the same power: with c = bound(looks, alpha), that is ((c + z_power) /
        (z_(1-α/2) + z_power))² times as many. The last look alone has the power then.
        """
        raise NotImplementedError("a20_capstone: ABTest._plan is yours to write")

    def arm(self, user: str) -> str:
        """The arm of a user."""
        return assign(user, self.name)

    def record(self, user: str, success: bool) -> None:
        """Note the outcome of one trial of a user. After a verdict nothing counts any more."""
        self.add(self.arm(user), int(success), 1)

    def add(self, arm: str, successes: int, trials: int) -> None:
        """Note several outcomes of one arm at once; a look that becomes due is taken after all of them.

        Raises:
            ValueError: no such arm, or more successes than trials.
        """
        if arm not in self.trials or not 0 <= successes <= trials:
            raise ValueError(f"arm {arm!r}: {successes} successes in {trials} trials cannot be; arms are a and b")
        raise NotImplementedError("a20_capstone: ABTest.add is yours to write")

    def _look(self) -> None:
        """Decide if the next look is due: both arms have `look` parts of the planned size."""
        # Each look is taken once, and more trials between two looks change nothing. Several may be due at once after a
        # large add; then the last of them is taken.
        raise NotImplementedError("a20_capstone: ABTest._look is yours to write")

    def verdict(self) -> Verdict:
        """How the experiment stands. Asking as often as you like changes nothing."""
        return self._verdict
