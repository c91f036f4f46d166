"""Getting the artifact of a stage: from the store, by building it, or an older one that is accepted."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from configs.schema import CrawlConfig, TrainConfig
from tasks.store.context import StageContext
from tasks.store.manifest import Artifact, Result
from tasks.store.stage import Run, Stage
from tasks.store.store import Store

built: list[str] = []


def build(config: TrainConfig, *, context: StageContext, **parents: Path) -> Result:
    built.append(f"epochs {config.epochs}")
    (context.out / "model.txt").write_text(
        f"{config.epochs} " + " ".join((p / "x").read_text() for p in parents.values())
    )
    return Result({"epochs": config.epochs})


STAGE = Stage("train", 1, build=build)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    built.clear()
    return Run(Store(tmp_path), ThreadPoolExecutor(1))


def parent(run: Run, text: str) -> Artifact:
    def build_parent(config: CrawlConfig, *, context: StageContext) -> Result:
        (context.out / "x").write_text(text)
        return Result({})

    return run.get_or_build(
        Stage("crawl", 1, build=build_parent), CrawlConfig(sources="bing", keywords={text: ()})
    ).artifact


def test_a_stage_knows_the_champion_and_its_cache_key_does_not(run: Run) -> None:
    seen: list[Artifact | None] = []

    def build_and_look(config: TrainConfig, *, context: StageContext) -> Result:
        seen.append(context.champion)
        return Result({})

    stage, champion = Stage("train", 1, build=build_and_look), Artifact(stage="evaluate", key="k", digest="d")
    run.get_or_build(stage, TrainConfig())
    with_champion = replace(run, champion=champion)
    assert with_champion.get_or_build(stage, TrainConfig()).cached
    replace(with_champion, fresh=["train"]).get_or_build(stage, TrainConfig())
    assert seen == [None, champion]


def test_a_stage_is_built_once_and_then_cached(run: Run) -> None:
    first = run.get_or_build(STAGE, TrainConfig(epochs=3))
    second = run.get_or_build(STAGE, TrainConfig(epochs=3))
    assert (first.cached, second.cached) == (False, True)
    assert first.artifact == second.artifact
    assert second.manifest.counts == {"epochs": 3}
    assert built == ["epochs 3"]


def test_what_was_not_used_as_given_is_said_again_by_each_later_run(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    def build_with_note(config: TrainConfig, *, context: StageContext) -> Result:
        context.warn("2 photos are left out: a.jpg, b\udcff.jpg")
        return Result({})

    stage = Stage("train", 1, build=build_with_note)
    for _ in range(2):
        caplog.clear()
        outcome = run.get_or_build(stage, TrainConfig())
        assert caplog.messages == ["2 photos are left out: a.jpg, b\\udcff.jpg"]
    assert outcome.cached
    assert outcome.manifest.notes == ("2 photos are left out: a.jpg, b\\udcff.jpg",)


def test_fresh_builds_another_artifact_and_keeps_the_old_one(run: Run) -> None:
    first = run.get_or_build(STAGE, TrainConfig(epochs=3)).artifact
    again = replace(run, fresh={"train"}).get_or_build(STAGE, TrainConfig(epochs=3)).artifact
    assert again.key == f"{first.key}-2"
    assert again.digest == first.digest
    assert run.store.valid(run.store.folder(first)) == first
    assert run.get_or_build(STAGE, TrainConfig(epochs=3)).artifact == again


def test_another_parent_is_another_artifact(run: Run) -> None:
    one = run.get_or_build(STAGE, TrainConfig(), kept=parent(run, "one"))
    two = run.get_or_build(STAGE, TrainConfig(), kept=parent(run, "two"))
    assert one.artifact.digest != two.artifact.digest
    assert (run.store.folder(two.artifact) / "model.txt").read_text().endswith("two")


def test_external_inputs_are_part_of_the_key(run: Run) -> None:
    seen = {"photos": 3}
    stage = Stage("crawl", 1, build=build, external_inputs=lambda config, root: seen)
    run.get_or_build(stage, TrainConfig())
    assert run.get_or_build(stage, TrainConfig()).cached
    seen["photos"] = 4
    assert not run.get_or_build(stage, TrainConfig()).cached


def test_an_older_artifact_of_the_same_config_can_be_accepted(run: Run) -> None:
    def accept_stale(config: TrainConfig, candidate: Path, *, kept: Path) -> str | None:
        return "near enough" if (kept / "x").read_text() == "new" else None

    stage = replace(STAGE, accept_stale=accept_stale)
    old = run.get_or_build(stage, TrainConfig(epochs=3), kept=parent(run, "old")).artifact
    new = run.get_or_build(stage, TrainConfig(epochs=3), kept=parent(run, "new"))
    assert (new.artifact, new.cached, new.why) == (old, True, "near enough")
    assert not run.get_or_build(stage, TrainConfig(epochs=4), kept=parent(run, "new")).cached
    assert not run.get_or_build(stage, TrainConfig(epochs=3), kept=parent(run, "another")).cached
    for manifest in run.store.manifests("train"):
        (run.store.folder(manifest.artifact) / "model.txt").unlink()  # a damaged one isn't accepted
    assert not run.get_or_build(stage, TrainConfig(epochs=3), kept=parent(run, "new")).cached


def test_reuse_after_a_change_of_the_code_warns_and_names_the_remedy(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run.get_or_build(STAGE, TrainConfig())
    with caplog.at_level(logging.WARNING):
        run.get_or_build(STAGE, TrainConfig())
        assert caplog.text == ""
        monkeypatch.setattr(Stage, "source", lambda self, config: "another")
        assert run.get_or_build(STAGE, TrainConfig()).cached
    assert "--fresh train" in caplog.text
    assert "VERSION" in caplog.text


def test_a_module_that_the_config_names_is_part_of_the_code() -> None:
    stage = Stage(
        "crawl",
        1,
        build=build,
        dynamic_modules=lambda config: [f"tasks.crawl.sources.{name}" for name in config.sources],
    )
    assert stage.source(CrawlConfig(sources="folder")) != stage.source(CrawlConfig(sources="csv"))


def test_a_failed_build_publishes_nothing_and_the_next_one_works(run: Run) -> None:
    def fail(config: TrainConfig, *, context: StageContext) -> Result:
        (context.out / "half").write_text("half")
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        run.get_or_build(replace(STAGE, build=fail), TrainConfig())
    assert not run.get_or_build(STAGE, TrainConfig()).cached
