"""How long a clearing takes, and what it costs: one question per script, figures as JSON in `results/`.

`make bench` asks them all; `benchmarks/README.md` says what each figure means.
"""
