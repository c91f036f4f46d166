"""A CSV file with the columns Image and Id."""

import os
import shutil
from pathlib import Path

import pytest

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.result import CrawlResult
from tasks.crawl.sources import csv
from tasks.crawl.stage import build_photos
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.manifest import Result
from tasks.tables.crawl import TIMES

pytestmark = pytest.mark.usefixtures("any_bytes_are_photos")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        (tmp_path / "images" / name).write_bytes(name.encode())
    return tmp_path


def config(home: Path, text: str | bytes, **settings: object) -> CrawlConfig:
    path = home / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return CrawlConfig(**({"sources": "csv", "path": path, "images": home / "images"} | settings))


def collect(home: Path, config: CrawlConfig, notes: list[str] | None = None) -> CrawlResult:
    context = StageContext(home, home / "out", home / "pools", home / "photos", notes=[] if notes is None else notes)
    with Ledger(home / "ledger", context.photos) as ledger:
        return csv.collect(config, ledger, context)


def pairs(result: CrawlResult) -> list[tuple[str, str]]:
    return [(row.name, row.label) for row in result.rows]


def test_rows_are_in_file_order_and_other_columns_are_ignored(home: Path) -> None:
    given = config(home, "\ufeffId,Image,Where\nw_1,2.jpg,sea\nw_2,1.jpg,\nw_1,3.jpg,coast\n")
    result = collect(home, given)
    assert [(row.name, row.label, row.rank) for row in result.rows] == [
        ("2.jpg", "w_1", 1),
        ("1.jpg", "w_2", 1),
        ("3.jpg", "w_1", 2),
    ]
    assert (home / "photos" / result.rows[0].file).read_bytes() == b"2.jpg"


def test_the_column_group_is_read(home: Path) -> None:
    rows = collect(home, config(home, "Image,Group,Id\n1.jpg,g,a\n2.jpg,,b\n3.jpg,g,a\n")).rows
    assert [row.group for row in rows] == ["g", None, "g"]


def test_the_times_of_photos_are_written_and_change_the_digest(home: Path) -> None:
    def built(text: str) -> tuple[Result, list[str]]:
        out = home / "built"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        context = StageContext(home, out, home / "pools", home / "photos")
        result = build_photos(config(home, text), context=context)
        return result, list(TIMES.read(out)["taken_at"]) if TIMES.path(out).exists() else []

    plain, none = built("Image,Id\n1.jpg,a\n2.jpg,b\n")
    timed, times = built("Image,Id,taken_at\n1.jpg,a,2026-11-27\n2.jpg,b,\n")
    other, others = built("Image,Id,taken_at\n1.jpg,a,2026-11-28\n2.jpg,b,\n")
    assert (none, times, others) == ([], ["2026-11-27"], ["2026-11-28"])
    assert len({plain.digest, timed.digest, other.digest}) == 3
    empty, none = built("Image,Id,taken_at\n1.jpg,a,\n2.jpg,b,\n")
    assert (empty.digest, none) == (plain.digest, [])


def test_ids_remain_strings(home: Path) -> None:
    assert pairs(collect(home, config(home, "Image,Id\n1.jpg,007\n2.jpg,NA\n"))) == [("1.jpg", "007"), ("2.jpg", "NA")]


def test_an_image_with_two_ids_has_two_rows_and_repeated_rows_are_left_out(home: Path) -> None:
    text = "Image,Id\n1.jpg,a\n1.jpg,b\n1.jpg, a \n2.jpg,\n,b\n3.jpg\n"
    result = collect(home, config(home, text, max_loss=0.5))
    assert pairs(result) == [("1.jpg", "a"), ("1.jpg", "b")]
    assert result.counts == {"rows without an image or id": 3, "repeated rows": 1}


def test_images_are_relative_to_the_csv_by_default(home: Path) -> None:
    text = "Image,Id\nimages/1.jpg,a\nimages/2.jpg,b\n"
    assert len(collect(home, config(home, text, images=None)).rows) == 2


def test_per_class_keeps_the_first_of_each(home: Path) -> None:
    given = config(home, "Image,Id\n3.jpg,a\n1.jpg,a\n2.jpg,b\n", per_class=1)
    assert pairs(collect(home, given)) == [("3.jpg", "a"), ("2.jpg", "b")]


def test_the_fingerprint_depends_on_rows_and_images_only(home: Path) -> None:
    first = csv.external_inputs(config(home, "Image,Id\n1.jpg,a\n2.jpg,b\n"))
    assert csv.external_inputs(config(home, "Image,Id,Note\n1.jpg,a,x\n2.jpg,b,y\n")) == first
    assert csv.external_inputs(config(home, "Image,Id\n1.jpg,b\n2.jpg,a\n")) != first
    os.utime(home / "images" / "1.jpg", ns=(1, 1))
    assert csv.external_inputs(config(home, "Image,Id\n1.jpg,a\n2.jpg,b\n")) != first


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "image,label\n1.jpg,a\n",
            r"has no column Id; its columns are image, label \(did you mean crawl\.columns\.label",
        ),
        ("Image:Id\n1.jpg:a\n", r"its columns are Image:Id .*; name them Image,Id and separate them by commas"),
        ("", r"its columns are \(none\)"),
        ("Image,Id\n", "contains no photos"),
        ("Image,Id\n1.jpg,a\n2.jpg,a\n", "contains only one class, 'a'"),
        (b"Image,Id\n1.jpg,\xe9t\xe9\n", "can't be read as CSV .*; save it as CSV, encoded as UTF-8"),
        (
            "Image,Id\n1.jpg,a\n4.jpg,b\n5.jpg,b\n6.jpg,b\n7.jpg,b\n",
            r"\(4 name files that are not in .*/images\): 4\.jpg, 5\.jpg, 6\.jpg \.\.\.; .*put them there, set",
        ),
        ("Image,Id\n.,a\n2.jpg,b\n", r"\(1 name files that are not in .*: \.; that is 50\.0\s%"),
        ("Image,Id\n1.jpg,a\n2.jpg\n", r"\(1 have no Image or no Id\): labels\.csv line 3; .*fill them in"),
    ],
)
def test_an_unusable_csv_is_an_error_with_a_remedy(home: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        csv.external_inputs(config(home, text))


def test_what_is_not_used_as_given_is_said(home: Path) -> None:
    text = "Image,Id,group\n" + "".join(f"{i % 3 + 1}.jpg,{'ab'[i % 2]},{i // 6}\n" for i in range(12)) + "4.jpg,a,\n"
    notes: list[str] = []
    result = collect(home, config(home, text), notes)
    assert len(result.rows) == 12
    assert {row.group for row in result.rows} == {"0", "1"}
    assert "group is read as Group" in notes[0]
    assert "1 of 13 rows of" in notes[1]
    assert "4.jpg; put them there" in notes[1]


def test_the_given_split_reaches_the_rows(home: Path) -> None:
    given = config(home, "Image,Id,split\n1.jpg,a,train\n2.jpg,b,Validation\n3.jpg,b,\n")
    assert [row.given_split for row in collect(home, given).rows] == ["train", "val", None]
    before = csv.external_inputs(given)
    assert csv.external_inputs(config(home, "Image,Id,split\n1.jpg,a,test\n2.jpg,b,val\n3.jpg,b,\n")) != before


def test_wrong_paths_are_errors(home: Path) -> None:
    with pytest.raises(UserError, match=r"crawl\.path is not given"):
        csv.external_inputs(CrawlConfig(sources="csv"))
    with pytest.raises(
        UserError, match=r"is a folder and has no train\.csv; set crawl\.path to the CSV file itself, or set"
    ):
        csv.external_inputs(CrawlConfig(sources="csv", path=home))
    text = "Image,Id\n1.jpg,a\n2.jpg,b\n"
    with pytest.raises(UserError, match=r"crawl\.images: .*nowhere: no such file or folder"):
        csv.external_inputs(config(home, text, images=home / "nowhere"))
    with pytest.raises(UserError, match=r"set crawl\.images to the folder"):
        csv.external_inputs(config(home, text, images=home / "labels.csv"))


def test_a_photo_that_vanishes_between_listing_and_reading_is_lost_and_named(home: Path) -> None:
    text = "Image,Id,split\n1.jpg,a,train\n2.jpg,b,train\n3.jpg,a,test\n"
    csv.external_inputs(config(home, text))
    (home / "images" / "3.jpg").unlink()
    with pytest.raises(UserError, match=r"1 of 3 rows of .*: 3\.jpg.*crawl\.max_loss"):
        collect(home, config(home, text, max_loss=0))
    notes: list[str] = []
    assert pairs(collect(home, config(home, text, max_loss=0.4), notes)) == [("1.jpg", "a"), ("2.jpg", "b")]
    assert "3.jpg" in notes[0]
