# ruff: noqa: E501 - one case, one line
"""Every broken goal, list of strategies, option and registration is refused at its line, in a sentence."""

from __future__ import annotations

import pytest
from goal_example import EMULATOR, FILM, GOAL_FILE
from support.broken import Broken

from designloop.campaign import Campaign, loads
from designloop.errors import CampaignError

MEAN, STD, ALL, RATIO = (
    "stiffness_mean: 0.2 %",
    "stiffness_std: 5 %",
    '"H_*": 30 MPa',
    "stress / stiffness_mean: 4 % of spread",
)
JUDGE = "judge: leave_one_out"
STRATEGY = "strategy: {name: query_by_committee, members: 7}"
STOP = "stop: {goal: reached, trials: 60, wall_time: 12 h}"
REGISTER = "register: {as: film-scatter, alias: champion, if: goal reached}"
GOAL = GOAL_FILE[GOAL_FILE.index("goal:") : GOAL_FILE.index("strategy:")]
OBJECTIVES = "objectives: [minimize: stress]\n"
BOTH = "strategy: [{name: query_by_committee, until: goal}, {name: gp_ucb}]"


def strategy(text: str) -> str:
    return f"strategy: {{name: query_by_committee, {text}}}"


def phases(*lines: str) -> str:
    return OBJECTIVES + "strategy:\n" + "\n".join(f"  - {line}" for line in lines)


CASES = [
    # the error that is good enough
    Broken("wrong unit", STD, "stiffness_std: 5 um", "5 um", ("stiffness_std", "'um'", "'GPa'")),
    Broken("unit of a pattern", ALL, '"H_*": 3 mA', "3 mA", ("mA", "GPa")),
    Broken("unit of an expression", RATIO, "stress / stiffness_mean: 2 MPa", "2 MPa", ("is in no unit, which is not a kind of 'MPa'",)),
    Broken("unknown unit", STD, "stiffness_std: 5 Mpa", "5 Mpa", ("Mpa", "MPa")),
    Broken("zero", STD, "stiffness_std: 0 %", "std: 0", ("an error of 0 %", "no model", "5 %")),
    Broken("bare zero", STD, "stiffness_std: 0", "std: 0", ("an error of 0", "no model")),
    Broken("negative", STD, "stiffness_std: -5 %", "-5 %", ("-5 %", "no model")),
    Broken("negative in a unit", STD, "stiffness_std: -5 MPa", "-5 MPa", ("-5 MPa", "no model")),
    Broken("all of the mean", STD, "stiffness_std: 100 %", "100 %", ("asks for nothing",)),
    Broken("all of the spread", RATIO, "stress / stiffness_mean: 120 % of spread", "120 %", ("asks for nothing",)),
    Broken("share of the mean", STD, "stiffness_std: 5 % of mean", "of mean", ("'mean'", "5 % for a share of the mean value", "5 % of spread")),
    Broken("share of nothing", STD, "stiffness_std: 5 MPa of spread", "MPa of", ("5 MPa is no share", "5 % of spread")),
    Broken("bare share", STD, "stiffness_std: 0.05 of spread", "0.05 of", ("0.05 is no share", "5 % of spread")),
    Broken("decimal comma", STD, 'stiffness_std: "0,5 %"', "0,5", ("0,5", "0.5")),
    Broken("in words", STD, "stiffness_std: well", "well", ("number",)),
    Broken("true", STD, "stiffness_std: true", "true", ("true does not say how well",)),
    Broken("nothing", STD, "stiffness_std:", "stiffness_std:", ("nothing does not say how well", "5 % of spread")),
    Broken("list of two", STD, "stiffness_std: [5 %, 3 %]", "[5 %", ("does not say how well",)),
    # what is learned
    Broken("unknown metric", STD, "stifness_std: 5 %", "stifness_std", ("film has no output stifness_std", "Did you mean stiffness_std?")),
    Broken("unknown pattern", ALL, '"G_*": 3 MPa', "G_*", ("no output is called G_*", "Known outputs: stiffness_mean")),
    Broken("pattern without quotes", ALL, "*_std: 3 MPa", "*_std", ("anchor", "in quotes")),
    Broken("input", STD, "width: 5 %", "width: 5", ("width holds no output", "without any trial")),
    Broken("fixed input", STD, "load: 5 %", "load", ("load is the same for every design",)),
    Broken("number", STD, '"2 GPa": 5 %', "2 GPa", ("is the same for every design",)),
    Broken("unknown name in an expression", RATIO, "stress / stifness_mean: 4 %", "stifness_mean", ("stifness_mean", "Did you mean")),
    Broken("added units", RATIO, "stress + width: 4 %", "stress + width", ("cannot be added",)),
    Broken("comparison", STD, "stress <= 3 MPa: 5 %", "stress <= 3 ", ("a comparison cannot stand here",)),
    Broken("twice", RATIO, '"H_x*": 4 %', "H_x*", ("is to be learned twice", "Keep one")),
    Broken("twice by blanks", STD, '" stiffness_mean": 5 %', '" stiff', ("to be learned twice",)),
    Broken("a list", GOAL, "goal: {learn: [stiffness_mean]}\n", "goal: {", ("learn says not", "learn: {METRIC: 5 %}")),
    Broken("a word", GOAL, "goal: {learn: stiffness_mean}\n", "goal: {", ("learn says not", "'stiffness_mean'")),
    Broken("empty", GOAL, "goal: {learn: {}}\n", "goal: {", ("learn says not",)),
    Broken("no learn", GOAL, "goal: {judge: leave_one_out}\n", "goal: {", ("the key learn is missing below goal",)),
    Broken("goal is a word", GOAL, "goal: stiffness_mean\n", "goal: st", ("goal must be a mapping",)),
    Broken("misspelled learn", "  learn:", "  lern:", "lern", ("lern is no key of goal", "Did you mean learn?")),
    Broken("neither goal nor objectives", GOAL, "", "version", ("the key objectives is missing", "goal: {learn:")),
    Broken("misspelled goal", "goal:\n", "gaol:\n", "gaol", ("gaol is no key", "Did you mean goal?")),
    Broken("no objective in the list", "seed: 3", "seed: 3\nobjectives: []", "objectives", ("names no objective", "where there is a goal")),
    # who judges
    Broken("unknown judge", JUDGE, "judge: leave_two_out", "leave_two", ("no judge", "Did you mean leave_one_out?")),
    Broken("held_out without number", JUDGE, "judge: held_out", "held_out", ("how many", "{held_out: 20}")),
    Broken("reference without name", JUDGE, "judge: reference", "reference", ("which oracle", "{reference: ORACLE}")),
    Broken("held out none", JUDGE, "judge: {held_out: 0}", "held_out", ("at least 5",)),
    Broken("held out all", JUDGE, "judge: {held_out: 60}", "held_out", ("60 of 60 trials are held out", "Hold out fewer")),
    Broken("two judges", JUDGE, "judge: {held_out: 20, reference: film}", "held_out", ("exclude each other",)),
    Broken("designs of nobody", JUDGE, "judge: {designs: 20}", "designs", ("reference only", "held_out: 20")),
    Broken("misspelled judge", JUDGE, "judge: {holdout: 20}", "holdout", ("holdout is no key of judge", "held_out")),
    Broken("unknown reference", JUDGE, "judge: {reference: nobody}", "nobody", ("there is no oracle 'nobody'",)),
    Broken("reference of a file that is not there", JUDGE, "judge: {reference: ./none.py:film}", "none.py", ("there is no file",)),
    Broken("dear reference", JUDGE, "judge: {reference: ./emulator.py:Dear}", "Dear", ("not declared cheap", "held_out: 20")),
    Broken("reference of another question", JUDGE, "judge: {reference: branin}", "branin", ("branin has no input grain",)),
    Broken("reference of a smaller range", "  spread: 10 .. 45 deg", "  spread: 10 .. 80 deg", "emulator", ("whole range of spread", "0 .. 60 deg")),
    # strategies
    Broken("optimizer without objective", STRATEGY, "strategy: gp_ucb", "gp_ucb", ("gp_ucb improves an objective", "query_by_committee")),
    Broken("optimizer for a goal", STRATEGY, OBJECTIVES + "strategy: gp_ucb", "gp_ucb", ("learns nothing for the goal", "until: goal}, {name: gp_ucb}")),
    Broken("no strategy", STRATEGY, "strategy: []", "strategy: []", ("names no strategy",)),
    Broken("misspelled strategy", STRATEGY, "strategy: query_by_comittee", "comittee", ("Did you mean query_by_committee?",)),
    Broken("phase without end", STRATEGY, phases("query_by_committee", "gp_ucb"), "- query", ("not the last strategy", "until: goal")),
    Broken("last phase with an end", STRATEGY, phases("{name: query_by_committee, until: {trials: 30}}", "{name: gp_ucb, until: {trials: 9}}"), "gp_ucb", ("the last strategy ends with the campaign", "stop: {trials: 9}")),
    Broken("single strategy with an end", STRATEGY, strategy("until: {trials: 20}"), "until", ("the last strategy ends with the campaign",)),
    Broken("optimizer until the goal", STRATEGY, phases("{name: gp_ucb, until: goal}", "query_by_committee"), "gp_ucb", ("learns nothing for the goal", "{trials: 20}")),
    Broken("until a word", STRATEGY, phases("{name: query_by_committee, until: noon}", "gp_ucb"), "noon", ("until 'noon'", "{trials: 20}")),
    Broken("until a number", STRATEGY, phases("{name: query_by_committee, until: 20}", "gp_ucb"), "until", ("until 20", "{trials: 20}")),
    Broken("until nothing", STRATEGY, phases("{name: query_by_committee, until: {}}", "gp_ucb"), "until", ("until the goal or for some trials",)),
    Broken("until in vain", STRATEGY, phases("{name: query_by_committee, until: {trials: 60}}", "gp_ucb"), "until", ("used up before the next strategy begins",)),
    Broken("stop at the goal before the next strategy", STRATEGY, OBJECTIVES + BOTH, "name: query", ("ends the campaign where the next strategy", "Leave goal out of stop")),
    Broken("until a goal that is ignored", f"{STRATEGY}\n{STOP}", f"{strategy('until: goal')}\nstop: {{goal: ignored}}", "until", ("exclude each other",)),
    Broken("misspelled option in a list", STRATEGY, phases("{name: query_by_committee, untill: goal}", "gp_ucb"), "untill", ("untill is no key", "Did you mean until?")),
    Broken("later strategy in a list", STRATEGY, phases("{name: thompson, until: {trials: 9}}", "gp_ucb"), "thompson", ("not in this version: the strategy thompson",)),
    # options
    Broken("one member", STRATEGY, strategy("members: 1"), "members", ("cannot have 1 members", "2 to 100")),
    Broken("subset of nothing", STRATEGY, strategy("subset: 0"), "subset", ("0 is no share", "0.1 to 1")),
    Broken("subset in percent", STRATEGY, strategy("subset: 80 %"), "subset", ("'80 %' is no share", "0.1 to 1")),
    Broken("unknown committee", STRATEGY, strategy("committee: forrest"), "forrest", ("no committee", "Did you mean forest?")),
    Broken("committee by a file", STRATEGY, strategy("committee: ./mine.py"), "mine", ("no committee", "package.module:Regressor")),
    Broken("layers of a GP", STRATEGY, strategy("hidden: [8, 8]"), "hidden", ("no effect with committee: gp", "committee: networks")),
    Broken("layer of zero", STRATEGY, strategy("committee: networks, hidden: [8, 0]"), "hidden", ("at least 1",)),
    Broken("layers as a number", STRATEGY, strategy("committee: networks, hidden: 8"), "hidden", ("hidden must be a list", "[8]")),
    Broken("negative alpha", STRATEGY, strategy("committee: networks, alpha: -1"), "alpha", ("at least 0",)),
    Broken("unknown disagreement", STRATEGY, strategy("disagreement: maximum"), "maximum", ("maximum", "max")),
    Broken("negative diversity", STRATEGY, strategy("diversity: -0.1"), "diversity", ("at least 0",)),
    Broken("unknown gate", STRATEGY, strategy("gate: on"), "gate", ("gate cannot be 'on'", "random, off")),
    Broken("shadow without gate", STRATEGY, strategy("gate: off, shadow: 5"), "shadow", ("no effect with gate: off", "gate: random")),
    Broken("shadow of one", STRATEGY, strategy("shadow: 1"), "shadow", ("at least 2",)),
    Broken("unknown region", STRATEGY, strategy("region: svm"), "svm", ("svm", "one_class_svm")),
    Broken("action without region", STRATEGY, strategy("region: off, action: exclude"), "action", ("no effect with region: off",)),
    Broken("weight of exclusion", STRATEGY, strategy("action: exclude, weight: 3"), "weight", ("no effect with action: exclude", "penalize")),
    Broken("weight of zero", STRATEGY, strategy("weight: 0"), "weight", ("0 is no weight", "auto")),
    Broken("unknown search", STRATEGY, strategy("search: grid"), "grid", ("grid", "differential_evolution")),
    Broken("replicates as a number", STRATEGY, strategy("replicates: 3"), "replicates", ("replicates", "auto, never")),
    Broken("unknown publication", STRATEGY, strategy("reproduce: morand"), "morand", ("morand_2022",)),
    Broken("option of another strategy", STRATEGY, strategy("kappa: 2"), "kappa", ("query_by_committee has no kappa", "gp_ucb")),
    Broken("option of the committee", STRATEGY, "strategy: {name: gsx, members: 3}", "members", ("gsx has no members", "query_by_committee, bald")),
    Broken("believer of a learner", STRATEGY, strategy("batch: 4, believer: joint"), "believer", ("query_by_committee has no believer",)),
    Broken("feature of an output", STRATEGY, strategy("features: [width / stress]"), "features", ("stress",)),
    Broken("feature of nothing", STRATEGY, strategy("features: [2 um]"), "features", ("2 um is the same for every design", "grain, spread, width")),
    Broken("feature of mixed units", STRATEGY, strategy("features: [width + spread]"), "features", ("cannot be added",)),
    Broken("no feature", STRATEGY, strategy("features: []"), "features", ("features is empty. Write at least one entry, or leave features out.",)),
    Broken("initial of random", STRATEGY, "strategy: {name: random, initial: {sobol: 3}}", "initial", ("random needs no initial designs",)),
    # stop
    Broken("goal of stop without goal", GOAL, OBJECTIVES, "stop:", ("goal means nothing without a goal", "add goal:")),
    Broken("unknown end", "goal: reached", "goal: met", "goal: met", ("goal cannot be 'met'", "reached, ignored")),
    Broken("disagreement above all", "wall_time: 12 h", "disagreement: 200 %", "200 %", ("between 0 and 100 %", "disagreement: 2 %")),
    Broken("disagreement of zero", "wall_time: 12 h", "disagreement: 0 %", "disagreement", ("never agrees fully",)),
    Broken("bare disagreement", "wall_time: 12 h", "disagreement: 2", "disagreement", ("between 0 and 100 %", "disagreement: 2 %")),
    Broken("disagreement in a unit", "wall_time: 12 h", "disagreement: 2 MPa", "2 MPa", ("MPa",)),
    Broken("disagreement of one model", f"{STRATEGY}\n{STOP}", "strategy: gp_variance\nstop: {disagreement: 2 %}", "stop:", ("no committee disagrees under gp_variance",)),
    Broken("coverage without trials", "wall_time: 12 h", "coverage: {less_than: 1 %}", "coverage", ("the key trials is missing below coverage",)),
    Broken("coverage as a share", "wall_time: 12 h", "coverage: 1 %", "coverage", ("coverage must be a mapping",)),
    Broken("coverage of all", "wall_time: 12 h", "coverage: {trials: 5, less_than: 100 %}", "coverage", ("between 0 and 100 %",)),
    Broken("coverage beyond the end", "wall_time: 12 h", "coverage: {trials: 60}", "coverage", ("looks at 60 trials", "ends after 60")),
    Broken("stall beyond the end", "wall_time: 12 h", "no_improvement: {trials: 90}", "no_improve", ("looks at 90 trials",)),
    # register
    Broken("condition without goal", GOAL + f"{STRATEGY}\n{STOP}", OBJECTIVES, "register", ("no goal to be reached", "if: always")),
    Broken("unknown condition", "if: goal reached", "if: reached", "if: reached", ("if cannot be 'reached'", "goal reached")),
    Broken("name with a slash", "film-scatter", "film/scatter", "film/scatter", ("cannot name a registered model", "without / and :")),
    Broken("reserved alias", "alias: champion", "alias: latest", "latest", ("reserved", "champion")),
    Broken("alias of a version", "alias: champion", "alias: v3", "v3", ("reserved",)),
    Broken("alias with a blank", "alias: champion", "alias: the best", "the best", ("cannot be an alias",)),
    Broken("misspelled register", "alias: champion", "ailas: champion", "ailas", ("ailas is no key of register", "alias")),
    Broken("register is a word", REGISTER, "register: film", "register", ("register must be a mapping",)),
    # still of a later version
    Broken("replicates", "seed: 3", "seed: 3\nreplicates: {min: 16}", "replicates", ("not in this version: replicates", "average by itself")),
    Broken("report", "seed: 3", "seed: 3\nreport: {}", "report", ("not in this version: report",)),
    Broken("answer", "seed: 3", "seed: 3\nanswer: {}", "answer", ("not in this version: answer",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("emulator")
    (found / "emulator.py").write_text(EMULATOR)
    return found


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_a_broken_goal_is_refused_at_its_line(case: Broken, folder):
    judge = "judge: {reference: ./emulator.py:Emulator}" if case.at == "emulator" else JUDGE
    error = case.refused(
        GOAL_FILE.replace(JUDGE, judge),
        lambda text: loads(text, name="broken.yaml", folder=folder, declaration=FILM),
    )
    assert len({e.place.line for e in error.errors}) <= 2


def test_the_table_of_goals_is_long_enough():
    assert len(CASES) >= 80
    assert len({case.id for case in CASES}) == len(CASES)


def test_the_file_that_is_broken_here_is_valid(folder):
    assert isinstance(loads(GOAL_FILE, declaration=FILM), Campaign)
    judged = GOAL_FILE.replace(JUDGE, "judge: {reference: ./emulator.py:Emulator}")
    assert loads(judged, declaration=FILM, folder=folder).goal.by == "reference"


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        (STD, "stiffness_std: 5 um", 20),
        (STD, "stifness_std: 5 %", 5),
        (STRATEGY, strategy("members: 1"), 47),
        (STRATEGY, "strategy: gp_ucb", 11),
        (STRATEGY, strategy("features: [width, width / stress]"), 64),
    ],
)
def test_the_column_of_a_goal_points_at_the_word(old, new, column):
    with pytest.raises(CampaignError, match=rf":\d+:{column}: "):
        loads(GOAL_FILE.replace(old, new), declaration=FILM)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (STD, "stiffness_std: 5 um"),
        (GOAL, ""),
        ("  learn:", "  lern:"),
        (JUDGE, "judge: leave_two_out"),
        (STRATEGY, "strategy: gp_ucb"),
        (STRATEGY, phases("query_by_committee", "gp_ucb")),
        ("goal:\n", "gaol:\n"),
    ],
)
def test_one_mistake_in_a_goal_is_told_once_for_each_place_that_it_breaks(old, new):
    with pytest.raises(CampaignError, match=r":\d+:\d+: ") as caught:
        loads(GOAL_FILE.replace(old, new), declaration=FILM)
    lines = [error.place.line for error in caught.value.errors]
    assert len(lines) == len(set(lines)) <= 3
