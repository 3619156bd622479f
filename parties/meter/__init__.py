"""The meter: what runs at a user's home, or at a representative for many users. Thin: no MPC, no numpy.

    home                    a private directory: keys, settings, store
    store                   what must survive a crash: submissions, receipts, results, registers
    rounds, rhythm          what the parties say about a round, checked; when rounds open and close
    submitting              an order on its way in: stored, then sent until all receipts are there or the gate closes
    results                 the own result, fetched and verified
    watching                every period, one after the other, for one or many meters
    wishes                  what to order: a CSV file, a forecast, or nothing (quantity 0: taking part says nothing)
    p1, telegrams, registers, metering, forecast      from the P1 port to the next order

Numbers are integers here as everywhere: ticks, lots, watt-hours, seconds and milliseconds since 1970.
"""
