"""What the exporter asks over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from photo_pipeline.metrics.probes import room_on_hdfs

ANSWER = b'{"beans": [{"CapacityTotal": 10, "CapacityRemaining": 4, "tag.HAState": "active"}]}'


class NameNode(BaseHTTPRequestHandler):
    """Answers as Hadoop's web server does: with two dates."""

    def do_GET(self) -> None:
        """The figures."""
        self.send_response_only(200)
        for _ in range(2):
            self.send_header("Date", "Fri, 27 Nov 2026 17:00:00 GMT")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Keep quiet."""


@pytest.fixture
def namenode() -> Iterator[str]:
    """Its address."""
    with HTTPServer(("127.0.0.1", 0), NameNode) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_namenodes_time_has_a_zone_though_it_says_it_twice(namenode: str) -> None:
    """Without one it could be compared with nothing, and the exporter would end."""
    room = room_on_hdfs([namenode])
    assert room.asked_at == datetime(2026, 11, 27, 17, tzinfo=UTC)
