"""The whole pipeline on the command line: cached if nothing changed, and correct after every kind of damage."""

import html
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from configs.schema import STAGE_NAMES
from flows.run_records import read_records
from tasks import tables
from tasks.store.store import Store
from tests.helpers.pipeline import TINY, Fluke, built, digests, write_photos

pytestmark = pytest.mark.slow
QUICK = ("crawl", "filter", "preprocess")
"""Stages that are only slow enough to be killed in the middle if they import their libraries themselves."""


def test_second_run_is_all_cached_and_imports_nothing_that_computes(finished: Fluke) -> None:
    first = read_records(finished.data)[-1]
    assert built(first) == list(STAGE_NAMES)
    process = finished.start("run", "default", f"crawl.path={finished.photos}", *TINY, PYTHONPROFILEIMPORTTIME="1")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0
    lines = [*err.splitlines(), *(finished.data / "logs" / "native.log").read_text(encoding="utf-8").splitlines()]
    modules = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    assert "flows.run" in modules
    assert not modules & {"tensorflow", "keras", "sklearn", "matplotlib", "cv2", "pandas", "fastapi"}
    second = read_records(finished.data)[0]
    assert built(second) == []
    assert digests(second) == digests(first)


def test_a_changed_setting_rebuilds_its_stage_and_its_dependents(copy: Fluke) -> None:
    # crawl finds the same photos, so the stages between it and train are cached.
    assert built(copy.run("crawl.timeout_s=9", "train.dropout=0.1")) == ["crawl", "train", "evaluate"]


def test_the_config_in_the_report_reproduces_the_run(copy: Fluke, tmp_path: Path) -> None:
    evaluation = read_records(copy.data)[-1].stages[-1].artifact
    page = tables.evaluate.REPORT.path(Store(copy.data).folder(evaluation)).read_text(encoding="utf-8")
    config = tmp_path / "again.yaml"
    config.write_text(html.unescape(page.partition("<pre>")[2].partition("</pre>")[0]), encoding="utf-8")
    copy("run", str(config))
    assert built(read_records(copy.data)[0]) == []


def test_ten_new_photos_add_ten_rows(copy: Fluke, tmp_path: Path) -> None:
    subprocess.run(["cp", "-a", str(copy.photos), str(tmp_path / "photos")], check=True)
    copy.photos = tmp_path / "photos"
    assert built(copy.run()) == ["crawl"]  # the same photos in another folder
    write_photos(copy.photos, 10, start=60)
    why = copy("why", "crawl", "default", f"crawl.path={copy.photos}", *TINY)
    assert "crawl would be built" in why
    record = copy.run()
    counts = {stage.artifact.stage: stage.counts for stage in record.stages}
    assert counts["crawl"]["photos"] == 70
    assert counts["preprocess"]["new"] == 10
    assert counts["extract"]["new"] == 10
    assert "pretrain" not in built(record)  # fewer than a fifth of the train photos are new
    assert {"train", "evaluate"} <= set(built(record))


def test_a_deleted_artifact_is_rebuilt(copy: Fluke) -> None:
    before = read_records(copy.data)[0]
    store = Store(copy.data)
    subprocess.run(["rm", "-r", str(store.folder(store.manifests("preprocess")[0].artifact))], check=True)
    after = copy.run()
    assert built(after) == ["preprocess"]
    assert digests(after)["train"] == digests(before)["train"]


def test_verify_finds_a_changed_byte_and_rebuilds(copy: Fluke) -> None:
    before = read_records(copy.data)[0]
    for shard in (copy.data / "pools" / "preprocess").rglob("*.npy"):
        array = np.load(shard, mmap_mode="r+")
        array[0, 0, 0] ^= 1
        array.flush()
    after = copy.run("--verify")
    assert built(after) == ["preprocess"]
    assert digests(after) == digests(before)


def test_a_damaged_photo_is_stored_again(copy: Fluke) -> None:
    before = read_records(copy.data)[0]
    photo = next((copy.data / "photos").rglob("*.png"))
    photo.write_bytes(photo.read_bytes()[:-5])
    after = copy.run()
    assert built(after) == ["crawl"]
    assert digests(after) == digests(before)


def test_fresh_rebuilds_only_its_stage_if_the_result_is_the_same(copy: Fluke) -> None:
    assert built(copy.run("--fresh", "filter")) == ["filter"]


def test_after_a_kill_in_every_stage_the_next_run_gives_the_same_result(finished: Fluke, tmp_path: Path) -> None:
    fluke = Fluke(tmp_path / "data", finished.api_url, finished.photos)
    for stage in STAGE_NAMES:
        start = fluke.start if stage in QUICK else fluke.start_warm
        process = start("run", "default", f"crawl.path={fluke.photos}", *TINY)
        artifacts = fluke.data / "artifacts" / stage
        deadline = time.monotonic() + 120
        while not list(artifacts.glob(".partial-*")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    record = fluke.run()
    assert digests(record) == digests(read_records(finished.data)[-1])
    states = [record.state for record in read_records(fluke.data)]
    assert states == ["done", *["running"] * len(STAGE_NAMES)]  # a killed run can't save its end
    assert not list((fluke.data / "artifacts").rglob(".partial-*"))


@pytest.mark.slow
def test_two_simultaneous_runs_give_the_same_result(finished: Fluke, tmp_path: Path) -> None:
    fluke = Fluke(tmp_path / "data", finished.api_url, finished.photos)
    processes = [fluke.start_warm("run", "default", f"crawl.path={fluke.photos}", *TINY) for _ in range(2)]
    for process in processes:
        _, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
    one, two = read_records(fluke.data)
    assert digests(one) == digests(two) == digests(read_records(finished.data)[-1])
    assert sorted(built(one) + built(two)) == sorted(STAGE_NAMES)  # each was made once, by one of them


def test_a_run_continues_after_ctrl_c(finished: Fluke, tmp_path: Path) -> None:
    fluke = Fluke(tmp_path / "data", finished.api_url, finished.photos)
    process = fluke.start("run", "default", f"crawl.path={fluke.photos}", *TINY)
    while not (fluke.data / "artifacts" / "filter").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert read_records(fluke.data)[0].state == "interrupted"
    assert fluke.run(command=("stage", "filter")).state == "done"


def test_ctrl_c_gives_exit_code_130_wherever_it_is_raised(tmp_path: Path) -> None:
    code = (
        "import sys, flows.cli\n"
        "def app():\n"
        "    try: exec('raise KeyboardInterrupt')\n"
        "    except KeyboardInterrupt: sys.exit(130)\n"
        "flows.cli.app = app\n"
        "flows.cli.main()\n"
    )
    (tmp_path / "interrupted.py").write_text(code)
    assert subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, check=False).returncode == 130


def test_a_stage_runs_with_the_stages_before_it(finished: Fluke, tmp_path: Path) -> None:
    fluke = Fluke(tmp_path / "data", finished.api_url, finished.photos)
    record = fluke.run(command=("stage", "preprocess"))
    assert built(record) == ["crawl", "filter", "preprocess"]


def test_without_an_encoder_pretrain_and_extract_have_nothing_to_do(copy: Fluke, blended: Fluke) -> None:
    overrides = [f"crawl.path={copy.photos}", *TINY, "pretrain.encoder=none"]
    printed = copy("stage", "extract", "default", *overrides)
    record = read_records(blended.data)[0]
    assert [stage.artifact.stage for stage in record.stages] == [*STAGE_NAMES]
    assert built(record) == ["pretrain", "extract", "train", "evaluate"]
    for stage in ("pretrain", "extract"):
        assert re.search(rf"^{stage} +built +nothing to do ", printed, re.MULTILINE)
    assert "extract is in the store" in copy("why", "extract", "default", *overrides)


def test_why_names_the_change_and_status_lists_the_runs(finished: Fluke) -> None:
    photos = f"crawl.path={finished.photos}"
    assert "train is in the store" in finished("why", "train", "default", photos, *TINY)
    why = finished("why", "train", "default", photos, *TINY, "train.epochs=3")
    assert "setting train.epochs changed from 2 to 3" in why
    status = finished("status")
    assert "done" in status
    assert "evaluate" in status


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "default"], "crawl.path"),
        (["run", "default", "crawl.path=/nowhere"], "/nowhere"),
        (["run", "default", "train.epoch=3"], "did you mean train.epochs?"),
        (["run", "default", "crawl.sources=foldr"], "did you mean folder?"),
        (["run", "demmo"], "did you mean demo?"),
        (["stage", "trian", "default"], "unknown stage 'trian'"),
        (["why", "train", "default", "crawl.sources=foldr"], "did you mean folder?"),
        (
            ["why", "extract", "default", "train.input=tiles"],
            "train.input: this setting is gone; instead of tiles, set",
        ),
        (
            ["stage", "pretrain", "default", "crawl.path=.", "pretrain.encoder=lite0"],
            "there is no network 'lite0' (did you mean efficientnet_lite0?)",
        ),
    ],
)
def test_user_errors_are_one_line_and_exit_code_2(finished: Fluke, arguments: list[str], says: str) -> None:
    printed = finished(*arguments, code=2).strip().splitlines()
    assert len(printed) == 1
    assert says in printed[0]


def test_a_finished_run_ends_well_in_a_terminal_that_lacks_its_dashes(finished: Fluke) -> None:
    printed = finished("run", "default", f"crawl.path={finished.photos}", *TINY, PYTHONIOENCODING="ascii")
    assert "report: " in printed
    assert "\\u2013" in printed


def test_a_data_folder_that_is_a_file_is_refused(finished: Fluke, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    printed = finished("run", "default", f"crawl.path={finished.photos}", code=2, FLUKE_DATA=str(blocked))
    assert "FLUKE_DATA" in printed


def test_the_command_line_imports_no_heavy_library() -> None:
    code = "import sys, flows.cli; print(sorted({'prefect', 'pandas', 'numpy', 'tensorflow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"
