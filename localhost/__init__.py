"""Our local Azure Functions host around Microsoft's Python worker library; for development, demo and tests only.

``localhost.start(app_dir, ...)`` runs a host inside the calling process, ``python -m localhost`` one of its own.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localhost.host import RunningHost, start

__all__ = ["RunningHost", "start"]


def __getattr__(name: str) -> Any:
    # Lazily: worker processes import this package too, and need neither HTTP server nor storage clients.
    if name in __all__:
        from localhost import host

        return getattr(host, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
