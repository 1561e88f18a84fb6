"""Kafka with TLS, log-in and rights: what the brokers are told, and the users that they know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # it re-exports these without saying so
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from local_stack.errors import PrepareError
from local_stack.kafka_access import BROKER, MECHANISM, RIGHTS, client_config, password_of
from local_stack.services import write_if_changed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_stack.services import Context

LOGIN_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"
ROUNDS = 8192
ADMIN_SECONDS = 20
FORMATTING = "format.args"
COMMANDS = "commands.properties"


def client_listener(context: Context) -> str:
    """Return the name of the listener that clients and brokers use, which says what it speaks."""
    return "SASL_SSL" if context.settings.secure else "PLAINTEXT"


def properties(context: Context, folder: Path) -> dict[str, object]:
    """Return what a broker of a secured stack is told in addition.

    SCRAM's log-ins are kept by the controllers, who so cannot use them themselves: controllers know each other by their
    certificates.
    """
    if not context.settings.secure:
        return {}
    return {
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:SSL",
        "sasl.enabled.mechanisms": MECHANISM,
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": _jaas(context),
        "listener.name.controller.ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": folder / "server.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": context.settings.ca_file,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{BROKER};User:CN={BROKER}",
    }


def prepare(context: Context, folder: Path) -> None:
    """Write a broker's certificate, and what an operator's command-line tools log in with."""
    if context.settings.secure:
        issued = context.authority.issue(BROKER)
        write_if_changed(folder / "server.pem", issued.key + issued.certificate)
        lines = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": MECHANISM,
            "sasl.jaas.config": _jaas(context),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": context.settings.ca_file,
        }
        write_if_changed(folder.parent / COMMANDS, "".join(f"{key}={value}\n" for key, value in lines.items()))


def formatting_options(context: Context, folder: Path) -> list[str]:
    """Return the options by which the storage knows the brokers' own log-in: nobody else could make one.

    In a file: anybody may list processes with their arguments.
    """
    if not context.settings.secure:
        return []
    path = folder / FORMATTING
    password = password_of(context.credentials, BROKER)
    write_if_changed(path, f"--add-scram\n{MECHANISM}=[name={BROKER},iterations={ROUNDS},password={password}]\n")
    return [f"@{path}"]


def make_users(context: Context) -> None:
    """Make the clients' users with their rights, once the brokers answer. May run again.

    Raises:
        PrepareError: Kafka refused.
    """
    if not context.settings.secure:
        return
    admin = AdminClient(admin_config(context))
    log_ins: list[UserScramCredentialAlteration] = [_log_in(context, user) for user in RIGHTS]
    try:
        for answer in admin.alter_user_scram_credentials(log_ins, request_timeout=ADMIN_SECONDS).values():
            answer.result()
        for made in admin.create_acls(list(_bindings()), request_timeout=ADMIN_SECONDS).values():
            made.result()
    except KafkaException as error:
        raise PrepareError("making Kafka's users", error.args[0].str()) from error


def admin_config(context: Context) -> dict[str, str | int | float | bool]:
    """Return how this stack itself reaches Kafka."""
    log_in = client_config(context.settings, context.credentials, BROKER)
    return {"bootstrap.servers": context.endpoints.kafka_bootstrap_servers, "socket.timeout.ms": 2000, **log_in}


def _jaas(context: Context) -> str:
    password = password_of(context.credentials, BROKER)
    return f'{LOGIN_MODULE} required username="{BROKER}" password="{password}";'


def _log_in(context: Context, user: str) -> UserScramCredentialUpsertion:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ROUNDS)
    return UserScramCredentialUpsertion(user, info, password_of(context.credentials, user).encode())


def _bindings() -> Iterator[AclBinding]:
    kinds = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "cluster": ResourceType.BROKER}
    for user, rights in RIGHTS.items():
        for right in rights:
            pattern = ResourcePatternType.PREFIXED if right.is_prefix else ResourcePatternType.LITERAL
            for operation in right.operations:
                yield AclBinding(
                    kinds[right.kind],
                    right.name,
                    pattern,
                    f"User:{user}",
                    "*",
                    AclOperation[operation],
                    AclPermissionType.ALLOW,
                )
