"""A small transformer that spells semantic IDs, level by level.

Pre-LN decoder layers (self-attention over the levels, cross-attention to the encoded query, feed-forward) with a level
embedding and one head per level. Two ways through the same weights: `CodewordDecoder.forward` for whole paths
(training, `transformers.generate`), and `StepDecoder`, one level at a time for a beam search, in which the beams of a
query share its encoded keys and values.

Letters: R rows, Q queries, B beams, T text length, L levels, K codes of a level, H heads, d model width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genret.ground.errors import GenretError
from genret.model.prefix import Prefixes, PrefixTable
from genret.model.values import PrefixValues, Worth
from genret.search.vocab import START, Vocab

Versions = tuple[tuple[int, int], ...]
"""Where weights lie, and how often each has changed there."""
KeyValue = tuple[Tensor, Tensor]
"""Keys and values, each (R, H, length, d / H)."""


class DecoderLayer(nn.Module):
    """One pre-LN layer; `d_memory` is the width of the encoded query."""

    def __init__(self, d_model: int, heads: int, ffn: int, d_memory: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.self_norm = nn.LayerNorm(d_model)
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.self_out = nn.Linear(d_model, d_model)
        self.cross_norm = nn.LayerNorm(d_model)
        self.cross_query = nn.Linear(d_model, d_model)
        self.cross_kv = nn.Linear(d_memory, 2 * d_model)
        self.cross_out = nn.Linear(d_model, d_model)
        self.ffn_norm = nn.LayerNorm(d_model)
        self.ffn_in = nn.Linear(d_model, ffn)
        self.ffn_out = nn.Linear(ffn, d_model)

    def memory(self, states: Tensor) -> KeyValue:
        """(R, T, d_memory) encoded text -> keys and values (R, H, T, d / H), computed once per query."""
        key, value = self.cross_kv(states).chunk(2, dim=-1)
        return self._split(key), self._split(value)

    def forward(
        self, x: Tensor, memory: KeyValue, memory_mask: Tensor, past: KeyValue | None, causal: Tensor
    ) -> tuple[Tensor, KeyValue]:
        """x (R, l, d) -> (R, l, d), and the keys and values of x's own positions (R, H, l, d / H).

        `memory_mask` (R, 1, 1, T) is added to the cross-attention scores; `causal` (l, past + l) is true where a
        position may look; `past` are the keys and values of the positions before x.
        """
        query, key, value = map(self._split, self.qkv(self.self_norm(x)).chunk(3, dim=-1))  # each (R, H, l, d / H)
        keys, values = (key, value) if past is None else (torch.cat([past[0], key], 2), torch.cat([past[1], value], 2))
        x = x + self._drop(self.self_out(self._merge(F.scaled_dot_product_attention(query, keys, values, causal))))
        return self._cross_and_ffn(x, memory, memory_mask), (key, value)

    def project(self, x: Tensor) -> Tensor:
        """(..., d) -> (..., 3d): queries, keys and values of the self-attention."""
        projected: Tensor = self.qkv(self.self_norm(x))
        return projected

    def step(
        self,
        x: Tensor,
        memory: KeyValue,
        memory_mask: Tensor,
        past: Sequence[Tensor],
        projected: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """One level for all beams: x (Q, B, d) -> (Q, B, d), and its keys beside its values, (Q, B, 2d).

        `past` holds such (Q, B, 2d) tensors of the levels before, reordered to these beams, or (Q, 1, 2d) where all
        the beams of a query share them; `projected` is project(x) where it is known already. With at most eight
        levels, sums of products beat a batched matmul.
        """
        projected = self.project(x) if projected is None else projected
        query, key_value = projected.tensor_split([x.shape[-1]], dim=-1)
        query = query.unflatten(-1, (self.heads, -1)) * (x.shape[-1] // self.heads) ** -0.5  # (Q, B, H, d / H)
        keys_values = [kv.unflatten(-1, (2, self.heads, -1)) for kv in (*past, key_value)]  # (Q, 1 or B, 2, H, d / H)
        scores = torch.stack([(query * kv[..., 0, :, :]).sum(-1) for kv in keys_values], -1)  # (Q, B, H, l)
        weights = scores.softmax(-1).unsqueeze(-1)  # (Q, B, H, l, 1)
        mixed = weights[..., 0, :] * keys_values[0][..., 1, :, :]
        for level in range(1, len(keys_values)):
            mixed = torch.addcmul(mixed, weights[..., level, :], keys_values[level][..., 1, :, :])
        x = x + self.self_out(mixed.flatten(-2))
        return self._cross_and_ffn(x, memory, memory_mask), key_value

    def _cross_and_ffn(self, x: Tensor, memory: KeyValue, memory_mask: Tensor) -> Tensor:
        """x (R, n, d): n positions of a path, or n beams of a query; all of them see the same (R, H, T, d / H)."""
        query = self._split(self.cross_query(self.cross_norm(x)))
        x = x + self._drop(self.cross_out(self._merge(F.scaled_dot_product_attention(query, *memory, memory_mask))))
        return x + self._drop(self.ffn_out(F.relu(self.ffn_in(self.ffn_norm(x)))))

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training) if self.dropout else x

    def _split(self, x: Tensor) -> Tensor:
        """(R, n, d) -> (R, H, n, d / H)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    @staticmethod
    def _merge(x: Tensor) -> Tensor:
        """(R, H, n, d / H) -> (R, n, d)."""
        return x.transpose(1, 2).flatten(-2)


class Asked(NamedTuple):
    """What R rows ask of the prefixes' values: what these are worth to the queries, and which query each row is of."""

    worth: Worth
    rows: Tensor
    """(R,)"""


S = TypeVar("S", bound="DecoderShape")


@dataclass(frozen=True, kw_only=True)
class DecoderShape:
    """What a decoder is made of; see `CodewordDecoder`."""

    codebook_sizes: Sequence[int]
    d_model: int
    layers: int
    heads: int
    ffn: int
    dropout: float = 0.0
    d_code: int | None = None
    prefixes: Sequence[int] | None = None
    """How many prefixes of the catalogue the decoder knows, per depth."""
    backoff: float = 0.1
    look_below: int | None = None

    @classmethod
    def read(cls: type[S], config: Mapping[str, Any]) -> S:
        """Of a saved configuration."""
        own = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in config.items() if name in own})


class CodewordDecoder(nn.Module):
    """Logits of each level's codes given the encoded query and the codes before.

    With `d_code` None ("cold"), a head is a linear map of the decoder's state. With a `d_code` ("dense"), the heads are
    codebooks in the space of the query's embedding: the logits of level l are `scale * <q + r, C_l>`, where q is the
    query's embedding and r a correction by the transformer that starts at zero, so that before any training a search
    ranks IDs by additive quantisation, `<q, sum of C_l>` (RIPOR, Zeng et al. 2024, starts from the same place).

    With `prefixes`, the counts of a catalogue's prefixes at each depth, a `PrefixTable` of these joins the logits. A
    dense start that has `look_below` as well (a number of prefixes, or 0) has `PrefixValues` in its place: the logits
    are what the children are worth to q, and r corrects them by `scale * <r, C_l>`.
    """

    def __init__(self, shape: DecoderShape, d_memory: int) -> None:
        """`d_memory`: width of the encoded query."""
        super().__init__()
        d_model, heads, d_code = shape.d_model, shape.heads, shape.d_code
        if d_model % heads:
            raise GenretError(f"d_model={d_model} is not a multiple of heads={heads}; choose a multiple")
        self.vocab = Vocab(shape.codebook_sizes)
        self.tokens = nn.Embedding(len(self.vocab), d_model)
        self.levels = nn.Embedding(self.vocab.levels, d_model)
        self.layers = nn.ModuleList(
            DecoderLayer(d_model, heads, shape.ffn, d_memory, shape.dropout) for _ in range(shape.layers)
        )
        self.norm = nn.LayerNorm(d_model)
        width = d_model if d_code is None else d_code
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in self.vocab.codebook_sizes)
        self.correction = None if d_code is None else nn.Linear(d_model, d_code, bias=False)
        self.log_scale = None if d_code is None else nn.Parameter(torch.zeros(self.vocab.levels))
        self.prefixes: Prefixes | None = None
        self.value_scale: nn.Parameter | None = None
        sizes, prefixes, look_below = shape.codebook_sizes, shape.prefixes, shape.look_below
        if prefixes is not None and look_below is not None and d_code is not None:
            self.prefixes = PrefixValues(sizes, prefixes, d_code, shape.backoff, look_below)
            self.value_scale = nn.Parameter(torch.zeros(()))
        elif prefixes is not None:
            self.prefixes = PrefixTable(sizes, prefixes, width, shape.backoff)
        self._entries: dict[int, tuple[Versions, Tensor, Tensor]] = {}

    @property
    def blocks(self) -> list[DecoderLayer]:
        """The layers, as what they are."""
        return [cast(DecoderLayer, layer) for layer in self.layers]

    def memory(self, states: Tensor) -> list[KeyValue]:
        """(R, T, d_memory) -> each layer's cross-attention keys and values."""
        return [layer.memory(states) for layer in self.blocks]

    def forward(
        self,
        tokens: Tensor,
        memory: Sequence[KeyValue],
        memory_mask: Tensor,
        past: Sequence[KeyValue] | None = None,
    ) -> tuple[Tensor, list[KeyValue]]:
        """(R, l) decoder tokens -> (R, l, d) states, and each layer's self-attention keys and values for them."""
        start = 0 if past is None else past[0][0].shape[2]
        length = tokens.shape[1]
        places = torch.arange(start, start + length, device=tokens.device)
        causal = places[:, None] >= torch.arange(start + length, device=tokens.device)
        # Positions beyond the last level occur only where `generate` runs on after a whole ID; any embedding will do.
        x = self.tokens(tokens) + self.levels(places.clamp_max(self.vocab.levels - 1))
        present: list[KeyValue] = []
        for index, layer in enumerate(self.layers):
            x, key_value = layer(x, memory[index], memory_mask, None if past is None else past[index], causal)
            present.append(key_value)
        return self.norm(x), present

    def logits(
        self,
        level: int,
        states: Tensor,
        query: Tensor | Asked | None,
        nodes: Tensor | None,
        prefixes: Prefixes | None = None,
    ) -> Tensor:
        """(R, d) states at a level -> (R, K_level) logits.

        `query` is what the dense start needs: the rows' (R, d_code) embeddings, or with values, what `asked` made of
        them. `nodes` (R,) are the rows' prefixes, in the decoder's own table unless `prefixes` is given.
        """
        prefixes = prefixes or self.prefixes
        if self.correction is not None and self.log_scale is not None:
            if query is None:
                raise GenretError("the dense start needs the query's embedding, got none")
            shift = self.correction(states)
            states = (shift if isinstance(query, Asked) else query + shift) * self.log_scale[level].exp()
        logits: Tensor = self.heads[level](states)
        if nodes is None or prefixes is None:
            return logits
        if isinstance(prefixes, PrefixValues):
            assert isinstance(query, Asked), "prefixes with values are asked by `asked`"
            return prefixes.log_probs(level, logits, query.worth, query.rows, nodes)
        assert isinstance(prefixes, PrefixTable)
        return prefixes.add(level, logits, states, nodes)

    def asked(self, query: Tensor | None, prefixes: Prefixes | None = None) -> Tensor | Asked | None:
        """(Q, d_code) query embeddings as `logits` needs them; what prefixes are worth is found once for all levels."""
        prefixes = prefixes or self.prefixes
        if query is None or self.value_scale is None or not isinstance(prefixes, PrefixValues):
            return query
        worth = prefixes.worth(query.float() * self.value_scale.float().exp())
        return Asked(worth, torch.arange(len(query), device=query.device))

    def entry(self, level: int) -> tuple[Tensor, Tensor]:
        """What the codes of level - 1 bring to `level`: (K, d) inputs, and the first layer's (K, 3d) projections.

        They depend on the weights alone, and are kept until one of these changes.
        """
        first = self.blocks[0]
        used = (self.tokens.weight, self.levels.weight, *first.self_norm.parameters(), *first.qkv.parameters())
        versions = None if any(p.is_inference() for p in used) else tuple((p.data_ptr(), p._version) for p in used)
        kept = self._entries.get(level)
        if versions is not None and kept is not None and kept[0] == versions:
            return kept[1], kept[2]
        inputs = self.tokens.weight[self.vocab.level_slice(level - 1)] + self.levels.weight[level]
        projected = first.project(inputs)
        if versions is not None:
            self._entries[level] = versions, inputs, projected
        return inputs, projected

    def root(self, shape: Sequence[int], device: torch.device) -> Tensor | None:
        """The root's node number in the given shape; None where the decoder knows no catalogue."""
        return None if self.prefixes is None else torch.zeros(tuple(shape), dtype=torch.int64, device=device)

    def child(self, level: int, nodes: Tensor | None, codes: Tensor) -> Tensor | None:
        """The nodes that `codes` of `level` lead to."""
        return None if nodes is None or self.prefixes is None else self.prefixes.child(level, nodes, codes)


class StepDecoder:
    """Q encoded queries decoded level by level: the `genret.search.beam.Decoder` of a `CodewordDecoder`.

    Its cache holds each level's keys and values for the rows of the last call; level 0 is one row per query, so it is
    kept once and broadcast.
    """

    def __init__(
        self,
        decoder: CodewordDecoder,
        memory: Sequence[KeyValue],
        memory_mask: Tensor,
        query: Tensor | Asked | None,
        prefixes: Prefixes | None = None,
    ) -> None:
        """`query` as `CodewordDecoder.asked` gives it, one row per query. `prefixes`: in place of the decoder's own,
        where the catalogue has grown since training.
        """
        self._decoder, self._memory, self._mask, self._query = decoder, list(memory), memory_mask, query
        self._prefixes = prefixes or decoder.prefixes
        # An untrained correction is zero whatever the states are, so that these need not be found.
        weight = None if decoder.correction is None else decoder.correction.weight
        # (a quantized layer's weight is a method, and its zero is not worth finding out)
        silent = isinstance(query, Asked) and isinstance(weight, Tensor) and not weight.any()
        self._layers = [] if silent else decoder.blocks
        self._past: list[list[Tensor]] = []  # [layer][level] (Q, B, 2d)
        self._nodes: Tensor | None = None  # (Q, B)

    @property
    def num_queries(self) -> int:
        return self._mask.shape[0]

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return self._decoder.vocab.codebook_sizes

    @torch.inference_mode()
    def select(self, queries: Tensor) -> StepDecoder:
        """The same decoder for the queries at the given (Q',) positions only, its cache empty."""
        memory = [(key[queries], value[queries]) for key, value in self._memory]
        query = self._query
        if isinstance(query, Asked):
            query = Asked(query.worth.select(queries), torch.arange(len(queries), device=queries.device))
        elif query is not None:
            query = query[queries]
        return StepDecoder(self._decoder, memory, self._mask[queries], query, self._prefixes)

    @torch.inference_mode()
    def step(self, level: int, codes: Tensor | None, parents: Tensor | None) -> Tensor:
        """(Q, B, K_level) float32 log-probabilities of a level's codes; see `genret.search.beam.Decoder`."""
        decoder = self._decoder
        projected: Tensor | None = None
        if codes is None or parents is None:
            codes = torch.zeros((self.num_queries, 1), dtype=torch.int64, device=self._mask.device)
            x = (decoder.tokens.weight[START] + decoder.levels.weight[0]).expand(*codes.shape, -1)
            self._past = [[] for _ in self._layers]
            self._nodes = decoder.root(codes.shape, codes.device)
        else:
            x, projected = (F.embedding(codes, table) for table in decoder.entry(level))  # (Q, B, d), (Q, B, 3d)
            self._reorder(level, parents)
            parent = None if self._nodes is None else self._nodes.gather(1, parents)
            if parent is not None and self._prefixes is not None:
                self._nodes = self._prefixes.child(level - 1, parent, codes)
        for layer, memory, past in zip(self._layers, self._memory, self._past, strict=False):
            x, key_value = layer.step(x, memory, self._mask, past, projected)
            past.append(key_value)
            projected = None
        rows = codes.shape[1]
        query = self._query
        if isinstance(query, Asked):
            query = Asked(query.worth, query.rows.repeat_interleave(rows))
        elif query is not None:
            query = query.repeat_interleave(rows, 0)
        nodes = None if self._nodes is None else self._nodes.flatten()
        logits = decoder.logits(level, decoder.norm(x).flatten(0, 1), query, nodes, self._prefixes)
        if not isinstance(query, Asked):  # else they are normalised already
            logits = logits.float().log_softmax(-1)
        return logits.unflatten(0, codes.shape)

    def _reorder(self, level: int, parents: Tensor) -> None:
        """Make the cache follow the beams: row b of a query continues row parents[b] of the call before."""
        if level == 1 or not self._layers:  # one row per query so far, shared by its beams; or nothing is cached
            return
        rows = self._past[0][-1].shape[1]
        flat = (parents + torch.arange(0, self.num_queries * rows, rows, device=parents.device)[:, None]).flatten()
        for past in self._past:
            for place in range(1, level):
                past[place] = past[place].flatten(0, 1).index_select(0, flat).unflatten(0, parents.shape)
