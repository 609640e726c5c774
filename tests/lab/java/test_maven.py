"""An existing Maven set-up is respected: mirrors, their passwords, proxies, the local repository."""

from pathlib import Path

import pytest

from common.domain.errors import BadSetting
from common.lab.java.maven import CENTRAL, Maven, Repository, covers, settings_files

HEAD = '<?xml version="1.0"?>\n<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0">'


def settings(path: Path, text: str) -> Path:
    path.write_text(f"{HEAD}{text}</settings>")
    return path


def mirror(name: str, of: str, url: str, more: str = "") -> str:
    return f"<mirror><id>{name}</id><mirrorOf>{of}</mirrorOf><url>{url}</url>{more}</mirror>"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.xml"


def test_without_settings_it_is_maven_central_and_the_users_own_repository(file: Path) -> None:
    maven = Maven.load(files=[file])
    assert maven == Maven(Repository(CENTRAL), Path.home() / ".m2" / "repository")


def test_what_is_asked_for_wins_and_its_password_is_not_shown(file: Path) -> None:
    settings(file, f"<mirrors>{mirror('m', '*', 'https://mirror.example/all')}</mirrors>")
    remote = Maven.load("https://me:secret@mine.example/maven/", [file]).remote
    assert (remote.url, remote.user, remote.password) == ("https://mine.example/maven", "me", "secret")
    assert "secret" not in repr(remote)


@pytest.mark.parametrize("url", ["ftp://host/x", "file:///srv/maven", "mirror.example/maven2", "https:///x"])
def test_an_address_that_is_none_is_refused(url: str, file: Path) -> None:
    with pytest.raises(BadSetting, match=r"DTS_MAVEN_URL: .* is no http or https address, like https://repo1"):
        Maven.load(url, [file])
    settings(file, f"<mirrors>{mirror('odd', '*', url)}</mirrors>")
    with pytest.raises(BadSetting, match=r"mirror 'odd' of Maven's settings: .* is no http or https address"):
        Maven.load(files=[file])


@pytest.mark.parametrize(
    ("of", "covered"),
    [
        ("central", True),
        ("*", True),
        ("external:*", True),
        ("internal,central", True),
        ("*, !internal", True),
        ("*,!central", False),
        ("internal", False),
        ("external:http:*", False),
        ("", False),
    ],
)
def test_a_mirror_counts_where_it_stands_for_maven_central(of: str, covered: bool) -> None:
    assert covers(of) is covered


def test_a_mirror_of_central_goes_before_one_of_all(file: Path) -> None:
    both = mirror("all", "*", "https://all.example/m") + mirror("mine", "central", "https://mine.example/m/")
    settings(file, f"<mirrors>{both}</mirrors>")
    assert Maven.load(files=[file]).remote.url == "https://mine.example/m"


def test_what_debian_and_maven_ship_blocks_nothing(file: Path) -> None:
    blocker = mirror("maven-default-http-blocker", "external:http:*", "http://0.0.0.0/", "<blocked>true</blocked>")
    settings(file, f"<mirrors>{blocker}</mirrors>")
    assert Maven.load(files=[file]).remote.url == CENTRAL


def test_a_mirror_that_blocks_central_is_obeyed(file: Path) -> None:
    settings(file, f"<mirrors>{mirror('no', '*', 'http://0.0.0.0/', '<blocked>true</blocked>')}</mirrors>")
    with pytest.raises(BadSetting, match="mirror 'no' of Maven's settings blocks Maven Central: set DTS_MAVEN_URL"):
        Maven.load(files=[file])


def test_user_and_password_of_a_mirror_may_come_from_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPO_PASSWORD", "s&cret")
    servers = (
        "<servers><server><id>other</id><username>x</username></server>"
        "<server><id>m</id><username>me</username><password>${env.REPO_PASSWORD}</password></server></servers>"
    )
    settings(file, f"{servers}<mirrors>{mirror('m', '*', 'https://mirror.example/all')}</mirrors>")
    remote = Maven.load(files=[file]).remote
    assert (remote.user, remote.password) == ("me", "s&cret")


def test_a_password_that_only_maven_can_read_is_told_with_another_way(file: Path) -> None:
    server = "<server><id>m</id><username>me</username><password>{COQLCE6DU6GtcS5P=}</password></server>"
    settings(file, f"<servers>{server}</servers><mirrors>{mirror('m', '*', 'https://mirror.example/')}</mirrors>")
    with pytest.raises(BadSetting, match=r"the password of 'm' in Maven's settings is encrypted.*DTS_MAVEN_URL_FILE"):
        Maven.load(files=[file])


def test_the_active_proxy_is_taken_unless_the_host_needs_none(file: Path) -> None:
    off = "<proxy><active>false</active><host>off.example</host></proxy>"
    on = (
        "<proxy><host>proxy.example</host><port>3128</port><username>me</username><password>pw</password>"
        "<nonProxyHosts>localhost|*.internal.example</nonProxyHosts></proxy>"
    )
    settings(file, f"<proxies>{off}{on}</proxies>")
    assert Maven.load(files=[file]).remote.proxy == "http://me:pw@proxy.example:3128"
    inside = mirror("m", "*", "https://repo.internal.example/m")
    settings(file, f"<proxies>{off}{on}</proxies><mirrors>{inside}</mirrors>")
    assert Maven.load(files=[file]).remote.proxy == ""


def test_another_local_repository_is_where_the_settings_say(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    settings(file, "<localRepository>${user.home}/jars</localRepository>")
    assert Maven.load(files=[file]).local == Path("/home/somebody/jars")


def test_the_users_settings_go_before_those_of_the_installation(file: Path, tmp_path: Path) -> None:
    settings(file, f"<mirrors>{mirror('mine', 'central', 'https://mine.example/m')}</mirrors>")
    other = f"<localRepository>/there</localRepository><mirrors>{mirror('all', '*', 'https://all.example')}</mirrors>"
    installed = settings(tmp_path / "installed.xml", other)
    maven = Maven.load(files=[file, installed])
    assert maven == Maven(Repository("https://mine.example/m"), Path("/there"))


def test_settings_are_those_of_the_user_and_of_the_maven_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "opt" / "bin").mkdir(parents=True)
    (tmp_path / "opt" / "bin" / "mvn").touch(mode=0o755)
    (tmp_path / "mvn").symlink_to(tmp_path / "opt" / "bin" / "mvn")
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("PATH", str(tmp_path))
    user = Path("/home/somebody/.m2/settings.xml")
    assert settings_files() == [user, tmp_path / "opt" / "conf" / "settings.xml"]
    monkeypatch.setenv("PATH", "/nowhere")
    assert settings_files() == [user]


def test_settings_that_can_not_be_read_are_named(file: Path) -> None:
    file.write_text("<settings><mirrors></settings>")
    with pytest.raises(BadSetting, match=rf"Maven's settings in {file} can't be read: mismatched tag"):
        Maven.load(files=[file])
