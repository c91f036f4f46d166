import time

import pytest

from flows.reminders import reminding


def test_lines_come_until_the_block_ends() -> None:
    said: list[str] = []
    with reminding("still loading the model", said.append, every_s=0.01):
        while len(said) < 2:
            time.sleep(0.01)
    assert all(line.startswith("still loading the model, for ") for line in said)
    count = len(said)
    time.sleep(0.05)
    assert len(said) == count


def test_an_error_ends_them() -> None:
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt), reminding("still loading", said.append, every_s=0.01):
        raise KeyboardInterrupt
    count = len(said)
    time.sleep(0.05)
    assert len(said) == count


def test_a_short_block_says_nothing() -> None:
    said: list[str] = []
    with reminding("still loading", said.append):
        pass
    assert said == []
