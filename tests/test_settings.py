"""Settings from the environment and from a file: what is taken, what is refused, in which words."""

from pathlib import Path

import pytest

from casegraph.app import create_gateway
from casegraph.errors import SettingsInvalid
from casegraph.settings import Settings, table, unknown_variables
from casegraph.wiring_loading import wire_links
from support.settings_read import Load
from support.settings_samples import SAMPLES

COMPLETE = {
    "CASEGRAPH_ACTION_MANAGEMENT__URL": "https://am.example/v1/actionmanagement",
    "CASEGRAPH_ACTION_MANAGEMENT__TOKEN_URL": "https://am.example/connect/token",
    "CASEGRAPH_ACTION_MANAGEMENT__CLIENT_ID": "hush-id",
    "CASEGRAPH_ACTION_MANAGEMENT__CLIENT_SECRET": "hush-secret",
    "CASEGRAPH_CASE_REVIEWS__URL": "https://reviews.example/api/v1",
    "CASEGRAPH_CASE_REVIEWS__USERNAME": "casey",
    "CASEGRAPH_CASE_REVIEWS__TOKEN": "hush-reviews",
    "CASEGRAPH_RATINGS__URL": "https://ratings.example/api/v1",
    "CASEGRAPH_RATINGS__EMAIL": "casey@ratings.example",
    "CASEGRAPH_RATINGS__PASSWORD": "hush-password",
    "CASEGRAPH_CUSTOMER_CASES__URL": "https://crm.example/v1",
    "CASEGRAPH_CUSTOMER_CASES__AUTH_VALUE": "hush-value",
    "CASEGRAPH_AUTH__JWT__ISSUER": "https://issuer.example",
    "CASEGRAPH_AUTH__JWT__AUDIENCE": "casegraph",
    "CASEGRAPH_AUTH__JWT__JWKS_URL": "https://issuer.example/keys",
}
NUMBERS = ("__CONCURRENCY", "__MAX_PER_SECOND", "__BURST", "_SECONDS")
"""Endings of variables that take any number."""


def refusal(load: Load, environment: dict[str, str], config: Path | None = None) -> str:
    """Return in which words these settings are refused; never with a secret."""
    with pytest.raises(SettingsInvalid) as caught:
        load(environment, config=config)
    words = str(caught.value)
    assert "hush" not in words
    return words


def value_of(settings: Settings, variable: str) -> object:
    """Return what a variable ended as, in the clear."""
    value: object = settings
    for name in variable.removeprefix("CASEGRAPH_").lower().split("__"):
        value = getattr(value, name)
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


def test_without_variables_every_setting_has_its_default(load: Load) -> None:
    """Nothing is required: the gateway listens on loopback and no upstream is configured."""
    settings = load()

    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert [each.is_configured() for each in settings.upstreams().values()] == [False] * 4


@pytest.mark.parametrize("variable", [name for name, _, _ in table()])
def test_every_variable_reaches_its_setting(load: Load, variable: str) -> None:
    """Each variable of the table is read and ends where it should."""
    name = variable.removeprefix("CASEGRAPH_")
    number = ("3", 3) if name.endswith(NUMBERS) else None
    text, expected = SAMPLES.get(name) or number or (COMPLETE[variable],) * 2

    settings = load({**COMPLETE, variable: text})

    assert value_of(settings, variable) == expected


def test_a_file_holds_the_same_settings(load: Load, tmp_path: Path) -> None:
    """A TOML file has a table for each group."""
    file = tmp_path / "casegraph.toml"
    file.write_text(
        'port = 8123\n[action_management]\nurl = "https://am.example/v1/actionmanagement"\n'
        'token = "hush"\nhubs = [96, "97"]\n[links]\nratings = "data_field:rating_case"\n'
    )

    settings = load(config=file)

    assert settings.port == 8123
    assert settings.action_management.hubs == ("96", "97")
    assert settings.links.ratings == "data_field:rating_case"


def test_the_environment_wins_over_the_file(load: Load, tmp_path: Path) -> None:
    """One variable replaces one setting of a group and leaves the others of the file."""
    file = tmp_path / "casegraph.toml"
    file.write_text(
        'port = 8123\n[case_reviews]\nurl = "https://a.example"\nusername = "a"\ntoken = "hush"\n'
    )

    settings = load(
        {
            "CASEGRAPH_CONFIG": str(file),
            "CASEGRAPH_PORT": "9000",
            "CASEGRAPH_CASE_REVIEWS__USERNAME": "b",
        }
    )

    assert settings.port == 9000
    assert settings.case_reviews.url == "https://a.example"
    assert settings.case_reviews.username == "b"


def test_the_command_line_wins_over_the_environment(load: Load) -> None:
    """What is said on the command line is meant most."""
    settings = load({"CASEGRAPH_PORT": "9000"}, port=9001, host=None)

    assert (settings.host, settings.port) == ("127.0.0.1", 9001)


def test_the_option_wins_over_the_variable_that_names_a_file(load: Load, tmp_path: Path) -> None:
    """`--config` replaces CASEGRAPH_CONFIG."""
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text("port = 1")
    two.write_text("port = 2")

    assert load({"CASEGRAPH_CONFIG": str(one)}, config=two).port == 2


@pytest.mark.parametrize(
    ("missing", "group"),
    [
        ("TOKEN_URL", "ACTION_MANAGEMENT"),
        ("CLIENT_ID", "ACTION_MANAGEMENT"),
        ("CLIENT_SECRET", "ACTION_MANAGEMENT"),
        ("USERNAME", "CASE_REVIEWS"),
        ("TOKEN", "CASE_REVIEWS"),
        ("EMAIL", "RATINGS"),
        ("PASSWORD", "RATINGS"),
        ("AUTH_VALUE", "CUSTOMER_CASES"),
        ("URL", "ACTION_MANAGEMENT"),
        ("URL", "CASE_REVIEWS"),
        ("URL", "RATINGS"),
        ("URL", "CUSTOMER_CASES"),
    ],
)
@pytest.mark.parametrize("how", ["unset", "empty"])
def test_a_half_configured_upstream_is_refused(
    load: Load, group: str, missing: str, how: str
) -> None:
    """The missing setting is named, and so is what it was missed beside."""
    variable = f"CASEGRAPH_{group}__{missing}"
    environment = {name: text for name, text in COMPLETE.items() if name != variable}
    if how == "empty":
        environment[variable] = ""

    words = refusal(load, environment)

    assert words.startswith(f"{variable}: not set, although CASEGRAPH_{group}__")


def test_an_empty_secret_in_a_file_is_a_missing_one(load: Load, tmp_path: Path) -> None:
    """A file with the secret left out does not start a gateway that is refused everywhere."""
    file = tmp_path / "casegraph.toml"
    file.write_text('[ratings]\nurl = "https://a.example"\ntoken = ""\n')

    assert "CASEGRAPH_RATINGS__EMAIL, CASEGRAPH_RATINGS__PASSWORD: not set" in refusal(
        load, {}, file
    )


def test_a_fixed_token_replaces_the_other_credentials(load: Load) -> None:
    """Action Management and ratings take a bearer token alone."""
    settings = load(
        {
            "CASEGRAPH_ACTION_MANAGEMENT__URL": "https://am.example/v1/actionmanagement",
            "CASEGRAPH_ACTION_MANAGEMENT__TOKEN": "hush",
            "CASEGRAPH_RATINGS__URL": "https://ratings.example/api/v1",
            "CASEGRAPH_RATINGS__TOKEN": "hush",
        }
    )

    assert settings.action_management.missing() == []
    assert settings.ratings.missing() == []


@pytest.mark.parametrize(
    "url",
    [
        "am.example/v1",
        "ftp://am.example/v1",
        "file:///etc/passwd",
        "https://",
        "https://casey:hush@am.example/v1",
        "https://am.example/v1?key=hush",
        "https://am.example/v1#hush",
        "https://am.example/v1/../admin",
        "https://am.example:port/v1",
        "https://[am.example/v1",
    ],
)
@pytest.mark.parametrize(
    "variable",
    ["CASEGRAPH_CASE_REVIEWS__URL", "CASEGRAPH_ACTION_MANAGEMENT__TOKEN_URL"],
)
def test_a_url_of_another_form_is_refused(load: Load, variable: str, url: str) -> None:
    """Only plain http and https addresses without user, query and fragment are base URLs."""
    assert refusal(load, {**COMPLETE, variable: url}).startswith(f"{variable}: ")


@pytest.mark.parametrize("rule", ["caseid", "data_field:", "data_field: ", "table:", "sql:x"])
@pytest.mark.parametrize("link", ["REVIEWS", "RATINGS", "CUSTOMER"])
def test_a_link_rule_of_another_form_is_refused(load: Load, link: str, rule: str) -> None:
    """The three forms are told."""
    words = refusal(load, {f"CASEGRAPH_LINKS__{link}": rule})

    assert words.startswith(f"CASEGRAPH_LINKS__{link}: ")
    assert "case_id, data_field:NAME or table:PATH" in words


def test_a_link_table_that_is_not_there_ends_the_start(load: Load, tmp_path: Path) -> None:
    """The setting and the file are named before the first request, not at it."""
    path = tmp_path / "links.csv"
    settings = load({"CASEGRAPH_LINKS__CUSTOMER": f"table:{path}"})

    with pytest.raises(SettingsInvalid) as caught:
        wire_links(settings)

    assert str(caught.value).startswith(f"CASEGRAPH_LINKS__CUSTOMER: {path}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("96", ("96",)),
        ("96,97", ("96", "97")),
        (" 96 , 97 ", ("96", "97")),
        ('["96"]', ("96",)),
        ('[96, "97"]', ("96", "97")),
        ("", None),
    ],
)
def test_hubs_can_be_written_in_several_ways(
    load: Load, text: str, expected: tuple[str, ...] | None
) -> None:
    """One hub, several with commas, and a JSON list mean what they look like."""
    settings = load({**COMPLETE, "CASEGRAPH_ACTION_MANAGEMENT__HUBS": text})

    assert settings.action_management.hubs == expected


@pytest.mark.parametrize("text", ["96;97", "ninety-six", "0", "-1", "96,../97", "2147483648"])
def test_a_hub_that_is_no_id_is_refused(load: Load, text: str) -> None:
    """A hub id is a whole number that the vendor could have given."""
    words = refusal(load, {**COMPLETE, "CASEGRAPH_ACTION_MANAGEMENT__HUBS": text})

    assert words == "CASEGRAPH_ACTION_MANAGEMENT__HUBS: not a hub id."


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("CASEGRAPH_PORT", "hush"),
        ("CASEGRAPH_PORT", "65536"),
        ("CASEGRAPH_EXPLORER", "hush"),
        ("CASEGRAPH_EXPLORER_FALLBACK", "hush"),
        ("CASEGRAPH_CASE_REVIEWS__CONCURRENCY", "0"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(load: Load, variable: str, text: str) -> None:
    """The variable is named; its text is not repeated."""
    assert refusal(load, {**COMPLETE, variable: text}).startswith(f"{variable}: ")


@pytest.mark.parametrize("url", ["hush", "redis://", "memcached://cache", "redis://u:hush@:x/0"])
def test_a_cache_of_another_kind_is_refused(load: Load, url: str) -> None:
    """The cache's address may hold a password, so it is not repeated."""
    with pytest.raises(SettingsInvalid) as caught:
        create_gateway(load({"CASEGRAPH_CACHE__URL": url}))

    assert str(caught.value).startswith("CASEGRAPH_CACHE__URL: ")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("text", ['{"url": "https://a.example", "token": "hush"}', "hush"])
def test_a_whole_group_in_one_variable_is_refused(load: Load, text: str) -> None:
    """There is one way to write a setting, and a JSON error would repeat the secret in it."""
    words = refusal(load, {"CASEGRAPH_RATINGS": text})

    assert words == "CASEGRAPH_RATINGS: is a group; set its parts, as CASEGRAPH_RATINGS__URL."


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("prot = 1", "CASEGRAPH_PROT is no setting"),
        ("[ratings]\npasword = 'hush'", "CASEGRAPH_RATINGS__PASWORD is no setting"),
        ("ratings = 'hush'", "CASEGRAPH_RATINGS is no setting"),
        ("port = ", "not valid TOML"),
        ("port = '\udcff'", "not valid TOML"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(
    load: Load, tmp_path: Path, content: str, expected: str
) -> None:
    """A name that no setting has is an error in a file, because a file is ours alone."""
    file = tmp_path / "casegraph.toml"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))

    words = refusal(load, {}, file)

    assert words.startswith(f"{file}: ")
    assert expected in words


def test_a_file_that_is_not_there_is_refused(load: Load, tmp_path: Path) -> None:
    """A misspelt path does not silently start something else."""
    assert "No such file" in refusal(load, {"CASEGRAPH_CONFIG": str(tmp_path / "none.toml")})


def test_unknown_variables_are_told_of() -> None:
    """A misspelt variable is found; those of other programs are none of our business."""
    environment = {
        "CASEGRAPH_PORT": "1",
        "CASEGRAPH_CONFIG": "x",
        "CASEGRAPH_RATINGS__PASWORD": "x",
        "CASEGRAPH_HOTS": "x",
        "PORT": "x",
    }

    assert unknown_variables(environment) == ["CASEGRAPH_HOTS", "CASEGRAPH_RATINGS__PASWORD"]


def test_secrets_do_not_print(load: Load) -> None:
    """Neither form of printing settings shows a secret."""
    settings = load(
        {
            **COMPLETE,
            "CASEGRAPH_CACHE__URL": "redis://:hush@cache/0",
            "CASEGRAPH_RATINGS__TOKEN": "hush",
        }
    )

    for printed in (repr(settings), str(settings), f"{settings.model_dump()}"):
        assert "ratings.example" in printed
        assert "hush" not in printed


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("127.example.org", False),
    ],
)
def test_switches_follow_loopback_until_they_are_set(load: Load, host: str, expected: bool) -> None:
    """The explorer and introspection are on where only this machine can ask."""
    settings = load({"CASEGRAPH_HOST": host})

    assert settings.is_loopback() is expected
    assert settings.on_loopback(settings.explorer) is expected
    assert settings.on_loopback(chosen=not expected) is not expected
