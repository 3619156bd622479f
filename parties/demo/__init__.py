"""The demo: one day of an energy community, every quarter-hour cleared by compute parties on this machine.

households (synthetic people and roofs) → orders (surplus sells, shortage buys) → day (the clearings) →
settlement (what the meters read, and the bills) → community (who gains what) → tables, spreadsheets, pictures.
Importing this package is cheap; `households` and the pictures need the extra `demo`.
"""
