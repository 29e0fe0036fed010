"""Merkle trees in the shapes of RFC 6962 and RFC 9162 (sections 2.1): roots, and proofs that others can check."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Hash = bytes
"""A SHA-256, 32 bytes."""


def leaf_hash(content: bytes) -> Hash:
    """The hash of a leaf's content: SHA-256(0x00 || content)."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """The hash of two subtrees: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """All hashes of a tree, leaves first. A lone last node of a level goes up as it is."""

    levels: tuple[tuple[Hash, ...], ...]

    @classmethod
    def over(cls, leaves: Iterable[Hash]) -> "Tree":
        """The tree over leaf hashes, in their order."""
        level = list(leaves)
        levels = [tuple(level)]
        sha256 = hashlib.sha256
        while len(level) > 1:
            lone = level[-1:] if len(level) % 2 else []
            pairs = zip(level[0::2], level[1::2], strict=False)
            level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + lone
            levels.append(tuple(level))
        return cls(tuple(levels))

    @property
    def root(self) -> Hash:
        """The Merkle tree hash; of no leaves SHA-256 of nothing."""
        return self.levels[-1][0] if self.levels[-1] else hashlib.sha256().digest()

    def inclusion_proof(self, index: int) -> list[Hash]:
        """The hashes with which leaf `index` (from 0) yields the root, lowest first. Error: IndexError."""
        if not 0 <= index < len(self.levels[0]):
            raise IndexError(f"no leaf {index} among {len(self.levels[0])}")
        proof: list[Hash] = []
        for level in self.levels[:-1]:
            if (sibling := index ^ 1) < len(level):
                proof.append(level[sibling])
            index >>= 1
        return proof

    def consistency_proof(self, first: int) -> list[Hash]:
        """The hashes that show that the tree over the `first` leaves is this tree's beginning.

        Of leaves that are only ever appended, as entries of one chain are; the daily trees are none. Error: ValueError.
        """
        size = len(self.levels[0])
        if not 0 < first <= size:
            raise ValueError(f"no tree over {first} leaves begins one over {size}")
        return self._subproof(first, 0, size, whole=True)

    def _subproof(self, first: int, start: int, size: int, *, whole: bool) -> list[Hash]:
        if first == size:
            return [] if whole else [self._subroot(start, size)]
        half = _half(size)
        if first <= half:
            return [*self._subproof(first, start, half, whole=whole), self._subroot(start + half, size - half)]
        rest = self._subproof(first - half, start + half, size - half, whole=False)
        return [*rest, self._subroot(start, half)]

    def _subroot(self, start: int, size: int) -> Hash:
        return Tree.over(self.levels[0][start : start + size]).root


def root(leaves: Iterable[Hash]) -> Hash:
    """The Merkle tree hash over leaf hashes."""
    return Tree.over(leaves).root


def verify_inclusion(leaf: Hash, index: int, size: int, proof: Sequence[Hash], expected: Hash) -> bool:
    """Whether the proof shows that `leaf` is leaf `index` of the tree of `size` with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == expected


def verify_consistency(first: int, second: int, old: Hash, new: Hash, proof: Sequence[Hash]) -> bool:
    """Whether the proof shows that the tree `old` of size `first` begins the tree `new` (RFC 9162, 2.1.4.2)."""
    if first == second:
        return old == new and not proof
    if not 0 < first < second or not proof:
        return False
    path = [old, *proof] if first & (first - 1) == 0 else list(proof)
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    was = now = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            was, now = node_hash(sibling, was), node_hash(sibling, now)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            now = node_hash(now, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and was == old and now == new


def _half(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
