"""`python -m parties.compute`: run one compute party; a coordinator starts it."""

from mpc_market.secure.round import compute_round
from parties.compute.process import main

main(compute_round)
