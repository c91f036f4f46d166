"""A store with everything that the evaluate stage needs, made from arrays."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from PIL import Image

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.stage import STAGE
from tasks.images import photo_files
from tasks.store import hashing
from tasks.store.atomic import write_json
from tasks.store.manifest import Artifact, CacheKey, Result
from tasks.store.shards import Shard, ShardPool, index_digest
from tasks.store.stage import Outcome, Run
from tasks.store.store import Store
from tests.helpers import stored_tables

SIDE_PX = 8
CONFIG = EvaluateConfig(bootstrap=100, gallery=6, layer_images=0)
UNKNOWN = EvaluateConfig(bootstrap=100, layer_images=0, unknown="threshold", unknown_label="new_animal")


@dataclass
class EvaluationWorld:
    """A store with all parents of an evaluation. The colour of a tile determines the prediction."""

    store: Store
    names: list[str]
    trained: list[str] = field(default_factory=list)
    """Classes that the classifier was trained on; empty: all."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    removed: list[dict[str, Any]] = field(default_factory=list)
    """Rows of photos that a check removed from the test."""
    removed_answers: list[int] = field(default_factory=list)
    listed: list[dict[str, Any]] = field(default_factory=list)
    """Rows of review.parquet."""
    trained_on: list[str] = field(default_factory=list)
    """Photos that an earlier classifier was trained on, besides those of the train split."""
    parents: dict[str, Artifact] = field(default_factory=dict)
    kind: Literal["none", "autoencoder", "network"] = "none"
    """Kind of the encoder."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """Content of recipe.json that differs from that of a network from scratch."""
    validated: dict[str, list[float]] = field(default_factory=dict)
    """Logits in validation.npz of photos, by photo, that differ from the classifier's."""
    is_broken: bool = False
    """Whether the classifier returns NaN."""

    def photo(self, label: str, split: str, answer: str | None = None, group: str | None = None) -> None:
        """Add a kept photo for which the classifier predicts `answer`, by default its label."""
        self.rows.append(self._stored(label, group) | {"split": split})
        self.answers.append(self.names.index(answer or label))

    def remove(
        self, label: str, answer: str | None = None, *, reason: str = "blurred", group: str | None = None
    ) -> None:
        """Add a photo that a check removed from the test."""
        self.removed.append(self._stored(label, group) | {"split": "test", "reason": reason})
        self.removed_answers.append(self.names.index(answer or label))

    def _stored(self, label: str, group: str | None) -> dict[str, Any]:
        """Store a new photo, and return its row without its split."""
        number = len(self.rows) + len(self.removed)
        image = np.full((40, 30, 3), self.colour(label), np.uint8)
        image[0, 0] = number % 256, number // 256, 7
        path = self.store.root / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        sha, stored = photo_files.put(self.store.photos, path.read_bytes())
        path.unlink()
        file = stored.relative_to(self.store.root).as_posix()
        return {
            "photo": sha,
            "file": file,
            "label": label,
            "name": f"{label}/{number}.png",
            "group": group or sha,
        }

    def colour(self, label: str) -> tuple[int, int, int]:
        """Return the colour of a class."""
        number = self.names.index(label)
        ones, sevens, rest = number % 7, number // 7 % 7, number // 49
        return 20 + ones * 35, 20 + (3 * ones + sevens) % 7 * 35, 20 + (5 * ones + rest) % 7 * 35

    def publish(
        self, stage: str, build: Callable[[Path], Result], parents: dict[str, Artifact] | None = None
    ) -> Artifact:
        """Publish an artifact of a stage."""
        cache_key = CacheKey(stage=stage, version=1, config={f"{stage}_setting": 3}, parents=parents or {})
        return self.store.publish(cache_key, "source", build)

    def finish(self, rejected: list[dict[str, Any]] | None = None) -> "EvaluationWorld":
        """Publish all parents of the evaluation."""
        kept = pd.DataFrame(self.rows)

        def photos_folder(out: Path) -> Result:
            table = kept.drop(columns=["group", "split"]).assign(
                url="", engine="folder", keyword="", rank=0, licence="", bytes=1
            )
            stored_tables.write(tables.crawl.PHOTOS, table, out)
            return Result({"photos": len(table)})

        def kept_folder(out: Path) -> Result:
            stored_tables.write(tables.filter.KEPT, kept, out)
            columns = ["photo", "file", "label", "name", "reason", "score", "twin"]
            stored_tables.write(tables.filter.REJECTED, pd.DataFrame(rejected or [], columns=columns), out)
            tables.filter.REMOVED.write_rows(self.removed, out)
            tables.filter.REVIEW.write_rows(self.listed, out)
            return Result({"kept": len(kept)}, digest=hashing.of_value([self.rows, self.removed]))

        def rows_folder(stage: str, array: np.ndarray | None) -> Callable[[Path], Result]:
            def build(out: Path) -> Result:
                if array is None:
                    for table in (tables.shared.INDEX, tables.shared.REMOVED_INDEX):
                        table.write_rows([], out)
                    return Result({}, digest="no encoder")
                pool, photos = self.store.pools(stage) / "pool", [row["photo"] for row in [*self.rows, *self.removed]]
                middle = len(array) // 2  # two shards, the later photos first
                shards = [
                    Shard.write(pool, photos[part], array[part]) for part in (slice(middle, None), slice(0, middle))
                ]
                kept, removed = (
                    ShardPool(pool, tuple(shards)).index([row["photo"] for row in rows], self.store.root)
                    for rows in (self.rows, self.removed)
                )
                tables.shared.INDEX.write(kept, out)
                tables.shared.REMOVED_INDEX.write(removed, out)
                return Result({"tiles": len(kept)}, digest=index_digest(kept, removed))

            return build

        colours = np.array([self.colour(self.names[i]) for i in [*self.answers, *self.removed_answers]], np.uint8)
        tiles = np.broadcast_to(colours[:, None, None], (len(colours), SIDE_PX, SIDE_PX, 3))
        p = self.parents
        p["photos"] = self.publish("crawl", photos_folder)
        p["kept"] = self.publish("filter", kept_folder, {"photos": p["photos"]})
        p["tiles"] = self.publish("preprocess", rows_folder("preprocess", tiles), {"kept": p["kept"]})
        p["encoder"] = self.publish("pretrain", self.encoder_folder, {name: p[name] for name in ("kept", "tiles")})
        vectors = (colours / 255).astype(np.float16)
        features = {"none": None, "autoencoder": tiles.astype(np.float16), "network": vectors}[self.kind]
        extracted_from = {name: p[name] for name in ("kept", "tiles", "encoder")}
        p["features"] = self.publish("extract", rows_folder("extract", features), extracted_from)
        self.train()
        return self

    def train(self) -> None:
        """Publish a classifier, in place of the one before it, if there is one."""
        parents = {name: self.parents[name] for name in ("kept", "tiles", "encoder", "features")}
        self.parents["classifier"] = self.publish("train", self.classifier_folder, parents)

    def encoder_folder(self, out: Path) -> Result:
        """Write the files of the pretrain stage."""
        write_json(tables.pretrain.ENCODER_INFO.path(out), {"kind": self.kind, "name": "tiny", "dead_channels": [1]})
        if self.kind != "autoencoder":
            return Result({}, digest=self.kind)
        pairs = np.arange(3 * SIDE_PX * SIDE_PX * 3).reshape(3, SIDE_PX, SIDE_PX, 3).astype(np.uint8)
        np.savez(
            tables.pretrain.RECONSTRUCTIONS.path(out),
            originals=pairs,
            reconstructions=pairs,
            resized=pairs,
            pca=pairs,
            codes=pairs[:, ::2, ::2].astype(np.float32),
        )
        tables.shared.HISTORY.path(out).write_text(json.dumps({"loss": [3.0, 1.0], "val_loss": [3.5, 1.5]}))
        tables.pretrain.ERROR.path(out).write_text(json.dumps({"autoencoder": 0.012, "resize": 0.034, "pca": 0.011}))
        stored_tables.write(
            tables.pretrain.SNAPSHOT, pd.DataFrame({"photo": [row["photo"] for row in self.rows[:5]]}), out
        )
        return Result({"photos": 5})

    def classifier_folder(self, out: Path) -> Result:
        """Write a network that predicts the class with the nearest colour: logits -100 |x - colour|²."""
        import keras

        labels = self.trained or self.names
        colours = np.array([self.colour(label) for label in labels], np.float32) / 255
        tile = keras.Input((SIDE_PX, SIDE_PX, 3), dtype="float32" if self.kind == "autoencoder" else "uint8")
        pixels = keras.layers.Rescaling(1 / 255, name="scaled")(tile)
        convolution = keras.layers.Conv2D(3, 1, use_bias=False)
        seen = keras.layers.Identity(name="features")(convolution(pixels))
        convolution.set_weights([np.eye(3)[None, None]])
        mean = keras.layers.GlobalAveragePooling2D(name="pooled")(seen)
        dense = keras.layers.Dense(len(labels))
        model = keras.Model(tile, dense(mean) - 100 * keras.ops.sum(mean**2, axis=1, keepdims=True))
        bias = -100 * (colours**2).sum(axis=1)
        dense.set_weights([200 * colours.T, bias * np.nan if self.is_broken else bias])
        model.save(tables.train.CLASSIFIER.path(out))
        tables.train.LABELS.path(out).write_text(json.dumps(labels))
        trained_on = [*(row["photo"] for row in self.rows if row["split"] == "train"), *self.trained_on]
        tables.train.TRAINED_ON.write(pd.DataFrame({"photo": trained_on}), out)
        stored_tables.write(tables.train.LABEL_ISSUES, pd.DataFrame(columns=tables.train.LABEL_ISSUES.names), out)
        history = {"loss": [2.0, 1.0, 1.1], "val_loss": [2.0, 1.5, 1.6]}
        history |= {"accuracy": [0.3, 0.5, 0.6], "val_accuracy": [0.3, 0.4, 0.5], "learning_rate": [0.1] * 3}
        tables.shared.HISTORY.path(out).write_text(json.dumps(history))
        recipe = {"metric": "accuracy", "chosen": "network", "recipe": "network", "frozen": False}
        recipe |= {"infer_from": "network", "refitted": False, "candidates": []}
        write_json(tables.train.RECIPE.path(out), recipe | self.recipe)
        answers = {
            row["photo"]: self.validated.get(
                row["photo"], -100 * np.square(np.divide(self.colour(self.names[answer]), 255) - colours).sum(1)
            )
            for row, answer in zip(self.rows, self.answers, strict=True)
            if row["split"] == "val" and row["label"] in labels
        }
        logits = np.array([*answers.values()], np.float32).reshape(len(answers), len(labels))
        np.savez(tables.train.VALIDATION.path(out), photos=np.array([*answers], np.str_), logits=logits)
        if self.kind != "none":
            # for an autoencoder, the mean of the code's pixels, which are 0..255
            repeats, scale = (SIDE_PX**2, 255 * SIDE_PX**2) if self.kind == "autoencoder" else (1, 1)
            kernel = np.tile(200 * colours.T / scale, (repeats, 1)).astype(np.float32)
            np.savez(tables.train.BASELINE.path(out), kernel=kernel, bias=-100 * (colours**2).sum(axis=1))
        return Result({"classes": len(labels)}, digest=hashing.of_value([labels, self.recipe, str(bias), self.answers]))

    def evaluate(self, config: EvaluateConfig = CONFIG, **how: Any) -> tuple[Outcome, Path]:
        """Run the stage; returns its outcome and its folder."""
        with ThreadPoolExecutor(2) as pool:
            outcome = Run(self.store, pool, **how).get_or_build(STAGE, config, **self.parents)
        return outcome, self.store.folder(outcome.artifact)


def world(tmp_path: Path, names: list[str], trained: list[str] | None = None) -> EvaluationWorld:
    """Make an empty world with these classes, of which the `trained` ones are known to the classifier."""
    return EvaluationWorld(Store(tmp_path / "data"), names, trained or [])


def read_metrics(folder: Path) -> Any:
    """Read metrics.json."""
    return json.loads(tables.evaluate.METRICS.path(folder).read_text())


def unseen(tmp_path: Path) -> EvaluationWorld:
    """Three trained classes, and two unknown ones: one for validation, one for the test split."""
    sea = world(tmp_path, ["ant", "bee", "cow", "elk", "fox"], trained=["ant", "bee", "cow"])
    for label in ("ant", "bee", "cow"):
        for split in ("train", "train", "val", "val", "val", "test", "test"):
            sea.photo(label, split)
    for split, label in (("val", "fox"), ("test", "elk")):
        for _ in range(4):
            sea.photo(label, split)
    return sea
