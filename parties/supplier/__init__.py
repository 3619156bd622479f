"""What a supplier runs: it fetches the totals over its own users, revealed to it alone. Thin: no MPC, no numpy.

home      a private directory: the keys that sign its requests and open its totals
ended     how a round ended, as the compute parties have signed it
totals    what was bought and sold in a period: fetched from every party, verified, put together
sheets    what settlement shows: import and export of a period; amounts and corrections of a month; publishing tariffs
periods   both of a period
months    the periods of a month, added up
output, month_output    the same as lines, CSV or JSON
"""
