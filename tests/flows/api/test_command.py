"""`fluke api` as users start it: it answers as `fluke predict` does, and Ctrl-C stops it."""

import json
import re
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.helpers.pipeline import Fluke


def ask(address: str, data: bytes | None = None) -> Any:
    headers = {"Content-Type": "application/octet-stream"} if data else {}
    request = urllib.request.Request(address, data, headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as response:
        return json.load(response)


@pytest.mark.slow
def test_the_api_answers_like_fluke_predict(finished: Fluke, tmp_path: Path) -> None:
    finished("predict", str(finished.photos), "--out", str(tmp_path / "found.parquet"), "--top-k", "1")
    expected = pd.read_parquet(tmp_path / "found.parquet").head(5)
    process = finished.start_warm("api", "--port", "0")
    try:
        found = re.search(r"http://[\d.:]+", process._streams[0].readline())
        assert found
        for _, row in expected.iterrows():
            photo = (finished.photos / row["image"]).read_bytes()
            [top] = ask(f"{found[0]}/predict?top_k=1", photo)["top"]
            assert top == {"class": row["class_1"], "probability": pytest.approx(row["probability_1"], abs=1e-4)}
        explained = ask(f"{found[0]}/explain", photo)
        assert explained["top"][0]["class"] == row["class_1"]
        assert len(explained["nearest"]) == 6
        assert explained["nearest"][0]["cosine"] <= 1
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out.endswith("stopped\n")) == (0, True), out + err
        assert "Traceback" not in err
    finally:
        process.kill()
