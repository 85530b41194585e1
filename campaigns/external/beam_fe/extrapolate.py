"""From two meshes to one number with its error: result.json of coarse.dat and fine.dat.

    python3 extrapolate.py LENGTH WIDTH MODULUS DENSITY        um, MPa, kg/m3

The error of a mesh is taken to fall with the square of the element size; at smooth clamps it falls faster,
and at clamps with a Poisson ratio of 0.22 it was seen to fall with powers of 2.2 to 4. The value is the
extrapolated one, and its error is Roache's grid convergence index with the factor 3 that he asks for where
the order is assumed: the whole difference of the two meshes (Roache 1994).

Ends with status 3 where the beam has buckled: its stiffness is negative.
"""

import json
import math
import re
import sys

ORDER = 2
FACTOR = 3
EULER_MODE = 4.730040744862704


def read(path):
    """Eigenvalue in 1/s2 and deflection under 1 uN in um of one job."""
    with open(path) as file:
        text = file.read()
    eigenvalue = re.search(r"MODE NO +EIGENVALUE.*?^ +1 +(\S+)", text, flags=re.S | re.M)
    deflection = re.search(r"set CENTRE and time +\S+\s+\d+ +\S+ +(\S+)", text)
    if not eigenvalue or not deflection:
        sys.exit(f"{path} holds no eigenvalue or no deflection")
    return float(eigenvalue[1]), float(deflection[1])


def extrapolated(coarse, fine):
    """Value and error of two meshes, of which the second has half the element size."""
    step = (fine - coarse) / (2**ORDER - 1)
    return {"value": fine + step, "error": FACTOR * abs(step)}


def main(length, width, modulus, density):
    """Write result.json."""
    (coarse, bent), (fine, bent_fine) = read("coarse.dat"), read("fine.dat")
    slender = EULER_MODE**4 * modulus * width**2 / 12 / (density * 1e-18 * length**4)
    result = {"buckling_margin": fine / slender}
    if fine > 0 and bent_fine > 0:
        hertz = [math.sqrt(max(eigenvalue, 0)) / (2 * math.pi) for eigenvalue in (coarse, fine)]
        result["resonance_frequency"] = extrapolated(*hertz)
        result["stiffness"] = extrapolated(1 / bent, 1 / bent_fine)
        result["bending_modulus"] = modulus * extrapolated(coarse, fine)["value"] / slender
    with open("result.json", "w") as file:
        json.dump(result, file, indent=1)
    return 0 if "stiffness" in result else 3


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
