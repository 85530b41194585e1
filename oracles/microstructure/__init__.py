"""Seeded microstructures, their statistics and pictures. Lengths in um, angles in rad, x on the last axis.

A geometry keeps no pixels and is drawn on any grid; equal arguments give equal structures.

- ``polycrystals`` (``tessellation``, ``sites``, ``sizes``, ``orientations``): regularized Voronoi and
  Laguerre polycrystals; ``symmetry``: the square's symmetries on pixels and angles; ``images``: what
  networks see.
- ``packing`` (``inhibition``, ``dense``, ``overlapping``) and ``drawing``: disks, ellipses and spheres.
- ``waves``: two-phase random fields.
- ``descriptors`` (``two_point``, ``intercepts``, ``connectivity``): statistics of any of them.
- ``pictures`` and ``vtk``: for people.
"""
