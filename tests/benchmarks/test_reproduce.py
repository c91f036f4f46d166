"""Each write-up differs from its preset only in what `fluke ablate` may compare."""

from pathlib import Path

import pytest

from benchmarks.reproduce import command
from configs.load import load
from flows.ablate import plan

PRESETS = ["animals", "carcasses", "cats_dogs", "faces", "whales"]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_command_compares_a_preset_with_its_write_up(preset: str, tmp_path: Path) -> None:
    photos = tmp_path / "photos of mine"
    photos.mkdir()
    ablate, name, *words = command(preset, photos, ["train.batch_size=16"], seeds=3)
    assert (ablate, name) == ("ablate", preset)
    settings, arm = words[: words.index("--arm")], words[words.index("--arm") + 1]
    asked = plan.make(preset, load(preset, settings), [arm], seeds=3, sizes=["all"], minutes=None)
    ours, theirs = (each.config for each in asked.arms)
    assert ours.train.batch_size == theirs.train.batch_size == 16
    written = load(f"{preset}_writeup", settings)
    for section in ("preprocess", "pretrain", "extract", "evaluate"):
        assert getattr(theirs, section) == getattr(written, section)
    assert ours.crawl == theirs.crawl == written.crawl
    assert ours.filter == theirs.filter
    assert theirs.train.network == written.train.network
    assert ours.crawl.path == photos


def test_settings_may_be_one_text_as_make_gives_it(tmp_path: Path) -> None:
    words = command("whales", tmp_path, [r"filter.group_pattern=^(\d+_\d+)  train.epochs=2", ""], 3)
    assert words[words.index(r"filter.group_pattern=^(\d+_\d+)") + 1] == "train.epochs=2"


def test_a_preset_without_a_write_up_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="PRESET=demo: no write-up; there are animals, carcasses"):
        command("demo", tmp_path, [], 3)
    with pytest.raises(SystemExit, match="no such folder"):
        command("faces", tmp_path / "none", [], 3)
