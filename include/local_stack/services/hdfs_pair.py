"""Two NameNodes that share a journal (QJM): what is theirs beside what one NameNode has.

A NameNode that starts stands by until somebody makes it active. In production ZooKeeper and two failover controllers
see to that; here a keeper does (``local_stack.namenode_keeper``). Whoever it makes active, the journal takes edits from
the last one only, so two can never write.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from local_stack.endpoints import NAME_SERVICE
from local_stack.errors import FailoverError, NotReadyError, PrepareError
from local_stack.service import Layer, Service
from local_stack.services import write_if_changed
from local_stack.services.asking import ask
from local_stack.services.hdfs_programs import HA_ADMIN, PROBE_SECONDS, command, state_of
from local_stack.services.steps import run_step
from local_stack.settings import HOST

if TYPE_CHECKING:
    from local_stack.services import Context

Prepare = Callable[["Context", str, int], None]
FIRST = "namenode"
SECOND = "namenode-standby"
KEEPER = "namenode-keeper"
# The check wants finished segments only, and the first one is still being written; it is read once it is finished.
COPY_THE_OTHER = ["-bootstrapStandby", "-skipSharedEditsCheck"]


def is_used(context: Context) -> bool:
    """Tell whether there are two NameNodes."""
    return len(context.settings.hosts) > 1


def namenodes(context: Context) -> dict[str, str]:
    """Return where each NameNode listens, by service name."""
    return dict(zip((FIRST, SECOND), context.settings.hosts, strict=False))


def journalnodes(context: Context) -> tuple[str, ...]:
    """Return the services that a pair's journal lies on."""
    return tuple(context.names("journalnode")) if is_used(context) else ()


def services(context: Context, prepare: Prepare) -> list[Service]:
    """Return the JournalNodes and the keeper; nothing where there is one NameNode.

    Args:
        context: Of the stack.
        prepare: Writes the configuration of a service: its name, and which of its kind it is.
    """
    if not is_used(context):
        return []
    members = enumerate(journalnodes(context), 1)
    return [*(_journalnode(context, number, name, prepare) for number, name in members), _keeper(context)]


def site(context: Context, name: str) -> dict[str, object]:
    """Return the pair's part of hdfs-site."""
    ports, number = context.settings.ports, name.rpartition("-")[2]
    instance = int(number) if name.startswith("journalnode-") else 1
    members = range(1, len(journalnodes(context)) + 1)
    journal = ";".join(f"{HOST}:{ports('journalnode', member)}" for member in members)
    return {
        **client_options(context),
        **{
            f"dfs.namenode.http-address.{NAME_SERVICE}.{node}": f"{host}:{ports('namenode_http')}"
            for node, host in namenodes(context).items()
        },
        "dfs.namenode.shared.edits.dir": f"qjournal://{journal}/{NAME_SERVICE}",
        "dfs.journalnode.edits.dir": context.layout.data / name,
        "dfs.journalnode.rpc-address": f"{HOST}:{ports('journalnode', instance)}",
        "dfs.journalnode.http-address": f"{HOST}:{ports('journalnode_http', instance)}",
        # The journal itself refuses whoever is not the last to be made active.
        "dfs.ha.fencing.methods": "shell(/bin/true)",
        "dfs.ha.nn.not-become-active-in-safemode": "false",
        # Both must look alike to one machine's eyes.
        **({"dfs.ha.namenode.id": name} if name in namenodes(context) else {}),
        "dfs.ha.tail-edits.period": "1s",
        "dfs.ha.log-roll.period": "10s",
    }


def client_options(context: Context) -> dict[str, str]:
    """Return how a client finds the NameNode that is active."""
    if not is_used(context):
        return {}
    port = context.settings.ports("namenode")
    return {
        "dfs.nameservices": NAME_SERVICE,
        f"dfs.ha.namenodes.{NAME_SERVICE}": ",".join(namenodes(context)),
        **{
            f"dfs.namenode.rpc-address.{NAME_SERVICE}.{name}": f"{host}:{port}"
            for name, host in namenodes(context).items()
        },
        f"dfs.client.failover.proxy.provider.{NAME_SERVICE}": (
            "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider"
        ),
    }


def states(context: Context) -> dict[str, str]:
    """Return what each NameNode that answers says it is: ``active`` or ``standby``."""
    found = {}
    for name, host in namenodes(context).items():
        try:
            found[name] = state_of(_web(context, host))
        except NotReadyError:
            continue
    return found


def active(context: Context) -> str | None:
    """Return the NameNode that is active."""
    return next((name for name, state in states(context).items() if state == "active"), None)


def fail_over(context: Context) -> str:
    """Let the NameNode that stands by take over, in good order; return its name.

    Raises:
        FailoverError: There are not two that answer, or the other one did not take over.
    """
    found = states(context)
    if sorted(found.values()) != ["active", "standby"]:
        raise FailoverError(f"there is no NameNode that stands by: {found or 'none answers'}")
    old, new = sorted(found, key=lambda name: found[name])
    try:
        run_step(f"making {new} active", [*command(context, new, HA_ADMIN), "-failover", old, new])
    except PrepareError as error:
        raise FailoverError(str(error)) from error
    return new


def _journalnode(context: Context, instance: int, name: str, prepare: Prepare) -> Service:
    ports = ("journalnode", "journalnode_http")
    return Service(
        name=name,
        unit="hdfs",
        title=f"HDFS JournalNode {instance}",
        layer=Layer.STORAGE,
        command=command(context, name, "org.apache.hadoop.hdfs.qjournal.server.JournalNode"),
        directory=context.layout.home,
        ports={port: context.settings.ports(port, instance) for port in ports},
        download=context.download("hdfs"),
        prepare=lambda: prepare(context, name, instance),
        probe=lambda: _probe_journalnode(context, instance),
    )


def _keeper(context: Context) -> Service:
    path = context.layout.config / KEEPER / "pair.json"
    return Service(
        name=KEEPER,
        unit="hdfs",
        title="HDFS NameNodes' keeper",
        layer=Layer.STORAGE,
        command=(str(context.settings.python), "-m", "local_stack.namenode_keeper", str(path)),
        directory=context.layout.home,
        environment={"PYTHONPATH": str(context.settings.repository / "include"), "PYTHONUNBUFFERED": "1"},
        prepare=lambda: write_if_changed(path, json.dumps(_pair(context), indent=1)),
        probe=lambda: None,
    )


def _pair(context: Context) -> dict[str, dict[str, object]]:
    """What the keeper knows: where each NameNode answers, and the command that makes it active."""
    return {
        name: {
            "url": _web(context, host),
            # Forced is only that the other one need not answer; one that is active still is a reason to refuse.
            "command": [*command(context, name, HA_ADMIN), "-transitionToActive", "--forceactive", name],
        }
        for name, host in namenodes(context).items()
    }


def _web(context: Context, host: str) -> str:
    return f"http://{host}:{context.settings.ports('namenode_http')}"


def _probe_journalnode(context: Context, instance: int) -> None:
    url = f"http://{HOST}:{context.settings.ports('journalnode_http', instance)}/jmx"
    ask(url, PROBE_SECONDS, params={"qry": "Hadoop:service=JournalNode,name=JournalNodeInfo"})
