"""The demo's photo site: its photos, the planted defects, and its responses."""

import itertools
import socket
from collections import Counter

import numpy as np
import pytest
import requests

from configs.load import load
from tasks.crawl.demo import photos as demo_photos
from tasks.crawl.demo import server as demo_site
from tasks.crawl.demo.photos import LABELS, PhotoSet, photo_set, planted_defects
from tasks.filter import image_stats
from tasks.filter.near_duplicates import NearDuplicates
from tasks.images.photos import decode, size_px
from tasks.store import hashing
from tasks.store.errors import UserError


@pytest.fixture(scope="module")
def made() -> PhotoSet:
    return photo_set()


@pytest.mark.slow
def test_classes_have_different_sizes_and_photos_are_the_same_each_time(made: PhotoSet) -> None:
    sizes = [len(made.shown[label]) for label in LABELS]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 170
    assert sizes[-1] < 70
    demo_photos.photo_set.cache_clear()
    assert photo_set() == made
    assert {name.rpartition(".")[2] for name in made.photos} == {"png", "jpg"}


def test_all_kinds_of_defects_are_planted_and_shown(made: PhotoSet) -> None:
    kinds = Counter(defect.kind for defect in planted_defects())
    assert set(kinds) == {"duplicate", "near duplicate", "truncated", "web page", "too small", "two classes"}
    assert all(defect.name in made.shown[defect.label] for defect in planted_defects())
    named = [name for defect in planted_defects() for name in {defect.name, defect.duplicate_of} if name]
    assert len(named) == len(set(named))  # no defect hides another


def test_planted_defects_have_the_properties_of_their_kind(made: PhotoSet) -> None:
    def problem(name: str) -> str | None:
        try:
            decode(made.photos[name])
        except ValueError as error:
            return str(error)
        return None

    for defect in planted_defects():
        data, duplicate_of = made.photos[defect.name], made.photos[defect.duplicate_of or defect.name]
        assert problem(defect.name) == (defect.kind if defect.kind in ("truncated", "web page") else None), defect
        if defect.kind == "too small":
            assert min(size_px(data)) < load("demo").filter.min_side_px
        if defect.kind == "two classes":
            assert sum(defect.name in shown for shown in made.shown.values()) == 2
        assert (data == duplicate_of) == (defect.kind not in ("near duplicate", "truncated")), defect


@pytest.mark.slow
def test_one_threshold_separates_near_duplicates_from_similar_digits(made: PhotoSet) -> None:
    bits = load("demo").filter.duplicate_bits
    defective = {defect.name for defect in planted_defects() if defect.kind in ("truncated", "web page", "too small")}
    valid = {name: data for name, data in made.photos.items() if name not in defective}
    row = {name: number for number, name in enumerate(valid)}
    found = NearDuplicates.find(
        np.array([image_stats.compute_stats(data) for data in valid.values()]), bits + 10, mirrored=False
    )
    twins = [plant for plant in planted_defects() if plant.kind in ("duplicate", "near duplicate")]
    assert max(found.distance(row[plant.name], row[plant.duplicate_of or ""]) for plant in twins) <= bits - 6
    assert len(set(found.group)) == len(valid) - len(twins)


def test_the_demos_keywords_find_every_photo_and_queries_overlap(made: PhotoSet) -> None:
    keywords = load("demo").crawl.keywords
    assert set(keywords) == set(LABELS)
    for label, queries in keywords.items():
        found = [set(demo_photos.search(query)) for query in queries]
        assert set().union(*found) == set(made.shown[label])
        assert all(one & other and one != other for one, other in itertools.combinations(found, 2))
    assert any(len(queries) == 2 for queries in keywords.values())
    assert demo_photos.search("whale") == []


def test_the_server_sends_pages_and_photos(made: PhotoSet) -> None:
    with demo_site.serve(0) as site:
        page = requests.get(f"{site}/search", {"q": "digit zero", "page": "1"}, timeout=5)
        assert page.text.count("<li>") == demo_site.PAGE_HITS
        name = made.shown["zero"][0]
        photo = requests.get(f"{site}{demo_site.PHOTOS}{name}", timeout=5)
        assert hashing.of_bytes(photo.content) == hashing.of_bytes(made.photos[name])
        assert requests.get(f"{site}{demo_site.PHOTOS}nothing.jpg", timeout=5).status_code == 404
        assert requests.get(f"{site}/search?q=<b>&page=x", timeout=5).text.count("<b>") == 0


def test_a_port_in_use_is_reported_with_the_setting_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(UserError, match=rf"crawl\.port={port}: .*e\.g\. crawl\.port={port + 1}"),
            demo_site.serve(port),
        ):
            pass
