"""Folders and files that are written completely or not at all."""

from pathlib import Path

import pytest

from tasks.store.atomic import atomic_folder


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_appears_when_it_is_complete(tmp_path: Path, there: bool) -> None:
    home = tmp_path / "above" / "folder"
    if there:
        home.mkdir(parents=True)
    with atomic_folder(home) as partial:
        (partial / "inner").mkdir()
        (partial / "inner" / "file").write_text("all")
        assert not (home / "inner").exists()
    assert (home / "inner" / "file").read_text() == "all"
    assert list(home.parent.iterdir()) == [home]


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    def half(home: Path) -> None:
        with atomic_folder(home) as partial:
            (partial / "file").write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        half(tmp_path / "folder")
    assert not list(tmp_path.iterdir())
