"""Free time as bits: a whole year of a device is one integer, so that a search is a few shifts.

Bit *n* of a bitmap stands for five minutes, the *n*-th after the grid's origin. Time is counted in UTC, so a day of
23 or 25 hours has 276 or 300 bits and no hour is twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

STEP_S = 300
_DAY_BITS = 288
_DAY_BYTES = _DAY_BITS // 8


@dataclass(frozen=True, slots=True)
class Grid:
    """``origin_s``: seconds since 1970 of bit 0, a multiple of a day; ``days``: how many days there are."""

    origin_s: int
    days: int

    @property
    def bits(self) -> int:
        """How many there are."""
        return self.days * _DAY_BITS

    def moment(self, bit: int) -> datetime:
        """When that bit begins, UTC."""
        return datetime.fromtimestamp(self.origin_s + bit * STEP_S, UTC)

    def floor(self, seconds: float) -> int:
        """The bit in which that second lies."""
        return int(seconds - self.origin_s) // STEP_S

    def ceil(self, seconds: float) -> int:
        """The first bit that begins at that second or later."""
        return -(-int(seconds - self.origin_s) // STEP_S)

    def within(self, spans: Iterable[tuple[float, float]]) -> int:
        """Bits that lie wholly in one of the spans (seconds): what is open."""
        return self._paint((self.ceil(start), self.floor(end)) for start, end in spans)

    def touched(self, spans: Iterable[tuple[float, float]]) -> int:
        """Bits of which a part lies in one of the spans: what is taken."""
        return self._paint((self.floor(start), self.ceil(end)) for start, end in spans)

    def _paint(self, ranges: Iterable[tuple[int, int]]) -> int:
        """Painted day by day and joined once: to add each range to the integer of a year would copy it each time."""
        days = [0] * self.days
        most = self.bits
        for first, last in ranges:
            first, last = max(first, 0), min(last, most)
            while first < last:
                day, offset = divmod(first, _DAY_BITS)
                width = min(last - first, _DAY_BITS - offset)
                days[day] |= ((1 << width) - 1) << offset
                first += width
        return int.from_bytes(b"".join(day.to_bytes(_DAY_BYTES, "little") for day in days), "little")


def starts_of(free: int, width: int) -> int:
    """Bits from which on ``width`` bits in a row are set."""
    have = 1
    while have < width:
        step = min(have, width - have)
        free &= free >> step
        have += step
    return free


def reach_back(bits: int, width: int) -> int:
    """Bits that are set, or from which one of the next ``width`` - 1 is: whatever begins there meets one."""
    have = 1
    while have < width:
        step = min(have, width - have)
        bits |= bits >> step
        have += step
    return bits


def runs(bits: int) -> Iterator[tuple[int, int]]:
    """Each run of set bits as (first, after the last), from the lowest."""
    offset = 0
    while bits:
        zeros = (bits & -bits).bit_length() - 1
        bits >>= zeros
        ones = (~bits & (bits + 1)).bit_length() - 1
        yield offset + zeros, offset + zeros + ones
        bits >>= ones
        offset += zeros + ones


def lowest(bits: int) -> int | None:
    """The lowest bit that is set."""
    return (bits & -bits).bit_length() - 1 if bits else None
