"""Which lane a customer's next photo takes: everybody's, or once they have had their share of late, the bulk lane.

A share is counted in what photos are likely to cost a decoder, so that a few heavy ones weigh as much as many light
ones. In the memory of one process: nothing is asked before a photo is taken.
"""

from collections.abc import Callable
from uuid import UUID

from photo_pipeline.domain.lanes import Lane
from photo_pipeline.web.buckets import Buckets, Rate

MAX_CUSTOMERS = 50_000
"""More are not remembered at a time; who sent nothing for longest begins with a whole share again."""


class FairLanes:
    """Everybody's share.

    Args:
        share: of each customer, in seconds of one core.
        monotonic: seconds from a clock that never goes back.
    """

    def __init__(self, share: Rate, monotonic: Callable[[], float]) -> None:
        self._buckets = Buckets[UUID](share, monotonic, MAX_CUSTOMERS)

    def lane_for(self, customer_id: UUID, cost: float) -> Lane:
        """The lane of a photo of this cost, which is taken from the customer's share if there is so much left."""
        return Lane.BULK if self._buckets.take(customer_id, cost) > 0 else Lane.NORMAL
