"""Photos that were stored and are gone: had again where that is possible, else one line, or the end of the crawl."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from configs.schema import CrawlConfig
from tasks.crawl import stage as crawl
from tasks.store.errors import UserError
from tasks.store.stage import Outcome, Run
from tasks.store.store import Store
from tests.helpers.scripted_engine import photo


@pytest.fixture
def listed(site: Any, tmp_path: Path) -> CrawlConfig:
    """A list of 20 URLs, 10 of each class, which were crawled once."""
    names = [f"{label}{number}.png" for label in ("cat", "dog") for number in range(10)]
    for name in names:
        site.on(f"/{name}", photo(name))
    text = "url,label\n" + "".join(f"{site.url}/{name},{name[:3]}\n" for name in names)
    (tmp_path / "urls.csv").write_text(text, encoding="utf-8")
    config = CrawlConfig(
        sources="urls",
        path=tmp_path / "urls.csv",
        requests_per_s=1000,
        retries=0,
        private_hosts=(urlsplit(site.url).netloc,),
    )
    assert run(config, tmp_path).manifest.counts["photos"] == 20
    return config


def run(config: CrawlConfig, root: Path) -> Outcome:
    with ThreadPoolExecutor(2) as executor:
        return Run(Store(root / "data"), executor).get_or_build(crawl.STAGE, config)


def lose(root: Path, count: int) -> None:
    for path in sorted((root / "data" / "photos").rglob("*.png"))[:count]:
        path.unlink()


def test_lost_photos_are_fetched_again(listed: CrawlConfig, tmp_path: Path) -> None:
    lose(tmp_path, 8)
    again = run(listed, tmp_path)
    assert again.manifest.counts["photos"] == 20
    assert not again.manifest.notes


def test_few_lost_photos_are_one_line(
    site: Any, listed: CrawlConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site.replies.clear()
    lose(tmp_path, 2)
    again = run(listed, tmp_path)
    assert again.manifest.counts["photos"] == 18
    (note,) = again.manifest.notes
    assert note.startswith(
        f"2 of 20 photos that were stored are gone from {tmp_path}/data/photos and can't be had again:"
    )


def test_many_lost_photos_end_the_crawl_with_one_line_each_night_until_they_are_accepted(
    site: Any, listed: CrawlConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site.replies.clear()
    lose(tmp_path, 9)
    for _ in range(2):  # the second time, the failed URLs wait for their next try
        caplog.clear()
        with pytest.raises(UserError, match=r"^9 of 20 photos that were stored .* or raise crawl\.max_loss$"):
            run(listed, tmp_path)
        assert len([record for record in caplog.records if "will be built again" in record.message]) == 3
    accepted = run(listed.model_copy(update={"max_loss": 0.5}), tmp_path)
    assert accepted.manifest.counts["photos"] == 11


def test_lost_photos_of_a_replay_count_too(listed: CrawlConfig, tmp_path: Path) -> None:
    replay = listed.model_copy(update={"replay": True})
    assert run(replay, tmp_path).manifest.counts["photos"] == 20
    lose(tmp_path, 9)
    with pytest.raises(UserError, match="9 of 20 photos that were stored are gone"):
        run(replay, tmp_path)


def test_a_photo_that_was_never_had_is_not_lost(site: Any, listed: CrawlConfig, tmp_path: Path) -> None:
    text = (tmp_path / "urls.csv").read_text(encoding="utf-8")
    (tmp_path / "urls.csv").write_text(text + f"{site.url}/gone.png,cat\n" * 5, encoding="utf-8")
    assert not [note for note in run(listed, tmp_path).manifest.notes if "were stored" in note]
