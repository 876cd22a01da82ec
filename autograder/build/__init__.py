"""From `solutions/` to `assignments/`: stubs, notebooks and public test files, and the check that both are in step.

text.py reads Python text; scan.py finds solution markers and markers.py strips them; stubs.py, labs.py and
public_tests.py (with testparts.py and leaks.py) make one kind of file each and prove that it gives nothing away;
tree.py writes the folders. Nothing here runs the code it handles.
"""

from autograder.build.labs import make_lab
from autograder.build.leaks import leaks
from autograder.build.markers import solution_lines, strip
from autograder.build.public_tests import public_version
from autograder.build.stubs import leaked_lines, make_stub, stub_problems
from autograder.build.tree import Difference, build, build_assignment, check, files_of

__all__ = [
    "Difference",
    "build",
    "build_assignment",
    "check",
    "files_of",
    "leaked_lines",
    "leaks",
    "make_lab",
    "make_stub",
    "public_version",
    "solution_lines",
    "strip",
    "stub_problems",
]
