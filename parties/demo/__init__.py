"""The demo: one day of an energy community, every quarter-hour cleared by compute parties on this machine.

households (synthetic people and roofs) → orders (surplus sells, shortage buys) → day (the clearings) →
table, report, picture. Importing this package is cheap; `households` and `picture` need the extra `demo`.
"""
