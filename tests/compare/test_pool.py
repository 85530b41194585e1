"""Virtual experiments on the rows of a table."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from designloop.compare import Contender, contenders, planned
from designloop.compare.pool import Pool
from designloop.compare.source import Answer
from designloop.compare.summary import Summary, summarize
from designloop.compare.virtual import repeat_seed, run, source_of
from designloop.errors import CampaignError
from designloop.strategies import History, Trial

CAMPAIGN = """\
version: 1
name: rows
seed: 3
oracle: branin
objectives: [maximize: value]
stop: {trials: 40}
tracking: off
"""
RANDOM = Contender(name="random")


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    path = tmp_path / "rows.yaml"
    path.write_text(CAMPAIGN)
    return path


def table(folder: Path, rows: int = 80, *, replicates: int = 1) -> Path:
    """``rows`` different designs, each ``replicates`` times, with one maximum: row 17 of them."""
    rng = np.random.default_rng(5)
    lines = ["x1,x2,value"]
    for i in range(rows):
        x1, x2 = rng.uniform(-5, 10), rng.uniform(0, 15)
        values = [100.0 if i == 17 else i / 10 + k for k in range(replicates)]
        lines += [f"{x1:.6f},{x2:.6f},{value}" for value in values]
    path = folder / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def tries(rows: list[dict], best: float) -> list[int]:
    """Tries until the best row, of the runs that drew it."""
    return [row["values"].index(best) + 1 for row in rows if best in row["values"]]


def drawn(campaign: Path, repeats: int, **options: object) -> tuple[list[dict], float]:
    setup, read = planned(campaign, table=table(campaign.parent), initial=0, trials=80, **options)
    source = source_of(setup)
    seeds = [repeat_seed(read.seed, r) for r in range(repeats)]
    rows = [run(source, setup, RANDOM, repeat=r, seed=s) for r, s in enumerate(seeds)]
    return rows, source.top()


def test_random_draws_with_replacement_find_the_maximum_as_often_and_as_late_as_computed(
    campaign: Path,
) -> None:
    rows, best = drawn(campaign, 250, replacement=True)
    chance = 1 - (79 / 80) ** 80
    k = np.arange(1, 81)
    law = (79 / 80) ** (k - 1) / 80 / chance
    mean = float((k * law).sum())
    assert chance == pytest.approx(0.6344, abs=1e-4)
    assert mean == pytest.approx(33.90, abs=0.01)
    sd = math.sqrt(float(((k - mean) ** 2 * law).sum()))
    found = tries(rows, best)
    assert len(found) / 250 == pytest.approx(chance, abs=3 * math.sqrt(chance * (1 - chance) / 250))
    assert np.mean(found) == pytest.approx(mean, abs=3 * sd / math.sqrt(len(found)))


def test_random_draws_without_replacement_always_find_it_after_half_the_rows(campaign: Path) -> None:
    rows, best = drawn(campaign, 150)
    found = tries(rows, best)
    assert len(found) == 150
    assert np.mean(found) == pytest.approx(40.5, abs=3 * math.sqrt((80**2 - 1) / 12 / 150))


def test_without_replacement_no_row_comes_twice(campaign: Path) -> None:
    setup, read = planned(campaign, table=table(campaign.parent, 12), initial=3, target=1e9)
    source = source_of(setup)
    for name in ("random", "sobol"):
        row = run(source, setup, Contender(name=name), repeat=0, seed=repeat_seed(read.seed, 0))
        assert len(row["values"]) == len(set(row["values"])) == 12


def test_the_budget_without_replacement_ends_with_the_rows(campaign: Path) -> None:
    setup, _ = planned(campaign, table=table(campaign.parent, 12), initial=3, trials=500)
    assert setup.trials == 9


def test_a_model_may_draw_a_row_again_with_replacement_and_never_without(campaign: Path) -> None:
    """Of three rows all are drawn: what is proposed next is one of them, or nothing."""
    for again in (True, False):
        setup, _ = planned(campaign, table=table(campaign.parent, 12), initial=3, replacement=again, trials=5)
        pool = source_of(setup)
        assert isinstance(pool, Pool)
        search = _search(pool, pool.space.rows)
        assert len(search.everything()) == (12 if again else 0)


def _search(pool: Pool, rows: object) -> object:
    from designloop.compare.rows import Drawn
    from designloop.strategies.designs import search_of

    trials = [
        Trial(index=i, parameters=Drawn(row) if pool.again else dict(row), status="completed")
        for i, row in enumerate(pool.space.rows)
    ]
    return search_of(pool.problem, History(trials=tuple(trials)))


def test_designs_of_a_pool_are_rows_exactly(campaign: Path) -> None:
    setup, _ = planned(campaign, table=table(campaign.parent, 20), initial=0)
    pool = source_of(setup)
    assert isinstance(pool, Pool)
    points = np.random.default_rng(0).random((50, 2))
    for design, point in zip(pool.space.from_unit(points), points, strict=True):
        assert design in pool.space.rows
        gaps = np.linalg.norm(pool.space.unit - point, axis=1)
        assert gaps[pool.space.rows.index(design)] == pytest.approx(gaps.min())


def answers(pool: Pool, count: int) -> list[Answer]:
    return [pool.evaluate(pool.space.rows[0], seed) for seed in range(count)]


def test_equal_rows_are_replicates_and_answer_with_their_mean(campaign: Path) -> None:
    setup, _ = planned(campaign, table=table(campaign.parent, 8, replicates=3), initial=2)
    pool = source_of(setup)
    assert isinstance(pool, Pool)
    assert len(pool.space.rows) == 8
    assert {a.metrics["value"].value for a in answers(pool, 10)} == {1.0}


def test_resampling_draws_every_replicate(campaign: Path) -> None:
    file = table(campaign.parent, 8, replicates=3)
    setup, _ = planned(campaign, table=file, initial=2, resample=True)
    found = answers(source_of(setup), 60)
    assert {a.metrics["value"].value for a in found} == {0.0, 1.0, 2.0}
    assert {a.true["value"] for a in found} == {1.0}


@pytest.mark.parametrize("noise", ["0.5", "5 %"])
def test_noise_has_the_standard_deviation_that_was_asked_for(campaign: Path, noise: str) -> None:
    setup, _ = planned(campaign, table=table(campaign.parent, 40), initial=2, noise=noise)
    pool = source_of(setup)
    assert isinstance(pool, Pool)
    values = [100.0 if i == 17 else i / 10 for i in range(40)]
    wanted = 0.5 if noise == "0.5" else 0.05 * float(np.std(values))
    observed = [a.metrics["value"].value - a.true["value"] for a in answers(pool, 2000)]
    assert np.std(observed) == pytest.approx(wanted, rel=3 / math.sqrt(2 * 2000))
    assert answers(pool, 5) == answers(pool, 5)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("x1,x2,height\n1,2,3\n2,3,4\n", "lacks the column value", id="no metric"),
        pytest.param("x1,value\n1,2\n2,3\n", "says nothing of x2", id="no parameter"),
        pytest.param("x1,x2,value\n1,2,3\n2,3,4\n", "2 different rows; 5 shared", id="few rows"),
        pytest.param("x1,x2,value\n1,2,3\n99,3,4\n", "outside the campaign's ranges", id="out of range"),
    ],
)
def test_a_table_that_cannot_serve_is_refused_with_a_sentence(
    campaign: Path, content: str, words: str
) -> None:
    path = campaign.parent / "bad.csv"
    path.write_text(content)
    with pytest.raises(CampaignError, match=words):
        planned(campaign, table=path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            "x1,x2,value\nmuch,2,3\n",
            "bad.csv: row 2, column 'x1' holds 'much', which is no number with the decimal mark '.'. "
            "Mend the cell.",
            id="a cell",
        ),
        pytest.param(
            "a,b\n1,2\n",
            "bad.csv: no header of bad.csv names a parameter or metric. A header is the name of a parameter "
            "or metric, with its unit in brackets: 'height [nm]'.",
            id="headers",
        ),
        pytest.param(
            "x1,x2,value\n1,2,\n",
            "bad.csv: row 2, column 'value' is empty. Fill it in, or take the row out.",
            id="an empty metric",
        ),
        pytest.param(None, "bad.csv: there is no such file. Name a CSV or XLSX file.", id="no file"),
    ],
)
def test_errors_of_the_table_name_the_option_that_was_written(
    campaign: Path, content: str | None, words: str
) -> None:
    path = campaign.parent / "bad.csv"
    if content:
        path.write_text(content)
    with pytest.raises(CampaignError) as caught:
        planned(campaign, table=path)
    assert str(caught.value) == f"--table {path.parent}/{words}"


def test_other_errors_keep_their_place_beside_a_table(campaign: Path) -> None:
    with pytest.raises(CampaignError, match="^--set strategy=gp_ucc: "):
        planned(campaign, table=table(campaign.parent), overrides=["strategy=gp_ucc"])


def told(campaign: Path, strategies: str, **options: object) -> Summary:
    setup, read = planned(campaign, table=table(campaign.parent, 12), initial=2, **options)
    chosen = contenders([strategies])
    rows = {
        (c.label, r): run(source_of(setup), setup, c, repeat=r, seed=repeat_seed(read.seed, r))
        for c in chosen
        for r in range(5)
    }
    labels = [c.label for c in chosen]
    return summarize(
        rows, labels, range(5), setup=setup, campaign=read, source=source_of(setup), problem="rows"
    )


@pytest.mark.parametrize("again", [True, False])
def test_with_replacement_only_sobol_and_latin_hypercube_are_set_apart(campaign: Path, again: bool) -> None:
    found = told(campaign, "random,sobol:batch=2,latin_hypercube", replacement=again, trials=8)
    apart = [v.strategy for v in found.verdicts if v.ruling == "not comparable"]
    assert apart == (["sobol:batch=2", "latin_hypercube"] if again else [])
    assert ("leave --replacement out" in found.advice) is again


def test_a_target_that_nobody_reached_is_told_with_the_best_found(campaign: Path) -> None:
    found = told(campaign, "random,sobol", trials=10, target=3.0)
    assert found.notes == (
        "note: nobody reached the target 3; the best found is 1.1.",
        "note: no row of the table reaches the target 3; its best row is 1.1.",
    )
    assert all(note in found.text() for note in found.notes)
    assert told(campaign, "random,sobol", trials=10, target=1.1).notes == ()


def test_a_target_that_a_row_reaches_and_nobody_found_is_told_too(campaign: Path) -> None:
    found = told(campaign, "random,sobol", trials=1, replacement=True)
    tried = any(m.tries.reached.any() for m in found.measured)
    assert (found.notes == ()) is tried
    assert not any("no row" in note for note in found.notes)


def test_a_learner_must_leave_rows_to_be_judged_on(campaign: Path) -> None:
    with pytest.raises(CampaignError, match="10 to judge on need 16"):
        planned(campaign, table=table(campaign.parent, 15), initial=5, learn=["value"])
    setup, _ = planned(campaign, table=table(campaign.parent, 40), initial=5, learn=["value"])
    assert setup.count + setup.trials == 30


@pytest.mark.parametrize("noise", ["much", "-1", "nan", "5 % of spread"])
def test_noise_that_is_no_number_is_refused(campaign: Path, noise: str) -> None:
    with pytest.raises(CampaignError, match="no standard deviation"):
        planned(campaign, table=table(campaign.parent), noise=noise)


def test_default_margins_that_nobody_measured_bound_no_row(tmp_path: Path) -> None:
    path, rows = tmp_path / "beam.yaml", tmp_path / "beam.csv"
    path.write_text(
        "version: 1\noracle: magnetometer\n"
        "fixed: {thickness: 20 um, pressure: 1 mbar, current: 1 mA, gap: 2 um}\n"
        "parameters: {beam_length: 200 .. 800 um, beam_width: 2 .. 8 um}\n"
        "objectives: [minimize: noise_equivalent_field]\nstop: {trials: 12}\ntracking: off\n"
    )
    lines = [f"{200 + 50 * i},{2 + i / 2},{30 - i}" for i in range(10)]
    rows.write_text("\n".join(["beam_length [um],beam_width [um],noise_equivalent_field", *lines]))
    setup, campaign = planned(path, table=rows, initial=2)
    assert any(c.is_margin for c in campaign.constraints)
    source = source_of(setup)
    assert source.problem.bounds == ()
    assert source.top() == 21.0
    path.write_text(path.read_text() + "constraints: [resonance_frequency >= 20 kHz]\n")
    with pytest.raises(CampaignError, match="lacks the column resonance_frequency"):
        planned(path, table=rows, initial=2)
