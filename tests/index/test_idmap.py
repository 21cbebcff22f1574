"""The durable map between semantic IDs and products."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.ground.errors import GenretError
from genret.index.idmap import IdMap

IDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@settings(max_examples=30, deadline=None)
@given(rows=st.dictionaries(IDS, st.tuples(*[st.integers(0, 65_535)] * 3), max_size=20))
def test_the_durable_map_goes_both_ways(
    rows: dict[str, tuple[int, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("map")
    IdMap.build(list(rows), np.array(list(rows.values()), np.int64).reshape(-1, 3)).save(folder)
    found = IdMap.open(folder, 3)
    assert len(found) == len(rows)
    for one, codes in rows.items():
        assert found.semantic_id(one) == codes
        assert found.products(codes) == sorted(other for other, theirs in rows.items() if theirs == codes)
    assert found.products((1, 2, 65_535)) == sorted(one for one, codes in rows.items() if codes == (1, 2, 65_535))
    with pytest.raises(GenretError, match="no product"):
        found.semantic_id("no such product")
    with pytest.raises(GenretError, match="NUL"):
        IdMap.build(["a\0"], np.zeros((1, 3), int))


@pytest.mark.parametrize("asked", ["\0", "p1\0", "\0p1", "\ud800", ""])
def test_an_id_that_no_product_can_have_is_nobodys(asked: str) -> None:
    idmap = IdMap.build(["p1", "p2"], np.array([[1, 2], [3, 4]]))
    assert idmap.find(asked) is None
    assert asked not in idmap
    assert "p1" in idmap
