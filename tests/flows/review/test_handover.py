"""How the browser gets the address: the token is in a private file, never in the arguments of a process."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from flows.local_page.handover import Handover
from tests.helpers.review import ReviewFolder

WAIT_S = 60
FAKE_BROWSER = """#!/bin/sh
printf '%s\\n' "$@" > {folder}/arguments.partial
stat -c %a "${{1#file://}}" > {folder}/mode
cp "${{1#file://}}" {folder}/page
mv {folder}/arguments.partial {folder}/arguments
"""


@contextmanager
def reviewing(review_folder: ReviewFolder, browser: str) -> Iterator["subprocess.Popen[str]"]:
    """A review that opens this browser."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "review", "default", f"crawl.path={review_folder.photos}"],
        env=os.environ | {"FLUKE_DATA": str(review_folder.data), "BROWSER": browser, "DISPLAY": ":0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        umask=0o002,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(path: Path) -> str:
    until = time.monotonic() + WAIT_S
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    return path.read_text()


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("open-page-*"))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """The program of a browser that records its arguments and the file that it is given."""
    program = tmp_path / "browser"
    program.write_text(FAKE_BROWSER.format(folder=tmp_path))
    program.chmod(0o755)
    return program


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_browser_gets_the_address_by_a_private_file(
    review_folder: ReviewFolder, recording: Path, tmp_path: Path, ending: signal.Signals
) -> None:
    review_folder.publish([{"photo": 0}])
    with reviewing(review_folder, str(recording)) as process:
        assert process.stdout
        address = re.search(r"http://\S+", process.stdout.readline())
        assert address
        token = address[0].split("/")[3]
        arguments = wait_for(tmp_path / "arguments")
        assert token not in arguments
        assert arguments.startswith("file:///")
        assert (tmp_path / "mode").read_text() == "600\n"
        assert f'url={address[0]}"' in (tmp_path / "page").read_text()
        assert len(files(review_folder.data)) == 1
        if ending is signal.SIGINT:
            urllib.request.urlopen(address[0]).read()  # the page is opened: the file has been used
            assert files(review_folder.data) == []
        process.send_signal(ending)
        out, err = process.communicate(timeout=WAIT_S)
        assert files(review_folder.data) == []
        assert (process.returncode, err, token in out) == (0, "", False)


def test_without_a_page_opened_the_person_is_reminded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    reminded: list[int] = []
    handover = Handover(tmp_path, lambda: reminded.append(1), remind_after_s=0.05)
    handover.open("http://127.0.0.1:1/token/")
    (made,) = files(tmp_path)
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    until = time.monotonic() + WAIT_S
    while not reminded and time.monotonic() < until:
        time.sleep(0.01)
    assert reminded == [1]
    handover.done()
    handover.done()
    assert files(tmp_path) == []


def test_a_browser_that_opened_the_page_needs_no_reminder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    reminded: list[int] = []
    handover = Handover(tmp_path, lambda: reminded.append(1), remind_after_s=0.05)
    handover.open("http://127.0.0.1:1/token/")
    handover.done()
    time.sleep(0.15)
    assert reminded == []


def test_a_full_disk_opens_no_browser_with_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> IO[str]:
        raise OSError(28, "No space left on device")

    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("flows.local_page.handover.os.fdopen", full)
    handover = Handover(tmp_path, lambda: None)
    handover.open("http://127.0.0.1:1/token/")
    handover.done()
    assert (opened, files(tmp_path)) == ([], [])


def test_files_of_killed_servers_are_deleted_and_those_of_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    old, other = tmp_path / "open-page-old.html", tmp_path / "open-page-other.html"
    for path in (old, other):
        path.write_text("")
    os.utime(old, (0, 0))
    handover = Handover(tmp_path, lambda: None)
    handover.open("http://127.0.0.1:1/token/")
    handover.done()
    assert files(tmp_path) == [other]
