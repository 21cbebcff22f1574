"""A known-item test, for runs that nobody has judged: products are asked for by parts of their own titles.

`known_items(dataset)` gives queries and their grading, for `evaluate_run`. It says whether a product can be found at
all. It does not say whether the order is right, and it favours systems that match words, since the words are the
product's own (known-item search: Azzopardi, de Rijke and Balog, SIGIR 2007).
"""

from __future__ import annotations

import numpy as np

from genret.data.records import Dataset
from genret.eval.result import Grading
from genret.ground.errors import GenretError
from genret.ground.settings import check_range
from genret.ground.types import Judgement, Query

NOTE = (
    "known-item test: the run has no judged queries, so products were asked for by parts of their own titles. "
    "It shows whether products can be found, not whether the order is right, and it favours systems that match words; "
    "`genret judge` makes a sheet to grade real queries."
)
QUERIES = 300


def known_items(dataset: Dataset, count: int = QUERIES, seed: int = 0) -> tuple[list[Query], Grading]:
    """`count` queries, each some words of one product's title in their order, and that product as the one right answer.

    Half of a title's words are asked for, at least two where it has two. Titles that several products share are left
    out, since no one of them is the right answer. Raises GenretError where no title is left.
    """
    check_range("count", count, 1)
    titles = [title.lower() for title in dataset.catalogue.table["title"].to_pylist()]
    times: dict[str, int] = {}
    for title in titles:
        times[title] = times.get(title, 0) + 1
    rows = np.asarray([row for row, title in enumerate(titles) if times[title] == 1 and title.split()], np.int64)
    if not len(rows):
        raise GenretError(f"{dataset.name}: no product has a title of its own to be asked by; give judgements")
    rng = np.random.default_rng(seed)
    queries, judgements = [], []
    for row in rng.choice(rows, min(count, len(rows)), replace=False).tolist():
        words = titles[row].split()
        kept = max(min(2, len(words)), len(words) // 2)
        places = sorted(rng.choice(len(words), kept, replace=False).tolist())
        queries.append(Query(f"known-{row}", " ".join(words[place] for place in places), "known item"))
        judgements.append(Judgement(f"known-{row}", dataset.catalogue.ids[row], 1.0))
    return queries, Grading(judgements, 1.0, 0.0)
