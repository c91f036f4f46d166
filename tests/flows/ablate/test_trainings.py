"""What an ablation runs: shared stages once, one memory of splits of its own, failures that don't stop other arms."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from configs.schema import Config, Section
from flows.ablate import trainings
from flows.ablate.journal import Journal
from flows.ablate.plan import make
from flows.ablate.trainings import OF_ABLATION, Trainings, memory_name, with_own_memory
from tasks import tables
from tasks.store.atomic import write_json
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.stage import Outcome, Stage
from tasks.store.store import Store
from tasks.text import SPACE
from tasks.training import resumed


class Pipeline:
    """Takes the place of the stages: each writes what the ablation reads of it, and nothing else."""

    def __init__(self, root: Path, journal: Journal) -> None:
        self.store, self.journal = Store(root), journal
        self.asked: list[tuple[Stage, Any, dict[str, Artifact]]] = []
        self.splits = ["train"] * 6 + ["val", "test", "test"]

    def __call__(self, stage: Stage, section: Section, **parents: Artifact) -> Artifact:
        self.asked.append((stage, section, parents))
        key = CacheKey(stage=stage.name, version=1, config=section.model_dump(mode="json"), parents=parents)
        found = self.store.find(key)
        artifact = found or self.store.publish(key, "", lambda out: self._write(stage, section, parents, out))
        manifest = self.store.manifest(artifact)
        self.journal.add(Outcome(artifact, cached=bool(found), why="", manifest=manifest), 1.0)
        return artifact

    def of(self, name: str) -> list[Any]:
        return [section for stage, section, _ in self.asked if stage.name == name]

    def _write(self, stage: Stage, section: Any, parents: dict[str, Artifact], out: Path) -> Result:
        if stage.build.__module__ == "flows.ablate.cut":
            folders = {name: self.store.folder(parent) for name, parent in parents.items()}
            return stage.build(section, **folders, context=_Context(out))
        if stage.name == "train" and section.epochs == 13:
            raise UserError("train: memory is too small")
        if stage.name == "filter":
            self._write_kept(section, out)
        if stage.name == "evaluate":
            test = pd.DataFrame({"photo": ["7", "8"], "name": "n", "split": "test", "label": ["a", "b"]})
            answers = test.assign(predicted="a", probability=1.0, rank=[1, 2], loss=0.1)
            answers["top_names"], answers["top_probabilities"] = [[["a"]] * 2, [[1.0]] * 2]
            tables.evaluate.PREDICTIONS.write(answers, out)
            measured = {"headline": "accuracy", "test": {"scores": {"accuracy": {"value": 0.5}}}}
            write_json(tables.evaluate.METRICS.path(out), measured)
        return Result({}, digest=f"{stage.name} {section.model_dump_json()} {sorted(parents)}")

    def _write_kept(self, section: Any, out: Path) -> None:
        photos = [str(i) for i in range(9)]
        kept = pd.DataFrame({"photo": photos, "file": "photos/x", "label": list("aaabbbaab"), "name": "n"})
        kept = kept.assign(group=photos, split=self.splits)
        if section.max_outlier == 5:
            kept = kept[kept["photo"] != "0"]
        if section.max_outlier == 6:
            kept = kept[kept["photo"] != "8"]
        tables.filter.KEPT.write(kept, out)
        none = kept.iloc[:0].assign(reason="", score=0.0, twin="")
        for table in (tables.filter.REMOVED, tables.filter.ABSENT):
            table.write(none[table.names], out)


class _Context:
    def __init__(self, out: Path) -> None:
        self.out = out


def start(root: Path, arms: list[str], **options: Any) -> tuple[Trainings, Pipeline, list[str]]:
    said: list[str] = []
    journal = Journal(id="x")
    pipeline = Pipeline(root, journal)
    found = Trainings(make("x", Config(), arms, **options), Store(root), journal, pipeline, said.append)  # type: ignore[arg-type]
    return found, pipeline, said


@pytest.mark.slow
def test_the_photos_and_the_split_are_got_once_with_a_memory_of_their_own(tmp_path: Path) -> None:
    found, pipeline, _ = start(tmp_path, ["train.epochs=5"], seeds=2)
    found.prepare()
    for title in found.titles:
        found.train(title)
    assert len(pipeline.of("crawl")) == len(pipeline.of("filter")) == 1
    assert pipeline.of("filter")[0].memory.startswith("ablation-")
    assert [section.seed for section in pipeline.of("train")] == [0, 0, 1, 1]
    assert [section.epochs for section in pipeline.of("train")] == [40, 5, 40, 5]
    assert found.held_out() == {"test photos": 2, "test groups": 2, "classes": 2, "train photos": 6}
    assert list(found.done["x, seed 1"].costs) == ["preprocess", "pretrain", "extract", "train", "evaluate"]


def test_stages_write_no_report_and_reuse_nothing_of_other_photos_and_evaluations_are_marked(tmp_path: Path) -> None:
    found, pipeline, _ = start(tmp_path, ["train.epochs=5"], seeds=1)
    found.prepare()
    found.train("x, seed 0")
    stages = {stage.name: stage for stage, _, _ in pipeline.asked}
    assert not any(stage.view or stage.accept_stale for stage in stages.values())
    for name in ("train", "evaluate"):  # neither a model nor other code gives an arm its answers
        marked = stages[name].external_inputs
        section = getattr(Config(), name)
        assert marked is not None
        assert marked(section, tmp_path) == {OF_ABLATION: stages[name].source(section)[:24]}


@pytest.mark.slow
def test_fewer_train_photos_take_the_place_of_the_filters_result(tmp_path: Path) -> None:
    found, pipeline, _ = start(tmp_path, ["train.epochs=5"], seeds=2, sizes=[2, 5, "all"])
    found.prepare()
    for title in found.titles:
        found.train(title)
    cuts = [(section, parents) for stage, section, parents in pipeline.asked if stage.build.__module__.endswith("cut")]
    assert [(section.train_per_class, section.seed) for section, _ in cuts] == [(2, 0)] * 2 + [(2, 1)] * 2
    assert all(set(parents) == {"photos", "kept"} for _, parents in cuts)  # so that `forget` finds it
    kept = [parents["kept"] for stage, _, parents in pipeline.asked if stage.name == "train"]
    sizes = [(tables.filter.KEPT.read(Store(tmp_path).folder(each))["split"] == "train").sum() for each in kept]
    assert sizes == [4, 4, 6, 6, 6, 6] * 2


def test_an_arm_that_fails_does_not_stop_the_others_and_is_not_tried_with_other_seeds(tmp_path: Path) -> None:
    found, pipeline, said = start(tmp_path, ["bad: train.epochs=13", "good: train.epochs=5"], seeds=2)
    found.prepare()
    for title in found.titles:
        if title.startswith("bad"):
            with pytest.raises(UserError, match="memory is too small"):
                found.train(title)
        else:
            found.train(title)
    assert found.failed == {"bad": "train: memory is too small"}
    assert [section.epochs for section in pipeline.of("train")].count(13) == 1
    assert "2 of 6: bad, seed 0 failed: train: memory is too small" in said
    assert sum(title.startswith("good") for title in found.done) == 2


def test_a_second_start_says_what_is_cached(tmp_path: Path) -> None:
    found, _, said = start(tmp_path, ["train.epochs=5"], seeds=1)
    found.prepare()
    assert found.train("x, seed 0").name == "Completed"
    assert found.train("x, seed 0").name == "Cached"
    assert said[-1] == f"1 of 2: x, seed 0: accuracy 50.0{SPACE}%, cached"
    after_a_restart, _, said = start(tmp_path, ["train.epochs=6"], seeds=1)
    after_a_restart.prepare()
    after_a_restart.train("x, seed 0")
    assert said[-1].endswith(", cached")


def test_an_arm_of_the_filter_may_reject_train_photos_but_no_others(tmp_path: Path) -> None:
    found, pipeline, _ = start(tmp_path, ["filter.max_outlier=5"], seeds=1)
    found.prepare()
    assert len({section.memory for section in pipeline.of("filter")}) == 2
    found, _, _ = start(tmp_path, ["filter.max_outlier=6"], seeds=1)
    with pytest.raises(UserError, match=r"max_outlier=6 changes the photos of validation or test"):
        found.prepare()


def test_the_memory_of_splits_is_the_same_for_all_ablations_of_the_same_photos() -> None:
    other = Config.model_validate({"train": {"epochs": 3}, "filter": {"memory": "whales"}})
    assert memory_name(other) == memory_name(Config())
    assert with_own_memory(other).filter.memory == memory_name(other)
    assert memory_name(Config.model_validate({"filter": {"seed": 1}})) != memory_name(Config())


def test_a_stage_is_timed_without_the_wait_for_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, pipeline, _ = start(tmp_path, ["train.epochs=5"], seeds=1)
    clock = iter([10.0, 13.5])
    monkeypatch.setattr(trainings.time, "monotonic", lambda: next(clock))
    stage = Stage("preprocess", 1, build=lambda config, context: Result({}))
    found._alone(stage).build(Config().preprocess, context=None)
    assert pipeline.journal.measured is not None
    assert pipeline.journal.measured.seconds == 3.5


def test_what_a_killed_ablation_had_trained_counts_when_it_is_found_again(tmp_path: Path) -> None:
    def build(config: object, context: object) -> Result:
        resumed.add(1000)
        return Result({})

    found, pipeline, _ = start(tmp_path, ["train.epochs=5"], seeds=1)
    found._alone(Stage("preprocess", 1, build=build)).build(Config().preprocess, context=None)
    assert pipeline.journal.measured is not None
    assert 1000 <= pipeline.journal.measured.seconds < 1060
