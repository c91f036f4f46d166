"""A crawl of a hostile site: all good photos are stored, and nothing else."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.comparisons.hostile_links import kinds
from benchmarks.comparisons.hostile_site import serve
from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.sources import urls
from tasks.store.context import StageContext


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_crawl_of_a_hostile_site_ends_with_all_good_photos_and_no_others(tmp_path: Path) -> None:
    few = [replace(kind, links=min(kind.links, 10 if kind.same else 2)) for kind in kinds(gap_s=0.25)]
    listing = tmp_path / "urls.csv"
    with serve(few) as site:
        with listing.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["url", "label"])
            rows.writerows((url, ("cat", "dog")[place % 2]) for place, url in enumerate(site.urls))
        config = CrawlConfig(
            sources="urls",
            path=listing,
            private_hosts=(f"127.0.0.1:{site.port}",),
            min_yield=0,
            connections_per_host=16,
            requests_per_s=1000,
            timeout_s=0.5,
            max_photo_mb=2,
        )
        context = StageContext(tmp_path, tmp_path / "out", tmp_path / "pools", tmp_path / "photos")
        with Ledger(tmp_path / "pools" / "ledger", context.photos) as ledger:
            result = urls.collect(config, ledger, context)
        assert {row.photo for row in result.rows} == set(site.good)
        assert {path.stem for path in context.photos.rglob("*.*")} == set(site.good)
        assert site.trapped == 0
