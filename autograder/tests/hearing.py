"""Which sentences of the catalogue the program has really said while the tests ran. A pytest plugin.

A sentence counts when code of the program asks for it, not when a test does to compare. A run of all of
autograder/tests ends with a list of those that were never said. With --unheard a run of some lists them too, and a run
fails when there is one:

    pytest -n 2 --unheard autograder/tests
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder import messages

HERE = Path(__file__).parent
KEY = "heard"
WHOLE = pytest.StashKey[bool]()
_heard: set[str] = set()


class _Listening(dict):
    """The catalogue, which remembers what was asked of it and not by a test."""

    def __getitem__(self, name: str) -> str:
        caller = sys._getframe(2).f_globals.get("__name__", "")  # 1 is `message`
        if not caller.startswith(f"{__package__}."):
            _heard.add(name)
        return super().__getitem__(name)

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--unheard", action="store_true", help="fail if a message to students was never said")


def pytest_configure() -> None:
    if not isinstance(messages.MESSAGES, _Listening):
        messages.MESSAGES = _Listening(messages.MESSAGES)


def pytest_collection_finish(session: pytest.Session) -> None:
    files = {Path(item.fspath) for item in session.items}
    session.config.stash[WHOLE] = files >= set(HERE.glob("test_*.py"))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """A worker of pytest-xdist has ended: what it heard counts."""
    output = getattr(node, "workeroutput", {})
    _heard.update(output.get(KEY, ()))
    node.config.stash[WHOLE] = output.get("whole", False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput |= {KEY: sorted(_heard), "whole": config.stash.get(WHOLE, False)}
    elif config.option.unheard and unheard() and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: object, config: pytest.Config) -> None:
    if unheard() and (config.option.unheard or config.stash.get(WHOLE, False)):
        terminalreporter.write_line(f"messages that no test brought about: {', '.join(unheard())}", red=True)


def unheard() -> list[str]:
    return sorted(set(messages.MESSAGES) - _heard)
