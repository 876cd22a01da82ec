"""Everything that composes, grades, builds and proves the assignments of TinyTorch.

The package knows the course only through `course.yaml` and the folders it names; it never imports `tinytorch`.
"""

__version__ = "0.1.0"
