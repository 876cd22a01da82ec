"""Who the observer is: a private user without groups, and without capabilities in any case.

Private uids come from 60706-61183, a range that systemd's table of uids leaves to nobody and that exists in containers
whose users end at 65535. One uid serves one submission at a time, since two processes of one uid can write each other's
memory. Two graders on one machine therefore share the range by lock files. Containers do not see each other's locks
but the kernel counts a uid's processes over all of them, so each machine name starts elsewhere in the range.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import zlib

from autograder.errors import UserError
from autograder.sandbox.system import SandboxError, prctl, syscall

if sys.platform != "win32":
    import fcntl

FIRST_UID, LAST_UID = 60706, 61182
PROBE_UID = 61183  # never given to a submission
LOCKS = "/run/tinytorch-uids"

PR_CAPBSET_DROP, PR_SET_SECUREBITS = 24, 28
NOROOT_LOCKED = 0b1111  # NOROOT and NO_SETUID_FIXUP, both locked: uid 0 brings no capabilities any more
CAPABILITY_HEADER = struct.pack("=Ii", 0x20080522, 0)

_claimed: dict[int, tuple[int, int]] = {}  # slot -> (uid, descriptor that holds the lock for as long as we live)


def private_uid(slot: int) -> int:
    """The uid for one parallel slot (root only). Same slot, same uid, as long as this process lives.

    Ask once, in the process that hands out the slots, and pass the number on: another process asking for the same slot
    gets another uid.
    """
    if slot not in _claimed:
        _claimed[slot] = _claim(slot)
    return _claimed[slot][0]


def _claim(slot: int) -> tuple[int, int]:
    os.makedirs(LOCKS, mode=0o700, exist_ok=True)
    count = LAST_UID - FIRST_UID + 1
    start = zlib.crc32(os.uname().nodename.encode()) + slot
    for step in range(count):
        uid = FIRST_UID + (start + step) % count
        fd = os.open(f"{LOCKS}/{uid}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return uid, fd
        except BlockingIOError:
            os.close(fd)
    raise UserError(f"all {count} private uids are taken ({LOCKS}): let another grading run on this machine end first")


def is_private(uid: int) -> bool:
    return FIRST_UID <= uid <= PROBE_UID


def become(uid: int) -> None:
    """Become `uid` for good: real, effective and saved, the same number as group, no other groups."""
    if not is_private(uid):
        raise SandboxError(f"uid {uid} is not in the private range {FIRST_UID}-{PROBE_UID}: it may belong to somebody")
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if os.getresuid() != (uid,) * 3 or os.getresgid() != (uid,) * 3 or os.getgroups():
        raise SandboxError(f"uid {uid}: the change of user did not take effect")


def drop_capabilities() -> None:
    """Give up every capability, those of a user namespace included. A process without any is left as it is."""
    if _effective() == 0:
        return
    prctl(PR_SET_SECUREBITS, NOROOT_LOCKED)
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:  # past the last one that this kernel has
            break
    syscall("capset", CAPABILITY_HEADER, bytes(24))


def _effective() -> int:
    sets = ctypes.create_string_buffer(24)
    syscall("capget", CAPABILITY_HEADER, sets)
    low, _, _, high, _, _ = struct.unpack("=6I", sets.raw)
    return low | high << 32
