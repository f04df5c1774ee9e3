"""The templates' parts: escaped, self-contained, numbers as people read them."""

import base64
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest

from pipeline.reporting import page
from pipeline.reporting.page import Picture, Table

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


Part = Callable[[str, object], str]


@pytest.fixture
def part(tmp_path: Path) -> Part:
    """Renders a macro of parts.html."""
    (tmp_path / "part.html").write_text("{% import 'parts.html' as parts %}{{ parts[name](shown) }}")
    return lambda name, shown: page.render("part.html", tmp_path, name=name, shown=shown)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "drawn.png"
    path.write_bytes(PNG)
    return path


def test_text_from_outside_stays_text_wherever_it_stands(picture: Path, part: Part) -> None:
    table = Table([SCRIPT], [[SCRIPT]], caption=SCRIPT)
    html = part("table", table) + part("pictures", [Picture(picture, f'"{SCRIPT}', SCRIPT)])
    assert "<script" not in html
    document = Document(html)
    assert document.text.count(SCRIPT) == 4  # column, cell and both captions
    assert document.all("img")[0]["alt"] == f'"{SCRIPT}: {SCRIPT}'


def test_a_picture_lies_in_the_page_itself(picture: Path, part: Part) -> None:
    (image,) = Document(part("picture", Picture(picture, "ROC"))).all("img")
    assert image["alt"] == "ROC"
    head, _, data = str(image["src"]).partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == PNG


def test_a_caption_says_how_to_read_a_picture_not_its_title(picture: Path, part: Part) -> None:
    named = part("picture", Picture(picture, "ROC"))
    explained = part("picture", Picture(picture, "ROC", "To the left."))
    assert "figcaption" not in named
    assert Document(explained).text == ["To the left."]
    assert Document(explained).all("img")[0]["alt"] == "ROC: To the left."


def test_numbers_are_rounded_and_set_to_the_right_and_one_may_be_missing(part: Part) -> None:
    """A share is a number and a name with digits is none; a trial that was killed has no score."""
    columns = ["metric", "value", "count", "share", "network", "score", "end"]
    rows = [
        ["accuracy", 0.84866, 12500, "57.3%", "gru 2x16", 0.5, 0.25],
        ["f1", 0.5, 3, "0.0%", "lstm", "", "never"],
    ]
    found = re.findall(r'<t([hd])(?: class="(\w+)")?>(.*?)</t', part("table", Table(columns, rows)))
    names, shown = (["".join(text) for kind, *text in found if kind == each] for each in "hd")
    assert names == ["metric", "numbervalue", "numbercount", "numbershare", "network", "numberscore", "end"]
    assert shown[1:7] == [
        "number0.8487",
        "number12,500",
        "number57.3%",
        "shortgru 2x16",
        "number0.5000",
        "short0.2500",
    ]
    assert shown[-2:] == ["number", "shortnever"]


def test_a_folded_table_shows_its_caption_only(part: Part) -> None:
    html = part("table", Table(["bin"], [["a"]], "The bins", folded=True))
    assert html.index("<details>") < html.index("<summary>The bins</summary>") < html.index("<table>")
    with pytest.raises(ValueError, match="a folded table must have a caption"):
        Table(["bin"], [["a"]], folded=True)


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a row must have 2 cells, but got \['x'\]"):
        Table(["a", "b"], [["x"]])


def test_a_name_that_the_template_lacks_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'sections' is undefined"):
        page.render("base.html", title="t")
