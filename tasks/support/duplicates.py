"""Near duplicates: photos whose perceptual hashes differ in a few bits only."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

HASH_BYTES = 32


def perceptual_hash(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """256-bit pHash of a picture `(h, w, 3)` or `(h, w)`, uint8, as `(32,)` uint8.

    Signs of the 16x16 lowest frequencies of a discrete cosine transform against their median; it changes little with
    size, compression and brightness. C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions",
    2010, section 3.2.1; computed by the imagehash library.
    """
    import imagehash
    from PIL import Image

    bits = imagehash.phash(Image.fromarray(image), hash_size=16).hash
    return np.packbits(bits.ravel())


def near_pairs(hashes: NDArray[np.uint8], max_bits: int) -> NDArray[np.int64]:
    """Pairs of rows of `hashes` `(n, bytes)`, all different, that differ in at most `max_bits` bits.

    Returns `(pairs, 2)`, i < j, in order. By the pigeonhole principle two such rows agree in at least one of
    `max_bits + 1` slices of their bits, so only rows that share a slice are compared (M. Norouzi et al., "Fast Search
    in Hamming Space with Multi-Index Hashing", CVPR 2012, section 3): near-linear in n for small `max_bits`, where no
    slice is common to very many rows.
    """
    found = [np.empty((0, 2), np.int64)]
    bits = np.unpackbits(hashes, axis=1)
    for columns in np.array_split(np.arange(bits.shape[1]), min(max_bits + 1, bits.shape[1])):
        for left, right in _sharing(np.packbits(bits[:, columns], axis=1)):
            near = np.bitwise_count(hashes[left] ^ hashes[right]).sum(axis=1) <= max_bits
            found.append(np.stack([left[near], right[near]], axis=1))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _sharing(slices: NDArray[np.uint8]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Batches of pairs (left, right) of rows that are equal."""
    _, bucket = np.unique(slices, axis=0, return_inverse=True)
    order = np.argsort(bucket, kind="stable")
    start = np.arange(len(order))
    step = 1
    while len(start := start[start + step < len(order)]):
        start = start[bucket[order[start]] == bucket[order[start + step]]]
        yield order[start], order[start + step]
        step += 1


def groups(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the connected group that each of `count` things belongs to, given linked `pairs` `(m, 2)`."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    group: NDArray[np.int64] = connected_components(links, directed=False)[1].astype(np.int64)
    return group
