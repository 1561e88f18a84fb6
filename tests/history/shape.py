"""How a generated history is proportioned."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

SLICE = 200
"""Records of a slice. Every 20 of them are a block: a customer's photos, duplicates of those, and what was refused."""
SMALL = 20_000
DAYS = 20.0
"""How long a past of ``SMALL`` records is. A longer one has more days, and more of everything in each."""
KEPT = timedelta(days=400)
"""So long records are kept. A long past reaches as far back, by a few slices of each month."""
FEW = 0.02
"""Of all slices, those."""

HOARDER = UUID(int=1)
"""All of this customer's photos are held, by one hold."""
VETERAN = UUID(int=2)
"""Has had very many photos, nearly all of which have expired."""
COLLECTOR = UUID(int=3)
"""Holds very many photos, each by itself."""
FIRST_ORDINARY = 4


@dataclass(frozen=True, slots=True)
class Shape:
    """A history of so many records."""

    records: int

    @property
    def slices(self) -> int:
        """How many slices, each with a shard."""
        return self.records // SLICE

    @property
    def customers(self) -> int:
        """Everybody who signed up."""
        return max(20, self.records // 1000)

    @property
    def past(self) -> timedelta:
        """From the first of many commits until now: days and records of a day grow alike."""
        return timedelta(days=DAYS * (self.records / SMALL) ** 0.5)

    @property
    def between(self) -> timedelta:
        """From one commit to the next."""
        return self.past / self.slices

    @property
    def months(self) -> timedelta:
        """From the very first commit."""
        return self.past if self.records <= SMALL else max(self.past, KEPT)

    @property
    def few(self) -> int:
        """How many slices are all that there is of the first months."""
        return round(FEW * self.slices)

    @property
    def between_few(self) -> timedelta:
        """So much longer it is from one commit of those to the next."""
        return (self.months - self.past) / self.few


def ordinary(number: int) -> UUID:
    """A customer like most."""
    return UUID(int=FIRST_ORDINARY + number)
