#include "services/registry/commands/unfinished_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"

namespace sluice::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr absl::Duration kNoWait = absl::ZeroDuration();

std::string Begin(UnfinishedCommands* commands, const std::string& device, absl::Time now = kNow) {
  return *commands->Begin(device, now);
}

TEST(UnfinishedCommandsTest, IdsGrowAlsoWhenTheClockGoesBackOrTheProcessRestarts) {
  UnfinishedCommands commands("", 0xabc);
  const std::string first = Begin(&commands, "a");
  const std::string second = Begin(&commands, "a");
  const std::string third = Begin(&commands, "a", kNow - absl::Hours(1));
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_EQ(first, "00060a24181e4000-00000abc");
  UnfinishedCommands restarted(third, 0xdef);
  EXPECT_LT(third, Begin(&restarted, "a", kNow - absl::Hours(1)));
}

TEST(UnfinishedCommandsTest, WatchersGetThemInOrder) {
  UnfinishedCommands commands("", 1);
  const std::string first = Begin(&commands, "a");
  const std::string second = Begin(&commands, "b");
  commands.Commit(second);
  EXPECT_FALSE(commands.Next("", kNoWait).has_value());
  commands.Commit(first);
  EXPECT_EQ(commands.Next("", kNoWait), first);
  EXPECT_EQ(commands.Next(first, kNoWait), second);
  EXPECT_FALSE(commands.Next(second, kNoWait).has_value());
}

TEST(UnfinishedCommandsTest, AnAbandonedOneHoldsNothingBack) {
  UnfinishedCommands commands("", 1);
  const std::string first = Begin(&commands, "a");
  const std::string second = Begin(&commands, "a");
  commands.Commit(second);
  commands.Abandon(first);
  EXPECT_EQ(commands.Next("", kNoWait), second);
  EXPECT_THAT(commands.OfDevice("a"), ElementsAre(second));
  commands.End(second);
  EXPECT_THAT(commands.OfDevice("a"), IsEmpty());
  EXPECT_EQ(commands.size(), 0u);
}

TEST(UnfinishedCommandsTest, BoundedPerDevice) {
  UnfinishedCommands commands("", 1);
  std::string first = Begin(&commands, "a");
  for (size_t i = 1; i < UnfinishedCommands::kMaxPerDevice; ++i) Begin(&commands, "a");
  EXPECT_EQ(commands.Begin("a", kNow).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(commands.Begin("b", kNow).ok());
  commands.End(first);
  EXPECT_TRUE(commands.Begin("a", kNow).ok());
}

TEST(UnfinishedCommandsTest, BoundedInAll) {
  UnfinishedCommands commands("", 1);
  for (size_t i = 0; i < UnfinishedCommands::kMaxInAll; ++i) {
    commands.Load(absl::StrCat(i), absl::StrCat("device", i / 10));
  }
  EXPECT_EQ(commands.Begin("fresh", kNow).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(UnfinishedCommandsTest, OnlyCommittedOnesHaveADevice) {
  UnfinishedCommands commands("", 1);
  const std::string id = Begin(&commands, "a");
  EXPECT_FALSE(commands.DeviceOf(id).has_value());
  EXPECT_THAT(commands.OfDevice("a"), IsEmpty());
  commands.Commit(id);
  EXPECT_EQ(commands.DeviceOf(id), "a");
  commands.Load("0", "b");
  EXPECT_EQ(commands.DeviceOf("0"), "b");
}

TEST(UnfinishedCommandsTest, WaitersWake) {
  UnfinishedCommands commands("", 1);
  const std::string id = Begin(&commands, "a");
  EXPECT_FALSE(commands.WaitEnded(id, kNoWait));
  std::thread other([&] {
    commands.Commit(id);
    commands.End(id);
  });
  while (!commands.WaitEnded(id, absl::Seconds(10))) {
  }
  other.join();
  EXPECT_TRUE(commands.WaitEnded("never there", kNoWait));

  std::thread sender([&] { commands.Commit(Begin(&commands, "a")); });
  while (!commands.Next("", absl::Seconds(10)).has_value()) {
  }
  sender.join();
}

}  // namespace
}  // namespace sluice::registry
