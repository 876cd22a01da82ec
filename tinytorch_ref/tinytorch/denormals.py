"""Denormal numbers: the ones below 1.2e-38 in float32, which a processor computes some hundred times slower.

Adam's moments of units that have died decay into them after some 830 steps. `flush_denormals()` tells the processor to
take them for zero (torch.set_flush_denormal). It changes the floating-point state of the calling thread, so it is left
to the
program: a training script or a benchmark calls it once at its start.
"""

from __future__ import annotations

import ctypes
import platform
import struct

# x86-64: the control word MXCSR is the last four bytes of glibc's fenv_t; FTZ and DAZ are bits 15 and 6 of it.
_X86_SIZE, _X86_MXCSR, _X86_BITS = 32, 28, 0x8040
# AArch64: fenv_t is {fpcr, fpsr}, 4 bytes each; FZ is bit 24 of fpcr.
_ARM_SIZE, _ARM_FPCR, _ARM_BITS = 8, 0, 1 << 24


def flush_denormals(on: bool = True) -> bool:
    """Switch flushing on or off for this thread; returns whether this machine lets us (Linux on x86-64 or AArch64)."""
    layouts = {
        "x86_64": (_X86_SIZE, _X86_MXCSR, _X86_BITS),
        "AMD64": (_X86_SIZE, _X86_MXCSR, _X86_BITS),
        "aarch64": (_ARM_SIZE, _ARM_FPCR, _ARM_BITS),
    }
    layout = layouts.get(platform.machine())
    if platform.system() != "Linux" or layout is None:
        return False
    size, offset, bits = layout
    try:
        libm = ctypes.CDLL("libm.so.6")
    except OSError:
        return False
    state = ctypes.create_string_buffer(size)
    if libm.fegetenv(state) != 0:
        return False
    (word,) = struct.unpack_from("<I", state, offset)
    struct.pack_into("<I", state, offset, word | bits if on else word & ~bits)
    return libm.fesetenv(state) == 0
