#include "libs/config/journal_options.h"

#include "libs/config/settings_check.h"
#include "libs/proto_time/proto_time.h"

namespace sluice {

JournalOptions ToJournalOptions(const config::v1::Journal& settings, const std::string& dir) {
  JournalOptions options;
  options.dir = dir;
  options.segment_bytes = settings.segment_bytes();
  options.max_bytes = settings.max_bytes();
  options.hard_max_bytes = settings.hard_max_bytes();
  options.sync_interval = FromProto(settings.sync_interval());
  options.min_free_bytes = settings.min_free_bytes();
  options.when_full =
      settings.when_full() == kDropOldest ? WhenFull::kDropOldest : WhenFull::kRejectNew;
  if (settings.has_max_age()) options.max_age = FromProto(settings.max_age());
  return options;
}

}  // namespace sluice
