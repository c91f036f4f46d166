"""Checks before a run, and the locks of the data folder."""

import errno
import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from configs.load import load
from flows import preflight
from tasks.store.errors import UserError


def test_a_data_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    for root in (blocked, blocked / "data"):
        with pytest.raises(UserError, match="FLUKE_DATA"):
            preflight.check_writable(root)
    preflight.check_writable(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize(
    ("override", "says"),
    [("crawl.sources=foldr", "did you mean folder?"), ("train.network=convnt", "did you mean convnet?")],
)
def test_unknown_modules_are_refused_before_anything_runs(override: str, says: str) -> None:
    preflight.check_names(load("default"))
    with pytest.raises(UserError) as error:
        preflight.check_names(load("default", [override]))
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["pretrain.encoder=none", "train.recipe=logistic"], "logistic needs features, and pretrain.encoder is none"),
        (["pretrain.encoder=none", "train.recipe=head"], "head needs a pretrained network"),
        (["pretrain.encoder=autoencoder", "train.recipe=head"], "and pretrain.encoder is autoencoder; set a network"),
        (["pretrain.encoder=autoencoder", "train.recipe=logistic"], None),
        (["pretrain.encoder=none", "train.recipe=network"], None),
        (["train.recipe=head"], None),
    ],
)
def test_a_recipe_that_the_encoder_does_not_allow_is_refused_before_anything_runs(
    overrides: list[str], says: str | None
) -> None:
    if says is None:
        preflight.check_names(load("default", overrides))
        return
    with pytest.raises(UserError, match=says):
        preflight.check_names(load("default", overrides))


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ([], "crawl.path is not given; set it to a path, e.g. crawl.path=photos"),
        (["crawl.sources=csv"], "e.g. crawl.path=labels.csv"),
        (["crawl.path=사친"], "crawl.path: .*사친: no such file or folder .did you mean 사진"),
        (["crawl.path=사진", "crawl.labelled=labls.csv"], "crawl.labelled: .*labls.csv: no such file or folder"),
        (["crawl.sources=csv", "crawl.path=labels.csv", "crawl.images=nowhere"], "crawl.images: .*nowhere: no such"),
        (["crawl.path=사진", "crawl.labelled=labels.csv"], None),
        (["crawl.sources=gallery", "crawl.path=nowhere"], None),  # which doesn't read it
    ],
)
def test_a_missing_path_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], says: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("사진").mkdir()
    Path("labels.csv").touch()
    config = load("default", overrides)
    if says is None:
        preflight.check_given_paths(config)
        return
    with pytest.raises(UserError, match=says):
        preflight.check_given_paths(config)


@pytest.mark.parametrize("path", ["data", "data/photos", "data/artifacts/crawl", "link"])
def test_the_data_folder_is_no_folder_of_photos(tmp_path: Path, path: str) -> None:
    (tmp_path / "data" / "photos").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with pytest.raises(UserError, match="is in fluke's own data folder"):
        preflight.check_photo_folder(load("default", [f"crawl.path={tmp_path / path}"]), tmp_path / "data")


@pytest.mark.parametrize("path", [".", "photos", "data/raw", "data-2"])
def test_photos_above_or_beside_the_data_folder_are_fine(tmp_path: Path, path: str) -> None:
    preflight.check_photo_folder(load("default", [f"crawl.path={tmp_path / path}"]), tmp_path / "data")


def _use(root: Path, ready, release) -> None:
    with preflight.in_use(root):
        ready.set()
        release.wait(30)


def _serve(root: Path, ready, release) -> None:
    with preflight.only_serve(root, "my/preset"):
        ready.set()
        release.wait(30)


def started(target: Callable[..., None], root: Path) -> BaseProcess:
    """Start another process, and wait until it has its lock."""
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    process = context.Process(target=target, args=(root, ready, release))
    process.start()
    assert ready.wait(30)
    return process


def kill(process: BaseProcess) -> None:
    assert process.pid
    os.kill(process.pid, 9)  # the kernel releases its lock
    process.join()


def test_runs_share_the_data_folder_and_deleting_is_refused_meanwhile(tmp_path: Path) -> None:
    process = started(_use, tmp_path)
    with preflight.in_use(tmp_path):
        pass
    with pytest.raises(UserError, match="a run is using this data folder"), preflight.in_use(tmp_path, exclusive=True):
        pass
    kill(process)
    with preflight.in_use(tmp_path, exclusive=True):
        pass


def test_a_preset_is_served_once_and_the_message_names_the_first(tmp_path: Path) -> None:
    process = started(_serve, tmp_path)
    with preflight.only_serve(tmp_path, "other"):
        pass
    refused = rf"my/preset is served already, by process {process.pid} since 2.* UTC; stop that one first"
    with pytest.raises(UserError, match=refused), preflight.only_serve(tmp_path, "my/preset"):
        pass
    kill(process)
    with (
        preflight.only_serve(tmp_path, "my/preset"),
        pytest.raises(UserError, match=f"by process {os.getpid()} since"),
        preflight.only_serve(tmp_path, "my/preset"),
    ):
        pass


def _refuse_writing(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let files be opened for reading only: tests run as root, whom no mode keeps from writing."""
    real = Path.open

    def open_to_read(path: Path, mode: str = "r", *more: object, **options: object) -> object:
        if mode != "rb":
            raise OSError(number, os.strerror(number), str(path))
        return real(path, mode)

    monkeypatch.setattr(Path, "open", open_to_read)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_who_may_only_read_still_locks_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    with preflight.in_use(tmp_path):
        pass
    process = started(_use, tmp_path)
    _refuse_writing(monkeypatch, number)
    with preflight.in_use(tmp_path):
        pass
    with pytest.raises(UserError, match="a run is using"), preflight.in_use(tmp_path, exclusive=True):
        pass
    kill(process)


def test_a_read_only_folder_without_a_lock_file_can_be_read_but_not_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse_writing(monkeypatch, errno.EROFS)
    with preflight.in_use(tmp_path):
        pass
    with pytest.raises(OSError, match="Read-only"), preflight.in_use(tmp_path, exclusive=True):
        pass


def test_a_probe_that_fills_the_disk_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, data: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(UserError, match=f"{tmp_path}: no space left on the disk"):
        preflight.check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []
