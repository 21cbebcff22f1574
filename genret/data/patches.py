"""A file of product patches: an id and some fields per row, and nothing of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genret.data.columns import PRODUCT_ALIASES, Columns, Plan
from genret.data.files import _FIELDS as FIELDS
from genret.data.rows import open_table
from genret.data.validate import BadField, BadRows, OnBadRow
from genret.ground.errors import GenretError
from genret.ground.types import Product


def read_patches(
    path: str | Path,
    fields: Sequence[str],
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    on_bad_row: OnBadRow = "error",
    rejects: str | Path | None = None,
) -> dict[str, dict[str, Any]]:
    """Product id -> field -> its new value, for the fields that the product's row has; only `fields` may be there.

    A null, or an empty cell of a CSV file, is a value too: what `Product` has by default. Raises as `read_catalogue`.
    """
    bad = BadRows(on_bad_row, rejects)
    table = open_table(path, bad, format)
    assign = Columns(PRODUCT_ALIASES, columns)
    assign.check(table.file, table.columns, ("id",))
    found: dict[str, dict[str, Any]] = {}
    for row in table.rows:
        plan = assign.plan(row.values)
        _check(table.file, plan, fields)
        try:
            one = FIELDS["id"]("id", row.values.get(plan.fields.get("id", "id")), True)
            if not one or one in found:
                raise BadField("id", one, "an id of its own" if one else "an id")
            found[one] = _patch(row.values, plan, fields)
        except BadField as problem:
            bad.reject(row.place, problem)
    bad.check_any_left(table.file, len(found))
    return found


def _patch(values: Mapping[str, Any], plan: Plan, fields: Sequence[str]) -> dict[str, Any]:
    found = {}
    for field, column in plan.fields.items():
        if field in fields:
            value = values[column]
            read = None if value is None else FIELDS[field](field, value, True)
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
