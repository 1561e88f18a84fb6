"""HDFS' namespace over WebHDFS: what is made and asked rarely, with the client that Airflow's provider configures."""

from collections.abc import Iterator
from contextlib import contextmanager

from hdfs import Client, HdfsError
from requests import RequestException, Session

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.health import Room

SERVER = "HDFS"
FOLDERS = ("archive", "held", "_staging")
SECONDS = 10
NAMENODE_BEAN = "Hadoop:service=NameNode,name=FSNamesystem"


class WebHdfsNamespace:
    """The archive's folders, below a root.

    Args:
        client: of the account that owns them.
        root: absolute path.
    """

    def __init__(self, client: Client, root: str) -> None:
        self._client = client
        self._root = root

    def ensure_folders(self) -> None:
        """Make the folders of the archive; nothing happens where they are.

        Raises:
            ServerUnavailableError: when HDFS does not answer, is in safe mode or refuses.
        """
        with _errors():
            for folder in FOLDERS:
                self._client.makedirs(f"{self._root}/{folder}")

    def stored_bytes(self) -> int:
        """What the archive takes on the DataNodes' disks, all copies counted.

        Raises:
            ServerUnavailableError: when HDFS does not answer or refuses.
        """
        with _errors():
            return int(self._client.content(self._root)["spaceConsumed"])

    def room(self) -> Room:
        """See ``ArchiveRoom``. The NameNode's own figures, asked in the session that the hook has logged in.

        Raises:
            ServerUnavailableError: when HDFS does not answer, refuses, or says nothing of its disks.
        """
        session: Session = self._client._session  # noqa: SLF001 - it has the log-in, and no public name
        with _errors():
            content = self._client.content(self._root)
            answer = session.get(f"{self._client.url}/jmx", params={"qry": NAMENODE_BEAN}, timeout=SECONDS)
        try:
            bean = answer.json()["beans"][0]
            capacity, remaining = int(bean["CapacityTotal"]), int(bean["CapacityRemaining"])
        except (ValueError, LookupError, TypeError) as error:
            raise ServerUnavailableError(SERVER, f"HTTP {answer.status_code} without figures") from error
        length = int(content["length"])
        return Room(capacity, remaining, int(content["spaceConsumed"]) / length if length else 1.0)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except HdfsError as error:
        detail = error.message.partition("\n")[0]
        if "safe mode" in detail:
            detail = f"the NameNode is in safe mode, waiting for DataNodes' blocks or for an operator: {detail}"
        raise ServerUnavailableError(SERVER, detail) from error
    except RequestException as error:
        raise ServerUnavailableError(SERVER, f"WebHDFS: {error}") from error
