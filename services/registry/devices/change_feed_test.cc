#include "services/registry/devices/change_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace sluice::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ChangeFeedTest, TellsEachWatcherWhatChangedSinceItWatches) {
  ChangeFeed feed(10);
  feed.Publish("before");
  const auto one = feed.Watch(false);
  feed.Publish("a");
  const auto other = feed.Watch(false);
  feed.Publish("b");
  EXPECT_THAT(*one->Next(10, absl::ZeroDuration()), ElementsAre("a", "b"));
  EXPECT_THAT(*other->Next(10, absl::ZeroDuration()), ElementsAre("b"));
  EXPECT_THAT(*one->Next(10, absl::ZeroDuration()), IsEmpty());
  EXPECT_EQ(feed.stats().watchers, 2);
}

TEST(ChangeFeedTest, ChangesNotTakenYetAreTakenOnce) {
  ChangeFeed feed(2);
  const auto watcher = feed.Watch(false);
  for (int i = 0; i < 100; ++i) feed.Publish(i % 2 == 0 ? "a" : "b");
  EXPECT_THAT(*watcher->Next(1, absl::ZeroDuration()), ElementsAre("a"));
  feed.Publish("a");
  EXPECT_THAT(*watcher->Next(10, absl::ZeroDuration()), ElementsAre("b", "a"));
}

TEST(ChangeFeedTest, AFullQueueEndsThatWatcherAlone) {
  ChangeFeed feed(3);
  const auto slow = feed.Watch(false);
  const auto quick = feed.Watch(false);
  for (const char* id : {"a", "b", "c"}) feed.Publish(id);
  EXPECT_EQ(quick->Next(10, absl::ZeroDuration())->size(), 3u);
  EXPECT_EQ(slow->pending(), 3u);
  feed.Publish("a");
  EXPECT_EQ(feed.stats().overflowed, 0);
  feed.Publish("d");
  EXPECT_EQ(slow->Next(10, absl::ZeroDuration()).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(slow->pending(), 0u);
  EXPECT_THAT(*quick->Next(10, absl::ZeroDuration()), ElementsAre("a", "d"));
  feed.Publish("e");
  EXPECT_FALSE(slow->Next(10, absl::ZeroDuration()).ok());
  EXPECT_EQ(feed.stats().overflowed, 1);
}

TEST(ChangeFeedTest, LastSeenReachesWhoWantsItAndEndsNobody) {
  ChangeFeed feed(4);
  const auto without = feed.Watch(false);
  const auto with = feed.Watch(true);
  for (const char* id : {"a", "b", "c", "d", "e", "f"}) feed.PublishLastSeen(id);
  EXPECT_EQ(feed.stats().skipped_last_seen, 4);
  feed.Publish("g");
  EXPECT_THAT(*with->Next(10, absl::ZeroDuration()), ElementsAre("a", "b", "g"));
  EXPECT_THAT(*without->Next(10, absl::ZeroDuration()), ElementsAre("g"));
}

TEST(ChangeFeedTest, AWaitingWatcherWakes) {
  ChangeFeed feed(10);
  const auto watcher = feed.Watch(false);
  std::thread publisher([&] { feed.Publish("a"); });
  std::vector<std::string> ids;
  while (ids.empty()) ids = *watcher->Next(10, absl::Seconds(10));
  publisher.join();
  EXPECT_THAT(ids, ElementsAre("a"));
}

}  // namespace
}  // namespace sluice::registry
