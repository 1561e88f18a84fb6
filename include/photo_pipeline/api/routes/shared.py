"""What a link leads to: a page that needs no account, and a script only to say what does not come; and its photos."""

import re
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request, Response
from markupsafe import Markup, escape

from photo_pipeline.api.deps import TheServices, network_of_sender
from photo_pipeline.api.link_tokens import hash_of
from photo_pipeline.api.pages import TEMPLATES
from photo_pipeline.api.routes.renditions import Conditions, get_rendition_of
from photo_pipeline.api.services import Services
from photo_pipeline.domain.gallery import RenditionName
from photo_pipeline.domain.photo import RenditionKind
from photo_pipeline.domain.shares import SharedAlbum, SharedPhoto
from photo_pipeline.web.pages import PageTemplate
from photo_pipeline.web.problems import ProblemError

_PAGE, _OVER = PageTemplate(TEMPLATES / "shared.html"), PageTemplate(TEMPLATES / "share_over.html")
UNSEEN = {"X-Robots-Tag": "noindex, nofollow, noarchive, noimageindex"}
"""No search engine lists it, however it came to know of it."""
THUMBS_UP_TO = 4
"""So many photos are shown large at once; more are shown small, and large when they are asked for."""
_TOKEN = re.compile(r"[\w-]{43}", re.ASCII)
_PHOTO = Markup(
    '<li><a href="{page}/{photo_id}/web"><img src="{page}/{photo_id}/thumb" '
    'srcset="{srcset}" '
    'sizes="{sizes}" width="{width}" height="{height}" loading="lazy" alt="Photo {number} of {count}"></a></li>\n'
)

Found = TypeVar("Found")

router = APIRouter(include_in_schema=False)


@router.api_route("/s/{token}", methods=["GET", "HEAD"])
async def page(token: str, request: Request, services: TheServices) -> Response:
    """The page of a link; opening it is counted, asking whether it is there is not."""
    look = partial(services.shares.album, counted=request.method == "GET")
    try:
        album = await _found(services, request, token, look)
    except ProblemError as problem:
        return _over(problem)
    answer = _PAGE.answer(request, **_texts(token, album))
    answer.headers.update(UNSEEN)
    return answer


@router.get("/s/{token}/{photo_id}/{kind}")
async def photo(
    token: str, photo_id: UUID, kind: Literal["web", "thumb", "thumb2x"], request: Request, services: TheServices
) -> Response:
    """One photo of the page. Each is asked about anew, also by a browser that has it: links end."""
    customer_id = await _found(services, request, token, lambda key: services.shares.owner(key, photo_id))
    name = RenditionName(customer_id, photo_id, RenditionKind(kind))
    answer = await get_rendition_of(services, name, Conditions.of(request))
    answer.headers.update({**UNSEEN, "Cache-Control": "private, no-cache"})
    return answer


async def _found(services: Services, request: Request, token: str, look: Callable[[bytes], Found | None]) -> Found:
    """What the link leads to; whoever tries links that lead nowhere is told to wait."""
    network = network_of_sender(request)
    services.visits.admit(network)
    found = await services.database.run(look, hash_of(token)) if _TOKEN.fullmatch(token) else None
    if found is None:
        services.visits.led_nowhere(network)
        raise _nowhere()
    return found


def _nowhere() -> ProblemError:
    detail = "This link is over, or there never was one like it. Ask whoever sent it to you for a new one."
    return ProblemError(HTTPStatus.NOT_FOUND, "no_such_share", detail, headers=UNSEEN)


def _over(problem: ProblemError) -> Response:
    """The same for people: why there is nothing to see."""
    answer = _OVER.once(problem.status, detail=str(escape(problem.detail)))
    answer.headers.update({**problem.headers, **UNSEEN})
    return answer


def _texts(token: str, album: SharedAlbum) -> dict[str, str]:
    count = len(album.photos)
    return {
        "shared_by": str(escape(album.shared_by)),
        "count": "one photo" if count == 1 else f"{count} photos",
        "until": f"{album.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "until_text": f"{album.expires_at:%-d %B %Y, %H:%M} UTC",
        "layout": "few" if count <= THUMBS_UP_TO else "many",
        "photos": "".join(_figures(f"/s/{token}", album.photos)),
    }


def _figures(page: str, photos: Iterable[SharedPhoto]) -> Iterable[str]:
    shown = list(photos)
    for number, each in enumerate(shown, 1):
        yield _PHOTO.format(
            page=page,
            photo_id=each.photo_id,
            srcset=_srcset(f"{page}/{each.photo_id}", each),
            width=each.width,
            height=each.height,
            sizes=_sizes(each, few=len(shown) <= THUMBS_UP_TO),
            number=number,
            count=len(shown),
        )


def _sizes(photo: SharedPhoto, *, few: bool) -> str:
    """How wide the picture is on the page: a panorama is cut, and wider than what is seen of it."""
    ratio = photo.width / photo.height
    if few:
        return f"(min-width: 60rem) {max(56, 6 * ratio):.0f}rem, max(96vw, {6 * ratio:.0f}rem)"
    stretched = max(1.0, ratio / (4 / 3))
    return f"(min-width: 40rem) {18 * stretched:.0f}rem, {46 * stretched:.0f}vw"


def _srcset(address: str, photo: SharedPhoto) -> str:
    """What there is of it, and how wide."""
    widths = {"thumb": photo.thumb_width, "thumb2x": photo.thumb2x_width, "web": photo.width}
    return ", ".join(f"{address}/{kind} {width}w" for kind, width in widths.items() if width is not None)
