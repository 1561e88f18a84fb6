"""What the acceptance tests share."""

from collections.abc import Iterator

import pytest
from tests.support.gallery import GalleryWorld, gallery_world

from local_stack import Endpoints, Stack


@pytest.fixture(scope="module")
def world(stack: Endpoints, test_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GalleryWorld]:
    """Give a running API whose operator lets customers keep photos."""
    folder = tmp_path_factory.mktemp("gallery")
    with gallery_world(stack, test_stack, folder, PHOTO_CUSTOMER_HOLDS="2") as started:
        yield started
