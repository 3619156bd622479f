"""All in deploy/ that can be checked without a container engine or a cluster."""

import asyncio
import re
import shlex
import shutil
import subprocess
import sys
from typing import Any

import kubernetes_validate
import pytest

from parties.files.market import MarketFile
from parties.files.party_home import read_party_home, read_party_homes
from parties.files.problems import Problems
from parties.files.running import Service
from parties.setup.addresses import Addresses, addresses_from
from parties.setup.creating import create_market
from parties.setup.rotation import adopt_into, rotate
from parties.tls import Identity, client_context, server_context
from parties.tls.certificate import make_key_pair
from tests.deploy.deployed import DEPLOY, ROOT, RUNBOOK, check_command, document, manifests, program, run, shell
from tests.ports import free_ports

KUBERNETES = "1.31"
FILES = {
    "Containerfile",
    "alerts.yaml",
    "compose.yaml",
    "kubernetes.yaml",
    "mpc-market.service",
    "nginx.conf",
    "requirements.lock",
}


def test_there_are_few_files_and_the_runbook_names_each_one():
    assert {path.name for path in DEPLOY.iterdir()} == FILES
    for name in FILES:
        assert f"`{name}`" in RUNBOOK.read_text("utf-8"), name


# --- containers


def containerfile() -> str:
    return (DEPLOY / "Containerfile").read_text("utf-8")


def test_the_compose_file_keeps_to_the_schema():
    """check-jsonschema brings the compose specification's schema with it."""
    run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


def test_every_party_in_the_compose_file_has_a_volume_and_a_network_of_its_own():
    compose = document("compose.yaml")
    parties = {name: service for name, service in compose["services"].items() if name.startswith("party-")}
    assert len(parties) == 3
    shared = {"between-parties", "handed-round"}
    owners: dict[str, str] = {}
    for name, service in parties.items():
        own = [*service["networks"], *(volume.partition(":")[0] for volume in service["volumes"])]
        assert set(own) <= {*compose["networks"], *compose["volumes"]}
        for each in set(own) - shared:
            assert owners.setdefault(each, name) == name
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
    assert len(owners) == 6, "party-a, the network and the volume, and cache-a; and so on"


def test_what_is_mounted_belongs_to_the_user_of_the_image():
    """A new volume has the owner of the directory that it is mounted on, and root's if there is none."""
    (made,) = re.findall(r"install -d -m 0700 -o mpc-market -g mpc-market (.+)$", containerfile(), re.MULTILINE)
    assert "useradd --uid 10001 " in containerfile()
    mounted = {
        volume.split(":")[1] for each in document("compose.yaml")["services"].values() for volume in each["volumes"]
    }
    assert mounted == set(made.split())


def test_the_image_installs_only_what_is_pinned_and_does_not_run_as_root():
    text = containerfile()
    installs = [line for line in text.splitlines() if "pip install" in line]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert "--no-index" in installs[1]
    assert "--no-deps" in installs[1]
    users = re.findall(r"^USER (\S+)$", text, re.MULTILINE)
    assert users == ["10001:10001"]
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        assert all((ROOT / each).exists() for each in source.split())


# --- Kubernetes


def test_the_manifests_keep_to_the_schemas():
    kinds = []
    for manifest in manifests():
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
        kinds.append(manifest["kind"])
    assert kinds == ["Namespace", *["Deployment"] * 2, *["Service"] * 2, *["NetworkPolicy"] * 2]


def test_a_manifest_with_an_unknown_field_is_refused():
    deployment = manifests()[1]
    deployment["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES, strict=True)


def test_the_manifests_fit_together():
    _, driver, intake, public, between, *policies = manifests()
    for deployment, service, policy in ((driver, between, policies[0]), (intake, public, policies[1])):
        pod = deployment["spec"]["template"]
        for selector in (
            deployment["spec"]["selector"]["matchLabels"],
            service["spec"]["selector"],
            policy["spec"]["podSelector"]["matchLabels"],
        ):
            assert selector == pod["metadata"]["labels"]
        volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
        containers = [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]
        mounted = {mount["name"] for container in containers for mount in container["volumeMounts"]}
        assert mounted == volumes
        assert {container["image"] for container in containers} == {containers[0]["image"]}
        for container in containers:
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["securityContext"]["readOnlyRootFilesystem"]
        check_command(["mpc-market", *pod["spec"]["containers"][0]["args"]])
        reached = {port["targetPort"] for port in service["spec"]["ports"] if isinstance(port["targetPort"], str)}
        assert reached <= {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    ports = [port["port"] for port in between["spec"]["ports"]]
    arguments = args_of(driver)
    workers = int(arguments[arguments.index("--workers") + 1])
    assert len(ports) - 1 >= 4 * workers, "four mpc_ports for each worker"
    assert ports[1:] == list(range(8450, 8466))


def test_other_parties_reach_only_pods_that_drive_and_meters_only_replicas():
    _, driver, intake, public, between, *_ = manifests()
    assert "--intake" in args_of(intake)
    assert "--intake" not in args_of(driver)
    assert "--stand-by" in args_of(driver)
    roles = [each["spec"]["selector"]["role"] for each in (public, between)]
    assert roles == ["intake", "driver"]
    assert driver["spec"]["template"]["spec"]["initContainers"] == intake["spec"]["template"]["spec"]["initContainers"]


def args_of(deployment: dict[str, Any]) -> list[str]:
    (party,) = deployment["spec"]["template"]["spec"]["containers"]
    return list(party["args"])


def test_the_steps_make_what_the_manifests_name_and_begin_with_the_namespace():
    """In the runbook: what has a place in the namespace can only be made once the namespace is there."""
    steps = [words for words in shell("docs/running.md") if words[0] == "kubectl"]
    assert steps[0] == ["kubectl", "apply", "-f", "deploy/kubernetes.yaml"], "it makes the namespace"
    made = {(words[2], words[4 if words[2] == "secret" else 3]) for words in steps if words[1] == "create"}
    namespace, *others = manifests()
    for words in steps[1:]:
        assert words[words.index("-n") + 1] == namespace["metadata"]["name"]
    assert {each["metadata"]["namespace"] for each in others} == {namespace["metadata"]["name"]}
    needed = set()
    for deployment in others[:2]:
        for volume in deployment["spec"]["template"]["spec"]["volumes"]:
            needed |= {("secret", volume["secret"]["secretName"])} if "secret" in volume else set()
            needed |= {("configmap", volume["configMap"]["name"])} if "configMap" in volume else set()
    assert made == needed


def test_a_party_is_introduced_with_the_ports_of_its_services():
    (words,) = [words for words in shell("docs/running.md") if "--mpc-ports" in words]
    option = {name: words[words.index(name) + 1] for name in ("--api", "--control", "--mpc-host", "--mpc-ports")}
    public, between = (each["spec"]["ports"] for each in manifests()[3:5])
    assert option["--api"].endswith(f":{public[0]['port']}")
    assert option["--control"] == f"{option['--mpc-host']}:{between[0]['port']}"
    assert option["--mpc-ports"] == f"{between[1]['port']}-{between[-1]['port']}"


def test_the_init_container_makes_a_home_of_the_secret(tmp_path):
    """Its script, run here: it makes a home that a party accepts, with the keys it has now and its next ones."""
    market = create_market(tmp_path / "oak", MarketFile(id="oak"), Service(), places(), [])
    made, now = tmp_path / "oak" / "party-1", 1_800_000_000
    problems = Problems()
    path = rotate(read_party_home(made, now, problems), now + 100_000, now)
    adopt_into(str(tmp_path / "oak" / "market.toml"), [str(path)], problems)
    keys, markets, state = tmp_path / "keys", tmp_path / "markets", tmp_path / "state"
    for folder in (keys, state):
        folder.mkdir()
    settings = (made / "party.toml").read_text().replace("../market.toml", str(markets / "oak" / "market.toml"))
    (keys / "party.toml").write_text(settings.replace("../roll.bin", str(markets / "oak" / "roll.bin")))
    for file in ("signing.key", "tls.key", "tls.crt"):
        shutil.copy(made / file, keys / file)
        shutil.copy(made / "keys-2" / file, keys / f"keys-2--{file}")
    (container,) = manifests()[1]["spec"]["template"]["spec"]["initContainers"]
    script = container["args"][0].replace("/var/lib/mpc-market", str(state)).replace("/keys/", f"{keys}/")
    for _ in range(2):  # the node runs it again in the same pod, if it has lost track of it
        run(*container["command"], script.replace("/markets ", f"{markets} "))
    (markets / "oak").mkdir(parents=True)  # which only the other container has
    for file in ("market.toml", "roll.bin"):
        shutil.copy(tmp_path / "oak" / file, markets / "oak")
    (home,) = read_party_homes(state / "home", now, problems)
    problems.check()
    assert (home.number, home.market.id) == (1, market.id)
    assert len(home.signing_keys) == len(home.identities) == 2


def places() -> list[tuple[str, Addresses]]:
    return [(f"party {k}", addresses_from(("127.0.0.1", 20_000 + 100 * k))) for k in range(3)]


# --- systemd, Prometheus, nginx


def test_the_unit_is_well_formed_and_confined(tmp_path):
    analyze = program("systemd-analyze")
    text = (DEPLOY / "mpc-market.service").read_text("utf-8")
    (command,) = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
    check_command(["mpc-market", *shlex.split(command)[1:]])
    unit = tmp_path / "mpc-market.service"  # with a program that is there
    unit.write_text(text.replace("/opt/mpc-market/bin/mpc-market", "/bin/true"))
    assert "mpc-market.service" not in run(analyze, "verify", "--man=no", unit)
    run(analyze, "security", "--offline=yes", "--threshold=25", unit)
    unit.write_text(text.replace("/opt/mpc-market/bin/mpc-market", "/bin/true").replace("UMask=", "Umaske="))
    done = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert "Umaske" in done.stderr, "what is wrong is noticed"


def test_nginx_passes_tls_through_to_the_party(tmp_path):
    """The client sees the certificate that it pins, which only the party behind has."""
    nginx, pair = program("nginx"), make_key_pair("party", ["127.0.0.1"])
    pair.write(tmp_path)
    identity = Identity(tmp_path / "tls.crt", tmp_path / "tls.key")
    (outside,) = free_ports(1)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"from the party")
        writer.close()

    async def ask() -> bytes:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_context(identity, None))
        inside = server.sockets[0].getsockname()[1]
        text = (DEPLOY / "nginx.conf").read_text("utf-8")
        text = text.replace("listen 443;", f"listen 127.0.0.1:{outside};").replace(":8443;", f":{inside};")
        conf = tmp_path / "nginx.conf"
        conf.write_text(f"daemon off;\npid {tmp_path}/pid;\nerror_log {tmp_path}/log;\n{text}")
        assert "test is successful" in await asyncio.to_thread(run, nginx, "-t", "-c", conf)
        process = await asyncio.create_subprocess_exec(nginx, "-c", str(conf), stderr=asyncio.subprocess.DEVNULL)
        try:
            async with asyncio.timeout(30), server:
                return await told(outside, pair.certificate)
        finally:
            process.terminate()
            await process.wait()

    assert asyncio.run(ask()) == b"from the party"


async def told(port: int, certificate: str) -> bytes:
    """What is told to a client that pins this certificate; waits until somebody listens."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_context([certificate]))
            break
        except ConnectionError:
            await asyncio.sleep(0.1)
    data = await reader.read()
    writer.close()
    await writer.wait_closed()
    return data
