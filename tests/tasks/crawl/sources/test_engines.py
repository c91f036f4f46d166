"""Tests of all search engines against a local server that responds in each engine's published format."""

import random
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import BlockedError, EngineError, FormatChangedError, Page, Request
from tasks.crawl.engines.filters import SupportedFilters
from tasks.store import plugins
from tasks.store.errors import UserError
from tests.helpers.engine_client import all_pages, first_page, get
from tests.helpers.fake_search import CREDENTIALS, KEYWORDS, FakeSearch

ENGINES = ("google", "bing", "baidu", "naver", "openverse", "commons", "flickr")
PAGES = {"google": 10, "bing": 29, "baidu": 34, "naver": 10, "openverse": 12, "commons": 40, "flickr": 8}
"""Pages of a query with more results than the engine returns."""
PAGE_SIZES = {"google": 10, "bing": 35, "baidu": 30, "naver": 100, "openverse": 20, "commons": 50, "flickr": 500}
DOCUMENTATION = Path(__file__).parents[4] / "docs/sources.md"
CREDENTIAL_NAMES = {
    "naver": "NAVER_API_HUB_CLIENT_ID and NAVER_API_HUB_CLIENT_SECRET",
    "flickr": "FLICKR_API_KEY",
    "google": "GOOGLE_API_KEY and GOOGLE_CSE_ID",
}

every = pytest.mark.parametrize("name", ENGINES)


@every
def test_pages_are_followed_to_the_end_in_order(fake_search: FakeSearch, name: str) -> None:
    fake_search.photo_counts["cat"] = PAGE_SIZES[name] * 2 + PAGE_SIZES[name] // 2
    result = all_pages(fake_search.engine(name))
    photos = fake_search.photos("cat", name)
    if name == "commons":  # the second half of a batch comes first, see fake_engines
        assert sorted(hit.url for hit in result.hits) == sorted(photos)
    else:
        assert [hit.url for hit in result.hits] == photos
    assert "/thumbnails/" not in "".join(hit.url for hit in result.hits)
    assert get(Request(result.hits[0].url)).status == 200


@every
def test_a_query_with_exactly_one_full_page_ends(fake_search: FakeSearch, name: str) -> None:
    fake_search.photo_counts["cat"] = PAGE_SIZES[name]
    result = all_pages(fake_search.engine(name))
    assert len({hit.url for hit in result.hits}) == PAGE_SIZES[name]
    assert result.pages <= 2


@every
def test_paging_ends_at_the_engine_s_limit(fake_search: FakeSearch, name: str) -> None:
    fake_search.photo_counts["cat"] = 6000
    assert all_pages(fake_search.engine(name), max_pages=41 if name != "commons" else 40).pages == PAGES[name]


@every
@pytest.mark.parametrize("keyword", KEYWORDS)
def test_a_keyword_is_sent_unchanged(fake_search: FakeSearch, name: str, keyword: str) -> None:
    page = first_page(fake_search.engine(name), keyword)
    assert [hit.url for hit in page.hits] == fake_search.photos(keyword, name)


@every
def test_a_hit_has_the_size_that_the_engine_states(fake_search: FakeSearch, name: str) -> None:
    expected = (6400, 4800) if name == "flickr" else (64, 48)
    assert {hit.size_px for hit in first_page(fake_search.engine(name)).hits} == {expected}


@every
def test_no_results_are_not_an_error(fake_search: FakeSearch, name: str) -> None:
    page = first_page(fake_search.engine(name), "qwzx vbnm")
    assert (list(page.hits), list(page.next)) == ([], [])


@every
def test_too_many_requests_or_a_captcha_mean_blocked(fake_search: FakeSearch, name: str) -> None:
    fake_search.modes[name] = "limited"
    with pytest.raises(BlockedError) as refused:
        first_page(fake_search.engine(name))
    assert str(refused.value)


@every
@pytest.mark.parametrize("mode", ["changed", "gone", "garbage"])
def test_a_changed_format_is_not_taken_for_no_results(fake_search: FakeSearch, name: str, mode: str) -> None:
    fake_search.modes[name] = mode
    with pytest.raises(FormatChangedError) as changed:
        first_page(fake_search.engine(name))
    assert str(changed.value)


@every
@pytest.mark.parametrize("status", [403, 429, 500, 503])
@pytest.mark.parametrize("body", [b"", b"{}", b"<html>Access denied</html>", b'{"detail": {"a": 1}}', b"[" * 100_000])
def test_some_statuses_mean_blocked_whatever_the_body(
    fake_search: FakeSearch, name: str, status: int, body: bytes
) -> None:
    engine = fake_search.engine(name)
    request = engine.build_request("cat", SearchFilters())
    with pytest.raises(BlockedError, match=f"HTTP {status}"):
        engine.parse(request, replace(get(request), status=status, body=body))


@every
def test_a_truncated_response_is_not_taken_for_no_results(fake_search: FakeSearch, name: str) -> None:
    engine = fake_search.engine(name)
    fake_search.modes[name] = "truncated"
    request = engine.build_request("cat", SearchFilters())
    response = get(request)
    if name == "bing":  # truncated HTML is still parsed
        assert 0 < len(engine.parse(request, response).hits) < 5
        response = replace(response, body=response.body[:60])
    with pytest.raises(FormatChangedError):
        engine.parse(request, response)


def _mutations(body: bytes, times: int) -> list[bytes]:
    """The body with random truncations, changed bytes, repeated pieces, and replaced values."""
    dice = random.Random(7)
    values = [
        b"null",
        b"{}",
        b"[]",
        b'""',
        b"0",
        b"-1",
        b"1e999",
        b'"\\ud800"',
        b"true",
        b'"http://[::1"',
        b"\x00",
        b"\xff\xfe",
    ]
    found = []
    for _ in range(times):
        mutant = bytearray(body)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(mutant) or 1)
            kind = dice.randrange(5)
            if kind == 0:
                del mutant[at:]
            elif kind == 1:
                mutant[at : at + 1] = bytes([dice.randrange(256)])
            elif kind == 2:
                mutant[at:at] = mutant[at : at + dice.randrange(200)]
            elif kind == 3:
                del mutant[at : at + dice.randrange(200)]
            else:  # a whole value
                start = mutant.find(b":", at) + 1
                end = min((e for e in (mutant.find(b",", start), mutant.find(b"}", start)) if e > 0), default=start)
                mutant[start:end] = dice.choice(values)
        found.append(bytes(mutant))
    return found


@pytest.mark.parametrize(
    ("name", "mode"), [(name, "usual") for name in ENGINES] + [("baidu", "new"), ("site", "usual")]
)
def test_random_bytes_do_not_crash_a_parser(fake_search: FakeSearch, name: str, mode: str) -> None:
    fake_search.modes[name] = mode
    engine = fake_search.engine(name)
    request = engine.build_request(f"{fake_search.url}/site/" if name == "site" else "고양이", SearchFilters())
    response = get(request)
    assert engine.parse(request, response).hits
    outcomes = set()
    for body in [b"", b"[" * 100_000, b"<" * 5000, *_mutations(response.body, 120)]:
        try:
            page = engine.parse(request, replace(response, body=body))
        except (EngineError, UserError) as error:
            outcomes.add(type(error))
        else:
            outcomes.add(Page)
            for hit in page.hits:
                assert hit.url.encode().startswith(b"http")
                assert f"{hit.author}{hit.page}{hit.licence}".encode()
    assert Page in outcomes
    assert len(outcomes) > 1 or name == "site"


@every
def test_an_unsupported_filter_is_an_error_that_lists_the_supported_ones(fake_search: FakeSearch, name: str) -> None:
    engine = fake_search.engine(name)
    for field in SearchFilters.model_fields:
        with pytest.raises(UserError) as refusal:
            engine.build_request("cat", SearchFilters(**{field: "mauve"}))
        assert f"crawl.filters.{field}=mauve: {name} doesn't support it; it supports " in str(refusal.value)
        for value in engine.supported_filters.examples(field):
            assert value in str(refusal.value)


@every
def test_each_supported_filter_changes_the_request(fake_search: FakeSearch, name: str) -> None:
    engine = fake_search.engine(name)
    plain = engine.build_request("cat", SearchFilters()).url
    urls = {}
    for field in SearchFilters.model_fields:
        for value in engine.supported_filters.examples(field):
            page = first_page(engine, "cat", SearchFilters(**{field: value}))
            assert len(page.hits) == 5  # the local server accepts it
            urls[field, value] = engine.build_request("cat", SearchFilters(**{field: value})).url
    same = [what for what, url in urls.items() if url == plain]
    assert same == ([("licence", word) for word in ("open", "commercial", "modify")] if name == "commons" else [])
    assert len(set(urls.values())) >= len(urls) - max(len(same) - 1, 0)


@pytest.mark.parametrize("name", sorted(CREDENTIAL_NAMES))
def test_missing_credentials_are_named_and_never_in_the_url(
    fake_search: FakeSearch, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = fake_search.engine(name)
    for request in (engine.build_request("cat", SearchFilters()), *first_page(engine).next):
        assert not any(value in request.url for value in CREDENTIALS.values())
    fake_search.modes[name] = "denied"
    with pytest.raises(UserError, match=f"{name} rejects the credentials in {CREDENTIAL_NAMES[name]} "):
        first_page(engine)
    for variable in CREDENTIALS:
        monkeypatch.setenv(variable, " ")
    with pytest.raises(UserError, match=rf"{name} needs {CREDENTIAL_NAMES[name]} in the environment .from "):
        engine.build_request("cat", SearchFilters())


@every
def test_a_local_engine_replaces_the_real_one(
    fake_search: FakeSearch, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_search.install(monkeypatch, name)
    hits = first_page(plugins.load("tasks.crawl.sources", name).ENGINE).hits
    photos = {get(Request(hit.url)).body for hit in hits}
    assert len(photos) == len(hits) == 5


@pytest.mark.parametrize("name", [*ENGINES, "site"])
def test_the_documentation_lists_each_filter_with_its_values(name: str) -> None:
    engine = plugins.load("tasks.crawl.sources", name).ENGINE
    values = [
        ", ".join(f"`{value}`" for value in engine.supported_filters.examples(field)) or "–"
        for field in SearchFilters.model_fields
    ]
    assert f"| {name} | {' | '.join(values)} |" in DOCUMENTATION.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*ENGINES, "site"])
def test_engines_have_their_names_and_kinds(name: str) -> None:
    engine = plugins.load("tasks.crawl.sources", name).ENGINE
    assert (engine.name, engine.supported_filters.engine) == (name, name)
    assert engine.is_api == (name in ("google", "naver", "openverse", "commons", "flickr"))
    assert bool(engine.canary) == (name != "site")
    assert isinstance(engine.supported_filters, SupportedFilters)
    with pytest.raises(FrozenInstanceError):
        engine.name = "other"
