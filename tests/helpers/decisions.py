"""Complete runs made of tables alone, for tests of the decision at their end."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from configs.schema import Config, EvaluateConfig, PromoteConfig
from flows.models.decide import decide
from flows.models.decision import Decision
from flows.models.decision_text import lines
from flows.models.registry import Registry
from flows.models.test_list import PinnedList
from flows.predict import model as models
from flows.predict import predict as predicting
from flows.run_records import RunRecord
from tasks import tables
from tasks.inference.calibration import Calibration
from tasks.inference.decision import DecisionRule
from tasks.store import counter
from tasks.store.atomic import write_json
from tasks.store.manifest import CacheKey, Result
from tasks.store.progress import silent
from tasks.store.stage import Outcome
from tasks.store.store import Store
from tests.helpers import stored_tables

QUICK = Config(evaluate=EvaluateConfig(bootstrap=100))
"""Settings for decisions whose intervals need not be exact."""


@dataclass(frozen=True)
class Photo:
    """One photo of a run, and what its model answers."""

    name: str
    label: str
    split: str = "test"
    answer: str = ""
    """Empty: the label."""
    group: str = ""
    """Empty: the photo alone."""
    probability: float = 0.8
    """Of the answer."""


def photos(count: int, *, wrong: int = 0, labels: Sequence[str] = ("cat", "dog"), begin: int = 0) -> list[Photo]:
    """Return test photos of all labels in turn; the last `wrong` of them are answered with the next label."""
    found = []
    for i in range(begin, begin + count):
        label, other = (labels[j % len(labels)] for j in (i, i + 1))
        found.append(Photo(f"{i:04d}", label, answer=other if i >= begin + count - wrong else label))
    return found


def answer_as(monkeypatch: pytest.MonkeyPatch, nights: "Nights", rows: Sequence[Photo]) -> None:
    """Let a model that is asked about photos now, which its evaluation hasn't answered, give these answers."""
    known = {each.name: each for each in rows}
    for name in known:
        path = nights.store.root / f"photos/{name}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.touch()

    def predict(_: object, there: list[tuple[str, Path]], **__: Any) -> pd.DataFrame:
        found = [known[name] for name, _ in there]
        likely = [(each.answer or each.label, each.probability) for each in found]
        table = pd.DataFrame(likely, columns=["class_1", "probability_1"])
        other = ["dog" if label == "cat" else "cat" for label in table["class_1"]]
        more = {"class_2": other, "probability_2": 1 - table["probability_1"], "error": ""}
        return table.assign(image=[each.name for each in found], **more)

    monkeypatch.setattr(models, "of_run", lambda *_: None)
    monkeypatch.setattr(predicting, "predict", predict)


def measured(**against: float) -> dict[str, Any]:
    """Return metrics in which the accuracy differs from that of baselines by this much, significantly."""
    differences = {"commonest": 0.5, "nearest": 0.0} | against
    compared = {
        name: {
            "value": 0.5,
            "difference": {"value": value, "low": value - 0.01, "high": value + 0.01},
            "p_value": 0.001 if abs(value) > 0.01 else 0.5,
        }
        for name, value in differences.items()
    }
    score = {"value": 0.9, "low": 0.85, "high": 0.95, "against": compared}
    return {"headline": "accuracy", "photos": {"test": 100}, "test": {"groups": 100, "scores": {"accuracy": score}}}


class Nights:
    """A data folder in which complete runs are made in a moment."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)

    def run(
        self,
        rows: Sequence[Photo],
        *,
        classifier: str,
        metrics: Mapping[str, Any] | None = None,
        gone: Sequence[str] = (),
        refitted: bool = False,
        trained_on: Sequence[str] = (),
        rule: str = "",
        preset: str = "demo",
    ) -> RunRecord:
        """Return the record of a run whose stages are complete, and which isn't saved.

        Args:
            rows: The photos that the filter keeps.
            classifier: Digest of the classifier: the same one again is the same model.
            metrics: The content of the file with the metrics.
            gone: Photos of `rows` that the crawl lacks.
            refitted: Whether the classifier learned from validation, too.
            trained_on: Photos that an earlier classifier was trained on.
            rule: Tells settings of the evaluation apart.
            preset: The preset.
        """
        self._count = counter.next_number(self.store.root)
        record = RunRecord.start(preset, "evaluate", Config(), number=self._count)
        frame = pd.DataFrame([vars(each) for each in rows])
        frame["photo"] = frame["name"]
        frame["file"] = "photos/" + frame["name"] + ".jpg"
        frame["group"] = frame["group"].where(frame["group"] != "", frame["name"])
        frame["predicted"] = frame["answer"].where(frame["answer"] != "", frame["label"])
        labels = sorted(set(frame["label"]))

        def crawl(out: Path) -> None:
            stored_tables.write(tables.crawl.PHOTOS, frame[~frame["photo"].isin(gone)][["photo", "file", "label"]], out)

        def filter_(out: Path) -> None:
            stored_tables.write(tables.filter.KEPT, frame[["photo", "file", "label", "name", "group", "split"]], out)
            stored_tables.write(tables.filter.REJECTED, pd.DataFrame({"photo": []}), out)

        def train(out: Path) -> None:
            tables.train.LABELS.path(out).write_text(json.dumps(labels))
            tables.train.RECIPE.path(out).write_text(json.dumps({"refitted": refitted}))
            tables.train.TRAINED_ON.write(pd.DataFrame({"photo": list(trained_on)}, dtype="str"), out)

        def evaluate(out: Path) -> None:
            held_out = frame[frame["split"] != "train"].copy()
            held_out["rank"] = [
                1 if a == b else 2 for a, b in zip(held_out["label"], held_out["predicted"], strict=True)
            ]
            held_out["top_names"] = [
                list(dict.fromkeys([row["predicted"], *labels])) for row in held_out.to_dict("records")
            ]
            held_out["top_probabilities"] = [
                [sure, *[(1 - sure) / (len(names) - 1)] * (len(names) - 1)]
                for sure, names in zip(held_out["probability"], held_out["top_names"], strict=True)
            ]
            columns = ["photo", "name", "split", "label", "predicted", "rank", "top_names", "top_probabilities"]
            stored_tables.write(tables.evaluate.PREDICTIONS, held_out[columns], out)
            tables.evaluate.METRICS.path(out).write_text(json.dumps(metrics or measured()))
            rule_ = DecisionRule("network", tuple(labels), Calibration(1.0), None, 1.0, None)
            write_json(tables.evaluate.DECISION_RULE.path(out), asdict(rule_))

        builds = {"crawl": crawl, "filter": filter_, "preprocess": crawl, "train": train, "evaluate": evaluate}
        for stage, write in builds.items():
            digest = classifier if stage == "train" else f"{stage} {self._count}"

            def build(out: Path, write: Any = write, digest: str = digest) -> Result:
                write(out)
                return Result({"photos": len(frame)}, digest=digest)

            config = {"rule": rule} if stage == "evaluate" else {"run": self._count}
            parents = {"run": f"{self._count}"}
            key = CacheKey(stage=stage, version=1, config=config, observed=parents)
            artifact = self.store.publish(key, "", build)
            record.add(Outcome(artifact, cached=False, why="", manifest=self.store.manifest(artifact)), 1.0)
        return record

    def cached(self, earlier: RunRecord) -> RunRecord:
        """Return the record of a run that found all artifacts of an earlier one in the store, and which isn't saved."""
        record = RunRecord.start(earlier.preset, "evaluate", Config(), number=counter.next_number(self.store.root))
        record.stages = list(earlier.stages)
        return record

    def decide(self, record: RunRecord, config: Config | None = None) -> Decision:
        """Decide about a run, and save its record, as the flow does."""
        with ThreadPoolExecutor(1) as threads:
            decision = decide(self.store, record, config or Config(), threads=threads, progress=silent)
        record.save(self.store.root)
        return decision


ASK = PromoteConfig(undecided="ask")


class Undecided:
    """A run that the gate couldn't tell about."""

    def __init__(self, root: Path) -> None:
        config = Config(evaluate=EvaluateConfig(bootstrap=100), promote=ASK)
        self.nights = Nights(root)
        self.champion = self.nights.run(photos(100, wrong=5), classifier="a")
        self.nights.decide(self.champion, config)
        self.record: RunRecord = self.nights.run(photos(100, wrong=7), classifier="b")
        self.decision: Decision = self.nights.decide(self.record, config)


def champion(nights: Nights) -> str | None:
    """Return the run whose model is used."""
    return Registry(nights.store.root, "demo").champion()


def listed(nights: Nights) -> int:
    """Return how many photos are on the test list."""
    rows = PinnedList(nights.store.root, "demo").read()
    assert rows is not None
    return len(rows)


def told(nights: Nights, record: RunRecord) -> str:
    """Return the first line about the decision of a run."""
    return next(lines(record, nights.store.root))
