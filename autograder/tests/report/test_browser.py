"""The page in a real browser: on a phone, by keyboard alone, and as a screen reader is told of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.tests.report.conftest import Made

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium and chromedriver here")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip
FOCUSABLE = "a[href], summary, [tabindex='0']"


@pytest.fixture(scope="module")
def browser(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    home = tmp_path_factory.mktemp("browser")
    page = home / "report.html"
    page.write_text(made.html, encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={home / 'profile'}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, Service(DRIVER))
    try:
        driver.get(page.as_uri())
        yield driver
    finally:
        driver.quit()


def screen(browser: Any, width: int, height: int = 844, phone: bool = False) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def press(browser: Any, *keys: str) -> Any:
    """Press keys wherever the focus is; the element that has it then."""
    from selenium.webdriver.common.action_chains import ActionChains

    chain = ActionChains(browser, duration=0)
    for key in keys:
        chain.send_keys(key)
    chain.perform()
    return browser.switch_to.active_element


def afresh(browser: Any) -> None:
    browser.get(browser.current_url.partition("#")[0])


def test_the_page_asks_for_itself_alone_and_the_console_is_silent(browser):
    """In the log are the requests that were made, not what the page promises."""
    browser.get_log("performance")  # what the browser's own first page asked for
    browser.get_log("browser")
    afresh(browser)
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert [Path(url).name for url in asked] == ["report.html"]
    assert [entry for entry in browser.get_log("browser") if "favicon" not in entry["message"]] == []
    assert browser.execute_script("return document.scripts.length") == 0


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_at_any_width_only_tables_and_code_scroll_sideways(browser, width):
    afresh(browser)
    screen(browser, width, phone=width < 500)
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    wide = browser.execute_script("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width - 20 <= wide[1] <= width  # less a scroll bar
    assert wide[0] <= wide[1]
    beyond = browser.execute_script(
        "return [...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, pre, svg, [aria-hidden]') &&"
        " e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + ' ' + e.textContent.slice(0, 60))"
    )
    assert beyond == []


def test_on_a_phone_text_is_large_enough_to_read_and_links_to_hit(browser):
    afresh(browser)
    screen(browser, 390, phone=True)
    small = browser.execute_script(
        "return [...document.querySelectorAll('p, li, td, th, dd, summary')]"
        ".filter(e => parseFloat(getComputedStyle(e).fontSize) < 12).map(e => e.textContent.slice(0, 60))"
    )
    assert small == []
    low = browser.execute_script(
        "return [...document.querySelectorAll('nav a, summary')].filter(e => e.getClientRects().length &&"
        " e.getBoundingClientRect().height < 24).map(e => e.textContent)"
    )
    assert low == []


def test_the_keyboard_reaches_everything_in_order_and_shows_where_it_is(browser):
    from selenium.webdriver.common.keys import Keys

    afresh(browser)
    screen(browser, 1280)
    wanted = browser.execute_script(
        f'return [...document.querySelectorAll("{FOCUSABLE}")].filter(e => e.checkVisibility()).length'
    )
    first = press(browser, Keys.TAB)
    box = first.rect
    assert first.text == "Skip to the report"
    assert box["x"] >= 0 and box["y"] >= 0 and box["height"] > 10
    seen, places = 1, []
    for _ in range(wanted - 1):
        press(browser, Keys.TAB)
        outline, style, place = browser.execute_script(
            "const e = document.activeElement, s = getComputedStyle(e);"
            "return [parseFloat(s.outlineWidth), s.outlineStyle, [...document.querySelectorAll('*')].indexOf(e)]"
        )
        assert style != "none" and outline >= 1
        places.append(place)
        seen += 1
    assert places == sorted(set(places))
    assert seen == wanted


def test_enter_opens_what_is_folded_and_follows_links(browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    afresh(browser)
    press(browser, Keys.TAB, Keys.ENTER)
    assert browser.current_url.endswith("#main")
    summary = browser.find_element(By.CSS_SELECTOR, "article summary")
    folded = summary.find_element(By.XPATH, "..")
    browser.execute_script("arguments[0].focus()", summary)
    assert folded.get_attribute("open") is None
    press(browser, Keys.ENTER)
    assert folded.get_attribute("open") is not None
    assert folded.find_element(By.CSS_SELECTOR, "ul.cases").is_displayed()
    region = browser.find_element(By.CSS_SELECTOR, ".scroll")
    screen(browser, 390, phone=True)
    browser.execute_script("arguments[0].focus()", region)
    press(browser, *[Keys.ARROW_RIGHT] * 8)
    scrolls = browser.execute_script("return arguments[0].scrollWidth > arguments[0].clientWidth", region)
    assert scrolls
    moved = "return new Promise(r => setTimeout(() => r(arguments[0].scrollLeft), 500))"
    assert browser.execute_script(moved, region) > 0


def test_a_screen_reader_is_told_names_roles_and_levels(browser):
    afresh(browser)
    screen(browser, 1280)
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    told = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node.get("ignored") and "role" in node
    ]
    roles = [role for role, _ in told]
    for role in ("main", "navigation", "banner", "contentinfo"):
        assert roles.count(role) == 1, role
    assert ("navigation", "Sections") in told
    for role in ("region", "table", "link", "heading", "DisclosureTriangle", "image", "columnheader", "rowheader"):
        named = [name for found, name in told if found == role]
        assert named, role
        assert all(name.strip() for name in named), role
    headings = [name for role, name in told if role == "heading"]
    assert [h for h in headings if h in ("Scores", "Cases", "Misconceptions", "Students")] == [
        "Scores", "Cases", "Misconceptions", "Students",
    ]  # fmt: skip
