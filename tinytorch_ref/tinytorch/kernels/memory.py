"""Keeping freed memory, and keeping it in large pages.

glibc gives large blocks back to the system when they are freed and asks for them again at the next step, and the system
clears every page of them anew. And memory in pages of 4 kB is slower to walk through than in pages of 2 MB, which Linux
hands out where a program asks for them. `keep_memory()` sees to both. It changes the allocator of the whole process, so
it is left to the program: a training script calls it once, before it makes its model.
"""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST = (1 << 30, 32 << 20)  # bytes; older versions take no more than the second
_HUGE_PAGE, _MADV_HUGEPAGE = 2 << 20, 14


def keep_memory(reserve: int = 512 << 20) -> bool:
    """Keep freed blocks (below 1 GB) for the next allocation, the first `reserve` bytes of them in large pages.

    What is reserved is address space: memory is taken when it is used. Returns whether this system lets us (Linux with
    glibc); elsewhere nothing changes.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL("libc.so.6")
    kept = any(libc.mallopt(_M_MMAP_THRESHOLD, size) for size in _LARGEST)
    kept = kept and bool(libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1))
    if kept and reserve > _HUGE_PAGE:
        _reserve(libc, reserve)
    return kept


def _reserve(libc: ctypes.CDLL, size: int) -> None:
    """Let the heap grow by `size` bytes, ask for large pages there, and free it again: it stays part of the heap."""
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    block = libc.malloc(size)
    if block is None:  # a limit on address space; everything works without
        return
    start = -(-block // _HUGE_PAGE) * _HUGE_PAGE
    libc.madvise(start, (block + size - start) // _HUGE_PAGE * _HUGE_PAGE, _MADV_HUGEPAGE)
    libc.free(block)
