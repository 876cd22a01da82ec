"""Grading on Gradescope: what its `run_autograder` calls, and the two ways to get there (a zip, an image).

Both ways lay the same files out in the same place, so that one script runs in both:

    /autograder/run_autograder          the script that Gradescope starts
    /autograder/venv/                   a Python with what requirements-grading.lock pins (made by setup.sh)
    /autograder/source/                 the course, closed to all but root: course.yaml, autograder/, solutions/, ...
    /autograder/source/assignment       the assignment graded here; empty or absent in an image for any assignment

How a submission is graded is the matter of `autograder.grade`; nothing here changes a score.
"""

from __future__ import annotations

from autograder.gradescope.bundle import bundle_files, write_zip
from autograder.gradescope.entry import choose_assignment, main, run
from autograder.gradescope.metadata import Metadata, read_metadata

__all__ = ["Metadata", "bundle_files", "choose_assignment", "main", "read_metadata", "run", "write_zip"]
