#include "libs/config/journal_options.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(JournalOptionsTest, TakesEverySettingOver) {
  config::v1::Journal settings;
  settings.set_max_bytes(4);
  settings.set_hard_max_bytes(5);
  settings.set_segment_bytes(1);
  settings.mutable_sync_interval()->set_nanos(2'000'000);
  settings.set_when_full("drop_oldest");
  settings.set_min_free_bytes(6);
  settings.mutable_max_age()->set_seconds(7);
  const JournalOptions options = ToJournalOptions(settings, "/where");
  EXPECT_EQ(options.dir, "/where");
  EXPECT_EQ(options.max_bytes, 4);
  EXPECT_EQ(options.hard_max_bytes, 5);
  EXPECT_EQ(options.segment_bytes, 1);
  EXPECT_EQ(options.sync_interval, absl::Milliseconds(2));
  EXPECT_EQ(options.when_full, WhenFull::kDropOldest);
  EXPECT_EQ(options.min_free_bytes, 6);
  EXPECT_EQ(options.max_age, absl::Seconds(7));
  settings.set_when_full("reject_new");
  settings.clear_max_age();
  EXPECT_EQ(ToJournalOptions(settings, "").when_full, WhenFull::kRejectNew);
  EXPECT_EQ(ToJournalOptions(settings, "").max_age, absl::InfiniteDuration());
}

}  // namespace
}  // namespace sluice
