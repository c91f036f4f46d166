"""Whole crawls with each engine on a local server: good and bad responses are reported to the user."""

from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pandas as pd
import pytest

from configs.schema import CrawlConfig, SearchFilters
from tasks import tables
from tasks.crawl import stage as crawl
from tasks.crawl.http.host_limits import HOST_LIMITS, HostLimit
from tasks.store.context import StageContext
from tasks.store.errors import TransientError, UserError
from tasks.store.manifest import Result
from tests.helpers.fake_search import CREDENTIALS, OPENVERSE_CREDENTIALS, Reply

pytestmark = pytest.mark.slow  # whole crawls

API = ("google", "naver", "openverse", "commons", "flickr")
PAGES = ("bing", "baidu")
KEYWORDS = {"cat": ["cat & dog", "고양이"], "whale": ["flying 🐳 whale"]}


class Home:
    """Crawls into a folder, with engines on the local server."""

    def __init__(self, root: Path, fake_search: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.fake_search = root, fake_search
        self._monkeypatch = monkeypatch

    def crawl(self, *engines: str, **settings: Any) -> Result:
        self.fake_search.install(self._monkeypatch, *engines)
        config = CrawlConfig(
            **{
                "sources": engines,
                "keywords": KEYWORDS,
                "private_hosts": [urlsplit(self.fake_search.url).netloc],
                "requests_per_s": 10000,
                "retries": 0,
            }
            | settings
        )
        out = self.root / "out"
        out.mkdir(exist_ok=True)
        return crawl.build_photos(
            config, context=StageContext(self.root, out, self.root / "pools", self.root / "photos")
        )

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.root / "out" / f"{name}.parquet")


@pytest.fixture
def home(tmp_path: Path, fake_search: Any, monkeypatch: pytest.MonkeyPatch) -> Home:
    for keyword in ("cat & dog", "고양이", "flying 🐳 whale"):
        fake_search.photo_counts[keyword] = 7
    monkeypatch.setattr("tasks.crawl.http.rate_limit.LONGEST_PAUSE_S", 0.05)  # all engines are at one host here
    return Home(tmp_path, fake_search, monkeypatch)


@pytest.mark.parametrize("name", [*API, *PAGES])
def test_all_photos_of_all_keywords_are_stored_with_their_origin(home: Home, name: str) -> None:
    result = home.crawl(name)
    photos, searches = home.table("photos"), home.table("searches")
    assert result.counts["photos"] == len(photos) == searches["found"].sum() > 7
    assert set(photos["keyword"]) == {"cat & dog", "고양이", "flying 🐳 whale"}
    assert set(photos["engine"]) == {name}
    assert photos[["width_px", "height_px", "bytes", "status", "url"]].notna().all(axis=None)
    assert searches["trouble"].isna().all()
    if name in ("openverse", "commons", "flickr"):
        assert photos[["licence", "page"]].notna().all(axis=None)
        assert photos["author"].notna().any()
    assert not any("secret" in text for text in tables.shared.SUMMARY.path(home.root / "out").read_text().split())


@pytest.mark.parametrize("name", [*API, *PAGES])
@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("limited", ""),
        ("failing", "HTTP 500"),
        ("gone", "parser is broken"),
        ("changed", "parser is broken"),
        ("garbage", "parser is broken"),
    ],
)
def test_bad_responses_are_reported_and_the_next_engine_is_used(home: Home, name: str, mode: str, reason: str) -> None:
    home.fake_search.modes[name] = mode
    other = "commons" if name != "commons" else "openverse"
    home.crawl(name, other, per_class=5)
    assert set(home.table("photos")["engine"]) == {other}
    trouble = home.table("searches").set_index("engine")["trouble"][name]
    assert trouble.notna().all()
    assert trouble.str.contains(reason).all()
    if reason == "parser is broken":
        assert list((home.root / "pools" / "answers").glob(f"{name}.*"))
    with pytest.raises(UserError, match=rf"no photos found .*min_yield.*{name}: .*{reason}"):
        home.crawl(name)


@pytest.mark.parametrize("name", ["google", "naver", "flickr"])
def test_wrong_or_missing_credentials_end_the_crawl_with_a_remedy(
    home: Home, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.fake_search.modes[name] = "denied"
    with pytest.raises(UserError, match=name.upper()):
        home.crawl("commons", name)
    for variable in ("NAVER_API_HUB_CLIENT_ID", "NAVER_CLIENT_ID", "FLICKR_API_KEY", "GOOGLE_CSE_ID"):
        monkeypatch.delenv(variable)
    requests = len(home.fake_search.requests)
    with pytest.raises(UserError, match=name.upper()):
        home.crawl("commons", name)
    assert len(home.fake_search.requests) == requests  # not even to the first engine


def test_a_keyword_without_photos_is_not_an_error(home: Home) -> None:
    home.crawl("commons", keywords={**KEYWORDS, "yeti": ["no such thing"]})
    assert home.table("searches")["trouble"].isna().all()
    assert "no photos were found for 'no such thing'" in tables.shared.SUMMARY.path(home.root / "out").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_result_pages_are_not_requested_if_robots_txt_forbids_them(home: Home, name: str) -> None:
    home.fake_search.robots = "User-agent: *\nDisallow: /bing\nDisallow: /baidu\n"
    with pytest.raises(UserError, match=r"robots\.txt"):
        home.crawl(name)
    assert not [request for request in home.fake_search.requests if request.engine == name]
    assert home.crawl(name, robots="photos").counts["photos"] > 7


def test_a_site_is_crawled_from_page_to_page(home: Home) -> None:
    pages = {"cat": [f"{home.fake_search.url}/site/"], "whale": [f"{home.fake_search.url}/site/"]}
    result = home.crawl("site", keywords=pages)
    assert result.counts["photos"] > 3
    assert (home.table("searches")["pages"] > 1).all()


def test_other_sources_than_engines_cannot_be_combined(home: Home) -> None:
    with pytest.raises(UserError, match=r"crawl\.sources: site can't be combined with others"):
        home.crawl("commons", "site")


def _searches(home: Home, engine: str, path: str) -> list[Any]:
    return [request for request in home.fake_search.requests if (request.engine, request.path) == (engine, path)]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OPENVERSE_CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("registered")
def test_a_registered_client_of_openverse_logs_in_once_and_gets_larger_pages(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    home.fake_search.photo_counts["cat & dog"] = 100
    home.crawl("openverse")
    assert len(_searches(home, "openverse", "/v1/auth_tokens/token/")) == 1
    pages = _searches(home, "openverse", "/v1/images/")
    assert len(pages) == 3 + 1 + 1
    assert {page.parameters["page_size"] for page in pages} == {"48"}
    assert len({page.headers["authorization"] for page in pages}) == 1
    token = pages[0].headers["authorization"].removeprefix("Bearer ")
    written = b"".join(path.read_bytes() for path in home.root.rglob("*") if path.is_file())
    for secret in (token, *OPENVERSE_CREDENTIALS.values()):
        assert secret.encode() not in written
        assert secret not in caplog.text


@pytest.mark.usefixtures("registered")
def test_an_expired_token_is_renewed(home: Home) -> None:
    respond, expired = home.fake_search.respond, []

    def forget_the_first_token(request: Any) -> Any:
        reply = respond(request)
        if request.form and not expired:
            expired.extend(home.fake_search.valid_tokens)
            home.fake_search.valid_tokens.clear()
        return reply

    home.fake_search.respond = forget_the_first_token
    assert home.crawl("openverse", threads=1).counts["photos"] > 7
    assert len(_searches(home, "openverse", "/v1/auth_tokens/token/")) == 2


def test_the_wrong_secret_or_half_of_the_credentials_end_the_crawl(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENVERSE_CLIENT_ID", "openverse-id")
    with pytest.raises(UserError, match="openverse needs OPENVERSE_CLIENT_ID and OPENVERSE_CLIENT_SECRET"):
        home.crawl("openverse")
    monkeypatch.setenv("OPENVERSE_CLIENT_SECRET", "mistyped")
    with pytest.raises(UserError, match="openverse rejects the credentials in OPENVERSE_CLIENT_ID") as error:
        home.crawl("openverse")
    assert "mistyped" not in str(error.value)


@pytest.mark.parametrize(("name", "reason"), [("google", "continue tomorrow"), ("openverse", "retry after 3559 s")])
def test_an_engine_whose_quota_is_used_up_is_asked_once_and_the_crawl_is_not_retried(
    home: Home, name: str, reason: str
) -> None:
    home.fake_search.modes[name] = "limited"
    with pytest.raises(UserError, match=reason) as error:
        home.crawl(name, retries=2, connections_per_host=1)
    assert not isinstance(error.value, TransientError)
    queries = {request.query.partition("&start")[0] for request in home.fake_search.requests}
    assert len(queries) == 1
    home.crawl(name, "commons")
    assert home.table("searches").set_index("engine")["trouble"][name].str.contains(reason).all()


def test_a_lagged_wiki_is_asked_again_after_the_pause(home: Home) -> None:
    respond, asked = home.fake_search.respond, []

    def lag_at_first(request: Any) -> Any:
        asked.append(request)
        home.fake_search.modes["commons"] = "lagged" if len(asked) < 3 else "usual"
        return respond(request)

    home.fake_search.respond = lag_at_first
    assert home.crawl("commons", retries=2, connections_per_host=1).counts["photos"] > 7
    assert {request.parameters["maxlag"] for request in asked if request.engine == "commons"} == {"5"}
    home.fake_search.respond = respond
    home.fake_search.modes["commons"] = "lagged"
    with pytest.raises(UserError, match="maxlag: Waiting for"):
        home.crawl("commons", retries=1)


def test_photos_that_the_filter_would_reject_are_not_downloaded(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UserError, match="21 too small"):
        home.crawl("commons", min_side_px=49)
    assert not [request for request in home.fake_search.requests if request.engine == "photos"]
    with pytest.raises(UserError, match="21 too narrow"):
        home.crawl("commons", min_aspect=0.9)
    result = home.crawl("commons", "flickr", min_side_px=49, min_yield=0)
    assert set(home.table("photos")["engine"]) == {"flickr"}
    assert result.counts["dropped (too small)"] == 21
    assert set(home.table("dropped")["reason"]) == {"too small"}
    assert "21 x too small: not downloaded, because the engine says so; the limit is crawl.min_side_px" in caplog.text


def test_a_refusal_without_a_contact_is_explained(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    respond = home.fake_search.respond

    def refuse_photos(request: Any) -> Any:
        return Reply(b"Please set a user-agent", 403) if request.path.endswith("-0.jpg") else respond(request)

    home.fake_search.respond = refuse_photos
    home.crawl("commons")
    assert "3 x HTTP 403: some operators, such as Wikimedia," in caplog.text
    assert "set crawl.contact to" in caplog.text
    caplog.clear()
    home.crawl("commons", contact="me@example.org")
    assert "HTTP 403" not in caplog.text


def test_a_host_s_own_limit_is_kept_and_the_unused_settings_are_said(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    host = urlsplit(home.fake_search.url).netloc
    monkeypatch.setitem(cast(dict[str, HostLimit], HOST_LIMITS), host, HostLimit(500, 1, "its policy"))
    home.crawl("commons", requests_per_s=600, connections_per_host=2)
    assert (
        f"{host} was asked at most 500 times per second, 1 at a time, as its operator requests (its policy); not used "
        "for it: crawl.requests_per_s=600, crawl.connections_per_host=2"
    ) in caplog.text
    caplog.clear()
    home.crawl("commons", requests_per_s=10, connections_per_host=4)  # the defaults
    assert "was asked at most" not in caplog.text


@pytest.mark.parametrize("name", ["google", "naver", "flickr"])
@pytest.mark.parametrize("mode", ["usual", "changed", "failing", "limited", "denied"])
def test_no_file_message_or_log_contains_a_key(
    home: Home, name: str, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    home.fake_search.modes[name] = mode
    caplog.set_level("DEBUG")
    message = ""
    try:
        home.crawl(name)
    except UserError as error:
        message = str(error)
    request = home.fake_search.engine(name).build_request("cat", SearchFilters())
    written = b"".join(path.read_bytes() for path in home.root.rglob("*") if path.is_file())
    keys = {value for variable, value in CREDENTIALS.items() if variable != "GOOGLE_CSE_ID"}  # this ID isn't secret
    for key in keys:
        assert key.encode() not in written
        assert key not in f"{message} {request}"
        assert key not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("fluke"))
