"""The command line `mpc-market`: one file per group of commands."""
