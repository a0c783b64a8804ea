#include "services/registry/store/rocksdb_registry_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <filesystem>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "libs/file/disk_probe.h"
#include "libs/file/file_system.h"

namespace sluice::registry {
namespace {

constexpr char kFormatKey[] = "format";
constexpr char kFormat[] = "1";
constexpr absl::string_view kCommands = "c/";
constexpr absl::string_view kDevices = "d/";
constexpr absl::string_view kEnded = "e/";
constexpr absl::string_view kRequests = "r/";
constexpr absl::string_view kLastSeen = "s/";
constexpr absl::string_view kUnfinished = "u/";
constexpr size_t kNumberBytes = 8;

absl::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }
rocksdb::Slice ToSlice(absl::string_view text) { return {text.data(), text.size()}; }

std::string Number(uint64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

// `bytes` holds kNumberBytes at least.
uint64_t ParseNumber(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < kNumberBytes; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

absl::Status FromRocksDb(const rocksdb::Status& status, absl::string_view doing) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat(doing, ": ", status.ToString());
  if (status.IsNotFound()) return absl::NotFoundError(text);
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kNoSpace) {
    return absl::ResourceExhaustedError(text);
  }
  if (status.IsCorruption()) return absl::DataLossError(text);
  return absl::UnavailableError(text);
}

absl::Status Damaged(absl::string_view key) {
  return absl::DataLossError(absl::StrCat("damaged entry under the key ", key));
}

rocksdb::Options SmallBoardOptions() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = 2 << 20;  // also the size of one write-ahead log
  options.max_write_buffer_number = 2;
  options.max_background_jobs = 2;
  options.max_subcompactions = 1;
  options.max_open_files = 64;
  options.target_file_size_base = 8 << 20;
  options.max_bytes_for_level_base = 32 << 20;
  options.max_manifest_file_size = 4 << 20;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.max_log_file_size = 1 << 20;
  options.keep_log_file_num = 2;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(2 << 20);
  table.block_size = 8 << 10;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

void AddDevices(const StoreChanges& changes, rocksdb::WriteBatch* batch) {
  for (const StoredDevice& device : changes.put_devices) {
    batch->Put(absl::StrCat(kDevices, device.id), device.bytes);
  }
  for (const std::string& id : changes.delete_devices) {
    batch->Delete(absl::StrCat(kDevices, id));
    batch->Delete(absl::StrCat(kLastSeen, id));
  }
  for (const StoredLastSeen& seen : changes.put_last_seen) {
    batch->Put(absl::StrCat(kLastSeen, seen.id), Number(seen.last_seen_us));
  }
}

void AddCommands(const StoreChanges& changes, rocksdb::WriteBatch* batch) {
  for (const StoredCommand& command : changes.put_commands) {
    batch->Put(absl::StrCat(kCommands, command.id), command.bytes);
    const std::string unfinished = absl::StrCat(kUnfinished, command.id);
    if (command.ended) {
      batch->Delete(unfinished);
      batch->Put(absl::StrCat(kEnded, Number(command.end_time_us), command.id), "");
    } else {
      batch->Put(unfinished, command.device_id);
    }
  }
  for (const EndedCommand& command : changes.delete_commands) {
    batch->Delete(absl::StrCat(kCommands, command.id));
    batch->Delete(absl::StrCat(kEnded, Number(command.end_time_us), command.id));
  }
}

void AddRequests(const StoreChanges& changes, rocksdb::WriteBatch* batch) {
  for (const StoredRequest& request : changes.put_requests) {
    batch->Put(
        absl::StrCat(kRequests, request.key),
        absl::StrCat(Number(request.time_us), Number(request.fingerprint), request.result_id));
  }
  for (const std::string& key : changes.delete_requests) {
    batch->Delete(absl::StrCat(kRequests, key));
  }
}

// Opens the database itself; see OpenRocksDbRegistryStore.
absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenDb(const std::string& dir);

class RocksDbRegistryStore final : public RegistryStore {
 public:
  RocksDbRegistryStore(std::string dir, std::unique_ptr<rocksdb::DB> db)
      : dir_(std::move(dir)), db_(std::move(db)) {}

  absl::Status Write(const StoreChanges& changes, Durability durability) override {
    rocksdb::WriteBatch batch;
    AddDevices(changes, &batch);
    AddCommands(changes, &batch);
    AddRequests(changes, &batch);
    if (batch.Count() == 0) return absl::OkStatus();
    if (failed_.load()) {
      const absl::Status reopened = Reopen();
      if (!reopened.ok()) return reopened;
    }
    rocksdb::WriteOptions options;
    options.sync = durability == Durability::kSynced;
    absl::ReaderMutexLock lock(&mutex_);
    if (db_ == nullptr) return Closed();
    const absl::Status status = FromRocksDb(db_->Write(options, &batch), "writing");
    if (!status.ok() && !failed_.exchange(true)) {
      spdlog::error("registry database: {}", status.ToString());
    }
    return status;
  }

  // The database stays open for readers as long as the disk takes nothing.
  absl::Status CheckWritable() override {
    if (!failed_.load()) return absl::OkStatus();
    const absl::Status probed = ProbeDisk(PosixFileSystem(), dir_);
    return probed.ok() ? Reopen() : probed;
  }

  absl::Status ForEachDevice(const std::function<absl::Status(absl::string_view, absl::string_view,
                                                              int64_t)>& visit) const override {
    absl::ReaderMutexLock lock(&mutex_);
    if (db_ == nullptr) return Closed();
    // Both key ranges have the same order, so last_seen is merged in on the way.
    const auto seen = NewIterator(kLastSeen);
    return Walk(kDevices, [&](absl::string_view id, absl::string_view bytes) {
      while (InRange(*seen, kLastSeen) && Key(*seen, kLastSeen) < id) seen->Next();
      int64_t last_seen_us = 0;
      if (InRange(*seen, kLastSeen) && Key(*seen, kLastSeen) == id) {
        if (seen->value().size() != kNumberBytes) return Damaged(View(seen->key()));
        last_seen_us = static_cast<int64_t>(ParseNumber(View(seen->value())));
      }
      return visit(id, bytes, last_seen_us);
    });
  }

  absl::Status ForEachUnfinishedCommand(
      const std::function<absl::Status(absl::string_view, absl::string_view)>& visit)
      const override {
    absl::ReaderMutexLock lock(&mutex_);
    if (db_ == nullptr) return Closed();
    return Walk(kUnfinished, visit);
  }

  absl::Status ForEachRequest(
      const std::function<absl::Status(const StoredRequest&)>& visit) const override {
    absl::ReaderMutexLock lock(&mutex_);
    if (db_ == nullptr) return Closed();
    return Walk(kRequests, [&](absl::string_view key, absl::string_view value) {
      if (value.size() < 2 * kNumberBytes) return Damaged(absl::StrCat(kRequests, key));
      StoredRequest request;
      request.key = std::string(key);
      request.time_us = static_cast<int64_t>(ParseNumber(value));
      request.fingerprint = ParseNumber(value.substr(kNumberBytes));
      request.result_id = std::string(value.substr(2 * kNumberBytes));
      return visit(request);
    });
  }

  absl::StatusOr<std::string> ReadCommand(absl::string_view id) const override {
    std::string bytes;
    absl::ReaderMutexLock lock(&mutex_);
    if (db_ == nullptr) return Closed();
    const rocksdb::Status status =
        db_->Get(rocksdb::ReadOptions(), absl::StrCat(kCommands, id), &bytes);
    if (status.IsNotFound()) return absl::NotFoundError(absl::StrCat("no command '", id, "'"));
    if (!status.ok()) return FromRocksDb(status, absl::StrCat("reading the command ", id));
    return bytes;
  }

  absl::StatusOr<std::string> LastCommandId() const override {
    absl::ReaderMutexLock lock(&mutex_);
    if (db_ == nullptr) return Closed();
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
    it->SeekForPrev(ToSlice(kDevices));  // what follows the commands
    if (!it->status().ok()) return FromRocksDb(it->status(), "looking for the last command");
    return InRange(*it, kCommands) ? std::string(Key(*it, kCommands)) : std::string();
  }

  absl::StatusOr<int64_t> CountEndedCommands() const override {
    absl::ReaderMutexLock lock(&mutex_);
    if (db_ == nullptr) return Closed();
    int64_t count = 0;
    const absl::Status status = Walk(kEnded, [&](absl::string_view, absl::string_view) {
      ++count;
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return count;
  }

  absl::StatusOr<std::vector<EndedCommand>> FirstEndedCommands(int limit) const override {
    absl::ReaderMutexLock lock(&mutex_);
    if (db_ == nullptr) return Closed();
    std::vector<EndedCommand> commands;
    const auto it = NewIterator(kEnded);
    for (; InRange(*it, kEnded) && static_cast<int>(commands.size()) < limit; it->Next()) {
      const absl::string_view key = Key(*it, kEnded);
      if (key.size() <= kNumberBytes) return Damaged(View(it->key()));
      EndedCommand command;
      command.end_time_us = static_cast<int64_t>(ParseNumber(key));
      command.id = std::string(key.substr(kNumberBytes));
      commands.push_back(std::move(command));
    }
    if (!it->status().ok()) return FromRocksDb(it->status(), "reading ended commands");
    return commands;
  }

 private:
  static bool InRange(const rocksdb::Iterator& it, absl::string_view prefix) {
    return it.Valid() && absl::StartsWith(View(it.key()), prefix);
  }
  static absl::string_view Key(const rocksdb::Iterator& it, absl::string_view prefix) {
    return View(it.key()).substr(prefix.size());
  }

  absl::Status Closed() const {
    return absl::UnavailableError(absl::StrCat(dir_, " is closed since a write failed"));
  }

  // After a failed write RocksDB refuses every other one, also when the disk is well again, until
  // the database is opened anew.
  absl::Status Reopen() {
    absl::MutexLock lock(&mutex_);
    if (!failed_.load()) return absl::OkStatus();
    db_.reset();
    absl::StatusOr<std::unique_ptr<rocksdb::DB>> opened = OpenDb(dir_);
    if (!opened.ok()) return absl::UnavailableError(opened.status().message());
    db_ = *std::move(opened);
    failed_ = false;
    spdlog::info("registry database: opened anew after a failed write");
    return absl::OkStatus();
  }

  std::unique_ptr<rocksdb::Iterator> NewIterator(absl::string_view prefix) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
    it->Seek(ToSlice(prefix));
    return it;
  }

  absl::Status Walk(absl::string_view prefix,
                    const std::function<absl::Status(absl::string_view, absl::string_view)>& visit)
      const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    const auto it = NewIterator(prefix);
    for (; InRange(*it, prefix); it->Next()) {
      const absl::Status status = visit(Key(*it, prefix), View(it->value()));
      if (!status.ok()) return status;
    }
    return FromRocksDb(it->status(), absl::StrCat("reading the entries under ", prefix));
  }

  const std::string dir_;
  // Shared by reads and writes; exclusive while the database is opened anew.
  mutable absl::Mutex mutex_;
  std::unique_ptr<rocksdb::DB> db_ ABSL_GUARDED_BY(mutex_);  // null: could not be opened anew
  // A write failed since it was opened.
  std::atomic<bool> failed_{false};
};

absl::Status CheckFormat(rocksdb::DB* db) {
  std::string format;
  const rocksdb::Status status = db->Get(rocksdb::ReadOptions(), kFormatKey, &format);
  if (status.IsNotFound()) {
    rocksdb::WriteOptions options;
    options.sync = true;
    return FromRocksDb(db->Put(options, kFormatKey, kFormat), "writing the format");
  }
  if (!status.ok()) return FromRocksDb(status, "reading the format");
  if (format == kFormat) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the registry database has format ", format, "; this program knows ", kFormat));
}

// Without its file CURRENT RocksDB takes a database for a new one and deletes the tables in it.
absl::Status CheckNotBeheaded(const std::string& dir) {
  std::error_code error;
  if (std::filesystem::exists(dir + "/CURRENT", error)) return absl::OkStatus();
  for (const auto& file : std::filesystem::directory_iterator(dir, error)) {
    if (file.path().extension() == ".sst") {
      return absl::DataLossError(
          absl::StrCat(dir,
                       " holds tables, but its file CURRENT is gone: put it back (one line, the "
                       "name of the newest MANIFEST); nothing was touched"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenDb(const std::string& dir) {
  if (absl::Status status = CheckNotBeheaded(dir); !status.ok()) return status;
  rocksdb::Options options = SmallBoardOptions();
  // RocksDB's default would drop, without a word, all that was written after a damaged record.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(options, dir, &opened);
  if (status.IsCorruption()) {
    const std::string damage = status.ToString();
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
    status = rocksdb::DB::Open(options, dir, &opened);
    if (status.ok()) {
      spdlog::error("registry database {}: {}; going on without the damaged part of its log", dir,
                    damage);
    }
  }
  if (status.IsIOError() && (absl::StrContains(status.ToString(), "lock hold") ||
                             absl::StrContains(status.ToString(), "lock file"))) {
    return absl::FailedPreconditionError(
        absl::StrCat("another process has the registry database open: ", status.ToString()));
  }
  if (!status.ok()) return FromRocksDb(status, absl::StrCat("opening ", dir));
  std::unique_ptr<rocksdb::DB> db(opened);
  const absl::Status format = CheckFormat(db.get());
  if (!format.ok()) return format;
  return db;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RegistryStore>> OpenRocksDbRegistryStore(const std::string& dir) {
  absl::StatusOr<std::unique_ptr<rocksdb::DB>> db = OpenDb(dir);
  if (!db.ok()) return db.status();
  return std::unique_ptr<RegistryStore>(new RocksDbRegistryStore(dir, *std::move(db)));
}

}  // namespace sluice::registry
