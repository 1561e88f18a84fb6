"""Paints landscapes that pass for photographs at a glance: a sky, hills in the haze, water, a sun or a moon.

Everything follows from the seed, so the same seed gives the same pixels on every run.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFilter

RGB = tuple[int, int, int]

GRAIN_TILE = 256
HILL_STEP = 8
# Sky at the top, sky at the horizon, near hill.
PALETTES: tuple[tuple[RGB, RGB, RGB], ...] = (
    ((36, 92, 168), (196, 220, 236), (28, 62, 44)),  # noon
    ((52, 48, 110), (250, 168, 104), (34, 24, 48)),  # sunset
    ((14, 18, 46), (64, 78, 122), (8, 12, 24)),  # night
    ((120, 144, 168), (224, 226, 222), (58, 70, 66)),  # overcast
    ((86, 60, 120), (255, 204, 170), (60, 42, 66)),  # dawn
    ((20, 110, 150), (176, 232, 220), (16, 74, 70)),  # lagoon
    ((168, 96, 52), (250, 214, 150), (84, 44, 24)),  # desert
)


@dataclass(frozen=True, slots=True)
class View:
    """What the painter has decided on before the first stroke.

    Attributes:
        width: In pixels.
        height: In pixels.
        palette: Sky at the top, sky at the horizon, near hill.
        horizon: Its distance from the top, in pixels.
    """

    width: int
    height: int
    palette: tuple[RGB, RGB, RGB]
    horizon: int


def paint(width: int, height: int, seed: int) -> Image.Image:
    """Return an RGB landscape of that size in pixels."""
    numbers = random.Random(seed)  # noqa: S311 - repeatable pictures, not secrets
    palette = PALETTES[seed % len(PALETTES)]
    view = View(width, height, palette, int(height * numbers.uniform(0.45, 0.62)))
    picture = _gradient(view)
    _light(picture, view, numbers)
    draw = ImageDraw.Draw(picture)
    layers = numbers.randint(3, 5)
    for layer in range(layers):
        _hill(draw, view, numbers, (layer + 1) / layers)
    if numbers.random() < 0.5:  # noqa: PLR2004 - half of the landscapes have a lake
        _water(picture, view)
    return _grain(picture, numbers)


def _gradient(view: View) -> Image.Image:
    """The sky, from the top to the horizon and on to the ground's colour."""
    top, low, _ = view.palette
    column = Image.new("RGB", (1, 2))
    column.putpixel((0, 0), top)
    column.putpixel((0, 1), low)
    sky = column.resize((view.width, view.horizon * 2), Image.Resampling.BICUBIC)
    return sky.crop((0, view.horizon // 2, view.width, view.horizon // 2 + view.height)).resize(
        (view.width, view.height)
    )


def _light(picture: Image.Image, view: View, numbers: random.Random) -> None:
    """A sun or moon with its glow."""
    x = int(view.width * numbers.uniform(0.15, 0.85))
    y = int(view.horizon * numbers.uniform(0.3, 0.9))
    radius = max(2, int(min(view.width, view.height) * numbers.uniform(0.03, 0.06)))
    small = max(1, min(view.width, view.height) // 200)
    mask = Image.new("L", (view.width // small + 1, view.height // small + 1))
    halo = ImageDraw.Draw(mask)
    for share, strength in ((4, 40), (2, 90), (1, 255)):
        reach = radius * share / small
        halo.ellipse((x / small - reach, y / small - reach, x / small + reach, y / small + reach), fill=strength)
    glow = mask.filter(ImageFilter.GaussianBlur(max(1.0, radius / small / 6))).resize(picture.size)
    picture.paste((255, 244, 214), mask=glow)


def _hill(draw: ImageDraw.ImageDraw, view: View, numbers: random.Random, nearness: float) -> None:
    """One ridge: a sum of waves, paler the farther away it is."""
    _, haze, near = view.palette
    color = tuple(round(h + (n - h) * nearness) for h, n in zip(haze, near, strict=True))
    base = view.horizon + (view.height - view.horizon) * nearness**2 * 0.8
    waves = [
        (numbers.uniform(0.6, 1.2) * count, numbers.uniform(0, math.tau), 1 / count) for count in (1, 2, 4, 9, 21, 50)
    ]
    reach = view.height * (0.10 - 0.04 * nearness)
    ridge = [
        (x, base + reach * sum(a * math.sin(math.tau * f * x / view.width + p) for f, p, a in waves))
        for x in range(0, view.width + HILL_STEP, HILL_STEP)
    ]
    draw.polygon([(0, view.height), *ridge, (view.width, view.height)], fill=color)


def _water(picture: Image.Image, view: View) -> None:
    """A lake at the bottom that shows what is above it, darker and squeezed."""
    shore = view.horizon + (view.height - view.horizon) * 2 // 3
    depth = view.height - shore
    above = picture.crop((0, max(0, shore - 2 * depth), view.width, shore))
    mirrored = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((view.width, depth))
    picture.paste(mirrored.point(lambda value: value * 4 // 5), (0, shore))


def _grain(picture: Image.Image, numbers: random.Random) -> Image.Image:
    """The noise of a sensor: without it files would be smaller than any camera's."""
    tile = Image.frombytes("L", (GRAIN_TILE, GRAIN_TILE), numbers.randbytes(GRAIN_TILE * GRAIN_TILE))
    tile = tile.point(lambda value: 122 + value * 12 // 256)
    noise = Image.new("L", picture.size)
    for top in range(0, picture.height, GRAIN_TILE):
        for left in range(0, picture.width, GRAIN_TILE):
            noise.paste(tile.transpose(Image.Transpose((left + top) // GRAIN_TILE % 5)), (left, top))
    return ImageChops.add(picture, Image.merge("RGB", (noise, noise, noise)), 1, -128)
