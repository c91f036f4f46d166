"""What a folder of photos brings: classes, a given split, and lines about what isn't used."""

import unicodedata
from pathlib import Path

import pytest

from tasks.crawl.listing.folder import FolderListing, SplitSetting, list_folder
from tasks.store.errors import UserError


def make(root: Path, *names: str) -> Path:
    """Make files; `train/cat*3` makes three photos in train/cat."""
    for name in names:
        folder, _, count = name.partition("*")
        files = [f"{folder}/{i}.jpg" for i in range(int(count))] if count else [folder]
        for file in files:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_bytes(file.encode())
    return root


def counts(listing: FolderListing) -> dict[str, dict[str, int]]:
    return {label: dict(found) for label, found in listing.split_counts().items()}


def error(root: Path, split: SplitSetting = "auto") -> str:
    with pytest.raises(UserError) as caught:
        list_folder(root, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


BOTH = {"cat": {"train": 3, "test": 1}, "dog": {"train": 2, "test": 1}}


@pytest.mark.parametrize(
    "pattern",
    [
        "{part}/{label}",
        "dataset/{part}/{label}",  # an unpacked archive
        "ILSVRC/Data/CLS-LOC/{part}/{label}",
        "seg_{part}/seg_{part}/{label}",  # Intel's scenes
        "{part}/{part}/{label}",
        "{part}/images/{label}",
        "{part}/{label}/images",  # Tiny ImageNet
        "{label}/{part}",
        "set/{label}/{part}",
        "{part}_set/{label}",
    ],
)
def test_a_folder_that_is_split_gives_the_split(tmp_path: Path, pattern: str) -> None:
    for label, parts in BOTH.items():
        for part, count in parts.items():
            make(tmp_path, f"{pattern.format(part=part, label=label)}*{count}")
    for split in ("auto", "folders"):
        listing = list_folder(tmp_path, split)
        assert counts(listing) == BOTH
        assert not listing.notes
    assert counts(list_folder(tmp_path, "ignore")) == {"cat": {"": 4}, "dog": {"": 3}}


@pytest.mark.parametrize(
    ("folders", "parts"),
    [
        (("train", "val", "test"), {"train", "val", "test"}),
        (("Training", "Testing"), {"train", "test"}),  # MRI scans on Kaggle
        (("TRAIN", "Valid"), {"train", "val"}),
        (("1.Training", "2.Validation"), {"train", "val"}),  # AI Hub
        (("dev", "test"), {"val", "test"}),
        (("training", "validation", "evaluation"), {"train", "val", "test"}),  # Food-11
    ],
)
def test_the_names_of_the_parts(tmp_path: Path, folders: tuple[str, ...], parts: set[str]) -> None:
    make(tmp_path, *(f"{folder}/{label}*2" for folder in folders for label in ("cat", "dog")))
    assert counts(list_folder(tmp_path)) == {label: dict.fromkeys(parts, 2) for label in ("cat", "dog")}


@pytest.mark.parametrize(
    "names",
    [
        ("train*3", "plane*3"),  # vehicles
        ("train/steam*3", "train/diesel*2", "plane/jet*2"),
        ("train/2023*2", "plane/2023*2", "boat/2023*2"),
        ("glass*2", "metal*2"),
        ("cat/train*2", "dog*2", "bird*2", "cow*2"),
    ],
)
def test_classes_that_are_named_like_a_part_stay_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    listing = list_folder(make(tmp_path, *names))
    assert set(listing.classes) == {name.split("/")[0].split("*")[0] for name in names}
    assert not listing.split
    assert not listing.notes
    assert "has no folders train, val or test with the same class folders" in error(tmp_path, "folders")


def test_classes_train_and_test_beside_others_are_said(tmp_path: Path) -> None:
    listing = list_folder(make(tmp_path, "train*3", "test*3", "plane*3"))
    assert set(listing.classes) == {"train", "test", "plane"}
    assert listing.notes == [
        f"{tmp_path}: test, train are taken as classes, not as the parts of a split, because they hold no class "
        "folders; rename them if they are no classes"
    ]


def test_a_few_classes_with_such_folders_are_said(tmp_path: Path) -> None:
    listing = list_folder(make(tmp_path, "cat/train*2", "cat/test*2", "dog*2", "bird*2", "cow*2"))
    assert counts(listing)["cat"] == {"": 4}
    assert "few class folders contain folders test, train" in listing.notes[0]
    assert counts(list_folder(tmp_path, "folders"))["cat"] == {"train": 2, "test": 2}


def test_parts_without_class_folders_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "train*3", "test*3", "train.csv")
    for split in ("auto", "folders", "ignore"):
        assert "test, train are named like the parts of a split, but hold no class folders" in error(tmp_path, split)


@pytest.mark.parametrize(
    "folders",
    [
        ("train", "test1"),  # Kaggle's cats and dogs
        ("train_80", "test_20"),
        ("seg_train", "seg_test", "seg_sample.txt"),
        ("trainval", "test"),
        ("entrenamiento", "prueba"),
        ("Treino", "Teste"),
    ],
)
def test_parts_with_numbers_and_in_other_languages(tmp_path: Path, folders: tuple[str, ...]) -> None:
    train, test, *files = folders
    make(tmp_path, f"{train}/cat*3", f"{train}/dog*2", f"{test}/cat*1", f"{test}/dog*1", *files)
    assert counts(list_folder(tmp_path)) == BOTH


def test_a_test_folder_with_a_number_and_no_classes_is_no_class(tmp_path: Path) -> None:
    make(tmp_path, "train/cat*3", "train/dog*3", "test1*5")
    listing = list_folder(tmp_path)
    assert counts(listing) == {"cat": {"train": 3}, "dog": {"train": 3}}
    assert "test1: 5 photos are in no class folder" in listing.notes[0]


def test_images_folders_of_val_and_test_are_no_class(tmp_path: Path) -> None:
    make(tmp_path, "train/n1/images*3", "train/n2/images*3", "val/images*4", "test/images*4")
    listing = list_folder(tmp_path)
    assert counts(listing) == {"n1": {"train": 3}, "n2": {"train": 3}}
    assert len(listing.notes) == 2


@pytest.mark.parametrize(
    "folders",
    [
        ("trainA", "trainB", "testA", "testB"),  # CycleGAN's horses and zebras
        ("train_cats", "test_cats", "train_dogs", "test_dogs"),
        ("train_0/cat", "train_0/dog", "test_0/cat", "test_0/dog", "train_1/cat", "test_1/cat"),
    ],
)
def test_the_parts_of_several_splits_are_refused(tmp_path: Path, folders: tuple[str, ...]) -> None:
    make(tmp_path, *(f"{folder}*2" for folder in folders))
    for split in ("auto", "folders"):
        assert "named like the parts of several splits" in error(tmp_path, split)
    assert set(list_folder(tmp_path, "ignore").classes) == {folder.split("/")[0] for folder in folders}


@pytest.mark.parametrize("second", ["own/{label}", "own/train/{label}", "own/{label}/2024"])
def test_datasets_side_by_side_are_no_classes(tmp_path: Path, second: str) -> None:
    make(tmp_path, *(f"kaggle/{part}/{label}*2" for part in ("train", "test") for label in ("cat", "dog")))
    make(tmp_path, *(f"{second.format(label=label)}*2" for label in ("cat", "dog")))
    assert "looks like a dataset of its own" in error(tmp_path)
    assert set(list_folder(tmp_path, "ignore").classes) == {"kaggle", "own"}


def test_classes_with_the_same_folders_inside_are_said(tmp_path: Path) -> None:
    make(tmp_path, "fold_0/cat*2", "fold_0/dog*2", "fold_1/cat*2", "fold_1/dog*2")
    [note] = list_folder(tmp_path).notes
    assert "all classes (fold_0, fold_1) contain the same sub-folders (cat, dog)" in note
    assert not list_folder(tmp_path, "ignore").notes
    make(tmp_path, "bird/DCIM*2")  # ordinary classes share a folder or none
    assert not list_folder(tmp_path).notes


def test_classes_of_parts_that_differ_in_case_are_named(tmp_path: Path) -> None:
    make(tmp_path, "train/Cat*2", "train/Dog*2", "test/cat*2", "test/dog*2")
    assert "(Cat, cat look alike, but are different names)" in error(tmp_path)


def test_parts_without_a_common_class_are_refused_unless_asked_for(tmp_path: Path) -> None:
    make(tmp_path, "train/cat*3", "train/dog*3", "test/bird*2", "test/cow*2")
    assert "have no class folder in common" in error(tmp_path)
    listing = list_folder(tmp_path, "folders")
    assert counts(listing)["bird"] == {"test": 2}


def test_another_folder_beside_the_parts_is_refused_or_left_out(tmp_path: Path) -> None:
    make(tmp_path, "train/cat*3", "train/dog*3", "test/cat*2", "test/dog*2", "more/cat*4")
    assert "but more is beside them; move it away, or set crawl.split=folders to leave it out" in error(tmp_path)
    listing = list_folder(tmp_path, "folders")
    assert counts(listing) == {label: {"train": 3, "test": 2} for label in ("cat", "dog")}
    assert listing.notes == [f"{tmp_path / 'more'}: 4 photos are left out, because the folder is no part of the split"]


def test_photos_to_predict_beside_the_parts_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, "seg_train/seg_train/cat*3", "seg_train/seg_train/dog*3", "seg_test/seg_test/cat*2")
    listing = list_folder(make(tmp_path, "seg_test/seg_test/dog*2", "seg_pred/seg_pred*5"))
    assert counts(listing) == {label: {"train": 3, "test": 2} for label in ("cat", "dog")}
    assert listing.notes == [f"{tmp_path}/seg_pred: 5 photos are left out, because the folder is no part of the split"]


@pytest.mark.parametrize("test", ["test*4", "test/unknown*4", "test/test*4", "test/images*4"])
def test_a_test_without_classes_is_left_for_predictions(tmp_path: Path, test: str) -> None:
    listing = list_folder(make(tmp_path, "train/cat*3", "train/dog*3", "val/cat*1", "val/dog*1", test))
    assert counts(listing) == {label: {"train": 3, "val": 1} for label in ("cat", "dog")}
    assert listing.notes == [
        f"{tmp_path}/test: 4 photos are in no class folder and left out; `fluke predict {tmp_path}/test` answers them"
    ]


def test_only_train_has_classes(tmp_path: Path) -> None:
    listing = list_folder(make(tmp_path, "train/cat*3", "train/dog*3", "test*4"))
    assert set(listing.classes) == {"cat", "dog"}
    assert "`fluke predict" in listing.notes[0]


def test_classes_that_are_missing_in_a_part_are_said(tmp_path: Path) -> None:
    make(tmp_path, "train/cat*3", "train/dog*3", "train/owl*3", "test/cat*1", "test/dog*1", "test/yak*2")
    assert list_folder(tmp_path).notes == [
        f"{tmp_path}: 1 of 4 classes have no photos in train: yak; they are never trained on, so the filter rejects "
        "them unless filter.unseen_classes names them",
        f"{tmp_path}: 1 of 4 classes have no photos in test: owl; they are never tested",
    ]


def test_loose_photos_and_empty_parts_are_said(tmp_path: Path) -> None:
    make(tmp_path, "train/cat*3", "train/dog*3", "test/cat*1", "test/dog*1", "train/x.jpg", "y.jpg", "val/readme.txt")
    assert list_folder(tmp_path).notes == [
        f"{tmp_path}: 2 photos are in no class folder and left out: train/x.jpg, y.jpg",
        f"{tmp_path}: 1 sub-folders contain no photos: val",
    ]


def test_photos_of_a_class_outside_its_parts_are_assigned_anew(tmp_path: Path) -> None:
    make(tmp_path, "cat/train*3", "cat/test*1", "cat/x.jpg", "dog/train*2", "dog/test*1")
    listing = list_folder(tmp_path)
    assert counts(listing)["cat"] == {"train": 3, "test": 1, "": 1}
    assert listing.notes == [
        f"{tmp_path}: 1 photo is in no folder test, train of their class, and assigned to a split anew: cat/x.jpg"
    ]


def test_a_single_folder_of_folders_is_suggested(tmp_path: Path) -> None:
    assert error(make(tmp_path, "photos/cat*2", "photos/dog*2")).endswith(f"set crawl.path={tmp_path}/photos")


def test_the_same_class_in_two_unicode_forms_is_one(tmp_path: Path) -> None:
    for i, form in enumerate(("NFC", "NFD")):
        make(tmp_path, f"{unicodedata.normalize(form, '유리')}/{unicodedata.normalize(form, f'é{i}')}.jpg")
    listing = list_folder(make(tmp_path, "금속*2"))
    assert {label: [photo.name for photo in photos] for label, photos in listing.classes.items()} == {
        "금속": ["금속/0.jpg", "금속/1.jpg"],
        "유리": ["유리/é0.jpg", "유리/é1.jpg"],
    }


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_parts_in_different_unicode_forms_have_the_same_classes(tmp_path: Path, form: str) -> None:
    make(tmp_path, "train/café*2", "train/thé*2", f"test/{unicodedata.normalize(form, 'café')}*2", "test/thé*2")
    assert counts(list_folder(tmp_path)) == {label: {"train": 2, "test": 2} for label in ("café", "thé")}


def test_odd_class_names_are_classes(tmp_path: Path) -> None:
    odd = ["001", "010", "nan", "None", "null", "True", "1:30", "😀", "İ", "ı", "a b ", "a,b", "=1+1", "-", "~"]
    listing = list_folder(make(tmp_path, *(f"{name}*1" for name in odd)))
    assert set(listing.classes) == set(odd)
    assert not listing.notes


def test_what_is_passed_over_is_said(tmp_path: Path) -> None:
    make(
        tmp_path, "cat*2", "dog*2", "#recycle/cat*3", "cat/@eaDir*1", "cat/a.NEF", "cat/b.nef", "dog/noext", "cat/a.txt"
    )
    make(tmp_path, "x.jpg", "empty/readme.md")
    junk, other, empty, stray = list_folder(tmp_path).notes
    assert junk.startswith(f"{tmp_path}: 4 photos are in folders of the system and passed over: #recycle, cat/@eaDir;")
    assert "3 files are left out, because their names don't end like a photo's: 2 .nef, 1 without extension;" in other
    assert empty == f"{tmp_path}: 1 sub-folders contain no photos: these classes are left out: empty"
    assert stray == f"{tmp_path}: 1 photo is not in the sub-folder of a class and left out"


def test_a_folder_of_fluke_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "artifacts/a.jpg", "pools/b.jpg", "cat*2", "dog*2")
    assert error(tmp_path).startswith(f"{tmp_path} is a data folder of fluke")
