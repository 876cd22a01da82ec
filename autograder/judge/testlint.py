"""Reading an Otter test file without running it, for mistakes that would pass silently or lose points silently.

Otter skips what it does not recognise: a case in the wrong form vanishes, or passes without having looked at anything.
Every rule here stands for one such trap. What can only be known by running the file is left to `testfiles`.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.judge.testsyntax import (
    Function,
    bound_names,
    constant,
    dotted,
    is_case_decorator,
    is_constant_statement,
    is_hidden,
    is_test_case,
    literal_title,
    local_names,
    module_literals,
    module_mutables,
    mutated,
    outside_functions,
    own_nodes,
    reachable,
    reached_nodes,
    without_docstring,
)

PARAMETERS = ("student", "reference", "rng", "datasets")
KEYWORDS = ("name", "points", "hidden", "success_message", "failure_message")
COMPARISONS = frozenset(
    {"close", "cpu_ratio", "equal", "shape", "dtype", "finite", "between", "true", "raises", "record"}
)
NOT_A_COMPARISON = "expect.record"  # it keeps a number and expects nothing

_TRY = (ast.Try, getattr(ast, "TryStar", ast.Try))  # try/except* exists from Python 3.11 on
_SEEDED = frozenset({"default_rng", "Generator", "SeedSequence", "PCG64", "PCG64DXSM", "Philox", "MT19937", "SFC64"})
_NOT_HERE = {
    "tinytorch": "the judge never imports the framework; ask through student or compute with NumPy",
    "tests": "the judge never imports the probes; ask through student",
    "probes": "the judge never imports the probes; ask through student",
    "pytest": "use expect",
    "unittest": "use expect",
    "random": "draw from rng",
}


@dataclass(frozen=True)
class Problem:
    """One thing to fix in a test file."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class CaseOutline:
    """What a file says about one case before it is run; `title` is empty when it is not a literal."""

    id: str
    title: str
    line: int


@dataclass(frozen=True)
class FileOutline:
    """A file's own name, its title, its cases, and what they record for the leaderboard, as they are written."""

    name: str
    title: str
    cases: tuple[CaseOutline, ...]
    records: tuple[str, ...] = ()


def lint_test_file(path: str, source: str) -> list[Problem]:
    """Every problem of one test file, by line; an empty list when it can be loaded and trusted to test something."""
    try:
        tree = ast.parse(source, path)
    except (SyntaxError, ValueError) as error:
        return [Problem(path, getattr(error, "lineno", 0) or 0, f"not Python: {error}; fix the line")]
    found = sorted(set(_Lint(path, tree).problems()))
    return [Problem(path, line, message) for line, message in found]


def outline(path: str, source: str) -> FileOutline:
    """The names that a (lintable) file declares."""
    lint = _Lint(path, ast.parse(source, path))
    name = lint.literals.get("name")
    title = lint.literals.get("title")
    cases = tuple(CaseOutline(f.name, literal_title(f), f.lineno) for f in lint.cases)
    name, title = (text if isinstance(text, str) else "" for text in (name, title))
    return FileOutline(name, title, cases, lint.records())


def expected_names(stem: str) -> tuple[str, ...]:
    """What `name` may be in test_softmax.py or test_02_softmax.py."""
    bare = stem.removeprefix("test_")
    return tuple(dict.fromkeys((re.sub(r"^\d+_", "", bare), bare)))


class _Lint:
    """The rules, over one parsed file."""

    def __init__(self, path: str, tree: ast.Module) -> None:
        self.path, self.tree = path, tree
        self.functions = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
        self.cases = [f for f in self.functions if any(is_case_decorator(d) for d in f.decorator_list)]
        self.helpers = {f.name: f for f in self.functions if f not in self.cases}
        self.literals = module_literals(tree)
        self.mutable = module_mutables(tree)

    def problems(self) -> Iterator[tuple[int, str]]:
        yield from self._header()
        yield from self._imports()
        yield from self._module_level()
        yield from self._names()
        for function in self.functions:
            yield from self._code(function)
        for case in self.cases:
            yield from self._decorator(case)
            yield from self._signature(case)
            yield from self._body(case)

    def records(self) -> tuple[str, ...]:
        """The names under which `expect.record` is written, as often as it is."""
        calls = (n for n in ast.walk(self.tree) if isinstance(n, ast.Call) and dotted(n.func) == NOT_A_COMPARISON)
        return tuple(str(constant(call.args[0])) for call in calls if call.args)

    # The file as a whole.

    def _header(self) -> Iterator[tuple[int, str]]:
        if self.literals.get("OK_FORMAT", True) is not False:
            yield 1, "OK_FORMAT = False is missing; without it Otter reads the file as another format"
        name = self.literals.get("name")
        stem = self.path.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".py")
        if not isinstance(name, str) or not name:
            yield 1, f'name is missing; add name = "{expected_names(stem)[0]}"'
        elif name not in expected_names(stem):
            yield 1, f'name is "{name}" but the file is {stem}.py; write name = "{expected_names(stem)[0]}"'
        title = self.literals.get("title", "absent")
        if not isinstance(title, str) or not title.strip():
            yield 1, "title must be a text: the heading that people read"
        if self.literals.get("points") is not None:
            yield 1, "points = None at the top: every case states its own points"
        if self.literals.get("all_or_nothing"):
            yield 1, "all_or_nothing hides which case failed; remove it"
        if not self.cases:
            yield 1, "the file holds no case; decorate a function with @test_case(...) or delete the file"

    def _imports(self) -> Iterator[tuple[int, str]]:
        for node in ast.walk(self.tree):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = ["." * node.level + (node.module or "")]
                if any(alias.name == "*" for alias in node.names):
                    yield node.lineno, f"from {modules[0]} import * hides where names come from; name them"
            for module in modules:
                if module.startswith("."):
                    yield node.lineno, "a test file stands alone; write helpers into it instead of a relative import"
                elif advice := _NOT_HERE.get(module.split(".")[0]):
                    yield node.lineno, f"import of {module}: {advice}"
        bound = {a.asname or a.name for n in self.tree.body if isinstance(n, ast.ImportFrom) for a in n.names}
        for name, origin in (("expect", "autograder"), ("test_case", "otter.test_files")):
            if name not in bound and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(self.tree)):
                yield 1, f"{name} is used but not imported; add from {origin} import {name}"

    def _module_level(self) -> Iterator[tuple[int, str]]:
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield (
                    node.lineno,
                    f"class {node.name}: Otter runs only functions with @test_case; write its methods as functions",
                )
        for node in outside_functions(self.tree):
            if isinstance(node, ast.Name) and node.id in PARAMETERS:
                yield node.lineno, f"{node.id} is used at module level, where it does not exist; use it inside a case"
        expected = {id(d) for case in self.cases for d in case.decorator_list}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and is_test_case(node.func) and id(node) not in expected:
                yield node.lineno, "test_case must decorate a function at the top level of the file"

    def _names(self) -> Iterator[tuple[int, str]]:
        """A name bound twice at the top level: Otter sees only the last binding, so a case vanishes."""
        cases = {case.name for case in self.cases}
        for name, count in Counter(bound_names(self.tree)).items():
            if count > 1 and name in cases:
                line = max(case.lineno for case in self.cases if case.name == name)
                yield line, f"{name} is bound {count} times, so a case vanishes; give every case its own name"
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in cases:
                yield node.lineno, f"a second name for the case {node.value.id} counts it twice; remove the assignment"
        titles = Counter(title for case in self.cases if (title := literal_title(case)))
        for case in self.cases:
            if titles[literal_title(case)] > 1:
                yield case.lineno, f'the name "{literal_title(case)}" stands on several cases; make each unique'

    # One function, case or helper.

    def _code(self, function: Function) -> Iterator[tuple[int, str]]:
        is_case = function in self.cases
        if not is_case and not function.name.startswith("_"):
            advice = "add one, or begin a helper's name with an underscore"
            yield function.lineno, f"{function.name} is never run: it has no @test_case; {advice}"
        local = local_names(function)
        for node in ast.walk(function):
            yield from self._statement(node, function, local)

    def _statement(self, node: ast.AST, function: Function, local: set[str]) -> Iterator[tuple[int, str]]:
        if isinstance(node, ast.Assert):
            yield node.lineno, "a bare assert says nothing to a student; use expect.*"
        elif isinstance(node, _TRY) and node.handlers:
            yield (
                node.lineno,
                f"try/except in {function.name} can swallow the student's error; use expect.raises or nothing",
            )
        elif isinstance(node, ast.Global):
            yield node.lineno, "cases share no state; pass values as arguments"
        elif isinstance(node, ast.Name) and node.id in PARAMETERS and node.id not in local:
            yield node.lineno, f"{function.name} uses {node.id} without having it as a parameter; add the parameter"
        elif isinstance(node, ast.Call):
            yield from self._call(node)
        changed = mutated(node)
        if changed in self.mutable and changed not in local:
            yield getattr(node, "lineno", 0), f"{changed} is shared by all cases and changed here; build it in the case"

    def _call(self, node: ast.Call) -> Iterator[tuple[int, str]]:
        name = dotted(node.func)
        module, _, last = name.rpartition(".")
        if module == "expect":
            yield from self._comparison(node, last)
        elif last.startswith("assert_"):
            yield node.lineno, f"{name} speaks to programmers; use expect.*"
        elif module in ("np.random", "numpy.random") and (last not in _SEEDED or not (node.args or node.keywords)):
            yield node.lineno, f"{name} is not seeded per submission; draw from rng"
        elif last == "suppress":
            yield node.lineno, "suppress can swallow the student's error; use expect.raises or nothing"

    def _comparison(self, node: ast.Call, last: str) -> Iterator[tuple[int, str]]:
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if last == "record" and not (node.args and isinstance(constant(node.args[0]), str)):
            yield node.lineno, "expect.record's first argument is a column of the leaderboard; write its name out"
        if last not in COMPARISONS:
            yield node.lineno, f"expect has no {last}; choose one of {', '.join(sorted(COMPARISONS))}"
        elif not any(isinstance(inner, (ast.Name, ast.Call)) for value in given for inner in ast.walk(value)):
            yield (
                node.lineno,
                f"expect.{last} compares constants only, so it never depends on the student; compare a result",
            )
        if last == "raises":
            errors = (
                {inner.id for inner in ast.walk(node.args[0]) if isinstance(inner, ast.Name)} if node.args else set()
            )
            if "NotImplementedError" in errors:
                yield (
                    node.lineno,
                    "expect.raises(NotImplementedError, ...) lets an untouched stub pass; expect another error",
                )
            if len(node.args) > 1 and isinstance(node.args[1], ast.Call):
                call = ast.unparse(node.args[1].func)
                yield (
                    node.lineno,
                    f"expect.raises must make the call itself: write expect.raises(Error, {call}, arguments)",
                )

    # One case.

    def _decorator(self, case: Function) -> Iterator[tuple[int, str]]:
        if len(case.decorator_list) > 1:
            yield case.lineno, f"{case.name} has several decorators; keep only @test_case(...)"
        decorator = next(d for d in case.decorator_list if is_case_decorator(d))
        if not isinstance(decorator, ast.Call):
            yield (
                decorator.lineno,
                f"@test_case without parentheses makes {case.name} vanish; write @test_case(name=..., points=...)",
            )
            return
        if decorator.args:
            yield decorator.lineno, "write test_case's arguments by keyword: name=, points=, hidden=, ..."
        given = {k.arg: k.value for k in decorator.keywords}
        for keyword in given:
            if keyword is None:
                yield decorator.lineno, "write test_case's keywords out instead of **"
            elif keyword not in KEYWORDS:
                yield decorator.lineno, f"test_case has no keyword {keyword}; choose among {', '.join(KEYWORDS)}"
        yield from self._values(case, decorator.lineno, given)

    def _values(self, case: Function, line: int, given: dict[str | None, ast.expr]) -> Iterator[tuple[int, str]]:
        if not literal_title(case).strip():
            yield line, f"{case.name} needs name= as a literal text: the title that a student reads"
        points = constant(given.get("points"))
        if type(points) not in (int, float) or not math.isfinite(points) or points <= 0:
            yield line, f"{case.name} needs points= as a literal number above 0"
        if "hidden" in given and not isinstance(constant(given["hidden"]), bool):
            yield line, f"{case.name}: hidden= must be True or False, written out, so that `tito build` can tell"
        for key in ("success_message", "failure_message"):
            if key in given and not isinstance(constant(given[key]), str):
                yield line, f"{case.name}: {key}= must be a literal text"

    def _signature(self, case: Function) -> Iterator[tuple[int, str]]:
        a = case.args
        names = [arg.arg for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
        if (
            a.vararg
            or a.kwarg
            or a.defaults
            or a.posonlyargs
            or a.kwonlyargs
            or any(n not in PARAMETERS for n in names)
        ):
            yield (
                case.lineno,
                f"{case.name} may take only the parameters {', '.join(PARAMETERS)}, without defaults or stars",
            )
        if "student" not in names:
            yield case.lineno, f"{case.name} does not take student, so it cannot test anything; add the parameter"
        elif not any(isinstance(n, ast.Name) and n.id == "student" for s in case.body for n in ast.walk(s)):
            yield case.lineno, f"{case.name} never uses student, so it tests nothing; call a probe"
        if "reference" in names and not is_hidden(case):
            yield (
                case.lineno,
                f"{case.name} is public but takes reference, which does not exist at a student's home; make it hidden",
            )
        if case.name.startswith("_"):
            yield case.lineno, f"{case.name}: a case's name has no leading underscore (those are helpers)"

    def _body(self, case: Function) -> Iterator[tuple[int, str]]:
        if isinstance(case, ast.AsyncFunctionDef):
            yield case.lineno, f"{case.name} is async: Otter never awaits it, so it always passes; write def"
        if any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in own_nodes(case)):
            yield case.lineno, f"{case.name} is a generator: Otter never runs it, so it always passes; remove yield"
        statements = list(reachable(without_docstring(case.body)))
        if not statements or all(isinstance(s, ast.Pass) or is_constant_statement(s) for s in statements):
            yield case.lineno, f"{case.name} is empty, so it always passes; write the test"
        elif not self._expects(statements, set()):
            never = any(self._expects([s], set()) for s in case.body)
            how = "its expectations can never run" if never else "it calls no expect.*"
            yield case.lineno, f"{case.name} always passes: {how}"

    def _expects(self, statements: list[ast.stmt], seen: set[str]) -> bool:
        """Whether any statement compares something, itself or through helpers of this file."""
        nodes = (node for statement in statements for node in reached_nodes(statement))
        called = {dotted(node.func) for node in nodes if isinstance(node, ast.Call)}
        if any(name.startswith("expect.") and name != NOT_A_COMPARISON for name in called):
            return True
        helpers = [self.helpers[name] for name in sorted(called & set(self.helpers) - seen)]
        return any(self._expects(list(reachable(without_docstring(h.body))), seen | {h.name}) for h in helpers)
