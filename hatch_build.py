"""Build hook: an editable install gets a linked composition of the reference framework, so `import tinytorch` works."""

import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LinkedComposition(BuildHookInterface):
    def initialize(self, version, build_data):
        if version != "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root))
        try:
            from autograder.compose import refresh_linked
            from autograder.course import load_course

            refresh_linked(load_course(root), root / ".composition" / "reference")
        finally:
            sys.path.remove(str(root))
