"""Presets: each write-up has one, and the commands in their comments are valid."""

import re
import shlex
from pathlib import Path

import pytest

from configs import presets
from configs.load import load
from flows import preflight

WRITE_UPS = {"animals", "carcasses", "cats_dogs", "faces", "whales"}


def test_each_write_up_is_a_preset() -> None:
    assert set(presets.names()) >= WRITE_UPS


def test_each_preset_says_in_a_line_what_it_is_for() -> None:
    purposes = presets.purposes()
    assert list(purposes) == presets.names()
    assert purposes["cats_dogs_writeup"] == "Cats and dogs as in the write-up"
    assert all(10 < len(purpose) < 120 for purpose in purposes.values())


@pytest.mark.parametrize("preset", presets.names())
def test_the_commands_of_a_preset_pass_the_checks_before_a_run(preset: str, tmp_path: Path) -> None:
    text = re.sub(r"\\\n# +", "", (presets.FOLDER / f"{preset}.yaml").read_text(encoding="utf-8"))  # continued lines
    commands = re.findall(rf"^#   fluke run {preset}\b(.*)$", text, re.MULTILINE)
    assert commands
    listed = tmp_path / "classes.txt"
    listed.write_text("one: first, the first\ntwo: second\n")
    for command in commands:
        overrides = shlex.split(command.partition(" --")[0], comments=True)
        preflight.check_names(load(preset, [re.sub(r"\w+\.txt$", str(listed), override) for override in overrides]))
