"""Emptying what an observer left behind, whatever it is: links, closed folders, odd names, a million levels of nesting.

Nothing of the observer may be alive any more (kill_tree first). Links are removed, never followed; no path longer than
two names is ever used, so nesting cannot exhaust the stack, the descriptors or the length of a path.
"""

from __future__ import annotations

import os
import stat

from autograder.sandbox import identity

SHARED_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock")
FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)  # Windows has none


def wipe(scratch: str) -> None:
    """Empty the folder `scratch`; as root also remove what its private uid left in the machine's shared folders."""
    fd = os.open(scratch, FOLDER)
    try:
        owner = os.fstat(fd).st_uid
        os.fchmod(fd, 0o700)
        empty(fd)
    finally:
        os.close(fd)
    if os.geteuid() == 0 and identity.is_private(owner):
        for shared in SHARED_FOLDERS:
            _remove_owned(shared, owner)


def empty(top: int) -> None:
    """Remove everything in the folder behind the descriptor, the deepest first, climbing back through `..`.

    Nothing runs that could move a folder meanwhile. One descriptor is open at a time, and every folder is listed once:
    a submission can make folders as fast as this can remove them.
    """
    here = os.dup(top)
    try:
        left = [_sort_out(here)]  # of each folder from top to here: the folders in it that are still there
        entered: list[str] = []
        while True:
            if left[-1]:
                entered.append(left[-1].pop())
                here = _step(here, entered[-1])
                left.append(_sort_out(here))
            elif entered:
                left.pop()
                here = _step(here, "..")
                os.rmdir(entered.pop(), dir_fd=here)
            else:
                return
    finally:
        os.close(here)


def _step(here: int, name: str) -> int:
    """A descriptor of the folder `name` in `here`, in place of the one of `here`."""
    if name != "..":
        _open_up(name, here)
    there = os.open(name, FOLDER, dir_fd=here)
    os.close(here)
    return there


def _sort_out(folder: int) -> list[str]:
    """Unlink everything that is no folder; the names of the folders."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in found if is_folder]


def _open_up(name: str, folder: int) -> None:
    """For folders that their owner closed; the entry is known to be a folder, and nothing runs that could swap it."""
    if os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode & 0o700 != 0o700:
        os.chmod(name, 0o700, dir_fd=folder)


def _remove_owned(shared: str, owner: int) -> None:
    try:
        top = os.open(shared, FOLDER)
    except OSError:  # this machine has no such folder, or it is a link to one of the others
        return
    try:
        for name in os.listdir(top):
            if _owned(name, top, owner):
                _remove(name, top)
    finally:
        os.close(top)


def _owned(name: str, folder: int, owner: int) -> bool:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid == owner
    except FileNotFoundError:  # somebody else's file, gone since the listing
        return False


def _remove(name: str, folder: int) -> None:
    if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=folder)
        return
    inner = os.open(name, FOLDER, dir_fd=folder)
    try:
        empty(inner)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=folder)
