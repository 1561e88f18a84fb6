"""What the acceptance tests share."""

from collections.abc import Iterator

import pytest
from tests.support.gallery import GalleryWorld, gallery_world
from tests.support.notices import Post, post_office

from local_stack import Endpoints, Stack


@pytest.fixture(scope="module")
def post() -> Iterator[Post]:
    """Give a mail server."""
    with post_office() as office:
        yield office


@pytest.fixture(scope="module")
def world(
    stack: Endpoints, test_stack: Stack, post: Post, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GalleryWorld]:
    """Give a running API whose operator lets customers keep photos, and has set up mail."""
    folder = tmp_path_factory.mktemp("gallery")
    with gallery_world(stack, test_stack, folder, PHOTO_CUSTOMER_HOLDS="2", **post.mail_settings()) as started:
        yield started
