"""What students get of a test file: the public cases word for word, and no trace of the hidden ones."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.build import leaks, public_version
from autograder.errors import UserError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of a package that Otter imports
    from otter.test_files import ExceptionTestFile

HEAD = '''\
# A comment of the file.
"""What this file looks at."""

from __future__ import annotations

import math, json
from functools import partial as both, reduce  # kept for its name

import numpy as np
from otter.test_files import test_case

OK_FORMAT = False
name, title = "demo", "Demo"
points = None

# Sizes for everybody.
SIZES = (1, 2)
_FAR = np.full(3, 1e9)  # only for the hidden ones
'''

FILE = (
    HEAD
    + '''

def _shared(x):
    def inner(): return both(_double, x)
    return inner() + len(SIZES)


def _double(x): return 2 * x


class _Secret:
    """Used by hidden cases only."""
    value = json.dumps(1)


# ---- the easy ones ----

@test_case(name="adds", points=2)
def adds(student,   rng):
    """Odd   formatting stays."""
    json = math.pi  # a local name, not the module

    _shared(student.add(1, json))


# Overflows at 710: remember to tell nobody.
# Second line.
@test_case(
    name="survives large inputs",
    points=4,
    hidden=True,
    failure_message="Think of the "
    "largest exponent.",
)
def survives_large_inputs(student, reference):
    # exp of a thousand
    _check(student.exp(_FAR), reduce(max, _FAR), _Secret.value)
    # a last remark below the body


# Keep this one.
@test_case(name="subtracts", points=3, hidden=False, failure_message="Mind the sign.")
def subtracts(student): _shared(student.sub(1, 2))
# and this remark


def _check(a, *b):
    assert a, b


@test_case("positional", 5, True)
def positional_case(student): _check(student.last([1, 2, 3]))
# the end
'''
)

PUBLIC = '''\
# A comment of the file.
"""What this file looks at."""

from __future__ import annotations

import math
from functools import partial as both

from otter.test_files import test_case

OK_FORMAT = False
name, title = "demo", "Demo"
points = None

# Sizes for everybody.
SIZES = (1, 2)


def _shared(x):
    def inner(): return both(_double, x)
    return inner() + len(SIZES)


def _double(x): return 2 * x


# ---- the easy ones ----

@test_case(name="adds", points=2)
def adds(student,   rng):
    """Odd   formatting stays."""
    json = math.pi  # a local name, not the module

    _shared(student.add(1, json))


# Keep this one.
@test_case(name="subtracts", points=3, hidden=False, failure_message="Mind the sign.")
def subtracts(student): _shared(student.sub(1, 2))
# and this remark
'''


def test_hidden_cases_go_with_what_only_they_use_and_the_rest_stays_word_for_word() -> None:
    expected = PUBLIC
    assert public_version(FILE, "test_demo.py") == expected


def test_the_public_version_is_its_own_public_version() -> None:
    assert public_version(PUBLIC, "test_demo.py") == PUBLIC.replace("import numpy as np\n", "")


def test_otter_finds_exactly_the_public_cases() -> None:
    cases = ExceptionTestFile.from_string(public_version(FILE, "test_demo.py") or "").test_cases
    assert [(case.name, case.points, case.hidden) for case in cases] == [("adds", 2, False), ("subtracts", 3, False)]


def test_line_ends_and_a_byte_order_mark_do_not_matter() -> None:
    assert public_version("\ufeff" + FILE.replace("\n", "\r\n"), "x.py") == public_version(FILE, "x.py")


START = 'from otter.test_files import test_case\nOK_FORMAT = False\nname = "demo"\n'
ONE = '@test_case(name="one", points=1)\ndef one(student): check(student.f(1, 2))\n'
TWO = '@test_case(name="two of them", points=1, hidden=True)\ndef two_cases(student): check(student.g(3, 4))\n'


@pytest.mark.parametrize("body", [TWO, "", TWO + TWO.replace("two", "three")])
def test_a_file_without_a_public_case_ships_nothing(body: str) -> None:
    assert public_version(START + body, "x.py") is None


KEPT = [
    ("a helper's helper", "A = 1\ndef _b(): return A\ndef check(x): _b()\n", ["A = 1", "def _b", "def check"], []),
    ("a default argument", "A = 1\ndef check(x, a=A): pass\n", ["A = 1"], []),
    (
        "a base class and a decorator",
        "class A: pass\ndef d(c): return c\n@d\nclass check(A): pass\n",
        ["class A", "def d"],
        [],
    ),
    ("an annotation", "class A: pass\ndef check(x: A): pass\n", ["class A"], []),
    ("a comprehension", "A = [1]\ndef check(x): return [a for a in A]\n", ["A = [1]"], []),
    ("an f-string", "A = 1\ndef check(x): return f'{A}'\n", ["A = 1"], []),
    ("a name built up", "A = []\nA += [1]\nA.append(2)\ndef check(x): A\n", ["A = []", "A += [1]", "A.append(2)"], []),
    ("one of two branches", "if OK_FORMAT:\n    A = 1\nelse:\n    A = 2\ndef check(x): A\n", ["A = 2"], []),
    ("an unused name", "A = 1\nimport os\ndef check(x): pass\n", [], ["A = 1", "os"]),
    ("a name only shadowed", "A = 99\ndef check(x, A=1): return A\n", [], ["99"]),
    ("another name built up", "B = []\nB.append(2)\nB += [1]\ndef check(x): pass\n", [], ["B"]),
    ("a stray string", "def check(x): pass\n'hidden things below'\n", [], ["hidden things"]),
    ("an effect on nothing here", "print(1)\ndef check(x): pass\n", ["print(1)"], []),
    (
        "a submodule",
        "import os.path, os.abc, json.tool\ndef check(x): os.path\n",
        ["import os.path, os.abc\n"],
        ["json"],
    ),
    ("several on one line", "A = 1; B = 2\ndef check(x): A\n", ["A = 1; B = 2"], []),
    ("a name said to be global", "def _set():\n    global A\n    A = 1\n_set()\ndef check(x): A\n", ["_set()"], []),
]


@pytest.mark.parametrize(("helpers", "stays", "goes"), [k[1:] for k in KEPT], ids=[k[0] for k in KEPT])
def test_what_public_cases_reach_stays_and_what_they_do_not_goes(
    helpers: str, stays: list[str], goes: list[str]
) -> None:
    public = public_version(START + helpers + ONE + TWO, "x.py")
    assert public is not None
    for text in (*stays, "def one(student): check(student.f(1, 2))"):
        assert text in public
    for text in (*goes, "two", "hidden=True"):
        assert text not in public


COMMENTS = [
    ("directly above", ONE + "\n# secret\n" + TWO, "secret"),
    ("above and apart, introducing only it", ONE + "\n# secret\n\n" + TWO, "secret"),
    ("below, indented", TWO + "    # secret\n" + ONE, "secret"),
    ("below and apart, indented", TWO + "\n\n    # secret\n\n\n" + ONE, "secret"),
    ("below, touching", TWO + "# secret\n\n\n" + ONE, "secret"),
    ("below, at the end", ONE + TWO + "\n\n# secret\n", "secret"),
    ("in the decorator", ONE + TWO.replace("points=1,", "points=1,  # secret\n "), "secret"),
    ("between its decorator and its head", ONE + TWO.replace("\ndef", "\n# secret\ndef"), "secret"),
]


@pytest.mark.parametrize(("body", "secret"), [c[1:] for c in COMMENTS], ids=[c[0] for c in COMMENTS])
def test_comments_go_with_the_hidden_case_they_belong_to(body: str, secret: str) -> None:
    public = public_version(START + "check = print\n\n\n" + body, "x.py")
    assert public is not None
    assert secret not in public
    assert "def one" in public


UNCLEAR = [
    ("a computed hidden", ONE + TWO.replace("True", "bool(1)"), "hidden=bool(1)"),
    ("hidden by a name", "YES = True\n" + ONE + TWO.replace("True", "YES"), "hidden=YES"),
    ("hidden=1", ONE + TWO.replace("True", "1"), "hidden=1"),
    ("hidden=None", ONE + TWO.replace("True", "None"), "hidden=None"),
    (
        "positional and computed",
        ONE + TWO.replace('name="two of them", points=1, hidden=True', '"two", 1, not 0'),
        "not 0",
    ),
    ("keywords from a dictionary", ONE + TWO.replace("hidden=True", "**{'hidden': True}"), "**"),
    ("arguments from a list", ONE + TWO.replace('name="two of them", points=1, hidden=True', "*['a', 1, True]"), "*"),
    ("a computed title", ONE + TWO.replace('"two of them"', 'f"two"'), "name="),
    ("a prepared decorator", "secret = test_case(hidden=True)\n" + ONE, "hides which cases"),
    ("a bare decorator", ONE + "@test_case\ndef two(student): check(student)\n", "hides which cases"),
    ("a case under a condition", ONE + "if OK_FORMAT:\n    " + TWO.replace("\n", "\n    "), "hides which cases"),
    ("a case in a class", ONE + "class A:\n    " + TWO.replace("\n", "\n    "), "hides which cases"),
    ("an async case", ONE + TWO.replace("def", "async def"), "hides which cases"),
    ("another name for it", ONE + "from otter.test_files import test_case as case\n", "hides which cases"),
    ("two decorators", ONE + "@print\n" + TWO, "one decorator"),
    ("points as a list", "points = [1, 2]\n" + ONE + TWO, "each case's own points"),
    ("a public case that calls a hidden one", ONE.replace("check", "two_cases") + TWO, "'two_cases'"),
    ("a helper that calls a hidden one", "def check(x): two_cases(x)\n" + ONE + TWO, "'two_cases'"),
    (
        "an effect on both worlds",
        "A = []\nC = 7\nA.append(C)\n" + ONE.replace("check", "A.count") + TWO.replace("check", "C.count"),
        "(A)",
    ),
    ("broken Python", ONE + "def f(:\n", "syntax"),
]


@pytest.mark.parametrize(("body", "words"), [u[1:] for u in UNCLEAR], ids=[u[0] for u in UNCLEAR])
def test_what_could_conceal_a_hidden_case_is_an_error(body: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        public_version(START + body, "test_x.py")
    assert words in str(caught.value)
    assert str(caught.value).startswith("test_x.py:")


def test_an_attribute_named_like_the_decorator_counts_as_the_decorator() -> None:
    source = (
        (START + ONE + TWO)
        .replace("from otter.test_files import test_case", "import otter.test_files as o")
        .replace("@test", "@o.test")
    )
    public = public_version(source, "x.py")
    assert public is not None
    assert "one" in public
    assert "two" not in public


# The search for traces, on public versions that a wrong program or a hand might have written.

TRACES = [
    ("its name", "two_cases = 1", "the name 'two_cases'"),
    ("its name in prose", "'see two_cases for more'", "the name 'two_cases'"),
    ("its title", "# there are two  of\nA = 'two of   them'", "the text 'two of them'"),
    ("its title in comments", "# there are two\n# of them\n", None),
    ("its message", "A = 'Well. Think of\\nthe largest exponent. '", "the text 'Think of the largest exponent.'"),
    ("its docstring", '"""Says a lot."""', "the text 'Says a lot.'"),
    ("its body in another layout", "def f(student):\n  x = student.g( 3,4 )\n  check (x)", "the body"),
    ("a comment from inside", "A = 1  # three and four", "the comment '# three and four'"),
    ("a comment from above", "A = 1\n# why not\n", "the comment '# why not'"),
]
RICH = '''\
# why not
@test_case(name="two of them", points=1, hidden=True, failure_message="Think of the largest exponent.")
def two_cases(student):
    """Says a lot."""
    x = student.g(3, 4)  # three and four
    check(x)
'''


@pytest.mark.parametrize(("trace", "words"), [t[1:] for t in TRACES], ids=[t[0] for t in TRACES])
def test_a_trace_of_a_hidden_case_is_found(trace: str, words: str | None) -> None:
    source = (
        START
        + "check = print\n"
        + ONE
        + RICH.replace('    """Says a lot."""\n', "" if words == "the body" else '    """Says a lot."""\n')
    )
    public = public_version(source, "x.py")
    assert public is not None
    assert leaks(source, public, "x.py") == ()
    found = leaks(source, public + "\n" + trace + "\n", "x.py")
    assert (words is None and found == ()) or any(words in line for line in found if words), found


def test_what_the_file_says_in_public_anyway_is_no_trace() -> None:
    twin = ONE.replace('"one"', '"two of them all"')
    source = START + "check = print  # why not\n" + twin + RICH
    assert public_version(source, "x.py") == START + "check = print  # why not\n" + twin


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def two_cases", "def f"),  # the probe that the public case calls
        ('"two of them"', '"file"'),  # a word of the docstring
        ("check(student.g(3, 4))", "pass"),
    ],
)
def test_words_that_everybody_uses_are_no_trace(old: str, new: str) -> None:
    source = '"""What this file looks at."""\n' + START + "def check(x):\n    pass\n" + ONE + TWO.replace(old, new)
    public = public_version(source, "x.py")
    assert public is not None
    assert "hidden" not in public


def test_statements_on_one_line_stay_one_line() -> None:
    public = public_version(START + "A = 1; B = 2\ndef check(x): A, B\n" + ONE, "x.py")
    assert public is not None
    assert public.count("A = 1; B = 2") == 1


def test_a_docstring_that_names_a_hidden_case_is_refused() -> None:
    with pytest.raises(UserError, match="two_cases"):
        public_version('"""Also two_cases."""\n' + START + ONE + TWO, "x.py")


NAMES = ["alpha", "beta", "gamma", "delta"]


@st.composite
def files(draw: st.DrawFn) -> tuple[str, list[str], list[str]]:
    """A test file of helpers and cases in any order; the titles of its public and of its hidden cases."""
    calls = {n: draw(st.lists(st.sampled_from([*NAMES[i + 1 :], "abs"]), max_size=2)) for i, n in enumerate(NAMES)}
    pieces = [
        f"def _{n}(x):\n    return {n!r}, {', '.join(f'_{c}' if c != 'abs' else c for c in calls[n]) or 0}"
        for n in NAMES
    ]
    public, hidden = [], []
    for number in range(draw(st.integers(1, 5))):
        secret = draw(st.booleans())
        (hidden if secret else public).append(f"case number {number}")
        used = draw(st.lists(st.sampled_from(NAMES), max_size=2))
        lines = "".join(f"\n    _{n}(student.f({number}{number}))" for n in used)
        remark = draw(st.sampled_from(["", f"# remark {number}\n", f"# section {number}\n\n"]))
        decorator = f"@test_case(name='case number {number}', points=1, hidden={secret})"
        pieces.append(f"{remark}{decorator}\ndef _case_{number}(student):{lines}\n    check({number}, student)")
    pieces = draw(st.permutations(pieces))
    gap = draw(st.sampled_from(["\n", "\n\n", "\n\n\n"]))
    return START + "def check(*a): pass" + gap + gap.join(pieces), public, hidden


@settings(deadline=None, max_examples=60)
@given(files())
def test_public_cases_still_run_and_hidden_ones_are_gone_however_the_file_is_ordered(
    drawn: tuple[str, list[str], list[str]],
) -> None:
    source, public, hidden = drawn
    result = public_version(source, "x.py")
    assert (result is None) == (not public)
    if result:
        loaded = ExceptionTestFile.from_string(result)
        assert sorted(case.name for case in loaded.test_cases) == sorted(public)
        student = type("Student", (), {"f": staticmethod(abs)})()
        loaded.run({"student": student})
        assert all(case.passed for case in loaded.test_case_results), "nothing that a public case needs is missing"
        assert not any(title in result or f"remark {title[-1]}" in result for title in hidden)
