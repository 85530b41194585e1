"""YAML that engineers write: strict scalars, places of every value, and errors gathered as sentences."""
