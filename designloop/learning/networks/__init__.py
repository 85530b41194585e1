"""Neural networks trained as whole ensembles, their heads and their uncertainty; without physics."""
