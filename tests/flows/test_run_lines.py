"""What `fluke status` and `fluke models` print about runs and models."""

from pathlib import Path

import pytest
from rich.text import Text

from configs.schema import Config
from flows import model_names
from flows.models.decision import Decision, Headline
from flows.models.listing import Listed
from flows.models.person import promote
from flows.models.registry import Registry
from flows.run_lines import headline_text, models_lines, runs_lines
from flows.run_records import RunRecord, StageRecord, read_records
from tasks.store.manifest import Artifact, now
from tests.helpers.runs import Runs

NASTY, SHOWN = "[red]\x1b[2J\r", "[red]\\x1b[2J\\r"


def _printed(lines: list[str]) -> list[str]:
    return [Text.from_markup(line).plain for line in lines]


def _evaluated(counts: dict[str, int | float], config: Config | None = None, preset: str = "demo") -> RunRecord:
    record = RunRecord.start(preset, "evaluate", config or Config())
    artifact = Artifact(stage="evaluate", key="k", digest="d")
    record.stages = [StageRecord(artifact=artifact, cached=False, why="", seconds=1, counts=counts)]
    record.end("done")
    return record


def test_status_shows_which_runs_have_their_model_and_how_it_is_named(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    for state in ("done", "done", "done", "failed"):
        runs.run(state)
    promote(tmp_path, "001")
    runs.delete("003")
    for name in ("veteran", "best"):
        model_names.add(tmp_path, name, "002")
    lines = _printed(runs_lines(read_records(tmp_path)[::-1], tmp_path))
    assert [line.split() for line in lines if not line.startswith("    ")] == [
        ["run", "preset", "state", "model", "decision"],
        ["001", "demo", "done", "used"],
        ["002", "demo", "done", "best,", "veteran"],
        ["003", "demo", "done", "deleted"],
        ["004", "demo", "failed"],
    ]


def test_status_shows_the_photos_the_name_and_the_decision_with_its_reason(tmp_path: Path) -> None:
    config = Config.model_validate({"name": "glass", "crawl": {"path": "/mnt/photos"}})
    record = _evaluated({}, config, "default")
    record.decision, record.reason = "refused", "recall of bottle fell by 20 points"
    record.deployment = "glass-nightly"
    searched = RunRecord.start(
        "birds", "train", Config.model_validate({"crawl": {"sources": ["openverse", "commons"]}})
    )
    searched.end("failed", "no photos")
    _, first, *rest = _printed(runs_lines([record, searched], tmp_path))
    assert first.split(maxsplit=1) == [record.id, "default as glass  done                 deleted  refused"]
    assert rest[0] == "    photos: /mnt/photos; built: evaluate; deployment: glass-nightly"
    assert rest[1] == "    refused: recall of bottle fell by 20 points"
    assert rest[2].endswith("failed, until train")
    assert rest[3:] == ["    photos: openverse, commons; built: nothing", "    no photos"]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (
            {
                "accuracy": 0.9,
                "accuracy from": 0.8,
                "majority class's accuracy": 0.2,
                "logistic regression's accuracy": 0.88,
            },
            "    accuracy 90.0 %, majority class 20.0 %, logistic regression 88.0 %",
        ),
        ({"mAP@5": 0.4, "mAP@5 from": 0.3, "nearest photo's mAP@5": 0.1}, "    mAP@5 0.400, nearest photo 0.100"),
        (
            {
                "accuracy": 0.9,
                "accuracy from": 0.8,
                "removed from the test by the filter": 3,
                "accuracy with them": 0.85,
            },
            "    accuracy 90.0 %, with 3 removed 85.0 %",
        ),
        ({"photos": 9}, "    photos: folder; built: evaluate"),
    ],
)
def test_a_run_is_listed_with_its_headline_metric_and_the_baselines(
    tmp_path: Path, counts: dict[str, int | float], expected: str
) -> None:
    assert _printed(runs_lines([_evaluated(counts)], tmp_path))[-1] == expected


def test_lines_show_control_characters_and_markup(tmp_path: Path) -> None:
    record = _evaluated({}, preset=f"a{NASTY}")
    record.error, record.decision, record.reason = f"b{NASTY}", "kept", f"c{NASTY}"
    decision = Decision(run="x", number=1, outcome="kept", by="gate", reason=f"d{NASTY}")
    listed = [Listed(f"e{NASTY}", decision, now(), f"f{NASTY}", is_champion=True)]
    printed = "\n".join(_printed([*runs_lines([record], tmp_path), *models_lines(listed)]))
    assert all(letter + SHOWN in printed for letter in "abcd")
    assert "\x1b" not in printed


def test_models_are_listed_below_their_name_with_scores_and_decisions() -> None:
    headline = Headline(metric="accuracy", value=0.975, low=0.96, high=0.99)
    about = {"number": 1, "by": "gate", "made_at": "2026-11-26T02:00:00Z"}
    new = Decision(run="b", outcome="refused", reason="worse", headline=headline, photos=12000, **about)  # type: ignore[arg-type]
    old = Decision(run="a", outcome="promoted", photos=900, **{**about, "by": "person"})  # type: ignore[arg-type]
    listed = [Listed("glass", new, new.made_at, ""), Listed("glass", old, old.made_at, "champion", is_champion=True)]
    assert models_lines(listed) == [
        "[dim]  run  date        photos  score on test photos[/]",
        "glass",
        "  b    2026-11-26  12,000  accuracy 97.5 % (96.0–99.0)",
        "    refused: worse",
        "[bold]  a    2026-11-26     900                               champion[/]",
        "    promoted: by hand",
    ]


def test_a_score_that_is_no_share_of_photos_is_no_percentage() -> None:
    assert headline_text(Headline(metric="mAP@5", value=0.4, low=0.35, high=0.45)) == "mAP@5 0.400 (0.350–0.450)"


def test_every_line_of_a_run_fits_into_a_narrow_terminal(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.run()
    record = read_records(tmp_path)[0]
    long_id = record.model_copy(update={"id": "20261126-020005-ab12", "decision": "rolled back"})
    long_id.save(tmp_path)
    Registry(tmp_path, "demo").append(Decision.about(long_id, "promoted", "", by="gate"))
    assert max(map(len, _printed(runs_lines([long_id], tmp_path)))) <= 80
