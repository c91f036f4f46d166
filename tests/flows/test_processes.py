"""Processes: a number, a start and a command, from /proc and from `ps`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import processes
from flows.processes import Process, look_up


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    code = "import time; print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, "a b", ""], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


def test_a_process_is_described(sleeper: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    found = look_up(sleeper.pid)
    assert found
    assert found.command[-2:] == ("a b", "")
    assert found.runs(*found.command[1:])
    assert not found.runs(*found.command[1:-1])
    assert found.folder == tmp_path
    assert found in list(processes.everyone())


def test_another_process_has_another_start(sleeper: "subprocess.Popen[bytes]") -> None:
    first, parent = look_up(sleeper.pid), look_up(os.getppid())
    assert first == look_up(sleeper.pid)
    assert parent is None or parent.started != first.started


def test_an_ended_process_is_none_even_before_its_parent_notices(sleeper: "subprocess.Popen[bytes]") -> None:
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert look_up(sleeper.pid) is None
    sleeper.wait()
    assert look_up(sleeper.pid) is None


@pytest.mark.parametrize("pid", [-1, 0, 1, None, 2**31, 10**30])
def test_a_number_that_may_get_no_signal_is_no_process(pid: int | None) -> None:
    assert look_up(os.getpid() if pid is None else pid) is None


@pytest.mark.skipif(not shutil.which("ps"), reason="needs ps")
def test_without_proc_ps_is_asked(
    sleeper: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    found = look_up(sleeper.pid)
    assert found == look_up(sleeper.pid)
    assert found
    assert found.started.count(" ") == 4
    assert len(found.command) == 1
    assert found.runs("-c", *found.command[0].partition(" -c ")[2].split(" "))
    assert not found.runs("-c", "import")
    assert found.pid in [process.pid for process in processes.everyone()]


@pytest.mark.parametrize(
    ("command", "runs"),
    [
        (("/usr/bin/python3.11", "-m", "x"), True),
        (("python", "-m", "x"), True),
        (("/System/Python.app/Contents/MacOS/Python", "-m", "x"), True),
        (("/usr/bin/vim", "-m", "x"), False),
        (("python", "-m", "x", "y"), False),
        (("python", "-m"), False),
        (("python -m x",), False),
    ],
)
def test_only_an_interpreter_with_exactly_these_arguments_runs_them(command: tuple[str, ...], runs: bool) -> None:
    assert Process(9, "", command).runs("-m", "x") is runs
