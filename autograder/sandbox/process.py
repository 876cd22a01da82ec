"""Processes: what keeps an observer from outliving its case, and the sweep that ends it with everything it started."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Collection, Iterable
from contextlib import suppress

from autograder.sandbox import identity, seccomp
from autograder.sandbox.confinement import Confinement
from autograder.sandbox.paths import system_read_paths
from autograder.sandbox.system import ARCH, LINUX, SandboxError, prctl, syscall

if sys.platform != "win32":
    import resource

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
SWEEP_SECONDS = 5.0
END_OF_DESCRIPTORS = 2**31 - 1


def guard_judge() -> None:
    """Close this process's memory, environment and descriptors to other processes of the same user; no core dumps.

    Also right for the zygote: it holds no secret, but a child must not steer it.
    """
    if LINUX:
        prctl(PR_SET_DUMPABLE, 0)
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def become_subreaper() -> None:
    """Orphans of our children become our children, not init's. Also computes once what every fork would otherwise."""
    if not LINUX:
        return
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    system_read_paths()
    if ARCH is not None:
        seccomp.rules_by_number(ARCH, False)
        seccomp.rules_by_number(ARCH, True)


def die_with_parent(parent: int) -> None:
    """Be killed when the process `parent` ends. A change of uid clears this: call it after."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SandboxError("the server ended while its child entered the sandbox")


def volunteer_for_oom() -> None:
    """When memory runs out, the kernel takes this process first and the judge never."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def close_others(keep: Iterable[int]) -> None:
    """Close every descriptor above 2 that is not in `keep`."""
    low = 3
    for fd in [*sorted({fd for fd in keep if fd > 2}), END_OF_DESCRIPTORS]:
        if low < fd:
            _close_range(low, fd - 1)
        low = fd + 1


def _close_range(low: int, high: int) -> None:
    try:
        syscall("close_range", low, high, 0)
    except OSError:  # before Linux 5.9, and elsewhere
        os.closerange(low, min(high, 65536) + 1)


def kill_tree(pid: int, confinement: Confinement, spare: Collection[int] = ()) -> tuple[int, resource.struct_rusage]:
    """Kill the observer `pid`, a child of this process, and all it started; return wait4's (status, rusage) for it.

    The caller must not have reaped `pid`, and does not wait for it afterwards. `spare` names other observers of this
    process that go on living; any other child is taken for an orphan of `pid` (under a private uid, only those of the
    uid). When it returns nothing of the tree is alive. Three nets, the first two atomic against a fork bomb:
    the process group, which seccomp lets nobody leave; all processes of the private uid; orphans until none is left.
    """
    os.kill(pid, signal.SIGKILL)
    _kill_group(pid)
    uid = confinement.uid if "uid" in confinement.layers else None
    if uid is not None:
        _kill_uid(uid)
    _, status, usage = os.wait4(pid, 0)
    if "subreaper" in confinement.layers:
        _reap_orphans(uid, spare)
    return status, usage


def _kill_group(pid: int) -> None:
    """The observer leads a group of its own once it has called setsid; before that there is none to kill."""
    with suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, for a group of zombies
        os.killpg(pid, signal.SIGKILL)


def _kill_uid(uid: int) -> None:
    """A fork becomes the uid and kills all it may kill, which the kernel does in one step for all processes.

    Real uid too: with a real uid of root left, kill(-1) would reach every process of root. Something of that uid might
    kill the helper first, so it counts only if it says that it got through.
    """
    deadline = time.monotonic() + SWEEP_SECONDS
    while time.monotonic() < deadline:
        helper = os.fork()
        if helper == 0:
            _kill_all_as(uid)
        if os.waitpid(helper, 0)[1] == 0:
            return
    raise SandboxError(f"uid {uid}: could not kill its processes in {SWEEP_SECONDS} s")


def _kill_all_as(uid: int) -> None:
    code = 1
    try:
        identity.become(uid)
        os.kill(-1, signal.SIGKILL)
        code = 0
    except ProcessLookupError:  # nothing left
        code = 0
    finally:
        os._exit(code)


def _reap_orphans(uid: int | None, spare: Collection[int]) -> None:
    """Kill and reap orphans until there are none: each one's death hands us its children, so none is missed."""
    if not spare and _no_children():
        return
    deadline = time.monotonic() + SWEEP_SECONDS
    while orphans := [child for child in children() if child not in spare and (uid is None or _uid_of(child) == uid)]:
        for child in orphans:
            os.kill(child, signal.SIGKILL)
            _kill_group(child)
        for child in orphans:
            os.waitpid(child, 0)
        if time.monotonic() > deadline:
            raise SandboxError(f"{len(orphans)} processes of a submission still there after {SWEEP_SECONDS} s")


def _no_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return False
    except ChildProcessError:
        return True


def children() -> list[int]:
    """The pids of this process's children, zombies included."""
    try:
        return [
            int(pid)
            for task in os.listdir("/proc/self/task")
            for pid in _read(f"/proc/self/task/{task}/children").split()
        ]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return [pid for pid in pids if _field(pid, "PPid:") == os.getpid()]


def _uid_of(pid: int) -> int | None:
    return _field(pid, "Uid:")


def _field(pid: int, key: str) -> int | None:
    try:
        for line in _read(f"/proc/{pid}/status").splitlines():
            if line.startswith(key):
                return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return None


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()
