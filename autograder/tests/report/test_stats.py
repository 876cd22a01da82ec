"""The numbers of a report: against NumPy where NumPy has them, and by hand where it has not."""

from __future__ import annotations

import numpy as np
import pytest

from autograder.batch.ledger import CaseRow
from autograder.judge.cases import Status
from autograder.report import charts, stats
from autograder.report.stats import always_together, bar_edges, cases_of, correlation, never_failing, scores_of

MARKS = {"1": Status.PASSED, "0": Status.FAILED, "e": Status.ERROR, "t": Status.TIMED_OUT, "s": Status.SKIPPED,
         "!": Status.GRADER_ERROR, "b": Status.ERROR}  # fmt: skip


def submission(marks: str, points: tuple[float, ...] = (1, 2, 3, 4, 5)) -> list[CaseRow]:
    """Cases f.0, f.1, ... as these marks say; `b` is a case that stopped at a blank."""
    return [
        CaseRow(0, f"f.{n}", "f", f"1.{n + 1}", f"case {n}", False, points[n], points[n] if mark == "1" else 0.0,
                MARKS[mark].value, mark == "b", 0, 0.1 * n, 0.05, 1024 * n)
        for n, mark in enumerate(marks)
    ]  # fmt: skip


def test_telling_is_the_point_biserial_correlation_with_the_rest_of_the_points():
    table = ["11100", "11010", "10101", "01110", "00001", "11111", "00000"]
    passed = np.array([[mark == "1" for mark in row] for row in table], dtype=float)
    points = np.array([1, 2, 3, 4, 5])
    for n, case in enumerate(cases_of([submission(row) for row in table])):
        rest = passed @ points - passed[:, n] * points[n]
        assert case.telling == pytest.approx(np.corrcoef(passed[:, n], rest)[0, 1])
        assert case.share == pytest.approx(passed[:, n].mean())
        assert (case.seconds, case.memory_mb) == pytest.approx((0.1 * n, n))


def test_where_all_do_alike_nothing_is_told():
    assert [case.telling for case in cases_of([submission("10"), submission("10")])] == [None, None]
    assert correlation([1.0], [2.0]) is None


def test_failed_blank_and_broken_are_told_apart():
    (first, second) = cases_of([submission(marks) for marks in ("1b", "0s", "e1", "t0", "!1")])
    assert (first.passed, first.failed, first.blank, first.count) == (1, 3, 0, 4)
    assert (second.passed, second.failed, second.blank) == (2, 1, 2)


def test_cases_stand_in_the_order_of_their_numbers():
    rows = [
        *submission("1" * 5),
        CaseRow(0, "g.0", "g", "10.1", "last", False, 1, 1, "passed", False, 0, 0, 0, 0),
        CaseRow(0, "h.0", "h", "2.1", "middle", False, 1, 1, "passed", False, 0, 0, 0, 0),
    ]
    assert [case.number for case in cases_of([rows])][-2:] == ["2.1", "10.1"]


@pytest.mark.parametrize(
    ("table", "groups"),
    [
        (["001", "001", "000", "111"], [("f.0", "f.1")]),
        (["001", "001", "110", "111"], []),  # only two fail: chance
        (["001", "010", "000", "111"], []),
        (["00b", "00b", "00b", "111"], [("f.0", "f.1")]),  # a blank is no failure
        (["000", "000", "000"], [("f.0", "f.1", "f.2")]),
        (["111"] * 5, []),
        ([], []),
    ],
)
def test_cases_that_always_fail_together_are_found(table, groups):
    assert list(always_together([submission(row) for row in table])) == groups


def test_a_case_that_nobody_fails_is_named_but_not_one_that_nobody_reached():
    cases = cases_of([submission(row) for row in ("11b0", "1bb1", "11s1")])
    assert [case.key for case in never_failing(cases)] == ["f.0", "f.1"]


def test_scores_are_counted_in_ten_parts_the_full_score_in_the_last():
    values = [0, 4.99, 5, 42.5, 50, 50]
    found = scores_of(values, 50)
    assert found.bars == (2 - 0, 1, 0, 0, 0, 0, 0, 0, 1, 2)
    assert (found.mean, found.median) == (pytest.approx(np.mean(values)), np.median(values))
    assert (found.lower_quarter, found.upper_quarter) == tuple(np.quantile(values, [0.25, 0.75]))
    assert found.deviation == pytest.approx(np.std(values))
    assert bar_edges(found)[0] == (0, 5) and bar_edges(found)[-1] == (45, 50)
    assert scores_of([], 50).count == 0
    assert scores_of([-3, 60], 50).bars[0] == scores_of([-3, 60], 50).bars[-1] == 1
    assert scores_of([7], 50).lower_quarter == 7


def test_a_histogram_holds_every_value_and_its_numbers_as_text():
    bars = charts.bars_of("x", "A <b>", "s", [0, 0.2, 3.9, 17, 40])
    assert sum(bars.counts) == 5 and bars.edges[-1] >= 40
    drawn = str(charts.histogram(bars))
    assert "A &lt;b&gt;" in drawn and "<b>" not in drawn
    assert drawn.count("<rect") == sum(count > 0 for count in bars.counts)
    assert "5 submissions. 0 to 5 s: 3;" in drawn
    assert "0 submissions. None." in str(charts.histogram(charts.bars_of("x", "t", "s", [])))


def test_the_outcome_of_a_case_is_unknown_where_nothing_of_the_student_s_ran():
    assert [stats.outcome(row) for row in submission("10bs")] == [True, False, None, None]
