"""Every setting of the product, read from ``PHOTO_*`` environment variables when asked, never at import."""

import ssl
from enum import StrEnum
from os import getuid
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from photo_pipeline.domain.photo import MAX_PHOTO_BYTES

Positive = Annotated[int, Field(gt=0)]
MIB = 1024 * 1024


class TopicNames(BaseSettings):
    """The four topics."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_TOPIC_", frozen=True)

    uploaded: str = "photos.uploaded"
    streamed: str = "photos.streamed"
    processed: str = "photos.processed"
    rejected: str = "photos.rejected"

    @property
    def incoming(self) -> tuple[str, str]:
        """The topics that the ingest reads."""
        return (self.uploaded, self.streamed)


class KafkaSettings(BaseSettings):
    """How to reach Kafka, and the one size limit on every hop."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_KAFKA_", frozen=True)

    bootstrap_servers: str
    client_config: dict[str, Any] = {}
    """More librdkafka settings, as JSON: security in production, nothing on a laptop. From an Airflow connection
    they may hold callables, such as ``oauth_cb``."""
    partitions: Positive = 6
    replication_factor: Positive = 1
    min_insync_replicas: Positive = 1
    retention_ms: Positive = 7 * 24 * 3600 * 1000
    segment_ms: Positive = 6 * 3600 * 1000
    max_message_bytes: Positive = MAX_PHOTO_BYTES + MIB
    """A photo of the largest size with its key and headers."""
    bulk_share: float = Field(default=0.25, ge=0, le=0.5)
    """Of each incoming topic's partitions, so many are for what customers send beyond their share: at least one of two
    or more. With 0 there is one lane for all. The same for the web applications and the workers."""


class RecordSettings(BaseSettings):
    """Which records on the incoming topics are believed."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_RECORDS_", frozen=True)

    keys_file: Path | None = None
    """The platform's public keys as JWK Set; with it, a signature that does not hold is refused."""
    take_unsigned: bool = True
    """Whether a record without a signature is taken at its word: then whoever writes to Kafka fills any gallery."""

    @model_validator(mode="after")
    def _keys_to_check_with(self) -> Self:
        if not self.take_unsigned and self.keys_file is None:
            raise ValueError("PHOTO_RECORDS_TAKE_UNSIGNED=false needs PHOTO_RECORDS_KEYS_FILE to check signatures with")
        return self


class DatabaseSettings(BaseSettings):
    """The platform's database, under the role that the reader of this setting may use."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_DATABASE_", frozen=True)

    url: SecretStr
    """SQLAlchemy form: ``postgresql+psycopg://role:password@host:port/photos``."""
    pool_size: Positive = 5
    connect_timeout_seconds: Positive = 5
    idle_transaction_seconds: Positive = 120
    """After so long without a word the server ends a transaction: a frozen task must not keep its locks for ever."""
    silence_seconds: Positive = 15
    """After so long without a sign of each other both ends give a connection up: a partition resets nothing."""
    iam_region: str | None = None
    """Set on RDS with IAM authentication: each new connection gets a fresh token instead of a password."""


class HdfsSettings(BaseSettings):
    """The archive."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_HDFS_", frozen=True)

    namenode: str
    """``hdfs://host:port``, or the name service of a highly available cluster."""
    client_config: dict[str, str] = {}
    root: str = "/photos"


class SearchSettings(BaseSettings):
    """The search index that analysts read, wherever it is."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_ELASTICSEARCH_", frozen=True)

    alias: str = "photos"
    keep_days: int = Field(default=400, ge=60)
    """A month's documents stay so long after it is over; never shorter than the ledger keeps their records."""


class ElasticsearchSettings(SearchSettings):
    """How to reach the search index without Airflow."""

    url: str
    user: str
    password: SecretStr
    ca_file: Path | None = None
    """PEM file of the authorities whose certificates to trust, instead of the system's."""


class KibanaSettings(BaseSettings):
    """The server that shows analysts their dashboards, under an account that may set them up."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_KIBANA_", frozen=True)

    url: str
    user: str
    password: SecretStr
    ca_file: Path | None = None
    manage_role: bool = True
    """Off where roles come from elsewhere; the account then needs no right over security."""
    photos_page: str | None = None
    gallery: str | None = None
    photo: str | None = None
    """Addresses to link to; of one photo's page with ``{photo_id}`` in it."""


class IngestSettings(BaseSettings):
    """The limits of a micro-batch. Memory is bounded by these, not by the backlog."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_INGEST_", frozen=True)

    slice_max_records: Positive = 10_000
    slice_max_bytes: Positive = 4096 * MIB
    slice_seconds: float = Field(default=45.0, gt=0)
    """After so long a slice begins nothing more and commits what it has; what waits behind it is the next one's."""
    bulk_slices: Positive = 1
    """So many slices of the bulk lane are worked on at a time, all by one run: another run has none to wait for."""
    in_flight_bytes: Positive = 96 * MIB
    """Of photos that are being worked on, and of what becomes of them."""
    workers: Positive = 2
    image_timeout_seconds: float = Field(default=20.0, gt=0)
    """CPU time that one photo may take. As long may its decoder sleep, if nothing keeps it from running."""
    image_wait_seconds: float = Field(default=300.0, gt=0)
    """How long a busy machine may keep a photo's decoder from running. Then the slice is tried again later."""
    image_memory_bytes: Positive = 2048 * MIB
    lease_seconds: float = 60.0
    outbox_batch: Positive = 100


class WebSettings(BaseSettings):
    """What both web applications share."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_", frozen=True)

    signing_key_file: Path
    """A private Ed25519 key as JWK: signs receipts and sessions."""
    erasure_keys_file: Path | None = None
    """The public keys, as JWK Set, of all that proofs of erasure were ever signed with: the upload API shows them."""
    public_url: str = "http://127.0.0.1:8000"
    stream_url: str = "http://127.0.0.1:8001"
    """Where browsers find the stream application."""
    session_seconds: Positive = 3600
    secure_cookies: bool = False
    acknowledge_seconds: float = 4.0
    """How long to wait for Kafka before the sender is told 503."""
    customer_holds: Annotated[int, Field(ge=0)] = 0
    """How many photos a customer may keep beyond their time; with 0, none."""
    sign_ups_per_address: Positive = 60
    """How many people may sign up from one address within five minutes, at one instance."""
    in_flight_bytes: Positive = 256 * MIB
    """Bytes of photos that one instance holds at a time; more wait, and are told 503 when that takes too long."""
    small_photo_memory_bytes: Annotated[int, Field(ge=0)] = 64 * MIB
    """Bytes of thumbs that one process remembers, so that the archive is not asked again; with 0, none."""
    upload_dir: Path = Field(default_factory=lambda: Path(gettempdir()) / f"photo-uploads-{getuid()}")
    """Where parts of resumable uploads wait. All replicas share it, or an upload goes on only where it began."""
    upload_open_limit: Positive = 64
    """Unfinished uploads of a customer; each has at most 32 MiB."""
    upload_keep_seconds: Positive = 24 * 3600
    """From its beginning an upload is kept so long, finished (its receipt) or not (its bytes)."""
    upload_idle_seconds: float = Field(default=20.0, gt=0)
    """A request to the upload API that brings no byte for so long is ended, and its upload is free for the next one."""
    body_bytes_per_second: Annotated[float, Field(ge=0)] = 500.0
    """After its first 20 seconds a request's body comes at least so fast, or is ended."""
    head_seconds: float = Field(default=10.0, gt=0)
    """So long the head of a request may take from its first byte, and a connection may say nothing."""
    answer_stall_seconds: float = Field(default=60.0, gt=0)
    """A client that reads nothing of its answer for so long is cut off."""
    customer_photos_per_day: Positive = 500_000
    """How many photos of one customer are accepted within 24 hours, by one instance or in all."""
    customer_kept_bytes: Positive = 512 * 1024 * MIB
    """How many bytes of photos of one customer are kept at a time, originals alone."""
    customer_burst_seconds: float = Field(default=40.0, gt=0)
    """Of one core, estimated: so much work a customer's photos may be at once, some 600 JPEGs of 12 megapixels or 80 of
    HEIC. What is beyond it waits in the bulk lane, in front of nobody else's photos. At one instance."""
    customer_seconds_per_second: float = Field(default=0.1, gt=0)
    """So much of that comes back each second."""
    connections: Positive = 1000
    """Of one instance. For one more, the one that has had no request for longest makes room, or it is told 503."""
    upload_sweep_seconds: float = Field(default=600.0, gt=0)
    """How often each replica removes what has expired."""


class MailSecurity(StrEnum):
    """How the way to the mail server is kept from others."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class MailSettings(BaseSettings):
    """The server that takes mail to customers. Without a host none is sent, and no password is set anew by mail."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_MAIL_", env_ignore_empty=True, frozen=True)

    host: str | None = None
    port: Positive = 587
    security: MailSecurity = MailSecurity.STARTTLS
    """``starttls`` (port 587), ``tls`` from the first byte (465), or ``none``, which takes no log-in."""
    user: str | None = None
    password: SecretStr | None = None
    sender: str = ""
    """What customers see as the sender: ``photos@example.com``, or ``Photos <photos@example.com>``."""
    ca_file: Path | None = None
    """PEM file of the authorities whose certificates to trust, instead of the system's."""
    timeout_seconds: float = Field(default=10.0, gt=0)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.host is None:
            return self
        if "@" not in self.sender or "\n" in self.sender:
            raise ValueError("PHOTO_MAIL_HOST needs PHOTO_MAIL_SENDER, an address")
        if (self.user is None) != (self.password is None):
            raise ValueError("PHOTO_MAIL_USER and PHOTO_MAIL_PASSWORD go together")
        if self.security is MailSecurity.NONE and self.user is not None:
            raise ValueError("PHOTO_MAIL_SECURITY=none would send PHOTO_MAIL_PASSWORD in the clear")
        if self.ca_file is not None:
            self._read_authorities(self.ca_file)
        return self

    @staticmethod
    def _read_authorities(file: Path) -> None:
        try:
            ssl.create_default_context(cafile=file)
        except OSError as error:
            raise ValueError(f"PHOTO_MAIL_CA_FILE={file}: no certificates can be read from it") from error


class RetentionSettings(BaseSettings):
    """What bounds a run that removes for good. How long photos are kept is a promise and no setting."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_RETENTION_", frozen=True)

    clock_tolerance_seconds: float = Field(default=300.0, gt=0, le=300)
    """How far the clocks of database, NameNode and worker may differ; beyond that nothing is removed."""
    most_share: float = Field(default=0.5, gt=0, le=1)
    """Of all shards, or rejected records, so many may have come due in an outage; more needs an operator's permit."""
    share_per_run: float = Field(default=0.1, gt=0, le=1)
    """Of all shards, so many go in one run after an outage, besides what came due since the last run."""
    few_files: Positive = 5
    """So many files without a shard are always swept away."""
    files_share: float = Field(default=0.05, gt=0, le=1)
    """Of all files, so many may be; more needs an operator's permit."""


class ErasureSettings(BaseSettings):
    """With what proofs of erasure are signed."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_ERASURE_", frozen=True)

    key_file: Path | None = None
    """A private Ed25519 key as JWK, of the pipeline alone. Without one nothing is erased: it could not be proven."""


class LedgerSettings(BaseSettings):
    """How long the ledger remembers single records. What a day came to is kept for ever."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_LEDGER_", frozen=True)

    keep_days: int = Field(default=400, ge=60)
    """Records, slices, removed shards and expired photos are kept so long, and then until their whole month is over."""


class AirflowCleanupSettings(BaseSettings):
    """What Airflow leaves behind of its runs, and for how long."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_AIRFLOW_", frozen=True)

    metadata_url: SecretStr
    """The address of Airflow's own database, as in its ``sql_alchemy_conn``: tasks are not told that one."""
    keep_days: int = Field(default=30, ge=2)


class ReconcileSettings(BaseSettings):
    """What the hourly reconciliation counts as wrong, and how much of everything one run looks at."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_RECONCILE_", frozen=True)

    rotation: Positive = 168
    """After so many runs every day's documents and every slice of the outbox have been looked at: weekly, hourly."""
    sample_slices: Positive = 500
    """How many slices, and shards, that have not changed a run looks at again; the next one goes on from there."""
    sample_members: Positive = 2000
    """How many members of shards a run reads; the next one goes on from there."""
    named: Positive = 100
    """How many findings of a check are kept by name; the rest are counted."""
    max_lag_hours: Positive = 120
    """Kafka deletes a record after 168."""
    max_wait_minutes: Positive = 60
    """How long slices, outbox entries and the search sync may stand still."""
    incident_hours: Positive = 24
    """How long a loss that cannot be undone keeps runs red."""
    recent_days: Positive = 9
    """Days of which customers' sums are compared in every run: those in which photos come and expire."""
    search_days: Positive = 400
    """Days of which documents are compared one by one in the course of a rotation."""
    page: Annotated[int, Field(gt=0, le=5000)] = 1000
    """Rows, documents or files in memory at a time."""
    max_deletions: Positive = 1000
    """More surplus documents than this are not deleted but reported: rather the ledger has lost rows."""
    keep_days: Positive = 90
    """How long results are kept."""


class ReprocessSettings(BaseSettings):
    """How a request to reprocess is cut up. Memory is bounded by the limits of the ingest."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_REPROCESS_", frozen=True)

    tasks: Annotated[int, Field(gt=0, le=1000)] = 100
    """At most so many tasks share a request's shards."""
    batch_records: Positive = 100
    """Dead letters that are announced and sent at a time."""


class NoticeSettings(BaseSettings):
    """When people are told that something is late, and when they are told again."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_NOTICE_", frozen=True)

    late_ingest_minutes: float = Field(default=10.0, gt=0)
    """How long a photo may wait in Kafka. It is looked for every five minutes, so the notice comes within 15."""
    late_sync_minutes: float = Field(default=30.0, gt=0)
    """How long an outcome may wait for the search index."""
    failure_again_hours: Positive = 6
    """A task that goes on failing is told again after so long."""
    discrepancy_again_days: Positive = 14
    """A discrepancy that was gone for so long is told again. Longer than a rotation of the reconciliation."""


class MetricsSettings(BaseSettings):
    """The exporter of the platform's own metrics."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_METRICS_", frozen=True)

    host: str = "127.0.0.1"
    port: Positive = 9464
    refresh_seconds: float = Field(default=15.0, gt=0)
    """How often Kafka and the ledger are asked, however often this is scraped."""
    elasticsearch_url: str | None = None
    """Set to see whether it answers; no log-in is needed for that."""
    elasticsearch_ca_file: Path | None = None
    """PEM file of the authorities whose certificates to trust there, instead of the system's."""
    namenode_url: str | None = None
    """The NameNodes' web servers, with commas between, set to see whether one answers and how much room there is."""


class PageSettings(BaseSettings):
    """Where links in Airflow's UI lead: addresses for a browser. A link without one is left out."""

    model_config = SettingsConfigDict(env_prefix="PHOTO_PAGE_", frozen=True)

    gallery_url: str = ""
    dashboard_url: str = ""
    archive_url: str = ""
    """Under which the archive's folders can be looked at: their paths are put behind it."""
