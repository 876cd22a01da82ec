"""`tito report`: the page and the summary of a batch, also of one that is empty, moved, or without its uploads."""

from __future__ import annotations

import shutil
import stat

import pytest
from rich.console import Console

from autograder.batch.gradebook import Gradebook
from autograder.report import page, summary
from autograder.report.gather import Report, gather


def printed(report: Report) -> str:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        summary.show(console, report)
    return console.export_text()


@pytest.fixture
def moved(made, tmp_path):
    """The batch's folder somewhere else, gradebook and all."""
    return shutil.copytree(made.out, tmp_path / "moved")


def test_the_page_is_written_beside_the_results_for_nobody_else_s_eyes(moved, tito):
    status, out, err = tito("report", moved)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == f"wrote {moved / 'report.html'}"
    written = moved / "report.html"
    assert written.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_the_summary_begins_with_what_needs_a_person_and_steers_no_terminal(made):
    text = printed(made.report)
    lines = text.splitlines()
    assert lines[0] == "a01 Numbers: 8 graded, 1 not graded, 1 missing"
    assert lines[1].startswith("grader error: sick: the judge broke on <script>")
    assert lines[2].startswith("    to do: ")
    assert lines[3].startswith("not graded: lea: ")
    for told in (
        "scores: mean",
        "always fail together: 1.1, 1.2 (4 submissions)",
        "never failed: 2.1",
        "misconceptions: 2 seen; 0 submissions fail unexplained",
        "The mean is taken over the rows' number (rows_only)",
        "slowest: ",
        "most memory of a case: ",
        "similar uploads: 1 clusters among ",
        "fay, gil",
    ):
        assert told in text
    assert not [c for c in text if not c.isprintable() and c != "\n"]


def test_bars_add_up_to_the_submissions(made):
    rows = [line.split() for line in printed(made.report).splitlines() if " to " in line and line.startswith("   ")]
    counts = [int(row[3]) for row in rows if len(row) >= 4 and row[1] == "to"]
    assert (len(counts), sum(counts)) == (10, 8)


def test_comparing_uploads_can_be_left_out(moved, tito):
    status, out, _ = tito("report", moved, "--no-similarity", "--quiet")
    assert (status, len(out.splitlines())) == (0, 1)
    assert "Uploads were not compared." in (moved / "report.html").read_text()


def test_uploads_that_are_gone_or_changed_are_counted_and_not_compared(made, mini, moved, tmp_path):
    with Gradebook(moved / "gradebook.sqlite") as book:
        with book.transaction() as db:
            db.execute("UPDATE attempts SET source = ? WHERE label = 'fay'", (str(tmp_path / "nowhere.zip"),))
            source = db.execute("SELECT source FROM attempts WHERE label = 'ann'").fetchone()[0]
            db.execute("UPDATE attempts SET source = ? WHERE label = 'gil'", (source,))
        report = gather(book, mini, mini.assignment("a01"), moved)
    assert report.gone == 2
    assert report.likeness.clusters == ()
    assert "2 are not where they were graded from any more" in page.render(report)


def test_a_batch_in_which_nothing_was_graded_has_a_report(made, mini, moved):
    with Gradebook(moved / "gradebook.sqlite") as book:
        with book.transaction() as db:
            db.execute("UPDATE gradings SET state = 'rejected'")
        report = gather(book, mini, mini.assignment("a01"), moved)
    assert "No submission was graded." in page.render(report)
    assert printed(report).startswith("a01 Numbers: 0 graded, 10 not graded, 1 missing")


def test_what_is_no_batch_is_refused_in_one_line(tito, tmp_path, moved):
    assert "there is no folder" in tito("report", tmp_path / "nowhere")[2]
    (tmp_path / "empty").mkdir()
    assert "there is no gradebook" in tito("report", tmp_path / "empty")[2]
    status, _, err = tito("report", tmp_path / "empty", "--gradebook", moved / "gradebook.sqlite")
    assert status == 2
    assert "knows of no batch into" in err and len(err.splitlines()) == 1
