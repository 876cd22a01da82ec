"""The framework's one source of randomness: every random draw goes through the generator that `manual_seed` sets."""

from __future__ import annotations

import numpy as np

_generator = np.random.default_rng()


def manual_seed(seed: int) -> np.random.Generator:
    """Start the generator anew: the same seed gives the same draws (torch.manual_seed). Returns the generator."""
    global _generator
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"manual_seed needs a non-negative integer, got {seed!r}")
    _generator = np.random.default_rng(int(seed))
    return _generator


def generator() -> np.random.Generator:
    """The generator to draw from. Ask for it at every draw: `manual_seed` replaces it."""
    return _generator
