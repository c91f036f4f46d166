"""The report of an evaluation is written again without evaluating again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate import explain
from tests.helpers.evaluation import CONFIG, EvaluationWorld


def mistakes(folder: Path) -> int:
    """Photos in the report's gallery of mistakes."""
    page = tables.REPORT.path(folder).read_text()
    gallery = page[page.index('id="mistakes"') : page.index('id="classes"')]
    return gallery.count("<figure>")


def use_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise AssertionError(f"{path} was loaded")

    monkeypatch.setattr(explain, "TrainedClassifier", refuse)


def test_another_gallery_does_not_evaluate_again(pets: EvaluationWorld) -> None:
    first, folder = pets.finish().evaluate()
    assert mistakes(folder) == 2 + 6
    metrics = tables.METRICS.path(folder).stat().st_mtime_ns
    again, same = pets.evaluate(CONFIG.model_copy(update={"gallery": 1}))
    assert again.cached
    assert same == folder
    assert again.artifact == first.artifact
    assert mistakes(folder) == 1 + 1
    assert tables.METRICS.path(folder).stat().st_mtime_ns == metrics


def test_images_of_layers_do_not_evaluate_again(pets: EvaluationWorld) -> None:
    _, folder = pets.finish().evaluate()
    assert not tables.LAYERS.path(folder).exists()
    again, _ = pets.evaluate(CONFIG.model_copy(update={"layer_images": 1}))
    assert again.cached
    assert "Inside the network" in tables.REPORT.path(folder).read_text()
    last, _ = pets.evaluate()
    assert last.cached
    assert "Inside the network" not in tables.REPORT.path(folder).read_text()
    assert not (tables.FIGURES.path(folder) / "responses.png").exists()


def test_another_number_of_resamples_evaluates_again(pets: EvaluationWorld) -> None:
    first, _ = pets.finish().evaluate()
    again, _ = pets.evaluate(EvaluateConfig(bootstrap=101, gallery=6, layer_images=0))
    assert not again.cached
    assert again.artifact.key != first.artifact.key


def test_a_cached_report_is_not_written_again(pets: EvaluationWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    _, folder = pets.finish().evaluate()
    use_no_network(monkeypatch)
    tables.REPORT.path(folder).write_text("mine")
    again, _ = pets.evaluate()
    assert again.cached
    assert tables.REPORT.path(folder).read_text() == "mine"


def test_new_code_of_the_report_writes_it_again_without_the_network(
    pets: EvaluationWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, folder = pets.finish().evaluate()
    page = tables.REPORT.path(folder).read_bytes()
    use_no_network(monkeypatch)
    tables.REPORTED.path(folder).write_text(json.dumps({"source": "an earlier version"}))
    tables.REPORT.path(folder).write_text("an earlier version")
    again, _ = pets.evaluate()
    assert again.cached
    assert tables.REPORT.path(folder).read_bytes() == page
    assert "its code has changed" not in caplog.text


@pytest.mark.parametrize("missing", [tables.EXPLAINED, tables.REPORTED])
def test_a_report_that_was_interrupted_is_written_at_the_next_run(pets: EvaluationWorld, missing: tables.File) -> None:
    _, folder = pets.finish().evaluate()
    page = tables.REPORT.path(folder).read_bytes()
    missing.path(folder).unlink()
    tables.REPORT.path(folder).unlink()
    again, _ = pets.evaluate()
    assert again.cached
    assert tables.REPORT.path(folder).read_bytes() == page


def test_the_report_needs_no_tensorflow(pets: EvaluationWorld) -> None:
    _, folder = pets.finish().evaluate()
    page = tables.REPORT.path(folder).read_bytes()
    tables.REPORT.path(folder).unlink()
    code = (
        "import sys; from pathlib import Path; from tasks.evaluate.report.write import write_report\n"
        f"write_report(Path({str(folder)!r}), Path({str(pets.store.root)!r}))\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
    assert tables.REPORT.path(folder).read_bytes() == page
