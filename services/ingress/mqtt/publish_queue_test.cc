#include "services/ingress/mqtt/publish_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice::ingress {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class PublishQueueTest : public ::testing::Test {
 protected:
  absl::Status Add(const std::string& topic, const std::string& payload = "") {
    return queue_.Add({.topic = topic, .payload = payload}, [this, topic](absl::Status status) {
      lines_.push_back(absl::StrCat(topic, " ", absl::StatusCodeToString(status.code())));
    });
  }
  // Calls the completions of what ended; returns a line for each.
  std::vector<std::string> Ended() {
    lines_.clear();
    for (const auto& ended : queue_.TakeEnded()) ended.done(ended.status);
    return lines_;
  }

  PublishQueue queue_{{.max_in_flight = 2, .max_queued = 3, .max_queued_bytes = 100}};
  std::vector<std::string> lines_;
};

TEST_F(PublishQueueTest, HandsOutInOrderUpToItsLimitAndGoesOnWhenOneEnds) {
  EXPECT_FALSE(queue_.HasNext());
  for (const char* topic : {"a", "b", "c"}) ASSERT_TRUE(Add(topic).ok());
  const auto a = queue_.TakeNext(1);
  const auto b = queue_.TakeNext(1);
  EXPECT_EQ(a.publication.topic, "a");
  EXPECT_EQ(b.publication.topic, "b");
  EXPECT_FALSE(queue_.HasNext());
  EXPECT_FALSE(queue_.has_ended());

  queue_.End(b.id, absl::OkStatus());
  EXPECT_TRUE(queue_.HasNext());
  EXPECT_THAT(Ended(), ElementsAre("b OK"));
  EXPECT_FALSE(queue_.has_ended());
  EXPECT_EQ(queue_.TakeNext(1).publication.topic, "c");
  EXPECT_EQ(queue_.stats().in_flight, 2);
  EXPECT_EQ(queue_.stats().published, 1);
}

TEST_F(PublishQueueTest, EndsEachOnce) {
  ASSERT_TRUE(Add("a").ok());
  const auto a = queue_.TakeNext(1);
  queue_.End(a.id + 1, absl::OkStatus());
  queue_.End(a.id, absl::PermissionDeniedError("no"));
  queue_.End(a.id, absl::OkStatus());
  queue_.EndInFlight(std::numeric_limits<int64_t>::max(), absl::AbortedError("stopped"));
  EXPECT_THAT(Ended(), ElementsAre("a PERMISSION_DENIED"));
  EXPECT_EQ(queue_.stats().failures, 1);
  EXPECT_EQ(queue_.stats().published, 0);
}

TEST_F(PublishQueueTest, IsBoundedByNumberAndRefusesOneMore) {
  for (const char* topic : {"a", "b", "c"}) ASSERT_TRUE(Add(topic).ok());
  EXPECT_EQ(Add("d").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(queue_.stats().refusals, 1);
  queue_.TakeNext(1);
  EXPECT_TRUE(Add("d").ok()) << "what is in flight is not queued";
  EXPECT_THAT(Ended(), IsEmpty()) << "the refused one's completion is dropped";
}

TEST_F(PublishQueueTest, IsBoundedByBytes) {
  ASSERT_TRUE(Add("a", std::string(98, 'x')).ok());
  EXPECT_EQ(Add("b", "x").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Add("b").ok()) << "100 bytes in all";
  queue_.TakeNext(1);
  EXPECT_TRUE(Add("c", std::string(98, 'x')).ok());
  queue_.EndQueued(absl::UnavailableError("gone"));
  EXPECT_TRUE(Add("d", std::string(99, 'x')).ok());
}

TEST_F(PublishQueueTest, ALostSessionEndsOnlyWhatWasHandedOverBefore) {
  ASSERT_TRUE(Add("a").ok());
  queue_.TakeNext(1);
  ASSERT_TRUE(Add("b").ok());
  queue_.TakeNext(2);
  ASSERT_TRUE(Add("c").ok());
  queue_.EndInFlight(2, absl::AbortedError("session lost"));
  EXPECT_THAT(Ended(), ElementsAre("a ABORTED"));
  EXPECT_EQ(queue_.stats().in_flight, 1);
  EXPECT_EQ(queue_.stats().queued, 1);
}

TEST_F(PublishQueueTest, EverythingEndsAtTheStop) {
  for (const char* topic : {"a", "b", "c"}) ASSERT_TRUE(Add(topic).ok());
  queue_.TakeNext(1);
  queue_.EndQueued(absl::UnavailableError("stopped"));
  queue_.EndInFlight(std::numeric_limits<int64_t>::max(), absl::AbortedError("stopped"));
  EXPECT_THAT(Ended(), UnorderedElementsAre("a ABORTED", "b UNAVAILABLE", "c UNAVAILABLE"));
  EXPECT_FALSE(queue_.has_in_flight());
  EXPECT_EQ(queue_.stats().queued, 0);
}

}  // namespace
}  // namespace sluice::ingress
