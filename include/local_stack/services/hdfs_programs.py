"""How HDFS's programs are run, and asked how they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local_stack.errors import NotReadyError
from local_stack.services import JVM_OPTIONS
from local_stack.services.asking import ask

if TYPE_CHECKING:
    from local_stack.services import Context

NAMENODE = "org.apache.hadoop.hdfs.server.namenode.NameNode"
HA_ADMIN = "org.apache.hadoop.hdfs.tools.DFSHAAdmin"
STATUS = "Hadoop:service=NameNode,name=NameNodeStatus"
PROBE_SECONDS = 3


def command(context: Context, name: str, main: str) -> tuple[str, ...]:
    """Return the command that runs one of HDFS's programs with a service's configuration."""
    installed = context.installed("hdfs")
    heap = context.settings.memory[name.partition("-")[0]]
    # The web pages are looked up on the classpath as the folder "webapps".
    classpath = f"{context.layout.config / name}:{installed / 'libs' / '*'}:{installed / 'web'}"
    # Hadoop looks for its own installation otherwise, and logs a stack trace when there is none.
    home = f"-Dhadoop.home.dir={context.layout.config / name}"
    return (context.java, f"-Xmx{heap}", *JVM_OPTIONS, home, "-cp", classpath, main)


def state_of(url: str) -> str:
    """Return what a NameNode says it is: ``active`` or ``standby``.

    Raises:
        NotReadyError: It does not answer.
    """
    return str(jmx(url, STATUS).get("State", ""))


def jmx(url: str, bean: str) -> dict[str, Any]:
    """Return what a server says of itself.

    Raises:
        NotReadyError: It does not answer.
    """
    answer = ask(f"{url}/jmx", PROBE_SECONDS, params={"qry": bean})
    try:
        found: dict[str, Any] = answer.json()["beans"][0]
    except (KeyError, IndexError, ValueError) as error:
        raise NotReadyError(str(error)) from error
    return found
