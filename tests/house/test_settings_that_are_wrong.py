"""A wrong setting stops the start, says which it is, and how to cure it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ris.config import VARIABLES, read_config, secret_key
from ris.config_values import Misconfigured, database, mail_server, redis_url, secret
from tests.serving import environment, ris

pytestmark = pytest.mark.once

WRONG = [
    ({"RIS_HTTP": "8000"}, "RIS_HTTP"),
    ({"RIS_HTTP": "127.0.0.1:http"}, "RIS_HTTP"),
    ({"RIS_MLLP": "127.0.0.1:99999"}, "RIS_MLLP"),
    ({"RIS_DICOM": "::1:11112"}, "RIS_DICOM"),
    ({"RIS_AE_TITLE": "SEVENTEEN_LETTERS"}, "RIS_AE_TITLE"),
    ({"RIS_AE_TITLE": "A\\B"}, "RIS_AE_TITLE"),
    ({"RIS_EMR": "emr.example"}, "RIS_EMR"),
    ({"RIS_DEMO": "maybe"}, "RIS_DEMO"),
    ({"RIS_ALLOW_PUBLIC": "2"}, "RIS_ALLOW_PUBLIC"),
    ({"RIS_HOSTS": "https://ris.example"}, "RIS_HOSTS"),
    ({"RIS_PROXY": "proxy.example"}, "RIS_PROXY"),
    ({"RIS_URL": "ris.example"}, "RIS_URL"),
    ({"RIS_HTPP": "127.0.0.1:8000"}, "RIS_HTPP"),
    ({"RIS_DATA": "/proc/nowhere"}, "RIS_DATA"),
]


@pytest.mark.parametrize(("wrong", "name"), WRONG, ids=[f"{next(iter(w.items()))}" for w, _ in WRONG])
def test_a_wrong_value_is_refused_by_its_name_and_with_a_cure(wrong: dict[str, str], name: str, data: Path) -> None:
    with pytest.raises(Misconfigured) as refusal:
        read_config({"RIS_DATA": str(data)} | wrong)
    assert refusal.value.variable == name
    assert "Cure: " in str(refusal.value)


@pytest.mark.parametrize("variable", ["RIS_HTTP", "RIS_MLLP", "RIS_DICOM"])
def test_a_listener_leaves_loopback_only_when_told_so_by_name(variable: str, data: Path) -> None:
    env = {"RIS_DATA": str(data), variable: "0.0.0.0:4000"}
    with pytest.raises(Misconfigured, match="RIS_ALLOW_PUBLIC=1"):
        read_config(env)
    assert read_config(env | {"RIS_ALLOW_PUBLIC": "1"})


def test_a_misspelt_name_is_told_what_was_probably_meant(data: Path) -> None:
    with pytest.raises(Misconfigured, match="did you mean RIS_DICOM"):
        read_config({"RIS_DATA": str(data), "RIS_DICOMM": "127.0.0.1:11112"})


@pytest.mark.parametrize("url", ["mysql://u:p@host/db", "postgres://host", "nonsense", "postgres://u:p@host:port/db"])
def test_a_database_url_is_refused_without_showing_its_password(url: str, data: Path) -> None:
    with pytest.raises(Misconfigured, match="DATABASE_URL") as refusal:
        database({"DATABASE_URL": url}, data)
    assert ":p@" not in str(refusal.value)


@pytest.mark.parametrize("url", ["mail.example", "imap://u:p@host", "smtp://u:p@host:port"])
def test_a_mail_server_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(Misconfigured, match="RIS_MAIL") as refusal:
        mail_server({"RIS_MAIL": url})
    assert ":p@" not in str(refusal.value)


def test_a_mail_server_is_the_one_on_this_machine_unless_another_is_named() -> None:
    assert mail_server({})["EMAIL_HOST"] == "localhost"
    said = mail_server({"RIS_MAIL": "smtp+tls://us:secret@mail.example:587"})
    assert (said["EMAIL_HOST"], said["EMAIL_PORT"], said["EMAIL_USE_TLS"]) == ("mail.example", 587, True)


def test_a_redis_url_of_another_kind_is_refused() -> None:
    with pytest.raises(Misconfigured, match="REDIS_URL"):
        redis_url({"REDIS_URL": "amqp://localhost"})


def test_a_secret_is_read_from_the_file_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://host/0\n")
    assert secret({"REDIS_URL_FILE": str(tmp_path / "url")}, "REDIS_URL") == "redis://host/0"
    with pytest.raises(Misconfigured, match="REDIS_URL_FILE"):
        secret({"REDIS_URL_FILE": str(tmp_path / "nothing")}, "REDIS_URL")
    with pytest.raises(Misconfigured, match="unset one"):
        secret({"REDIS_URL_FILE": str(tmp_path / "url"), "REDIS_URL": "redis://x"}, "REDIS_URL")


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    key = secret_key({}, tmp_path)
    assert len(key) >= 50
    assert secret_key({}, tmp_path) == key
    assert stat.S_IMODE((tmp_path / "secret-key").stat().st_mode) == 0o600
    with pytest.raises(Misconfigured, match="RIS_SECRET_KEY"):
        secret_key({"RIS_SECRET_KEY": "short"}, tmp_path)


def test_the_command_line_says_it_in_two_lines_and_ends(data: Path) -> None:
    done = ris(environment(data, RIS_HTTP="nowhere"), "check")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Cannot start.",
        "  RIS_HTTP: “nowhere” is not host:port.",
        "  Cure: write it as RIS_HTTP=127.0.0.1:8000",
    ]


def test_every_setting_is_in_the_manual() -> None:
    manual = (Path(__file__).parents[2] / "docs/running.md").read_text()
    assert [name for name in VARIABLES if f"`{name}`" not in manual] == []
