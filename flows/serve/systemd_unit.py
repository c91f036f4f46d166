"""A systemd user unit that runs `fluke serve` after every start of the machine."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from configs.redact import redact
from tasks.store.atomic import atomic_write
from tasks.store.errors import UserError

_PASSED_ON = ("PREFECT_API_URL", "PREFECT_HOME", "PREFECT_PROFILE", "KERAS_BACKEND")
"""Variables of the present environment that the unit gets, besides FLUKE_DATA and PATH."""
_COMMAND_TIMEOUT_S = 60

_DESCRIPTION = "Description=fluke serve "
"""Begins the line of a unit that has the name that it serves."""
_UNIT = """\
# Written by `fluke service install`; `fluke service remove` deletes it.
[Unit]
{description}{name}
# What is missing now may be there in a minute: a network, a disk, a server.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command}
WorkingDirectory={folder}
{environment}
# Keys and addresses, one NAME=value a line: chmod 600.
EnvironmentFile=-%h/.config/fluke.env
Restart=on-failure
RestartSec=60
# `serve` stops its runs itself; the Prefect server, which other presets may use, stays.
KillMode=process
TimeoutStopSec=90

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True)
class Unit:
    """The unit that serves one preset with one data folder."""

    name: str
    """The name of its file, such as `fluke-whales-1f0c9a.service`."""
    folder: Path

    @property
    def path(self) -> Path:
        """Its file."""
        return self.folder / self.name

    @property
    def start_commands(self) -> list[list[str]]:
        """The commands that start it now, and after every start of the machine."""
        return [
            ["systemctl", "--user", "daemon-reload"],
            ["systemctl", "--user", "enable", self.name],
            ["systemctl", "--user", "restart", self.name],
            ["loginctl", "enable-linger"],  # else it runs only while the user is logged in
        ]

    @property
    def stop_commands(self) -> list[list[str]]:
        """The commands that stop it."""
        return [["systemctl", "--user", "disable", "--now", self.name]]


def unit(model: str, root: Path) -> Unit:
    """Return the unit of a model's name and a data folder; it need not exist."""
    digest = hashlib.sha256(f"{root}\0{model}".encode("utf-8", "backslashreplace")).hexdigest()[:6]
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Unit(f"fluke-{re.sub('[^A-Za-z0-9_.]', '_', model)}-{digest}.service", config / "systemd" / "user")


def installed(root: Path) -> list[str]:
    """Return the names that are served with a data folder by units of `fluke service install`."""
    found = []
    for path in sorted(unit("", root).folder.glob("fluke-*.service")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.removeprefix(_DESCRIPTION).replace("%%", "%") for line in lines if line.startswith(_DESCRIPTION)]
        found += [name for name in names if unit(name, root).path == path]
    return found


def text(model: str, arguments: Sequence[str], root: Path, folder: Path, environment: Mapping[str, str]) -> str:
    """Return the text of a unit.

    Args:
        model: The name that is served.
        arguments: Those of `fluke serve`, with absolute paths.
        root: The data folder.
        folder: The current folder of the service: paths in the preset may be relative to it.
        environment: The present environment.

    Raises:
        UserError: An argument or a variable contains a password, which a unit shows to everybody, or a line break.
    """
    passed_on = {name: environment[name] for name in _PASSED_ON if environment.get(name)}
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    variables = {"FLUKE_DATA": str(root), "PATH": path, **passed_on}
    command = [sys.executable, "-m", "flows.cli", "serve", *arguments]
    for each in (*command, *variables.values(), str(folder)):
        if redact(each) != each:
            raise UserError(
                f"{redact(each)}: a unit is no place for a password; put it into ~/.config/fluke.env (chmod 600) as a "
                "variable, and name it, as in notify=[$NAME]"
            )
        if not each.isprintable():
            raise UserError(f"{each!r}: a unit can't contain line breaks and control characters; rename it")
    return _UNIT.format(
        description=_DESCRIPTION,
        name=_escape(model),
        command=" ".join(_quote(each, command=True) for each in command),
        folder=_escape(str(folder)),
        environment="\n".join(f"Environment={_quote(f'{name}={value}')}" for name, value in variables.items()),
    )


def install(unit: Unit, content: str) -> list[list[str]]:
    """Write a unit and start it; return the commands that are left for the user to run.

    Raises:
        UserError: There is no systemd on this machine.
    """
    if shutil.which("systemctl") is None:
        raise UserError("no systemd on this machine; docs/operations.md has recipes for launchd and cron")
    unit.folder.mkdir(parents=True, exist_ok=True)
    atomic_write(unit.path, content.encode())
    return _run(unit.start_commands)


def remove(unit: Unit) -> list[list[str]]:
    """Stop a unit and delete it; return the commands that are left for the user to run."""
    left = _run(unit.stop_commands)
    unit.path.unlink()
    return [*left, *_run([["systemctl", "--user", "daemon-reload"]])]


def _run(commands: Sequence[list[str]]) -> list[list[str]]:
    """Run commands, and return those that failed; after one that can't reach systemd, none of its others is tried."""
    failed: list[list[str]] = []
    for command in commands:
        if command[0] in {each[0] for each in failed} or not _succeeds(command):
            failed.append(command)
    return failed


def _succeeds(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_COMMAND_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _escape(value: str) -> str:
    return value.replace("%", "%%")


def _quote(value: str, *, command: bool = False) -> str:
    """Quote a word for systemd; in a command, $ would begin a variable."""
    quoted = _escape(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted.replace("$", "$$") if command else quoted}"'
