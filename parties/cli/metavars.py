"""Words that the help of several commands shares."""

MONTH_HELP = "The billing month: 2026-11; where bills are of another length, the start: 2026-11-26T15:48:00Z."
