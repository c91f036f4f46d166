"""Values: text stays as the user typed it where a setting is text; numbers, null and lists are read elsewhere."""

from pathlib import Path

import pytest

from configs import presets
from configs.as_yaml import to_yaml
from configs.errors import ConfigError
from configs.load import load
from configs.schema import Config

ODD_NAMES = """
001 010 1:30 0x1F 0o17 1e3 1_000 1. .5 .inf -.INF .nan +1 yes no on off y N true False null Null ~ 2024-01-01
2024-01-01T10:00:00Z 12:30:45.5 = << ! @me %a `b` a#b nan None İ ı 고양이 🐱
"""
ODD_PATHS = """photos #2
2024
2024-01-01
~nobody-of-this-name/x
a: b
[x]
{x}
- a
? a
|
>
*x
&x
!x
%x
`x`
a, b
'a' and 'b'
"a": "b"
  photos\t
1_000
C:\\photos
a=b
no"""


def _reload(config: Config, folder: Path) -> Config:
    path = folder / "printed.yaml"
    path.write_text(to_yaml(config), encoding="utf-8")
    return load(str(path))


@pytest.mark.parametrize("text", ODD_PATHS.split("\n"))
def test_a_path_is_the_text_after_the_equals_sign(text: str, tmp_path: Path) -> None:
    config = load("default", [f"crawl.path={text}"])
    assert str(config.crawl.path) == text
    assert _reload(config, tmp_path) == config


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("null", None),
        ("", None),
        ('"photos #2"', Path("photos #2")),
        ("'it''s'", Path("it's")),
        ("~", Path.home()),
        ("~/photos", Path.home() / "photos"),
    ],
)
def test_null_quotes_and_the_home_folder_have_their_meaning(typed: str, path: Path | None) -> None:
    assert load("default", [f"crawl.path={typed}"]).crawl.path == path
    assert load("default", [f"filter.test_list={typed}"]).filter.test_list == path


def test_names_of_classes_are_text_on_the_command_line_and_in_files(tmp_path: Path) -> None:
    listed = tuple(name for name in ODD_NAMES.split() if name[0] not in "!@%`")
    plain = ", ".join(listed)
    config = load("default", ["crawl.sources=bing", f"crawl.keywords=[{plain}]", f"filter.unseen_classes=[{plain}]"])
    assert config.crawl.keywords == {name: (name,) for name in listed}
    assert config.filter.unseen_classes == listed
    assert _reload(config, tmp_path) == config

    mine = tmp_path / "mine.yaml"
    lines = "\n".join(f"    {name}: [{name}, 'x']" for name in listed if name != "<<")
    mine.write_text(f"crawl:\n  sources: bing\n  keywords:\n{lines}\n    1999-12-31: 007\n", encoding="utf-8")
    expected = {name: (name, "x") for name in listed if name != "<<"} | {"1999-12-31": ("007",)}
    assert load(str(mine)).crawl.keywords == expected


@pytest.mark.parametrize("preset", presets.names())
def test_a_printed_config_with_odd_names_loads_as_the_same(preset: str, tmp_path: Path) -> None:
    config, names = load(preset), tuple(ODD_NAMES.split())
    odd = dict.fromkeys(names, names)
    odd = config.model_dump(mode="json")
    odd["crawl"] |= {"sources": ["bing"], "keywords": dict.fromkeys(names, names), "path": "a: b #2"}
    odd["filter"] |= {"unseen_classes": names, "test_list": "null"}
    for each in (config, Config.model_validate(odd)):
        assert _reload(each, tmp_path) == each


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("filter.unseen_classes=0.3", 0.3),
        ("filter.unseen_classes=.5", 0.5),
        ("filter.unseen_classes='0.3'", ("0.3",)),
        ("filter.unseen_classes=[0.3]", ("0.3",)),
        ("filter.unseen_classes=010", ("010",)),
        ("filter.unseen_classes=yes", ("yes",)),
        ("filter.embedding_scale=[1, 2.5]", (1, 2.5)),
        ("filter.embedding_scale=caffe", "caffe"),
        ("filter.faces=[1, 2]", (1, 2)),
        ("filter.faces=null", None),
        ("filter.min_aspect=~", None),
        ("filter.mirrored=no", False),
        ("filter.mirrored=True", True),
        ("filter.group_pattern=[a-z]+ #", "[a-z]+ #"),
        ("filter.group_pattern=null", None),
        ("train.epochs=010", 10),
        ("train.epochs=1_000", 1000),
        ("train.epochs=5.0", 5),
        ("train.epochs=1e1", 10),
        ("train.epochs= 5 ", 5),
        ("train.hidden=null", None),
        ("train.learning_rate=1e-3", 0.001),
        ("train.filters=[8, 16]", (8, 16)),
        ("train.xla=on", "on"),
        ("evaluate.unknown_label=null", "null"),
        ("evaluate.unknown_label=0", "0"),
        ("crawl.contact=me@example.org", "me@example.org"),
        ("crawl.filters.date=2026-01-01", "2026-01-01"),
        ("crawl.columns.label=001", "001"),
        ("preprocess.crop=[0, 0, .5, 1e-1]", (0, 0, 0.5, 0.1)),
    ],
)
def test_other_values_are_read_by_the_type_of_the_setting(override: str, value: object, tmp_path: Path) -> None:
    config = load("default", [override])
    section, _, rest = override.partition("=")[0].partition(".")
    found = getattr(config, section)
    for name in rest.split("."):
        found = getattr(found, name)
    assert found == value
    assert _reload(config, tmp_path) == config


def test_a_step_of_unfreeze_is_a_number_unless_it_is_quoted(tmp_path: Path) -> None:
    config = load("default", ["train.unfreeze=[2, '2', block5, 010]"])
    assert config.train.unfreeze == (2, "2", "block5", "010")
    assert _reload(config, tmp_path) == config


def test_a_class_in_an_override_may_contain_dots() -> None:
    overrides = ["crawl.sources=bing", "crawl.keywords.St. Bernard=[a dog, 2024]", "crawl.keywords.001=7"]
    assert load("default", overrides).crawl.keywords == {"St. Bernard": ("a dog", "2024"), "001": ("7",)}


def test_a_section_may_be_given_as_a_mapping_or_left_empty(tmp_path: Path) -> None:
    assert load("default", ["crawl.columns={image: file, label: 001}"]).crawl.columns.label == "001"
    mine = tmp_path / "mine.yaml"
    mine.write_text("crawl:\n  path: x\ntrain:\n  # epochs: 5\n", encoding="utf-8")
    assert load(str(mine)) == load("default", ["crawl.path=x", "filter.memory=mine"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_windows_editors_are_read(encoding: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_bytes("crawl:\r\n  path: café\r\n".encode(encoding))
    assert load(str(mine)).crawl.path == Path("café")


def test_anchors_and_merged_mappings_keep_working(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("train: &base\n  epochs: 7\npretrain:\n  <<: *base\n  batch_size: 4\n", encoding="utf-8")
    config = load(str(mine))
    assert (config.train.epochs, config.pretrain.epochs, config.pretrain.batch_size) == (7, 7, 4)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train:\n  epochs: 5\n  patience: 2\n  epochs: 6\n", "'epochs' is given twice, in line 2 and in line 4"),
        ("train:\n  epochs: 5\ncrawl: {}\ntrain:\n  patience: 6\n", "'train' is given twice, in line 1 and in line 4"),
        ("crawl:\n  keywords:\n    001: a\n    '001': b\n", "'001' is given twice, in line 3 and in line 4"),
        ("train:\n\tepochs: 5\n", "can't be read as YAML"),
        ("train: {epochs: 5}\n---\ntrain: {epochs: 6}\n", "expected a single document"),
        ("pretrain:\n  weights: [a]\n", "pretrain.weights: input is not a valid path"),
    ],
)
def test_what_yaml_readers_pass_over_in_silence_is_refused(text: str, says: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load(str(mine))
    assert says in str(error.value)


def test_the_order_of_a_section_and_its_settings_does_not_matter() -> None:
    imbalance = load("default", ["train.imbalance.gamma=3", "train.imbalance=focal"]).train.imbalance
    assert (imbalance.method, imbalance.gamma) == ("focal", 3)
    keywords = load("default", ["crawl.sources=bing", "crawl.keywords.a=x", "crawl.keywords={b: y}"]).crawl.keywords
    assert keywords == {"a": ("x",), "b": ("y",)}


def test_quotes_around_a_pattern_are_not_a_part_of_it() -> None:
    assert load("default", [r'filter.group_pattern="(\d+)_"']).filter.group_pattern == r"(\d+)_"
    assert str(load("default", [r'crawl.path="C:\Users\me"']).crawl.path) == r"C:\Users\me"


def test_a_setting_of_a_section_in_one_line_is_refused_with_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("crawl.path: photos\n")
    with pytest.raises(ConfigError, match=r"^crawl\.path: in a file, write the section `crawl:`, and indented below"):
        load(str(tmp_path / "mine.yaml"))
    (tmp_path / "mine.yaml").write_text("filter:\n  group_pattern: [a-z]+\n")
    with pytest.raises(ConfigError, match=r"put text with marks such as \[ \] .* in single quotes"):
        load(str(tmp_path / "mine.yaml"))
