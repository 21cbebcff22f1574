"""Unknown words: read as what is near and common, left alone where nothing is, and known ones never touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genret.index.lexical import word_splitter
from genret.index.spelling import Known, Speller, count_words

HELD = {"oat": 90, "milk": 400, "toothpaste": 60, "organic": 900, "spice": 40, "slices": 30, "kitchen": 20, "spray": 50}
HELD |= {"can": 10, "potatoes": 200, "biscuit": 25, "coconut": 80, "free": 300, "fire": 3}
ASKED = {"milk": 700, "organic": 900, "orgenic": 3, "smells": 4, "mint": 50}


def stem(word: str) -> str:
    return word_splitter(stem=True)(word)[0]


@pytest.fixture
def speller() -> Speller:
    return Speller(Known(HELD, ASKED, stem))


@pytest.mark.parametrize(
    ("typed", "read", "unknown"),
    [
        ("oat mlik", "oat milk", ("mlik",)),
        ("toothpase", "toothpaste", ("toothpase",)),
        ("Oat  Milk", "Oat  Milk", ()),
        ("biskuit, coocnut!", "biscuit, coconut!", ("biskuit", "coocnut")),
        ("orgenic", "organic", ("orgenic",)),  # asked three times, the right word three hundred times as often
        ("potayoes", "potatoes", ("potayoes",)),
        ("kitchenspray", "kitchen spray", ("kitchenspray",)),
        ("slice", "slice", ()),  # another form of a known word
        ("smells", "smells", ()),  # shoppers ask for it, and nothing common is near
        ("mnit", "mint", ("mnit",)),  # a word of the log alone
        ("asdfgh qwerty", "asdfgh qwerty", ("asdfgh", "qwerty")),
        ("15w40 3x5 7up", "15w40 3x5 7up", ()),  # codes and sizes are no words to misspell
        ("ot", "ot", ("ot",)),  # too short to guess at
        ("mlik MLIK", "milk milk", ("mlik",)),
        ("", "", ()),
        ("!?", "!?", ()),
    ],
)
def test_queries_are_read(speller: Speller, typed: str, read: str, unknown: tuple[str, ...]) -> None:
    assert speller.read(typed) == (read, unknown)


def test_the_commoner_of_two_near_words_is_meant_and_a_nearer_one_before_a_farther() -> None:
    speller = Speller(Known({"cold": 5, "card": 50, "sardines": 900, "gardens": 2}, {}, stem))
    assert speller.meant("cord") == "card"
    assert speller.meant("gardines") == "gardens" or speller.meant("gardines") == "sardines"
    assert speller.meant("gardenss") == "gardens"


def test_a_speller_that_knows_nothing_changes_nothing() -> None:
    assert Speller(Known({}, {}, stem)).read("oat milk") == ("oat milk", ("oat", "milk"))


@given(st.text(max_size=40))
def test_any_text_is_read_and_reading_again_changes_nothing_known(text: str) -> None:
    speller = Speller(Known(HELD, ASKED, stem))
    first = speller.read(text)
    if not first.unknown:
        assert first.text == text
    assert speller.read(first.text).text == first.text


def test_words_are_counted_once_a_text() -> None:
    assert count_words(["Milk milk", "oat milk"]) == {"milk": 2, "oat": 1}
