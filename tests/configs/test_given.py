"""What the user has given: settings, and comments that may be values."""

from pathlib import Path

import pytest

from configs import no_effect, presets
from configs.as_yaml import to_yaml
from configs.given import changed_settings, doubtful_comments, given_settings
from configs.load import as_given, load


def test_given_settings_are_those_of_the_user(tmp_path: Path) -> None:
    assert given_settings("whales") == []
    given = given_settings("faces", ["train.imbalance=focal", "crawl.keywords.a=b", "train.patience=10"])
    assert given == ["crawl.keywords", "train.patience", "train.imbalance.method"]
    mine = tmp_path / "mine.yaml"
    mine.write_text(to_yaml(as_given("default", ["train.epochs=7"])), encoding="utf-8")
    assert given_settings(str(mine), ["crawl.columns={label: x}"]) == ["crawl.columns.label", "train.epochs"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_comment_that_may_belong_to_a_text_is_pointed_out(tmp_path: Path, encoding: str) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "crawl:\n  path: photos #2\n  sources: [folder] #the default\n"
        "filter:\n  unseen_classes:\n  - cat #1\n  - dog # pet\n"
        "  group_pattern: 'a' #b\ntrain:\n  epochs: 5 #was 6\n",
        encoding=encoding,
    )
    notes = doubtful_comments(str(mine))
    assert [note.partition(";")[0] for note in notes] == [
        f"{mine}, line 2: '#2' is a comment in YAML, so crawl.path is 'photos'",
        f"{mine}, line 6: '#1' is a comment in YAML, so filter.unseen_classes is 'cat'",
    ]
    mine.write_text("", encoding=encoding)
    assert not doubtful_comments(str(mine))
    assert not any(doubtful_comments(preset) for preset in presets.names())
    mine.write_text(to_yaml(load("default", ["crawl.path=photos #2"])), encoding=encoding)
    assert not doubtful_comments(str(mine))


def test_the_settings_of_a_section_given_as_a_mapping_are_given() -> None:
    given = given_settings("default", ["train.imbalance={method: effective, gamma: 3}"])
    assert {"train.imbalance.method", "train.imbalance.gamma"} <= set(given)
    assert given_settings("default", ["train.imbalance=effective"]) == ["train.imbalance.method"]


@pytest.mark.parametrize("preset", presets.names())
def test_the_settings_of_presets_are_not_the_users(preset: str) -> None:
    config = load(preset)
    assert list(no_effect.notes(config, given_settings(preset))) == []
    assert changed_settings(preset, config) == []


def test_without_the_command_line_the_users_settings_are_those_that_differ_from_the_preset() -> None:
    epochs = load("whales").train.epochs
    config = load("whales", [f"train.epochs={epochs}", "train.augment.zoom=0.3"])
    assert changed_settings("whales", config) == ["train.augment.zoom"]
    assert "train.augment.flip" in changed_settings("mine", config)
