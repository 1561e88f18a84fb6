"""Networks for the parts of a stack that are cut off from the others, or have a slow line to them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from tests.support.lines import Weather
from tests.support.network import Network, own_network

from local_stack.settings import Placement, StackSettings

SLOW = Weather(delay=0.1, loss=0.05)
"""200 ms there and back."""
PARTS = {
    "web": ("api-1", "api-2", "stream-1", "stream-2", "stream-3"),
    "workers": ("airflow-scheduler",),
    "broker": ("kafka-3",),
}
"""By network: whoever runs in it. The scheduler brings its tasks along."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A fault of the network.

    Attributes:
        part: whose line.
        servers: port names of those that it cannot reach any more.
        words: for people.
    """

    part: str
    servers: tuple[str, ...]
    words: str


KAFKA = ("kafka", "kafka_controller")
HDFS = ("namenode", "namenode_http", "datanode", "datanode_http", "datanode_ipc")
CUTS = {
    "cut-web-kafka": Cut("web", KAFKA, "the web applications from Kafka"),
    "cut-workers-postgres": Cut("workers", ("postgres",), "scheduler and tasks from PostgreSQL"),
    "cut-workers-hdfs": Cut("workers", HDFS, "tasks from HDFS"),
    "cut-broker": Cut("broker", KAFKA, "one broker from the others and from all clients"),
}
SLOWED = "slow-lines"
KINDS = (*CUTS, SLOWED)


@contextmanager
def own_networks(settings: StackSettings) -> Iterator[tuple[StackSettings, Mapping[str, Network]]]:
    """Give the settings of a stack whose parts run in networks of their own, and those networks."""
    with ExitStack() as held:
        networks = {part: held.enter_context(own_network()) for part in PARTS}
        placements = {
            service: Placement(networks[part].address, networks[part].enter())
            for part, services in PARTS.items()
            for service in services
        }
        yield replace(settings, placements=placements), networks


def disturb(kind: str, settings: StackSettings, networks: Mapping[str, Network]) -> str:
    """Begin a fault of the network; what was done, in words."""
    if kind == SLOWED:
        for network in networks.values():
            network.line.change(SLOW)
        return "200 ms and 5 % loss on every line"
    cut = CUTS[kind]
    networks[cut.part].line.cut({port for name in cut.servers for port in _ports(settings, name)})
    return f"cut {cut.words}"


def heal(networks: Mapping[str, Network]) -> None:
    """Everything passes again."""
    for network in networks.values():
        network.line.heal()


def _ports(settings: StackSettings, name: str) -> list[int]:
    count = int(settings.instances.get(name.split("_", maxsplit=1)[0], 1))
    return [settings.ports(name, instance) for instance in range(1, count + 1)]
