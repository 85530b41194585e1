"""Effective and apparent properties of voxel images by finite elements, with the error stated.

- ``periodic``: effective conductivity (permeability, permittivity, diffusivity) and stiffness of periodic
  cells, many at once; ``composites``: two phases, with the mesh bracket and the geometry interval.
- ``windows``: apparent stiffness of cut windows; ``beams``: axial and bending modulus of whole beams.
- ``stiffness``: crystals, films, and the moduli that a tensor implies.
- Inside: ``elements`` (bilinear and trilinear, matrix-free), ``green`` and ``reference`` (the homogeneous
  medium that preconditions), ``iterate`` and ``equilibrium`` (conjugate gradients with a bound),
  ``spectrum``, ``vibration``, ``guards`` (laws that no answer may break) and ``limits`` (what is refused
  before any work).
"""
