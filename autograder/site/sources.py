"""The site's pages as Sphinx reads them: a folder of Markdown, notebooks and pictures, written from the repository.

    index.md, map.md, <guides>.md     from docs/, whose markers `<!-- tito: ... -->` are replaced by what they name
    <assignment>/index.md             the handout, with reflection.md, lab.ipynb beside it
    api/*.md, milestones/*.md         see api.py and milestones.py

A file of the repository that a text links to is linked to the page made of it. Nothing is taken from an assignment but
what students get: handout, reflection, lab, signatures and docstrings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from autograder import milestone
from autograder.build.text import read_text
from autograder.course import Assignment, Course, Milestone
from autograder.errors import UserError
from autograder.site import milestones
from autograder.site.api import api_pages
from autograder.site.course_map import course_map, plain
from autograder.site.labs import site_lab
from autograder.site.wish import Wish

DOCS = "docs"
GUIDES = ("students", "tas", "instructors", "faq", "architecture")  # in this order in the menu; others come after
READMES = {  # page -> its name in the menu, and the text of the repository that it is
    "more/milestones": ("How milestones are judged", "milestones/README.md"),
    "more/serving": ("Serving a model", "tinytorch_ref/tinytorch/serving/README.md"),
    "more/datasets": ("Data sets", "datasets/README.md"),
    "more/benchmarks": ("Benchmarks", "tinytorch_ref/benchmarks/README.md"),
    "more/vision-speed": ("Fast convolutions", "tinytorch_ref/benchmarks/vision.md"),
}
_MARKER = re.compile(r"^<!-- tito: ([a-z-]+) -->$", re.MULTILINE)
_LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")


@dataclass
class Sources:
    """Pages by path, pictures by path, and what was counted on the way."""

    pages: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, Path] = field(default_factory=dict)
    names: int = 0
    executed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def gather(course: Course, wish: Wish, cache: Path, tell: Callable[[str], None]) -> Sources:
    """Make all pages. `tell` hears what takes long."""
    made = Sources()
    _assignments(course, wish, cache, made, tell)
    _api(course, wish, made)
    _milestones(course, wish, cache, made, tell)
    _texts(course, wish, made)
    made.pages["index.md"] += _menu(course, wish, made)
    return made


def shown(course: Course, wish: Wish) -> tuple[Assignment, ...]:
    """The assignments that have pages on this site."""
    chosen = {course.assignment(name).key for name in wish.only}
    return tuple(a for a in course.written() if not chosen or a.key in chosen)


# ---- assignments


def _assignments(course: Course, wish: Wish, cache: Path, made: Sources, tell: Callable[[str], None]) -> None:
    pages = {a.key for a in shown(course, wish)}
    for assignment in shown(course, wish):
        folder = course.solution(assignment.key)
        handout = _with_facts(read_text(folder / "README.md"), course, assignment, pages)
        made.pages[f"{assignment.key}/index.md"] = handout
        made.pages[f"{assignment.key}/reflection.md"] = read_text(folder / "reflection.md")
        lab = site_lab(course, assignment, cache / "labs", wish.execute)
        made.pages[f"{assignment.key}/lab.ipynb"] = lab.text
        (made.executed if lab.fresh else made.kept).append(assignment.key)
        if lab.fresh:
            tell(f"{assignment.key}: lab executed, {lab.figures} figures")


def _with_facts(handout: str, course: Course, assignment: Assignment, pages: set[str]) -> str:
    """The handout with a line of facts below its question, and the menu of its neighbours at the end."""
    lines = handout.split("\n")
    if not lines[0].startswith("# "):
        raise UserError(f"solutions/{assignment.key}/README.md:1: a handout begins with its title, '# a01 Title'")
    below = next((n for n, line in enumerate(lines) if line.startswith("## ")), len(lines))
    due = course.due(assignment)
    facts = [f"{assignment.points} points", f"due {due:%A} {due.day} {due:%B %Y, %H:%M}"]
    needs = [_named(course, key, pages) for key in assignment.requires]
    leads = [_named(course, a.key, pages) for a in course.assignments if assignment.key in a.requires]
    facts += [f"stands on {', '.join(needs)}"] if needs else []
    facts += [f"carries {', '.join(leads)}"] if leads else []
    own = "[lab](lab.ipynb), [reflection](reflection.md), " + f"[API](../api/{assignment.key}.md)"
    facts = [*facts, own, "[course map](../map.md)"]
    fact_lines = ["```{rst-class} course-facts", "```", "", " · ".join(facts), ""]
    menu = ["", "```{toctree}", ":hidden:", "", "lab", "reflection", f"/api/{assignment.key}", "```", ""]
    return "\n".join([*lines[:below], *fact_lines, *lines[below:], *menu])


def _named(course: Course, key: str, pages: set[str]) -> str:
    name = f"{course.by_key[key].short} {course.by_key[key].title}"
    return f"[{name}](../{key}/index.md)" if key in pages else name


# ---- API, milestones


def _api(course: Course, wish: Wish, made: Sources) -> None:
    pages = {a.key for a in shown(course, wish)}
    wanted = {name: page for name, page in api_pages(course).items() if name in pages or name == "frame"}
    for name, page in wanted.items():
        made.pages[f"api/{name}.md"] = page.text
    made.names = sum(page.names for page in wanted.values())
    links = [f"- [{course.by_key[n].short} {course.by_key[n].title}]({n}.md)" for n in wanted if n != "frame"]
    made.pages["api/index.md"] = "\n".join(
        [
            "# API reference",
            "",
            "Signatures and docstrings of the reference framework, by the assignment that writes them. Names that begin"
            " with an underscore are left out. The [index of names](genindex) lists all.",
            "",
            *links,
            "- [The frame](frame.md): what is given",
            "",
            "```{toctree}\n:hidden:\n\nframe\n```",
            "",
        ]
    ).replace("[index of names](genindex)", "{ref}`index of names <genindex>`")


def _milestones(course: Course, wish: Wish, cache: Path, made: Sources, tell: Callable[[str], None]) -> None:
    folder, pages = cache / "runs", {a.key for a in shown(course, wish)}
    rows = []
    for m in course.milestones:
        page = milestones.milestone_page(course, m, folder, wish, pages)
        made.pages[f"milestones/{m.key}.md"] = page.text
        made.pictures |= {f"milestones/figures/{name}": path for name, path in page.pictures.items()}
        state = "curves of a run" if page.real else milestone.obstacle(course, m) or "no run at hand"
        rows.append(f"| {m.year} | [{m.title}]({m.key}.md) | {plain(m.question)} | {plain(state)} |")
        if page.real:
            tell(f"milestone {m.key}: {len(page.pictures)} figures")
    recipes = milestones.recipes_page(course, folder, wish)
    made.pages["milestones/recipes.md"] = recipes.text
    made.pictures |= {f"milestones/figures/{name}": path for name, path in recipes.pictures.items()}
    made.pages["milestones/index.md"] = "\n".join(
        [
            "# Milestones",
            "",
            "Programs of the field's history, on the framework that the course builds.",
            "",
            "| year | milestone | question | here |",
            "|---|---|---|---|",
            *rows,
            "",
            "```{toctree}\n:hidden:\n",
            *(m.key for m in course.milestones),
            "recipes\n```",
            "",
        ]
    )


# ---- texts of the repository


def _texts(course: Course, wish: Wish, made: Sources) -> None:
    """Guides, and those README files that are pages; every marker and every link between them resolved."""
    docs = {file.stem: file for file in sorted((course.root / DOCS).glob("*.md"))}
    if "index" not in docs:
        raise UserError(f"{DOCS}/index.md is missing; it is the site's first page")
    places = {page: course.root / path for page, (_, path) in READMES.items() if (course.root / path).is_file()}
    places |= {name: file for name, file in docs.items()}
    pages = {file.relative_to(course.root).as_posix(): page for page, file in places.items()}
    pages |= {f"solutions/{a.key}/README.md": f"{a.key}/index" for a in shown(course, wish)}
    fillings = _fillings(course, wish)
    for page, file in places.items():
        text = _MARKER.sub(partial(_filling, fillings, file), read_text(file))
        made.pages[f"{page}.md"] = _relinked(text, file, course, pages)
    made.pages["map.md"] = "# Course map\n\n" + fillings["course-map"] + "\n\n" + fillings["assignments"] + "\n"


def _filling(fillings: Mapping[str, str], file: Path, marker: re.Match[str]) -> str:
    name = marker[1]
    if name not in fillings:
        raise UserError(f"{DOCS}/{file.name}: there is no '{name}' to fill in; known are {', '.join(fillings)}")
    return fillings[name]


def _fillings(course: Course, wish: Wish) -> dict[str, str]:
    """What a marker in a guide may stand for."""
    pages = {a.key for a in shown(course, wish)}

    def href(subject: Assignment | Milestone) -> str:
        if isinstance(subject, Milestone):
            return f"milestones/{subject.key}.html"
        return f"{subject.key}/index.html" if subject.key in pages else ""

    rows = []
    for a in course.assignments:
        title = f"[{a.title}]({a.key}/index.md)" if a.key in pages else f"{a.title} (no page here yet)"
        needs = ", ".join(course.by_key[key].short for key in a.requires) or "nothing"
        rows.append(f"| {a.short} | {title} | {plain(a.question)} | {needs} | {course.due(a):%Y\u2011%m\u2011%d} |")
    heads = ["| | assignment | what you can do then | stands on | due |", "|---|---|---|---|---|"]
    table = [
        f"| {m.year} | [{m.title}](milestones/{m.key}.md) | {plain(m.question)} | {plain(m.must_reach)} |"
        for m in course.milestones
    ]
    head = ["| | milestone | question | to be reached |", "|---|---|---|---|"]
    return {
        "course-map": course_map(course, href),
        "assignments": "\n".join([*heads, *rows]),
        "milestones": "\n".join([*head, *table]),
        "term": f"{course.name}, {course.term}",
    }


def _relinked(text: str, file: Path, course: Course, pages: Mapping[str, str]) -> str:
    """The text with links to files of the repository turned into links to their pages; others are not for the site."""

    def turned(found: re.Match[str]) -> str:
        target = found[2]
        if "://" in target or target.startswith("/"):
            return found[0]
        path = (file.parent / target).resolve()
        try:
            name = path.relative_to(course.root.resolve()).as_posix()
        except ValueError:
            name = ""
        if name in pages:
            return f"{found[1]}/{pages[name]}.md{found[3]}"
        if path.exists():
            raise UserError(f"{file.relative_to(course.root)}: {target} has no page on the site; name it as `{target}`")
        return found[0]

    return _LINK.sub(turned, text)


def _menu(course: Course, wish: Wish, made: Sources) -> str:
    """The site's table of contents, at the end of its first page."""
    own = {name.removesuffix(".md") for name in made.pages if "/" not in name} - {"index", "map", *GUIDES}
    guides = [name for name in GUIDES if f"{name}.md" in made.pages] + sorted(own)
    parts: list[tuple[str, list[str]]] = [("Guides", ["map", *guides])]
    for part in dict.fromkeys(a.part for a in course.assignments):
        keys = [f"{a.key}/index" for a in shown(course, wish) if a.part == part]
        parts += [(part.capitalize(), keys)] if keys else []
    more = [f"{title} <{page}>" for page, (title, _) in READMES.items() if f"{page}.md" in made.pages]
    parts.append(("Reference", ["milestones/index", "api/index", *more]))
    head = "\n```{{toctree}}\n:hidden:\n:caption: {name}\n\n{pages}\n```\n"
    return "".join(head.format(name=name, pages="\n".join(keys)) for name, keys in parts)
