#include "services/registry/store/request_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

StoredRequest Request(const std::string& key, absl::Time time, const std::string& result = "made") {
  return {key, 7, result, absl::ToUnixMicros(time)};
}

TEST(RequestMemoryTest, KeysOfDifferentScopesNeverMeet) {
  EXPECT_NE(RequestMemory::Key("ab", "c"), RequestMemory::Key("a", "bc"));
}

TEST(RequestMemoryTest, RemembersForAnHour) {
  RequestMemory memory(10);
  memory.Remember(Request("k", kStart));
  ASSERT_TRUE(memory.Find("k", kStart + absl::Hours(1)).has_value());
  EXPECT_EQ(memory.Find("k", kStart)->result_id, "made");
  EXPECT_EQ(memory.Find("k", kStart)->fingerprint, 7u);
  EXPECT_FALSE(memory.Find("k", kStart + absl::Hours(1) + absl::Microseconds(1)).has_value());
  EXPECT_FALSE(memory.Find("other", kStart).has_value());
}

TEST(RequestMemoryTest, ExpiresTheOldAndReturnsTheirKeys) {
  RequestMemory memory(10);
  memory.Remember(Request("a", kStart));
  memory.Remember(Request("b", kStart + absl::Minutes(30)));
  EXPECT_THAT(memory.Expire(kStart + absl::Minutes(59), 10), IsEmpty());
  EXPECT_THAT(memory.Expire(kStart + absl::Minutes(61), 10), ElementsAre("a"));
  EXPECT_EQ(memory.size(), 1u);
}

TEST(RequestMemoryTest, BeyondItsCapacityTheOldestGoesFirst) {
  RequestMemory memory(3);
  for (const char* key : {"a", "b", "c"}) memory.Remember(Request(key, kStart));
  EXPECT_THAT(memory.Expire(kStart, 10), ElementsAre("a"));
  memory.Remember(Request("d", kStart));
  EXPECT_EQ(memory.size(), 3u);
}

TEST(RequestMemoryTest, AKeyRememberedAnewLivesFromThenOn) {
  RequestMemory memory(10);
  memory.Remember(Request("a", kStart, "first"));
  memory.Remember(Request("a", kStart + absl::Hours(2), "second"));
  EXPECT_THAT(memory.Expire(kStart + absl::Hours(2), 10), IsEmpty());
  EXPECT_EQ(memory.Find("a", kStart + absl::Hours(2))->result_id, "second");
}

TEST(RequestMemoryTest, ExpireStopsAtItsLimit) {
  RequestMemory memory(10);
  for (const char* key : {"a", "b", "c"}) memory.Remember(Request(key, kStart));
  EXPECT_THAT(memory.Expire(kStart + absl::Hours(3), 2), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace sluice::registry
