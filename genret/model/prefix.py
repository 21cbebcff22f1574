"""What the decoder knows of the catalogue: which codes follow which prefix.

Without it a decoder must learn by heart that after (17, 203) only 4 and 91 occur, and until it has, its noise about the
last levels drowns what it knows about the query. `Prefixes` holds the prefixes. `PrefixTable` states them outright: to
the logits of a level it adds the log-probability of each code under a smoothed distribution over the prefix's children,
which have as much of it as they have products, and the inner product of the decoder's state with a learnt vector of the
child. An unknown prefix, or a new child of a known one, is not forbidden: it backs off to how common the code is at its
level. What a prefix is worth beyond its own vector is in `values.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from genret.ground.arrays import Ints
from genret.ground.errors import GenretError
from genret.search.trie import Trie

UNKNOWN = -1


class Prefixes(nn.Module):
    """The distinct prefixes ("nodes") of a catalogue's IDs, numbered in ID order at each depth; node 0 is the root.

    `counts` are the numbers of nodes at depth 1 to L.
    """

    def __init__(self, codebook_sizes: Sequence[int], counts: Sequence[int], backoff: float) -> None:
        super().__init__()
        if len(counts) != len(codebook_sizes):
            raise GenretError(f"{len(counts)} node counts for {len(codebook_sizes)} levels; expected one per level")
        self.sizes, self.backoff, self.levels = tuple(codebook_sizes), backoff, len(codebook_sizes)
        for level, (size, parents, nodes) in enumerate(zip(self.sizes, (1, *counts[:-1]), counts, strict=True)):
            # A node's key is (parent, code) as one number; keys are sorted, so a parent's children are a range of them.
            self.register_buffer(f"keys{level}", torch.zeros(nodes, dtype=torch.int64))
            self.register_buffer(f"starts{level}", torch.zeros(parents + 1, dtype=torch.int64))
            self.register_buffer(f"share{level}", torch.full((size,), 1 / size))

    @staticmethod
    def counts(codes: Tensor) -> tuple[int, ...]:
        """(N, L) codes -> the number of distinct prefixes of each length 1 to L."""
        found, node = [], codes.new_zeros(len(codes))
        for column in codes.T:
            size = int(column.max()) + 1 if len(column) else 1
            keys, node = torch.unique(node * size + column, return_inverse=True)
            found.append(len(keys))
        return tuple(found)

    @torch.no_grad()
    def fill(self, codes: Tensor) -> None:
        """Set the nodes from (N, L) codes; their numbers must be those that this was made for."""
        parent = torch.zeros(len(codes), dtype=torch.int64)
        for level, size in enumerate(self.sizes):
            keys, node, products = torch.unique(
                parent * size + codes[:, level], return_inverse=True, return_counts=True
            )
            if len(keys) != len(self._keys(level)):
                raise GenretError(
                    f"level {level + 1}: {len(keys)} prefixes, but the model was made for {len(self._keys(level))}"
                )
            starts = self._starts(level)
            self._keys(level).copy_(keys)
            starts.copy_(torch.searchsorted(keys, torch.arange(len(starts)) * size))
            share = torch.bincount(codes[:, level], minlength=size) + 0.5  # no code is impossible
            self._share(level).copy_(share / share.sum())
            self._filled(level, products)
            parent = node

    def lay_out(self, trie: Trie) -> None:
        """Set the nodes to those of a trie, whose numbers this was made for."""
        for level, (codes, starts) in enumerate(zip(trie.codes, trie.starts, strict=False)):
            self.lay_out_level(level, codes.astype(np.int64), starts.astype(np.int64))

    def lay_out_level(self, level: int, codes: Ints, starts: Ints) -> None:
        """Set the nodes of a level: (n,) the last code of each, and (parents + 1,) where the children of each begin."""
        parents = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        self._keys(level).copy_(torch.from_numpy(parents * self.sizes[level] + codes))
        self._starts(level).copy_(torch.from_numpy(starts))

    def with_others(self, codes: Tensor) -> Trie:
        """The trie of these IDs together with (n, L) others."""
        return Trie.build(torch.cat([self.ids(), codes]).cpu().numpy(), self.sizes).trie

    def ids(self, depth: int | None = None) -> Tensor:
        """(n, L) every ID that is known, in order; or (n, depth) every prefix of so many codes."""
        paths = torch.zeros((1, 0), dtype=torch.int64, device=self._keys(0).device)
        for level, size in enumerate(self.sizes[:depth]):
            keys = self._keys(level)
            paths = torch.cat([paths[keys // size], (keys % size)[:, None]], dim=1)
        return paths

    def find(self, codes: Tensor) -> Tensor:
        """(n,) the node of each of (n, L) whole IDs, UNKNOWN for those that are not known."""
        nodes = torch.zeros(len(codes), dtype=torch.int64, device=codes.device)
        for level in range(codes.shape[1]):
            nodes = self.child(level, nodes, codes[:, level])
        return nodes

    def knows(self, codes: Tensor) -> Tensor:
        """(n,) whether each of (n, l) prefixes is known."""
        return self.find(codes) != UNKNOWN

    def child(self, level: int, nodes: Tensor, codes: Tensor) -> Tensor:
        """The node that `codes` of `level` lead to from `nodes` (of the same shape), UNKNOWN where there is none."""
        keys, wanted = self._keys(level), nodes * self.sizes[level] + codes
        place = torch.searchsorted(keys, wanted).clamp_max(len(keys) - 1)
        return torch.where((keys[place] == wanted) & (nodes >= 0), place, UNKNOWN)

    def _filled(self, level: int, products: Tensor) -> None:
        """Called by `fill` when a level is set: (n,) products below each of its nodes."""

    def _children(self, level: int, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """The children of some nodes (R,), ascending, row after row, and where each row's begin (R + 1,)."""
        known = nodes.clamp_min(0)
        first = self._begins(level, known)
        count = torch.where(nodes >= 0, self._begins(level, known + 1) - first, 0)
        return ranges(first, count)

    def _begins(self, level: int, nodes: Tensor) -> Tensor:
        """Where the children of some nodes (R,) begin."""
        return self._starts(level)[nodes]

    def _codes(self, level: int, children: Tensor) -> Tensor:
        """The last codes of some children (C,)."""
        return self._keys(level)[children] % self.sizes[level]

    def _keys(self, level: int) -> Tensor:
        return self.get_buffer(f"keys{level}")

    def _starts(self, level: int) -> Tensor:
        return self.get_buffer(f"starts{level}")

    def _share(self, level: int) -> Tensor:
        """How common each code is at its level."""
        return self.get_buffer(f"share{level}")


class PrefixTable(Prefixes):
    """Prefixes with a weight each and, below the first level, a vector.

    `width` of the children's vectors, 0 for none. The root's children have no vectors, since the first level's head has
    one for each of them, and nor have those of the last level, which are nearly all only children.
    """

    def __init__(self, codebook_sizes: Sequence[int], counts: Sequence[int], width: int, backoff: float) -> None:
        super().__init__(codebook_sizes, counts, backoff)
        for level, nodes in enumerate(counts):
            self.register_buffer(f"weight{level}", torch.ones(nodes))
        with_vectors = range(1, self.levels - 1) if width else range(0)
        self.vectors = nn.ModuleDict({str(level): nn.Embedding(counts[level], width) for level in with_vectors})

    def _filled(self, level: int, products: Tensor) -> None:
        children, parents = self._starts(level).diff(), self._keys(level) // self.sizes[level]
        below = torch.zeros(len(children)).index_add_(0, parents, products.float())
        self._weight(level).copy_(products * (children / below)[parents])

    @torch.no_grad()
    def start_from(self, vectors: Sequence[Tensor]) -> None:
        """Set the children's vectors from (n, width) of the nodes of each level, in ID order; see `__init__`."""
        for level, own in self.vectors.items():
            own.get_parameter("weight").copy_(vectors[int(level)])

    @torch.no_grad()
    def extended(self, codes: Tensor) -> PrefixTable:
        """This table with the prefixes of further IDs, (n, L) codes, as of products that came after training.

        What is known keeps its weight and its vector; a new node weighs as much as its siblings do on average, and has
        the mean of their vectors, so that nothing but its codes speaks for it or against it. The table itself where
        it knows all of them.
        """
        codes = codes.to(self._keys(0).device)
        codes = codes[~self.knows(codes)]
        if not len(codes):
            return self
        trie = self.with_others(codes)
        width = next((own.get_parameter("weight").shape[1] for own in self.vectors.values()), 0)
        counts = [trie.num_nodes(depth + 1) for depth in range(self.levels)]
        table = PrefixTable(self.sizes, counts, width, self.backoff)
        table.lay_out(trie)
        table.to(codes.device)
        place = torch.zeros(1, dtype=torch.int64, device=codes.device)  # of the old nodes among the new
        for level, size in enumerate(self.sizes):
            keys, above = self._keys(level), place
            place = table.child(level, above[keys // size], keys % size)
            table._weight(level).fill_(1.0)[place] = self._weight(level)
            table._share(level).copy_(self._share(level))
            if str(level) in self.vectors:
                old = self.vectors[str(level)].get_parameter("weight")
                parents = len(table._starts(level)) - 1
                sums = old.new_zeros(parents, old.shape[1]).index_add_(0, above[keys // size], old)
                known = torch.bincount(above[keys // size], minlength=parents).clamp_min(1)
                means = sums / known[:, None]
                table.vectors[str(level)].get_parameter("weight").copy_(means[table._keys(level) // size])[place] = old
        return table.eval().requires_grad_(False)

    def add(self, level: int, logits: Tensor, states: Tensor, nodes: Tensor) -> Tensor:
        """(R, K_level) float32: logits (R, K_level) of the children of `nodes` (R,) with what the table adds to them.

        `states` (R, width). In float32 whatever the logits and states are: under autocast the two differ, and bf16
        keeps only eight bits of a logit.
        """
        share = self._share(level)
        starts, children = self._children(level, nodes)
        codes = self._codes(level, children)
        # Up to a constant per row, which no softmax sees: log(backoff * share) for any code, and
        # log(weight + backoff * share) for a child.
        gain = torch.log1p(self._weight(level)[children] / (self.backoff * share)[codes])
        if str(level) in self.vectors:
            vectors = self.vectors[str(level)].get_parameter("weight").float()
            gain = gain + products(starts, children, states.float(), vectors)
        rows = torch.repeat_interleave(torch.arange(len(nodes), device=nodes.device), starts.diff())
        prior = torch.log(self.backoff * share)
        return (logits.float() + prior).index_put((rows, codes), gain.float(), accumulate=True)

    def _weight(self, level: int) -> Tensor:
        """Each node's share of its parent's products, times the number of the parent's children: 1 on average."""
        return self.get_buffer(f"weight{level}")


def ranges(first: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers first[r], first[r] + 1, ... of each of R ranges, one after the other, and their (R + 1,) starts."""
    starts = torch.cat([count.new_zeros(1), count.cumsum(0)])
    shift = torch.repeat_interleave(first - starts[:-1], count)
    return starts, torch.arange(len(shift), device=first.device) + shift


def products(starts: Tensor, columns: Tensor, states: Tensor, vectors: Tensor) -> Tensor:
    """<states[row], vectors[column]> for the columns of each row, as a sparse product: nothing is gathered.

    (R + 1,) starts of the rows' (M,) ascending columns, states (R, d), vectors (n, d) -> (M,). Gathering both sides
    instead moves 2 M d numbers and takes a hundred times as long.
    """
    # Under autocast the operands would become bf16, which the sparse kernels of a CPU don't multiply.
    with torch.autocast(states.device.type, enabled=False), warnings.catch_warnings():
        # "Sparse CSR tensor support is in beta", and of torch 2.11 "Sparse invariant checks are implicitly disabled"
        warnings.filterwarnings("ignore", message="Sparse (CSR|invariant checks)")
        wanted = torch.sparse_csr_tensor(
            starts, columns, states.new_zeros(len(columns)), (len(states), len(vectors)), check_invariants=False
        )
        found: Tensor = torch.sparse.sampled_addmm(wanted, states, vectors.t(), beta=0.0).values()
    return found
