"""The shipped oracles. Installed and imported as ``designloop_oracles``; named in a campaign file.

``magnetometer``, ``polysilicon``, ``magnetic_composite``, ``table``, ``branin``, ``hartmann6``, ``ackley``,
``dirac_peak``, ``hardening_curve``, ``friedman``, ``ishigami``, ``needle_peak``.
"""
