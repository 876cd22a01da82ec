"""Landlock: the kernel's own rule for which files a process may open, without root and without namespaces.

Everything is closed except the folders in `read` and the one folder `scratch`. Newer kernels (ABI 6) also keep signals
inside. Landlock does not govern stat, chmod, open descriptors, UDP or unix sockets: seccomp and close_range do.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable

from autograder.sandbox.system import SandboxError, syscall

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG, MAKE_SYM, REFER, TRUNCATE = (
    1 << 4,
    1 << 5,
    1 << 7,
    1 << 8,
    1 << 12,
    1 << 13,
    1 << 14,
)
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | 1 << 15
SCRATCH = (
    WRITE_FILE | READ_FILE | READ_DIR | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM | REFER | TRUNCATE
)

ALL_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}  # later ones: 16 rights
ALL_TCP = 0b11
SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11
RULE_PATH_BENEATH, CREATE_VERSION = 1, 1
FIRST_ABI_WITH_TCP, FIRST_ABI_WITH_SCOPES = 4, 6


def abi() -> int:
    """The version of Landlock that the kernel offers, 0 for none."""
    try:
        return syscall("landlock_create_ruleset", None, 0, CREATE_VERSION)
    except OSError:
        return 0


def open_ruleset(read: Iterable[str], write: Iterable[str], devices: Iterable[str], execute: bool, scope: bool) -> int:
    """Prepare the rules while the paths can still be reached; the descriptor is used up by `restrict`."""
    version = abi()
    if version < (FIRST_ABI_WITH_SCOPES if scope else 1):
        raise SandboxError(f"landlock: the kernel offers ABI {version}, too old for what was asked")
    handled = ALL_BY_ABI.get(version, (1 << 16) - 1)
    fields = [
        handled,
        ALL_TCP if version >= FIRST_ABI_WITH_TCP else 0,
        SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS if scope else 0,
    ]
    size = 3 if version >= FIRST_ABI_WITH_SCOPES else 2 if version >= FIRST_ABI_WITH_TCP else 1
    ruleset = syscall("landlock_create_ruleset", struct.pack(f"={size}Q", *fields[:size]), 8 * size, 0)
    reading = READ_FILE | READ_DIR | (EXECUTE if execute else 0)
    for paths, rights in ((read, reading), (write, SCRATCH), (devices, READ_FILE | WRITE_FILE)):
        for path in paths:
            _allow(ruleset, path, rights & handled)
    return ruleset


def _allow(ruleset: int, path: str, rights: int) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= FILE_RIGHTS
        syscall("landlock_add_rule", ruleset, RULE_PATH_BENEATH, struct.pack("=Qi", rights, fd), 0)
    finally:
        os.close(fd)


def restrict(ruleset: int) -> None:
    """Enter the rules, for good. no-new-privs must be set already."""
    syscall("landlock_restrict_self", ruleset, 0)
    os.close(ruleset)
