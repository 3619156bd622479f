"""Every message that is signed, sealed or recorded: pure functions and frozen dataclasses, bytes in and out.

No I/O, no clock, no numpy: meters, suppliers and auditors use it as it is. docs/wire.md describes the formats.

    codec, checks, digest       bytes, exact fields, the one hash
    signing, sealing, sharing   Ed25519, sealed boxes, Shamir
    errors                      WireError and its kinds
    identifiers                 ids, Period (market, start)
    committee                   the compute parties' public keys
    message                     what parties' messages have in common; Signed

In the sequence of a round:

    roll, enrolment   who is enrolled                     agreement    Held → AgreedSet, SetSignature
    opening           Opening → Terms                     randomness   Reveal → Randomness (seeds)
    part_share        PartShare, RevealedShares           verdicts     Verdicts
    header, layout    Header; an order as bits            outcome      Outcome; result, void or pending
    submission        Submission, its seals               delivery, reception, totals     to meters and suppliers
    receipt           Receipt                             record, audit    the public chain, and checking it
    merkle            the tree over a set's orders        claim        asking for what is one's own
    showing           ShownHeaders: what decides where lists of what is held differ

After delivery, in rounds of the same make; a reading is a submission of another layout:

    tariff            what a supplier's users pay         sheet        what settling reveals to one reader
    dispute           a user names arbiter and periods    disclosure   what a party reveals to that arbiter

Whatever comes from outside is parsed by a `decode` or `read…` function: a message, or `WireError`, and nothing else.
"""
