"""The words above a heat map."""

from pathlib import Path

from flows.predict.captions import lines, true_classes
from flows.predict.photo_list import list_photos


def test_the_true_class_is_that_of_the_list_or_else_of_the_folder() -> None:
    photos = [("a.jpg", Path("/p/고양이/a.jpg")), ("b.jpg", Path("/p/개/b.jpg")), ("c.jpg", Path("/p/new/c.jpg"))]
    assert true_classes(photos, {}, ["고양이", "개"]) == ["고양이", "개", None]
    assert true_classes(photos, {"a.jpg": "개", "c.jpg": "여우"}, ["고양이", "개"]) == ["개", "개", "여우"]


def test_a_csv_gives_the_classes_of_its_photos(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "list.csv").write_text("Image,Id\na.jpg,cat\nb.jpg,\n")
    assert list_photos(tmp_path / "list.csv").labels == {"a.jpg": "cat"}


def test_the_lines_name_both_classes_and_the_probability() -> None:
    assert lines("cat", "dog", 0.831) == ["true: cat", "predicted: dog (83.1\N{NO-BREAK SPACE}%)"]
    assert [line[:9] for line in lines(None, "dog" * 60, 0.5)] == ["predicted"]
    assert len(lines(None, "dog" * 60, 0.5)[0]) < 90
