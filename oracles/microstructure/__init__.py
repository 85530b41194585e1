"""Seeded microstructures: polycrystals, packings of disks and spheres, random fields; their statistics."""
