"""A compute party: a process of its own, which holds one share of everything and clears rounds.

`python -m parties.compute` is started by a coordinator (`parties.local`) with a private socket pair as its
standard input. Over it come the party's number, the addresses of its peers and the tokens shared with each
of them, then any number of rounds; back go stages, results and failures (`channel`, `messages`). Nothing on
it is pickled.

The process ends when the coordinator's end of the socket pair closes, whatever it is doing then; it ignores
Ctrl-C, which is the coordinator's to act on. Standard error stays what it was, for tracebacks, which are
printed without the text of the exception: it might hold what a log must not.
"""
