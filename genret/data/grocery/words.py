"""How labels and shoppers word claims, sizes, varieties and phrases. Data and small text functions."""

from __future__ import annotations

import re
from typing import NamedTuple


class Diet(NamedTuple):
    """A dietary or similar claim. `hard`: a shopper who asks for it accepts nothing without it."""

    name: str
    hard: bool
    chance: float
    """How often a product that may carry it does."""
    label: tuple[str, ...]
    """How packages say it."""
    asked: tuple[str, ...]
    """How shoppers say it; `{}` stands for the thing, else the words go before it."""


DIETS: dict[str, Diet] = {
    "o": Diet("organic", False, 0.16, ("Organic", "Certified Organic", "Org", "Bio"), ("organic", "organic", "bio")),
    "g": Diet(
        "gluten free",
        True,
        0.13,
        ("Gluten Free", "GF", "No Gluten"),
        ("gluten free", "gf", "gluten free", "{} without wheat", "{} for celiacs", "{} no gluten"),
    ),
    "v": Diet(
        "vegan",
        True,
        0.12,
        ("Vegan", "Plant Based", "Plant-Based"),
        ("vegan", "plant based", "{} no animal products", "dairy free"),
    ),
    "s": Diet(
        "low sodium",
        True,
        0.12,
        ("Low Sodium", "Reduced Sodium", "No Salt Added", "Less Salt"),
        ("low sodium", "no salt added", "{} for high blood pressure", "low salt", "reduced sodium"),
    ),
    "k": Diet(
        "keto",
        True,
        0.08,
        ("Keto", "Low Carb", "Keto Friendly", "Net Carb Smart"),
        ("keto", "low carb", "{} for keto diet", "keto friendly"),
    ),
    "z": Diet(
        "sugar free",
        True,
        0.13,
        ("Zero Sugar", "Sugar Free", "No Sugar Added", "Diet", "Unsweetened"),
        ("sugar free", "no sugar", "diet", "zero sugar", "{} for diabetics", "unsweetened"),
    ),
    "f": Diet("low fat", False, 0.12, ("Low Fat", "Fat Free", "Light", "Lite"), ("low fat", "light", "nonfat", "lite")),
    "l": Diet(
        "lactose free",
        True,
        0.1,
        ("Lactose Free", "Lactose-Free"),
        ("lactose free", "{} without lactose", "{} for lactose intolerance", "lactose free"),
    ),
    "n": Diet(
        "nut free",
        True,
        0.1,
        ("Nut Free", "Made in a Nut Free Facility", "School Safe"),
        ("nut free", "peanut free", "{} safe for nut allergy", "allergy friendly"),
    ),
    "w": Diet(
        "whole grain", False, 0.14, ("Whole Grain", "100% Whole Wheat", "Wholegrain"), ("whole grain", "wholemeal")
    ),
    "p": Diet("high protein", False, 0.12, ("High Protein", "Protein Packed", "Protein"), ("high protein", "protein")),
    "d": Diet(
        "caffeine free",
        True,
        0.14,
        ("Decaf", "Caffeine Free", "Decaffeinated"),
        ("decaf", "caffeine free", "{} without caffeine"),
    ),
    "m": Diet("non gmo", False, 0.12, ("Non-GMO", "Non GMO Project"), ("non gmo", "gmo free")),
    "r": Diet("grass fed", False, 0.14, ("Grass Fed", "Pasture Raised"), ("grass fed", "pastured")),
    "u": Diet("cage free", False, 0.18, ("Cage Free", "Free Range"), ("cage free", "free range")),
    "x": Diet(
        "fragrance free",
        True,
        0.16,
        ("Unscented", "Fragrance Free", "Free & Clear"),
        ("unscented", "fragrance free", "{} no perfume", "scent free"),
    ),
    "a": Diet(
        "hypoallergenic",
        True,
        0.13,
        ("Hypoallergenic", "Sensitive Skin", "Dermatologist Tested"),
        ("hypoallergenic", "{} for sensitive skin", "gentle"),
    ),
    "e": Diet(
        "eco", False, 0.14, ("Plant-Based Formula", "Eco", "Earth Friendly"), ("eco friendly", "natural", "green")
    ),
    "c": Diet("cruelty free", False, 0.12, ("Cruelty Free", "Not Tested on Animals"), ("cruelty free",)),
    "y": Diet("dye free", True, 0.12, ("Dye Free", "No Dyes"), ("dye free", "{} without dyes")),
}
BIT = {letter: 1 << row for row, letter in enumerate(DIETS)}
HARD = sum(BIT[letter] for letter, diet in DIETS.items() if diet.hard)

PLAIN = frozenset(("original", "classic", "traditional", "plain", "regular", "real", "no flavor added"))
"""Varieties that labels mostly leave out and that stand in for any other."""

LINES = ("", "Signature", "Kitchen", "Farmstead", "Select", "Family Recipe", "Small Batch", "Heritage", "Reserve",
         "Essentials", "Market", "Simply", "Gold", "Homestyle", "Premium", "Fresh Start")  # fmt: skip
"""Product lines of a brand: words on the package that no shopper asks for."""

SHOPPER_VARIETY = {
    "barbecue": "bbq", "original": "regular", "salt & vinegar": "salt vinegar", "chocolate": "choc",
    "strawberry": "strawbery", "unsalted": "no salt", "fire roasted": "charred", "creamy": "smooth",
    "crunchy": "chunky", "sea salt": "salted", "jalapeno": "spicy", "hot": "spicy", "mild": "not spicy",
    "spicy": "hot", "roasted garlic": "garlicky", "mixed berry": "berry", "original ": "regular",
    "extra creamy": "richer", "no pulp": "pulp free", "some pulp": "with bits", "steamable": "steam in bag",
    "french vanilla": "vanilla", "dark chocolate": "dark choc", "coconut": "coco", "lime": "citrus",
    "thin sliced": "thin cut", "cookies & cream": "cookies and creme", "honey roasted": "honey",
}  # fmt: skip
"""How some shoppers put a variety."""

LARGEST = ("family size", "bulk", "value pack", "party size", "big")
SMALLEST = ("small", "single serve", "travel size", "mini")

ABBREVIATIONS = {
    "organic": "Org", "chocolate": "Choc", "chicken": "Chkn", "strawberry": "Strwbry", "whole": "Whl", "wheat": "Wht",
    "vegetable": "Veg", "original": "Orig", "with": "w/", "cheese": "Chs", "sauce": "Sce", "cream": "Crm",
    "vanilla": "Van", "natural": "Ntrl", "unsalted": "Unslt", "sweet": "Swt", "sandwich": "Sndwch", "frozen": "Fzn",
    "large": "Lg", "small": "Sm", "butter": "Btr", "peanut": "Pnt", "yogurt": "Ygrt", "garlic": "Grlc",
    "roasted": "Rstd",
}  # fmt: skip

FOOD_LINES = (
    "Made with simple ingredients you can pronounce.",
    "A pantry favorite that the whole family will love.",
    "Ready in minutes on busy weeknights.",
    "Our recipe has been handed down for three generations.",
    "No artificial colors, flavors or preservatives.",
    "Refrigerate after opening. Best if used within seven days.",
    "Sourced from growers we know by name.",
    "Rich, balanced and full of flavor.",
    "Resealable packaging keeps it fresh.",
    "A good source of fiber and an easy way to feel good about what you eat.",
    "Store in a cool, dry place.",
    "Kosher certified. Packed in the USA.",
)
HOME_LINES = (
    "Trusted by families for over fifty years.",
    "Gentle enough for everyday use.",
    "Keep out of reach of children.",
    "Works the first time, every time.",
    "Recyclable packaging made with less plastic.",
    "Read the label before use.",
    "Made for busy homes.",
    "Compare to the leading brand and save.",
)
BOILERPLATE = (
    "Satisfaction guaranteed or your money back.",
    "Product image is for illustration only. Packaging may vary.",
    "Please see label for ingredients and allergen information.",
    "We are committed to quality and value since 1954.",
    "Prices and availability may vary by store.",
    "See package for details.",
)
COMPLEMENT_LINES = ("Great with {}.", "Pairs well with {}.", "Delicious next to {}.", "Don't forget the {}.")
CONFUSION_LINES = (
    "Tired of {}? Try this instead.",
    "For fans of {}.",
    "Goes with {}, {} and more.",
    "Not to be confused with {}.",
    "From the makers of our famous {}.",
)

_VOWELS = re.compile(r"(?<=\w)[aeiou](?=\w)")
_WORD = re.compile(r"[a-z0-9%]+")


def normalise(text: str) -> str:
    """The text as two queries are compared: lower case, alphanumeric words, single spaces."""
    return " ".join(_WORD.findall(text.lower().replace("'", "")))


def title_case(text: str) -> str:
    """`mac and cheese` -> `Mac and Cheese`."""
    small = ("and", "with", "in", "of", "for", "the", "to", "a", "de")
    words = text.split(" ")
    return " ".join(
        word if (row and word in small) or not word[:1].islower() else word[0].upper() + word[1:]
        for row, word in enumerate(words)
    )


def shorten(text: str) -> str:
    """A shelf-label abbreviation: `Marinara Sauce` -> `Mrnra Sce`."""
    return " ".join(
        ABBREVIATIONS.get(word.lower()) or (_VOWELS.sub("", word) if len(word) > 4 else word)
        for word in text.split(" ")
    )


def compact_size(size: str) -> str:
    """`24 oz` -> `24oz`."""
    return (
        size.replace(" fl oz", "oz").replace(" oz", "oz").replace(" lb", "lb").replace(" ct", "ct").replace(" pk", "pk")
    )


def long_size(size: str) -> str:
    """`24 oz` -> `24 Ounce`."""
    size = size.replace("fl oz", "Fluid Ounce").replace("oz", "Ounce").replace("lb", "Pound")
    return size.replace("ct", "Count").replace(" pk", " Pack").replace("gal", "Gallon").replace("qt", "Quart")
