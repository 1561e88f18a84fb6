"""PostgreSQL against Elasticsearch: sums per customer and day, then document by document where they differ.

Only rows below the sync's watermark are expected in the index. Rows are read before documents where one that lacks is
sought, and documents before rows where one too many is: whatever the sync does meanwhile is then no finding.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from photo_pipeline.domain.documents import Document, IndexName, OutcomeRow, RefusedDocument, document_of
from photo_pipeline.domain.photo import LATER, RecordCoordinates
from photo_pipeline.domain.reconciliation import (
    Detail,
    DocumentFault,
    Scope,
    Status,
    StoredDocument,
    differing_customers,
    document_fault,
    recent_days,
    rotated_days,
)
from photo_pipeline.use_cases.reconcile.run import CheckRun

WORDS = {
    DocumentFault.MISSING: "was not in the search index; indexed",
    DocumentFault.STALE: "was in the search index as an older version; indexed",
    DocumentFault.ALTERED: "was in the search index with another content; indexed",
    DocumentFault.AHEAD: "was in the search index as a version that never was; deleted, the next run indexes it",
}
REFUSED = "is not in the search index as its row says, and the index refuses it: {reason}"
SURPLUS = "was in the search index, but no row has it; deleted"
MISPLACED = "was in the index of a month that is not its row's; deleted"
TOO_MANY = (
    "{count} documents are of no row, more than the {limit} that are deleted by themselves: if the database was "
    "restored, they are what it lacks; else raise PHOTO_RECONCILE_MAX_DELETIONS"
)


def check_search(run: CheckRun) -> Detail:
    """Compare, index what lacks or is stale, delete what is of no row."""
    progress = run.ports.sync_state.load()
    if progress.synced_at is not None and run.now - progress.synced_at > run.limits.max_wait:
        at = f"{progress.synced_at:%Y-%m-%d %H:%M} UTC"
        run.findings.add(
            "photo_bi_sync", f"has not come to an end since {at}", synced_at=progress.synced_at.isoformat()
        )
    run.ports.search.refresh()
    comparison = _Comparison(run, progress.watermark)
    scopes = 0
    for scope in _scopes(run, progress.watermark):
        comparison.compare(scope)
        scopes += 1
    comparison.seek_surplus(None)
    comparison.delete_surplus()
    if comparison.rows:
        run.ports.search.refresh()
    return {"watermark": progress.watermark, "scopes": scopes, "rows": comparison.rows}


def _scopes(run: CheckRun, watermark: int) -> Iterator[Scope]:
    """The days whose turn it is, and of the newest days those customers whose sums differ."""
    today = run.now.date()
    whole = rotated_days(today, run.limits.search_days, run.rotation)
    yield from (Scope(day, everyone=True) for day in whole)
    for day in recent_days(today, run.limits.recent_days):
        if day in whole:
            continue
        rows = run.ports.outcomes.day_figures(day, watermark)
        documents = run.ports.search.day_figures(day)
        yield from (Scope(day, customer_id) for customer_id in differing_customers(rows, documents))


@dataclass(slots=True)
class _Comparison:
    """One run's comparison, a page of rows or documents at a time."""

    run: CheckRun
    watermark: int
    rows: int = 0
    surplus: dict[str, list[StoredDocument]] = field(default_factory=lambda: {SURPLUS: [], MISPLACED: []})
    surplus_count: int = 0

    def compare(self, scope: Scope) -> None:
        """Both ways: rows without their document, documents without a row."""
        after: OutcomeRow | None = None
        while page := self.run.ports.outcomes.page(scope, after, self.run.limits.page):
            self._compare_rows([row for row in page if row.updated_xid < self.watermark])
            self.rows += len(page)
            after = page[-1]
        self.seek_surplus(scope)

    def seek_surplus(self, scope: Scope | None) -> None:
        """Documents that no row has."""
        after: StoredDocument | None = None
        while page := self.run.ports.search.page(scope, after, self.run.limits.page):
            known = self.run.ports.outcomes.versions([at for stored in page if (at := _coordinates(stored))])
            self._note_surplus([stored for stored in page if _coordinates(stored) not in known], SURPLUS)
            after = page[-1]

    def delete_surplus(self) -> None:
        """Delete what was noted, unless it is so much that the ledger is rather to be doubted."""
        limit = self.run.limits.max_deletions
        if self.surplus_count > limit:
            first = next(stored.document_id for documents in self.surplus.values() for stored in documents)
            problem = TOO_MANY.format(count=self.surplus_count, limit=limit)
            self.run.findings.add("search index", problem, first=first, documents=self.surplus_count)
            return
        for problem, documents in self.surplus.items():
            self.run.ports.search.delete(documents)
            for stored in documents:
                facts = {"fault": "surplus", "index": stored.index, "version": stored.version}
                self.run.findings.add(f"document {stored.document_id}", problem, Status.REPAIRED, **facts)

    def _compare_rows(self, rows: Sequence[OutcomeRow]) -> None:
        wanted = {str(row.coordinates): (row, document_of(row)) for row in rows}
        stored = self.run.ports.search.fetch(wanted)
        found = {each.document_id: each for each in stored if _in_its_place(each, wanted[each.document_id][1])}
        self._note_surplus([each for each in stored if each is not found.get(each.document_id)], MISPLACED)
        faults = {
            name: fault
            for name, (_, document) in wanted.items()
            if (fault := document_fault(document, found.get(name))) is not None
        }
        behind = [name for name, fault in faults.items() if fault is not DocumentFault.AHEAD]
        ahead = self._really_ahead([found[name] for name in faults.keys() - set(behind)], wanted)
        report = self.run.ports.index.write([wanted[name][1] for name in behind])
        self._note_refused(report.refused)
        refused = {each.document_id for each in report.refused}
        self.run.ports.search.delete(ahead)
        for name in (*(name for name in behind if name not in refused), *(stored.document_id for stored in ahead)):
            self._note_repaired(wanted[name][0], faults[name], found.get(name))

    def _really_ahead(
        self, stored: Sequence[StoredDocument], wanted: Mapping[str, tuple[OutcomeRow, Document]]
    ) -> list[StoredDocument]:
        """Not just changed and synced since the rows were read."""
        rows = {each.document_id: wanted[each.document_id][0].coordinates for each in stored}
        versions = self.run.ports.outcomes.versions(list(rows.values()))
        return [each for each in stored if each.version > versions[rows[each.document_id]]]

    def _note_refused(self, refused: Sequence[RefusedDocument]) -> None:
        for each in refused:
            self.run.findings.add(f"document {each.document_id}", REFUSED.format(reason=each.reason))

    def _note_repaired(self, row: OutcomeRow, fault: DocumentFault, found: StoredDocument | None) -> None:
        day = None if row.uploaded_at is None else row.uploaded_at.date().isoformat()
        self.run.findings.add(
            f"document {row.coordinates}",
            WORDS[fault],
            Status.REPAIRED,
            fault=fault.value,
            day=day,
            customer_id=None if row.customer_id is None else str(row.customer_id),
            version=row.version,
            found_version=None if found is None else found.version,
        )

    def _note_surplus(self, documents: Sequence[StoredDocument], problem: str) -> None:
        room = max(self.run.limits.max_deletions + 1 - self.surplus_count, 0)
        self.surplus[problem] += documents[:room]
        self.surplus_count += len(documents)


def _in_its_place(stored: StoredDocument, wanted: Document) -> bool:
    index = IndexName.parse(stored.index)
    return index is not None and index.month == wanted.month


def _coordinates(stored: StoredDocument) -> RecordCoordinates | None:
    """The record that a document is of, if its fields and its id agree on one."""
    topic, partition, offset = (stored.body.get(name) for name in ("topic", "partition", "offset"))
    if not isinstance(topic, str) or not isinstance(partition, int) or not isinstance(offset, int):
        return None
    # Only the id tells later logs of a name apart: it is what a document is found by.
    mark = stored.document_id.removeprefix(f"{topic}{LATER}").partition("-")[0]
    coordinates = RecordCoordinates(topic, partition, offset, int(mark) if mark.isdecimal() else 1)
    return coordinates if str(coordinates) == stored.document_id else None
