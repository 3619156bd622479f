"""The agreed set: the highest number with one header at all parties, contradictions excluded; trees and paths."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc_market.wire.agreement import Held, Item, SetSignature, agree, all_signed, contradict, differing, set_digest
from mpc_market.wire.digest import digest
from mpc_market.wire.errors import ContextError, WireError
from mpc_market.wire.identifiers import Period, member
from mpc_market.wire.merkle import MerkleTree, leaf, root_of_path
from mpc_market.wire.showing import ShownHeaders, SignedHeader, genuine, not_shown
from mpc_market.wire.verdicts import Verdict, Verdicts, verdict_counts
from tests.wire.wire_round import MARKET, START, WireRound, signing_key

PLAYED = WireRound()
TERMS = PLAYED.terms


def item(meter: str, number: int = 1, header: int = 0) -> Item:
    return Item(meter, number, bytes([header]) * 32)


def held(*lists: list[Item]) -> dict[int, Held]:
    return {
        j: Held(PLAYED.period, j, TERMS.challenge, tuple(sorted(items, key=lambda i: i.sort_key)))
        for j, items in enumerate(lists)
    }


def test_what_all_hold_is_agreed_on():
    agreed = agree(held([item("a"), item("b")], [item("a"), item("b")], [item("b"), item("a")]), TERMS, 1)
    assert agreed.members == (item("a"), item("b"))
    assert agreed.contradictions == ()
    assert agreed.order_ids == ("a/0", "b/0")


def test_what_one_party_lacks_is_left_out():
    assert agree(held([item("a")], [item("a")], []), TERMS, 1).members == ()
    agreed = agree(held([item("a", 1), item("a", 2)], [item("a", 1), item("a", 2)], [item("a", 1)]), TERMS, 1)
    assert agreed.members == (item("a", 1),)


def test_the_highest_number_counts():
    lists = [item("a", number) for number in (2, 9, 10, 2**40)]
    assert agree(held(lists, lists, lists), TERMS, 1).members == (item("a", 2**40),)


@pytest.mark.parametrize(
    "lists",
    [
        ([item("a", 3), item("a", 3, header=1)], [item("a", 3)], [item("a", 3)]),  # both at one party
        ([item("a", 3)], [item("a", 3, header=1)], [item("a", 3)]),  # one each at two
        ([item("a", 3), item("a", 4)], [item("a", 3, header=1), item("a", 4)], [item("a", 4)]),  # an older number
    ],
)
def test_two_headers_with_one_number_exclude_the_meter(lists):
    listed, both = held(*([*items, item("b")] for items in lists)), {item("a", 3), item("a", 3, header=1)}
    assert differing(listed.values()) == {("a", 3)}
    agreed = agree(listed, TERMS, 1, both)
    assert agreed.members == (item("b"),)
    (found,) = agreed.contradictions
    assert (found.name, found.number, found.digests) == ("a", 3, (bytes(32), b"\x01" * 32))
    assert not not_shown(listed, differing(listed.values()), both)


def test_a_header_that_nobody_shows_excludes_nobody():
    """One party lists the true header, and a digest of nothing; or another number; or another meter's header."""
    true, made_up = item("a", 3), item("a", 3, header=1)
    listed = held([true, made_up, item("b"), item("b", header=2)], [true, item("b")], [true, item("b")])
    for shown in (set(), {true, item("b")}, {true, item("a", 2, header=1)}, {true, item("c", 3, header=1)}):
        agreed = agree(listed, TERMS, 1, shown)
        assert (agreed.members, agreed.contradictions) == ((true, item("b")), ())
    asked = differing(listed.values())
    assert not_shown(listed, asked, {true, item("b")}) == {0: 2}
    assert not_shown(listed, asked, {true, item("b"), made_up}) == {0: 1}
    assert differing(held([true], [true, item(SUN, 1), item(SUN, 1, header=1)], []).values()) == set()


def test_a_header_counts_as_shown_if_its_meter_has_signed_it_for_this_round():
    meters, sent = PLAYED.roll.by_meter(), PLAYED.submissions[0]
    good = SignedHeader(sent.header, sent.signature)

    def counts(*shown: SignedHeader) -> frozenset[Item]:
        return genuine({1: ShownHeaders(PLAYED.period, 1, shown)}, TERMS, meters)

    assert counts(good) == {good.item}
    assert genuine({0: PLAYED.shown(0, 0, 1), 1: PLAYED.shown(1, 0), 2: PLAYED.shown(2)}, TERMS, meters) == {
        Item(each.header.meter, 1, each.header.digest) for each in PLAYED.submissions[:2]
    }
    key = signing_key(sent.header.meter)

    def signed(**other: object) -> SignedHeader:
        header = replace(sent.header, **other)
        return SignedHeader(header, key.sign(header.kind, header.encode()))

    assert len(counts(signed(number=2))) == 1
    assert not counts(SignedHeader(replace(sent.header, number=2), sent.signature))
    assert not counts(signed(challenge=bytes(32)))
    assert not counts(signed(period=Period(MARKET, START + 900)))
    assert not counts(signed(meter="stranger"))
    assert not counts(SignedHeader(sent.header, key.sign("reading", sent.header.encode())))
    with pytest.raises(WireError):
        ShownHeaders(PLAYED.period, 1, (good, good))
    shown = PLAYED.shown(1, 0, 1)
    assert ShownHeaders.decode(shown.encode()) == shown


SUN = member("tariff", "sun")


@pytest.mark.parametrize(
    "newer",
    [
        ([item(SUN, 2)], [item(SUN, 2, header=1)], [item(SUN, 2)]),  # another one at one party
        ([item(SUN, 2), item(SUN, 2, header=1)],) * 3,  # both at all
        ([item(SUN, 2)], [item(SUN, 2, header=1)], []),
    ],
)
def test_two_tariffs_with_one_number_leave_the_one_before(newer):
    """A supplier must not get rid of the tariff that it has published, and so of its users' bills."""
    lists = [[item("a"), item(SUN, 1), *items] for items in newer]
    agreed = agree(held(*lists), TERMS, 1)
    assert agreed.members == (item("a"), item(SUN, 1))
    assert [(found.name, found.number) for found in agreed.contradictions] == [(SUN, 2)]
    # a higher number that all hold counts as ever; an older contradiction changes nothing
    agreed = agree(held(*([*items, item(SUN, 3)] for items in lists)), TERMS, 1)
    assert agreed.members == (item("a"), item(SUN, 3))


def test_the_same_header_under_two_numbers_is_no_contradiction():
    """It cannot happen with real headers, which hold their number."""
    lists = [item("a", 1), item("a", 2)]
    assert agree(held(lists, lists, lists), TERMS, 1).members == (item("a", 2),)


def test_meters_are_sorted_by_their_bytes():
    names = ["b", "a", "B", "ä", "z", "10", "9", "\U0001f600", "\uffee"]
    lists = [item(name) for name in names]
    agreed = agree(held(lists, lists, lists), TERMS, 1)
    assert [each.name for each in agreed.members] == sorted(names, key=lambda name: name.encode())


ITEMS = st.builds(item, st.sampled_from("abc"), st.integers(1, 3), st.integers(0, 1))
LISTS = st.lists(st.lists(ITEMS, unique=True, max_size=6), min_size=3, max_size=3)


@given(LISTS)
def test_the_set_is_the_same_whoever_says_it(lists):
    """The set does not depend on who holds what, and each member is at all parties."""
    everything = {entry for items in lists for entry in items}
    agreed = agree(held(*lists), TERMS, 1, everything)
    for other in permutations(lists):
        again = agree(held(*other), TERMS, 1, everything)
        assert (again.members, again.contradictions, again.digest()) == (
            agreed.members,
            agreed.contradictions,
            agreed.digest(),
        )
    for meter in "abc":
        theirs = [entry for entry in everything if entry.name == meter]
        at_all = [entry for entry in theirs if all(entry in items for items in lists)]
        contradicted = len({(entry.name, entry.number) for entry in theirs}) < len(theirs)
        expected = [] if contradicted or not at_all else [max(at_all, key=lambda entry: entry.number)]
        assert [each for each in agreed.members if each.name == meter] == expected


def test_bad_lists():
    good = held([item("a")], [item("a")], [item("a")])
    with pytest.raises(WireError, match="not of all 3"):
        agree({0: good[0], 1: good[1]}, TERMS, 1)
    for bad in (replace(good[2], challenge=bytes(32)), replace(good[2], period=Period(MARKET, START + 1))):
        with pytest.raises(ContextError):
            agree({**good, 2: bad}, TERMS, 1)
    for items in ((item("b"), item("a")), (item("a"), item("a")), (item("a", 2), item("a", 1)), [item("a")]):
        with pytest.raises(WireError):
            Held(PLAYED.period, 0, bytes(32), items)
    for orders in (0, 256):
        with pytest.raises(WireError):
            agree(good, TERMS, orders)


def test_the_set_digest_is_that_of_the_formula():
    agreed = agree(held(*[[item("a"), item("b")]] * 3), TERMS, 2)
    leaves = [digest("leaf", f"{meter}/{k}".encode(), bytes(32)) for meter in "ab" for k in range(2)]
    left, right = (digest("node", leaves[i], leaves[i + 1]) for i in (0, 2))
    start, count = START.to_bytes(8, "little"), (4).to_bytes(4, "little")
    root = digest("node", left, right)
    assert agreed.digest() == digest("set", MARKET.encode(), start, TERMS.challenge, TERMS.roll_digest, count, root)


def test_every_part_of_the_set_is_in_its_digest():
    period = PLAYED.period
    seen = {
        set_digest(period, bytes(32), bytes(32), 1, bytes(32)),
        set_digest(Period(MARKET, START + 1), bytes(32), bytes(32), 1, bytes(32)),
        set_digest(Period("elm-street", START), bytes(32), bytes(32), 1, bytes(32)),
        set_digest(period, b"\x01" * 32, bytes(32), 1, bytes(32)),
        set_digest(period, bytes(32), b"\x01" * 32, 1, bytes(32)),
        set_digest(period, bytes(32), bytes(32), 2, bytes(32)),
        set_digest(period, bytes(32), bytes(32), 1, b"\x01" * 32),
    }
    assert len(seen) == 7


def test_a_part_is_revealed_only_when_all_have_signed_one_set():
    set_signatures, agreed_digest = PLAYED.set_signatures, PLAYED.agreed.digest()
    all_signed(set_signatures, agreed_digest, TERMS)
    with pytest.raises(WireError, match="not of all 3"):
        all_signed({0: set_signatures[0], 1: set_signatures[1]}, agreed_digest, TERMS)
    with pytest.raises(ContextError, match="party 1 signed another set"):
        all_signed({**set_signatures, 1: SetSignature(PLAYED.period, 1, bytes(32))}, agreed_digest, TERMS)
    moved = {j: replace(s, period=Period(MARKET, START + 1)) for j, s in set_signatures.items()}
    with pytest.raises(ContextError):
        all_signed(moved, agreed_digest, TERMS)


def test_two_headers_of_one_meter_round_and_number_are_a_contradiction():
    first = PLAYED.submissions[0].header
    second = replace(first, challenge=bytes(32))
    assert contradict(first, second)
    later = Period(MARKET, START + 900)
    for innocent in (first, replace(second, number=2), replace(second, meter="x"), replace(second, period=later)):
        assert not contradict(first, innocent)


# --- the Merkle tree --------------------------------------------------------------------------------------


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962: split at the largest power of two below the number of leaves."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return digest("node", naive_root(leaves[:split]), naive_root(leaves[split:]))


def leaves_of(count: int) -> list[bytes]:
    return [leaf(f"m/{i}", bytes(32)) for i in range(count)]


@pytest.mark.parametrize("count", range(1, 40))
def test_the_tree_is_that_of_rfc_6962(count):
    leaves = leaves_of(count)
    tree = MerkleTree(leaves)
    assert tree.root == naive_root(leaves)
    for index in range(count):
        assert root_of_path(leaves[index], index, count, tree.path(index)) == tree.root


def test_no_leaves_have_a_root_of_their_own():
    assert MerkleTree([]).root == digest("leaf")
    with pytest.raises(WireError):
        MerkleTree([]).path(0)


@given(st.integers(1, 33), st.data())
def test_bad_paths(count, data):
    """Another leaf, another place or a changed, longer or shorter path: another root, or no path at all."""
    leaves = leaves_of(count)
    tree = MerkleTree(leaves)
    index = data.draw(st.integers(0, count - 1))
    path = tree.path(index)
    assert root_of_path(leaf("other/0", bytes(32)), index, count, path) != tree.root
    assert root_of_path(leaf(f"m/{index}", b"\x01" * 32), index, count, path) != tree.root
    with pytest.raises(WireError):
        root_of_path(leaves[index], index, count, (*path, bytes(32)))
    if path:
        with pytest.raises(WireError):
            root_of_path(leaves[index], index, count, path[:-1])
        step = data.draw(st.integers(0, len(path) - 1))
        changed = (*path[:step], bytes(32), *path[step + 1 :])
        assert root_of_path(leaves[index], index, count, changed) != tree.root
    for outside in (-1, count):
        with pytest.raises(WireError):
            root_of_path(leaves[index], outside, count, path)


# --- verdicts ---------------------------------------------------------------------------------------------


def test_verdicts_are_the_same_for_all_who_found_the_same():
    codes = (Verdict.VALID, Verdict.OFF_POLYNOMIAL, Verdict.NOT_AN_ORDER, Verdict.VALID)
    first, second = (Verdicts(PLAYED.period, j, bytes(32), codes) for j in (0, 1))
    assert first.digest == second.digest == digest("verdicts", bytes(32), bytes([0, 1, 2, 0]))
    assert verdict_counts(codes) == (2, 1, 1)
    assert Verdicts.decode(first.encode()) == first
    assert first.digest != replace(first, set_digest=b"\x01" * 32).digest
    assert first.digest != replace(first, codes=codes[::-1]).digest


@pytest.mark.parametrize("codes", [(3,), (0, 255), (-1,)])
def test_bad_verdicts(codes):
    with pytest.raises(WireError, match="none of 0, 1, 2"):
        Verdicts(PLAYED.period, 0, bytes(32), codes)
