"""Speaking with the compute parties from outside, as every client does alike: meter, supplier, grid, auditor, arbiter.

    api, http    plain HTTPS with pinned certificates; documents  what is answered, taken apart
    hearing      what parties say of a round, asked for, read and checked
    sheets       what settling reveals, put together from all parties and checked
    periods      periods as people and files write them

No party is believed alone. Thin: no MPC, no numpy.
"""
