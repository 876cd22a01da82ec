"""`tito checkpoint test`: a milestone at home, on the student's finished layers, recorded when it is reached."""

from __future__ import annotations

import pytest

from autograder import build, checkpoint, progress
from autograder.errors import UserError
from autograder.messages import message
from autograder.tests import homes, stage
from autograder.tests.stage import SONGS, WORDS


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    """A course with milestones; the folders of its own assignments stand for a student's home."""
    course = stage.write(tmp_path_factory.mktemp("stage") / "course")
    for key in ("a01_numbers", "a02_words"):
        build.build(course, [key])
    return course


@pytest.fixture
def here(staged, tito, monkeypatch):
    monkeypatch.setenv("TITO_COURSE", str(staged.root))
    log = progress.log_file(staged.root)
    log.unlink(missing_ok=True)
    return staged


def written(course, key, path, text):
    stage.put(course.root / key / path, text)
    homes.passed(course, key)


def test_on_the_reference_alone_nothing_is_proved(here):
    with pytest.raises(UserError) as error:
        checkpoint.choose(here, here.milestone("choir"))
    assert str(error.value) == message("checkpoint.no_own", name="choir")


def test_finished_layers_are_the_student_s_and_what_is_reached_is_in_status(here, tito):
    written(here, "a03_songs", SONGS, stage.songs())
    status, out, err = tito("checkpoint", "test", "choir")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "1957 Choir: Does it sing?"
    assert lines[1].startswith("  a01_numbers: the reference: ")
    assert lines[3] == f"  a03_songs: your own ({here.root / 'a03_songs'})"
    assert lines[-1] == "choir: reached (every song), 1 of 3 layers your own"
    standing = progress.standings(here, progress.read(here.root))[1][0]
    assert (standing.state, standing.own) == (progress.State.PASSED, "1 of 3 layers your own")
    assert "reached 1957 choir" in tito("status")[1]
    assert [row[1] for row in progress.timeline(here, progress.read(here.root))] == ["a03_songs", "choir"]


def test_a_wrong_layer_does_not_reach_it_and_is_shown_what_came(here, tito):
    written(here, "a02_words", WORDS, stage.words(body="return '?' * double(n)"))
    written(here, "a03_songs", SONGS, stage.songs())
    status, out, err = tito("checkpoint", "test", "choir")
    assert (status, err) == (1, "")
    assert "choir: not reached (every song), 2 of 3 layers your own" in out
    assert "came:" in out
    assert progress.standings(here, progress.read(here.root))[1][0].state is progress.State.BEGUN
    assert "tried   1957 choir" in tito("status")[1]


def test_a_milestone_whose_tests_are_not_here_names_the_release_that_brings_them(here):
    for name, key in (("unjudged", "a01_numbers"), ("later", "a04_extra")):
        with pytest.raises(UserError) as error:
            checkpoint.choose(here, here.milestone(name))
        assert str(error.value) == message("checkpoint.not_here", name=name, key=key)


def test_list_says_how_far_one_is(here, tito):
    status, out, err = tito("checkpoint", "list")
    assert (status, err) == (0, "")
    assert out.splitlines()[:2] == ["choir        1957  Does it sing?", " " * 18 + "later  after a01_numbers, a02_words, a03_songs"]
