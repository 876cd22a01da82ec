"""The system call filter: which calls the observer may make, as a program for the kernel's packet filter.

The filter refuses by answer, not by death: a forbidden call fails with EPERM, so that student code sees a Python
PermissionError that says what happened. Only a foreign instruction set (or x32, its cousin on x86_64) is killed:
there the numbers mean something else. Calls newer than the table answer ENOSYS, as they would on an older kernel.
Allowed by default is everything that computes, reads or writes open files, and makes threads.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from functools import lru_cache

from autograder.sandbox.system import ARCH, Arch, SandboxError, number, prctl, syscall

# What is refused whatever its arguments, one list a concern.
NETWORK = """
    socket socketpair connect bind listen accept accept4 sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg shutdown
    setsockopt
"""
OTHER_PROCESSES = """
    tkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open pidfd_send_signal pidfd_getfd ptrace process_vm_readv
    process_vm_writev process_madvise process_mrelease kcmp move_pages migrate_pages get_robust_list
    sched_setscheduler sched_setparam sched_setattr setpriority ioprio_set
"""
LEAVING_THE_GROUP = "setsid setpgid"  # one process group holds the whole tree, so one killpg ends it atomically
VIEW_OF_FILES = """
    mount umount2 pivot_root chroot move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr unshare setns
    statmount listmount name_to_handle_at open_by_handle_at fanotify_init fanotify_mark
"""
OUTLIVING_MEMORY = """
    memfd_create memfd_secret shmget shmat shmdt shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl
    mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
"""
KERNEL_SURFACE = """
    bpf perf_event_open keyctl add_key request_key userfaultfd io_uring_setup io_uring_enter io_uring_register
    io_setup io_submit personality modify_ldt uselib lookup_dcookie nfsservctl sysfs ustat _sysctl create_module
    get_kernel_syms query_module
"""
ADMINISTRATION = """
    reboot swapon swapoff init_module finit_module delete_module kexec_load kexec_file_load acct quotactl
    quotactl_fd syslog settimeofday clock_settime adjtimex clock_adjtime sethostname setdomainname iopl ioperm
    vhangup
"""
# Landlock does not govern these: without the filter, a submission of the judge's own uid could close the judge's files.
FILE_ATTRIBUTES = """
    chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat setxattr lsetxattr fsetxattr removexattr
    lremovexattr fremovexattr utime utimes futimesat utimensat mknod mknodat
"""
DENIED = (
    NETWORK + OTHER_PROCESSES + LEAVING_THE_GROUP + VIEW_OF_FILES + OUTLIVING_MEMORY + KERNEL_SURFACE + ADMINISTRATION
    + FILE_ATTRIBUTES
).split()  # fmt: skip
STARTING_PROGRAMS = ("fork", "vfork", "execve", "execveat")

LAST_KNOWN = 462  # mseal, Linux 6.10; from 424 on all processors share one numbering
X32_BIT = 0x4000_0000

CLONE_THREAD = 0x0001_0000
CLONE_FORBIDDEN = 0x7E02_0000 | 0x0000_8000  # every CLONE_NEW* flag, and CLONE_PARENT
FCNTL_DENIED = (
    8,
    10,
    15,
    1024,
)  # F_SETOWN, F_SETSIG, F_SETOWN_EX send signals to others; F_SETLEASE blocks their opens
IOCTL_DENIED = (0x5412, 0x540E, 0x541C, 0x8901, 0x8902)  # TIOCSTI, TIOCSCTTY, TIOCLINUX, FIOSETOWN, SIOCSPGRP
PRCTL_DENIED = (1, 4, 35, 36)  # PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_MM, PR_SET_CHILD_SUBREAPER

# The filter machine's instructions and the offsets in struct seccomp_data.
LOAD, JUMP_EQUAL, JUMP_GREATER, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
AT_NUMBER, AT_ARCH, AT_ARGUMENTS = 0, 4, 16
ALLOW, KILL = 0x7FFF_0000, 0x8000_0000
EPERM, ENOSYS = 0x0005_0000 | errno.EPERM, 0x0005_0000 | errno.ENOSYS

PR_SET_SECCOMP, SECCOMP_SET_MODE_FILTER, SPEC_ALLOW = 22, 1, 4

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def answer(value: int) -> Instruction:
    return RETURN, 0, 0, value


def argument(index: int) -> Instruction:
    """Load the low half of an argument: what the kernel itself looks at for int and unsigned int parameters."""
    return LOAD, 0, 0, AT_ARGUMENTS + 8 * index


def only_when(nr: int | None, block: list[Instruction]) -> list[Instruction]:
    """Run `block`, which must end in answers, for one call; skip it for all others."""
    return [(JUMP_EQUAL, 0, len(block), nr), *block] if nr is not None else []


def allow_values(index: int, values: Iterable[int]) -> list[Instruction]:
    tests = [step for value in values for step in ((JUMP_EQUAL, 0, 1, value), answer(ALLOW))]
    return [argument(index), *tests, answer(EPERM)]


def deny_values(index: int, values: Iterable[int]) -> list[Instruction]:
    tests = [step for value in values for step in ((JUMP_EQUAL, 0, 1, value), answer(EPERM))]
    return [argument(index), *tests, answer(ALLOW)]


def one_process(index: int) -> list[Instruction]:
    """Allow a positive pid, refuse 0, -1 and groups."""
    return [
        argument(index),
        (JUMP_ANY_BIT, 0, 1, 0x8000_0000),
        answer(EPERM),
        (JUMP_EQUAL, 0, 1, 0),
        answer(EPERM),
        answer(ALLOW),
    ]


def clone_rule(processes: bool) -> list[Instruction]:
    """Threads always; processes only where the assignment has them; never a new namespace or another's child."""
    need_thread = [] if processes else [(JUMP_ANY_BIT, 1, 0, CLONE_THREAD), answer(EPERM)]
    return [argument(0), (JUMP_ANY_BIT, 0, 1, CLONE_FORBIDDEN), answer(EPERM), *need_thread, answer(ALLOW)]


def spans(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """[1, 2, 3, 7] -> [(1, 3), (7, 7)]."""
    found: list[tuple[int, int]] = []
    for n in sorted(set(numbers)):
        if found and found[-1][1] == n - 1:
            found[-1] = (found[-1][0], n)
        else:
            found.append((n, n))
    return found


def head(arch: Arch) -> list[Instruction]:
    """Kill foreign instruction sets; leave the call's number in the accumulator."""
    steps = [(LOAD, 0, 0, AT_ARCH), (JUMP_EQUAL, 1, 0, arch.audit), answer(KILL), (LOAD, 0, 0, AT_NUMBER)]
    if arch.name == "x86_64":
        steps += [(JUMP_AT_LEAST, 0, 1, X32_BIT), answer(KILL)]
    return steps


def rules_by_argument(arch: Arch, pid: int, processes: bool, signal_others: bool) -> list[Instruction]:
    signals = one_process(0) if signal_others else allow_values(0, [pid])
    rules = {
        "kill": signals,
        "tgkill": signals,
        "clone": clone_rule(processes),
        "clone3": [answer(ENOSYS)],
        "prlimit64": allow_values(0, [0, pid]),
        "sched_setaffinity": allow_values(0, [0, pid]),
        "fcntl": deny_values(1, FCNTL_DENIED),
        "ioctl": deny_values(1, IOCTL_DENIED),
        "prctl": deny_values(0, PRCTL_DENIED),
    }
    return [step for name, block in rules.items() for step in only_when(number(name, arch), block)]


@lru_cache(maxsize=4)
def rules_by_number(arch: Arch, processes: bool) -> bytes:
    """The part without the pid: sorted spans, so that the walk ends at the first one above the call."""
    names = [*DENIED, *(() if processes else STARTING_PROGRAMS)]
    numbers = [n for name in names if (n := number(name, arch)) is not None]
    steps: list[Instruction] = [(JUMP_GREATER, 0, 1, LAST_KNOWN), answer(ENOSYS)]
    for low, high in spans(numbers):
        steps += [(JUMP_AT_LEAST, 1, 0, low), answer(ALLOW), (JUMP_GREATER, 1, 0, high), answer(EPERM)]
    return assemble([*steps, answer(ALLOW)])


def assemble(steps: list[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def program(arch: Arch, pid: int, processes: bool, signal_others: bool) -> bytes:
    """The whole filter for one process, as an array of struct sock_filter."""
    return assemble(head(arch) + rules_by_argument(arch, pid, processes, signal_others)) + rules_by_number(
        arch, processes
    )


def install(processes: bool, signal_others: bool) -> None:
    """Put the filter on this (single-threaded) process. There is no way back; no-new-privs must be set already.

    `signal_others` is only for a sandbox with processes of its own whose signals something else (a private uid,
    Landlock) keeps inside.
    """
    if ARCH is None:
        raise SandboxError("seccomp: this processor is not in the table of system calls")
    code = program(ARCH, os.getpid(), processes, signal_others)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    try:  # without SPEC_ALLOW, kernels before 5.16 slow every filtered process down
        syscall("seccomp", SECCOMP_SET_MODE_FILTER, SPEC_ALLOW, header)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        syscall("seccomp", SECCOMP_SET_MODE_FILTER, 0, header)
    if prctl(21) != 2:  # PR_GET_SECCOMP
        raise SandboxError("seccomp: the filter did not take effect")
