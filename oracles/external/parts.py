"""Schema of an oracle.yml: each class is one mapping of the file, frozen once validated."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, StrictBool, StrictStr, model_validator

from designloop.reading.part import Part
from designloop.reading.problems import Refused
from designloop.reading.scalars import plain_scalar
from designloop.reading.values import PlainField, SpanField

from .fields import Command, File, Seconds, Text, Texts, Tokens, UnitText
from .judged_parts import FailureSpec, SuccessSpec
from .source_parts import ERRORS, OutputSpec, SourceSpec


class InputSpec(Part):
    """One input: what the campaign may set, and what the program is told."""

    name: StrictStr | None = Field(
        default=None, description="What the program calls it; left out: its name here.", examples=["L"]
    )
    unit: UnitText | None = Field(default=None, description="Unit that the program expects.", examples=["um"])
    range: SpanField | None = Field(
        default=None, description="What the program can answer.", examples=["300 .. 700 um"]
    )
    choices: tuple[PlainField, ...] | None = Field(
        default=None, description="Values to choose from, told as they are.", examples=[["air", "vacuum"]]
    )
    map: dict[str, PlainField] | None = Field(
        default=None,
        description="Choices, and what the program is told for each.",
        examples=[{"single": 1, "double": 2}],
    )
    default: PlainField | None = Field(
        default=None, description="Value where the campaign sets none.", examples=["10 um"]
    )
    integer: StrictBool = Field(default=False, description="Whole numbers only.", examples=[True])
    when: Texts = Field(
        default=(), description="The input exists only where this holds.", examples=["anchor == double"]
    )
    description: StrictStr = Field(default="", description="What it is.", examples=["length of a beam"])

    @model_validator(mode="after")
    def _one_form(self) -> InputSpec:
        forms = [k for k in ("range", "choices", "map") if getattr(self, k) is not None]
        if len(forms) > 1:
            raise Refused(
                f"{forms[0]} and {forms[1]} exclude each other.", "Keep one of them.", below=(forms[1],),
                key=True,
            )  # fmt: skip
        if forms in (["choices"], ["map"]):
            if len(getattr(self, forms[0])) < 2:
                raise Refused(f"{forms[0]} needs at least two.", "Add one.", below=(forms[0],))
            for key in ("unit", "integer"):
                if getattr(self, key):
                    raise Refused(
                        f"{key} does not go with {forms[0]}.", f"Leave {key} out.", below=(key,), key=True
                    )
        return self

    @property
    def told(self) -> dict[Any, Any]:
        """What the program is told for each choice; empty for a number."""
        if self.map is not None:
            return {plain_scalar(choice): word for choice, word in self.map.items()}
        return {choice: choice for choice in self.choices or ()}


class StepSpec(Part):
    """One program of several."""

    name: File = Field(description="Its name and that of its folder.", examples=["screen"])
    command: Command = Field(
        description="Program and arguments; no shell.", examples=[["python3", "model.py"]], min_length=1
    )
    needs: Texts = Field(
        default=(),
        description="Files beside oracle.yml, or STEP/FILE of an earlier step.",
        examples=[["model.py", "mesh/mesh.dat"]],
    )
    link: Texts = Field(
        default=(), description="As needs, for large files that are only read.", examples=[["field.dat"]]
    )
    templates: dict[str, File] = Field(
        default={}, description="File to render: template beside oracle.yml.",
        examples=[{"input.json": "input.json.j2"}],
    )  # fmt: skip
    makes: Texts = Field(default=(), description="Files that it must write.", examples=[["mesh.dat"]])
    read: dict[str, SourceSpec] = Field(
        default={},
        description="Values from its files that later steps may use by name.",
        examples=[{"best": {"json": "screen.json", "key": "best"}}],
    )
    when: Texts = Field(default=(), description="It runs only where this holds.", examples=["best > 2 um"])
    otherwise: Literal["skip", "infeasible"] = Field(
        default="skip", description="What it means where when does not hold.", examples=["infeasible"]
    )
    each: dict[str, Any] = Field(
        default={},
        description="It runs once per item, each in a folder of its own: a list, 1 .. 6, or a list read "
        "from an earlier step.",
        examples=[{"load": "1 .. 6"}],
    )
    time_limit: Seconds | None = Field(default=None, description="Its longest duration.", examples=["5 min"])
    success: SuccessSpec = Field(default=SuccessSpec(), description="What must be true after it.",
                                 examples=[{"log": "Converged"}])  # fmt: skip


class FidelitySpec(Part):
    """An accuracy with a name."""

    settings: dict[str, PlainField] = Field(description="Values of inputs.", examples=[{"mesh": 3}])
    cost: Seconds | None = Field(default=None, description="CPU time of an answer.", examples=["2 min"])
    description: StrictStr = Field(default="", description="What it is for.", examples=["to look around"])


class ProgramFile(Part):
    """One oracle.yml: an external program, what it takes and answers, and how it is run."""

    short: ClassVar[dict[str, Any] | None] = None
    name: StrictStr | None = Field(
        default=None, description="Name; default that of the folder.", examples=["comb"]
    )
    version: Text = Field(
        default="1", description="Raise it where answers change by what no file shows.", examples=["6.2"]
    )
    description: StrictStr = Field(default="", description="One line.", examples=["Suspension in COMSOL."])
    labels: Texts = Field(default=(), description="Words beside every number.", examples=[["2-D model"]])
    inputs: dict[str, InputSpec] = Field(
        description="What the campaign may set.", examples=[{"length": {"unit": "um"}}], min_length=1
    )
    outputs: dict[str, OutputSpec] = Field(
        description="What comes back.", examples=[{"f_sense": {"json": "result.json", "unit": "Hz"}}],
        min_length=1,
    )  # fmt: skip
    command: Command | None = Field(
        default=None, description="Program and arguments; no shell.", examples=[["python3", "model.py"]],
        min_length=1,
    )  # fmt: skip
    needs: Texts = Field(
        default=(), description="Files beside oracle.yml to copy into the trial's folder.",
        examples=[["susp.mph"]],
    )  # fmt: skip
    link: Texts = Field(
        default=(), description="As needs, for large files that are only read.", examples=[["field.dat"]]
    )
    templates: dict[str, File] = Field(
        default={}, description="File to render: template beside oracle.yml.",
        examples=[{"input.json": "input.json.j2"}],
    )  # fmt: skip
    steps: tuple[StepSpec, ...] | None = Field(
        default=None,
        description="Several programs in a row, instead of command.",
        examples=[[{"name": "mesh", "command": ["gmsh", "beam.geo"]}]],
        min_length=1,
    )
    unit_style: StrictStr = Field(
        default="{value}", description="How values carry their unit.", examples=["{value}[{unit}]"]
    )
    environment: dict[str, Text] = Field(
        default={}, description="Environment variables of the program.", examples=[{"SOLVER_THREADS": 1}]
    )
    inherit: Texts = Field(
        default=(), description="Variables taken over as they are.", examples=[["LM_LICENSE_FILE"]]
    )
    time_limit: Seconds | None = Field(
        default=None, description="Longest duration of an evaluation.", examples=["90 min"]
    )
    licences: dict[StrictStr, Tokens] = Field(
        default={}, description="Tokens of each licence that an evaluation holds.", examples=[{"comsol": 2}]
    )
    success: SuccessSpec = Field(default=SuccessSpec(), description="What must be true after every program.",
                                 examples=[{"log_without": "ERROR"}])  # fmt: skip
    failures: tuple[FailureSpec, ...] = Field(
        default=(), description="Failures known by their sign; the first that fits counts.",
        examples=[[{"log": "Failed to mesh", "is": "infeasible"}]],
    )  # fmt: skip
    guards: Texts = Field(default=(), description="What physical answers fulfil.", examples=[["f_sense > 0"]])
    keep: Texts | None = Field(
        default=None, description="Files that stay, beside logs and rendered files; default all.",
        examples=[["table.txt", "*.png"]],
    )  # fmt: skip
    stochastic: StrictBool = Field(default=False, description="The seed changes the answer.", examples=[True])
    cache: StrictBool = Field(
        default=True, description="false: equal questions are asked again.", examples=[False]
    )
    fidelities: dict[str, FidelitySpec] = Field(
        default={}, description="Accuracies, the cheapest first.",
        examples=[{"coarse": {"settings": {"mesh": 3}}}],
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_form(self) -> ProgramFile:
        if (self.command is None) == (self.steps is None):
            raise Refused(
                "the key command is missing."
                if self.command is None
                else "command and steps exclude each other.",
                "Write command: [PROGRAM, ARGUMENT], or steps for several programs.",
            )
        for key in ("needs", "link", "templates"):
            if self.steps is not None and getattr(self, key):
                raise Refused(
                    f"{key} does not go with steps.", f"Write {key} at the step that it belongs to.",
                    below=(key,), key=True,
                )  # fmt: skip
        if "+" in self.version:
            raise Refused("a version holds no +.", "Write for example 6.2.", below=("version",))
        if "{value}" not in self.unit_style:
            raise Refused("unit_style names no {value}.", 'Write for example "{value}[{unit}]".',
                          below=("unit_style",))  # fmt: skip
        return self


OWNERS: dict[tuple[str, ...], type[Part]] = {
    (): ProgramFile,
    ("inputs", "*"): InputSpec,
    ("outputs", "*"): OutputSpec,
    **{("outputs", "*", error): SourceSpec for error in ERRORS},
    ("steps", "*"): StepSpec,
    ("steps", "*", "success"): SuccessSpec,
    ("steps", "*", "read", "*"): SourceSpec,
    ("success",): SuccessSpec,
    ("failures", "*"): FailureSpec,
    ("fidelities", "*"): FidelitySpec,
}
"""The schema class of every mapping of the file."""
