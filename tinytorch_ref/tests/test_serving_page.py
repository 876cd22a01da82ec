"""The monitoring page in a real browser: it shows what happens, and its buttons change the version, by mouse and by
keyboard."""

from __future__ import annotations

import asyncio
import shutil
import threading

import pytest
from serving_stage import add, cnn, mlp, serving
from tinytorch.serving.load import Plan, put_load

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (extra 'test')")
CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no chromium and chromedriver on the path; install both to try the page"
)
SWITCHES = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1280,1000"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in (*SWITCHES.split(), f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    root = tmp_path_factory.mktemp("page") / "registry"
    for version, model in enumerate((mlp(1), mlp(2), cnn(3)), 1):
        add(root, model, accuracy=0.9 + version / 100, bytes=5000 * version)
    with serving(root, "--drift-window=60") as running:
        yield running


@pytest.fixture
def page(browser, service):
    browser.get(service.url)
    return Page(browser)


class Page:
    def __init__(self, browser):
        self.browser = browser

    def text(self, name):
        return self.browser.find_element("id", name).text

    def until(self, condition, seconds=30):
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(self.browser, seconds, 0.1, ignored_exceptions=[StaleElementReferenceException])
        return wait.until(lambda _: condition())

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()

    def focused(self):
        return self.browser.switch_to.active_element

    def errors(self):
        return [entry for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_figures_change_under_load_and_nothing_comes_from_elsewhere(page, service):
    page.until(lambda: page.text("version") == "version 3")
    assert page.text("name") == "m" and page.text("state") == "ready"
    assert page.text("p99") == "–" and page.text("accuracy") == "–"
    load = threading.Thread(target=lambda: asyncio.run(put_load(service.url, Plan(40, 5, feedback=1.0))))
    load.start()
    page.until(lambda: page.text("rate") not in ("–", "0.0") and float(page.text("rate")) > 5)
    page.until(lambda: page.text("p50").endswith(" ms") and page.text("accuracy").endswith("%"))
    page.until(
        lambda: "Inputs are as in training" in page.text("drift-state") or "not as in" in page.text("drift-state")
    )
    load.join()
    first = page.browser.find_element("css selector", "#latency .line.a").get_attribute("d")
    page.until(lambda: page.browser.find_element("css selector", "#latency .line.a").get_attribute("d") != first)
    assert "median" in page.browser.find_element("id", "latency").get_attribute("aria-label")
    loaded = page.browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert loaded and all(name.startswith(service.url) for name in loaded)
    assert page.errors() == []


def test_rolling_back_by_mouse_asks_first(page, service):
    page.until(lambda: page.text("rollback") == "Roll back to version 2")
    page.browser.find_element("id", "rollback").click()
    page.browser.find_element("css selector", "#sure button[value=no]").click()
    assert service.get("/healthz")["version"] == 3
    page.browser.find_element("id", "rollback").click()
    page.browser.find_element("id", "sure-yes").click()
    page.until(lambda: page.text("version") == "version 2")
    assert page.text("said") == "Version 2 answers now." and service.get("/healthz")["version"] == 2


def test_the_keyboard_alone_reaches_and_presses_every_button(page, service):
    from selenium.webdriver.common.keys import Keys

    service.post("/promote", {"version": 3})
    page.until(lambda: page.text("version") == "version 3" and "version" in page.text("rollback"))
    page.press(Keys.TAB)
    assert page.focused().text == "Skip to versions"
    page.press(Keys.ENTER)
    page.press(Keys.TAB)
    assert page.focused().get_attribute("id") == "rollback"
    page.press(Keys.ENTER)
    page.until(lambda: page.browser.find_element("id", "sure").get_attribute("open"))
    page.press(Keys.ESCAPE)
    page.until(lambda: not page.browser.find_element("id", "sure").get_attribute("open"))
    assert service.get("/healthz")["version"] == 3 and page.focused().get_attribute("id") == "rollback"
    page.press(Keys.SPACE)
    page.press(Keys.TAB)
    assert page.focused().get_attribute("id") == "sure-yes"
    page.press(Keys.ENTER)
    page.until(lambda: page.text("version") == "version 2")
    reached = set()
    for _ in range(12):
        page.press(Keys.TAB)
        reached.add(page.focused().get_attribute("aria-label"))
    assert {"Promote version 1", "Promote version 3"} <= reached


def test_a_change_that_fails_and_a_service_that_is_gone_are_told(browser, tmp_path):
    root = tmp_path / "r"
    add(root, mlp(1))
    add(root, mlp(2), promote=False)
    with serving(root) as service:
        browser.get(service.url)
        page = Page(browser)
        page.until(lambda: page.text("version") == "version 1")
        for file in (root / "files").iterdir():
            file.write_bytes(b"rotten")
        page.until(lambda: browser.find_elements("css selector", "[data-version='2']"))
        browser.find_element("css selector", "[data-version='2']").click()
        browser.find_element("id", "sure-yes").click()
        page.until(lambda: "Not changed" in page.text("said"))
        assert "DamagedFile" in page.text("said") and page.text("version") == "version 1"
        service.stop()
        page.until(lambda: page.text("state") == "no answer from the service")
    browser.get_log("browser")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_over_the_edge(page, width):
    from selenium.webdriver.common.by import By

    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    page.until(lambda: page.browser.find_elements(By.CSS_SELECTOR, "#versions tbody tr"))
    wide = page.browser.execute_script("return document.documentElement.scrollWidth")
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide <= width
