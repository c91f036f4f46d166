"""`fluke check`: what fluke would see in a folder or a CSV."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from flows.check.findings import Findings, check, summary
from flows.check.headers import read_header
from flows.check.source import config_of, setting_doubts
from flows.console import class_table
from tasks.crawl.listing.files import LocalFile
from tasks.store.errors import UserError
from tasks.store.progress import silent


def jpeg(size: tuple[int, int] = (64, 48), format: str = "JPEG") -> bytes:
    file = BytesIO()
    Image.new("RGB", size, "green").save(file, format=format)
    return file.getvalue()


def write(root: Path, *names: str, data: bytes | None = None) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data if data is not None else jpeg())


def findings(path: Path, *overrides: str) -> Findings:
    with ThreadPoolExecutor(2) as executor:
        return check(config_of(path, overrides), executor=executor, progress=silent)


def test_a_folder_with_its_formats_sizes_and_doubts(tmp_path: Path) -> None:
    write(tmp_path, "cat/1.jpg", "cat/2.jpg", "dog/1.jpg")
    write(tmp_path, "cat/3.png", data=jpeg((16, 100), "PNG"))
    write(tmp_path, "dog/wrong.jpg", data=jpeg((640, 480), "WEBP"))
    write(tmp_path, "dog/pointer.jpg", data=b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")
    write(tmp_path, "#recycle/old.jpg", "notes.txt")
    found = findings(tmp_path)
    assert {label: counts.total() for label, counts in found.classes.items()} == {"cat": 3, "dog": 3}
    assert found.formats == {"jpg": 3, "png": 1, "webp": 1, "bin": 1}
    assert "formats: 3 jpg, 1 png, 1 webp, 1 file that is no photo or can't be read" in summary(found)
    assert found.sizes_px == [(16, 100), (64, 48), (64, 48), (64, 48), (640, 480)]
    text = "\n".join(found.doubts)
    for words in ("#recycle", "pointer.jpg; each is a Git LFS pointer", "3.png; each is rejected as too small"):
        assert words in text
    assert not (tmp_path / "data").exists()


def test_losses_that_would_stop_the_crawl_come_first(tmp_path: Path) -> None:
    write(tmp_path, *(f"{label}/{i}.jpg" for label in ("cat", "dog") for i in range(4)))
    assert not any("would stop" in doubt for doubt in findings(tmp_path).doubts)
    write(tmp_path, "cat/a.jpg", "dog/b.jpg", data=b"Not Found")
    (tmp_path / "dog/c.jpg").symlink_to("nowhere")
    first = findings(tmp_path).doubts[0]
    assert first.startswith("the crawl would stop: 3 of 11 photos can't be used: dog/c.jpg (a link to nothing)")
    assert "crawl.max_loss" in first
    assert not any("would stop" in doubt for doubt in findings(tmp_path, "crawl.max_loss=0.5").doubts)


def test_a_given_split_is_counted_by_class(tmp_path: Path) -> None:
    names = [f"{part}/{label}/{i}.jpg" for part in ("train", "test") for label in ("cat", "dog") for i in range(2)]
    write(tmp_path, *names, "train/fox/1.jpg")
    found = findings(tmp_path)
    assert found.classes["cat"] == {"train": 2, "test": 2}
    assert "split: given, 5 train, 4 test" in summary(found)
    assert summary(found)[-2:] == [
        "looked at: names, and the beginning of each file, for its format and its size in pixels",
        "not looked at: the pictures; `fluke stage filter` finds those that are damaged, too dark or alike",
    ]
    assert any("have no photos in test: fox" in doubt for doubt in found.doubts)
    assert findings(tmp_path, "crawl.split=ignore").classes["cat"] == {"": 4}


def test_a_csv_with_groups_and_a_folder_with_train_csv(tmp_path: Path) -> None:
    write(tmp_path, *(f"{i}.jpg" for i in range(6)))
    rows = "".join(f"{i}.jpg,{'ab'[i % 2]},g{i // 3}\n" for i in range(6))
    (tmp_path / "labels.csv").write_text(f"Image,Id,Group\n{rows}")
    found = findings(tmp_path / "labels.csv")
    assert found.groups == {"g0": 3, "g1": 3}
    assert summary(found)[0] == "6 photos in 2 classes (crawl.sources=csv)"
    (tmp_path / "labels.csv").rename(tmp_path / "train.csv")
    assert findings(tmp_path).photos == 6


def test_a_list_of_urls_is_recognised_and_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "urls.csv").write_text("url,label\nhttp://127.0.0.1:9/1.jpg,a\nhttp://127.0.0.1:9/2.jpg,b\n")
    found = findings(tmp_path / "urls.csv")
    assert (found.photos, found.sizes_px, found.config.crawl.sources) == (2, [], ("urls",))
    assert not [doubt for doubt in found.doubts if "URL" in doubt]


def test_urls_that_cannot_be_downloaded_are_a_doubt(tmp_path: Path) -> None:
    (tmp_path / "urls.csv").write_text(
        "url,label\ns3://b/1.jpg,a\nb.org/2.jpg,b\n/home/3.jpg,b\nhttp://b.org/4.jpg,a\n"
    )
    doubts = findings(tmp_path / "urls.csv").doubts
    assert "1 of 4 URLs can't be downloaded (not http): s3://b/1.jpg" in doubts
    assert "2 of 4 URLs can't be downloaded (malformed URL): b.org/2.jpg, /home/3.jpg" in doubts


def test_a_group_pattern_that_matches_nothing_is_a_doubt(tmp_path: Path) -> None:
    write(tmp_path, "cat/1.jpg", "dog/1.jpg")
    doubts = findings(tmp_path, r"filter.group_pattern=^x(\d)").doubts
    assert any("matches 0 of 2 names" in doubt for doubt in doubts)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("keywords.docx", "give a folder with one sub-folder"),
        ("nothing.csv", "no such file or folder"),
        ("없는 폴더", "no such file or folder"),
    ],
)
def test_what_is_neither_a_folder_nor_a_csv_is_refused(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "keywords.docx").write_text("cat")
    with pytest.raises(UserError, match=f"{name}: {says}"):
        findings(tmp_path / name)


def test_a_header_behind_the_beginning_of_the_file_is_found(tmp_path: Path) -> None:
    plain = jpeg((300, 200))
    comment = b"\xff\xfe\xff\xff" + b"x" * 65533
    (tmp_path / "1.jpg").write_bytes(plain[:2] + 5 * comment + plain[2:])
    photo = LocalFile(str(tmp_path / "1.jpg"), "")
    assert read_header(photo, most_px=1e6).size_px == (300, 200)
    assert "crawl.max_photo_mpx=0.05" in read_header(photo, most_px=5e4).problem


def test_the_table_of_many_classes_shows_the_largest_and_the_smallest() -> None:
    table = class_table({f"class {i:03}": {"": i} for i in range(1, 100)})
    assert len(table.rows) == 41
    cells = list(table.columns[0].cells)
    assert (cells[0], cells[-1]) == ("class 099", "class 001")
    assert cells[30] == "[dim]... 59 more ...[/]"


@pytest.mark.parametrize("name", ["null", "~", "'photos'", '"photos"', "photos #2", "[x]", "2024"])
def test_a_folder_of_any_name_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / name, "cat/1.jpg", "dog/1.jpg")
    write(tmp_path / "photos", "cat/1.jpg", "fox/1.jpg")
    assert set(findings(Path(name) if name != "~" else tmp_path / name).classes) == {"cat", "dog"}


def test_settings_that_do_nothing_and_classes_that_are_not_there_are_doubts(tmp_path: Path) -> None:
    write(tmp_path, "cat/1.jpg", "dog/1.jpg")
    given = ["crawl.columns.label=species", "filter.seed=1", "filter.seed=2", "filter.unseen_classes=dgo"]
    doubts = setting_doubts(tmp_path, config_of(tmp_path, given), given)
    assert [doubt.partition(",")[0] for doubt in doubts] == [
        "crawl.columns.label has no effect",
        "filter.seed is given twice: '2' replaces '1'",
    ]
    assert not setting_doubts(tmp_path, config_of(tmp_path, ["filter.seed=1"]), ["filter.seed=1"])
    assert (
        "filter.unseen_classes: there are no photos of 'dgo' (did you mean dog?)" in findings(tmp_path, *given).doubts
    )


def test_a_test_list_that_would_be_refused_is_a_doubt(tmp_path: Path) -> None:
    write(tmp_path / "photos", "cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg")
    test_list = tmp_path / "test.csv"

    def doubts() -> list[str]:
        found = findings(tmp_path / "photos", f"filter.test_list={test_list}").doubts
        return [doubt.partition("test.csv")[2] for doubt in found]

    assert doubts()[0].startswith(": there is no such file")
    test_list.write_text("name\nCat/1.jpg\n")
    assert "1 in other case" in doubts()[0]
    test_list.write_text("name\ncat/9.jpg\n")
    assert doubts()[0].startswith(": none of its 1 photos was crawled")
    test_list.write_text(f"photo\n{'0' * 64}\n")
    assert not doubts()
