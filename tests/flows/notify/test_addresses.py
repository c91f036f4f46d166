"""Addresses of messages: what can't work is refused before a run, and no run's parameters show them."""

import pytest

from configs.schema import Config
from flows.notify import addresses
from tasks.store.errors import UserError


@pytest.fixture(autouse=True)
def no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let monkeypatch remove what a test sets."""
    monkeypatch.setenv(addresses.ADDRESSES, "")


def _config(*urls: str) -> Config:
    return Config.model_validate({"notify": {"urls": urls}})


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nosuchkind://hunter2secret", r"apprise can't send to nosuchkind://\*\*\*"),
        ("json://example.org/***", "is what is shown of an address"),
    ],
)
def test_an_address_that_can_not_work_is_refused_before_a_run(url: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        addresses.prepare(_config(url))


def test_a_variable_that_nobody_has_set_is_refused_before_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.credentials.secret", lambda _: "")
    with pytest.raises(UserError, match=r"\$NO_SUCH_HOOK is not set.*'no-such-hook'"):
        addresses.prepare(_config("$NO_SUCH_HOOK"))


def test_a_run_that_prefect_starts_finds_the_addresses_that_its_parameters_hide() -> None:
    given = _config("slack://TokenA12345/TokenB12345/TokenC12345", "slack://TokenD12345/TokenE12345/TokenF12345")
    addresses.prepare(given)
    stored = Config.model_validate(given.model_dump(mode="json"))
    assert "Token" not in stored.model_dump_json()
    assert addresses.revealed(stored.notify.urls) == list(given.notify.urls)
