"""Settling, without sockets, files or clocks: when it happens, what is summed up, who is shown what.

calendar      billing months; when a period is settled, corrected, and its month closed
rows          which users a settlement or correction computes on, and with what
groups        who reads which totals: suppliers, DSOs, TSOs; groups that are too small
accounts      what a month's closing makes of the entries of its settlements and corrections
kept          what a party keeps of an account after that, as bytes
"""
