"""The Prometheus rules: well formed, about metrics that there are, and fired when they should be, by promtool."""

import json
import re

from parties.service.metrics import Metrics
from tests.deploy.deployed import DEPLOY, document, program, run


def test_the_rules_are_well_formed():
    assert "SUCCESS" in run(program("promtool"), "check", "rules", DEPLOY / "alerts.yaml")


def test_a_round_that_waits_long_for_a_signature_is_told(tmp_path):
    alert = "[{eval_time: 20m, alertname: RoundPending, exp_alerts: %s}]"
    told = next(rule for rule in document("alerts.yaml")["groups"][0]["rules"] if rule["alert"] == "RoundPending")
    fires = json.dumps([{"exp_labels": told["labels"], "exp_annotations": told["annotations"]}])
    cases = (("0+60x20", fires), ("0 60 120 0x20", "[]"))
    series = "{interval: 1m, input_series: [{series: mpc_market_signed_seconds, values: '%s'}], alert_rule_test: %s}"
    tests = ", ".join(series % (values, alert % expected) for values, expected in cases)
    (tmp_path / "rules.yaml").write_text(f"{{rule_files: ['{DEPLOY / 'alerts.yaml'}'], tests: [{tests}]}}")
    assert "SUCCESS" in run(program("promtool"), "test", "rules", tmp_path / "rules.yaml")


def test_alerts_are_about_metrics_that_there_are():
    known: dict[str, set[str]] = {}
    for family in Metrics().registry.collect():
        for suffix in ("", "_total", "_bucket", "_count", "_sum"):
            known[family.name + suffix] = set()
    rules = document("alerts.yaml")["groups"][0]["rules"]
    used = {name for rule in rules for name in re.findall(r"\bmpc_market_\w+", rule["expr"])}
    assert used <= known.keys()
    assert len(used) >= 8
    labels = {"state": {"void"}, "ended": {"failed"}, "reason": {"storage"}, "job": {"mpc-market"}}
    for rule in rules:
        for label, value in re.findall(r'(\w+)="([^"]*)"', rule["expr"]):
            assert value in labels[label]
