"""The registrar: says which meters are real, and signs the roll of them. It sees no order.

home       a private directory: the key that signs the roll
changes    what may be done to a roll: pure, every refusal told
meters     who is to be enrolled: requests of meters, or a CSV file
desk       one change after the other: a new version of the roll, signed, put in the place of the old one
listing    the roll for people
"""
