"""Chromium as the system has it, without a window."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import sync_playwright

from local_stack.errors import MissingProgramError
from local_stack.screenshots.errors import BrowserFailedError, PageNotReadyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, ViewportSize

PATIENCE_MILLISECONDS = 60_000


def find_chromium() -> str:
    """Return the browser's program.

    Raises:
        MissingProgramError: It is not installed.
    """
    found = shutil.which("chromium")
    if found is None:
        raise MissingProgramError("Chromium", "none was found", "apt-get install chromium")
    return found


@contextmanager
def chromium(executable: str) -> Iterator[Browser]:
    """Give a browser.

    Raises:
        BrowserFailedError: It does not start.
    """
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        except PlaywrightError as error:
            raise BrowserFailedError(_first_line(error)) from error
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, title: str, size: ViewportSize, scale: float = 1) -> Iterator[Page]:
    """Give a page of a visitor of its own, in light colours, whose moving parts stand still.

    Args:
        browser: Where.
        title: What is to be seen; for the message where it is not.
        size: In CSS pixels.
        scale: Pixels of the picture for each of these.

    Raises:
        PageNotReadyError: Something that was waited for did not come.
    """
    context = browser.new_context(
        viewport=size, device_scale_factor=scale, color_scheme="light", reduced_motion="reduce", locale="en-GB"
    )
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    try:
        yield context.new_page()
    except PlaywrightError as error:
        raise PageNotReadyError(title, _first_line(error)) from error
    finally:
        context.close()


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
