"""Group commit on a real disk: 100 records of 100 bytes are appended, then all are waited for until they are durable. By our
journal, by RocksDB (a WriteBatch with sync), and by one pwrite and fdatasync of the same bytes in a file whose blocks are
there already: what the disk itself allows.

    ./sluice bench journal_append [--dir DIR] [--rounds 5] [--json DIR]

CPU time is that of the whole process, the journal's own thread among it.
"""

import os
import pathlib
import sys

import case
import micro

PROGRAM = "libs/journal/journal_benchmark"
GROUP = 100


def measure(name, flags):
    seconds = 0.2 if flags.quick else flags.seconds
    results, others_cores = micro.run(PROGRAM, f"^{name}/", seconds, {"TMPDIR": str(flags.dir)})
    result, = results.values()
    records_per_s = result["items_per_second"]
    return {"records_per_s": records_per_s, "group_us": GROUP * 1e6 / records_per_s,
            "cpu_us": result["cpu_time"] / 1e3 / GROUP,  # Google Benchmark counts in ns
            "syncs": result.get("syncs_per_group"), "others_cores": others_cores}


def main():
    def add_flags(parser):
        parser.add_argument("--seconds", type=float, default=2, help="how long each is measured (default: 2)")
        parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path(os.environ.get("TMPDIR", "/var/tmp")),
                            help="where on the disk that is measured (default: $TMPDIR or /var/tmp)")

    arms = [case.Arm(arm, title, lambda flags, name=name: measure(name, flags)) for arm, name, title in [
        ("journal", "BM_Journal", "our journal"),
        ("file", "BM_PreallocatedFile", "a preallocated file"),
        ("rocksdb", "BM_RocksDb", "RocksDB, WriteBatch with sync")]]
    columns = [case.Column("records/s", "records_per_s"), case.Column("µs a group", "group_us"),
               case.Column("CPU µs a record", "cpu_us", 2), case.Column("fdatasyncs a group", "syncs", 2)]
    goals = [case.Goal("our journal, in relation to a preallocated file", case.ratio("journal", "file", "records_per_s"), at_least=0.8),
             case.Goal("our journal, in relation to RocksDB", case.ratio("journal", "rocksdb", "records_per_s"), at_least=2)]
    return case.run("journal_append", "Journal append of 100-byte records, group commit of 100",
                    case.arguments("journal_append", __doc__, add_flags), arms, columns, goals)


if __name__ == "__main__":
    sys.exit(main())
