"""The files for deployment: each says what is so, of settings, roles, ports and files that there are."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from common.settings import Settings
from tests.house.pages import ROOT
from tests.stage5.deployed import DEPLOY, ROLES, SETTINGS, documents, filled, loaded, unit, unknown, variables

COMPOSE = documents(DEPLOY / "compose.yaml")[0]
OURS = {name: one for name, one in COMPOSE["services"].items() if str(one.get("image", "")).startswith("dts:")}
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = [one for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")) for one in documents(path)]
WORKLOADS = {one["metadata"]["name"]: one for one in MANIFESTS if one["kind"] in ("Deployment", "StatefulSet")}
DRAINED = Settings.model_fields["drain"].default + Settings.model_fields["grace"].default


def test_compose_runs_every_part_as_often_as_it_says() -> None:
    roles = [one["command"][0] for one in OURS.values()]
    assert {role: roles.count(role) for role in ROLES} == {"scheduler": 2, "manager": 2, "api": 2, "agent": 3}
    others = set(COMPOSE["services"]) - set(OURS)
    assert others == {
        *("redis-1", "redis-2", "sentinel-1", "sentinel-2", "sentinel-3", "kafka"),
        *("zookeeper-1", "zookeeper-2", "zookeeper-3", "prometheus", "alertmanager", "grafana"),
    }


@pytest.mark.parametrize("name", OURS)
def test_a_role_in_compose_has_settings_that_it_starts_with(name: str) -> None:
    service = OURS[name]
    assert not unknown(set(service["environment"]))
    settings = loaded(service["environment"])
    role = service["command"][0]
    assert getattr(settings, role) == name
    assert settings.durability == "durable"
    assert settings.redis_url.endswith("&replicas=1")
    assert settings.metrics_advertise == f"{name}:9464"
    assert "9464/healthz" in service["healthcheck"]["test"][-1]
    assert set(service["depends_on"]) <= set(COMPOSE["services"])
    if role == "agent":
        assert int(service["stop_grace_period"].rstrip("s")) > DRAINED


def test_compose_has_no_secret_of_its_own_and_is_open_to_this_machine_alone() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    wanted = {name for name, how in re.findall(r"(?<!\$)\$\{(\w+)(:[?-])", text) if how == ":?"}
    defaults = {name for name, how in re.findall(r"(?<!\$)\$\{(\w+)(:[?-])", text) if how == ":-"}
    assert defaults == {"DTS_VERSION"}
    assert wanted == set(variables(DEPLOY / "compose.env.example"))
    assert not any(variables(DEPLOY / "compose.env.example").values())
    published = [port for one in COMPOSE["services"].values() for port in one.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_what_compose_mounts_is_there() -> None:
    for name, service in COMPOSE["services"].items():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./secrets/"):
                continue
            there = (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
            assert there, (name, mount)


def test_the_image_is_made_of_what_there_is_and_runs_as_nobody_special() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
    sources = {source for line in copied for source in line}
    assert all((ROOT / source).exists() for source in sources)
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["build-backend"]["module-name"]
    assert set(packages) <= sources
    last = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM")) :]
    user = next(line for line in last if line.startswith("USER")).split()[1]
    assert user.partition(":")[0] == "10001"
    assert 'ENTRYPOINT ["python", "-m", "stage5_ops"]' in last


def test_there_is_a_unit_for_every_role() -> None:
    assert {path.name for path in UNITS} == {f"dts-{role}@.service" for role in ROLES}


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_unit_and_it_sets_what_there_is(path: Path, tmp_path: Path) -> None:
    role = re.fullmatch(r"dts-(\w+)@\.service", path.name)
    assert role
    lines = list(unit(path))
    here = tmp_path / path.name
    here.write_text(path.read_text().replace("/opt/dts/bin/python", sys.executable))
    verified = subprocess.run(["systemd-analyze", "verify", here], check=False, capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert ("ExecStart", f"/opt/dts/bin/python -m stage5_ops {role[1]}") in lines
    assert ("NoNewPrivileges", "yes") in lines
    given = dict(pair.split("=", 1) for name, value in lines if name == "Environment" for pair in value.split())
    assert not unknown(set(given))
    assert given[f"DTS_{role[1].upper()}"] == "%i"
    settings = loaded({name: value.replace("%i", "one").replace("%H", "host") for name, value in given.items()})
    assert settings.metrics_advertise.startswith("host:")


def test_an_agents_unit_leaves_its_fence_the_time_to_drain_and_its_control_groups() -> None:
    lines = dict(unit(DEPLOY / "systemd" / "dts-agent@.service"))
    assert (lines["KillMode"], lines["Delegate"]) == ("mixed", "yes")
    assert int(lines["TimeoutStopSec"]) > DRAINED
    assert "ProtectControlGroups" not in lines


def test_the_units_of_one_machine_do_not_take_each_others_ports() -> None:
    ports = [port for path in UNITS for port in re.findall(r"_LISTEN=[\d.]+:(\d+)", path.read_text())]
    assert len(ports) == len(set(ports)) == 6


@pytest.mark.parametrize(
    "path", ["systemd/dts.env.example", "kubernetes/settings.env", "kubernetes/secrets.env.example"]
)
def test_what_is_to_be_filled_in_are_settings_and_no_secret_is(path: str) -> None:
    found = variables(DEPLOY / path)
    assert found
    assert set(found) <= SETTINGS
    assert not {name for name, value in found.items() if value and re.search("PASSWORD|SECRET|AUTH|TOKEN$", name)}


def test_kubernetes_runs_every_role() -> None:
    assert {name: one["spec"]["replicas"] for name, one in WORKLOADS.items()} == {
        "dts-scheduler": 2,
        "dts-manager": 2,
        "dts-api": 2,
        "dts-agent": 3,
    }
    assert WORKLOADS["dts-agent"]["kind"] == "StatefulSet"
    listed = documents(DEPLOY / "kubernetes" / "kustomization.yaml")[0]
    assert set(listed["resources"]) == {p.name for p in (DEPLOY / "kubernetes").glob("*.yaml")} - {"kustomization.yaml"}
    assert (DEPLOY / "kubernetes" / listed["configMapGenerator"][0]["envs"][0]).exists()


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_selects_its_own_pods_and_they_start_with_what_they_are_given(name: str) -> None:
    spec = WORKLOADS[name]["spec"]
    labels, pod = spec["template"]["metadata"]["labels"], spec["template"]["spec"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    [container] = pod["containers"]
    role = name.removeprefix("dts-")
    assert container["args"] == [role]
    given = {one["name"]: one.get("value", f"{name}-0") for one in container["env"]}
    assert not unknown(set(given))
    shared = variables(DEPLOY / "kubernetes" / "settings.env")
    secret = dict.fromkeys(variables(DEPLOY / "kubernetes" / "secrets.env.example"), "user:secret")
    own = {key: str(value).replace("$(POD_IP)", "10.0.0.1") for key, value in given.items()}
    settings = loaded({**shared, **secret, **own})
    assert getattr(settings, role) == f"{name}-0"
    assert settings.metrics_advertise == "10.0.0.1:9464"
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["resources"]["requests"]
    if role == "agent":
        assert pod["terminationGracePeriodSeconds"] > DRAINED


@pytest.mark.parametrize("name", WORKLOADS)
def test_probes_ask_where_something_listens(name: str) -> None:
    [container] = WORKLOADS[name]["spec"]["template"]["spec"]["containers"]
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    asked = {kind: container[kind]["httpGet"] for kind in container if kind.endswith("Probe")}
    assert {"startupProbe", "readinessProbe"} <= set(asked)
    for probe in asked.values():
        assert (probe["path"], ports[probe["port"]]) in {("/healthz", 9464), ("/readyz", 8080)}
    mounted = {one["name"] for one in container["volumeMounts"]}
    template = WORKLOADS[name]["spec"]["template"]["spec"]
    claims = [one["metadata"]["name"] for one in WORKLOADS[name]["spec"].get("volumeClaimTemplates", [])]
    assert mounted == {one["name"] for one in template["volumes"]} | set(claims)


def test_every_budget_service_and_policy_speaks_of_pods_that_there_are() -> None:
    names = set(WORKLOADS)
    spoken_of = [one for one in MANIFESTS if one["kind"] in ("PodDisruptionBudget", "Service", "NetworkPolicy")]
    assert {one["metadata"]["name"] for one in spoken_of if one["kind"] == "PodDisruptionBudget"} == names
    for one in spoken_of:
        assert _names(one["spec"]) <= names
        assert _names(one["spec"])


def _names(part: Any) -> set[str]:
    """All that a piece of a manifest selects by name."""
    if isinstance(part, list):
        return set().union(*map(_names, part))
    if not isinstance(part, dict):
        return set()
    own = {part["app.kubernetes.io/name"]} if "app.kubernetes.io/name" in part else set()
    listed = set(part["values"]) if part.get("key") == "app.kubernetes.io/name" else set()
    return own | listed | set().union(*map(_names, part.values()))


def test_prometheus_and_grafana_read_what_is_mounted_for_them() -> None:
    prometheus = documents(DEPLOY / "prometheus" / "prometheus.yml")[0]
    mounted = {mount.split(":")[1] for mount in COMPOSE["services"]["prometheus"]["volumes"]}
    for rules in prometheus["rule_files"]:
        assert str(Path(rules).parent) in mounted
        assert (ROOT / "stage5_ops" / "monitoring" / Path(rules).name).exists()
    [job] = prometheus["scrape_configs"]
    for one in job["http_sd_configs"]:
        assert one["url"].removeprefix("http://").partition(":")[0] in OURS
        assert one["authorization"]["credentials_file"] in mounted
    grafana = documents(DEPLOY / "grafana" / "dashboards.yaml")[0]
    shown = {mount.split(":")[1] for mount in COMPOSE["services"]["grafana"]["volumes"]}
    assert {str(Path(one["options"]["path"]).parent) for one in grafana["providers"]} <= shown
    assert filled("${A:?b}") == "value-of-A"
