"""Makes one of two NameNodes active whenever none is: ``python -m local_stack.namenode_keeper FILE``.

What ZooKeeper and the failover controllers do in production, for servers on one machine. It knows the NameNodes from a
file that the local stack writes: by name, where each answers and the command that makes it active.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from local_stack.errors import NotReadyError
from local_stack.services.hdfs_programs import state_of

if TYPE_CHECKING:
    from collections.abc import Mapping

POLL_SECONDS = 1.0
PATIENCE = 3
"""So many looks in a row must find none active: a long pause of one is no death."""
COMMAND_SECONDS = 60


def main() -> None:
    """Watch until killed."""
    pair = json.loads(Path(sys.argv[1]).read_text())
    missed, last = 0, ""
    while True:
        states = look(pair)
        last = next((name for name, state in states.items() if state == "active"), last)
        missed = 0 if "active" in states.values() else missed + 1
        if missed >= PATIENCE:
            # One that died and is back at once has to read its journal first: rather the other one.
            promote(pair, dict(sorted(states.items(), key=lambda item: item[0] == last)))
            missed = 0
        time.sleep(POLL_SECONDS)


def look(pair: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """Return what each NameNode that answers says it is."""
    found = {}
    for name, way in pair.items():
        try:
            found[name] = state_of(str(way["url"]))
        except NotReadyError:
            continue
    return found


def promote(pair: Mapping[str, Mapping[str, object]], states: Mapping[str, str]) -> None:
    """Make the first that stands by active; one that refuses is told again at the next look."""
    for name, state in states.items():
        if state == "standby":
            command = [str(part) for part in pair[name]["command"]]  # type: ignore[attr-defined] # JSON
            print(f"{name} is to become active", flush=True)
            try:
                subprocess.run(command, check=False, timeout=COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                print(f"{name} did not in {COMMAND_SECONDS} s", flush=True)
            return


if __name__ == "__main__":
    main()
