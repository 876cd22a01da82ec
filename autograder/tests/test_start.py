"""`tito start`: whose layers a workspace stands on, said and kept, without touching what the student wrote."""

from __future__ import annotations

# ruff: noqa: F811 - fixtures come from `homes`
import shutil

import pytest

from autograder import check as checking
from autograder import compose, progress, start
from autograder.errors import UserError
from autograder.messages import message
from autograder.tests.homes import (  # noqa: F401
    GOOD_WORDS,
    TENSOR,
    WORDS,
    home,
    passed,
    releases,
    unpacked,
    write_numbers,
)

TRIPLE = "return np.asarray(x) * 3"


def reason(course):
    return start.choose(course, "a01_numbers").reason


def test_a_layer_is_the_student_s_only_when_nothing_is_left_to_write_and_it_passed_as_it_stands(home):
    folder = home.root / "a01_numbers"
    blank = reason(home)
    assert blank.startswith("yours is not finished: tinytorch/core/tensor.py:")
    assert blank == message("start.reason.unwritten", finding=blank.partition("finished: ")[2])
    write_numbers(home)
    assert reason(home) == message("start.reason.unchecked")
    passed(home, "a01_numbers", failing=("mean.vector",))
    assert reason(home) == message("start.reason.unchecked")
    passed(home, "a01_numbers")
    assert start.choose(home, "a01_numbers") == start.Choice("a01_numbers", "student", folder)
    write_numbers(home, double=TRIPLE)  # edited since
    assert reason(home) == message("start.reason.unchecked")
    (folder / TENSOR).write_text("def broken(:\n")
    assert reason(home) == message("start.reason.unreadable", finding=reason(home).removeprefix("your "))
    shutil.rmtree(folder)
    assert reason(home) == message("start.reason.nowhere")


def test_of_an_assignment_of_several_files_all_have_to_be_there(home):
    a01 = home.assignment("a01").model_copy(update={"writes": (TENSOR, "tinytorch/core/more.py")})
    two = home.model_copy(update={"assignments": (a01, *home.assignments[1:])})
    write_numbers(home)
    assert start.choose(two, "a01_numbers").reason == message("start.reason.missing", path="tinytorch/core/more.py")


def test_check_stands_on_the_student_s_own_layer_once_started_and_on_the_reference_before(home):
    write_numbers(home, double=TRIPLE)
    passed(home, "a01_numbers")
    workspace = home.root / "a02_words"
    (workspace / WORDS).write_text(GOOD_WORDS)
    a02 = home.assignment("a02")
    assert checking.check(home, a02, workspace).passed == 1
    started = start.start(home, a02)
    assert [(c.assignment, c.origin) for c in started.choices] == [("a01_numbers", "student")]
    assert (started.workspace, started.created) == (workspace, False)
    assert checking.check(home, a02, workspace).passed == 0  # three times is not twice
    write_numbers(home)  # what was started stays as it was until the next start
    assert checking.check(home, a02, workspace).passed == 0
    started = start.start(home, a02, reference=True)
    assert started.choices[0].reason == message("start.reason.asked")
    assert checking.check(home, a02, workspace).passed == 1


def test_earlier_work_is_found_in_another_home_with_its_progress(home, releases, tmp_path):
    write_numbers(home)
    passed(home, "a01_numbers")
    fresh = unpacked(releases["a02"], tmp_path / "fresh")
    a02 = fresh.assignment("a02")
    assert start.start(fresh, a02).choices[0].origin == "reference"
    for source in (home.root, home.root / "a01_numbers"):
        started = start.start(fresh, a02, [source])
        assert started.choices[0].folder == home.root / "a01_numbers"
    assert [entry.subject for entry in progress.read(fresh.root).entries] == ["a01_numbers"]
    with pytest.raises(UserError) as error:
        start.start(fresh, a02, [tmp_path / "gone"])
    assert str(error.value) == message("start.no_source", folder=tmp_path / "gone")


def test_what_the_student_wrote_is_never_touched_and_what_is_missing_is_laid_out(mini, tmp_path):
    place = tmp_path / "work"
    started = start.start(mini, mini.assignment("a01"), into=place)
    assert started.created
    assert (place / "tests" / "probes.py").is_file()
    (place / TENSOR).write_text("mine\n")
    (place / "lab.ipynb").unlink()
    assert not start.start(mini, mini.assignment("a01"), into=place).created
    assert (place / TENSOR).read_text() == "mine\n"
    assert (place / "lab.ipynb").is_file()


def test_without_release_or_earlier_layer_the_remedy_is_said(home):
    a02 = home.assignment("a02")
    shutil.rmtree(home.root / "solutions")
    with pytest.raises(UserError) as error:
        start.start(home, a02)
    told = message("start.no_layer", key="a02_words", needed="a01_numbers", short="a02")
    assert str(error.value) == told
    (home.root / "a02_words" / WORDS).write_text(GOOD_WORDS)
    with pytest.raises(UserError, match="neither your finished layer nor the reference"):
        checking.check(home, a02, home.root / "a02_words")
    write_numbers(home)
    passed(home, "a01_numbers")
    start.start(home, a02)
    assert checking.check(home, a02, home.root / "a02_words").passed == 1
    copy = home.root / "a02_words" / start.EARLIER / TENSOR
    copy.unlink()
    layer = compose.student_layer(home, "a02_words", home.root / "a02_words")
    with pytest.raises(UserError) as error:
        start.layers_at_home(home, layer, home.root / "a02_words")
    assert str(error.value) == message("start.lost_layer", path=copy, short="a02")
    shutil.rmtree(home.root / "a02_words")
    with pytest.raises(UserError) as error:
        start.start(home, a02)
    assert str(error.value) == message("start.no_release", key="a02_words", root=home.root)


def test_the_command_says_which_layer_is_whose(home, tito, monkeypatch):
    monkeypatch.setenv("TITO_COURSE", str(home.root))
    write_numbers(home)
    passed(home, "a01_numbers")
    monkeypatch.chdir(home.root / "a02_words")
    (home.root / "a02_words" / WORDS).write_text(GOOD_WORDS)
    status, out, err = tito("start")
    assert (status, err) == (0, "")
    assert f"  a01_numbers: your own ({home.root / 'a01_numbers'})" in out.splitlines()
    status, out, err = tito("check")
    assert (status, err) == (0, "")
    assert "standing on your own a01" in out.splitlines()
