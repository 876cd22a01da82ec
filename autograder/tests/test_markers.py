"""The stripper: what each marker becomes. Which markers are refused is the subject of test_scan.py."""

from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.build import solution_lines, strip


def stripped(source: str) -> str:
    return strip(textwrap.dedent(source).lstrip("\n"), "a01_tensor", "tensor.py")


RAISE = 'raise NotImplementedError("a01_tensor: {} is yours to write")'

BLOCKS = {
    "a function": (
        """
        def f(x):
            '''Doc.'''
            # a hint
            # BEGIN SOLUTION
            y = x + 1

            return y
            # END SOLUTION

        def g(): pass
        """,
        """
        def f(x):
            '''Doc.'''
            # a hint
            {f}

        def g(): pass
        """,
    ),
    "a method, and code below it that stays": (
        """
        class A:
            def m(self):
                # BEGIN SOLUTION
                a = 1
                # END SOLUTION
                return a
        """,
        """
        class A:
            def m(self):
                {A.m}
                return a
        """,
    ),
    "a nested function and a class inside a function": (
        """
        class A:
            class B:
                async def m(self):
                    def inner():
                        # BEGIN SOLUTION
                        return 1
                        # END SOLUTION
                    class C:
                        def n(self):
                            # BEGIN SOLUTION
                            return 2
                            # END SOLUTION
        """,
        """
        class A:
            class B:
                async def m(self):
                    def inner():
                        {A.B.m}
                    class C:
                        def n(self):
                            {A.B.m}
        """,
    ),
    "both bodies of a condition": (
        """
        def f(x):
            if x:
                # BEGIN SOLUTION
                return 1
                # END SOLUTION
            else:
                # BEGIN SOLUTION
                for i in x:
                    yield i
                # END SOLUTION
        """,
        """
        def f(x):
            if x:
                {f}
            else:
                {f}
        """,
    ),
    "a property and its setter": (
        """
        class A:
            @property
            def p(self):
                # BEGIN SOLUTION
                return self._p
                # END SOLUTION

            @p.setter
            def p(self, value):
                # BEGIN SOLUTION
                self._p = value
                # END SOLUTION
        """,
        """
        class A:
            @property
            def p(self):
                {A.p}

            @p.setter
            def p(self, value):
                {A.p}
        """,
    ),
    "a block without a prompt": (
        """
        def f():
            a = 1
            # BEGIN SOLUTION NO PROMPT
            a += 1
            # END SOLUTION
            return a
        """,
        """
        def f():
            a = 1
            return a
        """,
    ),
    "whole methods at class level, with decorators and comments": (
        """
        class A:
            x = 1

            # BEGIN SOLUTION
            # why
            @staticmethod
            @(
                print
            )
            def _h():
                def deeper():
                    return 1
                return deeper
            # END SOLUTION

            y = 2
        """,
        """
        class A:
            x = 1

            y = 2
        """,
    ),
    "module level, under a condition, keeping two blank lines": (
        """
        import sys


        # BEGIN SOLUTION
        _TABLE = {{1: 2}}
        # END SOLUTION


        def f(): ...
        if sys:
            a = 1
            # BEGIN SOLUTION
            _b = 1
            # END SOLUTION
        """,
        """
        import sys


        def f(): ...
        if sys:
            a = 1
        """,
    ),
    "a block that touches the code above but not the code below": (
        """
        import sys
        # BEGIN SOLUTION
        import os
        # END SOLUTION


        def f(): ...
        """,
        """
        import sys


        def f(): ...
        """,
    ),
    "a prompt that only students see": (
        """
        def f(x):
            # BEGIN SOLUTION NO PROMPT
            return x[0]
            # END SOLUTION
            # BEGIN PROMPT
            # first = ...
            #
            # if first:
            #     return first
            # # a comment
            #tight = 1
            # END PROMPT
        """,
        """
        def f(x):
            first = ...

            if first:
                return first
            # a comment
            tight = 1
        """,
    ),
    "no block": ("x = 1\n", "x = 1\n"),
}


@pytest.mark.parametrize("case", BLOCKS)
def test_a_block_becomes_one_raise_in_functions_and_nothing_elsewhere(case: str) -> None:
    source, expected = (textwrap.dedent(text).lstrip("\n") for text in BLOCKS[case])
    source = source.replace("{{", "{").replace("}}", "}")
    for name in ("f", "A.m", "A.B.m", "A.p"):
        expected = expected.replace(f"{{{name}}}", RAISE.format(name))
    assert stripped(source) == expected


LINES = [
    ("y = x + 1  # SOLUTION", "y = ...  # a01_tensor: yours to write"),
    ("y: int = x + 1  # SOLUTION", "y: int = ...  # a01_tensor: yours to write"),
    ("y: (list[int]) = [x]  # SOLUTION", "y: (list[int]) = ...  # a01_tensor: yours to write"),
    ("x += 1  # SOLUTION", "x = ...  # a01_tensor: yours to write"),
    ("x.a[x == 1] **= x == 2  # SOLUTION", "x.a[x == 1] = ...  # a01_tensor: yours to write"),
    ("y = z = x  # SOLUTION", "y = z = ...  # a01_tensor: yours to write"),
    ("y, (z, *w) = x  # SOLUTION", "y, (z, *w) = ..., (..., ...)  # a01_tensor: yours to write"),
    ("(y,) = x  # SOLUTION", "(y,) = ...,  # a01_tensor: yours to write"),
    ("y = lambda a=1: a  # SOLUTION", "y = ...  # a01_tensor: yours to write"),
    ("x[lambda a=1: a] = 2  # SOLUTION", "x[lambda a=1: a] = ...  # a01_tensor: yours to write"),
    ("(y) = (x)  # SOLUTION", "(y) = ...  # a01_tensor: yours to write"),
    ("größe = 'ß'; # SOLUTION", "größe = ...  # a01_tensor: yours to write"),
    ("y = 'ß'  # SOLUTION   ", "y = ...  # a01_tensor: yours to write"),
    ("y = g(\n        1,\n    )  # SOLUTION", "y = ...  # a01_tensor: yours to write"),
    ("y = g(  # SOLUTION\n        1,\n    )", "y = ...  # a01_tensor: yours to write"),
    ("y = '''\n# SOLUTION\n'''  # SOLUTION", "y = ...  # a01_tensor: yours to write"),
    ("(y,\n     z) = x  # SOLUTION", "(y,\n     z) = ..., ...  # a01_tensor: yours to write"),
    ("y = \\\n        1  # SOLUTION", "y = ...  # a01_tensor: yours to write"),
    ("return x  # SOLUTION", RAISE.format("f")),
    ("g(x)  # SOLUTION", RAISE.format("f")),
    ("if x: return 1  # SOLUTION", "if x: " + RAISE.format("f")),
    ("if x: y = 1  # SOLUTION", "if x: y = ...  # a01_tensor: yours to write"),
    ("g(x)  # SOLUTION NO PROMPT\n    pass", "pass"),
    ("def h(a,\n          b): return a  # SOLUTION", "def h(a,\n          b): " + RAISE.format("f")),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_a_tagged_line_keeps_an_assignments_target_and_otherwise_raises(line: str, expected: str) -> None:
    assert stripped(f"def f(x):\n    {line}\n") == f"def f(x):\n    {expected}\n"


def test_tagged_lines_at_module_and_class_level_leave_an_importable_stub() -> None:
    source = (
        "import math\nA, B = 1, 2  # SOLUTION\nprint(A)  # SOLUTION\n"
        "class C:\n    x = 1  # SOLUTION\n    print(x)  # SOLUTION\n"
    )
    stub = stripped(source)
    assert stub == (
        "import math\nA, B = ..., ...  # a01_tensor: yours to write\n"
        "class C:\n    x = ...  # a01_tensor: yours to write\n"
    )
    exec(compile(stub, "stub", "exec"), {})


def test_a_one_line_function_keeps_its_head() -> None:
    assert stripped("def f(): return 1  # SOLUTION\n") == f"def f(): {RAISE.format('f')}\n"
    assert stripped("class A:\n    async def f(self): x = 1  # SOLUTION\n").endswith(
        "x = ...  # a01_tensor: yours to write\n"
    )


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(newline: str) -> None:
    plain = "def f():\n    # BEGIN SOLUTION\n    s = '''a\n# SOLUTION'''\n    return s  \n    # END SOLUTION\n"
    foreign = "\ufeff" + plain.replace("\n", newline)
    assert stripped(foreign) == stripped(plain) == f"def f():\n    {RAISE.format('f')}\n"
    assert solution_lines(foreign) == solution_lines(plain) == {3, 4, 5}


def test_tabs_are_kept() -> None:
    source = "class A:\n\tdef f(self):\n\t\t# BEGIN SOLUTION\n\t\treturn 1\n\t\t# END SOLUTION\n"
    assert strip(source, "a01_tensor", "x.py") == f"class A:\n\tdef f(self):\n\t\t{RAISE.format('A.f')}\n"


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
def test_a_block_may_be_the_whole_module(end: str) -> None:
    assert stripped(f"# BEGIN SOLUTION\nx = 1\n# END SOLUTION{end}").strip() == ""


def test_a_missing_last_newline_is_no_problem() -> None:
    assert (
        stripped("def f():\n    # BEGIN SOLUTION\n    pass\n    # END SOLUTION") == f"def f():\n    {RAISE.format('f')}"
    )


def test_overloads_stay_and_only_the_implementation_is_emptied() -> None:
    source = (
        "from typing import overload\n@overload\ndef f(x: int) -> int: ...\n@overload\ndef f(x: str) -> str: ...\n"
        "def f(x):\n    # BEGIN SOLUTION\n    return x\n    # END SOLUTION\n"
    )
    assert stripped(source).count("@overload") == 2
    assert stripped(source).endswith(f"def f(x):\n    {RAISE.format('f')}\n")


def test_solution_lines_are_those_between_markers_and_tagged_statements() -> None:
    source = textwrap.dedent("""\
        def f(x):
            # BEGIN SOLUTION
            y = x

            # END SOLUTION
            z = (  # SOLUTION
                1
            )
            # BEGIN PROMPT
            # z = 2
            # END PROMPT
            if z: return 1  # SOLUTION NO PROMPT
            pass
        """).replace("    if z: return 1  # SOLUTION NO PROMPT\n", "    return 1  # SOLUTION NO PROMPT\n")
    assert solution_lines(source) == {3, 4, 6, 7, 8, 12}


# Properties, on programs put together at random.

words = st.sampled_from(["# BEGIN SOLUTION", "# END SOLUTION", "x  # SOLUTION", "text", "'", "\\n", "{", "}"])
literals = st.lists(words, max_size=4).map(" ".join).map(repr)
secrets = st.integers(min_value=10**6, max_value=10**7)


@st.composite
def body(draw: st.DrawFn, depth: int) -> list[str]:
    """Lines of a function's body; what is secret holds a number above a million."""
    lines: list[str] = []
    for kind in draw(st.lists(st.sampled_from(["plain", "block", "tag", "if", "prompt"]), min_size=1, max_size=4)):
        if kind == "plain":
            lines.append(f"a = {draw(literals)}")
        elif kind == "tag":
            lines.append(
                draw(
                    st.sampled_from(["a = {}  # SOLUTION", "return {}  # SOLUTION", "a, b = {}, 1  # SOLUTION"])
                ).format(draw(secrets))
            )
        elif kind == "prompt":
            lines += ["# BEGIN PROMPT", "# a = 0", "# END PROMPT"]
        elif kind == "block":
            inner = [f"b = [{draw(secrets)}, {draw(literals)}]", "", f"if b:\n    return '''{draw(secrets)}\n'''"]
            silent = draw(st.booleans())
            lines += [f"# BEGIN SOLUTION{' NO PROMPT' * silent}", *inner, "# END SOLUTION", *["pass"] * silent]
        elif depth:
            lines += ["if a:", *(_indented(line) for line in draw(body(depth - 1)))]
    return lines if any(not line.startswith("#") for line in lines) else [*lines, "pass"]


def _indented(text: str) -> str:
    return "\n".join("    " + line if line.strip() not in ("", "'''") else line for line in text.split("\n"))


@st.composite
def programs(draw: st.DrawFn) -> str:
    functions = []
    for number in range(draw(st.integers(1, 3))):
        lines = [f"def f{number}(a):", f"    {draw(literals)}", *(_indented(line) for line in draw(body(2)))]
        functions.append("\n".join(lines))
    return "\n\n\n".join(functions) + "\n"


@given(programs())
def test_no_secret_survives_no_other_line_is_touched_and_a_second_pass_changes_nothing(source: str) -> None:
    stub = strip(source, "a01_tensor", "x.py")
    numbers = [n.value for n in ast.walk(ast.parse(stub)) if isinstance(n, ast.Constant) and isinstance(n.value, int)]
    assert all(number < 10**6 for number in numbers)
    assert "NO PROMPT" not in stub
    marked = solution_lines(source)
    outside = [
        t
        for n, t in enumerate(source.split("\n"), 1)
        if n not in marked and not t.strip().startswith("#") and t.strip()
    ]
    remaining = iter(stub.split("\n"))
    assert all(line in remaining for line in outside), "lines outside the markers stay, in order"
    assert strip(stub, "a01_tensor", "x.py") == stub
