"""A pipeline small enough for tests: photos, settings, and the command line with its own data folder."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from flows.run_records import RunRecord, read_records
from tests.helpers.warm_process import WarmProcess

TINY = [
    "preprocess.side_px=16",
    "pretrain.encoder=autoencoder",
    "pretrain.filters=[4]",
    "pretrain.code_channels=2",
    "pretrain.epochs=1",
    "train.recipe=network",
    "train.filters=[4]",
    "train.epochs=2",
    "train.head_epochs=2",
    "evaluate.bootstrap=100",
    "evaluate.gallery=0",
    "evaluate.layer_images=0",
]

"""Settings of the tiny pipeline. Its recipe is spelt out: what `auto` tries depends on the machine's speed."""


def pretrained(folder: Path) -> list[str]:
    """Write the weights of a small network into a folder; returns the settings that use it as the encoder."""
    import keras

    from configs.schema import TrainConfig
    from tasks.networks.classifier import tile_classifier

    path = folder / "convnet.keras"
    if not path.exists():
        keras.utils.set_random_seed(0)
        tile_classifier((16, 16, 3), 2, TrainConfig()).save(path)
    return ["pretrain.encoder=convnet", f"pretrain.weights={path}"]


def write_photos(folder: Path, count: int, start: int = 0) -> None:
    """Write `count` photos of three classes that differ in brightness; different numbers give different photos."""
    for number in range(start, start + count):
        label = number % 3
        home = folder / ("black", "grey", "white")[label]
        home.mkdir(parents=True, exist_ok=True)
        rough = np.random.default_rng(number).integers(80 * label, 80 * label + 90, (24, 24, 3), np.uint8)
        cv2.imwrite(str(home / f"{number}.png"), cv2.resize(rough, (48, 48), interpolation=cv2.INTER_CUBIC))


@dataclass
class Fluke:
    """The command line, with a data folder and a Prefect server."""

    data: Path
    api_url: str
    photos: Path
    environment: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = (sys.executable, "-m", "flows.cli")
    folder: Path | None = None
    """The current folder of `start`; None: that of the tests."""

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start `fluke ARGUMENTS` as users do."""
        return subprocess.Popen(
            [*self.command, *arguments],
            cwd=self.folder,
            env=self._environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def start_warm(self, *arguments: str, **environment: str) -> WarmProcess:
        """Start `fluke ARGUMENTS` with the heavy libraries imported."""
        return WarmProcess("-m", "flows.cli", *arguments, environment=self._environment(environment))

    def __call__(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """Run `fluke ARGUMENTS`, expect its exit code, and return what it printed."""
        for_python = any(name.startswith("PYTHON") for name in environment)  # only a new Python reads these
        process = (self.start if for_python else self.start_warm)(*arguments, **environment)
        out, err = process.communicate(timeout=240)
        assert process.returncode == code, out + err
        assert "Traceback" not in err
        return out + err

    def run(self, *overrides: str, command: tuple[str, ...] = ("run",)) -> RunRecord:
        """Run the tiny pipeline on the photos."""
        self(*command, "default", f"crawl.path={self.photos}", *TINY, *overrides)
        return read_records(self.data)[0]

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        settings = {"FLUKE_DATA": str(self.data), "PREFECT_API_URL": self.api_url, "CUDA_VISIBLE_DEVICES": ""}
        return os.environ | settings | self.environment | more


def digests(record: RunRecord) -> dict[str, str]:
    """Content digest of each stage's artifact."""
    return {stage.artifact.stage: stage.artifact.digest for stage in record.stages}


def built(record: RunRecord) -> list[str]:
    """Stages that were made in this run rather than taken from the store."""
    return [stage.artifact.stage for stage in record.stages if not stage.cached]
