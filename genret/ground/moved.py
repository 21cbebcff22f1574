"""Old module names -> where the modules stand now: `import genret.beam` still works, with a DeprecationWarning.

`genret/__init__.py` puts `Moved` last among Python's finders, so it is asked only for names that no file has. It goes
with the next release; the changelog has the same table.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "genret.artifacts": "genret.ground.artifacts",
    "genret.beam": "genret.search.beam",
    "genret.bits": "genret.search.bits",
    "genret.changes": "genret.index.changes",
    "genret.checkpoint": "genret.ground.pretrained",
    "genret.decoder": "genret.model.decoder",
    "genret.demo": "genret.eval.demo",
    "genret.errors": "genret.ground.errors",
    "genret.eval.bm25": "genret.eval.systems.bm25",
    "genret.eval.cold_start": "genret.eval.studies.cold_start",
    "genret.eval.contrast": "genret.eval.studies.contrast",
    "genret.eval.cost": "genret.eval.studies.cost",
    "genret.eval.dense": "genret.eval.systems.dense",
    "genret.eval.encoders": "genret.eval.systems.encoders",
    "genret.eval.failures": "genret.eval.studies.failures",
    "genret.eval.fusion": "genret.eval.systems.fusion",
    "genret.eval.plots": "genret.eval.reports.plots",
    "genret.eval.report": "genret.eval.reports.report",
    "genret.eval.substitutes": "genret.eval.studies.substitutes",
    "genret.eval.unconstrained": "genret.eval.studies.unconstrained",
    "genret.exact": "genret.search.exact",
    "genret.examples": "genret.training.examples",
    "genret.explain": "genret.pipeline.explain",
    "genret.filter_text": "genret.index.filter_text",
    "genret.filters": "genret.index.filters",
    "genret.idmap": "genret.index.idmap",
    "genret.level": "genret.search.level",
    "genret.live": "genret.index.live",
    "genret.logits": "genret.search.logits",
    "genret.overlay": "genret.search.overlay",
    "genret.practice": "genret.training.practice",
    "genret.prefix": "genret.model.prefix",
    "genret.pruning": "genret.search.pruning",
    "genret.pseudo": "genret.data.pseudo_queries",
    "genret.ranking": "genret.search.ranking",
    "genret.retriever": "genret.pipeline.retriever",
    "genret.settings": "genret.ground.settings",
    "genret.snapshot": "genret.index.snapshot",
    "genret.start": "genret.model.dense_start",
    "genret.stock": "genret.pipeline.stock",
    "genret.text": "genret.embed.subwords",
    "genret.tokenizer.audit": "genret.tokenizer.judging.audit",
    "genret.tokenizer.baselines": "genret.tokenizer.learning.baselines",
    "genret.tokenizer.checkpoint": "genret.tokenizer.learning.checkpoint",
    "genret.tokenizer.coherence": "genret.tokenizer.judging.coherence",
    "genret.tokenizer.family": "genret.tokenizer.learning.family",
    "genret.tokenizer.gates": "genret.tokenizer.learning.gates",
    "genret.tokenizer.health": "genret.tokenizer.judging.health",
    "genret.tokenizer.health_text": "genret.tokenizer.judging.health_text",
    "genret.tokenizer.kmeans": "genret.tokenizer.learning.kmeans",
    "genret.tokenizer.losses": "genret.tokenizer.learning.losses",
    "genret.tokenizer.objectives": "genret.tokenizer.learning.objectives",
    "genret.tokenizer.plots": "genret.tokenizer.judging.plots",
    "genret.tokenizer.propagation": "genret.tokenizer.judging.propagation",
    "genret.tokenizer.sampler": "genret.tokenizer.learning.sampler",
    "genret.tokenizer.separate": "genret.tokenizer.learning.separate",
    "genret.tokenizer.start": "genret.tokenizer.learning.start",
    "genret.tokenizer.training": "genret.tokenizer.learning.train",
    "genret.tokenizer.tune": "genret.tokenizer.judging.tune",
    "genret.tokenizer.verbs": "genret.cli.tokenizer_reports",
    "genret.towers": "genret.embed.towers",
    "genret.training_settings": "genret.training.settings",
    "genret.trie": "genret.search.trie",
    "genret.two_tower": "genret.embed.fine_tuning",
    "genret.types": "genret.ground.types",
    "genret.vocab": "genret.search.vocab",
}


class Moved(MetaPathFinder, Loader):
    """Answers for the old names with the modules themselves, not with copies."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        new = MOVED[spec.name]
        warnings.warn(f"{spec.name} is now {new}; the old name goes with the next release", DeprecationWarning, 2)
        module = import_module(new)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has just set that of the old name
