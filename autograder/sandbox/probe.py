"""Finding out which layers this machine has, by entering each of them in a fork and looking whether it holds.

A kernel's version or a configuration file says little: containers, AppArmor and old kernels each refuse in their own
way. Costs a fork a layer, once per process.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache

from autograder.sandbox import entering, identity, landlock, limits, namespaces, paths, process, seccomp
from autograder.sandbox.system import LINUX, prctl

if sys.platform != "win32":
    import resource

CLOSED = "/etc/passwd"  # exists everywhere, readable by all, and nothing that an observer needs


@lru_cache(maxsize=1)
def available() -> frozenset[str]:
    """The layers (see policy.LAYERS) that work here for this user."""
    if not LINUX:
        return frozenset()
    scratch = tempfile.mkdtemp(prefix="sandbox-probe-")
    os.chmod(scratch, 0o755)  # so that the private uid may look in
    try:
        return frozenset(name for name, attempt in ATTEMPTS.items() if _works(attempt, scratch))
    finally:
        shutil.rmtree(scratch)


def _works(attempt: Callable[[str], bool], scratch: str) -> bool:
    """True if the attempt, in a process of its own, says so. Dying or raising of any kind is a no."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(5)
            prctl(process.PR_SET_DUMPABLE, 1)  # as enter() does; the judge is guarded
            code = 0 if attempt(scratch) else 1
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def _refused(action: Callable[[], object]) -> bool:
    try:
        action()
    except OSError as error:
        return error.errno in (errno.EPERM, errno.EACCES, errno.ENOENT)
    return False


def _try_uid(scratch: str) -> bool:
    """Also a no if the private uid could import nothing: Python sits in a closed folder that no mount can open up."""
    if os.geteuid() != 0:
        return False
    if _works(_reach_python_directly, scratch):
        return True
    namespaces.enter(paths.readable_system_paths(), scratch)
    return _reach_python_directly(scratch)


def _reach_python_directly(scratch: str) -> bool:
    identity.become(identity.PROBE_UID)
    return _reachable() and _refused(lambda: os.kill(os.getppid(), 0))


def _reachable() -> bool:
    """May this process read the standard library? If not it could import nothing."""
    return os.access(paths.INSTALLATION, os.R_OK | os.X_OK)


def _try_namespaces(scratch: str) -> bool:
    reachable = _reachable()
    namespaces.enter(paths.readable_system_paths(), scratch)
    _write(f"{scratch}/probe")
    return _refused(lambda: os.stat(CLOSED)) and not os.path.exists("/proc/self") and _reachable() == reachable


def _try_rlimits(scratch: str) -> bool:
    limits.apply(memory_mb=1 << 20, cpu_seconds=5, file_mb=1, open_files=64, tasks=None)
    return resource.getrlimit(resource.RLIMIT_NOFILE) == (64, 64)


def _try_no_new_privs(scratch: str) -> bool:
    prctl(entering.PR_SET_NO_NEW_PRIVS, 1)
    return prctl(entering.PR_GET_NO_NEW_PRIVS) == 1


def _try_seccomp(scratch: str) -> bool:
    prctl(entering.PR_SET_NO_NEW_PRIVS, 1)
    seccomp.install(processes=False, signal_others=False)
    os.kill(os.getpid(), 0)
    return (
        _refused(os.fork) and _refused(lambda: os.kill(os.getppid(), 0)) and _refused(lambda: os.chmod(scratch, 0o755))
    )


def _try_landlock(scratch: str, scope: bool = False) -> bool:
    prctl(entering.PR_SET_NO_NEW_PRIVS, 1)
    landlock.restrict(landlock.open_ruleset((), (scratch,), namespaces.DEVICES, execute=False, scope=scope))
    _write(f"{scratch}/probe")
    return _refused(lambda: os.open(CLOSED, os.O_RDONLY))


def _try_landlock_scope(scratch: str) -> bool:
    return _try_landlock(scratch, scope=True) and _refused(lambda: os.kill(os.getppid(), 0))


def _try_subreaper(scratch: str) -> bool:
    """An orphaned grandchild must become our child."""
    prctl(process.PR_SET_CHILD_SUBREAPER, 1)
    child = os.fork()
    if child == 0:
        os.fork()  # exits at once, as its parent does
        os._exit(0)
    os.waitpid(child, 0)
    os.waitpid(-1, 0)
    return True


def _try_parent_death(scratch: str) -> bool:
    process.die_with_parent(os.getppid())
    return True


def _try_oom(scratch: str) -> bool:
    process.volunteer_for_oom()
    return True


def _write(path: str) -> None:
    with open(path, "w") as file:
        file.write("x")


ATTEMPTS: dict[str, Callable[[str], bool]] = {
    "uid": _try_uid,
    "namespaces": _try_namespaces,
    "rlimits": _try_rlimits,
    "no_new_privs": _try_no_new_privs,
    "seccomp": _try_seccomp,
    "landlock": _try_landlock,
    "landlock_scope": _try_landlock_scope,
    "subreaper": _try_subreaper,
    "parent_death": _try_parent_death,
    "oom": _try_oom,
}
