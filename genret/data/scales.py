"""How each public set writes and grades its judgements: one `Scale` per format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from genret.data.files import Adapt, JudgementRow, judgement_rows
from genret.data.judged import Judged
from genret.data.records import Catalogue, Dataset
from genret.data.rows import Format, Layout
from genret.data.validate import BadRows


@dataclass(frozen=True)
class Scale:
    """The judgement files of one data set: their format, columns and grades, and which grades count."""

    relevant_at: float
    irrelevant_grade: float = 0.0
    format: Format | None = None
    """None: what the file's extension says."""
    columns: Mapping[str, str] = field(default_factory=dict)
    grades: Mapping[str, float] | None = None
    """Label -> grade where the file grades in words."""
    strict: bool = True
    """As of a `Layout`."""


ESCI_GRADES = {
    "e": 3.0,
    "s": 2.0,
    "c": 1.0,
    "i": 0.0,
    "exact": 3.0,
    "substitute": 2.0,
    "complement": 1.0,
    "irrelevant": 0.0,
}

SCALES: Mapping[str, Scale] = {
    # 1 irrelevant, 2 partly relevant, 3 perfect, averaged over raters: from 2.67 two of three said perfect.
    "homedepot": Scale(
        2.67,
        1.0,
        "csv",
        {"query": "search_term", "product_id": "product_uid", "grade": "relevance"},
    ),
    # 0 to 3; 2 and 3 are what a shopper would click.
    "chorus": Scale(2.0, 0.0, "csv", {"query": "query", "product_id": "docid", "grade": "rating"}),
    # Only Exact is what was asked for; a Substitute still has gain in nDCG.
    "esci": Scale(
        3.0,
        0.0,
        None,
        {"query_id": "query_id", "query": "query", "product_id": "product_id", "grade": "esci_label"},
        ESCI_GRADES,
    ),
    # Likewise Exact; Partial has gain. Quoted as pandas writes and reads it.
    "wands": Scale(
        2.0,
        0.0,
        "tsv",
        {"query_id": "query_id", "product_id": "product_id", "grade": "label"},
        {"exact": 2.0, "partial": 1.0, "irrelevant": 0.0},
        strict=False,
    ),
    "beir": Scale(1.0, 0.0, "tsv", {"query_id": "query-id", "product_id": "corpus-id", "grade": "score"}),
}


def judged_dataset(
    name: str, catalogue: Catalogue, judged: Judged, substitutes: Sequence[tuple[str, str]] = ()
) -> Dataset:
    """The data set of that name, its judgements on its own scale."""
    scale = SCALES[name]
    grading = scale.relevant_at, scale.irrelevant_grade
    return Dataset(name, catalogue, judged.queries, judged.judgements, *grading, substitutes)


def read_scale(
    path: str | Path,
    scale: Scale,
    bad: BadRows,
    columns: Mapping[str, str] | None = None,
    adapt: Adapt | None = None,
    layout: Layout | None = None,
) -> list[JudgementRow]:
    """The judgement rows of a file written on `scale`; `columns` goes before the scale's own."""
    columns = {**scale.columns, **(columns or {})}
    return judgement_rows(
        path,
        bad,
        format=scale.format,
        columns=columns,
        grades=scale.grades,
        adapt=adapt,
        layout=replace(layout or Layout(), strict=scale.strict),
    )
