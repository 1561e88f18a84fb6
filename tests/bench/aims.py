"""What a benchmark aims at, and whether it got there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure and its bound: at most, or where ``least`` is set at least."""

    name: str
    figure: float
    bound: float
    least: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side of its bound."""
        return self.figure >= self.bound if self.least else self.figure <= self.bound

    def __str__(self) -> str:
        side = "at least" if self.least else "at most"
        return f"{self.name}: {self.figure:.4g}, aim {side} {self.bound:g}: {'met' if self.met else 'MISSED'}"
