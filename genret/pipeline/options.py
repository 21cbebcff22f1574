"""The options of `Retriever.search`, checked, and the searches that follow from them for a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from genret.ground.checks import choice, flag, real, shown, whole
from genret.ground.errors import GenretError
from genret.search.beam import BeamSettings

Finder: TypeAlias = Literal["beam", "dense", "bm25"]
LIKELIHOOD_WEIGHT = 0.02
"""Of the log-probability beside the cosine, where a hybrid search orders what the beam found."""
LEXICAL_WEIGHT, LEXICAL_WEIGHT_WITHOUT_LOG = 0.5, 5.0
"""Of BM25 in a hybrid search, beside 1 for what the run has learnt: from a query log, or from products' text alone.

Chosen on dev splits; the second on two catalogues whose log was left out (eval/results/without-log)."""


class Plan(NamedTuple):
    """How to search."""

    k: int
    cap: int | None
    """Hits that may share L1-L2."""
    beam: BeamSettings
    """Of the beam; it finds `beam.k` products, before they are put into another order."""
    by: Finder
    cosine: float | None
    """The weight of the log-probability beside the cosine in the beam's order; None: no cosine."""
    lexical: float | None
    """BM25's weight in the fusion; None: no fusion."""


@dataclass(frozen=True)
class SearchOptions:
    """How to search, in Python's own types once it is made; what each means is said at `Retriever.search`."""

    k: int = 10
    beam_width: int | None = None
    exact: bool = False
    max_per_prefix: int | None = None
    rescore: bool | float = False
    hybrid: bool | None = None
    by: Finder = "beam"
    spell: bool = True
    min_confidence: float | None = None

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {"k": whole("k", self.k), "rescore": _rescore(self.rescore)}
        for name in ("beam_width", "max_per_prefix"):
            checked[name] = None if getattr(self, name) is None else whole(name, getattr(self, name))
        for name in ("exact", "spell"):
            checked[name] = flag(name, getattr(self, name))
        least = self.min_confidence
        checked["min_confidence"] = None if least is None else real("min_confidence", least, least=0.0, most=1.0)
        checked["hybrid"] = None if self.hybrid is None else flag("hybrid", self.hybrid)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        choice("by", self.by, get_args(Finder))
        if self.by != "beam" and (self.exact or self.rescore is not False):
            name = "exact" if self.exact else "rescore"
            raise GenretError(f"by={self.by!r} uses no beam, which {name} is about; leave out one of the two")
        if self.hybrid and (self.exact or self.by == "bm25"):
            other = "exact, since a fused list is not certified" if self.exact else "by='bm25', which is half of it"
            raise GenretError(f"hybrid does not go with {other}; leave out one of the two")

    def plan(self, products: int, width: int, has_log: bool) -> Plan:
        """The searches of a run of so many `products`, which bound `k` and the beam.

        `width`: the run's own beam; `has_log`: whether it was trained on a query log. Hybrid by default if it was not.
        """
        most = max(1, products)
        k = min(self.k, most)
        width = max(k, min(width if self.beam_width is None else self.beam_width, most))
        cap = None if self.max_per_prefix is None else min(self.max_per_prefix, most)
        reorders, hybrid = self.rescore is not False, self.hybrid
        if hybrid is None:
            hybrid = not has_log and self.by == "beam" and not self.exact and not reorders
        cosine = LIKELIHOOD_WEIGHT if hybrid and self.by == "beam" else None
        if reorders:
            cosine = 0.0 if self.rescore is True else float(self.rescore)
        beam = BeamSettings(k, width, self.exact, max_per_prefix=cap)
        if hybrid or reorders or self.by != "beam":  # as many as the beam is wide; the cap comes last
            beam = BeamSettings(width, width, self.exact)
        weight = LEXICAL_WEIGHT if has_log else LEXICAL_WEIGHT_WITHOUT_LOG
        return Plan(k, cap, beam, self.by, cosine, weight if hybrid else None)


def _rescore(value: Any) -> bool | float:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    try:
        return real("rescore", value, least=0.0)
    except GenretError:
        raise GenretError(
            f"rescore={shown(value)}: expected True, False, or the weight of the log-probability, 0 or more"
        ) from None
