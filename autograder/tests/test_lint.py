"""The lint tells honest people in time, names the line and the remedy, and survives any bytes."""

from __future__ import annotations

import json
import marshal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograder.lint
from autograder.lint import Finding, LintPolicy, compile_source, lint_source, policy_for
from autograder.tests.uploads import mini_course

PATH = "tinytorch/core/layers.py"
POLICY = LintPolicy(
    assignment="a02_layers",
    allowed=("numpy",),
    forbidden_standard=("subprocess", "importlib", "concurrent.futures"),
    unavailable=(("tinytorch.core.losses", "a03_losses"), ("tinytorch.mlops", "a20_capstone")),
)


def lint(source: str | bytes, path: str = PATH, policy: LintPolicy = POLICY) -> tuple[Finding, ...]:
    return lint_source(path, source.encode() if isinstance(source, str) else source, policy)


CLEAN = [
    "",
    "x = 1\n",
    "import numpy as np, math, os.path\nfrom numpy import linalg\nfrom numpy.linalg import *\n",
    "from __future__ import annotations\nimport concurrent\nimport dataclasses\n",
    "import tinytorch\nimport tinytorch.core.tensor\nfrom tinytorch.core import tensor\nfrom tinytorch import nn\n",
    "from .tensor import Tensor\nfrom . import tensor\nfrom .. import dispatch\nfrom ..core.tensor import *\n",
    "import tinytorch.core.losses_of_weight\n",
    "model.eval()\nre.compile('x')\nframe.exec()\n",
    "def compile(x):\n    return x\n\ncompile(3)\n",
    "# import torch\n'import torch'\n",
    "raise NotImplementedError('only for 2-D input')\n",
    "def f():\n    raise NotImplementedError\n",
    "text = '# a02_layers: yours to write'\nx = ...\n",
    "title = '''\n======= \n>>>>>>> b\n'''\n",
    "# -*- coding: utf-8 -*-\nx = 1\n",
    "# vim: set fileencoding=UTF_8 :\nx = 1\n",
    "\ufeffx = 1\n",
    "x = 1\r\ny = 2\r\n",
    "pattern = '\\d'\n",  # an invalid escape is a warning of Python's, not a fault
]


@pytest.mark.parametrize("source", CLEAN)
def test_honest_source_gets_no_finding(source):
    assert lint(source) == ()


# source, line, rule, words of the message
FATAL = [
    ("x = 1\ndef f(:\n    pass\n", 2, "syntax", "def f(:"),
    ("def f():\nreturn 1\n", 2, "syntax", "return 1"),
    ("x = (1,\n", 1, "syntax", "never closed"),
    ("if x:\n\ty = 1\n        z = 1\n", 3, "syntax", "z = 1"),
    ("x = 1\nreturn x\n", 2, "syntax", "outside function"),
    ("def f(a, a):\n    pass\n", 1, "syntax", "duplicate argument"),
    ("x = 'a\x0cb\x1cc\n", 1, "syntax", "unterminated"),
    ("\n\nimport torch\n", 3, "import", "already does what you are asked to build"),
    ("from sklearn.linear_model import Ridge\n", 1, "import", "'sklearn.linear_model'"),
    ("def f():\n    import jax.numpy as jnp\n", 2, "import", "'jax.numpy'"),
    ("try:\n    import numba\nexcept ImportError:\n    pass\n", 2, "import", "'numba'"),
    ("import pandas\n", 1, "import", "only NumPy and the standard library may be imported; remove the import"),
    ("import numpyro\n", 1, "import", "'numpyro'"),
    ("import math, requests\n", 1, "import", "'requests'"),
    ("import autograder.expect\n", 1, "import", "'autograder.expect'"),
    ("import subprocess\n", 1, "import", "'subprocess' has no place"),
    ("from concurrent import futures\n", 1, "import", "'concurrent.futures'"),
    ("from concurrent.futures import *\n", 1, "import", "'concurrent.futures'"),
    ("import importlib.util\n", 1, "import", "'importlib.util'"),
    ("import tinytorch.core.losses as l\n", 1, "import", "belongs to a03_losses"),
    ("from tinytorch.core.losses import *\n", 1, "import", "belongs to a03_losses"),
    ("from tinytorch.core import losses\n", 1, "import", "belongs to a03_losses"),
    ("from tinytorch import mlops\n", 1, "import", "belongs to a20_capstone"),
    ("from .losses import MSELoss\n", 1, "import", "belongs to a03_losses"),
    ("from . import tensor, losses\n", 1, "import", "belongs to a03_losses"),
    ("from ..core.losses import x\n", 1, "import", "belongs to a03_losses"),
    ("from .. import mlops\n", 1, "import", "belongs to a20_capstone"),
    ("from ... import x\n", 1, "import", "climbs above"),
    ("x = 1\n" * 3 + "y = '\0'\n", 4, "nul", "NUL"),
    (b"x = 1\r\n# \xe9\r\n", 2, "encoding", "0xe9"),
    (b"\n# coding: latin-1\nx = '\xc3\xa9'\n", 2, "encoding", "latin-1"),
    (b"# coding=utf-7\n+AGkAbQBwAG8AcgB0-\n", 1, "encoding", "utf-7"),
    (b"#" * ((1 << 20) + 1), 0, "size", "1024 KB"),
]


@pytest.mark.parametrize(("source", "line", "rule", "words"), FATAL)
def test_a_fatal_finding_names_the_line_and_the_remedy(source, line, rule, words):
    (found,) = lint(source)
    assert (found.line, found.rule, found.fatal, found.path) == (line, rule, True, PATH)
    assert words in found.message
    assert found.message.isprintable()


ADVICE = [
    ("exec('x = 1')\n", 1, "dynamic", "exec"),
    ("y = [eval(s) for s in t]\n", 1, "dynamic", "eval"),
    ("import builtins\nbuiltins.compile('', '', 'exec')\n", 2, "dynamic", "builtins.compile"),
    ("np = __import__('numpy')\n", 1, "dynamic", "__import__"),
    ("import_module('x')\n", 1, "dynamic", "`import`"),
    ("x = '''\n<<<<<<< mine\n=======\n>>>>>>> theirs\n'''\n", 2, "conflict", "merge conflict"),
    (
        "class A:\n    def f(self):\n        raise NotImplementedError('a02_layers: A.f is yours to write')\n",
        3,
        "unwritten",
        "A.f is not written yet",
    ),
    ("SIZE = ...  # a02_layers: yours to write\n", 1, "unwritten", "SIZE is not written yet"),
]


@pytest.mark.parametrize(("source", "line", "rule", "words"), ADVICE)
def test_advice_is_not_fatal(source, line, rule, words):
    (found,) = lint(source)
    assert (found.line, found.rule, found.fatal) == (line, rule, False)
    assert words in found.message


def test_a_merge_conflict_is_named_beside_the_syntax_error_it_causes():
    findings = lint("x = 1\n<<<<<<< mine\nx = 2\n=======\nx = 3\n>>>>>>> theirs\n")
    assert {(f.rule, f.line, f.fatal) for f in findings} == {("conflict", 2, False), ("syntax", 2, True)}


def test_every_wrong_import_is_reported_in_the_order_of_lines():
    findings = lint("import torch\nx = 1\nfrom jax import numpy\nimport subprocess, pandas\n")
    assert [f.line for f in findings] == [1, 3, 4, 4]
    assert [f.column for f in findings] == [1, 1, 1, 1]


DEEP = [b"-" * 60_000 + b"1", b"x" + b".a" * 60_000, b"lambda:" * 60_000 + b"1", b"[" * 500, b"not " * 60_000 + b"1"]


@pytest.mark.parametrize("source", DEEP, ids=lambda s: s[:6].decode())
def test_absurd_nesting_is_a_finding(source):
    # In a child, as in the grader: some versions of Python crash on such source.
    code = f"import sys; sys.path.insert(0, {str(Path(autograder.lint.__file__).parent)!r}); import lint\n"
    code += "p = lint.LintPolicy('a', ('numpy',)); s = sys.stdin.buffer.read()\n"
    code += "print(lint.lint_source('t.py', s, p)[0].rule, lint.compile_source('t.py', s))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], input=source, capture_output=True, timeout=60, check=False
    )
    assert done.returncode < 0 or done.stdout.decode().split() in (["nesting", "None"], ["syntax", "None"]), done.stderr


def test_the_module_needs_the_standard_library_and_the_catalogue_only():
    root = Path(autograder.lint.__file__).parents[1]
    code = f"import sys; sys.path.insert(0, {str(root)!r}); import autograder.lint\n"
    code += "print([m for m in sys.modules if m.split('.')[0] not in sys.stdlib_module_names | {'__main__'}])"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['autograder', 'autograder.messages', 'autograder.lint']"


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda s: s.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_findings_and_never_an_exception(data):
    findings = lint(data)
    assert all(f.message.isprintable() for f in findings)
    assert any(f.fatal for f in findings) or compile_source(PATH, data) is not None


def test_a_finding_crosses_a_process_as_plain_data():
    for source in ("import torch\n", "exec('')\n", b"\0"):
        for finding in lint(source):
            assert Finding.from_plain(json.loads(json.dumps(finding.to_plain()))) == finding
    assert LintPolicy.from_plain(json.loads(json.dumps(POLICY.to_plain()))) == POLICY


def test_a_finding_from_an_untrusted_process_is_made_printable_and_fails_closed():
    data = {"path": "a\x1b[0m", "line": -3, "column": "7", "rule": "r", "message": "m\n" * 5000, "fatal": 0}
    found = Finding.from_plain(data)
    assert found.path.isprintable() and found.message.isprintable() and len(found.message) < 1100
    assert (found.line, found.column, found.fatal) == (0, 7, True)


def test_the_policy_follows_the_course(tmp_path):
    course = mini_course(tmp_path)
    policy = policy_for(course, course.assignment("a02"))
    assert dict(policy.unavailable) == {
        "tinytorch.core.losses": "a03_losses",
        "tinytorch.mlops": "a20_capstone",
        "tinytorch.olympics": "a20_capstone",
    }
    assert policy.allowed == ("numpy", "multiprocessing")
    # What an assignment allows wins over what the course forbids.
    strict = LintPolicy(policy.assignment, policy.allowed, ("multiprocessing",))
    assert lint("import multiprocessing.shared_memory\n", policy=strict) == ()


def test_compiled_source_is_what_an_import_would_compile():
    source = b'"""Doc."""\nassert True\nx = [n for n in range(3)]\ndef f() -> "int":\n    """Kept."""\n    assert 0\n'
    data = compile_source(PATH, source)
    assert data is not None
    code = marshal.loads(data)
    assert code == compile(source, PATH, "exec", dont_inherit=True, optimize=0)
    assert code.co_filename == PATH and code.co_flags & 0x1000000 == 0  # this file's own annotations import stays here


@pytest.mark.parametrize("source", [b"def f(:\n", b"\0", b"\xff", b"return 1\n", b"# coding: utf-7\n"])
def test_what_does_not_compile_gives_no_code(source):
    assert compile_source(PATH, source) is None
