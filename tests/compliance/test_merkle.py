"""Trees and proofs have the shapes of RFC 6962: against its published values, and against its own definition."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.merkle import Tree, leaf_hash, node_hash, root, verify_consistency, verify_inclusion

CONTENTS = [bytes.fromhex(each) for each in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Of the first 1, 2, … 8 contents: the values that the tests of Certificate Transparency's own log use."""

leaves = st.lists(st.binary(max_size=8).map(leaf_hash), min_size=1, max_size=70)


def by_definition(hashes: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word by word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return node_hash(by_definition(hashes[:k]), by_definition(hashes[k:]))


def path_by_definition(m: int, hashes: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1."""
    if len(hashes) == 1:
        return []
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if m < k:
        return [*path_by_definition(m, hashes[:k]), by_definition(hashes[k:])]
    return [*path_by_definition(m - k, hashes[k:]), by_definition(hashes[:k])]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots_come_out(size: int) -> None:
    assert root(map(leaf_hash, CONTENTS[:size])).hex() == ROOTS[size - 1]


def test_a_tree_of_nothing_is_the_hash_of_nothing() -> None:
    assert root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(leaves)
def test_a_root_is_what_the_definition_says(hashes: list[bytes]) -> None:
    assert root(hashes) == by_definition(hashes)


@given(leaves, st.data())
def test_an_inclusion_proof_is_what_the_definition_says_and_holds(hashes: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(hashes) - 1))
    proof = Tree.over(hashes).inclusion_proof(index)
    assert proof == path_by_definition(index, hashes)
    assert verify_inclusion(hashes[index], index, len(hashes), proof, root(hashes))


@given(leaves, st.data())
def test_an_inclusion_proof_holds_for_nothing_else(hashes: list[bytes], data: st.DataObject) -> None:
    size = len(hashes)
    index = data.draw(st.integers(0, size - 1))
    proof, top = Tree.over(hashes).inclusion_proof(index), root(hashes)
    stranger = leaf_hash(b"a leaf that is not in any of these trees")
    assert not verify_inclusion(stranger, index, size, proof, top)
    assert not verify_inclusion(hashes[index], size, size, proof, top)
    assert not verify_inclusion(hashes[index], -1, size, proof, top)
    assert not verify_inclusion(hashes[index], index, size, [*proof, stranger], top)
    assert not verify_inclusion(hashes[index], index, size, proof, stranger)
    if proof:
        cut = data.draw(st.integers(0, len(proof) - 1))
        assert not verify_inclusion(hashes[index], index, size, proof[:cut], top)
        assert not verify_inclusion(hashes[index], index, size, [*proof[:cut], stranger, *proof[cut + 1 :]], top)


@given(leaves, st.data())
def test_a_tree_that_grew_is_proved_to_begin_with_the_old_one(hashes: list[bytes], data: st.DataObject) -> None:
    first = data.draw(st.integers(1, len(hashes)))
    proof = Tree.over(hashes).consistency_proof(first)
    assert verify_consistency(first, len(hashes), root(hashes[:first]), root(hashes), proof)


@given(leaves, st.data())
def test_a_tree_that_was_rewritten_cannot_be_proved(hashes: list[bytes], data: st.DataObject) -> None:
    first = data.draw(st.integers(1, len(hashes)))
    proof = Tree.over(hashes).consistency_proof(first)
    other = root([leaf_hash(b"another history"), *hashes[1:first]])
    assert not verify_consistency(first, len(hashes), other, root(hashes), proof)
    assert not verify_consistency(first, len(hashes), root(hashes[:first]), other + b"!", proof)
    assert not verify_consistency(first, len(hashes), root(hashes[:first]), root(hashes), [*proof, other])


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(index: int) -> None:
    with pytest.raises(IndexError, match="no leaf"):
        Tree.over(map(leaf_hash, CONTENTS[:3])).inclusion_proof(index)


@pytest.mark.parametrize("first", [0, 4])
def test_there_is_no_proof_that_a_larger_tree_was_before(first: int) -> None:
    with pytest.raises(ValueError, match="begins"):
        Tree.over(map(leaf_hash, CONTENTS[:3])).consistency_proof(first)
