"""Keys of search engines from Prefect Secret blocks."""

import os

import pytest
from prefect.blocks.system import Secret

from configs.load import load
from configs.schema import CrawlConfig
from flows import credentials, preflight
from tasks.crawl.engines.engine import MissingCredentialsError

KEYWORDS = {"cat": ["cat"], "dog": ["dog"]}


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The Secret blocks of a server, by name."""
    stored: dict[str, str] = {}

    def look_up(name: str) -> Secret[str]:
        if name not in stored:
            raise ValueError(f"Unable to find block document named {name} for block type secret")
        return Secret(value=stored[name])

    monkeypatch.setattr(Secret, "load", look_up)
    for variable in ("FLICKR_API_KEY", "OPENVERSE_CLIENT_ID", "OPENVERSE_CLIENT_SECRET"):
        monkeypatch.setenv(variable, "")  # so that monkeypatch removes what the test sets
    return stored


def test_a_missing_variable_is_taken_from_its_block(blocks: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    blocks |= {"openverse-client-id": "id", "openverse-client-secret": "secret", "flickr-api-key": "from the block"}
    monkeypatch.setenv("FLICKR_API_KEY", "from the environment")
    credentials.from_secret_blocks(CrawlConfig(sources=("openverse", "flickr"), keywords=KEYWORDS))
    assert os.environ["OPENVERSE_CLIENT_SECRET"] == "secret"
    assert os.environ["FLICKR_API_KEY"] == "from the environment"


def test_a_variable_without_a_block_stays_missing_and_is_named(blocks: dict[str, str]) -> None:
    config = load("default", ["crawl.sources=flickr", "crawl.keywords={cat: [cat], dog: [dog]}"])
    credentials.from_secret_blocks(config.crawl)
    with pytest.raises(MissingCredentialsError, match=r"flickr needs FLICKR_API_KEY in the environment .*Secret block"):
        preflight.check_names(config)
    preflight.check_names(config, crawls=False)  # such as `fluke why`


@pytest.mark.parametrize("config", [CrawlConfig(), CrawlConfig(sources="flickr", keywords=KEYWORDS, replay=True)])
def test_a_run_without_searches_asks_for_no_blocks(config: CrawlConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Secret, "load", None)
    credentials.from_secret_blocks(config)
    assert credentials.variables(config) == []
