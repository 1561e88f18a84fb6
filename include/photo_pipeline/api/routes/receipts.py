"""What became of accepted photos, by their receipts."""

from collections.abc import Sequence
from http import HTTPStatus

from fastapi import APIRouter

from photo_pipeline.api.deps import TheCaller, TheServices
from photo_pipeline.api.schemas import ReceiptStatusList, ReceiptStatusView, ReceiptTokens, sentence_of
from photo_pipeline.api.services import Services
from photo_pipeline.api.sessions import Caller
from photo_pipeline.domain.gallery import ReceiptStatus
from photo_pipeline.domain.photo import Receipt, photo_id_for
from photo_pipeline.web.problems import ProblemError, described
from photo_pipeline.web.tokens import TokenError

router = APIRouter(tags=["receipts"])


@router.get(
    "/receipts/{token}",
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def receipt_status(token: str, caller: TheCaller, services: TheServices) -> ReceiptStatusView:
    """What became of the photo that this receipt of the caller's is for."""
    receipt = _own_receipt(token, caller, services)
    if receipt is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_such_receipt", "This is no receipt of yours.")
    [status] = await services.database.run(services.gallery.receipts, [receipt])
    return _view(receipt, status)


@router.post(
    "/receipts",
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def receipt_statuses(body: ReceiptTokens, caller: TheCaller, services: TheServices) -> ReceiptStatusList:
    """The same for up to 100 receipts at once. Nothing is changed by it."""
    own = [_own_receipt(token, caller, services) for token in body.tokens]
    receipts = [receipt for receipt in own if receipt is not None]
    statuses = iter(await _statuses(services, receipts))
    return ReceiptStatusList(receipts=[None if receipt is None else _view(receipt, next(statuses)) for receipt in own])


async def _statuses(services: Services, receipts: Sequence[Receipt]) -> Sequence[ReceiptStatus]:
    return await services.database.run(services.gallery.receipts, receipts) if receipts else []


def _own_receipt(token: str, caller: Caller, services: Services) -> Receipt | None:
    """A receipt names no customer, but its photo's id is made of the customer's and the sha256."""
    try:
        receipt = services.tokens.verify_receipt(token)
    except TokenError:
        return None
    return receipt if photo_id_for(caller.session.customer_id, receipt.sha256) == receipt.photo_id else None


def _view(receipt: Receipt, status: ReceiptStatus) -> ReceiptStatusView:
    return ReceiptStatusView(
        photo_id=receipt.photo_id,
        status=status.state,
        reason=status.reason,
        sentence=None if status.reason is None else sentence_of(status.reason),
        processed_at=status.processed_at,
    )
