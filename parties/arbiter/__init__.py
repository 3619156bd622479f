"""What an arbiter runs whom a user has named in a dispute: it fetches what the parties disclose, and judges offline.

    home        its keys; what it hands out of them
    case        a directory with all that the judgement rests on
    fetching    fills it: the user's evidence, public records, the parties' disclosures
    revealed    one round of that user: what is proved to have been submitted, agreed on and computed
    decisions   what may be in dispute, and how it is decided
    checking    the questions about one period
    billing     the question of the month's bill, recomputed by the rule in the clear
    judging     all of it together
    telling     outcomes as sentences; kWh, currency and UTC
    wording     the judgement for people, and as JSON

No party and no user is believed: an order is what opens the digests in the header that the user has signed; what was
agreed on is what all parties have signed; a receipt convicts the party that gave it. `judging` opens no connection.
"""
