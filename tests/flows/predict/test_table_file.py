"""Tables of predictions as files: what people open in a spreadsheet, and what is read back."""

from pathlib import Path

import pandas as pd

from flows.predict.photo_list import list_photos
from flows.predict.table_file import write_table
from tasks.store.csv_file import read_csv


def test_a_csv_for_people_has_no_formulas_and_is_read_back_as_it_was(tmp_path: Path) -> None:
    names = ["=1+1.jpg", "+49.jpg", "-x.jpg", "@sum.jpg", "'-y.jpg", "plain.jpg"]
    for name in names:
        (tmp_path / name).touch()
    table = pd.DataFrame({"image": names, "class_1": ["=cmd", "-", "001", "a,b", "'=", "x"], "probability_1": 0.5})
    write_table(table, tmp_path / "out.csv")
    cells = pd.read_csv(tmp_path / "out.csv", dtype=str)
    assert not [cell for column in ("image", "class_1") for cell in cells[column] if cell[0] in "=+-@"]
    assert [name for name, _ in list_photos(tmp_path / "out.csv").photos] == names
    assert all(path.is_file() for _, path in list_photos(tmp_path / "out.csv").photos)
    assert [row.values[1] for row in read_csv(tmp_path / "out.csv").rows] == table["class_1"].tolist()
    write_table(table, tmp_path / "names.csv", guarded=False)  # Kaggle compares the names
    assert pd.read_csv(tmp_path / "names.csv")["image"].tolist() == names


def test_a_csv_for_excel_has_a_byte_order_mark_and_is_read_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "고양이.jpg").touch()
    table = pd.DataFrame({"image": ["고양이.jpg"], "class_1": ["개"]})
    write_table(table, tmp_path / "out.csv", excel=True)
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbfimage,")
    assert [name for name, _ in list_photos(tmp_path / "out.csv").photos] == ["고양이.jpg"]
