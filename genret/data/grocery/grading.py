"""Grades from the latent truth: Exact 3, Substitute 2, Complement 1, Irrelevant 0.

Exact: a wanted concept, and every constraint met. Substitute: a wanted or interchangeable concept that meets the hard
claims (a shopper who asks for gluten free takes nothing else) but misses brand, variety, form, size or a soft claim.
Complement: a leaf that is bought in one basket with the wanted one. Irrelevant: all else, the wanted thing without a
hard claim included.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import numpy as np

from genret.data.grocery.intents import Intent
from genret.data.grocery.shelf import Shelf
from genret.data.grocery.taxonomy import Lexicon
from genret.ground.arrays import Ints

EXACT, SUBSTITUTE, COMPLEMENT, IRRELEVANT = 3.0, 2.0, 1.0, 0.0


class Verdict(NamedTuple):
    """Rows of the shelf by grade; `unfit` are wanted or interchangeable goods that miss a hard claim."""

    exact: Ints
    substitute: Ints
    unfit: Ints


def complements_of(lexicon: Lexicon) -> list[tuple[int, ...]]:
    """For each leaf, the leaves bought in one basket with it that offer no substitute for its goods."""
    partners: list[set[int]] = [set() for _ in lexicon.leaves]
    for _, leaves in lexicon.baskets:
        for leaf in leaves:
            partners[leaf].update(leaves)
    swappable = [
        {row} | {lexicon.concepts[other].leaf for concept in leaf.concepts for other in lexicon.swaps[concept]}
        for row, leaf in enumerate(lexicon.leaves)
    ]
    return [tuple(sorted(found - swappable[row])) for row, found in enumerate(partners)]


def judge(shelf: Shelf, intent: Intent) -> Verdict:
    """Every Exact and every Substitute of the intent, and the goods that a hard claim rules out."""
    wanted = shelf.rows_of(intent.concepts)
    allowed = (shelf.diets[wanted] & intent.hard) == intent.hard
    meets = allowed & _meets(shelf, intent, wanted)
    swaps = {other for row in intent.concepts for other in shelf.lexicon.swaps[row]} - set(intent.concepts)
    others = shelf.rows_of(swaps)
    fit = (shelf.diets[others] & intent.hard) == intent.hard
    return Verdict(
        wanted[meets],
        np.concatenate([wanted[allowed & ~meets], others[fit]]),
        np.concatenate([wanted[~allowed], others[~fit]]),
    )


def sample(rows: Ints, count: int, rng: Random) -> Ints:
    """`count` of the rows at random, ascending; all of them if there are no more."""
    if len(rows) <= count:
        return rows
    return rows[sorted(rng.sample(range(len(rows)), count))]


def _meets(shelf: Shelf, intent: Intent, rows: Ints) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    met = (shelf.diets[rows] & intent.soft) == intent.soft
    if intent.family >= 0:
        met &= shelf.family[rows] == intent.family
    if intent.size >= 0:
        met &= shelf.size[rows] == intent.size
    if intent.size_end:
        met &= shelf.size_end[rows] == intent.size_end
    for word, column in ((intent.brand, shelf.brand), (intent.variety, shelf.variety), (intent.form, shelf.form)):
        if word:
            met &= column[rows] == shelf.words[word]
    return met
