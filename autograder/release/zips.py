"""Zips of which the same contents give the same bytes: sorted, dateless, and stored, since compressors differ."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """A zip of ordinary files, all readable, none a link."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, content)
    return made.getvalue()
