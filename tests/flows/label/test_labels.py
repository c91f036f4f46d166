"""The files with the answers: each answer is saved, nothing of others is lost, and the crawl reads them."""

from pathlib import Path

import pytest

from flows.label.labels import Answer, ConflictError, LabelFiles, class_name, key
from tasks.store.errors import UserError

CAT, NONE, SKIPPED = Answer("label", "고양이"), Answer("none"), Answer("skipped")


@pytest.fixture
def files(tmp_path: Path) -> LabelFiles:
    return LabelFiles(tmp_path / "labels.csv")


def test_answers_are_read_as_they_were_written(files: LabelFiles) -> None:
    answers = {'a, "b".jpg': CAT, "=x.jpg": Answer("label", "=1+1"), "사진.jpg": NONE, "c.jpg": SKIPPED}
    for name, answer in answers.items():
        files.answer(name, answer, None)
    assert LabelFiles(files.path).read() == answers
    assert "'=1+1" in files.path.read_text(encoding="utf-8")  # no spreadsheet runs it


def test_a_changed_answer_moves_to_the_other_file(files: LabelFiles) -> None:
    files.answer("a.jpg", SKIPPED, None)
    files.answer("a.jpg", CAT, SKIPPED)
    assert files.read() == {"a.jpg": CAT}
    assert files.others.read_text().splitlines() == ["Image,Answer"]
    files.answer("a.jpg", None, CAT)
    assert files.read() == {}


def test_nobody_replaces_an_answer_unseen(files: LabelFiles) -> None:
    LabelFiles(files.path).answer("a.jpg", NONE, None)
    with pytest.raises(ConflictError, match="elsewhere") as caught:
        files.answer("a.jpg", CAT, None)
    assert caught.value.now == NONE
    assert files.read() == {"a.jpg": NONE}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Image,Id,Group\na.jpg,cat,1\n", "line 1: the first line must be Image,Id"),
        ("Image;Id\na.jpg;cat\n", "give another file with --labels"),
        ("Image,Id\na.jpg\n", "line 2: a row must have two values"),
        ("Image,Id\na.jpg,\n", "line 2"),
        ('Image,Id\n"a.jpg,cat\n', "line 2"),
    ],
)
def test_a_file_that_would_lose_something_is_refused(files: LabelFiles, content: str, message: str) -> None:
    files.path.write_text(content)
    with pytest.raises(UserError, match=message):
        files.answer("b.jpg", CAT, None)
    assert files.path.read_text() == content


def test_a_file_of_excel_is_read(files: LabelFiles) -> None:
    files.path.write_bytes("\ufeffImage,Id\r\na.jpg,고양이\r\n".encode())
    assert files.read() == {"a.jpg": CAT}
    files.path.write_bytes("Image,Id\r\na.jpg,고양이\r\n".encode("cp949"))
    with pytest.raises(UserError, match="not UTF-8"):
        files.read()


def test_names_of_classes() -> None:
    known = {key("Glass"): "Glass", key("고양이"): "고양이"}
    assert class_name("  glass ", known) == "Glass"
    assert class_name("\u1100\u1169\u110b\u1163\u11bc\u110b\u1175", known) == "고양이"  # as macOS writes it
    assert class_name("새 고양이", known) == "새 고양이"
    for bad in ("", "  ", "a\nb", "a\u200bb", "x" * 101):
        with pytest.raises(ValueError, match="name"):
            class_name(bad, known)


def test_a_folder_that_cannot_be_written_is_said_before_the_first_answer(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--labels"):
        LabelFiles(tmp_path / "missing" / "labels.csv").check_writable()
