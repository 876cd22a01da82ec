"""Asked of a built site: does every link lead somewhere, and does a page load anything from another host?

Only files are read, nothing is fetched: links to other sites are counted and left alone. What a page loads by itself
(scripts, styles, fonts, pictures, frames) has to lie beside it; so has whatever its style sheets name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADING = {
    "script": ("src",), "img": ("src", "srcset"), "iframe": ("src",), "source": ("src", "srcset"), "video": ("src",),
    "audio": ("src",), "embed": ("src",), "object": ("data",), "image": ("href", "xlink:href"), "use": ("href",),
    "track": ("src",), "input": ("src",),
}  # fmt: skip
RELATIONS = frozenset(
    {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "preconnect", "dns-prefetch", "manifest"}
)
_STYLE = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")
_FETCH = re.compile(r"""(?:import|importScripts|fetch)\s*\(\s*['"](?:https?:)?//|\bfrom\s*['"]https?://""")


@dataclass
class Seen:
    """What stands in one page."""

    anchors: set[str] = field(default_factory=set)
    links: list[tuple[int, str]] = field(default_factory=list)
    loads: list[tuple[int, str]] = field(default_factory=list)
    figures: int = 0
    nameless: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Checked:
    """The result: problems as `page:line: what`, and what was counted."""

    problems: tuple[str, ...]
    pages: int
    links: int
    outward: int
    figures: int


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen = Seen()
        self.in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found, line = {name: value or "" for name, value in attrs}, self.getpos()[0]
        seen = self.seen
        seen.anchors.update(found[name] for name in ("id", "name") if found.get(name) and (name == "id" or tag == "a"))
        if tag == "a" and "href" in found:
            seen.links.append((line, found["href"]))
        if tag == "link" and RELATIONS & set(found.get("rel", "").split()):
            seen.loads.append((line, found.get("href", "")))
        elif tag == "link":
            seen.links.append((line, found.get("href", "")))
        for name in LOADING.get(tag, ()):
            if found.get(name):
                seen.loads += [(line, part.split()[0]) for part in found[name].split(",")] if name == "srcset" else [
                    (line, found[name])
                ]
        seen.loads += [(line, url) for url in _named_by(found.get("style", ""))]
        if tag == "img" or (tag == "svg" and found.get("role") == "img"):
            seen.figures += 1
            if not found.get("alt") and not found.get("aria-label"):
                seen.nameless.append(line)
        self.in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self.in_style = False

    def handle_data(self, data: str) -> None:
        if self.in_style:
            self.seen.loads += [(self.getpos()[0], url) for url in _named_by(data)]


def check_site(folder: Path) -> Checked:
    """Check all pages below `folder`, and the styles and scripts that lie there."""
    pages = {page.relative_to(folder).as_posix(): _read(page) for page in sorted(folder.rglob("*.html"))}
    problems: list[str] = []
    links = outward = figures = 0
    for name, seen in pages.items():
        figures += seen.figures
        problems += [f"{name}:{line}: a picture without a text in its place; give it `alt`" for line in seen.nameless]
        problems += _foreign(name, seen.loads)
        for line, url in [*seen.links, *seen.loads]:
            if _leaves(url):
                outward += 1
                continue
            links += 1
            if problem := _broken(folder, name, url, pages):
                problems.append(f"{name}:{line}: {problem}")
    problems += _in_files(folder)
    return Checked(tuple(problems), len(pages), links, outward, figures)


def _read(page: Path) -> Seen:
    reader = _Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    reader.close()
    return reader.seen


def _named_by(style: str) -> list[str]:
    return [first or second for first, second in _STYLE.findall(style)]


def _leaves(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.scheme or parts.netloc)


def _foreign(name: str, loads: Iterable[tuple[int, str]]) -> Iterator[str]:
    for line, url in loads:
        if _leaves(url) and not url.startswith(("data:", "about:")):
            yield f"{name}:{line}: the page loads {url[:80]} from another host; keep a copy in the site"


def _broken(folder: Path, page: str, url: str, pages: Mapping[str, Seen]) -> str:
    """Why a link of a page leads nowhere; empty if it leads somewhere."""
    parts = urlsplit(url)
    if not url:
        return "an empty link"
    target = (folder / page).parent / unquote(parts.path) if parts.path else folder / page
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file():
        return f"the link {url} leads to no file of the site"
    try:
        name = target.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return f"the link {url} leads out of the site"
    if parts.fragment and name in pages and unquote(parts.fragment) not in pages[name].anchors:
        return f"the link {url} names an anchor that {name} does not have"
    return ""


def _in_files(folder: Path) -> Iterator[str]:
    """What style sheets load, and scripts that would fetch from another host."""
    for file in sorted(folder.rglob("*.css")):
        name = file.relative_to(folder).as_posix()
        yield from _foreign(name, [(1, url) for url in _named_by(file.read_text(encoding="utf-8"))])
    for file in sorted(folder.rglob("*.js")):
        if found := _FETCH.search(file.read_text(encoding="utf-8", errors="replace")):
            yield f"{file.relative_to(folder).as_posix()}: the script fetches from another host: {found[0][:60]}"
