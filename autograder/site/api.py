"""The API reference: a page an assignment, from the reference framework's own docstrings.

Read from a composition of the reference, as text: names, signatures and docstrings, never a body, which all stand in
the students' stubs too. Names that begin with an underscore are not part of it. The pages are Markdown with Sphinx's
Python directives, so that every name is in the index and in the search.
"""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder import compose
from autograder.build.text import parse, read_text
from autograder.course import Course
from autograder.site.docstrings import markdown

CALLED = ("__call__", "__len__", "__iter__", "__getitem__", "__enter__")  # special methods that people use
# Parts of the frame that are no interface: they serve the rest, or are programs.
LEFT_OUT = ("kernels", "milestones", "serving", "compressing")
FENCE = "`" * 3


@dataclass(frozen=True)
class Page:
    """A page of the reference: its Markdown, and how many names it documents."""

    text: str
    names: int


def api_pages(course: Course) -> dict[str, Page]:
    """The pages by name: one for each written assignment, by its key, and `frame` for what is given."""
    with tempfile.TemporaryDirectory(prefix="tito-api-") as folder:
        made = compose.compose(course, compose.reference_layers(course), Path(folder) / "reference", linked=True)
        pages = {}
        for assignment in course.written():
            modules = {path: read_text(made.path / path) for path in assignment.writes}
            title = f"{assignment.short} {assignment.title}: API"
            lead = f"What [assignment {assignment.number}](../{assignment.key}/index.md) writes."
            pages[assignment.key] = _page(title, lead, modules)
        frame = {path: read_text(made.path / path) for path in _frame_modules(course)}
        lead = "What the course gives: nobody has to write these modules, and everybody may read them."
        pages["frame"] = _page("The frame: API", lead, frame)
    return pages


def _frame_modules(course: Course) -> list[str]:
    """The frame's modules that are an interface, as paths in a composition."""
    found = []
    for file in sorted(course.frame.rglob("*.py")):
        path = file.relative_to(course.frame)
        if path.parts[0] not in LEFT_OUT and not path.name.startswith("_"):
            found.append(f"tinytorch/{path.as_posix()}")
    return found


def _page(title: str, lead: str, modules: Mapping[str, str]) -> Page:
    parts, names = [f"# {title}", lead], 0
    for path, source in modules.items():
        module = path.removesuffix(".py").replace("/", ".")
        entries = list(_entries(parse(source, path), module))
        names += sum(entry.count("{py:") for entry in entries)
        head = ast.get_docstring(ast.parse(source)) or ""
        parts += [f"## `{module}`", f"{FENCE}{{py:module}} {module}\n{FENCE}", markdown(head), *entries]
    return Page("\n\n".join(part.strip() for part in parts) + "\n", names)


def _entries(tree: ast.Module, module: str) -> Iterator[str]:
    """Public classes and functions of a module, in its order."""
    yield f"{FENCE}{{py:currentmodule}} {module}\n{FENCE}"
    seen: set[str] = set()
    for node in tree.body:
        name = getattr(node, "name", "_")
        if name.startswith("_") or name in seen:
            continue
        seen.add(name)
        if isinstance(node, ast.ClassDef):
            yield _class(node)
        elif isinstance(node, ast.FunctionDef):
            yield _directive("function", name + _signature(node, bound=False), _doc(node))


def _class(node: ast.ClassDef) -> str:
    """A class with the signature of its constructor and its public methods."""
    functions = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)}
    inside = [_doc(node)]
    signature = ""
    if init := functions.get("__init__"):
        signature = _signature(init, bound=True, returns=False)
        inside.append(_doc(init))
    elif fields := _fields(node):
        signature = f"({', '.join(fields)})"
    if bases := [ast.unparse(base) for base in node.bases]:
        inside.insert(0, f"Based on {', '.join(f'`{base}`' for base in bases)}.")
    seen = {"__init__"}
    for method in node.body:
        if not isinstance(method, ast.FunctionDef) or method.name in seen:
            continue
        if method.name.startswith("_") and method.name not in CALLED:
            continue
        seen.add(method.name)
        inside.append(_method(method))
    return _directive("class", node.name + signature, *inside)


def _method(node: ast.FunctionDef) -> str:
    marks = {ast.unparse(d) for d in node.decorator_list}
    if marks & {"property", "cached_property"}:
        returns = f"\n:type: {ast.unparse(node.returns)}" if node.returns else ""
        return _directive("property", node.name + returns, _doc(node))
    static = "staticmethod" in marks
    option = "\n:staticmethod:" if static else "\n:classmethod:" if "classmethod" in marks else ""
    return _directive("method", node.name + _signature(node, bound=not static) + option, _doc(node))


def _fields(node: ast.ClassDef) -> list[str]:
    """The arguments of a dataclass."""
    if not any("dataclass" in ast.unparse(d) for d in node.decorator_list):
        return []
    fields = [f for f in node.body if isinstance(f, ast.AnnAssign) and isinstance(f.target, ast.Name)]
    return [
        f"{ast.unparse(f.target)}: {ast.unparse(f.annotation)}" + (f" = {ast.unparse(f.value)}" if f.value else "")
        for f in fields
        if not f.target.id.startswith("_")
    ]


def _signature(node: ast.FunctionDef, bound: bool, returns: bool = True) -> str:
    """The arguments as written, without `self`."""
    arguments = ast.unparse(node.args)
    if bound:
        _, _, arguments = arguments.partition(", ") if ", " in arguments else ("", "", "")
    after = f" -> {ast.unparse(node.returns)}" if returns and node.returns else ""
    return f"({arguments.removeprefix('/, ')}){after}"


def _doc(node: ast.AST) -> str:
    text = ast.get_docstring(node)
    return markdown(text) if text else ""


def _directive(kind: str, head: str, *inside: str) -> str:
    """A Sphinx directive around Markdown; its fence is longer than any inside."""
    body = "\n\n".join(part.strip() for part in inside if part.strip())
    fence = FENCE
    while fence in body:
        fence += "`"
    first, *options = head.split("\n")
    return "\n".join([f"{fence}{{py:{kind}}} {first}", *options, *(["", body] if body else []), fence])


