"""What a source file must be before anything else looks at it: text in UTF-8 that holds something.

Whether that text is Python is the matter of `autograder.lint`, which runs where a hostile file can do no harm.
"""

from __future__ import annotations

import codecs

from autograder.intake.models import IntakeError

SOURCE_BYTES = 1 << 20  # nobody writes a megabyte of source by hand; a parser fed with more is an attack
ATTACHMENT_BYTES = 1 << 18

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def check_source(path: str, data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The source as it will be graded, and notes on what was changed (only a byte order mark ever is)."""
    if data.startswith(_UTF16):
        raise IntakeError(f"{path} is saved as UTF-16; save it as UTF-8 (in the editor: 'save with encoding')")
    notes: tuple[str, ...] = ()
    if data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
        notes = (f"{path} began with a byte order mark, which was removed",)
    if not data.strip():
        raise IntakeError(f"{path} is empty; save your work in the editor, then submit again")
    if (at := data.find(b"\0")) >= 0:
        raise IntakeError(
            f"{path}:{line_of(data, at)} holds a NUL byte, so it is not a text file; save it again as UTF-8"
        )
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise IntakeError(
            f"{path}:{line_of(data, error.start)} holds the byte 0x{data[error.start]:02x}, which is not UTF-8; "
            "save the file as UTF-8 or retype that character"
        ) from error
    return data, notes


def line_of(data: bytes, at: int) -> int:
    """The line of a byte, counted as editors count: LF, CRLF and a lone CR each end one."""
    before = data[:at].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return before.count(b"\n") + 1
