"""What an image would hold, without an engine: the files that its Dockerfile copies, and the packages of its lock."""

import ast
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

RUN_BY_THE_WEB_IMAGE = ("photo_pipeline.api", "photo_pipeline.stream", "photo_pipeline.web", "photo_pipeline.metrics")
COPY = re.compile(r"^COPY (?:--chown=\S+ )?(?!--)(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ignored:
    """The rules of a .dockerignore: the last one that fits a path, or a folder around it, decides."""

    rules: tuple[tuple[bool, re.Pattern[str]], ...]

    @classmethod
    def read(cls, file: Path) -> "Ignored":
        """Read the rules of a file."""
        lines = [line.strip() for line in file.read_text().splitlines()]
        wanted = [line for line in lines if line and not line.startswith("#")]
        return cls(tuple((line.startswith("!"), _pattern(line.lstrip("!").strip("/"))) for line in wanted))

    def __call__(self, path: str) -> bool:
        """Whether the builder never sees the path (relative, with slashes)."""
        pure = PurePosixPath(path)
        names = [str(pure), *(str(parent) for parent in pure.parents if str(parent) != ".")]
        ignored = False
        for lets_in, pattern in self.rules:
            if any(pattern.fullmatch(name) for name in names):
                ignored = not lets_in
        return ignored


def _pattern(rule: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]*\])", rule)
    signs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(signs.get(part, part if part.startswith("[") else re.escape(part)) for part in parts))


def stage(dockerfile: str, name: str) -> str:
    """The lines of one stage, continued ones joined."""
    return dockerfile.replace("\\\n", "").partition(f" AS {name}\n")[2].partition("\nFROM ")[0]


def copied(dockerfile: str, name: str) -> list[tuple[str, str]]:
    """What a stage copies from the repository: source and destination."""
    lines = [line.split() for line in COPY.findall(stage(dockerfile, name))]
    return [(source, words[-1]) for words in lines for source in words[:-1]]


def lay_out(root: Path, name: str, into: Path) -> None:
    """Copy what the image would be given, without what .dockerignore shuts out, to the same places below a folder."""
    ignored = Ignored.read(root / ".dockerignore")
    for source, destination in copied((root / "Dockerfile").read_text(), name):
        for file in _files_of(root / source):
            if not ignored(file.relative_to(root).as_posix()):
                place = _place(into / destination.lstrip("/"), root / source, file, into_folder=destination[-1] == "/")
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)


def _files_of(source: Path) -> Iterable[Path]:
    if source.is_file():
        return [source]
    return [
        file for file in source.rglob("*") if file.is_file() and not {"__pycache__", "node_modules"} & {*file.parts}
    ]


def _place(destination: Path, source: Path, file: Path, *, into_folder: bool) -> Path:
    if source.is_file():
        return destination / source.name if into_folder else destination
    return destination / file.relative_to(source)


def locked(path: Path) -> dict[str, str]:
    """Version by normalised name of a lock file."""
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==([^ ;\\]+)", path.read_text(), re.MULTILINE))


def modules_below(include: Path, *packages: str) -> list[str]:
    """The modules of some packages, by their files; Alembic's are loaded by path and left out."""
    files = [file for package in packages for file in (include / package.replace(".", "/")).rglob("*.py")]
    own = [file for file in files if "migrations/versions/" not in file.as_posix() and file.name != "env.py"]
    return sorted({module_of(include, file) for file in own})


def module_of(include: Path, file: Path) -> str:
    """The dotted name of a file."""
    return ".".join(file.relative_to(include).with_suffix("").parts).removesuffix(".__init__")


def reached(include: Path, modules: Iterable[str]) -> tuple[set[Path], set[str]]:
    """What modules import, now or when they run: our own files, and the top-level names of foreign packages."""
    waiting = [file for module in modules for file in _files(include, module)]
    seen: set[Path] = set()
    foreign: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for module in _imports(path):
            if found := _files(include, module):
                waiting += found
            else:
                foreign.add(module.split(".")[0])
    ours = {path.name for path in include.iterdir()}
    return seen, foreign - set(sys.stdlib_module_names) - ours


def _imports(path: Path) -> Iterator[str]:
    """Modules that a file imports anywhere but for type checking; `from a import b` may mean the module `a.b`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(include: Path, module: str) -> list[Path]:
    """The file of one of our modules, with the packages around it; nothing for a name that is no module."""
    parts = module.split(".")
    packages = [include.joinpath(*parts[:end]) / "__init__.py" for end in range(1, len(parts) + 1)]
    return [path for path in (*packages, include.joinpath(*parts).with_suffix(".py")) if path.exists()]
