"""What the dashboard gets from the checks."""

import pytest

from flows.dashboard import stages


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that the dashboard gets, and its table, if there is one."""
    texts: list[str] = []
    monkeypatch.setattr(
        stages, "show_findings", lambda lines, table="": texts.extend([*lines, *([table] * bool(table))])
    )
    return texts
