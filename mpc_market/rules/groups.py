"""Which totals may be shown: only those over enough users, and none from which a smaller one follows (market.md §6).

These are functions of public numbers (how many users there are of whom) and serve the plaintext rule and the secure
engine alike.
"""

from collections.abc import Sequence


def large_enough(users: int, minimum: int) -> bool:
    """Whether a total over this many users may be shown; a total over nobody says nothing and is not."""
    return users >= max(minimum, 1)


def shown_parts(users: Sequence[int], minimum: int) -> list[bool]:
    """Which parts of a total that is itself shown may be shown beside it. `users`: of each part.

    What is left of the total when the shown parts are subtracted is a total too: over nobody, or over enough users.
    Else the smallest shown part is left out, which makes the rest large enough.
    """
    shown = [large_enough(count, minimum) for count in users]
    rest = sum(count for count, each in zip(users, shown, strict=True) if not each)
    if 0 < rest < minimum and any(shown):
        _, smallest = min((count, k) for k, (count, each) in enumerate(zip(users, shown, strict=True)) if each)
        shown[smallest] = False
    return shown
