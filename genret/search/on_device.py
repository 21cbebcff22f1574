"""A beam search whose trie, masks, filter and beams are tensors on the decoder's device: nothing goes to the host and
back at a level. `DeviceTrie(trie, device)` copies a trie there once; `search_on_device` is then `beam.beam_search`.

The CPU has a faster way, which picks the few cells that the trie has (`beam.py`); a GPU rather looks at all of them.
What is proven, the products' ranking and the second pass of an exact search are the same code. Caps on a prefix and
traces are left to `beam.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genret.ground.errors import GenretError
from genret.search.beam import BeamResult, BeamSettings, Decoder, _Beam, _exact, _Floor, _result, _Task, beam_search
from genret.search.pruning import NEVER, Dropped
from genret.search.trie import Allowed, Trie

WORD = 32
NODES_AT_ONCE = 1 << 16
"""Whose masks are laid out as bools together, while they are packed."""


class DeviceTrie:
    """A trie's arrays on a device: for each depth the bit sets of the nodes' children, and where those begin.

    Some 8 + K / 8 bytes per node.
    """

    def __init__(self, trie: Trie, device: torch.device | str) -> None:
        self.trie, self.device = trie, torch.device(device)
        self._bits = torch.arange(WORD, device=self.device, dtype=torch.int32)
        self._words = [self._packed(level) for level in range(trie.levels)]
        starts = [self._starts(depth) for depth in range(trie.levels + 1)]
        self._first = [start[:-1] for start in starts]
        spans = [starts[-1]]  # per depth the positions at which the nodes' products begin, closed by their number
        for start in reversed(starts[:-1]):
            spans.insert(0, spans[0][start])
        self._spans = spans

    def flags(self, allowed: Allowed | None) -> list[Tensor] | None:
        """Per depth (n,) bool: whether an allowed product lies below each node; None where all are allowed."""
        if allowed is None:
            return None
        mask = torch.from_numpy(allowed.mask()).to(self.device)
        before = torch.cat([mask.new_zeros(1, dtype=torch.int64), mask.cumsum(0)])
        return [before[span[1:]] > before[span[:-1]] for span in self._spans]

    def children(self, level: int, nodes: Tensor, flags: list[Tensor] | None) -> tuple[Tensor, Tensor]:
        """(Q, B) nodes, -1 for none -> (Q, B, K) whether each code has a child that is allowed, and its number."""
        known = nodes.clamp_min(0)
        words = self._words[level][known]  # (Q, B, W)
        size = self.trie.codebook_sizes[level]
        mask = ((words.unsqueeze(-1) >> self._bits) & 1).flatten(-2)[..., :size].bool()
        mask &= (nodes >= 0).unsqueeze(-1)
        child = self._first[level][known].unsqueeze(-1) + mask.cumsum(-1) - 1
        if flags is not None:
            mask &= flags[level + 1][child.clamp_min(0)]
        return mask, child

    def _packed(self, level: int) -> Tensor:
        """(n, W) int32: a bit per code that continues a node of depth `level`."""
        count, parts = max(self.trie.num_nodes(level), 1), []
        for first in range(0, count, NODES_AT_ONCE):
            nodes = np.arange(first, min(first + NODES_AT_ONCE, self.trie.num_nodes(level)))
            mask = self.trie.children_mask(level, nodes)  # (n, K)
            padded = np.zeros((len(mask), -(-mask.shape[1] // WORD) * WORD), np.bool_)
            padded[:, : mask.shape[1]] = mask
            parts.append(np.packbits(padded, axis=1, bitorder="little").view("<i4"))
        return torch.from_numpy(np.concatenate(parts)).to(self.device)

    def _starts(self, depth: int) -> Tensor:
        """(n + 1,) int64 where the children of each node begin; below the last level, its products."""
        nodes = np.arange(self.trie.num_nodes(depth))
        if depth == self.trie.levels:
            start, stop = self.trie.product_range(depth, nodes)
            return torch.from_numpy(np.append(start, stop[-1:] if len(stop) else 0)).to(self.device)
        counts = np.bincount(self.trie.children(depth, nodes).rows, minlength=len(nodes))
        return torch.from_numpy(np.append(0, counts.cumsum())).to(self.device)


class _Pass(NamedTuple):
    """The complete IDs of a first pass, and what it dropped on the way."""

    nodes: Tensor  # (Q, W), -1 for none
    scores: Tensor  # (Q, W)
    dropped: Tensor  # (Q, L - 1) the best score that each level but the last dropped
    seen: list[Tensor]  # per level but the last, the candidates' (Q, M) scores
    rows: int


@torch.inference_mode()
def search_on_device(
    decoder: Decoder, tensors: DeviceTrie, settings: BeamSettings | None = None, allowed: Allowed | None = None
) -> BeamResult:
    """What `beam_search` over the same trie finds, by a decoder that lives on the tensors' device."""
    settings, trie = settings or BeamSettings(), tensors.trie
    if settings.max_per_prefix is not None:
        raise GenretError("max_per_prefix is not searched on the device; use beam_search")
    if not trie.num_products:
        return beam_search(decoder, trie, settings, allowed)
    task = _Task(decoder, trie, settings, allowed)
    found = _first_pass(decoder, tensors, settings, tensors.flags(allowed))
    scores = found.scores.cpu().numpy()
    if np.isnan(scores).any():
        raise GenretError("the model's log-probabilities are not numbers (NaN); train it again at a lower rate")
    none = np.full(scores.shape, -1)
    lost = found.dropped.cpu().numpy()
    dropped = [Dropped(lost[:, [level]], none[:, :1]) for level in range(lost.shape[1])]
    beam = _Beam(found.nodes.cpu().numpy(), none, scores, None, None)
    result, full = _result(task, beam, dropped, found.rows, None)
    if not settings.exact or result.proven.all():
        return result
    least = torch.from_numpy(result.scores[:, -1:]).to(found.scores.device)
    need = [(level >= least).sum(1) for level in found.seen]
    most = torch.stack(need).amax(0).cpu().numpy() if need else np.zeros(len(scores), np.int64)
    return _exact(task, result, _Floor(result.scores[:, -1], full, most))


def _first_pass(decoder: Decoder, tensors: DeviceTrie, settings: BeamSettings, flags: list[Tensor] | None) -> _Pass:
    """Level by level the best `beam_width` prefixes, rows in ID order, ties to the lower ID; all on the device."""
    shape, device = (decoder.num_queries, 1), tensors.device
    nodes = torch.zeros(shape, dtype=torch.int64, device=device)
    scores = torch.zeros(shape, device=device)
    codes: Tensor | None = None
    parents: Tensor | None = None
    dropped, seen, rows = [], [], 0
    for level, size in enumerate(tensors.trie.codebook_sizes):
        rows += nodes.shape[1]
        steps = decoder.step(level, codes, parents).to(device)  # (Q, B, K)
        mask, child = tensors.children(level, nodes, flags)
        table = (steps + scores.unsqueeze(-1)).masked_fill(~mask, NEVER).flatten(1)  # (Q, B * K)
        best, place = table.sort(dim=1, descending=True, stable=True)
        if level < tensors.trie.levels - 1:
            rest = best[:, settings.beam_width : settings.beam_width + 1]
            dropped.append(rest if rest.shape[1] else torch.full(shape, NEVER, device=device))
            seen.append(table)
        place = place[:, : settings.beam_width].sort(dim=1).values
        scores = table.gather(1, place)
        nodes = child.flatten(1).gather(1, place).masked_fill(scores == NEVER, -1)
        codes, parents = place % size, place // size
    lost = torch.cat(dropped, 1) if dropped else torch.zeros((shape[0], 0), device=device)
    return _Pass(nodes, scores, lost, seen, rows)
