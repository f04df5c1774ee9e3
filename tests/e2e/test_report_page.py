"""The report in a real browser: complete, quiet, and without a word to the network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import judged

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a made-up model, one word of whose reviews is a script and an address."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "report.html").write_text(judged.report(), encoding="utf-8")
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Chromium without a window, with a profile of its own, that notes its requests and complaints."""
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed: apt-get install chromium chromium-driver")
    from selenium import webdriver  # noqa: PLC0415 - only where there is a browser

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    started = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield started
    started.quit()


@pytest.fixture
def opened(browser, page: Path):
    """The browser with the report open; what it noted before is forgotten."""
    browser.get("about:blank")
    for log in ("performance", "browser"):
        browser.get_log(log)
    browser.get(page.as_uri())
    return browser


def requested(browser) -> set[str]:
    """Every address that was asked for since the log was last read, without a data: URI's data."""
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return {
        message["params"]["request"]["url"].partition(",")[0]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }


def test_every_picture_is_drawn_and_described(opened) -> None:
    script = "return [...document.images].map(image => [image.naturalWidth, image.alt])"
    pictures = opened.execute_script(script)
    described = [alt for _, alt in pictures]
    assert "Share of positive reviews by predicted probability" in described
    assert "Score of each trial, in the order of the trials" in described
    assert len(pictures) == 9  # eight of the run, one of the study
    assert all(width > 0 and alt for width, alt in pictures)


def test_nothing_but_the_page_itself_is_asked_for(opened, page: Path) -> None:
    addresses = requested(opened)
    assert page.as_uri() in addresses  # the log works
    assert addresses == {page.as_uri(), "data:image/png;base64"}


def test_the_browser_has_nothing_to_complain_about(opened) -> None:
    assert opened.get_log("browser") == []


def test_a_script_in_a_review_is_text(opened) -> None:
    assert judged.HOSTILE in opened.execute_script("return document.body.innerText")
    assert opened.execute_script("return [window.stolen, document.scripts.length]") == [None, 0]
    assert "tiny & <b>odd</b>" in opened.title


@pytest.mark.parametrize("width", [390, 1024, 1440])
def test_the_page_fits_its_width_and_breaks_no_word(opened, width: int) -> None:
    """A word is broken if its rectangles in the layout are on more than one line."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    widths = opened.execute_script("return [document.body.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] <= widths[1]
    assert opened.execute_script(BROKEN_WORDS) == []


BROKEN_WORDS = """
const broken = [];
const walker = document.createTreeWalker(document.querySelector(".page"), NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode;
  if (node.parentElement.closest(".digest, .error, svg, style")) continue;
  for (const word of node.data.matchAll(/[\\w\u2011]+/g)) {
    const range = document.createRange();
    range.setStart(node, word.index);
    range.setEnd(node, word.index + word[0].length);
    if (new Set([...range.getClientRects()].map(box => box.top)).size > 1) broken.push(word[0]);
  }
}
return broken;
"""
