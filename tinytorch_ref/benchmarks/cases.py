"""All comparisons, by name."""

from __future__ import annotations

from case import Case
from foundations import FOUNDATIONS
from generation import GENERATION
from language import LANGUAGE
from vision import VISION

CASES: dict[str, Case] = {**FOUNDATIONS, **VISION, **LANGUAGE, **GENERATION}
