"""The file of decisions: older and edited ones are read, rows are appended all or none, and writers lose nothing."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.filter import review_log
from tasks.filter.review_log import Decision, ReviewKey

A, B = ReviewKey("a" * 64, "cat"), ReviewKey("b" * 64, "dog")
HEADER = "photo,label,action,to,decided_at\n"
AT = "2026-01-31T12:00:00Z"


def in_effect(root: Path) -> dict[ReviewKey, tuple[str, str]]:
    return {key: (decision.action, decision.to) for key, decision in review_log.read(root).items()}


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


def test_a_full_disk_leaves_no_partial_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    review_log.add(tmp_path, [Decision(A, "keep")])
    before = (tmp_path / review_log.NAME).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tasks.filter.review_file.os.fsync", full)
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
    monkeypatch.setattr("tasks.filter.review_file.os.fsync", full)
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
