"""Flags of `up` and `demo`: --set, settings of the services over those of their files, and --mqtt-source."""

import argparse

from box import SOURCES

# `plugin` is the one in the broker: its settings are its options, see docs/mqtt.md.
SERVICES = ("ingress", "registry", "analytics", "plugin")


def add_flags(parser):
    parser.add_argument(
        "--mqtt-source", choices=SOURCES, default="plugin",
        help="how telemetry comes out of the broker: by Sluice's plugin in it, or by a subscription (default: plugin)")
    parser.add_argument(
        "--set", action="append", default=[], type=_setting, metavar="SERVICE.PATH=VALUE", dest="settings",
        help="a setting of a service, e.g. analytics.detector.threshold=4; may be given several times")


def by_service(settings):
    """{service: [PATH=VALUE]} of what the flag gave."""
    result = {}
    for service, setting in settings:
        result.setdefault(service, []).append(setting)
    return result


# What the box gives itself, to both sides that must agree.
OURS = ("plugin.ring", "plugin.own_client_id", "ingress.mqtt.brokers.0.address", "ingress.mqtt.brokers.0.ring",
        "ingress.mqtt.brokers.0.source")


def _setting(text):
    service, _, setting = text.partition(".")
    path, _, value = text.partition("=")
    if service not in SERVICES or "=" not in setting:
        raise argparse.ArgumentTypeError(f"'{text}' is not SERVICE.PATH=VALUE with one of {', '.join(SERVICES)}")
    if path in OURS:
        raise argparse.ArgumentTypeError(f"{path} is given by the box itself (see --mqtt-source, ingress.instance_id)")
    if service == "plugin" and (not value or not value.isprintable()):
        raise argparse.ArgumentTypeError(f"{path} is {value!r}; must be a value on one line")
    return service, setting
