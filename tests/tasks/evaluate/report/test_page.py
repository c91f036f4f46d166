"""The page of the report, and the summary for the dashboard."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from tasks import tables
from tasks.evaluate.findings import BEFORE_TRAINING, DRIFT, Compared
from tasks.evaluate.report import page
from tasks.evaluate.report.data import EvaluationFiles
from tasks.evaluate.report.figures import figures
from tasks.store.atomic import write_json
from tests.helpers.report import HOSTILE, report_files


class Page(HTMLParser):
    """The elements, the attributes and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.slow
def test_names_cannot_inject_and_nothing_is_loaded(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    text = page.html(files, figures(files))
    parsed = Page(text)
    assert not {"script", "iframe", "object", "link", "base", "form"} & set(parsed.tags)
    assert not [name for _, name, _ in parsed.attributes if name.startswith("on")]
    loads = [value for _, name, value in parsed.attributes if name in ("src", "href", "xlink:href", "data", "action")]
    assert len(loads) > 5
    assert all(value.startswith(("data:image/", "#")) for value in loads)
    assert "url(" not in text.replace("url(#", "")
    assert "@import" not in text
    assert HOSTILE in parsed.text  # shown, as text
    assert "{{ 7*7 }}" in parsed.text
    policy = [value for tag, name, value in parsed.attributes if tag == "meta" and name == "content"]
    assert any("default-src 'none'" in value for value in policy)


@pytest.mark.slow
def test_the_page_is_repeatable(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    assert page.html(files, figures(files)) == page.html(files, figures(files))


@pytest.mark.slow
def test_without_curves_and_recipes_there_is_no_section_on_training(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    drawn = figures(files)
    assert 'href="#training"' in page.html(files, drawn | {"loss": next(iter(drawn.values()))})
    without = {name: each for name, each in drawn.items() if name not in ("loss", "accuracy")}
    assert 'id="training"' not in page.html(files, without)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_galleries_show_each_mistake_with_its_tile(tmp_path: Path, channels: int) -> None:
    files = report_files(tmp_path, ["cat", "dog", "eel"], channels=channels)
    text = page.html(files, figures(files))
    mistakes = text[text.index('id="mistakes"') : text.index("Correct predictions")]
    assert mistakes.count("<img") == 2 * 3  # the tile, the heat map, a similar train photo
    assert mistakes.count("0.87") == 2
    assert mistakes.count('<b class="bad"><bdi>dog</bdi></b>') == 2
    assert "All 2 wrong predictions" in mistakes
    assert mistakes.count("true <bdi>cat</bdi>, ranked 2nd") == 2


def test_rejected_duplicates_are_shown_with_the_kept_photo(tmp_path: Path) -> None:
    groups = {group["reason"]: group for group in page.rejects(report_files(tmp_path))}
    assert groups["too small"]["examples"][0]["pictures"][0].startswith("data:image/png;base64,")
    assert groups["too small"]["examples"][0]["why"] == "12\N{NO-BREAK SPACE}px"
    assert groups["unreadable"]["examples"][0]["pictures"] == [None]
    assert len(groups["near duplicate"]["examples"][0]["pictures"]) == 2


@pytest.mark.slow
def test_a_deleted_photo_does_not_break_the_report(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    (tmp_path / "photos" / "r0.png").unlink()
    assert "no image" in page.html(files, figures(files))


def test_the_photos_found_are_rejected_or_kept(tmp_path: Path) -> None:
    steps = page.funnel(report_files(tmp_path))
    assert steps[0] == ("found", 33, 1.0)
    assert steps[-1][:2] == ("kept", 30)
    assert sum(count for _, count, _ in steps[1:]) == 33


def test_searches_count_photos_once() -> None:
    crawled = pd.DataFrame(
        [
            ("a", "duck", "cat"),
            ("a", "duck", "cat"),
            ("b", "duck", "cat"),
            ("b", "goose", "cats"),
            ("c", None, None),
        ],
        columns=["photo", "engine", "keyword"],
    )
    kept = pd.DataFrame({"photo": ["a"]})
    assert page.searches(crawled, kept) == [("duck", "cat", 2, 1), ("goose", "cats", 1, 0)]


def test_the_dashboard_summary_is_plain_and_small(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    text = page.dashboard_summary(files, figures(files))
    assert len(text.encode()) < 60_000
    picture = re.search(r"!\[confusion matrix\]\(data:image/png;base64,[A-Za-z0-9+/=]+\)", text)
    assert picture
    rest = text.replace(picture[0], "")
    assert not re.search(r"(?<!\\)[<`]", rest)
    assert r"강아지 \| \`code\` \*\*b\*\*" in rest
    rows = [line for line in rest.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {5, 6}  # no name adds a column


def compared(name: str, deviation: float) -> dict[str, object]:
    row = Compared(
        kind="class", name=name, trained_on=60, new=7, deviation=deviation, limit=3, p=0.0005, drifted=deviation > 3
    )
    return row.model_dump()


@pytest.mark.slow
def test_drift_is_drawn_and_in_a_table(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    assert "drift" not in figures(files)
    again = EvaluationFiles(files.folder, tmp_path)
    write_json(tables.evaluate.NOTES.path(files.folder), {DRIFT: [compared(HOSTILE, 5.25), compared("dog", -0.4)]})
    drawn = figures(again)
    assert "drift" in drawn
    text = " ".join(Page(page.html(again, drawn).replace("</td>", "</td> ")).text.split())
    assert f"class '{HOSTILE}' 60 7 5.2 3.0 0.0005 drift" in text
    assert "class 'dog' 60 7 -0.4 3.0 0.0005" in text


@pytest.mark.slow
def test_what_is_not_as_in_earlier_runs_comes_first_on_the_page_and_in_the_dashboard(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    write_json(tables.evaluate.NOTES.path(files.folder), {BEFORE_TRAINING: [f"class {HOSTILE} is gone"]})
    drawn = figures(files)
    text = Page(page.html(files, drawn)).text
    assert text.index(f"class {HOSTILE} is gone") < text.index("Scores")
    assert "Not as in earlier runs: class \\<script\\>" in page.dashboard_summary(files, drawn)
