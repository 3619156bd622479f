"""The Prometheus rules: well formed, about metrics that there are, and fired when they should be, by promtool."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from parties.service.metrics import BAD_MESSAGES, Metrics
from tests.deploy.deployed import DEPLOY, ROOT, document, program, run

Series = Mapping[str, str]
"""By name and labels, the values of every minute, as promtool has them."""


def metrics(*, on_disk: bool = True) -> Metrics:
    """Of a party that was started just now."""
    made = Metrics(on_disk=on_disk)
    made.begin(["oak"], [1, 2])
    return made


def exposed(shown: Metrics) -> dict[str, float]:
    """What Prometheus reads, by name and labels."""
    lines = [line for line in shown.text().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def is_told(tmp_path: Path, alert: str, series: Series, minute: int) -> bool:
    """Whether the alert fires then."""
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) > 0 or vector(0)',
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": "{}", "value": 0}],
            }
        ],
    }
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps({"rule_files": [str(DEPLOY / "alerts.yaml")], "tests": [test]}))
    done = subprocess.run([program("promtool"), "test", "rules", file], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == ("SUCCESS" in done.stdout)
    assert done.returncode == 0 or "got:" in done.stdout + done.stderr, done.stdout + done.stderr
    return done.returncode != 0


def test_the_rules_are_well_formed():
    assert "SUCCESS" in run(program("promtool"), "check", "rules", DEPLOY / "alerts.yaml")


@pytest.mark.parametrize(
    ("alert", "event"),
    [
        ("RoundVoid", lambda counts: counts.rounds.labels("oak", "void").inc()),
        ("RoundsVoidRepeatedly", lambda counts: counts.rounds.labels("oak", "void").inc(4)),
        ("StorageRefuses", lambda counts: counts.refusals.labels("storage").inc()),
        ("BadMessagesOfPeer", lambda counts: counts.bad_messages.labels("2", "outcome").inc()),
        ("AttemptsFail", lambda counts: counts.attempts.labels("failed").inc(5)),
    ],
)
def test_what_happens_for_the_first_time_is_told(tmp_path, alert: str, event: Callable[[Metrics], None]):
    counts = metrics()
    before = exposed(counts)
    event(counts)
    after = exposed(counts)
    changed = {name: f"{before[name]}x9 {after[name]}x20" for name in after if before.get(name) != after[name]}
    counted = {name: values for name, values in changed.items() if "_created" not in name}
    assert len(counted) == 1
    assert not is_told(tmp_path, alert, counted, 9)
    assert is_told(tmp_path, alert, counted, 14)


ENDS = 'mpc_market_rounds_total{market="oak",state="result"}'
LEFT_OUT = 'mpc_market_left_out{market="oak:closing",stage="correction",state="void"}'
SIGNED = "mpc_market_signed_seconds"
FIRST, SECOND = 'up{job="mpc-market",instance="a"}', 'up{job="mpc-market",instance="b"}'
DRIVES, WAITS = (f'up{{job="mpc-market",role="driver",instance="{each}"}}' for each in "ab")
REPLICA, REPLICAS = (f'up{{job="mpc-market",role="intake",instance="{each}"}}' for each in "cd")


@pytest.mark.parametrize(
    ("alert", "series", "minute", "told"),
    [
        ("NoRoundEnds", {ENDS: "0x90"}, 60, True),
        ("NoRoundEnds", {ENDS: "0x90"}, 25, False),
        ("NoRoundEnds", {ENDS: "0x15 1x14 2x14 3x14 4x14 5x14 6x14"}, 89, False),
        ("NoRoundEnds", {ENDS: "0x15 1x14 2x90"}, 90, True),
        ("PeriodsNotBilled", {LEFT_OUT: "0x5 3x20"}, 20, True),
        ("PeriodsNotBilled", {LEFT_OUT: "0x25"}, 20, False),
        ("RoundPending", {SIGNED: "0+60x20"}, 20, True),
        ("RoundPending", {SIGNED: "0 60 120 0x20"}, 20, False),
        ("PartyDown", {FIRST: "1x20"}, 20, False),
        ("PartyDown", {FIRST: "1x5 0x20"}, 20, True),
        ("PartyDown", {FIRST: "1x20", SECOND: "0x20"}, 20, False),
        ("PartyDown", {FIRST: "1x9 0x20", SECOND: "0x10 1x20"}, 20, False),
        ("PartyDown", {FIRST: "0x20", SECOND: "0x20", REPLICA: "1x20"}, 20, True),
        ("PartyDown", {FIRST: "1x20", REPLICA: "1x20", REPLICAS: "0x20"}, 20, False),
        ("PartyDown", {FIRST: "1x20", REPLICA: "0x20", REPLICAS: "0x20"}, 20, True),
        ("PartyDown", {DRIVES: "1x20", WAITS: "0x20", REPLICA: "1x20"}, 20, False),
        ("PartyDown", {DRIVES: "0x20", WAITS: "0x20", REPLICA: "1x20"}, 20, True),
        ("PartyDown", {}, 20, True),
        ("ReplicaDown", {FIRST: "1x20", REPLICA: "1x20", REPLICAS: "0x20"}, 20, True),
        ("ReplicaDown", {FIRST: "1x20", SECOND: "0x20", REPLICA: "1x20"}, 20, False),
    ],
)
def test_an_alert_fires_when_it_should_and_not_otherwise(tmp_path, alert: str, series: Series, minute: int, told: bool):
    assert is_told(tmp_path, alert, series, minute) == told


def test_a_full_disk_is_told_but_not_of_a_party_whose_ledger_is_on_a_server(tmp_path):
    for on_disk in (True, False):
        shown = {name: f"{value}x20" for name, value in exposed(metrics(on_disk=on_disk)).items() if "disk" in name}
        assert is_told(tmp_path, "DiskFillsUp", shown, 20) == on_disk


def test_alerts_are_about_metrics_that_there_are():
    shown = metrics()
    shown.peer_up.labels("1")
    shown.left_out.labels("oak:closing", "correction", "void")
    shown.peer_ahead.labels("1")
    known = {name.partition("{")[0] for name in exposed(shown)}
    rules = document("alerts.yaml")["groups"][0]["rules"]
    used = {name for rule in rules for name in re.findall(r"\bmpc_market_\w+", rule["expr"])}
    assert used <= known
    assert len(used) >= 8
    labels = {"state": {"void"}, "ended": {"failed"}, "reason": {"storage"}, "job": {"mpc-market"}, "role": {"intake"}}
    for rule in rules:
        for label, value in re.findall(r'(\w+)="([^"]*)"', rule["expr"]):
            assert value in labels[label]


def test_all_bad_messages_are_counted_from_0():
    """What the service calls them, wherever it does."""
    source = "".join(path.read_text("utf-8") for path in (ROOT / "parties" / "service").glob("*.py"))
    called = set(re.findall(r'bad_message\(\w+, "([^"]+)"', source))
    assert called == {"roll", "attempt"}
    assert called < set(BAD_MESSAGES)
