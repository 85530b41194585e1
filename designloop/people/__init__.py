"""Runs whose trials people make: designs are suggested, results are told, days or weeks later."""
