"""A whole market on this machine: `mpc-market up`. Compute parties and meters as the processes that operators would
start, with real TLS and real storage, in one directory; then the audit.

It shows that everything fits together. It protects nobody: whoever administers this machine can read the shares of
all parties.
"""
