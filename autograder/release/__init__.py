"""The zip that students get: `tito release a05`.

contents.py gathers the files, wheel.py packs the part of this package that students need, lock.py picks their packages
from the lock file, portable.py refuses names that some system cannot hold, proof.py searches the result for anything
that is none of a student's business, writer.py writes it, newcomer.py plays a student with it. `files/` holds what lies
at the top of every release.
"""

from autograder.release.contents import Contents, contents
from autograder.release.proof import traces
from autograder.release.writer import Released, release

__all__ = ["Contents", "Released", "contents", "release", "traces"]
