"""Products that shoppers take together, as pairs of rows: what a tokenizer learns of besides the taxonomy."""

from __future__ import annotations

import itertools
from typing import Literal

import numpy as np
import numpy.typing as npt

from genret.data.records import Dataset
from genret.ground.errors import GenretError

Engagement = Literal["auto", "baskets", "queries"]


def co_engaged(dataset: Dataset, source: Engagement = "auto") -> npt.NDArray[np.int64]:
    """(P, 2) rows of products in one basket, or relevant to one train query; `auto`: baskets where there are any.

    A group's products pair up one after the other, in the order given: a long basket gives about as many pairs as it
    has products, not their square. A GenretError where there is no pair at all.
    """
    row = dataset.catalogue.row
    groups = [[row(product) for product in session] for session in dataset.sessions]
    if source == "queries" or (source == "auto" and not groups):
        relevant: dict[str, list[int]] = {}
        for judgement in dataset.split_judgements("train"):
            if judgement.grade >= dataset.relevant_at:
                relevant.setdefault(judgement.query_id, []).append(row(judgement.product_id))
        groups = list(relevant.values())
    pairs = {tuple(sorted(pair)) for group in groups for pair in itertools.pairwise(group) if pair[0] != pair[1]}
    if not pairs:
        wanted = {"baskets": "baskets", "queries": "train query with two relevant products"}
        raise GenretError(
            f"{dataset.name} has no {wanted.get(source, ' and no '.join(wanted.values()))} to take co-engagement pairs "
            "from; use supervision=taxonomy"
        )
    return np.asarray(sorted(pairs), np.int64)
