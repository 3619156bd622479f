"""Vectors modulo a Mersenne prime, Shamir sharing of them, and the keystreams that mask them."""
