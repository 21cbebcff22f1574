"""Search results as values: a sequence of hits that prints, and goes into other tools."""

from __future__ import annotations

import json

import pytest

from genret.ground.types import Hit, Product, SearchResult

SOUP = Product("p1", "Soup <b>hot</b>", ("Food", "Soups"), "Acme", attributes={"size": "1 l"}, price=1299.5)
TEA = Product("p2", "Tea", price=None)
RESULT = SearchResult("soup", (Hit(SOUP, -1.25, 1, (1, 2, 3, 4)), Hit(TEA, -2.5, 2, (1, 2, 3, 5))), True)


def test_a_result_is_the_sequence_of_its_hits() -> None:
    assert len(RESULT) == 2
    assert [hit.product.id for hit in RESULT] == ["p1", "p2"]
    assert RESULT[-1].product is TEA
    assert RESULT[:1] == RESULT.hits[:1]
    assert RESULT.hits[0] in RESULT
    assert not SearchResult("nothing", (), False)


def test_its_repr_is_one_short_line() -> None:
    assert repr(RESULT) == "SearchResult('soup': 2 hits, first 'Soup <b>hot</b>', certified)"
    assert repr(SearchResult("x" * 500, (), False)) == f"SearchResult({'x' * 60!r}: 0 hits)"


def test_its_dict_is_json_and_holds_every_field() -> None:
    value = json.loads(json.dumps(RESULT.to_dict()))
    assert value["exact"] is True
    assert value["hits"][0]["title"] == "Soup <b>hot</b>"
    assert value["hits"][0]["semantic_id"] == [1, 2, 3, 4]
    assert set(value["hits"][0]) == {"rank", "score", "semantic_id", *Product._fields}


def test_its_tables_have_a_row_per_hit() -> None:
    table = RESULT.to_arrow()
    assert table.column_names == ["rank", "score", "semantic_id", *Product._fields]
    assert table["price"].to_pylist() == [1299.5, None]
    assert table["attributes"].to_pylist() == [[("size", "1 l")], []]
    assert SearchResult("nothing", (), False).to_arrow().schema == table.schema


def test_its_data_frame_has_a_row_per_hit() -> None:
    pytest.importorskip("pandas", reason="pip install 'genret[pandas]'")
    frame = RESULT.to_pandas()
    assert frame["id"].tolist() == ["p1", "p2"]
    assert frame["score"].tolist() == [-1.25, -2.5]


def test_in_a_notebook_text_of_the_catalogue_is_inert() -> None:
    page = RESULT._repr_html_()
    assert "<b>" not in page
    assert "&lt;b&gt;hot" in page
    assert "1,299.50" in page
    assert SearchResult("<script>", (), False)._repr_html_().count("<script>") == 0
