"""Evaluating simulated customers.

Objective and subjective figures, fidelity to people, tables, and a report.

`calls` plays and stores; `diversity`, `fidelity` and `judge` measure; `robustness` tests profiles;
`agreement` asks whether the judge judges as people do; `methods` names what is compared; `report`
shows it.
"""
