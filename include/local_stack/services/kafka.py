"""Kafka in KRaft mode: every node is broker and controller."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from local_stack.durable import flush_all
from local_stack.errors import NotReadyError
from local_stack.service import Layer, Service
from local_stack.services import JVM_OPTIONS, kafka_security, write_if_changed
from local_stack.services.class_archive import ClassArchive, argument_file, place
from local_stack.services.steps import run_step

if TYPE_CHECKING:
    from pathlib import Path

    from local_stack.services import Context

PROBE_SECONDS = 3
IDLE_SECONDS = 10
INTERNAL_PARTITIONS = 4
JAVA_ARGUMENTS = "java.args"
REPLICAS_WANTED = 3
LOG_OPTIONS = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


def services(context: Context) -> list[Service]:
    """Return the brokers; each is ready when it sees all of them."""
    return [_broker(context, node, name) for node, name in enumerate(context.names("kafka"), start=1)]


def replication(context: Context) -> tuple[int, int]:
    """Return the replication factor, and how many replicas must have a record before it is acknowledged."""
    replicas = min(REPLICAS_WANTED, len(context.names("kafka")))
    return replicas, max(1, replicas - 1)


def _broker(context: Context, node: int, name: str) -> Service:
    ports = context.settings.ports
    folder = context.layout.config / name
    heap = context.settings.memory["kafka"]
    # The command stays the same whether there is an archive of classes or not.
    java = (context.java, f"@{folder / JAVA_ARGUMENTS}", f"-Xmx{heap}", f"-Xms{heap}", *JVM_OPTIONS, *LOG_OPTIONS)
    return Service(
        name=name,
        unit="kafka",
        title="Kafka" if name == "kafka" else f"Kafka {node}",
        layer=Layer.STORAGE,
        command=(*java, "-cp", _classpath(context), "kafka.Kafka", str(folder / "server.properties")),
        directory=context.layout.home,
        host=context.settings.host_of(name),
        ports={"kafka": ports("kafka", node), "kafka_controller": ports("kafka_controller", node)},
        download=context.download("kafka"),
        prepare=lambda: _prepare(context, node, name),
        probe=lambda: _probe(context),
        finish=lambda: kafka_security.make_users(context),
    )


def properties(context: Context, node: int, name: str) -> dict[str, object]:
    """Return one node's configuration."""
    ports, host = context.settings.ports, context.settings.host_of(name)
    voters = [
        f"{number}@{context.settings.host_of(voter)}:{ports('kafka_controller', number)}"
        for number, voter in enumerate(context.names("kafka"), start=1)
    ]
    clients = kafka_security.client_listener(context)
    replicas, in_sync = replication(context)
    size = context.settings.limits.message_bytes
    return {
        "process.roles": "broker,controller",
        "node.id": node,
        "controller.quorum.voters": ",".join(voters),
        "listeners": f"{clients}://{host}:{ports('kafka', node)},CONTROLLER://{host}:{ports('kafka_controller', node)}",
        "advertised.listeners": f"{clients}://{host}:{ports('kafka', node)}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": clients,
        "log.dirs": context.layout.data / name,
        "auto.create.topics.enable": "false",
        "message.max.bytes": size,
        "replica.fetch.max.bytes": size,
        "log.message.timestamp.type": "LogAppendTime",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": INTERNAL_PARTITIONS,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": INTERNAL_PARTITIONS,
        "group.initial.rebalance.delay.ms": 0,
        # With the default a controller that has nothing to say writes that to its disk twice a second: a third of what
        # an idle broker costs. Others may learn from it how far they are.
        **({"metadata.max.idle.interval.ms": IDLE_SECONDS * 1000} if replicas == 1 else {}),
        # What only one broker need have is on its disk before it is acknowledged: a power failure may come.
        **({"log.flush.interval.messages": 1} if in_sync == 1 else {}),
        **kafka_security.properties(context, context.layout.config / name),
    }


def _classpath(context: Context) -> str:
    return str(context.installed("kafka") / "libs" / "*")


def _prepare(context: Context, node: int, name: str) -> None:
    archive = ClassArchive(place(context.installed("kafka"), context.java_home), context.java, _classpath(context))
    write_if_changed(context.layout.config / name / JAVA_ARGUMENTS, argument_file(archive.reading_or_writing()))
    kafka_security.prepare(context, context.layout.config / name)
    path = context.layout.config / name / "server.properties"
    lines = [f"{key}={value}\n" for key, value in properties(context, node, name).items()]
    write_if_changed(path, "".join(lines))
    if not _is_formatted(context.layout.data / name):
        own = kafka_security.formatting_options(context, path.parent)
        options = [
            *own,
            f"--cluster-id={context.credentials.kafka_cluster_id()}",
            f"--config={path}",
            "--ignore-formatted",
        ]
        java = [context.java, *archive.reading(), "-cp", _classpath(context)]
        run_step("formatting Kafka's storage", [*java, "kafka.tools.StorageTool", "format", *options])
        # Kafka leaves that to the page cache; cut off then, it would not start any more.
        flush_all(context.layout.data / name)


def _is_formatted(folder: Path) -> bool:
    return (folder / "meta.properties").exists()


def _probe(context: Context) -> None:
    logger = logging.getLogger(__name__)
    logger.setLevel(logging.CRITICAL)  # a server that is not up yet is no news
    try:
        brokers = (
            AdminClient(kafka_security.admin_config(context), logger=logger).list_topics(timeout=PROBE_SECONDS).brokers
        )
    except KafkaException as error:
        raise NotReadyError(error.args[0].str()) from error
    wanted = len(context.names("kafka"))
    if len(brokers) < wanted:
        raise NotReadyError(f"{len(brokers)} of {wanted} brokers")
