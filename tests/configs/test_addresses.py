"""Addresses of messages hold passwords: they are given in any form, and never shown."""

import json

import pytest

from configs.addresses import SecretAddress
from configs.as_yaml import to_yaml
from configs.errors import ConfigError
from configs.load import as_given, load
from configs.redact import redact
from configs.schema import Config


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("mailtos://anna:pass/w0rd@mail.example.org?to=bob@example.org", "mailtos://***"),
        ("mailtos://anna:passw0rd@mail.example.org:587?to=bob@example.org", "mailtos://mail.example.org:587/***"),
        ("https://hooks.example.org/services/T000/B000/abcdefgh12345", "https://hooks.example.org/***"),
        ("json://localhost:8080/path", "json://localhost:8080/***"),
        ("slack://TokenA12345/TokenB12345/TokenC12345", "slack://***"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544", "tgram://***"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "discord://***"),
        ("$HOOK", "$HOOK"),
        ("${HOOK}", "${HOOK}"),
    ],
)
def test_only_the_kind_and_the_host_of_an_address_are_shown(address: str, shown: str) -> None:
    config = Config.model_validate({"notify": [address]})
    assert config.notify.urls[0].get_secret_value() == address
    for text in (str(config), repr(config), config.model_dump_json(), to_yaml(config)):
        assert shown in text
        assert address.startswith("$") or address not in text
    stored = Config.model_validate(json.loads(config.model_dump_json()))
    assert str(stored.notify.urls[0]) == shown
    assert stored.notify.urls[0].is_hidden != bool(config.notify.urls[0].variable)


def test_an_address_that_was_read_is_hidden_in_every_message() -> None:
    SecretAddress("slack://wKeyOne1234/wKeyTwo5678/x")
    Config.model_validate({"notify": "slack://wKeyOne1234/wKeyTwo5678/x"})
    Config.model_validate({"notify": "mailto://me:pass%20word9@example.org"})
    said = redact("POST https://hooks.slack.com/wKeyTwo5678 (slack://wKeyOne1234/wKeyTwo5678/x): 'pass word9' is wrong")
    assert said == "POST https://hooks.slack.com/*** (slack://***): '***' is wrong"


@pytest.mark.parametrize(
    "given",
    [
        "notify=[json://one.example.org/a, json://two.example.org/b]",
        "notify.urls=[json://one.example.org/a, json://two.example.org/b]",
        "notify={urls: [json://one.example.org/a, json://two.example.org/b]}",
    ],
)
def test_a_list_alone_is_short_for_the_addresses(given: str) -> None:
    config = load("default", [given, "notify.on=[failed]"])
    assert [str(url) for url in config.notify.urls] == ["json://one.example.org/***", "json://two.example.org/***"]
    assert config.notify.on == ("failed",)


def test_a_list_in_a_file_can_be_given_more_settings_on_the_command_line(tmp_path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "animals.yaml"
    file.write_text("notify:\n  - json://one.example.org/a\n")
    config = load(str(file), ["notify.on=promoted"])
    assert (len(config.notify.urls), config.notify.on) == (1, ("promoted",))


@pytest.mark.parametrize(
    "override",
    [
        "notify=[1, hunter2secret]",
        "notify.urls=hunter2secret",
        "notify=[json://a:hunter2secret@b",
        "notify.url=json://hunter2secret",
        "notify.on=[json://hunter2secret",
    ],
)
def test_a_mistake_is_said_without_the_value(override: str) -> None:
    with pytest.raises(ConfigError, match="notify") as refused:
        as_given("default", [override])
    if not override.startswith("notify.on"):
        assert "hunter2secret" not in str(refused.value)
