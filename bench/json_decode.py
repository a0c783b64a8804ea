"""A JSON payload becomes the readings of a Telemetry, as intake has it done; beside it simdjson parses and walks the same
document, in place, and keeps nothing.

    ./sluice bench json_decode [--rounds 5] [--json DIR]

The documents are in services/ingress/decoder/payload_decoder_benchmark.cc.
"""

import sys

import case
import micro

PROGRAM = "services/ingress/decoder/payload_decoder_benchmark"
DOCUMENTS = {"flat": "two numbers", "timed": "a number with its time", "nested": "time, numbers, text and an object",
             "array": "ten times two numbers", "wide": "1,000 numbers", "long_text": "60,000 letters"}


def measure(name, flags):
    seconds = 0.01 if flags.quick else flags.seconds
    results, others_cores = micro.run(PROGRAM, f"^{name}/({'|'.join(DOCUMENTS)})$", seconds)
    return {"documents_per_s": {document: 1e9 / results[f"{name}/{document}"]["cpu_time"] for document in DOCUMENTS},
            "others_cores": others_cores}


def main():
    def add_flags(parser):
        parser.add_argument("--seconds", type=float, default=0.5, help="how long each document is measured (default: 0.5)")

    arms = [case.Arm("decode", "our decoder", lambda flags: measure("Decode", flags)),
            case.Arm("simdjson", "simdjson walks it", lambda flags: measure("Simdjson", flags))]
    columns = [case.Column(f"{title}", ("documents_per_s", document)) for document, title in DOCUMENTS.items()]
    goals = [case.Goal(f"{title}: our decoder, in relation to simdjson", case.ratio("decode", "simdjson", ("documents_per_s", document)),
                       at_least=0.5) for document, title in DOCUMENTS.items()]
    return case.run("json_decode", "JSON to Telemetry, documents a second on one core",
                    case.arguments("json_decode", __doc__, add_flags), arms, columns, goals)


if __name__ == "__main__":
    sys.exit(main())
