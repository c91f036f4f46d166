"""The sheet of scored photos."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from flows.score import sheet


def answers(count: int, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = [f"{i}" for i in range(count)]
    labels = ["고양이" if i % 3 else "개" for i in range(count)]
    for name in names[1:]:  # the first has vanished
        cv2.imwrite(str(folder / f"{name}.png"), np.full((40, 60, 3), (200, 0, 0), np.uint8))
    photos = pd.DataFrame({"photo": names, "path": [str(folder / f"{name}.png") for name in names]})
    return pd.DataFrame({"photo": names, "label": labels, "predicted": ["개"] * count}), photos


def test_classes_take_turns() -> None:
    answered = pd.DataFrame({"photo": list("abcd"), "label": list("xxxy"), "predicted": list("xxxx")})
    assert [row["photo"] for row in sheet.choose(answered)] == ["a", "d", "b", "c"]
    many = pd.concat([answered] * 30)
    assert len(sheet.choose(many)) == sheet.PHOTOS


def test_each_photo_is_drawn_below_its_name_and_a_wrong_answer_is_red(tmp_path: Path) -> None:
    drawn = cv2.imdecode(np.frombuffer(sheet.draw(*answers(10, tmp_path)), np.uint8), cv2.IMREAD_COLOR)
    assert drawn.shape == (2 * 200 + 8, 8 * 152 + 8, 3)
    blue = (drawn[..., 0] > 190) & (drawn[..., 2] < 10)
    assert round(blue.sum() / (144 * 96)) == 9  # each 144 x 96, but the vanished one
    first_row = drawn[8 : 8 + 16]
    assert (first_row[:, 160:300] < 128).any()  # a name
    red = (drawn[..., 2] > 150) & (drawn[..., 0] < 90)
    assert red.any()
