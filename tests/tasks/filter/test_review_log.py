"""The log of decisions: which are in effect, which lines are refused, and concurrent writers lose nothing."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.filter import review_log
from tasks.filter.review_log import Decision, Entry, Opinion, ReviewKey
from tasks.store.errors import UserError

A, B = ReviewKey("a" * 64, "cat"), ReviewKey("b" * 64, "dog")
HEADER = "photo,label,action,to,decided_at\n"
AT = "2026-01-31T12:00:00Z"
EVERYTHING = {A, B}


def in_effect(root: Path) -> dict[ReviewKey, tuple[str, str]]:
    return {key: (decision.action, decision.to) for key, decision in review_log.read(root).items()}


def test_without_a_log_there_are_no_decisions(tmp_path: Path) -> None:
    assert review_log.read(tmp_path) == {}
    assert review_log.undo(tmp_path, EVERYTHING) is None
    assert not (tmp_path / review_log.NAME).exists()


def test_the_last_row_about_a_photo_in_a_class_counts(tmp_path: Path) -> None:
    review_log.add(tmp_path, [Decision(A, "keep"), Decision(B, "reject"), Decision(A, "move", "dog")])
    assert in_effect(tmp_path) == {A: ("move", "dog"), B: ("reject", "")}
    lines = (tmp_path / review_log.NAME).read_text().splitlines()
    assert [line.rsplit(",", 2)[0] for line in lines] == [
        "photo,label,action,to",
        f"{'a' * 64},cat,keep,",
        f"{'b' * 64},dog,reject,",
        f"{'a' * 64},cat,move,dog",
    ]


def test_a_decision_in_effect_is_not_written_again(tmp_path: Path) -> None:
    assert review_log.add(tmp_path, [Decision(A, "keep")]) == [Decision(A, "keep")]
    before = (tmp_path / review_log.NAME).read_bytes()
    assert review_log.add(tmp_path, [Decision(A, "keep")]) == []
    assert (tmp_path / review_log.NAME).read_bytes() == before


def test_undo_cancels_decisions_one_by_one(tmp_path: Path) -> None:
    review_log.add(tmp_path, [Decision(A, "keep"), Decision(B, "reject"), Decision(A, "reject")])
    assert review_log.undo(tmp_path, EVERYTHING) == Decision(A, "reject")
    assert in_effect(tmp_path) == {A: ("keep", ""), B: ("reject", "")}
    assert review_log.undo(tmp_path, EVERYTHING) == Decision(B, "reject")
    assert review_log.undo(tmp_path, EVERYTHING) == Decision(A, "keep")
    assert review_log.undo(tmp_path, EVERYTHING) is None
    assert in_effect(tmp_path) == {}


def test_undo_leaves_other_keys_alone(tmp_path: Path) -> None:
    review_log.add(tmp_path, [Decision(A, "keep"), Decision(B, "reject")])
    assert review_log.undo(tmp_path, {A}) == Decision(A, "keep")
    assert in_effect(tmp_path) == {B: ("reject", "")}


def test_the_digest_depends_only_on_the_decisions_in_effect(tmp_path: Path) -> None:
    empty = review_log.digest(tmp_path)
    review_log.add(tmp_path, [Decision(A, "keep"), Decision(B, "reject")])
    both = review_log.digest(tmp_path)
    assert both != empty
    review_log.add(tmp_path, [Decision(A, "reject")])
    assert review_log.digest(tmp_path) not in (both, empty)
    review_log.undo(tmp_path, EVERYTHING)
    assert review_log.digest(tmp_path) == both
    review_log.add(tmp_path / "other", [Decision(B, "reject"), Decision(A, "keep")])
    assert review_log.digest(tmp_path / "other") == both


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"{'a' * 64},cat,delete,,{AT}", "action is 'delete'"),
        (f"{'a' * 63},cat,keep,,{AT}", "not a SHA-256"),
        (f"{'A' * 64},cat,keep,,{AT}", "not a SHA-256"),
        (f"{'a' * 64},cat,move,,{AT}", "move needs a class"),
        (f"{'a' * 64},cat,keep,dog,{AT}", "move needs a class"),
        (f"{'a' * 64},cat,move,cat,{AT}", "already the class"),
        (f"{'a' * 64},cat,keep,,yesterday", "decided_at is 'yesterday'"),
        (f"{'a' * 64},cat,kee", "3 values instead of 6"),
        (f'{"a" * 64},"cat,keep,,{AT}', "unexpected end of data"),
        ("<<<<<<< HEAD", "1 values instead of 6"),
    ],
)
def test_a_damaged_line_is_refused_with_file_and_line(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / review_log.NAME
    path.write_text(f"{HEADER}{'b' * 64},dog,keep,,{AT}\n{line}\n")
    before = path.read_bytes()
    for attempt in (
        lambda: review_log.read(tmp_path),
        lambda: review_log.add(tmp_path, [Decision(A, "keep")]),
        lambda: review_log.undo(tmp_path, EVERYTHING),
    ):
        with pytest.raises(UserError, match=why) as refused:
            attempt()
        assert f"{path}, line 3: " in str(refused.value)
    assert path.read_bytes() == before


def test_a_log_without_its_first_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / review_log.NAME).write_text(f"{'b' * 64},dog,keep,,{AT}\n")
    with pytest.raises(UserError, match="line 1: the first line must be photo,label"):
        review_log.read(tmp_path)


def test_who_decided_is_logged_and_another_opinion_stays_known(tmp_path: Path) -> None:
    review_log.add(tmp_path, [Decision(A, "keep"), Decision(B, "keep")], "anna")
    review_log.add(tmp_path, [Decision(A, "move", "dog"), Decision(B, "keep")], "=bob")  # about B they agree
    entries = review_log.entries(tmp_path)
    assert (entries[A].by, entries[A].differing) == ("=bob", (Opinion("anna", "keep", ""),))
    assert (entries[B].by, entries[B].differing) == ("anna", ())
    review_log.add(tmp_path, [Decision(A, "reject")], "anna")
    assert review_log.entries(tmp_path)[A].differing == (Opinion("=bob", "move", "dog"),)
    review_log.change(tmp_path, lambda log: [A], "anna")
    review_log.change(tmp_path, lambda log: [A], "anna")
    assert review_log.entries(tmp_path)[A] == Entry(Decision(A, "keep"), 0, "anna")


def test_a_log_of_an_older_version_gets_the_new_column_with_the_first_change(tmp_path: Path) -> None:
    path = tmp_path / review_log.NAME
    path.write_text(f"{HEADER}{'b' * 64},dog,keep,,{AT}\n")
    assert review_log.entries(tmp_path)[B].by == ""
    review_log.add(tmp_path, [Decision(A, "reject")], "anna")
    lines = path.read_text().splitlines()
    assert lines[:2] == ["photo,label,action,to,decided_at,decided_by", f"{'b' * 64},dog,keep,,{AT},"]
    assert lines[2].endswith(",anna")
    with path.open("a") as log:  # a merge with a log of an older version
        log.write(f"{'b' * 64},dog,reject,,{AT}\n")
    assert in_effect(tmp_path) == {A: ("reject", ""), B: ("reject", "")}


def test_changes_by_editors_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / review_log.NAME
    text = f"{HEADER}\n{'b' * 64},dog,keep,,{AT}".replace("\n", "\r\n")  # a blank line, CRLF, no last line end
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    review_log.add(tmp_path, [Decision(A, "reject")])
    assert in_effect(tmp_path) == {A: ("reject", ""), B: ("keep", "")}


@pytest.mark.parametrize("label", ['a "b", c', "two\nlines", "nul\0", "\udcff", "=1+1", " cat ", "كلب"])
def test_a_class_may_have_any_name(tmp_path: Path, label: str) -> None:
    key = ReviewKey("c" * 64, label)
    review_log.add(tmp_path, [Decision(key, "keep"), Decision(A, "move", label)])
    assert in_effect(tmp_path) == {key: ("keep", ""), A: ("move", label)}


def test_a_full_disk_leaves_no_partial_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    review_log.add(tmp_path, [Decision(A, "keep")])
    before = (tmp_path / review_log.NAME).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tasks.filter.review_log.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        review_log.add(tmp_path, [Decision(B, "keep")])
    assert (tmp_path / review_log.NAME).read_bytes() == before


def test_several_rows_are_in_the_log_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / review_log.NAME
    review_log.add(tmp_path, [Decision(A, "keep")])
    before = path.read_bytes()
    path.write_bytes(before.rstrip())  # an editor has left no last line end
    with path.open("rb") as reader:  # as a process that is killed would leave the log
        assert review_log.change(tmp_path, lambda log: [A, Decision(B, "reject")], "anna") == 2
        assert reader.read() == before.rstrip()
    assert path.read_bytes().startswith(before)
    assert in_effect(tmp_path) == {B: ("reject", "")}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    after = path.read_bytes()
    monkeypatch.setattr("tasks.filter.review_log.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        review_log.add(tmp_path, [Decision(A, "keep"), Decision(B, "keep")])
    assert path.read_bytes() == after
    assert [found.name for found in tmp_path.iterdir() if not found.name.endswith(".lock")] == [path.name]


def test_concurrent_threads_and_processes_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tasks.filter.review_log import *\n"
        "for i in range(20): add(Path(sys.argv[1]), [Decision(ReviewKey(f'{i:064x}', 'process'), 'keep')])"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    with ThreadPoolExecutor(4) as executor:
        list(
            executor.map(
                lambda i: review_log.add(tmp_path, [Decision(ReviewKey(f"{i:064x}", "thread"), "reject")]), range(60)
            )
        )
    assert process.wait() == 0
    assert sum(label == "thread" for _, label in review_log.read(tmp_path)) == 60
    assert sum(label == "process" for _, label in review_log.read(tmp_path)) == 20
