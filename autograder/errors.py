"""The two kinds of error that are not a student's wrong answer: bad input from a user, and a fault of the grader."""

from __future__ import annotations


class UserError(Exception):
    """Bad input. The message is one line that names the thing and the remedy; the command line prints it and exits
    2."""


class CourseFileError(UserError):
    """course.yaml is not as it should be: for instructors, who write it. Students get one that was read before."""


class GraderError(Exception):
    """A fault of the grader or of the course's own files. It is never turned into a zero: a person has to look."""
