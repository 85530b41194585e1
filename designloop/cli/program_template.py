"""The first lines of an external program as an oracle: they run as they are."""

from __future__ import annotations

ORACLE = """\
# An external program as an oracle. Check it with: designloop oracle check ./{name}/oracle.yml
# Every key: docs/external-programs.md
name: {name}
description: What it computes, in one line.

# A list, no shell: each entry stays one argument. {{{{ python }}}} is the Python that runs designloop.
command: ["{{{{ python }}}}", solve.py, input.txt]
needs: [solve.py]                        # copied from here into the trial's folder
templates: {{input.txt: input.txt.j2}}     # rendered into it

inputs:                                  # unit: what the program expects
  length: {{unit: um, range: 100 .. 800}}
  width: {{unit: um, range: 1 .. 10, default: 4}}
  ends: {{map: {{free: 1, guided: 4}}, default: guided}}

outputs:                                 # json, yaml, csv, table, text or npz: where the number stands
  stiffness: {{json: result.json, key: k, unit: N/m}}

# failures:                              # what its signs of failure mean
#   - {{log: "no licence", is: wait, retry_every: 10 min}}
#   - {{exit: 3, is: infeasible}}
# guards: [stiffness > 0]                # what physical answers fulfil
# keep: [result.json]                    # what stays of the folder; default all
# time_limit: 90 min
# inherit: [LM_LICENSE_FILE]             # variables taken over from yours
"""

INPUT = """\
LENGTH {{ length }}
WIDTH {{ width }}
ENDS {{ ends }}
"""

PROGRAM = '''\
"""Stands for your program: reads an input file, writes a result."""

import json
import sys

with open(sys.argv[1]) as file:
    read = {key: float(value) for key, value in map(str.split, file)}
stiffness = 148.2e3 * 20 * read["ENDS"] * (read["WIDTH"] / read["LENGTH"]) ** 3
with open("result.json", "w") as file:
    json.dump({"k": stiffness}, file)
'''


def files(name: str) -> dict[str, str]:
    """Name to text of every file of a new folder."""
    return {"oracle.yml": ORACLE.format(name=name), "input.txt.j2": INPUT, "solve.py": PROGRAM}
