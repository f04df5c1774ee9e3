"""The pages that are written, in a real browser: complete, quiet, and without a word to the network."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from dvc_render.html import HTML
from dvc_render.vega import VegaRenderer

import judged
from pipeline.evaluation.baselines import CLASSIFIERS
from pipeline.monitoring import page as monitor_page
from pipeline.monitoring.comparison import compare
from pipeline.monitoring.table import Columns
from pipeline.params import Params
from pipeline.reporting import METRIC_NAMES
from plain import plain_params
from serving import test_monitoring as monitoring
from studies import cells
from studies.cross_validation import page as folds_page
from studies.cross_validation.fold import Fold
from studies.cross_validation.study import summarise
from studies.depth import pictures
from studies.depth.claims import judge
from studies.depth.report import render_report
from studies_constructed import DATASET, fits_of_cells, records, study

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PROJECT = Path(__file__).resolve().parents[2]
PARAMS = plain_params()


def depth_report() -> str:
    """On a study made by hand."""
    fits, folder = records(), Path("depth")
    baseline = {"validation_accuracy": 0.87, "test_accuracy": 0.86}
    drawn = pictures.write(fits, "toy", baseline["validation_accuracy"], folder)
    params: Params = PARAMS.model_copy(update={"depth": study()})
    return render_report(params, DATASET, fits, judge(fits, DATASET), baseline, drawn)


def cells_report() -> str:
    """Of the three cells side by side."""
    fitted = fits_of_cells(dict.fromkeys(("simple_rnn", "lstm", "gru"), 1.0))
    return cells.render_page(DATASET, fitted, {"train": 800}, depth=2)


def cross_validation_report() -> str:
    """Of three repeats of five folds, in which the classifiers differ by a point."""
    judged = []
    for repeat, number in np.ndindex(3, 5):
        scores = {name: 0.8 + 0.01 * (number % 3 - place) for place, name in enumerate(CLASSIFIERS)}
        fold = Fold(repeat + 1, number + 1, np.zeros(0, int))
        judged.append((fold, {name: dict.fromkeys(METRIC_NAMES, score) for name, score in scores.items()}))
    facts = {"dataset": "toy", "digest": "sha256:" + "ab" * 32, "labels": ["negative", "positive"]}
    return folds_page.render_page(facts | summarise(judged, 5, 3, 200))


def monitor_report() -> str:
    """Of other reviews than the version's, with their labels."""
    words = ["zzz good", "so bad", "good good zzz", "bad"] * 40
    rows = [{"text": text, "label": "yes" if "good" in text else "no"} for text in words]
    table = monitoring.table(Path(), rows)
    columns = Columns(label="label")
    found = compare(monitoring.CLASSIFIER, monitoring.VERSION, monitoring.profile(), table, columns)
    return monitor_page.page(found, monitoring.VERSION, table)


def dvc_plots() -> str:
    """The page of `dvc plots show` with one curve."""
    template = (PROJECT / ".dvc/plots.html").read_text(encoding="utf-8")
    curve = VegaRenderer.DIV.format(id="plot", partial="{}")
    return HTML(template).with_scripts(VegaRenderer.SCRIPTS).with_element(curve).embed()


@pytest.fixture
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By default the report of a made-up model, one word of whose reviews is a script and an address.

    It is drawn once, in a folder of its own.
    """
    make: Callable[[], str] = getattr(request, "param", judged.report)
    file = tmp_path_factory.getbasetemp() / make.__name__ / "page.html"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(file.parent)
            file.write_text(make(), encoding="utf-8")
    return file


PAGES = [judged.report, depth_report, cells_report, cross_validation_report, monitor_report]
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, indirect=True)


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


@pytest.mark.parametrize(
    ("page", "count", "captions"),
    [
        # Eight of the run, one of the study.
        (judged.report, 9, ["Share of positive reviews by predicted probability", "Trials"]),
        (depth_report, 6, ["Accuracy by depth: ", "Gradient by layer and time step: "]),
        (cells_report, 3, []),
    ],
    indirect=["page"],
)
def test_every_picture_is_drawn_and_described(opened, count: int, captions: list[str]) -> None:
    script = "return [...document.images].map(image => [image.naturalWidth, image.alt])"
    images = opened.execute_script(script)
    described = [alt for _, alt in images]
    assert all(any(alt.startswith(caption) for alt in described) for caption in captions)
    assert len(images) == count
    assert all(width > 0 and alt for width, alt in images)


@EVERY_PAGE
def test_the_page_asks_for_nothing_but_itself_and_the_browser_does_not_complain(opened, page: Path) -> None:
    addresses = requested(opened)
    assert page.as_uri() in addresses  # the log works
    assert addresses <= {page.as_uri(), "data:image/png;base64"}
    assert opened.get_log("browser") == []


def test_a_script_in_a_review_is_text(opened) -> None:
    assert judged.HOSTILE in opened.execute_script("return document.body.innerText")
    assert opened.execute_script("return [window.stolen, document.scripts.length]") == [None, 0]
    assert "tiny & <b>odd</b>" in opened.title


@EVERY_PAGE
def test_the_page_fits_its_width_and_breaks_no_word(opened) -> None:
    """A word is broken if its rectangles in the layout are on more than one line."""
    for width in (390, 1024, 1440):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        needed, there = opened.execute_script(
            "return [document.body.scrollWidth, document.documentElement.clientWidth]"
        )
        assert needed <= there, width
        assert opened.execute_script(BROKEN_WORDS) == [], width


@pytest.mark.parametrize("page", [dvc_plots], indirect=True)
def test_dvcs_page_says_why_it_has_no_curves_without_a_network(browser, page: Path) -> None:
    said = "return document.getElementById('offline').checkVisibility()"
    for command, values in (("Network.enable", {}), ("Network.setBlockedURLs", {"urls": ["*jsdelivr*"]})):
        browser.execute_cdp_cmd(command, values)
    browser.get(page.as_uri())
    assert browser.execute_script(said)
    drawing = "<script>vegaEmbed = () => 0</script>"
    page.write_text(page.read_text().replace(VegaRenderer.SCRIPTS.strip(), drawing))
    browser.get(page.as_uri())  # as if the network had given it
    assert not browser.execute_script(said)


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
