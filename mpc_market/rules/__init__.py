"""The market rule in plaintext: the specification that everything else must agree with."""
