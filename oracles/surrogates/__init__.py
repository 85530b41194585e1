"""Surrogates of the solvers: data sets they learn from, networks that see structures, their answers."""
