"""HDFS: one NameNode, or a pair of them, and the DataNodes, on loopback addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from local_stack.durable import flush_all
from local_stack.errors import NotReadyError
from local_stack.service import Layer, Service
from local_stack.services import hdfs_pair, write_if_changed
from local_stack.services.hdfs_programs import NAMENODE, command, jmx
from local_stack.services.steps import run_step
from local_stack.settings import HOST

if TYPE_CHECKING:
    from local_stack.services import Context

REPLICAS_WANTED = 3
# New blocks do not go to a DataNode that has been silent for three of its heartbeats.
_SEVERAL_DATANODES = {
    "dfs.namenode.stale.datanode.interval": 9000,
    "dfs.namenode.avoid.write.stale.datanode": "true",
    "dfs.namenode.avoid.read.stale.datanode": "true",
}
LOGGING = """\
log4j.rootLogger=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n
"""


def services(context: Context) -> list[Service]:
    """Return the NameNodes with what keeps them together, and the DataNodes."""
    datanodes = [_datanode(context, instance, name) for instance, name in enumerate(context.names("datanode"), 1)]
    namenodes = [_namenode(context, name, host) for name, host in hdfs_pair.namenodes(context).items()]
    return [*namenodes, *hdfs_pair.services(context, prepare), *datanodes]


def _namenode(context: Context, name: str, host: str) -> Service:
    ports = context.settings.ports
    is_first = name == hdfs_pair.FIRST
    return Service(
        name=name,
        unit="hdfs",
        title="HDFS NameNode" if is_first else "HDFS NameNode 2",
        layer=Layer.STORAGE,
        command=command(context, name, NAMENODE),
        directory=context.layout.home,
        ports={"namenode": ports("namenode"), "namenode_http": ports("namenode_http")},
        host=host,
        needs=hdfs_pair.journalnodes(context) if is_first else (hdfs_pair.FIRST,),
        download=context.download("hdfs"),
        prepare=lambda: _prepare_namenode(context, name),
        probe=lambda: _probe_namenode(context, host),
    )


def _datanode(context: Context, instance: int, name: str) -> Service:
    names = ("datanode", "datanode_http", "datanode_ipc")
    return Service(
        name=name,
        unit="hdfs",
        title="HDFS DataNode" if name == "datanode" else f"HDFS DataNode {instance}",
        layer=Layer.STORAGE,
        command=command(context, name, "org.apache.hadoop.hdfs.server.datanode.DataNode"),
        directory=context.layout.home,
        ports={port: context.settings.ports(port, instance) for port in names},
        download=context.download("hdfs"),
        prepare=lambda: prepare(context, name, instance),
        probe=lambda: _probe_datanode(context, instance),
    )


def site(context: Context, name: str, instance: int = 1) -> dict[str, object]:
    """Return hdfs-site for a NameNode or a DataNode."""
    ports = context.settings.ports
    return {
        "dfs.replication": replication(context),
        **({**_SEVERAL_DATANODES, **client_options(context)} if replication(context) > 1 else {}),
        **_namenode_addresses(context, name),
        "dfs.namenode.name.dir": f"file://{context.layout.data / name}",
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        # A restart is over when the DataNodes have reported, not half a minute later.
        "dfs.namenode.safemode.extension": 0,
        "dfs.namenode.safemode.min.datanodes": 1,
        # A dead DataNode is known as dead after 2 x 5 s + 10 x 3 s instead of 10 minutes.
        "dfs.namenode.heartbeat.recheck-interval": 5000,
        "dfs.datanode.data.dir": f"file://{context.layout.data / name}",
        # A closed block is on disk, not in the page cache: the client flushes the last one of a shard only.
        "dfs.datanode.synconclose": "true",
        "dfs.datanode.hostname": HOST,
        "dfs.datanode.address": f"{HOST}:{ports('datanode', instance)}",
        "dfs.datanode.http.address": f"{HOST}:{ports('datanode_http', instance)}",
        "dfs.datanode.ipc.address": f"{HOST}:{ports('datanode_ipc', instance)}",
    }


def _namenode_addresses(context: Context, name: str) -> dict[str, object]:
    if hdfs_pair.is_used(context):
        return hdfs_pair.site(context, name)
    ports = context.settings.ports
    return {
        "dfs.namenode.rpc-address": f"{HOST}:{ports('namenode')}",
        "dfs.namenode.http-address": f"{HOST}:{ports('namenode_http')}",
    }


def replication(context: Context) -> int:
    """Return on how many DataNodes each block lies."""
    return min(REPLICAS_WANTED, len(context.names("datanode")))


def client_options(context: Context) -> dict[str, str]:
    """Return what a client needs to know to find the active NameNode, and to go on while one of few DataNodes is away.

    With as many DataNodes as replicas there is nobody to replace a lost one: two copies are written, and the NameNode
    makes the third when the DataNode is back.
    """
    if replication(context) == 1:
        return hdfs_pair.client_options(context)
    return {
        **hdfs_pair.client_options(context),
        "dfs.client.block.write.replace-datanode-on-failure.enable": "true",
        "dfs.client.block.write.replace-datanode-on-failure.policy": "DEFAULT",
        "dfs.client.block.write.replace-datanode-on-failure.best-effort": "true",
    }


def prepare(context: Context, name: str, instance: int = 1) -> None:
    """Write a service's configuration."""
    folder = context.layout.config / name
    core = {
        "fs.defaultFS": context.endpoints.hdfs_namenode,
        "hadoop.tmp.dir": context.layout.home / "tmp" / name,
        # WebHDFS users who give no name are this one, not "dr.who": they may read, as others.
        "hadoop.http.staticuser.user": "anonymous",
    }
    write_if_changed(folder / "core-site.xml", as_xml(core))
    write_if_changed(folder / "hdfs-site.xml", as_xml(site(context, name, instance)))
    write_if_changed(folder / "log4j.properties", LOGGING)


def _prepare_namenode(context: Context, name: str) -> None:
    prepare(context, name)
    if not (context.layout.data / name / "current" / "VERSION").exists():
        how = ["-format"] if name == hdfs_pair.FIRST else hdfs_pair.COPY_THE_OTHER
        program = command(context, name, NAMENODE)
        run_step("formatting the HDFS NameNode", [*program, *how, "-force", "-nonInteractive"])
        # Not all of it is flushed by that; cut off then, it would not start any more.
        flush_all(context.layout.data / name)


def as_xml(properties: dict[str, object]) -> str:
    """Return Hadoop's configuration format."""
    items = "".join(
        f"  <property><name>{escape(key)}</name><value>{escape(str(value))}</value></property>\n"
        for key, value in properties.items()
    )
    return f'<?xml version="1.0"?>\n<configuration>\n{items}</configuration>\n'


def _probe_namenode(context: Context, host: str) -> None:
    url, datanodes = f"http://{host}:{context.settings.ports('namenode_http')}", len(context.names("datanode"))
    info = jmx(url, "Hadoop:service=NameNode,name=NameNodeInfo")
    if info.get("Safemode", "starting"):
        raise NotReadyError("in safe mode")
    state = jmx(url, "Hadoop:service=NameNode,name=FSNamesystemState")
    if (live := state.get("NumLiveDataNodes", 0)) < datanodes:
        raise NotReadyError(f"{live} of {datanodes} DataNodes")
    if hdfs_pair.is_used(context) and hdfs_pair.active(context) is None:
        raise NotReadyError("none of the NameNodes is active")


def _probe_datanode(context: Context, instance: int) -> None:
    url = f"http://{HOST}:{context.settings.ports('datanode_http', instance)}"
    state = jmx(url, "Hadoop:service=DataNode,name=DataNodeInfo")
    if "RUNNING" not in state.get("BPServiceActorInfo", ""):
        raise NotReadyError("not registered with the NameNode")
