"""A compute party: a process of its own, which holds one share of everything and computes rounds.

`python -m parties.compute` is started (`parties.worker`) with a private socket pair as its standard input: by the
service of a compute party, as its worker for one attempt at one round of a running market; or by a coordinator
(`parties.local`) that owns all orders, for any number of rounds. Over the socket pair come the party's number, where
its peers listen, the tokens shared with each, the names of the files with its key and certificate, and then rounds;
back go stages, verdicts, results and failures (`channel`, `messages`, `clearing_messages`, `settlement_messages`).
Nothing on it is pickled.

The process ends when the coordinator's end of the socket pair closes, whatever it is doing then; it ignores
Ctrl-C and SIGTERM, which are the coordinator's to act on. Standard error stays what it was, for tracebacks, which are
printed without the text of the exception: it might hold what a log must not.
"""
