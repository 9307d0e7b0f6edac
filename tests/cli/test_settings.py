import pytest

from cli.main import parse
from cli.settings import requested_values
from core.config import RunConfig, format_flags, make_config
from core.search.grid import expand_grid
from tests.command_line import run_cli


def values_of(*argv: str) -> dict[str, list]:
    return requested_values(parse(list(argv)))


@pytest.mark.parametrize(
    ("argv", "values"),
    [
        (["--dora"], [True]),
        (["--no-dora"], [False]),
        (["--dora", "true", "false"], [True, False]),
        (["--dora", "no"], [False]),
    ],
    ids=["on", "off", "both", "no"],
)
def test_a_switch_is_on_off_or_a_grid_of_both(argv, values):
    assert [config.dora for config in expand_grid(values_of(*argv))] == values


def test_several_values_of_several_flags_make_a_grid():
    configs = expand_grid(values_of("--r", "4", "8", "--seed", "1", "2", "--no-auto-batch"))
    assert [(config.r, config.seed) for config in configs] == [(4, 1), (4, 2), (8, 1), (8, 2)]


def test_pairs_of_one_key_make_a_grid_and_pairs_of_several_keys_belong_together():
    configs = expand_grid(values_of("--method", "loha", "--peft", "rank_dropout=0.1", "--peft", "rank_dropout=0.2"))
    assert [config.peft for config in configs] == [{"rank_dropout": 0.1}, {"rank_dropout": 0.2}]
    (config,) = expand_grid(values_of("--splits", "test=a", "validation=b"))
    assert config.splits == {"test": "a", "validation": "b"}


def test_flags_override_the_config_file(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("method: [majority, tfidf]\ntrain_size: 50\ntest-size: 40\ndora: true\nseed:\n")
    values = values_of("--config", str(file), "--train-size", "60", "--no-dora")
    assert values == {
        "method": ["majority", "tfidf"],
        "train_size": ["60"],
        "test_size": [40],
        "dora": [False],
    }


def test_without_flags_the_settings_are_the_defaults():
    assert expand_grid(values_of()) == [RunConfig()]


def test_configs_of_a_file_are_run_and_recorded(tmp_path):
    file, database = tmp_path / "run.yaml", str(tmp_path / "runs.db")
    file.write_text("method: [majority, tfidf]\ntrain_size: 50\ntest-size: 40\nvalidation_size: 20\n")
    assert run_cli(["--config", str(file), "--train-size", "60", "--db", database]).code == 0
    out = run_cli(["show", "2", "--json", "--db", database]).out
    assert '"method": "tfidf"' in out and '"train_size": 60' in out and '"test_size": 40' in out


def test_formatted_flags_give_the_same_settings():
    settings = {"r": 4, "dora": True, "rslora": False, "peft": {"lora_bias": True}}
    (config,) = expand_grid(values_of(*format_flags(settings)))
    assert config == make_config(settings)
