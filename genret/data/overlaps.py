"""Where what is tested was seen before: one text in train and test, and queries that are products.

A query of train whose text dev or test ask as well is a leak: `leaks` finds them, `without_leaks` drops them. Where
queries are documents of the collection (as in ArguAna), finding a query's own document is no answer: it is left out of
every system's list, as BEIR's evaluator does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from genret.data.judged import same_text
from genret.data.records import Catalogue, Dataset
from genret.ground.types import SPLITS, Judgement, Query, Split


def leaks(queries: Mapping[Split, Sequence[Query]]) -> dict[Split, list[Query]]:
    """The queries of train whose text dev or test ask too, and those of dev whose text test asks; letter case aside."""
    seen: set[str] = set()
    found: dict[Split, list[Query]] = {}
    for split in reversed(SPLITS):
        found[split] = [query for query in queries.get(split, ()) if same_text(query.text) in seen]
        seen.update(same_text(query.text) for query in queries.get(split, ()))
    return {split: found[split] for split in SPLITS if found[split]}


def without_leaks(dataset: Dataset) -> Dataset:
    """The data set without its `leaks` and the judgements on them: what is tested stays."""
    gone = {query.id for queries in leaks(dataset.queries).values() for query in queries}
    if not gone:
        return dataset
    queries = {split: [q for q in asked if q.id not in gone] for split, asked in dataset.queries.items()}
    return replace(dataset, queries=queries, judgements=[j for j in dataset.judgements if j.query_id not in gone])


def trained_on(dataset: Dataset, queries: Iterable[Query]) -> list[Query]:
    """Those of `queries` whose text is that of a query of the data set's train split."""
    trained = {same_text(query.text) for query in dataset.queries.get("train", ())}
    return [query for query in queries if same_text(query.text) in trained]


def queries_are_products(queries: Iterable[Query], catalogue: Catalogue) -> bool:
    """Whether the queries that have a product's id, of which there is one at least, have that product's text too.

    Ids alone don't say: a log and a catalogue that are both numbered from 1 have nothing to do with each other.
    """
    shared = [query for query in queries if catalogue.has(query.id)]
    return bool(shared) and all(_is_text_of(query, catalogue) for query in shared)


def without_own(judgements: Iterable[Judgement]) -> list[Judgement]:
    """The judgements less those of a query's own document."""
    return [judgement for judgement in judgements if judgement.query_id != judgement.product_id]


def _is_text_of(query: Query, catalogue: Catalogue) -> bool:
    product = catalogue[catalogue.row(query.id)]
    texts = (product.title, product.description, f"{product.title} {product.description}")
    return same_text(query.text) in map(same_text, texts)
