"""clean_text: what a catalogue's text should have been."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genret.data.clean import clean_text, repair_mojibake, strip_tags


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("plain text", "plain text"),
        ("Salt &#38; Vinegar", "Salt & Vinegar"),
        ("M&amp;amp;M", "M&M"),
        ("Trader&#39;s", "Trader's"),
        ("Creameryâ„¢", "Creamery™"),
        ("Häagen-Dazs CrÃ¨me BrÃ»lÃ©e", "Häagen-Dazs Crème Brûlée"),
        ("KelloggÂ®", "Kellogg®"),
        ("KelloggÃ‚Â®", "Kellogg®"),  # spoiled twice
        ("JalapeÃ±o Bobâ€™s", "Jalapeño Bob’s"),
        ("  two\t\tspaces \n", "two spaces"),
        ("nul\x00 and bell\x07", "nul and bell"),
        ("cafe\u0301", "café"),
        ("zero\u200bwidth", "zero width"),
    ],
)
def test_cleans(dirty: str, clean: str) -> None:
    assert clean_text(dirty) == clean


@pytest.mark.parametrize(
    "right", ["NESCAFÉ® Gold", "Crème fraîche", "São Tomé", "Zürich â la carte", "日本茶 & ½ kg", "naïve ™"]
)
def test_right_text_stays(right: str) -> None:
    assert clean_text(right) == right


def test_mojibake_beside_text_that_cp1252_cannot_spell() -> None:
    assert repair_mojibake("日本 CafÃ©") == "日本 Café"


@given(st.text("éèçñüöß™’–®€ab "))
def test_text_spoiled_as_a_whole_is_restored(text: str) -> None:
    assert repair_mojibake(text.encode().decode("cp1252")) == text


@given(st.text(st.characters(codec="utf-8", exclude_characters="&")))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once
    assert "  " not in once
    assert once == once.strip()


def test_tags_go_and_a_lone_less_than_stays() -> None:
    assert strip_tags("<b>soft</b><br/>5 < 6<!-- x -->").split() == ["soft", "5", "<", "6"]
