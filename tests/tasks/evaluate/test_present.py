"""The report is written again without evaluating again."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate import explain, view_record
from tasks.evaluate.report import page
from tasks.evaluate.view_record import ViewRecord, report_inputs
from tasks.store.manifest import Manifest
from tests.helpers.evaluation import CONFIG, EvaluationWorld, read_metrics, world

pytestmark = pytest.mark.slow  # each evaluates, some seconds


def shown_photos(folder: Path) -> int:
    """Count the photos in the galleries of mistakes and of correct predictions."""
    page = tables.evaluate.REPORT.path(folder).read_text()
    galleries = page[page.index('id="mistakes"') : page.index('id="classes"')]
    return galleries.count("<figure>")


def forbid_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise AssertionError(f"{path} must not be loaded")

    monkeypatch.setattr(explain, "TrainedClassifier", refuse)


def test_another_gallery_does_not_evaluate_again(evaluated_pets: EvaluationWorld) -> None:
    first, folder = evaluated_pets.evaluate()
    assert shown_photos(folder) == 2 + 6
    metrics = tables.evaluate.METRICS.path(folder).stat().st_mtime_ns
    again, same = evaluated_pets.evaluate(CONFIG.model_copy(update={"gallery": 1}))
    assert again.cached
    assert same == folder
    assert again.artifact == first.artifact
    assert shown_photos(folder) == 1 + 1
    assert tables.evaluate.METRICS.path(folder).stat().st_mtime_ns == metrics


def test_images_of_layers_do_not_evaluate_again(evaluated_pets: EvaluationWorld) -> None:
    _, folder = evaluated_pets.evaluate()
    assert not tables.evaluate.LAYERS.path(folder).exists()
    again, _ = evaluated_pets.evaluate(CONFIG.model_copy(update={"layer_images": 1}))
    assert again.cached
    assert "Layers of the network" in tables.evaluate.REPORT.path(folder).read_text()
    last, _ = evaluated_pets.evaluate()
    assert last.cached
    assert "Layers of the network" not in tables.evaluate.REPORT.path(folder).read_text()
    assert not (tables.evaluate.FIGURES.path(folder) / "responses.png").exists()


def test_another_number_of_resamples_evaluates_again(evaluated_pets: EvaluationWorld) -> None:
    first, _ = evaluated_pets.evaluate()
    again, _ = evaluated_pets.evaluate(EvaluateConfig(bootstrap=101, gallery=6, layer_images=0))
    assert not again.cached
    assert again.artifact.key != first.artifact.key


def test_a_cached_report_is_not_written_again(evaluated_pets: EvaluationWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    _, folder = evaluated_pets.evaluate()
    forbid_the_network(monkeypatch)
    written_at = tables.evaluate.REPORT.path(folder).stat().st_mtime_ns
    again, _ = evaluated_pets.evaluate()
    assert again.cached
    assert tables.evaluate.REPORT.path(folder).stat().st_mtime_ns == written_at


@pytest.mark.parametrize("changed", ["source", "template", "explanations"])
def test_new_code_text_or_explanations_write_the_report_again_without_the_network(
    evaluated_pets: EvaluationWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, changed: str
) -> None:
    _, folder = evaluated_pets.evaluate()
    report = tables.evaluate.REPORT.path(folder)
    content, written_at = report.read_bytes(), report.stat().st_mtime_ns
    forbid_the_network(monkeypatch)
    record = ViewRecord.read(tables.evaluate.REPORTED.path(folder))
    assert record is not None
    old = record.model_copy(update={"made_from": record.made_from | {changed: "an earlier version"}})
    old.write(tables.evaluate.REPORTED.path(folder))
    again, _ = evaluated_pets.evaluate()
    assert again.cached
    assert report.read_bytes() == content
    assert report.stat().st_mtime_ns > written_at
    assert "its code has changed" not in caplog.text


def test_the_report_says_what_this_run_did_not_use_as_given(evaluated_pets: EvaluationWorld) -> None:
    """A crawl that now leaves out more files may give the same photos: the evaluation stays, the report changes."""
    outcome, folder = evaluated_pets.evaluate()
    assert "Not used as given" not in tables.evaluate.REPORT.path(folder).read_text(encoding="utf-8")
    crawl = evaluated_pets.store.folder(outcome.manifest.cache_key.parents["photos"])
    manifest = Manifest.read(crawl)
    manifest.model_copy(update={"notes": ("2 files are <left> out",)}).write(crawl)
    again, _ = evaluated_pets.evaluate()
    assert again.cached
    assert "2 files are &lt;left&gt; out" in tables.evaluate.REPORT.path(folder).read_text(encoding="utf-8")
    assert r"2 files are \<left\> out" in tables.shared.SUMMARY.path(folder).read_text(encoding="utf-8")
    manifest.write(crawl)
    evaluated_pets.evaluate()
    assert "Not used as given" not in tables.evaluate.REPORT.path(folder).read_text(encoding="utf-8")


def test_what_the_filter_doubts_comes_before_all_other_notes(evaluated_pets: EvaluationWorld) -> None:
    outcome, folder = evaluated_pets.evaluate()
    parents = outcome.manifest.cache_key.parents
    for parent, note in (("photos", "2 files are left out"), ("kept", "9 photos are doubtful")):
        manifest = Manifest.read(evaluated_pets.store.folder(parents[parent]))
        manifest.model_copy(update={"notes": (note,)}).write(evaluated_pets.store.folder(parents[parent]))
    evaluated_pets.evaluate(notes=("train.ema has no effect",))
    report = tables.evaluate.REPORT.path(folder).read_text(encoding="utf-8")
    places = [report.index(f"<li>{note}") for note in ("9 photos", "train.ema has no effect", "2 files")]
    assert places == sorted(places)


def test_the_report_names_settings_without_effect(pets: EvaluationWorld) -> None:
    _, folder = pets.finish().evaluate(notes=("train.ema has no effect, because it needs <validation> photos",))
    report = tables.evaluate.REPORT.path(folder)
    assert "train.ema has no effect, because it needs &lt;validation&gt; photos" in report.read_text(encoding="utf-8")
    pets.evaluate()
    assert "train.ema has no effect" not in report.read_text(encoding="utf-8").split('id="settings"')[0]


def test_the_templates_of_the_report_are_among_its_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.evaluate.EXPLAINED.path(tmp_path).write_text("{}")
    home = Path(page.__file__).parent
    templates = [template.name for template in home.glob("*.jinja")]
    assert {"page.html.jinja", "diagnostics.html.jinja"} <= set(templates)
    shutil.copytree(home, tmp_path / "report")
    monkeypatch.setattr(view_record, "_TEMPLATES", tmp_path / "report")
    before = report_inputs(tmp_path)
    for name in templates:
        with (tmp_path / "report" / name).open("a") as file:
            file.write("more")
        after = report_inputs(tmp_path)
        assert after != before
        before = after


@pytest.mark.parametrize(
    "damaged",
    [tables.evaluate.HEAT_MAPS, tables.evaluate.NEIGHBOURS, tables.evaluate.REPORT, tables.shared.SUMMARY],
    ids=lambda file: file.name,
)
@pytest.mark.parametrize("is_gone", [True, False])
def test_a_missing_or_damaged_file_of_the_view_is_made_again(
    evaluated_pets: EvaluationWorld, damaged: tables.File, is_gone: bool
) -> None:
    _, folder = evaluated_pets.evaluate()
    path = damaged.path(folder)
    content = path.read_bytes()
    path.unlink() if is_gone else path.write_bytes(content[:10])
    again, _ = evaluated_pets.evaluate()
    assert again.cached
    assert path.read_bytes() == content


def test_verify_compares_the_content_of_the_view(evaluated_pets: EvaluationWorld) -> None:
    _, folder = evaluated_pets.evaluate()
    path = tables.evaluate.REPORT.path(folder)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"?")
    evaluated_pets.evaluate(verify=True)
    assert path.read_bytes() == content


@pytest.mark.parametrize("missing", [tables.evaluate.EXPLAINED, tables.evaluate.REPORTED])
def test_an_incomplete_report_is_written_by_the_next_run(evaluated_pets: EvaluationWorld, missing: tables.File) -> None:
    _, folder = evaluated_pets.evaluate()
    page = tables.evaluate.REPORT.path(folder).read_bytes()
    missing.path(folder).unlink()
    tables.evaluate.REPORT.path(folder).unlink()
    again, _ = evaluated_pets.evaluate()
    assert again.cached
    assert tables.evaluate.REPORT.path(folder).read_bytes() == page


@pytest.mark.drawn
def test_the_report_needs_no_tensorflow(pets: EvaluationWorld) -> None:
    _, folder = pets.finish().evaluate()
    page = tables.evaluate.REPORT.path(folder).read_bytes()
    tables.evaluate.REPORT.path(folder).unlink()
    code = (
        "import sys; from pathlib import Path; from tasks.evaluate.report.write import write_report\n"
        f"write_report(Path({str(folder)!r}), Path({str(pets.store.root)!r}))\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
    assert tables.evaluate.REPORT.path(folder).read_bytes() == page


@pytest.mark.parametrize("content", ["", "[]", "{}"])
def test_a_report_with_a_damaged_digest_is_written_again(evaluated_pets: EvaluationWorld, content: str) -> None:
    _, folder = evaluated_pets.evaluate()
    page = tables.evaluate.REPORT.path(folder).read_bytes()
    tables.evaluate.REPORTED.path(folder).write_text(content)
    tables.evaluate.REPORT.path(folder).write_text("an earlier version")
    evaluated_pets.evaluate()
    assert tables.evaluate.REPORT.path(folder).read_bytes() == page


def test_the_report_of_300_classes_is_small(tmp_path: Path) -> None:
    names = [f"whale {i:03d}" for i in range(300)]
    sea = world(tmp_path, names)
    for i, label in enumerate(names):
        for _ in range(1 + (i < 5) * 20):
            sea.photo(label, "train")
        if i % 3:
            sea.photo(label, "test", answer=names[(i * 7) % 300] if i % 5 == 0 else None)
    _, folder = sea.finish().evaluate()
    page = tables.evaluate.REPORT.path(folder).read_text()
    assert "All 300 classes" in page
    assert len(page) < 1_500_000
    summary = tables.shared.SUMMARY.path(folder).read_text()
    assert len(summary) < 80_000
    assert len(pd.read_csv(tables.evaluate.SUBMISSION.path(folder))["Id"].iloc[0].split()) == 5


def test_the_report_of_a_classifier_of_codes_shows_the_autoencoder(pets: EvaluationWorld) -> None:
    pets.kind = "autoencoder"
    _, folder = pets.finish().evaluate()
    assert read_metrics(folder)["test"]["scores"]["accuracy"]["value"] == 0.8
    page = tables.evaluate.REPORT.path(folder).read_text()
    assert "Autoencoder</h2>" in page
    assert "0.012" in page
    assert "The autoencoder is not better than a principal component analysis of patches." in page
    assert "Dead channels of the code, the same everywhere: 1." in page
    assert {"reconstructions", "codes"} <= {path.stem for path in (folder / "figures").iterdir()}
    for stage in ("crawl", "filter", "preprocess", "pretrain", "extract", "train"):
        assert f"<td>{stage}</td>" in page
        assert f"{stage}_setting: 3" in page
