"""What is a marker, what is text, and what an author is told about a marker that is doubtful or in a wrong place."""

from __future__ import annotations

import pytest

from autograder.build import solution_lines, strip
from autograder.errors import UserError


def refused(source: str) -> str:
    with pytest.raises(UserError) as caught:
        strip(source, "a01_tensor", "tensor.py")
    return str(caught.value)


TEXT = [
    's = "# BEGIN SOLUTION"\n',
    "s = '''\n# BEGIN SOLUTION\nx\n# SOLUTION\n'''\n",
    's = f"# BEGIN SOLUTION {1} # SOLUTION"\n',
    'def f():\n    """Doc.\n\n    # BEGIN SOLUTION\n    """\n',
    "s = r'# END SOLUTION' 'x  # SOLUTION'\n",
    's = f"""\n# BEGIN SOLUTION\n{1}\n# END SOLUTION\n"""\n',
    "x = 1  # the solution of the equation\n",
    "# Solve it in two steps; solutions may differ.\n",
    "# beginning of the file, end of the story\n",
    "def f(x: (y := 1)): ...  # allowed, unless annotations are postponed\n",
]


@pytest.mark.parametrize("source", TEXT)
def test_markers_in_strings_and_ordinary_comments_are_text(source: str) -> None:
    assert strip(source, "a01_tensor", "x.py") == source
    assert solution_lines(source) == frozenset()


F = "def f(x):\n    "
WRONG = [
    ("misspelt", F + "# BEGIN SOLUTON\n    return 1\n    # END SOLUTION", 2, "'# BEGIN SOLUTON'"),
    ("no space", F + "#BEGIN SOLUTION\n    return 1\n    # END SOLUTION", 2, "write '# BEGIN SOLUTION'"),
    ("lower case", F + "# begin solution\n    return 1", 2, "write '# BEGIN SOLUTION'"),
    ("colon", F + "# BEGIN SOLUTION:\n    return 1", 2, "write '# BEGIN SOLUTION'"),
    ("three hashes", F + "### BEGIN SOLUTION\n    return 1", 2, "write '# BEGIN SOLUTION'"),
    ("decorated", F + "# ---- END SOLUTION ----\n    return 1", 2, "'# ---- END SOLUTION ----'"),
    ("underscore", F + "# BEGIN_SOLUTION\n    return 1", 2, "write '# BEGIN SOLUTION'"),
    ("unknown marker", F + "# BEGIN TESTS\n    return 1", 2, "'# BEGIN TESTS'"),
    ("misspelt tag", F + "return 1  # SOLUTON", 2, "write '# SOLUTION'"),
    ("tag in lower case", F + "return 1  # solution", 2, "write '# SOLUTION'"),
    ("tag within a comment", F + "return 1  # quick  # SOLUTION", 2, "'# quick  # SOLUTION'"),
    (
        "misspelt inside a block",
        F + "# BEGIN SOLUTION\n    return 1\n    # END SOLUTIN\n    # END SOLUTION",
        4,
        "END SOLUTIN'",
    ),
    ("unclosed", F + "# BEGIN SOLUTION\n    return 1", 2, "never closed"),
    ("unclosed prompt", F + "# BEGIN PROMPT\n    return 1", 2, "never closed"),
    ("stray end", F + "return 1\n    # END SOLUTION", 3, "closes nothing"),
    ("nested", F + "# BEGIN SOLUTION\n    # BEGIN SOLUTION\n    return 1\n    # END SOLUTION", 3, "line 2 opens"),
    ("tag in a block", F + "# BEGIN SOLUTION\n    return 1  # SOLUTION\n    # END SOLUTION", 3, "line 2 opens"),
    (
        "prompt in a block",
        F + "# BEGIN SOLUTION\n    # BEGIN PROMPT\n    return 1\n    # END SOLUTION",
        3,
        "line 2 opens",
    ),
    ("wrong end", F + "# BEGIN SOLUTION\n    return 1\n    # END PROMPT", 4, "line 2"),
    ("begin behind code", F + "x = 1  # BEGIN SOLUTION\n    return 1\n    # END SOLUTION", 2, "line of its own"),
    ("end behind code", F + "# BEGIN SOLUTION\n    return 1  # END SOLUTION", 3, "line of its own"),
    ("tag alone", F + "# SOLUTION\n    return 1", 2, "marks no line"),
    ("in brackets", "x = [\n    # BEGIN SOLUTION\n    1,\n    # END SOLUTION\n]", 2, "inside a statement"),
    ("tag on an element", "x = [\n    1,  # SOLUTION\n    2,\n]", 2, "last line"),
    ("tag on a head", "def f():  # SOLUTION\n    return 1", 1, "opens a block"),
    ("tag on a decorator", "@print  # SOLUTION\ndef f():\n    return 1", 1, "opens a block"),
    ("tag on else", F + "if x:\n        pass\n    else:  # SOLUTION\n        pass", 4, "opens a block"),
    ("two statements", F + "a = 1; b = 2  # SOLUTION", 2, "one statement a line"),
    ("no value", F + "a: int  # SOLUTION", 2, "without a value"),
    ("empty", F + "# BEGIN SOLUTION\n    # nothing\n\n    # END SOLUTION\n    return 1", 2, "without code"),
    ("empty prompt", F + "# BEGIN PROMPT\n    # END PROMPT\n    return 1", 2, "empty block"),
    ("code in a prompt", F + "# BEGIN PROMPT\n    return 1\n    # END PROMPT", 3, "'return 1'"),
    ("ends not aligned", F + "# BEGIN SOLUTION\n    return 1\n# END SOLUTION", 4, "indented"),
    ("not aligned with code", F + "x = 1\n# BEGIN SOLUTION\n    return 1\n# END SOLUTION", 3, "not indented"),
    (
        "leaves the function",
        F + "# BEGIN SOLUTION\n    return 1\ndef g():\n    return 2\n    # END SOLUTION",
        4,
        "leaves its body",
    ),
    (
        "begins at else",
        F + "if x:\n        pass\n    # BEGIN SOLUTION\n    else:\n        pass\n    # END SOLUTION",
        5,
        "middle",
    ),
    (
        "ends before else",
        F + "# BEGIN SOLUTION\n    if x:\n        pass\n    # END SOLUTION\n    else:\n        pass",
        5,
        "middle",
    ),
    (
        "only statement of a class",
        "class A:\n    # BEGIN SOLUTION\n    x = 1\n    # END SOLUTION\n",
        1,
        "does not compile",
    ),
    (
        "only statement under if",
        "a = 1\nif a:\n    # BEGIN SOLUTION\n    a = 2\n    # END SOLUTION\nb = 1",
        2,
        "does not compile",
    ),
    (
        "prompt is no Python",
        F + "# BEGIN PROMPT\n    # your code here\n    # END PROMPT\n    return 1",
        2,
        "does not compile",
    ),
    ("broken solution", "x = 1\ndef f(:\n    pass", 2, "syntax"),
    ("return at module level", "x = 1\nreturn x", 2, "outside function"),
]


@pytest.mark.parametrize(("source", "line", "words"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_doubtful_marker_is_refused_with_its_line(source: str, line: int, words: str) -> None:
    message = refused(source + "\n")
    assert message.startswith(f"tensor.py:{line}: "), message
    assert words in message
    assert "\n" not in message


def test_the_line_of_an_error_is_the_solutions_not_the_stubs() -> None:
    long = "def f():\n    # BEGIN SOLUTION\n" + "    pass\n" * 20 + "    # END SOLUTION\n"
    message = refused(long + "if f:\n    # BEGIN SOLUTION\n    pass\n    # END SOLUTION\nx = 1\n")
    assert message.startswith("tensor.py:24: ")
