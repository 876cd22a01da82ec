"""The sandbox in which student code runs: layers to probe and enter, and a policy over what they give.

The judge asks `available`, `require` and `describe` once and fills in a `Confinement` per observer. The zygote calls
`become_subreaper` once, `enter` in each fork, `kill_tree` and `wipe` after it. Only the standard library is used and
nothing here is secret, since all of it is loaded where student code can read it. Elsewhere than on Linux the package
imports, offers no layer, and `enter` and `kill_tree` do what any Unix can.
"""

from __future__ import annotations

from autograder.sandbox.confinement import Confinement
from autograder.sandbox.entering import enter
from autograder.sandbox.identity import private_uid
from autograder.sandbox.paths import system_read_paths
from autograder.sandbox.policy import LAYERS, Protection, describe, protections, require
from autograder.sandbox.probe import available
from autograder.sandbox.process import become_subreaper, guard_judge, kill_tree
from autograder.sandbox.scratch import wipe
from autograder.sandbox.system import SandboxError

__all__ = [
    "LAYERS",
    "Confinement",
    "Protection",
    "SandboxError",
    "available",
    "become_subreaper",
    "describe",
    "enter",
    "guard_judge",
    "kill_tree",
    "private_uid",
    "protections",
    "require",
    "system_read_paths",
    "wipe",
]
