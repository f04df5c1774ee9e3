"""Draws the guides' pictures of pages, docs/images/report.png and mlflow.png, in headless Chromium.

    python docs/pictures.py reports/report.html http://127.0.0.1:5000/#/experiments/1/runs/RUN

The first argument is a report, the second the address of its run while `make ui` serves it. Needs Chromium,
chromedriver and the packages of `make test`.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver

IMAGES = Path(__file__).parent / "images"
SIZE = (1280, 860)  # of the window, in CSS pixels
SECONDS = 40  # until MLflow has drawn its page
COLORS = 128  # of the palette: a page of text and lines needs no more, and the file is a third as large


def draw(address: str, target: Path, wait: float = 0) -> None:
    """The top of the page at ``address`` as a PNG, ``wait`` seconds after it was loaded."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        width, height = SIZE
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        if address.startswith("http"):  # MLflow opens its assistant's panel over a third of the page
            address += "?workflowType=machine_learning"  # as the address that `make ui` prints
            closed = "['fab.autoOpenedOnFirstLoad_v1', 'panelOpen_v1']"
            browser.get(address)
            browser.execute_script(
                f"{closed}.forEach(key => localStorage.setItem(`mlflow.assistant.${{key}}`, key[0] === 'f'))"
            )
            browser.refresh()
        browser.get(address)
        time.sleep(wait)
        browser.save_screenshot(str(target))
    finally:
        browser.quit()
    with Image.open(target) as image:
        image.convert("RGB").quantize(COLORS).save(target, optimize=True)


if __name__ == "__main__":
    report, run = sys.argv[1:]
    draw(Path(report).resolve().as_uri(), IMAGES / "report.png")
    draw(run, IMAGES / "mlflow.png", SECONDS)
