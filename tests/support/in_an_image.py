"""Run as a process of its own, ``python -I -S in_an_image.py TASK.json``: imports what an image runs, as in the image.

Only the standard library, the tree that the task names and the packages of one lock can be found; everything else that
is installed here is not there. Writes what failed, one line each.
"""

import contextlib
import importlib
import importlib.metadata
import importlib.util
import io
import json
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any


class LockedFinder(PathFinder):
    """Finds what ``PathFinder`` finds, but for files and metadata of packages that are not in the lock."""

    site = ""
    names: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find a module, unless another package than the locked ones brought it."""
        spec = super().find_spec(fullname, path, target)
        strange = spec is not None and (spec.origin or "").startswith(cls.site) and spec.origin not in cls.files
        return None if strange else spec

    @classmethod
    def find_distributions(cls, *arguments: Any, **named: Any) -> Iterator[importlib.metadata.Distribution]:
        """Find the locked packages' metadata, which entry points are read from."""
        for one in super().find_distributions(*arguments, **named):
            if normal(one.metadata["Name"]) in cls.names:
                yield one


def normal(name: str) -> str:
    """The name as locks write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def close_the_world(site: Path, names: list[str], tree: list[str]) -> None:
    """Let only the tree, the standard library and the named packages be found from now on."""
    LockedFinder.site, LockedFinder.names = f"{site}/", frozenset(names)
    files = set()
    for one in importlib.metadata.distributions(path=[str(site)]):
        if normal(one.metadata["Name"]) in LockedFinder.names:
            record = one.read_text("RECORD") or ""
            files |= {f"{site}/{line.split(',', 1)[0]}" for line in record.splitlines()}
    LockedFinder.files = frozenset(files)
    sys.meta_path[:] = [LockedFinder if finder is PathFinder else finder for finder in sys.meta_path]
    sys.path[:] = [*tree, *(path for path in sys.path if path != str(Path(__file__).parent)), str(site)]
    importlib.invalidate_caches()


def import_file(path: str) -> None:
    """Load a file as Airflow loads DAGs and plugins."""
    spec = importlib.util.spec_from_file_location(f"file_{Path(path).stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def ask_airflow_for_help(words: list[str]) -> None:
    """Let Airflow's command line explain a command; one that it does not know is an error."""
    parser = importlib.import_module("airflow.cli.cli_parser").get_parser()
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            parser.parse_args([*words, "--help"])
    except SystemExit as end:
        if end.code:
            raise ValueError(said.getvalue().strip().splitlines()[-1]) from None


def tried(what: str, function: Callable[[Any], object], argument: Any) -> str | None:
    """Nothing where it works, else one line that says what failed and where."""
    try:
        function(argument)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the image would die of
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{what}: {type(error).__name__}: {error} ({last.filename}:{last.lineno})"
    return None


def main(task: dict[str, Any]) -> list[str]:
    """Do what the task says; what failed."""
    close_the_world(Path(task["site"]), task["packages"], task["tree"])
    results = [tried(name, importlib.import_module, name) for name in task["modules"]]
    results += [tried(path, import_file, path) for path in task["files"]]
    results += [tried(f"airflow {' '.join(words)}", ask_airflow_for_help, words) for words in task["airflow"]]
    return [result for result in results if result]


if __name__ == "__main__":
    failed = main(json.loads(Path(sys.argv[1]).read_text()))
    sys.stdout.write("".join(f"{line}\n" for line in failed))
    sys.exit(bool(failed))
