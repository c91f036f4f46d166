"""Passwords in addresses and in the environment are replaced in every text."""

import io
import traceback

import pytest

from configs.redact import redact, redact_exception, redacting, strip_login


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("http://user:hunter2@host:4200/api", "http://***@host:4200/api"),
        ("see https://user@host/, or not", "see https://***@host/, or not"),
        ("HTTPS://:hunter2@host", "HTTPS://***@host"),
        ("http://user:hunt@er2@host/x", "http://***@host/x"),
        ("http://user:hunt/er2@host/x", "http://***@host/x"),
        ("http://user:hunt#er2@host/x", "http://***@host/x"),
        ("http://user:hunt?er2@host/x", "http://***@host/x"),
        ("postgresql+asyncpg://user:hunter2@host/db", "postgresql+asyncpg://***@host/db"),
        ("a http://u:hunter2@h b https://v:hunter2@i c", "a http://***@h b https://***@i c"),
        ("('http://u:hunter2@h', 3)", "('http://***@h', 3)"),
    ],
)
def test_a_login_in_an_address_is_replaced(text: str, redacted: str) -> None:
    assert redact(text) == redacted
    assert strip_login(text) == redacted.replace("***@", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "somebody@example.org",
        "https://example.org/@user/1",
        "https://example.org:8080/@user",
        "http://[::1]:80/@x",
        "http://host?q=a@b",
        "mailto:a@b",
        "a://b c@d",
        "user@host:path",
    ],
)
def test_other_texts_stay(text: str) -> None:
    assert redact(text) == strip_login(text) == text


@pytest.mark.parametrize(
    ("name", "value", "texts"),
    [
        ("http_proxy", "http://user:hunter2@proxy:3128", ["password hunter2!", "dXNlcjpodW50ZXIy", "'hunter2'"]),
        ("HTTPS_PROXY", "user:hunter2@proxy:3128", ["user:hunter2@proxy", "hunter2"]),
        ("https_proxy", "http://user:hun%2Fter2@proxy", ["hun%2Fter2", "hun/ter2"]),
        ("http_proxy", "http://user:hunt/er2secret@proxy", ["Invalid port: 'hunt'", "er2secret"]),
        ("PREFECT_API_URL", "http://user:hunter2@host/api", ["401 for hunter2"]),
        ("PREFECT_API_KEY", "pnu_0123456789", ["Bearer pnu_0123456789"]),
        ("PREFECT_API_AUTH_STRING", "admin:hunter2", ["admin:hunter2", "hunter2", "Basic YWRtaW46aHVudGVyMg=="]),
        ("PREFECT_SERVER_API_AUTH_STRING", "admin:hunter2", ["hunter2"]),
        ("PREFECT_CLIENT_CUSTOM_HEADERS", '{"X-Token": "hunter2hunter2"}', ["X-Token: hunter2hunter2"]),
        ("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql://u:hunter2@h/d", ["hunter2"]),
    ],
)
def test_passwords_and_keys_of_the_environment_are_replaced_anywhere(
    name: str, value: str, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    for text in texts:
        redacted = redact(text)
        assert "***" in redacted
        assert not any(part in redacted for part in ("hunt", "er2", "aHVudGVy", "0123456789"))


def test_a_short_password_is_not_looked_for_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "admin:pass")
    assert redact("the password passes: pass") == "the password passes: ***"
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "admin:a")
    assert redact("a cat") == "a cat"


def test_the_traceback_of_a_redacted_exception_has_no_password() -> None:
    address = "http://user:" + "hunter" + "2@host"  # the traceback has these lines, too
    try:
        try:
            raise OSError(5, address)
        except OSError as cause:
            raise RuntimeError(f"no answer from {address}") from cause
    except RuntimeError as error:
        redact_exception(error)
        text = "".join(traceback.format_exception(error))
    assert "hunter2" not in text
    assert "no answer from http://***@host" in text
    assert "[Errno 5] http://***@host" in text


def test_a_stream_redacts_what_is_written_to_it() -> None:
    stream = io.StringIO()
    wrapped = redacting(stream)
    print("http://user:hunter2@host", file=wrapped)
    wrapped.writelines(["http://user:hunter2@host\n"])
    assert stream.getvalue() == "http://***@host\n" * 2
    assert wrapped.getvalue() == stream.getvalue()  # type: ignore[attr-defined]
