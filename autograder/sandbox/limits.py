"""Resource limits of one observer (setrlimit): memory, CPU seconds, file size, open files, number of tasks."""

from __future__ import annotations

import os
import sys

from autograder.sandbox.system import LINUX, SandboxError

if sys.platform != "win32":
    import resource

MIB = 1 << 20
STACK = 8 * MIB  # what a thread's stack costs in address space too
THREADS = 32  # threads count as tasks: this many beside the processes of the assignment


def apply(memory_mb: int, cpu_seconds: int, file_mb: int, open_files: int, tasks: int | None) -> None:
    """Lower every limit, soft and hard.

    memory_mb is address space and includes Python and NumPy, which the observer inherits (some 150 MiB with one BLAS
    thread). CPU: SIGXCPU at cpu_seconds, death one second later for a process that ignores it. `tasks` is None where
    the kernel would count the user's other processes too.
    """
    caps = {
        resource.RLIMIT_AS: (memory_mb * MIB, memory_mb * MIB),
        resource.RLIMIT_CPU: (cpu_seconds, cpu_seconds + 1),
        resource.RLIMIT_FSIZE: (file_mb * MIB, file_mb * MIB),
        resource.RLIMIT_NOFILE: (open_files, open_files),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_STACK: (STACK, STACK),
    }
    if LINUX:
        caps |= {resource.RLIMIT_MEMLOCK: (0, 0), resource.RLIMIT_MSGQUEUE: (0, 0)}
    if tasks is not None:
        caps[resource.RLIMIT_NPROC] = (tasks, tasks)
    for limit, (soft, hard) in caps.items():
        ceiling = resource.getrlimit(limit)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(limit, (soft, hard))


def check_room(memory_mb: int) -> None:
    """Refuse a cap below what the process has already: everything after it would fail in places hard to read."""
    if not LINUX:
        return
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE") // MIB
    if used >= memory_mb:
        raise SandboxError(f"memory limit of {memory_mb} MiB: the observer starts with {used} MiB; raise memory_mb")
