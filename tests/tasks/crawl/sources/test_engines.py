"""What all search engines have in common, each against a stand-in that answers in its published format."""

import random
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import ChangedError, EngineError, Page, RefusedError, Request
from tasks.crawl.engines.filters import Offer
from tasks.store import plugins
from tasks.store.errors import UserError
from tests.helpers.asking import all_pages, get, once
from tests.helpers.standin import CREDENTIALS, KEYWORDS, StandIn

ENGINES = ("google", "bing", "baidu", "naver", "openverse", "commons", "flickr")
PAGES = {"google": 10, "bing": 29, "baidu": 34, "naver": 10, "openverse": 12, "commons": 40, "flickr": 8}
"""How many pages there are of a query with far too many results."""
AT_ONCE = {"google": 20, "bing": 35, "baidu": 30, "naver": 100, "openverse": 20, "commons": 50, "flickr": 500}
DOCUMENTATION = Path(__file__).parents[4] / "docs/sources.md"
NEEDS = {"naver": "NAVER_API_HUB_CLIENT_ID and NAVER_API_HUB_CLIENT_SECRET", "flickr": "FLICKR_API_KEY"}

every = pytest.mark.parametrize("name", ENGINES)


@every
def test_pages_are_followed_to_the_end_and_photos_come_in_their_order_at_full_size(standin: StandIn, name: str) -> None:
    standin.totals["cat"] = AT_ONCE[name] * 2 + AT_ONCE[name] // 2
    asked = all_pages(standin.engine(name))
    photos = standin.photos("cat", name)
    if name == "commons":  # its second half of a batch comes first, see the stand-in
        assert sorted(hit.url for hit in asked.hits) == sorted(photos)
    else:
        assert [hit.url for hit in asked.hits] == photos
    assert "/thumbnails/" not in "".join(hit.url for hit in asked.hits)
    assert get(Request(asked.hits[0].url)).status == 200


@every
def test_a_query_with_exactly_one_full_page_ends(standin: StandIn, name: str) -> None:
    standin.totals["cat"] = AT_ONCE[name]
    asked = all_pages(standin.engine(name))
    assert len({hit.url for hit in asked.hits}) == AT_ONCE[name]
    assert asked.pages <= 2


@every
def test_paging_ends_at_the_engine_s_limit(standin: StandIn, name: str) -> None:
    standin.totals["cat"] = 6000
    assert all_pages(standin.engine(name), most=41 if name != "commons" else 40).pages == PAGES[name]


@every
@pytest.mark.parametrize("keyword", KEYWORDS)
def test_a_keyword_arrives_as_it_was_given(standin: StandIn, name: str, keyword: str) -> None:
    page = once(standin.engine(name), keyword)
    assert [hit.url for hit in page.hits] == standin.photos(keyword, name)


@every
def test_no_results_is_no_error(standin: StandIn, name: str) -> None:
    page = once(standin.engine(name), "qwzx vbnm")
    assert (list(page.hits), list(page.next)) == ([], [])


@every
def test_too_many_requests_or_a_captcha_is_a_refusal(standin: StandIn, name: str) -> None:
    standin.moods[name] = "limited"
    with pytest.raises(RefusedError) as refused:
        once(standin.engine(name))
    assert str(refused.value)


@every
@pytest.mark.parametrize("mood", ["changed", "gone", "garbage"])
def test_another_format_is_told_from_no_results(standin: StandIn, name: str, mood: str) -> None:
    standin.moods[name] = mood
    with pytest.raises(ChangedError) as changed:
        once(standin.engine(name))
    assert str(changed.value)


@every
@pytest.mark.parametrize("status", [403, 429, 500, 503])
@pytest.mark.parametrize("body", [b"", b"{}", b"<html>Access denied</html>", b'{"detail": {"a": 1}}', b"[" * 100_000])
def test_statuses_of_refusal_count_whatever_the_body(standin: StandIn, name: str, status: int, body: bytes) -> None:
    engine = standin.engine(name)
    request = engine.first("cat", SearchFilters())
    with pytest.raises(RefusedError, match=f"HTTP {status}"):
        engine.read(request, replace(get(request), status=status, body=body))


@every
def test_an_answer_that_was_cut_off_is_never_an_empty_one(standin: StandIn, name: str) -> None:
    engine = standin.engine(name)
    standin.moods[name] = "truncated"
    request = engine.first("cat", SearchFilters())
    answer = get(request)
    if name == "bing":  # HTML has no end: what came is read
        assert 0 < len(engine.read(request, answer).hits) < 5
        answer = replace(answer, body=answer.body[:60])
    with pytest.raises(ChangedError):
        engine.read(request, answer)


def _mutations(body: bytes, times: int) -> list[bytes]:
    """The body with random cuts, bytes flipped, pieces doubled, and values put in the place of others."""
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
    ("name", "mood"), [(name, "usual") for name in ENGINES] + [("google", "html"), ("baidu", "new"), ("site", "usual")]
)
def test_no_bytes_whatever_crash_a_reader(standin: StandIn, name: str, mood: str) -> None:
    standin.moods[name] = mood
    engine = standin.engine(name)
    request = engine.first(f"{standin.url}/site/" if name == "site" else "고양이", SearchFilters())
    answer = get(request)
    assert engine.read(request, answer).hits
    outcomes = set()
    for body in [b"", b"[" * 100_000, b"<" * 5000, *_mutations(answer.body, 120)]:
        try:
            page = engine.read(request, replace(answer, body=body))
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
def test_a_filter_that_an_engine_does_not_have_is_refused_with_what_it_has(standin: StandIn, name: str) -> None:
    engine = standin.engine(name)
    for field in SearchFilters.model_fields:
        with pytest.raises(UserError) as refusal:
            engine.first("cat", SearchFilters(**{field: "mauve"}))
        assert f"crawl.filters.{field}=mauve: {name} doesn't offer that; it offers " in str(refusal.value)
        for value in engine.offer.values(field):
            assert value in str(refusal.value)


@every
def test_every_filter_that_an_engine_offers_changes_the_request(standin: StandIn, name: str) -> None:
    engine = standin.engine(name)
    plain = engine.first("cat", SearchFilters()).url
    urls = {}
    for field in SearchFilters.model_fields:
        for value in engine.offer.values(field):
            page = once(engine, "cat", SearchFilters(**{field: value}))
            assert len(page.hits) == 5  # the stand-in takes it
            urls[field, value] = engine.first("cat", SearchFilters(**{field: value})).url
    same = [what for what, url in urls.items() if url == plain]
    assert same == ([("licence", word) for word in ("open", "commercial", "modify")] if name == "commons" else [])
    assert len(set(urls.values())) >= len(urls) - max(len(same) - 1, 0)


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_credentials_are_asked_for_by_name_and_stay_out_of_the_url(
    standin: StandIn, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = standin.engine(name)
    for request in (engine.first("cat", SearchFilters()), *once(engine).next):
        assert not any(value in request.url for value in CREDENTIALS.values())
    standin.moods[name] = "denied"
    with pytest.raises(UserError, match=f"{name} doesn't accept the credentials in {NEEDS[name]} "):
        once(engine)
    for variable in CREDENTIALS:
        monkeypatch.setenv(variable, " ")
    with pytest.raises(UserError, match=rf"{name} needs {NEEDS[name]} in the environment .from "):
        engine.first("cat", SearchFilters())


@every
def test_a_stand_in_takes_the_engine_s_place(standin: StandIn, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    standin.install(monkeypatch, name)
    hits = once(plugins.load("tasks.crawl.sources", name).ENGINE).hits
    photos = {get(Request(hit.url)).body for hit in hits}
    assert len(photos) == len(hits) == 5


@pytest.mark.parametrize("name", [*ENGINES, "site"])
def test_the_documentation_has_every_filter_with_its_values(name: str) -> None:
    engine = plugins.load("tasks.crawl.sources", name).ENGINE
    values = [
        ", ".join(f"`{value}`" for value in engine.offer.values(field)) or "–" for field in SearchFilters.model_fields
    ]
    assert f"| {name} | {' | '.join(values)} |" in DOCUMENTATION.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*ENGINES, "site"])
def test_engines_say_who_they_are(name: str) -> None:
    engine = plugins.load("tasks.crawl.sources", name).ENGINE
    assert (engine.name, engine.offer.engine) == (name, name)
    assert engine.official == (name in ("naver", "openverse", "commons", "flickr"))
    assert bool(engine.canary) == (name != "site")
    assert isinstance(engine.offer, Offer)
    with pytest.raises(FrozenInstanceError):
        engine.name = "other"
