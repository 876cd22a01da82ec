"""Building the course site: sources, Sphinx, the checks, and only then the folder that people see.

Sphinx runs in a process of its own, with warnings as errors, on sources below `.tito/site`; the result is checked for
links, for what it loads and for what it gives away, and takes the place of the old site in one step. Nothing here needs
a network, and nothing that is built does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from autograder.course import Course
from autograder.errors import UserError
from autograder.site.leaks import shown_secrets
from autograder.site.links import Checked, check_site
from autograder.site.sources import Sources, Wish, gather

FILES = Path(__file__).resolve().parent / "files"
CACHE = ".tito/site"
MARK = "site.json"  # lies in every built site, so that a build never replaces a folder that is none
SHOWN = 40  # problems that are listed
NEEDED = ("sphinx", "myst_nb", "furo", "jupytext", "nbformat")


@dataclass(frozen=True)
class Built:
    """What a build made."""

    folder: Path
    pages: int
    links: int
    outward: int
    figures: int
    names: int
    executed: tuple[str, ...]
    kept: tuple[str, ...]


def build_site(course: Course, out: Path, wish: Wish, tell: Callable[[str], None] = lambda line: None) -> Built:
    """Build the site into the folder `out`, replacing the site that was there.

    Raises:
        UserError: a package is missing, `out` holds something else, a lab does not run, Sphinx warns, a link is broken,
            a page loads something from elsewhere, or shows what it must not. The old site is untouched then.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise UserError(f"building the site needs {', '.join(missing)}; install: pip install -e '.[site,labs]'")
    _check_place(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tito-site-") as scratch:
        html = Path(scratch) / "html"
        sources, checked = set_pages(course, wish, html, tell)
        _refuse(shown_secrets(course, html))
        mark = {"course": course.name, "version": course.version, "pages": checked.pages}
        (html / MARK).write_text(json.dumps(mark) + "\n", encoding="utf-8")
        _put(html, out)
    return Built(
        out, checked.pages, checked.links, checked.outward, checked.figures, sources.names,
        tuple(sources.executed), tuple(sources.kept),
    )  # fmt: skip


def set_pages(
    course: Course, wish: Wish, html: Path, tell: Callable[[str], None] = lambda line: None
) -> tuple[Sources, Checked]:
    """Gather the sources, let Sphinx set them into the new folder `html`, and check its links and what it loads."""
    sources = gather(course, wish, course.root / CACHE, tell)
    tell(f"{len(sources.pages)} pages to be set ...")
    with tempfile.TemporaryDirectory(prefix="tito-sources-") as scratch:
        _write(course, sources, Path(scratch) / "source")
        _sphinx(Path(scratch) / "source", html)
    checked = check_site(html)
    _refuse(checked.problems)
    return sources, checked


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = f"\n... and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise UserError("the site was built, but not taken:\n" + "\n".join(problems[:SHOWN]) + more)


def _check_place(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; choose another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise UserError(f"{out} holds something that is no course site; choose another --out, or empty it first")


def _write(course: Course, sources: Sources, into: Path) -> None:
    for path, text in sources.pages.items():
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        (into / path).write_text(text, encoding="utf-8")
    for path, picture in sources.pictures.items():
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, into / path)
    (into / "_static").mkdir(parents=True)
    for name in ("course.css", "icon.svg"):
        shutil.copyfile(FILES / name, into / "_static" / name)
    shutil.copyfile(FILES / "conf.py", into / "conf.py")
    settings = {"project": course.name, "version": f"{course.term}, {course.version}"}
    (into / "site.json").write_text(json.dumps(settings), encoding="utf-8")


def _sphinx(source: Path, html: Path) -> None:
    """Sphinx from source to HTML. All warnings are told, not the first alone."""
    order = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-W", "--keep-going"]
    order += ["-d", str(source.parent / "trees")]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    done = subprocess.run([*order, str(source), str(html)], capture_output=True, text=True, env=environment)
    if done.returncode:
        told = [line.replace(f"{source}/", "") for line in done.stderr.splitlines() if line.strip()]
        raise UserError("Sphinx does not accept the pages:\n" + "\n".join(told[-60:]))


def _put(html: Path, out: Path) -> None:
    """Move the finished site to its place; the old one is there until the new one is beside it."""
    staged = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    shutil.copytree(html, staged / "new")
    if out.exists():
        out.rename(staged / "old")
    (staged / "new").rename(out)
    shutil.rmtree(staged)
