#include "services/ingress/intake/message_window.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace sluice::ingress {
namespace {

constexpr int64_t kNew = -1;

class MessageWindowTest : public ::testing::Test {
 protected:
  // Where the window says that the message was written before; kNew: it was written now.
  int64_t Write(absl::string_view device_id, absl::string_view message_id) {
    return window_
        .WriteOnce(device_id, message_id, uptime_,
                   [this]() -> absl::optional<int64_t> { return next_offset_++; })
        .value_or(kNew);
  }

  absl::Duration uptime_ = absl::Hours(100);
  int64_t next_offset_ = 0;
  MessageWindow window_{{.max_messages = 3, .max_age = absl::Minutes(10)}};
};

TEST_F(MessageWindowTest, TheSameDeviceAndIdIsWrittenOnce) {
  EXPECT_EQ(Write("a", "1"), kNew);
  EXPECT_EQ(Write("a", "2"), kNew);
  EXPECT_EQ(Write("a", "1"), 0);
  EXPECT_EQ(Write("a", "2"), 1);
  EXPECT_EQ(next_offset_, 2);
}

TEST_F(MessageWindowTest, AnotherDeviceMayUseTheSameId) {
  EXPECT_EQ(Write("a", "1"), kNew);
  EXPECT_EQ(Write("b", "1"), kNew);
  EXPECT_EQ(Write("a1", ""), kNew) << "nor does it matter where the device's id ends";
}

TEST_F(MessageWindowTest, WhatCouldNotBeWrittenIsNotRemembered) {
  const auto fail = []() -> absl::optional<int64_t> { return absl::nullopt; };
  EXPECT_FALSE(window_.WriteOnce("a", "1", uptime_, fail).has_value());
  EXPECT_EQ(Write("a", "1"), kNew);
}

TEST_F(MessageWindowTest, TheOldestIsForgottenForWantOfRoom) {
  for (const char* id : {"1", "2", "3"}) EXPECT_EQ(Write("a", id), kNew);
  EXPECT_EQ(window_.stats().evicted, 0);
  EXPECT_EQ(Write("a", "4"), kNew);
  EXPECT_EQ(window_.stats().evicted, 1);
  EXPECT_EQ(window_.stats().messages, 3);
  EXPECT_EQ(Write("a", "2"), 1);
  EXPECT_EQ(Write("a", "1"), kNew);
}

TEST_F(MessageWindowTest, AMessageIsForgottenWithItsTime) {
  EXPECT_EQ(Write("a", "1"), kNew);
  uptime_ += absl::Minutes(10);
  EXPECT_EQ(Write("a", "1"), 0);
  EXPECT_EQ(Write("a", "2"), kNew);
  uptime_ += absl::Seconds(1);
  EXPECT_EQ(Write("a", "1"), kNew) << "sent again it is not younger";
  EXPECT_EQ(Write("a", "2"), 1);
  EXPECT_EQ(window_.stats().evicted, 0);
}

// As messages that waited in a ring.
TEST_F(MessageWindowTest, AMessageFromThePastMakesNothingOlder) {
  EXPECT_EQ(Write("a", "1"), kNew);
  uptime_ -= absl::Hours(1);
  EXPECT_EQ(Write("a", "2"), kNew);
  EXPECT_EQ(Write("a", "1"), 0);
  EXPECT_EQ(Write("a", "2"), 1);
}

TEST_F(MessageWindowTest, RemembersWhatWasWrittenBefore) {
  window_.Remember("a", "1", -absl::Minutes(5), 70);
  window_.Remember("a", "2", -absl::Minutes(1), 71);
  // Written a second time while it was not remembered: the later place counts, and stays when the
  // earlier one is forgotten.
  window_.Remember("a", "1", -absl::Minutes(1), 72);
  uptime_ = absl::Minutes(7);
  EXPECT_EQ(Write("a", "1"), 72);
  EXPECT_EQ(Write("a", "2"), 71);
  EXPECT_EQ(window_.stats().messages, 2);
}

TEST_F(MessageWindowTest, ARoomOfZeroRemembersNothing) {
  MessageWindow none({.max_messages = 0, .max_age = absl::Minutes(10)});
  const auto write = []() -> absl::optional<int64_t> { return 1; };
  EXPECT_FALSE(none.WriteOnce("a", "1", uptime_, write).has_value());
  EXPECT_FALSE(none.WriteOnce("a", "1", uptime_, write).has_value());
}

TEST_F(MessageWindowTest, OfThreadsThatComeWithTheSameMessageOneWritesIt) {
  constexpr int kThreads = 4;
  constexpr int kMessages = 2000;
  MessageWindow window({.max_messages = kMessages, .max_age = absl::Minutes(10)});
  std::atomic<int64_t> written{0};
  std::vector<std::thread> threads;
  std::vector<std::vector<int64_t>> offsets(kThreads);
  for (auto& found : offsets) {
    threads.emplace_back([&] {
      for (int i = 0; i < kMessages; ++i) {
        int64_t offset = -1;
        const auto write = [&]() -> absl::optional<int64_t> {
          std::this_thread::yield();  // so that the others come meanwhile
          return offset = written.fetch_add(1);
        };
        const auto before = window.WriteOnce("a", std::to_string(i), uptime_, write);
        found.push_back(before.value_or(offset));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(written, kMessages);
  for (const auto& found : offsets) EXPECT_EQ(found, offsets[0]) << "all are told the same place";
}

}  // namespace
}  // namespace sluice::ingress
