"""Write the mesh of one eighth of a straight beam as CalculiX input, and below it: include beam.inp.

    python3 mesh.py LENGTH WIDTH THICKNESS REFINEMENT FILE

All in one length unit. The eighth is x from the clamp to mid-span, y from the mid-line across the width,
z from the mid-plane across the thickness: 20-node bricks, 8 x 1 x 2 of them times REFINEMENT, crowded
towards the clamp and towards the outer faces, where the stress of a clamp is singular. Sets: ALL, CLAMP
(x = 0), MIDSPAN (x = L/2), MIDLINE (y = 0), MIDPLANE (z = 0) and CENTRE, one node.
"""

import math
import sys

CORNERS = ((0, 0, 0), (2, 0, 0), (2, 2, 0), (0, 2, 0), (0, 0, 2), (2, 0, 2), (2, 2, 2), (0, 2, 2))
EDGES = ((1, 0, 0), (2, 1, 0), (1, 2, 0), (0, 1, 0), (1, 0, 2), (2, 1, 2), (1, 2, 2), (0, 1, 2))
POSTS = ((0, 0, 1), (2, 0, 1), (2, 2, 1), (0, 2, 1))
BASE = (8, 1, 2)


def crowded(share):
    """Where a share of the elements ends: dense at 0, and nested when the elements are halved."""
    return 1 - math.cos(math.pi / 2 * share)


def grid(length, width, thickness, refinement):
    """Nodes by their place on a grid of half elements, and elements as places of their first corner."""
    counts = [2 * n * refinement for n in BASE]
    nodes = {}
    for k in range(counts[2] + 1):
        for j in range(counts[1] + 1):
            for i in range(counts[0] + 1):
                if i % 2 + j % 2 + k % 2 <= 1:
                    x = length / 2 * crowded(i / counts[0])
                    y = width / 2 * j / counts[1]
                    z = thickness / 2 * (1 - crowded(1 - k / counts[2]))
                    nodes[i, j, k] = (len(nodes) + 1, x, y, z)
    first = [
        (i, j, k)
        for k in range(0, counts[2], 2)
        for j in range(0, counts[1], 2)
        for i in range(0, counts[0], 2)
    ]
    return nodes, first, counts


def lines(nodes, first, counts):
    """The input file, line by line."""
    yield "*NODE, NSET=ALL"
    for number, x, y, z in nodes.values():
        yield f"{number}, {x:.12g}, {y:.12g}, {z:.12g}"
    yield "*ELEMENT, TYPE=C3D20R, ELSET=ALL"
    for number, (i, j, k) in enumerate(first, start=1):
        own = [nodes[i + a, j + b, k + c][0] for a, b, c in CORNERS + EDGES + POSTS]
        yield f"{number}, " + ", ".join(map(str, own[:15])) + ","
        yield ", ".join(map(str, own[15:]))
    faces = (("CLAMP", 0, 0), ("MIDSPAN", 0, counts[0]), ("MIDLINE", 1, 0), ("MIDPLANE", 2, 0))
    for name, axis, place in faces:
        yield f"*NSET, NSET={name}"
        yield from (f"{node[0]}," for where, node in nodes.items() if where[axis] == place)
    yield "*NSET, NSET=CENTRE"
    yield f"{nodes[counts[0], 0, 0][0]},"
    yield "*INCLUDE, INPUT=beam.inp"


if __name__ == "__main__":
    *sizes, refinement, target = sys.argv[1:]
    with open(target, "w") as file:
        file.writelines(line + "\n" for line in lines(*grid(*map(float, sizes), int(refinement))))
