"""A page with twelve photos without a class, and an HTTP client for it; the features are made up."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from flows.label.app import build
from flows.label.labels import LabelFiles
from flows.label.photos import Photo, files_of, unlabelled
from flows.label.proposals import Batch, Knowledge
from flows.label.session import LabelSession
from flows.local_page.images import ImageCache
from tasks.store.context import executor
from tasks.store.progress import silent

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette recommends another client, which isn't a dependency
    from starlette.testclient import TestClient

TOKEN, PORT = "secret", 8000
KINDS = ("고양이", "dog")


@dataclass
class LabelPage:
    """A page, and an HTTP client for it."""

    folder: Path
    photos: tuple[Photo, ...]
    session: LabelSession
    client: Any

    @property
    def files(self) -> LabelFiles:
        return LabelFiles(self.folder / "labels.csv")

    def state(self) -> dict[str, Any]:
        response = self.client.get(f"/{TOKEN}/state")
        assert response.status_code == 200, response.text
        return dict(response.json())

    def post(self, what: str, body: Any = None, **headers: str) -> Any:
        ours = {"Origin": f"http://127.0.0.1:{PORT}"} | headers
        return self.client.post(f"/{TOKEN}/{what}", json={} if body is None else body, headers=ours)

    def answer(self, row: dict[str, Any], kind: str = "label", label: str = "") -> Any:
        return self.post("answer", {"photo": row["photo"], "kind": kind, "label": label, "shown": row["answer"]})


def write_photos(folder: Path) -> None:
    """Write six light photos, whose names begin with `고양이`, and six dark ones, with `dog`."""
    folder.mkdir(parents=True)
    for kind, light in zip(KINDS, (150, 0), strict=True):
        for i in range(6):
            pixels = np.random.default_rng((light, i)).integers(light, light + 100, (24, 32, 3), np.uint8)
            (folder / f"{kind} {i}.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def open_label_page(folder: Path, *, looked: bool = True, classes: tuple[str, ...] = ()) -> LabelPage:
    """Open a page for a folder; if `looked`, with features that tell light photos from dark ones."""
    labels = folder / "labels.csv"
    with executor(2) as threads:
        photos = unlabelled(folder, labels, (), threads=threads, progress=silent).photos
    knowledge = Knowledge()
    if looked:
        noise = np.random.default_rng(0).normal(0, 0.1, (len(photos), 4))
        light = [[1.0 if photo.name.startswith("고") else -1.0, 0, 0, 0] for photo in photos]
        knowledge.add(range(len(photos)), Batch(np.asarray(light + noise, np.float32)))
    session = LabelSession(photos, LabelFiles(labels), knowledge, classes)
    images = ImageCache(Path(folder.anchor), files_of(photos))
    client = TestClient(build(folder, session, images, token=TOKEN, port=PORT), base_url=f"http://127.0.0.1:{PORT}")
    return LabelPage(folder, photos, session, client)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_photos(tmp_path / "photos")
    return tmp_path / "photos"


@pytest.fixture
def page(folder: Path) -> LabelPage:
    return open_label_page(folder)


@pytest.fixture(name="open_page")
def _open_page() -> Any:
    return open_label_page
