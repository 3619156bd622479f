"""What a meter can show of one submission, to an arbiter or an auditor: signed messages only, no order.

{"deliveries": [hex …], "header": hex, "receipts": [hex …]}      what `parties.audit.evidence` reads
"""

import json

from parties.files.values import moment_text
from parties.meter.errors import StoreError
from parties.meter.store import Store


def evidence_of(store: Store, start: int) -> str:
    """The evidence of a period's submission: of the one that the parties computed on, else of the latest.

    Raises: StoreError if there is none, or it was erased after the market's retention time.
    """
    number, signed = store.evidence(start)
    prepared = store.latest(start) if number is None else store.submission(start, number)
    if prepared is None:
        raise StoreError(f"nothing that was signed is known of {moment_text(start)}")
    receipts = store.receipts(start, prepared.number)
    table = {
        "deliveries": json.loads(signed or "{}").get("deliveries", []),
        "header": prepared.submission.header.encode().hex(),
        "receipts": [receipts[party].hex() for party in sorted(receipts)],
    }
    return json.dumps(table, indent=1) + "\n"
