import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from configs.schema import EvaluateConfig, ImbalanceConfig
from tasks import tables, text
from tasks.evaluate.explanations import Explanations, Neighbour, ViewSettings
from tasks.evaluate.report import page as report
from tasks.evaluate.report import text as wording
from tasks.evaluate.report.data import EvaluationFiles
from tasks.evaluate.report.figures import figures
from tasks.evaluate.summary import measure
from tasks.images import photos
from tasks.inference.arrays import ScoredPredictions
from tasks.inference.predictions import table
from tasks.store.atomic import write_json
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.shards import Shard, ShardPool
from tasks.store.store import Store

HOSTILE = '<script>alert("x")</script>'
NAMES = [HOSTILE, '"><img src=http://evil.example/a.png onerror=alert(1)>', "강아지 | `code` **b** {{ 7*7 }}"]
CONFIG = EvaluateConfig(bootstrap=100, gallery=5)


def png(value: int, size: tuple[int, int] = (30, 20)) -> bytes:
    from io import BytesIO

    file = BytesIO()
    Image.new("RGB", size, (value, 0, 0)).save(file, format="PNG")
    return file.getvalue()


def publish(store: Store, stage: str, build: Callable[[Path], None], **cache_key: Any) -> Artifact:
    def publish_files(out: Path) -> Result:
        build(out)
        return Result({"photos": 1})

    return store.publish(
        CacheKey(**({"stage": stage, "version": 1, "config": {}} | cache_key)), "source", publish_files
    )


def make(root: Path, names: list[str] = NAMES, wrong: int = 2, channels: int = 3) -> EvaluationFiles:
    """Ten test photos of each class, of which `wrong` of the first class are taken for the second."""
    rows = [
        {
            "photo": f"{i:02d}{j:02d}",
            "file": f"photos/{i}{j}.png",
            "label": label,
            "name": f"{label}/{j}",
            "split": "test",
        }
        for i, label in enumerate(names)
        for j in range(10)
    ]
    kept = pd.DataFrame(rows)
    truth = np.repeat(np.arange(len(names)), 10)
    probabilities = np.full((len(rows), len(names)), 0.1 / (len(names) - 1))
    probabilities[np.arange(len(rows)), truth] = 0.9
    probabilities[:wrong] = np.roll(probabilities[:wrong], 1, axis=1)
    answers = ScoredPredictions.of(truth, probabilities)
    counts = {split: np.bincount(truth) for split in ("train", "val", "test")}
    others = {
        "commonest": ScoredPredictions.majority_class(truth, counts["train"]),
        "nearest": ScoredPredictions.of(truth, np.roll(probabilities, 1, axis=1)),
    }
    tiles = np.arange(len(rows), dtype=np.uint8)[:, None, None, None] + np.zeros((1, 8, 8, channels), np.uint8)
    shard = Shard.write(root / "pool", list(kept["photo"]), tiles)
    index = ShardPool(root / "pool", (shard,)).index(kept["photo"], root)
    reasons = [("too small", 12.0, None), ("unreadable", 0.0, None), ("near duplicate", 4.0, "0000")]
    rejected = pd.DataFrame(
        [
            {"photo": f"r{k}", "file": f"photos/r{k}.png", "label": HOSTILE, "name": f"{HOSTILE}.png"}
            | {"reason": reason, "score": score, "twin": twin}
            for k, (reason, score, twin) in enumerate(reasons)
        ]
    )
    photos_home = root / "photos"
    photos_home.mkdir(parents=True, exist_ok=True)
    (photos_home / "r0.png").write_bytes(png(90))
    (photos_home / "r1.png").write_bytes(b"no picture at all")
    (photos_home / "r2.png").write_bytes(png(91))
    (photos_home / "00.png").write_bytes(png(92))
    crawled = pd.concat([kept, rejected]).assign(engine="duck", keyword=HOSTILE)
    history = {"loss": [2.0, 1.0], "val_loss": [2.0, 1.5], "accuracy": [0.1, 0.2]}
    measured = measure(answers, others, counts, names, CONFIG, groups=np.arange(len(rows)))

    def write_kept(out: Path) -> None:
        kept.to_parquet(tables.KEPT.path(out))
        rejected.to_parquet(tables.REJECTED.path(out))

    def write_evaluation(out: Path) -> None:
        write_json(tables.METRICS.path(out), measured | {"val": {}, "nearest_by": "pixels", "commonest": names})
        table(kept, answers, probabilities, names, 3).to_parquet(tables.PREDICTIONS.path(out))
        np.savez(tables.ANSWERS.path(out), truth=truth)

    store = Store(root)
    config = {"keywords": {HOSTILE: [HOSTILE]}}
    parents = {
        "photos": publish(store, "crawl", lambda out: crawled.to_parquet(tables.PHOTOS.path(out)), config=config),
        "kept": publish(store, "filter", write_kept),
        "tiles": publish(store, "preprocess", lambda out: index.to_parquet(tables.INDEX.path(out))),
        "classifier": publish(store, "train", lambda out: write_json(tables.HISTORY.path(out), history)),
    }
    evaluation = publish(store, "evaluate", write_evaluation, parents=parents, config={"bootstrap": 100})
    folder = store.folder(evaluation)
    Explanations(
        heat_maps={photo: np.eye(4, dtype=np.float32) for photo in kept["photo"][:9]},
        neighbours={photo: [Neighbour(kept["photo"].iloc[-1], names[-1], 0.87)] for photo in kept["photo"][:wrong]},
        layers=None,
    ).write(folder)
    ViewSettings(gallery=5, layer_images=0, seed=0).write(folder)
    return EvaluationFiles(folder, root)


class Page(HTMLParser):
    """What a browser would make of a page: its elements, what they load, their text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_names_cannot_inject_and_nothing_is_loaded(tmp_path: Path) -> None:
    files = make(tmp_path)
    text = report.page(files, figures(files))
    page = Page(text)
    assert not {"script", "iframe", "object", "link", "base", "form"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    loads = [value for _, name, value in page.attributes if name in ("src", "href", "xlink:href", "data", "action")]
    assert len(loads) > 5
    assert all(value.startswith(("data:image/", "#")) for value in loads)
    assert "url(" not in text.replace("url(#", "")
    assert "@import" not in text
    assert HOSTILE in page.text  # shown, as text
    assert "{{ 7*7 }}" in page.text
    policy = [value for tag, name, value in page.attributes if tag == "meta" and name == "content"]
    assert any("default-src 'none'" in value for value in policy)


def test_the_page_is_repeatable(tmp_path: Path) -> None:
    files = make(tmp_path)
    assert report.page(files, figures(files)) == report.page(files, figures(files))


@pytest.mark.parametrize("channels", [1, 3])
def test_galleries_show_each_mistake_with_its_tile(tmp_path: Path, channels: int) -> None:
    files = make(tmp_path, ["cat", "dog", "eel"], channels=channels)
    page = report.page(files, figures(files))
    mistakes = page[page.index('id="mistakes"') : page.index("And some that are right")]
    assert mistakes.count("<img") == 2 * 3  # the tile, what spoke for the answer, the train photo most like it
    assert mistakes.count("0.87") == 2
    assert mistakes.count('<b class="bad"><bdi>dog</bdi></b>') == 2
    assert "All 2 wrong answers" in mistakes


def test_rejected_photos_are_shown_beside_their_twin(tmp_path: Path) -> None:
    groups = {group["reason"]: group for group in report.rejects(make(tmp_path))}
    assert groups["too small"]["examples"][0]["pictures"][0].startswith("data:image/png;base64,")
    assert groups["too small"]["examples"][0]["why"] == "12\N{NO-BREAK SPACE}px"
    assert groups["unreadable"]["examples"][0]["pictures"] == [None]
    assert len(groups["near duplicate"]["examples"][0]["pictures"]) == 2


def test_a_photo_that_is_gone_leaves_the_report_whole(tmp_path: Path) -> None:
    files = make(tmp_path)
    (tmp_path / "photos" / "r0.png").unlink()
    assert "no picture" in report.page(files, figures(files))


def test_the_funnel_adds_up(tmp_path: Path) -> None:
    steps = report.funnel(make(tmp_path))
    assert steps[0] == ("found", 33, 1.0)
    assert steps[-1][:2] == ("kept", 30)
    assert sum(count for _, count, _ in steps[1:]) == 33


def test_searches_count_photos_once() -> None:
    crawled = pd.DataFrame(
        [
            ("a", "duck", "cat"),
            ("a", "duck", "cat"),
            ("b", "duck", "cat"),
            ("b", "goose", "cats"),
            ("c", None, None),
        ],
        columns=["photo", "engine", "keyword"],
    )
    kept = pd.DataFrame({"photo": ["a"]})
    assert report.searches(crawled, kept) == [("duck", "cat", 2, 1), ("goose", "cats", 1, 0)]


def test_the_summary_is_plain_and_small(tmp_path: Path) -> None:
    files = make(tmp_path)
    text = report.summary(files, figures(files))
    assert len(text.encode()) < 60_000
    picture = re.search(r"!\[confusion matrix\]\(data:image/png;base64,[A-Za-z0-9+/=]+\)", text)
    assert picture
    rest = text.replace(picture[0], "")
    assert not re.search(r"(?<!\\)[<`]", rest)
    assert r"강아지 \| \`code\` \*\*b\*\*" in rest
    rows = [line for line in rest.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {5, 6}  # no name adds a column


def against(value: float, verdict: str, *difference: float) -> dict[str, Any]:
    return {
        "value": value,
        "verdict": verdict,
        "difference": dict(zip(("value", "low", "high"), difference, strict=True)),
    }


def scored(verdict: str, f1: str = "", **more: Any) -> dict[str, Any]:
    """Numbers with these verdicts on the commonest class."""
    accuracy = {"value": 0.964, "low": 0.941, "high": 0.982}
    others = {"commonest": against(0.14, verdict, 0.824, 0.78, 0.86)}
    if "nearest" in more:
        others["nearest"] = more.pop("nearest")
    return {
        "photos": {"test": 312},
        "commonest": ["cat"],
        "test": {
            "scores": {
                "accuracy": accuracy | {"against": others},
                "macro_f1": {"value": 0.5, "against": {"commonest": {"value": 0.2, "verdict": f1 or verdict}}},
            }
        },
    } | more


def said(metrics: dict[str, Any]) -> list[str]:
    return [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in wording.verdict(metrics)]


def test_the_verdict_in_words() -> None:
    first, second = said(scored("better"))
    assert first == (
        "96.4 % of 312 test photos right (95 % interval 94.1–98.2), the commonest class alone gives 14.0 %."
    )
    assert "beats always answering “cat”" in second
    assert "+82.4 points (+78.0 to +86.0)" in second
    assert "no proof" in said(scored("undecided"))[1]
    worse = said(scored("worse", f1="better"))
    assert "would be right more often" in worse[1]
    assert "it is better than that: 0.500 against 0.200" in worse[2]


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        ("better", "gives 90.0 %; training was worth +6.4 points (+2.0 to +9.0)."),
        ("worse", "gives 90.0 %, which is right more often: +6.4 points (+2.0 to +9.0)."),
        ("undecided", "gives 90.0 %; that training was worth anything is not shown: +6.4 points"),
    ],
)
def test_the_verdict_says_whether_training_was_worth_it(verdict: str, says: str) -> None:
    assert says in said(scored("better", nearest=against(0.9, verdict, 0.064, 0.02, 0.09)))[2]


def test_the_verdict_names_the_last_model_and_the_unknown() -> None:
    accuracy = {"against": {"champion": against(0.95, "undecided", 0.01, -0.02, 0.03)}}
    champion = {"made_at": "2026-11-24 02:00", "photos": 300, "scores": {"accuracy": accuracy}}
    unknown = {"label": "new_whale", "photos": 40, "recognised": {"value": 0.75}, "false_alarms": {"value": 0.1}}
    last, new = said(scored("better", champion=champion, unknown=unknown))[2:]
    assert last == (
        "Against the last model, of 2026-11-24 02:00 UTC, on the 300 test photos that both answered: no difference "
        "that couldn't be luck, +1.0 points (−2.0 to +3.0)."
    )
    assert new == ("Of 40 photos of classes that it never saw, 75.0 % are answered “new_whale”; of the others, 10.0 %.")


@pytest.mark.parametrize(
    ("train", "says"),
    [
        (
            {"network": "convnet", "input": "features"},
            "convnet, from scratch, on an autoencoder's codes of 64 px RGB tiles",
        ),
        (
            {"network": "resnet50", "input": "tiles", "weights": "imagenet", "unfreeze": ["conv5"]},
            "resnet50, pretrained (ImageNet) and trained further, on 64 px RGB tiles",
        ),
        (
            {"network": "vgg16", "input": "tiles", "weights": "/w/mine.keras", "unfreeze": []},
            "vgg16, pretrained (mine) and frozen, on 64 px RGB tiles",
        ),
    ],
)
def test_the_report_says_what_was_trained_on_what(train: dict[str, Any], says: str) -> None:
    metrics = {"photos": {"train": 1263}, "classes": 6, "trained_classes": 5}  # and the unknown
    said = wording.subject({"train": train, "preprocess": {"side_px": 64, "colour": "rgb"}}, metrics)
    assert said.replace(text.SPACE, " ") == f"{says}; 1,263 photos of 5 classes to train on."


def test_numbers_by_how_often_a_class_was_seen_are_named() -> None:
    number = {"value": 0.5, "low": 0.25, "high": 0.75}
    steps = [(0, 0), (1, 1), (3, 5), (1001, None)]
    buckets = [
        {"at_least": low, "at_most": high, "classes": 3, "photos": 9, "accuracy": number, "map_at_5": number}
        for low, high in steps
    ]
    rows = wording.by_class_frequency({"by_train_photos": buckets})
    assert [row["called"] for row in rows] == ["none", "1", "3–5", "1,001 or more"]
    assert rows[0]["interval"] == "25.0–75.0"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"method": "none"}, "with the classes as common as they are among its photos"),
        ({}, "as if all classes were about equally common"),
        ({"method": "logit_adjustment"}, "as if all classes were about equally common"),
        ({"power": 0.5}, "with rare classes counting for more than their share"),
    ],
)
def test_the_report_says_how_common_the_classes_are_taken_to_be(settings: dict[str, Any], says: str) -> None:
    words = wording.priors({"imbalance": ImbalanceConfig(**settings).model_dump()}, {"photos": {"test": 1200}})
    assert says in words
    assert "as common as they are among the 1,200 test photos" in words
    assert "balanced accuracy and macro F1 take them to be equally common" in words


def test_the_report_says_how_far_probabilities_can_be_taken_at_their_word() -> None:
    found = {"temperature": 1.7, "photos": 1200, "error": 0.012, "error_before": 0.081}
    words = wording.calibration_sentence({"calibration": found})
    assert "1,200 validation photos (temperature 1.70)" in words
    assert f"1.2{text.SPACE}% apart on average, 8.1{text.SPACE}% before" in words
    nearest = {"photos": 1200, "error": 0.012}
    assert "before" not in wording.calibration_sentence({"calibration": nearest})
    assert wording.calibration_sentence({"calibration": found | {"photos": 0}}) == ""


def test_worst_classes_first_and_untested_last() -> None:
    rows = [{"recall": 0.5, "test": 9}, {"recall": None, "test": 0}, {"recall": 0.0, "test": 2}]
    assert [row["recall"] for row in wording.worst_classes({"per_class": rows})] == [0.0, 0.5, None]


def test_photos_are_shown_as_decoded(tmp_path: Path) -> None:
    """The thumbnail of a stored photo is a picture that decodes to the same colour."""
    from base64 import b64decode

    from tasks.images import thumbnails

    (tmp_path / "a.png").write_bytes(png(200, (400, 300)))
    uri = thumbnails.of_file(tmp_path / "a.png")
    assert uri is not None
    pixels = photos.decode(b64decode(uri.partition(",")[2]))
    assert pixels.shape == (96, 128, 3)
    assert abs(int(pixels[50, 50, 0]) - 200) < 8
