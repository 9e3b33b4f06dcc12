"""Storage clients for the host's own work, with retries short enough for a machine where storage is next door."""

import functools
from typing import TYPE_CHECKING, Any

from localhost.errors import HostError

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient
    from azure.storage.queue import QueueClient, QueueServiceClient

# Each call may take this long in all; the callers (pollers, renewals) come round again by themselves.
_OPTIONS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 15}


def _retries() -> Any:
    from azure.storage.queue import LinearRetry

    return LinearRetry(backoff=1, retry_total=2, random_jitter_range=0)


@functools.lru_cache(maxsize=16)
def queue_service(connection: str) -> "QueueServiceClient":
    """The queue service behind a connection string. Messages pass through unchanged: the caller encodes and decodes."""
    from azure.storage.queue import QueueServiceClient

    return QueueServiceClient.from_connection_string(connection, retry_policy=_retries(), **_OPTIONS)


def queue_client(connection: str, name: str) -> "QueueClient":
    """A client of one queue, sharing its service's connections."""
    return queue_service(connection).get_queue_client(name)


@functools.lru_cache(maxsize=16)
def blob_container(connection: str, name: str) -> "ContainerClient":
    """A client of one blob container."""
    from azure.storage.blob import BlobServiceClient, LinearRetry

    service = BlobServiceClient.from_connection_string(
        connection, retry_policy=LinearRetry(backoff=1, retry_total=2, random_jitter_range=0), **_OPTIONS
    )
    return service.get_container_client(name)


def check_reachable(connection: str) -> None:
    """Raise :class:`HostError` when the storage account does not answer or refuses the key."""
    from azure.core.exceptions import AzureError

    try:
        service = queue_service(connection)
        service.get_service_properties()
    except ValueError as error:
        raise HostError(
            f"The storage connection string cannot be read ({error}).",
            "Copy it again from the account, or leave AzureWebJobsStorage out to have an emulator started.",
        ) from None
    except AzureError as error:
        raise HostError(
            f"The storage account of AzureWebJobsStorage does not answer ({reason_of(error)}).",
            "Start it or correct the connection string; leave AzureWebJobsStorage out to have an emulator started.",
            exit_code=3,
        ) from None


def reason_of(error: Exception) -> str:
    """The first line of what a storage client says; the rest repeats it as XML."""
    return str(error).partition("\n")[0].strip() or type(error).__name__
