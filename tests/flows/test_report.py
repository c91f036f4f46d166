"""`fluke report` writes the report of a run again."""

import errno
import logging
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from configs.schema import Config
from flows import report
from flows.cli import runs
from flows.models.find import find_run
from flows.run_records import RunRecord
from tasks import tables
from tasks.evaluate.report import write
from tasks.evaluate.stage import STAGE
from tasks.evaluate.view_record import ViewRecord
from tasks.store.errors import UserError
from tasks.store.manifest import CacheKey, Result
from tasks.store.stage import Outcome
from tasks.store.store import Store
from tests.helpers.pipeline import Fluke


@pytest.fixture
def evaluation(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The folder of a run's evaluation, with a file of answers."""
    version = 4 if "earlier_version" in request.node.name else STAGE.version
    store = Store(tmp_path)

    def build(out: Path) -> Result:
        np.savez(tables.evaluate.ANSWERS.path(out), logits=np.zeros(9))
        return Result({}, digest="x")

    artifact = store.publish(CacheKey(stage="evaluate", version=version, config={}), "", build)
    record = RunRecord.start("demo", "evaluate", Config())
    record.add(Outcome(artifact, cached=False, why="", manifest=store.manifest(artifact)), 1.0)
    record.end("done")
    record.save(tmp_path)
    return store.folder(artifact)


@pytest.fixture
def handlers() -> Iterator[None]:
    logger = logging.getLogger("fluke")
    before = list(logger.handlers)
    yield
    logger.handlers[:] = before


def read_answers(evaluation: Path, root: Path) -> Path:
    with np.load(tables.evaluate.ANSWERS.path(evaluation)) as answers:
        raise AssertionError(answers["uncalibrated"])


@pytest.mark.parametrize("content", [None, b"", b"no zip", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_reported_with_what_to_do(
    evaluation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.setattr(write, "write_report", read_answers)
    if content is not None:  # else an array is missing in the file
        tables.evaluate.ANSWERS.path(evaluation).write_bytes(content)
    with pytest.raises(UserError, match=r"can't be written from .*; run demo again, .*--fresh evaluate") as error:
        report.write(tmp_path)
    if content is None:
        assert isinstance(error.value.__cause__, KeyError)
    if content and content.startswith(b"PK"):
        assert isinstance(error.value.__cause__, zipfile.BadZipFile)


@pytest.mark.parametrize("error", [KeyError("recipe"), TypeError("dict"), FileNotFoundError(tables.train.RECIPE.name)])
def test_an_evaluation_of_an_earlier_version_is_named_as_such(
    evaluation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> Path:
        raise error

    monkeypatch.setattr(write, "write_report", fail)
    with pytest.raises(UserError, match=r"it was made by an earlier version of fluke; run demo again") as raised:
        report.write(tmp_path)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("error", [TypeError("dict"), IndexError("1"), OverflowError("10**400")])
@pytest.mark.parametrize("is_changed", [True, False])
def test_what_a_changed_file_raises_names_the_file_and_a_mistake_in_the_code_stays_one(
    evaluation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, is_changed: bool
) -> None:
    def fail(*_: object) -> Path:
        raise error

    monkeypatch.setattr(write, "write_report", fail)
    answers = tables.evaluate.ANSWERS.path(evaluation)
    if is_changed:
        answers.write_bytes(answers.read_bytes()[:-1] + b"x")
        with pytest.raises(UserError, match=rf"{answers.name} .*--fresh evaluate"):
            report.write(tmp_path)
    else:
        with pytest.raises(type(error)):
            report.write(tmp_path)


def test_a_file_in_place_of_the_evaluation_is_reported_with_what_to_do(evaluation: Path, tmp_path: Path) -> None:
    evaluation.rename(tmp_path / "moved")
    evaluation.touch()
    with pytest.raises(UserError, match=r"Not a directory.*; run demo again"):
        report.write(tmp_path)


@pytest.mark.usefixtures("handlers")
def test_a_wait_for_another_run_is_shown(
    evaluation: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wait(root: Path, name: str | None) -> Path:
        logging.getLogger("fluke.store").warning("another run is building it: waiting for it")
        return evaluation / tables.evaluate.REPORT.name

    monkeypatch.setattr(report, "write", wait)
    runs.report()
    printed = capsys.readouterr()
    assert "warning: another run is building it: waiting for it" in printed.err
    assert printed.out == f"report: {tables.evaluate.REPORT.path(evaluation)}\n"


@pytest.mark.slow
def test_the_report_of_the_last_run_is_written_again(copy: Fluke) -> None:
    folder = next((copy.data / "artifacts" / "evaluate").iterdir())
    path = tables.evaluate.REPORT.path(folder)
    page = path.read_bytes()
    path.unlink()
    assert str(path) in copy("report")
    assert path.read_bytes() == page
    path.unlink()
    copy("report", find_run(copy.data).id)
    assert path.read_bytes() == page


@pytest.mark.slow
def test_a_report_without_its_files_says_what_to_do(copy: Fluke) -> None:
    assert "no successful run, preset or model is called 'nothing'" in copy("report", "nothing", code=2)
    folder = next((copy.data / "artifacts" / "evaluate").iterdir())
    tables.evaluate.EXPLAINED.path(folder).unlink()
    assert "no explanations for the report; run its preset again" in copy("report", code=2)
    tables.crawl.PHOTOS.path(next((copy.data / "artifacts" / "crawl").iterdir())).unlink()
    ViewRecord.of(folder, [], {"gallery": 1, "layer_images": 0}).write(tables.evaluate.EXPLAINED.path(folder))
    assert tables.crawl.PHOTOS.name in (said := copy("report", code=2))
    assert "run default again" in said


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_report_that_cannot_be_written_again_can_still_be_read(
    evaluation: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    def refuse(*_: object) -> Path:
        raise OSError(number, os.strerror(number), str(evaluation))

    monkeypatch.setattr(write, "write_report", refuse)
    root = evaluation.parents[2]
    with pytest.raises(OSError, match=os.strerror(number)):
        report.write(root)
    tables.evaluate.REPORT.path(evaluation).touch()
    assert report.write(root) == tables.evaluate.REPORT.path(evaluation)
    assert "it is the one of an earlier time" in caplog.text
