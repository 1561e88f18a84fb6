"""What photos are called in a folder: by any system, each by another name."""

from uuid import UUID

import pytest

from photo_pipeline.api.file_names import MOST_BYTES, file_name, safe_name, unlike_each_other

PHOTO_ID = UUID(int=7)


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("a.jpg", "a.jpg"),
        ("../../etc/passwd.jpg", "_.._etc_passwd.jpg"),
        ("..\\..\\x.jpg", "_.._x.jpg"),
        ("/root/a.jpg", "_root_a.jpg"),
        ('what? "this": <a|b>*.jpg', "what_ _this__ _a_b__.jpg"),
        ("line\nbreak\x00\x1b[31m.jpg", "line_break__[31m.jpg"),
        ("gpj.\u202egnp.jpg", "gpj._gnp.jpg"),
        ("CON.jpg", "_CON.jpg"),
        ("lpt1", "_lpt1"),
        ("console.jpg", "console.jpg"),
        (" .hidden. . ", "hidden"),
        ("...", "photo"),
        (".jpg", "jpg"),
        ("", "photo"),
        ("Größe 日本 😀.heic", "Größe 日本 😀.heic"),
    ],
)
def test_a_name_leads_nowhere_and_fits_every_system(given: str, safe: str) -> None:
    """No folder, no device, no control character; what people write stays as it is."""
    assert safe_name(given) == safe


@pytest.mark.parametrize("given", ["é" * 500 + ".jpg", "a." + "b" * 500, "😀" * 300])
def test_a_name_is_as_long_as_it_may_be(given: str) -> None:
    """In bytes; no character is cut in two, and an ending of any use stays."""
    safe = safe_name(given)
    assert MOST_BYTES - 4 < len(safe.encode()) <= MOST_BYTES
    assert safe.endswith(".jpg") == given.endswith(".jpg")


def test_no_two_names_are_the_same_to_any_system() -> None:
    """Whatever their case or composition; a number that somebody wrote is not given again."""
    names = [
        "a.jpg",
        "A.JPG",
        "a (2).jpg",
        "a.jpg",
        "e\u0301.jpg",
        "\u00e9.jpg",
        "noending",
        "noending",
        "straße",
        "STRASSE",
    ]
    unlike = list(unlike_each_other(names))
    assert unlike == [
        "a.jpg",
        "A (2).JPG",
        "a (2) (2).jpg",
        "a (3).jpg",
        "e\u0301.jpg",
        "\u00e9 (2).jpg",
        "noending",
        "noending (2)",
        "straße",
        "STRASSE (2)",
    ]


def test_thousands_of_the_same_name_take_no_longer_each() -> None:
    """A camera calls all of its frames the same: the numbers go on from the last one."""
    unlike = list(unlike_each_other(["frame.jpg"] * 5000))
    assert (len(set(unlike)), unlike[-1]) == (5000, "frame (5000).jpg")


def test_a_name_ends_like_the_picture_that_it_is() -> None:
    """Whatever its sender called it; one without a name is called by its id."""
    assert file_name("a.html", "image/jpeg", PHOTO_ID) == "a.html.jpeg"
    assert file_name("a.HEIC", "image/heic", PHOTO_ID) == "a.HEIC"
    assert file_name(None, "image/png", PHOTO_ID) == f"{PHOTO_ID}.png"
