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


def _setting(text):
    service, _, setting = text.partition(".")
    if service not in SERVICES or "=" not in setting:
        raise argparse.ArgumentTypeError(f"'{text}' is not SERVICE.PATH=VALUE with one of {', '.join(SERVICES)}")
    return service, setting
