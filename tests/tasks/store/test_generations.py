"""A file in generations, each in two places."""

from pathlib import Path

import pytest

from tasks.store.errors import UserError
from tasks.store.generations import Generations


@pytest.fixture
def files(tmp_path: Path) -> Generations:
    return Generations(tmp_path / "one", tmp_path / "two", suffix=".txt", remedy="ask the owner")


def paths(files: Generations) -> list[Path]:
    return sorted([*files.folder.glob("*"), *files.copies.glob("*")])


def test_the_newest_generation_is_read_and_two_are_kept_in_both_places(files: Generations) -> None:
    assert files.newest() is None
    newest = None
    for text in (b"a", b"b", b"c", b"c"):
        newest = files.write(text, newest)
    found = files.newest()
    assert found
    assert (found.number, found.path.read_bytes(), found.damaged) == (3, b"c", ())
    assert [path.name.split("-")[0] for path in paths(files)] == ["000002", "000003"] * 2


def test_an_old_content_that_comes_back_is_a_new_generation(files: Generations) -> None:
    first = files.write(b"a", None)
    second = files.write(b"b", first)
    assert files.write(b"a", second).number == 3


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("damage", [b"", b"other", None])
def test_a_damaged_or_missing_copy_is_restored(
    files: Generations, place: int, damage: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    files.write(b"a", None)
    path = paths(files)[place]
    path.unlink() if damage is None else path.write_bytes(damage)
    found = files.newest()
    assert found
    assert (found.path.read_bytes(), found.damaged) == (b"a", (path,))
    files.repair(found)
    assert path.read_bytes() == b"a"
    assert f"{path} was {'missing' if damage is None else 'damaged'}" in caplog.text
    assert files.newest() == type(found)(1, files.folder / path.name)


def test_a_copy_that_cannot_be_opened_counts_as_damaged(files: Generations) -> None:
    files.write(b"a", None)
    path = paths(files)[0]
    path.unlink()
    path.mkdir()
    found = files.newest()
    assert found
    assert found.damaged == (path,)


def test_if_no_copy_of_the_newest_is_intact_nothing_older_is_used(files: Generations) -> None:
    first = files.write(b"a", None)
    files.write(b"b", first)
    for path in paths(files):
        if path.name.startswith("000002"):
            path.write_bytes(b"")
    with pytest.raises(UserError, match=r"one/000002-\w+\.txt is damaged, and .*two/000002.*; ask the owner"):
        files.newest()


def test_two_states_with_the_same_number_are_refused(files: Generations, tmp_path: Path) -> None:
    files.write(b"a", None)
    Generations(tmp_path / "one", tmp_path / "three", suffix=".txt", remedy="").write(b"b", None)
    with pytest.raises(UserError, match="two different states"):
        files.newest()


def test_a_crash_between_the_two_copies_loses_nothing(files: Generations, monkeypatch: pytest.MonkeyPatch) -> None:
    first = files.write(b"a", None)
    from tasks.store import generations

    write = generations.atomic_write

    def killed(path: Path, data: bytes, *, private: bool) -> None:
        if path.parent == files.copies:
            raise KeyboardInterrupt
        write(path, data, private=private)

    monkeypatch.setattr(generations, "atomic_write", killed)
    with pytest.raises(KeyboardInterrupt):
        files.write(b"b", first)
    found = files.newest()
    assert found
    assert (found.number, found.path.read_bytes()) == (2, b"b")


def test_replacing_leaves_nothing_of_earlier_generations(files: Generations) -> None:
    newest = files.write(b"b", files.write(b"a", None))
    files.replace_all(b"c", newest)
    assert {path.read_bytes() for path in paths(files)} == {b"c"}


def test_what_a_killed_run_left_is_deleted_and_other_files_are_not_read(files: Generations) -> None:
    newest = files.write(b"a", None)
    (files.folder / ".partial-1.txt").write_bytes(b"")
    (files.folder / "000009-notes.txt").write_bytes(b"mine")
    files.write(b"b", newest)
    assert {path.name[:6] for path in files.folder.iterdir()} == {"000001", "000002", "000009"}
    found = files.newest()
    assert found
    assert found.number == 2
