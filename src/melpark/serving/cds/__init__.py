"""The Curb Data Specification 1.0.1 (Open Mobility Foundation), served from the lake: Curbs, Events, Metrics.

docs/cds.md maps each field to ours and says what is modelled and what is not known.
"""
