"""Figures of others, quoted and not re-measured: on their machines, for the job that each of them did."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """`n` orders, keys or users in `seconds`; `bound`: "in less than"."""

    n: int
    seconds: float
    label: str
    source: str
    bound: bool = False


PUBLISHED = (
    Point(
        2_500, 300, "market of 2,500 in < 5 min", "Abidin, Aly, Cleemput, Mustafa: CANS 2016, arXiv 1801.08354", True
    ),
    Point(5_000, 250.2, "market of 5,000 in 4.17 min", "Alqahtani, Mustafa: arXiv 2602.23698"),
    Point(1_000_000, 197, "sort, 32-bit keys", "Hamada et al. 2014: three parties"),
    Point(1_000_000, 2.3, "sort, 72 cores", "Asharov et al., CCS 2022: three parties, 32-bit keys"),
)

BILLING = Point(
    5_000,
    9,
    "bills of 5,000 users in < 9 s,\nonline phase only",
    "Alqahtani, Mustafa: SmartGridComm 2023, arXiv 2307.08778",
    True,
)
"""An MPC billing system of this kind. Its rule splits the costs of deviations by zone: not the same job."""

MP_SPDZ_SORT = ((100, 0.024), (1_000, 0.046), (10_000, 0.27), (100_000, 2.1))
MP_SPDZ_BISECTION = ((100, 0.021), (1_000, 0.03), (10_000, 0.11), (100_000, 0.95))
"""n and seconds of MP-SPDZ's fastest passive three-party protocol (replicated, ring of 2^64, TLS), with its own radix
sort and with a bisection of the price: the same job, lottery, on a 2-core machine of the same kind
(protocol.md "Measured with the prototype").
"""
