"""What tests of intake and submit need: a course of four assignments in a folder, and zips built byte by byte.

Zips are not made with zipfile, which refuses to write most of what an attacker would send.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Course, load_course

TENSOR = "tinytorch/core/tensor.py"
LAYERS = "tinytorch/core/layers.py"
OLYMPICS = "tinytorch/olympics.py"
MLOPS = "tinytorch/mlops.py"
CODE = b'"""A tensor."""\n\n\nclass Tensor:\n    pass\n'

_COURSE = """
name: Mini
term: Now
version: "1"
timezone: UTC
late: {grace_minutes: 0, percent_per_day: 10, max_days: 1}
limits:
  case_seconds: 10
  import_seconds: 10
  submission_seconds: 100
  memory_mb: 512
  scratch_mb: 16
  output_kb: 16
  reply_mb: 64
  upload_mb: 2
  upload_files: 20
imports:
  allowed: [numpy]
  forbidden_standard: [subprocess, importlib, concurrent.futures]
assignments:
  - {key: a01_tensor, writes: [tinytorch/core/tensor.py], COMMON}
  - {key: a02_layers, writes: [tinytorch/core/layers.py], requires: [a01_tensor], imports: [multiprocessing], COMMON}
  - {key: a03_losses, writes: [tinytorch/core/losses.py], requires: [a01_tensor], COMMON}
  - {key: a20_capstone, writes: [tinytorch/olympics.py, tinytorch/mlops.py], requires: [a02_layers],
     limits: {upload_files: 3}, COMMON}
""".replace("COMMON", "title: T, question: Q, part: P, points: 10, due: 2027-01-01T00:00:00")


def mini_course(folder: Path) -> Course:
    """A course with its frame's package root and nothing else."""
    frame = folder / "tinytorch_ref" / "tinytorch"
    frame.mkdir(parents=True)
    (frame / "__init__.py").write_text('"""Given."""\n')
    (folder / "course.yaml").write_text(_COURSE)
    return load_course(folder)


@dataclass(frozen=True)
class Item:
    """One entry of a hand-made zip. What is None is filled in honestly; every other field may lie."""

    name: str | bytes
    data: bytes = b""
    method: int = 0
    flags: int = 0
    mode: int = 0o100644
    declared: int | None = None  # uncompressed size
    packed: bytes | None = None  # the compressed bytes as they stand in the file
    compressed: int | None = None  # their declared length
    crc: int | None = None
    local_name: bytes | None = None
    offset: int | None = None  # where the table of contents says that it begins
    system: int = 3
    version: int = 20
    extra: bytes = b""

    @property
    def raw_name(self) -> bytes:
        return self.name if isinstance(self.name, bytes) else self.name.encode()

    @property
    def body(self) -> bytes:
        if self.packed is not None:
            return self.packed
        if self.method != 8:
            return self.data
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        return squeeze.compress(self.data) + squeeze.flush()


def make_zip(*items: Item | tuple[str, bytes]) -> bytes:
    """The bytes of a zip file with exactly these entries, in this order."""
    out, directory = b"", b""
    made = [item if isinstance(item, Item) else Item(*item) for item in items]
    for item in made:
        at = len(out) if item.offset is None else item.offset
        crc = zlib.crc32(item.data) if item.crc is None else item.crc
        size = len(item.data) if item.declared is None else item.declared
        packed = len(item.body) if item.compressed is None else item.compressed
        local = item.raw_name if item.local_name is None else item.local_name
        common = struct.pack("<HHHHIII", item.flags, item.method, 0, 33, crc, packed, size)
        out += b"PK\x03\x04" + struct.pack("<H", 20) + common + struct.pack("<HH", len(local), 0) + local + item.body
        directory += b"PK\x01\x02" + struct.pack("<BBH", item.version, item.system, item.version) + common
        directory += struct.pack("<HHHHHII", len(item.raw_name), len(item.extra), 0, 0, 0, item.mode << 16, at)
        directory += item.raw_name + item.extra
    count = len(made) & 0xFFFF
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(out), 0)
    return out + directory + b"PK\x05\x06" + end


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
