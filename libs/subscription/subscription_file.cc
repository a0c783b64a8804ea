#include "libs/subscription/subscription_file.h"

#include <xxhash.h>

#include "absl/strings/str_cat.h"
#include "libs/file/atomic_file.h"
#include "sluice/state/v1/subscriptions.pb.h"

namespace sluice {
namespace {

constexpr int kFormatVersion = 1;
constexpr int64_t kMaxFileBytes = 64 << 20;
// One byte of tag, eight of value.
constexpr size_t kChecksumFieldBytes = 9;

absl::Status Damaged(const std::string& path, absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat(path, " is damaged: ", what,
                   "; put a copy back, or move it away: then every reader begins anew"));
}

// Of all before the checksum, which stands last.
uint64_t ChecksumOf(absl::string_view file) {
  return XXH3_64bits(file.data(), file.size() - kChecksumFieldBytes);
}

}  // namespace

absl::StatusOr<StoredSubscriptions> ReadSubscriptions(const std::string& path,
                                                      absl::string_view journal_id) {
  StoredSubscriptions subscriptions;
  const auto bytes = ReadFile(path, kMaxFileBytes);
  if (absl::IsNotFound(bytes.status())) return subscriptions;
  if (!bytes.ok()) return bytes.status();
  state::v1::Subscriptions file;
  // An empty file is none that was ever written here.
  if (!file.ParseFromString(*bytes) || file.format_version() < 1) {
    return Damaged(path, "no file of subscriptions");
  }
  if (file.format_version() > kFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat(path, " has format version ",
                                                      file.format_version(),
                                                      "; this program knows ", kFormatVersion));
  }
  if (bytes->size() < kChecksumFieldBytes || file.checksum() != ChecksumOf(*bytes)) {
    return Damaged(path, "its checksum is wrong");
  }
  const bool same_journal = file.journal_id() == journal_id;
  for (const auto& state : file.subscriptions()) {
    StoredSubscription& subscription = subscriptions[state.name()];
    if (same_journal) subscription.cursor = state.cursor();
    subscription.epoch = state.epoch();
    if (state.expire_after_ms() > 0) {
      subscription.expire_after = absl::Milliseconds(state.expire_after_ms());
    }
    subscription.create_time = absl::FromUnixMillis(state.create_time_ms());
    subscription.last_used_time = absl::FromUnixMillis(state.last_used_time_ms());
  }
  return subscriptions;
}

absl::Status WriteSubscriptions(const std::string& path, absl::string_view journal_id,
                                const StoredSubscriptions& subscriptions) {
  state::v1::Subscriptions file;
  file.set_format_version(kFormatVersion);
  file.set_journal_id(std::string(journal_id));
  for (const auto& [name, subscription] : subscriptions) {
    state::v1::SubscriptionState* const state = file.add_subscriptions();
    state->set_name(name);
    state->set_cursor(subscription.cursor);
    state->set_epoch(subscription.epoch);
    if (subscription.expire_after < absl::InfiniteDuration()) {
      state->set_expire_after_ms(absl::ToInt64Milliseconds(subscription.expire_after));
    }
    state->set_create_time_ms(absl::ToUnixMillis(subscription.create_time));
    state->set_last_used_time_ms(absl::ToUnixMillis(subscription.last_used_time));
  }
  std::string bytes = file.SerializeAsString();
  state::v1::Subscriptions end;
  end.set_checksum(XXH3_64bits(bytes.data(), bytes.size()));
  // Messages one after the other are one message with the fields of both.
  bytes += end.SerializeAsString();
  return ReplaceFile(path, bytes);
}

}  // namespace sluice
