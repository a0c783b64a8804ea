"""The flag --set of `up` and `demo`: settings of the services, over those of their files."""

import argparse

SERVICES = ("ingress", "registry", "analytics")


def add_flag(parser):
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
