"""Nights on which nearly everything goes wrong, in one data folder: the model that is used must stay good."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from configs.load import load
from flows.maintenance import prune
from flows.models.registry import Registry
from flows.models.test_list import PinnedList
from flows.predict.options import PredictOptions
from flows.predict.predict import predict_to
from flows.run import pipeline
from flows.run_records import RunRecord, read_records
from tasks import tables
from tasks.store import manifest
from tasks.store.errors import UserError
from tasks.store.progress import silent
from tasks.store.store import Store
from tasks.store.table import Table
from tasks.train import stage as train
from tests.helpers.clock import days_ahead
from tests.helpers.pipeline import TINY, built, pretrained, write_photos

pytestmark = pytest.mark.slow

_MARGIN = 0.01


class Nights:
    """A data folder and a folder of photos."""

    def __init__(self, home: Path) -> None:
        self.home, self.data, self.photos = home, home / "data", home / "photos"
        self._settings = [
            *TINY,
            *pretrained(home),
            f"crawl.path={self.photos}",
            "name=nights",
            "train.recipe=logistic",
            "train.metric=accuracy",
            "filter.test_fraction=0.4",
            "filter.label_issues=0",
            f"promote.margin={_MARGIN}",
        ]
        self._count = 0

    def add(self, count: int) -> None:
        """Add new photos of three classes."""
        write_photos(self.photos, count, self._count)
        self._count += count

    def add_wrong(self, count: int) -> set[str]:
        """Add photos of each class to the folder of the next class; returns their names."""
        aside = self.home / "aside"
        write_photos(aside, count, 5000)
        names = set()
        for label, other in (("black", "grey"), ("grey", "white"), ("white", "black")):
            for path in (aside / label).iterdir():
                path.rename(self.photos / other / f"wrong {path.name}")
                names.add(f"wrong {path.name}")
        return names

    def run(self, *settings: str) -> RunRecord:
        """Run a night as the schedule does."""
        pipeline(load("default", [*self._settings, *settings]), "default", fresh=["crawl"], scheduled=True)
        return read_records(self.data)[0]

    def champion(self) -> str:
        """Return the run whose model is used."""
        champion = Registry(self.data, "nights").champion()
        assert champion
        return champion

    def test_list(self) -> pd.DataFrame:
        """Return the present test list."""
        rows = PinnedList(self.data, "nights").read()
        assert rows is not None
        return rows

    def table(self, record: RunRecord, stage: str, table: Table) -> pd.DataFrame:
        """Read a table of a run."""
        artifact = next(each.artifact for each in record.stages if each.artifact.stage == stage)
        return table.read(Store(self.data).folder(artifact))

    def right(self, champion: str) -> "pd.Series[bool]":
        """Return for each listed photo whether the model of a run is right, as `fluke predict` answers."""
        rows = self.test_list()
        listed = self.home / "listed.csv"
        pd.DataFrame({"Image": [str(self.data / file) for file in rows["file"]]}).to_csv(listed, index=False)
        options = PredictOptions(listed, model=champion, top_k=1)
        table = predict_to(self.data, options, progress=silent, announce=lambda _: None)
        return pd.Series((table["class_1"] == rows["label"].to_numpy()).to_numpy(), rows["photo"])


@pytest.fixture
def nights(api_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    """No nights yet."""
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path / "data"))
    with temporary_settings({PREFECT_API_URL: api_url}):
        yield Nights(tmp_path)


@pytest.mark.slow
def test_whatever_a_night_brings_the_model_that_is_used_stays_good(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    champions: list[tuple[int, str]] = []

    def note(record: RunRecord) -> None:
        champions.append((record.number, nights.champion()))

    nights.add(105)
    first = nights.run()
    assert (first.decision, nights.champion()) == ("promoted", first.id)
    note(first)

    nights.add(15)
    _write_stripes(nights.photos / "striped", 35)
    came = nights.run()
    assert came.decision == "promoted"  # the model before knows nothing of the new class
    assert "striped" in set(nights.test_list()["label"])
    note(came)

    listed, champion = len(nights.test_list()), nights.champion()
    (nights.photos / "white").rename(nights.home / "not mounted")
    with pytest.raises(UserError, match="stopped before training: 1 class is gone"):
        nights.run()
    stopped = read_records(nights.data)[0]
    assert stopped.state == "failed"
    assert "train" not in built(stopped)
    assert (nights.champion(), len(nights.test_list())) == (champion, listed)
    (nights.home / "not mounted").rename(nights.photos / "white")

    _exchange(nights.photos / "white", nights.photos / "black")
    poisoned = nights.run()
    assert poisoned.decision == "refused", poisoned.reason
    assert nights.champion() == champion
    _exchange(nights.photos / "white", nights.photos / "black")
    note(poisoned)

    copies = _copy(nights)
    nights.add(15)
    before = nights.champion()
    with monkeypatch.context() as broken:
        broken.setattr(train, "choose", _crash)
        with pytest.raises(RuntimeError, match="power cut"):
            nights.run()
    assert nights.champion() == before
    again = nights.run()
    assert (again.state, "extract" in built(again)) == ("done", False)
    crawled = nights.table(again, "crawl", tables.crawl.PHOTOS)
    learned = nights.table(again, "train", tables.train.TRAINED_ON)["photo"]
    assert _names(crawled, copies) == copies
    assert not _names(crawled[crawled["photo"].isin(learned)], copies)
    note(again)

    nights.add(15)
    wrong = nights.add_wrong(12)
    with monkeypatch.context() as jumped:
        jumped.setattr(manifest, "datetime", days_ahead(365))
        ahead = nights.run()
    kept = nights.table(ahead, "filter", tables.filter.KEPT)
    assert ahead.decision in ("promoted", "undecided"), ahead.reason  # its wrong labels are too few to refuse it
    mistaken = kept[[Path(name).name in wrong for name in kept["name"]]]
    assert (mistaken["split"] == "test").any()
    assert not set(mistaken["photo"]) & set(nights.test_list()["photo"])
    assert ahead.started_at > again.started_at + pd.Timedelta(days=300)
    note(ahead)

    bad = nights.run("train.recipe=head", "train.head_epochs=1", "train.learning_rate=0.000001")
    assert read_records(nights.data)[0].id == bad.id, "its clock was a year ahead, but it was the night before"
    assert bad.decision == "refused", bad.reason
    note(bad)

    _check(nights, champions)


def _check(nights: Nights, champions: list[tuple[int, str]]) -> None:
    """After each night, the champion isn't worse than the best before on that night's list, by more than the margin."""
    rows = nights.test_list().set_index("photo")
    right = {champion: nights.right(champion) for _, champion in champions}
    for index, (number, champion) in enumerate(champions):
        listed = rows.index[rows["since"] <= number]
        scores = {each: right[each][listed].mean() for _, each in champions[: index + 1]}
        assert scores[champion] >= max(scores.values()) - _MARGIN - 1e-9, (index, scores)
        assert scores[champion] > 0.8
    store = Store(nights.data)
    sizes = sum(path.stat().st_size for path in nights.data.rglob("*") if path.is_file())
    prune.delete(store, prune.find_unneeded(store, 1, photos=True), 1, photos=True)
    assert sum(path.stat().st_size for path in nights.data.rglob("*") if path.is_file()) < sizes
    champion = nights.champion()
    used = next(record for record in read_records(nights.data) if record.id == champion)
    assert used.model_state(nights.data) == "intact"
    assert nights.right(champion).equals(right[champion])
    given = {path.read_bytes() for path in nights.photos.rglob("*.*")}
    assert given == {path.read_bytes() for path in store.photos.rglob("*.*")}


def _crash(*_: object) -> None:
    raise RuntimeError("power cut")


def _write_stripes(folder: Path, count: int) -> None:
    """Write photos of black and white stripes, each with its own width and noise."""
    folder.mkdir()
    for number in range(count):
        rng = np.random.default_rng(1000 + number)
        rough = rng.integers(0, 60, (48, 48, 3)) + 190 * (np.arange(48) // 4 % 2)[:, None, None]
        cv2.imwrite(str(folder / f"{number}.png"), cv2.blur(rough.astype(np.uint8), (2, 2)))


def _exchange(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def _copy(nights: Nights) -> set[str]:
    """Add listed photos encoded anew, under the labels that the list has; returns their names."""
    names = set()
    for number, row in enumerate(nights.test_list().iloc[::6].to_dict("records")):
        pixels = cv2.imread(str(nights.data / row["file"]))
        assert pixels is not None
        name = f"copy {number}.jpg"
        cv2.imwrite(str(nights.photos / row["label"] / name), pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])
        names.add(name)
    return names


def _names(photos: pd.DataFrame, among: set[str]) -> set[str]:
    return {Path(name).name for name in photos["name"]} & among
