"""`crawl.min_yield`: a crawl that finds too few photos fails."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.store.errors import TransientError, UserError
from tests.helpers.scripted_engine import CATS_AND_DOGS, ScriptedEngine, photo, run_crawl


def test_a_crawl_that_finds_nothing_fails_although_older_photos_are_stored(
    engine: ScriptedEngine, tmp_path: Path
) -> None:
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    run_crawl(engine, tmp_path)
    for keyword in ("cat", "dog"):
        engine.site.on(f"/test/{keyword}/0", engine.site.status(403))
    with pytest.raises(UserError, match="no photos found"):
        run_crawl(engine, tmp_path, min_yield=0.1)


def test_too_few_working_links_fail_the_crawl(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(8)])
    engine.show("dog", ["/dog0.jpg", "/dog1.jpg"])
    for n in range(8):
        engine.site.on(f"/cat{n}.jpg", engine.site.status(404))
    with pytest.raises(UserError, match=r"only 2 of 10 wanted photos found .*min_yield requires 50.%.*8 HTTP 404"):
        run_crawl(engine, tmp_path, min_yield=0.5)


@pytest.mark.parametrize("per_class", [None, 10])
def test_one_placeholder_at_all_urls_fails_the_crawl(
    engine: ScriptedEngine, tmp_path: Path, per_class: int | None
) -> None:
    for keyword in CATS_AND_DOGS:
        engine.show(keyword, [f"/{keyword}{n}.jpg" for n in range(10)])
        for n in range(10):
            engine.site.on(f"/{keyword}{n}.jpg", photo("not available"))
    with pytest.raises(UserError, match=r"only 2 of 20 wanted photos .*18 URLs show the same photo as another URL"):
        run_crawl(engine, tmp_path, min_yield=0.2, per_class=per_class)


def test_new_urls_of_the_same_photos_count_as_found(engine: ScriptedEngine, tmp_path: Path) -> None:
    for signature in "ab":
        for keyword in CATS_AND_DOGS:
            engine.show(keyword, [f"/{keyword}{n}.jpg?signed={signature}" for n in range(5)])
            for n in range(5):
                engine.site.on(f"/{keyword}{n}.jpg?signed={signature}", photo(f"{keyword}{n}"))
        assert len(run_crawl(engine, tmp_path, min_yield=1).rows) == 10


def test_one_incomplete_class_does_not_fail_a_crawl_whose_other_classes_are_full(
    engine: ScriptedEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for label in ("cat", "dog", "cow"):
        engine.show(label, [f"/{label}{n}.jpg" for n in range(3)])
    keywords = {label: [label] for label in ("cat", "dog", "cow")}
    run_crawl(engine, tmp_path, keywords, per_class=3)
    engine.show("owl", ["/owl.jpg"])
    engine.site.on("/test/owl/0", engine.site.status(403))
    assert len(run_crawl(engine, tmp_path, keywords | {"owl": ["owl"]}, per_class=3, min_yield=0.5).rows) == 9
    assert "test: it wants a captcha ('owl')" in caplog.text


@pytest.mark.parametrize("path", ["/test/{label}/0", "/{label}.jpg"])
@pytest.mark.parametrize("failure", [(503, TransientError), (404, UserError)])
@pytest.mark.parametrize("min_yield", [0, 0.5])
def test_photos_missing_because_a_server_failed_are_a_transient_error(
    engine: ScriptedEngine, tmp_path: Path, path: str, failure: tuple[int, type[UserError]], min_yield: float
) -> None:
    status, kind = failure
    for label in CATS_AND_DOGS:
        engine.show(label, [f"/{label}.jpg"])
        engine.site.on(path.format(label=label), engine.site.status(status))
    with pytest.raises(UserError) as error:
        run_crawl(engine, tmp_path, min_yield=min_yield)
    assert type(error.value) is kind


def test_photos_missing_because_the_network_is_down_are_a_transient_error(
    engine: ScriptedEngine, tmp_path: Path
) -> None:
    engine.site = SimpleNamespace(url="http://127.0.0.1:9")  # nothing listens there
    keywords = {label: [f"{label} {n}" for n in range(3)] for label in CATS_AND_DOGS}  # the last ones are skipped
    with pytest.raises(TransientError, match="no connection"):
        run_crawl(engine, tmp_path, keywords, min_yield=0.5)


def test_a_few_unreachable_photos_are_no_transient_error(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(8)])
    engine.show("dog", ["/dog0.jpg", "/dog1.jpg"])
    for n in range(7):
        engine.site.on(f"/cat{n}.jpg", engine.site.status(404))
    engine.site.on("/cat7.jpg", engine.site.status(503))
    with pytest.raises(UserError) as error:
        run_crawl(engine, tmp_path, min_yield=0.5)
    assert not isinstance(error.value, TransientError)


def test_a_crawl_that_is_out_of_time_is_no_transient_error(engine: ScriptedEngine, tmp_path: Path) -> None:
    for label in CATS_AND_DOGS:
        engine.show(label, [f"/{label}.jpg"])
    with pytest.raises(UserError) as error:
        run_crawl(engine, tmp_path, min_yield=0.5, deadline_s=0.001)
    assert not isinstance(error.value, TransientError)
