"""Products that came after training: the model's table of prefixes grows with the index, and they can be found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from genret.data.product_text import product_text
from genret.ground.types import Product
from genret.model.prefix import PrefixTable
from genret.pipeline.growth import Growth
from genret.pipeline.retriever import Retriever
from genret.tokenizer import load_tokenizer

SIZES = (4, 4, 4)


def table(codes: torch.Tensor, width: int = 5) -> PrefixTable:
    """A table with random vectors."""
    made = PrefixTable(SIZES, PrefixTable.counts(codes), width, 0.1)
    made.fill(codes)
    for own in made.vectors.values():
        torch.nn.init.normal_(own.get_parameter("weight"), generator=torch.Generator().manual_seed(0))
    return made


def logits(made: PrefixTable, path: list[int], states: torch.Tensor) -> torch.Tensor:
    """(K,) log-probabilities of the codes that follow a path."""
    node = torch.zeros(1, dtype=torch.int64)
    for level, code in enumerate(path):
        node = made.child(level, node, torch.tensor([code]))
    return made.add(len(path), torch.zeros(1, 4), states, node).log_softmax(-1)[0]


def test_a_table_knows_its_ids_and_no_others() -> None:
    codes = torch.tensor([[0, 1, 2], [0, 1, 3], [2, 0, 0]])
    made = table(codes)
    assert made.ids().tolist() == codes.tolist()
    assert made.knows(torch.tensor([[0, 1, 2], [0, 1, 1], [3, 0, 0]])).tolist() == [True, False, False]
    assert made.extended(codes) is made


def test_what_is_known_keeps_its_place_and_new_ones_stand_beside_it() -> None:
    codes = torch.tensor([[0, 1, 2], [0, 1, 3], [0, 2, 0], [2, 0, 0]])
    made, states = table(codes), torch.ones(1, 5)
    grown = made.extended(torch.tensor([[0, 0, 1], [1, 3, 3], [0, 1, 2]]))
    assert grown.knows(torch.tensor([[0, 0, 1], [1, 3, 3], [0, 1, 2], [2, 0, 0]])).all()
    for path in ([0, 1], [0, 2], [2, 0], [2]):  # nothing came there
        assert torch.equal(logits(made, path, states), logits(grown, path, states))
    before, after = logits(made, [0], states), logits(grown, [0], states)
    assert torch.allclose(before[1] - before[2], after[1] - after[2], atol=1e-6)
    assert after[0] > before[0]
    siblings = made.vectors["1"].get_parameter("weight")[:2].mean(0)
    assert torch.allclose(grown.vectors["1"].get_parameter("weight")[0], siblings)
    assert logits(grown, [1, 3], states).argmax() == 3


def test_inserted_products_are_found_and_still_are_after_compaction(run_copy: Path) -> None:
    retriever = Retriever.load(run_copy)
    tokenizer, codes, _ = load_tokenizer(run_copy / "tokenizer")
    known = set(map(tuple, codes.tolist()))
    old = retriever.search("milk", k=1).hits[0].product
    product = old._replace(id="new", title="Zanzibar Clove Milk Punch")
    vector = retriever.embedder.encode_products([product_text(product, ("title", "brand", "category", "description"))])
    code = tokenizer.encode(vector)
    level = next(last for last in range(16) if (*code[0, :-1].tolist(), last) not in known)
    code[0, -1] = level  # an ID that the model never saw
    before = retriever.search(product.title, k=50, beam_width=50)
    retriever.index.insert([product], code, vector)
    found = retriever.search(product.title, k=50, beam_width=50)
    ranks = [hit.rank for hit in found.hits if hit.product.id == "new"]
    assert ranks
    retriever.index.compact()
    again = retriever.search(product.title, k=50, beam_width=50)
    assert [hit.rank for hit in again.hits if hit.product.id == "new"] == ranks
    retriever.index.delete(["new"])
    gone = retriever.search(product.title, k=50, beam_width=50)
    assert "new" not in {hit.product.id for hit in gone.hits}
    assert len(before.hits) == len(gone.hits)


def test_growing_with_the_index_change_by_change_is_growing_at_once(run_copy: Path) -> None:
    """Products come at unknown and at known IDs, change, move, go, and are compacted."""
    rng, index = np.random.default_rng(0), Retriever.load(run_copy).index
    own = Retriever.load(run_copy).model.decoder.prefixes
    assert own is not None
    growth, number = Growth(own), 0
    known, width = own.ids().numpy(), index.snapshot().base.shape.width
    for turn in range(12):
        codes = rng.integers(0, own.sizes, (3, own.levels))
        codes[0] = known[rng.integers(len(known))]
        codes[2] = codes[1]
        new = [Product(f"new{number + i}", "new") for i in range(3)]
        vectors = rng.standard_normal((3, width)).astype(np.float32)
        index.insert(new, codes, vectors)
        number += 3
        if turn % 3 == 1:
            index.update([new[0]._replace(price=3.0)])
            index.update([new[1]], codes[:1], vectors[:1])
        if turn % 3 == 2:
            index.delete([new[1].id])
        if turn == 8:
            index.compact()
        found, anew = growth.whole(index.snapshot()), Growth(own).whole(index.snapshot())
        assert found.state_dict().keys() == anew.state_dict().keys()
        for name, tensor in anew.state_dict().items():
            assert torch.equal(found.state_dict()[name], tensor), name
        assert growth.over(index.snapshot()) is growth.over(index.snapshot())
    before = growth.over(index.snapshot())
    index.update([new[2]._replace(price=5.0)])
    assert growth.over(index.snapshot()) is before, "a price is no matter"


@pytest.mark.parametrize("width", [0, 3])
def test_growing_step_by_step_and_at_once_know_the_same(width: int) -> None:
    rng = np.random.default_rng(0)
    first, second, third = (torch.from_numpy(rng.integers(0, 4, (n, 3))) for n in (8, 5, 9))
    made = table(torch.unique(first, dim=0), width)
    assert torch.equal(made.extended(second).extended(third).ids(), made.extended(torch.cat([second, third])).ids())
