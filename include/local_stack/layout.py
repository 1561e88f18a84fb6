"""Where things lie: the state folder of a stack, and the users its servers run as."""

from __future__ import annotations

import hashlib
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local_stack.errors import ServiceUserError, UnreadableForServiceUserError

if TYPE_CHECKING:
    from local_stack.settings import StackSettings

SERVICE_USER = "photostack"
CLOSED_HOME_DATA = Path("/var/lib/photo-pipeline")
# A Unix socket's path has to fit in sockaddr_un: 108 bytes on Linux, 104 on macOS, one for the closing zero.
SOCKET_PATH_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders and files of one stack.

    Attributes:
        home: The state folder.
        data: What the servers store. Inside ``home``, unless root starts the stack in a folder closed to others:
            then under ``/var/lib``, because PostgreSQL and Elasticsearch refuse root and reach it as another user.
        service_user: The user for those servers, or nothing when the stack is not started by root.
    """

    home: Path
    data: Path
    service_user: str | None

    @property
    def logs(self) -> Path:
        """One log per service."""
        return self.home / "logs"

    @property
    def secrets(self) -> Path:
        """Generated passwords and keys, for the owner's eyes only."""
        return self.home / "secrets"

    @property
    def tls(self) -> Path:
        """The certificate that clients trust, where the stack is a secured one."""
        return self.home / "tls"

    @property
    def config(self) -> Path:
        """Generated configuration of the servers."""
        return self.home / "config"

    @property
    def airflow_home(self) -> Path:
        """AIRFLOW_HOME: task logs and generated Airflow files."""
        return self.home / "airflow"

    @property
    def endpoints(self) -> Path:
        """Shell ``KEY=value`` lines that say where everything listens."""
        return self.home / "endpoints.env"

    @property
    def lock(self) -> Path:
        """Held by a command that changes the stack."""
        return self.home / "lock"

    @property
    def platform_is_set_up(self) -> Path:
        """Exists when ``platform_setup`` has succeeded since the stack was started."""
        return self.home / "platform-is-set-up"

    @property
    def woken_dags(self) -> Path:
        """The DAGs that a start has unpaused; what a person paused later stays paused."""
        return self.airflow_home / "woken-dags.json"

    @property
    def supervisor_config(self) -> Path:
        """What the supervisor was started with."""
        return self.home / "supervisord.conf"

    @property
    def supervisor_pid(self) -> Path:
        """The supervisor's process id."""
        return self.home / "supervisord.pid"

    @property
    def supervisor_socket(self) -> Path:
        """Where the supervisor takes commands."""
        path = self.home / "supervisor.sock"
        if len(str(path)) <= SOCKET_PATH_LIMIT:
            return path
        return Path(tempfile.gettempdir()) / f"photo-stack-{digest(self.home)}.sock"

    @property
    def balancer_socket(self) -> Path:
        """Where the load balancer is told to send no more requests to a replica."""
        return self.supervisor_socket.with_name(self.supervisor_socket.name.replace("supervisor", "balancer"))

    def log_of(self, service: str) -> Path:
        """Return the log file of one service."""
        return self.logs / f"{service}.log"

    def make(self) -> None:
        """Create the folders that every service needs; those of one service are its own affair."""
        for folder in (self.home, self.logs, self.config, self.airflow_home, self.data):
            folder.mkdir(parents=True, exist_ok=True)
            # The service user passes through to its own files; nobody else lists or reads what is here.
            folder.chmod(0o711 if self.service_user else 0o700)
        self.secrets.mkdir(mode=0o700, exist_ok=True)

    def make_public(self, folder: Path) -> None:
        """Create a folder whose files other users of the machine may open by their names, as far as they may come."""
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711 if self.service_user else 0o700)

    def make_owned(self, folder: Path, mode: int = 0o700) -> Path:
        """Create a folder that belongs to the service user, or to the caller when that is not root."""
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
        if self.service_user:
            shutil.chown(folder, self.service_user, pwd.getpwnam(self.service_user).pw_gid)
        return folder

    def write_owned(self, path: Path, text: str) -> None:
        """Write a file that nobody but the service user may read, or the caller when that is not root."""
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
        if self.service_user:
            shutil.chown(path, self.service_user)

    def check_readable(self, folder: Path, variable: str) -> None:
        """Refuse a folder that the service user cannot enter.

        Raises:
            UnreadableForServiceUserError: Names the folder, and the variable that chooses another.
        """
        if self.service_user and not open_to_others(folder):
            raise UnreadableForServiceUserError(self.service_user, folder, variable)

    def remove(self) -> None:
        """Drop what a stack has written, and the state folder if nothing else is in it.

        Only by name: a ``PHOTO_STACK_HOME`` that points at somebody's folder must not cost them their files.
        """
        for folder in (self.data, self.logs, self.secrets, self.config, self.airflow_home, self.tls, self.home / "tmp"):
            shutil.rmtree(folder, ignore_errors=True)
        for pattern in (
            "lock",
            "users.lock",
            "endpoints.env",
            "supervisord.*",
            "supervisor.sock",
            "balancer.sock",
            "platform-is-set-up",
        ):
            for file in self.home.glob(pattern):
                file.unlink()
        self.supervisor_socket.unlink(missing_ok=True)
        if self.home.is_dir() and not any(self.home.iterdir()):
            self.home.rmdir()


def layout_of(settings: StackSettings) -> Layout:
    """Decide where a stack's data lies; creates nothing."""
    data = settings.home / "data"
    if settings.is_root and not open_to_others(settings.home):
        data = CLOSED_HOME_DATA / digest(settings.home)
    return Layout(home=settings.home, data=data, service_user=SERVICE_USER if settings.is_root else None)


def digest(path: Path) -> str:
    """Return a short name that is as unique as the path."""
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]


def open_to_others(path: Path) -> bool:
    """Tell whether any user may enter every existing folder on the way to ``path``, and the path itself."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents) if folder.exists())


def ensure_service_user(layout: Layout) -> None:
    """Create the system user for servers that refuse root, where it does not exist yet.

    Raises:
        ServiceUserError: It could not be created.
    """
    if not layout.service_user:
        return
    try:
        pwd.getpwnam(layout.service_user)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
        try:
            subprocess.run([*command, layout.service_user], check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise ServiceUserError(
                f"PostgreSQL and Elasticsearch refuse to run as root, and user {layout.service_user!r} could not be "
                f"created: run `useradd --system {layout.service_user}`, or start the stack as an ordinary user"
            ) from error
