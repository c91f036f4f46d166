"""What is computed of each photo is cached."""

import pytest

from configs.schema import FilterConfig
from tasks.filter import faces, image_stats
from tests.helpers.filtering import CrawledPhotos, jpeg


def test_a_second_run_keeps_the_splits_and_measures_only_new_photos(
    crawled: CrawledPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, _ = crawled.filter()
    new = {crawled.add("a", jpeg(seed)) for seed in range(100, 140)}
    measured: list[bytes] = []
    compute_stats = image_stats.compute_stats
    monkeypatch.setattr(image_stats, "compute_stats", lambda data: measured.append(data) or compute_stats(data))
    second, _, _ = crawled.filter()
    assert len(measured) == len(new)
    before, after = (table.set_index("photo")["split"] for table in (first, second))
    assert after[before.index].equals(before)


def test_faces_outside_the_range_are_rejected(crawled: CrawledPhotos, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    monkeypatch.setattr(faces, "count", lambda pixels, model: counted.append(1) or int(pixels[..., 0].mean()) % 3)
    kept, rejected, _ = crawled.filter(FilterConfig(faces=(1, 1)))
    assert len(counted) == 20
    assert set(rejected["reason"]) == {"faces"}
    assert 0 < len(kept) < 20
    crawled.filter(FilterConfig(faces=(0, 1)))
    assert len(counted) == 20  # once per photo


@pytest.mark.slow
def test_stored_photos_of_earlier_runs_are_measured_again_after_a_new_version(
    crawled: CrawledPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What resembles a photo that was tested must not be trained on, also after an update."""
    first, _, _ = crawled.filter()
    names = [row["photo"] for row in crawled.rows]
    tested = [names.index(photo) for photo in first.loc[first["split"] == "test", "photo"]]
    labels = [str(crawled.rows[seed]["label"]) for seed in tested]
    crawled.rows = [row for seed, row in enumerate(crawled.rows) if seed not in tested]
    copies = [crawled.add(label, jpeg(seed, quality=70)) for seed, label in zip(tested, labels, strict=True)]
    for seed in range(300, 340):
        crawled.add("ab"[seed % 2], jpeg(seed))
    monkeypatch.setattr(image_stats, "VERSION", image_stats.VERSION + 1)
    second, _, _ = crawled.filter()
    assert set(second.set_index("photo")["split"][copies]) == {"test"}
