"""Effective and apparent properties of voxel images by finite elements, with the error stated."""
