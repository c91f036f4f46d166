"""Label issues are listed for review, or rejected."""

from pathlib import Path

import numpy as np
import pytest

from configs.schema import FilterConfig
from tasks import tables
from tests.helpers.filtering import CrawledPhotos, png


def striped(seed: int, upright: bool) -> bytes:
    """Encode stripes: their direction shows the class, and `seed` determines their width and position."""
    random = np.random.default_rng(seed)
    wave = 128 + 90 * np.sin(np.arange(96) * random.uniform(0.5, 0.7) + random.uniform(0, 6))
    pixels = np.broadcast_to(wave[None, :, None], (96, 96, 3)) + random.normal(0, 12, (96, 96, 3))
    return png(np.clip(pixels if upright else pixels.transpose(1, 0, 2), 0, 255))


@pytest.mark.slow
def test_a_wrong_label_is_listed_for_review_or_rejected(tmp_path: Path) -> None:
    crawled = CrawledPhotos(tmp_path)
    for seed in range(60):
        crawled.add("ab"[seed % 2], striped(seed, upright=seed % 2 == 0))
    wrong = crawled.add("b", striped(99, upright=True))
    config = FilterConfig(label_issues=3, drop_near_duplicates=False, duplicate_bits=0)
    kept, _, _ = crawled.filter(config)
    assert wrong in set(kept["photo"])
    review = tables.filter.REVIEW.read(tmp_path / "out0")
    doubtful = review[review["reason"] == "wrong label"]
    assert (doubtful.iloc[0]["photo"], doubtful.iloc[0]["suggestion"]) == (wrong, "a")
    assert 1 <= len(doubtful) <= 3
    assert review["kept"].all()
    strict = config.model_copy(update={"max_label_doubt": 0.9})
    _, rejected, _ = crawled.filter(strict)
    assert rejected.set_index("photo")["reason"].to_dict() == {wrong: "wrong label"}
    crawled.decide(wrong, "b", "keep")
    assert wrong in set(crawled.filter(strict)[0]["photo"])
