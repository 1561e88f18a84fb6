"""HDFS: one NameNode and its DataNodes, on the loopback interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import httpx

from local_stack.durable import flush_all
from local_stack.errors import NotReadyError
from local_stack.service import Layer, Service
from local_stack.services import JVM_OPTIONS, write_if_changed
from local_stack.services.steps import run_step
from local_stack.settings import HOST

if TYPE_CHECKING:
    from local_stack.services import Context

PROBE_SECONDS = 3
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
    """Return the NameNode and the DataNodes."""
    datanodes = context.names("datanode")
    return [_namenode(context, len(datanodes)), *(_datanode(context, n, name) for n, name in enumerate(datanodes, 1))]


def _namenode(context: Context, datanodes: int) -> Service:
    ports = context.settings.ports
    return Service(
        name="namenode",
        unit="hdfs",
        title="HDFS NameNode",
        layer=Layer.STORAGE,
        command=_command(context, "namenode", "org.apache.hadoop.hdfs.server.namenode.NameNode"),
        directory=context.layout.home,
        ports={"namenode": ports("namenode"), "namenode_http": ports("namenode_http")},
        download=context.download("hdfs"),
        prepare=lambda: _prepare_namenode(context),
        probe=lambda: _probe_namenode(context, datanodes),
    )


def _datanode(context: Context, instance: int, name: str) -> Service:
    names = ("datanode", "datanode_http", "datanode_ipc")
    return Service(
        name=name,
        unit="hdfs",
        title="HDFS DataNode" if name == "datanode" else f"HDFS DataNode {instance}",
        layer=Layer.STORAGE,
        command=_command(context, name, "org.apache.hadoop.hdfs.server.datanode.DataNode"),
        directory=context.layout.home,
        ports={port: context.settings.ports(port, instance) for port in names},
        download=context.download("hdfs"),
        prepare=lambda: _prepare(context, name, instance),
        probe=lambda: _probe_datanode(context, instance),
    )


def site(context: Context, name: str, instance: int = 1) -> dict[str, object]:
    """Return hdfs-site for a NameNode or a DataNode."""
    ports = context.settings.ports
    return {
        "dfs.replication": replication(context),
        **({**_SEVERAL_DATANODES, **client_options(context)} if replication(context) > 1 else {}),
        "dfs.namenode.name.dir": f"file://{context.layout.data / 'namenode'}",
        "dfs.namenode.rpc-address": f"{HOST}:{ports('namenode')}",
        "dfs.namenode.http-address": f"{HOST}:{ports('namenode_http')}",
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


def replication(context: Context) -> int:
    """Return on how many DataNodes each block lies."""
    return min(REPLICAS_WANTED, len(context.names("datanode")))


def client_options(context: Context) -> dict[str, str]:
    """Return what a client needs to know so that writing goes on while one of few DataNodes is away.

    With as many DataNodes as replicas there is nobody to replace a lost one: two copies are written, and the NameNode
    makes the third when the DataNode is back.
    """
    if replication(context) == 1:
        return {}
    return {
        "dfs.client.block.write.replace-datanode-on-failure.enable": "true",
        "dfs.client.block.write.replace-datanode-on-failure.policy": "DEFAULT",
        "dfs.client.block.write.replace-datanode-on-failure.best-effort": "true",
    }


def _command(context: Context, name: str, main: str) -> tuple[str, ...]:
    installed = context.installed("hdfs")
    heap = context.settings.memory["namenode" if name == "namenode" else "datanode"]
    # The web pages are looked up on the classpath as the folder "webapps".
    classpath = f"{context.layout.config / name}:{installed / 'libs' / '*'}:{installed / 'web'}"
    # Hadoop looks for its own installation otherwise, and logs a stack trace when there is none.
    home = f"-Dhadoop.home.dir={context.layout.config / name}"
    return (context.java, f"-Xmx{heap}", *JVM_OPTIONS, home, "-cp", classpath, main)


def _prepare(context: Context, name: str, instance: int = 1) -> None:
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


def _prepare_namenode(context: Context) -> None:
    _prepare(context, "namenode")
    if not (context.layout.data / "namenode" / "current" / "VERSION").exists():
        command = [*_command(context, "namenode", "org.apache.hadoop.hdfs.server.namenode.NameNode"), "-format"]
        run_step("formatting the HDFS NameNode", [*command, "-force", "-nonInteractive"])
        # Not all of it is flushed by that; cut off then, it would not start any more.
        flush_all(context.layout.data / "namenode")


def as_xml(properties: dict[str, object]) -> str:
    """Return Hadoop's configuration format."""
    items = "".join(
        f"  <property><name>{escape(key)}</name><value>{escape(str(value))}</value></property>\n"
        for key, value in properties.items()
    )
    return f'<?xml version="1.0"?>\n<configuration>\n{items}</configuration>\n'


def _probe_namenode(context: Context, datanodes: int) -> None:
    info = _jmx(context.endpoints.webhdfs_url, "Hadoop:service=NameNode,name=NameNodeInfo")
    if info.get("Safemode", "starting"):
        raise NotReadyError("in safe mode")
    state = _jmx(context.endpoints.webhdfs_url, "Hadoop:service=NameNode,name=FSNamesystemState")
    if (live := state.get("NumLiveDataNodes", 0)) < datanodes:
        raise NotReadyError(f"{live} of {datanodes} DataNodes")


def _probe_datanode(context: Context, instance: int) -> None:
    url = f"http://{HOST}:{context.settings.ports('datanode_http', instance)}"
    state = _jmx(url, "Hadoop:service=DataNode,name=DataNodeInfo")
    if "RUNNING" not in state.get("BPServiceActorInfo", ""):
        raise NotReadyError("not registered with the NameNode")


def _jmx(url: str, bean: str) -> dict[str, Any]:
    try:
        answer = httpx.get(f"{url}/jmx", params={"qry": bean}, timeout=PROBE_SECONDS)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()["beans"][0]
    except (httpx.HTTPError, KeyError, IndexError, ValueError) as error:
        raise NotReadyError(str(error)) from error
    return found
