#include "services/ingress/intake/newcomers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::ingress {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(NewcomersTest, HandsEachIdOutOnceUntilItIsDone) {
  Newcomers newcomers;
  for (const char* id : {"a", "b", "a", "c", "b"}) newcomers.Add(id);
  const auto first = newcomers.Take(2);
  EXPECT_THAT(first, ElementsAre("a", "b"));
  newcomers.Add("a");
  EXPECT_THAT(newcomers.Take(10), ElementsAre("c"));
  newcomers.Done(first);
  newcomers.Add("a");
  EXPECT_THAT(newcomers.Take(10), ElementsAre("a"));
}

TEST(NewcomersTest, PutsBackWhatFailedBeforeAllOthers) {
  Newcomers newcomers;
  for (const char* id : {"a", "b", "c"}) newcomers.Add(id);
  const auto first = newcomers.Take(2);
  newcomers.GiveBack(first);
  EXPECT_THAT(newcomers.Take(10), ElementsAre("a", "b", "c"));
  EXPECT_THAT(newcomers.Take(10), IsEmpty());
}

TEST(NewcomersTest, IsBounded) {
  Newcomers newcomers;
  for (size_t i = 0; i < Newcomers::kMaxWaiting + 5; ++i) newcomers.Add(std::to_string(i));
  EXPECT_EQ(newcomers.waiting(), Newcomers::kMaxWaiting);
  EXPECT_EQ(newcomers.dropped(), 5);
  newcomers.Done(newcomers.Take(1));
  newcomers.Add("one more");
  EXPECT_EQ(newcomers.dropped(), 5);
}

}  // namespace
}  // namespace sluice::ingress
