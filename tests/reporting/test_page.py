from __future__ import annotations

import base64
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.reporting.page import Picture, Section, Table, render

SCRIPT = "<script>alert('x')</script>"
PNG = b"\x89PNG\r\n\x1a\n and so on"


class Document(HTMLParser):
    """The tags with their attributes, and the text, as a browser would read them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "drawn.png"
    path.write_bytes(PNG)
    return path


def test_text_from_outside_stays_text_wherever_it_stands(picture: Path) -> None:
    parts = [SCRIPT, Picture(picture, f'"{SCRIPT}'), Table([SCRIPT], [[SCRIPT]], caption=SCRIPT)]
    html = render(SCRIPT, SCRIPT, [Section(SCRIPT, parts)])
    assert "<script" not in html
    document = Document(html)
    # title, h1, subtitle, link, heading, paragraph, table's caption, column and cell
    assert document.text.count(SCRIPT) == 9
    assert document.all("img")[0]["alt"] == f'"{SCRIPT}'


def test_a_picture_lies_in_the_page_itself(picture: Path) -> None:
    (image,) = Document(render("t", "s", [Section("Curves", [Picture(picture, "ROC")])])).all("img")
    assert image["alt"] == "ROC"
    head, _, data = str(image["src"]).partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == PNG


def test_pictures_in_a_row_share_a_block(picture: Path) -> None:
    parts = [Picture(picture, "a"), Picture(picture, "b"), "text", Picture(picture, "c")]
    html = render("t", "s", [Section("Curves", parts)])
    assert [block.count("<img") for block in html.split('class="pictures"')[1:]] == [2, 1]


def test_numbers_are_formatted_and_set_to_the_right() -> None:
    table = Table(["metric", "value", "count"], [["accuracy", 0.84051, 12500], ["f1", 0.5, 3]])
    html = render("t", "s", [Section("Metrics", [table])])
    assert '<tr><td>accuracy</td><td class="number">0.8405</td><td class="number">12,500</td></tr>' in html
    assert '<th>metric</th><th class="number">value</th>' in html


def test_links_at_the_top_lead_to_the_sections() -> None:
    document = Document(render("t", "s", [Section("One", []), Section("Two", ["text"])]))
    assert [link["href"] for link in document.all("a")] == ["#section-1", "#section-2"]
    assert [heading["id"] for heading in document.all("h2")] == ["section-1", "section-2"]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a row must have 2 cells, but got \['x'\]"):
        Table(["a", "b"], [["x"]])
