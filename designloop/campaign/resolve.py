"""A validated file and an oracle's declaration -> the campaign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from designloop import units
from designloop.campaign.aims import resolve_aims
from designloop.campaign.by_hand import check_by_hand
from designloop.campaign.composition import Composition, realization_of
from designloop.campaign.designs import resolve_design
from designloop.campaign.executing import resolve_execution
from designloop.campaign.fidelities import resolve_fidelities, with_initial
from designloop.campaign.inputs import Inputs, resolve_inputs, within
from designloop.campaign.judges import resolve_goal
from designloop.campaign.model import Campaign, Register
from designloop.campaign.outcomes import Outcomes, resolve_constraints, resolve_objective
from designloop.campaign.phases import resolve_phases
from designloop.campaign.places import absolute_uri
from designloop.campaign.schema import CampaignFile
from designloop.campaign.stops import resolve_stop
from designloop.oracle import Declaration
from designloop.reading.document import Document
from designloop.reading.problems import Problems
from designloop.space import Space

SAMPLES = (256, 65536)
"""Points tried, in turn, before a space is called empty."""


def resolve(
    file: CampaignFile,
    document: Document,
    *,
    folder: Path,
    declaration: Declaration,
    problems: Problems,
    composition: Composition | None = None,
) -> Campaign:
    """Check everything that needs the declaration; raises CampaignError with all that was found."""
    _check_declared_units(declaration, problems)
    inputs = resolve_inputs(file, declaration, problems, offered=_realizations(declaration, composition))
    problems.stop()
    outcomes = resolve_objective(file, inputs, problems)
    aims = resolve_aims(file, outcomes, problems)
    resolve_constraints(file, outcomes, problems)
    goal = resolve_goal(file, aims, outcomes, problems, folder=folder)
    _check_corners(inputs, outcomes, problems)
    stop = resolve_stop(file, outcomes, problems)
    execution = resolve_execution(file, problems, taken=declaration.licences)
    check_by_hand(file, inputs, outcomes, execution, problems)
    levels = resolve_fidelities(file, inputs, execution, composition, problems)
    phases = with_initial(resolve_phases(file, inputs, stop, problems), file, levels)
    _check_register(file, problems)
    baseline = None
    if file.baseline is not None:
        baseline = resolve_design(file.baseline, inputs, problems, ("baseline",))
    start = tuple(
        resolve_design(d, inputs, problems, ("start_with", i)) for i, d in enumerate(file.start_with)
    )
    problems.stop()
    space = _space(inputs, outcomes, problems)
    problems.stop()
    existing = _existing(file, inputs, outcomes, folder, problems)
    problems.stop()
    return _assembled(
        file, document, folder, inputs, outcomes, composition=composition,
        goal=goal, stop=stop, execution=execution, phases=phases, fidelities=levels, space=space,
        baseline=baseline, start_with=start, existing=existing,
    )  # fmt: skip


def _realizations(declaration: Declaration, composition: Composition | None) -> tuple[str, ...]:
    """Names of the realizations that dies may have of their own."""
    if composition is not None:
        return composition.realizations
    return (realization_of(""),) if declaration.stochastic else ()


def _assembled(
    file: CampaignFile,
    document: Document,
    folder: Path,
    inputs: Inputs,
    outcomes: Outcomes,
    composition: Composition | None,
    **given: Any,
) -> Campaign:
    register, tracking = file.registration, file.tracking
    assert outcomes.objective is not None
    return Campaign(
        name=file.name,
        description=file.description,
        seed=file.seed,
        text=document.text,
        folder=folder,
        file=file,
        oracle_name=file.oracle.name or (composition.title if composition else ""),
        oracle_options=file.oracle.options,
        declaration=inputs.declaration,
        composition=composition,
        fidelity=file.fidelity,
        fixed=inputs.fixed,
        derived=tuple(inputs.derived.values()),
        process=tuple(inputs.process.values()),
        realizations=tuple(inputs.realizations),
        outcomes=tuple(outcomes.outcomes.values()),
        objective=outcomes.objective,
        constraints=tuple(outcomes.constraints),
        specs=tuple(outcomes.specs),
        register=Register(
            name=register.name or file.name,
            alias=register.alias,
            if_reached=register.when == "goal reached",
        ),
        tracking_uri=None if tracking == "off" else absolute_uri(tracking.uri),
        tracking_models="last" if tracking == "off" else tracking.models,
        **given,
    )


def _check_declared_units(declaration: Declaration, problems: Problems) -> None:
    declared = [(i.name, i.unit) for i in declaration.inputs] + [
        (o.name, o.unit) for o in declaration.outputs
    ]
    for name, unit in declared:
        try:
            units.check_unit(unit)
        except units.UnitError as error:
            problems.add(
                ("oracle",), f"the oracle declares {name} in {unit!r}: {error}",
                "The oracle's author has to mend this.",
            )  # fmt: skip
    problems.stop()


def _check_corners(inputs: Inputs, outcomes: Outcomes, problems: Problems) -> None:
    """Refuse corners at which the oracle has no answer."""
    if outcomes.objective is None or outcomes.mode != "worst_corner":
        return
    for variable in inputs.process.values():
        declared = inputs.declaration.input(variable.name)
        for sign in (-1, 1):
            corner = variable.mean + sign * outcomes.objective.sigma * variable.sd
            text = f"{units.format_quantity(corner, variable.unit)} (a corner)"
            with problems.at(("process", variable.name)):
                within(declared, float(units.convert(corner, variable.unit, declared.unit)), text)


def _space(inputs: Inputs, outcomes: Outcomes, problems: Problems) -> Space:
    try:
        space = Space(parameters=tuple(inputs.parameters.values()), constraints=tuple(outcomes.of_inputs))
    except ValueError as error:
        problems.add(("parameters",), str(error), key=True)
        problems.stop()
        raise
    if outcomes.of_inputs and not any(space.feasible_share(n) > 0 for n in SAMPLES):
        labels = "; ".join(c.label for c in outcomes.of_inputs)
        problems.add(("constraints",), f"no design meets the constraints on inputs together: {labels}.",
                     "Relax one, or widen the ranges.", key=True)  # fmt: skip
    return space


def _check_register(file: CampaignFile, problems: Problems) -> None:
    if file.goal is None and file.registration.when == "goal reached":
        problems.add(
            ("register", "if"), "there is no goal to be reached.", "Write if: always, or leave it out."
        )


def _existing(
    file: CampaignFile, inputs: Inputs, outcomes: Outcomes, folder: Path, problems: Problems
) -> tuple[Any, ...]:
    if file.existing_trials is None:
        return ()
    from designloop.campaign.existing import read_existing

    with problems.at(("existing_trials",)):
        return read_existing(file.existing_trials, inputs, outcomes, folder=folder)
    return ()
