"""Modules found by name."""

import sys

import pytest

from tasks.support import modules
from tasks.support.errors import UserError


def test_names_are_found_without_importing_them() -> None:
    sys.modules.pop("tasks.sources.folder", None)
    assert {"csv", "folder", "gallery"} <= set(modules.names("tasks.sources"))
    assert "tasks.sources.folder" not in sys.modules
    assert modules.load("tasks.sources", "folder").__name__ == "tasks.sources.folder"


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        UserError, match=r"'foldr' is not in tasks/sources; did you mean folder\? there are .*csv, flickr, folder"
    ):
        modules.load("tasks.sources", "foldr")
