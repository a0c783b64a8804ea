// Group commit on a real disk: 100 records of 100 bytes are appended, then all are waited for until
// they are durable. By the journal, by RocksDB, and by one pwrite() of the same bytes into a file
// whose blocks are there already. All lie below $TMPDIR, by default /tmp.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/clock/clock.h"
#include "libs/journal/journal.h"

namespace sluice {
namespace {

constexpr int kGroup = 100;
constexpr int kRecordBytes = 100;
// As large as a segment of the journal is by default.
constexpr int64_t kFileBytes = 16 << 20;

// The records of one group.
const std::string kBytes(kGroup* kRecordBytes, 'x');

absl::string_view Record(int i) {
  return absl::string_view(kBytes).substr(i * kRecordBytes, kRecordBytes);
}

// Is gone afterwards.
class TempDirectory {
 public:
  TempDirectory() {
    const char* const base = getenv("TMPDIR");
    path_ = std::string(base != nullptr ? base : "/tmp") + "/journal-benchmark-XXXXXX";
    made_ = mkdtemp(path_.data()) != nullptr;
  }
  ~TempDirectory() {
    std::error_code ignored;
    if (made_) std::filesystem::remove_all(path_, ignored);
  }
  bool made() const { return made_; }
  std::string Path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  bool made_ = false;
};

bool AppendGroup(Journal* journal) {
  int64_t last = 0;
  for (int i = 0; i < kGroup; ++i) {
    const auto offset =
        journal->Append(Record(i), i + 1 < kGroup ? WaitsFor::kNothing : WaitsFor::kWritten);
    if (!offset.ok()) return false;
    last = *offset;
  }
  journal->SyncTo(last);
  return journal->WaitDurable(last, absl::InfiniteDuration());
}

void BM_Journal(benchmark::State& state) {
  const TempDirectory directory;
  const SystemClock clock;
  JournalOptions options;
  options.dir = directory.Path("log");
  const auto journal = Journal::Open(options, &clock);
  if (!journal.ok()) return state.SkipWithError(std::string(journal.status().message()).c_str());
  for (auto _ : state) {
    if (!AppendGroup(journal->get())) {
      state.SkipWithError("a group was not appended");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations() * kGroup);
  state.counters["syncs_per_group"] = benchmark::Counter(
      static_cast<double>((*journal)->stats().syncs), benchmark::Counter::kAvgIterations);
}

// Writes zeros over the whole file, so that later writes change neither its size nor its extents
// and an fdatasync has nothing to do but to write them.
bool Preallocate(int file) {
  const std::string zeros(kFileBytes, '\0');
  return pwrite(file, zeros.data(), zeros.size(), 0) == kFileBytes && fsync(file) == 0;
}

void BM_PreallocatedFile(benchmark::State& state) {
  const TempDirectory directory;
  const int file = open(directory.Path("file").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0 || !Preallocate(file)) state.SkipWithError("the file could not be preallocated");
  const auto size = static_cast<ssize_t>(kBytes.size());
  int64_t position = 0;
  for (auto _ : state) {
    if (position + size > kFileBytes) position = 0;
    if (pwrite(file, kBytes.data(), kBytes.size(), position) != size || fdatasync(file) != 0) {
      state.SkipWithError("a group was not written");
      break;
    }
    position += size;
  }
  state.SetItemsProcessed(state.iterations() * kGroup);
  if (file >= 0) close(file);
}

void BM_RocksDb(benchmark::State& state) {
  const TempDirectory directory;
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, directory.Path("db"), &opened);
  if (!status.ok()) return state.SkipWithError(status.ToString().c_str());
  const std::unique_ptr<rocksdb::DB> db(opened);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  rocksdb::WriteBatch batch;
  uint64_t next = 0;
  for (auto _ : state) {
    batch.Clear();
    for (int i = 0; i < kGroup; ++i) {
      const uint64_t key = __builtin_bswap64(next++);  // in order as bytes
      const absl::string_view record = Record(i);
      batch.Put(rocksdb::Slice(reinterpret_cast<const char*>(&key), sizeof(key)),
                rocksdb::Slice(record.data(), record.size()));
    }
    if (!db->Write(synced, &batch).ok()) {
      state.SkipWithError("a group was not written");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations() * kGroup);
}

BENCHMARK(BM_Journal)->UseRealTime()->MeasureProcessCPUTime();
BENCHMARK(BM_PreallocatedFile)->UseRealTime()->MeasureProcessCPUTime();
BENCHMARK(BM_RocksDb)->UseRealTime()->MeasureProcessCPUTime();

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
