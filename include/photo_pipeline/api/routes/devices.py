"""A customer's devices: cameras and programs that stream photos."""

from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Response

from photo_pipeline.api.deps import TheCaller, TheCallerWhoCounts, TheServices
from photo_pipeline.api.device_schemas import (
    ActiveDeviceView,
    DeviceCreated,
    DeviceList,
    DeviceView,
    NewDevice,
    NewDeviceName,
)
from photo_pipeline.api.sessions import session_ended
from photo_pipeline.domain.customers import TooManyDevicesError
from photo_pipeline.domain.errors import UnknownCustomerError
from photo_pipeline.web.problems import ProblemError, described
from photo_pipeline.web.tokens import DeviceIdentity

MAX_DEVICES = 100
DEVICE_TOKEN_LIFE = timedelta(days=365)

router = APIRouter(tags=["devices"])


@router.post(
    "/devices",
    status_code=HTTPStatus.CREATED,
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def add_device(body: NewDevice, caller: TheCaller, services: TheServices) -> DeviceCreated:
    """Make a device and its token for the stream application. The token is shown this once."""
    customer_id = caller.session.customer_id
    key = None if body.public_key is None else body.public_key.x
    try:
        device = await services.database.run(
            services.customers.add_device, customer_id, services.new_id(), body.name, MAX_DEVICES, key
        )
    except UnknownCustomerError:
        raise session_ended() from None
    except TooManyDevicesError as error:
        detail = f"There are {error.limit} devices already. Revoke one first."
        raise ProblemError(HTTPStatus.CONFLICT, "too_many_devices", detail) from None
    expires_at = services.clock.now() + DEVICE_TOKEN_LIFE
    token = services.tokens.sign_device(DeviceIdentity(device.device_id, customer_id), expires_at)
    camera_url = f"{services.settings.stream_url.rstrip('/')}/camera#token={token}"
    view = DeviceView.of(device).model_dump()
    return DeviceCreated(**view, token=token, camera_url=camera_url, token_expires_at=expires_at)


@router.get(
    "/devices",
    responses=described(HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def list_devices(caller: TheCallerWhoCounts, services: TheServices) -> DeviceList:
    """The devices that are not revoked, newest first, with what each does."""
    devices = await services.database.run(services.customers.devices, caller.session.customer_id)
    return DeviceList(devices=[ActiveDeviceView.doing(device) for device in devices])


@router.patch(
    "/devices/{device_id}",
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def rename_device(device_id: UUID, body: NewDeviceName, caller: TheCaller, services: TheServices) -> DeviceView:
    """Give a device another name. Its token stays."""
    customer_id = caller.session.customer_id
    device = await services.database.run(services.customers.rename_device, customer_id, device_id, body.name)
    if device is None:
        raise _no_such_device()
    return DeviceView.of(device)


def _no_such_device() -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "no_such_device", "You have no such device.")


@router.delete(
    "/devices/{device_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def revoke_device(device_id: UUID, caller: TheCaller, services: TheServices) -> Response:
    """Revoke a device: its token is refused from now on."""
    if not await services.database.run(services.customers.revoke_device, caller.session.customer_id, device_id):
        raise _no_such_device()
    return Response(status_code=HTTPStatus.NO_CONTENT)
