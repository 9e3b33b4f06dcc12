"""What the subscription remembers of its flow steps: services, chunks that were handed over, callbacks that came."""

from __future__ import annotations

import secrets
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

MUNCHKIN = "000-SIM-000"


@dataclass(slots=True)
class Service:
    """An installed provider. `mapped` are the lead fields an administrator mapped for its callbacks."""

    name: str
    root: str
    header: str
    key: str
    definition: dict[str, Any]
    mapped: list[str] = field(default_factory=list)
    choices: dict[str, list[Any]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Chunk:
    """People handed over in one call. `tries` are the statuses it was answered with, `callbacks` what came back."""

    id: str
    service: str
    campaign: int
    batch: str
    token: str
    key: str
    leads: list[int]
    tries: list[int] = field(default_factory=list)
    seconds: float = 0.0
    used: bool = False
    callbacks: list[dict[str, Any]] = field(default_factory=list)
    activities: dict[int, dict[str, Any]] = field(default_factory=dict)
    error: str = ""

    def shown(self) -> dict[str, Any]:
        """As the control API shows it, without its secrets."""
        told = asdict(self)
        del told["token"], told["key"]
        return {**told, "activities": {str(lead): each for lead, each in self.activities.items()}}


class Book:
    """Shared by the campaigns that run and the callbacks that come in."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.services: dict[str, Service] = {}
        self.chunks: dict[str, Chunk] = {}
        self.batches = 0

    def chunk(self, service: str, campaign: int, batch: str, leads: list[int]) -> Chunk:
        """A fresh chunk with its one-time token and its key."""
        with self.lock:
            number = f"{len(self.chunks) + 1}"
            made = Chunk(number, service, campaign, batch, secrets.token_urlsafe(24), secrets.token_hex(16), leads)
            self.chunks[number] = made
            return made

    def next_batch(self) -> str:
        with self.lock:
            self.batches += 1
            return f"batch-{self.batches}"

    def by_token(self, token: str) -> Chunk | None:
        return next((each for each in self.chunks.values() if token and each.token == token), None)
