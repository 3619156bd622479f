"""Settling, without sockets, files or clocks: when it happens, what is summed up, who is shown what.

calendar      billing months; when a period is settled, corrected, and its month closed
groups        who reads which totals: suppliers, DSOs, TSOs; groups that are too small
entries       what a party keeps of each user and period, and what a month's closing makes of it
"""
