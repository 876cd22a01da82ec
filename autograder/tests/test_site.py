"""The course site: what is on it, what must not be on it, and how it looks in a browser."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from autograder.course import Course, load_course
from autograder.errors import UserError
from autograder.site import Wish, builder
from autograder.site import labs as site_labs
from autograder.site.leaks import shown_secrets
from autograder.site.links import check_site
from autograder.site.milestones import milestone_page
from autograder.tests import sites, stage
from autograder.tests.sites import browser, chromium, resize, served

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return sites.write_small(tmp_path_factory.mktemp("sites") / "mini")


@pytest.fixture(scope="module")
def small(course: Course) -> Path:
    """The site of the miniature course, with its labs and its milestone executed."""
    return builder.build_site(course, course.root / "dist" / "site", Wish(weak_sandbox=True)).folder


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This course's guides and one of its assignments; every link on them is checked on the way."""
    html = tmp_path_factory.mktemp("sites") / "real"
    builder.set_pages(load_course(ROOT), Wish(("a01",), execute=False), html)
    return html


def page(site: Path, name: str) -> str:
    return (site / name).read_text(encoding="utf-8")


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("<article")[2].partition("</article>")[0]).split())


# ---- what is on it


def test_handouts_labs_reflections_and_api_have_pages(small):
    for key in ("a01_numbers", "a02_words"):
        for name in ("index", "lab", "reflection"):
            assert (small / key / f"{name}.html").is_file()
        assert (small / "api" / f"{key}.html").is_file()
    assert "Handout" in words(page(small, "a01_numbers/index.html"))
    assert "10 points" in words(page(small, "a01_numbers/index.html"))


def test_a_lab_shows_the_students_text_and_what_the_reference_gave(small):
    lab = page(small, "a01_numbers/lab.html")
    assert "[40" in words(lab) and "print" in words(lab), "the output comes from the reference, the text from the lab"
    figure = re.search(r'<img alt="([^"]+)"[^>]*src="([^"]+)"', lab)
    assert "Figure of the section" in figure[1] and (small / "a01_numbers" / figure[2]).resolve().is_file()


def test_the_api_has_signatures_and_docstrings_and_no_bodies(small):
    told = words(page(small, "api/a01_numbers.html"))
    assert "double ( x )" in told and "Twice every element." in told and "The mean of all elements." in told
    assert "np.asarray" not in page(small, "api/a01_numbers.html")


def test_every_name_of_the_api_can_be_found(small):
    index = page(small, "searchindex.js")
    assert ("tinytorch.core.tensor" in index and '"double"' in index) or "double" in page(small, "genindex.html")


def test_the_milestone_that_runs_in_a_build_shows_its_own_figure_and_numbers(small):
    told = words(page(small, "milestones/first.html"))
    assert "doubles what it is sent" in told and "passed" in told and "run while this site was built" in told
    picture = re.search(r'src="([^"]+first-pixel[^"]*\.png)"', page(small, "milestones/first.html"))
    assert (small / "milestones" / picture[1]).resolve().read_bytes().startswith(b"\x89PNG")


def test_a_long_milestone_without_a_run_has_no_curve_but_says_how_to_make_one(small):
    html = page(small, "milestones/later.html")
    told = words(html)
    assert "tito milestone run later" in told and "--runs runs" in told
    assert "<img" not in html.partition("<article")[2].partition("</article>")[0]


def test_a_long_milestone_shows_the_run_it_is_given_and_never_a_students(course, tmp_path):
    folder = tmp_path / "runs" / "later"
    case = {"title": "sings", "status": "passed", "measured": {"share": 0.97}, "cpu_seconds": 1.0, "memory_mb": 3}
    result = {"seed": 5, "layers": [{"assignment": "a01_numbers", "origin": "reference"}], "cases": [case]}
    stage.put(folder / "result.json", json.dumps(result))
    (folder / "curve.png").write_bytes(b"\x89PNG")
    wish = Wish(runs=tmp_path / "runs")
    shown = milestone_page(course, course.milestone("later"), tmp_path / "cache", wish, ())
    assert shown.real and "0.97" in shown.text and "seed 5" in shown.text
    assert shown.pictures == {"later-curve.png": folder / "curve.png"}
    result["layers"][0]["origin"] = "student"
    stage.put(folder / "result.json", json.dumps(result))
    with pytest.raises(UserError, match="student's a01_numbers"):
        milestone_page(course, course.milestone("later"), tmp_path / "cache", wish, ())


def test_the_map_has_a_box_for_everything_and_leads_to_what_is_written(real):
    html = page(real, "index.html")
    course = load_course(ROOT)
    for name in ("map-wide", "map-narrow"):
        drawing = html.partition(f'class="{name}"')[2].partition("</svg>")[0]
        for subject in (*course.assignments, *course.milestones):
            assert f"{subject.title}: " in drawing, f"{subject.key} is not on the map"
        assert 'href="a01_tensor/index.html"' in drawing and "<path" in drawing
    assert re.search(r'<svg[^>]*role="img"[^>]*aria-label="[^"]{40,}', html)
    edges = sum(len(s.requires) for s in (*course.assignments, *course.milestones))
    assert html.partition('class="map-wide"')[2].partition("</svg>")[0].count("<path") == edges


def test_hints_that_send_a_student_to_a_heading_find_it_on_the_site(real):
    anchors = set(re.findall(r'id="([^"]+)"', page(real, "a01_tensor/index.html")))
    file = (ROOT / "solutions" / "a01_tensor" / "misconceptions.yaml").read_text(encoding="utf-8")
    wanted = set(re.findall(r"^\s*read: README\.md#(\S+)", file, re.MULTILINE))
    assert wanted and wanted <= anchors


# ---- building again, and not building


def test_a_second_build_executes_nothing_and_a_change_of_the_solution_does(course, small, monkeypatch):
    def refuse(*_):
        raise AssertionError("it was executed again")

    monkeypatch.setattr(site_labs, "_execute", refuse)
    assignment = course.assignment("a02")
    lab = site_labs.site_lab(course, assignment, course.root / builder.CACHE / "labs")
    assert not lab.fresh and lab.figures == 1
    before = site_labs.digest(course, assignment)
    source = course.solution("a01_numbers") / "tinytorch/core/tensor.py"
    kept = source.read_text()
    try:
        source.write_text(kept + "\n# changed\n")
        assert site_labs.digest(course, assignment) != before, "a prerequisite may change what a lab prints"
    finally:
        source.write_text(kept)
    assert site_labs.digest(course, assignment) == before


def test_an_executed_lab_that_is_not_the_students_is_not_shown(course, small, tmp_path):
    assignment = course.assignment("a01")
    kept = next((course.root / builder.CACHE / "labs").glob("a01_numbers-*.ipynb"))
    forged = json.loads(kept.read_text())
    forged["cells"][1]["source"] = "return np.asarray(x) * 2"
    (tmp_path / kept.name).write_text(json.dumps(forged))
    with pytest.raises(UserError, match="not the student's lab"):
        site_labs.site_lab(course, assignment, tmp_path)


@pytest.mark.parametrize("path, changes, told", [
    ("docs/index.md", {"#how-to": "#how-not", "../solutions/a01_numbers/README.md": "nowhere.md"}, ["how-not", "nowhere"]),
    ("docs/index.md", {"course-map": "cuorse-map"}, ["there is no 'cuorse-map'"]),
    ("docs/students.md", {"(index.md)": "(../course.yaml)"}, ["course.yaml has no page"]),
])  # fmt: skip
def test_what_is_wrong_in_a_text_fails_the_build_and_the_old_site_stays(course, small, path, changes, told):
    text = changed = (course.root / path).read_text()
    for old, new in changes.items():
        assert old in text
        changed = changed.replace(old, new)
    before = page(small, "index.html")
    try:
        (course.root / path).write_text(changed)
        with pytest.raises(UserError) as refused:
            builder.build_site(course, small, Wish(("a01",), execute=False))
    finally:
        (course.root / path).write_text(text)
    assert all(word in str(refused.value) for word in told)
    assert page(small, "index.html") == before


def test_a_folder_that_is_no_site_is_never_replaced(course, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="no course site"):
        builder.build_site(course, tmp_path, Wish(execute=False))
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


# ---- what must not be on it


def test_nothing_is_loaded_from_another_host(small, real):
    loading = re.compile(r"""<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?(?:src|data)=["'](?:https?:)?//""")
    linked = re.compile(r"""<link\b[^>]*?href=["'](?:https?:)?//[^>]*""")
    styles = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])(?:https?:)?//""")
    files = [f for site in (small, real) for f in site.rglob("*") if f.suffix in (".html", ".css")]
    assert len(files) > 40
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert not loading.search(text) and not styles.search(text), file
        assert not any("stylesheet" in tag or "preload" in tag or "icon" in tag for tag in linked.findall(text)), file


@pytest.mark.parametrize("markup, problem", [
    ('<script src="https://cdn.example/x.js"></script>', "another host"),
    ('<script src="//cdn.example/x.js"></script>', "another host"),
    ('<link rel="stylesheet" href="https://fonts.example/css">', "another host"),
    ('<link rel="preload" href="https://fonts.example/f.woff2">', "another host"),
    ('<img alt="x" src="http://example.org/x.png">', "another host"),
    ('<p style="background: url(https://example.org/x.png)">x</p>', "another host"),
    ("<style>@import 'https://fonts.example/css';</style>", "another host"),
    ('<a href="missing.html">x</a>', "no file of the site"),
    ('<a href="#nowhere">x</a>', "does not have"),
    ('<a href="other.html#nowhere">x</a>', "does not have"),
    ('<a href="../../outside.html">x</a>', "leads to no file|out of the site"),
    ('<img src="x.png">', "without a text"),
    ('<img alt="x" src="missing.png">', "no file of the site"),
])  # fmt: skip
def test_a_bad_page_is_found(tmp_path, markup, problem):
    (tmp_path / "x.png").write_bytes(b"")
    (tmp_path / "other.html").write_text("<p id='somewhere'>x</p>")
    good = '<a href="other.html#somewhere">x</a> <a href="https://example.org">out</a> <img alt="x" src="x.png"><p>'
    (tmp_path / "index.html").write_text(good)
    assert check_site(tmp_path).problems == ()
    (tmp_path / "index.html").write_text(f"{good}{markup}")
    found = check_site(tmp_path).problems
    assert len(found) == 1 and re.search(problem, found[0]) and found[0].startswith("index.html:1:")


@pytest.mark.parametrize("name, markup, told", [
    ("a01_numbers/lab.html", "<pre>return np.asarray(x) * 2</pre>", "solution of a01_numbers"),
    ("api/a01_numbers.html", "<pre>total = np.sum(x)\nreturn total / np.size(x)</pre>", "solution of a01_numbers"),
    ("a02_words/lab.html", '<pre>if n: return "!" * int(double(n))</pre>', "solution of a02_words"),
    ("students.html", "<pre>secret_input = rng.normal(size=(3, 4))\n"
     "expect.close(student.double(secret_input), 2 * secret_input)</pre>", "students.html: it holds the body of the hidden"),
    ("students.html", "<p>Beware: The mean is taken over the rows' number</p>", "words"),
])  # fmt: skip
def test_a_page_that_gives_something_away_is_found(course, small, tmp_path, name, markup, told):
    assert shown_secrets(course, small) == []
    copy = tmp_path / "site"
    shutil.copytree(small, copy)
    (copy / name).write_text(page(copy, name).replace("</article>", f"{markup}</article>"))
    found = shown_secrets(course, copy)
    assert found and any(told in line for line in found), found


# ---- in a browser


@pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine")
def test_in_a_browser_search_finds_a_word_and_no_page_overflows_or_complains(real):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    pages = ("index.html", "map.html", "a01_tensor/index.html", "a01_tensor/lab.html", "api/a01_tensor.html")
    pages += ("milestones/index.html", "students.html", "faq.html", "more/datasets.html")
    with served(real) as address, browser(390) as driver:
        driver.get(f"{address}search.html?q=broadcasting")
        found = WebDriverWait(driver, 60).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#search-results li a"))
        assert any("a01_tensor" in link.get_attribute("href") for link in found)
        for name in pages:
            driver.get(address + name)
            width = driver.execute_script("return document.documentElement.scrollWidth")
            assert width <= 390, f"{name} is {width} pixels wide on a telephone"
        loaded = driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
        assert loaded and all(url.startswith((address, "data:")) for url in loaded), loaded
        for width, shown in ((390, "map-narrow"), (1280, "map-wide")):
            for dark in (False, True):
                resize(driver, width, dark)
                driver.get(f"{address}map.html")
                visible = [e.get_attribute("class") for e in driver.find_elements(By.CSS_SELECTOR, ".course-map svg") if e.is_displayed()]
                assert visible == [shown]
                assert _contrast(driver, f".{shown} text") > 4.5, (width, dark)
        said = [entry["message"] for entry in driver.get_log("browser")]
        assert said == []


def _contrast(driver, selector: str) -> float:
    """The WCAG contrast of a drawing's text with the page behind it."""
    colours = driver.execute_script(
        "const of = (e, p) => getComputedStyle(e)[p];"
        "let back = document.querySelector(arguments[0]), colour = 'rgba(0, 0, 0, 0)';"
        "while (back && colour === 'rgba(0, 0, 0, 0)') { colour = of(back, 'backgroundColor'); back = back.parentElement; }"
        "return [of(document.querySelector(arguments[0]), 'fill'), colour];",
        selector,
    )
    light = []
    for colour in colours:
        channels = [int(c) / 255 for c in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        light.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(light) + 0.05) / (min(light) + 0.05)


@pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine")
def test_search_works_from_the_disk_too(small):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    with browser() as driver:
        driver.get(f"{(small / 'search.html').as_uri()}?q=double")
        found = WebDriverWait(driver, 60).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#search-results li a"))
        assert any("a01_numbers" in link.get_attribute("href") for link in found)
