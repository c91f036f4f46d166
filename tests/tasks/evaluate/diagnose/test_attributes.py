"""What is known of each test photo."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.evaluate.diagnose.attributes import attributes_of, brightness_of, quarters


def crawled(**columns: object) -> pd.DataFrame:
    one: dict[str, object] = {"photo": "a", "file": "a.jpg", "name": "a.jpg", "url": None, "engine": "folder"}
    one |= {"keyword": None, "width_px": 30, "height_px": 40}
    return pd.DataFrame([one | columns])


def test_a_photo_of_a_folder(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    exif.get_ifd(0x8769)[0x9003] = "2024:07:03 14:05:06"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    found = attributes_of(["a"], crawled(name="zoo/monday/a.jpg"), np.array([0.5]), tmp_path, {})
    values = {name: column[0] for name, column in found.items()}
    assert values["folder"] == "zoo/monday"
    assert values["time"] == "2024-07"
    assert values["time of day"] == "12–18 h"
    assert values["engine"] == "folder"
    assert values["website"] is None
    assert values["keyword"] is None


def test_the_time_of_the_source_counts_more_than_that_of_the_file(tmp_path: Path) -> None:
    found = attributes_of(["a"], crawled(), np.array([0.5]), tmp_path, {"a": "2023-05-06T07:08:09"})
    assert (found["time"][0], found["time of day"][0]) == ("2023-05", "6–12 h")


def test_a_downloaded_photo_without_a_file(tmp_path: Path) -> None:
    rows = pd.concat([crawled(url="https://Example.org/x/a.jpg", keyword="cat", engine="flickr"), crawled()])
    found = attributes_of(["a", "b"], rows, np.array([0.5, 0.5]), tmp_path, {})
    assert {name: column[0] for name, column in found.items() if column[0] is not None} == {
        "engine": "flickr",  # the first row of the photo counts
        "keyword": "cat",
        "website": "example.org",
    }
    assert all(column[1] is None for column in found.values())  # a photo that the crawl doesn't list


def test_quarters_have_the_same_number_of_photos() -> None:
    found = quarters(np.append(np.arange(100.0), np.nan), "{:.0f} px")
    assert found[-1] is None
    names, counts = np.unique(found[:-1].astype(str), return_counts=True)
    assert set(names) == {"up to 25 px", "25 px to 50 px", "50 px to 74 px", "over 74 px"}
    assert set(counts) == {25}


def test_photos_of_the_same_size_are_no_slices() -> None:
    assert set(quarters(np.full(9, 640.0), "{:.0f} px")) == {None}
    assert set(quarters(np.full(3, np.nan), "{:.0f} px")) == {None}


def test_values_that_look_the_same_are_not_divided() -> None:
    assert set(quarters(np.linspace(0.5, 0.51, 9), "{:.0f} %")) == {None}


def test_brightness_is_that_of_the_middle() -> None:
    tile = np.zeros((1, 8, 8, 3), np.uint8)  # black padding
    tile[:, 2:6, 2:6] = 255
    assert brightness_of(tile) == pytest.approx(1)
    assert brightness_of(tile[..., :1]) == pytest.approx(1)
