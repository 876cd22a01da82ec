"""A lab's workspace: the framework around the files in this folder, live, in a released folder and in a solution."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.errors import UserError
from autograder.expect import StudentError
from autograder.tests import minicourse
from autograder.tests.minicourse import numbers
from autograder.workspace import find_workspace, open_workspace

TENSOR = "tinytorch/core/tensor.py"
BLANK = "raise NotImplementedError('a01_numbers: mean is yours to write')"

LAB = """
import json, os, sys
from pathlib import Path
from autograder.workspace import open_workspace
workspace = open_workspace()

import numpy as np
import otter
from tinytorch.core import tensor
told = {"file": tensor.__file__, "first": int(tensor.double(2))}
student, rng = workspace.student(), np.random.default_rng(0)
grader = otter.Notebook(tests_dir=workspace.tests)
told["right"] = [repr(grader.check(name)) for name in ("double", "mean")]

Path("tinytorch/core/tensor.py").write_text(os.environ["EDITED"])
workspace = open_workspace()
from tinytorch.core import tensor
told["edited"] = int(tensor.double(2))
student = workspace.student()
told["wrong"] = [repr(otter.Notebook(tests_dir=workspace.tests).check(name)) for name in ("double", "mean")]
told["stale"] = [p for p in sys.path if "tito-a01-" in p and p != str(workspace.composition)]
print("\\n" + json.dumps(told))
"""


def test_a_lab_runs_edits_and_checks_the_files_in_its_folder_and_leaves_nothing_behind(mini, tmp_path):
    folder = minicourse.put_numbers(tmp_path / "work", numbers())
    (folder / "tests").symlink_to(mini.stub("a01_numbers") / "tests")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {
        **os.environ, "TITO_COURSE": str(mini.root), "TMPDIR": str(temporary),
        "EDITED": numbers(double="return np.asarray(x) * 3", mean=BLANK),
    }  # fmt: skip
    command = [sys.executable, "-c", LAB]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["file"].startswith(str(temporary))
    assert (told["first"], told["edited"]) == (4, 6)
    assert ["passed" in result for result in told["right"]] == [True, True]
    assert "expected: " in told["wrong"][0]
    assert "mean is yours to write" in told["wrong"][1]
    assert told["stale"] == []
    assert list(temporary.iterdir()) == []


@pytest.fixture
def at(mini, own_imports, monkeypatch):
    """Opens the workspace of a folder of the shared course, in this process."""
    monkeypatch.setenv("TITO_COURSE", str(mini.root))
    return open_workspace


def tensor():
    return importlib.import_module("tinytorch.core.tensor")


def test_a_solution_and_a_release_each_open_as_themselves(at, mini):
    solution = at(mini.solution("a01_numbers"))
    assert (solution.assignment, solution.folder) == ("a01_numbers", mini.solution("a01_numbers"))
    assert tensor().double(2) == 4
    assert solution.student().double([1, 2]).tolist() == [2, 4]
    stub = at(mini.stub("a01_numbers"))
    assert stub.folder == mini.stub("a01_numbers")
    with pytest.raises(NotImplementedError, match="double is yours to write"):
        tensor().double(2)
    with pytest.raises(StudentError, match="double is yours to write"):
        stub.student().double(2)


def test_a_later_assignment_stands_on_the_reference_of_the_earlier_ones(at, mini, tmp_path):
    target = tmp_path / "tinytorch" / "core" / "activations.py"
    target.parent.mkdir(parents=True)
    target.write_text("from tinytorch.core.tensor import double\n\n\ndef shout(n):\n    return '?' * int(double(n))\n")
    workspace = at(tmp_path)
    assert workspace.assignment == "a02_words"
    assert importlib.import_module("tinytorch.core.activations").shout(2) == "????"


def test_every_question_bears_its_name_and_hidden_ones_are_not_in_a_release(at, mini):
    for folder in (mini.solution("a01_numbers"), mini.stub("a01_numbers")):
        assert sorted(p.name for p in Path(at(folder).tests).iterdir()) == ["double.py", "mean.py"]
    assert "secret_input" not in (Path(at(mini.stub("a01_numbers")).tests) / "double.py").read_text()


def test_an_edit_is_live_in_the_composition_itself(at, mini, tmp_path):
    folder = minicourse.put_numbers(tmp_path, numbers())
    workspace = at(folder)
    (folder / TENSOR).write_text(numbers(double="return 'edited'"))
    assert "edited" in (workspace.composition / TENSOR).read_text()


def test_the_workspace_is_found_from_any_folder_within(mini, tmp_path):
    solution = mini.solution("a02_words")
    for start in (solution, solution / "tests", solution / "tinytorch" / "core"):
        found, assignment = find_workspace(mini, start)
        assert (found, assignment.key) == (solution, "a02_words")


def test_a_folder_of_no_assignment_or_of_several_is_told(mini, tmp_path):
    with pytest.raises(
        UserError, match=r"is not an assignment's folder; go to the folder that holds lab.ipynb and tinytorch/"
    ):
        find_workspace(mini, tmp_path)
    for name in (TENSOR, "tinytorch/core/activations.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UserError, match="is not an assignment's folder"):
        find_workspace(mini, tmp_path)
