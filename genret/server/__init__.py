"""A run over HTTP, and the page that shows its beams: adapters that parse, call the retriever and format.

`genret serve RUN` starts it; `create_app(settings)` is the application by itself. The exports load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genret.ground.lazy import lazy

if TYPE_CHECKING:
    from genret.server.app import create_app as create_app
    from genret.server.settings import ServeSettings as ServeSettings

__getattr__, __dir__, __all__ = lazy(
    __name__, {"create_app": "genret.server.app", "ServeSettings": "genret.server.settings"}
)
