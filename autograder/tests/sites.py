"""Built sites for tests, and a browser to look at them with.

`small` is the miniature course with labs that draw and a milestone that runs, built by the command. `real` are the pages
of this course with one assignment of it, without executing anything: guides, handout, API, the course map.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autograder import build
from autograder.course import Course, load_course
from autograder.site import server
from autograder.tests import minicourse, stage

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

HOME = """
# A small course

See [the guide](students.md#how-to), [a handout](../solutions/a01_numbers/README.md) and `tito check`.

<!-- tito: course-map -->

<!-- tito: assignments -->

<!-- tito: milestones -->
"""

DOUBLES = '''
"""Asks for doubles."""

from tinytorch.core.tensor import double as _double


def doubles(numbers):
    return {"doubled": [int(_double(n)) for n in numbers]}
'''

JUDGED = '''
"""Counts twice."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "first"
title = "First"
points = None


@test_case(name="doubles what it is sent", points=1)
def doubled(student, rng):
    expect.equal(student.doubles([1, 2])["doubled"], [2, 4])
'''

# One pixel, written without matplotlib: that would take a second to import.
DRAWN = '''
"""Draws one pixel."""

import base64
from pathlib import Path

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


class Figure:
    def savefig(self, path, dpi):
        Path(path).write_bytes(base64.b64decode(PIXEL))


def draw(answers, save):
    save("pixel", Figure())
'''


def write_small(root: Path) -> Course:
    """The miniature course with everything that a site shows."""
    minicourse.write(root)
    text = (root / "course.yaml").read_text()
    # Wall-clock limits of seconds would make this a test of how busy the machine is.
    text = text.replace("case_seconds: 2", "case_seconds: 60").replace("import_seconds: 5", "import_seconds: 60")
    text += "  - {key: later, year: 1960, title: Later, question: 'Then?', requires: [a02_words], must_reach: more,\n"
    (root / "course.yaml").write_text(text + "     limits: {case_seconds: 120, submission_seconds: 300}}\n")
    stage.put(root / "docs" / "index.md", HOME)
    stage.put(root / "docs" / "students.md", "# Guide\n\n## How to\n\nWrite. See the [home](index.md).\n")
    for name in ("first", "later"):
        stage.put(root / "milestones" / name / "tests" / "probes.py", DOUBLES)
        stage.put(root / "milestones" / name / "tests" / "test_first.py", JUDGED)
        stage.put(root / "milestones" / name / "picture.py", DRAWN)
    lab = root / "solutions" / "a01_numbers" / "lab.py"
    opened = "\n# %%\nfrom autograder.workspace import open_workspace\n\nopen_workspace()\n"
    used = "from tinytorch.core.tensor import double\n\nprint(double([20, 1]))\n"
    lab.write_text(lab.read_text() + opened + used + minicourse.FIGURE)
    words = root / "solutions" / "a02_words" / "lab.py"
    words.write_text(words.read_text() + minicourse.FIGURE)
    course = load_course(root)
    build.build(course)
    return course


def chromium() -> str | None:
    return next((path for name in CHROMIUM if (path := shutil.which(name))), None)


@contextmanager
def browser(width: int = 1280) -> Iterator[Any]:
    """A headless Chromium of its own profile."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium()
    with tempfile.TemporaryDirectory(prefix="tito-browser-", ignore_cleanup_errors=True) as profile:
        for argument in (*QUIET, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            resize(driver, width)
            yield driver
        finally:
            driver.quit()


def resize(driver: Any, width: int, dark: bool = False) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of the folder."""
    with server(folder, 0) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}/"
        serving.shutdown()
