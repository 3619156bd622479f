"""Whom to kill where, and in which rounds: the products of states, processes and parties that crashes go through."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mpc_market.wire.identifiers import Stage
from parties.launch.community import Community
from parties.service.life import State
from soak.party import Strike, arm, struck

SERVICE, WORKER = "service", "worker"


@dataclass(frozen=True, order=True)
class Kill:
    """`party`'s `process` is killed as it comes to `state` in a round of `stage`."""

    state: State
    party: int
    process: str = SERVICE
    stage: Stage = Stage.CLEARING


def in_rounds(kills: Iterable[Kill]) -> Iterator[list[Kill]]:
    """All of them, in as few rounds as can be if in each state of a round one service is killed, and one worker."""
    left = list(kills)
    while left:
        chosen: dict[tuple[State, str], Kill] = {}
        for kill in left:
            chosen.setdefault((kill.state, kill.process), kill)
        left = [kill for kill in left if kill not in chosen.values()]
        yield list(chosen.values())


def arm_all(community: Community, placed: Iterable[tuple[int, Kill]], delay: float = 0.0) -> None:
    """Tell every party what to do to itself. `placed`: each with the start of its round; `delay`: seconds from
    when the state is stored.
    """
    strikes: dict[int, list[Strike]] = {party: [] for party in range(len(community.running.parties))}
    for start, kill in placed:
        strikes[kill.party].append(Strike(start, kill.state, kill.process, delay, kill.stage))
    for party, all_of_it in strikes.items():
        arm(community.party_home(party), all_of_it)


def fallen(community: Community) -> list[Kill]:
    """Those that really were killed so far: where a worker was to be, there may have been none."""
    found = []
    for party in range(len(community.running.parties)):
        for each in struck(community.party_home(party)):
            strike = each.strike
            if each.killed:
                found.append(Kill(State(strike.state), party, strike.process, Stage(strike.stage)))
    return found
