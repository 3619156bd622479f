"""The processes of the market: one room per role, plus the network, the files and the command line."""
