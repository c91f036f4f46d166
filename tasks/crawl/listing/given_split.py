"""The names that people give to the parts of a split, folders such as `train` and values of a CSV's column, and to the
folders around classes."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

GivenSplit = Literal["train", "val", "test"]
PARTS: tuple[GivenSplit, ...] = ("train", "val", "test")

_WORDS: dict[str, GivenSplit] = {
    **dict.fromkeys(("train", "training", "trn", "trainval", "train val"), "train"),
    **dict.fromkeys(("학습", "훈련", "训练", "訓練", "学習"), "train"),
    **dict.fromkeys(("entrenamiento", "entraînement", "apprentissage", "treino", "treinamento"), "train"),
    **dict.fromkeys(("addestramento", "обучение", "обучающая"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "validating", "dev", "development"), "val"),
    **dict.fromkeys(("validierung", "validación", "validação", "validazione", "валидация"), "val"),
    **dict.fromkeys(("검증", "验证", "驗證", "検証"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "시험", "테스트", "测试", "測試", "テスト"), "test"),
    **dict.fromkeys(("prueba", "pruebas", "teste", "тест", "тестовая"), "test"),
}
CONTAINERS = frozenset({"images", "image", "imgs", "img", "photos", "pictures", "data", "dataset", "jpegimages", "jpg"})
"""Folders that are around the folders of classes and are no class themselves, in lower case."""
_YES_NO = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "y", "t"), True),
    **dict.fromkeys(("false", "0", "0.0", "no", "n", "f"), False),
}
_EITHER = frozenset({"eval", "evaluation", "holdout", "held out", "hold out", "평가", "評価", "评估"})
"""Names of the test, unless another name there means the test: then of the validation."""
_FILLERS = frozenset(
    {"set", "sets", "data", "dataset", "split", "part", "subset", "fold", "dir", "folder", "images", "image", "imgs"}
    | {"img", "photos", "photo", "pictures", "pics", "x", "데이터", "이미지", "셋", "集", "データ", "выборка"}
)
"""Words beside the one that counts: `train_set`, `test images`."""


def given_split(name: str) -> GivenSplit | None:
    """Return the part of a split that a folder's name or a value of a column means; None if it means none.

    Case, Unicode form, separators, a number in front (`1.Training`), and words such as `set` or `images` don't matter.
    `eval`, `evaluation` and `holdout` mean the test; see `given_splits` for several names together.
    """
    return given_splits([name]).get(name)


def given_splits(names: Iterable[str]) -> dict[str, GivenSplit]:
    """Return the part of a split that each of several names means, without those that mean none.

    Together, names can have a common part (`seg_train`, `seg_test`; `train2017`, `val2017`), and numbers
    (`train_80`, `test_20`; `train`, `test1`). `eval`, `evaluation` and `holdout` mean the validation if another of the
    names means the test.
    """
    names = list(dict.fromkeys(names))
    found = _match(names, {name: [word for word in _words(name) if word not in _FILLERS] for name in names})
    if len(set(found.values())) < 2:
        complete = _complete(names)
        if len(complete) == 1:
            found = complete[0]
        elif not complete:
            plain = {name: [w for w in _words(name) if w not in _FILLERS and not w.isdigit()] for name in names}
            rest = _match(names, plain)
            found = rest if 1 < len(set(rest.values())) == len(rest) else found
    if "test" in found.values():
        return {name: "val" if part is None else part for name, part in found.items()}
    return {name: "test" if part is None else part for name, part in found.items()}


def several_splits(names: Iterable[str]) -> list[str]:
    """Return the names that are the parts of two or more splits: `trainA`, `testA`, `trainB`, `testB`; else nothing."""
    complete = _complete(list(dict.fromkeys(names)))
    return sorted(name for parts in complete for name in parts) if len(complete) > 1 else []


def _complete(names: Iterable[str]) -> list[dict[str, GivenSplit | None]]:
    """Return the names with two different parts that have the same other words, for each set of other words."""
    found: dict[tuple[str, ...], dict[str, GivenSplit | None]] = {}
    for name in names:
        words = [word for word in _words(name, numbers=True) if word not in _FILLERS]
        known = [word for word in words if word in _WORDS or word in _EITHER]
        if len(known) == 1:
            others = tuple(word for word in words if word != known[0])
            found.setdefault(others, {})[name] = _WORDS.get(known[0])
    return [parts for parts in found.values() if len(set(parts.values())) > 1]


def yes_no_splits(column: str, values: Iterable[str]) -> dict[str, GivenSplit]:
    """Return the part that each value of a column such as `is_valid` means; empty if it isn't such a column.

    Its values are yes and no, 1 and 0, or true and false. What is not for validation or not for the test is for
    training; what is not for training is for the test.
    """
    part = given_split(re.sub(r"^is[\s_-]*", "", column, flags=re.IGNORECASE))
    found = {value: _YES_NO.get(value.casefold()) for value in values if value}
    if part is None or None in found.values():
        return {}
    other: GivenSplit = "test" if part == "train" else "train"
    return {value: part if is_so else other for value, is_so in found.items()}


def _match(names: Iterable[str], words: dict[str, list[str]]) -> dict[str, GivenSplit | None]:
    """Return the part of each name whose words are a single known one; None if it is validation or test."""
    phrases = {name: " ".join(words[name]) for name in names}
    return {name: _WORDS.get(phrase) for name, phrase in phrases.items() if phrase in _WORDS or phrase in _EITHER}


def _words(name: str, *, numbers: bool = False) -> list[str]:
    """Split a name into words in lower case; without `numbers`, a number in front is left out."""
    plain = unicodedata.normalize("NFKC", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).casefold()
    words = re.findall(r"\d+|[^\W\d_]+", plain)
    words = [part for word in words for part in _without_suffix(word)]
    return words if numbers or len(words) < 2 or not words[0].isdigit() else words[1:]


def _without_suffix(word: str) -> list[str]:
    """Split `trainset` into `train` and `set`."""
    for suffix in ("set", "data", "集", "用", "セット", "셋", "용"):
        if word.endswith(suffix) and word.removesuffix(suffix) in (*_WORDS, *_EITHER):
            return [word.removesuffix(suffix)]
    return [word]
