"""One catalogue: every sentence in it is used, and what students' commands refuse or remark is in it.

That each sentence is really brought about by some test is found by `hearing`, over a run of all tests.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from autograder import messages
from autograder.messages import message
from autograder.release.wheel import student_modules

PACKAGE = Path(__file__).resolve().parent.parent
FIELD = re.compile(r"\{(\w+)(?::[^}]*)?\}")
# What is raised for students; GraderError, SandboxError and WireError are the course's own faults, CourseFileError is
# for whoever writes course.yaml, TypeError and ValueError for whoever writes tests.
FOR_STUDENTS = ("UserError", "IntakeError", "SubmitError", "UnusablePath", "Finding", "Ignored")
# Private uids and weak sandboxes are met where others' work is graded.
FOR_GRADERS = ("autograder/sandbox/",)
# What a doctor finds in order is a value that was found, and the sandbox's child is the grader's.
ALLOWED = {"autograder/doctor.py": ("Finding",), "autograder/judge/bench.py": ("Finding",)}


def called() -> set[str]:
    """The names that the program asks for."""
    found = set()
    for file in PACKAGE.rglob("*.py"):
        if "tests" not in file.relative_to(PACKAGE).parts and file.name != "messages.py":
            text = file.read_text(encoding="utf-8")
            pattern = r"""(?:message|_problem|_remark)\(\s*(?:[^,()]+,\s*)?["']([a-z_]+\.[a-z0-9_.]+)["']"""
            found |= set(re.findall(pattern, text))
    return found


def test_the_program_asks_for_each_sentence_and_for_no_other():
    assert called() - messages.MESSAGES.keys() == set()
    assert messages.MESSAGES.keys() - called() == set()


@pytest.mark.parametrize("name", messages.MESSAGES)
def test_each_sentence_is_a_line_or_a_few_of_plain_words(name):
    fields = dict.fromkeys(FIELD.findall(messages.MESSAGES[name]), 1)
    told = message(name, **fields)
    assert "{" not in told
    assert len(told.splitlines()) <= 3
    assert told == told.strip()


def literal(node: ast.expr) -> bool:
    """Whether an argument holds a sentence of its own: several words in quotes, with values or without."""
    if isinstance(node, ast.JoinedStr):
        node = ast.Constant("".join(str(part.value) for part in node.values if isinstance(part, ast.Constant)))
    if isinstance(node, ast.BinOp):
        return literal(node.left) or literal(node.right)
    if isinstance(node, (ast.List, ast.Tuple)):
        return any(map(literal, node.elts))
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value.split()) > 1


@pytest.mark.parametrize("path", [p for p in student_modules() if not p.startswith(FOR_GRADERS)])
def test_no_module_of_a_student_s_tool_refuses_in_words_of_its_own(path):
    tree = ast.parse((PACKAGE.parent / path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in FOR_STUDENTS and name not in ALLOWED.get(path, ()):
            own = [a for a in (*node.args, *(k.value for k in node.keywords)) if literal(a)]
            assert not own, f"{path}:{node.lineno}: {ast.unparse(own[0])} is not in autograder/messages.py"
