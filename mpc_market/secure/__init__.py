"""The market rule on secret shares: the oblivious twin of `mpc_market.rules`.

Passive security with an honest majority: at most t = (m − 1)/2 of the m compute parties are curious together.
Everything linear is local; every `await` is a communication round.
"""
