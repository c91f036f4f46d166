"""The demo's site: its photos, what is planted among them, and how it answers."""

import itertools
import socket
from collections import Counter

import numpy as np
import pytest
import requests

from configs.load import load
from tasks.crawl.demo import photos as gallery_photos
from tasks.crawl.demo import server as gallery_site
from tasks.crawl.demo.photos import LABELS, Gallery, gallery, plants
from tasks.filter import image_stats
from tasks.filter.near_duplicates import NearDuplicates
from tasks.images.photos import decode, size_px
from tasks.store import hashing
from tasks.store.errors import UserError


@pytest.fixture(scope="module")
def made() -> Gallery:
    return gallery()


def test_classes_are_uneven_and_photos_the_same_each_time(made: Gallery) -> None:
    sizes = [len(made.shown[label]) for label in LABELS]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 170
    assert sizes[-1] < 70
    gallery_photos.gallery.cache_clear()
    assert gallery() == made
    assert {name.rpartition(".")[2] for name in made.photos} == {"png", "jpg"}


def test_all_kinds_of_dirt_are_planted_once_each_and_shown(made: Gallery) -> None:
    kinds = Counter(plant.kind for plant in plants())
    assert set(kinds) == {"duplicate", "near duplicate", "truncated", "unreadable", "too small", "two classes"}
    assert all(plant.name in made.shown[plant.label] for plant in plants())
    named = [name for plant in plants() for name in {plant.name, plant.twin} if name]
    assert len(named) == len(set(named))  # no plant hides another


def test_plants_are_what_they_are_said_to_be(made: Gallery) -> None:
    def problem(name: str) -> str | None:
        try:
            decode(made.photos[name])
        except ValueError as error:
            return str(error)
        return None

    for plant in plants():
        data, twin = made.photos[plant.name], made.photos[plant.twin or plant.name]
        assert problem(plant.name) == (plant.kind if plant.kind in ("truncated", "unreadable") else None), plant
        if plant.kind == "too small":
            assert min(size_px(data)) < load("demo").filter.min_side_px
        if plant.kind == "two classes":
            assert sum(plant.name in shown for shown in made.shown.values()) == 2
        assert (data == twin) == (plant.kind not in ("near duplicate", "truncated")), plant


def test_one_threshold_tells_near_duplicates_from_digits_that_look_alike(made: Gallery) -> None:
    bits = load("demo").filter.duplicate_bits
    flawed = {plant.name for plant in plants() if plant.kind in ("truncated", "unreadable", "too small")}
    valid = {name: data for name, data in made.photos.items() if name not in flawed}
    row = {name: number for number, name in enumerate(valid)}
    found = NearDuplicates.find(
        np.array([image_stats.compute_stats(data) for data in valid.values()]), bits + 10, mirrored=False
    )
    twins = [plant for plant in plants() if plant.kind in ("duplicate", "near duplicate")]
    assert max(found.distance(row[plant.name], row[plant.twin or ""]) for plant in twins) <= bits - 6
    assert len(set(found.group)) == len(valid) - len(twins)


def test_every_photo_is_under_the_demos_keywords_and_queries_overlap(made: Gallery) -> None:
    keywords = load("demo").crawl.keywords
    assert set(keywords) == set(LABELS)
    for label, queries in keywords.items():
        found = [set(gallery_photos.search(query)) for query in queries]
        assert set().union(*found) == set(made.shown[label])
        assert all(one & other and one != other for one, other in itertools.combinations(found, 2))
    assert any(len(queries) == 2 for queries in keywords.values())
    assert gallery_photos.search("whale") == []


def test_it_serves_pages_and_photos(made: Gallery) -> None:
    with gallery_site.serve(0) as site:
        page = requests.get(f"{site}/search", {"q": "digit zero", "page": "1"}, timeout=5)
        assert page.text.count("<li>") == gallery_site.PAGE_HITS
        name = made.shown["zero"][0]
        photo = requests.get(f"{site}{gallery_site.PHOTOS}{name}", timeout=5)
        assert hashing.of_bytes(photo.content) == hashing.of_bytes(made.photos[name])
        assert requests.get(f"{site}{gallery_site.PHOTOS}nothing.jpg", timeout=5).status_code == 404
        assert requests.get(f"{site}/search?q=<b>&page=x", timeout=5).text.count("<b>") == 0


def test_a_port_in_use_is_named_with_the_override() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(UserError, match=rf"crawl\.port={port}: .*e\.g\. crawl\.port={port + 1}"),
            gallery_site.serve(port),
        ):
            pass
