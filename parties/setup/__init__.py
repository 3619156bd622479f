"""Setting a market up, and changing the keys of its parties while it runs.

addresses      from `a.example:8443` to all the addresses of a party
settings       of a new market: defaults, those of another market's file, what is said otherwise
keygen         the home of a party, made on its own host: keys, certificate, settings
introduction   what a party tells the others of itself: public keys and addresses, signed
joining        the public market file, from as many introductions as there are parties
creating       a whole market directory at once: parties, registrar, first roll; for one machine, or to be handed out
rotation       the next keys of a party, announced in a file signed by the old ones, adopted by everybody
"""
