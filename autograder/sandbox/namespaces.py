"""Namespaces: a network without interfaces, IPC of its own, and a root folder that holds only what may be read.

Root enters them directly; an ordinary user through a user namespace. In most containers neither works: the probe finds
out, and nothing depends on this layer alone. The new root is a small tmpfs with the readable folders bound into it
read-only at their own paths, the scratch folder bound writable, and four devices. There is no /proc in it. It also lets
a private uid reach a Python that is installed in somebody's closed home folder.
There is no pid namespace: it would cost a process more per observation, and the tree is killed without it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from autograder.sandbox.system import prctl, syscall

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWNET = 1 << 17, 1 << 26, 1 << 27, 1 << 28, 1 << 30
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
PR_SET_DUMPABLE = 4


def enter(read: Iterable[str], scratch: str) -> None:
    """Enter all of them and see only `read`, `scratch` and DEVICES from here on."""
    _unshare()
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    _build_root(tuple(read), scratch)
    _pivot(scratch)


def _unshare() -> None:
    flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        syscall("unshare", flags)
        return
    prctl(PR_SET_DUMPABLE, 1)  # a child of a guarded server could not write its own maps otherwise
    syscall("unshare", flags | CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _build_root(read: tuple[str, ...], scratch: str) -> None:
    """A tmpfs over the scratch folder (a place that surely exists), with everything bound in at its own path."""
    below = os.open(scratch, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mask = os.umask(0o022)
    _mount("tmpfs", scratch, "tmpfs", MS_NOSUID | MS_NODEV, b"size=1m,mode=755")
    made: set[str] = set()
    for path in sorted(read, key=len):
        real = _real_place(scratch, path, made)
        if not any(real == done or real.startswith(done + "/") for done in made):
            _bind(real, scratch + real, read_only=True)
            made.add(real)
    for device in DEVICES:
        _bind(device, scratch + device)
    os.makedirs(scratch + scratch, exist_ok=True)
    _mount(
        f"/proc/self/fd/{below}", scratch + scratch, None, MS_BIND
    )  # not MS_REC: the tmpfs above it would come along
    _mount(
        None, scratch + scratch, None, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | _flags_to_keep(scratch + scratch)
    )
    os.umask(mask)
    os.close(below)


def _real_place(root: str, path: str, made: set[str]) -> str:
    """`path` without symbolic links; the links met on the way are made again in the new root."""
    done, left = "", [part for part in path.split("/") if part]
    while left:
        step = done + "/" + left.pop(0)
        if not os.path.islink(step):
            done = step
            continue
        target = os.readlink(step)
        if not any(step.startswith(known + "/") for known in made) and not os.path.lexists(root + step):
            os.makedirs(root + done, exist_ok=True)
            os.symlink(target, root + step)
        left = [part for part in os.path.normpath(os.path.join(done or "/", target)).split("/") if part] + left
        done = ""
    return done


def _bind(source: str, target: str, read_only: bool = False) -> None:
    if stat.S_ISDIR(os.stat(source).st_mode):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    _mount(source, target, None, MS_BIND | MS_REC)
    if read_only:
        _mount(None, target, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | _flags_to_keep(target))


def _flags_to_keep(path: str) -> int:
    """In a user namespace a remount must repeat the flags of the original mount, or it is refused."""
    flags = os.statvfs(path).f_flag
    same = flags & (MS_NODEV | os.ST_NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME)
    return same | ((1 << 21) if flags & os.ST_RELATIME else 0)


def _pivot(new_root: str) -> None:
    os.chdir(new_root)
    syscall("pivot_root", b".", b".")
    syscall("umount2", b".", MNT_DETACH)
    os.chdir("/")
    _mount(None, "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | _flags_to_keep("/"))


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: bytes | None = None) -> None:
    encode = os.fsencode
    syscall("mount", encode(source) if source else None, encode(target), encode(kind) if kind else None, flags, data)
