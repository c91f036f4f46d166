"""What the report says about proposed groups of unknown photos."""

from pathlib import Path

import pandas as pd
import pytest

from tasks import tables
from tasks.evaluate.report import page
from tasks.evaluate.report.figures import figures
from tasks.evaluate.report.unknown_groups import largest_groups, unknown_groups_text
from tasks.store.atomic import write_json
from tasks.store.json_file import read_json
from tests.helpers import stored_tables
from tests.helpers.report import HOSTILE, report_files

FOUND = {"limit": 0.815, "photos": 5, "groups": 1, "alone": 2, "classes": 3, "purity": 0.8, "adjusted_rand": 0.25}


def test_the_text_says_what_was_found() -> None:
    text = " ".join(unknown_groups_text({"unknown": {"groups": FOUND}}))
    assert text.startswith("5 test photos are answered as unknown. 1 group of two or more of them is proposed, and 2 ")
    assert "at most 0.81" in text or "at most 0.82" in text
    assert "of 3 classes; the adjusted Rand index is 0.250" in text


def test_what_was_not_measured_is_not_said() -> None:
    found = {name: FOUND[name] for name in ("limit", "photos", "groups", "alone")}
    assert "Rand" not in " ".join(unknown_groups_text({"unknown": {"groups": found}}))
    assert unknown_groups_text({"unknown": {"label": "new"}}) == unknown_groups_text({}) == []


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_the_report_shows_a_row_of_photos_for_each_group(tmp_path: Path, channels: int) -> None:
    files = report_files(tmp_path, channels=channels)
    assert largest_groups(files) == []
    assert "unknown_groups" not in figures(files)
    photos = files.test["photo"].tolist()[:15]
    labels = [HOSTILE] * 12 + ["$a_b$"] * 3
    proposed = pd.DataFrame({"photo": photos, "name": photos, "label": labels, "group": [1] * 11 + [2, 2, 3, 4]})
    stored_tables.write(
        tables.evaluate.UNKNOWN_GROUPS, proposed.assign(distance=[i / 20 for i in range(15)]), files.folder
    )
    measured = read_json(tables.evaluate.METRICS.path(files.folder), dict)
    write_json(
        tables.evaluate.METRICS.path(files.folder),
        measured | {"unknown": {"label": "new", "photos": 5, "validation_photos": 30, "groups": FOUND}},
    )
    again = type(files)(files.folder, files.root)
    rows = largest_groups(again)
    assert [tiles.shape for _, tiles in rows] == [(10, 8, 8, channels), (2, 8, 8, channels)]
    assert [name.split(";")[0] for name, _ in rows] == ["group 1, 11 photos", "group 2, 2 photos"]
    assert "$a_b$ (1)" in rows[1][0]
    text = page.html(again, drawn := figures(again))
    assert "unknown_groups" in drawn
    assert "Groups of unknown photos" in text
    assert HOSTILE not in text
