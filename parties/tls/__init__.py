"""TLS with pinned certificates: whoever is spoken to is known by its certificate, and no authority is believed.

Every compute party has one self-signed certificate; the market file names all of them. A context made here trusts
exactly the certificates that it is given: none of the authorities that the operating system knows, and no name that a
certificate claims (so addresses may change freely). Only TLS 1.3 is spoken.

A context tells whether the other end holds the key of *one of* the given certificates. Which one it is, and so which
party, its fingerprint tells: `MutualTls` binds fingerprints to the numbers of the parties.

`certificate` makes keys and certificates and is imported where that is done; the rest needs the standard library only,
so that meters and suppliers can use it.
"""

from parties.tls.contexts import Identity, MutualTls, TlsError, client_context, fingerprint, mutual_tls, server_context

__all__ = [
    "Identity",
    "MutualTls",
    "TlsError",
    "client_context",
    "fingerprint",
    "mutual_tls",
    "server_context",
]
