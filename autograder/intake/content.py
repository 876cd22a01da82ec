"""What a source file must be before anything else looks at it: text in UTF-8 that holds something.

Whether that text is Python is the matter of `autograder.lint`, which runs where a hostile file can do no harm.
"""

from __future__ import annotations

import codecs

from autograder.intake.models import IntakeError
from autograder.messages import message

SOURCE_BYTES = 1 << 20  # nobody writes a megabyte of source by hand; a parser fed with more is an attack
ATTACHMENT_BYTES = 1 << 18

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def check_source(path: str, data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The source as it will be graded, and notes on what was changed (only a byte order mark ever is)."""
    if data.startswith(_UTF16):
        raise IntakeError(message("intake.utf16", path=path))
    notes: tuple[str, ...] = ()
    if data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
        notes = (message("intake.mark_removed", path=path),)
    if not data.strip():
        raise IntakeError(message("intake.empty_file", path=path))
    if (at := data.find(b"\0")) >= 0:
        raise IntakeError(message("intake.nul", path=path, line=line_of(data, at)))
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        told = {"path": path, "line": line_of(data, error.start), "byte": data[error.start]}
        raise IntakeError(message("intake.not_utf8", **told)) from error
    return data, notes


def line_of(data: bytes, at: int) -> int:
    """The line of a byte, counted as editors count: LF, CRLF and a lone CR each end one."""
    before = data[:at].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return before.count(b"\n") + 1
