"""Photos and a crawl's table of them, for tests of the filter."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from configs.schema import FilterConfig
from tasks import tables
from tasks.filter import image_stats, review_log
from tasks.filter.stage import build_kept
from tasks.images import photo_files
from tasks.store.context import StageContext
from tests.helpers import stored_tables


def jpeg(seed: int, size: tuple[int, int] = (96, 96), quality: int = 90) -> bytes:
    """Encode a random photo; the same seed in another size or quality is a near duplicate."""
    rough = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), np.uint8)
    out = BytesIO()
    Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=quality)
    return out.getvalue()


def png(pixels: np.ndarray) -> bytes:
    """Encode pixels `(h, w, 3)`, 0 to 255, without loss."""
    out = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


NOISE = np.random.default_rng(7).integers(0, 256, (96, 96, 3))
FAILING = {
    "too small": (jpeg(70, (60, 30)), "min_side_px"),
    "odd aspect": (jpeg(71, (400, 40)), "min_aspect"),
    "too dark": (png(NOISE / 8), "dark_level"),
    "too light": (png(np.where(NOISE[..., :1] < 8, 200, 245) + np.zeros(3)), "light_level"),
    "uniform": (png(120 + NOISE / 32), "min_contrast"),
    "blurred": (png(np.array(Image.fromarray(NOISE[:4, :4].astype(np.uint8)).resize((300, 300)))), "min_sharpness"),
}
"""For the reason of each check, a photo that fails only this check, and the setting with its threshold."""


def valid_stats() -> np.ndarray:
    """Make statistics of a photo that passes all checks, and whose mirror image resembles no other photo."""
    row = np.zeros((), image_stats.STATS_DTYPE)
    row["width_px"] = row["height_px"] = 96
    row["p99"], row["sharpness"] = 200, 1
    row["mirror"] = np.random.default_rng(0).integers(0, 256, 32)
    return row


class CrawledPhotos:
    """Photos in a data folder, and the crawl's table of them."""

    def __init__(self, root: Path) -> None:
        """Start with an empty table."""
        self.root = root
        self.rows: list[dict[str, object]] = []
        self.notes: list[str] = []

    def add(self, label: str, data: bytes, name: str = "") -> str:
        """Store a photo and append its row; returns its SHA-256."""
        sha256, path = photo_files.put(self.root / "photos", data)
        rank = len(self.rows)
        row = {"photo": sha256, "file": path.relative_to(self.root).as_posix(), "label": label, "rank": rank}
        self.rows.append(row | {"name": name or f"{rank}.jpg"})
        return sha256

    def filter(self, config: FilterConfig | None = None) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
        """Run the filter into a new folder `out0`, `out1` ...; returns the kept rows, the rejected rows, the counts.

        `notes` then has what the filter warned of.
        """
        number = len(list(self.root.glob("out*")))
        crawl, out = self.root / f"crawl{number}", self.root / f"out{number}"
        crawl.mkdir()
        out.mkdir()
        stored_tables.write(tables.crawl.PHOTOS, pd.DataFrame(self.rows), crawl)
        self.notes = []
        context = StageContext(self.root, out, self.root / "pools" / "filter", self.root / "photos", notes=self.notes)
        result = build_kept(config or FilterConfig(), photos=crawl, context=context)
        return tables.filter.KEPT.read(out), tables.filter.REJECTED.read(out), result.counts

    def decide(self, photo: str, label: str, action: review_log.Action, to: str = "") -> None:
        """Log a person's decision."""
        review_log.add(self.root, [review_log.Decision(review_log.ReviewKey(photo, label), action, to)])
