"""Modules of a package, found by their names."""

import sys

import pytest

from tasks.store import plugins
from tasks.store.errors import UserError


def test_names_are_found_without_importing_them() -> None:
    sys.modules.pop("tasks.crawl.sources.folder", None)
    assert {"csv", "folder", "gallery"} <= set(plugins.names("tasks.crawl.sources"))
    assert "tasks.crawl.sources.folder" not in sys.modules
    assert plugins.load("tasks.crawl.sources", "folder").__name__ == "tasks.crawl.sources.folder"


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        UserError,
        match=r"'foldr' is not in tasks/crawl/sources \(did you mean folder\?\); there are .*csv, flickr, folder",
    ):
        plugins.load("tasks.crawl.sources", "foldr")
