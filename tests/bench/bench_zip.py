"""A ZIP of 2,000 photos, through the API as an operator starts it: every photo is right, and memory stays flat.

The API's peak memory is read from Linux after a ZIP of a few photos, and after the large one, in the same process.
"""

import argparse
import hashlib
import random
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from uuid import UUID
from zlib import crc32

from sqlalchemy import text
from tests.bench import ledgers
from tests.bench.aims import Aim
from tests.bench.bench_gallery import running, servers, token_for
from tests.bench.clients import peak_megabytes
from tests.support.api_process import ApiProcess
from tests.support.databases import Database

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.settings import HdfsSettings

PHOTOS = 2000
FEW = 20
PHOTO_BYTES = 250_000
MEMORY = 1.25
"""So many times the memory of a small ZIP a large one may take."""
LIES = text("""
SELECT r.photo_id, s.path, r."offset" FROM rendition r JOIN shard s USING (shard_id)
 WHERE r.kind = 'original' ORDER BY s.path, r."offset"
""")
SUMS = text("UPDATE rendition SET crc32 = :crc32 WHERE photo_id = :photo_id")
DIGESTS = text("UPDATE photo SET sha256 = :sha256 WHERE photo_id = :photo_id")


@dataclass(frozen=True, slots=True)
class Taken:
    """A ZIP that was downloaded: SHA-256 of its members, its bytes, and the seconds it took."""

    digests: Sequence[str]
    size: int
    seconds: float


@contextmanager
def archived(database: Database, hdfs: HdfsSettings, photos: int) -> Iterator[tuple[UUID, dict[UUID, str]]]:
    """A customer with so many photos in the archive, and their SHA-256 by id; the bytes are there until the end."""
    owner = make_engine(database.owner, "bench")
    (customer,) = ledgers.customers(owner, 1)
    ledgers.fill(owner, [customer], photos)
    paths = ledgers.place(owner, PHOTO_BYTES, hdfs.root)
    archive, noise = HdfsArchive(hdfs), random.Random(1)  # noqa: S311 - pixels, no secrets
    files = {path: archive.create(path) for path in paths}
    digests, sums = dict[UUID, str](), list[dict[str, object]]()
    try:
        with owner.begin() as connection:
            for row in connection.execute(LIES).all():
                content = noise.randbytes(PHOTO_BYTES)
                files[row.path].write(content)
                digests[row.photo_id] = hashlib.sha256(content).hexdigest()
                sums.append({"photo_id": row.photo_id, "crc32": crc32(content)})
            connection.execute(SUMS, sums)
            connection.execute(DIGESTS, [{"photo_id": key, "sha256": value} for key, value in digests.items()])
        for file in files.values():
            file.close()
        yield customer, digests
    finally:
        owner.dispose()
        for path in paths:
            archive.delete(path)


def taken(api: ApiProcess, headers: dict[str, str], photo_ids: Sequence[UUID]) -> Taken:
    """Download them as one file and look into it."""
    asked = {"photo_ids": [str(each) for each in photo_ids]}
    began = time.monotonic()
    with tempfile.TemporaryFile() as file:
        with api.client() as client, client.stream("POST", "/photos/archive", json=asked, headers=headers) as answer:
            answer.raise_for_status()
            for piece in answer.iter_bytes():
                file.write(piece)
        seconds = time.monotonic() - began
        size = file.tell()
        with zipfile.ZipFile(file) as opened:
            digests = [hashlib.sha256(opened.read(name)).hexdigest() for name in opened.namelist()]
        return Taken(digests, size, seconds)


def main() -> None:
    """Run the benchmark on the test stack."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--photos", type=int, default=PHOTOS)
    chosen = arguments.parse_args()
    with ExitStack() as stack:
        endpoints, database, hdfs = stack.enter_context(servers())
        customer, digests = stack.enter_context(archived(database, hdfs, chosen.photos))
        api, tokens = stack.enter_context(running(endpoints, database, hdfs))
        headers = {"Authorization": f"Bearer {token_for(tokens, customer)}"}
        everything = list(digests)
        taken(api, headers, everything[:FEW])
        few = peak_megabytes(api.pid)
        found = taken(api, headers, everything)
        many = peak_megabytes(api.pid)
    wrong = len(set(digests.values()) ^ set(found.digests))
    print(
        f"a ZIP of {len(found.digests)} photos, {found.size / 1e6:.0f} MB in {found.seconds:.1f} s; {wrong} are wrong"
    )
    print(f"the API's peak memory: {few:.0f} MB after {FEW} photos, {many:.0f} MB after {len(everything)}")
    print(Aim(f"memory of {len(everything)} photos, x of {FEW}", many / few, MEMORY))
    if wrong:
        raise SystemExit("the ZIP is not what is in the archive")


if __name__ == "__main__":
    main()
