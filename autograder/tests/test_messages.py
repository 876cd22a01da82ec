"""Every sentence of the catalogue is used by the program and triggered by a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autograder.messages import MESSAGES, message

PACKAGE = Path(__file__).resolve().parent.parent
HERE = Path(__file__).name


def sources(tests: bool) -> str:
    files = [f for f in PACKAGE.rglob("*.py") if ("tests" in f.relative_to(PACKAGE).parts) is tests]
    return "\n".join(f.read_text(encoding="utf-8") for f in files if f.name not in (HERE, "messages.py"))


@pytest.mark.parametrize("tests", [False, True])
def test_each_sentence_is_asked_for_by_the_program_and_compared_by_a_test(tests):
    text = sources(tests)
    called = set(re.findall(r"""(?:message|_problem|_remark)\(\s*(?:[^,()]+,\s*)?["']([a-z_]+\.[a-z_.]+)["']""", text))
    assert called - MESSAGES.keys() == set()
    assert MESSAGES.keys() - called == set()


@pytest.mark.parametrize("name", MESSAGES)
def test_each_sentence_is_one_line_of_plain_words(name):
    fields = dict.fromkeys(re.findall(r"\{(\w+)\}", MESSAGES[name]), "x")
    told = message(name, **fields)
    assert "{" not in told
    assert len(told.splitlines()) <= 2
