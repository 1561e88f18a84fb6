"""Which process takes which group of tests next."""

from xdist.scheduler import LoadGroupScheduling
from xdist.workermanage import WorkerController

WAITING = "faults/"
"""How groups are called whose tests wait most of the time: for somebody to be missed, given up, started again."""


class Scheduling(LoadGroupScheduling):
    """Groups of tests: some processes wait while the others compute, and nothing is lost when one dies.

    pytest-xdist 3.8 gives the next process also what has been done, the test that the last one died of, and too little
    to begin with: it then waits without an end (its issues 1323 and 1327, mended after 3.8).
    """

    def remove_node(self, node: WorkerController) -> str | None:
        """Put back what a process that died had not begun; the test that it died of, if any."""
        workload = self.assigned_work.pop(node)
        left = [test for group in workload.values() for test, done in group.items() if not done]
        for name, group in reversed(workload.items()):
            if rest := {test: False for test, done in group.items() if not done and test != left[0]}:
                self.workqueue[name] = rest
                self.workqueue.move_to_end(name, last=False)
        for other in self.nodes:
            self._reschedule(other)
        return left[0] if left else None

    def _reschedule(self, node: WorkerController) -> None:
        super()._reschedule(node)
        # A process begins a test when it knows the one after, or that there is none.
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Give it the next group of the kind that it should have, or of the other one where there is none left.

        Processes that all wait leave the machine idle, and processes that all compute are in each other's way.
        """
        wanted = self._should_wait(node)
        name = next((each for each in self.workqueue if waits(each) == wanted), None)
        if name is not None:
            self.workqueue.move_to_end(name, last=False)
        super()._assign_work_unit(node)

    def _should_wait(self, node: WorkerController) -> bool:
        """Half of the processes, rounded down, but never the only one that is at work."""
        others = [self._last_group(each) for each in self.nodes if each is not node]
        at_work = [name for name in others if name is not None]
        waiting = sum(waits(name) for name in at_work)
        return waiting < len(at_work) and waiting < len(self.nodes) // 2

    def _last_group(self, node: WorkerController) -> str | None:
        return next(reversed(self.assigned_work[node]), None)


def waits(group: str) -> bool:
    """Whether its tests wait most of the time, of a group by its name."""
    return group.startswith(WAITING)
