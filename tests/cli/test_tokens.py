"""`dts token`, and the tokens that it makes."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from common.cli.exits import Exit
from common.cli.root import root
from common.clock import SystemClock
from common.domain.errors import BadSetting
from common.lab.until import until
from common.tokens import Role, Token, Tokens, append_token, digest_of, new_token, read_tokens, token_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def dts(*args: str) -> Result:
    return CliRunner().invoke(root, ["token", *args], prog_name="dts")


def test_a_new_token_is_shown_once_and_only_its_hash_is_kept(file: Path) -> None:
    made = dts("new", "ci", "--role", "operator", "--file", str(file), "--days", "90")
    secret = made.stdout.strip()
    assert made.exit_code == Exit.OK
    assert secret.startswith("dts_")
    assert len(secret) > 40
    until_day = datetime.now(UTC).date() + timedelta(days=90)
    assert file.read_text() == f"ci operator sha256:{digest_of(secret)} until {until_day}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    found = Tokens(file, "", SystemClock()).whose(secret)
    assert found
    assert (found.name, found.role) == ("ci", Role.OPERATOR)


def test_tokens_are_listed_and_removed_one_by_one(file: Path) -> None:
    for name, role in (("one", "viewer"), ("two", "admin")):
        dts("new", name, "--role", role, "--file", str(file))
    assert dts("list", "--file", str(file)).stdout == "one\tviewer\t\ntwo\tadmin\t\n"
    assert dts("remove", "one", "--file", str(file)).exit_code == Exit.OK
    assert dts("remove", "one", "--file", str(file)).exit_code == Exit.NOT_FOUND
    listed = json.loads(dts("list", "--file", str(file), "--json").stdout)
    assert listed == {"tokens": [{"name": "two", "role": "admin", "until": None}]}
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_name_stands_for_one_token(file: Path) -> None:
    assert dts("new", "ci", "--role", "viewer", "--file", str(file)).exit_code == Exit.OK
    again = dts("new", "ci", "--role", "admin", "--file", str(file))
    assert (again.exit_code, again.stdout) == (Exit.USAGE, "")
    assert "already" in again.stderr


@pytest.mark.parametrize("name", ["", "two words", "-dash", "a\nb admin sha256:0", "x" * 65, "ä"])
def test_a_name_that_would_spoil_the_file_is_refused(file: Path, name: str) -> None:
    assert dts("new", "--role", "viewer", "--file", str(file), "--", name).exit_code == Exit.USAGE
    assert not file.exists()


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere" / "tokens")
    for words in (("new", "ci", "--role", "viewer"), ("list",), ("remove", "ci")):
        result = dts(*words, "--file", missing)
        assert result.exit_code == Exit.USAGE
        assert "nowhere" in result.stderr
    with pytest.raises(BadSetting):
        append_token(tmp_path, Token("ci", Role.VIEWER, "0" * 64))


def test_what_people_wrote_beside_the_tokens_stays(file: Path) -> None:
    file.write_text("# ours\n\nold viewer sha256:" + "0" * 64)
    dts("new", "ci", "--role", "viewer", "--file", str(file))
    lines = file.read_text().splitlines()
    assert lines[:3] == ["# ours", "", f"old viewer sha256:{'0' * 64}"]
    assert lines[3].startswith("ci viewer sha256:")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ci admin", "it is not"),
        ("ci root sha256:" + "0" * 64, "roles"),
        ("ci admin sha256:abc", "64 hex"),
        ("ci admin md5:" + "0" * 64, "64 hex"),
        ("ci admin sha256:" + "0" * 64 + " since 2026-01-01", "it is not"),
        ("ci admin sha256:" + "0" * 64 + " until tomorrow", "isoformat"),
        ("../ci admin sha256:" + "0" * 64, "name"),
    ],
)
def test_a_line_that_is_no_token_lets_nobody_in_and_is_told_of(file: Path, line: str, said: str) -> None:
    secret, good = new_token("good", Role.VIEWER)
    file.write_text(f"{line}\n{good.line()}\n")
    tokens, complaints = read_tokens(file)
    assert tokens == [good]
    assert said in complaints[0]
    assert Tokens(file, "", SystemClock()).whose(secret) == good
    listed = dts("list", "--file", str(file))
    assert listed.exit_code == Exit.USAGE
    assert "line 1" in listed.stderr


def test_a_line_says_all_of_a_token() -> None:
    _, token = new_token("ci", Role.ADMIN, datetime(2027, 1, 31, tzinfo=UTC).date())
    assert token_of(token.line()) == token


def test_a_token_holds_through_its_last_day() -> None:
    token = Token("ci", Role.VIEWER, "", datetime(2026, 12, 31, tzinfo=UTC).date())
    assert not token.expired(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
    assert token.expired(datetime(2027, 1, 1, tzinfo=UTC).timestamp())


def test_a_changed_file_counts_within_about_a_second(file: Path) -> None:
    first, one = new_token("one", Role.VIEWER)
    second, two = new_token("two", Role.ADMIN)
    append_token(file, one)
    tokens = Tokens(file, "", SystemClock())
    assert tokens.whose(first) == one
    assert tokens.whose(second) is None
    append_token(file, two)
    until(lambda: tokens.whose(second) == two, within=3)
    file.unlink()
    until(lambda: tokens.whose(first) is None, within=3)
    assert tokens.asked_for
    append_token(file, one)
    until(lambda: tokens.whose(first) == one, within=3)


def test_one_token_may_stand_in_a_setting() -> None:
    tokens = Tokens(None, "s3cret", SystemClock())
    found = tokens.whose("s3cret")
    assert found
    assert (found.name, found.role) == ("admin", Role.ADMIN)
    assert tokens.whose("") is None
    assert tokens.whose("s3cre\udcff") is None
    assert not Tokens(None, "", SystemClock()).asked_for


def test_nobody_else_may_read_the_file_even_where_the_umask_lets_them(file: Path) -> None:
    before = os.umask(0)
    try:
        append_token(file, new_token("ci", Role.VIEWER)[1])
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
