"""The timers' blobs: one that holds each timer's status, and one whose lease says which host runs it."""

import json
from typing import TYPE_CHECKING

from localhost.storage import blob_container
from localhost.timer_status import TimerStatus

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobLeaseClient

CONTAINER = "azure-webjobs-hosts"


class TimerStore:
    """Blobs of one host id in container ``azure-webjobs-hosts``."""

    def __init__(self, connection: str, host_id: str) -> None:
        self._container = blob_container(connection, CONTAINER)
        self._host_id = host_id

    def create_container(self) -> None:
        """Make the container if it is missing."""
        from azure.core.exceptions import ResourceExistsError

        try:
            self._container.create_container()
        except ResourceExistsError:
            return

    def read_status(self, function: str) -> TimerStatus | None:
        """The stored status; None when there is none or it is not readable."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            content = self._status_blob(function).download_blob().readall()
        except ResourceNotFoundError:
            return None
        try:
            return TimerStatus.from_json(json.loads(content))
        except (ValueError, KeyError, TypeError):
            return None

    def write_status(self, function: str, status: TimerStatus) -> None:
        """Store the status."""
        self._status_blob(function).upload_blob(json.dumps(status.to_json()).encode(), overwrite=True)

    def singleton(self, function: str) -> "Singleton":
        """The lease that lets one host at a time run this timer."""
        return Singleton(self._container.get_blob_client(f"locks/{self._host_id}/Host.Functions.{function}.Listener"))

    def _status_blob(self, function: str) -> "BlobClient":
        return self._container.get_blob_client(f"timers/{self._host_id}/Host.Functions.{function}/status")


class Singleton:
    """A blob lease of 60 s that its holder renews."""

    SECONDS = 60

    def __init__(self, blob: "BlobClient") -> None:
        self._blob = blob
        self._lease: BlobLeaseClient | None = None

    def acquire(self) -> bool:
        """Whether the lease is ours now; False while another host holds it."""
        from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

        try:
            self._lease = self._blob.acquire_lease(self.SECONDS)
        except ResourceNotFoundError:
            try:
                self._blob.upload_blob(b"", overwrite=False)
            except (ResourceExistsError, HttpResponseError):
                return False  # another host makes it right now; the next attempt will see who has it
            self._lease = self._blob.acquire_lease(self.SECONDS)
        except HttpResponseError as error:
            if error.status_code == 409:
                return False
            raise
        return True

    def renew(self) -> bool:
        """Whether the lease is still ours."""
        from azure.core.exceptions import HttpResponseError

        if self._lease is None:
            return False
        try:
            self._lease.renew()
        except HttpResponseError as error:
            if error.status_code in {404, 409, 412}:
                self._lease = None
                return False
            raise
        return True

    def release(self) -> None:
        """Let another host have it at once; a lease already lost is left alone."""
        from azure.core.exceptions import AzureError

        if self._lease is None:
            return
        try:
            self._lease.release()
        except AzureError:
            return
        finally:
            self._lease = None
