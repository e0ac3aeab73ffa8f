"""Every learning rule has one proper name and one colour in all figures."""

import itertools

import pandas as pd
from matplotlib.colors import to_rgb

from burstprop.circuits.rules.figure import draw
from burstprop.reduced.rules import RULES
from burstprop.report.rule_style import STYLES, rule_style


def test_every_rule_has_a_name_and_a_colour_of_its_own():
    assert set(STYLES) == set(RULES)
    assert len({style.name for style in STYLES.values()}) == len(RULES)
    for one, other in itertools.combinations(STYLES.values(), 2):
        apart = (
            sum((a - b) ** 2 for a, b in zip(to_rgb(one.colour), to_rgb(other.colour), strict=True)) ** 0.5
        )
        assert apart > 0.12, (one.name, other.name)
    own = rule_style("my_rule.py:MyRule", 2)
    assert own.name == "MyRule"


def frames(rules):
    rows = [(rule, "digits", seed, 5.0 + k + seed) for k, rule in enumerate(rules) for seed in (1, 2)]
    results = pd.DataFrame(rows, columns=["rule", "dataset", "seed", "test_error_percent"])
    curves = results.rename(columns={"test_error_percent": "validation_error_percent"}).assign(epoch=1)
    return {"results": results, "curves": pd.concat([curves, curves.assign(epoch=2)])}


def test_a_rule_keeps_its_colour_whatever_stands_beside_it():
    def colours(rules):
        errors, curves = draw(frames(rules)).axes
        names = [label.get_text() for label in errors.get_yticklabels()]
        bars = [to_rgb(bar.get_facecolor()) for bar in errors.patches]
        lines = {line.get_label(): to_rgb(line.get_color()) for line in curves.get_lines()}
        found = dict(zip(names, bars, strict=True))
        assert lines == found
        return found

    both, alone = colours(["backprop", "burstccn"]), colours(["burstccn"])
    assert both["BurstCCN"] == alone["BurstCCN"] == to_rgb(STYLES["burstccn"].colour)
    assert set(both) == {"backprop", "BurstCCN"}
