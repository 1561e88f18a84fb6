"""Erasures on a pipeline of a test's own, through the product's own wiring, and a look at it from outside."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from joserfc.jwk import OKPKey
from tests.support.reconciliation import Reconciled
from tests.support.signing import new_key

from photo_pipeline.composition.erase import document_ports, erasure_ledger, proof_ports, rewrite_ports
from photo_pipeline.composition.search import access_with
from photo_pipeline.domain.erasure import parse_erase_request
from photo_pipeline.settings import ErasureSettings
from photo_pipeline.use_cases.erase import RewriteSummary, begin_erasure, blank_documents, prove_erasure, rewrite_shards

TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
NAMES = "SELECT '{table}' WHERE EXISTS (SELECT FROM {table} t WHERE t::text ~* :pattern)"
"""As text, whatever the column's type: what is not found this way stands in no column of no table."""


@dataclass(frozen=True, slots=True)
class Erasures:
    """What an operator, and the tasks of a run, do; ``around`` stands before the ledger and the archive."""

    world: Reconciled
    key: OKPKey
    key_file: Path

    @classmethod
    def of(cls, world: Reconciled, folder: Path) -> "Erasures":
        """With a key of its own."""
        key = new_key()
        path = folder / "erasure.jwk"
        path.write_text(json.dumps(key.as_dict(private=True)))
        return cls(world, key, path)

    def begin(self, name: str = "run", **fields: object) -> int:
        """The first task, with this form."""
        request = parse_erase_request(name, {"reason": "case 7", "by": "counsel", **fields})
        with erasure_ledger(self.world.pipeline.settings) as ledger:
            return begin_erasure(request, ledger, lambda: "salt")

    def rewrite(self, erasure_id: int, around: Callable[[Any, str], Any] | None = None) -> RewriteSummary:
        """The second."""
        with rewrite_ports(self.world.pipeline.settings) as ports:
            if around is None:
                return rewrite_shards(erasure_id, ports)
            ledger, archive = around(ports.ledger, "ledger"), around(ports.archive, "archive")
            return rewrite_shards(erasure_id, replace(ports, ledger=ledger, archive=archive))

    def blank(self, erasure_id: int) -> int:
        """The third."""
        search = self.world.search
        access = access_with(search.sync_settings.model_copy(update={"alias": search.alias}))
        with document_ports(self.world.pipeline.settings, access) as ports:
            return blank_documents(erasure_id, ports)

    def prove(self, erasure_id: int, documents: int = 0) -> str:
        """The last."""
        with proof_ports(self.world.pipeline.settings, ErasureSettings(key_file=self.key_file)) as ports:
            return prove_erasure(erasure_id, documents, ports)

    def erase(self, name: str = "run", **fields: object) -> str:
        """All of them; the proof."""
        erasure_id = self.begin(name, **fields)
        self.rewrite(erasure_id)
        return self.prove(erasure_id, self.blank(erasure_id))

    def named_in(self, photo_id: UUID, *words: str) -> list[str]:
        """Files, tables and documents that still say one of these words, or the photo's id."""
        pipeline, pattern = self.world.pipeline, "|".join((str(photo_id), *words))
        tables = " UNION ALL ".join(NAMES.format(table=table) for (table,) in pipeline.rows(TABLES))
        found = [str(table) for (table,) in pipeline.rows(tables, pattern=pattern)]
        found += [path for path in pipeline.files("") if re.search(pattern.encode(), pipeline.read_file(path))]
        documents = self.world.search.stored().items()
        return [*found, *(name for name, body in documents if re.search(pattern, json.dumps([name, body])))]
