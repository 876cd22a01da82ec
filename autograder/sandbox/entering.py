"""Entering the sandbox: the one place that knows the order in which the layers can be entered.

The order matters: mounts need what the change of user takes away, Landlock forbids mounts, its rules name paths that
only the present user may reach, the change of user clears the parent's death signal, and the filter forbids nearly
everything used before it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from autograder.sandbox import identity, landlock, limits, namespaces, policy, process, seccomp
from autograder.sandbox.confinement import Confinement
from autograder.sandbox.paths import outermost, readable_system_paths
from autograder.sandbox.system import LINUX, SandboxError, prctl

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS = 4, 38, 39
NEW_PRIVS_LAYERS = frozenset({"seccomp", "landlock", "landlock_scope"})


def enter(confinement: Confinement, keep_fds: Iterable[int] = ()) -> None:
    """Confine this process, a fresh fork with one thread, before it runs any student code. There is no way back.

    Closes every descriptor above 2 except `keep_fds`, changes to the scratch folder and points HOME and TMPDIR at it.
    Raises SandboxError if any layer of `confinement.layers` cannot be entered: the caller must then end the process.
    """
    check(confinement)
    keep, parent = tuple(keep_fds), os.getppid()
    try:
        os.setsid()
        _before_the_change_of_user(confinement)
        ruleset = _open_ruleset(confinement)
        _change_user(confinement, parent)
        _apply_limits(confinement)
        _restrict(confinement, ruleset)
        _settle(confinement, keep)
        if "seccomp" in confinement.layers:
            seccomp.install(confinement.processes > 0, _signals_stay_inside(confinement))
    except OSError as error:
        raise SandboxError(f"the sandbox could not be entered: {error}") from error


def check(confinement: Confinement) -> None:
    """Refuse a confinement whose parts contradict each other."""
    layers = confinement.layers
    if layers and not LINUX:
        raise SandboxError(f"no layer of the sandbox exists on {sys.platform}, asked for {sorted(layers)}")
    if ("uid" in layers) != (confinement.uid is not None):
        raise SandboxError("the layer 'uid' and the field uid go together: give both or neither")
    if layers & NEW_PRIVS_LAYERS and "no_new_privs" not in layers:
        raise SandboxError("seccomp and landlock need the layer 'no_new_privs'")
    if "landlock_scope" in layers and "landlock" not in layers:
        raise SandboxError("the layer 'landlock_scope' needs the layer 'landlock'")
    if confinement.processes and not layers & {"uid", "namespaces"}:
        raise SandboxError("processes can be counted only with the layer 'uid' or 'namespaces': ask for processes = 0")
    if "rlimits" in layers:
        limits.check_room(confinement.memory_mb)
    for path in (*confinement.read, confinement.scratch):
        if not os.path.isabs(path) or not os.path.exists(path):
            raise SandboxError(f"{path}: the sandbox needs absolute paths that exist")


def _before_the_change_of_user(confinement: Confinement) -> None:
    if LINUX:
        prctl(PR_SET_DUMPABLE, 1)  # the server is guarded; unguarded for a moment, we may write our own /proc files
    if "oom" in confinement.layers:
        process.volunteer_for_oom()
    if "namespaces" in confinement.layers:
        namespaces.enter(outermost((*readable_system_paths(), *confinement.read)), confinement.scratch)


def _open_ruleset(confinement: Confinement) -> int | None:
    if "landlock" not in confinement.layers:
        return None
    return landlock.open_ruleset(
        (*readable_system_paths(), *confinement.read),
        (confinement.scratch,),
        namespaces.DEVICES,
        execute=confinement.processes > 0,
        scope="landlock_scope" in confinement.layers,
    )


def _change_user(confinement: Confinement, parent: int) -> None:
    if confinement.uid is not None:
        identity.become(confinement.uid)
    if LINUX:
        identity.drop_capabilities()
        prctl(PR_SET_DUMPABLE, 0)
    if "parent_death" in confinement.layers:
        process.die_with_parent(parent)
    for path in (*confinement.read, confinement.scratch):
        if not os.access(path, os.R_OK | (os.X_OK if os.path.isdir(path) else 0)):
            raise SandboxError(
                f"{path}: the observer (uid {os.getuid()}) cannot read it; "
                "open it and the folders above it to others (chmod o+rx)"
            )


def _apply_limits(confinement: Confinement) -> None:
    if "rlimits" not in confinement.layers:
        return
    own_count = policy.counts_processes(confinement.layers)
    if confinement.processes and not own_count:
        raise SandboxError("this kernel counts all processes of the user: processes need Linux 5.14, or root")
    tasks = 1 + confinement.processes + limits.THREADS if own_count else None
    limits.apply(confinement.memory_mb, confinement.cpu_seconds, confinement.file_mb, confinement.open_files, tasks)


def _restrict(confinement: Confinement, ruleset: int | None) -> None:
    if "no_new_privs" in confinement.layers:
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        if prctl(PR_GET_NO_NEW_PRIVS) != 1:
            raise SandboxError("no_new_privs did not take effect")
    if ruleset is not None:
        landlock.restrict(ruleset)


def _settle(confinement: Confinement, keep: tuple[int, ...]) -> None:
    os.chdir(confinement.scratch)
    os.umask(0o077)
    os.environ.update(HOME=confinement.scratch, TMPDIR=confinement.scratch)
    process.close_others(keep)


def _signals_stay_inside(confinement: Confinement) -> bool:
    """May the filter let signals through to other pids? Only with processes, and with another layer as the fence."""
    return confinement.processes > 0 and bool(confinement.layers & {"uid", "landlock_scope"})
