"""A stub promises what the solution promises and holds none of its lines; labs come out the same everywhere."""

from __future__ import annotations

import json
import textwrap

import nbformat
import pytest

from autograder.build import leaked_lines, make_lab, make_stub, stub_problems
from autograder.errors import UserError

SOLUTION = '''\
"""A module."""

from __future__ import annotations

import math

SIZE = 3
TABLE: dict[str, int] = {"a": math.floor(1.5)}  # SOLUTION


class Shape(tuple):
    """A shape."""

    rank: int = 2  # SOLUTION

    def grow(self, by: int = 1, *, times: int = 2) -> int:
        """Grow."""
        # BEGIN SOLUTION
        total = sum(self) * by
        return total ** times
        # END SOLUTION

    @property
    def size(self) -> int:
        """How much."""
        return math.prod(self)  # SOLUTION

    # BEGIN SOLUTION
    def _secret(self):
        return self.grow(7)
    # END SOLUTION


async def wait(*args, **kwargs): ...


# BEGIN SOLUTION
def _helper():
    return 1
# END SOLUTION
'''


def test_a_stub_keeps_names_signatures_and_docstrings_and_loses_the_rest() -> None:
    stub = make_stub(SOLUTION, "a01_tensor", "x.py")
    assert stub_problems(SOLUTION, stub, "x.py") == ()
    for gone in ("sum(self)", "floor", "math.prod", "_secret", "_helper", "# SOLUTION"):
        assert gone not in stub
    for kept in ('"""Grow."""', "by: int = 1, *, times: int = 2", "@property", "async def wait", "SIZE = 3"):
        assert kept in stub


# What a wrong stripper (or a hand) could do to a stub, and what is said about it.
SPOILED = [
    ("a renamed parameter", "by: int = 1", "of: int = 1", "signature of Shape.grow"),
    ("another default", "times: int = 2", "times: int = 3", "signature of Shape.grow"),
    ("a lost return annotation", "times: int = 2) -> int", "times: int = 2)", "signature of Shape.grow"),
    ("a lost base", "class Shape(tuple)", "class Shape", "signature of Shape"),
    ("a lost decorator", "    @property\n", "", "signature of Shape.size"),
    ("a lost async", "async def wait", "def wait", "signature of wait"),
    ("a lost method docstring", '"""Grow."""', "pass", "docstring of Shape.grow"),
    ("a changed class docstring", '"""A shape."""', '"""Shape."""', "docstring of Shape"),
    ("a lost module docstring", '"""A module."""', "", "module's docstring"),
    ("a lost function", "async def wait(*args, **kwargs): ...", "", "loses wait"),
    ("a lost name", "SIZE = 3", "", "'SIZE'"),
    ("a new name", "SIZE = 3", "SIZE = 3\nEXTRA = 4", "'EXTRA' exists only in the stub"),
    ("another field type", "rank: int", "rank: str", "signature of Shape.rank"),
    ("a leaked line", "SIZE = 3", "SIZE = 3\ndef _f(self, by): total=sum( self )*by", "sum(self) * by"),
    (
        "a leaked line in another layout",
        "async def",
        "if 0:\n  total = sum(self)\\\n   *by  # hm\nasync def",
        "sum(self) * by",
    ),
    ("a leaked tagged line", "async def", "def _f(self):\n    return math.prod(self)\nasync def", "math.prod(self)"),
]


@pytest.mark.parametrize(("old", "new", "words"), [s[1:] for s in SPOILED], ids=[s[0] for s in SPOILED])
def test_a_spoiled_stub_is_found_out(old: str, new: str, words: str) -> None:
    stub = make_stub(SOLUTION, "a01_tensor", "x.py")
    assert stub.count(old) == 1
    problems = stub_problems(SOLUTION, stub.replace(old, new), "x.py")
    assert any(words in problem for problem in problems), problems


def marked(code: str, indent: str = "    ", silent: str = "") -> str:
    lines = [f"# BEGIN SOLUTION{silent}", *code.split("\n"), "# END SOLUTION"]
    return "".join(f"{indent}{line}\n" for line in lines)


def test_lines_that_stand_outside_the_markers_too_or_say_nothing_are_no_leak() -> None:
    secret = "def f(x):\n" + marked("y = x.sum(0)\nreturn y")
    assert leaked_lines(secret, "y = x.sum(0)\nreturn y\n") == ((3, "y = x.sum(0)"),)
    known = secret + "def g(x):\n    y = x.sum(0)\n    return y\n"
    assert leaked_lines(known, "y = x.sum(0)\nreturn y\n") == ()
    assert stub_problems(known, make_stub(known, "a01_tensor", "x.py"), "x.py") == ()


def test_an_import_may_go_with_the_solution_that_needs_it() -> None:
    source = marked("import os", "") + "def f(x):\n" + marked("return os.sep + x")
    assert "os" not in make_stub(source, "a01_tensor", "x.py")


PROMPT = "    # BEGIN PROMPT\n    # if x: return x +1\n    # END PROMPT\n"
REFUSED = [
    ("a file without markers", "def f(): return 1\n", "no solution marker"),
    ("a public function that vanishes", marked("def f():\n    pass", ""), "'f' is defined only"),
    ("a public method that vanishes", "class A:\n    x = 1\n" + marked("def m(self): ..."), "A.m"),
    ("a dunder method that vanishes", "class A:\n    x = 1\n" + marked("def __add__(s, o): ..."), "A.__add__"),
    ("a constant that vanishes", marked("EPS = 1", ""), "'EPS'"),
    ("a docstring in a block", "def f():\n" + marked("'Doc.'\nreturn 1"), "docstring of f"),
    ("a telling prompt", "def f(x):\n" + marked("return x+ 1", silent=" NO PROMPT") + PROMPT, "'return x+ 1'"),
]


@pytest.mark.parametrize(("source", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_a_solution_that_gives_no_fair_stub_is_refused(source: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        make_stub(source, "a01_tensor", "x.py")
    assert words in str(caught.value)
    assert str(caught.value).startswith("x.py:")


def test_the_second_of_two_definitions_is_compared_with_the_second() -> None:
    source = SOLUTION + "\n\nclass B:\n    def f(self): ...\n    def f(self, a): ...\n"
    stub = make_stub(source, "a01_tensor", "x.py")
    assert any("B.f" in p for p in stub_problems(source, stub.replace("self, a", "self, b"), "x.py"))


# Labs.

LAB = '''\
# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     jupytext_version: 1.2.3
# ---

# %% [markdown]
# # SOLUTION of the mystery
# Look for `# BEGIN SOLUTION`.
# BEGIN SOLUTION

# %%
# %matplotlib inline
text = """
# %%
# BEGIN SOLUTION
"""

# %% tags=["predict"]
def guess(x):
    # BEGIN SOLUTION
    return x * 41
    # END SOLUTION



answer = guess(2)  # SOLUTION

# %% [markdown]
# The end: größer.
'''


def test_a_lab_becomes_a_valid_notebook_with_stripped_code_and_untouched_prose() -> None:
    notebook = nbformat.reads(make_lab(LAB, "a01_tensor", "lab.py"), as_version=4)
    nbformat.validate(notebook)
    prose, first, second, end = notebook.cells
    assert prose.source == "# SOLUTION of the mystery\nLook for `# BEGIN SOLUTION`.\nBEGIN SOLUTION"
    assert first.source == '%matplotlib inline\ntext = """\n# %%\n# BEGIN SOLUTION\n"""'
    raised = 'raise NotImplementedError("a01_tensor: guess is yours to write")'
    assert second.source == f"def guess(x):\n    {raised}\n\n\n\nanswer = ...  # a01_tensor: yours to write"
    assert second.metadata == {"tags": ["predict"]}
    assert end.source == "The end: größer."
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code", "markdown"]


def test_a_lab_holds_nothing_but_what_the_script_says() -> None:
    data = json.loads(make_lab(LAB, "a01_tensor", "lab.py"))
    assert data["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    code = [cell for cell in data["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert "lines_to_next_cell" not in json.dumps(data)


def test_ids_are_unique_stable_and_follow_the_content() -> None:
    source = "# %%\na = 1\n\n# %%\na = 1\n"
    ids, again, other = (
        [cell["id"] for cell in json.loads(make_lab(text, "a01_tensor", "lab.py"))["cells"]]
        for text in (source, source.replace("\n", "\r"), source.replace("a = 1", "a = 2", 1))
    )
    assert len(set(ids)) == 2
    assert ids == again
    assert (ids[0] != other[0], ids[1] == other[1]) == (True, True)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\n", "lab.py:1: no cell found"),
        ("# %%time\nx = 1\n", "lab.py:1: no cell found"),
        (
            "# %%\n# BEGIN SOLUTION\nx = 1\n\n# %% [raw]\n# x\n\n# %%\n# END SOLUTION\n",
            "lab.py:5: a solution runs over",
        ),
        ("# %%\nx = 1\n\n# %%\n# BEGIN SOLUTON\n", "lab.py:5: '# BEGIN SOLUTON'"),
        ("# %%\nx = (\n", "lab.py:2: "),
        ("# %%\nx = (\n# %%\n)\n", "lab.py:3: a cell begins inside a statement"),
    ],
)
def test_a_wrong_lab_is_refused_with_the_line_of_the_script(source: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        make_lab(textwrap.dedent(source), "a01_tensor", "lab.py")
    assert str(caught.value).startswith(message)
