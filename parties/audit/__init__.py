"""What an auditor runs: it saves what a market has made public, and verifies it offline. Thin: no MPC, no numpy.

Anybody can be the auditor: it needs the market file and no key.

    saved       a directory with the chains of records of all m parties, one JSON document per line
    fetching    saves them: plain HTTPS with pinned certificates
    told        what one record tells, checked
    chain       one party's chain: every record names the one before it
    agreeing    whether the m chains tell the same, and who has signed two different things
    verifying   all of it together: a report for each stage of the market
    evidence    what a meter can show of its submission: header, receipts, deliveries; evidence_files reads it
    orders      is this acknowledged order in the set that was computed on?
    tickets     the lots drawn among equal claims, recomputed
    wording     the report for people: what is proved, and what is not

`verifying`, `orders` and `tickets` open no connection.
"""
