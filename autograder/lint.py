"""Phase 2 of grading: what can be said about a source file without running it.

`lint_source` is a pure function of bytes and a policy, and needs the standard library and the catalogue of
messages only: hostile source can crash Python's own parser, so the grader calls it inside a sandboxed child and carries
the findings across as plain data. A fatal finding means that no test is run. Everything else is advice. Whether a
finding could be dodged by a determined author does not matter here: the sandbox holds either way, this page exists to
tell honest people in time.
"""

from __future__ import annotations

import ast
import codecs
import io
import marshal
import re
import sys
import tokenize
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from autograder.messages import message

if TYPE_CHECKING:
    from autograder.course import Assignment, Course

SOURCE_BYTES = 1 << 20
SHOWN = 120

# Libraries that already do what an assignment asks for. Anything else that is not allowed gets the plain sentence.
READY_MADE = frozenset(  # one block of words reads better than forty quoted strings
    """
    torch torchvision torchaudio pytorch_lightning lightning tensorflow keras jax jaxlib flax haiku optax sklearn
    autograd numba cupy theano pytensor aesara mxnet chainer paddle mindspore oneflow tinygrad micrograd minitorch
    needle mlx scipy onnx onnxruntime transformers tokenizers tiktoken sentencepiece xgboost lightgbm catboost
    """.split()  # noqa: SIM905
)
_DYNAMIC = frozenset({"exec", "eval", "compile", "__import__"})
_UNWRITTEN = re.compile(r"a\d\d_\w+: (?P<what>.+?) (?:is|are) yours to write")
_UNWRITTEN_LINE = re.compile(r"#\s*a\d\d_\w+: yours to write")
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


@dataclass(frozen=True)
class Finding:
    """One remark about one place. `line` and `column` count from 1; 0 means the file as a whole."""

    path: str
    line: int
    column: int
    rule: str
    message: str
    fatal: bool

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Finding:
        """Rebuild a finding from data that an untrusted process sent: types are checked, texts made printable."""
        line, column = (int(data[key]) for key in ("line", "column"))
        path, rule, told = (_safe(str(data[key]), 1000) for key in ("path", "rule", "message"))
        return cls(path, max(line, 0), max(column, 0), rule, told, data["fatal"] is not False)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


@dataclass(frozen=True)
class Linted:
    """What was found in all files of a layer, with the byte code of those that compile."""

    findings: tuple[Finding, ...]
    bytecode: Mapping[str, bytes]

    @property
    def fatal(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.fatal)


@dataclass(frozen=True)
class LintPolicy:
    """What one assignment may import. `unavailable` pairs a module with the absent assignment that would provide it."""

    assignment: str
    allowed: tuple[str, ...]
    forbidden_standard: tuple[str, ...] = ()
    unavailable: tuple[tuple[str, str], ...] = ()

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> LintPolicy:
        pairs = tuple((str(module), str(key)) for module, key in data["unavailable"])
        return cls(str(data["assignment"]), tuple(data["allowed"]), tuple(data["forbidden_standard"]), pairs)


def policy_for(course: Course, assignment: Assignment) -> LintPolicy:
    """The policy that `course.yaml` implies for an assignment."""
    there = {assignment.key, *course.closure(assignment.key)}
    absent = tuple((_module_of(path), key) for path, key in sorted(course.owners.items()) if key not in there)
    return LintPolicy(
        assignment.key, course.imports.allowed + assignment.imports, course.imports.forbidden_standard, absent
    )


def lint_source(path: str, source: bytes, policy: LintPolicy) -> tuple[Finding, ...]:
    """All findings about one file, by line. Never raises because of the source, and never runs any of it."""
    blocking = _check_bytes(path, source)
    if blocking is not None:
        return (blocking,)
    text = source.decode("utf-8-sig")
    findings = list(_conflicts(path, text))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, path)
            compile(
                source, path, "exec", dont_inherit=True, optimize=0
            )  # finds `return` outside a function, and the like
        findings += _Reader(path, text, policy).read(tree)
    except SyntaxError as error:
        findings.append(_syntax(path, text, error))
    except (RecursionError, MemoryError, OverflowError):
        findings.append(_too_deep(path))
    except ValueError as error:
        findings.append(Finding(path, 0, 0, "syntax", message("lint.file", problem=_safe(str(error))), True))
    return tuple(sorted(set(findings), key=lambda f: (f.line, f.column, f.rule, f.message)))


def compile_source(path: str, source: bytes) -> bytes | None:
    """The marshalled code object of a file that lints, or None when it does not compile.

    Compiled as an import would compile it (no flags inherited, asserts kept), so that a composition can carry byte
    code and an observer need not compile. `autograder.compose` puts the header of a .pyc before it. What a child of
    the sandbox returns from here is untrusted data: write it to disk, never unmarshal it.
    """
    if _check_bytes(path, source) is not None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return marshal.dumps(compile(source, path, "exec", dont_inherit=True, optimize=0))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def _check_bytes(path: str, source: bytes) -> Finding | None:
    """What makes a file unreadable before its grammar is looked at."""
    if len(source) > SOURCE_BYTES:
        return Finding(path, 0, 0, "size", message("lint.size", limit=SOURCE_BYTES >> 10), True)
    if (at := source.find(b"\0")) >= 0:
        return Finding(path, _line_of(source, at), 0, "nul", message("lint.nul"), True)
    try:
        source.decode("utf-8")
    except UnicodeDecodeError as error:
        shown = message("lint.not_utf8", byte=source[error.start])
        return Finding(path, _line_of(source, error.start), 0, "encoding", shown, True)
    return _check_declared_encoding(path, source)


def _check_declared_encoding(path: str, source: bytes) -> Finding | None:
    """A declared encoding would make Python read another text than the one that people and this module see."""
    for number, line in enumerate(source.removeprefix(codecs.BOM_UTF8).splitlines()[:2], 1):
        if declared := _CODING.match(line):
            name = declared.group(1).decode("ascii", "replace")
            plain = name.lower().replace("_", "-")
            if plain not in ("utf-8", "utf8", "ascii", "us-ascii") and not plain.startswith("utf-8-"):
                return Finding(path, number, 0, "encoding", message("lint.declared", name=_safe(name)), True)
        if line.split(b"#")[0].strip():
            break
    return None


def _conflicts(path: str, text: str) -> Iterator[Finding]:
    """Markers that a version control merge left behind; both ends must be there, since one alone may be anything."""
    lines = _lines(text)
    starts = [n for n, line in enumerate(lines, 1) if line.startswith("<<<<<<< ")]
    if starts and any(line.startswith(">>>>>>> ") for line in lines):
        for n in starts:
            yield Finding(path, n, 1, "conflict", message("lint.conflict"), False)


def _syntax(path: str, text: str, error: SyntaxError) -> Finding:
    line = error.lineno or 0
    lines = _lines(text)
    shown = _safe(lines[line - 1].strip()) if 0 < line <= len(lines) else ""
    problem = f"{_safe(error.msg)}: {shown}" if shown else _safe(error.msg)
    return Finding(path, line, max(error.offset or 0, 0), "syntax", message("lint.syntax", problem=problem), True)


def _too_deep(path: str) -> Finding:
    return Finding(path, 0, 0, "nesting", message("lint.nesting"), True)


class _Reader:
    """Looks at every node of one parsed file. `ast.walk` keeps a queue: a deep tree cannot exhaust Python's stack."""

    def __init__(self, path: str, text: str, policy: LintPolicy) -> None:
        self.path, self.policy = path, policy
        self.todo_lines = _todo_lines(text)
        self.absent = dict(policy.unavailable)
        self.own_names: set[str] = set()

    def read(self, tree: ast.Module) -> list[Finding]:
        nodes = list(ast.walk(tree))
        self.own_names = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
        return [finding for node in nodes for finding in self._look(node)]

    def _look(self, node: ast.AST) -> Iterator[Finding]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from self._imported(node, alias.name)
        elif isinstance(node, ast.ImportFrom):
            yield from self._imported_from(node)
        elif isinstance(node, ast.Call):
            yield from self._called(node)
        elif isinstance(node, ast.Raise):
            yield from self._raised(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            yield from self._assigned(node)

    def _imported_from(self, node: ast.ImportFrom) -> Iterator[Finding]:
        base = node.module or ""
        if node.level:
            package = _module_of(self.path).split(".")[: -node.level]
            if not package:
                yield self._finding(node, "import", message("lint.climbs"), True)
                return
            base = ".".join([*package, base] if base else package)
        found = list(self._imported(node, base))
        yield from found
        if not found:  # a name may itself be a module: from tinytorch.core import layers
            for alias in node.names:
                yield from self._imported(node, f"{base}.{alias.name}")

    def _imported(self, node: ast.stmt, module: str) -> Iterator[Finding]:
        if refusal := self._refusal(module):
            yield self._finding(node, "import", refusal, True)

    def _refusal(self, module: str) -> str:
        """Why `module` may not be imported, or an empty string."""
        top = module.split(".", 1)[0]
        if top == "tinytorch":
            return self._unavailable(module)
        if _covered(module, self.policy.allowed):
            return ""
        if _covered(module, self.policy.forbidden_standard):
            return message("lint.no_place", module=_safe(module))
        if top in sys.stdlib_module_names:
            return ""
        allowed = _listed(self.policy.allowed)
        if top in READY_MADE:
            return message("lint.ready_made", module=_safe(module), allowed=allowed)
        return message("lint.not_allowed", module=_safe(module), allowed=allowed)

    def _unavailable(self, module: str) -> str:
        for name, key in self.absent.items():
            if module == name or module.startswith(name + "."):
                return message("lint.later", module=_safe(module), key=key, assignment=self.policy.assignment)
        return ""

    def _called(self, node: ast.Call) -> Iterator[Finding]:
        name = _dotted(node.func)
        plain = name.removeprefix("builtins.")
        if plain in _DYNAMIC and (plain != name or name not in self.own_names):
            yield self._finding(node, "dynamic", message("lint.dynamic", name=name), False)
        elif name in ("importlib.import_module", "import_module"):
            yield self._finding(node, "dynamic", message("lint.import_module"), False)

    def _raised(self, node: ast.Raise) -> Iterator[Finding]:
        error = node.exc
        if isinstance(error, ast.Call) and _dotted(error.func) == "NotImplementedError" and error.args:
            text = error.args[0].value if isinstance(error.args[0], ast.Constant) else None
            if isinstance(text, str) and (found := _UNWRITTEN.match(text)):
                told = message("lint.unwritten", what=_safe(found.group("what")))
                yield self._finding(node, "unwritten", told, False)

    def _assigned(self, node: ast.Assign | ast.AnnAssign) -> Iterator[Finding]:
        value = node.value
        if isinstance(value, ast.Constant) and value.value is ... and node.lineno in self.todo_lines:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            what = _safe(_dotted(target) or "a value")
            yield self._finding(node, "unwritten", message("lint.unwritten", what=what), False)

    def _finding(self, node: ast.stmt | ast.expr, rule: str, told: str, fatal: bool) -> Finding:
        return Finding(self.path, node.lineno, node.col_offset + 1, rule, told, fatal)


def _todo_lines(text: str) -> frozenset[int]:
    """Lines whose comment (not a string that looks like one) says that the value is still to be written."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return frozenset()
    return frozenset(t.start[0] for t in tokens if t.type == tokenize.COMMENT and _UNWRITTEN_LINE.match(t.string))


def _dotted(node: ast.AST) -> str:
    """`a.b.c` for names and attributes of names, an empty string for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _covered(module: str, names: tuple[str, ...]) -> bool:
    """Whether the module or a package it stands in is among `names`."""
    return any(module == name or module.startswith(name + ".") for name in names)


def _module_of(path: str) -> str:
    """The name a file of the framework is imported by; __init__ stays, as relative imports count from it."""
    return path.removesuffix(".py").replace("/", ".")


def _listed(names: tuple[str, ...]) -> str:
    shown = ["NumPy" if name == "numpy" else name for name in names]
    return ", ".join(shown)


def _lines(text: str) -> list[str]:
    """Lines as Python counts them; str.splitlines would also break at form feeds and the like."""
    return re.split(r"\r\n|\r|\n", text)


def _line_of(source: bytes, at: int) -> int:
    before = source[:at].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return before.count(b"\n") + 1


def _safe(text: str, limit: int = SHOWN) -> str:
    """One printable line: every other kind of blank becomes a space, what cannot be printed a question mark."""
    out = "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text[:limit])
    return out + "..." if len(text) > limit else out
