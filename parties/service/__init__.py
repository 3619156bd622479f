"""The service of one compute party: `mpc-market party run`. Life of a round, public API, control API, clock.

**Public API** (HTTPS under the party's certificate, which clients pin by the fingerprint in `market.toml`; the OpenAPI
document is at /v1/openapi.json). Moments are ms since 1970, periods are named by their start in seconds since 1970;
messages of `mpc_market.wire` travel as they are (application/octet-stream) or as hex in JSON.

    GET  /v1/markets                                          the markets that this party runs
    GET  /v1/markets/{market}                                 grid, times, parties with their keys, version of the roll
    GET  /v1/markets/{market}/roll                            version and digest of the roll
    GET  /v1/markets/{market}/periods/{start}                 state, gate, signed openings (challenge, keys), outcome
    GET  /v1/markets/{market}/periods/{start}/record          its public record, once it is over
    POST /v1/markets/{market}/periods/{start}/orders          body: Submission with this party's seal → signed Receipt
    GET  /v1/markets/{market}/periods/{start}/receipts/{meter}?number=N      → signed Receipt             (claim)
    GET  /v1/markets/{market}/periods/{start}/results/{meter}      → signed Delivery                            (claim)
    GET  /v1/markets/{market}/periods/{start}/totals/{supplier}    → signed Totals                              (claim)
    POST /v1/markets/{market}/periods/{start}/readings        body: a reading (Submission of the settlement) → Receipt
    POST /v1/markets/{market}/tariffs                         body: a signed Tariff, before its first period
    GET  /v1/markets/{market}/periods/{start}/tariffs         the tariffs that hold for the period
    POST /v1/markets/{market}/disputes                        body: a signed DisputeRequest → signed DisputeReceipt
    GET  /v1/markets/{market}/periods/{start}/disputes        the requests that a closing has put into the record
    GET  /v1/markets/{market}/periods/{start}/disclosures/{meter}/{number}   → signed Disclosure                (claim)
    GET  /v1/markets/{market}/periods/{start}/{content}/{reader}/{name}      → signed Sheet                     (claim)
    GET  /v1/markets/{market}/records?after=N&limit=L         the chain of public records, in sequence
    GET  /v1/markets/{market}/prices?after=N&limit=L          outcomes of past rounds; without `after` the latest

What is settled runs in rounds of its own (`business`), each stage under a market's name of its own: periods, records
and receipts of `{market}:settlement`, `:correction` and `:closing` are asked for like those of `{market}`.
`content`: totals of a settlement; amounts, bill or corrections of a closing, whose `start` is that of its month.
`reader`: meter, supplier, dso or tso.

(claim): the header `Authorization: Claim HEX`, with the bytes of `wire.claim.make_claim` in hex.
`?wait=SECONDS` (at most 30) on a period, receipt or result makes the answer wait for a change of state.
Refusals are problem documents (RFC 9457, `problems`); 429 and 503 carry Retry-After.

**Control API** (a port of its own, mutual TLS, certificate fingerprint → party number): what this party has published
in a round is pulled by the others, so that everything can be asked for again: `control_api`.

**Private API** (a third port): /healthz, /readyz, /metrics. Nothing that is derived from an order is in any of them,
nor in a log line.
"""
