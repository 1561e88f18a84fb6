"""Settling what is wrong with logs: an operator says that what was never read of them is given up."""

import logging
from collections.abc import Sequence

from photo_pipeline.domain.errors import NothingToSettleError
from photo_pipeline.domain.log_request import LogRequest
from photo_pipeline.domain.logs import KnownLog, changes
from photo_pipeline.ports.logs import LogBook
from photo_pipeline.ports.photo_log import PhotoLogReader

logger = logging.getLogger(__name__)


def settle_logs(request: LogRequest, book: LogBook, reader: PhotoLogReader) -> Sequence[KnownLog]:
    """Give up the unread rest of every log of the request that has ended or was cut; which those were.

    Receipts of what was not read say so from then on. In the place of a log that was cut a new one begins with the next
    plan, at what Kafka holds: photos that were read before come out as duplicates, and nothing is skipped. Asked again,
    the same logs are found settled.

    Raises:
        NothingToSettleError: when nothing is wrong with these logs, or with none that the ledger knows.
        ServerUnavailableError: when Kafka or the database is away.
    """
    known = book.logs()
    book.follow(changes(known, reader.watermarks({each.log.topic for each in known} & {request.topic})))
    asked_for = [each for each in book.logs() if _is_meant(each, request)]
    unsettled = [each for each in asked_for if each.is_unsettled]
    if not unsettled and not any(each.settled_at for each in asked_for):
        raise NothingToSettleError(request.topic, request.partition)
    book.settle([each.log for each in unsettled], request.by, request.reason)
    for each in unsettled:
        logger.warning("settled log=%s unread=%d by=%s reason=%s", each.log, each.unread, request.by, request.reason)
    return unsettled


def _is_meant(each: KnownLog, request: LogRequest) -> bool:
    return each.log.topic == request.topic and request.partition in {None, each.log.partition}
