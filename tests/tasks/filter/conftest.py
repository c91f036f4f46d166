"""Crawled photos that all pass the filter."""

from pathlib import Path

import pytest

from tests.helpers.filtering import CrawledPhotos, jpeg


@pytest.fixture
def crawled(tmp_path: Path) -> CrawledPhotos:
    """Twenty photos of the classes a and b, in turn."""
    made = CrawledPhotos(tmp_path)
    for seed in range(20):
        made.add("ab"[seed % 2], jpeg(seed))
    return made
