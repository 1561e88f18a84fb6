"""Writes down the checksums of everything Maven fetches, so that later downloads are compared with today's."""

from __future__ import annotations

import tempfile
from pathlib import Path

from local_stack.distributions import Distribution, all_distributions, download, postgres_for, sha256_lines

POSTGRES_PLATFORMS = ("linux-amd64", "linux-arm64v8", "darwin-amd64", "darwin-arm64v8")


def lock_checksums() -> None:
    """Download every distribution, for every platform that differs, and rewrite the ``.sha256`` files."""
    for distribution in all_distributions().values():
        variants = [distribution]
        if distribution.name == "postgres":
            variants = [postgres_for(platform) for platform in POSTGRES_PLATFORMS]
        lines = [line for variant in variants for line in _downloaded(variant)]
        distribution.checksums.write_text("\n".join(lines) + "\n")


def _downloaded(distribution: Distribution) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        download(distribution, Path(folder))
        return sha256_lines(Path(folder))
