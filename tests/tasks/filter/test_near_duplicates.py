"""Photos that look the same are linked, crops and mirror images included; others are not."""

import itertools
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from tasks.filter import image_stats, near_duplicates, resemblance
from tasks.filter.groups import connected_groups
from tasks.filter.near_duplicates import NearDuplicates
from tasks.filter.phash import coarse_bits
from tests.helpers.filtering import jpeg, valid_stats
from tests.helpers.unusual_photos import encode, scene


def stats_of(*hashes: np.ndarray) -> np.ndarray:
    """Make statistics of photos with these hashes; their mirror images and crops resemble no other photo."""
    rng = np.random.default_rng(9)
    stats = np.zeros(len(hashes), image_stats.STATS_DTYPE)
    stats["hash"] = np.reshape(hashes, (-1, 32))
    for name in ("mirror", "windows"):
        stats[name] = rng.integers(0, 256, stats[name].shape)
    return stats


def flipped(hashed: np.ndarray, *places: int) -> np.ndarray:
    bits = np.unpackbits(hashed)
    bits[list(places)] ^= 1
    return np.packbits(bits)


ONE, OTHER = np.random.default_rng(8).integers(0, 256, (2, 32), np.uint8)
HIGH = np.flatnonzero((np.arange(256) // 16 >= 8) | (np.arange(256) % 16 >= 8)).tolist()


def test_rows_are_linked_up_to_the_limit() -> None:
    stats = stats_of(ONE, OTHER, flipped(ONE, *HIGH[:20]), flipped(ONE, *HIGH[:33]), ONE)
    found = NearDuplicates.find(stats, 32, mirrored=True)
    assert found.group[0] == found.group[2] == found.group[3] == found.group[4]  # row 3 is linked through row 2
    assert found.group[1] != found.group[0]
    assert (found.distance(0, 2), found.distance(0, 3), found.distance(0, 4)) == (20, 33, 0)
    assert len(set(NearDuplicates.find(stats[[0, 1, 3]], 32, mirrored=True).group)) == 3


@pytest.mark.parametrize("second", [False, True])
def test_a_crop_of_one_photo_that_resembles_the_other_links_them(second: bool) -> None:
    stats = stats_of(ONE, flipped(ONE, *HIGH[:60]))
    stats["windows"][int(second), 4] = flipped(stats["hash"][1 - int(second)], 3)
    found = NearDuplicates.find(stats, 32, mirrored=False)
    assert found.group[0] == found.group[1]
    assert found.distance(0, 1) == 1


@pytest.mark.parametrize("mirrored", [False, True])
def test_mirror_images_count_only_if_mirrored_is_set(mirrored: bool) -> None:
    stats = stats_of(ONE, OTHER)
    stats["mirror"] = stats["hash"][::-1]
    found = NearDuplicates.find(stats, 32, mirrored=mirrored)
    assert (found.group[0] == found.group[1]) == mirrored


def test_rows_with_the_same_coarse_bits_are_distinguished_by_all_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "BATCH_PAIRS", 7)
    rng = np.random.default_rng(5)
    different = [flipped(ONE, *rng.permutation(HIGH)[:70]) for _ in range(20)]
    stats = stats_of(*different, flipped(ONE, 255), ONE)
    found = NearDuplicates.find(stats, 32, mirrored=True)
    assert len(set(found.group)) == 21
    assert found.group[20] == found.group[21]


def brute_force(stats: np.ndarray, max_bits: int, *, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
    """Compare all pairs, each alone: which are near duplicates `(n, n)`, and which are so without mirror images."""
    plain, every = np.eye(len(stats), dtype=bool), np.eye(len(stats), dtype=bool)
    views = ["hash", "mirror"] if mirrored else ["hash"]
    coarse = {view: coarse_bits(stats[view]) for view in views}
    for one, other in itertools.combinations(range(len(stats)), 2):
        bits = [bit_distance(coarse[a][one], coarse[b][other]) for a in views for b in views]
        for view in views:
            apart = min(
                bit_distance(hashed, stats[view][second])
                for first, second in ((one, other), (other, one))
                for hashed in [stats["hash"][first], *stats["windows"][first]]
            )
            alike = resemblance.same_colours(stats["layout"], np.array([[one, other]]), mirrored=view == "mirror")[0]
            near = min(bits) <= resemblance.MAX_COARSE_BITS and apart <= max_bits and alike
            every[one, other] = every[other, one] = every[one, other] | near
            if view == "hash":
                plain[one, other] = plain[other, one] = near
    return every, plain


def bit_distance(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.bitwise_count(one ^ other).sum())


def still_camera(count: int, share: float, *, mirrored: float = 0.1) -> np.ndarray:
    """Make statistics of photos of one scene: in each, a share of the bits is another; some photos are mirrored."""
    rng = np.random.default_rng(7)

    def noise(*shape: int) -> np.ndarray:
        return np.packbits(rng.random((*shape, 256)) < share, axis=-1)

    stats = np.zeros(count, image_stats.STATS_DTYPE)
    stats["hash"] = ONE ^ noise(count)
    stats["mirror"] = stats["hash"] ^ np.uint8(0b01010101)
    turned = rng.random(count) < mirrored
    stats["hash"][turned], stats["mirror"][turned] = stats["mirror"][turned], stats["hash"][turned].copy()
    stats["windows"] = stats["hash"][:, None] ^ np.packbits(rng.random((9, 256)) < 0.05, axis=-1) ^ noise(count, 9)
    stats["layout"][..., 1:] = 128 + 9 * rng.integers(0, 4, (count, 1, 1, 1))
    return stats


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("max_bits", [6, 20])
def test_groups_and_contradictions_are_those_of_comparing_all_pairs(
    max_bits: int, mirrored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_duplicates, "BATCH_PAIRS", 50)  # so that there are several batches
    monkeypatch.setattr(near_duplicates, "_QUERIES", 10)
    stats = still_camera(40, 0.02)
    every, plain = brute_force(stats, max_bits, mirrored=mirrored)
    found = NearDuplicates.find(stats, max_bits, mirrored=mirrored)
    assert len(np.unique(found.bucket)) == len(stats)
    assert same_groups(found.group, connected_groups(40, np.argwhere(every)).tolist())
    labels = np.random.default_rng(3).choice(["a", "a", "b", "c"], 40).tolist()
    twins = found.contradictions(range(40), labels)
    assert 0 < len(twins) <= 40
    for row in range(40):
        others = [other for other in range(40) if every[row, other] and labels[other] != labels[row]]
        unmirrored = [other for other in others if plain[row, other]]
        assert twins.get(row) == min(unmirrored or others, default=None)


def same_groups(ours: list[int], theirs: list[int]) -> bool:
    return len(set(zip(ours, theirs, strict=True))) == len(set(ours)) == len(set(theirs))


def test_photos_that_are_joined_already_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    near = resemblance.Resemblance.near

    def counted(self: resemblance.Resemblance, pairs: np.ndarray, view: resemblance.View) -> np.ndarray:
        nonlocal compared
        compared += len(pairs)
        return near(self, pairs, view)

    monkeypatch.setattr(resemblance.Resemblance, "near", counted)
    monkeypatch.setattr(near_duplicates, "BATCH_PAIRS", 1000)
    assert set(NearDuplicates.find(still_camera(400, 0.005, mirrored=0), 32, mirrored=True).group) == {0}
    assert compared < 400 * 399 / 2 / 20


def test_no_rows_have_no_groups() -> None:
    found = NearDuplicates.find(stats_of(), 32, mirrored=True)
    assert (found.group, found.contradictions([], [])) == ([], {})


def balanced(image: Image.Image, red: float, blue: float) -> Image.Image:
    return Image.fromarray((np.asarray(image) * [red, 1, blue]).clip(0, 255).astype(np.uint8))


def turned_hue(image: Image.Image, degrees: int) -> Image.Image:
    hsv = cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + degrees // 2) % 180
    return Image.fromarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def linked(*photos: bytes, mirrored: bool = True) -> bool:
    stats = np.array([image_stats.compute_stats(data) for data in photos], image_stats.STATS_DTYPE)
    return len(set(NearDuplicates.find(stats, 32, mirrored=mirrored).group)) == 1


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "recompressed": lambda image: image,
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "warmer": lambda image: balanced(image, 1.1, 0.9),
    "paler": lambda image: ImageEnhance.Color(image).enhance(0.8),
    "cropped": lambda image: image.crop((1, 1, image.width - 1, image.height - 1)),
    "mirrored": ImageOps.mirror,
    "grey": lambda image: image.convert("L"),
    "grey and mirrored": lambda image: ImageOps.mirror(image.convert("L")),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_with_other_light_or_without_colour_is_a_near_duplicate(copy: str) -> None:
    for seed in range(5):
        photo = scene(seed)
        assert linked(encode(photo), encode(COPIES[copy](photo), quality=40))


@pytest.mark.parametrize("degrees", [60, 120, 180])
def test_a_photo_in_other_colours_is_not_a_near_duplicate(degrees: int) -> None:
    photo = turned_hue(Image.blend(scene(1), Image.new("RGB", (160, 120), (200, 60, 60)), 0.6), 0)
    grey = cv2.cvtColor(np.asarray(photo), cv2.COLOR_RGB2LAB)
    grey[..., 1:] = cv2.cvtColor(np.asarray(turned_hue(photo, degrees)), cv2.COLOR_RGB2LAB)[..., 1:]
    other = Image.fromarray(cv2.cvtColor(grey, cv2.COLOR_LAB2RGB))  # as bright everywhere, with another hue
    assert not linked(encode(photo), encode(other))
    assert not linked(encode(photo), encode(ImageOps.mirror(other)))


def test_equal_hashes_with_other_colours_are_not_near_duplicates() -> None:
    stats = stats_of(ONE, ONE, ONE)
    stats["layout"][0, ..., 1] = stats["layout"][2, ..., 1] = 200
    found = NearDuplicates.find(stats, 32, mirrored=True)
    assert found.group[0] == found.group[2] != found.group[1]
    assert found.distance(0, 1) == 0


def test_rows_with_equal_hashes_share_a_bucket_if_all_of_them_have_about_equal_colours() -> None:
    stats = stats_of(*[ONE] * 6)
    stats["layout"][..., 1] = np.array([100, 110, 120, 130, 101, 200])[:, None, None]
    found = NearDuplicates.find(stats, 32, mirrored=False)
    assert found.bucket.tolist() == [0, 0, 1, 1, 0, 2]
    assert len(set(found.group)) == 2


def test_what_resembles_only_when_mirrored_is_known() -> None:
    stats = stats_of(ONE, OTHER, flipped(ONE, 200))
    stats["mirror"][[0, 1]] = OTHER, ONE
    found = NearDuplicates.find(stats, 32, mirrored=True)
    assert len(set(found.group)) == 1
    assert (found.is_mirror_image(0, 1), found.is_mirror_image(0, 2), found.is_mirror_image(0, 0)) == (
        True,
        False,
        False,
    )


def test_rows_that_duplicate_a_row_also_without_mirror_images_are_not_only_mirrored() -> None:
    """Rows 1 and 2 are mirror images of row 0, and near duplicates of each other: one of them duplicates anyway."""
    stats = stats_of(ONE, OTHER, flipped(OTHER, 200), flipped(ONE, 201))
    stats["mirror"][:3] = OTHER, ONE, flipped(ONE, 200)
    found = NearDuplicates.find(stats, 32, mirrored=True)
    assert found.only_mirrored({1: 0, 2: 0, 3: 0}) == {1}
    assert NearDuplicates.find(stats, 32, mirrored=False).only_mirrored({2: 1, 3: 0}) == set()


def test_without_near_duplicates_only_equal_files_are_linked() -> None:
    stats = stats_of(ONE, ONE, OTHER)
    found = NearDuplicates.equal_files(stats, ["p", "q", "p"])
    assert found.group[0] == found.group[2] != found.group[1]
    assert found.distance(0, 2) == 0
    assert not found.is_mirror_image(0, 2)


def test_photos_that_cannot_be_decoded_resemble_nothing() -> None:
    stats = np.array([image_stats.compute_stats(b"nothing")] * 3 + [valid_stats()], image_stats.STATS_DTYPE)
    assert len(set(NearDuplicates.find(stats, 32, mirrored=True).group)) == 4
    assert len(set(NearDuplicates.equal_files(stats, list("abcd")).group)) == 4
    assert not linked(b"nothing", encode(Image.new("RGB", (96, 96))))
    assert linked(jpeg(1), jpeg(1, (200, 200)))
