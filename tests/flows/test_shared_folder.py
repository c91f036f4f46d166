"""Two users work in one data folder: a team's, or one that only its owner may write to."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.pipeline import TINY, Fluke, write_photos
from tests.helpers.users import ALICE, BOB, TEAM, as_user, fluke, home_of, public_folder, skip_without_users

DECIDE = """
from pathlib import Path
from sys import argv
from tasks.filter.review_log import Decision, ReviewKey, add
add(Path(argv[1]), [Decision(ReviewKey(argv[2], argv[3]), "reject")])
"""
TEAM_UMASK, OWN_UMASK = 0o002, 0o022


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder with photos, and with a folder of the team: setgid, and writable for its group."""
    skip_without_users()
    with public_folder() as folder:
        write_photos(folder / "photos", 60)
        (folder / "team").mkdir()
        os.chown(folder / "team", ALICE, TEAM)
        (folder / "team").chmod(0o2775)
        yield folder


def opened_for(data: Path, bits: int) -> list[str]:
    """Return the files and folders that somebody has one of these rights to."""
    found = [path for path in (data, *data.rglob("*")) if not path.is_relative_to(data / "server")]
    return [str(path.relative_to(data)) for path in found if path.lstat().st_mode & bits]


def private_parts(data: Path, bits: int) -> list[str]:
    """Return the private folders, and the photos and tiles in them, that somebody has one of these rights to."""
    found = [data / "photos", data / "pools", *data.glob("photos/**/*"), *data.glob("pools/preprocess/**/*")]
    assert len(found) > 60
    return [str(path.relative_to(data)) for path in found if path.stat().st_mode & bits]


def closed_to_team(data: Path) -> list[str]:
    """Return what a second user of the group could not change."""
    found = [data, *data.rglob("*")]
    return [
        f"{path.relative_to(data)} {stat.filemode(path.stat().st_mode)}"
        for path in found
        if not path.stat().st_mode & stat.S_IWGRP or path.stat().st_gid != TEAM
    ]


def settings(shared: Path) -> tuple[str, ...]:
    return ("preprocess", "default", f"crawl.path={shared / 'photos'}", *TINY)


@pytest.mark.slow
def test_the_second_user_of_a_team_does_all_that_the_first_does(shared: Path, api_url: str) -> None:
    data, api = shared / "team" / "data", {"PREFECT_API_URL": api_url}
    fluke(ALICE, TEAM_UMASK, data, "stage", *settings(shared), **api)
    assert closed_to_team(data) == []
    assert private_parts(data, 0o007) == []

    again = ("--fresh", "crawl", "--fresh", "filter", "--fresh", "preprocess")
    assert "built" in fluke(BOB, TEAM_UMASK, data, "stage", *settings(shared), *again, **api)
    first = next((data / "photos").glob("*/*"))
    for user in (ALICE, BOB):
        decide = [sys.executable, "-c", DECIDE, str(data), first.stem, f"class-{user}"]
        done = as_user(user, TEAM_UMASK, decide, home_of(user, data))
        assert done.returncode == 0, done.stderr
    fluke(BOB, TEAM_UMASK, data, "forget", first.stem, "--purge", "--yes")
    fluke(ALICE, TEAM_UMASK, data, "forget", "http://host/a.jpg", "--yes")
    fluke(BOB, TEAM_UMASK, data, "prune", "--keep", "1", "--yes")
    fluke(ALICE, TEAM_UMASK, data, "stage", *settings(shared), **api)
    assert closed_to_team(data) == []
    assert (data / "forgotten.csv").read_text().count("\n") == 3


@pytest.mark.slow
def test_who_may_only_read_predicts_and_is_told_what_keeps_a_run_from_writing(finished: Fluke, shared: Path) -> None:
    data = shared / "team" / "data"
    home = home_of(BOB, data)
    subprocess.run(["cp", "-a", str(finished.data), str(data)], check=True)
    subprocess.run(["chown", "-R", f"{ALICE}:{TEAM}", str(data)], check=True)
    assert private_parts(data, 0o077) == []
    assert (data / "runs").stat().st_mode & 0o777 == 0o755

    fluke(BOB, OWN_UMASK, data, "predict", str(shared / "photos"), "--out", str(home / "x.json"))
    assert len(json.loads((home / "x.json").read_text())) == 60
    fluke(BOB, OWN_UMASK, data, "report")
    refused = fluke(BOB, OWN_UMASK, data, "stage", *settings(shared), code=2, PREFECT_API_URL=finished.api_url)
    mode = f"mode {stat.S_IMODE(data.stat().st_mode):04o}"  # with setgid, where `cp` keeps that of the folder above
    for said in (
        f"{data}: permission denied",
        f"belongs to user {ALICE}:",
        mode,
        "chmod g+rwX",
        "umask 002",
    ):
        assert said in refused
    refused = fluke(BOB, OWN_UMASK, data, "forget", "0" * 64, "--yes", code=2)
    assert f"{data / 'pools'} belongs to user {ALICE}:" in refused
    data.chmod(0o2775)  # half of a remedy
    refused = fluke(BOB, TEAM_UMASK, data, "stage", *settings(shared), code=2, PREFECT_API_URL=finished.api_url)
    assert "permission denied" in refused


@pytest.mark.slow
def test_a_private_umask_leaves_nothing_for_others(shared: Path, api_url: str) -> None:
    data = shared / "team" / "data"
    fluke(ALICE, 0o077, data, "stage", *settings(shared), PREFECT_API_URL=api_url)
    assert opened_for(data, 0o077) == []
