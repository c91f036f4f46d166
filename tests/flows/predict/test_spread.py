"""Workers predict parts of the photos, and the table is that of one process."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from configs.schema import PreprocessConfig
from flows.predict.model import Model
from flows.predict.predict import predict
from flows.predict.spread import predict_on
from tasks.inference.calibration import Calibration
from tasks.inference.decision import DecisionRule
from tasks.inference.limits import Limit, Limits
from tasks.store.progress import silent
from tasks.store.work import Threads
from tests.helpers import classifiers
from tests.helpers.pipeline import write_photos


class Elsewhere(Threads):
    """Threads that get what they are asked as another process does: pickled."""

    def map(self, function, items, label):
        return super().map(pickle.loads(pickle.dumps(function)), pickle.loads(pickle.dumps(list(items))), label)


def test_the_table_is_that_of_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_photos(tmp_path / "photos", 9)
    (tmp_path / "photos" / "torn.png").write_bytes(b"torn")
    monkeypatch.chdir(tmp_path)
    listed = [(path.name, path) for path in sorted(Path("photos").rglob("*.png"))]
    classifier, _ = classifiers.saved(tmp_path)
    rule = DecisionRule("network", ("a", "b", "c", "d"), Calibration(1.0), None, 1.0, None)
    limits = Limits(Limit(0.95, 0.3), Limit(0.9, 0.24))
    model = Model("run", classifier, PreprocessConfig(side_px=16), None, rule, None, limits)
    with ThreadPoolExecutor(2) as threads:
        alone = predict(model, listed, top_k=2, threads=threads, progress=silent)
        spread = predict_on(Elsewhere(threads), model, listed, top_k=2, progress=silent, photos_each=4)
    pd.testing.assert_frame_equal(spread, alone, check_exact=True)
    assert (alone["error"] != "").sum() == 1
