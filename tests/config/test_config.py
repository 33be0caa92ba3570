from __future__ import annotations

import tomllib

import pytest
from full_config import FULL
from hypothesis import given
from hypothesis import strategies as st

from archscope.config import find_config, load_config
from archscope.config.positions import key_lines
from archscope.errors import ComponentError, ConfigError
from archscope.measure.summing.components import assign
from archscope.policy import Limit
from archscope.spec import Component

BUDGET = '[[budgets]]\nname = "b"\nmodel = "m"\nmetric = "parameters"\nmax = 1\n'


@pytest.fixture
def written(tmp_path):
    def write(text, name="archscope.toml"):
        (tmp_path / ".git").mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def refused(path):
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return caught.value


def test_everything_that_a_config_can_say_is_read(written):
    config = load_config(written(FULL))
    model = config.models["v2"]
    assert (model.source, model.inputs, dict(model.options)) == (
        "featherface-v2",
        ("1x3x640x640",),
        {"bifpn_channels": 32},
    )
    assert model.components == (Component(name="Neck", patterns=("bifpn.**",), role="neck"),)
    assert model.components[0].where == "archscope.toml:8"
    params, share = config.budgets
    assert (params.name, params.metric, params.max.of(None), params.message) == (
        "v2-params",
        "parameters",
        249_999,
        "Flash limit of the camera",
    )
    assert params.warn is not None
    assert params.warn.of(None) == 240_000
    assert str(params.location) == "archscope.toml:15"
    assert (share.component, share.relative_to, share.max.of(1000)) == ("Neck", "baseline", 600)
    assert (config.lock.metrics, config.lock.tolerance.of(1000), config.lock.depth) == (("parameters",), 10, 2)
    assert str(config.locations["lock.depth"]) == "archscope.toml:30"


def test_a_model_without_components_keeps_those_of_its_source(written):
    assert load_config(written('[models.a]\nsource = "x"\n')).models["a"].components is None


def test_line_ends_and_the_mark_of_other_editors_change_nothing(written):
    path = written("")
    path.write_bytes(b"\xef\xbb\xbf" + FULL.replace("\n", "\r\n").encode())
    assert str(load_config(path).budgets[1].location) == "archscope.toml:25"


def test_a_file_that_is_not_text_is_told(written):
    path = written("")
    path.write_bytes(b"\xff\xfe\x00")
    assert refused(path).what == "cannot read archscope.toml: it is not UTF-8"


def test_pyproject_is_read_when_it_has_our_table(written):
    path = written('[project]\nname = "x"\n[tool.archscope.models.a]\nsource = "resnet"\n', "pyproject.toml")
    config = find_config(path.parent)
    assert config is not None
    assert str(config.models["a"].location) == "pyproject.toml:3"


def test_the_nearest_config_upwards_wins_and_the_search_ends_at_the_repository(written, tmp_path):
    (tmp_path / "archscope.toml").write_text('[models.outside]\nsource = "x"\n')
    repository = tmp_path / "repository"
    deep = repository / "a" / "b"
    deep.mkdir(parents=True)
    (repository / ".git").mkdir()
    assert find_config(deep) is None
    (repository / "pyproject.toml").write_text("[tool.ruff]\n# archscope is mentioned only here\n")
    assert find_config(deep) is None
    (repository / "archscope.toml").write_text('[models.top]\nsource = "x"\n')
    found = find_config(deep)
    assert found is not None
    assert list(found.models) == ["top"]
    (repository / "a" / "archscope.toml").write_text('[models.near]\nsource = "x"\n')
    near = find_config(deep)
    assert near is not None
    assert list(near.models) == ["near"]
    assert str(near.models["near"].location) == "a/archscope.toml:1"


@pytest.mark.parametrize(
    ("text", "line", "what", "help_text"),
    [
        ("[model.a]\n", 1, "unknown key 'model'", "did you mean 'models'?"),
        ('[models.a]\nsource = "x"\ninput = "1x3"\n', 3, "unknown key 'input' in [models.a]", "'inputs'"),
        ('[models.a]\ninputs = ["1"]\n', 1, "[models.a] has no source", "source ="),
        ("[models]\na = 3\n", 2, "a must be a table", "[models.a]"),
        ('[models.a]\nsource = "x"\noptions = { o = 1979-05-27 }\n', 3, "option o must be", ""),
        (BUDGET + "mesage = 'x'\n", 6, "unknown key 'mesage'", "'message'"),
        (BUDGET.replace("parameters", "params"), 4, "unknown metric 'params'", "'parameters'"),
        (BUDGET.replace("max = 1", 'max = "0.25 MB"'), 5, "unknown unit 'MB'", "K, M, G and T"),
        (BUDGET.replace("max = 1", "max = 0.25"), 5, "max must be a text or an integer", 'max = "0.25"'),
        (BUDGET.replace("max = 1", "max = -1"), 5, "-1 is below 0", ""),
        (BUDGET.replace("max = 1", 'max = "60%"'), 5, "a share of nothing", "relative-to"),
        (BUDGET + 'relative-to = "x"\n', 6, "no effect on an absolute max", "60%"),
        (BUDGET + "warn = 2\n", 6, "warn = '2' is above max = '1'", ""),
        (BUDGET + 'warn = "5%"\n', 6, "warn is a share of nothing", ""),
        (BUDGET + BUDGET, 7, "two budgets are called 'b'", "archscope.toml:2"),
        (
            BUDGET.replace("parameters", "peak_activation_bytes") + 'component = "Neck"\n',
            6,
            "no value per component",
            "remove",
        ),
        ("[lock]\nmetrics = [\n  'macs',\n  'mac',\n]\n", 4, "unknown metric 'mac'", "'macs'"),
        ("[lock]\ndepth = -1\n", 2, "depth is -1", ""),
        ("budgets = 3\n", 1, "budgets must be a list of tables", "[[budgets]]"),
        ("a = \n", 1, "not TOML", ""),
    ],
)
def test_a_fault_is_told_with_its_line_and_a_suggestion(written, text, line, what, help_text):
    error = refused(written(text))
    assert what in error.what
    assert error.where == f"archscope.toml:{line}"
    assert help_text in error.help


def test_a_pattern_that_two_components_claim_is_told_at_the_second(written):
    rows = '[[models.a.components]]\nname = "{}"\nmatch = ["x.**",\n "y.**"]\n'
    error = refused(written('[models.a]\nsource = "x"\n' + rows.format("A") + rows.format("B")))
    assert error.what == "pattern 'x.**' is claimed twice: by A and by B"
    assert error.where == "archscope.toml:9"


@pytest.mark.parametrize(
    ("match", "what", "help_text"),
    [
        ('["bfpn.**"]', "pattern 'bfpn.**' of component 'B' matches no module", "did you mean 'bifpn.**'?"),
        ('["body.stage1"]', "pattern 'body.stage1' of component 'B' is wholly shadowed by A", "first match wins"),
    ],
)
def test_a_pattern_that_claims_nothing_is_told_with_its_line(written, match, what, help_text):
    rows = '[[models.a.components]]\nname = "A"\nmatch = "body.**"\n[[models.a.components]]\nname = "B"\nmatch = '
    config = load_config(written('[models.a]\nsource = "x"\n' + rows + match))
    with pytest.raises(ComponentError) as caught:
        assign(["", "body", "body.stage1", "bifpn", "bifpn.0"], config.models["a"].components)
    assert (caught.value.what, caught.value.where) == (what, "archscope.toml:8")
    assert help_text in caught.value.help


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("0.25M", 250_000),
        ("<0.25M", 249_999),
        ("<=0.25M", 250_000),
        ("<0.2500001M", 250_000),
        (7, 7),
        ("1.2G", 12 * 10**8),
    ],
)
def test_limits_are_exact(text, limit):
    assert Limit.parse(text).of(None) == limit


@given(whole=st.integers(0, 10**40), hundredths=st.integers(0, 20_000))
def test_a_share_admits_exactly_what_integer_arithmetic_admits(whole, hundredths):
    percent = f"{hundredths // 100}.{hundredths % 100:02}%"
    assert Limit.parse(percent).of(whole) == whole * hundredths // 10_000
    strict = -(-whole * hundredths // 10_000) - 1
    assert Limit.parse(f"<{percent}").of(whole) == strict


names = st.text(
    st.characters(codec="utf-8", exclude_characters="\x7f", exclude_categories=("Cc", "Cs")), max_size=8
).filter(lambda text: text != "z")


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.lists(st.tuples(names, names), max_size=5, unique_by=lambda pair: pair[0]), st.integers(0, 3))
def test_the_scan_finds_every_key_on_the_line_where_it_was_written(pairs, blanks):
    lines, expected = ["[[t]]", "[[t]]", "# x = 1"] + [""] * blanks, {}
    for key, value in pairs:
        lines += [f"{quoted(key)} . k = [ # ]", f"  {{ {quoted(value)} = '''[", f"]''', z = {quoted(value)} }},", "]"]
        expected["t", 1, key, "k"] = len(lines) - 3
        expected["t", 1, key, "k", 0, value] = len(lines) - 2
        expected["t", 1, key, "k", 0, "z"] = len(lines) - 1
    text = "\n".join(lines)
    tomllib.loads(text)
    found = key_lines(text)
    assert {path: found[path] for path in expected} == expected
    assert found["t", 0] == 1
    assert found["t", 1] == 2


def test_spaces_around_the_dots_of_a_key_are_no_part_of_it():
    assert key_lines("[a . b]\nc . d = 1\n") == {
        ("a",): 1,
        ("a", "b"): 1,
        ("a", "b", "c"): 2,
        ("a", "b", "c", "d"): 2,
    }
