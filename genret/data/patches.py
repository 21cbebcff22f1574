"""A file of product patches: an id and some fields per row, and nothing of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genret.data.columns import PRODUCT_ALIASES, Columns, Plan
from genret.data.products import FIELDS, ProductFile
from genret.data.rows import open_table
from genret.data.survey import Looking, Understanding, survey
from genret.data.validate import BadField, BadRows
from genret.data.values import identifier
from genret.ground.errors import GenretError
from genret.ground.types import Product


def read_patches(file: ProductFile, fields: Sequence[str], bad: BadRows) -> dict[str, dict[str, Any]]:
    """Product id -> field -> its new value, for the fields that the product's row has; only `fields` may be there.

    A null, or an empty cell of a CSV file, is a value too: what `Product` has by default. A field that can't be read
    makes a bad row: nothing of it is changed. Raises as `read_catalogue`.
    """
    assign = Columns(PRODUCT_ALIASES, file.columns)
    taken = survey(open_table(file.path, Looking(), file.format, layout=file.layout), assign, file.reading)
    table = open_table(file.path, bad, file.format, layout=file.layout)
    assign.check(table.file, table.columns, ("id",))
    found: dict[str, dict[str, Any]] = {}
    for row in table.rows:
        plan = assign.plan(row.values)
        _check(table.file, plan, fields)
        try:
            one = identifier("id", row.values.get(plan.fields.get("id", "id")))
            if one in found:
                raise BadField("id", one, "an id of its own")
            found[one] = _patch(row.values, plan, fields, taken)
        except BadField as problem:
            bad.reject(row.place, problem)
    bad.check_any_left(table.file, len(found))
    return found


def _patch(values: Mapping[str, Any], plan: Plan, fields: Sequence[str], taken: Understanding) -> dict[str, Any]:
    found = {}
    for field, column in plan.fields.items():
        if field in fields:
            value = values[column]
            read = None if value is None else FIELDS[field](field, value, taken, True)
            found[field] = Product._field_defaults[field] if read is None else read
    return found


def _check(file: str, plan: Plan, fields: Sequence[str]) -> None:
    """Nothing is left out in silence: a GenretError for a column that a patch cannot change."""
    others = [*(plan.fields[name] for name in plan.fields.keys() - {"id", *fields}), *plan.rest]
    if others:
        raise GenretError(
            f"{file}: a patch changes {', '.join(fields)}, and column {others[0]!r} is none of them; leave it out, or "
            "put the whole products without --patch"
        )
    if plan.fields.keys() <= {"id"}:
        raise GenretError(f"{file}: no column that a patch changes; expected one or more of {', '.join(fields)}")
