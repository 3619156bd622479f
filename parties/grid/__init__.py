"""A grid operator, DSO of a region or TSO of an area: fetches the totals of its own, and learns nothing else.

home      its keys
totals    what is imported and exported: of a period, and of a month's corrections
output    the same as lines, CSV or JSON
"""
